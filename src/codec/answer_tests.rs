use super::*;
use crate::types::FailureClass;

#[track_caller]
fn check(
    dialect: Dialect,
    operation: Operation,
    body: &str,
    wanted: (bool, Option<Finish>, u64, Option<(u64, u64)>),
) {
    let answer = read_answer(dialect, operation, body.as_bytes()).expect(body);
    let usage = answer.usage.map(|usage| (usage.total_input(), usage.total_output()));
    assert_eq!((answer.has_content, answer.finish, answer.output_bytes, usage), wanted, "{body}");
    assert_eq!(read_usage(dialect, body.as_bytes()), answer.usage, "{body}");
    assert_eq!(answer.error, None);
}

#[test]
fn chat_answers_are_read() {
    let check = |body: &str, wanted| check(Dialect::OpenAi, Operation::ChatCompletions, body, wanted);
    check(
        r#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],
            "usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        (true, Some(Finish::Stop), 5, Some((3, 2))),
    );
    check(
        r#"{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
        (true, Some(Finish::ToolCalls), 2, None),
    );
    check(
        r#"{"choices":[{"message":{"content":"","refusal":"no"},"finish_reason":"content_filter"}]}"#,
        (true, Some(Finish::ContentFilter), 2, None),
    );
    check(
        r#"{"choices":[{"message":{"content":"","reasoning_content":"hmm"},"finish_reason":"length"}]}"#,
        (false, Some(Finish::Length), 3, None),
    );
    check(r#"{"choices":[]}"#, (false, None, 0, None));
    check(
        r#"{"choices":[{"message":{"content":"\ud83d"},"finish_reason":"stop"}]}"#,
        (true, Some(Finish::Stop), 6, None),
    );
}

#[test]
fn other_answers_are_read() {
    check(
        Dialect::Anthropic,
        Operation::Messages,
        r#"{"type":"message","model":"m","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"hello"},
            {"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":4,"cache_read_input_tokens":1,"output_tokens":6}}"#,
        (true, Some(Finish::ToolCalls), 14, Some((5, 6))),
    );
    check(
        Dialect::Anthropic,
        Operation::Messages,
        r#"{"content":[],"stop_reason":"end_turn"}"#,
        (false, Some(Finish::Stop), 0, None),
    );
    check(
        Dialect::OpenAi,
        Operation::Responses,
        r#"{"object":"response","status":"completed","error":null,"model":"m","output":[{"type":"reasoning","summary":[]},
            {"type":"message","content":[{"type":"output_text","text":"hello","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":2}}"#,
        (true, Some(Finish::Stop), 5, Some((3, 2))),
    );
    check(
        Dialect::OpenAi,
        Operation::Responses,
        r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"function_call","arguments":"{}"}]}"#,
        (true, Some(Finish::Length), 2, None),
    );
    check(
        Dialect::OpenAi,
        Operation::Embeddings,
        r#"{"data":[{"embedding":[1,2]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#,
        (true, None, 0, Some((8, 0))),
    );
    check(
        Dialect::Gemini,
        Operation::GenerateContent,
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"hello"}]},"finishReason":"STOP"}],
            "usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"thoughtsTokenCount":1}}"#,
        (true, Some(Finish::Stop), 7, Some((4, 3))),
    );
    check(Dialect::Anthropic, Operation::CountTokens, r#"{"input_tokens":4}"#, (true, None, 0, None));
}

#[test]
fn an_error_of_status_200_is_found() {
    let cases = [
        (
            Dialect::OpenAi,
            Operation::ChatCompletions,
            r#"{"error":{"code":"rate_limit_exceeded"}}"#,
            FailureClass::RateLimit,
        ),
        (
            Dialect::OpenAi,
            Operation::ChatCompletions,
            r#"{"error":{"code":502,"message":"x"},"choices":[]}"#,
            FailureClass::ServerError,
        ),
        (
            Dialect::Anthropic,
            Operation::Messages,
            r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
            FailureClass::Overloaded,
        ),
        (
            Dialect::Gemini,
            Operation::GenerateContent,
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#,
            FailureClass::RateLimit,
        ),
    ];
    for (dialect, operation, body, class) in cases {
        let answer = read_answer(dialect, operation, body.as_bytes()).unwrap();
        assert_eq!(answer.error.map(|error| error.class), Some(class), "{body}");
    }
}

#[test]
fn what_is_no_answer_is_malformed() {
    for body in
        ["", "<html>", "{", r#"{"choices":["#, "{}", r#"{"choices":{}}"#, "[]", "null", r#"{"content":"x"}"#]
    {
        for (dialect, operation) in
            [(Dialect::OpenAi, Operation::ChatCompletions), (Dialect::Anthropic, Operation::Messages)]
        {
            assert!(read_answer(dialect, operation, body.as_bytes()).is_err(), "{body}");
        }
    }
}

#[test]
fn usage_is_found_in_the_tail_of_a_long_answer() {
    let usage = |dialect, operation, tail: &str| visible_usage(dialect, operation, tail.as_bytes());
    let tail = r#".25,0.5],"index":9}],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}"#;
    let found = usage(Dialect::OpenAi, Operation::Embeddings, tail).unwrap();
    assert_eq!((found.input, found.output), (7, 0));
    // Not what a text says, and not where the answer goes on behind what was kept.
    for tail in [r#"say \"usage\":{\"prompt_tokens\":7}"}"#, r#""usage":{"prompt_tokens":7},"data":[0.5"#] {
        assert_eq!(usage(Dialect::OpenAi, Operation::Embeddings, tail), None, "{tail}");
    }
}
