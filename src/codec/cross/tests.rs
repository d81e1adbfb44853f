//! Translation as a whole, through its face: real clients' requests, what is in the way, answers, streams, hostile bytes.

use serde_json::{Value, json};

use super::*;
use crate::codec::gemini_path::GeminiPath;

const NOW: u64 = 1_790_000_000;

fn asker(operation: Operation) -> Asker {
    Asker { operation, usage_in_stream: true, created: NOW }
}

fn other(operation: Operation) -> (Dialect, Operation) {
    match operation {
        Operation::ChatCompletions => (Dialect::Anthropic, Operation::Messages),
        _ => (Dialect::OpenAi, Operation::ChatCompletions),
    }
}

fn to(dialect: Dialect) -> Destination<'static> {
    Destination {
        dialect,
        model: "m-1",
        max_output_tokens: 8000,
        max_tokens_key: false,
        asks_for_usage: true,
        nine_letter_ids: false,
        takes_user: true,
    }
}

pub(super) fn cross(operation: Operation, body: &[u8]) -> Result<Crossed, Obstacle> {
    let origin = Origin { operation, path: "/", body };
    cross_request(&origin, &to(other(operation).0))
}

fn crossed(operation: Operation, body: &Value) -> Value {
    let crossed = cross(operation, body.to_string().as_bytes()).unwrap();
    serde_json::from_slice(&crossed.body).unwrap()
}

/// The recorded requests of these operations: name, operation, body.
pub(super) fn fixtures() -> Vec<(String, Operation, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/clients");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let recorded: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let at = recorded["path"].as_str().unwrap().split('?').next().unwrap();
        let operation = match at {
            "/v1/chat/completions" => Operation::ChatCompletions,
            "/v1/responses" if recorded["body"].is_object() => Operation::Responses,
            "/v1/messages" => Operation::Messages,
            at if GeminiPath::of(at).is_some() => Operation::GenerateContent,
            _ => continue,
        };
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        found.push((name, operation, recorded["body"].to_string().into_bytes()));
    }
    found.sort_by(|one, two| one.0.cmp(&two.0));
    found
}

/// Every recorded request crosses, or names what is in its way; what crossed can cross back.
#[test]
fn real_clients_are_served() {
    const OBSTACLES: &[(&str, &str)] = &[
        // What it would go on from is kept by the provider.
        ("ai-sdk-openai.responses-tools.2", "input[].item_reference"),
        ("anthropic-python.beta", "context_management"),
        ("codex.exec", "tools[].type"),
        ("openai-agents.chat-tools", "verbosity"),
        ("openai-agents.chat-tools.2", "verbosity"),
        ("openai-python.chat-reasoning", "service_tier"),
        ("openai-python.responses-prev.2", "previous_response_id"),
    ];
    let fixtures = fixtures();
    assert!(fixtures.len() > 40, "only {} requests recorded", fixtures.len());
    let mut found = Vec::new();
    for (name, operation, body) in &fixtures {
        let mut body: Value = serde_json::from_slice(body).unwrap();
        if *operation == Operation::Responses && body["store"] != json!(false) {
            assert!(cross(*operation, body.to_string().as_bytes()).is_err(), "{name} wants its answer kept");
            body["store"] = json!(false);
        }
        match cross(*operation, body.to_string().as_bytes()) {
            Err(obstacle) => found.push((name.as_str(), obstacle.param)),
            Ok(crossed) => {
                let back = cross(other(*operation).1, &crossed.body);
                // A word that Chat has and Messages has not.
                let kept = back.as_ref().is_err_and(|obstacle| obstacle.param == "verbosity");
                assert!(back.is_ok() || kept, "{name} does not cross back: {back:?}");
            }
        }
    }
    let found: Vec<_> = found.iter().map(|(name, param)| (*name, param.as_str())).collect();
    assert_eq!(found, OBSTACLES);
}

#[test]
fn a_chat_request_becomes_messages() {
    let body = json!({
        "model": "auto", "stream": true, "stop": "END", "max_completion_tokens": 50, "temperature": 0.5,
        "reasoning_effort": "high", "safety_identifier": "u", "parallel_tool_calls": false, "tool_choice": "required",
        "messages": [
            {"role": "system", "content": "A"},
            {"role": "developer", "content": [{"type": "text", "text": "B"}]},
            {"role": "user", "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.50}"}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""},
                    "cache_control": {"type": "ephemeral"}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": "two", "name": "g"},
            {"role": "user", "content": "go"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": true}},
            {"type": "function", "function": {"name": "g"}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    });
    let want = json!({
        "model": "m-1", "max_tokens": 50, "stream": true, "stop_sequences": ["END"], "temperature": 0.5,
        "system": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1.50}},
                {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "two"},
            ]},
            {"role": "user", "content": "go"},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "strict": true},
            {"name": "g", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "metadata": {"user_id": "u"},
    });
    assert_eq!(crossed(Operation::ChatCompletions, &body), want);
}

#[test]
fn a_messages_request_becomes_chat() {
    let body = json!({
        "model": "auto", "max_tokens": 9, "system": "S", "stop_sequences": ["x"], "stream": true,
        "metadata": {"user_id": "u"}, "output_config": {"effort": "low"},
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"q": [1, 2]}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "is_error": true, "content": "boom"},
                {"type": "text", "text": "again", "cache_control": {"type": "ephemeral"}}]},
            {"role": "system", "content": "later"},
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
    });
    let want = json!({
        "model": "m-1", "max_completion_tokens": 9, "stop": ["x"], "user": "u", "reasoning_effort": "low",
        "stream": true, "stream_options": {"include_usage": true},
        "messages": [
            {"role": "system", "content": "S"},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "ab", "tool_calls": [
                {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"q\":[1,2]}"}}]},
            {"role": "tool", "tool_call_id": "t", "content": "Error: boom"},
            {"role": "user", "content": "again"},
            {"role": "system", "content": "later"},
        ],
        "tools": [{"type": "function",
            "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": false,
    });
    assert_eq!(crossed(Operation::Messages, &body), want);
}

/// A body with one member more (or another value of it).
fn with(operation: Operation, member: &Value) -> Vec<u8> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    if operation == Operation::Messages {
        body["max_tokens"] = json!(10);
    }
    for (key, value) in member.as_object().unwrap() {
        body[key] = value.clone();
    }
    body.to_string().into_bytes()
}

fn check(operation: Operation, cases: &[(Value, &str)]) {
    for (member, param) in cases {
        match cross(operation, &with(operation, member)) {
            Err(obstacle) => assert_eq!(obstacle.param, *param, "{member}: {}", obstacle.message),
            Ok(crossed) => panic!("{member} crossed as {crossed:?}"),
        }
    }
}

fn said(content: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [content]}]})
}

#[test]
fn what_messages_cannot_say_is_named() {
    let called = |arguments: &str| {
        json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": "c", "content": "y"}]})
    };
    let cases = [
        (json!({"n": 2}), "n"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"logit_bias": {"1": 2}}), "logit_bias"),
        (json!({"seed": 1}), "seed"),
        (json!({"presence_penalty": 0.1}), "presence_penalty"),
        (json!({"frequency_penalty": -1}), "frequency_penalty"),
        (json!({"prediction": {}}), "prediction"),
        (json!({"audio": {}}), "audio"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"store": true}), "store"),
        (json!({"service_tier": "flex"}), "service_tier"),
        (json!({"verbosity": "low"}), "verbosity"),
        (json!({"web_search_options": {}}), "web_search_options"),
        (json!({"functions": []}), "functions"),
        (json!({"temperature": 1.5}), "temperature"),
        (json!({"temperature": "warm"}), "temperature"),
        (json!({"reasoning_effort": "minimal"}), "reasoning_effort"),
        (json!({"reasoning_effort": "wild"}), "reasoning_effort"),
        (json!({"response_format": {"type": "json_object"}}), "response_format"),
        (json!({"stream_options": {"x": 1}}), "stream_options.x"),
        (json!({"brand_new": 1}), "brand_new"),
        (json!({"tools": [{"type": "custom", "custom": {"name": "x"}}]}), "tools[].type"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[].type"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": [{"role": "assistant", "content": "I"}]}), "messages"),
        (json!({"messages": [{"role": "critic", "content": "I"}]}), "messages[].role"),
        (json!({"messages": [{"role": "user", "content": "x", "name": "Bo"}]}), "messages[].name"),
        (json!({"messages": [{"role": "user", "content": ""}]}), "messages[].content"),
        (called("{broken"), "messages[].tool_calls[].function.arguments"),
        (called("[1]"), "messages[].tool_calls[].function.arguments"),
        (said(json!({"type": "input_audio", "input_audio": {}})), "messages[].content[].input_audio"),
        (said(json!({"type": "file", "file": {"file_id": "f"}})), "messages[].content[]"),
        (
            said(json!({"type": "image_url", "image_url": {"url": "ftp://x"}})),
            "messages[].content[].image_url.url",
        ),
        (said(json!({"type": "text", "text": "x", "odd": 1})), "messages[].content[].odd"),
    ];
    check(Operation::ChatCompletions, &cases);
}

#[test]
fn what_chat_cannot_say_is_named() {
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://x.test"}});
    let cases = [
        (json!({"container": "c"}), "container"),
        (json!({"mcp_servers": [{}]}), "mcp_servers"),
        (
            json!({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}),
            "context_management",
        ),
        (json!({"service_tier": "standard_only"}), "service_tier"),
        (json!({"top_k": 5}), "top_k"),
        (json!({"stop_sequences": ["1", "2", "3", "4", "5"]}), "stop_sequences"),
        (json!({"metadata": {"team": "x"}}), "metadata.team"),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}), "thinking"),
        (json!({"thinking": {"type": "adaptive"}}), "thinking"),
        (
            json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}),
            "output_config.effort",
        ),
        (json!({"output_config": {"effort": "max"}}), "output_config.effort"),
        (json!({"output_config": {"odd": 1}}), "output_config.odd"),
        (json!({"tools": [{"type": "web_search_20250305", "name": "w"}]}), "tools[].type"),
        (json!({"tools": [{"name": "w"}]}), "tools[].input_schema"),
        (
            json!({"tools": [{"name": "w", "input_schema": {}, "defer_loading": true}]}),
            "tools[].defer_loading",
        ),
        (
            said(json!({"type": "thinking", "thinking": "t", "signature": "s"})),
            "messages[].content[].thinking",
        ),
        (said(json!({"type": "server_tool_use"})), "messages[].content[].server_tool_use"),
        (said(json!({"type": "image", "source": {"type": "file", "file_id": "f"}})), "source.file_id"),
        (said(json!({"type": "image", "text": "hidden"})), "messages[].content[]"),
        (
            said(json!({"type": "document", "source": {"type": "url", "url": "https://x"}})),
            "messages[].content[]",
        ),
        (
            said(
                json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": ""},
                "citations": {"enabled": true}}),
            ),
            "messages[].content[].citations",
        ),
        (
            said(json!({"type": "tool_result", "tool_use_id": "t", "content": [image]})),
            "messages[].content[].content",
        ),
    ];
    check(Operation::Messages, &cases);
}

#[test]
fn bookkeeping_is_dropped_by_name() {
    let dropped = |operation, member: Value| cross(operation, &with(operation, &member)).unwrap().dropped;
    let chat = json!({"metadata": {"a": "b"}, "prompt_cache_key": "k", "store": false, "service_tier": "auto",
        "user": "u", "safety_identifier": "s", "modalities": ["text"], "n": 1, "logprobs": false, "seed": null});
    let names = ["user", "metadata", "prompt_cache_key", "store", "service_tier"];
    assert_eq!(dropped(Operation::ChatCompletions, chat), names);
    let messages = json!({"cache_control": {"type": "ephemeral"}, "thinking": {"type": "disabled"}});
    assert_eq!(dropped(Operation::Messages, messages), ["cache_control", "thinking"]);
    let messages =
        json!({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]});
    assert_eq!(dropped(Operation::ChatCompletions, messages), ["messages[].role=system"]);
}

#[test]
fn answers_cross() {
    let chat = json!({"id": "c", "model": "g", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "so", "tool_calls": [{"id": "t", "type": "function",
            "function": {"name": "f", "arguments": "{}"}}]}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17,
            "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2}}});
    let messages = json!({"id": "c", "type": "message", "role": "assistant", "model": "g", "stop_reason": "tool_use",
        "stop_sequence": null,
        "content": [{"type": "text", "text": "so"}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}],
        "usage": {"input_tokens": 6, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4,
            "output_tokens": 7}});
    let told =
        cross_answer(Dialect::OpenAi, asker(Operation::Messages), chat.to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&told).unwrap(), messages);
    let back = cross_answer(Dialect::Anthropic, asker(Operation::ChatCompletions), &told).unwrap();
    let back: Value = serde_json::from_slice(&back).unwrap();
    assert_eq!(back["choices"][0]["message"]["tool_calls"], chat["choices"][0]["message"]["tool_calls"]);
    assert_eq!((&back["created"], &back["object"]), (&json!(NOW), &json!("chat.completion")));
    assert_eq!(back["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(back["usage"]["prompt_tokens"], 10);
    assert_eq!(back["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
}

#[test]
fn a_refusal_ends_as_one_and_a_pause_is_malformed() {
    let chat = br#"{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}"#;
    let told = cross_answer(Dialect::OpenAi, asker(Operation::Messages), chat).unwrap();
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!((&told["stop_reason"], &told["content"][0]["text"]), (&json!("refusal"), &json!("no")));
    for broken in [
        r#"{"content":[],"stop_reason":"pause_turn"}"#,
        r#"{"content":[{"type":"tool_use","id":"a","name":"b","input":[]}]}"#,
        r#"{"content":[{"type":"server_tool_use","id":"a"}]}"#,
        "{",
    ] {
        let told = cross_answer(Dialect::Anthropic, asker(Operation::ChatCompletions), broken.as_bytes());
        assert!(told.is_err(), "{broken}");
    }
}

#[test]
fn errors_keep_their_message() {
    let body = br#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;
    let told = cross_error(Dialect::Anthropic, Dialect::OpenAi, 429, body);
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(told["error"]["message"], "slow down");
    let body =
        br#"{"error":{"message":"no such model","type":"invalid_request_error","code":"model_not_found"}}"#;
    let told = cross_error(Dialect::OpenAi, Dialect::Anthropic, 404, body);
    let told: Value = serde_json::from_slice(&told).unwrap();
    let want = json!({"type": "not_found_error", "message": "no such model", "details": {"error_code": "model_not_found"}});
    assert_eq!(told["error"], want);
}

/// Nothing is asserted of time: where every pair is looked at, this does not end, and the runner ends it.
#[test]
fn a_hostile_body_takes_no_more_than_its_size() {
    let results: Vec<Value> =
        (0..200_000).map(|_| json!({"role": "tool", "tool_call_id": "a", "content": ""})).collect();
    let mut messages = vec![json!({"role": "user", "content": "go"})];
    messages.extend(results);
    messages.push(json!({"role": "user", "content": "on"}));
    let names: Vec<String> = (0..20_000).map(|at| format!("p{}", (at * 7919) % 20_000)).collect();
    let properties: serde_json::Map<String, Value> =
        (0..20_000).map(|at| (format!("p{at}"), json!({"type": "STRING"}))).collect();
    let schema = json!({"type": "OBJECT", "properties": properties, "propertyOrdering": names});
    let declared = json!([{"functionDeclarations": [{"name": "f", "parameters": schema}]}]);
    let chat = json!({"model": "m", "messages": messages}).to_string();
    assert!(cross(Operation::ChatCompletions, chat.as_bytes()).is_ok());
    let gemini = json!({"contents": [{"parts": [{"text": "hi"}]}], "tools": declared}).to_string();
    assert!(cross(Operation::GenerateContent, gemini.as_bytes()).is_ok());
}

#[test]
fn ids_of_calls_and_users_are_such_as_the_target_takes() {
    let user = "u".repeat(150);
    let asked = json!({"model": "m", "max_tokens": 9, "metadata": {"user_id": user}, "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_0123456789", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_0123456789", "content": "x"}]},
    ]});
    let body = asked.to_string();
    let origin = Origin { operation: Operation::Messages, path: "/", body: body.as_bytes() };
    let mistral = Destination { nine_letter_ids: true, takes_user: false, ..to(Dialect::OpenAi) };
    for (destination, nine) in [(to(Dialect::OpenAi), false), (mistral, true)] {
        let crossed = cross_request(&origin, &destination).unwrap();
        let body: Value = serde_json::from_slice(&crossed.body).unwrap();
        let call = body["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
        assert_eq!(body["messages"][2]["tool_call_id"], call);
        assert_eq!(call.len() == 9, nine, "{call}");
        assert!(body.get("user").is_none() && crossed.dropped.contains(&"user"));
    }
    let call =
        json!({"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": "x"}]});
    let crossed = cross(Operation::ChatCompletions, chat.to_string().as_bytes()).unwrap();
    let body: Value = serde_json::from_slice(&crossed.body).unwrap();
    let id = body["messages"][1]["content"][0]["id"].as_str().unwrap();
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{id}");
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], id);
}

#[test]
fn an_answer_that_was_cut_never_looks_whole() {
    let asker = Asker { operation: Operation::Messages, usage_in_stream: true, created: 1 };
    let answer = |finish: &str, arguments: &str| {
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let message = json!({"role": "assistant", "content": "so", "tool_calls": [call]});
        json!({"id": "x", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}).to_string()
    };
    let crossed = |finish: &str, arguments: &str| -> Option<Value> {
        let said = cross_answer(Dialect::OpenAi, asker, answer(finish, arguments).as_bytes()).ok()?;
        serde_json::from_slice(&said).ok()
    };
    for word in ["error", "abort", "insufficient_system_resource"] {
        assert!(crossed(word, "{}").is_none(), "{word}");
        let event = format!(r#"data: {{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{word}"}}]}}"#);
        assert!(StreamCrossing::new(Dialect::OpenAi, asker).feed(format!("{event}\n\n").as_bytes()).is_err());
    }
    assert!(crossed("tool_calls", "{\"a\":").is_none());
    let cut = crossed("length", "{\"a\":").unwrap();
    assert_eq!((&cut["stop_reason"], cut["content"].as_array().unwrap().len()), (&json!("max_tokens"), 1));
}

#[test]
fn clients_find_their_own_word_for_a_prompt_that_is_too_long() {
    let anthropic =
        br#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#;
    let openai = br#"{"error":{"message":"maximum context length is 8","code":"context_length_exceeded"}}"#;
    let told = |from, to, body: &[u8]| -> Value {
        serde_json::from_slice(&cross_error(from, to, 400, body)).unwrap()
    };
    let found = told(Dialect::Anthropic, Dialect::OpenAi, anthropic);
    assert_eq!(found["error"]["code"], "context_length_exceeded");
    let found = told(Dialect::OpenAi, Dialect::Anthropic, openai);
    assert!(found["error"]["message"].as_str().unwrap().starts_with("prompt is too long"), "{found}");
}
