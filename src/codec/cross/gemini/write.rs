//! Requests out of the hub into `generateContent`.

use std::collections::HashMap;

use super::UNSIGNED;
use crate::codec::cross::fields::{SYSTEM_AS_USER, note};
use crate::codec::cross::hub::{
    Block, Call, CallResult, Effort, Format, Media, Message, Obstacle, Prompt, Speaker, ToolChoice,
};
use crate::codec::cross::text::{Json, Text, Writer};
use crate::codec::cross::{Crossed, Destination};
use crate::codec::gemini_path::encoded;

const DIALECT: &str = "Gemini";
/// Most stop texts the dialect takes.
const MAX_STOPS: usize = 5;

/// Writes a request. The model stands in the path, and whether it streams in the method.
pub(in crate::codec::cross) fn write_request(
    prompt: &Prompt<'_>,
    to: &Destination<'_>,
) -> Result<Crossed, Obstacle> {
    let mut out = Writer::with_capacity(prompt.bytes + 512);
    let mut dropped = prompt.dropped.clone();
    out.open(b'{');
    if !prompt.system.is_empty() {
        out.key("systemInstruction");
        out.open(b'{');
        out.key("parts");
        out.open(b'[');
        prompt.system.iter().for_each(|text| part(&mut out, |out| out.text_member("text", text)));
        out.close(b']');
        out.close(b'}');
    }
    out.key("contents");
    out.open(b'[');
    let mut calls = HashMap::new();
    for message in &prompt.messages {
        content(message, &calls, &mut out)?;
        note_calls(message, &mut calls);
    }
    out.close(b']');
    tools(prompt, &mut out)?;
    config(prompt, &mut out)?;
    out.close(b'}');
    let blocks = || prompt.messages.iter().flat_map(|message| &message.blocks);
    for (field, there) in [
        ("user", prompt.user.is_some()),
        ("tools[].strict", prompt.tools.iter().any(|tool| tool.strict.is_some())),
        ("response_format.json_schema.name", matches!(prompt.format, Format::Schema { name: Some(_), .. })),
        ("filename", blocks().any(|block| matches!(block, Block::Document(_, Some(_))))),
        (SYSTEM_AS_USER, prompt.messages.iter().any(|message| message.speaker == Speaker::System)),
    ] {
        if there {
            note(&mut dropped, field);
        }
    }
    Ok(Crossed { path: path(to.model, prompt.stream), body: out.into_bytes(), dropped })
}

/// `/v1beta/models/NAME:METHOD`; a stream as events, as its own SDKs ask for it.
fn path(model: &str, stream: bool) -> String {
    let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    format!("/v1beta/models/{}:{method}", encoded(model))
}

fn part(out: &mut Writer, member: impl FnOnce(&mut Writer)) {
    out.open(b'{');
    member(out);
    out.close(b'}');
}

/// Which call of its turn each id names.
fn note_calls<'p>(message: &'p Message<'_>, calls: &mut HashMap<&'p str, usize>) {
    if message.speaker == Speaker::Assistant {
        let ids = message.blocks.iter().filter_map(|block| match block {
            Block::Call(call) => Some(call.id.escaped()),
            _ => None,
        });
        *calls = ids.enumerate().map(|(at, id)| (id, at)).collect();
    }
}

/// One turn. Results stand in the order of their calls, as names alone do not tell calls of one tool apart.
fn content(message: &Message<'_>, calls: &HashMap<&str, usize>, out: &mut Writer) -> Result<(), Obstacle> {
    let role = match message.speaker {
        // Later instructions come where they were said: the dialect has a place for them at the beginning only.
        Speaker::User | Speaker::System => "user",
        Speaker::Assistant => "model",
    };
    let empty = |block: &Block<'_>| matches!(block, Block::Text(text) if text.is_empty());
    let mut blocks: Vec<&Block<'_>> = message.blocks.iter().filter(|block| !empty(block)).collect();
    blocks.sort_by_key(|block| match block {
        Block::Result(result) => calls.get(result.id.escaped()).copied().unwrap_or(calls.len()),
        _ => usize::MAX,
    });
    if blocks.is_empty() {
        return Err(Obstacle::new(
            "messages[].content",
            "an empty message has no counterpart in the Gemini dialect",
        ));
    }
    out.open(b'{');
    out.word_member("role", role);
    out.key("parts");
    out.open(b'[');
    let mut signed = false;
    for one in blocks {
        let first = matches!(one, Block::Call(_)) && !std::mem::replace(&mut signed, true);
        block(one, first, out)?;
    }
    out.close(b']');
    out.close(b'}');
    Ok(())
}

/// `first`: of the calls of a turn, which carries the signature.
fn block(block: &Block<'_>, first: bool, out: &mut Writer) -> Result<(), Obstacle> {
    match block {
        Block::Text(text) | Block::Refusal(text) => part(out, |out| out.text_member("text", text)),
        Block::Thinking(_) => {
            return Err(Obstacle::new(
                "messages[].content[]",
                "reasoning of another model cannot be continued",
            ));
        }
        Block::Image(media) | Block::Document(media, _) => inline(media, out)?,
        Block::Call(Call { name, arguments, .. }) => part(out, |out| {
            out.key("functionCall");
            out.open(b'{');
            out.text_member("name", name);
            out.raw_member("args", arguments.as_str());
            out.close(b'}');
            if first {
                out.word_member("thoughtSignature", UNSIGNED);
            }
        }),
        Block::Result(result) => tool_result(result, out)?,
    }
    Ok(())
}

fn inline(media: &Media<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    let Media::Inline { media_type, base64 } = media else {
        let message = "the Gemini dialect takes images and documents inline only; send the data itself";
        return Err(Obstacle::new("messages[].content[].url", message));
    };
    part(out, |out| {
        out.key("inlineData");
        out.open(b'{');
        out.text_member("mimeType", media_type);
        out.text_member("data", base64);
        out.close(b'}');
    });
    Ok(())
}

/// A result is an object here: what is one goes as it is, anything else under `result`, and what failed under `error`.
fn tool_result(result: &CallResult<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    let Some(name) = &result.name else {
        let message = "a tool's result belongs to no call of this conversation, and the Gemini dialect matches by its name";
        return Err(Obstacle::new("messages[].tool_call_id", message));
    };
    let texts = result.content.iter().map(|block| match block {
        Block::Text(text) => Ok(text.clone()),
        _ => Err(Obstacle::new(
            "messages[].content[]",
            "a tool's result may be text only in the Gemini dialect",
        )),
    });
    let text = Text::join(&texts.collect::<Result<Vec<_>, _>>()?, "\n");
    let object =
        text.unescaped().and_then(|plain| Json::parse(plain.into_owned().into())).filter(Json::is_object);
    part(out, |out| {
        out.key("functionResponse");
        out.open(b'{');
        out.text_member("name", name);
        match (&object, result.is_error) {
            (Some(object), false) => out.raw_member("response", object.as_str()),
            (_, failed) => {
                out.key("response");
                part(out, |out| out.text_member(if failed { "error" } else { "result" }, &text));
            }
        }
        out.close(b'}');
    });
    Ok(())
}

fn tools(prompt: &Prompt<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    if prompt.tools.is_empty() {
        return Ok(());
    }
    if prompt.parallel_tools == Some(false) {
        return Err(Obstacle::field("parallel_tool_calls", DIALECT));
    }
    out.key("tools");
    out.open(b'[');
    out.open(b'{');
    out.key("functionDeclarations");
    out.open(b'[');
    for tool in &prompt.tools {
        out.open(b'{');
        out.text_member("name", &tool.name);
        if let Some(description) = &tool.description {
            out.text_member("description", description);
        }
        if let Some(schema) = &tool.schema {
            out.raw_member("parametersJsonSchema", schema.as_str());
        }
        out.close(b'}');
    }
    out.close(b']');
    out.close(b'}');
    out.close(b']');
    let (mode, only) = match &prompt.tool_choice {
        None => return Ok(()),
        Some(ToolChoice::Auto) => ("AUTO", None),
        Some(ToolChoice::None) => ("NONE", None),
        Some(ToolChoice::Any) => ("ANY", None),
        Some(ToolChoice::Named(name)) => ("ANY", Some(name)),
    };
    out.key("toolConfig");
    out.open(b'{');
    out.key("functionCallingConfig");
    out.open(b'{');
    out.word_member("mode", mode);
    if let Some(name) = only {
        out.key("allowedFunctionNames");
        out.open(b'[');
        out.text(name);
        out.close(b']');
    }
    out.close(b'}');
    out.close(b'}');
    Ok(())
}

fn config(prompt: &Prompt<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    if prompt.stop.len() > MAX_STOPS {
        return Err(Obstacle::new(
            "stop",
            format!("the Gemini dialect takes at most {MAX_STOPS} stop texts"),
        ));
    }
    if prompt.verbosity.is_some() {
        return Err(Obstacle::field("verbosity", DIALECT));
    }
    out.key("generationConfig");
    out.open(b'{');
    if let Some(cap) = prompt.max_output_tokens {
        out.key("maxOutputTokens");
        out.number(u64::from(cap));
    }
    let numbers = [
        ("temperature", prompt.temperature),
        ("topP", prompt.top_p),
        ("topK", prompt.top_k),
        ("presencePenalty", prompt.presence_penalty),
        ("frequencyPenalty", prompt.frequency_penalty),
        ("seed", prompt.seed),
    ];
    for (key, number) in numbers {
        if let Some(number) = number {
            out.raw_member(key, number.raw);
        }
    }
    if !prompt.stop.is_empty() {
        out.key("stopSequences");
        out.open(b'[');
        prompt.stop.iter().for_each(|stop| out.text(stop));
        out.close(b']');
    }
    match &prompt.format {
        Format::Text => {}
        Format::Object => out.word_member("responseMimeType", "application/json"),
        Format::Schema { schema, .. } => {
            out.word_member("responseMimeType", "application/json");
            out.raw_member("responseJsonSchema", schema.as_str());
        }
    }
    if let Some(level) = level(prompt.effort)? {
        out.key("thinkingConfig");
        part(out, |out| out.word_member("thinkingLevel", level));
    }
    out.close(b'}');
    Ok(())
}

/// The dialect knows these levels; the others would be another effort than was asked for.
fn level(effort: Option<Effort>) -> Result<Option<&'static str>, Obstacle> {
    match effort {
        None => Ok(None),
        Some(Effort::Minimal) => Ok(Some("minimal")),
        Some(Effort::Low) => Ok(Some("low")),
        Some(Effort::Medium) => Ok(Some("medium")),
        Some(Effort::High) => Ok(Some("high")),
        Some(effort @ (Effort::None | Effort::XHigh | Effort::Max)) => {
            let message = format!("the Gemini dialect has no effort `{}`", effort.as_str());
            Err(Obstacle::new("reasoning_effort", message))
        }
    }
}
