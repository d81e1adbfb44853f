//! Requests out of the hub into Messages.

use crate::codec::cross::fields::{SYSTEM_AS_USER, note};
use crate::codec::cross::hub::{
    Block, CallResult, Effort, Format, Media, Message, Obstacle, Prompt, Speaker, ToolChoice, ToolSpec,
};
use crate::codec::cross::ids::CallIds;
use crate::codec::cross::text::{Text, Writer};
use crate::codec::cross::{Crossed, Destination};

const DIALECT: &str = "Anthropic";

/// Writes a request.
pub(in crate::codec::cross) fn write_request(
    prompt: &Prompt<'_>,
    to: &Destination<'_>,
) -> Result<Crossed, Obstacle> {
    let mut dropped = prompt.dropped.clone();
    let mut out = Writer::with_capacity(prompt.bytes + 512);
    out.open(b'{');
    out.text_member("model", &Text::plain(to.model));
    out.key("max_tokens");
    out.number(u64::from(prompt.max_output_tokens.unwrap_or(to.max_output_tokens)));
    system(&prompt.system, &mut out);
    out.key("messages");
    out.open(b'[');
    if !matches!(prompt.messages.first(), Some(Message { speaker: Speaker::User, .. })) {
        return Err(Obstacle::new("messages", "the Anthropic dialect begins a conversation with the user"));
    }
    for said in &prompt.messages {
        message(said, &mut out)?;
    }
    if prompt.messages.iter().any(|message| message.speaker == Speaker::System) {
        note(&mut dropped, SYSTEM_AS_USER);
    }
    out.close(b']');
    tools(prompt, &mut out);
    output(prompt, &mut out)?;
    settings(prompt, &mut out)?;
    if let Some(user) = &prompt.user {
        out.key("metadata");
        out.open(b'{');
        out.text_member("user_id", user);
        out.close(b'}');
    }
    if prompt.stream {
        out.raw_member("stream", "true");
    }
    out.close(b'}');
    if matches!(prompt.format, Format::Schema { name: Some(_), .. }) {
        note(&mut dropped, "response_format.json_schema.name");
    }
    Ok(Crossed { path: "/v1/messages".to_owned(), body: out.into_bytes(), dropped })
}

fn system(texts: &[Text<'_>], out: &mut Writer) {
    // Empty texts say nothing, and the dialect refuses them.
    let texts: Vec<&Text<'_>> = texts.iter().filter(|text| !text.is_empty()).collect();
    match texts[..] {
        [] => {}
        [one] => out.text_member("system", one),
        _ => {
            out.key("system");
            out.open(b'[');
            texts.into_iter().for_each(|one| text(one, out));
            out.close(b']');
        }
    }
}

fn settings(prompt: &Prompt<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    let absent = [
        ("presence_penalty", prompt.presence_penalty),
        ("frequency_penalty", prompt.frequency_penalty),
        ("seed", prompt.seed),
    ];
    if let Some((param, _)) = absent.into_iter().find(|(_, number)| number.is_some()) {
        return Err(Obstacle::field(param, DIALECT));
    }
    if prompt.verbosity.is_some() {
        return Err(Obstacle::field("verbosity", DIALECT));
    }
    if prompt.temperature.is_some_and(|temperature| temperature.value > 1.0) {
        return Err(Obstacle::new("temperature", "the Anthropic dialect takes temperatures from 0 to 1"));
    }
    let numbers = [("temperature", prompt.temperature), ("top_p", prompt.top_p), ("top_k", prompt.top_k)];
    for (key, number) in numbers {
        if let Some(number) = number {
            out.raw_member(key, number.raw);
        }
    }
    if !prompt.stop.is_empty() {
        out.key("stop_sequences");
        out.open(b'[');
        prompt.stop.iter().for_each(|stop| out.text(stop));
        out.close(b']');
    }
    Ok(())
}

/// Effort and the form of the answer. An effort alone does not turn thinking on, so no signed block comes of it.
fn output(prompt: &Prompt<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    let effort = match prompt.effort {
        None | Some(Effort::None) => None,
        Some(Effort::Minimal) => {
            let message = "the Anthropic dialect has no effort `minimal`; ask for `low`";
            return Err(Obstacle::new("reasoning_effort", message));
        }
        Some(effort) => Some(effort),
    };
    let schema = match &prompt.format {
        Format::Text => None,
        Format::Object => {
            let message =
                "the Anthropic dialect takes a schema only: send `json_schema` instead of `json_object`";
            return Err(Obstacle::new("response_format", message));
        }
        Format::Schema { schema, .. } => Some(schema),
    };
    if effort.is_none() && schema.is_none() {
        return Ok(());
    }
    out.key("output_config");
    out.open(b'{');
    if let Some(effort) = effort {
        out.word_member("effort", effort.as_str());
    }
    if let Some(schema) = schema {
        out.key("format");
        out.open(b'{');
        out.word_member("type", "json_schema");
        out.raw_member("schema", schema.as_str());
        out.close(b'}');
    }
    out.close(b'}');
    Ok(())
}

fn tools(prompt: &Prompt<'_>, out: &mut Writer) {
    if prompt.tools.is_empty() {
        return;
    }
    out.key("tools");
    out.open(b'[');
    prompt.tools.iter().for_each(|tool| declaration(tool, out));
    out.close(b']');
    let choice = prompt.tool_choice.as_ref();
    let one_at_a_time = prompt.parallel_tools == Some(false);
    if choice.is_none() && !one_at_a_time {
        return;
    }
    out.key("tool_choice");
    out.open(b'{');
    match choice.unwrap_or(&ToolChoice::Auto) {
        ToolChoice::Auto => out.word_member("type", "auto"),
        ToolChoice::None => out.word_member("type", "none"),
        ToolChoice::Any => out.word_member("type", "any"),
        ToolChoice::Named(name) => {
            out.word_member("type", "tool");
            out.text_member("name", name);
        }
    }
    if let Some(parallel) = prompt.parallel_tools.filter(|_| choice != Some(&ToolChoice::None)) {
        out.raw_member("disable_parallel_tool_use", if parallel { "false" } else { "true" });
    }
    out.close(b'}');
}

fn declaration(tool: &ToolSpec<'_>, out: &mut Writer) {
    out.open(b'{');
    out.text_member("name", &tool.name);
    if let Some(description) = &tool.description {
        out.text_member("description", description);
    }
    out.raw_member(
        "input_schema",
        tool.schema.as_ref().map_or(r#"{"type":"object"}"#, |schema| schema.as_str()),
    );
    if let Some(strict) = tool.strict {
        out.raw_member("strict", if strict { "true" } else { "false" });
    }
    out.close(b'}');
}

fn message(said: &Message<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    let role = match said.speaker {
        // Later instructions come where they were said: a role for them is a beta of the dialect.
        Speaker::User | Speaker::System => "user",
        Speaker::Assistant => "assistant",
    };
    // Empty texts say nothing, and the dialect refuses them.
    let empty = |block: &Block<'_>| matches!(block, Block::Text(text) if text.is_empty());
    let blocks = || said.blocks.iter().filter(|block| !empty(block));
    out.open(b'{');
    out.word_member("role", role);
    let mut first = blocks();
    match (first.next(), first.next()) {
        (None, _) => {
            let message = "an empty message has no counterpart in the Anthropic dialect";
            return Err(Obstacle::new("messages[].content", message));
        }
        (Some(Block::Text(text)), None) => out.text_member("content", text),
        _ => {
            out.key("content");
            out.open(b'[');
            // Results stand ahead of what else the user says.
            let results = |wanted| blocks().filter(move |block| matches!(block, Block::Result(_)) == wanted);
            for one in results(true).chain(results(false)) {
                block(one, out)?;
            }
            out.close(b']');
        }
    }
    out.close(b'}');
    Ok(())
}

fn block(block: &Block<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    match block {
        Block::Text(said) | Block::Refusal(said) => text(said, out),
        Block::Thinking(_) => {
            return Err(Obstacle::new(
                "messages[].content[]",
                "reasoning of another model cannot be continued",
            ));
        }
        Block::Image(media) => {
            out.open(b'{');
            out.word_member("type", "image");
            source(media, out);
            out.close(b'}');
        }
        Block::Document(media, title) => {
            out.open(b'{');
            out.word_member("type", "document");
            source(media, out);
            if let Some(title) = title {
                out.text_member("title", title);
            }
            out.close(b'}');
        }
        Block::Call(called) => super::answer::call(called, &CallIds::Plain.fit(&called.id), out),
        Block::Result(given) => result(given, out)?,
    }
    Ok(())
}

pub(super) fn text(text: &Text<'_>, out: &mut Writer) {
    out.open(b'{');
    out.word_member("type", "text");
    out.text_member("text", text);
    out.close(b'}');
}

fn source(media: &Media<'_>, out: &mut Writer) {
    out.key("source");
    out.open(b'{');
    match media {
        Media::Inline { media_type, base64 } => {
            out.word_member("type", "base64");
            out.text_member("media_type", media_type);
            out.text_member("data", base64);
        }
        Media::Url(url) => {
            out.word_member("type", "url");
            out.text_member("url", url);
        }
    }
    out.close(b'}');
}

fn result(given: &CallResult<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    out.open(b'{');
    out.word_member("type", "tool_result");
    out.text_member("tool_use_id", &CallIds::Plain.fit(&given.id));
    match &given.content[..] {
        [] => {}
        [Block::Text(text)] => out.text_member("content", text),
        several => {
            out.key("content");
            out.open(b'[');
            for one in several {
                block(one, out)?;
            }
            out.close(b']');
        }
    }
    if given.is_error {
        out.raw_member("is_error", "true");
    }
    out.close(b'}');
    Ok(())
}
