//! Events of Gemini's streams: each is a whole answer's piece, with the usage so far.

use super::{SseEvent, StreamFault, Watch, parse};
use crate::codec::answer::GeminiAnswer;

impl Watch {
    /// One event of a Gemini stream. Its usage is cumulative: the last one stands, and closes with the finish. Before that it
    /// may count the prompt only.
    pub(super) fn gemini(&mut self, event: SseEvent<'_>) -> Result<(), StreamFault> {
        let Some(Ok(answer)) = parse::<GeminiAnswer<'_>>(event.data)?.map(GeminiAnswer::answer) else {
            return Ok(());
        };
        self.said(answer.output_bytes, answer.has_content);
        self.has_content |= answer.has_content;
        self.meaningful |= answer.has_content || answer.finish.is_some();
        self.finished |= answer.finish.is_some();
        self.finish = answer.finish.or(self.finish);
        self.usage_final |= answer.usage.is_some() && self.finished;
        self.usage = answer.usage.or(self.usage);
        self.model = answer.model.or(self.model.take());
        self.error = answer.error.or(self.error.take());
        Ok(())
    }
}
