//! OpenAI's Responses within their dialect: routed where a model is said to serve them, forwarded as named where not.

use serde_json::json;

use crate::support::client::Request;
use crate::support::proxy::{World, trail};
use crate::support::{FINISH_TEXT, Script, USAGE_OUTPUT};

async fn world(serves: bool) -> World {
    World::start(move |config| {
        config.swap(
            "paths = [\"/v1/chat/completions\"]",
            "paths = [\"/v1/chat/completions\", \"/v1/responses\"]",
        );
        if serves {
            config.swap("\"prefill\", \"sampling\"]", "\"prefill\", \"sampling\", \"responses\"]");
        }
    })
    .await
}

fn ask(model: &str, stream: bool) -> Request {
    let body = json!({"model": model, "stream": stream, "instructions": "Be brief.", "store": false,
                      "input": [{"role": "user", "content": [{"type": "input_text", "text": "Say it in French."}]}]});
    Request::post("/v1/responses", body.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auto_is_routed_whole_and_streamed() {
    let world = world(true).await;
    for stream in [false, true] {
        let answer = world.proxy.exchange(&ask("auto", stream)).await;
        assert_eq!(
            (answer.status, answer.header("x-pointsman-path")),
            (200, Some("routed")),
            "{}",
            answer.text()
        );
        assert_eq!(answer.header("x-pointsman-model"), Some("small"));
        assert!(
            answer.text().contains(FINISH_TEXT) || stream && answer.text().contains("response.completed")
        );
        let entry = world.proxy.entry_of(&answer).await;
        assert_eq!(entry.usage.total_output(), USAGE_OUTPUT);
        assert_eq!(trail(&entry), [("small".to_owned(), "ok")]);
    }
    assert!(
        world
            .small
            .seen()
            .iter()
            .all(|seen| seen.json()["model"] == "small-1" && seen.target() == "/v1/responses")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_falls_back_before_the_first_words() {
    let world = world(true).await;
    world.small.always(Script::Status(500, None));
    for stream in [false, true] {
        let answer = world.proxy.exchange(&ask("auto", stream)).await;
        assert_eq!(
            (answer.status, answer.header("x-pointsman-model")),
            (200, Some("large")),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_that_are_not_said_to_serve_them_are_only_forwarded() {
    let world = world(false).await;
    let answer = world.proxy.exchange(&ask("small-1", false)).await;
    assert_eq!((answer.status, answer.header("x-pointsman-path")), (200, Some("pinned")));
    // What is to be kept can be put to nobody else.
    let kept = json!({"model": "auto", "input": "Say it in French."}).to_string();
    let refused = world.proxy.exchange(&Request::post("/v1/responses", kept)).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("store"), "{}", refused.text());
}
