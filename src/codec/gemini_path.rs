//! Gemini names the model and the streaming in the path, `…/models/NAME:METHOD`: reading them there, and putting others in
//! their place. Everything else of a path stays as the client wrote it.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const STREAM: &str = "streamGenerateContent";
const WHOLE: &str = "generateContent";
const EMBED: &str = "embedContent";
const EMBED_BATCH: &str = "batchEmbedContents";

/// What a path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeminiPath {
    /// The model, decoded.
    pub model: String,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether a stream is to come as events; without `alt=sse` it is one JSON array.
    pub events: bool,
    /// Whether several vectors are asked for at once.
    pub batch: bool,
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
        if colon == begin || !matches!(method, STREAM | WHOLE | EMBED | EMBED_BATCH) {
            return None;
        }
        Some(Self {
            model: decoded(&path[begin..colon]),
            stream: method == STREAM,
            batch: method == EMBED_BATCH,
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

/// What stands in a path as it is (RFC 3986, 2.3).
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A model's name as it stands in a path.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, &UNRESERVED).to_string()
}

/// What a part of a path says; as it stands where that is no UTF-8.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Cow::into_owned)
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
        let batch = GeminiPath::of("/v1beta/models/e:batchEmbedContents").unwrap();
        assert!(batch.batch && !batch.stream && !GeminiPath::of("/v1/models/e:embedContent").unwrap().batch);
        let read = GeminiPath::of("/v1/models/m/models/auto:generateContent").unwrap();
        assert_eq!((read.model.as_str(), read.stream, read.events), ("auto", false, false));
        for other in ["/v1beta/models/x:countTokens", "/v1beta/models/:generateContent", "/v1/models/x", "/"]
        {
            assert_eq!(GeminiPath::of(other), None, "{other}");
        }
        assert_eq!(GeminiPath::of("/v1/models/%zz%e9:generateContent").unwrap().model, "%zz%e9");
    }
}
