//! Streams across dialects: the events each client's SDK needs, in their order, however the bytes were cut.

use super::*;
use crate::types::Operation;

const CHAT: &str = concat!(
    "data: {\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n",
    "data: {\"id\":\"c\",\"model\":\"g\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    ": a comment\n\n",
    "data: {\"id\":\"c\",\"model\":\"g\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"H\\u00e9 \\\"é\"}}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":1}\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"u\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3,\"total_tokens\":8}}\n\n",
    "data: [DONE]\n\n",
);

const AS_MESSAGES: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"c","type":"message","role":"assistant","model":"g","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"H\u00e9 \"é"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"u","name":"g","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":3}}

event: message_stop
data: {"type":"message_stop"}

"#;

const MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"h\",\"content\":[],\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"é\\n\"}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":4}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const AS_CHAT: &str = r#"data: {"id":"m","object":"chat.completion.chunk","created":7,"model":"h","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

data: {"id":"m","object":"chat.completion.chunk","created":7,"model":"h","choices":[{"index":0,"delta":{"content":"é\n"},"finish_reason":null}]}

data: {"id":"m","object":"chat.completion.chunk","created":7,"model":"h","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}]}

data: {"id":"m","object":"chat.completion.chunk","created":7,"model":"h","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":null}]}

data: {"id":"m","object":"chat.completion.chunk","created":7,"model":"h","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"id":"m","object":"chat.completion.chunk","created":7,"model":"h","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":4,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}

data: [DONE]

"#;

/// What comes in, what goes out, who asks.
const CASES: [(Dialect, &str, Operation, &str); 2] = [
    (Dialect::OpenAi, CHAT, Operation::Messages, AS_MESSAGES),
    (Dialect::Anthropic, MESSAGES, Operation::ChatCompletions, AS_CHAT),
];

fn crossing(from: Dialect, operation: Operation) -> StreamCrossing {
    StreamCrossing::new(from, Asker { operation, usage_in_stream: true, created: 7 })
}

fn told(from: Dialect, operation: Operation, pieces: &[&[u8]]) -> Result<String, StreamFault> {
    let mut crossing = crossing(from, operation);
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&crossing.feed(piece)?);
    }
    out.extend_from_slice(&crossing.finish());
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn streams_are_told_whole_however_they_are_cut() {
    for (from, stream, operation, want) in CASES {
        let bytes = stream.as_bytes();
        for cut in 0..=bytes.len() {
            assert_eq!(told(from, operation, &[&bytes[..cut], &bytes[cut..]]).unwrap(), want, "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(told(from, operation, &single).unwrap(), want);
    }
}

#[test]
fn an_end_mark_that_did_not_come_is_written_once() {
    for (from, stream, operation, want) in CASES {
        let last = stream.trim_end().rfind("\n\n").unwrap() + 2;
        assert_eq!(told(from, operation, &[&stream.as_bytes()[..last]]).unwrap(), want);
        let twice = [stream, stream].concat();
        assert_eq!(told(from, operation, &[twice.as_bytes()]).unwrap(), want);
        let empty = told(from, operation, &[]).unwrap();
        let first = if operation == Operation::Messages { "event: message_start" } else { "data: {\"id\"" };
        assert!(empty.starts_with(first), "{empty}");
    }
}

#[test]
fn usage_goes_to_those_who_asked() {
    let asker = Asker { operation: Operation::ChatCompletions, usage_in_stream: false, created: 7 };
    let mut crossing = StreamCrossing::new(Dialect::Anthropic, asker);
    let out = crossing.feed(MESSAGES.as_bytes()).unwrap();
    assert!(!String::from_utf8_lossy(&out).contains("usage"));
}

#[test]
fn broken_streams_are_faults() {
    let cases = [
        (Dialect::OpenAi, Operation::Messages, "data: {\"error\":{\"message\":\"x\"}}\n\n"),
        (Dialect::OpenAi, Operation::Messages, "data: {\n\n"),
        (
            Dialect::OpenAi,
            Operation::Messages,
            "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}},{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"f\"}},{\"index\":0,\"function\":{\"arguments\":\"{\"}}]}}]}\n\n",
        ),
        (
            Dialect::Anthropic,
            Operation::ChatCompletions,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
        ),
        (
            Dialect::Anthropic,
            Operation::ChatCompletions,
            "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"x\",\"name\":\"y\"}}\n\n",
        ),
        (
            Dialect::Anthropic,
            Operation::ChatCompletions,
            "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"pause_turn\"}}\n\n",
        ),
    ];
    for (from, operation, stream) in cases {
        assert!(told(from, operation, &[stream.as_bytes()]).is_err(), "{stream}");
    }
}
