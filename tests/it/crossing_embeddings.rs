//! Embeddings through the proxy: as they are within a dialect, translated between OpenAI and Gemini, and never to another model
//! than the one that is named.

use pointsman::types::UsageSource;
use serde_json::{Value, json};

use crate::support::client::{Answer, Request};
use crate::support::config::{CLIENT_KEY, KEY_A, KEY_E};
use crate::support::proxy::{World, trail};
use crate::support::script::Whole;
use crate::support::{Script, USAGE_INPUT, errors};

const ONE: &str = "/v1beta/models/small:embedContent";
const BATCH: &str = "/v1beta/models/small:batchEmbedContents";

async fn world() -> World {
    World::start(|config| config.every_client = true).await
}

fn openai(body: Value) -> Request {
    Request::post("/v1/embeddings", body.to_string()).with("authorization", "Bearer CALLER-KEY")
}

fn content(text: &str) -> Value {
    json!({"parts": [{"text": text}]})
}

#[track_caller]
fn assert_crossed(answer: &Answer, from: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-pointsman-translated"), Some(from));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_openai_client_gets_geminis_vectors() {
    let world = world().await;
    let asked =
        json!({"model": "gemini-small-1", "input": "h\u{e9}llo", "encoding_format": "base64", "user": "u"});
    let answer = world.proxy.exchange(&openai(asked)).await;
    assert_crossed(&answer, "gemini; dropped=user");
    assert_eq!(answer.header("x-pointsman-model"), Some("gemini-small"));
    let datum = json!({"object": "embedding", "index": 0, "embedding": "AACAPwAAAAA="});
    assert_eq!(answer.json(), json!({"object": "list", "model": "gemini-small-1", "data": [datum]}));
    let seen = world.small.only();
    assert_eq!(seen.target(), "/v1beta/models/gemini-small-1:embedContent");
    assert_eq!(seen.json(), json!({"model": "models/gemini-small-1", "content": content("h\u{e9}llo")}));
    assert_eq!((seen.header("x-goog-api-key"), seen.header("authorization")), (Some(KEY_E), None));
    // Gemini counted nothing, so what is on record is an estimate and says so.
    let entry = world.proxy.only_entry().await;
    let attempt = &entry.attempts[0];
    assert_eq!(attempt.usage_source, UsageSource::Estimated);
    assert!(attempt.usage.total_input() > 0 && attempt.cost.is_some_and(|cost| cost.0 > 0));

    let counted = json!({"embeddings": [{"values": [1, 0.5]}, {"values": [0.25, -1]}],
                         "usageMetadata": {"promptTokenCount": USAGE_INPUT}});
    world.small.next(Script::Whole(Whole::json(200, counted.to_string())));
    let asked = json!({"model": "gemini-small", "input": ["a", "b"], "dimensions": 2});
    let answer = world.proxy.exchange(&openai(asked)).await;
    assert_crossed(&answer, "gemini");
    let said = answer.json();
    assert_eq!(said["data"][1], json!({"object": "embedding", "index": 1, "embedding": [0.25, -1]}));
    assert_eq!(said["usage"], json!({"prompt_tokens": USAGE_INPUT, "total_tokens": USAGE_INPUT}));
    let seen = world.small.seen();
    assert_eq!(seen[1].target(), "/v1beta/models/gemini-small-1:batchEmbedContents");
    assert_eq!(seen[1].json()["requests"][1]["outputDimensionality"], 2);
    let entry = world.proxy.entry_of(&answer).await;
    assert_eq!(entry.attempts[0].usage_source, UsageSource::Provider);
    assert_eq!(entry.attempts[0].usage.total_input(), USAGE_INPUT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gemini_client_gets_openais_vectors() {
    let world = world().await;
    let one = json!({"content": content("a"), "outputDimensionality": 2});
    let answer = world.proxy.exchange(&Request::gemini(ONE, one.to_string())).await;
    assert_crossed(&answer, "openai");
    let expected =
        json!({"embedding": {"values": [1.0, 0.0]}, "usageMetadata": {"promptTokenCount": USAGE_INPUT}});
    assert_eq!(answer.json(), expected);
    let seen = world.small.only();
    assert_eq!(seen.target(), "/v1/embeddings");
    assert_eq!(seen.json(), json!({"model": "small-1", "input": "a", "dimensions": 2}));
    let bearer = format!("Bearer {KEY_A}");
    assert_eq!((seen.header("authorization"), seen.header("x-goog-api-key")), (Some(&*bearer), None));
    let requests = ["a", "b"].map(|text| json!({"model": "models/small", "content": content(text)}));
    let answer =
        world.proxy.exchange(&Request::gemini(BATCH, json!({"requests": requests}).to_string())).await;
    assert_crossed(&answer, "openai");
    assert_eq!(answer.json()["embeddings"], json!([{"values": [1.0, 0.0]}, {"values": [1.0, 0.0]}]));
    assert_eq!(world.small.seen()[1].json()["input"], json!(["a", "b"]));
    let entry = world.proxy.entry_of(&answer).await;
    assert_eq!(trail(&entry), [("small".to_owned(), "ok")]);
    assert_eq!(entry.attempts[0].usage.total_input(), USAGE_INPUT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_give_other_vectors_is_refused_before_anybody_is_asked() {
    let world = world().await;
    for (input, param) in [(json!([1, 2, 3]), "input"), (json!([[1], [2]]), "input")] {
        let answer = world.proxy.exchange(&openai(json!({"model": "gemini-small", "input": input}))).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(errors::openai(&answer, "tokens"), "not_expressible");
        assert_eq!(answer.json()["error"]["param"], param);
    }
    let unknown = openai(json!({"model": "gemini-small", "input": "a", "input_type": "query"}));
    assert_eq!(world.proxy.exchange(&unknown).await.json()["error"]["param"], "input_type");
    for (field, value) in [("taskType", "RETRIEVAL_QUERY"), ("title", "t")] {
        let mut one = json!({"content": content("a")});
        one[field] = json!(value);
        let answer = world.proxy.exchange(&Request::gemini(ONE, one.to_string())).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(errors::gemini(&answer, field), "not_expressible");
        assert_eq!(answer.json()["error"]["details"][0]["metadata"]["param"], field);
    }
    let nobody = openai(json!({"model": "claude-small", "input": "a"}));
    assert_eq!(world.proxy.exchange(&nobody).await.status, 422, "Anthropic has none");
    world.assert_untouched("what cannot be said");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_a_dialect_not_a_byte_moves() {
    let world = world().await;
    // Fields nobody knows, numbers beyond any type, tokens of the model's own.
    let tokens = r#"{ "zz" : -0.0, "input":[[1,2],[3]],"model":"small-1" }"#;
    let plain = Request::post("/v1/embeddings", tokens).with("authorization", "Bearer CALLER-KEY");
    let answer = world.proxy.exchange(&plain).await;
    assert_eq!((answer.status, answer.header("x-pointsman-translated")), (200, None), "{}", answer.text());
    assert_eq!(&world.small.only().body()[..], tokens.as_bytes());
    assert_eq!(answer.header("x-pointsman-path"), Some("pinned"));
    let entry = world.proxy.entry_of(&answer).await;
    assert_eq!(entry.attempts[0].usage.total_input(), USAGE_INPUT);
    assert!(entry.cost.is_some_and(|cost| cost.0 > 0), "a model of the catalogue has a price");
    let task =
        r#"{"content":{"parts":[{"text":"a"},{"text":"\ud83e\udd80"}]},"taskType":"CLUSTERING","x":1.50}"#;
    let target = "/v1beta/models/gemini-small-1:embedContent?y=2";
    let answer = world.proxy.exchange(&Request::gemini(target, task)).await;
    assert_eq!((answer.status, answer.header("x-pointsman-translated")), (200, None), "{}", answer.text());
    let seen = world.small.seen();
    assert_eq!((seen[1].target(), &seen[1].body()[..]), (target, task.as_bytes()));
    // By an id of ours the model is named anew, in the body of a batch as well, and nothing else is.
    let batch =
        r#"{"requests":[ {"model":"models/gemini-small","content":{"parts":[{"text":"a"}]},"title":"t"} ]}"#;
    let answer =
        world.proxy.exchange(&Request::gemini("/v1beta/models/gemini-small:batchEmbedContents", batch)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = world.small.seen();
    assert_eq!(seen[2].target(), "/v1beta/models/gemini-small-1:batchEmbedContents");
    assert_eq!(&seen[2].body()[..], batch.replace("models/gemini-small", "models/gemini-small-1").as_bytes());
    let named = openai(json!({"input": "a", "model": "large"}));
    assert_eq!(world.proxy.exchange(&named).await.status, 200);
    assert_eq!(world.large.only().json()["model"], "large-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_model_never_answers() {
    let world = World::start(|config| {
        config.every_client = true;
        config.mode = "route";
        config.swap("paths = [\"/v1/chat/completions\"]", "paths = []");
    })
    .await;
    // A policy that would send chat of this name to the small model, with the large one behind it.
    let answer = world.proxy.exchange(&openai(json!({"model": "large", "input": "a"}))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, Some("large")));
    assert!(world.small.seen().is_empty());
    for name in ["auto", "pointsman/chat"] {
        let answer = world.proxy.exchange(&openai(json!({"model": name, "input": "a"}))).await;
        assert_eq!(answer.status, 404, "{}", answer.text());
        assert_eq!(errors::openai(&answer, name), "unknown_policy");
        let target = format!("/v1beta/models/{name}:embedContent");
        let asked = Request::gemini(&target, json!({"content": content("a")}).to_string());
        assert_eq!(errors::gemini(&world.proxy.exchange(&asked).await, name), "unknown_policy");
    }
    world.small.always(Script::Status(500, None));
    for model in ["small", "gemini-small"] {
        let answer = world.proxy.exchange(&openai(json!({"model": model, "input": "a"}))).await;
        assert!(answer.status >= 500, "{}", answer.text());
    }
    assert_eq!((world.small.seen().len(), world.large.seen().len()), (2, 1), "nobody else is asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_in_the_clients_words() {
    let world = world().await;
    let asked = || openai(json!({"model": "gemini-small", "input": ["a", "b"]}));
    world.small.next(Script::Status(400, None));
    let answer = world.proxy.exchange(&asked()).await;
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    let short = json!({"embeddings": [{"values": [1]}]}).to_string();
    world.small.next(Script::Whole(Whole::json(200, short)));
    let answer = world.proxy.exchange(&asked()).await;
    assert_eq!(
        (answer.status, errors::openai(&answer, "one vector")),
        (502, "upstream_malformed".to_owned())
    );
    world.small.next(Script::Status(429, None));
    let one = json!({"content": content("a")}).to_string();
    let answer = world.proxy.exchange(&Request::gemini(ONE, one)).await;
    assert_eq!(errors::gemini(&answer, "limited"), "rate_limited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_ask_for_a_model_is_the_policies_to_say() {
    // Nothing of the path is among those of the second client's policy.
    for (line, status) in [("tags = {}", 200), ("policies = [\"gemini\"]", 403)] {
        let world = World::start(|config| {
            config.every_client = true;
            config.client_auth = true;
            config.swap("tags = { team = \"search\" }", line);
        })
        .await;
        let asked =
            Request::post("/v1/embeddings", json!({"model": "gemini-small", "input": "a"}).to_string())
                .with("x-pointsman-key", CLIENT_KEY);
        let answer = world.proxy.exchange(&asked).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(world.small.seen().len(), usize::from(status == 200));
    }
}
