//! The conversation of a Chat Completions request into the hub.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::cross::fields::{Raw, arguments, content, drop_named, given, media, note, parse, refuse};
use crate::codec::cross::hub::{Block, Call, CallResult, Message, OTHER, Obstacle, Prompt, Speaker};
use crate::codec::cross::text::Text;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChatMessage<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow, default)]
    content: Raw<'a>,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow, default)]
    tool_call_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    audio: Raw<'a>,
    #[serde(borrow, default)]
    function_call: Raw<'a>,
    #[serde(borrow, default)]
    annotations: Raw<'a>,
    #[serde(borrow, default)]
    reasoning: Raw<'a>,
    #[serde(borrow, default)]
    reasoning_content: Raw<'a>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    _kind: Raw<'a>,
    #[serde(default, rename = "index")]
    _index: Option<u32>,
    #[serde(borrow, default)]
    function: Option<Called<'a>>,
    #[serde(borrow, default)]
    custom: Raw<'a>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Called<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<Text<'a>>,
}

/// Reads a message into the prompt.
pub(super) fn message<'a>(message: ChatMessage<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    refuse(
        OTHER,
        &[
            // Of a tool's message it says what the call has said.
            ("messages[].name", message.name.filter(|_| message.role.escaped() != "tool")),
            ("messages[].audio", message.audio),
            ("messages[].function_call", message.function_call),
        ],
    )?;
    let dropped = [
        ("messages[].annotations", message.annotations.filter(|raw| raw.get() != "[]")),
        ("messages[].reasoning", message.reasoning),
        ("messages[].reasoning_content", message.reasoning_content),
        ("cache_control", message.cache_control),
    ];
    drop_named(&mut prompt.dropped, &dropped);
    let mut blocks = match message.content {
        Some(raw) => content("messages[].content", raw, part, |part| block(part, &mut prompt.dropped))?,
        None => Vec::new(),
    };
    blocks.extend(message.refusal.map(Block::Refusal));
    let speaker = match message.role.escaped() {
        "system" | "developer" => return prompt.add_system("messages[].content", blocks),
        "tool" => return tool_result(message.tool_call_id, blocks, prompt),
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        _ => return Err(Obstacle::role("messages[].role", &message.role)),
    };
    for call in message.tool_calls.into_iter().flatten() {
        drop_named(&mut prompt.dropped, &[("cache_control", call.cache_control)]);
        blocks.push(Block::Call(called(call)?));
    }
    prompt.messages.push(Message { speaker, blocks });
    Ok(())
}

fn tool_result<'a>(
    id: Option<Text<'a>>,
    content: Vec<Block<'a>>,
    prompt: &mut Prompt<'a>,
) -> Result<(), Obstacle> {
    let id = id.ok_or_else(|| Obstacle::new("messages[].tool_call_id", "a tool's message names no call"))?;
    let (name, content) = (prompt.tool_called(&id), given("messages[].content", content)?);
    prompt.add_result(CallResult { id, name, content, is_error: false });
    Ok(())
}

fn called(call: ToolCall<'_>) -> Result<Call<'_>, Obstacle> {
    let param = "messages[].tool_calls[]";
    let (None, Some(function)) = (call.custom, call.function) else {
        return Err(Obstacle::new(param, "custom tool calls exist in the OpenAI dialect only"));
    };
    let arguments = arguments(function.arguments).ok_or_else(|| {
        Obstacle::new(format!("{param}.function.arguments"), "the arguments are not a JSON object")
    })?;
    Ok(Call { id: call.id, name: function.name, arguments })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    image_url: Option<ImageUrl<'a>>,
    #[serde(borrow, default)]
    file: Option<File<'a>>,
    #[serde(borrow, default)]
    input_audio: Raw<'a>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow, default)]
    detail: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow, default)]
    filename: Option<Text<'a>>,
    #[serde(borrow, default)]
    file_data: Option<Text<'a>>,
    #[serde(borrow, default)]
    file_id: Raw<'a>,
}

fn part(raw: &RawValue) -> Result<Part<'_>, Obstacle> {
    parse("messages[].content[]", raw.get())
}

fn block<'a>(part: Part<'a>, dropped: &mut Vec<&'static str>) -> Result<Block<'a>, Obstacle> {
    refuse(OTHER, &[("messages[].content[].input_audio", part.input_audio)])?;
    drop_named(dropped, &[("cache_control", part.cache_control)]);
    let kind = part.kind.clone();
    match (kind.escaped(), part) {
        ("text", Part { text: Some(text), .. }) => Ok(Block::Text(text)),
        ("refusal", Part { refusal: Some(refusal), .. }) => Ok(Block::Refusal(refusal)),
        ("image_url", Part { image_url: Some(image), .. }) => {
            if image.detail.is_some() {
                note(dropped, "image_url.detail");
            }
            media("messages[].content[].image_url.url", image.url).map(Block::Image)
        }
        ("file", Part { file: Some(File { filename, file_data: Some(data), file_id: None }), .. }) => {
            Ok(Block::Document(media("messages[].content[].file.file_data", data)?, filename))
        }
        (kind, _) => Err(Obstacle::new(
            "messages[].content[]",
            format!("a part of the type `{kind}` has no counterpart in other dialects"),
        )),
    }
}
