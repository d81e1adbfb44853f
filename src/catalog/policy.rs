//! A policy: whom it is for, what it may do to a request, and within which limits.

use super::Compound;
use crate::types::{AgentStep, ClientId, FailureClass, ModelIx, NanoUsd, PolicyId};
use serde::{Deserialize, Serialize};

/// One `[[policies]]` entry.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Name in the configuration; `model = "pointsman/<name>"` selects it.
    pub id: PolicyId,
    /// Which requests it is for.
    pub matches: PolicyMatch,
    /// What it does with models that the client named. `auto` is always routed.
    pub mode: Mode,
    /// Share of sessions that `canary` routes, 0..1.
    pub canary_share: f64,
    /// Share of routed sessions that the baseline serves, 0..1.
    pub holdout: f64,
    /// The model quality loss is measured against; without one, the model the client named.
    pub baseline: Option<ModelIx>,
    /// Models to choose among, in declared order (ties break by it).
    pub candidates: Vec<ModelIx>,
    /// Evidence a cheaper plan needs.
    pub license: License,
    /// Largest tolerated loss of expected quality against the baseline.
    pub max_quality_loss: f64,
    /// Smallest expected quality.
    pub min_quality: f64,
    /// Most one request may cost, worst case.
    pub max_cost: Option<NanoUsd>,
    /// Time for the whole answer, milliseconds.
    pub deadline_ms: Option<u32>,
    /// Time to the first token, milliseconds.
    pub ttft_ms: Option<u32>,
    /// What to optimise.
    pub objective: Objective,
    /// Kinds of plan that may compete.
    pub plans: Vec<PlanKind>,
    /// Plans of several models.
    pub compound: Compound,
    /// What holds of conversations.
    pub sessions: SessionRules,
    /// What it is at the steps of an agent that have a table of their own; itself without any.
    pub steps: Vec<(AgentStep, Self)>,
    /// Models tried in order when an attempt fails with a class in `on`.
    pub fallback: Vec<ModelIx>,
    /// Failure classes that lead to the next link of the chain.
    pub on: Vec<FailureClass>,
    /// What a refused credential of ours does.
    pub on_auth_failure: OnAuthFailure,
    /// What a stream that breaks after it was committed does.
    pub on_stream_break: OnStreamBreak,
}

impl Policy {
    /// What it is at a step of an agent's work: the same name, baseline and shares, but other candidates and limits where the step
    /// has them.
    pub fn at(&self, step: AgentStep) -> &Self {
        self.steps.iter().find(|(of, _)| *of == step).map_or(self, |(_, policy)| policy)
    }

    /// Itself, and what it is at each step that has a table.
    pub fn everywhere(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.steps.iter().map(|(_, policy)| policy))
    }
}

/// Which requests a policy is for. Empty lists and maps match everything but for `models`, which must name something.
#[derive(Clone, Debug, Default)]
pub struct PolicyMatch {
    /// Model names as the client writes them; `*` at the end matches any ending.
    pub models: Vec<String>,
    /// Client ids; `*` matches all, unidentified ones included.
    pub clients: Vec<ClientId>,
    /// Path prefixes.
    pub paths: Vec<String>,
    /// Header values that must be equal; names in lower case.
    pub headers: Vec<(String, String)>,
}

/// When a conversation may go on with another model than the one that answered it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRules {
    /// Whether it may within a loop of tool calls and their results.
    pub tool_loops: ToolLoops,
    /// What its switches together may lose in cached input; `None`: each is weighed by itself.
    pub max_switch: Option<NanoUsd>,
    /// Further turns that a switch is weighed over at most, beside the one at hand.
    pub horizon_turns: u8,
}

impl SessionRules {
    /// Where nothing is written: beyond so many turns the expectation is worth little, and caches do not live.
    pub const HORIZON_TURNS: u8 = 8;
    /// More than this nobody can foresee.
    pub const MOST_HORIZON_TURNS: u8 = 50;
}

impl Default for SessionRules {
    fn default() -> Self {
        Self { tool_loops: ToolLoops::Atomic, max_switch: None, horizon_turns: Self::HORIZON_TURNS }
    }
}

/// Who answers the result of a tool call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolLoops {
    /// Who made the call, while it may serve.
    #[default]
    Atomic,
    /// Whoever is chosen for it.
    Free,
}

/// What a policy does with a model that the client named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Forward as named, record the decision that would have been made.
    Observe,
    /// Route a stable share of sessions, observe the rest.
    Canary,
    /// Route.
    Route,
}

/// The evidence a cheaper plan needs before it may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum License {
    /// Outcomes of the same requests on both models.
    Paired,
    /// A calibrated prediction.
    Calibrated,
    /// The configured beliefs: the operator's own word.
    Prior,
}

impl License {
    /// The word used in configuration and decisions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::Calibrated => "calibrated",
            Self::Prior => "prior",
        }
    }
}

/// What to optimise among eligible plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// The cheapest.
    Cheapest,
    /// The best expected quality.
    Best,
}

/// Kinds of plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanKind {
    /// One model.
    Single,
    /// Cheap models first, a dearer one where their answers do not stand.
    Cascade,
    /// Several models answer, another chooses.
    Ensemble,
    /// Several models answer each other, another sums up.
    Debate,
    /// A cheap model writes, a dearer one corrects.
    Draft,
}

impl PlanKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Single, Self::Cascade, Self::Ensemble, Self::Debate, Self::Draft];

    /// The kind a word means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The word used in configuration and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Cascade => "cascade",
            Self::Ensemble => "ensemble",
            Self::Debate => "debate",
            Self::Draft => "draft",
        }
    }
}

/// What a refused credential of ours does to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnAuthFailure {
    /// Answer with an explicit error.
    Fail,
    /// Go on with the chain.
    Fallback,
}

/// What a stream that breaks after its first event does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStreamBreak {
    /// Send the dialect's error event and close.
    Error,
    /// Let the next hop write it anew, and pass on what comes behind the text that was sent; where that text differs, as
    /// `Error`.
    Resume,
}
