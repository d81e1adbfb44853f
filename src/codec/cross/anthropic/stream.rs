//! Streams of Messages, in and out of the hub.

use serde::Deserialize;

use super::answer::{Content, ending, stopped, usage};
use crate::codec::cross::Asker;
use crate::codec::cross::fields::Raw;
use crate::codec::cross::hub::{Ending, Step};
use crate::codec::cross::text::{Json, Text, Writer};
use crate::codec::sse::SseEvent;
use crate::codec::tee::StreamFault;
use crate::codec::usage::AnthropicUsage;
use crate::types::Usage;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    message: Option<Opening<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Content<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(default)]
    usage: Option<AnthropicUsage>,
    #[serde(borrow, default)]
    error: Raw<'a>,
}

#[derive(Deserialize)]
struct Opening<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(default)]
    usage: Option<AnthropicUsage>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    stop_sequence: Option<Text<'a>>,
}

/// Events in, steps out.
#[derive(Debug, Default)]
pub(in crate::codec::cross) struct Reader {
    calls: u32,
    usage: AnthropicUsage,
}

impl Reader {
    pub(in crate::codec::cross) fn event(
        &mut self,
        event: SseEvent<'_>,
        each: &mut impl FnMut(Step<'_>),
    ) -> Result<(), StreamFault> {
        let event: Event<'_> =
            serde_json::from_str(event.data).map_err(|error| StreamFault { message: error.to_string() })?;
        match event.kind.escaped() {
            "message_start" => {
                let Some(opening) = event.message else { return Ok(()) };
                self.usage = opening.usage.unwrap_or_default();
                each(Step::Begin {
                    id: opening.id.unwrap_or_default(),
                    model: opening.model.unwrap_or_default(),
                    usage: opening.usage.map(|usage| usage.usage()),
                });
            }
            "content_block_start" => {
                event.content_block.map_or(Ok(()), |content| self.opens(content, each))?
            }
            "content_block_delta" => event.delta.map_or((), |delta| self.delta(delta, each)),
            "message_delta" => self.closes(event.delta, event.usage, each)?,
            "message_stop" => each(Step::End),
            "error" => {
                let said = event.error.map_or("", |error| error.get());
                return Err(StreamFault { message: format!("the provider broke off: {said:.200}") });
            }
            _ => {} // pings, ends of blocks, and what a later version adds
        }
        Ok(())
    }

    fn opens<'a>(
        &mut self,
        content: Content<'a>,
        each: &mut impl FnMut(Step<'a>),
    ) -> Result<(), StreamFault> {
        let kind = content.kind.clone();
        match (kind.escaped(), content) {
            ("text", Content { text, .. }) => {
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    each(Step::Text(text));
                }
            }
            ("thinking" | "redacted_thinking", _) => {}
            ("tool_use", Content { id: Some(id), name: Some(name), input, .. }) => {
                let call = self.calls;
                each(Step::CallBegins { call, id, name });
                self.calls += 1;
                // Anthropic opens with `{}` and sends fragments; some compatible servers open with all of it.
                if let Some(whole) = input.filter(|input| !matches!(input.get(), "{}" | "\"\"")) {
                    each(Step::CallArguments { call, fragment: Json::of(whole).in_text() });
                }
            }
            (kind, _) => {
                return Err(StreamFault {
                    message: format!("a block of the type `{kind}` has no counterpart"),
                });
            }
        }
        Ok(())
    }

    fn delta<'a>(&mut self, delta: Delta<'a>, each: &mut impl FnMut(Step<'a>)) {
        let said = |text: Option<Text<'a>>| text.filter(|text| !text.is_empty());
        if let Some(text) = said(delta.text) {
            each(Step::Text(text));
        }
        if let Some(text) = said(delta.thinking) {
            each(Step::Thinking(text));
        }
        // Blocks come one behind the other, so a fragment belongs to the call that began last.
        if let (Some(fragment), Some(call)) = (said(delta.partial_json), self.calls.checked_sub(1)) {
            each(Step::CallArguments { call, fragment });
        }
    }

    fn closes<'a>(
        &mut self,
        delta: Option<Delta<'a>>,
        counted: Option<AnthropicUsage>,
        each: &mut impl FnMut(Step<'a>),
    ) -> Result<(), StreamFault> {
        if let Some(counted) = counted {
            self.usage.overlay(&counted);
            each(Step::Usage(self.usage.usage()));
        }
        let Some(Delta { stop_reason: Some(word), stop_sequence, .. }) = delta else { return Ok(()) };
        let ending =
            ending(word.escaped(), stop_sequence).map_err(|fault| StreamFault { message: fault.message })?;
        each(Step::Ending(ending));
        Ok(())
    }
}

/// Which block stands open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    None,
    Text,
    Call(u32),
}

/// Steps in, events out.
#[derive(Debug)]
pub(in crate::codec::cross) struct Teller {
    open: Open,
    /// Blocks begun so far.
    blocks: u64,
    ending: Ending<'static>,
    usage: Usage,
    declined: bool,
}

impl Teller {
    pub(in crate::codec::cross) fn new(_asker: Asker) -> Self {
        Self { open: Open::None, blocks: 0, ending: Ending::Stop, usage: Usage::default(), declined: false }
    }

    /// Blocks come one behind the other here: whether a fragment still finds its call open.
    pub(in crate::codec::cross) fn takes(&self, step: &Step<'_>) -> bool {
        match step {
            Step::CallArguments { call, .. } => self.open == Open::Call(*call),
            _ => true,
        }
    }

    pub(in crate::codec::cross) fn step(&mut self, step: Step<'_>, out: &mut Writer) {
        match step {
            Step::Begin { id, model, usage } => {
                self.usage = usage.unwrap_or_default();
                self.begin((&id, &model), out);
            }
            Step::Text(text) => self.text(&text, out),
            Step::Refusal(text) => {
                self.declined = true;
                self.text(&text, out);
            }
            // A thinking block without a signature would be refused when it comes back.
            Step::Thinking(_) => {}
            Step::CallBegins { call, id, name } => self.opens(Open::Call(call), out, |out| {
                out.word_member("type", "tool_use");
                out.text_member("id", &id);
                out.text_member("name", &name);
                out.raw_member("input", "{}");
            }),
            Step::CallArguments { fragment, .. } => self.delta(out, |out| {
                out.word_member("type", "input_json_delta");
                out.text_member("partial_json", &fragment);
            }),
            Step::Ending(ending) => self.ending = ending.into_owned(),
            Step::Usage(usage) => self.usage = usage,
            Step::End => self.end(out),
        }
    }

    fn text(&mut self, text: &Text<'_>, out: &mut Writer) {
        self.opens(Open::Text, out, |out| {
            out.word_member("type", "text");
            out.word_member("text", "");
        });
        self.delta(out, |out| {
            out.word_member("type", "text_delta");
            out.text_member("text", text);
        });
    }

    fn begin(&self, (id, model): (&Text<'_>, &Text<'_>), out: &mut Writer) {
        event(out, "message_start", |out| {
            out.key("message");
            out.open(b'{');
            out.text_member("id", id);
            out.word_member("type", "message");
            out.word_member("role", "assistant");
            out.text_member("model", model);
            out.raw_member("content", "[]");
            out.raw_member("stop_reason", "null");
            out.raw_member("stop_sequence", "null");
            out.key("usage");
            usage(&self.usage, out);
            out.close(b'}');
        });
    }

    /// Begins a block, unless it stands open; whatever else does is closed.
    fn opens(&mut self, block: Open, out: &mut Writer, content: impl FnOnce(&mut Writer)) {
        if self.open == block {
            return;
        }
        self.close(out);
        self.open = block;
        self.blocks += 1;
        let index = self.blocks - 1;
        event(out, "content_block_start", |out| {
            out.key("index");
            out.number(index);
            out.key("content_block");
            out.open(b'{');
            content(out);
            out.close(b'}');
        });
    }

    fn delta(&self, out: &mut Writer, delta: impl FnOnce(&mut Writer)) {
        let index = self.blocks.saturating_sub(1);
        event(out, "content_block_delta", |out| {
            out.key("index");
            out.number(index);
            out.key("delta");
            out.open(b'{');
            delta(out);
            out.close(b'}');
        });
    }

    fn close(&mut self, out: &mut Writer) {
        if std::mem::replace(&mut self.open, Open::None) == Open::None {
            return;
        }
        let index = self.blocks - 1;
        event(out, "content_block_stop", |out| {
            out.key("index");
            out.number(index);
        });
    }

    fn end(&mut self, out: &mut Writer) {
        self.close(out);
        event(out, "message_delta", |out| {
            out.key("delta");
            out.open(b'{');
            stopped(&self.ending.clone().declined(self.declined), out);
            out.close(b'}');
            out.key("usage");
            usage(&self.usage, out);
        });
        event(out, "message_stop", |_| {});
    }
}

fn event(out: &mut Writer, name: &'static str, rest: impl FnOnce(&mut Writer)) {
    out.frame(b"event: ");
    out.frame(name.as_bytes());
    out.frame(b"\ndata: ");
    out.open(b'{');
    out.word_member("type", name);
    rest(out);
    out.close(b'}');
    out.frame(b"\n\n");
}
