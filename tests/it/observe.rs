//! Traffic that is not routed: not a byte of it changes, in either direction, and what would have been done is on
//! record.

use bytes::Bytes;

use crate::support::client::{chat_body, chat_stream_body, exchange, messages_body, messages_stream_body};
use crate::support::proxy::{Proxy, World};
use crate::support::{Answer, Request, Script, TestConfig, Whole, answers};

/// Both directions, compared by hash with what was sent.
async fn assert_untouched(world: &World, request: &Request, case: &str) -> Answer {
    let answer = world.proxy.exchange(request).await;
    let seen = world.small.seen().last().unwrap().clone();
    assert_eq!(blake3::hash(seen.body()), blake3::hash(&request.body), "{case}: the request");
    let direct = exchange(world.small.addr, request).await;
    assert_eq!(blake3::hash(&answer.body), blake3::hash(&direct.body), "{case}: the answer");
    assert_eq!((answer.status, answer.complete), (direct.status, direct.complete), "{case}");
    for (name, value) in &direct.headers {
        let framing = ["date", "connection", "content-length", "transfer-encoding"];
        assert!(framing.contains(&name.as_str()) || answer.header(name) == Some(value), "{case}: {name}");
    }
    answer
}

fn named() -> [Request; 4] {
    [
        Request::chat(chat_body("small-1")),
        Request::chat(chat_stream_body("small-1")),
        Request::messages(messages_body("claude-small-1")),
        Request::messages(messages_stream_body("claude-small-1")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observed_traffic_is_equal_both_ways_and_the_decision_is_on_record() {
    let world = World::start(|_| {}).await;
    for request in named() {
        let answer = assert_untouched(&world, &request, "observed").await;
        assert_eq!(answer.header("x-pointsman-path"), Some("observed"));
        let entry = world.proxy.entry_of(&answer).await;
        assert_eq!(entry.served.as_str(), "observed");
        assert!(entry.would_model.is_some() && entry.would_cost.is_some(), "what would have been done");
        assert!(entry.decision.is_some() && entry.inputs.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pinned_traffic_is_equal_both_ways() {
    let world = World::start(|config| config.models = vec!["nothing-matches-this".to_owned()]).await;
    for request in named() {
        let answer = assert_untouched(&world, &request, "pinned").await;
        assert_eq!(answer.header("x-pointsman-path"), Some("pinned"));
        assert_eq!(world.proxy.entry_of(&answer).await.served.as_str(), "pinned");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_but_valid_bodies_are_not_rewritten() {
    let world = World::start(|_| {}).await;
    let bodies = [
        " \r\n{ \"model\" :\t\"small-1\" , \"messages\":[ ] , \"seed\": 9007199254740993 }\n ",
        "{\"z\":1.0e+2,\"model\":\"small-1\",\"messages\":[{\"role\":\"user\",\"content\":\"\\u00e9\\ud83d\\ude00\"}]}",
        "{\"model\":\"small-1\",\"messages\":[],\"logit_bias\":{\"1\":-100,\"1\":100}}",
    ];
    for body in bodies {
        assert_untouched(&world, &Request::chat(body), body).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_only_we_cannot_parse_passes_with_the_callers_own_key() {
    let body = "{\"model\":\"small-1\",\"messages\":[],\"seed\":123456789012345678901234567890}";
    let world = World::start(|config| config.held = false).await;
    let answer = assert_untouched(&world, &Request::chat(body), "30 digits").await;
    assert_eq!(answer.status, 200);
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&Request::chat(body)).await;
    assert_eq!(answer.status, 400);
    world.assert_untouched("an unparsable body with our key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_the_provider_are_passed_as_they_are() {
    for status in [400, 404, 429, 500, 503, 529] {
        let world = World::start(|_| {}).await;
        world.small.choose(move |seen| {
            let error = Whole::json(status, answers::error(seen.target(), status));
            Script::Whole(
                error
                    .with("retry-after", "3")
                    .with("x-ratelimit-remaining-tokens", "0")
                    .with("x-should-retry", "true"),
            )
        });
        for request in
            [Request::chat(chat_body("small-1")), Request::messages(messages_stream_body("claude-small-1"))]
        {
            assert_untouched(&world, &request, &status.to_string()).await;
        }
        assert_eq!(world.large.seen().len(), 0, "{status}: no fallback for traffic that is not routed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_answer_passes_as_it_is() {
    let world = World::start(|_| {}).await;
    let zipped = Whole::json(200, Bytes::from_static(b"\x1f\x8b\x08\x00not really gzip"))
        .with("content-encoding", "gzip");
    world.small.always(Script::Whole(zipped));
    assert_untouched(&world, &Request::chat(chat_body("small-1")).with("accept-encoding", "gzip"), "gzip")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_paths_and_methods_pass_through() {
    let world = World::start(|_| {}).await;
    let multipart =
        Bytes::from_static(b"--x\r\ncontent-disposition: form-data; name=\"f\"\r\n\r\n\x00\xff\r\n--x--\r\n");
    let mut upload = Request::post("/v1/files", multipart);
    upload.headers = vec![("content-type".to_owned(), "multipart/form-data; boundary=x".to_owned())];
    let requests = [
        upload.clone(),
        upload.chunked(7),
        Request::bare("GET", "/v1/models?limit=3"),
        Request::bare("DELETE", "/v1/files/file-1"),
        Request::post("/v1/audio/speech", "{\"model\":\"tts\",\"input\":\"hi\"}"),
        Request::post("/v1/embeddings", "{\"model\":\"m\",\"input\":\"hi\"}"),
    ];
    for request in requests {
        let case = format!("{} {}", request.method, request.target);
        let answer = assert_untouched(&world, &request, &case).await;
        assert_eq!(answer.status, 200, "{case}");
        let seen = &world.small.seen();
        assert_eq!(seen[seen.len() - 2].target(), request.target, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_down_is_an_error_in_the_callers_dialect() {
    let world = World::start(|config| "http://127.0.0.1:1".clone_into(&mut config.small)).await;
    for request in named() {
        let answer = world.proxy.exchange(&request).await;
        assert_eq!(answer.status, 502, "{:?}", answer.body);
        crate::support::errors::of_path(&request.target, &answer, "down");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_nobody_declared_is_pinned_and_unpriced() {
    let small = crate::support::FakeProvider::start().await;
    let mut config = TestConfig::new(&small, &small);
    config.models = vec!["other".to_owned()];
    let proxy = Proxy::start(&config).await;
    let answer = proxy.exchange(&Request::chat(chat_body("model-of-tomorrow"))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-path")), (200, Some("pinned")));
    let entry = proxy.entry_of(&answer).await;
    assert_eq!(entry.cost, None, "a model without a price is unpriced, never free");
}
