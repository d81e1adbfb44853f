//! Golden requests, answers and streams of Responses clients; what is in the way of theirs.

use serde_json::{Value, json};

use super::mirror;
use crate::codec::cross::{
    Asker, Destination, Obstacle, Origin, StreamCrossing, as_stream, cross_answer, cross_request,
};
use crate::codec::tee::StreamTee;
use crate::types::{Dialect, Operation};

const ASKER: Asker = Asker { operation: Operation::Responses, usage_in_stream: false, created: 7 };

fn cross(to: Dialect, body: &Value) -> Result<(Value, Vec<&'static str>), Obstacle> {
    let body = body.to_string();
    let origin = Origin { operation: Operation::Responses, path: "/v1/responses", body: body.as_bytes() };
    let to = Destination {
        dialect: to,
        model: "m-1",
        max_output_tokens: 90,
        max_tokens_key: false,
        asks_for_usage: true,
        nine_letter_ids: false,
        takes_user: true,
    };
    let crossed = cross_request(&origin, &to)?;
    Ok((serde_json::from_slice(&crossed.body).unwrap(), crossed.dropped))
}

fn two_turns() -> Value {
    json!({
        "model": "auto", "store": false, "stream": true, "max_output_tokens": 50, "temperature": 0.5,
        "instructions": "A", "parallel_tool_calls": false, "tool_choice": {"type": "function", "name": "f"},
        "reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k", "text": {"verbosity": "medium", "format":
            {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}},
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "B"}]},
            {"role": "user", "content": [
                {"type": "input_text", "text": "see"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}]},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "so", "annotations": [], "logprobs": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{\"a\": 1.50}",
                "status": "completed"},
            {"type": "function_call", "call_id": "c2", "name": "g", "arguments": ""},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
            {"role": "user", "content": "go"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true},
            {"type": "function", "name": "g", "description": "d", "parameters": null}],
    })
}

#[test]
fn a_conversation_with_tools_becomes_messages() {
    let (body, dropped) = cross(Dialect::Anthropic, &two_turns()).unwrap();
    let want = json!({
        "model": "m-1", "max_tokens": 50, "stream": true, "temperature": 0.5,
        "system": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "so"},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1.50}},
                {"type": "tool_use", "id": "c2", "name": "g", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "two"}]},
            {"role": "user", "content": "go"},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "strict": true},
            {"name": "g", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    });
    assert_eq!(body, want);
    let names = ["include", "prompt_cache_key", "reasoning.summary", "response_format.json_schema.name"];
    assert_eq!(dropped, names);
}

#[test]
fn a_conversation_with_tools_becomes_chat() {
    let (body, _) = cross(Dialect::OpenAi, &two_turns()).unwrap();
    let call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let messages = json!([
        {"role": "system", "content": "A"},
        {"role": "system", "content": "B"},
        {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
        {"role": "assistant", "content": "so",
            "tool_calls": [call("c1", "f", "{\"a\": 1.50}"), call("c2", "g", "{}")]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "user", "content": "go"},
    ]);
    assert_eq!(body["messages"], messages);
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
    assert_eq!((&body["reasoning_effort"], &body["max_completion_tokens"]), (&json!("high"), &json!(50)));
    let schema = json!({"type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}});
    assert_eq!(body["response_format"], schema);
}

#[test]
fn what_cannot_be_said_or_kept_is_named() {
    let item = |item: Value| json!({"input": [{"role": "user", "content": "x"}, item]});
    let asked = |part: Value| item(json!({"role": "user", "content": [part]}));
    for (more, param) in [
        (json!({"store": true}), "store"),
        (json!({"store": null}), "store"),
        (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
        (json!({"conversation": "conv_1"}), "conversation"),
        (json!({"background": true}), "background"),
        (json!({"prompt": {"id": "p"}}), "prompt"),
        (json!({"truncation": "auto"}), "truncation"),
        (json!({"context_management": []}), "context_management"),
        (json!({"max_tool_calls": 3}), "max_tool_calls"),
        (json!({"top_logprobs": 2}), "top_logprobs"),
        (json!({"service_tier": "flex"}), "service_tier"),
        (json!({"include": ["message.output_text.logprobs"]}), "include"),
        (json!({"text": {"verbosity": "low"}}), "text.verbosity"),
        (json!({"text": {"format": {"type": "grammar"}}}), "text.format"),
        (json!({"text": {"format": {"type": "json_object"}}}), "text.format"),
        (json!({"reasoning": {"effort": "minimal"}}), "reasoning.effort"),
        (json!({"reasoning": {"effort": "wild"}}), "reasoning.effort"),
        (json!({"reasoning": {"odd": 1}}), "reasoning.odd"),
        (json!({"brand_new": 1}), "brand_new"),
        (json!({"input": []}), "input"),
        (json!({"input": [{"role": "assistant", "content": "I"}]}), "input"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[].type"),
        (json!({"tools": [{"type": "custom", "name": "x"}]}), "tools[].type"),
        (json!({"tool_choice": {"type": "custom", "name": "x"}}), "tool_choice"),
        (item(json!({"type": "reasoning", "id": "rs_1", "summary": []})), "input[].reasoning"),
        (item(json!({"type": "item_reference", "id": "msg_1"})), "input[].item_reference"),
        (item(json!({"type": "web_search_call", "id": "ws_1"})), "input[].web_search_call"),
        (
            item(json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{oops"})),
            "input[].arguments",
        ),
        (item(json!({"role": "critic", "content": "x"})), "input[].role"),
        (asked(json!({"type": "input_image", "file_id": "file_1"})), "input[].content[].file_id"),
        (asked(json!({"type": "input_audio", "input_audio": {}})), "input[].content[].input_audio"),
        (asked(json!({"type": "input_text", "text": "x", "odd": 1})), "input[].content[].odd"),
    ] {
        let mut body = json!({"model": "m", "store": false, "input": "hi"});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let found = cross(Dialect::Anthropic, &body).map_err(|obstacle| obstacle.param);
        assert_eq!(found.map(|(body, _)| body), Err(param.to_owned()), "{body}");
    }
    let mut silent = json!({"model": "m", "input": "hi"});
    assert_eq!(cross(Dialect::OpenAi, &silent).unwrap_err().param, "store");
    silent["store"] = json!(false);
    assert!(cross(Dialect::OpenAi, &silent).is_ok());
}

const MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"h\",\"content\":[],\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"é\\n\"}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":4}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const BEGUN: &str = r#"{"id":"m","object":"response","created_at":7,"status":"in_progress","error":null,"incomplete_details":null,"model":"h","store":false,"output":[],"usage":null}"#;
const MESSAGE: &str = r#"{"id":"msg_m_0","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"é\n","annotations":[],"logprobs":[]}]}"#;
const CALL: &str = r#"{"id":"fc_m_1","type":"function_call","status":"completed","call_id":"t","name":"f","arguments":"{}"}"#;

/// Name of each event and what stands behind its number.
fn events() -> Vec<(&'static str, String)> {
    let at = r#""item_id":"msg_m_0","output_index":0,"content_index":0"#;
    let done = format!(
        r#"{{"id":"m","object":"response","created_at":7,"status":"completed","error":null,"incomplete_details":null,"model":"h","store":false,"output":[{MESSAGE},{CALL}],"usage":{{"input_tokens":5,"input_tokens_details":{{"cached_tokens":0}},"output_tokens":4,"output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":9}}}}"#
    );
    let item = |index: u32, item: &str| format!(r#""output_index":{index},"item":{item}"#);
    vec![
        ("response.created", format!(r#""response":{BEGUN}"#)),
        ("response.in_progress", format!(r#""response":{BEGUN}"#)),
        (
            "response.output_item.added",
            item(
                0,
                r#"{"id":"msg_m_0","type":"message","status":"in_progress","role":"assistant","content":[]}"#,
            ),
        ),
        (
            "response.content_part.added",
            format!(r#"{at},"part":{{"type":"output_text","text":"","annotations":[],"logprobs":[]}}"#),
        ),
        ("response.output_text.delta", format!(r#"{at},"delta":"é\n","logprobs":[]"#)),
        ("response.output_text.done", format!(r#"{at},"text":"é\n","logprobs":[]"#)),
        (
            "response.content_part.done",
            format!(r#"{at},"part":{{"type":"output_text","text":"é\n","annotations":[],"logprobs":[]}}"#),
        ),
        ("response.output_item.done", item(0, MESSAGE)),
        (
            "response.output_item.added",
            item(
                1,
                r#"{"id":"fc_m_1","type":"function_call","status":"in_progress","call_id":"t","name":"f","arguments":""}"#,
            ),
        ),
        (
            "response.function_call_arguments.delta",
            r#""item_id":"fc_m_1","output_index":1,"delta":"{}""#.to_owned(),
        ),
        (
            "response.function_call_arguments.done",
            r#""item_id":"fc_m_1","output_index":1,"name":"f","arguments":"{}""#.to_owned(),
        ),
        ("response.output_item.done", item(1, CALL)),
        ("response.completed", format!(r#""response":{done}"#)),
    ]
}

fn told(pieces: &[&[u8]]) -> String {
    let mut crossing = StreamCrossing::new(Dialect::Anthropic, ASKER);
    let mut out = Vec::new();
    pieces.iter().for_each(|piece| out.extend_from_slice(&crossing.feed(piece).unwrap()));
    out.extend_from_slice(&crossing.finish());
    String::from_utf8(out).unwrap()
}

#[test]
fn streams_have_the_events_that_sdks_need_however_they_are_cut() {
    let event = |(at, (kind, rest)): (usize, (&str, String))| {
        format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{at},{rest}}}\n\n")
    };
    let want: String = events().into_iter().enumerate().map(event).collect();
    let bytes = MESSAGES.as_bytes();
    for cut in 0..=bytes.len() {
        assert_eq!(told(&[&bytes[..cut], &bytes[cut..]]), want, "cut at {cut}");
    }
    assert_eq!(told(&bytes.chunks(1).collect::<Vec<_>>()), want);
    let mut tee = StreamTee::new(Dialect::OpenAi, false);
    tee.feed(want.into()).unwrap();
    let end = tee.end();
    assert!(end.finished && end.has_content && end.usage_final, "{end:?}");
    assert_eq!(end.usage.map(|usage| usage.total_output()), Some(4));
}

#[test]
fn what_is_kept_for_the_last_event_is_told() {
    let mut crossing = StreamCrossing::new(Dialect::Anthropic, ASKER);
    crossing.feed(MESSAGES.as_bytes()).unwrap();
    assert!((200..500).contains(&crossing.kept()), "{}", crossing.kept());
}

#[test]
fn answers_are_told_whole_and_streamed_alike() {
    let chat = |message: Value, finish: &str| {
        let usage = json!({"prompt_tokens": 3, "completion_tokens": 2});
        json!({"id": "c", "model": "g", "usage": usage,
               "choices": [{"message": message, "finish_reason": finish}]})
        .to_string()
    };
    let calls = json!([{"id": "t", "function": {"name": "f", "arguments": ""}}]);
    for (body, status, reason) in [
        (chat(json!({"content": "4"}), "stop"), "completed", Value::Null),
        (chat(json!({"content": "4", "tool_calls": calls}), "tool_calls"), "completed", Value::Null),
        (chat(json!({"content": null, "refusal": "no"}), "stop"), "completed", Value::Null),
        (chat(json!({"content": "4"}), "length"), "incomplete", json!("max_output_tokens")),
        (chat(json!({"content": "4"}), "content_filter"), "incomplete", json!("content_filter")),
    ] {
        let whole = cross_answer(Dialect::OpenAi, ASKER, body.as_bytes()).unwrap();
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!((&whole["status"], &whole["incomplete_details"]["reason"]), (&json!(status), &reason));
        assert_eq!((&whole["created_at"], &whole["object"]), (&json!(7), &json!("response")));
        let stream = as_stream(Dialect::OpenAi, ASKER, body.as_bytes()).unwrap();
        mirror::read_stream(&stream);
        let last = String::from_utf8_lossy(&stream).trim_end().rsplit("data: ").next().unwrap().to_owned();
        assert_eq!(serde_json::from_str::<Value>(&last).unwrap()["response"], whole);
    }
}
