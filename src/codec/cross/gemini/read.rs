//! Requests of `generateContent` into the hub: all but the conversation. Both spellings of its names count, as its own SDKs
//! send both.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::contents::{self, Content, PART, Part};
use super::schema;
use crate::codec::cross::Origin;
use crate::codec::cross::fields::{
    self, Raw, body_text, count, drop_named, flag, misfit, note, number, object, parse, penalty, refuse, text,
};
use crate::codec::cross::hub::{Effort, Format, OTHER, Obstacle, Prompt, ToolChoice, ToolSpec};
use crate::codec::cross::text::Text;
use crate::codec::gemini_path::GeminiPath;

/// A request, whose parts are read at once or looked at one by one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", bound(deserialize = "P: Deserialize<'de>"))]
struct Request<'a, P = Part<'a>> {
    #[serde(borrow, rename = "model")]
    _model: Raw<'a>,
    #[serde(default = "Vec::new")]
    contents: Vec<Content<'a, P>>,
    #[serde(alias = "system_instruction")]
    system_instruction: Option<Content<'a, P>>,
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
    #[serde(borrow, alias = "tool_config")]
    tool_config: Raw<'a>,
    #[serde(borrow, alias = "generation_config")]
    generation_config: Raw<'a>,
    #[serde(borrow, alias = "safety_settings")]
    safety_settings: Option<Vec<&'a RawValue>>,
    #[serde(borrow, alias = "cached_content")]
    cached_content: Raw<'a>,
    #[serde(borrow)]
    labels: Raw<'a>,
}

/// Reads a request.
pub(in crate::codec::cross) fn read_request<'a>(origin: &Origin<'a>) -> Result<Prompt<'a>, Obstacle> {
    let body = body_text(origin.body)?;
    let request: Request<'a> = serde_json::from_str(body).map_err(|error| misplaced(body, &error))?;
    let stream = GeminiPath::of(origin.path).is_some_and(|path| path.stream);
    // The last piece of a stream always says its usage.
    let mut prompt = Prompt { stream, usage_in_stream: true, ..Prompt::default() };
    refuse(OTHER, &[("cachedContent", request.cached_content)])?;
    drop_named(&mut prompt.dropped, &[("labels", request.labels)]);
    for raw in request.safety_settings.iter().flatten() {
        unfiltered(raw, &mut prompt.dropped)?;
    }
    if let Some(content) = request.system_instruction {
        contents::system(content, &mut prompt)?;
    }
    for raw in request.tools.iter().flatten() {
        tools(raw, &mut prompt)?;
    }
    if let Some(raw) = request.tool_config {
        prompt.tool_choice = choice(raw, &prompt.tools)?;
    }
    if let Some(raw) = request.generation_config {
        config(raw, &mut prompt)?;
    }
    contents::read(request.contents, &mut prompt)?;
    Ok(prompt)
}

fn misplaced(body: &str, error: &serde_json::Error) -> Obstacle {
    let Request { contents, system_instruction, .. } =
        match serde_json::from_str::<Request<'_, &RawValue>>(body) {
            Ok(request) => request,
            Err(error) => return misfit("", &error),
        };
    let parts = contents.into_iter().chain(system_instruction).flat_map(|content| content.parts);
    fields::misplaced::<Part<'_>>(PART, parts, error)
}

/// A filter turned off is none, as everywhere else; one that is asked for nobody else has.
fn unfiltered(raw: &RawValue, dropped: &mut Vec<&'static str>) -> Result<(), Obstacle> {
    #[derive(Deserialize)]
    struct Setting<'a> {
        #[serde(borrow)]
        threshold: Option<Text<'a>>,
    }
    let Setting { threshold } = parse("safetySettings[]", raw.get())?;
    match threshold.as_ref().map(Text::escaped) {
        Some("OFF" | "BLOCK_NONE") => {
            note(dropped, "safetySettings");
            Ok(())
        }
        _ => Err(Obstacle::field("safetySettings", OTHER)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Declaration<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Raw<'a>,
    #[serde(borrow, alias = "parameters_json_schema")]
    parameters_json_schema: Raw<'a>,
    #[serde(borrow)]
    response: Raw<'a>,
    #[serde(borrow, alias = "response_json_schema")]
    response_json_schema: Raw<'a>,
}

fn tools<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Tool<'a> {
        #[serde(borrow, alias = "function_declarations", default)]
        function_declarations: Vec<&'a RawValue>,
    }
    let tool: Tool<'a> = parse("tools[]", raw.get())?;
    for raw in tool.function_declarations {
        let place = "tools[].functionDeclarations[]";
        let declared: Declaration<'a> = parse(place, raw.get())?;
        // What comes back is the client's own; it is told only to help.
        let dropped = [
            ("tools[].functionDeclarations[].response", declared.response),
            ("tools[].functionDeclarations[].response", declared.response_json_schema),
        ];
        drop_named(&mut prompt.dropped, &dropped);
        let schema = match (declared.parameters_json_schema, declared.parameters) {
            (Some(schema), _) => Some(object("tools[].functionDeclarations[].parametersJsonSchema", schema)?),
            (None, Some(raw)) => Some(schema::json_schema(raw).ok_or_else(|| {
                Obstacle::new(format!("{place}.parameters"), "the parameters are no schema that can be read")
            })?),
            (None, None) => None,
        };
        let Declaration { name, description, .. } = declared;
        prompt.tools.push(ToolSpec { name, description, schema, strict: None });
    }
    Ok(())
}

fn choice<'a>(raw: &'a RawValue, tools: &[ToolSpec<'a>]) -> Result<Option<ToolChoice<'a>>, Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct ToolConfig<'a> {
        #[serde(borrow, alias = "function_calling_config")]
        function_calling_config: Option<Calling<'a>>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Calling<'a> {
        #[serde(borrow)]
        mode: Option<Text<'a>>,
        #[serde(borrow, alias = "allowed_function_names", default)]
        allowed_function_names: Vec<Text<'a>>,
    }
    let config: ToolConfig<'a> = parse("toolConfig", raw.get())?;
    let Some(Calling { mode, mut allowed_function_names }) = config.function_calling_config else {
        return Ok(None);
    };
    let allowed: HashSet<&str> = allowed_function_names.iter().map(Text::escaped).collect();
    let all = tools.iter().all(|tool| allowed.contains(tool.name.escaped()));
    let few = !allowed_function_names.is_empty() && !all;
    match (mode.as_ref().map_or("AUTO", Text::escaped), few) {
        ("AUTO" | "MODE_UNSPECIFIED", false) => Ok(Some(ToolChoice::Auto)),
        ("NONE", _) => Ok(Some(ToolChoice::None)),
        ("ANY", _) if allowed_function_names.len() == 1 => {
            Ok(allowed_function_names.pop().map(ToolChoice::Named))
        }
        ("ANY", false) => Ok(Some(ToolChoice::Any)),
        _ => Err(Obstacle::new(
            "toolConfig.functionCallingConfig",
            "other dialects know all tools, none, any or one by its name",
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config<'a> {
    #[serde(borrow, alias = "candidate_count")]
    candidate_count: Raw<'a>,
    #[serde(borrow, alias = "stop_sequences")]
    stop_sequences: Option<Vec<Text<'a>>>,
    #[serde(borrow, alias = "max_output_tokens")]
    max_output_tokens: Raw<'a>,
    #[serde(borrow)]
    temperature: Raw<'a>,
    #[serde(borrow, alias = "top_p")]
    top_p: Raw<'a>,
    #[serde(borrow, alias = "top_k")]
    top_k: Raw<'a>,
    #[serde(borrow)]
    seed: Raw<'a>,
    #[serde(borrow, alias = "presence_penalty")]
    presence_penalty: Raw<'a>,
    #[serde(borrow, alias = "frequency_penalty")]
    frequency_penalty: Raw<'a>,
    #[serde(borrow, alias = "response_mime_type")]
    response_mime_type: Option<Text<'a>>,
    #[serde(borrow, alias = "response_schema")]
    response_schema: Raw<'a>,
    #[serde(borrow, alias = "response_json_schema")]
    response_json_schema: Raw<'a>,
    #[serde(borrow, alias = "response_logprobs")]
    response_logprobs: Raw<'a>,
    #[serde(borrow, alias = "response_modalities")]
    response_modalities: Option<Vec<Text<'a>>>,
    #[serde(borrow, alias = "thinking_config")]
    thinking_config: Raw<'a>,
}

fn config<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let config: Config<'a> = parse("generationConfig", raw.get())?;
    let mut kinds = config.response_modalities.iter().flatten();
    let speaks = kinds.any(|kind| kind.escaped() != "TEXT");
    let absent = [
        (
            "candidateCount",
            count("generationConfig.candidateCount", config.candidate_count)?.is_some_and(|n| n != 1),
        ),
        (
            "responseLogprobs",
            flag("generationConfig.responseLogprobs", config.response_logprobs)? == Some(true),
        ),
        ("responseModalities", speaks),
    ];
    if let Some((field, _)) = absent.into_iter().find(|(_, there)| *there) {
        return Err(Obstacle::field(&format!("generationConfig.{field}"), OTHER));
    }
    prompt.max_output_tokens = count("generationConfig.maxOutputTokens", config.max_output_tokens)?;
    prompt.temperature = number("generationConfig.temperature", config.temperature)?;
    prompt.top_p = number("generationConfig.topP", config.top_p)?;
    prompt.top_k = number("generationConfig.topK", config.top_k)?;
    prompt.seed = number("generationConfig.seed", config.seed)?;
    prompt.presence_penalty = penalty("generationConfig.presencePenalty", config.presence_penalty)?;
    prompt.frequency_penalty = penalty("generationConfig.frequencyPenalty", config.frequency_penalty)?;
    prompt.format = format(&config)?;
    prompt.stop = config.stop_sequences.unwrap_or_default();
    config.thinking_config.map_or(Ok(()), |raw| thinking(raw, prompt))
}

fn format<'a>(config: &Config<'a>) -> Result<Format<'a>, Obstacle> {
    let schema = match (config.response_json_schema, config.response_schema) {
        (Some(schema), _) => Some(object("generationConfig.responseJsonSchema", schema)?),
        (None, Some(raw)) => Some(schema::json_schema(raw).ok_or_else(|| {
            Obstacle::new("generationConfig.responseSchema", "the schema is none that can be read")
        })?),
        (None, None) => None,
    };
    match (config.response_mime_type.as_ref().map(Text::escaped), schema) {
        (None | Some("text/plain"), None) => Ok(Format::Text),
        (Some("application/json"), None) => Ok(Format::Object),
        (None | Some("application/json"), Some(schema)) => {
            Ok(Format::Schema { name: None, schema, strict: None })
        }
        _ => Err(Obstacle::field("generationConfig.responseMimeType", OTHER)),
    }
}

/// A level is an effort, and a budget of nothing is none; any other budget has no measure in other dialects.
fn thinking(raw: &RawValue, prompt: &mut Prompt<'_>) -> Result<(), Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Thinking<'a> {
        #[serde(borrow, alias = "include_thoughts")]
        include_thoughts: Raw<'a>,
        #[serde(borrow, alias = "thinking_budget")]
        thinking_budget: Raw<'a>,
        #[serde(borrow, alias = "thinking_level")]
        thinking_level: Raw<'a>,
    }
    let place = "generationConfig.thinkingConfig";
    let thinking: Thinking<'_> = parse(place, raw.get())?;
    let shown = thinking.include_thoughts.filter(|raw| raw.get() != "false");
    drop_named(&mut prompt.dropped, &[("thinkingConfig.includeThoughts", shown)]);
    let level = text("generationConfig.thinkingConfig.thinkingLevel", thinking.thinking_level)?;
    let level = level.map(|level| level.escaped().to_ascii_lowercase());
    prompt.effort = match (level.as_deref(), thinking.thinking_budget.map(RawValue::get)) {
        (None | Some("thinking_level_unspecified"), None | Some("-1")) => None,
        (None, Some("0")) => Some(Effort::None),
        (Some(level), None) if Effort::parse(level).is_some() => Effort::parse(level),
        (None, Some(_)) => {
            let message = "a budget has no measure in other dialects: send `thinkingLevel`, or a budget of 0";
            return Err(Obstacle::new(format!("{place}.thinkingBudget"), message));
        }
        _ => return Err(Obstacle::field(place, OTHER)),
    };
    Ok(())
}
