//! Requests out of the hub into Chat Completions.

use crate::codec::cross::fields::note;
use crate::codec::cross::hub::{
    Block, CallResult, Effort, Format, Media, Message, Obstacle, Prompt, Speaker, ToolChoice, ToolSpec,
};
use crate::codec::cross::ids::CallIds;
use crate::codec::cross::text::{Text, Writer};
use crate::codec::cross::{Crossed, Destination};

const DIALECT: &str = "OpenAI";
/// Longest name of an end user that OpenAI takes, bytes.
const MAX_USER: usize = 64;
/// What stands before the result of a tool that failed: the dialect has no field for it.
const FAILED: &str = "Error: ";

/// Writes a request.
pub(in crate::codec::cross) fn write_request(
    prompt: &Prompt<'_>,
    to: &Destination<'_>,
) -> Result<Crossed, Obstacle> {
    let mut dropped = prompt.dropped.clone();
    let ids = if to.nine_letter_ids { CallIds::Nine } else { CallIds::Short };
    let mut out = Writer::with_capacity(prompt.bytes + 512);
    out.open(b'{');
    out.text_member("model", &Text::plain(to.model));
    out.key("messages");
    out.open(b'[');
    for text in &prompt.system {
        message(&mut out, "system", |out| {
            out.text_member("content", text);
            Ok(())
        })?;
    }
    for said in &prompt.messages {
        messages(said, ids, &mut out)?;
    }
    out.close(b']');
    tools(prompt, &mut out);
    format(&prompt.format, &mut out);
    settings(prompt, to, &mut out)?;
    match &prompt.user {
        Some(user) if to.takes_user && user.escaped().len() <= MAX_USER => out.text_member("user", user),
        Some(_) => note(&mut dropped, "user"),
        None => {}
    }
    if prompt.stream {
        out.raw_member("stream", "true");
        if to.asks_for_usage {
            out.raw_member("stream_options", r#"{"include_usage":true}"#);
        }
    }
    out.close(b'}');
    Ok(Crossed { path: "/v1/chat/completions".to_owned(), body: out.into_bytes(), dropped })
}

fn settings(prompt: &Prompt<'_>, to: &Destination<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    if prompt.top_k.is_some() {
        return Err(Obstacle::field("top_k", DIALECT));
    }
    if let Some(cap) = prompt.max_output_tokens {
        out.key(if to.max_tokens_key { "max_tokens" } else { "max_completion_tokens" });
        out.number(u64::from(cap));
    }
    let numbers = [
        ("temperature", prompt.temperature),
        ("top_p", prompt.top_p),
        ("presence_penalty", prompt.presence_penalty),
        ("frequency_penalty", prompt.frequency_penalty),
        ("seed", prompt.seed),
    ];
    for (key, number) in numbers {
        if let Some(number) = number {
            out.raw_member(key, number.raw);
        }
    }
    if !prompt.stop.is_empty() {
        if prompt.stop.len() > 4 {
            return Err(Obstacle::new("stop_sequences", "the OpenAI dialect takes at most four stop texts"));
        }
        out.key("stop");
        out.open(b'[');
        prompt.stop.iter().for_each(|stop| out.text(stop));
        out.close(b']');
    }
    match prompt.effort {
        None => {}
        Some(Effort::Max) => {
            return Err(Obstacle::new(
                "output_config.effort",
                "the OpenAI dialect has no effort `max`; ask for `xhigh` or less",
            ));
        }
        Some(effort) => out.word_member("reasoning_effort", effort.as_str()),
    }
    if let Some(word) = &prompt.verbosity {
        out.text_member("verbosity", word);
    }
    Ok(())
}

fn tools(prompt: &Prompt<'_>, out: &mut Writer) {
    if !prompt.tools.is_empty() {
        out.key("tools");
        out.open(b'[');
        prompt.tools.iter().for_each(|tool| declaration(tool, out));
        out.close(b']');
    }
    match &prompt.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => out.word_member("tool_choice", "auto"),
        Some(ToolChoice::None) => out.word_member("tool_choice", "none"),
        Some(ToolChoice::Any) => out.word_member("tool_choice", "required"),
        Some(ToolChoice::Named(name)) => {
            out.key("tool_choice");
            out.open(b'{');
            out.word_member("type", "function");
            out.key("function");
            out.open(b'{');
            out.text_member("name", name);
            out.close(b'}');
            out.close(b'}');
        }
    }
    if let Some(parallel) = prompt.parallel_tools.filter(|_| !prompt.tools.is_empty()) {
        out.raw_member("parallel_tool_calls", if parallel { "true" } else { "false" });
    }
}

fn declaration(tool: &ToolSpec<'_>, out: &mut Writer) {
    out.open(b'{');
    out.word_member("type", "function");
    out.key("function");
    out.open(b'{');
    out.text_member("name", &tool.name);
    if let Some(description) = &tool.description {
        out.text_member("description", description);
    }
    if let Some(schema) = &tool.schema {
        out.raw_member("parameters", schema.as_str());
    }
    if let Some(strict) = tool.strict {
        out.raw_member("strict", if strict { "true" } else { "false" });
    }
    out.close(b'}');
    out.close(b'}');
}

fn format(format: &Format<'_>, out: &mut Writer) {
    match format {
        Format::Text => {}
        Format::Object => out.raw_member("response_format", r#"{"type":"json_object"}"#),
        Format::Schema { name, schema, strict } => {
            out.key("response_format");
            out.open(b'{');
            out.word_member("type", "json_schema");
            out.key("json_schema");
            out.open(b'{');
            // The dialect asks for one, and it says nothing about the answer.
            out.text_member("name", name.as_ref().unwrap_or(&Text::word("answer")));
            out.raw_member("schema", schema.as_str());
            if let Some(strict) = strict {
                out.raw_member("strict", if *strict { "true" } else { "false" });
            }
            out.close(b'}');
            out.close(b'}');
        }
    }
}

fn message(
    out: &mut Writer,
    role: &str,
    rest: impl FnOnce(&mut Writer) -> Result<(), Obstacle>,
) -> Result<(), Obstacle> {
    out.open(b'{');
    out.word_member("role", role);
    rest(out)?;
    out.close(b'}');
    Ok(())
}

/// One message of the hub is several here where it holds results of tools: each is a message of its own, ahead of the text.
fn messages(said: &Message<'_>, ids: CallIds, out: &mut Writer) -> Result<(), Obstacle> {
    // Most messages, and nothing to gather.
    if let [Block::Text(text)] = &said.blocks[..] {
        let role = match said.speaker {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        return message(out, role, |out| {
            out.text_member("content", text);
            Ok(())
        });
    }
    match said.speaker {
        Speaker::System => message(out, "system", |out| parts(&said.blocks, out)),
        Speaker::Assistant => message(out, "assistant", |out| assistant(&said.blocks, ids, out)),
        Speaker::User => {
            let results = said.blocks.iter().filter_map(|block| match block {
                Block::Result(result) => Some(result),
                _ => None,
            });
            for result in results {
                message(out, "tool", |out| tool_result(result, ids, out))?;
            }
            let rest: Vec<&Block<'_>> =
                said.blocks.iter().filter(|block| !matches!(block, Block::Result(_))).collect();
            if rest.is_empty() && !said.blocks.is_empty() {
                return Ok(());
            }
            message(out, "user", |out| parts(rest, out))
        }
    }
}

fn tool_result(result: &CallResult<'_>, ids: CallIds, out: &mut Writer) -> Result<(), Obstacle> {
    out.text_member("tool_call_id", &ids.fit(&result.id));
    let texts = result.content.iter().map(|block| match block {
        Block::Text(text) => Ok(text.clone()),
        _ => Err(Obstacle::new(
            "messages[].content[].content",
            "a tool's result may be text only in the OpenAI dialect",
        )),
    });
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let text = Text::join(&texts, "\n");
    out.text_member("content", &if result.is_error { text.prefixed(FAILED) } else { text });
    Ok(())
}

/// Texts and refusals, then calls. The pieces of an answer's text are one text here.
fn assistant(blocks: &[Block<'_>], ids: CallIds, out: &mut Writer) -> Result<(), Obstacle> {
    let texts: Vec<Text<'_>> = texts(blocks).collect();
    if blocks.is_empty() {
        out.word_member("content", "");
    } else if texts.is_empty() {
        out.raw_member("content", "null");
    } else {
        out.text_member("content", &Text::join(&texts, ""));
    }
    let mut calls = false;
    for block in blocks {
        match block {
            Block::Text(_) | Block::Thinking(_) => {}
            Block::Refusal(refusal) => out.text_member("refusal", refusal),
            Block::Call(call) => {
                if !calls {
                    out.key("tool_calls");
                    out.open(b'[');
                }
                calls = true;
                super::answer::call(call, &ids.fit(&call.id), out);
            }
            Block::Image(_) | Block::Document(..) | Block::Result(_) => {
                return Err(Obstacle::new(
                    "messages[].content[]",
                    "the assistant can say text and calls only here",
                ));
            }
        }
    }
    if calls {
        out.close(b']');
    }
    Ok(())
}

fn texts<'a>(blocks: &'a [Block<'a>]) -> impl Iterator<Item = Text<'a>> {
    blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(text.clone()),
        _ => None,
    })
}

fn parts<'a>(blocks: impl IntoIterator<Item = &'a Block<'a>>, out: &mut Writer) -> Result<(), Obstacle> {
    let blocks: Vec<&Block<'_>> = blocks.into_iter().collect();
    match blocks[..] {
        [] => {
            out.word_member("content", "");
            return Ok(());
        }
        [Block::Text(text)] => {
            out.text_member("content", text);
            return Ok(());
        }
        _ => {}
    }
    out.key("content");
    out.open(b'[');
    for block in blocks {
        part(block, out)?;
    }
    out.close(b']');
    Ok(())
}

fn part(block: &Block<'_>, out: &mut Writer) -> Result<(), Obstacle> {
    out.open(b'{');
    match block {
        Block::Text(text) => {
            out.word_member("type", "text");
            out.text_member("text", text);
        }
        Block::Image(media) => {
            out.word_member("type", "image_url");
            out.key("image_url");
            out.open(b'{');
            out.text_member("url", &url(media));
            out.close(b'}');
        }
        Block::Document(media @ Media::Inline { .. }, name) => {
            out.word_member("type", "file");
            out.key("file");
            out.open(b'{');
            out.text_member("filename", name.as_ref().unwrap_or(&Text::word("document.pdf")));
            out.text_member("file_data", &url(media));
            out.close(b'}');
        }
        Block::Document(Media::Url(_), _) => {
            return Err(Obstacle::new(
                "messages[].content[]",
                "a document by its address has no counterpart here",
            ));
        }
        Block::Refusal(_) | Block::Thinking(_) | Block::Call(_) | Block::Result(_) => {
            return Err(Obstacle::new(
                "messages[].content[]",
                "only texts, images and documents can be asked about",
            ));
        }
    }
    out.close(b'}');
    Ok(())
}

fn url<'a>(media: &Media<'a>) -> Text<'a> {
    match media {
        Media::Url(url) => url.clone(),
        Media::Inline { media_type, base64 } => {
            Text::join(&[Text::word("data:"), media_type.clone(), Text::word(";base64,"), base64.clone()], "")
        }
    }
}
