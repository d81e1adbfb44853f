//! Requests of Chat Completions into the hub: all but the conversation.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::turns::{ChatMessage, message};
use crate::codec::cross::Origin;
use crate::codec::cross::fields::{
    self, Raw, body_text, count, drop_named, effort, flag, list, misfit, number, object, parse, penalty,
    refuse,
};
use crate::codec::cross::hub::{Format, OTHER, Obstacle, Prompt, ToolSpec};
use crate::codec::cross::openai::{self, FormatPlace, Schema};
use crate::codec::cross::text::Text;

/// A request, whose messages are read at once or looked at one by one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "M: Deserialize<'de>"))]
struct Request<'a, M = ChatMessage<'a>> {
    #[serde(default = "Vec::new")]
    messages: Vec<M>,
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
    tools: Raw<'a>,
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
    let body = body_text(origin.body)?;
    let request: Request<'a> = serde_json::from_str(body).map_err(|error| misplaced(body, &error))?;
    let mut prompt = Prompt::default();
    without_counterpart(&request)?;
    bookkeeping(&request, &mut prompt)?;
    sampling(&request, &mut prompt)?;
    tools(&request, &mut prompt)?;
    if let Some(raw) = request.response_format {
        prompt.format = format(raw, &mut prompt.dropped)?;
    }
    prompt.messages.reserve(request.messages.len());
    for said in request.messages {
        message(said, &mut prompt)?;
    }
    Ok(prompt)
}

fn misplaced(body: &str, error: &serde_json::Error) -> Obstacle {
    match serde_json::from_str::<Request<'_, &RawValue>>(body) {
        Ok(request) => fields::misplaced::<ChatMessage<'_>>("messages[]", request.messages, error),
        Err(error) => misfit("", &error),
    }
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
    openai::user(request.safety_identifier, request.user, prompt)?;
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
    prompt.verbosity = openai::verbosity("verbosity", request.verbosity)?;
    prompt.effort = effort("reasoning_effort", request.reasoning_effort)?;
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
    let all = match request.tools {
        Some(raw) => list("tools", raw, |raw| parse("tools[]", raw.get()))?,
        None => Vec::<Tool<'a>>::new(),
    };
    for tool in all {
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
    prompt.tool_choice = request.tool_choice.map(|raw| openai::tool_choice(raw, named)).transpose()?;
    Ok(())
}

fn named(choice: &str) -> Result<Text<'_>, Obstacle> {
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
    parse::<Named<'_>>("tool_choice", choice).map(|named| named.function.name)
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
    const PLACE: FormatPlace = FormatPlace {
        whole: "response_format",
        schema: "response_format.json_schema.schema",
        strict: "response_format.json_schema.strict",
        description: "response_format.json_schema.description",
    };
    let ResponseFormat { kind, json_schema } = parse(PLACE.whole, raw.get())?;
    openai::format(&PLACE, &kind, json_schema, dropped)
}
