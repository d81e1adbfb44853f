//! Events of Anthropic's streams. They are told by their `type`, which SDKs require to equal the event's name.

use std::borrow::Cow;

use serde::Deserialize;

use super::{SseEvent, StreamFault, Watch, parse};
use crate::codec::answer::{Block, Raw, text_bytes};
use crate::codec::error::{ErrorField, understand};
use crate::codec::usage::AnthropicUsage;
use crate::types::Dialect;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    message: Option<Start<'a>>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    usage: Option<AnthropicUsage>,
    error: Option<ErrorField>,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    usage: Option<AnthropicUsage>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    partial_json: Raw<'a>,
    #[serde(borrow)]
    thinking: Raw<'a>,
    #[serde(borrow)]
    stop_reason: Option<Cow<'a, str>>,
}

impl Watch {
    /// One event of an Anthropic stream.
    pub(super) fn anthropic(&mut self, event: SseEvent<'_>) -> Result<(), StreamFault> {
        let Some(parsed) = parse::<Event<'_>>(event.data)? else { return Ok(()) };
        match parsed.kind.as_ref() {
            "message_start" => self.start(parsed.message),
            "content_block_start" => {
                if let Some(block) = &parsed.content_block {
                    self.output_bytes += block.output_bytes();
                    self.has_content |= block.has_content();
                }
            }
            "content_block_delta" => self.delta(event.data, parsed.delta.as_ref()),
            "message_delta" => {
                if let Some(usage) = &parsed.usage {
                    self.anthropic.get_or_insert_default().overlay(usage);
                    self.usage_final = true;
                }
                if let Some(word) = parsed.delta.and_then(|delta| delta.stop_reason) {
                    self.finish(&word);
                    self.finished = true;
                }
            }
            "message_stop" => {
                self.finished = true;
                self.marked = true;
                self.meaningful = true;
            }
            "error" => {
                let error = parsed.error.unwrap_or_else(|| ErrorField::Text(String::new()));
                self.error = Some(understand(Dialect::Anthropic, None, error));
            }
            _ => {} // pings, block stops, and what later versions add
        }
        Ok(())
    }

    fn start(&mut self, message: Option<Start<'_>>) {
        let Some(message) = message else { return };
        self.model = message.model.map(Cow::into_owned);
        if let Some(usage) = &message.usage {
            self.anthropic.get_or_insert_default().overlay(usage);
        }
    }

    fn delta(&mut self, data: &str, delta: Option<&Delta<'_>>) {
        let Some(delta) = delta else { return };
        let texts = [(delta.text, true), (delta.partial_json, true), (delta.thinking, false)];
        let mut given = texts.into_iter().filter_map(|(raw, visible)| Some((raw?, visible)));
        let (first, second) = (given.next(), given.next());
        for (raw, visible) in [first, second].into_iter().flatten() {
            self.said(text_bytes(Some(raw)), visible);
        }
        if let (Some((raw, visible)), None) = (first, second) {
            self.template.learn(data, raw.get(), visible);
        }
    }
}
