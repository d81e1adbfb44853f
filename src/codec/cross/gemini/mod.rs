//! The spoke of Google's Gemini: as a provider of clients that speak another dialect.
//!
//! Gemini matches the result of a tool by its name and gives calls no ids that last, so calls are numbered here (`call_0`) and
//! the client's own ids are looked up in the conversation.

mod answer;
mod stream;
mod write;

pub(super) use answer::read_answer;
pub(super) use stream::Reader;
pub(super) use write::write_request;

#[cfg(test)]
mod tests;
