//! What can be told of an answer that was put to a test, without a word of it.

use serde::{Deserialize, Serialize};

/// Numbers of one answer. Stored by position, so a new field stands last and has a default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Tokens that it has, hidden ones among them.
    pub output_tokens: u32,
    /// Bytes of its text.
    pub text_bytes: u32,
    /// Tools it calls.
    pub calls: u8,
    /// Mean probability of its tokens, 0..1, where the provider tells it.
    pub probability: Option<f32>,
    /// Whether it is whole, not declined, and in the form that was asked for.
    pub well_formed: bool,
}

/// An answer that a plan put to its test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// Whether it stood.
    pub stood: bool,
    /// What the plan's last model says beside it.
    pub same: Compared,
    /// What can be told of it.
    pub signals: Signals,
    /// What it was tested under.
    pub under: Under,
}

/// What an answer was tested under: who counts answers counts only such as were tested alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Under {
    /// The acceptor that it went by, by its fingerprint; `None`: there was none.
    pub acceptor: Option<u32>,
    /// Share of requests that are audited, 0..1.
    pub audit: f32,
    /// Whether the request is unlike anything that is known: what is known of its class is not known of it.
    pub unfamiliar: bool,
}

/// What another model's answer to the same request says beside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The other was not asked.
    NotAsked,
    /// It was asked and gave no answer.
    Unanswered,
    /// The same.
    Same,
    /// Something else.
    Differs,
    /// One of the two comes to no final answer that could be told.
    Incomparable,
}

impl Compared {
    /// The word used in the ledger and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "not_asked",
            Self::Unanswered => "unanswered",
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Incomparable => "incomparable",
        }
    }
}
