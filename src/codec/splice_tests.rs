use super::*;
use crate::codec::read::{Scratch, read};
use proptest::prelude::*;

fn request(body: &str) -> ChatRequest {
    read(Operation::ChatCompletions, body.as_bytes(), &mut Scratch::default(), |_| ()).unwrap().0
}

/// The body after `ask_for_usage` and `set_model`.
fn changed(body: &str, model: &str) -> String {
    let request = request(body);
    let mut edits = vec![set_model(&request, model)];
    edits.extend(ask_for_usage(&request, body.as_bytes()));
    String::from_utf8(splice(body.as_bytes(), &mut edits).to_vec()).unwrap()
}

#[test]
fn only_the_model_changes() {
    let body = r#"{ "messages":[{"role":"user","content":"model"}] ,"model" :"a","seed":18446744073709551615,"é":1e2}"#;
    assert_eq!(changed(body, "b\"\\"), body.replace(r#":"a""#, r#":"b\"\\""#));
}

#[test]
fn usage_is_asked_for_in_every_form_of_stream_options() {
    let cases = [
        (
            r#"{"stream":true,"model":"m","messages":[]}"#,
            r#"{"stream_options":{"include_usage":true},"stream":true,"model":"m","messages":[]}"#,
        ),
        (
            r#" {"stream":true,"model":"m","messages":[],"stream_options":null}"#,
            r#" {"stream":true,"model":"m","messages":[],"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"model":"m","messages":[],"stream_options":{ }}"#,
            r#"{"stream":true,"model":"m","messages":[],"stream_options":{"include_usage":true }}"#,
        ),
        (
            r#"{"stream":true,"model":"m","messages":[],"stream_options":{"x":{}}}"#,
            r#"{"stream":true,"model":"m","messages":[],"stream_options":{"include_usage":true,"x":{}}}"#,
        ),
        (
            r#"{"stream":true,"model":"m","messages":[],"stream_options":{"x":1,"include_us\u0061ge": false}}"#,
            r#"{"stream":true,"model":"m","messages":[],"stream_options":{"x":1,"include_us\u0061ge": true}}"#,
        ),
        (
            r#"{"stream":true,"model":"m","messages":[],"stream_options":{"include_usage":null}}"#,
            r#"{"stream":true,"model":"m","messages":[],"stream_options":{"include_usage":true}}"#,
        ),
    ];
    for (body, wanted) in cases {
        assert_eq!(changed(body, "m"), wanted);
        assert_eq!(request(wanted).stream_options, StreamOptions::IncludeUsage);
    }
}

#[test]
fn usage_is_not_asked_for_without_need() {
    for body in [
        r#"{"model":"m","messages":[]}"#,
        r#"{"stream":false,"model":"m","messages":[]}"#,
        r#"{"stream":true,"model":"m","messages":[],"stream_options":{"include_usage":true}}"#,
    ] {
        assert_eq!(ask_for_usage(&request(body), body.as_bytes()), None, "{body}");
    }
    let body = br#"{"stream":true,"model":"m","max_tokens":1,"messages":[]}"#;
    let (anthropic, ()) = read(Operation::Messages, body, &mut Scratch::default(), |_| ()).unwrap();
    assert_eq!(ask_for_usage(&anthropic, body), None);
}

proptest! {
    #[test]
    fn bytes_outside_the_edits_never_move(
        head in "[a-z ]{0,8}", text in "\\PC{0,20}", model in "\\PC{1,12}", options in 0_usize..4
    ) {
        let options = ["", r#","stream_options":{}"#, r#","stream_options":{"a":1}"#, r#","stream_options":null"#][options];
        let (text, model) = (serde_json::Value::from(text), serde_json::Value::from(model));
        let body = format!(
            r#"{{"{head}x":{text},"model":"old","messages":[{{"role":"user","content":{text}}}],"big":1234567890123456789{options},"stream":true}}"#
        );
        let out = changed(&body, model.as_str().unwrap());
        let mut wanted: serde_json::Value = serde_json::from_str(&body).unwrap();
        wanted["model"] = model.clone();
        if !wanted["stream_options"].is_object() {
            wanted["stream_options"] = serde_json::json!({});
        }
        wanted["stream_options"]["include_usage"] = true.into();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), wanted);
        // taking the change back gives the client's bytes
        let back = out.replacen(&format!(r#""model":{model}"#), r#""model":"old""#, 1);
        let back = match options {
            "" => back.replacen(r#""stream_options":{"include_usage":true},"#, "", 1),
            r#","stream_options":{}"# => back.replacen(r#"{"include_usage":true}"#, "{}", 1),
            r#","stream_options":null"# => back.replacen(r#"{"include_usage":true}"#, "null", 1),
            _ => back.replacen(r#""include_usage":true,"#, "", 1),
        };
        prop_assert_eq!(back, body);
    }
}
