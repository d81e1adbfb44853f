//! Translation across dialects, through the hub: a request for one provider's API served by another's model. No I/O, no
//! prices, no policy; who is asked is the caller's business.
//!
//! A spoke is a file with the same verbs in the same order: `read_request`, `write_request`, `read_answer`, `write_answer`,
//! and for streams a `Reader` (events in, steps out) and a `Teller` (steps in, events out). Embeddings are no conversation: they
//! have a file of their own.

mod anthropic;
mod chat;
mod embeddings;
mod fields;
mod form;
mod gemini;
mod hub;
mod ids;
mod openai;
mod responses;
mod stream;
mod text;
mod told;

use bytes::Bytes;

pub use embeddings::cross_vectors;
pub use form::{Form, Offered, form};
pub use hub::Obstacle;
pub use stream::StreamCrossing;
pub use told::{Composed, Spoken, as_stream, compose, conversation, spoken, with_text};

use self::hub::{Prompt, Said};
use self::text::Writer;
use super::answer::Malformed;
use super::error;
use crate::types::{Dialect, FailureClass, Operation};

/// A request as the client sent it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The operation of its path.
    pub operation: Operation,
    /// Path and query: Gemini names the model and the streaming there.
    pub path: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The dialect spoken there.
    pub dialect: Dialect,
    /// What the model is called there.
    pub model: &'a str,
    /// The most output tokens the model writes: what Anthropic is asked for when the client sets no cap.
    pub max_output_tokens: u32,
    /// Whether an OpenAI-compatible server takes the output cap as `max_tokens`; OpenAI itself has renamed it.
    pub max_tokens_key: bool,
    /// Whether an OpenAI-compatible server is asked for the usage of a stream; some say it unasked and refuse the question.
    pub asks_for_usage: bool,
    /// Whether an OpenAI-compatible server takes ids of calls of nine letters and digits only.
    pub nine_letter_ids: bool,
    /// Whether an OpenAI-compatible server takes `user`.
    pub takes_user: bool,
}

/// A request in another dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossed {
    /// Path and query behind the vendor's prefix, as its own SDK writes them: `/v1/chat/completions`.
    pub path: String,
    /// The body.
    pub body: Bytes,
    /// Fields that were left out because they say nothing about the answer (cache marks, bookkeeping).
    pub dropped: Vec<&'static str>,
}

/// How the client wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The operation it called.
    pub operation: Operation,
    /// Whether its OpenAI stream shall end with usage.
    pub usage_in_stream: bool,
    /// Unix seconds, for dialects that date their answers.
    pub created: u64,
}

/// The languages of the hub. OpenAI has two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoke {
    Chat,
    /// Of clients only: what providers of OpenAI's dialect are asked across is Chat.
    Responses,
    Anthropic,
    Gemini,
}

impl Spoke {
    /// What a client speaks; `None`: an operation that is never translated.
    fn of_client(operation: Operation) -> Option<Self> {
        match operation {
            Operation::ChatCompletions => Some(Self::Chat),
            Operation::Responses => Some(Self::Responses),
            Operation::Messages => Some(Self::Anthropic),
            Operation::GenerateContent => Some(Self::Gemini),
            Operation::Embeddings | Operation::EmbedContent | Operation::CountTokens | Operation::Other => {
                None
            }
        }
    }

    /// What is spoken with a provider of another dialect than the client's.
    fn of_provider(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAi => Self::Chat,
            Dialect::Anthropic => Self::Anthropic,
            Dialect::Gemini => Self::Gemini,
        }
    }
}

/// Translates a request, or says what is in the way. Requests of the provider's own dialect are never sent through here.
pub fn cross_request(origin: &Origin<'_>, to: &Destination<'_>) -> Result<Crossed, Obstacle> {
    if origin.operation.embeds() {
        return embeddings::cross_request(origin, to);
    }
    let from = Spoke::of_client(origin.operation).ok_or_else(never)?;
    let spoke = Spoke::of_provider(to.dialect);
    let written = || {
        let prompt = read_request(from, origin)?;
        prompt.check()?;
        write_request(spoke, &prompt, to)
    };
    written().map_err(|obstacle| match from {
        Spoke::Responses => responses::in_own_words(obstacle),
        Spoke::Gemini => gemini::in_own_words(obstacle),
        Spoke::Chat | Spoke::Anthropic => obstacle,
    })
}

fn read_request<'a>(from: Spoke, origin: &Origin<'a>) -> Result<Prompt<'a>, Obstacle> {
    let prompt = match from {
        Spoke::Chat => chat::read_request(origin),
        Spoke::Responses => responses::read_request(origin),
        Spoke::Anthropic => anthropic::read_request(origin),
        Spoke::Gemini => gemini::read_request(origin),
    };
    Ok(Prompt { bytes: origin.body.len(), ..prompt? })
}

fn write_request(spoke: Spoke, prompt: &Prompt<'_>, to: &Destination<'_>) -> Result<Crossed, Obstacle> {
    match spoke {
        Spoke::Chat => chat::write_request(prompt, to),
        Spoke::Anthropic => anthropic::write_request(prompt, to),
        Spoke::Gemini => gemini::write_request(prompt, to),
        Spoke::Responses => Err(never()),
    }
}

fn never() -> Obstacle {
    Obstacle::new("path", "this operation is never translated; ask a provider of its own dialect")
}

/// Translates a whole answer of status 200 that `read_answer` found good.
pub fn cross_answer(from: Dialect, asker: Asker, body: &[u8]) -> Result<Bytes, Malformed> {
    let said = read_answer(from, body, asker.created)?;
    write_answer(&said, asker).ok_or_else(|| Malformed::new("this operation is never translated"))
}

/// `second`: when it was asked for, which tells made-up ids of calls apart.
fn read_answer(from: Dialect, body: &[u8], second: u64) -> Result<Said<'_>, Malformed> {
    match Spoke::of_provider(from) {
        Spoke::Chat => chat::read_answer(body, second),
        Spoke::Anthropic => anthropic::read_answer(body),
        Spoke::Gemini => gemini::read_answer(body, second),
        Spoke::Responses => Err(Malformed::new("no provider is asked in this dialect across others")),
    }
}

/// The answer for a client; `None` where its operation is never translated.
fn write_answer(said: &Said<'_>, asker: Asker) -> Option<Bytes> {
    let mut out = Writer::with_capacity(1024);
    match Spoke::of_client(asker.operation)? {
        Spoke::Chat => chat::write_answer(said, asker, &mut out),
        Spoke::Responses => responses::write_answer(said, asker, &mut out),
        Spoke::Anthropic => anthropic::write_answer(said, asker, &mut out),
        Spoke::Gemini => gemini::write_answer(said, asker, &mut out),
    }
    Some(out.into_bytes())
}

/// A provider's error answer in the client's dialect: its message and code as they are, the type in the client's words. What
/// clients look for by name, a prompt that is too long, is said in their name for it.
pub fn cross_error(from: Dialect, to: Dialect, status: u16, body: &[u8]) -> Bytes {
    let found = error::classify(from, status, body);
    let message = if found.message.is_empty() { "the provider gave no reason" } else { &found.message };
    match (found.class, to) {
        (FailureClass::ContextLength, Dialect::OpenAi) => {
            error::foreign_body(to, (status, "context_length_exceeded", message))
        }
        (FailureClass::ContextLength, Dialect::Anthropic) if !message.starts_with("prompt is too long") => {
            let message = format!("prompt is too long: {message}");
            error::foreign_body(to, (status, &found.code, &message))
        }
        _ => error::foreign_body(to, (status, &found.code, message)),
    }
}

#[cfg(test)]
mod round_tests;
#[cfg(test)]
mod tests;
