//! Anthropic messages: system, turns of blocks, tools and output format into the view. Tolerant of blocks and fields it
//! does not know; marks what the target must be able to do and what binds the conversation.

use super::Refusal;
use super::turns::{Reader, client_tool, message_object, messages, role, tools};
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
    if let Some(value) = present(top.system) {
        system(&mut reader, value)?;
    }
    let messages = messages(top)?;
    reader.view.turns.reserve(messages.len());
    for (index, value) in messages.elements().enumerate() {
        message(&mut reader, index, value)?;
    }
    reader.mark_prefill();
    tools(&mut reader, top.tools, tool)?;
    output_format(&mut reader, top)
}

fn system<'i>(reader: &mut Reader<'_, 'i, '_>, value: Json<'_, 'i>) -> Result<(), Refusal> {
    if value.string().is_none() && !value.is_array() {
        return Err(Refusal::wrong_type("system", "system", value, "a string or an array of text blocks"));
    }
    for part in content(reader, Some(value))? {
        if let Part::Text(text) = part {
            reader.view.system.push(text);
        }
    }
    Ok(())
}

fields!(Message at "in messages[]" { role = "role", content = "content" });

fn message<'i>(reader: &mut Reader<'_, 'i, '_>, index: usize, value: Json<'_, 'i>) -> Result<(), Refusal> {
    let message = Message::of(message_object(index, value)?)?;
    let said = present(message.content);
    let role = match role(index, message.role)? {
        // instructions in mid-conversation, as Claude Code sends them
        "system" => return said.map_or(Ok(()), |value| system(reader, value)),
        "assistant" => Role::Assistant,
        _ => Role::User,
    };
    let parts = content(reader, said)?;
    reader.view.turns.push(Turn { role, parts });
    Ok(())
}

fn content<'i>(
    reader: &mut Reader<'_, 'i, '_>,
    value: Option<Json<'_, 'i>>,
) -> Result<Vec<Part<'i>>, Refusal> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let mut parts = Vec::with_capacity(value.len().max(1));
    if let Some(text) = value.string() {
        parts.push(Part::Text(text));
    } else if value.is_array() {
        for element in value.elements() {
            parts.push(block(reader, element)?);
        }
    } else {
        parts.push(Part::Unknown(reader.source.size_of(value)));
    }
    Ok(parts)
}

fields!(Block at "in messages[].content[]" {
    kind = "type",
    text = "text",
    source = "source",
    name = "name",
    input = "input",
    content = "content",
    is_error = "is_error",
    thinking = "thinking",
    signature = "signature",
    data = "data",
    cache_control = "cache_control",
});

fn block<'i>(reader: &mut Reader<'_, 'i, '_>, value: Json<'_, 'i>) -> Result<Part<'i>, Refusal> {
    if let Some(text) = value.string() {
        return Ok(Part::Text(text));
    }
    let block = Block::of(value)?;
    reader.mark_cache(block.cache_control);
    let size = |field: Option<Field<'_, '_>>| text(field).map_or(0, str::len);
    Ok(match text(block.kind) {
        Some("text") => Part::Text(text(block.text).unwrap_or_default()),
        Some("image") => {
            reader.need(Capabilities::VISION);
            Part::Image(payload(reader, block.source)?)
        }
        Some("document") => {
            reader.need(Capabilities::DOCUMENTS);
            Part::Document(payload(reader, block.source)?)
        }
        Some("tool_use" | "server_tool_use" | "mcp_tool_use") => Part::ToolCall {
            name: text(block.name).unwrap_or_default(),
            bytes: block.input.map_or(0, |field| reader.source.size(field)),
        },
        Some("tool_result" | "mcp_tool_result") => tool_result(reader, &block)?,
        Some("thinking") => {
            if size(block.signature) > 0 {
                reader.bind(HardMarkers::SIGNED_THINKING);
            }
            Part::Thinking(size(block.thinking))
        }
        Some("redacted_thinking") => {
            reader.bind(HardMarkers::SIGNED_THINKING);
            Part::Thinking(size(block.data))
        }
        other => {
            if other == Some("container_upload") {
                reader.bind(HardMarkers::ACCOUNT_OBJECT);
            }
            Part::Unknown(reader.source.size_of(value))
        }
    })
}

/// A result's first text; images and documents in it count as needs. A result within a result is not looked into.
fn tool_result<'i>(reader: &mut Reader<'_, 'i, '_>, block: &Block<'_, 'i>) -> Result<Part<'i>, Refusal> {
    let is_error = present(block.is_error).and_then(Json::bool) == Some(true);
    let Some(value) = present(block.content) else { return Ok(Part::ToolResult { text: "", is_error }) };
    let mut first = value.string();
    for element in value.elements() {
        let inner = Block::of(element)?;
        reader.mark_cache(inner.cache_control);
        match text(inner.kind) {
            Some("text") => first = first.or(text(inner.text)),
            Some("image") => {
                reader.need(Capabilities::VISION);
                payload(reader, inner.source)?;
            }
            Some("document") => {
                reader.need(Capabilities::DOCUMENTS);
                payload(reader, inner.source)?;
            }
            _ => {}
        }
    }
    Ok(Part::ToolResult { text: first.unwrap_or_default(), is_error })
}

fields!(MediaSource at "in messages[].content[].source" {
    kind = "type",
    data = "data",
    url = "url",
    file_id = "file_id",
});

/// Size of a source's payload; one kept by the provider binds to the account.
fn payload(reader: &mut Reader<'_, '_, '_>, field: Option<Field<'_, '_>>) -> Result<usize, Refusal> {
    let Some(field) = field else { return Ok(0) };
    let source = MediaSource::of(field.value)?;
    if present(source.file_id).is_some() || text(source.kind) == Some("file") {
        reader.bind(HardMarkers::ACCOUNT_OBJECT);
    }
    let written = text(source.data).or(text(source.url));
    Ok(written.map_or_else(|| reader.source.size(field), str::len))
}

fields!(ToolFields at "in tools[]" { kind = "type", name = "name", cache_control = "cache_control" });

fn tool<'i>(reader: &mut Reader<'_, 'i, '_>, value: Json<'_, 'i>) -> Result<Tool<'i>, Refusal> {
    let tool = ToolFields::of(value)?;
    reader.mark_cache(tool.cache_control);
    Ok(match text(tool.kind) {
        None | Some("custom") => client_tool(text(tool.name)),
        Some(kind) => Tool { name: kind, server_side: true },
    })
}

fields!(OutputConfig at "in output_config" { format = "format" });
fields!(Format at "in output_config.format" { kind = "type", schema = "schema" });

/// `output_config.format`, or `output_format` as the beta had it.
fn output_format(reader: &mut Reader<'_, '_, '_>, top: &Top<'_, '_>) -> Result<(), Refusal> {
    let config = present(top.output_config).map(OutputConfig::of).transpose()?;
    let newer = config.and_then(|config| present(config.format));
    for value in [newer, present(top.output_format)].into_iter().flatten() {
        let format = Format::of(value)?;
        if text(format.kind) == Some("json_schema") {
            reader.need(Capabilities::JSON_SCHEMA);
            reader.view.schema_bytes += format.schema.map_or(0, |field| reader.source.size(field));
        }
    }
    Ok(())
}
