//! Rust source as the layout test needs it: without comments, literals and test modules, cut into functions. A lexer
//! of a page, not a parser; it knows just enough to be right about this repository.

/// One function of a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Lines from its `fn` to its closing brace.
    pub lines: usize,
    /// Parameters, the receiver included.
    pub parameters: usize,
}

/// The text with comments and literals blanked (line numbers stay), and everything behind `#[cfg(test)]` removed.
pub fn code_only(text: &str) -> String {
    let blanked = blank(text);
    let mut kept = String::new();
    let mut rest = blanked.as_str();
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        let item = &rest[at..];
        let removed = item_end(item);
        kept.extend(item[..removed].chars().filter(|c| *c == '\n'));
        rest = &item[removed..];
    }
    kept + rest
}

/// Every function with a body.
pub fn functions(code: &str) -> Vec<Function> {
    words(code).filter(|(_, word)| *word == "fn").filter_map(|(at, _)| function(&code[at..])).collect()
}

/// Identifiers and keywords with their positions.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut position = 0;
    std::iter::from_fn(move || {
        let start = position + code[position..].find(is_part)?;
        let length = code[start..].find(|c| !is_part(c)).unwrap_or(code.len() - start);
        position = start + length;
        Some((start, &code[start..position]))
    })
}

fn function(text: &str) -> Option<Function> {
    let (at, name) = words(text).nth(1)?;
    let mut depth = 0_i32;
    let mut open = at + name.len();
    for (offset, c) in text[open..].char_indices() {
        match c {
            '<' => depth += 1,
            '>' if !text[..open + offset].ends_with('-') => depth -= 1,
            '(' if depth == 0 => {
                open += offset;
                break;
            }
            '{' | ';' => return None,
            _ => {}
        }
    }
    let close = matching(&text[open..])?;
    let parameters = count_parameters(&text[open + 1..open + close - 1]);
    let rest = &text[open + close..];
    let body = rest.find(['{', ';'])?;
    if rest[body..].starts_with(';') {
        return Some(Function { name: name.to_owned(), lines: 1, parameters });
    }
    let end = open + close + body + matching(&rest[body..])?;
    Some(Function { name: name.to_owned(), lines: text[..end].lines().count(), parameters })
}

fn count_parameters(list: &str) -> usize {
    let (mut depth, mut commas, mut pending) = (0_i32, 0, false);
    let mut previous = ' ';
    for c in list.chars() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if previous != '-' => depth -= 1,
            ',' if depth == 0 => {
                commas += usize::from(pending);
                pending = false;
                previous = c;
                continue;
            }
            _ => {}
        }
        pending |= !c.is_whitespace();
        previous = c;
    }
    commas + usize::from(pending)
}

/// Length of an item that starts here: to its semicolon or to the end of its braces.
fn item_end(item: &str) -> usize {
    match item.find(['{', ';']) {
        Some(at) if item[at..].starts_with('{') => at + matching(&item[at..]).unwrap_or(item.len() - at),
        Some(at) => at + 1,
        None => item.len(),
    }
}

/// Length up to and including the bracket that closes the first character.
fn matching(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// Comments, strings and characters become spaces of the same height.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal(rest, out.ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// Length of the comment or literal that starts here; 0 when there is none.
fn literal(text: &str, inside_word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if text.starts_with('"') {
        return quoted(text, 1);
    }
    if text.starts_with('\'') {
        return character(text);
    }
    if inside_word {
        return 0;
    }
    let hashes =
        text.trim_start_matches(['b', 'c']).strip_prefix('r').map_or(0, |raw| raw.find('"').unwrap_or(0));
    let prefix = text.find('"').unwrap_or(0);
    let head = &text[..prefix];
    match head.trim_end_matches('#') {
        "r" | "br" | "cr" if hashes == head.matches('#').count() => raw_string(text, prefix, hashes),
        "b" | "c" if !head.contains('#') => quoted(text, prefix + 1),
        _ => 0,
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn quoted(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn raw_string(text: &str, quote: usize, hashes: usize) -> usize {
    let end = format!("\"{}", "#".repeat(hashes));
    text[quote + 1..].find(&end).map_or(text.len(), |at| quote + 1 + at + end.len())
}

/// A character literal; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut inside = text[1..].chars();
    match inside.next() {
        Some('\\') => text[3..].find('\'').map_or(0, |at| 3 + at + 1),
        Some(c) if inside.next() == Some('\'') => 2 + c.len_utf8(),
        _ => 0,
    }
}
