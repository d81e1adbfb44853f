//! The spoke of OpenAI's Responses: of clients only. What crosses is the part of it that keeps nothing at the provider;
//! references to what is kept there, and tools that run there, are obstacles.

mod answer;
mod input;
mod read;
mod stream;

pub(super) use answer::write_answer;
pub(super) use read::read_request;
pub(super) use stream::Teller;

use super::hub::Obstacle;

/// What an obstacle is about, as this dialect's clients write it.
pub(super) fn in_own_words(obstacle: Obstacle) -> Obstacle {
    obstacle.named(&[
        ("messages", "input"),
        ("response_format", "text.format"),
        ("reasoning_effort", "reasoning.effort"),
        ("output_config.effort", "reasoning.effort"),
        ("verbosity", "text.verbosity"),
    ])
}

#[cfg(test)]
pub(super) mod mirror;
#[cfg(test)]
mod tests;
