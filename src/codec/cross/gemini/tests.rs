//! Golden requests, answers and streams of Gemini as a provider.

use serde_json::{Value, json};

use crate::codec::cross::{Asker, Destination, Origin, StreamCrossing, cross_answer, cross_request};
use crate::codec::tee::StreamTee;
use crate::types::{Dialect, Operation};

fn written(body: &Value) -> Result<(String, Value), String> {
    let body = body.to_string();
    let origin =
        Origin { operation: Operation::ChatCompletions, path: "/v1/chat/completions", body: body.as_bytes() };
    let to = Destination {
        dialect: Dialect::Gemini,
        model: "gemini-2.5/x",
        max_output_tokens: 9,
        max_tokens_key: true,
        asks_for_usage: true,
        nine_letter_ids: false,
        takes_user: true,
    };
    let crossed = cross_request(&origin, &to).map_err(|obstacle| obstacle.param)?;
    Ok((crossed.path, serde_json::from_slice(&crossed.body).unwrap()))
}

fn asker(operation: Operation) -> Asker {
    Asker { operation, usage_in_stream: true, created: 1 }
}

#[test]
fn a_conversation_with_tools_is_written() {
    let call = json!({"id": "c7", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    let (path, body) = written(&json!({
        "model": "auto", "stream": true, "max_tokens": 5, "temperature": 0.5, "stop": ["x"], "seed": 7,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c7", "content": "cold"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        "reasoning_effort": "low",
    }))
    .unwrap();
    assert_eq!(path, "/v1beta/models/gemini-2.5%2Fx:streamGenerateContent?alt=sse");
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Look"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
            {"role": "model", "parts": [
                {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "skip_thought_signature_validator"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "cold"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {
            "maxOutputTokens": 5, "temperature": 0.5, "seed": 7, "stopSequences": ["x"],
            "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
            "thinkingConfig": {"thinkingLevel": "low"},
        },
    });
    assert_eq!(body, expected);
}

#[test]
fn results_stand_in_the_order_of_their_calls() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let (_, body) = written(&json!({"model": "m", "parallel_tool_calls": false, "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "b", "content": "of b"},
        {"role": "tool", "tool_call_id": "a", "content": "of a"},
        {"role": "system", "content": "Hurry."},
    ]}))
    .unwrap();
    let given = |at: usize| &body["contents"][2]["parts"][at]["functionResponse"]["response"]["result"];
    assert_eq!((given(0), given(1)), (&json!("of a"), &json!("of b")));
    let signed = |at: usize| body["contents"][1]["parts"][at]["thoughtSignature"].is_string();
    assert!(signed(0) && !signed(1), "the first of a turn's calls carries the signature");
    assert_eq!(body["contents"][3], json!({"role": "user", "parts": [{"text": "Hurry."}]}));
}

#[test]
fn what_the_dialect_has_no_word_for_is_named() {
    let user = json!([{"role": "user", "content": "x"}]);
    for (more, param) in [
        (
            json!({"parallel_tool_calls": false, "tools": [{"type": "function", "function": {"name": "f"}}]}),
            "parallel_tool_calls",
        ),
        (json!({"reasoning_effort": "none"}), "reasoning_effort"),
        (json!({"stop": ["1", "2", "3", "4", "5", "6"]}), "stop"),
        (
            json!({"messages": [{"role": "tool", "tool_call_id": "z", "content": "x"}]}),
            "messages[].tool_call_id",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]}]}),
            "messages[].content[].url",
        ),
    ] {
        let mut body = json!({"model": "m", "messages": user});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        assert_eq!(written(&body), Err(param.to_owned()), "{body}");
    }
}

#[test]
fn answers_are_read() {
    let usage = json!({"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 3,
                       "thoughtsTokenCount": 2, "totalTokenCount": 15});
    let answer = |parts: Value, finish: &str| {
        json!({"responseId": "r1", "modelVersion": "gemini-x", "usageMetadata": usage,
               "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish}]})
        .to_string()
    };
    let chat = |body: &str| -> Value {
        let said = cross_answer(Dialect::Gemini, asker(Operation::ChatCompletions), body.as_bytes()).unwrap();
        serde_json::from_slice(&said).unwrap()
    };
    let text = chat(&answer(json!([{"text": "hmm", "thought": true}, {"text": "Hi\u{e9}"}]), "STOP"));
    assert_eq!((&text["id"], &text["choices"][0]["message"]["content"]), (&json!("r1"), &json!("Hi\u{e9}")));
    assert_eq!(
        (&text["usage"]["prompt_tokens"], &text["usage"]["completion_tokens"]),
        (&json!(10), &json!(5))
    );
    let calls = json!([{"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "g"}}]);
    let calls = chat(&answer(calls, "STOP"));
    assert_eq!(calls["choices"][0]["finish_reason"], "tool_calls");
    let id = |answer: &Value, at: usize| answer["choices"][0]["message"]["tool_calls"][at]["id"].clone();
    let next = answer(json!([{"functionCall": {"name": "f"}}]), "STOP").replace("r1", "r2");
    // Alike in no two answers of a conversation.
    assert!(id(&calls, 0) != id(&calls, 1) && id(&chat(&next), 0) != id(&calls, 0));
    assert_eq!(chat(&answer(json!([{"text": "a"}]), "MAX_TOKENS"))["choices"][0]["finish_reason"], "length");
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": usage}).to_string();
    assert_eq!(chat(&blocked)["choices"][0]["finish_reason"], "content_filter");
    for end in ["MALFORMED_FUNCTION_CALL", "LANGUAGE", "OTHER"] {
        let broken = answer(json!([{"text": "a"}]), end);
        let crossed = cross_answer(Dialect::Gemini, asker(Operation::ChatCompletions), broken.as_bytes());
        assert!(crossed.is_err(), "{end}");
    }
}

#[test]
fn streams_are_told_the_same_however_they_are_cut() {
    let piece = |parts: Value, finish: Option<&str>| {
        let mut event = json!({"responseId": "r1", "modelVersion": "g", "candidates": [{"content": {"parts": parts}}],
                               "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2}});
        if let Some(finish) = finish {
            event["candidates"][0]["finishReason"] = json!(finish);
        }
        format!("data: {event}\r\n\r\n")
    };
    let stream = [
        piece(json!([{"text": "Hi "}]), None),
        piece(json!([{"text": "you"}, {"functionCall": {"name": "f", "args": {"a": 1}}}]), Some("STOP")),
    ]
    .concat();
    for (operation, dialect) in
        [(Operation::ChatCompletions, Dialect::OpenAi), (Operation::Messages, Dialect::Anthropic)]
    {
        let told = |pieces: &[&[u8]]| {
            let mut crossing = StreamCrossing::new(Dialect::Gemini, asker(operation));
            let mut out = Vec::new();
            for piece in pieces {
                out.extend(crossing.feed(piece).unwrap());
            }
            out.extend(crossing.finish());
            out
        };
        let whole = told(&[stream.as_bytes()]);
        for at in 0..stream.len() {
            let (one, other) = stream.as_bytes().split_at(at);
            assert_eq!(told(&[one, other]), whole, "cut at {at}");
        }
        let mut tee = StreamTee::new(dialect, false);
        tee.feed(whole.into()).unwrap();
        let end = tee.end();
        assert!(end.finished && end.has_content && end.usage.is_some(), "{operation:?}: {end:?}");
    }
}
