//! Translation across dialects, through the hub: a request for one provider's API served by another's model. No I/O, no
//! prices, no policy; who is asked is the caller's business.
//!
//! A spoke is a file with the same verbs in the same order: `read_request`, `write_request`, `read_answer`, `write_answer`,
//! and for streams a `Reader` (events in, steps out) and a `Writer` (steps in, events out). Errors cross in `error.rs`
//! beside this folder: they have one shape for all.

mod anthropic;
mod chat;
mod hub;
mod stream;
mod text;

use bytes::Bytes;

pub use hub::Obstacle;
pub use stream::StreamCrossing;

use super::answer::Malformed;
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
}

/// Translates a request, or says what is in the way. Requests of the same dialect are never sent through here.
pub fn cross_request(origin: &Origin<'_>, to: &Destination<'_>) -> Result<Crossed, Obstacle> {
    todo!()
}

/// Translates a whole answer of status 200 that `read_answer` found good.
pub fn cross_answer(from: Dialect, asker: Asker, body: &[u8]) -> Result<Bytes, Malformed> {
    todo!()
}
