//! Gemini names the model and the streaming in the path, `…/models/NAME:METHOD`: reading them there, and putting others in
//! their place. Everything else of a path stays as the client wrote it.

use std::ops::Range;

const STREAM: &str = "streamGenerateContent";
const WHOLE: &str = "generateContent";

/// What a path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeminiPath {
    /// The model, decoded.
    pub model: String,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether a stream is to come as events; without `alt=sse` it is one JSON array.
    pub events: bool,
    name: Range<usize>,
    method: Range<usize>,
}

impl GeminiPath {
    /// Reads path and query; `None` for any other path.
    pub fn of(path_and_query: &str) -> Option<Self> {
        let end = path_and_query.find('?').unwrap_or(path_and_query.len());
        let (path, query) = path_and_query.split_at(end);
        let begin = path.rfind("/models/")? + "/models/".len();
        let colon = begin + path[begin..].find(':')?;
        let method = &path[colon + 1..];
        if colon == begin || !matches!(method, STREAM | WHOLE) {
            return None;
        }
        Some(Self {
            model: decoded(&path[begin..colon]),
            stream: method == STREAM,
            events: query.trim_start_matches('?').split('&').any(|pair| pair == "alt=sse"),
            name: begin..colon,
            method: colon + 1..path.len(),
        })
    }

    /// The same path for another model.
    pub fn with_model(&self, path_and_query: &str, model: &str) -> String {
        let Range { start, end } = self.name;
        [&path_and_query[..start], encoded(model).as_str(), &path_and_query[end..]].concat()
    }

    /// The same path for a whole answer.
    pub fn whole(&self, path_and_query: &str) -> String {
        let Range { start, end } = self.method;
        let query = path_and_query[end..].trim_start_matches('?').split('&');
        let kept: Vec<&str> = query.filter(|pair| !pair.is_empty() && *pair != "alt=sse").collect();
        let mark = if kept.is_empty() { "" } else { "?" };
        [&path_and_query[..start], WHOLE, mark, kept.join("&").as_str()].concat()
    }
}

/// A model's name as it stands in a path.
pub(super) fn encoded(name: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(letter).collect()
}

/// What a part of a path says; as it stands where that is no UTF-8.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let escaped = hex.filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_model_and_streaming() {
        let path = "/v1beta/models/a%2Fb-1.5:streamGenerateContent?alt=sse&key=k";
        let read = GeminiPath::of(path).unwrap();
        assert_eq!((read.model.as_str(), read.stream, read.events), ("a/b-1.5", true, true));
        assert_eq!(read.with_model(path, "c d"), "/v1beta/models/c%20d:streamGenerateContent?alt=sse&key=k");
        assert_eq!(read.whole(path), "/v1beta/models/a%2Fb-1.5:generateContent?key=k");
        let read = GeminiPath::of("/v1/models/m/models/auto:generateContent").unwrap();
        assert_eq!((read.model.as_str(), read.stream, read.events), ("auto", false, false));
        for other in ["/v1beta/models/x:countTokens", "/v1beta/models/:generateContent", "/v1/models/x", "/"]
        {
            assert_eq!(GeminiPath::of(other), None, "{other}");
        }
        assert_eq!(GeminiPath::of("/v1/models/%zz%e9:generateContent").unwrap().model, "%zz%e9");
    }
}
