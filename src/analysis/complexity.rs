//! How hard a request looks, as a sum of named parts in [0, 1].
//!
//! Each part grows towards its own ceiling, so that no single sign decides and more text alone says little. The last user
//! turn counts; the system texts do not, because they are the same for easy and hard turns. Weights are set by hand.

use serde::Serialize;

use super::cues::Cue;
use super::features::Features;

/// Number of parts a complexity score has.
pub const COMPLEXITY_PARTS: usize = 10;

/// A complexity score and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Complexity {
    /// The sum of the parts, at most 1.
    pub score: f32,
    /// What each kind of sign adds, always in the same order.
    pub parts: [ComplexityPart; COMPLEXITY_PARTS],
}

/// What one kind of sign adds to the score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ComplexityPart {
    /// The kind of sign: `length`, `constraints`, `steps`, …
    pub name: &'static str,
    /// What it adds, never negative.
    pub value: f32,
}

/// Scores a request. Only exact arithmetic is used: the same features give the same bits everywhere.
pub(super) fn score(features: &Features) -> Complexity {
    let (prompt, talk, volume) = (&features.prompt, &features.talk, &features.volume);
    let cue = |cue| u32::from(features.prompt_cues.of(cue));
    let texts = volume.plain.saturating_add(volume.symbols).saturating_add(volume.wide);
    let history = texts.saturating_sub(volume.system).saturating_sub(prompt.bytes);
    let loops = 2 * u32::from(talk.tool_calls) + 3 * u32::from(talk.tool_errors);
    let mathematics =
        u32::from(prompt.operators) + 2 * u32::from(prompt.formulas) + u32::from(prompt.numbers) / 3;
    let parts = [
        part("length", prompt.bytes, 1500, 0.08),
        part("constraints", cue(Cue::Constraint), 8, 0.25),
        part("steps", cue(Cue::Step) + u32::from(prompt.items), 10, 0.15),
        part("mathematics", mathematics, 8, 0.20),
        part("code", 3 * u32::from(prompt.fences) + u32::from(prompt.code_marks), 25, 0.15),
        part("depth", cue(Cue::Depth), 6, 0.45),
        part("context", history, 20_000, 0.10),
        part("tools", u32::from(talk.tools) + loops, 12, 0.15),
        part("schema", volume.schema, 1500, 0.08),
        part("questions", u32::from(prompt.questions).saturating_sub(1), 3, 0.08),
    ];
    let sum: f32 = parts.iter().map(|part| part.value).sum();
    Complexity { score: sum.min(1.0), parts }
}

/// Grows with `signs` towards `most`; `half` signs give half of it.
fn part(name: &'static str, signs: u32, half: u32, most: f32) -> ComplexityPart {
    let signs = signs as f32;
    ComplexityPart { name, value: most * signs / (signs + half as f32) }
}
