//! Whether two answers say the same. Compared are final answers: what was announced or boxed, a letter, a number with its unit, a
//! yes or no, JSON, a short text. What has no final answer that could be told agrees with nothing, and where it is not sure, two
//! answers differ: asking a dearer model costs money, a false agreement costs the answer. So a comparison leaves nothing out but
//! marks and what is on a closed list of words that say nothing.

mod number;
mod plain;

use serde_json::Value;

use crate::codec::Spoken;
use crate::types::Compared;

use number::Number;
use plain::{braced, plain, unwrapped};

/// Longest text that is compared as a whole, bytes.
const MAX_SHORT: usize = 80;
/// Longest final answer that is looked into, its marks among it, bytes.
const MAX_FINAL: usize = 4 * MAX_SHORT;
/// This much of an answer's end is looked at.
const MAX_LOOKED_AT: usize = 16 << 10;

/// Whether two answers say the same.
pub(super) fn agree(one: &Spoken, other: &Spoken) -> bool {
    if one.refused || other.refused {
        return false;
    }
    if !one.calls.is_empty() || !other.calls.is_empty() {
        return one.calls.len() == other.calls.len()
            && one.calls.iter().zip(&other.calls).all(|(one, other)| {
                let value = |text: &str| serde_json::from_str::<Value>(text).ok().filter(exact);
                one.0 == other.0 && value(&one.1).is_some() && value(&one.1) == value(&other.1)
            });
    }
    match (Final::of(&one.text), Final::of(&other.text)) {
        (Some(one), Some(other)) => one.same(&other),
        _ => false,
    }
}

/// What one answer says beside another.
pub(super) fn compared(one: &Spoken, other: &Spoken) -> Compared {
    if agree(one, other) {
        Compared::Same
    } else if comes_to_something(one) && comes_to_something(other) {
        Compared::Differs
    } else {
        Compared::Incomparable
    }
}

/// Whether it comes to a final answer that can be told.
fn comes_to_something(spoken: &Spoken) -> bool {
    let exactly = |text: &str| serde_json::from_str::<Value>(text).is_ok_and(|value| exact(&value));
    !spoken.refused
        && if spoken.calls.is_empty() {
            Final::of(&spoken.text).is_some()
        } else {
            spoken.calls.iter().all(|(_, arguments)| exactly(arguments))
        }
}

/// What an answer comes to.
#[derive(Debug, PartialEq)]
enum Final {
    Json(Value),
    /// A letter of a multiple choice, and the text behind it.
    Choice(char, String),
    Yes(bool),
    Number(Number),
    /// A text between quotes, as it is.
    Literal(String),
    /// A short text, folded.
    Text(String),
}

impl Final {
    fn of(text: &str) -> Option<Self> {
        let from = text.len().saturating_sub(MAX_LOOKED_AT);
        let text = text.get((from..=text.len()).find(|at| text.is_char_boundary(*at))?..)?.trim();
        if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(unfenced(text)) {
            return exact(&value).then_some(Self::Json(value));
        }
        if text.contains("\\boxed{") {
            return Self::within(boxed(text)?);
        }
        if let Some(hashed) = hashed(text) {
            return Some(hashed);
        }
        if let Some(announced) = announced(text) {
            return Self::within(announced);
        }
        if text.len() <= MAX_SHORT && !text.contains('\n') { Self::within(text) } else { None }
    }

    /// The final answer within what was announced as one.
    fn within(text: &str) -> Option<Self> {
        if text.len() > MAX_FINAL {
            return None;
        }
        if let Some(literal) = literal(text) {
            return Some(Self::Literal(literal.to_owned()));
        }
        let plain = plain(text);
        let folded = plain.to_lowercase();
        if folded.is_empty() {
            return None;
        }
        if let Some((letter, rest)) = choice(&folded) {
            return Some(Self::Choice(letter, rest.to_owned()));
        }
        if let Some(yes) = yes(&folded) {
            return Some(Self::Yes(yes));
        }
        if let Some(number) = Number::of(&plain) {
            return Some(Self::Number(number));
        }
        (folded.len() <= MAX_SHORT).then_some(Self::Text(folded))
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.same(other),
            (Self::Choice(one, text), Self::Choice(other, others)) => {
                one == other && (text == others || text.is_empty() || others.is_empty())
            }
            _ => self == other,
        }
    }
}

/// Whether no number in it was rounded when it was read: two large ones that differ may be one as floats.
fn exact(value: &Value) -> bool {
    const LARGE: f64 = 9e15;
    match value {
        Value::Number(number) => {
            !number.is_f64() || number.as_f64().is_some_and(|number| number.abs() < LARGE)
        }
        Value::Array(values) => values.iter().all(exact),
        Value::Object(values) => values.values().all(exact),
        _ => true,
    }
}

/// Without the fence of a code block around the whole of it.
fn unfenced(text: &str) -> &str {
    let inside = text.strip_prefix("```").and_then(|rest| rest.trim_end().strip_suffix("```"));
    inside.and_then(|inside| inside.split_once('\n')).map_or(text, |(_, inside)| inside.trim())
}

/// What stands in the box that ends an answer. Two boxes with different things in them are two answers; what stands behind one may
/// be its unit or take it back, and what stands right before one may be its sign.
fn boxed(text: &str) -> Option<&str> {
    let mut found: Option<&str> = None;
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("\\boxed{") {
        let inside = braced(behind)?;
        let last = before.trim_end_matches([' ', '$']).chars().next_back();
        let part = last.is_some_and(|letter| "+-−/}".contains(letter) || letter.is_numeric());
        if part || before.ends_with(char::is_alphabetic) || found.is_some_and(|known| known != inside) {
            return None;
        }
        found = Some(inside);
        rest = behind.get(inside.len() + 1..)?;
    }
    let mark = |letter: char| letter.is_whitespace() || "$*.\\])}".contains(letter);
    found.filter(|_| rest.chars().all(mark))
}

/// The number or letter behind `####` on an answer's last line, as GSM8K has it. Anything else there is a heading.
fn hashed(text: &str) -> Option<Final> {
    match Final::within(text.lines().next_back()?.strip_prefix("####")?)? {
        Final::Number(number) if number.is_bare() => Some(Final::Number(number)),
        Final::Choice(letter, rest) if rest.is_empty() => Some(Final::Choice(letter, rest)),
        _ => None,
    }
}

/// What stands behind the one announcement of an answer, where that ends the text.
fn announced(text: &str) -> Option<&str> {
    const WORDS: [&str; 7] =
        ["answer is", "answer:**", "answer:", "answer**:", "antwort:", "respuesta:", "réponse :"];
    // What says that an answer stands elsewhere, or nothing of it.
    const HOLLOW: [&str; 8] =
        ["as follows", "below", "above", "helpful", "useful", "clear", "simple", "complicated"];
    let lower = text.to_ascii_lowercase();
    let first = WORDS.iter().filter_map(|words| lower.find(words)).min()?;
    let words = WORDS.iter().find(|words| lower[first..].starts_with(**words))?;
    let end = first + words.len();
    if !announces(&lower[..first]) || WORDS.iter().any(|words| lower[end..].contains(words)) {
        return None;
    }
    let behind = text.get(end..)?.trim().trim_start_matches(':').trim();
    let told = behind.trim_end_matches(['.', '!', ':']).to_ascii_lowercase();
    let ends = !behind.is_empty() && behind.len() <= MAX_FINAL && !behind.contains('\n');
    (ends && !HOLLOW.contains(&told.as_str())).then(|| unwrapped(behind))
}

/// Whether the clause that ends here says that the answer follows, and nothing else: `so the final`.
fn announces(before: &str) -> bool {
    const WORDS: &str =
        "the so thus hence therefore and then final correct right my die la endgültige richtige";
    const LINKS: [&str; 5] = ["so", "thus", "hence", "therefore", "and"];
    let at = before.rfind(['\n', '.', '!', '?', '。', ';']);
    let clause = at.map_or(before, |at| &before[at..]);
    let between = |letter: char| letter.is_whitespace() || "*#_,.!?。;".contains(letter);
    let says = |text: &str| {
        let mut words = text.split(between).filter(|word| !word.is_empty());
        words.all(|word| WORDS.split(' ').any(|known| known == word))
    };
    let linked = |text: &str| {
        let first = text.split(between).find(|word| !word.is_empty());
        first.is_some_and(|word| LINKS.contains(&word))
    };
    let last = clause.rsplit_once(',').map_or("", |(_, last)| last);
    says(clause) || (linked(last) && says(last))
}

/// A letter by itself, in brackets, or before the text it stands for; and that text. Where another letter is named too, or it is
/// denied, it is no choice.
fn choice(folded: &str) -> Option<(char, &str)> {
    const OTHERS: [&str; 9] =
        ["not", "wrong", "incorrect", "false", "except", "cannot", "least", "neither", "nor"];
    let inside = folded.strip_prefix("option ").unwrap_or(folded);
    let bare = inside.strip_prefix('(').unwrap_or(inside);
    let mut letters = bare.chars();
    let letter = letters.next().filter(char::is_ascii_alphabetic)?.to_ascii_uppercase();
    let rest = letters.as_str();
    if rest.is_empty() || rest == ")" {
        return Some((letter, ""));
    }
    let named = rest.strip_prefix(": ").filter(|text| !text.contains(char::is_numeric));
    let text = rest.strip_prefix(") ").or_else(|| rest.strip_prefix(". ")).or(named)?.trim();
    let mut words =
        text.split_whitespace().map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric()));
    let joined =
        text.starts_with([',', '&', '+', '/', '-']) || matches!(words.clone().next(), Some("and" | "or"));
    let other = words.any(|word| {
        let letter = word.len() == 1 && matches!(word.as_bytes()[0], b'b'..=b'j');
        letter || OTHERS.contains(&word) || word.ends_with("n't")
    });
    (letter <= 'J' && !joined && !other).then_some((letter, text))
}

/// A yes or no behind which nothing else is said.
fn yes(folded: &str) -> Option<bool> {
    const YES: [&str; 6] =
        ["it is", "it does", "it can", "that is correct", "that's correct", "this is correct"];
    const NO: [&str; 6] = ["it is not", "it isn't", "it does not", "it doesn't", "it cannot", "it can't"];
    let (word, behind) = folded.split_once([',', '.', '!']).unwrap_or((folded, ""));
    let behind = behind.trim();
    match word {
        "yes" | "ja" | "oui" | "sí" | "si" | "sim" | "да" | "はい" | "是" | "true" => {
            (behind.is_empty() || YES.contains(&behind)).then_some(true)
        }
        "no" | "nein" | "non" | "não" | "нет" | "いいえ" | "否" | "false" => {
            (behind.is_empty() || NO.contains(&behind)).then_some(false)
        }
        _ => None,
    }
}

/// A text between quotes of one kind: what a program printed.
fn literal(text: &str) -> Option<&str> {
    let text = text.trim();
    let text = text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).unwrap_or(text);
    let quote = text.chars().next().filter(|mark| matches!(mark, '\'' | '"'))?;
    let inside = text.get(1..)?.strip_suffix(quote)?;
    (!inside.contains(quote)).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Finish;

    fn said(text: &str) -> Spoken {
        Spoken { text: text.to_owned(), finish: Some(Finish::Stop), ..Spoken::default() }
    }

    #[test]
    fn answers_that_say_the_same_agree_and_others_do_not() {
        for (one, other, same) in [
            ("42", "The answer is **42**.", true),
            ("1,000", "Answer: 1000", true),
            ("So \\boxed{7}", "#### 7", true),
            ("(B)", "The answer is B", true),
            ("{\"a\": 1, \"b\": [2]}", "```json\n{\"b\":[2],\"a\":1}\n```", true),
            ("3 apples", "3", true),
            ("3 apples", "3 oranges", false),
            ("12", "12.5", false),
            ("1,5", "1.5", false),
            ("B", "C", false),
            ("", "", false),
        ] {
            assert_eq!(agree(&said(one), &said(other)), same, "{one} / {other}");
        }
        let long = "A long essay about nothing in particular. ".repeat(9);
        assert!(!agree(&said(&long), &said(&long)), "what has no final answer agrees with nothing");
        let refused = Spoken { refused: true, ..said("42") };
        assert!(!agree(&refused, &refused));
    }

    #[test]
    fn what_cannot_be_compared_is_told_from_what_differs() {
        let call = |arguments: &str| Spoken {
            calls: vec![("f".to_owned(), arguments.to_owned())],
            ..said("Let me look that up, and then see what comes of it in the end, step by step, for you.")
        };
        let long = said(&"A long essay about nothing in particular. ".repeat(9));
        let rows = [
            (said("42"), said("The answer is 42."), Compared::Same),
            (said("42"), said("43"), Compared::Differs),
            (said("42"), said("B"), Compared::Differs),
            (said("42"), call("{}"), Compared::Differs),
            (call("{\"a\":1}"), call("{\"a\":2}"), Compared::Differs),
            (call("{\"a\":1}"), call("{\"a\":"), Compared::Incomparable),
            (said("42"), long.clone(), Compared::Incomparable),
            (long.clone(), long, Compared::Incomparable),
            (said("42"), Spoken { refused: true, ..said("42") }, Compared::Incomparable),
        ];
        for (one, other, expected) in rows {
            assert_eq!(compared(&one, &other), expected, "{} / {}", one.text, other.text);
            assert_eq!(compared(&other, &one), expected, "{} / {}", other.text, one.text);
        }
    }

    /// The labelled pairs of one part, each with the verdict on it.
    fn judged(part: &str) -> Vec<(Value, bool)> {
        let pairs = std::fs::read_to_string("benches/data/agreement.jsonl").unwrap();
        let rows = pairs.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let said = |answer: &Value| match answer {
            Value::Object(answer) => {
                let calls = answer["calls"].as_array().unwrap().iter();
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let calls = calls.map(|call| (text(&call["name"]), text(&call["arguments"]))).collect();
                Spoken { calls, ..said("") }
            }
            other => said(other.as_str().unwrap_or_default()),
        };
        rows.filter(|row| row["part"] == part)
            .map(|row| {
                let verdict = agree(&said(&row["a"]), &said(&row["b"]));
                (row, verdict)
            })
            .collect()
    }

    /// Wrong verdicts of one part: false agreements, false disagreements, each of how many.
    fn measured(part: &str) -> [(usize, usize); 2] {
        let mut counts = [(0, 0); 2];
        for (row, verdict) in judged(part) {
            let same = row["same"].as_bool().unwrap();
            let count = &mut counts[usize::from(same)];
            count.1 += 1;
            if verdict != same {
                count.0 += 1;
                println!("{row}");
            }
        }
        counts
    }

    /// The labelled pairs this was written against; `cargo test --lib held_out_pairs -- --nocapture` prints those it was not.
    #[test]
    fn labelled_pairs_are_told_apart() {
        let [(agreed, different), (differed, same)] = measured("dev");
        assert!(different > 250 && same > 120, "{different} different pairs, {same} same ones");
        assert!(agreed * 50 <= different, "{agreed} of {different} different pairs agree");
        assert!(differed * 10 <= same * 5, "{differed} of {same} same pairs differ");
    }

    /// Pairs of which a review said what agreed and must not, and for each one that must.
    #[test]
    fn pairs_of_a_review_are_all_told_apart() {
        let rows: Vec<_> = judged("dev").into_iter().filter(|(row, _)| row["from"] == "review").collect();
        assert!(rows.len() >= 90, "{} pairs", rows.len());
        for (row, verdict) in rows {
            assert_eq!(row["same"], verdict, "{row}");
        }
    }

    #[test]
    fn held_out_pairs() {
        let [(agreed, different), (differed, same)] = measured("held");
        println!(
            "held: {agreed} of {different} different pairs agree, {differed} of {same} same pairs differ"
        );
        assert!(different > 200 && same > 100, "{different} different pairs, {same} same ones");
        assert!(agreed * 20 <= different);
    }
}
