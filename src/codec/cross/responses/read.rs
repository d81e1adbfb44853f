//! Requests of Responses into the hub: all but the conversation.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::input;
use crate::codec::cross::Origin;
use crate::codec::cross::fields::{
    Raw, body_text, count, drop_named, effort, flag, list, misfit, note, number, object, parse, refuse, text,
};
use crate::codec::cross::hub::{OTHER, Obstacle, Prompt, ToolSpec};
use crate::codec::cross::openai::{self, FormatPlace, Schema};
use crate::codec::cross::text::Text;

/// What a client asks to be given beside the answer, and no other dialect seals.
const SEALED_REASONING: &str = "reasoning.encrypted_content";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(borrow, rename = "model")]
    _model: Raw<'a>,
    #[serde(borrow)]
    input: Raw<'a>,
    #[serde(borrow)]
    instructions: Raw<'a>,
    #[serde(borrow)]
    stream: Raw<'a>,
    #[serde(borrow)]
    stream_options: Raw<'a>,
    #[serde(borrow)]
    max_output_tokens: Raw<'a>,
    #[serde(borrow)]
    temperature: Raw<'a>,
    #[serde(borrow)]
    top_p: Raw<'a>,
    #[serde(borrow)]
    tools: Raw<'a>,
    #[serde(borrow)]
    tool_choice: Raw<'a>,
    #[serde(borrow)]
    parallel_tool_calls: Raw<'a>,
    #[serde(borrow)]
    max_tool_calls: Raw<'a>,
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    reasoning: Raw<'a>,
    #[serde(borrow)]
    include: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    truncation: Raw<'a>,
    #[serde(borrow)]
    background: Raw<'a>,
    #[serde(borrow)]
    store: Raw<'a>,
    #[serde(borrow)]
    previous_response_id: Raw<'a>,
    #[serde(borrow)]
    conversation: Raw<'a>,
    #[serde(borrow)]
    context_management: Raw<'a>,
    #[serde(borrow)]
    prompt: Raw<'a>,
    #[serde(borrow)]
    top_logprobs: Raw<'a>,
    #[serde(borrow)]
    service_tier: Raw<'a>,
    #[serde(borrow)]
    user: Raw<'a>,
    #[serde(borrow)]
    safety_identifier: Raw<'a>,
    #[serde(borrow)]
    metadata: Raw<'a>,
    #[serde(borrow)]
    client_metadata: Raw<'a>,
    #[serde(borrow)]
    prompt_cache_key: Raw<'a>,
    #[serde(borrow)]
    prompt_cache_retention: Raw<'a>,
}

/// Reads a request.
pub(in crate::codec::cross) fn read_request<'a>(origin: &Origin<'a>) -> Result<Prompt<'a>, Obstacle> {
    let request: Request<'a> =
        serde_json::from_str(body_text(origin.body)?).map_err(|error| misfit("", &error))?;
    let mut prompt = Prompt::default();
    keeps_nothing(&request)?;
    without_counterpart(&request)?;
    bookkeeping(&request, &mut prompt)?;
    settings(&request, &mut prompt)?;
    tools(&request, &mut prompt)?;
    if let Some(raw) = request.text {
        form(raw, &mut prompt)?;
    }
    let instructions = text("instructions", request.instructions)?;
    prompt.system.extend(instructions.filter(|text| !text.is_empty()));
    if let Some(raw) = request.input {
        input::read(raw, &mut prompt)?;
    }
    Ok(prompt)
}

/// An answer is kept by the provider unless the client says otherwise, and a later request may go on from it; nobody
/// else keeps it.
fn keeps_nothing(request: &Request<'_>) -> Result<(), Obstacle> {
    refuse(
        OTHER,
        &[
            ("previous_response_id", request.previous_response_id),
            ("conversation", request.conversation),
            ("prompt", request.prompt),
            ("background", request.background.filter(|raw| raw.get() != "false")),
        ],
    )?;
    if flag("store", request.store)? == Some(false) {
        return Ok(());
    }
    Err(Obstacle::new(
        "store",
        "the answer would have to be kept, as this API does unless told otherwise, and other dialects keep none: send \
         `store: false` and the whole conversation with every request",
    ))
}

fn without_counterpart(request: &Request<'_>) -> Result<(), Obstacle> {
    let unless = |raw: Raw<'_>, usual: &[&str]| raw.is_some_and(|raw| !usual.contains(&raw.get()));
    let fields = [
        ("context_management", request.context_management, &[][..]),
        ("max_tool_calls", request.max_tool_calls, &[]),
        ("truncation", request.truncation, &[r#""disabled""#]),
        ("top_logprobs", request.top_logprobs, &["0"]),
        ("service_tier", request.service_tier, &[r#""auto""#, r#""default""#]),
    ];
    match fields.into_iter().find(|(_, raw, usual)| unless(*raw, usual)) {
        None => Ok(()),
        Some((param, ..)) => Err(Obstacle::field(param, OTHER)),
    }
}

fn bookkeeping<'a>(request: &Request<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct StreamOptions<'a> {
        #[serde(borrow)]
        include_obfuscation: Raw<'a>,
    }
    openai::user(request.safety_identifier, request.user, prompt)?;
    let dropped = &mut prompt.dropped;
    if let Some(raw) = request.stream_options {
        let options: StreamOptions<'_> = parse("stream_options", raw.get())?;
        drop_named(dropped, &[("stream_options.include_obfuscation", options.include_obfuscation)]);
    }
    for wanted in request.include.iter().flatten() {
        if wanted.escaped() != SEALED_REASONING {
            return Err(Obstacle::field("include", OTHER));
        }
        note(dropped, "include");
    }
    drop_named(
        dropped,
        &[
            ("metadata", request.metadata),
            ("client_metadata", request.client_metadata),
            ("prompt_cache_key", request.prompt_cache_key),
            ("prompt_cache_retention", request.prompt_cache_retention),
            ("service_tier", request.service_tier),
        ],
    );
    Ok(())
}

fn settings<'a>(request: &Request<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Reasoning<'a> {
        #[serde(borrow)]
        effort: Raw<'a>,
        #[serde(borrow)]
        summary: Raw<'a>,
        #[serde(borrow)]
        generate_summary: Raw<'a>,
    }
    prompt.stream = flag("stream", request.stream)?.unwrap_or(false);
    // The last event always says it.
    prompt.usage_in_stream = true;
    prompt.max_output_tokens = count("max_output_tokens", request.max_output_tokens)?;
    prompt.temperature = number("temperature", request.temperature)?;
    prompt.top_p = number("top_p", request.top_p)?;
    let Some(raw) = request.reasoning else { return Ok(()) };
    let reasoning: Reasoning<'_> = parse("reasoning", raw.get())?;
    let shown = reasoning.summary.or(reasoning.generate_summary);
    drop_named(&mut prompt.dropped, &[("reasoning.summary", shown)]);
    prompt.effort = effort("reasoning.effort", reasoning.effort)?;
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Raw<'a>,
    #[serde(borrow)]
    strict: Raw<'a>,
}

fn tools<'a>(request: &Request<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let all = match request.tools {
        Some(raw) => list("tools", raw, tool)?,
        None => Vec::new(),
    };
    for tool in all {
        own(&tool.kind)?;
        prompt.tools.push(ToolSpec {
            name: tool.name,
            description: tool.description,
            schema: tool.parameters.map(|raw| object("tools[].parameters", raw)).transpose()?,
            strict: flag("tools[].strict", tool.strict)?,
        });
    }
    prompt.parallel_tools = flag("parallel_tool_calls", request.parallel_tool_calls)?;
    prompt.tool_choice = request.tool_choice.map(|raw| openai::tool_choice(raw, named)).transpose()?;
    Ok(())
}

/// The client's own tools can be translated; the provider's have fields of their own, and are told by their type.
fn tool(raw: &RawValue) -> Result<Tool<'_>, Obstacle> {
    #[derive(Deserialize)]
    struct Kinded<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    let Kinded { kind } = parse("tools[]", raw.get())?;
    own(&kind)?;
    parse("tools[]", raw.get())
}

fn own(kind: &Text<'_>) -> Result<(), Obstacle> {
    if kind.escaped() == "function" {
        return Ok(());
    }
    let message = format!("tools of the type `{}` exist in the OpenAI dialect only", kind.escaped());
    Err(Obstacle::new("tools[].type", message))
}

fn named(choice: &str) -> Result<Text<'_>, Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow)]
        name: Text<'a>,
    }
    match parse("tool_choice", choice)? {
        Named { kind, name } if kind.escaped() == "function" => Ok(name),
        Named { .. } => Err(Obstacle::field("tool_choice", OTHER)),
    }
}

/// The form of the answer's text, and how much of it there is to be.
fn form<'a>(raw: &'a RawValue, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form<'a> {
        #[serde(borrow)]
        format: Raw<'a>,
        #[serde(borrow)]
        verbosity: Raw<'a>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow)]
        name: Option<Text<'a>>,
        #[serde(borrow)]
        description: Raw<'a>,
        #[serde(borrow)]
        schema: Raw<'a>,
        #[serde(borrow)]
        strict: Raw<'a>,
    }
    const PLACE: FormatPlace = FormatPlace {
        whole: "text.format",
        schema: "text.format.schema",
        strict: "text.format.strict",
        description: "text.format.description",
    };
    let form: Form<'a> = parse("text", raw.get())?;
    prompt.verbosity = openai::verbosity("text.verbosity", form.verbosity)?;
    let Some(raw) = form.format else { return Ok(()) };
    let Wanted { kind, name, description, schema, strict } = parse(PLACE.whole, raw.get())?;
    let schema = schema.map(|raw| Schema { name, description, schema: Some(raw), strict });
    prompt.format = openai::format(&PLACE, &kind, schema, &mut prompt.dropped)?;
    Ok(())
}
