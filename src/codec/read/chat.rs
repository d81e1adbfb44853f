//! OpenAI chat completions: messages, tools and response format into the view. Tolerant of parts, roles and fields it
//! does not know; marks what the target must be able to do and what binds the conversation.

use super::Refusal;
use super::turns::{Reader, client_tool, message_object, messages, role, tools, wrong_tools};
use super::walk::{Field, Json, Source, Top, fields, present, text};
use crate::codec::hub::{ChatView, Part, Role, Tool, Turn};
use crate::types::{Capabilities, HardMarkers};

/// Reads what is not at the top level itself.
pub(super) fn read<'i>(
    source: Source<'_>,
    top: &Top<'_, 'i>,
    view: &mut ChatView<'i>,
) -> Result<(), Refusal> {
    let mut reader = Reader { source, view };
    let messages = messages(top)?;
    reader.view.turns.reserve(messages.len());
    for (index, value) in messages.elements().enumerate() {
        message(&mut reader, index, value)?;
    }
    reader.mark_prefill();
    tools(&mut reader, top.tools, tool)?;
    functions(&mut reader, top.functions)?;
    response_format(&mut reader, top)
}

fields!(Message at "in messages[]" {
    role = "role",
    content = "content",
    refusal = "refusal",
    tool_calls = "tool_calls",
    function_call = "function_call",
    audio = "audio",
    reasoning_content = "reasoning_content",
    reasoning_details = "reasoning_details",
    thinking_blocks = "thinking_blocks",
});

fn message<'i>(reader: &mut Reader<'_, 'i, '_>, index: usize, value: Json<'_, 'i>) -> Result<(), Refusal> {
    let message = Message::of(message_object(index, value)?)?;
    let parts = match role(index, message.role)? {
        "system" | "developer" => return system(reader, present(message.content)),
        "tool" | "function" => return tool_result(reader, present(message.content)),
        "assistant" => assistant(reader, &message)?,
        _ => {
            let parts = content(reader, present(message.content), 0)?;
            reader.view.turns.push(Turn { role: Role::User, parts });
            return Ok(());
        }
    };
    reader.view.turns.push(Turn { role: Role::Assistant, parts });
    Ok(())
}

fn system<'i>(reader: &mut Reader<'_, 'i, '_>, value: Option<Json<'_, 'i>>) -> Result<(), Refusal> {
    for part in content(reader, value, 0)? {
        if let Part::Text(text) = part {
            reader.view.system.push(text);
        }
    }
    Ok(())
}

fn tool_result<'i>(reader: &mut Reader<'_, 'i, '_>, value: Option<Json<'_, 'i>>) -> Result<(), Refusal> {
    let parts = content(reader, value, 0)?;
    let text = parts.iter().find_map(|part| match part {
        Part::Text(text) => Some(*text),
        _ => None,
    });
    let result = Part::ToolResult { text: text.unwrap_or_default(), is_error: false };
    reader.view.turns.push(Turn { role: Role::Tool, parts: vec![result] });
    Ok(())
}

fn assistant<'i>(
    reader: &mut Reader<'_, 'i, '_>,
    message: &Message<'_, 'i>,
) -> Result<Vec<Part<'i>>, Refusal> {
    let calls = present(message.tool_calls);
    let room = calls.map_or(0, Json::len);
    let mut parts = content(reader, present(message.content), room)?;
    parts.extend(text(message.refusal).map(Part::Text));
    parts.extend(text(message.reasoning_content).map(|text| Part::Thinking(text.len())));
    for call in calls.into_iter().flat_map(Json::elements) {
        parts.push(tool_call(reader, call)?);
    }
    if let Some(call) = present(message.function_call) {
        parts.push(named_call(reader, FunctionCall::of(call)?));
    }
    if present(message.audio).is_some() {
        reader.bind(HardMarkers::STORED_REFERENCE); // an earlier answer's audio, by its id
    }
    for blocks in [message.reasoning_details, message.thinking_blocks] {
        if let Some(field) = blocks.filter(|field| field.value.len() > 0) {
            // what gateways call the signed blocks of the model behind them
            reader.bind(HardMarkers::SIGNED_THINKING);
            parts.push(Part::Thinking(reader.source.size(field)));
        }
    }
    Ok(parts)
}

fields!(ToolCall at "in messages[].tool_calls[]" {
    function = "function",
    custom = "custom",
    extra_content = "extra_content",
});
fields!(FunctionCall at "in messages[].tool_calls[].function" {
    name = "name",
    arguments = "arguments",
    input = "input",
});

fn tool_call<'i>(reader: &mut Reader<'_, 'i, '_>, value: Json<'_, 'i>) -> Result<Part<'i>, Refusal> {
    let call = ToolCall::of(value)?;
    if present(call.extra_content).is_some() {
        reader.bind(HardMarkers::SIGNED_THINKING); // Gemini's thought signature on its OpenAI-compatible path
    }
    match present(call.function).or(present(call.custom)) {
        Some(function) => Ok(named_call(reader, FunctionCall::of(function)?)),
        None => Ok(Part::Unknown(reader.source.size_of(value))),
    }
}

fn named_call<'i>(reader: &Reader<'_, 'i, '_>, call: FunctionCall<'_, 'i>) -> Part<'i> {
    let arguments = call.arguments.or(call.input);
    let bytes = arguments.map_or(0, |field| match field.value.string() {
        Some(text) => text.len(),
        None => reader.source.size(field),
    });
    Part::ToolCall { name: text(call.name).unwrap_or_default(), bytes }
}

/// A content of text or parts, with room for `more` parts behind it.
fn content<'i>(
    reader: &mut Reader<'_, 'i, '_>,
    value: Option<Json<'_, 'i>>,
    more: usize,
) -> Result<Vec<Part<'i>>, Refusal> {
    let Some(value) = value else { return Ok(Vec::with_capacity(more)) };
    let mut parts = Vec::with_capacity(value.len().max(1) + more);
    if let Some(text) = value.string() {
        parts.push(Part::Text(text));
    } else if value.is_array() {
        for element in value.elements() {
            parts.push(part(reader, element)?);
        }
    } else {
        parts.push(Part::Unknown(reader.source.size_of(value)));
    }
    Ok(parts)
}

fields!(ContentPart at "in messages[].content[]" {
    kind = "type",
    text = "text",
    refusal = "refusal",
    image_url = "image_url",
    input_audio = "input_audio",
    file = "file",
    cache_control = "cache_control",
});
fields!(Media at "in messages[].content[]" {
    url = "url",
    data = "data",
    file_data = "file_data",
    file_id = "file_id",
});

fn part<'i>(reader: &mut Reader<'_, 'i, '_>, value: Json<'_, 'i>) -> Result<Part<'i>, Refusal> {
    if let Some(text) = value.string() {
        return Ok(Part::Text(text));
    }
    let part = ContentPart::of(value)?;
    reader.mark_cache(part.cache_control);
    Ok(match (text(part.kind), text(part.text), text(part.refusal)) {
        (Some("text"), Some(text), _) | (Some("refusal"), _, Some(text)) => Part::Text(text),
        (Some("image_url"), ..) => {
            reader.need(Capabilities::VISION);
            Part::Image(media(reader, part.image_url)?)
        }
        (Some("input_audio"), ..) => {
            reader.need(Capabilities::AUDIO);
            Part::Audio(media(reader, part.input_audio)?)
        }
        (Some("file"), ..) => {
            reader.need(Capabilities::DOCUMENTS);
            Part::Document(media(reader, part.file)?)
        }
        _ => Part::Unknown(reader.source.size_of(value)),
    })
}

/// Size of the payload, written as text or as an object around it.
fn media(reader: &mut Reader<'_, '_, '_>, field: Option<Field<'_, '_>>) -> Result<usize, Refusal> {
    let Some(value) = present(field) else { return Ok(0) };
    if let Some(text) = value.string() {
        return Ok(text.len());
    }
    let media = Media::of(value)?;
    if present(media.file_id).is_some() {
        reader.bind(HardMarkers::ACCOUNT_OBJECT);
    }
    let payload = text(media.url).or(text(media.data)).or(text(media.file_data));
    Ok(payload.map_or(0, str::len))
}

fields!(ToolFields at "in tools[]" { kind = "type", function = "function", custom = "custom" });
fields!(ToolName at "in tools[].function" { name = "name" });

fn tool<'i>(_: &mut Reader<'_, 'i, '_>, value: Json<'_, 'i>) -> Result<Tool<'i>, Refusal> {
    let tool = ToolFields::of(value)?;
    let kind = text(tool.kind).unwrap_or("function");
    let named = match kind {
        "function" => present(tool.function),
        "custom" => present(tool.custom),
        _ => return Ok(Tool { name: kind, server_side: true }),
    };
    let name = named.map(ToolName::of).transpose()?.and_then(|fields| text(fields.name));
    Ok(client_tool(name))
}

/// The older spelling of `tools`.
fn functions<'i>(reader: &mut Reader<'_, 'i, '_>, field: Option<Field<'_, 'i>>) -> Result<(), Refusal> {
    let Some(field) = field.filter(|field| !field.value.is_null()) else { return Ok(()) };
    if !field.value.is_array() {
        return Err(wrong_tools("functions", field.value));
    }
    for value in field.value.elements() {
        let name = text(ToolName::of(value)?.name);
        reader.view.tools.push(client_tool(name));
        reader.need(Capabilities::TOOLS);
    }
    reader.view.tools_bytes += reader.source.size(field);
    Ok(())
}

fields!(Format at "in response_format" { kind = "type", json_schema = "json_schema" });
fields!(Schema at "in response_format.json_schema" { schema = "schema" });

fn response_format(reader: &mut Reader<'_, '_, '_>, top: &Top<'_, '_>) -> Result<(), Refusal> {
    let Some(value) = present(top.response_format) else { return Ok(()) };
    if !value.is_object() {
        return Err(Refusal::wrong_type("response_format", "response_format", value, "an object"));
    }
    let format = Format::of(value)?;
    match text(format.kind) {
        Some("json_object") => reader.need(Capabilities::JSON_OBJECT),
        Some("json_schema") => {
            reader.need(Capabilities::JSON_SCHEMA);
            let schema = present(format.json_schema).map(Schema::of).transpose()?;
            let field = schema.and_then(|schema| schema.schema).or(format.json_schema);
            reader.view.schema_bytes = field.map_or(0, |field| reader.source.size(field));
        }
        _ => {}
    }
    Ok(())
}
