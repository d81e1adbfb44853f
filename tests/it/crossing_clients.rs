//! Clients of Responses and of Gemini served by providers of other dialects, and by models that have Chat only: request,
//! answer, stream, tools, error and account; what cannot be said or kept is refused before anybody is asked.

use serde_json::{Value, json};

use crate::support::client::{Answer, Request};
use crate::support::config::SMALL_COST;
use crate::support::proxy::{World, trail};
use crate::support::script::Whole;
use crate::support::{End, FINISH_TEXT, Script, USAGE_INPUT, USAGE_OUTPUT, answers};

/// `auto` of a Responses client goes to this model, and to the large one of its own dialect where that has the API.
async fn world(small: &'static str) -> World {
    World::start(move |config| {
        config.swap(
            "paths = [\"/v1/chat/completions\"]",
            "paths = [\"/v1/chat/completions\", \"/v1/responses\"]",
        );
        config.swap("candidates = [\"small\", \"large\"]", &format!("candidates = [\"{small}\", \"large\"]"));
    })
    .await
}

fn ask(model: &str, more: Value) -> Request {
    let mut body = json!({
        "model": model, "store": false, "instructions": "Be brief.", "max_output_tokens": 50,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Say \u{e9} in \"French\".\n"}]}],
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    Request::post("/v1/responses", body.to_string()).with("authorization", "Bearer CALLER-KEY")
}

#[track_caller]
fn assert_crossed(answer: &Answer, from: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-pointsman-translated"), Some(from));
}

fn events(answer: &Answer) -> Vec<Value> {
    let data = |event: &str| event.lines().find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    answer.events().iter().filter_map(|event| serde_json::from_str(&data(event)?).ok()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_responses_client_is_served_by_messages() {
    let world = world("claude-small").await;
    let answer = world.proxy.exchange(&ask("auto", json!({}))).await;
    assert_crossed(&answer, "anthropic");
    assert_eq!(answer.header("x-request-id"), Some("req_fake_anthropic"));
    let said = answer.json();
    assert_eq!((&said["object"], &said["status"]), (&json!("response"), &json!("completed")));
    assert_eq!(said["output"][0]["content"][0]["text"], FINISH_TEXT);
    assert_eq!(said["usage"]["input_tokens"], USAGE_INPUT);
    assert_eq!(said["usage"]["input_tokens_details"]["cached_tokens"], 5);
    let seen = world.small.only();
    assert_eq!(seen.target(), "/v1/messages");
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
async fn streams_have_their_events_whoever_serves() {
    // The small model of the client's own dialect has Chat only.
    for (small, from) in [("claude-small", "anthropic"), ("small", "openai")] {
        let world = world(small).await;
        let answer = world.proxy.exchange(&ask("auto", json!({"stream": true}))).await;
        assert_crossed(&answer, from);
        let events = events(&answer);
        let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
        let delta = "response.output_text.delta";
        let expected = [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            delta,
            delta,
            delta,
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ];
        assert_eq!(kinds, expected);
        let last = &events.last().unwrap()["response"];
        assert_eq!(last["output"][0]["content"][0]["text"], FINISH_TEXT);
        assert_eq!(last["usage"]["output_tokens"], USAGE_OUTPUT);
        let entry = world.proxy.entry_of(&answer).await;
        assert_eq!(entry.usage.total_output(), USAGE_OUTPUT);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_has_chat_only_is_asked_in_chat() {
    let world = world("small").await;
    let answer = world.proxy.exchange(&ask("auto", json!({}))).await;
    assert_crossed(&answer, "openai");
    assert_eq!(answer.header("x-pointsman-model"), Some("small"));
    assert_eq!(answer.json()["output"][0]["content"][0]["text"], FINISH_TEXT);
    let seen = world.small.only();
    assert_eq!((seen.target(), &seen.json()["model"]), ("/v1/chat/completions", &json!("small-1")));
    // By its name it is asked as it is, whatever it is said to have.
    let named = world.proxy.exchange(&ask("small-1", json!({}))).await;
    assert_eq!((named.status, named.header("x-pointsman-translated")), (200, None));
    assert_eq!(world.small.seen()[1].target(), "/v1/responses");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tools_cross_in_two_turns() {
    let world = world("claude-small").await;
    let tool_use = json!({
        "id": "msg_2", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
        "content": [{"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"city": "Pärnu"}}],
        "usage": {"input_tokens": 3, "output_tokens": 4},
    });
    world.small.next(Script::Whole(Whole::json(200, tool_use.to_string())));
    let tools = json!([{"type": "function", "name": "look_up", "strict": true,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]);
    let first = world.proxy.exchange(&ask("auto", json!({"tools": tools}))).await;
    assert_crossed(&first, "anthropic");
    let output = &first.json()["output"];
    assert_eq!(
        (&output[0]["call_id"], &output[0]["arguments"]),
        (&json!("toolu_1"), &json!("{\"city\":\"Pärnu\"}"))
    );
    let turns = json!([
        {"role": "user", "content": "Where?"},
        output[0],
        {"type": "function_call_output", "call_id": "toolu_1", "output": "By the sea."},
    ]);
    let second = world.proxy.exchange(&ask("auto", json!({"tools": tools, "input": turns}))).await;
    assert_crossed(&second, "anthropic");
    let seen = world.small.seen()[1].json();
    assert_eq!(seen["messages"][1]["content"][0]["input"], json!({"city": "Pärnu"}));
    let result = json!([{"type": "tool_result", "tool_use_id": "toolu_1", "content": "By the sea."}]);
    assert_eq!(seen["messages"][2]["content"], result);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_have_to_be_kept_is_refused_before_anybody_is_asked() {
    let world = world("claude-small").await;
    let web_search = json!({"tools": [{"type": "web_search"}]});
    for (more, param) in [(json!({"store": true}), "store"), (web_search, "tools[].type")] {
        for model in ["auto", "claude-small-1"] {
            let refused = world.proxy.exchange(&ask(model, more.clone())).await;
            assert_eq!(refused.status, 422, "{}", refused.text());
            assert!(refused.text().contains(param), "{model}: {}", refused.text());
        }
    }
    world.assert_untouched("a request that cannot be put into another dialect");
    let served = world.proxy.exchange(&ask("claude-small-1", json!({}))).await;
    assert_crossed(&served, "anthropic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_in_the_clients_words() {
    let world = world("claude-small").await;
    world.small.next(Script::Status(400, None));
    let answer = world.proxy.exchange(&ask("auto", json!({}))).await;
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    let cut = answers::messages_stream("m").cut_after(5).ending(End::Abort);
    world.small.next(Script::Stream(cut));
    let broken = world.proxy.exchange(&ask("auto", json!({"stream": true}))).await;
    assert!(broken.text().contains("\"code\":\"upstream_truncated\""), "{}", broken.text());
    assert!(!broken.text().contains("response.completed"));
    // Before the first word the chain goes on, here to a model that has Chat only.
    world.small.next(Script::Status(529, None));
    let answer = world.proxy.exchange(&ask("auto", json!({"stream": true}))).await;
    assert_crossed(&answer, "openai");
    assert_eq!(answer.header("x-pointsman-attempts"), Some("claude-small:overloaded,large:ok"));
}

fn gemini(target: &str, more: Value) -> Request {
    let mut body = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "Say it in French."}]}],
        "generationConfig": {"maxOutputTokens": 50},
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    Request::post(target, body.to_string()).with("x-goog-api-key", "CALLER-KEY")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gemini_client_is_served_by_both_others() {
    let world = World::start(|_| {}).await;
    for (name, from) in [("claude-small-1", "anthropic"), ("small", "openai")] {
        let target = format!("/v1beta/models/{name}:generateContent");
        let answer = world.proxy.exchange(&gemini(&target, json!({}))).await;
        assert_crossed(&answer, from);
        let said = answer.json();
        assert_eq!(said["candidates"][0]["content"]["parts"], json!([{"text": FINISH_TEXT}]));
        assert_eq!(said["candidates"][0]["finishReason"], "STOP");
        assert_eq!(said["usageMetadata"]["promptTokenCount"], USAGE_INPUT);
        assert_eq!(said["usageMetadata"]["cachedContentTokenCount"], 5);
        let target = format!("/v1/models/{name}:streamGenerateContent?alt=sse");
        let answer = world.proxy.exchange(&gemini(&target, json!({}))).await;
        assert_crossed(&answer, from);
        let events = events(&answer);
        let part =
            |event: &Value| event["candidates"][0]["content"]["parts"][0]["text"].as_str().map(str::to_owned);
        assert_eq!(events.iter().filter_map(part).collect::<String>(), FINISH_TEXT);
        let last = events.last().unwrap();
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        assert_eq!(last["usageMetadata"]["candidatesTokenCount"], USAGE_OUTPUT);
        assert_eq!(world.proxy.entry_of(&answer).await.usage.total_output(), USAGE_OUTPUT);
    }
    let seen = world.small.seen();
    let targets: Vec<&str> = seen.iter().map(|seen| seen.target()).collect();
    assert_eq!(targets, ["/v1/messages", "/v1/messages", "/v1/chat/completions", "/v1/chat/completions"]);
    assert!(seen.iter().all(|seen| seen.header("x-goog-api-key").is_none()));
    assert_eq!(seen[1].json()["stream"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auto_of_a_gemini_client_is_routed() {
    let path = "/v1beta/models/auto:generateContent";
    let world = World::start(|config| {
        let paths = format!("paths = [\"/v1/chat/completions\", \"{path}\"]");
        config.swap("paths = [\"/v1/chat/completions\"]", &paths);
    })
    .await;
    let answer = world.proxy.exchange(&gemini(path, json!({}))).await;
    assert_crossed(&answer, "openai");
    assert_eq!(
        (answer.header("x-pointsman-path"), answer.header("x-pointsman-model")),
        (Some("routed"), Some("small"))
    );
    assert_eq!(world.small.only().json()["model"], "small-1");
    let entry = world.proxy.only_entry().await;
    assert_eq!(trail(&entry), [("small".to_owned(), "ok")]);
    assert_eq!(entry.attempts[0].cost.unwrap().0, SMALL_COST);
    world.small.next(Script::Status(529, None));
    let answer = world.proxy.exchange(&gemini(path, json!({}))).await;
    assert_eq!(answer.header("x-pointsman-attempts"), Some("small:overloaded,large:ok"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gemini_client_gets_its_own_errors() {
    let world = World::start(|_| {}).await;
    let path = "/v1beta/models/claude-small-1:generateContent";
    let searched = gemini(path, json!({"tools": [{"googleSearch": {}}]}));
    let refused = world.proxy.exchange(&searched).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let error = &refused.json()["error"];
    assert_eq!((&error["code"], &error["details"][0]["reason"]), (&json!(422), &json!("not_expressible")));
    assert_eq!(error["details"][0]["metadata"]["param"], "tools[].googleSearch");
    world.assert_untouched("a request that cannot be put into another dialect");
    world.small.next(Script::Status(429, None));
    let answer = world.proxy.exchange(&gemini(path, json!({}))).await;
    assert_eq!((answer.status, &answer.json()["error"]["status"]), (429, &json!("RESOURCE_EXHAUSTED")));
    let cut = answers::messages_stream("m").cut_after(5).ending(End::Abort);
    world.small.next(Script::Stream(cut));
    let stream = "/v1beta/models/claude-small-1:streamGenerateContent?alt=sse";
    let broken = world.proxy.exchange(&gemini(stream, json!({}))).await;
    assert!(broken.text().contains("\"reason\":\"upstream_truncated\""), "{}", broken.text());
    assert!(!broken.text().contains("finishReason"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn geminis_own_dialect_stays_as_it_is() {
    let world = World::start(|config| config.named = vec![("g", "gemini-x".to_owned())]).await;
    // What we do not know of may be in it, in any order.
    let body = r#"{"zz":12345678901234567890123,"contents":[{"parts":[{"text":"\ud800"}]}]}"#;
    for target in [
        "/v1beta/models/gemini-x:generateContent",
        "/v1/models/unheard-of:streamGenerateContent?alt=sse",
        // Without `alt=sse` it is to be one array, which passes unread.
        "/v1beta/models/gemini-x:streamGenerateContent",
    ] {
        let asked = Request::post(target, body).with("x-goog-api-key", "CALLER-KEY");
        let answer = world.proxy.exchange(&asked).await;
        assert_eq!(
            (answer.status, answer.header("x-pointsman-translated")),
            (200, None),
            "{}",
            answer.text()
        );
        let seen = world.large.seen();
        let last = seen.last().unwrap();
        assert_eq!((last.target(), &last.body()[..]), (target, body.as_bytes()));
        assert_eq!(last.header("x-goog-api-key"), Some("CALLER-KEY"));
    }
    // Our own name for a model is put into its path.
    let answer = world.proxy.exchange(&gemini("/v1beta/models/named-0:generateContent", json!({}))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-translated")), (200, None));
    assert_eq!(world.large.seen().last().unwrap().target(), "/v1beta/models/gemini-x:generateContent");
}
