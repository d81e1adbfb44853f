//! What both chat dialects read the same way: the list of messages, roles, the list of tools, and the marks left on the
//! facts while turns are read.

use super::Refusal;
use super::walk::{Field, Json, Source, Top, present};
use crate::codec::hub::{ChatView, Role, Tool};
use crate::types::{Capabilities, HardMarkers};

/// The view while it is filled.
pub(super) struct Reader<'v, 'i, 'b> {
    pub(super) source: Source<'b>,
    pub(super) view: &'v mut ChatView<'i>,
}

impl Reader<'_, '_, '_> {
    pub(super) fn need(&mut self, capability: Capabilities) {
        self.view.request.needs = self.view.request.needs.with(capability);
    }

    pub(super) fn bind(&mut self, marker: HardMarkers) {
        self.view.request.hard_markers = self.view.request.hard_markers.with(marker);
    }

    pub(super) fn mark_cache(&mut self, cache_control: Option<Field<'_, '_>>) {
        self.view.request.cache_markers |= present(cache_control).is_some();
    }

    /// A conversation that ends with the model's own words asks for their continuation.
    pub(super) fn mark_prefill(&mut self) {
        if self.view.turns.last().is_some_and(|turn| turn.role == Role::Assistant) {
            self.need(Capabilities::PREFILL);
        }
    }
}

/// The list of messages.
pub(super) fn messages<'t, 'i>(top: &Top<'t, 'i>) -> Result<Json<'t, 'i>, Refusal> {
    let value = top.messages.map_or(Json::root(&[]), |field| field.value);
    if value.is_array() {
        return Ok(value);
    }
    Err(Refusal::wrong_type("messages", "messages", value, "an array of messages"))
}

/// One message, which must be an object.
pub(super) fn message_object<'t, 'i>(index: usize, value: Json<'t, 'i>) -> Result<Json<'t, 'i>, Refusal> {
    if value.is_object() {
        return Ok(value);
    }
    Err(Refusal::wrong_type(
        "messages",
        &format!("messages[{index}]"),
        value,
        "an object with role and content",
    ))
}

/// The role's word; unknown words are the caller's side of the conversation.
pub(super) fn role<'i>(index: usize, field: Option<Field<'_, 'i>>) -> Result<&'i str, Refusal> {
    let value = field.map_or(Json::root(&[]), |field| field.value);
    value.string().ok_or_else(|| {
        Refusal::wrong_type("messages", &format!("messages[{index}].role"), value, "a string such as `user`")
    })
}

/// Reads a list of tools, one by one with `read`.
pub(super) fn tools<'t, 'i>(
    reader: &mut Reader<'_, 'i, '_>,
    field: Option<Field<'t, 'i>>,
    read: impl Fn(&mut Reader<'_, 'i, '_>, Json<'t, 'i>) -> Result<Tool<'i>, Refusal>,
) -> Result<(), Refusal> {
    let Some(field) = field.filter(|field| !field.value.is_null()) else { return Ok(()) };
    if !field.value.is_array() {
        return Err(wrong_tools("tools", field.value));
    }
    reader.view.tools.reserve(field.value.len());
    for (index, value) in field.value.elements().enumerate() {
        if !value.is_object() {
            return Err(Refusal::wrong_type("tools", &format!("tools[{index}]"), value, "an object"));
        }
        let tool = read(reader, value)?;
        reader.need(if tool.server_side { Capabilities::SERVER_TOOLS } else { Capabilities::TOOLS });
        reader.view.tools.push(tool);
    }
    reader.view.tools_bytes = reader.source.size(field);
    Ok(())
}

/// A tool the client runs.
pub(super) fn client_tool(name: Option<&str>) -> Tool<'_> {
    Tool { name: name.unwrap_or_default(), server_side: false }
}

/// The fault of a list of tools that is none.
pub(super) fn wrong_tools(key: &'static str, found: Json<'_, '_>) -> Refusal {
    Refusal::wrong_type(key, key, found, "an array of tools")
}
