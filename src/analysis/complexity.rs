//! How hard a request looks, as a sum of named parts in [0, 1].

use serde::Serialize;

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

pub(super) fn score(_features: &Features) -> Complexity {
    Complexity { score: 0.0, parts: [ComplexityPart { name: "length", value: 0.0 }; COMPLEXITY_PARTS] }
}
