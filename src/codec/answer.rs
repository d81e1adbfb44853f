//! Whole answers: usage, finish, whether there is content, and errors in the clothes of a success. Reads only what
//! accounting and validation need; never changes an answer.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::error::{ErrorField, ProviderError, understand};
use super::read::scan::{Members, skip_space, value_end};
use super::usage::{AnthropicUsage, GeminiUsage, OpenAiUsage};
use super::vectors::{Embeddings, GeminiEmbeddings};
use crate::types::{Dialect, Operation, Usage};

/// What a whole answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The provider's count, when it gives one.
    pub usage: Option<Usage>,
    /// Why it ended.
    pub finish: Option<Finish>,
    /// Whether it holds text, a tool call or a refusal. True where this operation's content is not looked at.
    pub has_content: bool,
    /// The model that answered, in the provider's words.
    pub model: Option<String>,
    /// Bytes of text, reasoning and tool arguments, for an estimate where usage is missing.
    pub output_bytes: u64,
    /// An error in an answer of status 200.
    pub error: Option<ProviderError>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It was complete.
    Stop,
    /// The output cap or the context window cut it.
    Length,
    /// It calls tools.
    ToolCalls,
    /// A filter or a refusal ended it.
    ContentFilter,
    /// Anything else.
    Other,
}

impl Finish {
    /// From the words of any dialect: their sets do not contradict each other.
    pub(super) fn parse(word: &str) -> Self {
        match word {
            "stop" | "end_turn" | "stop_sequence" | "STOP" | "completed" => Self::Stop,
            "length"
            | "max_tokens"
            | "model_context_window_exceeded"
            | "MAX_TOKENS"
            | "max_output_tokens" => Self::Length,
            "tool_calls" | "function_call" | "tool_use" => Self::ToolCalls,
            "content_filter" | "refusal" | "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT"
            | "SPII" => Self::ContentFilter,
            _ => Self::Other,
        }
    }
}

/// The answer is not what its dialect promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub message: String,
}

impl Malformed {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Reads a whole answer of status 2xx.
pub fn read_answer(dialect: Dialect, operation: Operation, body: &[u8]) -> Result<Answer, Malformed> {
    match (dialect, operation) {
        (Dialect::OpenAi, Operation::ChatCompletions) => parse::<Chat<'_>>(body)?.answer(),
        (Dialect::OpenAi, Operation::Responses) => parse::<Response<'_>>(body)?.answer(),
        (Dialect::OpenAi, Operation::Embeddings) => parse::<Embeddings>(body)?.answer(),
        (Dialect::Anthropic, Operation::Messages) => parse::<Message<'_>>(body)?.answer(),
        (Dialect::Gemini, Operation::EmbedContent) => parse::<GeminiEmbeddings>(body)?.answer(),
        (Dialect::Gemini, Operation::GenerateContent) => parse::<GeminiAnswer<'_>>(body)?.answer(),
        _ => Ok(Answer { has_content: !body.is_empty(), ..Answer::default() }),
    }
}

/// The usage of a whole answer and nothing else of it, for answers that are only accounted. `None`: it has none, or is
/// not as its dialect has it; `read_answer` tells which.
pub fn read_usage(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    let key = usage_key(dialect);
    // Passing over the other members costs a fraction of parsing them.
    let mut members = Members::of(body, skip_space(body, 0)).map_while(Result::ok);
    usage_of(dialect, &body[members.find(|member| &body[member.key.clone()] == key)?.value])
}

fn usage_key(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::OpenAi | Dialect::Anthropic => b"\"usage\"",
        Dialect::Gemini => b"\"usageMetadata\"",
    }
}

fn usage_of(dialect: Dialect, object: &[u8]) -> Option<Usage> {
    Some(match dialect {
        Dialect::OpenAi => parse::<OpenAiUsage>(object).ok()?.usage(),
        Dialect::Anthropic => parse::<AnthropicUsage>(object).ok()?.usage(),
        Dialect::Gemini => parse::<GeminiUsage>(object).ok()?.usage(),
    })
}

/// Usage of an answer that passed unread, whole or streamed; the bytes may be the tail of a longer one.
pub fn visible_usage(dialect: Dialect, operation: Operation, body: &[u8]) -> Option<Usage> {
    if let Ok(answer) = read_answer(dialect, operation, body) {
        return answer.usage;
    }
    if let Some(usage) = usage_in_tail(dialect, body) {
        return Some(usage);
    }
    // Of a stream the last event that counts is the closing one.
    let lines = body.split(|byte| *byte == b'\n').rev();
    let counted = lines.filter(|line| memchr::memmem::find(line, b"sage").is_some());
    counted.filter_map(|line| line.strip_prefix(b"data:")).find_map(|data| {
        let wrapped: Option<&RawValue> = serde_json::from_slice::<Completed<'_>>(data).ok()?.response;
        let answer = wrapped.map_or(data, |response| response.get().as_bytes());
        read_answer(dialect, operation, answer).ok()?.usage
    })
}

/// The usage of a whole answer of which only the tail was kept; it stands at the end where there is one. A quote inside a
/// text is escaped, so a key that reads like this is a key.
fn usage_in_tail(dialect: Dialect, tail: &[u8]) -> Option<Usage> {
    if !tail.trim_ascii_end().ends_with(b"}") {
        return None;
    }
    let key = usage_key(dialect);
    let colon = skip_space(tail, memchr::memmem::rfind(tail, key)? + key.len());
    let begin = skip_space(tail, (tail.get(colon) == Some(&b':')).then_some(colon + 1)?);
    usage_of(dialect, &tail[begin..value_end(tail, begin)?])
}

/// A Responses event with the whole response inside.
#[derive(Deserialize)]
struct Completed<'a> {
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(body)
        .map_err(|error| Malformed::new(format!("the answer is not as its dialect has it: {error}")))
}

/// An answer that is an error; `None` when the field is absent or null.
pub(super) fn failed(dialect: Dialect, error: Option<ErrorField>) -> Option<Answer> {
    let error = Some(understand(dialect, None, error?));
    Some(Answer { error, ..Answer::default() })
}

/// A text as it stands on the wire, so that lone surrogates do not make an answer unreadable.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// Bytes between the quotes of a text; 0 for null and for anything that is no text.
pub(super) fn text_bytes(raw: Raw<'_>) -> u64 {
    let text = raw.map_or("", RawValue::get);
    if text.starts_with('"') { text.len() as u64 - 2 } else { 0 }
}

/// Bytes of a value as written; a text without its quotes.
pub(super) fn value_bytes(raw: Raw<'_>) -> u64 {
    raw.map_or(
        0,
        |raw| if raw.get().starts_with('"') { text_bytes(Some(raw)) } else { raw.get().len() as u64 },
    )
}

#[derive(Deserialize)]
struct Chat<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    usage: Option<OpenAiUsage>,
    model: Option<String>,
    error: Option<ErrorField>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Option<ChatMessage<'a>>,
    finish_reason: Option<String>,
}

/// What a chat message and a delta of one share.
#[derive(Deserialize)]
pub(super) struct ChatMessage<'a> {
    #[serde(borrow)]
    pub(super) content: Raw<'a>,
    #[serde(borrow)]
    pub(super) refusal: Raw<'a>,
    #[serde(borrow)]
    pub(super) reasoning_content: Raw<'a>,
    #[serde(borrow)]
    pub(super) reasoning: Raw<'a>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Vec<ChatCall<'a>>>,
    #[serde(borrow)]
    pub(super) function_call: Option<ChatFunction<'a>>,
    pub(super) audio: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct ChatCall<'a> {
    #[serde(borrow)]
    pub(super) function: Option<ChatFunction<'a>>,
    #[serde(borrow)]
    pub(super) custom: Option<ChatFunction<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ChatFunction<'a> {
    #[serde(borrow)]
    arguments: Raw<'a>,
    #[serde(borrow)]
    input: Raw<'a>,
}

impl ChatMessage<'_> {
    /// Bytes of everything the model wrote.
    pub(super) fn output_bytes(&self) -> u64 {
        let calls = self.tool_calls.iter().flatten().flat_map(|call| [&call.function, &call.custom]);
        let functions = calls.flatten().chain(&self.function_call);
        let arguments: u64 = functions.map(|f| value_bytes(f.arguments) + value_bytes(f.input)).sum();
        let thought = text_bytes(self.reasoning_content).max(text_bytes(self.reasoning));
        value_bytes(self.content.filter(|raw| raw.get() != "null"))
            + text_bytes(self.refusal)
            + thought
            + arguments
    }

    /// Whether a caller gets anything of it: text, a refusal, audio or a tool call; reasoning alone is not an answer.
    pub(super) fn has_content(&self) -> bool {
        let parts = self.content.is_some_and(|raw| raw.get().len() > 2 && raw.get().starts_with('['));
        parts
            || text_bytes(self.content) > 0
            || text_bytes(self.refusal) > 0
            || self.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())
            || self.function_call.is_some()
            || self.audio.is_some()
    }
}

impl Chat<'_> {
    fn answer(self) -> Result<Answer, Malformed> {
        if let Some(answer) = failed(Dialect::OpenAi, self.error) {
            return Ok(answer);
        }
        let Some(choices) = self.choices else {
            return Err(Malformed::new("the answer has neither `choices` nor `error`"));
        };
        let messages = || choices.iter().filter_map(|choice| choice.message.as_ref());
        let finish = choices.iter().find_map(|choice| choice.finish_reason.as_deref());
        Ok(Answer {
            usage: self.usage.map(|usage| usage.usage()),
            finish: finish.map(Finish::parse),
            has_content: messages().any(ChatMessage::has_content),
            output_bytes: messages().map(ChatMessage::output_bytes).sum(),
            model: self.model,
            error: None,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    output: Option<Vec<ResponseItem<'a>>>,
    pub(super) usage: Option<OpenAiUsage>,
    pub(super) model: Option<String>,
    status: Option<String>,
    incomplete_details: Option<Incomplete>,
    pub(super) error: Option<ErrorField>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct ResponseItem<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    content: Option<Vec<ResponsePart<'a>>>,
    #[serde(borrow)]
    arguments: Raw<'a>,
}

#[derive(Deserialize)]
struct ResponsePart<'a> {
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    refusal: Raw<'a>,
}

impl Response<'_> {
    pub(super) fn finish(&self) -> Option<Finish> {
        let reason = self.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
        let calls = || self.output.iter().flatten().any(|item| item.kind.as_deref() == Some("function_call"));
        match self.status.as_deref()? {
            "completed" if calls() => Some(Finish::ToolCalls),
            "incomplete" => Some(reason.map_or(Finish::Other, Finish::parse)),
            "completed" | "failed" | "cancelled" => self.status.as_deref().map(Finish::parse),
            _ => None,
        }
    }

    fn answer(self) -> Result<Answer, Malformed> {
        let finish = self.finish();
        if let Some(answer) = failed(Dialect::OpenAi, self.error) {
            return Ok(answer);
        }
        let Some(output) = self.output else {
            return Err(Malformed::new("the answer has neither `output` nor `error`"));
        };
        let parts = output.iter().flat_map(|item| item.content.iter().flatten());
        let said: u64 = parts.map(|part| text_bytes(part.text) + text_bytes(part.refusal)).sum();
        let arguments: u64 = output.iter().map(|item| text_bytes(item.arguments)).sum();
        let calls =
            output.iter().any(|item| item.kind.as_deref().is_some_and(|kind| kind.ends_with("_call")));
        Ok(Answer {
            usage: self.usage.map(|usage| usage.usage()),
            finish,
            has_content: said > 0 || calls,
            output_bytes: said + arguments,
            model: self.model,
            error: None,
        })
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Vec<Block<'a>>>,
    stop_reason: Option<String>,
    usage: Option<AnthropicUsage>,
    model: Option<String>,
    error: Option<ErrorField>,
}

/// A content block, whole or as a stream starts it.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    thinking: Raw<'a>,
    #[serde(borrow)]
    input: Raw<'a>,
}

impl Block<'_> {
    /// Text or a block of another kind; thinking alone is not an answer.
    pub(super) fn has_content(&self) -> bool {
        match self.kind.as_deref() {
            Some("text") => text_bytes(self.text) > 0,
            Some("thinking" | "redacted_thinking") | None => false,
            Some(_) => true,
        }
    }

    pub(super) fn output_bytes(&self) -> u64 {
        text_bytes(self.text)
            + text_bytes(self.thinking)
            + value_bytes(self.input.filter(|raw| raw.get() != "{}"))
    }
}

impl Message<'_> {
    fn answer(self) -> Result<Answer, Malformed> {
        if let Some(answer) = failed(Dialect::Anthropic, self.error) {
            return Ok(answer);
        }
        let Some(content) = self.content else {
            return Err(Malformed::new("the answer has neither `content` nor `error`"));
        };
        Ok(Answer {
            usage: self.usage.map(|usage| usage.usage()),
            finish: self.stop_reason.as_deref().map(Finish::parse),
            has_content: content.iter().any(Block::has_content),
            output_bytes: content.iter().map(Block::output_bytes).sum(),
            model: self.model,
            error: None,
        })
    }
}

/// A whole Gemini answer, and equally one event of a stream.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GeminiAnswer<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    usage_metadata: Option<GeminiUsage>,
    model_version: Option<String>,
    prompt_feedback: Option<IgnoredAny>,
    error: Option<ErrorField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow)]
    content: Option<GeminiContent<'a>>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct GeminiContent<'a> {
    #[serde(borrow)]
    parts: Option<Vec<GeminiPart<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GeminiPart<'a> {
    #[serde(borrow)]
    text: Raw<'a>,
    thought: Option<bool>,
    #[serde(borrow)]
    function_call: Raw<'a>,
    inline_data: Option<IgnoredAny>,
}

impl GeminiAnswer<'_> {
    pub(super) fn answer(self) -> Result<Answer, Malformed> {
        if let Some(answer) = failed(Dialect::Gemini, self.error) {
            return Ok(answer);
        }
        let usage = self.usage_metadata.map(|usage| usage.usage());
        let blocked = self.prompt_feedback.is_some();
        let Some(candidates) = self.candidates else {
            let finish = blocked.then_some(Finish::ContentFilter);
            return match usage.is_some() || blocked {
                true => Ok(Answer { usage, finish, model: self.model_version, ..Answer::default() }),
                false => Err(Malformed::new("the answer has neither `candidates` nor `error`")),
            };
        };
        let contents = candidates.iter().filter_map(|candidate| candidate.content.as_ref());
        let parts: Vec<_> = contents.flat_map(|content| content.parts.iter().flatten()).collect();
        let finish = candidates.iter().find_map(|candidate| candidate.finish_reason.as_deref());
        Ok(Answer {
            usage,
            finish: finish.map(Finish::parse),
            has_content: parts.iter().any(|part| part.has_content()),
            output_bytes: parts
                .iter()
                .map(|part| text_bytes(part.text) + value_bytes(part.function_call))
                .sum(),
            model: self.model_version,
            error: None,
        })
    }
}

impl GeminiPart<'_> {
    fn has_content(&self) -> bool {
        let said = text_bytes(self.text) > 0 && self.thought != Some(true);
        said || self.function_call.is_some() || self.inline_data.is_some()
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
