//! Translation across dialects, through the hub: a request for one provider's API served by another's model. No I/O, no
//! prices, no policy; who is asked is the caller's business.
//!
//! A spoke is a file with the same verbs in the same order: `read_request`, `write_request`, `read_answer`, `write_answer`,
//! and for streams a `Reader` (events in, steps out) and a `Teller` (steps in, events out).

mod anthropic;
mod chat;
mod fields;
mod gemini;
mod hub;
mod stream;
mod text;
mod told;

use bytes::Bytes;

pub use hub::Obstacle;
pub use stream::StreamCrossing;
pub use told::{Composed, Spoken, as_stream, compose, conversation, spoken, with_text};

use self::text::Writer;
use super::answer::Malformed;
use super::error;
use crate::types::{Dialect, Operation};

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
    Anthropic,
    /// Of providers only: a Gemini client's requests are not translated.
    Gemini,
}

impl Spoke {
    /// What a client speaks; `None`: an operation that is never translated.
    fn of_client(operation: Operation) -> Option<Self> {
        match operation {
            Operation::ChatCompletions => Some(Self::Chat),
            Operation::Messages => Some(Self::Anthropic),
            Operation::Responses
            | Operation::GenerateContent
            | Operation::Embeddings
            | Operation::CountTokens
            | Operation::Other => None,
        }
    }

    /// What is spoken with a provider of another dialect than the client's.
    fn of_provider(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::OpenAi => Some(Self::Chat),
            Dialect::Anthropic => Some(Self::Anthropic),
            Dialect::Gemini => Some(Self::Gemini),
        }
    }
}

/// Translates a request, or says what is in the way. Requests of the provider's own dialect are never sent through here.
pub fn cross_request(origin: &Origin<'_>, to: &Destination<'_>) -> Result<Crossed, Obstacle> {
    let (Some(from), Some(spoke)) = (Spoke::of_client(origin.operation), Spoke::of_provider(to.dialect))
    else {
        return Err(never());
    };
    let prompt = match from {
        Spoke::Chat => chat::read_request(origin)?,
        Spoke::Anthropic => anthropic::read_request(origin)?,
        Spoke::Gemini => return Err(never()),
    };
    prompt.check()?;
    match spoke {
        Spoke::Chat => chat::write_request(&prompt, to),
        Spoke::Anthropic => anthropic::write_request(&prompt, to),
        Spoke::Gemini => gemini::write_request(&prompt, to),
    }
}

fn never() -> Obstacle {
    Obstacle::new("path", "this operation is never translated; ask a provider of its own dialect")
}

/// Translates a whole answer of status 200 that `read_answer` found good.
pub fn cross_answer(from: Dialect, asker: Asker, body: &[u8]) -> Result<Bytes, Malformed> {
    let (Some(spoke), Some(to)) = (Spoke::of_provider(from), Spoke::of_client(asker.operation)) else {
        return Err(Malformed::new("this operation is never translated"));
    };
    let said = match spoke {
        Spoke::Chat => chat::read_answer(body)?,
        Spoke::Anthropic => anthropic::read_answer(body)?,
        Spoke::Gemini => gemini::read_answer(body)?,
    };
    let mut out = Writer::with_capacity(body.len() + 256);
    match to {
        Spoke::Chat => chat::write_answer(&said, asker, &mut out),
        Spoke::Anthropic => anthropic::write_answer(&said, asker, &mut out),
        Spoke::Gemini => return Err(Malformed::new("this operation is never translated")),
    }
    Ok(out.into_bytes())
}

/// A provider's error answer in the client's dialect: its message and code as they are, the type in the client's words.
pub fn cross_error(from: Dialect, to: Dialect, status: u16, body: &[u8]) -> Bytes {
    let found = error::classify(from, status, body);
    let message = if found.message.is_empty() { "the provider gave no reason" } else { &found.message };
    error::foreign_body(to, (status, &found.code, message))
}

#[cfg(test)]
mod round_tests;
#[cfg(test)]
mod tests;
