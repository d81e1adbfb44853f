use super::*;
use crate::types::FailureClass;
use proptest::prelude::*;

const CHAT: &str = concat!(
    ": hello\n\n",
    r#"data: {"id":"c","model":"gpt-x","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"c","model":"gpt-x","choices":[{"index":0,"delta":{"content":"Hé"},"finish_reason":null}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"c","model":"gpt-x","choices":[{"index":0,"delta":{"content":"say \"usage\":{\n"},"finish_reason":null}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"c","model":"gpt-x","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"c","model":"gpt-x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"c","model":"gpt-x","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#,
    "\n\n",
    "data: [DONE]\n\n",
);

const MESSAGES: &str = concat!(
    "event: message_start\r\n",
    r#"data: {"type":"message_start","message":{"id":"m","model":"claude-x","content":[],"usage":{"input_tokens":9,"cache_read_input_tokens":3,"output_tokens":1}}}"#,
    "\r\n\r\n",
    "event: content_block_start\r\n",
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    "\r\n\r\n",
    "event: ping\r\n",
    r#"data: {"type":"ping"}"#,
    "\r\n\r\n",
    "event: content_block_delta\r\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hé"}}"#,
    "\r\n\r\n",
    "event: content_block_delta\r\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"llo"}}"#,
    "\r\n\r\n",
    "event: content_block_stop\r\n",
    r#"data: {"type":"content_block_stop","index":0}"#,
    "\r\n\r\n",
    "event: content_block_start\r\n",
    r#"data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
    "\r\n\r\n",
    "event: content_block_delta\r\n",
    r#"data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
    "\r\n\r\n",
    "event: message_delta\r\n",
    r#"data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":40}}"#,
    "\r\n\r\n",
    "event: message_stop\r\n",
    r#"data: {"type":"message_stop"}"#,
    "\r\n\r\n",
);

/// Feeds the pieces; what went out, and what it came to.
fn run<'a>(
    dialect: Dialect,
    hide: bool,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(String, StreamEnd), StreamFault> {
    let mut tee = StreamTee::new(dialect, hide);
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&tee.feed(Bytes::copy_from_slice(piece))?);
    }
    out.extend_from_slice(&tee.rest());
    Ok((String::from_utf8_lossy(&out).into_owned(), tee.end()))
}

/// Every way to cut the stream once, and byte by byte.
#[track_caller]
fn check(dialect: Dialect, hide: bool, stream: &str, forwarded: &str, end: &StreamEnd) {
    for cut in 0..=stream.len() {
        let (head, tail) = stream.as_bytes().split_at(cut);
        let (out, found) = run(dialect, hide, [head, tail]).unwrap();
        assert_eq!(out, forwarded, "cut at {cut}");
        assert_eq!(&found, end, "cut at {cut}");
    }
    let (out, found) = run(dialect, hide, stream.as_bytes().chunks(1)).unwrap();
    assert_eq!((out.as_str(), &found), (forwarded, end), "byte by byte");
}

fn chat_end() -> StreamEnd {
    StreamEnd {
        finished: true,
        usage: Some(Usage { input: 9, output: 4, ..Usage::default() }),
        usage_final: true,
        finish: Some(Finish::Stop),
        output_bytes: "Hé".len() as u64 + r#"say \"usage\":{\n"#.len() as u64 + 2,
        has_content: true,
        model: Some("gpt-x".to_owned()),
    }
}

#[test]
fn a_chat_stream_is_forwarded_byte_for_byte_and_understood() {
    check(Dialect::OpenAi, false, CHAT, CHAT, &chat_end());
}

#[test]
fn the_usage_chunk_is_kept_back_only_when_we_asked_for_it() {
    let start = CHAT.find(r#"data: {"id":"c","model":"gpt-x","choices":[],"#).unwrap();
    let without = format!("{}data: [DONE]\n\n", &CHAT[..start]);
    check(Dialect::OpenAi, true, CHAT, &without, &chat_end());
    // Azure's first chunk has no choices either, but no usage
    let azure = "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1}}\n\n";
    let (out, end) = run(Dialect::OpenAi, true, [azure.as_bytes()]).unwrap();
    assert_eq!(out, azure);
    assert!(end.usage.is_some());
}

#[test]
fn a_messages_stream_is_forwarded_byte_for_byte_and_understood() {
    let end = StreamEnd {
        finished: true,
        usage: Some(Usage { input: 9, cache_read: 3, output: 40, ..Usage::default() }),
        usage_final: true,
        finish: Some(Finish::ToolCalls),
        output_bytes: "Héllo".len() as u64 + r#"{\"a\":1}"#.len() as u64,
        has_content: true,
        model: Some("claude-x".to_owned()),
    };
    for hide in [false, true] {
        check(Dialect::Anthropic, hide, MESSAGES, MESSAGES, &end);
    }
}

#[test]
fn whole_events_are_forwarded_without_a_copy() {
    for hide in [false, true] {
        let mut tee = StreamTee::new(Dialect::OpenAi, hide);
        for event in CHAT.split_inclusive("\n\n").take(5) {
            let chunk = Bytes::copy_from_slice(event.as_bytes());
            let out = tee.feed(chunk.clone()).unwrap();
            assert_eq!((out.as_ptr(), out.len()), (chunk.as_ptr(), chunk.len()));
        }
    }
}

/// Where `meaningful` first holds: the event's number.
fn first_meaningful(dialect: Dialect, stream: &str, close: &str) -> Option<usize> {
    let mut tee = StreamTee::new(dialect, false);
    stream.split_inclusive(close).position(|event| {
        tee.feed(Bytes::copy_from_slice(event.as_bytes())).unwrap();
        tee.meaningful()
    })
}

#[test]
fn roles_and_starts_are_not_yet_an_answer() {
    assert_eq!(first_meaningful(Dialect::OpenAi, CHAT, "\n\n"), Some(2));
    assert_eq!(first_meaningful(Dialect::Anthropic, MESSAGES, "\r\n\r\n"), Some(3));
    let only_finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(first_meaningful(Dialect::OpenAi, only_finish, "\n\n"), Some(0));
    let call = "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n";
    assert_eq!(first_meaningful(Dialect::OpenAi, call, "\n\n"), Some(0));
}

#[test]
fn an_end_without_a_finish_is_not_finished() {
    for (dialect, stream, mark) in
        [(Dialect::OpenAi, CHAT, "\"stop\""), (Dialect::Anthropic, MESSAGES, "\"tool_use\",\"stop")]
    {
        let finish = stream.find(mark).unwrap();
        let close = finish + stream[finish..].find('\n').unwrap() + 1;
        for cut in 0..close {
            let (_, end) = run(dialect, false, [&stream.as_bytes()[..cut]]).unwrap();
            assert!(!end.finished, "cut at {cut}");
            assert!(!end.usage_final || dialect == Dialect::OpenAi);
        }
        assert!(run(dialect, false, [stream.as_bytes()]).unwrap().1.finished);
    }
}

#[test]
fn several_choices_are_finished_one_by_one() {
    let chunk = |index: u32, finish: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":{index},\"delta\":{{\"content\":\"x\"}},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let stream = [chunk(0, "null"), chunk(1, "null"), chunk(0, "\"stop\"")].concat();
    assert!(!run(Dialect::OpenAi, false, [stream.as_bytes()]).unwrap().1.finished);
    let stream = stream + &chunk(1, "\"length\"");
    assert!(run(Dialect::OpenAi, false, [stream.as_bytes()]).unwrap().1.finished);
}

#[test]
fn errors_within_a_stream_are_found() {
    let cases = [
        (Dialect::OpenAi, "data: {\"error\":{\"code\":\"insufficient_quota\"}}\n\n", FailureClass::Billing),
        (Dialect::OpenAi, "data: {\"error\":{\"code\":429,\"message\":\"x\"}}\n\n", FailureClass::RateLimit),
        (
            Dialect::OpenAi,
            "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"x\"}\n\n",
            FailureClass::RateLimit,
        ),
        (
            Dialect::OpenAi,
            "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\"}}}\n\n",
            FailureClass::ServerError,
        ),
        (
            Dialect::Anthropic,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n",
            FailureClass::Overloaded,
        ),
        (
            Dialect::Gemini,
            "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n",
            FailureClass::Overloaded,
        ),
    ];
    for (dialect, stream, class) in cases {
        let mut tee = StreamTee::new(dialect, false);
        tee.feed(Bytes::from_static(stream.as_bytes())).unwrap();
        assert_eq!(tee.error().map(|error| error.class), Some(class), "{stream}");
        assert!(!tee.meaningful() || stream.contains("response.failed"), "{stream}");
    }
}

#[test]
fn other_streams_are_accounted() {
    let responses = concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"model\":\"gpt-r\",\"status\":\"in_progress\",\"output\":[]}}\n\n",
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"hey\"}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{\"model\":\"gpt-r\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n",
    );
    let (_, end) = run(Dialect::OpenAi, true, [responses.as_bytes()]).unwrap();
    assert_eq!(
        (end.finished, end.finish, end.output_bytes, end.has_content),
        (true, Some(Finish::Stop), 3, true)
    );
    assert_eq!(end.usage, Some(Usage { input: 3, output: 2, ..Usage::default() }));
    let gemini = concat!(
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":{\"promptTokenCount\":4}}\n\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":2}}\n\n",
    );
    let (_, end) = run(Dialect::Gemini, false, [gemini.as_bytes()]).unwrap();
    assert_eq!((end.finished, end.finish, end.output_bytes), (true, Some(Finish::Stop), 2));
    assert_eq!(end.usage, Some(Usage { input: 4, output: 2, ..Usage::default() }));
}

#[test]
fn what_is_no_event_of_json_is_a_fault_and_what_is_unknown_is_not() {
    for broken in ["data: {\"choices\":[\n\n", "data: oops\n\n", "data: {} x\n\n", "data: \u{1}\n\n"] {
        for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini] {
            assert!(run(dialect, false, [broken.as_bytes()]).is_err(), "{broken}");
        }
    }
    assert!(run(Dialect::OpenAi, false, [b"data: \"\xff\"\n\n".as_slice()]).is_err());
    // after the template has been learned, too
    let prefix = CHAT.split_inclusive("\n\n").take(4).collect::<String>();
    for text in ["\\", "\"", "\\x", "a\"b", "\\ud83"] {
        let event = format!(
            "data: {{\"id\":\"c\",\"model\":\"gpt-x\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}],\"usage\":null}}\n\n"
        );
        let stream = format!("{prefix}{event}");
        assert!(run(Dialect::OpenAi, false, [stream.as_bytes()]).is_err(), "{text}");
    }
    for unknown in [
        "data: 7\n\n",
        "data: {\"choices\":3}\n\n",
        "data: {\"type\":\"news\",\"delta\":[]}\n\n",
        "data:\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\ud83d\"}}]}\n\n",
    ] {
        for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini] {
            assert_eq!(run(dialect, true, [unknown.as_bytes()]).unwrap().0, unknown);
        }
    }
}

#[test]
fn what_is_held_back_is_bounded() {
    let mut tee = StreamTee::new(Dialect::OpenAi, true);
    let comment = Bytes::from(format!(": {}\n", "x".repeat(1000)));
    let fed = (0..10_000).position(|_| tee.feed(comment.clone()).is_err());
    assert!(fed.is_some_and(|pieces| pieces * comment.len() <= MAX_EVENT_BYTES));
}

proptest! {
    #[test]
    fn the_template_changes_nothing_but_the_cost(texts in prop::collection::vec("\\PC{0,6}|\\\\n|\"", 1..12)) {
        let event = |text: &str| format!(
            "data: {}\n\n",
            serde_json::json!({ "choices": [{ "delta": { "content": text }, "index": 0 }], "model": "m" })
        );
        let stream: String = texts.iter().map(|text| event(text)).collect();
        let (out, end) = run(Dialect::OpenAi, true, [stream.as_bytes()]).unwrap();
        prop_assert_eq!(out, stream);
        // each event on its own, so that no template is ever used
        let alone: u64 = texts.iter().map(|text| run(Dialect::OpenAi, true, [event(text).as_bytes()]).unwrap().1.output_bytes).sum();
        prop_assert_eq!(end.output_bytes, alone);
        prop_assert_eq!(end.has_content, texts.iter().any(|text| !text.is_empty()));
    }
}
