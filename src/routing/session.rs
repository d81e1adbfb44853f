//! What a conversation has to lose by going on with another model: the input its last one has in its prompt cache.

use super::choose::Field;
use super::frontier::is_eligible;
use super::plan::{Candidate, Inputs, Plan, Reason};
use crate::catalog::{Snapshot, ToolLoops};
use crate::types::{AgentStep, Day, ModelId, ModelIx, NanoUsd, Usage};

/// What leaving a model loses that has so many input tokens of a session in its cache: what reading them there would have saved.
/// Nothing where its prices know no cache.
pub fn lost_by_leaving(snapshot: &Snapshot, model: &ModelId, warm_tokens: u32, day: Day) -> NanoUsd {
    let saved = |model: ModelIx| {
        let price = snapshot.model(model).prices.on(day)?;
        let warm = u64::from(warm_tokens);
        let anew = price.cost(&Usage { input: warm, ..Usage::default() })?;
        let cached = price.cost(&Usage { cache_read: warm, ..Usage::default() })?;
        Some(NanoUsd(anew.0.saturating_sub(cached.0)))
    };
    snapshot.model_by_id(model.as_str()).and_then(saved).unwrap_or(NanoUsd::ZERO)
}

/// A prompt's tokens at a model, in the buckets they are expected to be billed in: where the session left them in a cache they
/// are read from it, and elsewhere what is cached must be written again.
pub(super) fn input_at(snapshot: &Snapshot, inputs: &Inputs, model: ModelIx, tokens: u64) -> Usage {
    let last = inputs.live.session_model.as_ref();
    let warm = last.map_or(0, |_| u64::from(inputs.live.session.warm_tokens)).min(tokens);
    let rest = tokens - warm;
    if last == Some(&snapshot.model(model).id) {
        Usage { input: rest, cache_read: warm, ..Usage::default() }
    } else if inputs.facts.cache_markers {
        Usage { input: rest, cache_write_5m: warm, ..Usage::default() }
    } else {
        Usage { input: tokens, ..Usage::default() }
    }
}

impl Field<'_> {
    /// The model that answered the session last, where it may serve and must: within a loop of tool calls, and when leaving it
    /// would lose more than the session's switches may.
    pub(super) fn stays<'c>(
        &self,
        candidates: &'c [Candidate],
        winner: &Candidate,
    ) -> Option<(&'c Candidate, Reason)> {
        let live = &self.inputs.live;
        let model = live.session_model.clone()?;
        let warm_tokens = live.session.warm_tokens;
        let loses = lost_by_leaving(self.snapshot, &model, warm_tokens, self.inputs.day);
        let last = Plan::Single(model);
        if winner.plan == last {
            return None;
        }
        let last = candidates.iter().find(|candidate| candidate.plan == last)?;
        if !is_eligible(last) {
            return None;
        }
        let rules = &self.policy.sessions;
        if rules.tool_loops == ToolLoops::Atomic && self.analysis.step == AgentStep::ToolResult {
            return Some((last, Reason::ToolLoop));
        }
        let over = rules.max_switch.is_some_and(|most| live.session.lost + loses > most);
        (over && loses > NanoUsd::ZERO).then_some((last, Reason::SwitchCap))
    }
}
