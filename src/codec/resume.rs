//! A streamed answer that broke off and another one that takes its place. Owns the text that has reached the client and
//! the splice behind it: the new answer is passed on only where it says exactly that text first. Only plain text of one
//! choice can be held against another answer; reasoning, calls and several choices cannot, nor the events of OpenAI's responses,
//! which carry ids of the one response they belong to.

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

use super::sse::{SseEvent, SseFault, SseSplitter};
use crate::types::Dialect;

/// Longest text that is kept.
const MAX_TEXT: usize = 1 << 20;

/// What of an answer has reached the client.
#[derive(Debug)]
pub struct Transcript {
    dialect: Dialect,
    splitter: SseSplitter,
    text: String,
    /// More than plain text was said, or its end.
    more: bool,
}

/// The new answer does not continue the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch;

impl From<SseFault> for Mismatch {
    fn from(_: SseFault) -> Self {
        Self
    }
}

impl Transcript {
    /// Of a stream that is about to begin.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, splitter: SseSplitter::default(), text: String::new(), more: false }
    }

    /// These whole events have been sent.
    pub fn note(&mut self, events: &[u8]) {
        let Self { dialect, splitter, text, more } = self;
        let read = splitter.feed(events, |event| {
            match said(*dialect, event) {
                Said::Nothing => {}
                Said::Text(piece, _) if text.len() + piece.len() <= MAX_TEXT => text.push_str(&piece),
                Said::Text(..) | Said::Last(..) | Said::End | Said::More => *more = true,
            }
            Ok::<_, Mismatch>(())
        });
        self.more |= read.is_err();
    }

    /// Whether another answer could be held against it.
    pub fn is_plain(&self) -> bool {
        !self.more && !self.text.is_empty()
    }

    /// The splice behind what was sent so far.
    pub fn splice(&self) -> Splice {
        Splice {
            dialect: self.dialect,
            splitter: SseSplitter::default(),
            missing: self.text.clone(),
            open: false,
        }
    }
}

/// Lets through of a new answer what lies behind the text that was sent.
#[derive(Debug)]
pub struct Splice {
    dialect: Dialect,
    splitter: SseSplitter,
    /// What the new answer still has to say before anything of it is new.
    missing: String,
    /// Everything passes from here on.
    open: bool,
}

impl Splice {
    /// What of these whole events may be sent.
    pub fn feed(&mut self, events: &[u8]) -> Result<Bytes, Mismatch> {
        let Self { dialect, splitter, missing, open } = self;
        let mut out = BytesMut::new();
        splitter.feed(events, |event| {
            if *open {
                out.extend_from_slice(&events[event.begin..event.end]);
                return Ok(());
            }
            match said(*dialect, event) {
                Said::Nothing => {}
                Said::Text(piece, _) if missing.starts_with(&piece) => {
                    missing.drain(..piece.len());
                }
                Said::Text(piece, whole) => {
                    let new = piece.strip_prefix(missing.as_str()).ok_or(Mismatch)?;
                    out.extend_from_slice(&with_text(*dialect, whole, new));
                    missing.clear();
                }
                // It must not end before everything that was sent has been said again.
                Said::Last(piece, whole) => {
                    let new = piece.strip_prefix(missing.as_str()).ok_or(Mismatch)?;
                    out.extend_from_slice(&with_text(*dialect, whole, new));
                    missing.clear();
                }
                Said::End | Said::More => return Err(Mismatch),
            }
            *open = missing.is_empty();
            Ok(())
        })?;
        Ok(out.freeze())
    }

    /// Whether the new answer has said everything that was sent.
    pub fn is_open(&self) -> bool {
        self.open
    }
}

/// What one event says, as far as a splice is concerned.
enum Said {
    /// Nothing of the answer: a role, an opening, a ping.
    Nothing,
    /// A piece of its text, and the event itself.
    Text(String, Value),
    /// Its last piece and its finish in one.
    Last(String, Value),
    /// It finishes.
    End,
    /// What cannot be compared.
    More,
}

fn said(dialect: Dialect, event: SseEvent<'_>) -> Said {
    if event.data.trim_ascii().is_empty() {
        return Said::Nothing;
    }
    let Ok(value) = serde_json::from_str::<Value>(event.data) else {
        return if event.data.trim_ascii() == "[DONE]" { Said::End } else { Said::More };
    };
    match dialect {
        Dialect::OpenAi => chat(value),
        Dialect::Anthropic => messages(value),
        Dialect::Gemini => gemini(value),
    }
}

fn chat(value: Value) -> Said {
    let choice = match value["choices"].as_array().map(Vec::as_slice) {
        Some([choice]) => choice,
        Some([]) => return Said::Nothing,
        Some(_) | None => return Said::More,
    };
    if choice["index"].as_u64().unwrap_or(0) != 0 {
        return Said::More;
    }
    if !choice["finish_reason"].is_null() {
        return Said::End;
    }
    let empty = Map::new();
    let delta = choice["delta"].as_object().unwrap_or(&empty);
    let says_more =
        |(key, value): (&String, &Value)| !matches!(key.as_str(), "role" | "content") && !value.is_null();
    if delta.iter().any(says_more) {
        return Said::More;
    }
    match delta.get("content").and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Said::Text(text.to_owned(), value),
        Some(_) | None => Said::Nothing,
    }
}

fn messages(value: Value) -> Said {
    let first = value["index"].as_u64().unwrap_or(0) == 0;
    match value["type"].as_str().unwrap_or_default() {
        "message_start" | "ping" => Said::Nothing,
        "content_block_start" if first && value["content_block"]["type"] == "text" => {
            match value["content_block"]["text"].as_str() {
                None | Some("") => Said::Nothing,
                Some(_) => Said::More,
            }
        }
        "content_block_delta" if first && value["delta"]["type"] == "text_delta" => {
            match value["delta"]["text"].as_str() {
                Some(text) if !text.is_empty() => Said::Text(text.to_owned(), value),
                Some(_) | None => Said::Nothing,
            }
        }
        "content_block_stop" | "message_delta" | "message_stop" => Said::End,
        _ => Said::More,
    }
}

fn gemini(value: Value) -> Said {
    let candidate = match value["candidates"].as_array().map(Vec::as_slice) {
        Some([candidate]) => candidate,
        // Usage alone; anything else that has no candidate is an error or a block.
        None | Some([]) if value.get("usageMetadata").is_some() && value.get("promptFeedback").is_none() => {
            return Said::Nothing;
        }
        Some(_) | None => return Said::More,
    };
    let parts = candidate["content"]["parts"].as_array().map_or(&[][..], Vec::as_slice);
    let plain =
        |part: &Value| part["text"].is_string() && part.as_object().is_some_and(|part| part.len() == 1);
    if candidate["index"].as_u64().unwrap_or(0) != 0 || !parts.iter().all(plain) {
        return Said::More;
    }
    let text: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    match (candidate["finishReason"].is_null(), text.is_empty()) {
        (true, true) => Said::Nothing,
        (true, false) => Said::Text(text, value),
        (false, _) => Said::Last(text, value),
    }
}

/// The event with another text.
fn with_text(dialect: Dialect, mut event: Value, text: &str) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => {
            event["delta"]["text"] = text.into();
            format!("event: content_block_delta\ndata: {event}\n\n").into_bytes()
        }
        Dialect::Gemini => {
            event["candidates"][0]["content"]["parts"] = serde_json::json!([{ "text": text }]);
            format!("data: {event}\n\n").into_bytes()
        }
        Dialect::OpenAi => {
            event["choices"][0]["delta"]["content"] = text.into();
            format!("data: {event}\n\n").into_bytes()
        }
    }
}

#[cfg(test)]
#[path = "resume_tests.rs"]
mod tests;
