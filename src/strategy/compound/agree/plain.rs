//! A text without the marks of emphasis and of TeX around its words. What may be part of what it says stays: a brace, a star or a
//! dollar by itself.

/// Up to the brace that closes what was opened before.
pub(super) fn braced(text: &str) -> Option<&str> {
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

/// Without marks of emphasis and of TeX, and without the full stop. Case is kept.
pub(super) fn plain(text: &str) -> String {
    let mut plain = ended(text).to_owned();
    for mark in ["**", "$$", "$", "`", "\""] {
        plain = paired(&plain, mark);
    }
    for (open, close) in [('*', '*'), ('“', '”'), ('«', '»')] {
        let inside = plain.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        if let Some(inside) = inside.filter(|inside| !inside.contains([open, close])) {
            plain = inside.to_owned();
        }
    }
    for (mark, instead) in [
        ("{,}", ","),
        (",\\!", ","),
        ("\\,", " "),
        ("\\ ", " "),
        ("\\%", "%"),
        ("\\$", "$"),
        ("−", "-"),
        ("\\(", " "),
        ("\\)", " "),
        ("\\[", " "),
        ("\\]", " "),
    ] {
        plain = plain.replace(mark, instead);
    }
    for mark in ["\\text{", "\\textbf{", "\\mathrm{", "\\mathbf{"] {
        plain = untexted(&plain, mark);
    }
    let words: Vec<&str> = plain.split_whitespace().collect();
    // A space before a command is none to TeX.
    ended(&words.join(" ")).replace(" \\", "\\")
}

/// Without the half of an emphasis whose other half stands before what was announced, or ends it.
pub(super) fn unwrapped(text: &str) -> &str {
    if text.matches("**").count().is_multiple_of(2) {
        return text;
    }
    let inside = text.strip_prefix("**").or_else(|| ended(text).strip_suffix("**"));
    inside.map_or(text, str::trim)
}

fn ended(text: &str) -> &str {
    text.trim().trim_end_matches(['.', '。', ' '])
}

/// Without the one pair of a mark around words. Between other letters it is no mark: `2**3`.
fn paired(text: &str, mark: &str) -> String {
    let parts: Vec<&str> = text.split(mark).collect();
    let [before, inside, after] = parts[..] else { return text.to_owned() };
    let opens = before.is_empty() || before.ends_with([' ', '(']);
    let closes = after.is_empty() || after.starts_with([' ', ',', '.', ';', ':', '!', '?', ')']);
    if !opens || !closes || inside.is_empty() || inside.trim() != inside {
        return text.to_owned();
    }
    [before, inside, after].concat()
}

/// Without a command of TeX that only says how its words look.
fn untexted(text: &str, mark: &str) -> String {
    let mut plain = text.to_owned();
    while let Some((before, behind)) = plain.split_once(mark) {
        let Some(inside) = braced(behind) else { break };
        let after = &behind[inside.len() + 1..];
        let space = |one: &str, other: &str| {
            let joined = one.ends_with(char::is_alphanumeric) && other.starts_with(char::is_alphanumeric);
            if joined { " " } else { "" }
        };
        plain = [before, space(before, inside), inside, space(inside, after), after].concat();
    }
    plain
}
