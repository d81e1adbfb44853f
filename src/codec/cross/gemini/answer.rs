//! Whole answers of `generateContent`, in and out of the hub; the pieces of its streams have the same form.

use serde::Deserialize;

use crate::codec::answer::Malformed;
use crate::codec::cross::Asker;
use crate::codec::cross::fields::Raw;
use crate::codec::cross::hub::{Block, Call, Ending, Said};
use crate::codec::cross::ids::made;
use crate::codec::cross::text::{Json, Text, Writer};
use crate::codec::usage::GeminiUsage;
use crate::types::Usage;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    pub(super) response_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) model_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    candidates: Vec<Candidate<'a>>,
    #[serde(borrow, default)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(default)]
    pub(super) usage_metadata: Option<GeminiUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow, default)]
    block_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(default)]
    thought: bool,
    #[serde(borrow, default)]
    function_call: Option<Function<'a>>,
    #[serde(borrow, default)]
    inline_data: Raw<'a>,
    #[serde(borrow, default)]
    executable_code: Raw<'a>,
    #[serde(borrow, default)]
    code_execution_result: Raw<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    args: Raw<'a>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
}

/// Reads an answer. Of several candidates the first counts: only one was asked for.
pub(in crate::codec::cross) fn read_answer(body: &[u8], second: u64) -> Result<Said<'_>, Malformed> {
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| Malformed::new(error.to_string()))?;
    let (id, model) = (answer.response_id.clone(), answer.model_version.clone());
    let id = id.unwrap_or_else(|| Text::word("gemini"));
    let usage = answer.usage_metadata.as_ref().map(GeminiUsage::usage);
    let (blocks, ending) = answer.said(0, |call| made(&id, second, call))?;
    let calls = blocks.iter().any(|block| matches!(block, Block::Call(_)));
    Ok(Said {
        id,
        model: model.unwrap_or_default(),
        blocks,
        ending: ending.unwrap_or(Ending::Stop).with_calls(calls),
        usage,
    })
}

impl<'a> Answer<'a> {
    /// What it says, and why it ended where it did. `calls`: how many calls were told before it; `made`: an id for a call.
    pub(super) fn said(
        self,
        calls: usize,
        made: impl Fn(usize) -> Text<'static>,
    ) -> Result<(Vec<Block<'a>>, Option<Ending<'static>>), Malformed> {
        let blocked = self.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some());
        let Some(candidate) = self.candidates.into_iter().next() else {
            return Ok((Vec::new(), blocked.then_some(Ending::Filtered)));
        };
        let mut blocks = Vec::new();
        let mut calls = calls;
        for part in candidate.content.into_iter().flat_map(|content| content.parts) {
            blocks.extend(block(part, &mut calls, &made)?);
        }
        let ending = candidate.finish_reason.map(|reason| ending(reason.escaped())).transpose()?;
        Ok((blocks, ending))
    }
}

fn block<'a>(
    part: Part<'a>,
    calls: &mut usize,
    made: impl Fn(usize) -> Text<'static>,
) -> Result<Option<Block<'a>>, Malformed> {
    if part.inline_data.is_some() || part.executable_code.is_some() || part.code_execution_result.is_some() {
        return Err(Malformed::new("a part of the answer has no counterpart in other dialects"));
    }
    if let Some(Function { name, args, id }) = part.function_call {
        let arguments = args.map_or_else(|| Json::parse("{}".into()), |raw| Some(Json::of(raw)));
        let arguments = arguments
            .filter(Json::is_object)
            .ok_or_else(|| Malformed::new("the arguments of a call are no object"))?;
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| made(*calls));
        *calls += 1;
        return Ok(Some(Block::Call(Call { id, name, arguments })));
    }
    let text = part.text.filter(|text| !text.is_empty());
    Ok(text.map(|text| if part.thought { Block::Thinking(text) } else { Block::Text(text) }))
}

fn ending(word: &str) -> Result<Ending<'static>, Malformed> {
    match word {
        "MAX_TOKENS" => Ok(Ending::Length),
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR" => Ok(Ending::Filtered),
        "STOP" | "FINISH_REASON_UNSPECIFIED" | "" => Ok(Ending::Stop),
        // The model failed at what it was to write (MALFORMED_FUNCTION_CALL, LANGUAGE, OTHER, …): no end that a client should
        // take for one.
        _ => Err(Malformed::new(format!("the answer ended in {word:.48}"))),
    }
}

/// Writes an answer. Reasoning without a signature is no part that could come back.
pub(in crate::codec::cross) fn write_answer(said: &Said<'_>, _asker: Asker, out: &mut Writer) {
    let declined = said.blocks.iter().any(|block| matches!(block, Block::Refusal(_)));
    let end = (said.ending.clone().declined(declined), said.usage.unwrap_or_default());
    piece((&said.id, &said.model), Some(&end), out, |out| {
        for block in &said.blocks {
            match block {
                Block::Text(said) | Block::Refusal(said) => text(said, out),
                Block::Call(called) => call(called, out),
                Block::Thinking(_) | Block::Image(_) | Block::Document(..) | Block::Result(_) => {}
            }
        }
    });
}

/// An answer, or a piece of a streamed one; the last one says why it ended and what it took.
pub(super) fn piece(
    (id, model): (&Text<'_>, &Text<'_>),
    end: Option<&(Ending<'_>, Usage)>,
    out: &mut Writer,
    parts: impl FnOnce(&mut Writer),
) {
    out.open(b'{');
    out.key("candidates");
    out.open(b'[');
    out.open(b'{');
    out.key("content");
    out.open(b'{');
    out.key("parts");
    out.open(b'[');
    parts(out);
    out.close(b']');
    out.word_member("role", "model");
    out.close(b'}');
    if let Some((ending, _)) = end {
        out.word_member("finishReason", ending_word(ending));
    }
    out.raw_member("index", "0");
    out.close(b'}');
    out.close(b']');
    if let Some((_, counted)) = end {
        out.key("usageMetadata");
        usage(counted, out);
    }
    out.text_member("modelVersion", model);
    out.text_member("responseId", id);
    out.close(b'}');
}

fn ending_word(ending: &Ending<'_>) -> &'static str {
    match ending {
        Ending::Stop | Ending::StopText(_) | Ending::Calls => "STOP",
        Ending::Length => "MAX_TOKENS",
        Ending::Filtered => "SAFETY",
    }
}

pub(super) fn text(text: &Text<'_>, out: &mut Writer) {
    out.open(b'{');
    out.text_member("text", text);
    out.close(b'}');
}

/// A call with its id, so that the result can name it.
pub(super) fn call(call: &Call<'_>, out: &mut Writer) {
    out.open(b'{');
    out.key("functionCall");
    out.open(b'{');
    out.text_member("id", &call.id);
    out.text_member("name", &call.name);
    out.raw_member("args", call.arguments.as_str());
    out.close(b'}');
    out.close(b'}');
}

/// Usage in Gemini's way of counting: cached tokens are among the prompt's, thoughts beside the candidates'.
fn usage(usage: &Usage, out: &mut Writer) {
    let (prompt, all) = (usage.total_input(), usage.total_output());
    out.open(b'{');
    for (key, tokens) in [
        ("promptTokenCount", prompt),
        ("cachedContentTokenCount", usage.cache_read),
        ("candidatesTokenCount", all.saturating_sub(usage.reasoning)),
        ("thoughtsTokenCount", usage.reasoning),
        ("totalTokenCount", prompt.saturating_add(all)),
    ] {
        if tokens > 0 || !matches!(key, "cachedContentTokenCount" | "thoughtsTokenCount") {
            out.key(key);
            out.number(tokens);
        }
    }
    out.close(b'}');
}
