//! Log probabilities of what a model wrote: asked for, read, and taken out of an answer whose client did not ask for them. Chat and
//! Gemini have them; Messages has not.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::scan::{Members, decode, skip_space};
use super::splice::{Edit, splice};
use crate::types::{Dialect, Probability};

/// No token counts for less. What OpenAI writes for one that is very unlikely, -9999, is a mark and no measure.
const LEAST: f64 = -20.0;
/// As far above zero a logarithm may be that was rounded; beyond it is none of a probability.
const ROUNDED: f64 = 1e-3;

/// A request of Chat or of Gemini, asking for log probabilities; `None`: the dialect has no word for it.
pub fn ask_for_logprobs(dialect: Dialect, body: &[u8]) -> Option<Bytes> {
    let open = skip_space(body, 0);
    let edit = match dialect {
        Dialect::OpenAi => set(body, open, &["logprobs"]),
        Dialect::Gemini => {
            let mut members = Members::of(body, open).flatten();
            let config = members.find(|member| is_one_of(&body[member.key.clone()], &CONFIG));
            match config.map(|member| member.value) {
                Some(value) if body[value.start] == b'{' => set(body, value.start, &ASKS),
                Some(value) => Edit { at: value, with: format!("{{\"{}\":true}}", ASKS[0]).into_bytes() },
                None => insert(body, open, &format!("\"{}\":{{\"{}\":true}}", CONFIG[0], ASKS[0])),
            }
        }
        Dialect::Anthropic => return None,
    };
    Some(splice(body, &mut [edit]))
}

const CONFIG: [&str; 2] = ["generationConfig", "generation_config"];
const ASKS: [&str; 2] = ["responseLogprobs", "response_logprobs"];

/// Sets a member of the object that opens there to true, whatever it was.
fn set(body: &[u8], open: usize, names: &[&str]) -> Edit {
    let mut members = Members::of(body, open).flatten();
    match members.find(|member| is_one_of(&body[member.key.clone()], names)) {
        Some(member) => Edit { at: member.value, with: b"true".to_vec() },
        None => insert(body, open, &format!("\"{}\":true", names[0])),
    }
}

fn insert(body: &[u8], open: usize, member: &str) -> Edit {
    let at = open + 1;
    let empty = body.get(skip_space(body, at)) == Some(&b'}');
    let comma = if empty { "" } else { "," };
    Edit { at: at..at, with: format!("{member}{comma}").into_bytes() }
}

fn is_one_of(key: &[u8], names: &[&str]) -> bool {
    decode(key).is_some_and(|key| names.contains(&&*key))
}

/// How probable a whole answer is by its own model: the geometric mean over the tokens of its text. `None`: it does not say, or
/// not of all of them. `reasons`: whether there is reasoning beside the text, whose tokens do not count.
pub(super) fn probability(
    dialect: Dialect,
    body: &[u8],
    (text, reasons): (&str, bool),
) -> Option<Probability> {
    memmem::find(body, b"ogprobs")?;
    match dialect {
        Dialect::OpenAi => {
            let answer: ChatAnswer = serde_json::from_slice(body).ok()?;
            of_tokens(answer.choices.into_iter().next()?.logprobs?.content?, text, reasons)
        }
        Dialect::Gemini => {
            let answer: GeminiAnswer = serde_json::from_slice(body).ok()?;
            let candidate = answer.candidates.into_iter().next()?;
            let tokens = candidate.logprobs_result.and_then(|result| result.chosen_candidates);
            match tokens.filter(|tokens| !tokens.is_empty()) {
                Some(tokens) => of_tokens(tokens, text, reasons),
                None => geometric_mean([candidate.avg_logprobs?]),
            }
        }
        Dialect::Anthropic => None,
    }
}

#[derive(Deserialize)]
struct ChatAnswer {
    choices: Vec<ChatChoice>,
}

#[derive(Deserialize)]
struct ChatChoice {
    logprobs: Option<ChatLogprobs>,
}

#[derive(Deserialize)]
struct ChatLogprobs {
    content: Option<Vec<Token>>,
}

#[derive(Deserialize)]
struct GeminiAnswer {
    candidates: Vec<Candidate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    avg_logprobs: Option<f64>,
    logprobs_result: Option<Chosen>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chosen {
    chosen_candidates: Option<Vec<Token>>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    /// Half a letter is no text.
    bytes: Option<Vec<u8>>,
    #[serde(alias = "logProbability")]
    logprob: Option<f64>,
}

/// Over the tokens the text is made of. Some servers list those of the reasoning ahead of them.
fn of_tokens(tokens: Vec<Token>, text: &str, reasons: bool) -> Option<Probability> {
    let (mut written, mut places) = (Vec::with_capacity(text.len()), Vec::with_capacity(tokens.len()));
    for Token { token, bytes, logprob } in tokens {
        let start = written.len();
        written.extend(bytes.or(token.map(String::into_bytes)).unwrap_or_default());
        places.push((start..written.len(), logprob?));
    }
    let of_text = match memmem::rfind(&written, text.as_bytes()) {
        Some(at) if !text.is_empty() => at..at + text.len(),
        // They are not written as the text is; where nothing else was written they are all of the text.
        _ if reasons => return None,
        _ => 0..usize::MAX,
    };
    let counts = places.into_iter().filter(|(at, _)| at.start < of_text.end && at.end > of_text.start);
    geometric_mean(counts.map(|(_, logprob)| logprob))
}

fn geometric_mean(logprobs: impl IntoIterator<Item = f64>) -> Option<Probability> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for logprob in logprobs {
        if logprob.is_nan() || logprob > ROUNDED {
            return None;
        }
        sum += logprob.clamp(LEAST, 0.0);
        count += 1;
    }
    (count > 0).then(|| Probability::new((sum / f64::from(count)).exp())).flatten()
}

/// An answer without its log probabilities; everything else as it is.
pub fn without_logprobs(dialect: Dialect, body: &Bytes) -> Bytes {
    let edits = match dialect {
        Dialect::OpenAi => in_choices(body),
        Dialect::Gemini => in_candidates(body),
        Dialect::Anthropic => None,
    };
    match edits {
        Some(mut edits) if !edits.is_empty() => splice(body, &mut edits),
        Some(_) | None => body.clone(),
    }
}

/// As answers have it that were not asked: null.
fn in_choices(body: &[u8]) -> Option<Vec<Edit>> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        choices: Vec<Choice<'a>>,
    }
    #[derive(Deserialize)]
    struct Choice<'a> {
        #[serde(borrow)]
        logprobs: Option<&'a RawValue>,
    }
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let there = answer.choices.into_iter().filter_map(|choice| choice.logprobs);
    Some(
        there
            .map(|raw| {
                let at = place(body, raw);
                Edit { at: at..at + raw.get().len(), with: b"null".to_vec() }
            })
            .collect(),
    )
}

/// As answers have it that were not asked: not at all.
fn in_candidates(body: &[u8]) -> Option<Vec<Edit>> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        candidates: Vec<&'a RawValue>,
    }
    const THEIRS: [&str; 2] = ["avgLogprobs", "logprobsResult"];
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let mut edits = Vec::new();
    for raw in answer.candidates {
        let at = place(body, raw);
        let members = Members::of(body, at).collect::<Result<Vec<_>, _>>().ok()?;
        let kept = members.iter().filter(|member| !is_one_of(&body[member.key.clone()], &THEIRS));
        let kept: Vec<&[u8]> = kept.map(|member| &body[member.key.start..member.value.end]).collect();
        if kept.len() < members.len() {
            let with = [&b"{"[..], &kept.join(&b","[..]), b"}"].concat();
            edits.push(Edit { at: at..at + raw.get().len(), with });
        }
    }
    Some(edits)
}

/// Where a value stands in the body it was read from.
fn place(body: &[u8], raw: &RawValue) -> usize {
    raw.get().as_ptr() as usize - body.as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_request_asks_once_and_stays_what_it_was() {
        use Dialect::{Gemini, OpenAi};
        let cases = [
            (
                OpenAi,
                r#" {"model":"m","seed":18446744073709551615}"#,
                r#" {"logprobs":true,"model":"m","seed":18446744073709551615}"#,
            ),
            (OpenAi, r#"{ }"#, r#"{"logprobs":true }"#),
            (
                OpenAi,
                r#"{"a":{"logprobs":1},"logpro\u0062s": false}"#,
                r#"{"a":{"logprobs":1},"logpro\u0062s": true}"#,
            ),
            (OpenAi, r#"{"logprobs":null}"#, r#"{"logprobs":true}"#),
            (Gemini, r#"{"contents":[]}"#, r#"{"generationConfig":{"responseLogprobs":true},"contents":[]}"#),
            (Gemini, r#"{"generationConfig":{}}"#, r#"{"generationConfig":{"responseLogprobs":true}}"#),
            (Gemini, r#"{"generation_config": null}"#, r#"{"generation_config": {"responseLogprobs":true}}"#),
            (
                Gemini,
                r#"{"generation_config":{"topK":3}}"#,
                r#"{"generation_config":{"responseLogprobs":true,"topK":3}}"#,
            ),
            (
                Gemini,
                r#"{"generationConfig":{"topK":3,"response_logprobs":false}}"#,
                r#"{"generationConfig":{"topK":3,"response_logprobs":true}}"#,
            ),
        ];
        for (dialect, body, wanted) in cases {
            let asked = ask_for_logprobs(dialect, body.as_bytes()).unwrap();
            assert_eq!(std::str::from_utf8(&asked).unwrap(), wanted, "{body}");
        }
        assert_eq!(ask_for_logprobs(Dialect::Anthropic, b"{}"), None);
    }

    fn chat(tokens: &[(&str, Value)]) -> Value {
        let token = |(token, logprob): &(&str, Value)| json!({"token": token, "bytes": token.as_bytes(), "logprob": logprob, "top_logprobs": []});
        let content: Vec<Value> = tokens.iter().map(token).collect();
        json!({"choices": [{"logprobs": {"content": content, "refusal": null}, "message": {}}]})
    }

    fn gemini(candidate: Value) -> Value {
        json!({"candidates": [candidate]})
    }

    #[test]
    fn the_probability_of_an_answer_is_the_mean_over_its_text() {
        use Dialect::{Anthropic, Gemini, OpenAi};
        let half = json!(0.5_f64.ln());
        let likely = json!(0.9_f64.ln());
        let chosen = json!([{"token": "4", "logProbability": half}, {"token": "2", "logProbability": half}]);
        let no_bytes = json!({"choices": [{"logprobs": {"content": [{"token": "42", "logprob": half}]}}]});
        let cases = [
            (OpenAi, chat(&[("4", half.clone()), ("2", half.clone())]), "42", false, Some("0.50")),
            (OpenAi, chat(&[("4", json!(0)), ("2", json!(0.25_f64.ln()))]), "42", false, Some("0.50")),
            (OpenAi, chat(&[("4", json!(0.0001))]), "4", false, Some("1.00")),
            (OpenAi, no_bytes, "42", false, Some("0.50")),
            // What was thought ahead of it, and what ends it, is not the answer.
            (
                OpenAi,
                chat(&[
                    ("Is 42", likely.clone()),
                    ("so ", likely.clone()),
                    ("42", half.clone()),
                    ("<end>", likely.clone()),
                ]),
                "42",
                true,
                Some("0.50"),
            ),
            // A token that begins before it.
            (
                OpenAi,
                chat(&[("x", likely), ("\n4", half.clone()), ("2", half.clone())]),
                "42",
                true,
                Some("0.50"),
            ),
            // Not written as the text is.
            (OpenAi, chat(&[("\\xe2", half.clone()), ("\\x98", half.clone())]), "☂", false, Some("0.50")),
            (OpenAi, chat(&[("\\xe2", half)]), "☂", true, None),
            // A mark of something very unlikely.
            (OpenAi, chat(&[("a", json!(-9999.0)), ("b", json!(0))]), "ab", false, Some("0.000045")),
            (OpenAi, chat(&[("a", json!(1.5))]), "a", false, None),
            (OpenAi, chat(&[("a", Value::Null)]), "a", false, None),
            (OpenAi, chat(&[]), "a", false, None),
            (OpenAi, json!({"choices": [{"logprobs": null, "message": {}}]}), "a", false, None),
            (OpenAi, json!({"choices": [{"logprobs": {"content": null, "refusal": []}}]}), "a", false, None),
            (OpenAi, json!({"choices": []}), "logprobs", false, None),
            (Gemini, gemini(json!({"avgLogprobs": 0.8_f64.ln()})), "42", false, Some("0.80")),
            (
                Gemini,
                gemini(json!({"avgLogprobs": 3, "logprobsResult": {"chosenCandidates": chosen}})),
                "42",
                false,
                Some("0.50"),
            ),
            (Gemini, gemini(json!({"avgLogprobs": 3})), "42", false, None),
            (Gemini, gemini(json!({"logprobsResult": {"topCandidates": []}})), "42", false, None),
            (Anthropic, json!({"logprobs": 1}), "42", false, None),
        ];
        for (dialect, body, text, reasons, want) in cases {
            let found = probability(dialect, body.to_string().as_bytes(), (text, reasons));
            assert_eq!(found.map(|found| found.to_string()).as_deref(), want, "{body}");
        }
    }

    #[test]
    fn an_answer_is_served_without_them() {
        use Dialect::{Anthropic, Gemini, OpenAi};
        let cases = [
            (
                OpenAi,
                r#"{"choices":[{"index":0, "logprobs": {"content":[{"token":"}"}]}, "message":{}}],"x":1e2}"#,
                r#"{"choices":[{"index":0, "logprobs": null, "message":{}}],"x":1e2}"#,
            ),
            (
                OpenAi,
                r#"{"choices":[{"message":{"content":"logprobs"},"logprobs":null}]}"#,
                r#"{"choices":[{"message":{"content":"logprobs"},"logprobs":null}]}"#,
            ),
            (
                Gemini,
                r#"{"candidates": [{"avgLogprobs":-0.1,"content":{} , "index":0, "logprobsResult":{}}],"z": 1}"#,
                r#"{"candidates": [{"content":{},"index":0}],"z": 1}"#,
            ),
            (
                Gemini,
                r#"{"candidates":[{"logprobsResult":{}}, {"content":{}}]}"#,
                r#"{"candidates":[{}, {"content":{}}]}"#,
            ),
            (Gemini, r#"{"promptFeedback":{}}"#, r#"{"promptFeedback":{}}"#),
            (Anthropic, r#"{"logprobs":1}"#, r#"{"logprobs":1}"#),
        ];
        for (dialect, body, wanted) in cases {
            let served = without_logprobs(dialect, &Bytes::from_static(body.as_bytes()));
            assert_eq!(std::str::from_utf8(&served).unwrap(), wanted);
        }
    }
}
