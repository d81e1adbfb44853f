//! What a conversation has to lose by going on with another model: the input its last one has in its prompt cache.

use super::choose::{Bounds, Field};
use super::estimate;
use super::frontier::is_eligible;
use super::plan::{Candidate, Inputs, Plan, Reason};
use crate::analysis::Analysis;
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

/// How a conversation is expected to go on with a model.
struct Outlook {
    /// Further turns it is expected to serve in a row.
    turns: f64,
    /// How likely these end with a turn that it may not serve, rather than with the conversation.
    return_chance: f64,
}

impl Outlook {
    /// `turns`: answered so far; `able`: how many of them the model might have served. Shares of what was seen, by Laplace's rule of
    /// succession: a conversation of n turns goes on with a chance of (n + 1) / (n + 2).
    fn of((turns, able): (u32, u32), most: u8) -> Self {
        let share = |seen: u32| (f64::from(seen) + 1.0) / (f64::from(turns) + 2.0);
        let (goes_on, may_serve) = (share(turns), share(able));
        let (mut expected, mut return_chance, mut reached) = (0.0, 0.0, 1.0);
        for _ in 0..most {
            return_chance += reached * goes_on * (1.0 - may_serve);
            reached *= goes_on * may_serve;
            expected += reached;
        }
        Self { turns: expected, return_chance }
    }
}

impl Field<'_> {
    /// Looks ahead where a conversation lies in a model's cache: what another one saves in the turns it is expected to serve, less
    /// what coming back would lose if it may not serve one of them. By then the cache that was left may be cold.
    ///
    /// Plans of several models are weighed for this turn alone: members with a warm cache at its price (`legs`), and a cost that was
    /// measured as it was, with what caches saved then or did not. Which of them answers, and so where the conversation lies in the
    /// next turn, is known only when it has; and where a member is the model that is left, its cache stays warm while the plan
    /// serves, so that coming back loses nothing.
    pub(super) fn look_ahead(&self, candidates: &mut [Candidate]) {
        let live = &self.inputs.live;
        let most = self.policy.sessions.horizon_turns;
        let Some(last) = live.session_model.as_ref().filter(|_| most > 0 && live.session.warm_tokens > 0)
        else {
            return;
        };
        let here = Plan::Single(last.clone());
        let staying = candidates.iter().find(|one| one.plan == here).filter(|one| is_eligible(one));
        let Some(later) = staying.and_then(|_| self.later(last)) else { return };
        let tokens = self.analysis.input_tokens;
        let coming_back = lost_by_leaving(self.snapshot, last, tokens, self.inputs.day).0 as f64;
        let Some(standard) = self.standard(candidates).cloned() else { return };
        for candidate in candidates.iter_mut().filter(|one| is_eligible(one) && one.plan != here) {
            let Plan::Single(model) = &candidate.plan else { continue };
            let Some(other) = self.later(model) else { continue };
            let turns = (live.session.turns.total(), self.able(candidate, &standard));
            let outlook = Outlook::of(turns, most);
            let ahead = outlook.return_chance * coming_back - outlook.turns * (later - other);
            candidate.ahead = Some(ahead.round() as i64);
        }
    }

    /// What a further turn costs at a model that has the conversation in its cache, nano US dollars; as long as this one's, and by
    /// as much longer as turns have been on average.
    fn later(&self, model: &ModelId) -> Option<f64> {
        let ix = self.snapshot.model_by_id(model.as_str())?;
        let model = self.snapshot.model(ix);
        let tokens = u64::from(self.analysis.input_tokens);
        let grows = tokens / (u64::from(self.inputs.live.session.turns.total()) + 1);
        let cap = estimate::output_cap(self.inputs, model);
        let output = u64::from(estimate::expected_output(self.inputs, self.analysis, ix, cap));
        let usage = Usage { input: grows, cache_read: tokens, output, ..Usage::default() };
        Some(model.prices.on(self.inputs.day)?.cost(&usage)?.0 as f64)
    }

    /// How many of the session's turns a model might have served, by their class and step: as a candidate with a licence.
    fn able(&self, candidate: &Candidate, standard: &Candidate) -> u32 {
        let may = |task, step| {
            let policy = self.snapshot.policies.iter().find(|policy| policy.id == self.policy.id);
            let policy = policy.map_or(self.policy, |policy| policy.at(step));
            let analysis = Analysis { task, step, ..self.analysis.clone() };
            let field =
                Field { policy, analysis: &analysis, bounds: Bounds::of(policy, self.inputs), ..*self };
            let is_candidate = policy
                .candidates
                .iter()
                .any(|ix| Plan::Single(self.snapshot.model(*ix).id.clone()) == candidate.plan);
            candidate.plan == standard.plan
                || (is_candidate && field.unlicensed(candidate, standard).is_none())
        };
        let kinds = self.inputs.live.session.turns.kinds();
        kinds.filter(|kind| may(kind.task, kind.step)).map(|kind| u32::from(kind.turns)).sum()
    }

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
