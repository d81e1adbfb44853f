//! The conversation of a Responses request into the hub: a list of items, of which those of one turn are gathered.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::cross::fields::{Raw, arguments, content, drop_named, given, media, note, parse, refuse};
use crate::codec::cross::hub::{Block, Call, CallResult, Media, Message, OTHER, Obstacle, Prompt, Speaker};
use crate::codec::cross::text::Text;

/// Reads the input: a text of the user's, or items.
pub(super) fn read<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    match Text::of(raw) {
        Some(text) => {
            prompt.messages.push(Message { speaker: Speaker::User, blocks: vec![Block::Text(text)] });
            Ok(())
        }
        None => {
            let items: Vec<&'a RawValue> = parse("input", raw.get())?;
            items.into_iter().try_for_each(|raw| item(raw, prompt))
        }
    }
}

fn item<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    #[derive(Deserialize)]
    struct Kinded<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<Text<'a>>,
    }
    let Kinded { kind } = parse("input[]", raw.get())?;
    match kind.as_ref().map_or("message", Text::escaped) {
        "message" => message(raw, prompt),
        "function_call" => call(raw, prompt),
        "function_call_output" => output(raw, prompt),
        other => {
            let message = format!(
                "an item of the type `{other}` is bound to the model that wrote it, to what its provider keeps, or to a \
                 tool that runs there"
            );
            Err(Obstacle::new(format!("input[].{other}"), message))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemMessage<'a> {
    #[serde(borrow, rename = "type")]
    _kind: Raw<'a>,
    #[serde(borrow, rename = "id")]
    _id: Raw<'a>,
    #[serde(borrow, rename = "status")]
    _status: Raw<'a>,
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(borrow)]
    phase: Raw<'a>,
}

fn message<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let item: ItemMessage<'a> = parse("input[]", raw.get())?;
    drop_named(&mut prompt.dropped, &[("input[].phase", item.phase)]);
    let blocks = parts("input[].content", "input[].content[]", item.content, &mut prompt.dropped)?;
    match item.role.escaped() {
        "system" | "developer" => prompt.add_system("input[].content", blocks),
        "user" => {
            prompt.messages.push(Message { speaker: Speaker::User, blocks });
            Ok(())
        }
        "assistant" => {
            said(blocks, prompt);
            Ok(())
        }
        _ => Err(Obstacle::role("input[].role", &item.role)),
    }
}

/// What the assistant says and calls in a row is one message.
fn said<'a>(blocks: Vec<Block<'a>>, prompt: &mut Prompt<'a>) {
    match prompt.messages.last_mut() {
        Some(Message { speaker: Speaker::Assistant, blocks: before }) => before.extend(blocks),
        _ => prompt.messages.push(Message { speaker: Speaker::Assistant, blocks }),
    }
}

/// A call, or what came of one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemCall<'a> {
    #[serde(borrow, rename = "type")]
    _kind: Raw<'a>,
    #[serde(borrow, rename = "id")]
    _id: Raw<'a>,
    #[serde(borrow, rename = "status")]
    _status: Raw<'a>,
    #[serde(borrow)]
    call_id: Text<'a>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
    #[serde(borrow)]
    output: Raw<'a>,
}

fn call<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let item: ItemCall<'a> = parse("input[]", raw.get())?;
    let name = item.name.ok_or_else(|| Obstacle::new("input[].name", "a call names no function"))?;
    let arguments = arguments(item.arguments)
        .ok_or_else(|| Obstacle::new("input[].arguments", "the arguments are not a JSON object"))?;
    said(vec![Block::Call(Call { id: item.call_id, name, arguments })], prompt);
    Ok(())
}

fn output<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let item: ItemCall<'a> = parse("input[]", raw.get())?;
    let output = item.output.ok_or_else(|| Obstacle::new("input[].output", "a result gives nothing"))?;
    let content = parts("input[].output", "input[].output[]", output, &mut prompt.dropped)?;
    let content = given("input[].output[]", content)?;
    let (id, name) = (item.call_id.clone(), prompt.tool_called(&item.call_id));
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
