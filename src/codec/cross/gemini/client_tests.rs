//! Golden requests, answers and streams of Gemini's clients served by others; what is in the way of theirs.

use serde_json::{Value, json};

use crate::codec::cross::{
    Asker, Destination, Obstacle, Origin, StreamCrossing, as_stream, cross_answer, cross_error, cross_request,
};
use crate::codec::tee::StreamTee;
use crate::types::{Dialect, Operation};

const ASKER: Asker = Asker { operation: Operation::GenerateContent, usage_in_stream: false, created: 7 };
const STREAM: &str = "/v1beta/models/auto:streamGenerateContent?alt=sse";
const WHOLE: &str = "/v1/models/auto:generateContent";

fn cross(to: Dialect, path: &str, body: &Value) -> Result<(Value, Vec<&'static str>), Obstacle> {
    let body = body.to_string();
    let origin = Origin { operation: Operation::GenerateContent, path, body: body.as_bytes() };
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
        "systemInstruction": {"role": "user", "parts": [{"text": "A"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "see"}, {"inlineData": {"mime_type": "image/png", "data": "-_8"}}]},
            {"role": "model", "parts": [{"text": "hm", "thought": true}, {"text": "so"},
                {"functionCall": {"name": "f", "args": {"a": 1.50}}}, {"functionCall": {"id": "x", "name": "f"}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "x", "name": "f", "response": {"error": "two"}}},
                {"functionResponse": {"name": "f", "response": {"output": "one"}}}]},
            {"parts": [{"text": "go"}]},
        ],
        "tools": [{"functionDeclarations": [
            {"name": "f", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "NUMBER"}}}},
            {"name": "g", "parameters_json_schema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "generationConfig": {"maxOutputTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"],
            "responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"},
            "thinkingConfig": {"thinking_level": "LOW", "includeThoughts": true}},
    })
}

#[test]
fn a_conversation_with_tools_becomes_messages() {
    let (body, dropped) = cross(Dialect::Anthropic, STREAM, &two_turns()).unwrap();
    let schema = json!({"type": "object", "properties": {"a": {"type": "number"}}});
    let want = json!({
        "model": "m-1", "max_tokens": 50, "stream": true, "temperature": 0.5, "top_p": 0.9, "system": "A",
        "stop_sequences": ["END"],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "+/8="}}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "so"},
                {"type": "tool_use", "id": "call_0", "name": "f", "input": {"a": 1.50}},
                {"type": "tool_use", "id": "x", "name": "f", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "x", "content": "two", "is_error": true},
                {"type": "tool_result", "tool_use_id": "call_0", "content": "one"}]},
            {"role": "user", "content": "go"},
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": schema},
            {"name": "g", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    });
    assert_eq!(body, want);
    assert_eq!(dropped, ["safetySettings", "thinkingConfig.includeThoughts", "contents[].parts[].thought"]);
}

#[test]
fn a_conversation_with_tools_becomes_chat() {
    let (body, _) = cross(Dialect::OpenAi, WHOLE, &two_turns()).unwrap();
    assert_eq!(body["messages"][2]["tool_calls"][1]["id"], "x");
    assert_eq!(body["messages"][3], json!({"role": "tool", "tool_call_id": "x", "content": "Error: two"}));
    assert_eq!(body["messages"][4], json!({"role": "tool", "tool_call_id": "call_0", "content": "one"}));
    assert_eq!((&body["tool_choice"], &body["reasoning_effort"]), (&json!("required"), &json!("low")));
    assert_eq!((&body["stream"], &body["max_completion_tokens"]), (&Value::Null, &json!(50)));
}

#[test]
fn what_cannot_be_said_is_named() {
    let part = |part: Value| json!({"contents": [{"role": "user", "parts": [part]}]});
    let config = |config: Value| json!({"generationConfig": config});
    let place = "contents[].parts[]";
    for (more, param) in [
        (json!({"cachedContent": "cachedContents/1"}), "cachedContent".to_owned()),
        (json!({"safetySettings": [{"threshold": "BLOCK_LOW_AND_ABOVE"}]}), "safetySettings".to_owned()),
        (json!({"brand_new": 1}), "brand_new".to_owned()),
        (json!({"contents": []}), "contents".to_owned()),
        (json!({"contents": [{"role": "model", "parts": [{"text": "I"}]}]}), "contents".to_owned()),
        (json!({"contents": [{"role": "critic", "parts": []}]}), "contents[].role".to_owned()),
        (json!({"tools": [{"googleSearch": {}}]}), "tools[].googleSearch".to_owned()),
        (
            json!({"toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}}}),
            "toolConfig.functionCallingConfig".to_owned(),
        ),
        (config(json!({"candidateCount": 2})), "generationConfig.candidateCount".to_owned()),
        (config(json!({"responseModalities": ["AUDIO"]})), "generationConfig.responseModalities".to_owned()),
        (config(json!({"responseLogprobs": true})), "generationConfig.responseLogprobs".to_owned()),
        (config(json!({"speechConfig": {}})), "generationConfig.speechConfig".to_owned()),
        (config(json!({"seed": 1})), "generationConfig.seed".to_owned()),
        (config(json!({"temperature": 1.5})), "generationConfig.temperature".to_owned()),
        (
            config(json!({"responseMimeType": "application/json"})),
            "generationConfig.responseMimeType".to_owned(),
        ),
        (
            config(json!({"thinkingConfig": {"thinkingBudget": 2000}})),
            "generationConfig.thinkingConfig.thinkingBudget".to_owned(),
        ),
        (part(json!({"text": "x", "thoughtSignature": "s"})), format!("{place}.thoughtSignature")),
        (part(json!({"fileData": {"fileUri": "https://x"}})), format!("{place}.fileData")),
        (part(json!({"executableCode": {}})), format!("{place}.executableCode")),
        (
            part(json!({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}})),
            format!("{place}.inlineData"),
        ),
        (
            part(json!({"functionResponse": {"name": "f", "response": {}}})),
            format!("{place}.functionResponse"),
        ),
        (part(json!({"functionCall": {"name": "f", "args": 3}})), format!("{place}.functionCall.args")),
        (part(json!({"functionCall": {"name": "f"}})), "contents[].role".to_owned()),
        (part(json!({"odd": 1})), format!("{place}.odd")),
        (part(json!({})), place.to_owned()),
    ] {
        let mut body = json!({"contents": [{"parts": [{"text": "hi"}]}]});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let found = cross(Dialect::Anthropic, WHOLE, &body).map_err(|obstacle| obstacle.param);
        assert_eq!(found.map(|(body, _)| body), Err(param), "{body}");
    }
}

const CHAT: &str = concat!(
    "data: {\"id\":\"c\",\"model\":\"g\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"H\\u00e9 \\\"é\"}}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"u\",\"function\":{\"name\":\"g\"}},{\"index\":0,\"function\":{\"arguments\":\"1.50}\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3,\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\n",
    "data: [DONE]\n\n",
);

const AS_GEMINI: &str = r#"data: {"candidates":[{"content":{"parts":[{"text":"H\u00e9 \"é"}],"role":"model"},"index":0}],"modelVersion":"g","responseId":"c"}

data: {"candidates":[{"content":{"parts":[{"functionCall":{"id":"t","name":"f","args":{"a":1.50}}},{"functionCall":{"id":"u","name":"g","args":{}}}],"role":"model"},"index":0}],"modelVersion":"g","responseId":"c"}

data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1,"thoughtsTokenCount":2,"totalTokenCount":8},"modelVersion":"g","responseId":"c"}

"#;

fn told(pieces: &[&[u8]]) -> Result<String, String> {
    let mut crossing = StreamCrossing::new(Dialect::OpenAi, ASKER);
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&crossing.feed(piece).map_err(|fault| fault.message)?);
    }
    out.extend_from_slice(&crossing.finish());
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn streams_are_pieces_of_answers_however_they_are_cut() {
    let bytes = CHAT.as_bytes();
    for cut in 0..=bytes.len() {
        assert_eq!(told(&[&bytes[..cut], &bytes[cut..]]).unwrap(), AS_GEMINI, "cut at {cut}");
    }
    assert_eq!(told(&bytes.chunks(1).collect::<Vec<_>>()).unwrap(), AS_GEMINI);
    let mut tee = StreamTee::new(Dialect::Gemini, false);
    tee.feed(AS_GEMINI.into()).unwrap();
    let end = tee.end();
    assert!(end.finished && end.has_content && end.usage_final, "{end:?}");
    // A call that never becomes an object cannot be told, and nothing is made up for it.
    let broken = CHAT.replace("1.50}", "1.50");
    assert!(told(&[broken.as_bytes()]).is_err());
}

#[test]
fn answers_are_told_whole_and_streamed() {
    let messages = |content: Value, stop: &str| {
        json!({"id": "m", "model": "h", "content": content, "stop_reason": stop,
               "usage": {"input_tokens": 3, "cache_read_input_tokens": 2, "output_tokens": 4}})
        .to_string()
    };
    let call = json!({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}});
    for (content, stop, parts, finish) in [
        (json!([{"type": "text", "text": "4"}]), "end_turn", json!([{"text": "4"}]), "STOP"),
        (
            json!([call]),
            "tool_use",
            json!([{"functionCall": {"id": "t", "name": "f", "args": {"a": 1}}}]),
            "STOP",
        ),
        (json!([{"type": "text", "text": "4"}]), "max_tokens", json!([{"text": "4"}]), "MAX_TOKENS"),
        (json!([{"type": "text", "text": "4"}]), "refusal", json!([{"text": "4"}]), "SAFETY"),
    ] {
        let body = messages(content, stop);
        let whole = cross_answer(Dialect::Anthropic, ASKER, body.as_bytes()).unwrap();
        let want = json!({
            "candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": finish, "index": 0}],
            "usageMetadata": {"promptTokenCount": 5, "cachedContentTokenCount": 2, "candidatesTokenCount": 4,
                "totalTokenCount": 9},
            "modelVersion": "h", "responseId": "m",
        });
        assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap(), want);
        let stream = as_stream(Dialect::Anthropic, ASKER, body.as_bytes()).unwrap();
        let stream = String::from_utf8_lossy(&stream).into_owned();
        assert!(stream.contains(&format!("\"finishReason\":\"{finish}\"")), "{stream}");
    }
}

#[test]
fn errors_are_in_its_words() {
    let body = br#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;
    let told = cross_error(Dialect::Anthropic, Dialect::Gemini, 429, body);
    let want = json!({"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}});
    assert_eq!(serde_json::from_slice::<Value>(&told).unwrap(), want);
}
