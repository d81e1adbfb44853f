//! Gemini bodies into the view, whatever spelling their names have.

use serde_json::{Value, json};

use super::*;
use crate::codec::hub::Part;
use crate::types::{Capabilities, HardMarkers};

const PATH: &str = "/v1beta/models/auto:streamGenerateContent?alt=sse";

fn look<R>(body: &Value, look: impl FnOnce(&ChatView<'_>) -> R) -> (ChatRequest, R) {
    let body = body.to_string();
    let origin = Origin { operation: Operation::GenerateContent, path: PATH, body: body.as_bytes() };
    read_origin(&origin, &mut Scratch::default(), look).unwrap()
}

#[test]
fn a_request_is_understood_in_both_spellings() {
    let camel = json!({
        "systemInstruction": {"parts": [{"text": "Be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "see"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"error": "no"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}, {"googleSearch": {}}],
        "generationConfig": {"maxOutputTokens": 64, "candidateCount": 2, "temperature": 0.5, "responseSchema": {"type": "OBJECT"},
            "thinkingConfig": {"thinkingBudget": 0}},
    });
    let snake = json!({
        "system_instruction": {"parts": [{"text": "Be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "see"}, {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}]},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"a": 1}}}]},
            {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"error": "no"}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "f"}, {"name": "g"}]}, {"googleSearch": {}}],
        "generation_config": {"max_output_tokens": 64, "candidate_count": 2, "temperature": 0.5, "response_schema": {"type": "OBJECT"},
            "thinking_config": {"thinking_budget": 0}},
    });
    for body in [camel, snake] {
        let (request, ()) = look(&body, |view| {
            assert_eq!(view.system, ["Be brief"]);
            assert_eq!(view.turns.len(), 3);
            assert!(matches!(view.turns[0].parts[..], [Part::Text("see"), Part::Image(_)]));
            assert!(matches!(view.turns[1].parts[..], [Part::ToolCall { name: "f", bytes: 7 }]));
            assert_eq!(view.turns[2].parts, [Part::ToolResult { text: "no", is_error: true }]);
            assert_eq!(view.tools.len(), 3);
            assert!(view.tools[2].server_side && view.schema_bytes > 0);
        });
        assert_eq!((request.model.as_str(), request.stream), ("auto", true));
        assert_eq!((request.max_output_tokens, request.choices), (Some(64), 2));
        let needs = [
            Capabilities::VISION,
            Capabilities::TOOLS,
            Capabilities::SERVER_TOOLS,
            Capabilities::MULTIPLE_CHOICES,
            Capabilities::SAMPLING,
            Capabilities::JSON_SCHEMA,
        ];
        assert_eq!(request.needs, needs.into_iter().fold(Capabilities::default(), Capabilities::with));
        assert!(request.hard_markers.is_empty());
    }
}

#[test]
fn sampling_that_repeats_itself_is_told() {
    for (config, repeats) in [
        (json!({}), false),
        (json!({"temperature": 0}), true),
        (json!({"temperature": 0.7, "topK": 40, "topP": 0.95}), false),
        (json!({"topP": 0.1}), true),
        (json!({"top_k": 1}), true),
        (json!({"seed": 1}), true),
    ] {
        let body = json!({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": config});
        assert_eq!(look(&body, |_| ()).0.repeats, repeats, "{config}");
    }
}

#[test]
fn what_binds_a_conversation_is_marked() {
    let said = |part: Value| json!({"contents": [{"role": "user", "parts": [part]}]});
    let signed = said(json!({"functionCall": {"name": "f"}, "thoughtSignature": "s"}));
    let file = said(json!({"fileData": {"fileUri": "https://x/files/1", "mimeType": "application/pdf"}}));
    let mut cached = said(json!({"text": "x"}));
    cached["cachedContent"] = json!("cachedContents/1");
    for (body, marker) in [
        (signed, HardMarkers::SIGNED_THINKING),
        (file, HardMarkers::ACCOUNT_OBJECT),
        (cached, HardMarkers::ACCOUNT_OBJECT),
    ] {
        assert_eq!(look(&body, |_| ()).0.hard_markers, marker, "{body}");
    }
}

#[test]
fn a_body_that_is_not_read_still_has_its_model() {
    let body = br#"{"contents":[{"parts":[{"text":"\ud800"}]}],"n":123456789012345678901234567890}"#;
    let origin = Origin { operation: Operation::GenerateContent, path: PATH, body };
    let fault = read_origin(&origin, &mut Scratch::default(), |_| ()).unwrap_err();
    assert_eq!(fault.scan, KeyScan::Clean { model: Some("auto".to_owned()), stream: true });
}
