//! What a provider does in a row of the matrix, and how that looks in each dialect, whole and streamed.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::ports::Port;
use crate::support::script::{Chunk, Wait};
use crate::support::{End, FINISH_TEXT, Script, Stream, Whole, answers};

/// One of the four ways in which a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Anthropic messages; else OpenAI chat.
    pub messages: bool,
    /// Streamed; else whole.
    pub stream: bool,
}

impl Way {
    pub const ALL: [Self; 4] = [
        Self { messages: false, stream: false },
        Self { messages: false, stream: true },
        Self { messages: true, stream: false },
        Self { messages: true, stream: true },
    ];

    pub fn name(self) -> &'static str {
        match (self.messages, self.stream) {
            (false, false) => "chat",
            (false, true) => "chat stream",
            (true, false) => "messages",
            (true, true) => "messages stream",
        }
    }

    /// The model's name in this dialect: `s` is the small one, `l` the large one.
    pub fn model(self, letter: char) -> &'static str {
        match (letter, self.messages) {
            ('s', false) => "small",
            ('s', true) => "claude-small",
            (_, false) => "large",
            (_, true) => "claude-large",
        }
    }

    pub fn target(self) -> &'static str {
        if self.messages { "/v1/messages" } else { "/v1/chat/completions" }
    }
}

/// What a provider does.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Answers rightly.
    None,
    /// A port that fails before HTTP begins.
    Port(Port),
    /// A status with the dialect's error body.
    Status(u16),
    /// A status, the error's code, and whether it names the model.
    Coded(u16, &'static str),
    /// 429 with this `retry-after`.
    Limited(&'static str),
    /// 429 with a date as `retry-after`, this many seconds from now.
    LimitedUntil(i64),
    /// Reads the request, never answers.
    Hang,
    /// Reads the request, closes.
    Close,
    /// Reads the request, resets.
    Reset,
    /// The right answer, this many milliseconds late.
    Late(u64),
    /// Half of a whole answer.
    HalfAnswer,
    /// The right length of something that is no longer JSON.
    NotJson,
    /// A page of HTML under 200.
    Page,
    /// An error under 200; in a stream as its first event.
    ErrorInside,
    /// A whole answer or a first event that comes byte by byte.
    Drip,
    /// An answer without content.
    Empty(Void),
    /// A stream that breaks before anything of it was said.
    Early(Breach),
    /// A stream that breaks after its first words.
    Midway(Breach),
    /// A right stream of another text.
    OtherText,
    /// A right stream with an event of an unknown type in it.
    UnknownEvent,
    /// A right stream whose end mark is missing; the connection ends.
    NoEndMark,
    /// A right stream whose end mark is missing; the connection stays open.
    NoEndMarkOpen,
    /// Interim answers, then the right one.
    Interim(usize),
    /// Bytes that are no answer one could frame.
    Raw(&'static str),
}

/// In which way an answer is empty.
#[derive(Clone, Copy, Debug)]
pub enum Void {
    /// No choices, no content.
    Nothing,
    /// Finished by a content filter.
    Filtered,
    /// Finished by the cap.
    Cut,
    /// A tool call and no text.
    Tool,
}

/// How a stream breaks.
#[derive(Clone, Copy, Debug)]
pub enum Breach {
    /// The connection closes without a last chunk.
    Abort,
    /// The connection is reset.
    Reset,
    /// It ends well-framed, without a finish.
    End,
    /// Nothing more comes.
    Silence,
    /// Bytes come one by one and never make an event.
    Drip,
    /// An event that is not JSON.
    NotJson,
    /// An event that is not UTF-8.
    NotUtf8,
    /// A line above its cap.
    LongLine,
}

impl Fault {
    /// Whether a clock has to run out before it is noticed.
    pub fn waits(self) -> bool {
        let silent = |breach| matches!(breach, Breach::Silence | Breach::Drip);
        match self {
            Self::Hang | Self::Drip | Self::Late(_) => true,
            Self::Port(port) => matches!(port, Port::Full | Port::SilentTls),
            Self::Early(breach) | Self::Midway(breach) => silent(breach),
            _ => false,
        }
    }

    /// The script for a way of asking; ports have none.
    pub fn script(self, way: Way) -> Script {
        match self {
            Self::None | Self::Port(_) => Script::Right,
            Self::Status(status) => Script::Status(status, None),
            Self::Coded(status, code) => Script::Whole(Whole::json(status, coded(way, code).to_string())),
            Self::Limited(after) => Script::Status(429, Some(after)),
            Self::LimitedUntil(seconds) => {
                let now = SystemTime::now();
                let by = match u64::try_from(seconds) {
                    Ok(ahead) => now + Duration::from_secs(ahead),
                    Err(_) => now - Duration::from_secs(seconds.unsigned_abs()),
                };
                let body = answers::error(way.target(), 429);
                Script::Whole(Whole::json(429, body).with("retry-after", &httpdate::fmt_http_date(by)))
            }
            Self::Hang => Script::HangBeforeHeaders,
            Self::Close => Script::CloseBeforeHeaders,
            Self::Reset => Script::Reset,
            Self::Late(ms) => Script::After(Duration::from_millis(ms), Box::new(Script::Right)),
            Self::HalfAnswer => Script::TruncatedJson,
            Self::NotJson => Script::BrokenJson,
            Self::Page => Script::Whole(Whole {
                status: 200,
                headers: vec![("content-type".to_owned(), "text/html".to_owned())],
                body: Bytes::from_static(b"<html>Welcome to the hotel</html>"),
            }),
            Self::ErrorInside if way.stream => Script::Stream(Stream::events([error_event(way)])),
            Self::ErrorInside => Script::ErrorBody200,
            Self::Drip => Script::Stream(dripping(way)),
            Self::Empty(void) if way.stream => Script::Stream(empty_stream(way, void)),
            Self::Empty(void) => Script::Whole(Whole::json(200, empty(way, void).to_string())),
            Self::Early(breach) => Script::Stream(broken(way, breach, if way.messages { 2 } else { 1 })),
            Self::Midway(breach) => Script::Stream(broken(way, breach, if way.messages { 4 } else { 2 })),
            Self::UnknownEvent => {
                let mut stream = right(way);
                let unknown = answers::named("something.new", json!({"colour": "red"}));
                stream.chunks.insert(2, Chunk { bytes: unknown, wait: Wait::No });
                Script::Stream(stream)
            }
            Self::OtherText => {
                let mut stream = right(way);
                for chunk in &mut stream.chunks {
                    let text = String::from_utf8(chunk.bytes.to_vec()).unwrap();
                    chunk.bytes = text.replace("Bonjour", "Bonsoir").into();
                }
                Script::Stream(stream)
            }
            Self::NoEndMark => Script::Stream(without_mark(way)),
            Self::NoEndMarkOpen => Script::Stream(without_mark(way).ending(End::Hang)),
            Self::Interim(times) => {
                let heads = ["HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"].repeat(times).concat();
                Script::Informational(heads.leak().as_bytes(), Box::new(Script::Right))
            }
            Self::Raw(bytes) => Script::Raw(Bytes::from_static(bytes.as_bytes())),
        }
    }
}

/// The right stream with everything a provider sends when it is asked for usage.
fn right(way: Way) -> Stream {
    if way.messages { answers::messages_stream("m") } else { answers::chat_stream("m", true) }
}

fn without_mark(way: Way) -> Stream {
    let stream = right(way);
    let keep = stream.chunks.len() - 1;
    stream.cut_after(keep)
}

fn broken(way: Way, breach: Breach, keep: usize) -> Stream {
    let mut stream = right(way).cut_after(keep);
    let mut bytes = |bytes: Vec<u8>| stream.chunks.push(Chunk { bytes: bytes.into(), wait: Wait::No });
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

/// One byte every 60 ms.
fn drops(bytes: &[u8]) -> impl Iterator<Item = Chunk> + '_ {
    let drop = |byte: &u8| Chunk {
        bytes: Bytes::copy_from_slice(&[*byte]),
        wait: Wait::For(Duration::from_millis(60)),
    };
    bytes.iter().map(drop)
}

fn dripping(way: Way) -> Stream {
    let bytes = match (way.stream, way.messages) {
        (true, _) => right(way).chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect(),
        (false, true) => answers::messages("m").body.to_vec(),
        (false, false) => answers::chat("m").body.to_vec(),
    };
    let mut stream = Stream::events(Vec::<Bytes>::new());
    if !way.stream {
        stream.headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    }
    stream.chunks = drops(&bytes).collect();
    stream
}

fn coded(way: Way, code: &str) -> Value {
    let message = format!("the fake provider says {code}");
    if way.messages {
        let details = json!({"error_code": code});
        return json!({"type": "error", "error": {"type": "invalid_request_error", "message": message,
                      "details": details}, "request_id": "req_fake"});
    }
    json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}})
}

fn error_event(way: Way) -> Bytes {
    if way.messages {
        let error = json!({"type": "overloaded_error", "message": "busy"});
        return answers::named("error", json!({"error": error}));
    }
    answers::data(&json!({"error": {"message": "busy", "type": "overloaded_error", "code": null}}))
}

/// What the dialect says of an empty answer: its finish.
fn finish(way: Way, void: Void) -> &'static str {
    match (void, way.messages) {
        (Void::Nothing, false) => "stop",
        (Void::Nothing, true) => "end_turn",
        (Void::Filtered, false) => "content_filter",
        (Void::Filtered, true) => "refusal",
        (Void::Cut, false) => "length",
        (Void::Cut, true) => "max_tokens",
        (Void::Tool, false) => "tool_calls",
        (Void::Tool, true) => "tool_use",
    }
}

fn empty(way: Way, void: Void) -> Value {
    let finish = finish(way, void);
    let mut answer: Value = match way.messages {
        true => serde_json::from_slice(&answers::messages("m").body).unwrap(),
        false => serde_json::from_slice(&answers::chat("m").body).unwrap(),
    };
    if way.messages {
        answer["stop_reason"] = json!(finish);
        answer["content"] = match void {
            Void::Tool => json!([{"type": "tool_use", "id": "t", "name": "f", "input": {}}]),
            _ => json!([]),
        };
        return answer;
    }
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

fn empty_stream(way: Way, void: Void) -> Stream {
    let finish = finish(way, void);
    let tool = matches!(void, Void::Tool);
    let full = right(way);
    let mut stream = right(way).cut_after(1);
    let mut push = |bytes: Bytes| stream.chunks.push(Chunk { bytes, wait: Wait::No });
    if way.messages {
        if tool {
            let block = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
            push(answers::named("content_block_start", json!({"index": 0, "content_block": block})));
            let delta = json!({"type": "input_json_delta", "partial_json": "{}"});
            push(answers::named("content_block_delta", json!({"index": 0, "delta": delta})));
            push(answers::named("content_block_stop", json!({"index": 0})));
        }
        let delta = json!({"stop_reason": finish, "stop_sequence": null});
        push(answers::named("message_delta", json!({"delta": delta, "usage": {"output_tokens": 7}})));
    } else {
        let delta = match tool {
            true => {
                json!({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]})
            }
            false => json!({}),
        };
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        push(answers::data(&chunk));
        push(full.chunks[full.chunks.len() - 2].bytes.clone());
    }
    push(full.chunks[full.chunks.len() - 1].bytes.clone());
    stream
}

/// Whether a body holds the whole right answer.
pub fn says_it_all(way: Way, text: &str) -> bool {
    if !way.stream {
        return text.contains(FINISH_TEXT);
    }
    let ends = if way.messages { "message_stop" } else { "\"finish_reason\":\"stop\"" };
    ["\"Bonjour\"", "\", \"", "\"monde.\""].iter().all(|piece| text.contains(piece)) && text.contains(ends)
}
