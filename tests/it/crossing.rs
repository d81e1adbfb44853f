//! A client of one dialect and a provider of another: request, answer, stream, error and account, both ways, and what cannot
//! be said is refused before anybody is asked.

use serde_json::{Value, json};

use crate::support::client::{Answer, Request};
use crate::support::config::SMALL_COST;
use crate::support::proxy::{World, trail};
use crate::support::script::Whole;
use crate::support::{FINISH_TEXT, Script, Stream, USAGE_INPUT, USAGE_OUTPUT, answers};

/// `auto` of a chat client goes to the small Anthropic model, of a messages client to the small OpenAI one.
async fn crossed() -> World {
    World::start(|config| {
        config.swap("candidates = [\"small\", \"large\"]", "candidates = [\"claude-small\", \"large\"]");
        config.swap(
            "candidates = [\"claude-small\", \"claude-large\"]",
            "candidates = [\"small\", \"claude-large\"]",
        );
    })
    .await
}

fn chat(model: &str, more: Value) -> Request {
    let mut body = json!({
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Say \u{e9} in \"French\".\n"},
        ],
        "model": model, "max_tokens": 50,
    });
    merge(&mut body, more);
    Request::chat(body.to_string())
}

fn messages(model: &str, more: Value) -> Request {
    let mut body = json!({
        "system": "Be brief.", "max_tokens": 50, "model": model,
        "messages": [{"role": "user", "content": "Say it in French."}],
    });
    merge(&mut body, more);
    Request::messages(body.to_string())
}

fn merge(body: &mut Value, more: Value) {
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
}

#[track_caller]
fn assert_crossed(answer: &Answer, from: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-pointsman-translated"), Some(from));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_client_is_served_by_messages() {
    let world = crossed().await;
    let answer = world.proxy.exchange(&chat("auto", json!({}))).await;
    assert_crossed(&answer, "anthropic");
    assert_eq!(answer.header("x-request-id"), Some("req_fake_anthropic"));
    assert_eq!(answer.header("x-pointsman-model"), Some("claude-small"));
    let said = answer.json();
    assert_eq!(said["object"], "chat.completion");
    assert_eq!(said["choices"][0]["message"]["content"], FINISH_TEXT);
    assert_eq!(said["choices"][0]["finish_reason"], "stop");
    assert_eq!(said["usage"]["prompt_tokens"], USAGE_INPUT);
    assert_eq!(said["usage"]["prompt_tokens_details"]["cached_tokens"], 5);
    let seen = world.small.only();
    assert_eq!(seen.target(), "/v1/messages");
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen.header("authorization"), None);
    let expected = json!({
        "model": "claude-small-1", "max_tokens": 50, "system": "Be brief.",
        "messages": [{"role": "user", "content": "Say \u{e9} in \"French\".\n"}],
    });
    assert_eq!(seen.json(), expected);
    let entry = world.proxy.only_entry().await;
    assert_eq!(trail(&entry), [("claude-small".to_owned(), "ok")]);
    assert_eq!(entry.attempts[0].cost.unwrap().0, SMALL_COST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_messages_client_is_served_by_chat() {
    let world = crossed().await;
    let answer = world.proxy.exchange(&messages("auto", json!({"metadata": {"user_id": "u"}}))).await;
    assert_crossed(&answer, "openai");
    assert_eq!(answer.header("request-id"), Some("req_fake_openai"));
    let said = answer.json();
    assert_eq!((&said["type"], &said["role"]), (&json!("message"), &json!("assistant")));
    assert_eq!(said["content"], json!([{"type": "text", "text": FINISH_TEXT}]));
    assert_eq!(said["stop_reason"], "end_turn");
    assert_eq!(said["usage"]["input_tokens"], USAGE_INPUT - 5);
    assert_eq!(said["usage"]["cache_read_input_tokens"], 5);
    let seen = world.small.only();
    assert_eq!(seen.target(), "/v1/chat/completions");
    assert_eq!(seen.json()["user"], "u");
    assert_eq!(seen.header("anthropic-version"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_cross_both_ways() {
    let world = crossed().await;
    let asked = chat("auto", json!({"stream": true, "stream_options": {"include_usage": true}}));
    let answer = world.proxy.exchange(&asked).await;
    assert_crossed(&answer, "anthropic");
    let chunks: Vec<Value> = answer
        .events()
        .iter()
        .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?.trim()).ok())
        .collect();
    let text: String =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, FINISH_TEXT);
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], USAGE_OUTPUT);
    assert!(chunks.iter().all(|chunk| chunk["id"] == "msg_1"), "one id: {}", answer.text());
    assert!(answer.text().ends_with("data: [DONE]\n\n"));

    let answer = world.proxy.exchange(&messages("auto", json!({"stream": true}))).await;
    assert_crossed(&answer, "openai");
    let names: Vec<&str> = answer.text().lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let delta = "content_block_delta";
    let expected = ["message_start", "content_block_start", delta, delta, delta, "content_block_stop"];
    assert_eq!(names, [&expected[..], &["message_delta", "message_stop"]].concat());
    assert!(answer.text().contains(&format!("\"output_tokens\":{USAGE_OUTPUT}")));
    assert_eq!(world.small.seen()[1].json()["stream_options"]["include_usage"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tools_cross_in_two_turns() {
    let world = crossed().await;
    let tool_use = json!({
        "id": "msg_2", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
        "content": [{"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"city": "Pärnu"}}],
        "usage": {"input_tokens": 3, "output_tokens": 4},
    });
    world.small.next(Script::Whole(Whole::json(200, tool_use.to_string())));
    let tools = json!([{"type": "function", "function": {
        "name": "look_up", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }}]);
    let first = world.proxy.exchange(&chat("auto", json!({"tools": tools}))).await;
    assert_crossed(&first, "anthropic");
    let said = first.json();
    assert_eq!(said["choices"][0]["finish_reason"], "tool_calls");
    let call = &said["choices"][0]["message"]["tool_calls"][0];
    assert_eq!((&call["id"], &call["function"]["name"]), (&json!("toolu_1"), &json!("look_up")));
    assert_eq!(call["function"]["arguments"], "{\"city\":\"Pärnu\"}");
    let turns = json!([
        {"role": "user", "content": "Where?"},
        said["choices"][0]["message"],
        {"role": "tool", "tool_call_id": "toolu_1", "content": "By the sea."},
    ]);
    let second = world.proxy.exchange(&chat("auto", json!({"tools": tools, "messages": turns}))).await;
    assert_crossed(&second, "anthropic");
    let seen = world.small.seen()[1].json();
    assert_eq!(seen["messages"][1]["content"][0]["input"], json!({"city": "Pärnu"}));
    let result = json!([{"type": "tool_result", "tool_use_id": "toolu_1", "content": "By the sea."}]);
    assert_eq!(seen["messages"][2]["content"], result);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_said_stays_in_its_dialect() {
    let world = crossed().await;
    // Two answers: Messages knows one only, so the baseline of the own dialect serves.
    let answer = world.proxy.exchange(&chat("auto", json!({"n": 2}))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-translated")), (200, None));
    assert_eq!(answer.header("x-pointsman-model"), Some("large"));
    let entry = world.proxy.only_entry().await;
    let decision = serde_json::to_string(&entry.decision).unwrap();
    assert!(decision.contains(r#"{"not_expressible":"n"}"#), "{decision}");
    assert!(world.small.seen().is_empty());
    // Asked for by name there is no other: a clear refusal, and nobody was called.
    let refused = world.proxy.exchange(&chat("claude-small-1", json!({"n": 2}))).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(
        (&refused.json()["error"]["code"], &refused.json()["error"]["param"]),
        (&json!("not_expressible"), &json!("n"))
    );
    assert!(world.small.seen().is_empty());
    let served = world.proxy.exchange(&chat("claude-small-1", json!({}))).await;
    assert_crossed(&served, "anthropic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_in_the_clients_words() {
    let world = crossed().await;
    world.small.next(Script::Status(400, None));
    let answer = world.proxy.exchange(&chat("auto", json!({}))).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["message"], "the fake provider answers 400");
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    world.small.next(Script::Status(400, None));
    let answer = world.proxy.exchange(&messages("auto", json!({}))).await;
    assert_eq!((answer.status, answer.json()["type"].as_str()), (400, Some("error")));
    // A broken stream ends in the client's own error event, before its finish.
    let cut = answers::messages_stream("m").cut_after(5).ending(crate::support::End::Abort);
    world.small.next(Script::Stream(cut));
    let broken = world.proxy.exchange(&chat("auto", json!({"stream": true}))).await;
    assert!(broken.text().contains("\"code\":\"upstream_truncated\""), "{}", broken.text());
    assert!(!broken.text().contains("[DONE]"));
    let error = Stream::events([
        answers::messages_stream("m")
            .chunks
            .into_iter()
            .take(5)
            .flat_map(|chunk| chunk.bytes)
            .collect::<bytes::Bytes>(),
        answers::named("error", json!({"error": {"type": "overloaded_error", "message": "busy"}})),
    ]);
    world.small.next(Script::Stream(error));
    let broken = world.proxy.exchange(&chat("auto", json!({"stream": true}))).await;
    assert!(broken.text().contains("pointsman_upstream_error"), "{}", broken.text());
    assert!(!broken.text().contains("[DONE]"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_falls_back_across_dialects() {
    let world = crossed().await;
    world.small.always(Script::Status(529, None));
    let answer = world.proxy.exchange(&chat("auto", json!({}))).await;
    assert_eq!(
        (answer.status, answer.header("x-pointsman-attempts")),
        (200, Some("claude-small:overloaded,large:ok"))
    );
    assert_eq!(answer.header("x-pointsman-translated"), None);
    assert_eq!(world.large.only().target(), "/v1/chat/completions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_both_dialects_are_served_by_gemini() {
    let world = World::start(|config| {
        config.swap(
            "auth = \"x-goog-api-key\"\ncredential = \"passthrough\"",
            "auth = \"none\"\ncredential = \"none\"",
        );
        config.named = vec![("g", "gemini-x".to_owned())];
    })
    .await;
    for stream in [false, true] {
        let answer = world.proxy.exchange(&chat("gemini-x", json!({"stream": stream}))).await;
        assert_crossed(&answer, "gemini");
        let answered = world.proxy.exchange(&messages("gemini-x", json!({"stream": stream}))).await;
        assert_crossed(&answered, "gemini");
        if stream {
            assert!(answer.text().contains("monde.") && answer.text().ends_with("data: [DONE]\n\n"));
            assert!(answered.text().contains("event: message_stop"));
        } else {
            assert_eq!(answer.json()["choices"][0]["message"]["content"], FINISH_TEXT);
            assert_eq!(answered.json()["content"][0]["text"], FINISH_TEXT);
        }
    }
    let targets: Vec<String> = world.large.seen().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(targets[0], "/v1beta/models/gemini-x:generateContent");
    assert_eq!(targets[3], "/v1beta/models/gemini-x:streamGenerateContent?alt=sse");
}
