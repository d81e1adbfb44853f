//! What a policy is at the steps of an agent's work, and what holds of its conversations.

use serde::Serialize;

use super::Cells;
use super::effective::{dash, limits, objective};
use super::plans;
use crate::catalog::{License, Objective, Policy, Snapshot, ToolLoops};
use crate::types::{AgentStep, NanoUsd};

/// A step that has a table of its own.
#[derive(Debug, Serialize)]
pub(super) struct StepRow {
    step: AgentStep,
    candidates: Vec<String>,
    objective: Objective,
    license: License,
    plans: Vec<String>,
    limits: Vec<String>,
}

impl StepRow {
    pub(super) const HEADER: [&'static str; 5] = ["step", "candidates", "choice", "plans", "limits"];

    /// Every step of a policy.
    pub(super) fn all(snapshot: &Snapshot, policy: &Policy) -> Vec<Self> {
        let row = |(step, policy): &(AgentStep, Policy)| Self {
            step: *step,
            candidates: policy.candidates.iter().map(|ix| snapshot.model(*ix).id.to_string()).collect(),
            objective: policy.objective,
            license: policy.license,
            plans: plans::lines(snapshot, policy),
            limits: limits(policy),
        };
        policy.steps.iter().map(row).collect()
    }
}

impl Cells for StepRow {
    fn cells(&self) -> Vec<String> {
        vec![
            self.step.as_str().to_owned(),
            dash(&self.candidates),
            format!("{}, license {}", objective(self.objective), self.license.as_str()),
            self.plans.join("; "),
            self.limits.join(", "),
        ]
    }
}

/// What holds of conversations that name themselves.
#[derive(Debug, Serialize)]
pub(super) struct SessionRow {
    policy: String,
    tool_loops: ToolLoops,
    max_switch_usd: Option<f64>,
    horizon_turns: u8,
}

impl SessionRow {
    pub(super) const HEADER: [&'static str; 4] =
        ["policy", "the result of a tool call", "switches lose at most", "weighed over"];

    pub(super) fn of(policy: &Policy) -> Self {
        let rules = &policy.sessions;
        Self {
            policy: policy.id.to_string(),
            tool_loops: rules.tool_loops,
            max_switch_usd: rules.max_switch.map(NanoUsd::usd),
            horizon_turns: rules.horizon_turns,
        }
    }
}

impl Cells for SessionRow {
    fn cells(&self) -> Vec<String> {
        let loops = match self.tool_loops {
            ToolLoops::Atomic => "stays with who made the call",
            ToolLoops::Free => "goes to whoever is chosen",
        };
        let most = self.max_switch_usd.map_or_else(|| "-".to_owned(), |most| format!("{most} USD a session"));
        let turns = match self.horizon_turns {
            0 => "this turn".to_owned(),
            most => format!("this turn and up to {most} more"),
        };
        vec![self.policy.clone(), loops.to_owned(), most, turns]
    }
}
