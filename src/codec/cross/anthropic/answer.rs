//! Whole answers of Messages, in and out of the hub.

use serde::Deserialize;

use super::write::text;
use crate::codec::answer::Malformed;
use crate::codec::cross::Asker;
use crate::codec::cross::fields::Raw;
use crate::codec::cross::hub::{Block, Call, Ending, Said};
use crate::codec::cross::text::{Json, Text, Writer};
use crate::codec::usage::AnthropicUsage;
use crate::types::Usage;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    content: Vec<Content<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    stop_sequence: Option<Text<'a>>,
    #[serde(default)]
    usage: Option<AnthropicUsage>,
}

/// A block of an answer, whole or as a stream opens it.
#[derive(Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) input: Raw<'a>,
}

/// Reads an answer.
pub(in crate::codec::cross) fn read_answer(body: &[u8]) -> Result<Said<'_>, Malformed> {
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| Malformed::new(error.to_string()))?;
    let mut blocks = Vec::with_capacity(answer.content.len());
    for content in answer.content {
        blocks.extend(block(content)?);
    }
    let ending = ending(answer.stop_reason.as_ref().map_or("end_turn", Text::escaped), answer.stop_sequence)?;
    Ok(Said {
        id: answer.id.unwrap_or_default(),
        model: answer.model.unwrap_or_default(),
        blocks,
        ending,
        usage: answer.usage.map(|usage| usage.usage()),
    })
}

/// Signed reasoning means nothing to anybody but its model: what other dialects get of it is that it was there.
fn block(content: Content<'_>) -> Result<Option<Block<'_>>, Malformed> {
    let kind = content.kind.clone();
    match (kind.escaped(), content) {
        ("text", Content { text: Some(text), .. }) => {
            Ok(Some(text).filter(|text| !text.is_empty()).map(Block::Text))
        }
        ("thinking", Content { thinking, .. }) => {
            Ok(thinking.filter(|text| !text.is_empty()).map(Block::Thinking))
        }
        ("redacted_thinking", _) => Ok(None),
        ("tool_use", Content { id: Some(id), name: Some(name), input: Some(input), .. }) => {
            let arguments = Some(Json::of(input)).filter(Json::is_object);
            let arguments = arguments.ok_or_else(|| Malformed::new("a call's input is no object"))?;
            Ok(Some(Block::Call(Call { id, name, arguments })))
        }
        (kind, _) => Err(Malformed::new(format!("a block of the type `{kind}` has no counterpart"))),
    }
}

pub(super) fn ending<'a>(word: &str, stop: Option<Text<'a>>) -> Result<Ending<'a>, Malformed> {
    Ok(match word {
        "stop_sequence" => Ending::StopText(stop),
        "max_tokens" | "model_context_window_exceeded" => Ending::Length,
        "tool_use" => Ending::Calls,
        "refusal" => Ending::Filtered,
        // The model wants its turn continued; no other dialect has a word for that, and a stop it is not.
        "pause_turn" => return Err(Malformed::new("the turn was paused, which has no counterpart")),
        _ => Ending::Stop,
    })
}

pub(super) fn ending_word(ending: &Ending<'_>) -> &'static str {
    match ending {
        // Without the text that stopped it, it is an end like any other.
        Ending::Stop | Ending::StopText(None) => "end_turn",
        Ending::StopText(Some(_)) => "stop_sequence",
        Ending::Length => "max_tokens",
        Ending::Calls => "tool_use",
        Ending::Filtered => "refusal",
    }
}

/// Writes an answer. Reasoning without a signature is no block of the dialect.
pub(in crate::codec::cross) fn write_answer(said: &Said<'_>, _asker: Asker, out: &mut Writer) {
    out.open(b'{');
    out.text_member("id", &said.id);
    out.word_member("type", "message");
    out.word_member("role", "assistant");
    out.text_member("model", &said.model);
    out.key("content");
    out.open(b'[');
    for block in &said.blocks {
        match block {
            Block::Text(said) | Block::Refusal(said) => text(said, out),
            Block::Call(called) => call(called, &called.id, out),
            Block::Thinking(_) | Block::Image(_) | Block::Document(..) | Block::Result(_) => {}
        }
    }
    out.close(b']');
    let declined = said.blocks.iter().any(|block| matches!(block, Block::Refusal(_)));
    stopped(&said.ending.clone().declined(declined), out);
    out.key("usage");
    usage(&said.usage.unwrap_or_default(), out);
    out.close(b'}');
}

/// Why it stopped, as answers and `message_delta` have it.
pub(super) fn stopped(ending: &Ending<'_>, out: &mut Writer) {
    out.word_member("stop_reason", ending_word(ending));
    match ending {
        Ending::StopText(Some(text)) => out.text_member("stop_sequence", text),
        _ => out.raw_member("stop_sequence", "null"),
    }
}

/// A call as both requests and answers have it.
pub(super) fn call(call: &Call<'_>, id: &Text<'_>, out: &mut Writer) {
    out.open(b'{');
    out.word_member("type", "tool_use");
    out.text_member("id", id);
    out.text_member("name", &call.name);
    out.raw_member("input", call.arguments.as_str());
    out.close(b'}');
}

/// Usage in Anthropic's way of counting: cached input apart, reasoning within the output.
pub(super) fn usage(usage: &Usage, out: &mut Writer) {
    let input = usage.input.saturating_add(usage.audio_input).saturating_add(usage.image_input);
    let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    out.open(b'{');
    for (key, tokens) in [
        ("input_tokens", input),
        ("cache_creation_input_tokens", written),
        ("cache_read_input_tokens", usage.cache_read),
        ("output_tokens", usage.total_output()),
    ] {
        out.key(key);
        out.number(tokens);
    }
    out.close(b'}');
}
