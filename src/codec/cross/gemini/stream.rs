//! Streams of `streamGenerateContent` into the hub: each event is a piece of an answer, and the finish ends it.

use super::answer::Answer;
use crate::codec::cross::hub::{Block, Step};
use crate::codec::cross::text::Text;
use crate::codec::sse::SseEvent;
use crate::codec::tee::StreamFault;
use crate::codec::usage::GeminiUsage;

/// Events in, steps out.
#[derive(Debug, Default)]
pub(in crate::codec::cross) struct Reader {
    begun: bool,
    calls: u32,
}

impl Reader {
    pub(in crate::codec::cross) fn event(
        &mut self,
        event: SseEvent<'_>,
        each: &mut impl FnMut(Step<'_>),
    ) -> Result<(), StreamFault> {
        let mut answer: Answer<'_> =
            serde_json::from_str(event.data).map_err(|error| StreamFault { message: error.to_string() })?;
        if !std::mem::replace(&mut self.begun, true) {
            each(Step::Begin {
                id: answer.response_id.take().unwrap_or_else(|| Text::word("gemini")),
                model: answer.model_version.take().unwrap_or_default(),
                usage: None,
            });
        }
        let usage = answer.usage_metadata.as_ref().map(GeminiUsage::usage);
        let said =
            answer.said(self.calls as usize).map_err(|fault| StreamFault { message: fault.message })?;
        let (blocks, ending) = said;
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
