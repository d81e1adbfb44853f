//! Embeddings within a dialect: what an answer says of itself, and the model's name where Gemini's clients repeat it in the body.
//! Translation of them is `cross::embeddings`.

use std::ops::Range;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::answer::{Answer, Malformed, failed};
use super::error::ErrorField;
use super::read::scan::{Members, decode, skip_space, value_end};
use super::splice::Edit;
use super::usage::{GeminiUsage, OpenAiUsage};
use crate::types::Dialect;

/// OpenAI's answer.
#[derive(Deserialize)]
pub(super) struct Embeddings {
    data: Option<Vec<IgnoredAny>>,
    usage: Option<OpenAiUsage>,
    model: Option<String>,
    error: Option<ErrorField>,
}

impl Embeddings {
    pub(super) fn answer(self) -> Result<Answer, Malformed> {
        if let Some(answer) = failed(Dialect::OpenAi, self.error) {
            return Ok(answer);
        }
        let Some(data) = self.data else {
            return Err(Malformed::new("the answer has neither `data` nor `error`"));
        };
        let usage = self.usage.map(|usage| usage.usage());
        Ok(Answer { usage, has_content: !data.is_empty(), model: self.model, ..Answer::default() })
    }
}

/// Gemini's answer: one vector or several, and a count in newer versions only.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GeminiEmbeddings {
    embedding: Option<IgnoredAny>,
    embeddings: Option<Vec<IgnoredAny>>,
    usage_metadata: Option<GeminiUsage>,
    error: Option<ErrorField>,
}

impl GeminiEmbeddings {
    pub(super) fn answer(self) -> Result<Answer, Malformed> {
        if let Some(answer) = failed(Dialect::Gemini, self.error) {
            return Ok(answer);
        }
        let has_content = match (self.embedding, self.embeddings) {
            (Some(_), _) => true,
            (None, Some(several)) => !several.is_empty(),
            (None, None) => {
                return Err(Malformed::new("the answer has neither `embedding`, `embeddings` nor `error`"));
            }
        };
        let usage = self.usage_metadata.map(|usage| usage.usage());
        Ok(Answer { usage, has_content, ..Answer::default() })
    }
}

/// Names another model where the body repeats the one of the path: `models/NAME`, once or in each request of a batch. What names
/// any other model stays, and is the provider's to refuse.
pub fn set_embedding_model(body: &[u8], from: &str, to: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (key, value) in members(body, skip_space(body, 0)) {
        match key.as_str() {
            "model" => edits.extend(renamed(body, value, (from, to))),
            "requests" => {
                for request in elements(body, value.start) {
                    let models = members(body, request.start).filter(|(key, _)| key == "model");
                    edits.extend(models.filter_map(|(_, at)| renamed(body, at, (from, to))));
                }
            }
            _ => {}
        }
    }
    edits
}

fn renamed(body: &[u8], at: Range<usize>, (from, to): (&str, &str)) -> Option<Edit> {
    let named = decode(&body[at.clone()])?;
    let (prefix, name) = match named.strip_prefix("models/") {
        Some(name) => ("models/", name),
        None => ("", &*named),
    };
    let with = serde_json::Value::from([prefix, to].concat()).to_string().into_bytes();
    (name == from).then_some(Edit { at, with })
}

fn members(body: &[u8], open: usize) -> impl Iterator<Item = (String, Range<usize>)> + '_ {
    let members = Members::of(body, open).map_while(Result::ok);
    members.filter_map(|member| Some((decode(&body[member.key])?.into_owned(), member.value)))
}

/// Where the elements of the array that opens at a position stand.
fn elements(bytes: &[u8], open: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = open;
    while matches!(bytes.get(at), Some(b'[' | b',')) {
        let start = skip_space(bytes, at + 1);
        let Some(end) = value_end(bytes, start) else { break };
        found.push(start..end);
        at = skip_space(bytes, end);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::splice::splice;

    fn set(body: &str, from: &str, to: &str) -> String {
        let mut edits = set_embedding_model(body.as_bytes(), from, to);
        String::from_utf8(splice(body.as_bytes(), &mut edits).to_vec()).unwrap()
    }

    #[test]
    fn names_are_set_wherever_the_path_is_repeated() {
        let one = r#"{"content":{"model":"models/a"},"model" : "models/a","x":12345678901234567890123}"#;
        assert_eq!(set(one, "a", "b\"c"), one.replace(r#": "models/a""#, r#": "models/b\"c""#));
        let several = r#"{"requests": [ {"model":"models/a","content":{}} ,{"model":"a"},{"x":[1,{}]},{"model":"models/z"}]}"#;
        let expected = r#"{"requests": [ {"model":"models/b","content":{}} ,{"model":"b"},{"x":[1,{}]},{"model":"models/z"}]}"#;
        assert_eq!(set(several, "a", "b"), expected);
        for same in
            ["{}", "[]", r#"{"requests":{}}"#, r#"{"requests":[]}"#, r#"{"requests":[1,"#, r#"{"model":1}"#]
        {
            assert_eq!(set(same, "a", "b"), same);
        }
    }
}
