//! Streams of Chat Completions, in and out of the hub.

use serde::Deserialize;

use super::answer::{ending, ending_word, usage};
use crate::codec::cross::Asker;
use crate::codec::cross::fields::Raw;
use crate::codec::cross::hub::{Ending, Step};
use crate::codec::cross::ids::made;
use crate::codec::cross::text::{Text, Writer};
use crate::codec::sse::SseEvent;
use crate::codec::tee::StreamFault;
use crate::codec::usage::OpenAiUsage;
use crate::types::Usage;

/// Most calls of one answer that are told apart.
const MAX_CALLS: usize = 256;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    usage: Option<OpenAiUsage>,
    #[serde(borrow, default)]
    error: Raw<'a>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Raw<'a>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Fragment<'a>>>,
}

#[derive(Deserialize)]
struct Fragment<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    arguments: Option<Text<'a>>,
}

/// Events in, steps out.
#[derive(Debug, Default)]
pub(in crate::codec::cross) struct Reader {
    begun: bool,
    /// The answer's id, and when it was asked for.
    id: Text<'static>,
    second: u64,
    /// The provider's index and id of each call, in the order they began.
    calls: Vec<(u32, String)>,
}

impl Reader {
    pub(in crate::codec::cross) fn new(second: u64) -> Self {
        Self { second, ..Self::default() }
    }

    pub(in crate::codec::cross) fn event(
        &mut self,
        event: SseEvent<'_>,
        each: &mut impl FnMut(Step<'_>),
    ) -> Result<(), StreamFault> {
        if event.data.trim_ascii() == "[DONE]" {
            each(Step::End);
            return Ok(());
        }
        let chunk: Chunk<'_> =
            serde_json::from_str(event.data).map_err(|error| StreamFault { message: error.to_string() })?;
        if let Some(error) = chunk.error {
            return Err(StreamFault { message: format!("the provider broke off: {:.200}", error.get()) });
        }
        // Some servers open with a chunk about their filters that has neither id nor model.
        if chunk.choices.is_empty() && chunk.usage.is_none() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.begun, true) {
            let (id, model) = (chunk.id.unwrap_or_default(), chunk.model.unwrap_or_default());
            self.id = id.clone().into_owned();
            each(Step::Begin { id, model, usage: None });
        }
        // Of several choices the first counts: only one was asked for.
        if let Some(choice) = chunk.choices.into_iter().next() {
            if let Some(delta) = choice.delta {
                self.delta(delta, each)?;
            }
            if let Some(word) = choice.finish_reason {
                let ending =
                    ending(word.escaped()).map_err(|fault| StreamFault { message: fault.message })?;
                each(Step::Ending(ending.with_calls(!self.calls.is_empty())));
            }
        }
        if let Some(counted) = chunk.usage {
            each(Step::Usage(counted.usage()));
        }
        Ok(())
    }

    fn delta<'a>(&mut self, delta: Delta<'a>, each: &mut impl FnMut(Step<'a>)) -> Result<(), StreamFault> {
        let said = |text: Option<Text<'a>>| text.filter(|text| !text.is_empty());
        if let Some(text) = said(delta.reasoning_content.or(delta.reasoning)) {
            each(Step::Thinking(text));
        }
        if let Some(raw) = delta.content {
            let text =
                Text::of(raw).ok_or_else(|| StreamFault { message: "`content` is no text".to_owned() })?;
            if !text.is_empty() {
                each(Step::Text(text));
            }
        }
        if let Some(refusal) = said(delta.refusal) {
            each(Step::Refusal(refusal));
        }
        for fragment in delta.tool_calls.into_iter().flatten() {
            self.fragment(fragment, each)?;
        }
        Ok(())
    }

    fn fragment<'a>(
        &mut self,
        fragment: Fragment<'a>,
        each: &mut impl FnMut(Step<'a>),
    ) -> Result<(), StreamFault> {
        let index = fragment.index.unwrap_or(0);
        let Some(function) = fragment.function else { return Ok(()) };
        let id = fragment.id.filter(|id| !id.is_empty());
        // Some compatible servers give all calls one index, and only the ids tell them apart.
        let same =
            |known: &(u32, String)| known.0 == index && id.as_ref().is_none_or(|id| known.1 == id.escaped());
        let call = match self.calls.iter().rposition(same) {
            Some(call) => call,
            None if self.calls.len() == MAX_CALLS => {
                return Err(StreamFault { message: format!("more than {MAX_CALLS} calls in one answer") });
            }
            None => {
                let call = self.calls.len();
                let id = id.unwrap_or_else(|| made(&self.id, self.second, call));
                self.calls.push((index, id.escaped().to_owned()));
                each(Step::CallBegins { call: call as u32, id, name: function.name.unwrap_or_default() });
                call
            }
        };
        if let Some(fragment) = function.arguments.filter(|text| !text.is_empty()) {
            each(Step::CallArguments { call: call as u32, fragment });
        }
        Ok(())
    }
}

/// Steps in, events out.
#[derive(Debug)]
pub(in crate::codec::cross) struct Teller {
    asker: Asker,
    id: Text<'static>,
    model: Text<'static>,
    ending: Ending<'static>,
    usage: Option<Usage>,
    /// The call that has no arguments yet: a client that parses them needs `{}` at least.
    bare: Option<u32>,
}

impl Teller {
    pub(in crate::codec::cross) fn new(asker: Asker) -> Self {
        let (id, model) = (Text::default(), Text::default());
        Self { asker, id, model, ending: Ending::Stop, usage: None, bare: None }
    }

    pub(in crate::codec::cross) fn step(&mut self, step: Step<'_>, out: &mut Writer) {
        match step {
            Step::Begin { id, model, usage } => {
                (self.id, self.model, self.usage) = (id.into_owned(), model.into_owned(), usage);
                self.delta(out, |out| {
                    out.word_member("role", "assistant");
                    out.word_member("content", "");
                });
            }
            Step::Text(text) => self.delta(out, |out| out.text_member("content", &text)),
            Step::Refusal(text) => self.delta(out, |out| out.text_member("refusal", &text)),
            // No field in the dialect; its tokens are in the usage.
            Step::Thinking(_) => {}
            Step::CallBegins { call, id, name } => {
                self.fill(out);
                self.bare = Some(call);
                self.fragment(out, call, |out| {
                    out.text_member("id", &id);
                    out.word_member("type", "function");
                    out.key("function");
                    out.open(b'{');
                    out.text_member("name", &name);
                    out.word_member("arguments", "");
                    out.close(b'}');
                });
            }
            Step::CallArguments { call, fragment } => {
                self.bare = self.bare.filter(|bare| *bare != call);
                self.arguments(out, call, &fragment);
            }
            Step::Ending(ending) => self.ending = ending.into_owned(),
            Step::Usage(usage) => self.usage = Some(usage),
            Step::End => self.end(out),
        }
    }

    /// A call that ends without arguments has none.
    fn fill(&mut self, out: &mut Writer) {
        if let Some(call) = self.bare.take() {
            self.arguments(out, call, &Text::word("{}"));
        }
    }

    fn arguments(&self, out: &mut Writer, call: u32, fragment: &Text<'_>) {
        self.fragment(out, call, |out| {
            out.key("function");
            out.open(b'{');
            out.text_member("arguments", fragment);
            out.close(b'}');
        });
    }

    fn end(&mut self, out: &mut Writer) {
        self.fill(out);
        let word = ending_word(&self.ending);
        self.chunk(out, |out| {
            choice(out, |_| {}, Some(word));
        });
        if let Some(counted) = self.usage.filter(|_| self.asker.usage_in_stream) {
            self.chunk(out, |out| {
                out.raw_member("choices", "[]");
                out.key("usage");
                usage(&counted, out);
            });
        }
        out.frame(b"data: [DONE]\n\n");
    }

    fn delta(&self, out: &mut Writer, delta: impl FnOnce(&mut Writer)) {
        self.chunk(out, |out| choice(out, delta, None));
    }

    fn fragment(&self, out: &mut Writer, call: u32, rest: impl FnOnce(&mut Writer)) {
        self.delta(out, |out| {
            out.key("tool_calls");
            out.open(b'[');
            out.open(b'{');
            out.key("index");
            out.number(u64::from(call));
            rest(out);
            out.close(b'}');
            out.close(b']');
        });
    }

    fn chunk(&self, out: &mut Writer, rest: impl FnOnce(&mut Writer)) {
        out.frame(b"data: ");
        out.open(b'{');
        out.text_member("id", &self.id);
        out.word_member("object", "chat.completion.chunk");
        out.key("created");
        out.number(self.asker.created);
        out.text_member("model", &self.model);
        rest(out);
        out.close(b'}');
        out.frame(b"\n\n");
    }
}

fn choice(out: &mut Writer, delta: impl FnOnce(&mut Writer), ending: Option<&'static str>) {
    out.key("choices");
    out.open(b'[');
    out.open(b'{');
    out.raw_member("index", "0");
    out.key("delta");
    out.open(b'{');
    delta(out);
    out.close(b'}');
    match ending {
        Some(word) => out.word_member("finish_reason", word),
        None => out.raw_member("finish_reason", "null"),
    }
    out.close(b'}');
    out.close(b']');
}
