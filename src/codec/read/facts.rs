//! The top level of a body: the facts that both dialects share. Strict about types, because a ceiling or a stream flag
//! read wrongly is a broken promise; knows nothing of turns.

use super::walk::{Field, Json, Source, Top, fields, present, text};
use super::{ReadFaultKind, Refusal};
use crate::codec::hub::{ChatRequest, ChatView, StreamOptions};
use crate::codec::read::scan::skip_space;
use crate::types::{Capabilities, Dialect, HardMarkers, Operation};

/// A session identity longer than this is not one.
const MAX_SESSION_BYTES: usize = 1024;

/// The view with everything the top level says; turns, system and tools are still empty.
pub(super) fn view<'i>(
    (operation, named_in_path): (Operation, bool),
    source: Source<'_>,
    top: &Top<'_, 'i>,
) -> Result<ChatView<'i>, Refusal> {
    // What the body then says of it is the provider's business.
    let (model, model_span) = if named_in_path { (String::new(), 0..0) } else { model(source, top)? };
    let choices = choices(top)?;
    let request = ChatRequest {
        dialect: dialect(operation),
        operation,
        model,
        model_span,
        stream: stream(top)?,
        stream_options: stream_options(source, top)?,
        first_member: skip_space(source.body, 0) + 1,
        max_output_tokens: output_cap(top)?,
        choices,
        needs: needs(top, choices)?,
        hard_markers: hard_markers(top),
        cache_markers: [top.cache_control, top.prompt_cache_key, top.prompt_cache_retention]
            .into_iter()
            .any(|field| present(field).is_some()),
        repeats: Sampling {
            temperature: top.temperature,
            top_p: top.top_p,
            top_k: top.top_k,
            seed: top.seed,
        }
        .repeats(),
        session: session(top)?,
    };
    Ok(ChatView {
        request,
        system: Vec::new(),
        turns: Vec::new(),
        tools: Vec::new(),
        tools_bytes: 0,
        schema_bytes: 0,
        demands_call: demands_call(top)?,
    })
}

fn dialect(operation: Operation) -> Dialect {
    match operation {
        Operation::Messages | Operation::CountTokens => Dialect::Anthropic,
        Operation::GenerateContent | Operation::EmbedContent => Dialect::Gemini,
        Operation::ChatCompletions | Operation::Responses | Operation::Embeddings | Operation::Other => {
            Dialect::OpenAi
        }
    }
}

fn model(source: Source<'_>, top: &Top<'_, '_>) -> Result<(String, std::ops::Range<usize>), Refusal> {
    match top.model {
        Some(field) => match field.value.string() {
            Some("") | None => Err(Refusal::wrong_type("model", "model", field.value, "the name of a model")),
            Some(name) => Ok((name.to_owned(), source.span(field)?)),
        },
        None => Err(Refusal {
            kind: ReadFaultKind::MissingModel,
            message: "`model` is missing; name a model, or `auto` to have one chosen".to_owned(),
            param: Some("model"),
        }),
    }
}

fn stream(top: &Top<'_, '_>) -> Result<bool, Refusal> {
    flag("stream", "stream", present(top.stream))
}

fn flag(param: &'static str, place: &str, value: Option<Json<'_, '_>>) -> Result<bool, Refusal> {
    value.map_or(Ok(false), |value| {
        value.bool().ok_or_else(|| Refusal::wrong_type(param, place, value, "true or false"))
    })
}

fields!(StreamOptionFields at "in stream_options" { include_usage = "include_usage" });

fn stream_options(source: Source<'_>, top: &Top<'_, '_>) -> Result<StreamOptions, Refusal> {
    let Some(field) = top.stream_options else { return Ok(StreamOptions::Absent) };
    if !field.value.is_null() && !field.value.is_object() {
        return Err(Refusal::wrong_type("stream_options", "stream_options", field.value, "an object"));
    }
    let asked = present(StreamOptionFields::of(field.value)?.include_usage);
    match flag("stream_options", "stream_options.include_usage", asked)? {
        true => Ok(StreamOptions::IncludeUsage),
        false => Ok(StreamOptions::Silent(source.span(field)?)),
    }
}

/// The largest cap named: when both of OpenAI's keys stand there, the ceiling must hold for either.
fn output_cap(top: &Top<'_, '_>) -> Result<Option<u32>, Refusal> {
    let named = [
        ("max_tokens", top.max_tokens),
        ("max_completion_tokens", top.max_completion_tokens),
        ("max_output_tokens", top.max_output_tokens),
    ];
    let mut cap = None;
    for (key, field) in named {
        cap = cap.max(integer(key, field)?);
    }
    Ok(cap)
}

fn integer(key: &'static str, field: Option<Field<'_, '_>>) -> Result<Option<u32>, Refusal> {
    let Some(value) = present(field) else { return Ok(None) };
    match value.count() {
        Some(count) => Ok(Some(u32::try_from(count).unwrap_or(u32::MAX))),
        None => Err(Refusal::wrong_type(key, key, value, "an integer of 0 or more")),
    }
}

fn choices(top: &Top<'_, '_>) -> Result<u32, Refusal> {
    match (integer("n", top.n)?, top.n) {
        (Some(0), Some(field)) => Err(Refusal::wrong_type("n", "n", field.value, "an integer of 1 or more")),
        (choices, _) => Ok(choices.unwrap_or(1)),
    }
}

fn needs(top: &Top<'_, '_>, choices: u32) -> Result<Capabilities, Refusal> {
    let any = |fields: &[Option<Field<'_, '_>>]| fields.iter().any(|field| present(*field).is_some());
    let asked = [
        (Capabilities::MULTIPLE_CHOICES, choices > 1),
        (Capabilities::SAMPLING, any(&[top.temperature, top.top_p, top.top_k])),
        (Capabilities::LOGPROBS, logprobs(top)),
        (Capabilities::AUDIO, any(&[top.audio]) || speaks(top)),
        (Capabilities::THINKING, thinks(top)?),
    ];
    let asked = asked.into_iter().filter(|(_, asked)| *asked);
    Ok(asked.fold(Capabilities::default(), |all, (one, _)| all.with(one)))
}

/// How the next token is drawn.
pub(super) struct Sampling<'t, 'i> {
    pub(super) temperature: Option<Field<'t, 'i>>,
    pub(super) top_p: Option<Field<'t, 'i>>,
    pub(super) top_k: Option<Field<'t, 'i>>,
    pub(super) seed: Option<Field<'t, 'i>>,
}

/// Below this temperature, and this share of the likely tokens, answers hardly differ: self-consistency was shown to work from 0.3
/// on (Wang et al. 2022, arXiv 2203.11171, section 3.5).
const LEAST_DIVERSE: f64 = 0.3;

impl Sampling<'_, '_> {
    /// Whether one model's answers are much alike, so that they say the same whether it is right or not.
    pub(super) fn repeats(&self) -> bool {
        let narrow = |field| present(field).and_then(Json::number).is_some_and(|value| value < LEAST_DIVERSE);
        let greedy = present(self.top_k).and_then(Json::count) == Some(1);
        narrow(self.temperature) || narrow(self.top_p) || greedy || present(self.seed).is_some()
    }
}

fn logprobs(top: &Top<'_, '_>) -> bool {
    let asked = present(top.logprobs).is_some_and(|value| value.bool() != Some(false));
    asked || present(top.top_logprobs).is_some_and(|value| value.count() != Some(0))
}

fn speaks(top: &Top<'_, '_>) -> bool {
    present(top.modalities).is_some_and(|list| list.elements().any(|word| word.string() == Some("audio")))
}

fields!(EffortFields at "in output_config" { effort = "effort" });
fields!(ThinkingFields at "in thinking" { kind = "type" });

/// Reasoning asked for in any of its spellings; what these fields may hold is the provider's to judge.
fn thinks(top: &Top<'_, '_>) -> Result<bool, Refusal> {
    let named = |value: Json<'_, '_>| value.string() != Some("none");
    let mut thinks = present(top.reasoning_effort).is_some_and(named);
    for settings in [top.reasoning, top.output_config] {
        if let Some(value) = present(settings) {
            thinks |= present(EffortFields::of(value)?.effort).is_some_and(named);
        }
    }
    if let Some(value) = present(top.thinking) {
        thinks |= text(ThinkingFields::of(value)?.kind).is_some_and(|kind| kind != "disabled");
    }
    Ok(thinks)
}

fields!(ToolChoice at "in tool_choice" { kind = "type", mode = "mode", allowed = "allowed_tools" });
fields!(AllowedTools at "in tool_choice.allowed_tools" { mode = "mode" });
fields!(ToolConfig at "in toolConfig" { calling = "functionCallingConfig", calling_ = "function_calling_config" });
fields!(Calling at "in toolConfig.functionCallingConfig" { mode = "mode" });

/// Whether a tool must be called, in any of the dialects' spellings; what else may stand there is the provider's to judge.
fn demands_call(top: &Top<'_, '_>) -> Result<bool, Refusal> {
    let mut demands = false;
    if let Some(choice) = present(top.tool_choice) {
        let kind = match choice.string() {
            Some(word) => Some(word),
            None => chosen(ToolChoice::of(choice)?)?,
        };
        demands |= matches!(kind, Some("required" | "any" | "tool" | "function" | "custom"));
    }
    for config in [top.tool_config, top.tool_config_].into_iter().filter_map(present) {
        let config = ToolConfig::of(config)?;
        for calling in [config.calling, config.calling_].into_iter().filter_map(present) {
            demands |= text(Calling::of(calling)?.mode) == Some("ANY");
        }
    }
    Ok(demands)
}

/// The word of a choice that is an object; of OpenAI's list of allowed tools that is its mode, beside the list in Responses and
/// around it in Chat.
fn chosen<'v>(choice: ToolChoice<'v, '_>) -> Result<Option<&'v str>, Refusal> {
    if text(choice.kind) != Some("allowed_tools") {
        return Ok(text(choice.kind));
    }
    let around = present(choice.allowed).map(AllowedTools::of).transpose()?;
    Ok(text(choice.mode).or(around.and_then(|allowed| text(allowed.mode))))
}

fn hard_markers(top: &Top<'_, '_>) -> HardMarkers {
    let mut markers = HardMarkers::default();
    if present(top.previous_response_id).or(present(top.conversation)).is_some() {
        markers = markers.with(HardMarkers::STORED_REFERENCE);
    }
    if present(top.container).is_some() || present(top.mcp_servers).is_some_and(|servers| servers.len() > 0) {
        markers = markers.with(HardMarkers::ACCOUNT_OBJECT);
    }
    markers
}

fields!(MetadataFields at "in metadata" { user_id = "user_id" });

/// `prompt_cache_key`, else `metadata.user_id`; of Claude Code's JSON in the latter only its session.
fn session(top: &Top<'_, '_>) -> Result<Option<String>, Refusal> {
    let metadata = present(top.metadata).map(MetadataFields::of).transpose()?;
    let user = metadata.and_then(|fields| text(fields.user_id)).map(session_of_user);
    let session = text(top.prompt_cache_key).map(str::to_owned).or(user);
    Ok(session.filter(|session| !session.is_empty() && session.len() <= MAX_SESSION_BYTES))
}

fn session_of_user(user: &str) -> String {
    #[derive(serde::Deserialize)]
    struct User {
        session_id: String,
    }
    let parsed = user.starts_with('{').then(|| serde_json::from_str::<User>(user).ok()).flatten();
    parsed.map_or_else(|| user.to_owned(), |user| user.session_id)
}
