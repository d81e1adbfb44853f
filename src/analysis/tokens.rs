//! Estimates of input and output tokens: from bytes, without any model's vocabulary.
//!
//! The ratios for text were fitted by hand against OpenAI's public vocabularies; other providers count differently, so a
//! decision that hangs on a few per cent of tokens must leave room. Output lengths are guesses by class, not measured.

use super::cues::Cue;
use super::features::Features;
use crate::types::{AgentStep, Capabilities, TaskClass};

/// Tokens for an image: what a provider bills depends on its size in pixels, which the body does not tell cheaply.
const IMAGE: u64 = 1000;
/// Least tokens for a document; a page is 1,500 and more with the providers that read pages.
const DOCUMENT: u64 = 1500;
/// Tokens around each turn (role and separators), and around the request.
const TURN: u64 = 4;

/// Estimated input tokens.
pub(super) fn input(features: &Features) -> u32 {
    let (volume, talk) = (&features.volume, &features.talk);
    let text = |bytes: u32| u64::from(bytes);
    let texts = text(volume.plain) * 10 / 46 + text(volume.symbols) * 10 / 16 + text(volume.wide) / 3;
    let json = (text(volume.tools) + text(volume.schema) + text(volume.calls) + text(volume.unknown)) / 4;
    // Documents and audio arrive in base64 for the most part: far more bytes than tokens.
    let documents = u64::from(talk.documents) * DOCUMENT + text(volume.documents) / 40;
    let audio = text(volume.audio) / 2000;
    let rest = text(volume.thinking) / 4 + documents + audio + u64::from(talk.images) * IMAGE;
    let frame = TURN * (u64::from(talk.turns) + 1);
    u32::try_from(texts + json + rest + frame).unwrap_or(u32::MAX)
}

/// Predicted output tokens.
pub(super) fn output(features: &Features, task: TaskClass, step: AgentStep, complexity: f32) -> u32 {
    let visible = asked_length(features).unwrap_or_else(|| usual_length(features, task, step, complexity));
    let thinking = if features.needs.has(Capabilities::THINKING) { grown(500, 3000, complexity) } else { 0 };
    let predicted = visible.saturating_add(thinking).max(1);
    features.max_output_tokens.map_or(predicted, |cap| predicted.min(cap))
}

/// The length the prompt itself asks for.
fn asked_length(features: &Features) -> Option<u32> {
    match u32::from(features.prompt.asked_words) {
        0 if features.prompt_cues.of(Cue::Brief) > 0 => Some(30),
        0 => None,
        words => Some(words * 7 / 5),
    }
}

fn usual_length(features: &Features, task: TaskClass, step: AgentStep, complexity: f32) -> u32 {
    let prompt_tokens = features.prompt.bytes / 4;
    match (step, task) {
        (AgentStep::SideCall, _) => 60,
        (AgentStep::Plan | AgentStep::ToolCall | AgentStep::ToolResult, TaskClass::Agent) => {
            grown(150, 500, complexity)
        }
        (AgentStep::Synthesis | AgentStep::None, TaskClass::Agent) => grown(300, 700, complexity),
        (_, TaskClass::Code) => grown(350, 1500, complexity),
        (_, TaskClass::Math) => grown(200, 1000, complexity),
        (_, TaskClass::Extraction) => 60 + (prompt_tokens / 4).min(1500),
        (_, TaskClass::Classification) => 15,
        (_, TaskClass::Summarisation) => 80 + (prompt_tokens / 8).min(800),
        (_, TaskClass::Translation) => 10 + prompt_tokens,
        (_, TaskClass::Knowledge) => grown(150, 700, complexity),
        (_, TaskClass::Reasoning) => grown(300, 1200, complexity),
        (_, TaskClass::Creative) => grown(400, 900, complexity),
        (_, TaskClass::Other) => grown(200, 800, complexity),
    }
}

/// `base` tokens for the easiest, `base + more` for the hardest.
fn grown(base: u32, more: u32, complexity: f32) -> u32 {
    base + (more as f32 * complexity) as u32
}
