//! Requests of Messages into the hub.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::cross::Origin;
use crate::codec::cross::fields::{
    self, Raw, body_text, content, count, drop_named, effort, flag, given, list, misfit, note, number,
    object, parse, refuse, text,
};
use crate::codec::cross::hub::{
    Block, Call, CallResult, Format, Media, Message, OTHER, Obstacle, Prompt, Speaker, ToolChoice, ToolSpec,
};
use crate::codec::cross::text::Text;

/// A request, whose messages are read at once or looked at one by one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "M: Deserialize<'de>"))]
struct Request<'a, M = Turn<'a>> {
    #[serde(borrow, default, rename = "model")]
    _model: Raw<'a>,
    #[serde(default = "Vec::new")]
    messages: Vec<M>,
    #[serde(borrow, default)]
    max_tokens: Raw<'a>,
    #[serde(borrow, default)]
    system: Raw<'a>,
    #[serde(borrow, default)]
    stream: Raw<'a>,
    #[serde(borrow, default)]
    temperature: Raw<'a>,
    #[serde(borrow, default)]
    top_p: Raw<'a>,
    #[serde(borrow, default)]
    top_k: Raw<'a>,
    #[serde(borrow, default)]
    stop_sequences: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    tools: Raw<'a>,
    #[serde(borrow, default)]
    tool_choice: Raw<'a>,
    #[serde(borrow, default)]
    thinking: Raw<'a>,
    #[serde(borrow, default)]
    output_config: Raw<'a>,
    #[serde(borrow, default)]
    output_format: Raw<'a>,
    #[serde(borrow, default)]
    metadata: Raw<'a>,
    #[serde(borrow, default)]
    service_tier: Raw<'a>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
    #[serde(borrow, default)]
    diagnostics: Raw<'a>,
    #[serde(borrow, default)]
    container: Raw<'a>,
    #[serde(borrow, default)]
    mcp_servers: Raw<'a>,
    #[serde(borrow, default)]
    context_management: Raw<'a>,
    #[serde(borrow, default)]
    speed: Raw<'a>,
    #[serde(borrow, default)]
    inference_geo: Raw<'a>,
}

/// Reads a request.
pub(in crate::codec::cross) fn read_request<'a>(origin: &Origin<'a>) -> Result<Prompt<'a>, Obstacle> {
    let body = body_text(origin.body)?;
    let request: Request<'a> = serde_json::from_str(body).map_err(|error| misplaced(body, &error))?;
    let mut prompt = Prompt::default();
    refuse(
        OTHER,
        &[
            ("container", request.container),
            ("mcp_servers", request.mcp_servers.filter(|raw| raw.get() != "[]")),
            ("speed", request.speed),
            ("inference_geo", request.inference_geo),
            ("service_tier", request.service_tier.filter(|raw| raw.get() != r#""auto""#)),
        ],
    )?;
    edits(request.context_management)?;
    let dropped = [
        ("cache_control", request.cache_control),
        ("diagnostics", request.diagnostics),
        ("context_management", request.context_management),
    ];
    drop_named(&mut prompt.dropped, &dropped);
    settings(&request, &mut prompt)?;
    output(&request, &mut prompt)?;
    if let Some(raw) = request.system {
        prompt.system = texts("system", raw, &mut prompt.dropped)?;
    }
    if let Some(raw) = request.tools {
        for tool in list("tools", raw, tool)? {
            let spec = declared(tool, &mut prompt.dropped)?;
            prompt.tools.push(spec);
        }
    }
    if let Some(raw) = request.tool_choice {
        tool_choice(raw, &mut prompt)?;
    }
    prompt.messages.reserve(request.messages.len());
    for turn in request.messages {
        message(turn, &mut prompt)?;
    }
    Ok(prompt)
}

fn misplaced(body: &str, error: &serde_json::Error) -> Obstacle {
    match serde_json::from_str::<Request<'_, &RawValue>>(body) {
        Ok(request) => fields::misplaced::<Turn<'_>>("messages[]", request.messages, error),
        Err(error) => misfit("", &error),
    }
}

/// Edits of the conversation that the provider makes. What only clears thinking has nothing to do here, as signed thinking
/// never crosses.
fn edits(raw: Raw<'_>) -> Result<(), Obstacle> {
    #[derive(Deserialize)]
    struct Management<'a> {
        #[serde(borrow, default)]
        edits: Vec<Edit<'a>>,
    }
    #[derive(Deserialize)]
    struct Edit<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    let Some(raw) = raw else { return Ok(()) };
    let Management { edits } = parse("context_management", raw.get())?;
    match edits.iter().all(|edit| edit.kind.escaped().starts_with("clear_thinking_")) {
        true => Ok(()),
        false => Err(Obstacle::field("context_management", OTHER)),
    }
}

fn settings<'a>(request: &Request<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    prompt.stream = flag("stream", request.stream)?.unwrap_or(false);
    prompt.usage_in_stream = true;
    prompt.max_output_tokens = count("max_tokens", request.max_tokens)?;
    prompt.temperature = number("temperature", request.temperature)?;
    prompt.top_p = number("top_p", request.top_p)?;
    prompt.top_k = number("top_k", request.top_k)?;
    prompt.stop = request.stop_sequences.clone().unwrap_or_default();
    if let Some(raw) = request.metadata {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Metadata<'a> {
            #[serde(borrow, default)]
            user_id: Raw<'a>,
        }
        let metadata: Metadata<'a> = parse("metadata", raw.get())?;
        prompt.user = text("metadata.user_id", metadata.user_id)?;
    }
    Ok(())
}

/// Effort and the form of the answer, new and old spelling.
fn output<'a>(request: &Request<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    #[derive(Deserialize, Default)]
    #[serde(deny_unknown_fields)]
    struct Output<'a> {
        #[serde(borrow, default)]
        effort: Raw<'a>,
        #[serde(borrow, default)]
        format: Raw<'a>,
    }
    let output: Output<'a> = match request.output_config {
        Some(raw) => parse("output_config", raw.get())?,
        None => Output::default(),
    };
    prompt.effort = effort("output_config.effort", output.effort)?;
    if let Some(raw) = output.format.or(request.output_format) {
        prompt.format = format(raw)?;
    }
    thinking(request.thinking, prompt)
}

/// How much is thought is said by the effort; a request for thinking without one has no measure in other dialects.
fn thinking(raw: Raw<'_>, prompt: &mut Prompt<'_>) -> Result<(), Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thinking<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow, default)]
        display: Raw<'a>,
        #[serde(borrow, default, rename = "budget_tokens")]
        _budget: Raw<'a>,
    }
    let Some(raw) = raw else { return Ok(()) };
    let thinking: Thinking<'_> = parse("thinking", raw.get())?;
    drop_named(&mut prompt.dropped, &[("thinking.display", thinking.display)]);
    match (thinking.kind.escaped(), prompt.effort) {
        // Whether a model of another vendor thinks is its own affair then.
        ("disabled", None) => {
            note(&mut prompt.dropped, "thinking");
            Ok(())
        }
        ("disabled", Some(_)) => Err(Obstacle::new(
            "output_config.effort",
            "an effort without thinking has no counterpart in other dialects: send one of the two",
        )),
        ("adaptive", Some(_)) => Ok(()),
        _ => Err(Obstacle::new(
            "thinking",
            "thinking has a counterpart only where `output_config.effort` says how much: send that with `adaptive`",
        )),
    }
}

fn format(raw: &RawValue) -> Result<Format<'_>, Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct JsonSchema<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow)]
        schema: &'a RawValue,
    }
    let format: JsonSchema<'_> = parse("output_config.format", raw.get())?;
    match format.kind.escaped() {
        "json_schema" => {
            let schema = object("output_config.format.schema", format.schema)?;
            Ok(Format::Schema { name: None, schema, strict: Some(true) })
        }
        _ => Err(Obstacle::field("output_config.format", OTHER)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow, default)]
    description: Option<Text<'a>>,
    #[serde(borrow, default)]
    input_schema: Raw<'a>,
    #[serde(borrow, default)]
    strict: Raw<'a>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
    #[serde(borrow, default)]
    eager_input_streaming: Raw<'a>,
}

/// The client's own tools can be translated; the provider's have fields of their own, and are told by their type.
fn tool(raw: &RawValue) -> Result<Tool<'_>, Obstacle> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Raw<'a>,
    }
    let Kind { kind } = parse("tools[]", raw.get())?;
    own(kind)?;
    parse("tools[]", raw.get())
}

fn own(kind: Raw<'_>) -> Result<(), Obstacle> {
    let Some(kind) = kind.filter(|kind| kind.get() != r#""custom""#) else { return Ok(()) };
    let message = format!("the provider's own tool {} exists in the Anthropic dialect only", kind.get());
    Err(Obstacle::new("tools[].type", message))
}

fn declared<'a>(tool: Tool<'a>, dropped: &mut Vec<&'static str>) -> Result<ToolSpec<'a>, Obstacle> {
    own(tool.kind)?;
    let Some(schema) = tool.input_schema else {
        return Err(Obstacle::new(
            "tools[].input_schema",
            format!("the tool `{}` has no schema", tool.name.escaped()),
        ));
    };
    let bookkeeping =
        [("cache_control", tool.cache_control), ("eager_input_streaming", tool.eager_input_streaming)];
    drop_named(dropped, &bookkeeping);
    Ok(ToolSpec {
        name: tool.name,
        description: tool.description,
        schema: Some(object("tools[].input_schema", schema)?),
        strict: flag("tools[].strict", tool.strict)?,
    })
}

fn tool_choice<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Choice<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow, default)]
        name: Option<Text<'a>>,
        #[serde(borrow, default)]
        disable_parallel_tool_use: Raw<'a>,
    }
    let choice: Choice<'a> = parse("tool_choice", raw.get())?;
    prompt.tool_choice = Some(match (choice.kind.escaped(), choice.name) {
        ("auto", None) => ToolChoice::Auto,
        ("none", None) => ToolChoice::None,
        ("any", None) => ToolChoice::Any,
        ("tool", Some(name)) => ToolChoice::Named(name),
        _ => return Err(Obstacle::field("tool_choice", OTHER)),
    });
    let disabled = flag("tool_choice.disable_parallel_tool_use", choice.disable_parallel_tool_use)?;
    prompt.parallel_tools = disabled.map(|disabled| !disabled);
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    content: &'a RawValue,
}

fn message<'a>(turn: Turn<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let speaker = match turn.role.escaped() {
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        "system" => Speaker::System,
        _ => return Err(Obstacle::role("messages[].role", &turn.role)),
    };
    let blocks = content("messages[].content", turn.content, part, |part| block(part, prompt))?;
    prompt.messages.push(Message { speaker, blocks });
    Ok(())
}

/// A block as requests have them, of whatever type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    source: Raw<'a>,
    #[serde(borrow, default)]
    title: Option<Text<'a>>,
    #[serde(borrow, default)]
    context: Raw<'a>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    input: Raw<'a>,
    #[serde(borrow, default)]
    caller: Raw<'a>,
    #[serde(borrow, default)]
    tool_use_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    content: Raw<'a>,
    #[serde(borrow, default)]
    is_error: Raw<'a>,
    #[serde(borrow, default)]
    citations: Raw<'a>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
}

/// Blocks of other types have fields of their own, and are told by their type.
fn part(raw: &RawValue) -> Result<Part<'_>, Obstacle> {
    #[derive(Deserialize)]
    struct Kinded<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    let Kinded { kind } = parse("messages[].content[]", raw.get())?;
    known(&kind)?;
    parse("messages[].content[]", raw.get())
}

fn known(kind: &Text<'_>) -> Result<(), Obstacle> {
    let kind = kind.escaped();
    if matches!(kind, "text" | "image" | "document" | "tool_use" | "tool_result") {
        return Ok(());
    }
    let message =
        format!("a block of the type `{kind}` is bound to the model that wrote it or to its vendor");
    Err(Obstacle::new(format!("messages[].content[].{kind}"), message))
}

fn block<'a>(part: Part<'a>, prompt: &mut Prompt<'a>) -> Result<Block<'a>, Obstacle> {
    known(&part.kind)?;
    let bookkeeping = [("cache_control", part.cache_control), ("tool_use.caller", part.caller)];
    drop_named(&mut prompt.dropped, &bookkeeping);
    let citations =
        part.citations.filter(|raw| raw.get() != "[]" && !raw.get().contains("\"enabled\":false"));
    refuse(
        OTHER,
        &[("messages[].content[].citations", citations), ("messages[].content[].context", part.context)],
    )?;
    let incomplete = || Obstacle::new("messages[].content[]", "a block lacks what its type promises");
    let kind = part.kind.clone();
    match (kind.escaped(), part) {
        ("text", Part { text: Some(text), .. }) => Ok(Block::Text(text)),
        ("image", Part { source: Some(source), .. }) => source_of(source).map(Block::Image),
        ("document", Part { source: Some(source), title, .. }) => {
            source_of(source).map(|media| Block::Document(media, title))
        }
        ("tool_use", Part { id: Some(id), name: Some(name), input: Some(input), .. }) => {
            let arguments = object("messages[].content[].input", input)?;
            Ok(Block::Call(Call { id, name, arguments }))
        }
        ("tool_result", Part { tool_use_id: Some(id), content, is_error, .. }) => {
            let name = prompt.tool_called(&id);
            let content = content.map_or(Ok(Vec::new()), |raw| result(raw, prompt))?;
            let is_error = flag("messages[].content[].is_error", is_error)?.unwrap_or(false);
            Ok(Block::Result(CallResult { id, name, content, is_error }))
        }
        _ => Err(incomplete()),
    }
}

fn result<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<Vec<Block<'a>>, Obstacle> {
    let param = "messages[].content[].content";
    given(param, content(param, raw, part, |part| block(part, prompt))?)
}

fn source_of(raw: &RawValue) -> Result<Media<'_>, Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Source<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow, default)]
        media_type: Option<Text<'a>>,
        #[serde(borrow, default)]
        data: Option<Text<'a>>,
        #[serde(borrow, default)]
        url: Option<Text<'a>>,
        #[serde(borrow, default)]
        file_id: Raw<'a>,
        #[serde(borrow, default)]
        content: Raw<'a>,
    }
    let source: Source<'_> = parse("messages[].content[].source", raw.get())?;
    refuse(OTHER, &[("source.file_id", source.file_id), ("source.content", source.content)])?;
    match (source.kind.escaped(), source.media_type, source.data, source.url) {
        ("base64", Some(media_type), Some(base64), None) => Ok(Media::Inline { media_type, base64 }),
        ("url", None, None, Some(url)) => Ok(Media::Url(url)),
        _ => Err(Obstacle::field("messages[].content[].source", OTHER)),
    }
}

/// A text, or blocks of text.
fn texts<'a>(
    param: &str,
    raw: &'a RawValue,
    dropped: &mut Vec<&'static str>,
) -> Result<Vec<Text<'a>>, Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct TextBlock<'a> {
        #[serde(borrow, rename = "type")]
        _kind: Text<'a>,
        #[serde(borrow)]
        text: Text<'a>,
        #[serde(borrow, default)]
        cache_control: Raw<'a>,
        #[serde(borrow, default, rename = "citations")]
        _citations: Raw<'a>,
    }
    if let Some(text) = Text::of(raw) {
        return Ok(Some(text).filter(|text| !text.is_empty()).into_iter().collect());
    }
    let blocks: Vec<TextBlock<'a>> = list(param, raw, |raw| parse(param, raw.get()))?;
    blocks.iter().for_each(|block| drop_named(dropped, &[("cache_control", block.cache_control)]));
    Ok(blocks.into_iter().map(|block| block.text).collect())
}
