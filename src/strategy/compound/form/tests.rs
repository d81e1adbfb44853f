use serde_json::json;

use super::*;
use crate::types::{Dialect, Operation};

fn schema(schema: &Value, text: &str) -> Fit {
    let schema = schema.to_string();
    Schema::default().fit(&schema, text)
}

#[test]
fn texts_are_held_against_a_schema() {
    let city = json!({"type": "object", "required": ["city"], "additionalProperties": false,
        "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}, "people": {"type": "integer", "minimum": 0}}});
    for (text, fit) in [
        (r#"{"city":"Ulm"}"#, Fit::Fits),
        (r#"{"city":"Ulm","people":3}"#, Fit::Fits),
        (r#"{"city":"ulm"}"#, Fit::Misfits),
        (r#"{"city":7}"#, Fit::Misfits),
        (r#"{"people":3}"#, Fit::Misfits),
        (r#"{"city":"Ulm","people":-1}"#, Fit::Misfits),
        (r#"{"city":"Ulm","more":1}"#, Fit::Misfits),
        ("[1]", Fit::Misfits),
        ("```json\n{\"city\":\"Ulm\"}\n```", Fit::Misfits),
        ("", Fit::Misfits),
    ] {
        assert_eq!(schema(&city, text), fit, "{text}");
    }
    // A tree, as its schema refers to itself; a format says nothing that is checked, whatever the draft.
    let tree = json!({"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/node",
        "definitions": {"node": {"type": "object", "required": ["at"], "properties": {"at": {"format": "date-time"},
            "left": {"$ref": "#/definitions/node"}, "right": {"anyOf": [{"$ref": "#/definitions/node"}, {"type": "null"}]}}}}});
    assert_eq!(schema(&tree, r#"{"at":"x","left":{"at":1},"right":null}"#), Fit::Fits);
    assert_eq!(schema(&tree, r#"{"at":"x","left":{"at":1,"right":{"left":{}}}}"#), Fit::Misfits);
}

#[test]
fn a_schema_that_cannot_be_checked_lets_nothing_stand() {
    let pattern = |pattern: &str| json!({"pattern": pattern});
    for hostile in [
        json!(null),
        json!({"type": "STRING"}),
        json!({"$ref": "https://schemas.invalid/x.json"}),
        json!({"$ref": "file:///etc/hostname"}),
        json!({"$ref": "#/nowhere"}),
        json!({"$ref": "#anchor", "$defs": {"x": {"$anchor": "anchor"}}}),
        json!({"$dynamicRef": "#"}),
        json!({"$schema": "https://schemas.invalid/own", "type": "string"}),
        json!({"description": "x".repeat(MAX_SCHEMA)}),
        pattern("^(?!x)y"),
        pattern("(a{1000}){1000}"),
        json!({"properties": {"x": {"$id": "https://schemas.invalid/x", "type": "string"}}}),
    ] {
        let told = hostile.to_string();
        assert_eq!(schema(&hostile, "\"a\""), Fit::Untold, "{:.80}", told);
    }
    assert_eq!(schema(&json!({}), &format!("\"{}\"", "x".repeat(MAX_TEXT))), Fit::Untold);
}

/// `d0` refers to `d1` so often, and so on, down to a text.
fn ladder(rungs: usize, rung: impl Fn(Value) -> Value) -> Value {
    let mut defs = serde_json::Map::new();
    for at in 0..rungs {
        defs.insert(format!("d{at}"), rung(json!({"$ref": format!("#/$defs/d{}", at + 1)})));
    }
    defs.insert(format!("d{rungs}"), json!({"type": "string"}));
    json!({"$ref": "#/$defs/d0", "$defs": defs})
}

fn nested(levels: usize, level: impl Fn(Value) -> Value) -> Value {
    (0..levels).fold(json!({"properties": {"a": {"type": "integer"}}}), |inner, _| level(inner))
}

/// The same schema, which refers to the first of its own, with another word about whatever that has not looked at.
fn left_over(mut schema: Value, word: &str) -> Value {
    let first = schema["$ref"].take();
    schema["allOf"] = json!([{"$ref": first}]);
    schema[word] = json!(false);
    schema.as_object_mut().unwrap().remove("$ref");
    schema
}

/// `p1` has a member `p2` and is twice `p0`, and so on: whoever begins at the first sees no more than circles.
fn chain(links: usize, begins: impl Fn(Value, Value) -> Value) -> Value {
    let link = |at: usize| json!({"$ref": format!("#/$defs/p{at}")});
    let links_to =
        |at: usize| json!({"properties": {"a": link(at + 1)}, "allOf": [link(at - 1), link(at - 1)]});
    let mut defs: serde_json::Map<String, Value> =
        (1..links).map(|at| (format!("p{at}"), links_to(at))).collect();
    defs.insert("p0".to_owned(), json!({"properties": {"a": link(1)}}));
    defs.insert(format!("p{links}"), json!({"allOf": [link(links - 1), link(links - 1)]}));
    let mut schema = begins(link(0), link(links));
    schema["$defs"] = Value::Object(defs);
    schema
}

/// Each has the others as members, and says something of what is left over of them.
fn left_over_clique(of: usize) -> Value {
    let one = |at: usize| {
        let others = (0..of).filter(|other| *other != at);
        let member = |other| json!({"$ref": format!("#/$defs/d{other}"), "unevaluatedProperties": false});
        let members: serde_json::Map<String, Value> =
            others.map(|other| (format!("a{other}"), member(other))).collect();
        json!({"allOf": [{"properties": members}], "unevaluatedProperties": false})
    };
    let defs: serde_json::Map<String, Value> = (0..of).map(|at| (format!("d{at}"), one(at))).collect();
    json!({"$ref": "#/$defs/d0", "$defs": defs})
}

#[test]
fn a_schema_made_to_take_for_ever_is_not_compiled() {
    let clique: serde_json::Map<String, Value> = (0..9)
        .map(|at| {
            let others = (0..9).filter(|other| *other != at);
            let all: Vec<Value> = others.map(|other| json!({"$ref": format!("#/$defs/d{other}")})).collect();
            (format!("d{at}"), json!({"anyOf": all}))
        })
        .collect();
    let patterns: Vec<Value> = (0..300).map(|at| json!({"pattern": format!("x{at}")})).collect();
    for hostile in [
        json!({"$ref": "#"}),
        json!({"not": {"$ref": "#"}}),
        json!({"$ref": "#/$defs/d0", "$defs": clique}),
        ladder(40, |next| json!({"anyOf": [next, next]})),
        ladder(40, |next| json!({"anyOf": [{"properties": {"a": next}}, {"properties": {"a": next}}]})),
        ladder(40, |next| json!({"patternProperties": {"a": next, "b": next}})),
        ladder(300, |next| json!({"allOf": [next]})),
        ladder(3000, |next| json!({"properties": {"a": next}})),
        nested(30, |inner| json!({"anyOf": [inner, {"type": "null"}], "unevaluatedProperties": false})),
        left_over(ladder(28, |next| json!({"allOf": [next, next]})), "unevaluatedProperties"),
        left_over(ladder(28, |next| json!({"allOf": [next, next]})), "unevaluatedItems"),
        chain(30, |first, last| json!({"allOf": [first], "additionalProperties": last})),
        chain(30, |first, last| {
            json!({"allOf": [first],
            "additionalProperties": {"allOf": [last], "unevaluatedProperties": false}})
        }),
        left_over_clique(8),
        ladder(400, |next| {
            json!({"unevaluatedProperties": false,
            "allOf": [{"properties": {"a": {"unevaluatedProperties": false, "allOf": [next]}}}]})
        }),
        json!({"anyOf": patterns}),
        json!({"const": {"$ref": "#/const"}, "allOf": [{"$ref": "#/const"}]}),
        json!({"$defs": {"x": {"$id": "https://a.invalid/", "properties": {"y": {"$ref": "#"}}}},
               "$ref": "#/$defs/x/properties/y"}),
    ] {
        let text = hostile.to_string();
        assert_eq!(schema(&hostile, r#"{"a":{"a":1}}"#), Fit::Untold, "{text:.120}");
    }
}

#[test]
fn what_is_usual_is_light() {
    // Of each kind of operation an object of its own, which refers to all of them again.
    let kinds: Vec<Value> = ["+", "-", "*", "/"]
        .iter()
        .map(|kind| {
            json!({"type": "object", "required": ["left", "op", "right"], "additionalProperties": false, "properties":
                {"left": {"$ref": "#/$defs/e"}, "op": {"const": kind}, "right": {"$ref": "#/$defs/e"}}})
        })
        .chain([json!({"type": "number"})])
        .collect();
    let sums = json!({"$ref": "#/$defs/e", "$defs": {"e": {"anyOf": kinds}}});
    let deep = (0..50).fold(json!(1), |inner, _| json!({"left": inner, "op": "/", "right": 2}));
    assert_eq!(schema(&sums, &deep.to_string()), Fit::Fits);
    let other = deep.to_string().replacen('/', "?", 1);
    assert_eq!(schema(&sums, &other), Fit::Misfits);
    let fields: serde_json::Map<String, Value> = (0..200)
        .map(|at| (format!("field_{at}"), json!({"type": ["string", "null"], "description": "d"})))
        .collect();
    let rows = json!({"type": "array", "items": {"type": "object", "properties": fields}});
    let text = Value::from(vec![json!({"field_1": "x".repeat(100)}); 300]).to_string();
    assert_eq!(schema(&rows, &text), Fit::Fits);
    // What is sealed by what is left over of its parts.
    let fields = rows["items"]["properties"].clone();
    let sealed = json!({"allOf": [{"$ref": "#/$defs/base"}, {"properties": {"row": {"$ref": "#"}}}],
        "unevaluatedProperties": false, "$defs": {"base": {"properties": fields}}});
    assert_eq!(schema(&sealed, r#"{"field_1":"x","row":{"field_2":null}}"#), Fit::Fits);
    assert_eq!(schema(&sealed, r#"{"field_1":"x","row":{"field_200":null}}"#), Fit::Misfits);
}

#[test]
fn the_deepest_that_is_checked_takes_half_the_stack_that_threads_have() {
    type Level = fn(Value) -> Value;
    let levels: [Level; 6] = [
        |inner| json!({"anyOf": [{"type": "null"}, inner]}),
        |inner| json!({"oneOf": [{"type": "null"}, inner]}),
        |inner| json!({"allOf": [{}, inner]}),
        |inner| json!({"not": {"not": inner}}),
        |inner| json!({"if": inner, "then": true, "else": false}),
        |inner| json!({"dependentSchemas": {"a": inner}}),
    ];
    for level in levels {
        let once = level(json!({}));
        let each = if once["not"].is_null() { 1 } else { 2 };
        let of = |depth: usize| {
            let leaf = json!({"properties": {"a": {"$ref": "#/$defs/top"}}});
            let top = (0..depth / each).fold(leaf, |inner, _| level(inner));
            json!({"$ref": "#/$defs/top", "$defs": {"top": top}})
        };
        // One more is the reference to it.
        let deepest = of(burden::MAX_AT_ONE_VALUE - each);
        let deeper = of(burden::MAX_AT_ONE_VALUE);
        let text = format!("{}1{}", "{\"a\":".repeat(126), "}".repeat(126));
        assert_eq!(schema(&deeper, &text), Fit::Untold, "{once}");
        let checked = move || schema(&deepest, &text);
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(checked).unwrap();
        assert_eq!(thread.join().unwrap(), Fit::Fits, "{once}");
    }
}

/// A request of Chat as it is read, and the check of an answer to it.
fn checked(body: &Value, spoken: &Spoken) -> Fit {
    let body = body.to_string();
    let mut scratch = codec::Scratch::default();
    let (request, ()) =
        codec::read(Operation::ChatCompletions, body.as_bytes(), &mut scratch, |_| ()).unwrap();
    assert_eq!(request.dialect, Dialect::OpenAi);
    let form = AskedForm::default();
    let compiled = || form.compiled(Operation::ChatCompletions, body.as_bytes());
    held_against((Some(&request), &compiled), spoken)
}

fn said(text: &str, calls: &[(&str, &str)]) -> Spoken {
    let calls = calls.iter().map(|(name, arguments)| ((*name).to_owned(), (*arguments).to_owned())).collect();
    Spoken { text: text.to_owned(), calls, finish: Some(Finish::Stop), ..Spoken::default() }
}

#[test]
fn an_answer_is_a_text_or_calls_as_they_were_asked_for() {
    let ask = |more: Value| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "?"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let number = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": number}});
    let tool = |name: &str, schema: &Value| json!({"type": "function", "function": {"name": name, "parameters": schema}});
    let tools = json!([tool("f", &number), {"type": "function", "function": {"name": "bare"}},
        tool("elsewhere", &json!({"$ref": "https://schemas.invalid/x"}))]);
    let free = ask(json!({}));
    let schema = ask(json!({"response_format": format}));
    let object = ask(json!({"response_format": {"type": "json_object"}}));
    let may = ask(json!({"tools": tools}));
    let must = ask(json!({"tools": tools, "tool_choice": "required"}));
    let one = ask(json!({"tools": tools, "tool_choice": {"type": "function", "function": {"name": "f"}}}));
    let both = ask(json!({"tools": tools, "response_format": format}));
    let n = r#"{"n":1}"#;
    let bad = r#"{"n":"1"}"#;
    let elsewhere = json!({"type": "json_schema", "json_schema": {"name": "e", "schema": {"$ref": "https://schemas.invalid/x"}}});
    let elsewhere = ask(json!({"response_format": elsewhere}));
    let unread = ask(json!({"tools": tools, "tool_choice": {"type": "web_search"}}));
    type Row<'r> = (&'r Value, &'r str, &'r [(&'r str, &'r str)], Fit);
    let rows: &[Row<'_>] = &[
        (&free, "Yes.", &[], Fit::Fits),
        (&free, " ", &[], Fit::Misfits),
        (&free, "", &[("f", n)], Fit::Misfits),
        (&schema, " {\"n\":1}\n", &[], Fit::Fits),
        (&schema, bad, &[], Fit::Misfits),
        (&schema, "[1]", &[], Fit::Misfits),
        (&elsewhere, n, &[], Fit::Untold),
        (&elsewhere, "It rains.", &[], Fit::Misfits),
        (&object, "[1]", &[], Fit::Fits),
        (&object, bad, &[], Fit::Fits),
        (&object, "1", &[], Fit::Misfits),
        (&may, "No need.", &[], Fit::Fits),
        (&may, "", &[("f", n)], Fit::Fits),
        (&may, "", &[("f", bad)], Fit::Misfits),
        (&may, "", &[("f", n), ("f", "{}")], Fit::Misfits),
        (&may, "", &[("g", n)], Fit::Misfits),
        (&may, "", &[("bare", bad)], Fit::Fits),
        (&may, "", &[("bare", "[]")], Fit::Misfits),
        (&may, "", &[("elsewhere", n)], Fit::Untold),
        (&may, "", &[("elsewhere", n), ("f", n)], Fit::Untold),
        (&may, "", &[("elsewhere", n), ("f", bad)], Fit::Misfits),
        (&must, "No need.", &[], Fit::Misfits),
        (&must, "", &[("bare", "{}")], Fit::Fits),
        (&one, "No need.", &[], Fit::Misfits),
        (&one, "", &[("bare", "{}")], Fit::Misfits),
        (&one, "", &[("f", n)], Fit::Fits),
        (&both, "Let me see.", &[("f", n)], Fit::Fits),
        (&both, n, &[], Fit::Fits),
        (&both, bad, &[], Fit::Misfits),
        (&unread, "", &[("f", n)], Fit::Untold),
        (&unread, "", &[("f", "7")], Fit::Misfits),
    ];
    for (body, text, calls, fit) in rows {
        assert_eq!(checked(body, &said(text, calls)), *fit, "{body}: {text} {calls:?}");
    }
    let cut = Spoken { finish: Some(Finish::Length), ..said("Yes.", &[]) };
    let declined = Spoken { refused: true, ..said("Yes.", &[]) };
    assert_eq!((checked(&free, &cut), checked(&free, &declined)), (Fit::Misfits, Fit::Misfits));
}
