//! What a simulated provider reads of a request, either dialect. Deliberately apart from `codec`: a provider that read
//! requests with the proxy's own code could not notice when the proxy garbles one.

use serde_json::Value;

/// One request as a provider sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The model named.
    pub model: String,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether the stream shall end with its usage (OpenAI).
    pub include_usage: bool,
    /// The caller's output cap.
    pub max_tokens: Option<u64>,
    /// Text of the last user turn.
    pub text: String,
    /// Bytes of all messages.
    pub bytes: u64,
}

/// Reads a body; the error says what is wrong.
pub fn read_question(body: &[u8]) -> Result<Asked, String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("not JSON: {error}"))?;
    let model = body["model"].as_str().ok_or("`model` is missing")?.to_owned();
    let messages = body["messages"].as_array().ok_or("`messages` is missing")?;
    let caps = ["max_completion_tokens", "max_tokens"];
    let last = messages.iter().rev().find(|message| message["role"] == "user");
    Ok(Asked {
        model,
        stream: body["stream"].as_bool().unwrap_or(false),
        include_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
        max_tokens: caps.iter().find_map(|cap| body[cap].as_u64()),
        text: last.map(|message| text_of(&message["content"])).unwrap_or_default(),
        bytes: body["messages"].to_string().len() as u64,
    })
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_a_turn_are_read() {
        let check = |body: &str| read_question(body.as_bytes());
        let plain = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}"#;
        let parts = r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#;
        assert_eq!(check(plain).map(|asked| (asked.text, asked.stream)), Ok(("hi".into(), true)));
        assert_eq!(check(parts).map(|asked| (asked.text, asked.max_tokens)), Ok(("hi".into(), Some(5))));
        assert!(check("{").is_err() && check("{}").is_err() && check(r#"{"model":"m"}"#).is_err());
    }
}
