//! Watches an answer's stream that is forwarded within its dialect: what has been said, finish, usage, errors. Owns the
//! one change it ever makes, keeping back a usage chunk that we asked for and the client did not; otherwise the bytes
//! that came are the bytes that go, and most of the time they are the same buffer.

mod anthropic;
mod gemini;
mod openai;
mod template;

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde::de::IgnoredAny;

use self::template::Template;
use super::answer::Finish;
use super::error::ProviderError;
use super::sse::{MAX_EVENT_BYTES, SseEvent, SseFault, SseSplitter};
use super::usage::AnthropicUsage;
use crate::types::{Dialect, Usage};

/// The stream is not what its dialect promises: broken JSON, bytes that are not UTF-8, a line or event over its cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFault {
    /// What is wrong.
    pub message: String,
}

impl From<SseFault> for StreamFault {
    fn from(fault: SseFault) -> Self {
        Self { message: fault.to_string() }
    }
}

/// What a stream has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamEnd {
    /// A finish was seen. An end without one is a broken stream, never a success.
    pub finished: bool,
    /// The provider's count.
    pub usage: Option<Usage>,
    /// The count is the closing one. Without it (Anthropic's opening figures only) the output in it is not to be used.
    pub usage_final: bool,
    /// Why it ended.
    pub finish: Option<Finish>,
    /// Bytes of text, reasoning and tool arguments as written, for an estimate where usage is missing.
    pub output_bytes: u64,
    /// Whether text, a refusal or a tool call was seen.
    pub has_content: bool,
    /// The model that answered, in the provider's words.
    pub model: Option<String>,
}

/// Watches one stream.
#[derive(Debug)]
pub struct StreamTee {
    splitter: SseSplitter,
    watch: Watch,
    hide_usage: bool,
    whole_events: bool,
    /// Bytes behind the last event boundary, kept back until the event is whole.
    held: BytesMut,
}

impl StreamTee {
    /// `hide_usage`: the usage chunk was asked for by us only, so it is not forwarded (OpenAI chat).
    pub fn new(dialect: Dialect, hide_usage: bool) -> Self {
        Self {
            splitter: SseSplitter::default(),
            watch: Watch { dialect, ..Watch::default() },
            hide_usage: hide_usage && dialect == Dialect::OpenAi,
            whole_events: false,
            held: BytesMut::new(),
        }
    }

    /// The same, but only whole events are forwarded, so that one of ours can stand behind any of them.
    #[must_use]
    pub fn in_whole_events(self) -> Self {
        Self { whole_events: true, ..self }
    }

    /// Takes the next bytes and returns what may be forwarded now. After a fault the stream must not be fed further.
    pub fn feed(&mut self, chunk: Bytes) -> Result<Bytes, StreamFault> {
        let Self { splitter, watch, hide_usage, .. } = self;
        let mut cuts: Vec<Range<usize>> = Vec::new();
        splitter.feed(&chunk, |event| {
            let usage_only = watch.event(event)?;
            if usage_only && *hide_usage {
                cuts.push(event.begin..event.end);
            }
            Ok::<_, StreamFault>(())
        })?;
        if self.hide_usage || self.whole_events { self.hold_back(chunk, &cuts) } else { Ok(chunk) }
    }

    /// Everything up to the last boundary but the cuts (offsets into `chunk`; 0 means from the held bytes on).
    fn hold_back(&mut self, chunk: Bytes, cuts: &[Range<usize>]) -> Result<Bytes, StreamFault> {
        let boundary = self.splitter.boundary();
        if self.held.len() + chunk.len() - boundary > MAX_EVENT_BYTES {
            return Err(SseFault::EventTooLarge.into());
        }
        if self.held.is_empty() && cuts.is_empty() {
            self.held.extend_from_slice(&chunk[boundary..]);
            return Ok(if boundary == chunk.len() { chunk } else { chunk.slice(..boundary) });
        }
        let before = self.held.len();
        self.held.extend_from_slice(&chunk);
        if boundary == 0 {
            return Ok(Bytes::new());
        }
        let whole = self.held.split_to(before + boundary).freeze();
        if cuts.is_empty() {
            return Ok(whole);
        }
        let mut kept = BytesMut::with_capacity(whole.len());
        let mut from = 0;
        for cut in cuts {
            let start = if cut.start == 0 { 0 } else { before + cut.start };
            kept.extend_from_slice(&whole[from..start]);
            from = before + cut.end;
        }
        kept.extend_from_slice(&whole[from..]);
        Ok(kept.freeze())
    }

    /// The first event with something in it has been seen: text, reasoning, tool arguments or a finish. A role, a
    /// `message_start` or a ping is none.
    pub fn meaningful(&self) -> bool {
        self.watch.meaningful
    }

    /// Whether the last bytes completed an event or a comment: a sign of life, which single bytes are not.
    pub fn moved(&self) -> bool {
        self.splitter.boundary() > 0
    }

    /// Bytes held back of events that are not whole yet.
    pub fn held(&self) -> usize {
        self.splitter.held() + self.held.len()
    }

    /// Whether a finish was seen.
    pub fn finished(&self) -> bool {
        self.watch.finished
    }

    /// Whether nothing more has to come: it has finished, and the end mark that Anthropic's clients need was seen. OpenAI's do
    /// without theirs, Gemini has none.
    pub fn over(&self) -> bool {
        self.watch.finished && (self.watch.dialect != Dialect::Anthropic || self.watch.marked)
    }

    /// Whether it finished without a word, and how: nothing was said, thought or called.
    pub fn void(&self) -> Option<Option<Finish>> {
        let watch = &self.watch;
        let over = watch.finished || watch.finish.is_some();
        (over && !watch.has_content && watch.output_bytes == 0).then_some(watch.finish)
    }

    /// An error within the stream.
    pub fn error(&self) -> Option<&ProviderError> {
        self.watch.error.as_ref()
    }

    /// What was held back of an event that never ended; worth forwarding only to show the client the same wreck.
    pub fn rest(&mut self) -> Bytes {
        self.held.split().freeze()
    }

    /// What the stream has come to so far; the stream's end adds nothing, because an unclosed event does not count.
    pub fn end(&self) -> StreamEnd {
        let watch = &self.watch;
        StreamEnd {
            finished: watch.finished,
            usage: watch.usage.or(watch.anthropic.map(|usage| usage.usage())),
            usage_final: watch.usage_final,
            finish: watch.finish,
            output_bytes: watch.output_bytes,
            has_content: watch.has_content,
            model: watch.model.clone(),
        }
    }
}

/// What has been seen.
#[derive(Debug)]
struct Watch {
    dialect: Dialect,
    template: Template,
    meaningful: bool,
    finished: bool,
    /// Anthropic's end mark was seen.
    marked: bool,
    has_content: bool,
    output_bytes: u64,
    finish: Option<Finish>,
    usage: Option<Usage>,
    usage_final: bool,
    anthropic: Option<AnthropicUsage>,
    model: Option<String>,
    error: Option<ProviderError>,
    /// OpenAI's choices by index, seen and finished.
    choices: (u128, u128),
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            dialect: Dialect::OpenAi,
            template: Template::default(),
            meaningful: false,
            finished: false,
            marked: false,
            has_content: false,
            output_bytes: 0,
            finish: None,
            usage: None,
            usage_final: false,
            anthropic: None,
            model: None,
            error: None,
            choices: (0, 0),
        }
    }
}

impl Watch {
    /// Takes one event; true for a chunk that carries usage and nothing else.
    fn event(&mut self, event: SseEvent<'_>) -> Result<bool, StreamFault> {
        if let Some((bytes, visible)) = self.template.matches(event.data) {
            self.said(bytes, visible);
            return Ok(false);
        }
        if event.data.trim_ascii().is_empty() {
            return Ok(false);
        }
        match self.dialect {
            Dialect::OpenAi => self.openai(event),
            Dialect::Anthropic => self.anthropic(event).map(|()| false),
            Dialect::Gemini => self.gemini(event).map(|()| false),
        }
    }

    /// Output of the model; `visible` when it is part of the answer and not reasoning.
    fn said(&mut self, bytes: u64, visible: bool) {
        self.output_bytes = self.output_bytes.saturating_add(bytes);
        self.meaningful |= bytes > 0;
        self.has_content |= bytes > 0 && visible;
    }

    fn finish(&mut self, word: &str) {
        self.finish = Some(Finish::parse(word));
        self.meaningful = true;
    }
}

/// Parses an event; `Ok(None)` for JSON of another shape than expected, which is forwarded as it is.
fn parse<'a, T: Deserialize<'a>>(data: &'a str) -> Result<Option<T>, StreamFault> {
    if let Ok(parsed) = serde_json::from_str(data) {
        return Ok(Some(parsed));
    }
    match serde_json::from_str::<IgnoredAny>(data) {
        Ok(_) => Ok(None),
        Err(error) => Err(StreamFault { message: format!("an event of the stream is not JSON: {error}") }),
    }
}

#[cfg(test)]
mod tests;
