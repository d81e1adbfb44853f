//! `GET /v1/frontier`: its query read, its answer put into a status.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::pipeline::{Engine, FrontierAsk, FrontierFault};
use crate::types::{Day, TaskClass};

/// Size of a typical request where the query gives none.
const TYPICAL: (u32, u32) = (1000, 300);
/// Largest size that is taken.
const MOST_TOKENS: u32 = 100_000_000;

/// The answer to a query, at the prices of a day.
pub(super) fn answer(engine: &Engine, query: &str, day: Day) -> (StatusCode, Value) {
    let found = match read(query) {
        Ok(ask) => engine.frontier(&ask, day),
        Err(fault) => Err(FrontierFault::Incomplete(fault)),
    };
    match found {
        Ok(frontier) => (StatusCode::OK, json!(frontier)),
        Err(FrontierFault::Unknown(what)) => (StatusCode::NOT_FOUND, json!({ "error": what })),
        Err(FrontierFault::Incomplete(what)) => (StatusCode::BAD_REQUEST, json!({ "error": what })),
    }
}

fn read(query: &str) -> Result<FrontierAsk, String> {
    let mut ask = FrontierAsk {
        policy: None,
        task: None,
        model: None,
        input_tokens: TYPICAL.0,
        output_tokens: TYPICAL.1,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode_str(value).decode_utf8_lossy();
        match key {
            "policy" => ask.policy = Some(value.into_owned()),
            "model" => ask.model = Some(value.into_owned()).filter(|model| model != "auto"),
            "task" => ask.task = task(&value)?,
            "input_tokens" => ask.input_tokens = tokens(key, &value)?,
            "output_tokens" => ask.output_tokens = tokens(key, &value)?,
            _ => {
                let known = "policy, task, model, input_tokens, output_tokens";
                return Err(format!("`{key}` is not known here: known are {known}"));
            }
        }
    }
    Ok(ask)
}

fn task(word: &str) -> Result<Option<TaskClass>, String> {
    let found = TaskClass::parse(word);
    if found.is_none() && word != "all" {
        let known = TaskClass::ALL.map(TaskClass::as_str).join(", ");
        return Err(format!("`{word}` is no task class: there are all, {known}"));
    }
    Ok(found)
}

fn tokens(key: &str, value: &str) -> Result<u32, String> {
    let number = value.parse::<u32>().ok().filter(|number| (1..=MOST_TOKENS).contains(number));
    number.ok_or_else(|| format!("{key}: `{value}` is not a number of tokens from 1 to {MOST_TOKENS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_or_refused_in_words() {
        let bare =
            FrontierAsk { policy: None, task: None, model: None, input_tokens: 1000, output_tokens: 300 };
        assert_eq!(read(""), Ok(bare.clone()));
        assert_eq!(read("task=all&model=auto&"), Ok(bare));
        let ask = read("policy=a%2Fb+c&task=code&model=m:1&input_tokens=7&output_tokens=9").unwrap();
        let expected = FrontierAsk {
            policy: Some("a/b+c".to_owned()),
            task: Some(TaskClass::Code),
            model: Some("m:1".to_owned()),
            input_tokens: 7,
            output_tokens: 9,
        };
        assert_eq!(ask, expected);
        for (query, part) in [
            ("taks=code", "known are policy"),
            ("task=coding", "there are all, code, math"),
            ("input_tokens=0", "from 1 to"),
            ("output_tokens=many", "`many`"),
            ("input_tokens", "``"),
        ] {
            assert!(read(query).unwrap_err().contains(part), "{query}: {:?}", read(query));
        }
    }
}
