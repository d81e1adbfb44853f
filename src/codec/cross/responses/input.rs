//! The conversation of a Responses request into the hub: a list of items, of which those of one turn are gathered.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::cross::fields::{
    Raw, arguments, content, drop_named, given, list, media, note, parse, refuse,
};
use crate::codec::cross::hub::{Block, Call, CallResult, Media, Message, OTHER, Obstacle, Prompt, Speaker};
use crate::codec::cross::text::Text;

/// An item of the conversation, of whatever type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, rename = "id")]
    _id: Raw<'a>,
    #[serde(borrow, rename = "status")]
    _status: Raw<'a>,
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    phase: Raw<'a>,
    #[serde(borrow)]
    call_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
    #[serde(borrow)]
    output: Raw<'a>,
}

/// Reads the input: a text of the user's, or items.
pub(super) fn read<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    if let Some(text) = Text::of(raw) {
        prompt.messages.push(Message { speaker: Speaker::User, blocks: vec![Block::Text(text)] });
        return Ok(());
    }
    for item in list("input", raw, item)? {
        known(item.kind.as_ref())?;
        match item {
            Item { kind: None, .. } => message(item, prompt)?,
            Item { kind: Some(ref kind), .. } => match kind.escaped() {
                "function_call" => call(item, prompt)?,
                "function_call_output" => output(item, prompt)?,
                _ => message(item, prompt)?,
            },
        }
    }
    Ok(())
}

/// Items of other types have fields of their own, and are told by their type.
fn item(raw: &RawValue) -> Result<Item<'_>, Obstacle> {
    #[derive(Deserialize)]
    struct Kinded<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<Text<'a>>,
    }
    let Kinded { kind } = parse("input[]", raw.get())?;
    known(kind.as_ref())?;
    parse("input[]", raw.get())
}

fn known(kind: Option<&Text<'_>>) -> Result<(), Obstacle> {
    let kind = kind.map_or("message", Text::escaped);
    if matches!(kind, "message" | "function_call" | "function_call_output") {
        return Ok(());
    }
    let message = format!(
        "an item of the type `{kind}` is bound to the model that wrote it, to what its provider keeps, or to a tool that \
         runs there"
    );
    Err(Obstacle::new(format!("input[].{kind}"), message))
}

fn misshapen() -> Obstacle {
    Obstacle::new("input[]", "an item must hold what its type promises and nothing of another type's")
}

fn message<'a>(item: Item<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let Item {
        role: Some(role),
        content: Some(content),
        phase,
        call_id: None,
        name: None,
        arguments: None,
        output: None,
        ..
    } = item
    else {
        return Err(misshapen());
    };
    drop_named(&mut prompt.dropped, &[("input[].phase", phase)]);
    let blocks = parts("input[].content", "input[].content[]", content, &mut prompt.dropped)?;
    match role.escaped() {
        "system" | "developer" => prompt.add_system("input[].content", blocks),
        "user" => {
            prompt.messages.push(Message { speaker: Speaker::User, blocks });
            Ok(())
        }
        "assistant" => {
            said(blocks, prompt);
            Ok(())
        }
        _ => Err(Obstacle::role("input[].role", &role)),
    }
}

/// What the assistant says and calls in a row is one message.
fn said<'a>(blocks: Vec<Block<'a>>, prompt: &mut Prompt<'a>) {
    match prompt.messages.last_mut() {
        Some(Message { speaker: Speaker::Assistant, blocks: before }) => before.extend(blocks),
        _ => prompt.messages.push(Message { speaker: Speaker::Assistant, blocks }),
    }
}

fn call<'a>(item: Item<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let Item {
        call_id: Some(id),
        name: Some(name),
        arguments: given,
        role: None,
        content: None,
        output: None,
        ..
    } = item
    else {
        return Err(misshapen());
    };
    let arguments = arguments(given)
        .ok_or_else(|| Obstacle::new("input[].arguments", "the arguments are not a JSON object"))?;
    said(vec![Block::Call(Call { id, name, arguments })], prompt);
    Ok(())
}

fn output<'a>(item: Item<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let Item { call_id: Some(id), output: Some(output), role: None, content: None, arguments: None, .. } =
        item
    else {
        return Err(misshapen());
    };
    let content = parts("input[].output", "input[].output[]", output, &mut prompt.dropped)?;
    let content = given("input[].output[]", content)?;
    let name = prompt.tool_called(&id);
    prompt.add_result(CallResult { id, name, content, is_error: false });
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    image_url: Option<Text<'a>>,
    #[serde(borrow)]
    detail: Raw<'a>,
    #[serde(borrow)]
    filename: Option<Text<'a>>,
    #[serde(borrow)]
    file_data: Option<Text<'a>>,
    #[serde(borrow)]
    file_url: Option<Text<'a>>,
    #[serde(borrow)]
    file_id: Raw<'a>,
    #[serde(borrow)]
    input_audio: Raw<'a>,
    #[serde(borrow)]
    annotations: Raw<'a>,
    #[serde(borrow, rename = "logprobs")]
    _logprobs: Raw<'a>,
}

fn parts<'a>(
    param: &str,
    each: &str,
    raw: &'a RawValue,
    dropped: &mut Vec<&'static str>,
) -> Result<Vec<Block<'a>>, Obstacle> {
    content(param, raw, |raw| parse(each, raw.get()), |part| block(each, part, dropped))
}

fn block<'a>(param: &str, part: Part<'a>, dropped: &mut Vec<&'static str>) -> Result<Block<'a>, Obstacle> {
    let bound = [("file_id", part.file_id), ("input_audio", part.input_audio)];
    refuse(OTHER, &bound)
        .map_err(|Obstacle { param: field, message }| Obstacle::new(format!("{param}.{field}"), message))?;
    let annotations = part.annotations.filter(|raw| raw.get() != "[]");
    drop_named(dropped, &[("input[].content[].annotations", annotations)]);
    if part.detail.is_some_and(|raw| raw.get() != r#""auto""#) {
        note(dropped, "input_image.detail");
    }
    let kind = part.kind.clone();
    match (kind.escaped(), part) {
        ("input_text" | "output_text" | "text", Part { text: Some(text), .. }) => Ok(Block::Text(text)),
        ("refusal", Part { refusal: Some(refusal), .. }) => Ok(Block::Refusal(refusal)),
        ("input_image", Part { image_url: Some(url), .. }) => {
            media(&format!("{param}.image_url"), url).map(Block::Image)
        }
        ("input_file", Part { file_data: Some(data), file_url: None, filename, .. }) => {
            Ok(Block::Document(media(&format!("{param}.file_data"), data)?, filename))
        }
        ("input_file", Part { file_data: None, file_url: Some(url), filename, .. }) => {
            Ok(Block::Document(Media::Url(url), filename))
        }
        (kind, _) => {
            let message = format!("a part of the type `{kind}` has no counterpart in other dialects");
            Err(Obstacle::new(param, message))
        }
    }
}
