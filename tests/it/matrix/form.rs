//! How answers, streams and errors look in each dialect: right ones, empty ones, broken ones.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::fault::{Breach, Void};
use super::way::{Api, Way};
use crate::support::script::{Chunk, Wait};
use crate::support::{End, FINISH_TEXT, Stream, answers};

/// The right stream with everything a provider sends when it is asked for usage.
pub fn right(way: Way) -> Stream {
    match way.api {
        Api::Chat => answers::chat_stream("m", true),
        Api::Messages => answers::messages_stream("m"),
        Api::Responses => answers::responses_stream("m"),
        Api::Gemini => answers::gemini_stream(),
    }
}

/// How many of its events come before its first words, at least one of which says nothing; a ping more is none of them.
pub fn opening(way: Way) -> usize {
    match way.api {
        Api::Chat | Api::Gemini => 1,
        Api::Messages => 3,
        Api::Responses => 4,
    }
}

/// The right stream without what stands behind its finish.
pub fn without_mark(way: Way) -> Stream {
    let stream = right(way);
    let mark = match way.api {
        Api::Chat | Api::Messages => 1,
        Api::Responses | Api::Gemini => 0,
    };
    let keep = stream.chunks.len() - mark;
    stream.cut_after(keep)
}

/// A right stream with an event of a type that nobody knows behind its opening.
pub fn with_unknown_event(way: Way) -> Stream {
    let mut stream = right(way);
    let unknown = match way.api {
        Api::Gemini => answers::data(&json!({"colour": "red"})),
        Api::Chat | Api::Messages | Api::Responses => {
            answers::named("something.new", json!({"colour": "red"}))
        }
    };
    stream.chunks.insert(opening(way), chunk(unknown));
    stream
}

/// The beginning of a right stream, and what breaks it.
pub fn broken(way: Way, breach: Breach, keep: usize) -> Stream {
    let mut stream = right(way).cut_after(keep);
    let mut bytes = |bytes: Vec<u8>| stream.chunks.push(chunk(bytes.into()));
    match breach {
        Breach::Abort => return stream.ending(End::Abort),
        Breach::Reset => return stream.ending(End::Reset),
        Breach::End => return stream,
        Breach::Silence => return stream.ending(End::Hang),
        Breach::Drip => {
            stream.chunks.extend(drops(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Never"));
            return stream.ending(End::Hang);
        }
        Breach::NotJson => bytes(b"data: {\"choices\":[{\"delta\n\n".to_vec()),
        Breach::NotUtf8 => bytes(b"data: {\"text\":\"\xff\xfe\"}\n\n".to_vec()),
        Breach::LongLine => bytes([b"data: {\"text\":\"".as_slice(), &[b'x'; 2 << 20], b"\"}\n\n"].concat()),
    }
    let rest = right(way).chunks;
    stream.chunks.extend(rest.into_iter().skip(keep));
    stream
}

fn chunk(bytes: Bytes) -> Chunk {
    Chunk { bytes, wait: Wait::No }
}

/// One byte every 60 ms.
fn drops(bytes: &[u8]) -> impl Iterator<Item = Chunk> + '_ {
    let drop = |byte: &u8| Chunk {
        bytes: Bytes::copy_from_slice(&[*byte]),
        wait: Wait::For(Duration::from_millis(60)),
    };
    bytes.iter().map(drop)
}

/// The right answer byte by byte.
pub fn dripping(way: Way) -> Stream {
    if way.stream {
        let all: Vec<u8> = right(way).chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect();
        let mut stream = Stream::events(Vec::<Bytes>::new());
        stream.chunks = drops(&all).collect();
        return stream;
    }
    let mut stream = Stream::events(Vec::<Bytes>::new());
    stream.headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    stream.chunks = drops(&whole(way)).collect();
    stream
}

/// The right whole answer.
fn whole(way: Way) -> Bytes {
    match way.api {
        Api::Chat => answers::chat("m").body,
        Api::Messages => answers::messages("m").body,
        Api::Responses => answers::responses("m").body,
        Api::Gemini => answers::gemini().body,
    }
}

/// An error with a code of the provider's. Gemini has few of its own: for most it has a sentence.
pub fn coded(way: Way, status: u16, code: &str) -> Value {
    let message = format!("the fake provider says {code}");
    match way.api {
        Api::Messages => json!({
            "type": "error", "request_id": "req_fake",
            "error": {"type": "invalid_request_error", "message": message, "details": {"error_code": code}},
        }),
        Api::Chat | Api::Responses => json!({
            "error": {"message": message, "type": "invalid_request_error", "param": null, "code": code},
        }),
        Api::Gemini => {
            let sentence = match code {
                "context_length_exceeded" => {
                    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
                }
                "model_not_found" => {
                    "models/m is not found for API version v1beta, or is not supported for generateContent."
                }
                "API_KEY_INVALID" => "API key not valid. Please pass a valid API key.",
                _ => &message,
            };
            let mut error =
                json!({"code": status, "message": sentence, "status": answers::gemini_status(status)});
            if code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
                error["details"] = json!([
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code, "domain": "googleapis.com"},
                ]);
            }
            json!({"error": error})
        }
    }
}

/// Gemini's 429: how long to wait stands in the body, and no header says it.
pub fn retry_info(after: &str) -> Value {
    json!({"error": {
        "code": 429, "status": "RESOURCE_EXHAUSTED",
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaValue": "5"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{after}s")},
        ],
    }})
}

/// A stream whose first event that says anything says that the provider is overloaded.
pub fn error_inside(way: Way) -> Stream {
    let error = json!({"type": "overloaded_error", "message": "busy"});
    match way.api {
        Api::Chat => Stream::events([answers::data(
            &json!({"error": {"message": "busy", "type": "overloaded_error", "code": null}}),
        )]),
        Api::Messages => Stream::events([answers::named("error", json!({"error": error}))]),
        Api::Responses => {
            let mut response = answers::response("m", "failed", json!([]));
            response["error"] = json!({"code": "server_is_overloaded", "message": "busy"});
            response["usage"] = Value::Null;
            let mut stream = right(way).cut_after(2);
            let failed =
                answers::named("response.failed", json!({"response": response, "sequence_number": 2}));
            stream.chunks.push(chunk(failed));
            stream
        }
        Api::Gemini => Stream::events([answers::data(
            &json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
        )]),
    }
}

/// What the dialect says of an empty answer: its finish.
fn finish(way: Way, void: Void) -> &'static str {
    let [chat, messages, responses, gemini] = match void {
        Void::Nothing => ["stop", "end_turn", "completed", "STOP"],
        Void::Filtered | Void::Blocked => ["content_filter", "refusal", "content_filter", "SAFETY"],
        Void::Cut => ["length", "max_tokens", "max_output_tokens", "MAX_TOKENS"],
        Void::Tool => ["tool_calls", "tool_use", "completed", "STOP"],
    };
    match way.api {
        Api::Chat => chat,
        Api::Messages => messages,
        Api::Responses => responses,
        Api::Gemini => gemini,
    }
}

/// An answer without a text.
pub fn empty(way: Way, void: Void) -> Value {
    let finish = finish(way, void);
    match way.api {
        Api::Chat => empty_chat(void, finish),
        Api::Messages => {
            let mut answer: Value = serde_json::from_slice(&whole(way)).unwrap();
            answer["stop_reason"] = json!(finish);
            answer["content"] = match void {
                Void::Tool => json!([{"type": "tool_use", "id": "t", "name": "f", "input": {}}]),
                _ => json!([]),
            };
            answer
        }
        Api::Responses => empty_response(void, finish),
        Api::Gemini => match void {
            Void::Blocked => {
                let mut answer = answers::candidate(json!([]), Some(finish));
                answer.as_object_mut().unwrap().remove("candidates");
                answer["promptFeedback"] = json!({"blockReason": "PROHIBITED_CONTENT"});
                answer
            }
            Void::Tool => {
                answers::candidate(json!([{"functionCall": {"name": "f", "args": {}}}]), Some(finish))
            }
            Void::Nothing | Void::Filtered | Void::Cut => answers::candidate(json!([]), Some(finish)),
        },
    }
}

fn empty_chat(void: Void, finish: &str) -> Value {
    let mut answer: Value = serde_json::from_slice(&answers::chat("m").body).unwrap();
    let message = match void {
        Void::Tool => json!({"role": "assistant", "content": null, "tool_calls":
            [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}),
        _ => json!({"role": "assistant", "content": "", "refusal": null}),
    };
    answer["choices"] = match void {
        Void::Nothing => json!([]),
        _ => json!([{"index": 0, "message": message, "finish_reason": finish}]),
    };
    answer
}

fn empty_response(void: Void, finish: &str) -> Value {
    let output = match void {
        Void::Tool => json!([{"type": "function_call", "id": "fc_1", "call_id": "t", "name": "f",
                              "arguments": "{}", "status": "completed"}]),
        _ => json!([]),
    };
    if finish == "completed" {
        return answers::response("m", finish, output);
    }
    let mut answer = answers::response("m", "incomplete", output);
    answer["incomplete_details"] = json!({"reason": finish});
    answer
}

/// The same as a stream.
pub fn empty_stream(way: Way, void: Void) -> Stream {
    let full = right(way).chunks;
    let keep = if way.api == Api::Responses { 2 } else { 1 };
    let mut stream = right(way).cut_after(keep);
    let events = match way.api {
        Api::Chat => {
            let behind = full[full.len() - 2..].iter().map(|chunk| chunk.bytes.clone());
            std::iter::once(empty_chunk(way, void)).chain(behind).collect()
        }
        Api::Messages => {
            let mut events = empty_blocks(way, void);
            events.push(full[full.len() - 1].bytes.clone());
            events
        }
        Api::Responses => empty_events(way, void),
        Api::Gemini => vec![answers::data(&empty(way, void))],
    };
    stream.chunks.extend(events.into_iter().map(chunk));
    stream
}

fn empty_chunk(way: Way, void: Void) -> Bytes {
    let delta = match void {
        Void::Tool => {
            json!({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]})
        }
        _ => json!({}),
    };
    answers::data(&json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish(way, void)}],
    }))
}

fn empty_blocks(way: Way, void: Void) -> Vec<Bytes> {
    let mut events = Vec::new();
    if matches!(void, Void::Tool) {
        let block = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
        events.push(answers::named("content_block_start", json!({"index": 0, "content_block": block})));
        let delta = json!({"type": "input_json_delta", "partial_json": "{}"});
        events.push(answers::named("content_block_delta", json!({"index": 0, "delta": delta})));
        events.push(answers::named("content_block_stop", json!({"index": 0})));
    }
    let delta = json!({"stop_reason": finish(way, void), "stop_sequence": null});
    events.push(answers::named("message_delta", json!({"delta": delta, "usage": {"output_tokens": 7}})));
    events
}

fn empty_events(way: Way, void: Void) -> Vec<Bytes> {
    let response = empty(way, void);
    let mut events = Vec::new();
    if let Some(call) = response["output"].get(0) {
        let at = |mut value: Value| {
            value["output_index"] = json!(0);
            value["item_id"] = json!("fc_1");
            value
        };
        let mut begun = call.clone();
        begun["arguments"] = json!("");
        events.push(answers::named("response.output_item.added", at(json!({"item": begun}))));
        events.push(answers::named("response.function_call_arguments.delta", at(json!({"delta": "{}"}))));
        events.push(answers::named("response.function_call_arguments.done", at(json!({"arguments": "{}"}))));
        events.push(answers::named("response.output_item.done", at(json!({"item": call}))));
    }
    let name = format!("response.{}", response["status"].as_str().unwrap());
    events.push(answers::named(&name, json!({"response": response})));
    events
}

/// Whether a body holds the whole right answer.
pub fn says_it_all(way: Way, text: &str) -> bool {
    if !way.stream {
        return text.contains(FINISH_TEXT);
    }
    let pieces = ["\"Bonjour\"", "\", \"", "\"monde.\"", way.finish_words()[0]];
    pieces.iter().all(|piece| text.contains(piece))
}
