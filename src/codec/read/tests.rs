use super::*;
use crate::codec::hub::{Part, Role, StreamOptions};
use crate::codec::route::{DialectHints, route};
use crate::types::{Capabilities, Dialect, HardMarkers};
use proptest::prelude::*;

fn chat(body: &str) -> Result<ChatRequest, ReadFault> {
    read(Operation::ChatCompletions, body.as_bytes(), &mut Scratch::default(), |_| ())
        .map(|(request, ())| request)
}

fn messages(body: &str) -> Result<ChatRequest, ReadFault> {
    read(Operation::Messages, body.as_bytes(), &mut Scratch::default(), |_| ()).map(|(request, ())| request)
}

/// A chat body of one user message with `extra` members.
fn with(extra: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{extra}}}"#)
}

/// Recorded requests: name, operation and body as the client wrote it (compact separators).
fn recorded() -> Vec<(String, Operation, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("tests/fixtures/clients").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        #[derive(serde::Deserialize)]
        struct Recorded {
            method: String,
            path: String,
            body: Box<serde_json::value::RawValue>,
        }
        let recorded: Recorded = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let target = recorded.path.split('?').next().unwrap();
        let operation = route(&recorded.method, target, DialectHints::default()).operation;
        if recorded.body.get() != "null" {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, operation, recorded.body.get().to_owned()));
        }
    }
    assert!(found.len() > 50);
    found
}

#[test]
fn every_recorded_request_is_read() {
    let mut scratch = Scratch::default();
    for (name, operation, body) in recorded() {
        let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
        let (request, turns) =
            read(operation, body.as_bytes(), &mut scratch, |view| view.turns.len()).expect(&name);
        assert_eq!(request.model, parsed["model"].as_str().unwrap_or_default(), "{name}");
        assert_eq!(request.stream, parsed["stream"].as_bool().unwrap_or_default(), "{name}");
        if let Some(model) = parsed.get("model") {
            assert_eq!(&body[request.model_span.clone()], model.to_string(), "{name}");
        }
        let system =
            |message: &&serde_json::Value| matches!(message["role"].as_str(), Some("system" | "developer"));
        let listed =
            |key: &str| parsed[key].as_array().map_or(0, |all| all.iter().filter(|m| !system(m)).count());
        let wanted = match operation {
            Operation::Responses => listed("input") + usize::from(parsed["input"].is_string()),
            Operation::GenerateContent => listed("contents"),
            Operation::Embeddings => 1,
            _ => listed("messages"),
        };
        assert_eq!(turns, wanted, "{name}");
        assert!(matches!(scan_keys(body.as_bytes()), KeyScan::Clean { .. }), "{name}");
    }
}

#[test]
fn a_coding_agents_request_is_understood() {
    let (_, operation, body) =
        recorded().into_iter().find(|(name, ..)| name == "claude-code.print.2.json").unwrap();
    let (request, ()) = read(operation, body.as_bytes(), &mut Scratch::default(), |view| {
        assert_eq!(view.system.len(), 4, "three blocks and one system message in mid-conversation");
        assert_eq!(view.turns.len(), 1);
        assert_eq!(view.tools.len(), 24);
        let tools: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(view.tools_bytes >= tools["tools"].to_string().len(), "{}", view.tools_bytes);
    })
    .unwrap();
    assert_eq!(request.dialect, Dialect::Anthropic);
    assert_eq!(request.max_output_tokens, Some(64_000));
    assert!(request.needs.has(Capabilities::TOOLS.with(Capabilities::THINKING)));
    assert!(!request.needs.has(Capabilities::SERVER_TOOLS));
    assert!(request.cache_markers && request.stream);
    assert!(request.hard_markers.is_empty());
    let session = request.session.unwrap();
    assert!(!session.contains('{') && session.len() > 8, "{session}");
}

#[test]
fn a_conversation_with_tools_becomes_turns() {
    let body = r#"{"model":"m","messages":[
        {"role":"developer","content":[{"type":"text","text":"be\nshort"}]},
        {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:abc"}},
            {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},{"type":"hologram","x":[1,2]}]},
        {"role":"assistant","content":null,"reasoning_content":"hmm","tool_calls":[
            {"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}]},
        {"role":"tool","tool_call_id":"c","content":"21"},
        {"role":"system","content":"later"},
        {"role":"assistant","content":"done"}],
        "tools":[{"type":"function","function":{"name":"f"}},{"type":"web_search"}]}"#;
    let (request, ()) = read(Operation::ChatCompletions, body.as_bytes(), &mut Scratch::default(), |view| {
        assert_eq!(view.system, ["be\nshort", "later"]);
        let roles: Vec<_> = view.turns.iter().map(|turn| turn.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Assistant]);
        let unknown = r#"{"type":"hologram","x":[1,2]}"#.len();
        assert_eq!(
            view.turns[0].parts,
            [Part::Text("look"), Part::Image(8), Part::Audio(4), Part::Unknown(unknown)]
        );
        assert_eq!(view.turns[1].parts, [Part::Thinking(3), Part::ToolCall { name: "f", bytes: 8 }]);
        assert_eq!(view.turns[2].parts, [Part::ToolResult { text: "21", is_error: false }]);
        assert_eq!(view.tools.iter().map(|tool| tool.name).collect::<Vec<_>>(), ["f", "web_search"]);
        assert_eq!(
            view.tools_bytes,
            r#"[{"type":"function","function":{"name":"f"}},{"type":"web_search"}]"#.len()
        );
    })
    .unwrap();
    let wanted = [
        Capabilities::TOOLS,
        Capabilities::SERVER_TOOLS,
        Capabilities::VISION,
        Capabilities::AUDIO,
        Capabilities::PREFILL,
    ];
    assert_eq!(request.needs, wanted.into_iter().fold(Capabilities::default(), Capabilities::with));
}

#[test]
fn anthropic_blocks_become_parts() {
    let body = r#"{"model":"m","max_tokens":9,"system":"be kind","messages":[
        {"role":"user","content":[{"type":"document","source":{"type":"base64","data":"JVBE"}},"plain"]},
        {"role":"assistant","content":[{"type":"thinking","thinking":"hmm","signature":"s1"},
            {"type":"tool_use","id":"t","name":"f","input":{"a": 1}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,
            "content":[{"type":"text","text":"no"},{"type":"image","source":{"type":"file","file_id":"f1"}}]}]}],
        "tools":[{"name":"f","input_schema":{}},{"type":"web_search_20250305","name":"web_search"}]}"#;
    let (request, ()) = read(Operation::Messages, body.as_bytes(), &mut Scratch::default(), |view| {
        assert_eq!(view.system, ["be kind"]);
        assert_eq!(view.turns[0].parts, [Part::Document(4), Part::Text("plain")]);
        assert_eq!(view.turns[1].parts, [Part::Thinking(3), Part::ToolCall { name: "f", bytes: 8 }]);
        assert_eq!(view.turns[2].parts, [Part::ToolResult { text: "no", is_error: true }]);
        assert_eq!(view.tools[1].name, "web_search_20250305");
        assert!(view.tools[1].server_side && !view.tools[0].server_side);
    })
    .unwrap();
    assert_eq!(request.hard_markers, HardMarkers::SIGNED_THINKING.with(HardMarkers::ACCOUNT_OBJECT));
    assert!(request.needs.has(Capabilities::VISION.with(Capabilities::DOCUMENTS)));
}

#[test]
fn sampling_that_repeats_itself_is_told() {
    for (more, repeats) in [
        ("", false),
        (r#","temperature":0"#, true),
        (r#","temperature":0.29"#, true),
        (r#","temperature":0.3"#, false),
        (r#","temperature":null,"top_p":1"#, false),
        (r#","temperature":1,"top_p":0.1"#, true),
        (r#","top_k":1"#, true),
        (r#","top_k":40"#, false),
        (r#","seed":7"#, true),
        (r#","seed":null"#, false),
    ] {
        assert_eq!(chat(&with(more)).unwrap().repeats, repeats, "{more}");
    }
}

#[test]
fn needs_are_told_from_the_top_level() {
    let cases = [
        ("", Capabilities::default()),
        (r#","temperature":0.2"#, Capabilities::SAMPLING),
        (r#","temperature":null,"top_p":null"#, Capabilities::default()),
        (r#","n":2"#, Capabilities::MULTIPLE_CHOICES),
        (r#","n":1"#, Capabilities::default()),
        (r#","logprobs":true"#, Capabilities::LOGPROBS),
        (r#","logprobs":false"#, Capabilities::default()),
        (r#","reasoning_effort":"high""#, Capabilities::THINKING),
        (r#","reasoning_effort":"none""#, Capabilities::default()),
        (r#","thinking":{"type":"adaptive"}"#, Capabilities::THINKING),
        (r#","thinking":{"type":"disabled"}"#, Capabilities::default()),
        (r#","output_config":{"effort":"high"}"#, Capabilities::THINKING),
        (r#","modalities":["text","audio"]"#, Capabilities::AUDIO),
        (r#","response_format":{"type":"json_object"}"#, Capabilities::JSON_OBJECT),
        (
            r#","response_format":{"type":"json_schema","json_schema":{"schema":{}}}"#,
            Capabilities::JSON_SCHEMA,
        ),
        (r#","response_format":{"type":"text"}"#, Capabilities::default()),
        (r#","functions":[{"name":"f"}]"#, Capabilities::TOOLS),
        (r#","tools":[]"#, Capabilities::default()),
        (r#","tools":[{"type":"custom","custom":{"name":"f"}}]"#, Capabilities::TOOLS),
    ];
    for (extra, needs) in cases {
        assert_eq!(chat(&with(extra)).unwrap().needs, needs, "{extra}");
    }
    let anthropic =
        messages(&with(r#","output_config":{"format":{"type":"json_schema","schema":{"a":1}}}"#)).unwrap();
    assert_eq!(anthropic.needs, Capabilities::JSON_SCHEMA);
}

#[test]
fn a_call_that_is_demanded_is_told_in_every_dialect() {
    let demanded = |operation, body: &str| {
        read(operation, body.as_bytes(), &mut Scratch::default(), |view| view.demands_call)
            .map(|(_, demanded)| demanded)
    };
    let cases = [
        (Operation::ChatCompletions, "", false),
        (Operation::ChatCompletions, r#","tool_choice":"auto""#, false),
        (Operation::ChatCompletions, r#","tool_choice":"none""#, false),
        (Operation::ChatCompletions, r#","tool_choice":"required""#, true),
        (Operation::ChatCompletions, r#","tool_choice":{"type":"function","function":{"name":"f"}}"#, true),
        (Operation::Responses, r#","tool_choice":{"type":"function","name":"f"}"#, true),
        (
            Operation::ChatCompletions,
            r#","tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[]}}"#,
            true,
        ),
        (
            Operation::ChatCompletions,
            r#","tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}"#,
            false,
        ),
        (Operation::ChatCompletions, r#","tool_choice":{"type":"allowed_tools"}"#, false),
        (
            Operation::Responses,
            r#","tool_choice":{"type":"allowed_tools","mode":"required","tools":[]}"#,
            true,
        ),
        (Operation::Responses, r#","tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]}"#, false),
        (Operation::Messages, r#","tool_choice":{"type":"auto"}"#, false),
        (Operation::Messages, r#","tool_choice":{"type":"any"}"#, true),
        (Operation::Messages, r#","tool_choice":{"type":"tool","name":"f"}"#, true),
        (Operation::GenerateContent, r#","toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}"#, false),
        (Operation::GenerateContent, r#","toolConfig":{"functionCallingConfig":{"mode":"ANY"}}"#, true),
        (Operation::GenerateContent, r#","tool_config":{"function_calling_config":{"mode":"ANY"}}"#, true),
    ];
    for (operation, extra, expected) in cases {
        assert_eq!(demanded(operation, &with(extra)).unwrap(), expected, "{extra}");
    }
    // A reader that takes the first and one that takes the last must not differ.
    let twice = r#","tool_choice":{"type":"auto","type":"any"}"#;
    assert!(demanded(Operation::Messages, &with(twice)).is_err());
}

#[test]
fn hard_markers_and_sessions_are_found() {
    let cases = [
        (r#","previous_response_id":"r""#, HardMarkers::STORED_REFERENCE),
        (r#","container":"c""#, HardMarkers::ACCOUNT_OBJECT),
        (r#","mcp_servers":[]"#, HardMarkers::default()),
        (r#","mcp_servers":[{}]"#, HardMarkers::ACCOUNT_OBJECT),
    ];
    for (extra, markers) in cases {
        assert_eq!(messages(&with(extra)).unwrap().hard_markers, markers, "{extra}");
    }
    let thinking = |signature: &str| {
        let block = format!(r#"{{"type":"thinking","thinking":"hm","signature":"{signature}"}}"#);
        let body = format!(r#"{{"model":"m","messages":[{{"role":"assistant","content":[{block}]}}]}}"#);
        messages(&body).unwrap().hard_markers
    };
    assert_eq!((thinking(""), thinking("s")), (HardMarkers::default(), HardMarkers::SIGNED_THINKING));
    let session = |extra: &str| chat(&with(extra)).unwrap().session;
    assert_eq!(session(r#","prompt_cache_key":"k","metadata":{"user_id":"u"}"#).as_deref(), Some("k"));
    assert_eq!(session(r#","metadata":{"user_id":"u"}"#).as_deref(), Some("u"));
    assert_eq!(session(r#","metadata":{"user_id":"{\"session_id\":\"s\",\"x\":1}"}"#).as_deref(), Some("s"));
    assert_eq!(session(r#","metadata":{"team":"t"}"#), None);
}

#[test]
fn stream_options_are_placed() {
    let span = |extra: &str| chat(&with(extra)).unwrap().stream_options;
    assert_eq!(span(""), StreamOptions::Absent);
    assert_eq!(span(r#","stream_options":{"include_usage":true}"#), StreamOptions::IncludeUsage);
    let body = with(r#", "stream_options" : {"include_usage":false} "#);
    let StreamOptions::Silent(range) = chat(&body).unwrap().stream_options else { panic!() };
    assert_eq!(&body[range], r#"{"include_usage":false}"#);
}

#[track_caller]
fn refused(body: &str, kind: ReadFaultKind, param: Option<&str>, words: &str) {
    let fault = chat(body).expect_err(body);
    assert_eq!((fault.kind, fault.param), (kind, param), "{body}: {}", fault.message);
    assert!(fault.message.contains(words), "{body}: {}", fault.message);
}

#[test]
fn wrong_types_are_refused_with_what_was_found() {
    use ReadFaultKind::*;
    refused("[1]", NotAnObject, None, "an array");
    refused("{}", MissingModel, Some("model"), "`auto`");
    refused(r#"{"model":7}"#, WrongType, Some("model"), "the number 7");
    refused(r#"{"model":"m"}"#, WrongType, Some("messages"), "missing");
    refused(r#"{"model":"m","messages":"hi"}"#, WrongType, Some("messages"), "a string; it must be an array");
    refused(r#"{"model":"m","messages":[3]}"#, WrongType, Some("messages"), "messages[0]");
    refused(r#"{"model":"m","messages":[{"content":""}]}"#, WrongType, Some("messages"), "messages[0].role");
    let extras = [
        (r#","stream":"yes""#, "stream", "a string"),
        (r#","max_tokens":-1"#, "max_tokens", "the number -1"),
        (r#","max_tokens":1.5"#, "max_tokens", "the number 1.5"),
        (r#","max_completion_tokens":"9""#, "max_completion_tokens", "a string"),
        (r#","n":0"#, "n", "1 or more"),
        (r#","tools":{}"#, "tools", "an object"),
        (r#","tools":[1]"#, "tools", "tools[0]"),
        (r#","stream_options":true"#, "stream_options", "true"),
        (r#","stream_options":{"include_usage":1}"#, "stream_options", "include_usage"),
        (r#","response_format":"json""#, "response_format", "a string"),
    ];
    for (extra, param, words) in extras {
        refused(&with(extra), WrongType, Some(param), words);
    }
    assert_eq!(chat(&with(r#","max_tokens":99999999999"#)).unwrap().max_output_tokens, Some(u32::MAX));
    assert_eq!(
        chat(&with(r#","max_tokens":5,"max_completion_tokens":9"#)).unwrap().max_output_tokens,
        Some(9)
    );
}

#[test]
fn duplicates_of_keys_that_are_read_are_refused_at_every_level() {
    let bodies = [
        (r#"{"model":"a","messages":[],"model":"b"}"#, "model"),
        (r#"{"model":"a","messages":[],"mod\u0065l":"b"}"#, "model"),
        (r#"{"model":"a","messages":[],"stream":true,"stream":false}"#, "stream"),
        (r#"{"model":"a","messages":[{"role":"user","role":"system","content":""}]}"#, "messages"),
        (r#"{"model":"a","messages":[{"role":"user","content":"","content":"x"}]}"#, "messages"),
        (
            r#"{"model":"a","messages":[{"role":"user","content":[{"type":"text","type":"image_url"}]}]}"#,
            "messages",
        ),
        (
            r#"{"model":"a","messages":[],"stream_options":{"include_usage":true,"include_usage":false}}"#,
            "stream_options",
        ),
        (r#"{"model":"a","messages":[],"thinking":{"type":"disabled","type":"enabled"}}"#, "thinking"),
        (r#"{"model":"a","messages":[],"tools":[{"type":"function","type":"web_search"}]}"#, "tools"),
        (r#"{"model":"a","messages":[],"metadata":{"user_id":"a","user_id":"b"}}"#, "metadata"),
        (
            r#"{"model":"a","messages":[],"response_format":{"type":"text","type":"json_object"}}"#,
            "response_format",
        ),
    ];
    for (body, param) in bodies {
        refused(body, ReadFaultKind::DuplicateKey, Some(param), "stands twice");
    }
    // thirty other keys before it: simd-json's map would answer differently, the walk does not
    let many: String = (0..40).map(|i| format!(r#""k{i}":{i},"#)).collect();
    refused(
        &format!(r#"{{"model":"a",{many}"model":"b","messages":[]}}"#),
        ReadFaultKind::DuplicateKey,
        Some("model"),
        "",
    );
    chat(r#"{"model":"a","x":1,"x":2,"Model":"b","messages":[]}"#).expect("keys that routing does not read");
}

#[test]
fn nesting_is_bounded_before_a_tree_is_built() {
    let nested = |depth: usize| with(&format!(r#","x":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
    chat(&nested(MAX_DEPTH - 1)).expect("the body's own braces are one level");
    for depth in [MAX_DEPTH, 100, 10_000, 1_000_000] {
        refused(&nested(depth), ReadFaultKind::TooDeep, None, "64");
    }
    chat(&with(&format!(r#","x":"{}""#, "[".repeat(1000)))).expect("brackets in a string are text");
}

#[test]
fn what_the_parser_refuses_is_scanned() {
    let clean = |stream| KeyScan::Clean { model: Some("m".to_owned()), stream };
    let cases = [
        (with(r#","stream":true,"seed":123456789012345678901234567890"#), clean(true)),
        (with(r#","user":"\ud800""#), clean(false)),
        (with(r#","x":NaN"#), clean(false)),
        (with(r#","x":1e400"#), clean(false)),
        (with(r#","x":NaN,"model":"b""#), KeyScan::Duplicate("model")),
        (with(r#","x":NaN,"mod\u0065l":"b""#), KeyScan::Duplicate("model")),
        (with(r#","x":NaN,"\ud800":1"#), KeyScan::Unreadable),
        (format!("{} x", with("")), KeyScan::Unreadable),
        (format!("\u{feff}{}", with("")), KeyScan::Unreadable),
        (with("").replace("]", ""), KeyScan::Unreadable),
        (with(","), KeyScan::Unreadable),
        (with(",,"), KeyScan::Unreadable),
        ("{".to_owned(), KeyScan::Unreadable),
        ("[1,".to_owned(), KeyScan::Unreadable),
        (String::new(), KeyScan::Unreadable),
    ];
    for (body, scan) in cases {
        let fault = chat(&body).expect_err(&body);
        assert_eq!((fault.kind, fault.scan), (ReadFaultKind::NotJson, scan), "{body}");
    }
    assert_eq!(scan_keys(b"{\"model\":\"m\xff\"}"), KeyScan::Unreadable);
    assert_eq!(scan_keys(b" {} "), KeyScan::Clean { model: None, stream: false });
}

#[test]
fn an_escaped_model_is_read_and_placed() {
    for body in [
        r#"{"messages":[{"role":"user","content":"\"model\":\"x\" {"}],"model" : "gp\u0074-\"4\"" }"#,
        "{\"mod\\u0065l\"\t:\n\"gp\\u0074-\\\"4\\\"\",\"messages\":[{\"role\":\"user\",\"model\":\"no\"}]}",
    ] {
        let request = chat(body).unwrap();
        assert_eq!(request.model, "gpt-\"4\"");
        assert_eq!(&body[request.model_span], r#""gp\u0074-\"4\"""#);
    }
}

#[test]
fn scratch_is_reused_and_holds_nothing_between() {
    let mut scratch = Scratch::default();
    read(Operation::ChatCompletions, b"{", &mut scratch, |_| ()).unwrap_err();
    read(Operation::ChatCompletions, with("").as_bytes(), &mut scratch, |_| ()).unwrap();
    assert!(scratch.tape.0.is_empty());
}

#[test]
fn other_operations_are_read_at_the_top_only() {
    let body = br#"{"model":"e","input":"text","messages":7}"#;
    let (request, turns) =
        read(Operation::Other, body, &mut Scratch::default(), |view| view.turns.len()).unwrap();
    assert_eq!((request.model.as_str(), turns), ("e", 0));
    let (request, ()) =
        read(Operation::GenerateContent, br#"{"contents":[]}"#, &mut Scratch::default(), |_| ()).unwrap();
    assert_eq!((request.dialect, request.model.as_str()), (Dialect::Gemini, ""));
}

#[test]
fn texts_to_embed_are_one_turn() {
    let read = |operation, path: &str, body: &str| {
        let origin = Origin { operation, path, body: body.as_bytes() };
        let texts = |view: &ChatView<'_>| {
            let parts = view.turns.iter().flat_map(|turn| &turn.parts);
            parts.map(|part| format!("{part:?}")).collect::<Vec<_>>()
        };
        read_origin(&origin, &mut Scratch::default(), texts).map(|(request, texts)| (request.model, texts))
    };
    let openai = |body| read(Operation::Embeddings, "/v1/embeddings", body).unwrap();
    let (a, b) = ("Text(\"a\")".to_owned(), "Text(\"b\")".to_owned());
    assert_eq!(openai(r#"{"model":"e","input":"a"}"#), ("e".to_owned(), vec![a.clone()]));
    assert_eq!(openai(r#"{"model":"e","input":["a","b"]}"#).1, [a.clone(), b.clone()]);
    assert_eq!(openai(r#"{"model":"e","input":[1, 23]}"#).1, ["Unknown(7)"]);
    assert_eq!(openai(r#"{"model":"e","input":null}"#).1, [""; 0]);
    let gemini =
        |method: &str, body| read(Operation::EmbedContent, &format!("/v1beta/models/e:{method}"), body);
    let one = r#"{"content":{"parts":[{"text":"a"},{"x":1},{"text":"b"}]}}"#;
    assert_eq!(gemini("embedContent", one).unwrap(), ("e".to_owned(), vec![a.clone(), b.clone()]));
    let batch = r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}"#;
    assert_eq!(gemini("batchEmbedContents", batch).unwrap().1, [a, b]);
    let twice = r#"{"content":{"parts":[]},"content":{"parts":[{"text":"a"}]}}"#;
    assert_eq!(gemini("embedContent", twice).unwrap_err().kind, ReadFaultKind::DuplicateKey);
}

/// A JSON text with white space, escapes and nesting, so that positions are put to the test.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("-12.5e3".to_owned()),
        any::<u32>().prop_map(|n| n.to_string()),
        ".{0,12}".prop_map(|text: String| serde_json::Value::from(text).to_string()),
        Just(r#""mod\u0065l\\\"""#.to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[ {} ]", all.join(" ,\n"))),
            prop::collection::vec((".{0,5}", inner), 0..4).prop_map(|all| {
                let members: Vec<_> = all
                    .into_iter()
                    .map(|(key, value)| format!("{} :\t{value}", serde_json::Value::from(key)))
                    .collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn the_view_agrees_with_another_parser(before in any_json(), behind in any_json(), name in ".{1,9}", stream: bool) {
        let name = serde_json::Value::from(name);
        let body = format!(
            r#" {{"a":{before},"messages":[{{"role":"user","content":{name}}}],"model": {name} ,"z":{behind},"stream":{stream}}}"#
        );
        let (request, text) = read(Operation::ChatCompletions, body.as_bytes(), &mut Scratch::default(), |view| {
            match view.turns[0].parts[0] { Part::Text(text) => text.to_owned(), _ => unreachable!() }
        }).unwrap();
        let other: serde_json::Value = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(Some(request.model.as_str()), other["model"].as_str());
        prop_assert_eq!(Some(text.as_str()), other["messages"][0]["content"].as_str());
        prop_assert_eq!(&body[request.model_span], name.to_string());
        prop_assert_eq!(request.stream, stream);
        let wanted = KeyScan::Clean { model: Some(request.model), stream };
        prop_assert_eq!(scan_keys(body.as_bytes()), wanted);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..300) {
        let mut scratch = Scratch::default();
        let _ = read(Operation::ChatCompletions, &bytes, &mut scratch, |_| ());
        let body = with(r#","tools":[{"type":"function","function":{"name":"f\n"}}],"max_tokens":3"#);
        let body = &body.as_bytes()[..cut.min(body.len())];
        for operation in [Operation::ChatCompletions, Operation::Messages] {
            let _ = read(operation, body, &mut scratch, |_| ());
        }
    }
}
