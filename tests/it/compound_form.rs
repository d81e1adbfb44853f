//! Cascades by structure through the proxy: the cheap model's answer stands where it is valid under what the client asks for, in
//! whatever dialect, and the dear one answers where it is not.

use serde_json::{Value, json};

use crate::compound;
use crate::support::Script;
use crate::support::client::Request;
use crate::support::proxy::World;
use crate::support::script::Whole;

/// All clients' policies try `small`, of Chat, and end with `large`.
async fn world() -> World {
    World::start(|config| {
        config.swap(
            "paths = [\"/v1/chat/completions\"]",
            "paths = [\"/v1/chat/completions\", \"/v1/responses\", \"/v1beta/models/\"]",
        );
        config.policy_lines = "plans = [\"single\", \"cascade\"]\n[policies.compound]\n\
                               cascade = [{ tries = [\"small\"], accept = \"structure\", last = \"large\" }]"
            .to_owned();
    })
    .await
}

/// An answer of Chat: a text, or a call of a tool with these arguments.
fn says(text: &str, call: Option<(&str, &str)>) -> Script {
    let (message, ending) = match call {
        None => (json!({"role": "assistant", "content": text}), "stop"),
        Some((name, arguments)) => {
            let function = json!({"name": name, "arguments": arguments});
            let calls = json!([{"id": "call_1", "type": "function", "function": function}]);
            (json!({"role": "assistant", "content": null, "tool_calls": calls}), "tool_calls")
        }
    };
    let body = json!({
        "id": "chatcmpl-9", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": ending}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    Script::Whole(Whole::json(200, body.to_string()))
}

fn weather() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
           "required": ["city", "days"], "additionalProperties": false})
}

fn chat(more: Value) -> Request {
    let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "Ulm?"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Request::chat(body.to_string())
}

fn chat_tools(choice: Value) -> Request {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": weather()}});
    chat(json!({"tools": [tool("weather"), tool("news")], "tool_choice": choice}))
}

/// The same schema of the text, as each dialect's clients write it.
fn with_schema() -> [Request; 4] {
    let named = json!({"name": "w", "schema": weather()});
    let format = json!({"type": "json_schema", "schema": weather()});
    let flat = json!({"type": "json_schema", "name": "w", "schema": weather()});
    let said = json!([{"role": "user", "content": "Ulm?"}]);
    let messages =
        json!({"model": "auto", "max_tokens": 50, "messages": said, "output_config": {"format": format}});
    let responses = json!({"model": "auto", "store": false, "input": said, "text": {"format": flat}});
    let own = json!({"type": "OBJECT", "required": ["city", "days"],
                     "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER"}}});
    let gemini = json!({"contents": [{"role": "user", "parts": [{"text": "Ulm?"}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseSchema": own}});
    [
        chat(json!({"response_format": {"type": "json_schema", "json_schema": named}})),
        Request::messages(messages.to_string()),
        Request::responses(responses.to_string()),
        Request::gemini("/v1beta/models/auto:generateContent", gemini.to_string()),
    ]
}

/// Asks, and says whether the cheap model's answer stood.
async fn stands(world: &World, request: Request, small: Script) -> bool {
    world.small.always(small);
    world.large.always(says("The dear one.", None));
    let asked = (world.small.seen().len(), world.large.seen().len());
    let answer = world.proxy.exchange(&request.with("x-pointsman-plan", "cascade")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked = (world.small.seen().len() - asked.0, world.large.seen().len() - asked.1);
    match answer.header("x-pointsman-plan") {
        Some("cascade; accepted=1 by structure") => {
            assert_eq!((asked, answer.text().contains("The dear one.")), ((1, 0), false));
            true
        }
        Some("cascade; escalated") => {
            assert_eq!((asked, answer.text().contains("The dear one.")), ((1, 1), true));
            false
        }
        other => panic!("{other:?}: {}", answer.text()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_stands_where_it_is_valid_under_the_schema() {
    let world = world().await;
    for (text, valid) in [
        (r#"{"city":"Ulm","days":3}"#, true),
        (r#"{"city":"Ulm","days":"three"}"#, false),
        (r#"{"city":"Ulm"}"#, false),
        ("It rains.", false),
    ] {
        for request in with_schema() {
            let target = request.target.clone();
            let stood = stands(&world, request, says(text, None)).await;
            assert_eq!(stood, valid, "{target}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_stands_where_the_tool_was_offered_and_takes_its_arguments() {
    let world = world().await;
    let fine = r#"{"city":"Ulm","days":3}"#;
    let only = json!({"type": "function", "function": {"name": "weather"}});
    for (choice, text, call, stood) in [
        (json!("auto"), "", Some(("weather", fine)), true),
        (json!("auto"), "", Some(("weather", r#"{"city":"Ulm"}"#)), false),
        (json!("auto"), "", Some(("traffic", fine)), false),
        (json!("auto"), "No need.", None, true),
        (json!("required"), "No need.", None, false),
        (json!("required"), "", Some(("news", fine)), true),
        (only.clone(), "", Some(("news", fine)), false),
        (only, "", Some(("weather", fine)), true),
    ] {
        let told = format!("{choice} {text} {call:?}");
        assert_eq!(stands(&world, chat_tools(choice), says(text, call)).await, stood, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_checked_is_left_to_the_dear_model() {
    let world = world().await;
    for schema in [
        json!({"$ref": "https://schemas.invalid/weather.json"}),
        json!({"type": "object", "properties": {"city": {"pattern": "^(?!U)"}}}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
    ] {
        let format = json!({"type": "json_schema", "json_schema": {"name": "w", "schema": schema}});
        let request = chat(json!({"response_format": format}));
        assert!(!stands(&world, request, says("{\"city\":\"Ulm\"}", None)).await, "{schema}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_nobody_else_to_answer_takes_what_cannot_be_checked_for_what_it_looks_like() {
    let schema = json!({"$ref": "https://schemas.invalid/weather.json"});
    let format = json!({"type": "json_schema", "json_schema": {"name": "w", "schema": schema}});
    let request = chat(json!({"response_format": format})).with("x-pointsman-plan", "ensemble");
    let world = compound::world(compound::ENSEMBLE).await;
    let says =
        [("small-1", "[1]"), ("mid-1", "It rains."), ("large-1", "[3]"), ("claude-large-1", "PICKS [3]")];
    compound::by_model(&world, says.to_vec().leak());
    let answer = world.proxy.exchange(&request).await;
    assert_eq!((answer.status, compound::content(&answer)), (200, json!("[3]")), "{}", answer.text());
    assert_eq!(answer.header("x-pointsman-plan"), Some("ensemble; quorum=2/3; chosen=2"));
}
