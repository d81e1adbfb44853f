//! Requests of Chat Completions into the hub.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::cross::Origin;
use crate::codec::cross::fields::{
    Raw, TextOr, count, drop_named, flag, media, misfit, note, number, object, parse, refuse, text,
    text_or_list,
};
use crate::codec::cross::hub::{
    Block, Call, CallResult, Effort, Format, Message, Obstacle, Prompt, Speaker, ToolChoice, ToolSpec,
};
use crate::codec::cross::text::{Json, Text};

/// The dialects on the other side, for messages.
const OTHER: &str = "provider's";

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
    let modalities = request.modalities.filter(|raw| raw.get() != r#"["text"]"#);
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
            ("verbosity", request.verbosity.filter(|raw| raw.get() != r#""medium""#)),
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
    prompt.user = match text("safety_identifier", request.safety_identifier)? {
        Some(user) => Some(user),
        None => text("user", request.user)?,
    };
    drop_named(
        &mut prompt.dropped,
        &[
            ("metadata", request.metadata),
            ("prompt_cache_key", request.prompt_cache_key),
            ("prompt_cache_retention", request.prompt_cache_retention),
        ],
    );
    prompt.stream = flag("stream", request.stream)?.unwrap_or(false);
    if let Some(raw) = request.stream_options {
        #[derive(Deserialize)]
        struct Options<'a> {
            #[serde(borrow, default)]
            include_usage: Raw<'a>,
        }
        let options: Options<'_> = parse("stream_options", raw.get())?;
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChatMessage<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow, default)]
    content: Raw<'a>,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow, default)]
    tool_call_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    audio: Raw<'a>,
    #[serde(borrow, default)]
    function_call: Raw<'a>,
    #[serde(borrow, default)]
    annotations: Raw<'a>,
    #[serde(borrow, default)]
    reasoning: Raw<'a>,
    #[serde(borrow, default)]
    reasoning_content: Raw<'a>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    _kind: Raw<'a>,
    #[serde(default, rename = "index")]
    _index: Option<u32>,
    #[serde(borrow, default)]
    function: Option<Called<'a>>,
    #[serde(borrow, default)]
    custom: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Called<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<Text<'a>>,
}

fn message<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let message: ChatMessage<'a> = parse("messages[]", raw.get())?;
    refuse(
        OTHER,
        &[
            ("messages[].name", message.name),
            ("messages[].audio", message.audio),
            ("messages[].function_call", message.function_call),
        ],
    )?;
    let dropped = [
        ("messages[].annotations", message.annotations.filter(|raw| raw.get() != "[]")),
        ("messages[].reasoning", message.reasoning),
        ("messages[].reasoning_content", message.reasoning_content),
        ("cache_control", message.cache_control),
    ];
    drop_named(&mut prompt.dropped, &dropped);
    let mut blocks = message.content.map_or(Ok(Vec::new()), |raw| content(raw, &mut prompt.dropped))?;
    blocks.extend(message.refusal.map(Block::Refusal));
    let speaker = match message.role.escaped() {
        "system" | "developer" => return system(blocks, prompt),
        "tool" => return tool_result(message.tool_call_id, blocks, prompt),
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        other => {
            return Err(Obstacle::new(
                "messages[].role",
                format!("the role `{other}` exists in no other dialect"),
            ));
        }
    };
    for call in message.tool_calls.into_iter().flatten() {
        blocks.push(Block::Call(called(call)?));
    }
    prompt.messages.push(Message { speaker, blocks });
    Ok(())
}

/// System texts stand ahead of the conversation; one behind its beginning stays where it is.
fn system<'a>(blocks: Vec<Block<'a>>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let text = |block| match block {
        Block::Text(text) => Ok(text),
        _ => Err(Obstacle::new(
            "messages[].content",
            "a system message of anything but text cannot be translated",
        )),
    };
    if prompt.messages.is_empty() {
        prompt.system.extend(blocks.into_iter().map(text).collect::<Result<Vec<_>, _>>()?);
    } else {
        let blocks =
            blocks.into_iter().map(|block| text(block).map(Block::Text)).collect::<Result<_, _>>()?;
        prompt.messages.push(Message { speaker: Speaker::System, blocks });
    }
    Ok(())
}

/// The results of one turn of calls are gathered in one message.
fn tool_result<'a>(
    id: Option<Text<'a>>,
    content: Vec<Block<'a>>,
    prompt: &mut Prompt<'a>,
) -> Result<(), Obstacle> {
    let id = id.ok_or_else(|| Obstacle::new("messages[].tool_call_id", "a tool's message names no call"))?;
    let name = prompt.tool_called(&id);
    let result = Block::Result(CallResult { id, name, content, is_error: false });
    match prompt.messages.last_mut() {
        Some(Message { speaker: Speaker::User, blocks })
            if blocks.iter().all(|block| matches!(block, Block::Result(_))) =>
        {
            blocks.push(result);
        }
        _ => prompt.messages.push(Message { speaker: Speaker::User, blocks: vec![result] }),
    }
    Ok(())
}

fn called(call: ToolCall<'_>) -> Result<Call<'_>, Obstacle> {
    let param = "messages[].tool_calls[]";
    let (None, Some(function)) = (call.custom, call.function) else {
        return Err(Obstacle::new(param, "custom tool calls exist in the OpenAI dialect only"));
    };
    let arguments = arguments(function.arguments).ok_or_else(|| {
        Obstacle::new(format!("{param}.function.arguments"), "the arguments are not a JSON object")
    })?;
    Ok(Call { id: call.id, name: function.name, arguments })
}

/// The arguments of a call, which OpenAI writes as a text of JSON; none at all mean none.
pub(super) fn arguments(text: Option<Text<'_>>) -> Option<Json<'static>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Json::parse("{}".into()) };
    Json::parse(text.unescaped()?.into_owned().into()).filter(Json::is_object)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    image_url: Option<ImageUrl<'a>>,
    #[serde(borrow, default)]
    file: Option<File<'a>>,
    #[serde(borrow, default)]
    input_audio: Raw<'a>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow, default)]
    detail: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow, default)]
    filename: Option<Text<'a>>,
    #[serde(borrow, default)]
    file_data: Option<Text<'a>>,
    #[serde(borrow, default)]
    file_id: Raw<'a>,
}

fn content<'a>(raw: &'a RawValue, dropped: &mut Vec<&'static str>) -> Result<Vec<Block<'a>>, Obstacle> {
    match text_or_list("messages[].content", raw)? {
        TextOr::Text(text) if text.is_empty() => Ok(Vec::new()),
        TextOr::Text(text) => Ok(vec![Block::Text(text)]),
        TextOr::List(parts) => parts.into_iter().map(|part| block(part, dropped)).collect(),
    }
}

fn block<'a>(raw: &'a RawValue, dropped: &mut Vec<&'static str>) -> Result<Block<'a>, Obstacle> {
    let part: Part<'a> = parse("messages[].content[]", raw.get())?;
    refuse(OTHER, &[("messages[].content[].input_audio", part.input_audio)])?;
    drop_named(dropped, &[("cache_control", part.cache_control)]);
    let kind = part.kind.clone();
    match (kind.escaped(), part) {
        ("text", Part { text: Some(text), .. }) => Ok(Block::Text(text)),
        ("refusal", Part { refusal: Some(refusal), .. }) => Ok(Block::Refusal(refusal)),
        ("image_url", Part { image_url: Some(image), .. }) => {
            if image.detail.is_some() {
                note(dropped, "image_url.detail");
            }
            media("messages[].content[].image_url.url", image.url).map(Block::Image)
        }
        ("file", Part { file: Some(File { filename, file_data: Some(data), file_id: None }), .. }) => {
            Ok(Block::Document(media("messages[].content[].file.file_data", data)?, filename))
        }
        (kind, _) => Err(Obstacle::new(
            "messages[].content[]",
            format!("a part of the type `{kind}` has no counterpart in other dialects"),
        )),
    }
}
