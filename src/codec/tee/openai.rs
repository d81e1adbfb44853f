//! Events of OpenAI's streams: chat chunks, and what responses events say about usage and finish.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{SseEvent, StreamFault, Watch, parse};
use crate::codec::answer::{ChatMessage, Raw, Response, text_bytes};
use crate::codec::error::{ErrorField, ErrorObject, understand};
use crate::codec::usage::OpenAiUsage;
use crate::types::Dialect;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<Vec<ChunkChoice<'a>>>,
    usage: Option<OpenAiUsage>,
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    error: Option<ErrorField>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    delta: Raw<'a>,
    #[serde(borrow)]
    response: Option<Response<'a>>,
}

#[derive(Deserialize)]
struct ChunkChoice<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    delta: Option<ChatMessage<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

impl Watch {
    /// One event of an OpenAI stream; true for the usage chunk.
    pub(super) fn openai(&mut self, event: SseEvent<'_>) -> Result<bool, StreamFault> {
        if event.data.trim_ascii() == "[DONE]" {
            self.finished = true;
            return Ok(false);
        }
        let Some(chunk) = parse::<Chunk<'_>>(event.data)? else { return Ok(false) };
        if let Some(error) = chunk.error {
            self.error = Some(understand(Dialect::OpenAi, None, error));
        }
        if let (None, Some(model)) = (&self.model, &chunk.model) {
            self.model = Some(model.to_string());
        }
        if let Some(usage) = &chunk.usage {
            self.usage = Some(usage.usage());
            self.usage_final = true;
        }
        if let Some(kind) = &chunk.kind {
            self.response(event.data, kind, chunk.delta, chunk.response);
        }
        let Some(choices) = chunk.choices else { return Ok(false) };
        for choice in &choices {
            self.choice(choice);
        }
        if let ([choice], None) = (choices.as_slice(), &chunk.usage)
            && let Some(raw) = only_text(choice)
        {
            self.template.learn(event.data, raw.get(), true);
        }
        Ok(choices.is_empty() && chunk.usage.is_some())
    }

    fn choice(&mut self, choice: &ChunkChoice<'_>) {
        if let Some(delta) = &choice.delta {
            let bytes = delta.output_bytes();
            self.said(bytes, false);
            self.has_content |= delta.has_content();
            self.meaningful |= delta.has_content();
        }
        let bit = 1_u128.checked_shl(choice.index.unwrap_or(0)).unwrap_or(0);
        self.choices.0 |= bit;
        if let Some(word) = &choice.finish_reason {
            self.finish(word);
            self.choices.1 |= bit;
        }
        // with several choices the stream is over when every one of them is
        self.finished |= choice.finish_reason.is_some() && self.choices.0 == self.choices.1;
    }

    /// Events of `/responses`, which are told by their type.
    fn response(&mut self, data: &str, kind: &str, delta: Raw<'_>, response: Option<Response<'_>>) {
        let visible = matches!(kind, "response.output_text.delta" | "response.refusal.delta");
        if kind.ends_with(".delta") {
            self.said(text_bytes(delta), visible || kind.contains("_call"));
        } else if kind == "error" && self.error.is_none() {
            let object = serde_json::from_str::<ErrorObject>(data).unwrap_or_default();
            self.error = Some(understand(Dialect::OpenAi, None, ErrorField::Object(Box::new(object))));
        }
        let Some(response) = response else { return };
        if matches!(kind, "response.completed" | "response.incomplete" | "response.failed") {
            self.finish = response.finish();
            self.finished = true;
            self.meaningful = true;
        }
        if let Some(usage) = &response.usage {
            self.usage = Some(usage.usage());
            self.usage_final = true;
        }
        self.model = response.model.or(self.model.take());
        if let Some(error) = response.error {
            self.error = Some(understand(Dialect::OpenAi, None, error));
        }
    }
}

/// The text of a choice that holds nothing else worth knowing.
fn only_text<'a>(choice: &ChunkChoice<'a>) -> Option<&'a RawValue> {
    let delta = choice.delta.as_ref()?;
    let raw = delta.content?;
    let alone = choice.finish_reason.is_none()
        && text_bytes(delta.content) == delta.output_bytes()
        && delta.tool_calls.is_none()
        && delta.function_call.is_none()
        && delta.audio.is_none();
    // index 0 was seen with the event that is learned from
    (alone && choice.index.unwrap_or(0) == 0).then_some(raw)
}
