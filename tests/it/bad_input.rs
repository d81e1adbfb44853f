//! Requests that are wrong: a 4xx in the caller's dialect that says what is wrong and what would work, and nothing
//! reaches a provider.

use bytes::Bytes;

use crate::support::client::{chat_body, messages_body};
use crate::support::proxy::World;
use crate::support::{Request, errors};

/// One wrong body: what it is, the body, and a word the message must hold.
type Row = (&'static str, Bytes, &'static str);

fn nested(depth: usize) -> String {
    format!("{{\"model\":\"auto\",\"messages\":[],\"x\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1))
}

fn both() -> Vec<Row> {
    let text = |body: &str| Bytes::from(body.to_owned());
    vec![
        ("no body", Bytes::new(), "JSON"),
        ("not JSON", text("hello"), "JSON"),
        ("cut JSON", text("{\"model\":\"auto\",\"messages\":[{\"role\":\"us"), "JSON"),
        ("two documents", text("{\"model\":\"auto\",\"messages\":[]} {}"), "JSON"),
        ("not UTF-8", Bytes::from_static(b"{\"model\":\"auto\",\"messages\":[],\"x\":\"\xff\"}"), "JSON"),
        ("an array", text("[1,2]"), "object"),
        ("a model that is a number", text("{\"model\":5,\"messages\":[]}"), "model"),
        ("a model that is null", text("{\"model\":null,\"messages\":[]}"), "model"),
        ("messages that are a string", text("{\"model\":\"auto\",\"messages\":\"hi\"}"), "messages"),
        ("a message that is a number", text("{\"model\":\"auto\",\"messages\":[7]}"), "messages"),
        (
            "a stream that is a word",
            text("{\"model\":\"auto\",\"messages\":[],\"stream\":\"yes\"}"),
            "stream",
        ),
        (
            "a cap that is a word",
            text("{\"model\":\"auto\",\"messages\":[],\"max_tokens\":\"9\"}"),
            "max_tokens",
        ),
        ("two models", text("{\"model\":\"auto\",\"messages\":[],\"model\":\"gpt-9\"}"), "model"),
        (
            "two models, one escaped",
            text("{\"model\":\"auto\",\"messages\":[],\"mod\\u0065l\":\"gpt-9\"}"),
            "model",
        ),
        (
            "two streams",
            text("{\"model\":\"auto\",\"messages\":[],\"stream\":true,\"stream\":false}"),
            "stream",
        ),
        ("two lists of messages", text("{\"model\":\"auto\",\"messages\":[],\"messages\":[]}"), "messages"),
        (
            "two roles",
            text("{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"role\":\"user\"}]}"),
            "role",
        ),
        ("65 levels", Bytes::from(nested(65)), "64"),
        ("a million levels", Bytes::from(nested(1_000_000)), "64"),
    ]
}

async fn check(world: &World, request: &Request, (case, status, word): (&str, u16, &str)) {
    let case = format!("{case}, {}", request.target);
    let answer = world.proxy.exchange(request).await;
    assert_eq!(answer.status, status, "{case}: {:?}", answer.body);
    errors::of_path(&request.target, &answer, &case);
    assert!(answer.text().contains(word), "{case}: `{word}` is not in {}", answer.text());
    world.assert_untouched(&case);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_bodies_are_refused() {
    let world = World::start(|config| config.mode = "route").await;
    for (case, body, word) in both() {
        check(&world, &Request::chat(body.clone()), (case, 400, word)).await;
        check(&world, &Request::messages(body), (case, 400, word)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_levels_are_allowed() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&Request::chat(nested(64))).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicate_keys_are_refused_in_observed_traffic_too() {
    let world = World::start(|config| config.held = false).await;
    let two = "{\"model\":\"small-1\",\"messages\":[],\"model\":\"large-1\"}";
    check(&world, &Request::chat(two), ("two models, observed", 400, "model")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_a_model_is_refused() {
    let world = World::start(|config| config.mode = "route").await;
    let body = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":5}";
    check(&world, &Request::chat(body), ("no model", 400, "model")).await;
    check(&world, &Request::messages(body), ("no model", 400, "model")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_model_under_route_names_the_known_ones() {
    let world = World::start(|config| config.mode = "route").await;
    for (request, known) in [
        (Request::chat(chat_body("gpt-99")), "large"),
        (Request::messages(messages_body("claude-99")), "claude-large"),
    ] {
        let answer = world.proxy.exchange(&request).await;
        assert!((400..=404).contains(&answer.status), "{}", answer.status);
        errors::of_path(&request.target, &answer, "unknown model");
        assert!(answer.text().contains("99") && answer.text().contains(known), "{}", answer.text());
    }
    let answer = world.proxy.exchange(&Request::chat(chat_body("pointsman/nonsense"))).await;
    assert!((400..=404).contains(&answer.status) && answer.text().contains("nonsense"));
    world.assert_untouched("unknown models");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoded_body_is_refused() {
    let world = World::start(|_| {}).await;
    for coding in ["gzip", "br", "zstd", "deflate", "gzip, identity"] {
        let request = Request::chat(chat_body("auto")).with("content-encoding", coding);
        let answer = world.proxy.exchange(&request).await;
        assert_eq!(answer.status, 415, "{coding}: {:?}", answer.body);
        errors::openai(&answer, coding);
        assert!(answer.text().contains("content-encoding"), "{coding}: {}", answer.text());
    }
    world.assert_untouched("encoded bodies");
    let plain = Request::chat(chat_body("auto")).with("content-encoding", "identity");
    assert_eq!(world.proxy.exchange(&plain).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_limits_are_refused_by_name_and_all_at_once() {
    let world = World::start(|_| {}).await;
    let bad = [
        ("x-pointsman-deadline-ms", "soon"),
        ("x-pointsman-deadline-ms", "0"),
        ("x-pointsman-deadline-ms", "-5"),
        ("x-pointsman-ttft-ms", "1e3"),
        ("x-pointsman-max-cost-usd", "cheap"),
        ("x-pointsman-max-cost-usd", "NaN"),
        ("x-pointsman-min-quality", "1.5"),
        ("x-pointsman-max-quality-loss", "-0.1"),
        ("x-pointsman-task", "gardening"),
        ("x-pointsman-plan", "oracle"),
        ("x-pointsman-tags", "no-equals-sign"),
        ("x-pointsman-explain", "perhaps"),
        ("x-pointsman-max-cost-usd", "0,05€"),
    ];
    for (name, value) in bad {
        for request in [Request::chat(chat_body("auto")), Request::messages(messages_body("claude-small-1"))]
        {
            check(&world, &request.with(name, value), (value, 400, name)).await;
        }
    }
    let several =
        Request::chat(chat_body("auto")).with(bad[0].0, bad[0].1).with("x-pointsman-task", "gardening");
    check(&world, &several, ("two at once", 400, "x-pointsman-deadline-ms")).await;
    check(&world, &several, ("two at once", 400, "x-pointsman-task")).await;
    let twice = Request::chat(chat_body("auto"))
        .with("x-pointsman-max-cost-usd", "1")
        .with("x-pointsman-max-cost-usd", "0.000001");
    check(&world, &twice, ("twice", 400, "x-pointsman-max-cost-usd")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_requests_are_on_record_and_the_connection_lives() {
    let world = World::start(|_| {}).await;
    let mut client = crate::support::Client::connect(world.proxy.data).await;
    let refused = client.exchange(&Request::chat("{")).await;
    assert_eq!(refused.status, 400);
    let entry = world.proxy.entry_of(&refused).await;
    assert_eq!((entry.status, entry.outcome.as_str(), entry.attempts.len()), (400, "own_error", 0));
    assert_eq!(client.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ambiguous_framing_is_not_forwarded() {
    let world = World::start(|_| {}).await;
    let body = chat_body("auto");
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let cases = [
        format!("{head}content-length: 5\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
        format!("{head}content-length: -1\r\n\r\n{body}"),
        format!("{head}content-length: {}\r\ntransfer-encoding: xchunked\r\n\r\n{body}", body.len()),
        format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n"),
    ];
    for case in cases {
        let mut client = crate::support::Client::connect(world.proxy.data).await;
        client.send(case.as_bytes()).await.ok();
        client.finish_sending().await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        world.assert_untouched(case.lines().nth(3).unwrap_or_default());
    }
}
