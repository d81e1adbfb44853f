use serde_json::json;

use super::*;

const S: &str = r#"{"type":"object"}"#;

fn schema() -> Value {
    serde_json::from_str(S).unwrap()
}

/// Its text's schema, its tools with theirs, and whether one must be called.
fn read(operation: Operation, body: &Value) -> Option<(Option<String>, Vec<String>, bool)> {
    let Form { schema, tools, calls } = form(operation, body.to_string().as_bytes())?;
    let told = |tool: Offered| format!("{}:{}", tool.name, tool.schema.as_deref().unwrap_or("-"));
    Some((schema, tools.into_iter().map(told).collect(), calls))
}

fn tools(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{name}:{S}")).collect()
}

#[test]
fn a_schema_is_read_wherever_a_dialect_has_it() {
    use Operation::{ChatCompletions, GenerateContent, Messages, Responses};
    let format = json!({"type": "json_schema", "name": "n", "strict": true, "schema": schema()});
    let own = json!({"type": "OBJECT", "nullable": false});
    let null = r#"{"type":["object","null"]}"#;
    let cases = [
        (
            ChatCompletions,
            json!({"response_format": {"type": "json_schema", "json_schema": format}}),
            Some(S),
        ),
        (ChatCompletions, json!({"response_format": {"type": "json_object"}, "logit_bias": {"1": 2}}), None),
        (
            ChatCompletions,
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}),
            None,
        ),
        (
            ChatCompletions,
            json!({"response_format": null, "messages": [{"role": "user", "content": [7]}]}),
            None,
        ),
        (Responses, json!({"text": {"format": format, "verbosity": "low"}}), Some(S)),
        (Responses, json!({"text": {"format": {"type": "text"}}, "previous_response_id": "r"}), None),
        (Messages, json!({"output_config": {"format": format, "effort": "low"}}), Some(S)),
        (Messages, json!({"output_format": format}), Some(S)),
        (Messages, json!({"output_config": {"effort": "low"}, "output_format": format}), Some(S)),
        (GenerateContent, json!({"generationConfig": {"responseJsonSchema": schema()}}), Some(S)),
        (GenerateContent, json!({"generation_config": {"response_json_schema": schema()}}), Some(S)),
        (GenerateContent, json!({"generationConfig": {"response_schema": own, "topK": 3}}), Some(S)),
        (
            GenerateContent,
            json!({"generationConfig": {"responseSchema": {"type": "OBJECT", "nullable": true},
          "responseMimeType": "application/json"}}),
            Some(null),
        ),
        (GenerateContent, json!({"generationConfig": {"responseMimeType": "application/json"}}), None),
    ];
    for (operation, body, want) in cases {
        let want = Some((want.map(str::to_owned), Vec::new(), false));
        assert_eq!(read(operation, &body), want, "{operation:?} {body}");
    }
}

#[test]
fn tools_are_read_with_which_may_and_whether_one_must_be_called() {
    use Operation::{ChatCompletions, GenerateContent, Messages, Responses};
    let chat = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": schema()}});
    let flat = |name: &str| json!({"type": "function", "name": name, "parameters": schema()});
    let anthropic = |name: &str| json!({"name": name, "input_schema": schema()});
    let gemini = |name: &str| json!({"name": name, "parameters": {"type": "OBJECT"}});
    let both = |tool: &dyn Fn(&str) -> Value| json!([tool("f"), tool("g")]);
    let listed = json!([{"type": "function", "function": {"name": "g"}}]);
    let allowed =
        |mode: &str| json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": listed}});
    let only =
        |names: &[&str]| json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": names}});
    type Choice<'c> = (Value, &'c [&'c str], bool);
    let rows: [(Operation, Value, &[Choice<'_>]); 5] = [
        (
            ChatCompletions,
            both(&chat),
            &[
                (Value::Null, &["f", "g"], false),
                (json!("auto"), &["f", "g"], false),
                (json!("none"), &[], false),
                (json!("required"), &["f", "g"], true),
                (json!({"type": "function", "function": {"name": "g"}}), &["g"], true),
                (allowed("required"), &["g"], true),
                (allowed("auto"), &["g"], false),
            ],
        ),
        (
            Responses,
            both(&flat),
            &[
                (json!("required"), &["f", "g"], true),
                (json!({"type": "function", "name": "f"}), &["f"], true),
                (json!({"type": "allowed_tools", "mode": "auto", "tools": [flat("f")]}), &["f"], false),
            ],
        ),
        (
            Messages,
            both(&anthropic),
            &[
                (json!({"type": "auto", "disable_parallel_tool_use": true}), &["f", "g"], false),
                (json!({"type": "none"}), &[], false),
                (json!({"type": "any"}), &["f", "g"], true),
                (json!({"type": "tool", "name": "g"}), &["g"], true),
            ],
        ),
        (
            GenerateContent,
            json!([{"functionDeclarations": [gemini("f")]}, {"function_declarations": [gemini("g")]}]),
            &[
                (Value::Null, &["f", "g"], false),
                (json!({"functionCallingConfig": {"mode": "AUTO"}}), &["f", "g"], false),
                (json!({"functionCallingConfig": {"mode": "NONE"}}), &[], false),
                (only(&[]), &["f", "g"], true),
                (only(&["g"]), &["g"], true),
                (
                    json!({"function_calling_config": {"mode": "VALIDATED", "allowed_function_names": ["f"]}}),
                    &["f"],
                    false,
                ),
            ],
        ),
        (
            GenerateContent,
            json!([{"googleSearch": {}}, {"functionDeclarations": [
            {"name": "f", "parametersJsonSchema": schema()}, {"name": "g", "parameters_json_schema": schema()}]}]),
            &[(only(&[]), &["f", "g"], true)],
        ),
    ];
    for (operation, listed, choices) in rows {
        for (choice, names, must) in choices {
            let key = if operation == GenerateContent { "tool_config" } else { "tool_choice" };
            let body = json!({"tools": listed, key: choice});
            assert_eq!(read(operation, &body), Some((None, tools(names), *must)), "{operation:?} {body}");
        }
    }
}

#[test]
fn functions_are_tools_in_an_older_spelling() {
    let function = |name: &str| json!({"name": name, "parameters": schema()});
    let listed = json!([function("f"), function("g")]);
    let rows: [(Value, &[&str], bool); 4] = [
        (Value::Null, &["f", "g"], false),
        (json!("auto"), &["f", "g"], false),
        (json!("none"), &[], false),
        (json!({"name": "g"}), &["g"], true),
    ];
    for (choice, names, must) in rows {
        let body = json!({"functions": listed, "function_call": choice});
        assert_eq!(read(Operation::ChatCompletions, &body), Some((None, tools(names), must)), "{body}");
    }
    assert_eq!(read(Operation::ChatCompletions, &json!({"functions": listed, "function_call": {}})), None);
}

#[test]
fn tools_without_a_schema_are_offered_and_what_cannot_be_read_is_no_form() {
    let bare = json!({"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {}}],
        "functions": [{"name": "g"}]});
    let told = vec!["f:-".to_owned(), "g:-".to_owned()];
    assert_eq!(read(Operation::ChatCompletions, &bare), Some((None, told, false)));
    let server = json!({"tools": [{"type": "web_search"}, {"type": "function", "name": "f"}]});
    assert_eq!(read(Operation::Responses, &server), Some((None, vec!["f:-".to_owned()], false)));
    let enumerated = json!({"generationConfig": {"responseMimeType": "text/x.enum",
        "responseSchema": {"type": "STRING", "enum": ["a"]}}});
    for (operation, body) in [
        (Operation::ChatCompletions, json!({"tools": 7})),
        (Operation::ChatCompletions, json!({"tool_choice": {"type": "web_search"}})),
        (Operation::Messages, json!({"tool_choice": {"type": "tool"}})),
        (Operation::GenerateContent, json!({"generationConfig": {"responseSchema": "x"}})),
        (
            Operation::GenerateContent,
            json!({"tools": [{"functionDeclarations": [{"name": "f", "parameters": 3}]}]}),
        ),
        (Operation::GenerateContent, enumerated),
        (Operation::Embeddings, json!({})),
    ] {
        assert_eq!(read(operation, &body), None, "{operation:?} {body}");
    }
    let twice = br#"{"generationConfig":{"responseSchema":{}},"generation_config":{}}"#;
    assert_eq!(form(Operation::GenerateContent, twice), None);
}
