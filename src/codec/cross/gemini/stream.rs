//! Streams of `streamGenerateContent`, in and out of the hub: each event is a piece of an answer, and the finish ends it.

use super::answer::{Answer, call, piece, text};
use crate::codec::cross::Asker;
use crate::codec::cross::fields::arguments;
use crate::codec::cross::hub::{Block, Call, Ending, Step};
use crate::codec::cross::ids::made;
use crate::codec::cross::text::{Text, Writer};
use crate::codec::sse::SseEvent;
use crate::codec::tee::StreamFault;
use crate::codec::usage::GeminiUsage;
use crate::types::Usage;

/// What a call takes beside its arguments, bytes.
const CALL_BYTES: usize = 128;

/// Events in, steps out.
#[derive(Debug, Default)]
pub(in crate::codec::cross) struct Reader {
    begun: bool,
    calls: u32,
    /// The answer's id, and when it was asked for.
    id: Text<'static>,
    second: u64,
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
        let mut answer: Answer<'_> =
            serde_json::from_str(event.data).map_err(|error| StreamFault { message: error.to_string() })?;
        if !std::mem::replace(&mut self.begun, true) {
            let id = answer.response_id.take().unwrap_or_else(|| Text::word("gemini"));
            self.id = id.clone().into_owned();
            each(Step::Begin { id, model: answer.model_version.take().unwrap_or_default(), usage: None });
        }
        let usage = answer.usage_metadata.as_ref().map(GeminiUsage::usage);
        let made = |call| made(&self.id, self.second, call);
        let said = answer.said(self.calls as usize, made);
        let (blocks, ending) = said.map_err(|fault| StreamFault { message: fault.message })?;
        for block in blocks {
            self.block(block, each);
        }
        // Counts are cumulative: the last one stands.
        if let Some(usage) = usage {
            each(Step::Usage(usage));
        }
        if let Some(ending) = ending {
            each(Step::Ending(ending.with_calls(self.calls > 0)));
        }
        Ok(())
    }

    fn block<'a>(&mut self, block: Block<'a>, each: &mut impl FnMut(Step<'a>)) {
        match block {
            Block::Text(text) => each(Step::Text(text)),
            Block::Thinking(text) => each(Step::Thinking(text)),
            // A call comes whole.
            Block::Call(call) => {
                let number = self.calls;
                self.calls += 1;
                each(Step::CallBegins { call: number, id: call.id, name: call.name });
                each(Step::CallArguments { call: number, fragment: call.arguments.in_text() });
            }
            Block::Refusal(_) | Block::Image(_) | Block::Document(..) | Block::Result(_) => {}
        }
    }
}

/// Steps in, events out. A call comes whole here, so its fragments are kept until what follows it.
#[derive(Debug)]
pub(in crate::codec::cross) struct Teller {
    id: Text<'static>,
    model: Text<'static>,
    calls: Vec<Fragments>,
    kept: usize,
    ending: Ending<'static>,
    usage: Usage,
    declined: bool,
}

/// A call on its way.
#[derive(Debug)]
struct Fragments {
    number: u32,
    id: Text<'static>,
    name: Text<'static>,
    arguments: Text<'static>,
}

impl Fragments {
    /// The call, once its arguments are an object; none at all mean none.
    fn whole(&self) -> Option<Call<'_>> {
        let arguments = arguments(Some(self.arguments.clone()))?;
        Some(Call { id: self.id.clone(), name: self.name.clone(), arguments })
    }
}

impl Teller {
    pub(in crate::codec::cross) fn new(_asker: Asker) -> Self {
        Self {
            id: Text::default(),
            model: Text::default(),
            calls: Vec::new(),
            kept: 0,
            ending: Ending::Stop,
            usage: Usage::default(),
            declined: false,
        }
    }

    /// Whether fragments find their call, and calls are whole where something follows them.
    pub(in crate::codec::cross) fn takes(&self, step: &Step<'_>) -> bool {
        match step {
            Step::CallArguments { call, .. } => self.calls.iter().any(|one| one.number == *call),
            Step::CallBegins { .. } | Step::Begin { .. } | Step::Thinking(_) | Step::Usage(_) => true,
            // A call that the cap has cut is none; that the answer was cut is said.
            Step::Ending(Ending::Length) => true,
            Step::Text(_) | Step::Refusal(_) | Step::Ending(_) | Step::End => {
                self.calls.iter().all(|call| call.whole().is_some())
            }
        }
    }

    /// Bytes that are kept of what was said.
    pub(in crate::codec::cross) fn kept(&self) -> usize {
        self.kept
    }

    pub(in crate::codec::cross) fn step(&mut self, step: Step<'_>, out: &mut Writer) {
        match step {
            Step::Begin { id, model, usage } => {
                (self.id, self.model) = (id.into_owned(), model.into_owned());
                self.usage = usage.unwrap_or_default();
            }
            Step::Text(said) => self.says(&said, out),
            Step::Refusal(said) => {
                self.declined = true;
                self.says(&said, out);
            }
            // Without a signature it could not come back.
            Step::Thinking(_) => {}
            Step::CallBegins { call, id, name } => {
                let (id, name) = (id.into_owned(), name.into_owned());
                self.kept += CALL_BYTES + id.escaped().len() + name.escaped().len();
                self.calls.push(Fragments { number: call, id, name, arguments: Text::default() });
            }
            Step::CallArguments { call, fragment } => {
                if let Some(one) = self.calls.iter_mut().find(|one| one.number == call) {
                    self.kept += fragment.escaped().len();
                    one.arguments.push(&fragment);
                }
            }
            Step::Ending(ending) => {
                self.ending = ending.into_owned();
                self.calls(out);
            }
            Step::Usage(usage) => self.usage = usage,
            Step::End => self.end(out),
        }
    }

    fn says(&mut self, said: &Text<'_>, out: &mut Writer) {
        self.calls(out);
        event(out, |out| piece((&self.id, &self.model), None, out, |out| text(said, out)));
    }

    /// The calls that are whole by now, in one piece as they came.
    fn calls(&mut self, out: &mut Writer) {
        let calls = std::mem::take(&mut self.calls);
        self.kept = 0;
        if calls.is_empty() {
            return;
        }
        event(out, |out| {
            piece((&self.id, &self.model), None, out, |out| {
                calls.iter().filter_map(Fragments::whole).for_each(|one| call(&one, out));
            });
        });
    }

    fn end(&mut self, out: &mut Writer) {
        self.calls(out);
        let end = (self.ending.clone().declined(self.declined), self.usage);
        let nothing = Text::default();
        event(out, |out| piece((&self.id, &self.model), Some(&end), out, |out| text(&nothing, out)));
    }
}

fn event(out: &mut Writer, rest: impl FnOnce(&mut Writer)) {
    out.frame(b"data: ");
    rest(out);
    out.frame(b"\n\n");
}
