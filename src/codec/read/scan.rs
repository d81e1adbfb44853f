//! A tolerant, string-aware scanner over raw JSON bytes: where members and values stand, without a tree and without
//! judging numbers or surrogates. Owns positions and the duplicate check for bodies the parser refuses; reads no values
//! but keys, `model` and `stream`. Memory and stack stay constant whatever the nesting.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr2, memmem};

use super::walk::ROUTING_KEYS;

/// What the scanner says about the top level of a body that the reader refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyScan {
    /// One object, and no routing key stands in it twice: it may pass unread without the router and the provider
    /// seeing different values.
    Clean {
        /// The model it names, when that is a string.
        model: Option<String>,
        /// Whether `stream` is true.
        stream: bool,
    },
    /// This routing key stands there twice.
    Duplicate(&'static str),
    /// Not one well-bracketed object of UTF-8; nothing can be said.
    Unreadable,
}

/// Scans a raw body; keys are unescaped before they are compared.
pub fn scan_keys(body: &[u8]) -> KeyScan {
    try_scan(body).unwrap_or(KeyScan::Unreadable)
}

fn try_scan(body: &[u8]) -> Option<KeyScan> {
    std::str::from_utf8(body).ok()?;
    let open = skip_space(body, 0);
    let mut members = Members::of(body, open);
    let (mut model, mut stream, mut seen) = (None, false, 0_u64);
    for member in members.by_ref() {
        let Member { key, value } = member.ok()?;
        let key = decode(&body[key])?;
        let Some(position) = ROUTING_KEYS.iter().position(|known| *known == key) else { continue };
        if seen & (1 << position) != 0 {
            return Some(KeyScan::Duplicate(ROUTING_KEYS[position]));
        }
        seen |= 1 << position;
        match ROUTING_KEYS[position] {
            "model" => model = decode(&body[value]).map(Cow::into_owned),
            "stream" => stream = &body[value] == b"true",
            _ => {}
        }
    }
    (skip_space(body, members.at) == body.len()).then_some(KeyScan::Clean { model, stream })
}

/// Whether an object has a top-level member of this name, as written without escapes.
pub fn has_member(body: &[u8], name: &str) -> bool {
    if memmem::find(body, name.as_bytes()).is_none() {
        return false;
    }
    let members = Members::of(body, skip_space(body, 0));
    members.map_while(Result::ok).any(|member| {
        body[member.key].get(1..).is_some_and(|key| key.strip_suffix(b"\"") == Some(name.as_bytes()))
    })
}

/// One member of an object: byte ranges into the scanned bytes, the key's with its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::codec) struct Member {
    pub(in crate::codec) key: Range<usize>,
    pub(in crate::codec) value: Range<usize>,
}

/// The bytes cannot be an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) struct Broken;

/// The members of the object that opens at a position, in order.
pub(in crate::codec) struct Members<'a> {
    bytes: &'a [u8],
    /// Where reading goes on; behind the closing brace once the iteration has ended well.
    at: usize,
    state: Place,
}

enum Place {
    Opening,
    BehindMember,
    Ended,
}

impl<'a> Members<'a> {
    /// `open` is where the opening brace should stand.
    pub(in crate::codec) fn of(bytes: &'a [u8], open: usize) -> Self {
        Self { bytes, at: open, state: Place::Opening }
    }

    /// Moves to the next key; `Ok(false)` behind the closing brace.
    fn step(&mut self) -> Result<bool, Broken> {
        let byte = |at: usize| self.bytes.get(at).copied();
        let expected = if matches!(self.state, Place::Opening) { b'{' } else { b',' };
        let at = skip_space(self.bytes, self.at);
        match (byte(at), expected) {
            (Some(found), _) if found == expected => self.at = skip_space(self.bytes, at + 1),
            (Some(b'}'), b',') => return self.end(at),
            _ => return Err(Broken),
        }
        match (byte(self.at), expected) {
            (Some(b'"'), _) => Ok(true),
            (Some(b'}'), b'{') => self.end(self.at),
            _ => Err(Broken),
        }
    }

    fn end(&mut self, brace: usize) -> Result<bool, Broken> {
        self.at = brace + 1;
        self.state = Place::Ended;
        Ok(false)
    }

    fn member(&mut self) -> Option<Member> {
        let key = self.at..string_end(self.bytes, self.at)?;
        let colon = skip_space(self.bytes, key.end);
        if self.bytes.get(colon) != Some(&b':') {
            return None;
        }
        let start = skip_space(self.bytes, colon + 1);
        let value = start..value_end(self.bytes, start)?;
        self.at = value.end;
        self.state = Place::BehindMember;
        Some(Member { key, value })
    }
}

impl Iterator for Members<'_> {
    type Item = Result<Member, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.state, Place::Ended) {
            return None;
        }
        let found = match self.step() {
            Ok(false) => return None,
            Ok(true) => self.member().ok_or(Broken),
            Err(broken) => Err(broken),
        };
        if found.is_err() {
            self.state = Place::Ended;
        }
        Some(found)
    }
}

/// The text of a raw string, quotes included in `raw`; `None` when it is no string or holds a broken escape.
pub(in crate::codec) fn decode(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    match memchr2(b'\\', b'"', inner) {
        None => std::str::from_utf8(inner).ok().map(Cow::Borrowed),
        Some(_) => serde_json::from_slice::<String>(raw).ok().map(Cow::Owned),
    }
}

/// First position from `at` on that is not JSON white space.
pub(in crate::codec) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Whether a body holds more values and keys than this. Looked at closely only where it could, texts left out: they hold
/// commas of their own.
pub(in crate::codec) fn has_more_values(body: &[u8], most: usize) -> bool {
    let separates = |byte: &u8| matches!(byte, b',' | b':' | b'[' | b'{');
    if body.len() / 2 < most || body.iter().filter(|byte| separates(byte)).count() < most {
        return false;
    }
    let (mut at, mut values) = (0, 1_usize);
    while let Some(byte) = body.get(at) {
        values += usize::from(separates(byte));
        // What is no string to its end is no JSON either, and the parser says so.
        at = if *byte == b'"' { string_end(body, at).unwrap_or(body.len()) } else { at + 1 };
    }
    values > most
}

/// Behind the closing quote of the string whose opening quote is at `at`.
pub(in crate::codec) fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Behind the value that starts at `at`: a string, a bracketed value, or a bare word up to the next delimiter.
pub(in crate::codec) fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => bracket_end(bytes, at),
        _ => {
            let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
            let length = bytes[at..].iter().take_while(|byte| word(byte)).count();
            (length > 0).then_some(at + length)
        }
    }
}

fn bracket_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}
