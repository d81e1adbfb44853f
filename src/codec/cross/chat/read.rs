//! Requests of Chat Completions into the hub: all but the conversation.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::turns::message;
use crate::codec::cross::Origin;
use crate::codec::cross::fields::{
    Raw, count, drop_named, flag, misfit, number, object, parse, refuse, text,
};
use crate::codec::cross::hub::{Effort, Format, Obstacle, Prompt, ToolChoice, ToolSpec};
use crate::codec::cross::text::Text;

/// The dialects on the other side, for messages.
pub(super) const OTHER: &str = "provider's";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow, default)]
    messages: Vec<&'a RawValue>,
    #[serde(borrow, default, rename = "model")]
    _model: Raw<'a>,
    #[serde(borrow, default)]
    stream: Raw<'a>,
    #[serde(borrow, default)]
    stream_options: Raw<'a>,
    #[serde(borrow, default)]
    max_tokens: Raw<'a>,
    #[serde(borrow, default)]
    max_completion_tokens: Raw<'a>,
    #[serde(borrow, default)]
    temperature: Raw<'a>,
    #[serde(borrow, default)]
    top_p: Raw<'a>,
    #[serde(borrow, default)]
    n: Raw<'a>,
    #[serde(borrow, default)]
    stop: Raw<'a>,
    #[serde(borrow, default)]
    presence_penalty: Raw<'a>,
    #[serde(borrow, default)]
    frequency_penalty: Raw<'a>,
    #[serde(borrow, default)]
    seed: Raw<'a>,
    #[serde(borrow, default)]
    tools: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    tool_choice: Raw<'a>,
    #[serde(borrow, default)]
    parallel_tool_calls: Raw<'a>,
    #[serde(borrow, default)]
    response_format: Raw<'a>,
    #[serde(borrow, default)]
    reasoning_effort: Raw<'a>,
    #[serde(borrow, default)]
    logit_bias: Raw<'a>,
    #[serde(borrow, default)]
    logprobs: Raw<'a>,
    #[serde(borrow, default)]
    top_logprobs: Raw<'a>,
    #[serde(borrow, default)]
    modalities: Raw<'a>,
    #[serde(borrow, default)]
    audio: Raw<'a>,
    #[serde(borrow, default)]
    prediction: Raw<'a>,
    #[serde(borrow, default)]
    web_search_options: Raw<'a>,
    #[serde(borrow, default)]
    verbosity: Raw<'a>,
    #[serde(borrow, default)]
    functions: Raw<'a>,
    #[serde(borrow, default)]
    function_call: Raw<'a>,
    #[serde(borrow, default)]
    user: Raw<'a>,
    #[serde(borrow, default)]
    safety_identifier: Raw<'a>,
    #[serde(borrow, default)]
    metadata: Raw<'a>,
    #[serde(borrow, default)]
    store: Raw<'a>,
    #[serde(borrow, default)]
    service_tier: Raw<'a>,
    #[serde(borrow, default)]
    prompt_cache_key: Raw<'a>,
    #[serde(borrow, default)]
    prompt_cache_retention: Raw<'a>,
}

/// Reads a request.
pub(in crate::codec::cross) fn read_request<'a>(origin: &Origin<'a>) -> Result<Prompt<'a>, Obstacle> {
    let request: Request<'a> = serde_json::from_slice(origin.body).map_err(|error| misfit("", &error))?;
    let mut prompt = Prompt::default();
    without_counterpart(&request)?;
    bookkeeping(&request, &mut prompt)?;
    sampling(&request, &mut prompt)?;
    tools(&request, &mut prompt)?;
    if let Some(raw) = request.response_format {
        prompt.format = format(raw, &mut prompt.dropped)?;
    }
    for raw in request.messages {
        message(raw, &mut prompt)?;
    }
    Ok(prompt)
}

fn without_counterpart(request: &Request<'_>) -> Result<(), Obstacle> {
    if count("n", request.n)?.is_some_and(|n| n != 1) {
        return Err(Obstacle::field("n", OTHER));
    }
    let logprobs = request.logprobs.filter(|raw| raw.get() != "false");
    let text_only = |raw: &&RawValue| {
        parse::<Vec<Text<'_>>>("modalities", raw.get()).is_ok_and(|all| all == [Text::word("text")])
    };
    let modalities = request.modalities.filter(|raw| !text_only(raw));
    refuse(
        OTHER,
        &[
            ("logit_bias", request.logit_bias.filter(|raw| raw.get() != "{}")),
            ("logprobs", logprobs),
            ("top_logprobs", request.top_logprobs),
            ("modalities", modalities),
            ("audio", request.audio),
            ("prediction", request.prediction),
            ("web_search_options", request.web_search_options),
            ("functions", request.functions),
            ("function_call", request.function_call),
            ("store", request.store.filter(|raw| raw.get() != "false")),
            (
                "service_tier",
                request.service_tier.filter(|raw| !matches!(raw.get(), r#""auto""# | r#""default""#)),
            ),
        ],
    )
}

fn bookkeeping<'a>(request: &Request<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let user = text("user", request.user)?;
    prompt.user = match text("safety_identifier", request.safety_identifier)? {
        Some(identifier) => {
            drop_named(&mut prompt.dropped, &[("user", request.user)]);
            Some(identifier)
        }
        None => user,
    };
    drop_named(
        &mut prompt.dropped,
        &[
            ("metadata", request.metadata),
            ("prompt_cache_key", request.prompt_cache_key),
            ("prompt_cache_retention", request.prompt_cache_retention),
            ("store", request.store),
            ("service_tier", request.service_tier),
        ],
    );
    prompt.stream = flag("stream", request.stream)?.unwrap_or(false);
    if let Some(raw) = request.stream_options {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Options<'a> {
            #[serde(borrow, default)]
            include_usage: Raw<'a>,
            #[serde(borrow, default)]
            include_obfuscation: Raw<'a>,
        }
        let options: Options<'_> = parse("stream_options", raw.get())?;
        let bookkeeping = [("stream_options.include_obfuscation", options.include_obfuscation)];
        drop_named(&mut prompt.dropped, &bookkeeping);
        prompt.usage_in_stream =
            flag("stream_options.include_usage", options.include_usage)?.unwrap_or(false);
    }
    Ok(())
}

fn sampling<'a>(request: &Request<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    prompt.max_output_tokens = match count("max_completion_tokens", request.max_completion_tokens)? {
        Some(cap) => Some(cap),
        None => count("max_tokens", request.max_tokens)?,
    };
    prompt.temperature = number("temperature", request.temperature)?;
    prompt.top_p = number("top_p", request.top_p)?;
    // Zero is what a request without them means.
    let penalty = |param, raw| Ok(number(param, raw)?.filter(|number| number.value != 0.0));
    prompt.presence_penalty = penalty("presence_penalty", request.presence_penalty)?;
    prompt.frequency_penalty = penalty("frequency_penalty", request.frequency_penalty)?;
    prompt.seed = number("seed", request.seed)?;
    prompt.stop = match request.stop {
        None => Vec::new(),
        Some(raw) => match Text::of(raw) {
            Some(one) => vec![one],
            None => parse("stop", raw.get())?,
        },
    };
    prompt.verbosity = text("verbosity", request.verbosity.filter(|raw| raw.get() != r#""medium""#))?;
    prompt.effort = match text("reasoning_effort", request.reasoning_effort)? {
        None => None,
        Some(word) => Some(Effort::parse(word.escaped()).ok_or_else(|| {
            Obstacle::new("reasoning_effort", format!("`{}` is no effort that is known", word.escaped()))
        })?),
    };
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
    #[serde(borrow, default)]
    custom: Raw<'a>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    description: Option<Text<'a>>,
    #[serde(borrow, default)]
    parameters: Raw<'a>,
    #[serde(borrow, default)]
    strict: Raw<'a>,
}

fn tools<'a>(request: &Request<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    for raw in request.tools.iter().flatten() {
        let tool: Tool<'a> = parse("tools[]", raw.get())?;
        let (None, Some(function)) = (tool.custom, tool.function) else {
            return Err(Obstacle::new(
                "tools[].type",
                format!("tools of the type `{}` exist in the OpenAI dialect only", tool.kind.escaped()),
            ));
        };
        drop_named(&mut prompt.dropped, &[("cache_control", tool.cache_control)]);
        let schema = function.parameters.map(|raw| object("tools[].function.parameters", raw)).transpose()?;
        prompt.tools.push(ToolSpec {
            name: function.name,
            description: function.description,
            schema,
            strict: flag("tools[].function.strict", function.strict)?,
        });
    }
    prompt.parallel_tools = flag("parallel_tool_calls", request.parallel_tool_calls)?;
    prompt.tool_choice = request.tool_choice.map(tool_choice).transpose()?;
    Ok(())
}

fn tool_choice(raw: &RawValue) -> Result<ToolChoice<'_>, Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named<'a> {
        #[serde(borrow, rename = "type")]
        _kind: Text<'a>,
        #[serde(borrow)]
        function: Name<'a>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Name<'a> {
        #[serde(borrow)]
        name: Text<'a>,
    }
    match raw.get() {
        r#""auto""# => Ok(ToolChoice::Auto),
        r#""none""# => Ok(ToolChoice::None),
        r#""required""# => Ok(ToolChoice::Any),
        other => parse::<Named<'_>>("tool_choice", other).map(|named| ToolChoice::Named(named.function.name)),
    }
}

fn format<'a>(raw: &'a RawValue, dropped: &mut Vec<&'static str>) -> Result<Format<'a>, Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ResponseFormat<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow, default)]
        json_schema: Option<Schema<'a>>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Schema<'a> {
        #[serde(borrow, default)]
        name: Option<Text<'a>>,
        #[serde(borrow, default)]
        description: Raw<'a>,
        #[serde(borrow, default)]
        schema: Raw<'a>,
        #[serde(borrow, default)]
        strict: Raw<'a>,
    }
    let format: ResponseFormat<'a> = parse("response_format", raw.get())?;
    match (format.kind.escaped(), format.json_schema) {
        ("text", None) => Ok(Format::Text),
        ("json_object", None) => Ok(Format::Object),
        ("json_schema", Some(Schema { name, description, schema: Some(schema), strict })) => {
            drop_named(dropped, &[("response_format.json_schema.description", description)]);
            let schema = object("response_format.json_schema.schema", schema)?;
            Ok(Format::Schema { name, schema, strict: flag("response_format.json_schema.strict", strict)? })
        }
        _ => Err(Obstacle::field("response_format", OTHER)),
    }
}
