//! Gemini's `generateContent`: instructions, contents, tools and settings into the view. Both spellings of its names count, as
//! its own SDKs send both. The model and the streaming stand in the path.

use super::Refusal;
use super::facts::Sampling;
use super::turns::{Reader, client_tool};
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
    for value in [top.system_instruction, top.system_instruction_].into_iter().filter_map(present) {
        for part in parts(&mut reader, value)?.1 {
            if let Part::Text(text) = part {
                reader.view.system.push(text);
            }
        }
    }
    if let Some(contents) = present(top.contents) {
        if !contents.is_array() {
            return Err(Refusal::wrong_type("contents", "contents", contents, "an array of contents"));
        }
        for content in contents.elements() {
            let (role, parts) = parts(&mut reader, content)?;
            reader.view.turns.push(Turn { role, parts });
        }
    }
    reader.mark_prefill();
    if present(top.cached_content).or(present(top.cached_content_)).is_some() {
        reader.bind(HardMarkers::ACCOUNT_OBJECT);
        reader.view.request.cache_markers = true;
    }
    tools(&mut reader, top)?;
    for value in [top.generation_config, top.generation_config_].into_iter().filter_map(present) {
        config(&mut reader, value)?;
    }
    Ok(())
}

fields!(Content at "in contents[]" { role = "role", parts = "parts" });

fn parts<'i>(
    reader: &mut Reader<'_, 'i, '_>,
    content: Json<'_, 'i>,
) -> Result<(Role, Vec<Part<'i>>), Refusal> {
    let content = Content::of(content)?;
    let role = if text(content.role) == Some("model") { Role::Assistant } else { Role::User };
    let parts = present(content.parts).into_iter().flat_map(Json::elements);
    Ok((role, parts.map(|value| part(reader, value)).collect::<Result<_, _>>()?))
}

fields!(ContentPart at "in contents[].parts[]" {
    text = "text",
    thought = "thought",
    signature = "thoughtSignature",
    signature_ = "thought_signature",
    inline = "inlineData",
    inline_ = "inline_data",
    file = "fileData",
    file_ = "file_data",
    call = "functionCall",
    call_ = "function_call",
    response = "functionResponse",
    response_ = "function_response",
});

fn part<'i>(reader: &mut Reader<'_, 'i, '_>, value: Json<'_, 'i>) -> Result<Part<'i>, Refusal> {
    let part = ContentPart::of(value)?;
    if present(part.signature).or(present(part.signature_)).is_some() {
        reader.bind(HardMarkers::SIGNED_THINKING);
    }
    let size = reader.source.size_of(value);
    if let Some(said) = text(part.text) {
        let thought = present(part.thought).and_then(Json::bool) == Some(true);
        return Ok(if thought { Part::Thinking(said.len()) } else { Part::Text(said) });
    }
    if let Some(inline) = present(part.inline).or(present(part.inline_)) {
        return media(reader, inline, size);
    }
    if let Some(file) = present(part.file).or(present(part.file_)) {
        // It lies with the account that uploaded it.
        reader.bind(HardMarkers::ACCOUNT_OBJECT);
        return media(reader, file, size);
    }
    if let Some(call) = present(part.call).or(present(part.call_)) {
        let call = Function::of(call)?;
        let bytes = call.args.map_or(0, |field| reader.source.size(field));
        return Ok(Part::ToolCall { name: text(call.name).unwrap_or_default(), bytes });
    }
    if let Some(response) = present(part.response).or(present(part.response_)) {
        let given = present(Function::of(response)?.response).map(Given::of).transpose()?;
        let said =
            given.and_then(|given| [given.output, given.result, given.error].into_iter().find_map(text));
        let is_error = given.is_some_and(|given| present(given.error).is_some());
        return Ok(Part::ToolResult { text: said.unwrap_or_default(), is_error });
    }
    Ok(Part::Unknown(size))
}

fields!(Function at "in contents[].parts[]" { name = "name", args = "args", response = "response" });
fields!(Given at "in contents[].parts[]" { output = "output", result = "result", error = "error" });
fields!(Media at "in contents[].parts[]" { kind = "mimeType", kind_ = "mime_type" });

fn media<'i>(reader: &mut Reader<'_, 'i, '_>, value: Json<'_, 'i>, size: usize) -> Result<Part<'i>, Refusal> {
    let media = Media::of(value)?;
    let kind = text(media.kind).or(text(media.kind_)).unwrap_or_default();
    Ok(if kind.starts_with("image/") {
        reader.need(Capabilities::VISION);
        Part::Image(size)
    } else if kind.starts_with("audio/") {
        reader.need(Capabilities::AUDIO);
        Part::Audio(size)
    } else {
        reader.need(Capabilities::DOCUMENTS);
        Part::Document(size)
    })
}

fields!(Declared at "in tools[].functionDeclarations[]" { name = "name" });

/// Each entry of the list holds declarations, or a tool that the provider runs under its name.
fn tools<'i>(reader: &mut Reader<'_, 'i, '_>, top: &Top<'_, 'i>) -> Result<(), Refusal> {
    let Some(field) = top.tools.filter(|field| !field.value.is_null()) else { return Ok(()) };
    for entry in field.value.elements() {
        for member in entry.members().filter(|member| !member.value.is_null()) {
            if !matches!(member.key, "functionDeclarations" | "function_declarations") {
                reader.need(Capabilities::SERVER_TOOLS);
                reader.view.tools.push(Tool { name: member.key, server_side: true });
                continue;
            }
            for declared in member.value.elements() {
                reader.need(Capabilities::TOOLS);
                reader.view.tools.push(client_tool(text(Declared::of(declared)?.name)));
            }
        }
    }
    reader.view.tools_bytes = reader.source.size(field);
    Ok(())
}

fields!(Config at "in generationConfig" {
    cap = "maxOutputTokens",
    cap_ = "max_output_tokens",
    choices = "candidateCount",
    choices_ = "candidate_count",
    temperature = "temperature",
    top_p = "topP",
    top_p_ = "top_p",
    top_k = "topK",
    top_k_ = "top_k",
    seed = "seed",
    kind = "responseMimeType",
    kind_ = "response_mime_type",
    schema = "responseSchema",
    schema_ = "response_schema",
    json_schema = "responseJsonSchema",
    json_schema_ = "response_json_schema",
    logprobs = "responseLogprobs",
    logprobs_ = "response_logprobs",
    modalities = "responseModalities",
    modalities_ = "response_modalities",
    thinking = "thinkingConfig",
    thinking_ = "thinking_config",
});
fields!(Thinking at "in generationConfig.thinkingConfig" { budget = "thinkingBudget", budget_ = "thinking_budget" });

fn config(reader: &mut Reader<'_, '_, '_>, value: Json<'_, '_>) -> Result<(), Refusal> {
    let config = Config::of(value)?;
    let cap = integer("maxOutputTokens", config.cap.or(config.cap_))?;
    reader.view.request.max_output_tokens = cap;
    let choices = integer("candidateCount", config.choices.or(config.choices_))?;
    reader.view.request.choices = choices.unwrap_or(1).max(1);
    let any = |fields: &[Option<Field<'_, '_>>]| fields.iter().any(|field| present(*field).is_some());
    let sampling = [config.temperature, config.top_p, config.top_p_, config.top_k, config.top_k_];
    reader.view.request.repeats = Sampling {
        temperature: config.temperature,
        top_p: config.top_p.or(config.top_p_),
        top_k: config.top_k.or(config.top_k_),
        seed: config.seed,
    }
    .repeats();
    let schema = [config.schema, config.schema_, config.json_schema, config.json_schema_];
    let logprobs = present(config.logprobs).or(present(config.logprobs_)).and_then(Json::bool) == Some(true);
    let kinds = present(config.modalities).or(present(config.modalities_));
    let speaks = kinds.is_some_and(|list| list.elements().any(|word| word.string() == Some("AUDIO")));
    let json = text(config.kind).or(text(config.kind_)) == Some("application/json");
    let thinks = match present(config.thinking).or(present(config.thinking_)) {
        None => false,
        Some(value) => {
            let thinking = Thinking::of(value)?;
            present(thinking.budget).or(present(thinking.budget_)).and_then(Json::count) != Some(0)
        }
    };
    for (capability, asked) in [
        (Capabilities::MULTIPLE_CHOICES, reader.view.request.choices > 1),
        (Capabilities::SAMPLING, any(&sampling)),
        (Capabilities::JSON_SCHEMA, any(&schema)),
        (Capabilities::JSON_OBJECT, json && !any(&schema)),
        (Capabilities::LOGPROBS, logprobs),
        (Capabilities::AUDIO, speaks),
        (Capabilities::THINKING, thinks),
    ] {
        if asked {
            reader.need(capability);
        }
    }
    let sizes = schema.into_iter().flatten().map(|field| reader.source.size(field));
    reader.view.schema_bytes = sizes.sum();
    Ok(())
}

fn integer(key: &'static str, field: Option<Field<'_, '_>>) -> Result<Option<u32>, Refusal> {
    let Some(value) = present(field) else { return Ok(None) };
    match value.count() {
        Some(count) => Ok(Some(u32::try_from(count).unwrap_or(u32::MAX))),
        None => Err(Refusal::wrong_type("generationConfig", key, value, "an integer of 0 or more")),
    }
}
