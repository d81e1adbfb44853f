//! Whole answers of Chat Completions, in and out of the hub.

use serde::Deserialize;

use crate::codec::answer::Malformed;
use crate::codec::cross::Asker;
use crate::codec::cross::fields::{Raw, arguments};
use crate::codec::cross::hub::{Block, Call, Ending, Said};
use crate::codec::cross::ids::made;
use crate::codec::cross::text::{Text, Writer};
use crate::codec::usage::OpenAiUsage;
use crate::types::Usage;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    usage: Option<OpenAiUsage>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Message<'a>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Raw<'a>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    /// Of those that were asked for as `functions`: one, without an id.
    #[serde(borrow, default)]
    function_call: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<Text<'a>>,
}

/// Reads an answer. Of several choices the first counts: only one was asked for.
pub(in crate::codec::cross) fn read_answer(body: &[u8], second: u64) -> Result<Said<'_>, Malformed> {
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| Malformed::new(error.to_string()))?;
    let id = answer.id.unwrap_or_default();
    let Some(choice) = answer.choices.into_iter().next() else {
        return Err(Malformed::new("the answer has no choice"));
    };
    let Message { content, refusal, reasoning_content, reasoning, tool_calls, function_call } =
        choice.message;
    let mut blocks = Vec::new();
    blocks.extend(reasoning_content.or(reasoning).filter(|text| !text.is_empty()).map(Block::Thinking));
    if let Some(raw) = content {
        let text = Text::of(raw).ok_or_else(|| Malformed::new("`content` is no text"))?;
        blocks.extend(Some(text).filter(|text| !text.is_empty()).map(Block::Text));
    }
    blocks.extend(refusal.map(Block::Refusal));
    let ending = ending(choice.finish_reason.as_ref().map_or("stop", Text::escaped))?;
    let older = function_call.map(|function| ToolCall { id: None, function: Some(function) });
    for (at, call) in tool_calls.into_iter().flatten().chain(older).enumerate() {
        let Some(function) = call.function else { return Err(Malformed::new("a call of no function")) };
        let Some(arguments) = arguments(function.arguments) else {
            // A call that the cap has cut is none; that the answer was cut is said.
            if ending == Ending::Length {
                continue;
            }
            return Err(Malformed::new("a call's arguments are no JSON object"));
        };
        let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| made(&id, second, at));
        blocks.push(Block::Call(Call { id, name: function.name, arguments }));
    }
    let calls = blocks.iter().any(|block| matches!(block, Block::Call(_)));
    Ok(Said {
        id,
        model: answer.model.unwrap_or_default(),
        ending: ending.with_calls(calls),
        blocks,
        usage: answer.usage.map(|usage| usage.usage()),
    })
}

/// Compatible servers have words of their own for an end. What is none of these is none: an answer that was cut must not
/// look whole (`error` of OpenRouter, `abort` of vLLM, `insufficient_system_resource` of DeepSeek).
pub(super) fn ending(word: &str) -> Result<Ending<'static>, Malformed> {
    match word {
        "stop" | "stop_sequence" | "end_turn" | "eos" | "eos_token" | "" => Ok(Ending::Stop),
        "length" | "max_tokens" | "model_length" => Ok(Ending::Length),
        "tool_calls" | "function_call" => Ok(Ending::Calls),
        "content_filter" => Ok(Ending::Filtered),
        other => Err(Malformed::new(format!("the answer ended in `{other:.48}`"))),
    }
}

pub(super) fn ending_word(ending: &Ending<'_>) -> &'static str {
    match ending {
        Ending::Stop | Ending::StopText(_) => "stop",
        Ending::Length => "length",
        Ending::Calls => "tool_calls",
        Ending::Filtered => "content_filter",
    }
}

/// Writes an answer. Reasoning has no field in the dialect; its tokens are in the usage.
pub(in crate::codec::cross) fn write_answer(said: &Said<'_>, asker: Asker, out: &mut Writer) {
    out.open(b'{');
    out.text_member("id", &said.id);
    out.word_member("object", "chat.completion");
    out.key("created");
    out.number(asker.created);
    out.text_member("model", &said.model);
    out.key("choices");
    out.open(b'[');
    out.open(b'{');
    out.raw_member("index", "0");
    out.key("message");
    message(said, out);
    out.word_member("finish_reason", ending_word(&said.ending));
    out.raw_member("logprobs", "null");
    out.close(b'}');
    out.close(b']');
    if let Some(counted) = &said.usage {
        out.key("usage");
        usage(counted, out);
    }
    out.close(b'}');
}

fn message(said: &Said<'_>, out: &mut Writer) {
    out.open(b'{');
    out.word_member("role", "assistant");
    let texts = said.blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(text.clone()),
        _ => None,
    });
    let texts: Vec<Text<'_>> = texts.collect();
    if texts.is_empty() {
        out.raw_member("content", "null");
    } else {
        out.text_member("content", &Text::join(&texts, ""));
    }
    let refusal = said.blocks.iter().find_map(|block| match block {
        Block::Refusal(refusal) => Some(refusal),
        _ => None,
    });
    match refusal {
        Some(refusal) => out.text_member("refusal", refusal),
        None => out.raw_member("refusal", "null"),
    }
    let calls: Vec<&Call<'_>> = said
        .blocks
        .iter()
        .filter_map(|block| match block {
            Block::Call(call) => Some(call),
            _ => None,
        })
        .collect();
    if !calls.is_empty() {
        out.key("tool_calls");
        out.open(b'[');
        calls.into_iter().for_each(|one| call(one, &one.id, out));
        out.close(b']');
    }
    out.close(b'}');
}

/// A call as both requests and answers have it.
pub(super) fn call(call: &Call<'_>, id: &Text<'_>, out: &mut Writer) {
    out.open(b'{');
    out.text_member("id", id);
    out.word_member("type", "function");
    out.key("function");
    out.open(b'{');
    out.text_member("name", &call.name);
    out.text_member("arguments", &call.arguments.in_text());
    out.close(b'}');
    out.close(b'}');
}

/// Usage in OpenAI's way of counting: cached tokens are among the prompt's, reasoning among the completion's.
pub(super) fn usage(usage: &Usage, out: &mut Writer) {
    let (prompt, completion) = (usage.total_input(), usage.total_output());
    out.open(b'{');
    for (key, tokens) in [
        ("prompt_tokens", prompt),
        ("completion_tokens", completion),
        ("total_tokens", prompt.saturating_add(completion)),
    ] {
        out.key(key);
        out.number(tokens);
    }
    out.key("prompt_tokens_details");
    out.open(b'{');
    out.key("cached_tokens");
    out.number(usage.cache_read);
    let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    if written > 0 {
        out.key("cache_write_tokens");
        out.number(written);
    }
    out.close(b'}');
    out.key("completion_tokens_details");
    out.open(b'{');
    out.key("reasoning_tokens");
    out.number(usage.reasoning);
    out.close(b'}');
    out.close(b'}');
}
