use super::*;
use crate::codec::hub::{Part, Role};
use crate::types::{Capabilities, HardMarkers, Operation};

/// What a body says: system texts, turns as role and kind, needs, markers.
fn facts(body: &str) -> Result<(Vec<String>, Vec<String>, Capabilities, HardMarkers), ReadFaultKind> {
    let read = read(Operation::Responses, body.as_bytes(), &mut Scratch::default(), |view| {
        let system = view.system.iter().map(|text| (*text).to_owned()).collect();
        let kind = |part: &Part<'_>| match part {
            Part::Text(text) => format!("text {text}"),
            Part::Image(_) => "image".to_owned(),
            Part::ToolCall { name, bytes } => format!("calls {name} {bytes}"),
            Part::ToolResult { text, .. } => format!("gives {text}"),
            Part::Thinking(_) => "thinks".to_owned(),
            Part::Document(_) | Part::Audio(_) | Part::Unknown(_) => "other".to_owned(),
        };
        let turns = view.turns.iter().map(|turn| {
            let role = match turn.role {
                Role::User => "user",
                Role::Assistant => "assistant",
                Role::Tool => "tool",
            };
            format!("{role}: {}", turn.parts.iter().map(kind).collect::<Vec<_>>().join(", "))
        });
        (system, turns.collect())
    });
    let (request, (system, turns)) = read.map_err(|fault| fault.kind)?;
    Ok((system, turns, request.needs, request.hard_markers))
}

#[test]
fn items_become_turns() {
    let body = r#"{"model":"m","instructions":"Be brief.","input":[
        {"role":"developer","content":"Dev."},
        {"role":"user","content":[{"type":"input_text","text":"Look"},{"type":"input_image","image_url":"data:x"}]},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"c","output":"cold"}],
        "tools":[{"type":"function","name":"f"},{"type":"web_search"}],
        "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}}}}"#;
    let (system, turns, needs, markers) = facts(body).unwrap();
    assert_eq!(system, ["Be brief.", "Dev."]);
    assert_eq!(turns, ["user: text Look, image", "assistant: calls f 2", "tool: gives cold"]);
    let expected = [
        Capabilities::RESPONSES,
        Capabilities::VISION,
        Capabilities::TOOLS,
        Capabilities::SERVER_TOOLS,
        Capabilities::JSON_SCHEMA,
    ];
    assert_eq!(needs, expected.into_iter().fold(Capabilities::default(), Capabilities::with));
    assert!(markers.is_empty());
}

#[test]
fn what_binds_is_marked_and_what_is_wrong_is_refused() {
    for (input, marker) in [
        (
            r#"[{"type":"reasoning","id":"r","summary":[],"encrypted_content":"x"}]"#,
            HardMarkers::ACCOUNT_OBJECT,
        ),
        (r#"[{"type":"reasoning","id":"r","summary":[]}]"#, HardMarkers::STORED_REFERENCE),
        (r#"[{"type":"item_reference","id":"r"}]"#, HardMarkers::STORED_REFERENCE),
        (r#"[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]"#, HardMarkers::ACCOUNT_OBJECT),
    ] {
        assert_eq!(facts(&format!(r#"{{"model":"m","input":{input}}}"#)).unwrap().3, marker, "{input}");
    }
    assert_eq!(facts(r#"{"model":"m","input":"Hi"}"#).unwrap().1, ["user: text Hi"]);
    assert_eq!(facts(r#"{"model":"m","input":7}"#), Err(ReadFaultKind::WrongType));
    assert_eq!(facts(r#"{"model":"m","input":[7]}"#), Err(ReadFaultKind::WrongType));
    assert_eq!(facts(r#"{"model":"m","input":"a","input":"b"}"#), Err(ReadFaultKind::DuplicateKey));
    assert_eq!(
        facts(r#"{"model":"m","input":[{"role":"user","role":"system","content":"a"}]}"#),
        Err(ReadFaultKind::DuplicateKey)
    );
}

#[test]
fn a_namespace_groups_functions_of_the_clients() {
    let tool = r#"{"type":"namespace","name":"agents","tools":[{"type":"function","name":"close"}]}"#;
    let body = format!(r#"{{"model":"m","input":"hi","tools":[{tool}]}}"#);
    let (_, _, needs, _) = facts(&body).unwrap();
    assert_eq!(needs, Capabilities::RESPONSES.with(Capabilities::TOOLS));
}
