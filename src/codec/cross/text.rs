//! Texts and values as they stand on the wire. A JSON string means the same in every dialect, so its inside is carried over
//! as it is: escapes, lone surrogates and all. Values (schemas, arguments) are carried over whole.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The inside of a JSON string, escaped, without its quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// From what a raw string says; `None` for any other value.
    pub(super) fn of(raw: &'a RawValue) -> Option<Self> {
        let inside = raw.get().strip_prefix('"')?.strip_suffix('"')?;
        Some(Self(Cow::Borrowed(inside)))
    }

    /// A text of ours.
    pub(super) fn plain(text: &str) -> Text<'static> {
        let quoted = serde_json::Value::from(text).to_string();
        Text(Cow::Owned(quoted[1..quoted.len() - 1].to_owned()))
    }

    /// Text that needs no escapes: an id, a word of a vocabulary.
    pub(super) fn word(word: &'a str) -> Self {
        debug_assert!(!word.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\'));
        Self(Cow::Borrowed(word))
    }

    /// As it stands between the quotes.
    pub(super) fn escaped(&self) -> &str {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it says; `None` where it holds half a surrogate pair, which no Rust string can.
    pub(super) fn unescaped(&self) -> Option<Cow<'_, str>> {
        if !self.0.contains('\\') {
            return Some(Cow::Borrowed(&self.0));
        }
        serde_json::from_str::<String>(&format!("\"{}\"", self.0)).ok().map(Cow::Owned)
    }

    /// Without escapes that need not be: some writers put a backslash before every slash.
    pub(super) fn simplified(self) -> Self {
        if !self.0.contains('\\') {
            return self;
        }
        self.unescaped().map(|text| Text::plain(&text)).unwrap_or(self)
    }

    /// What follows a prefix that needs no escapes.
    pub(super) fn strip_prefix(&self, prefix: &str) -> Option<Self> {
        match &self.0 {
            Cow::Borrowed(text) => text.strip_prefix(prefix).map(|rest| Self(Cow::Borrowed(rest))),
            Cow::Owned(text) => text.strip_prefix(prefix).map(|rest| Self(Cow::Owned(rest.to_owned()))),
        }
    }

    /// What stands before and behind a mark that needs no escapes.
    pub(super) fn split_once(&self, mark: &str) -> Option<(Self, Self)> {
        match &self.0 {
            Cow::Borrowed(text) => {
                let (before, behind) = text.split_once(mark)?;
                Some((Self(Cow::Borrowed(before)), Self(Cow::Borrowed(behind))))
            }
            Cow::Owned(text) => {
                let (before, behind) = text.split_once(mark)?;
                Some((Self(Cow::Owned(before.to_owned())), Self(Cow::Owned(behind.to_owned()))))
            }
        }
    }

    /// Behind a text of ours.
    pub(super) fn prefixed(&self, prefix: &str) -> Text<'static> {
        Text(Cow::Owned([Text::plain(prefix).escaped(), self.escaped()].concat()))
    }

    /// Puts another text behind it.
    pub(super) fn push(&mut self, more: &Text<'_>) {
        self.0.to_mut().push_str(&more.0);
    }

    pub(super) fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }

    /// Several texts with something between them.
    pub(super) fn join(texts: &[Self], between: &str) -> Text<'a> {
        match texts {
            [one] => one.clone(),
            several => {
                let texts: Vec<&str> = several.iter().map(|text| &*text.0).collect();
                Text(Cow::Owned(texts.join(Text::plain(between).escaped())))
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Self::of(raw)
            .ok_or_else(|| D::Error::custom(format_args!("expected a string, found `{:.40}`", raw.get())))
    }
}

/// A JSON value as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Json<'a>(Cow<'a, str>);

impl<'a> Json<'a> {
    pub(super) fn of(raw: &'a RawValue) -> Self {
        Self(Cow::Borrowed(raw.get()))
    }

    /// From the text of a value; `None` when it is not one JSON value.
    pub(super) fn parse(text: Cow<'a, str>) -> Option<Self> {
        serde_json::from_str::<serde::de::IgnoredAny>(&text).ok()?;
        Some(Self(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
            Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_owned()),
        }))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_object(&self) -> bool {
        self.0.trim_ascii_start().starts_with('{')
    }

    /// The value as the inside of a JSON string: OpenAI's `arguments`.
    pub(super) fn in_text(&self) -> Text<'static> {
        Text::plain(&self.0)
    }
}

/// Writes JSON by hand: the spokes know their shapes, and what is carried over is written already.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn into_bytes(self) -> bytes::Bytes {
        bytes::Bytes::from(self.0)
    }

    /// Opens an object or array (`{` or `[`), as a value.
    pub(super) fn open(&mut self, bracket: u8) {
        self.comma();
        self.0.push(bracket);
    }

    /// Closes an object or array (`}` or `]`).
    pub(super) fn close(&mut self, bracket: u8) {
        self.0.push(bracket);
    }

    /// A member's key; its value must follow.
    pub(super) fn key(&mut self, key: &str) {
        self.comma();
        self.0.push(b'"');
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// The same of a key that somebody else has named.
    pub(super) fn key_text(&mut self, key: &Text<'_>) {
        self.text(key);
        self.0.push(b':');
    }

    /// A string value.
    pub(super) fn text(&mut self, text: &Text<'_>) {
        self.comma();
        self.0.push(b'"');
        self.0.extend_from_slice(text.escaped().as_bytes());
        self.0.push(b'"');
    }

    /// A value that is JSON already: a number, a literal, a schema.
    pub(super) fn raw(&mut self, json: &str) {
        self.comma();
        self.0.extend_from_slice(json.as_bytes());
    }

    pub(super) fn number(&mut self, number: u64) {
        self.raw(&number.to_string());
    }

    /// `"key":"text"`
    pub(super) fn text_member(&mut self, key: &str, text: &Text<'_>) {
        self.key(key);
        self.text(text);
    }

    /// `"key":"word"`, of a word that needs no escapes.
    pub(super) fn word_member(&mut self, key: &str, word: &str) {
        self.text_member(key, &Text::word(word));
    }

    /// `"key":` and JSON as it is.
    pub(super) fn raw_member(&mut self, key: &str, json: &str) {
        self.key(key);
        self.raw(json);
    }

    /// Bytes that are no JSON: the frame of a stream's event.
    pub(super) fn frame(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A comma, unless a value or key comes first here.
    fn comma(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{' | b'[' | b':' | b',' | b' ' | b'\n')) {
            self.0.push(b',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_escapes() {
        let raw: &RawValue = serde_json::from_str(r#""a\ud800\n\"b""#).unwrap();
        let text = Text::of(raw).unwrap();
        assert_eq!(text.escaped(), r#"a\ud800\n\"b"#);
        assert_eq!(text.unescaped(), None);
        assert_eq!(Text::plain("a\"\n").unescaped().unwrap(), "a\"\n");
        assert_eq!(Text::join(&[Text::word("a"), Text::word("b")], "\n").escaped(), r"a\nb");
    }

    #[test]
    fn commas_stand_between_and_nowhere_else() {
        let mut out = Writer::default();
        out.open(b'{');
        out.word_member("a", "x");
        out.key("b");
        out.open(b'[');
        out.number(1);
        out.raw("{}");
        out.text(&Text::plain("q\""));
        out.close(b']');
        out.raw_member("c", "null");
        out.close(b'}');
        assert_eq!(&out.into_bytes()[..], br#"{"a":"x","b":[1,{},"q\""],"c":null}"#);
    }
}
