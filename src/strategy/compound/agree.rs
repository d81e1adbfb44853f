//! Whether two answers say the same. Compared are final answers: what was announced or boxed, a letter, a number with its unit, a
//! yes or no, JSON, a short text. What has no final answer that could be told agrees with nothing, and where it is not sure, two
//! answers differ: asking a dearer model costs money, a false agreement costs the answer.

use serde_json::Value;

use crate::codec::Spoken;

/// Longest text that is compared as a whole, bytes.
const MAX_SHORT: usize = 80;
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
                let value = |text: &str| serde_json::from_str::<Value>(text).ok();
                one.0 == other.0 && value(&one.1).is_some() && value(&one.1) == value(&other.1)
            });
    }
    match (Final::of(&one.text), Final::of(&other.text)) {
        (Some(one), Some(other)) => one.same(&other),
        _ => false,
    }
}

/// What an answer comes to.
#[derive(Debug, PartialEq)]
enum Final {
    Json(Value),
    /// A letter of a multiple choice.
    Choice(char),
    Yes(bool),
    /// A value and what it counts, where that stands there.
    Number(f64, Option<String>),
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
            return Some(Self::Json(value));
        }
        if text.contains("\\boxed{") {
            return boxed(text).and_then(|inside| Self::within(&inside));
        }
        if let Some(announced) = announced(text) {
            return Self::within(announced);
        }
        if let Some(yes) = begins_with_yes(text) {
            return Some(Self::Yes(yes));
        }
        if text.len() <= MAX_SHORT && !text.contains('\n') { Self::within(text) } else { None }
    }

    /// The final answer within what was announced as one.
    fn within(text: &str) -> Option<Self> {
        if let Some(literal) = literal(text) {
            return Some(Self::Literal(literal.to_owned()));
        }
        let plain = plain(text);
        if plain.is_empty() {
            return None;
        }
        if let Some(letter) = choice(&plain) {
            return Some(Self::Choice(letter));
        }
        match plain.as_str() {
            "yes" | "ja" | "oui" | "sí" | "si" | "sim" | "да" | "はい" | "是" | "true" => {
                return Some(Self::Yes(true));
            }
            "no" | "nein" | "non" | "não" | "нет" | "いいえ" | "否" | "false" => {
                return Some(Self::Yes(false));
            }
            _ => {}
        }
        // A relation, a sign or a formula is no number, whatever digits stand in it.
        if plain.contains(['<', '>', '≤', '≥', '±', '~', '≈', '^', '!', '\\', ':', '|']) {
            return (plain.len() <= MAX_SHORT).then_some(Self::Text(plain));
        }
        // Of a calculation what stands behind its last equals sign.
        let value = plain.rsplit_once('=').map_or(plain.as_str(), |(_, value)| value.trim());
        if let Some(number) = number(value) {
            return Some(number);
        }
        if let Some(number) = only_number(&plain) {
            return Some(number);
        }
        (plain.len() <= MAX_SHORT).then_some(Self::Text(plain))
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one, unit), Self::Number(other, others)) => {
                let close = (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1e-300);
                close && (unit == others || unit.is_none() || others.is_none())
            }
            _ => self == other,
        }
    }
}

/// Without the fence of a code block around the whole of it.
fn unfenced(text: &str) -> &str {
    let inside = text.strip_prefix("```").and_then(|rest| rest.trim_end().strip_suffix("```"));
    inside.and_then(|inside| inside.split_once('\n')).map_or(text, |(_, inside)| inside.trim())
}

/// What stands in the box. Two boxes with different things in them are two answers.
fn boxed(text: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for (at, mark) in text.match_indices("\\boxed{") {
        let inside = braced(&text[at + mark.len()..])?.to_owned();
        if found.as_ref().is_some_and(|known| *known != inside) {
            return None;
        }
        found = Some(inside);
    }
    found
}

/// Up to the brace that closes what was opened before.
fn braced(text: &str) -> Option<&str> {
    let mut depth = 1;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(..at);
        }
    }
    None
}

/// What stands behind the last announcement of an answer, on its line.
fn announced(text: &str) -> Option<&str> {
    const WORDS: [&str; 8] =
        ["answer is", "answer:", "answer**:", "answer:**", "####", "antwort:", "respuesta:", "réponse :"];
    let lower = text.to_ascii_lowercase();
    let at = WORDS.into_iter().filter_map(|words| lower.rfind(words).map(|at| at + words.len())).max()?;
    let behind = text.get(at..)?.trim_start_matches([':', '*', ' ', '\n']);
    behind.lines().next().map(str::trim).filter(|line| !line.is_empty())
}

/// Without marks of emphasis, of TeX, quotes and the full stop; in lower case.
fn plain(text: &str) -> String {
    let mut plain = text.trim().to_owned();
    for (mark, instead) in [
        ("\\text{", "{"),
        ("\\textbf{", "{"),
        ("\\mathrm{", "{"),
        ("{,}", ","),
        ("\\,", ""),
        ("\\!", ""),
        ("\\ ", " "),
        ("\\%", "%"),
        ("\\$", "$"),
        ("−", "-"),
        ("\\(", ""),
        ("\\)", ""),
        ("\\[", ""),
        ("\\]", ""),
    ] {
        plain = plain.replace(mark, instead);
    }
    let kept =
        plain.chars().filter(|letter| !matches!(letter, '*' | '`' | '"' | '“' | '”' | '\'' | '{' | '}'));
    let plain: String = kept.collect();
    let plain = plain.trim().trim_matches('$').trim_end_matches(['.', '。', ' ']).trim();
    plain.to_lowercase()
}

/// A letter by itself, in brackets, or before the text it stands for.
fn choice(plain: &str) -> Option<char> {
    let inside = plain.strip_prefix("option ").unwrap_or(plain);
    let bare = inside.strip_prefix('(').unwrap_or(inside);
    let mut letters = bare.chars();
    let letter = letters.next().filter(|letter| letter.is_ascii_alphabetic())?;
    let rest = letters.as_str();
    let marked = rest.starts_with(')') || rest.starts_with(". ") || rest.starts_with(": ");
    (rest.is_empty() || marked).then(|| letter.to_ascii_uppercase())
}

/// An answer that begins with a yes or no of its own.
fn begins_with_yes(text: &str) -> Option<bool> {
    let lower = text.get(..8.min(text.len())).unwrap_or(text).to_ascii_lowercase();
    let says = |word: &str| {
        lower
            .strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([',', '.', '\n', '!']))
    };
    match (says("yes"), says("no")) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// A number that is all of a text but for one unit or currency.
fn number(text: &str) -> Option<Final> {
    let (text, currency) = match text.chars().next()? {
        mark @ ('$' | '€' | '£' | '¥') => (text.get(mark.len_utf8()..)?.trim(), Some(mark.to_string())),
        _ => (text, None),
    };
    let digits = text.find(|letter: char| !matches!(letter, '0'..='9' | '.' | ',' | '-' | '+' | '/' | 'e'));
    let (value, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = unit.trim();
    // A word that begins like a number with an exponent is none.
    let value = value.strip_suffix('e').unwrap_or(value);
    // More than one word behind it is a sentence about the number.
    if unit.split_whitespace().count() > 1 {
        return None;
    }
    let value = match value.split_once('/') {
        Some((above, below)) => {
            let below = decimal(below).filter(|below| *below != 0.0)?;
            decimal(above)? / below
        }
        None => decimal(value)?,
    };
    match unit {
        "%" | "percent" => Some(Final::Number(value / 100.0, currency)),
        "" => Some(Final::Number(value, currency)),
        word => Some(Final::Number(value, Some(word.to_owned()))),
    }
}

/// The one number of a short sentence, with the unit that follows it. A sentence that denies may say anything about it.
fn only_number(plain: &str) -> Option<Final> {
    const DENIALS: [&str; 8] = ["not", "no", "except", "cannot", "than", "least", "most", "or"];
    if plain.len() > MAX_SHORT || !plain.is_ascii() {
        return None;
    }
    let words: Vec<&str> =
        plain.split_whitespace().map(|word| word.trim_end_matches([',', ';', ':'])).collect();
    let denied = words.iter().any(|word| DENIALS.contains(word) || word.ends_with("n't"));
    let mut numbers =
        words.iter().enumerate().filter(|(_, word)| word.bytes().any(|byte| byte.is_ascii_digit()));
    let ((at, word), None, false) = (numbers.next()?, numbers.next(), denied) else { return None };
    match number(word)? {
        Final::Number(value, None) => match words.get(at + 1) {
            None => Some(Final::Number(value, None)),
            Some(&"percent") => Some(Final::Number(value / 100.0, None)),
            // A unit ends the sentence; what goes on is about something else.
            Some(unit) => (at + 2 == words.len()).then(|| Final::Number(value, Some((*unit).to_owned()))),
        },
        with_unit => (at + 1 == words.len()).then_some(with_unit),
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

/// Digits, with commas only where they part thousands: `1,5` may be one and a half or a list.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let whole = text.split('.').next()?;
    let mut groups = whole.trim_start_matches(['-', '+']).split(',');
    let first = groups.next()?;
    let parted = whole.contains(',');
    if parted && (first.is_empty() || first.len() > 3 || !groups.all(|group| group.len() == 3)) {
        return None;
    }
    text.replace(',', "").parse().ok().filter(|number: &f64| number.is_finite())
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

    /// Wrong verdicts of the labelled pairs of one part: false agreements, false disagreements, each of how many.
    fn measured(part: &str) -> [(usize, usize); 2] {
        let pairs = std::fs::read_to_string("benches/data/agreement.jsonl").unwrap();
        let mut counts = [(0, 0); 2];
        for line in pairs.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            if row["part"] != part {
                continue;
            }
            let text = |key: &str| match &row[key] {
                Value::Object(answer) => {
                    let calls = answer["calls"].as_array().unwrap().iter();
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    Spoken {
                        calls: calls.map(|call| (text(&call["name"]), text(&call["arguments"]))).collect(),
                        ..said("")
                    }
                }
                other => said(other.as_str().unwrap_or_default()),
            };
            let same = row["same"].as_bool().unwrap();
            let count = &mut counts[usize::from(same)];
            count.1 += 1;
            if agree(&text("a"), &text("b")) != same {
                count.0 += 1;
                println!("{line}");
            }
        }
        counts
    }

    /// The labelled pairs this was written against; `cargo test --lib held_out_pairs -- --nocapture` prints those it was not.
    #[test]
    fn labelled_pairs_are_told_apart() {
        let [(agreed, different), (differed, same)] = measured("dev");
        assert!(different > 200 && same > 90);
        assert!(agreed * 50 <= different, "{agreed} of {different} different pairs agree");
        assert!(differed * 10 <= same * 6, "{differed} of {same} same pairs differ");
    }

    #[test]
    fn held_out_pairs() {
        let [(agreed, different), (differed, same)] = measured("held");
        println!(
            "held: {agreed} of {different} different pairs agree, {differed} of {same} same pairs differ"
        );
        assert!(agreed * 20 <= different);
    }
}
