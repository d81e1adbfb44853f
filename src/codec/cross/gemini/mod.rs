//! The spoke of Google's Gemini, v1 and v1beta, which are the same on the wire as far as translation goes.
//!
//! Gemini matches the results of a tool by its name and their order, and older models give calls no ids, so ids are made here and
//! the client's own are looked up in the conversation.

mod answer;
mod contents;
mod read;
mod schema;
mod stream;
mod write;

pub(super) use answer::{read_answer, write_answer};
pub(super) use read::read_request;
pub(super) use schema::json_schema;
pub(super) use stream::{Reader, Teller};
pub(super) use write::write_request;

use super::hub::Obstacle;

/// What stands for the signature of a call that another model made, or whose signature no other dialect could carry: newer
/// models refuse a call without one (ai.google.dev/gemini-api/docs/thought-signatures, "FAQs").
const UNSIGNED: &str = "skip_thought_signature_validator";

/// What an obstacle is about, as this dialect's clients write it.
pub(super) fn in_own_words(obstacle: Obstacle) -> Obstacle {
    obstacle.named(&[
        ("messages[].content", "contents[].parts"),
        ("messages", "contents"),
        ("response_format", "generationConfig.responseMimeType"),
        ("reasoning_effort", "generationConfig.thinkingConfig"),
        ("output_config.effort", "generationConfig.thinkingConfig"),
        ("presence_penalty", "generationConfig.presencePenalty"),
        ("frequency_penalty", "generationConfig.frequencyPenalty"),
        ("top_k", "generationConfig.topK"),
        ("seed", "generationConfig.seed"),
        ("temperature", "generationConfig.temperature"),
        ("stop_sequences", "generationConfig.stopSequences"),
    ])
}

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod tests;
