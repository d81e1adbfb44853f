//! Failures on the wire: what a provider's error means, and how our own looks in the caller's dialect. Owns the words;
//! never decides whether another target is tried, and never shows one provider's body to a caller.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::numbered::EventNumber;
use crate::types::{Dialect, FailureClass};

/// Longest message kept of a provider's error.
const MAX_MESSAGE_BYTES: usize = 512;

/// A provider's error, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// What kind of failure it is.
    pub class: FailureClass,
    /// The provider's own code or type; `http_STATUS` without one.
    pub code: String,
    /// Its message, cut to a sane length; may be empty.
    pub message: String,
    /// The top-level parameter it is about, where it says so.
    pub param: Option<String>,
    /// How long to wait, where the body says it: Gemini's has no header for it.
    pub retry_after: Option<Duration>,
}

/// The error object of all dialects: OpenAI has `code` and `type`, Anthropic `type` and an object of `details`, Gemini `code`
/// (a number), `status` and a list of `details`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorObject {
    code: Value,
    #[serde(rename = "type")]
    kind: Value,
    status: Value,
    message: Value,
    param: Value,
    details: Value,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorField,
}

/// Some compatible servers write only a text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ErrorField {
    Object(Box<ErrorObject>),
    Text(String),
}

impl ErrorField {
    fn object(self) -> ErrorObject {
        match self {
            Self::Object(object) => *object,
            Self::Text(text) => ErrorObject { message: Value::String(text), ..ErrorObject::default() },
        }
    }
}

/// How servers that check bodies with pydantic (Mistral, vLLM) refuse a member they do not know.
fn forbidden_member(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.contains("extra_forbidden"))?;
    let value: Value = serde_json::from_str(text).ok()?;
    let details = [&value["detail"], &value["message"]["detail"], &value["error"]["detail"]];
    let refused = details.into_iter().filter_map(Value::as_array).flatten();
    refused
        .filter(|detail| detail["type"] == "extra_forbidden" && detail["loc"][0] == "body")
        .find_map(|detail| detail["loc"][1].as_str().map(str::to_owned))
}

/// Understands an answer with an error status.
pub fn classify(dialect: Dialect, status: u16, body: &[u8]) -> ProviderError {
    let body = body.trim_ascii();
    // Gemini's streams wrap the error into an array
    let body = body.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(body);
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(parsed) => understand(dialect, Some(status), parsed.error),
        Err(_) => {
            if let (400 | 422, Some(member)) = (status, forbidden_member(body)) {
                let param = parameter(&Value::String(member), "").map(str::to_owned);
                let (class, code) = (FailureClass::Unsupported, "extra_forbidden".to_owned());
                return ProviderError { class, code, message: String::new(), param, retry_after: None };
            }
            let text = String::from_utf8_lossy(&body[..body.len().min(MAX_MESSAGE_BYTES)]).into_owned();
            understand(dialect, Some(status), ErrorField::Text(text))
        }
    }
}

/// Whether an error is about log probabilities. The parameter beside its message says so where there is one: a message may repeat
/// what a client wrote.
pub fn is_about_logprobs(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_MESSAGE_BYTES)]);
    let error = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(parsed) => parsed.error.object(),
        Err(_) => ErrorField::Text(text.into_owned()).object(),
    };
    let said = error.param.as_str().or(error.message.as_str()).unwrap_or_default().to_ascii_lowercase();
    said.contains("logprobs") || said.contains("log probabilities")
}

/// Understands an error object; `status` is `None` for one that came within an answer of status 200.
pub(super) fn understand(dialect: Dialect, status: Option<u16>, error: ErrorField) -> ProviderError {
    let error = error.object();
    let message = error.message.as_str().unwrap_or_default();
    let words = [&error.code, &error.kind, &error.status].map(|word| word.as_str().unwrap_or_default());
    let details = error.details.as_array().map_or(&[][..], Vec::as_slice);
    let reasons = || details.iter().find_map(|detail| detail["reason"].as_str());
    let detail = error.details.get("error_code").and_then(Value::as_str).or_else(reasons).unwrap_or_default();
    let number = error.code.as_u64().and_then(|code| u16::try_from(code).ok());
    let status = status.or(number.filter(|code| (400..600).contains(code)));
    let seen = Seen {
        dialect,
        status,
        words: [words[0], words[1], words[2], detail],
        message: message.to_ascii_lowercase(),
    };
    let class = class(&seen);
    let param = (class == FailureClass::Unsupported).then(|| parameter(&error.param, message)).flatten();
    let code = [detail, words[0], words[2], words[1]].into_iter().find(|word| is_code(word));
    ProviderError {
        class,
        code: code.map_or_else(|| format!("http_{}", status.unwrap_or(200)), str::to_owned),
        message: shorten(message).to_owned(),
        param: param.map(str::to_owned),
        retry_after: details.iter().find_map(|detail| detail["retryDelay"].as_str()).map(retry_delay),
    }
}

/// Google's `58.2s`; anything else counts as a second, as it does in a header.
fn retry_delay(text: &str) -> Duration {
    let seconds = text.strip_suffix('s').and_then(|number| number.parse::<f64>().ok());
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(Duration::from_secs(1))
}

/// Whether a provider's word is a code, which logs and errors may show, and no sentence that could repeat the prompt.
fn is_code(word: &str) -> bool {
    let of_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MAX_CODE_BYTES).contains(&word.len()) && word.bytes().all(of_code)
}

/// Longest code that is kept.
const MAX_CODE_BYTES: usize = 48;

/// The top-level parameter a refusal is about: what OpenAI puts beside its message, else the first name in quotes.
fn parameter<'a>(param: &'a Value, message: &'a str) -> Option<&'a str> {
    let quoted = || message.split(['\'', '`', '"']).nth(1);
    let name = param.as_str().or_else(quoted)?;
    let top = &name[..name.find(['.', '[']).unwrap_or(name.len())];
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!top.is_empty() && top.len() <= MAX_PARAM_BYTES && top.bytes().all(is_name)).then_some(top)
}

/// Longest name of a parameter that is kept.
const MAX_PARAM_BYTES: usize = 64;

/// What a class is told from.
struct Seen<'a> {
    dialect: Dialect,
    status: Option<u16>,
    words: [&'a str; 4],
    message: String,
}

impl Seen<'_> {
    fn word(&self, known: &[&str]) -> bool {
        self.words.iter().any(|word| known.iter().any(|known| word.eq_ignore_ascii_case(known)))
    }

    fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.message.contains(phrase))
    }

    /// Whether it says this of the account. Such words take a provider away from everybody, and a message may repeat what
    /// one caller wrote: so they count at its beginning only, unless the status is about accounts anyway.
    fn says_of_account(&self, phrases: &[&str]) -> bool {
        let about_accounts = matches!(self.status, Some(401 | 402 | 403 | 429));
        phrases.iter().any(|phrase| self.message.starts_with(phrase))
            || (about_accounts && self.says(phrases))
    }
}

/// The body's words come first, because providers reuse a status for different things (429 for an empty account, 400
/// for a long prompt, 200 for anything within a stream); the status decides the rest.
fn class(seen: &Seen<'_>) -> FailureClass {
    by_words(seen).unwrap_or_else(|| by_status(seen))
}

fn by_words(seen: &Seen<'_>) -> Option<FailureClass> {
    let client_fault = seen.status.is_none_or(|status| status < 500);
    if !client_fault {
        return seen.word(OVERLOADED_WORDS).then_some(FailureClass::Overloaded);
    }
    let table: [(FailureClass, &[&str], &[&str]); 9] = [
        (FailureClass::Billing, BILLING_WORDS, BILLING_PHRASES),
        (FailureClass::ContentFilter, FILTER_WORDS, FILTER_PHRASES),
        (FailureClass::ContextLength, CONTEXT_WORDS, CONTEXT_PHRASES),
        (FailureClass::Unsupported, &["unsupported_parameter", "unsupported_value"], UNSUPPORTED_PHRASES),
        (FailureClass::ModelGone, &["model_not_found", "model_not_available", "DeploymentNotFound"], &[]),
        (FailureClass::Overloaded, OVERLOADED_WORDS, &[]),
        (FailureClass::Overloaded, &["UNAVAILABLE"], &[]),
        (
            FailureClass::Auth,
            &["invalid_api_key", "authentication_error", "UNAUTHENTICATED", "API_KEY_INVALID"],
            &["api key not valid"],
        ),
        (FailureClass::RateLimit, &["rate_limit_error", "rate_limit_exceeded"], &[]),
    ];
    let says = |class: FailureClass, phrases: &[&str]| match class {
        FailureClass::Billing | FailureClass::Auth => seen.says_of_account(phrases),
        _ => seen.says(phrases),
    };
    let found = table.into_iter().find(|(class, words, phrases)| seen.word(words) || says(*class, phrases));
    found.map(|(class, ..)| class)
}

/// OpenAI writes the last two into streams of responses.
const OVERLOADED_WORDS: &[&str] =
    &["overloaded_error", "engine_overloaded", "server_is_overloaded", "slow_down"];

const BILLING_WORDS: &[&str] = &[
    "insufficient_quota",
    "enforced_spend_limit_reached",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "insufficient_credits",
    "insufficient_balance",
    "BILLING_DISABLED",
];
const BILLING_PHRASES: &[&str] =
    &["your credit balance is too low", "insufficient balance", "insufficient credits"];
const FILTER_WORDS: &[&str] = &[
    "content_filter",
    "content_policy_violation",
    "ResponsibleAIPolicyViolation",
    "moderation_blocked",
    "SAFETY",
];
const FILTER_PHRASES: &[&str] = &[
    "content management policy",
    "content filtering policy",
    "flagged as potentially violating",
    "usage policy",
];
const CONTEXT_WORDS: &[&str] = &["context_length_exceeded", "context_window_exceeded"];
const CONTEXT_PHRASES: &[&str] = &[
    "prompt is too long",
    "maximum context length",
    "exceeds the context window",
    "exceed context limit",
    "exceeds the maximum number of tokens allowed",
    "input is too long",
];

const UNSUPPORTED_PHRASES: &[&str] = &[
    "not supported with this model",
    "not supported by this model",
    "not supported on this model",
    "not supported for this model",
    "model does not support",
    // Anthropic's words about sampling with newer models.
    "cannot both be specified for this model",
    "is deprecated for this model",
];

fn by_status(seen: &Seen<'_>) -> FailureClass {
    match seen.status {
        Some(401 | 403) => FailureClass::Auth,
        Some(402) => FailureClass::Billing,
        Some(404) if names_a_model(seen) => FailureClass::ModelGone,
        Some(408 | 504) => FailureClass::Timeout,
        Some(429) => FailureClass::RateLimit,
        // A loop is the configuration's fault: asked again it goes round again.
        Some(508) => FailureClass::BadRequest,
        Some(529) => FailureClass::Overloaded,
        Some(503) if seen.word(&["UNAVAILABLE"]) || seen.says(&["overload", "capacity"]) => {
            FailureClass::Overloaded
        }
        Some(400..500) => FailureClass::BadRequest,
        Some(500..600) => FailureClass::ServerError,
        // an error within an answer that began well, of a kind without a word above
        _ if seen.word(&["timeout_error", "DEADLINE_EXCEEDED"]) => FailureClass::Timeout,
        _ if seen.word(&["invalid_request_error", "INVALID_ARGUMENT"]) => FailureClass::BadRequest,
        _ if seen.word(&["RESOURCE_EXHAUSTED"]) => FailureClass::RateLimit,
        None | Some(200..300) => FailureClass::ServerError,
        Some(_) => FailureClass::Malformed,
    }
}

/// A 404 about the model (and not about the path): OpenAI and its like say ``The model `NAME` does not exist``, Anthropic
/// `model: NAME`, Gemini `models/NAME is not found`.
fn names_a_model(seen: &Seen<'_>) -> bool {
    match seen.dialect {
        Dialect::OpenAi => ["the model ", "model "].iter().any(|words| seen.message.starts_with(words)),
        Dialect::Anthropic => seen.message.starts_with("model:"),
        Dialect::Gemini => seen.message.starts_with("models/"),
    }
}

fn shorten(message: &str) -> &str {
    let mut end = message.len().min(MAX_MESSAGE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

/// One attempt in the trail of an error of ours: no secrets, no provider's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptNote {
    /// The model that was tried.
    pub model: String,
    /// How it ended, in the words of `FailureClass`.
    pub outcome: String,
    /// How long it took.
    pub ms: u64,
    /// What it cost in dollars, when that is known.
    pub cost_usd: Option<String>,
}

/// An error of our own, to be written in the caller's dialect.
#[derive(Clone, Copy, Debug)]
pub struct OwnError<'a> {
    /// The type, `pointsman_…`.
    pub kind: &'a str,
    /// The stable code.
    pub code: &'a str,
    /// What happened and what would work.
    pub message: &'a str,
    /// The field or header at fault.
    pub param: Option<&'a str>,
    /// Our id of the request.
    pub request_id: &'a str,
    /// What was tried.
    pub attempts: &'a [AttemptNote],
    /// The HTTP status it goes out with.
    pub status: u16,
}

/// The body of an error answer.
pub fn error_body(dialect: Dialect, error: &OwnError<'_>) -> Bytes {
    Bytes::from(error_value(dialect, error).to_string())
}

/// A provider's error in the words of another dialect: status, the provider's code, its message.
pub(super) fn foreign_body(dialect: Dialect, (status, code, message): (u16, &str, &str)) -> Bytes {
    let value = match dialect {
        Dialect::OpenAi => json!({
            "error": { "message": message, "type": openai_type(status), "param": null, "code": code },
        }),
        Dialect::Anthropic => json!({
            "type": "error",
            "error": { "type": anthropic_type(status), "message": message, "details": { "error_code": code } },
        }),
        Dialect::Gemini => json!({
            "error": { "code": status, "message": message, "status": gemini_status(status) },
        }),
    };
    Bytes::from(value.to_string())
}

/// The error as an event within a stream, after which the stream must be ended without the dialect's finish.
pub fn error_event(dialect: Dialect, error: &OwnError<'_>) -> Bytes {
    let value = error_value(dialect, error);
    Bytes::from(match dialect {
        Dialect::OpenAi | Dialect::Gemini => format!("data: {value}\n\n"),
        Dialect::Anthropic => format!("event: error\ndata: {value}\n\n"),
    })
}

/// The same in a stream of OpenAI's responses, whose events carry their type and a number. Clients read the error either at
/// the top or below `error`, so it stands in both places.
pub fn response_error_event(number: EventNumber, error: &OwnError<'_>) -> Bytes {
    let mut value = error_value(Dialect::OpenAi, error);
    value["type"] = json!("error");
    value["sequence_number"] = json!(number.next());
    for member in ["code", "message", "param"] {
        value[member] = value["error"][member].clone();
    }
    Bytes::from(format!("event: error\ndata: {value}\n\n"))
}

fn error_value(dialect: Dialect, error: &OwnError<'_>) -> Value {
    let OwnError { kind, code, message, param, request_id, attempts, status } = *error;
    match dialect {
        Dialect::OpenAi => json!({
            "error": {
                "message": message, "type": kind, "param": param, "code": code,
                "pointsman": { "request_id": request_id, "attempts": attempts },
            },
        }),
        // SDKs map `error.type`, so it stays one of theirs; ours is in the details
        Dialect::Anthropic => json!({
            "type": "error",
            "error": { "type": anthropic_type(status), "message": message, "details": { "error_code": code } },
            "request_id": request_id,
            "pointsman": { "type": kind, "param": param, "attempts": attempts },
        }),
        Dialect::Gemini => json!({
            "error": {
                "code": status, "message": message, "status": gemini_status(status),
                "details": [{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": code,
                    "domain": kind,
                    "metadata": { "request_id": request_id, "param": param.unwrap_or_default() },
                }],
                "pointsman": { "request_id": request_id, "attempts": attempts },
            },
        }),
    }
}

fn openai_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        408 | 504 => "timeout_error",
        400..500 => "invalid_request_error",
        503 | 529 => "overloaded_error",
        _ => "api_error",
    }
}

fn gemini_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        408 => "DEADLINE_EXCEEDED",
        400..500 => "INVALID_ARGUMENT",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
