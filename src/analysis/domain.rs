//! The task class: cue phrases and structure add points to each class; the best one wins if it stands out.
//!
//! Points and thresholds are set by hand. Where the signs are few or contradict each other the answer is `Other`, which
//! costs a saving and never quality: evidence is kept by class.

use super::cues::Cue;
use super::features::{Features, Prompt};
use crate::types::{Capabilities, TaskClass};

/// The class and how far it stands out.
pub(super) struct Guess {
    pub(super) task: TaskClass,
    pub(super) confidence: f32,
}

/// Fewest points a class needs: one fair phrase at the edge of the turn.
const ENOUGH: u32 = 4;
/// Most points that phrases of one class add, so that a long text does not shout down its instruction.
const MOST_FROM_PHRASES: u32 = 20;

/// The class with the most points, or `Other`.
pub(super) fn classify(features: &Features) -> Guess {
    let points = points(features);
    let (mut best, mut second) = (0, 0);
    let mut task = TaskClass::Other;
    for (class, points) in TaskClass::ALL.into_iter().zip(points) {
        if points > best {
            (task, second, best) = (class, best, points);
        } else {
            second = second.max(points);
        }
    }
    let margin = best - second;
    if best < ENOUGH || margin * 8 < best {
        return Guess { task: TaskClass::Other, confidence: 0.0 };
    }
    Guess { task, confidence: margin as f32 / (best + 6) as f32 }
}

/// Points by class, in the order of `TaskClass::ALL`.
fn points(features: &Features) -> [u32; TaskClass::COUNT] {
    let phrases = |cue| {
        let system = u32::from(features.system_cues.of(cue)).min(8) / 2;
        u32::from(features.prompt_cues.of(cue)).min(MOST_FROM_PHRASES) + system
    };
    let prompt = &features.prompt;
    let code = code_structure(prompt);
    [
        phrases(Cue::Code) + code,
        phrases(Cue::Math) + math_structure(prompt, code) + word_problem(features),
        phrases(Cue::Extraction) + output_shape(features),
        phrases(Cue::Classification),
        phrases(Cue::Summarisation),
        phrases(Cue::Translation),
        phrases(Cue::Knowledge) + question(features),
        phrases(Cue::Reasoning),
        phrases(Cue::Creative),
        phrases(Cue::Agent) + agent_structure(features),
        0,
    ]
}

fn code_structure(prompt: &Prompt) -> u32 {
    // A LaTeX command brings braces with it.
    let marks = u32::from(prompt.code_marks).saturating_sub(4 * u32::from(prompt.formulas));
    let words = u32::from(prompt.words);
    let dense = if marks >= 3 { (marks * 30 / (words + 10)).min(10) } else { 0 };
    if prompt.fences > 0 { dense + 6 } else { dense }
}

/// Operators stand in programs too, so they tell less beside code.
fn math_structure(prompt: &Prompt, code: u32) -> u32 {
    let operators = (u32::from(prompt.operators) * 3).min(9);
    let formulas = (u32::from(prompt.formulas) * 3).min(9);
    if code >= 6 { formulas / 2 } else { operators + formulas }
}

/// Amounts asked for beside amounts given.
fn word_problem(features: &Features) -> u32 {
    let (asked, given) = (u32::from(features.prompt_cues.of(Cue::Quantity)), features.prompt.numbers);
    let is_problem = (asked >= 4 && given >= 2) || (asked >= 6 && given >= 1);
    if is_problem { (asked * 3 / 2).min(18) } else { 0 }
}

/// A response format asks for structured output, whatever the text is about.
fn output_shape(features: &Features) -> u32 {
    if features.volume.schema > 0 || features.needs.has(Capabilities::JSON_SCHEMA) {
        6
    } else if features.needs.has(Capabilities::JSON_OBJECT) {
        4
    } else {
        0
    }
}

/// A short plain question asks for a fact, and a list of choices is an examination.
fn question(features: &Features) -> u32 {
    let prompt = &features.prompt;
    let short = if prompt.questions > 0 && prompt.operators == 0 && prompt.words <= 40 { 2 } else { 0 };
    let asks_amount = features.prompt_cues.of(Cue::Quantity) >= 4 && prompt.numbers == 0;
    let amount = if asks_amount { 4 } else { 0 };
    let choices = if prompt.choices >= 3 { 6 } else { 0 };
    short + amount + choices
}

/// An agent's loop is known by its tool results; an offer of tools alone only leans towards it.
fn agent_structure(features: &Features) -> u32 {
    match (features.talk.tool_results, features.talk.tools) {
        (1.., _) => 40,
        (0, 8..) => 16,
        (0, 3..) => 8,
        (0, 1..) => 4,
        (0, 0) => 0,
    }
}

/// Whether the rules cannot read the request: no text, media they do not see, another script, an unknown language.
pub(super) fn unfamiliar(features: &Features) -> bool {
    let (prompt, talk) = (&features.prompt, &features.talk);
    let unseen = talk.images > 0 || talk.documents > 0 || talk.audio > 0;
    let no_text = prompt.latin == 0 && prompt.numbers == 0;
    let other_script = u32::from(prompt.foreign) * 2 > u32::from(prompt.latin);
    unseen || no_text || other_script || unknown_language(prompt)
}

/// Sentences without the function words of the languages the phrases are written in. Code and lists have few, too.
fn unknown_language(prompt: &Prompt) -> bool {
    let (words, known, numbers) =
        (u32::from(prompt.words), u32::from(prompt.known_words), u32::from(prompt.numbers));
    let sentences = words >= 12 && code_structure(prompt) == 0 && numbers * 4 < words;
    sentences && known * 16 < words
}
