//! Right answers of three dialects, as small as real clients accept them (fields after what the SDKs need), and the
//! errors those providers send.

use bytes::Bytes;
use serde_json::{Value, json};

use super::script::{Script, Stream, Whole};

/// Input tokens every right chat answer reports, 5 of them cached (OpenAI counts them in, Anthropic apart).
pub const USAGE_INPUT: u64 = 21;
/// Output tokens every right chat answer reports.
pub const USAGE_OUTPUT: u64 = 7;
/// Text of every right chat answer.
pub const FINISH_TEXT: &str = "Bonjour, monde.";

const DELTAS: [&str; 3] = ["Bonjour", ", ", "monde."];

/// What the path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Chat,
    Messages,
    CountTokens,
    Responses,
    Embeddings,
    Generate,
    StreamGenerate,
    Embed,
    EmbedBatch,
    Models,
    Other,
}

fn kind(target: &str) -> Kind {
    let path = target.split('?').next().unwrap_or_default();
    let endings = [
        ("/chat/completions", Kind::Chat),
        ("/messages", Kind::Messages),
        ("/messages/count_tokens", Kind::CountTokens),
        ("/responses", Kind::Responses),
        ("/embeddings", Kind::Embeddings),
        (":generateContent", Kind::Generate),
        (":streamGenerateContent", Kind::StreamGenerate),
        (":embedContent", Kind::Embed),
        (":batchEmbedContents", Kind::EmbedBatch),
        ("/models", Kind::Models),
    ];
    endings.into_iter().find(|(ending, _)| path.ends_with(ending)).map_or(Kind::Other, |(_, kind)| kind)
}

/// The right answer to a request: whole or streamed as its body asks.
pub fn right(target: &str, body: &[u8]) -> Script {
    let request: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let model = request["model"].as_str().unwrap_or("some-model");
    let streams = request["stream"] == json!(true);
    let wants_usage = request["stream_options"]["include_usage"] == json!(true);
    match (kind(target), streams) {
        (Kind::Chat, false) => Script::Whole(chat(model)),
        (Kind::Chat, true) => Script::Stream(chat_stream(model, wants_usage)),
        (Kind::Messages, false) => Script::Whole(messages(model)),
        (Kind::Messages, true) => Script::Stream(messages_stream(model)),
        (Kind::CountTokens, _) => {
            Script::Whole(Whole::json(200, json!({"input_tokens": USAGE_INPUT}).to_string()))
        }
        (Kind::Responses, false) => Script::Whole(responses(model)),
        (Kind::Responses, true) => Script::Stream(responses_stream(model)),
        (Kind::Embeddings, _) => Script::Whole(embeddings(model, &request)),
        (Kind::Embed, _) => {
            Script::Whole(Whole::json(200, json!({"embedding": {"values": VECTOR}}).to_string()))
        }
        (Kind::EmbedBatch, _) => {
            let all = request["requests"].as_array().map_or(0, Vec::len);
            let vectors = vec![json!({"values": VECTOR}); all];
            Script::Whole(Whole::json(200, json!({"embeddings": vectors}).to_string()))
        }
        (Kind::Generate, _) => Script::Whole(gemini()),
        (Kind::StreamGenerate, _) => Script::Stream(gemini_stream()),
        (Kind::Models, _) => {
            Script::Whole(Whole::json(200, json!({"object": "list", "data": []}).to_string()))
        }
        (Kind::Other, _) => Script::Whole(Whole::json(200, json!({"ok": true}).to_string())),
    }
}

/// OpenAI chat, whole.
pub fn chat(model: &str) -> Whole {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": FINISH_TEXT, "refusal": null},
                     "logprobs": null, "finish_reason": "stop"}],
        "usage": chat_usage(), "service_tier": "default",
    });
    Whole::json(200, body.to_string()).with("x-request-id", "req_fake_openai")
}

/// OpenAI chat, streamed: role, three deltas, the finish, usage when asked for, the end mark.
pub fn chat_stream(model: &str, usage: bool) -> Stream {
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000,
                               "model": model, "choices": choices});
        if !usage.is_null() {
            chunk["usage"] = usage;
        }
        data(&chunk)
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]), Value::Null)
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}), Value::Null)];
    events.extend(DELTAS.map(|text| delta(json!({"content": text}), Value::Null)));
    events.push(delta(json!({}), json!("stop")));
    if usage {
        events.push(chunk(json!([]), chat_usage()));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Stream::events(events).with("x-request-id", "req_fake_openai")
}

fn chat_usage() -> Value {
    json!({"prompt_tokens": USAGE_INPUT, "completion_tokens": USAGE_OUTPUT,
           "total_tokens": USAGE_INPUT + USAGE_OUTPUT, "prompt_tokens_details": {"cached_tokens": 5}})
}

/// Anthropic messages, whole.
pub fn messages(model: &str) -> Whole {
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model,
        "content": [{"type": "text", "text": FINISH_TEXT}],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": messages_usage(USAGE_OUTPUT),
    });
    Whole::json(200, body.to_string()).with("request-id", "req_fake_anthropic")
}

/// Anthropic messages, streamed.
pub fn messages_stream(model: &str) -> Stream {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [],
                         "stop_reason": null, "stop_sequence": null, "usage": messages_usage(1)});
    let block = json!({"type": "text", "text": ""});
    let mut events = vec![
        named("message_start", json!({"message": message})),
        named("content_block_start", json!({"index": 0, "content_block": block})),
        named("ping", json!({})),
    ];
    events.extend(DELTAS.map(|text| {
        named("content_block_delta", json!({"index": 0, "delta": {"type": "text_delta", "text": text}}))
    }));
    let usage = json!({"output_tokens": USAGE_OUTPUT});
    let delta = json!({"stop_reason": "end_turn", "stop_sequence": null});
    events.push(named("content_block_stop", json!({"index": 0})));
    events.push(named("message_delta", json!({"delta": delta, "usage": usage})));
    events.push(named("message_stop", json!({})));
    Stream::events(events).with("request-id", "req_fake_anthropic")
}

fn messages_usage(output: u64) -> Value {
    json!({"input_tokens": USAGE_INPUT - 5, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0,
           "output_tokens": output})
}

/// OpenAI responses, whole.
pub fn responses(model: &str) -> Whole {
    let output = json!([message_item("completed", json!([output_text(FINISH_TEXT)]))]);
    Whole::json(200, response(model, "completed", output).to_string()).with("x-request-id", "req_fake_openai")
}

/// A response with this output: what a stream opens with has none yet, and no usage.
pub fn response(model: &str, status: &str, output: Value) -> Value {
    let usage = json!({"input_tokens": USAGE_INPUT, "input_tokens_details": {"cached_tokens": 5},
                       "output_tokens": USAGE_OUTPUT, "output_tokens_details": {"reasoning_tokens": 0},
                       "total_tokens": USAGE_INPUT + USAGE_OUTPUT});
    let usage = if status == "in_progress" { Value::Null } else { usage };
    json!({"id": "resp_1", "object": "response", "created_at": 1_790_000_000, "status": status, "model": model,
           "error": null, "incomplete_details": null, "output": output, "usage": usage})
}

fn message_item(status: &str, content: Value) -> Value {
    json!({"type": "message", "id": "msg_1", "status": status, "role": "assistant", "content": content})
}

fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

/// OpenAI responses, streamed: four events before the first words, four behind the last.
pub fn responses_stream(model: &str) -> Stream {
    let whole = message_item("completed", json!([output_text(FINISH_TEXT)]));
    let at = |mut value: Value| {
        value["item_id"] = json!("msg_1");
        value["output_index"] = json!(0);
        value["content_index"] = json!(0);
        value
    };
    let item = |item: Value| json!({"output_index": 0, "item": item});
    let opened = || json!({"response": response(model, "in_progress", json!([]))});
    let mut events = vec![
        ("response.created", opened()),
        ("response.in_progress", opened()),
        ("response.output_item.added", item(message_item("in_progress", json!([])))),
        ("response.content_part.added", at(json!({"part": output_text("")}))),
    ];
    events.extend(DELTAS.map(|text| ("response.output_text.delta", at(json!({"delta": text})))));
    events.extend([
        ("response.output_text.done", at(json!({"text": FINISH_TEXT}))),
        ("response.content_part.done", at(json!({"part": output_text(FINISH_TEXT)}))),
        ("response.output_item.done", item(whole.clone())),
        ("response.completed", json!({"response": response(model, "completed", json!([whole]))})),
    ]);
    let numbered = (0..).zip(events).map(|(number, (name, mut value))| {
        value["sequence_number"] = json!(number);
        named(name, value)
    });
    Stream::events(numbered).with("x-request-id", "req_fake_openai")
}

/// The vector of any text; OpenAI writes it as `AACAPwAAAAA=` where it is asked for base64.
const VECTOR: [f32; 2] = [1.0, 0.0];

/// OpenAI's vectors, one a text.
fn embeddings(model: &str, request: &Value) -> Whole {
    let vector = match request["encoding_format"] == "base64" {
        true => json!("AACAPwAAAAA="),
        false => json!(VECTOR),
    };
    let texts = request["input"].as_array().filter(|list| list.iter().all(|item| !item.is_number()));
    let data = 0..texts.map_or(1, Vec::len);
    let data = data.map(|index| json!({"object": "embedding", "index": index, "embedding": vector}));
    let body = json!({"object": "list", "model": model, "data": data.collect::<Vec<_>>(),
                      "usage": {"prompt_tokens": USAGE_INPUT, "total_tokens": USAGE_INPUT}});
    Whole::json(200, body.to_string())
}

/// Gemini, whole.
pub fn gemini() -> Whole {
    Whole::json(200, candidate(json!([{"text": FINISH_TEXT}]), Some("STOP")).to_string())
}

/// Gemini, streamed: an opening without a word, three pieces, the last of which finishes; there is no end mark.
pub fn gemini_stream() -> Stream {
    let [first, second, last] = DELTAS.map(|text| json!([{"text": text}]));
    let events = [(json!([{"text": ""}]), None), (first, None), (second, None), (last, Some("STOP"))];
    Stream::events(events.map(|(parts, finish)| data(&candidate(parts, finish))))
}

/// A whole answer of Gemini's with these parts, or an event of a stream; what it wrote is counted in the last one.
pub fn candidate(parts: Value, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    let mut usage = json!({"promptTokenCount": USAGE_INPUT, "cachedContentTokenCount": 5, "totalTokenCount": USAGE_INPUT});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
        usage["candidatesTokenCount"] = json!(USAGE_OUTPUT);
        usage["totalTokenCount"] = json!(USAGE_INPUT + USAGE_OUTPUT);
    }
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-fake", "responseId": "resp_g"})
}

/// The error body a provider sends with a status.
pub fn error(target: &str, status: u16) -> Bytes {
    let kind_word = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        _ => "api_error",
    };
    let message = format!("the fake provider answers {status}");
    let body = match kind(target) {
        Kind::Messages | Kind::CountTokens => {
            json!({"type": "error", "error": {"type": kind_word, "message": message}, "request_id": "req_fake"})
        }
        Kind::Generate | Kind::StreamGenerate | Kind::Embed | Kind::EmbedBatch => {
            json!({"error": {"code": status, "message": message, "status": gemini_status(status)}})
        }
        _ => json!({"error": {"message": message, "type": kind_word, "param": null, "code": null}}),
    };
    Bytes::from(body.to_string())
}

/// Gemini's word for a status.
pub fn gemini_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        408 | 504 => "DEADLINE_EXCEEDED",
        400..500 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

/// One data-only event.
pub fn data(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

/// One event with a name; the name is its `type` as well.
pub fn named(name: &str, mut value: Value) -> Bytes {
    value["type"] = json!(name);
    Bytes::from(format!("event: {name}\ndata: {value}\n\n"))
}
