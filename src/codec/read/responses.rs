//! OpenAI's Responses: instructions, input items, tools and the form of the text into the view. What refers to something the provider
//! has stored, or is sealed for one account, binds the conversation.

use super::Refusal;
use super::turns::{Reader, client_tool, tools};
use super::walk::{Json, Source, Top, fields, present, text};
use crate::codec::hub::{ChatView, Part, Role, Tool, Turn};
use crate::types::{Capabilities, HardMarkers};

/// Reads what is not at the top level itself.
pub(super) fn read<'i>(
    source: Source<'_>,
    top: &Top<'_, 'i>,
    view: &mut ChatView<'i>,
) -> Result<(), Refusal> {
    let mut reader = Reader { source, view };
    reader.need(Capabilities::RESPONSES);
    reader.view.system.extend(text(top.instructions));
    if let Some(input) = present(top.input) {
        if let Some(text) = input.string() {
            reader.view.turns.push(Turn { role: Role::User, parts: vec![Part::Text(text)] });
        } else if input.is_array() {
            reader.view.turns.reserve(input.len());
            for (index, value) in input.elements().enumerate() {
                item(&mut reader, index, value)?;
            }
        } else {
            return Err(Refusal::wrong_type("input", "input", input, "a text or an array of items"));
        }
    }
    tools(&mut reader, top.tools, tool)?;
    format(&mut reader, top)
}

fields!(Item at "in input[]" {
    kind = "type",
    role = "role",
    content = "content",
    name = "name",
    arguments = "arguments",
    input = "input",
    output = "output",
    encrypted_content = "encrypted_content",
});

fn item<'i>(reader: &mut Reader<'_, 'i, '_>, index: usize, value: Json<'_, 'i>) -> Result<(), Refusal> {
    if !value.is_object() {
        return Err(Refusal::wrong_type("input", &format!("input[{index}]"), value, "an object"));
    }
    let item = Item::of(value)?;
    let size = reader.source.size_of(value);
    let (role, part) = match text(item.kind).unwrap_or("message") {
        "message" => return message(reader, &item),
        "function_call" | "custom_tool_call" => {
            let arguments = item.arguments.or(item.input);
            let bytes = arguments.map_or(0, |field| field.value.string().map_or(0, str::len));
            (Role::Assistant, Part::ToolCall { name: text(item.name).unwrap_or_default(), bytes })
        }
        "function_call_output" | "custom_tool_call_output" => {
            let text = output(reader, present(item.output))?;
            (Role::Tool, Part::ToolResult { text, is_error: false })
        }
        "reasoning" => {
            if present(item.encrypted_content).is_some() {
                reader.bind(HardMarkers::ACCOUNT_OBJECT);
            } else {
                // Without its content it is only a name for what is stored there.
                reader.bind(HardMarkers::STORED_REFERENCE);
            }
            (Role::Assistant, Part::Thinking(size))
        }
        "item_reference" => {
            reader.bind(HardMarkers::STORED_REFERENCE);
            (Role::Assistant, Part::Unknown(size))
        }
        // What the provider's own tools did.
        _ => {
            reader.need(Capabilities::SERVER_TOOLS);
            (Role::Assistant, Part::Unknown(size))
        }
    };
    reader.view.turns.push(Turn { role, parts: vec![part] });
    Ok(())
}

fn message<'i>(reader: &mut Reader<'_, 'i, '_>, item: &Item<'_, 'i>) -> Result<(), Refusal> {
    let parts = content(reader, present(item.content))?;
    let role = match text(item.role) {
        Some("system" | "developer") => {
            let texts = parts.into_iter().filter_map(|part| match part {
                Part::Text(text) => Some(text),
                _ => None,
            });
            reader.view.system.extend(texts);
            return Ok(());
        }
        Some("assistant") => Role::Assistant,
        _ => Role::User,
    };
    reader.view.turns.push(Turn { role, parts });
    Ok(())
}

fn content<'i>(
    reader: &mut Reader<'_, 'i, '_>,
    value: Option<Json<'_, 'i>>,
) -> Result<Vec<Part<'i>>, Refusal> {
    let Some(value) = value else { return Ok(Vec::new()) };
    match value.string() {
        Some(text) => Ok(vec![Part::Text(text)]),
        None => value.elements().map(|element| part(reader, element)).collect(),
    }
}

fields!(ContentPart at "in input[].content[]" {
    kind = "type",
    text = "text",
    refusal = "refusal",
    image_url = "image_url",
    file_id = "file_id",
    file_url = "file_url",
    file_data = "file_data",
});

fn part<'i>(reader: &mut Reader<'_, 'i, '_>, value: Json<'_, 'i>) -> Result<Part<'i>, Refusal> {
    let part = ContentPart::of(value)?;
    if present(part.file_id).is_some() {
        reader.bind(HardMarkers::ACCOUNT_OBJECT);
    }
    let size = reader.source.size_of(value);
    Ok(match (text(part.kind), text(part.text).or(text(part.refusal))) {
        (Some("input_image"), _) => {
            reader.need(Capabilities::VISION);
            Part::Image(text(part.image_url).map_or(size, str::len))
        }
        (Some("input_file"), _) => {
            reader.need(Capabilities::DOCUMENTS);
            Part::Document(text(part.file_data).or(text(part.file_url)).map_or(size, str::len))
        }
        (Some("input_audio"), _) => {
            reader.need(Capabilities::AUDIO);
            Part::Audio(size)
        }
        (_, Some(text)) => Part::Text(text),
        (_, None) => Part::Unknown(size),
    })
}

/// The first text of what a tool gave back.
fn output<'i>(reader: &mut Reader<'_, 'i, '_>, value: Option<Json<'_, 'i>>) -> Result<&'i str, Refusal> {
    let parts = content(reader, value)?;
    let text = parts.iter().find_map(|part| match part {
        Part::Text(text) => Some(*text),
        _ => None,
    });
    Ok(text.unwrap_or_default())
}

fields!(ToolFields at "in tools[]" { kind = "type", name = "name" });

fn tool<'i>(_: &mut Reader<'_, 'i, '_>, value: Json<'_, 'i>) -> Result<Tool<'i>, Refusal> {
    let tool = ToolFields::of(value)?;
    Ok(match text(tool.kind) {
        // A namespace is a group of the client's own functions under one name.
        Some("function" | "custom" | "namespace") | None => client_tool(text(tool.name)),
        Some(kind) => Tool { name: kind, server_side: true },
    })
}

fields!(TextFields at "in text" { format = "format" });
fields!(Format at "in text.format" { kind = "type", schema = "schema" });

fn format(reader: &mut Reader<'_, '_, '_>, top: &Top<'_, '_>) -> Result<(), Refusal> {
    let Some(value) = present(top.text) else { return Ok(()) };
    let Some(value) = present(TextFields::of(value)?.format) else { return Ok(()) };
    let format = Format::of(value)?;
    match text(format.kind) {
        Some("json_object") => reader.need(Capabilities::JSON_OBJECT),
        Some("json_schema") => {
            reader.need(Capabilities::JSON_SCHEMA);
            reader.view.schema_bytes = format.schema.map_or(0, |field| reader.source.size(field));
        }
        _ => {}
    }
    Ok(())
}
