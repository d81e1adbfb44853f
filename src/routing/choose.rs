//! Fourth stage: limits, the licence rule, and the choice among what is left.

use super::frontier::{self, in_the_end, is_eligible};
use super::no_route::NoRoute;
use super::plan::{Candidate, Estimate, Inputs, Plan, Verdict, Why};
use super::room::{CALLERS, Ceiling};
use super::{eligible, estimate, weigh};
use crate::analysis::Analysis;
use crate::catalog::{License, Objective, PlanKind, Policy, Snapshot};
use crate::types::{ModelIx, NanoUsd};

/// The stricter of the caller's limits and the policy's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) max_cost: Option<Ceiling>,
    pub(super) deadline_ms: Option<u32>,
    pub(super) ttft_ms: Option<u32>,
    pub(super) min_quality: f64,
    pub(super) max_quality_loss: f64,
}

impl Bounds {
    pub(super) fn of(policy: &Policy, inputs: &Inputs) -> Self {
        let limits = &inputs.limits;
        let stricter = |caller: Option<u32>, own: Option<u32>| caller.into_iter().chain(own).min();
        Self {
            max_cost: Ceiling::of(limits.max_cost.into_iter().chain(policy.max_cost), inputs.live.room),
            deadline_ms: stricter(limits.deadline_ms, policy.deadline_ms),
            ttft_ms: stricter(limits.ttft_ms, policy.ttft_ms),
            min_quality: limits.min_quality.unwrap_or(0.0).max(policy.min_quality),
            max_quality_loss: limits.max_quality_loss.unwrap_or(1.0).min(policy.max_quality_loss),
        }
    }

    /// The name of the limit on money.
    pub(super) fn cost_limit(&self) -> &'static str {
        self.max_cost.map_or(CALLERS, |ceiling| ceiling.limit())
    }
}

/// What a choice is made from.
pub(super) struct Field<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) policy: &'a Policy,
    pub(super) inputs: &'a Inputs,
    pub(super) analysis: &'a Analysis,
    pub(super) bounds: Bounds,
    pub(super) baseline: ModelIx,
}

impl Field<'_> {
    /// Every candidate, weighed; unless a kind of plan is asked for the baseline is one of them. In declared order, the
    /// baseline last if not declared, plans of several models behind the single ones.
    pub(super) fn weigh(&self) -> Vec<Candidate> {
        let declared = &self.policy.candidates;
        let baseline = Some(self.baseline).filter(|baseline| !declared.contains(baseline));
        let mut candidates: Vec<Candidate> =
            declared.iter().copied().chain(baseline).map(|model| self.candidate(model)).collect();
        let asked = self.asked_kind();
        let kinds = self.policy.plans.iter().filter(|kind| asked.is_none_or(|asked| asked == **kind));
        let formed = kinds.filter_map(|kind| self.plans_of(*kind, &candidates).ok()).flatten();
        let compound: Vec<Candidate> = formed.map(|plan| self.compound(plan)).collect();
        candidates.extend(compound);
        self.license(&mut candidates);
        self.look_ahead(&mut candidates);
        candidates.retain(|candidate| self.competes(&candidate.plan));
        frontier::mark(&mut candidates);
        candidates
    }

    /// The kind of plan the caller asks for.
    pub(super) fn asked_kind(&self) -> Option<PlanKind> {
        self.inputs.limits.plan.as_deref().and_then(PlanKind::parse)
    }

    /// Whether a plan is of a kind that may serve; the baseline, unless another kind is asked for, always is.
    fn competes(&self, plan: &Plan) -> bool {
        let Some(kind) = plan.kind() else { return false };
        match self.asked_kind() {
            Some(asked) if asked != kind => false,
            Some(_) | None => self.policy.plans.contains(&kind) || *plan == self.baseline_plan(),
        }
    }

    /// The baseline alone.
    pub(super) fn baseline_plan(&self) -> Plan {
        Plan::Single(self.snapshot.model(self.baseline).id.clone())
    }

    /// What is expected of a model alone.
    pub(super) fn quality(&self, model: ModelIx) -> Estimate {
        let evidence = estimate::evidence(self.snapshot, (self.policy, self.baseline), self.analysis, model);
        estimate::quality((self.snapshot, self.inputs), self.analysis, model, evidence)
    }

    pub(super) fn candidate(&self, model: ModelIx) -> Candidate {
        let target = eligible::target(self.snapshot, self.inputs, self.analysis, model);
        let (deployment, obstacle) = match target {
            Ok(deployment) => (Some(deployment), None),
            Err(obstacle) => (obstacle.at, Some(obstacle.why)),
        };
        let quality = self.quality(model);
        let mut candidate =
            estimate::single(self.snapshot, self.inputs, self.analysis, (model, deployment), quality);
        if let Some(why) = obstacle.or_else(|| self.beyond(&candidate)) {
            candidate.verdict = Verdict::Ineligible(why);
        }
        candidate
    }

    /// The hard limit a candidate breaks, if it breaks one. The ceiling is held against the worst case.
    pub(super) fn beyond(&self, candidate: &Candidate) -> Option<Why> {
        let Bounds { max_cost, deadline_ms, ttft_ms, min_quality, .. } = self.bounds;
        match (max_cost, candidate.worst_cost) {
            (Some(_), None) => return Some(Why::Unpriced),
            (Some(ceiling), Some(worst)) if worst > ceiling.most => return Some(Why::OverCost),
            _ => {}
        }
        // Time comes last: a link of a chain that only stands against it has kept all the rest.
        if candidate.quality.mean < min_quality {
            Some(Why::BelowQuality)
        } else if deadline_ms.is_some_and(|limit| candidate.total_ms > limit) {
            Some(Why::OverDeadline)
        } else {
            ttft_ms.is_some_and(|limit| candidate.ttft_ms > limit).then_some(Why::OverTtft)
        }
    }

    /// Takes out what is cheaper than the baseline and not shown to be good enough; dearer plans need no licence. The
    /// baseline is the standard even where it may not serve itself: a ceiling licenses nothing.
    fn license(&self, candidates: &mut [Candidate]) {
        let Some(standard) = self.standard(candidates).cloned() else { return };
        for candidate in candidates.iter_mut().filter(|candidate| is_eligible(candidate)) {
            if let Some(why) = self.unlicensed(candidate, &standard) {
                candidate.verdict = Verdict::Ineligible(why);
            }
        }
    }

    /// The baseline among the candidates.
    pub(super) fn standard<'c>(&self, candidates: &'c [Candidate]) -> Option<&'c Candidate> {
        let baseline = self.baseline_plan();
        candidates.iter().find(|candidate| candidate.plan == baseline)
    }

    /// The refusal where no candidate may serve. What lacks a licence comes last in it, also where a limit rules it out
    /// first: meeting that limit would not make it serve.
    pub(super) fn no_route(&self, candidates: Vec<Candidate>) -> NoRoute {
        if let (Some(kind), []) = (self.asked_kind(), &candidates[..]) {
            return NoRoute::no_such_plan(self.policy.id.as_str(), kind, &self.why_no(kind));
        }
        let standard = self.standard(&candidates).cloned();
        let unlicensed = |candidate: &Candidate| {
            standard.as_ref().is_some_and(|standard| self.unlicensed(candidate, standard).is_some())
        };
        NoRoute::of(candidates, &self.bounds, (unlicensed, |candidate: &Candidate| self.may_lose(candidate)))
    }

    /// The most that a plan of several models is known to lose of the baseline's quality.
    fn may_lose(&self, candidate: &Candidate) -> Option<f64> {
        let found = weigh::evidence(self.snapshot, self.baseline, self.analysis, &candidate.plan);
        found.map(|found| found.evidence.loss_upper)
    }

    /// Why there is no plan of a kind at all.
    fn why_no(&self, kind: PlanKind) -> String {
        if !self.policy.plans.contains(&kind) {
            let kinds: Vec<&str> = self.policy.plans.iter().map(|kind| kind.as_str()).collect();
            return format!("its `plans` are {}", kinds.join(", "));
        }
        let singles: Vec<Candidate> =
            self.policy.candidates.iter().map(|model| self.candidate(*model)).collect();
        self.plans_of(kind, &singles).err().unwrap_or("there is none").to_owned()
    }

    /// What keeps a plan from replacing the baseline.
    pub(super) fn unlicensed(&self, candidate: &Candidate, standard: &Candidate) -> Option<Why> {
        let id = match &candidate.plan {
            Plan::Named => return None,
            Plan::Single(id) => id,
            Plan::Cascade(_) | Plan::Ensemble(_) | Plan::Debate(_) | Plan::Draft(_) => {
                return self.compound_unlicensed(candidate, standard);
            }
        };
        let model = self.snapshot.model_by_id(id.as_str())?;
        // Where a cost is not known, the plan may be cheaper.
        let at_least = |cost: Option<NanoUsd>, baseline: Option<NanoUsd>| {
            cost.zip(baseline).is_some_and(|(cost, baseline)| cost >= baseline)
        };
        let at_equal_length =
            |model| estimate::cost_at_equal_length(self.snapshot, self.inputs, self.analysis, model);
        let dear = at_least(candidate.cost, standard.cost)
            && at_least(at_equal_length(model), at_equal_length(self.baseline));
        if candidate.plan == standard.plan || dear {
            return None;
        }
        let allowed = self.bounds.max_quality_loss;
        let evidence = estimate::evidence(self.snapshot, (self.policy, self.baseline), self.analysis, model);
        // Nothing that was predicted is good enough for a policy that asks for outcomes of its own traffic.
        let foreseen = self.inputs.forecast.as_ref().and_then(|forecast| forecast.of(model)?.loss_upper());
        let foreseen = foreseen.filter(|_| self.policy.license != License::Paired);
        match (evidence.map(|found| found.loss_upper).or(foreseen), self.policy.license) {
            (Some(loss), _) if loss <= allowed => None,
            (Some(_), _) => Some(Why::QualityLoss),
            (None, License::Prior) if self.believed_loss(model) <= allowed + 1e-12 => None,
            (None, License::Prior) => Some(Why::QualityLoss),
            (None, License::Paired | License::Calibrated) => Some(Why::NoEvidence),
        }
    }

    /// What the configuration believes a model loses against the baseline: its own word on both, and no prediction of one.
    fn believed_loss(&self, model: ModelIx) -> f64 {
        let belief = |model| estimate::belief(self.snapshot, self.analysis, model);
        belief(self.baseline) - belief(model)
    }

    /// The winner among the eligible, by the policy's objective; ties go to the one declared first.
    pub(super) fn winner<'c>(&self, candidates: &'c [Candidate]) -> Option<&'c Candidate> {
        let frontier = candidates.iter().filter(|c| c.verdict == Verdict::Eligible { on_frontier: true });
        frontier.reduce(|best, next| if self.prefers(next, best) { next } else { best })
    }

    /// Whether the objective puts one plan before another; never of two alike.
    pub(super) fn prefers(&self, next: &Candidate, best: &Candidate) -> bool {
        let cheaper = in_the_end(next).cmp(&in_the_end(best));
        let better = next.quality.mean.total_cmp(&best.quality.mean).reverse();
        let order = match self.policy.objective {
            Objective::Cheapest => cheaper.then(better),
            Objective::Best => better.then(cheaper),
        };
        order.then(next.total_ms.cmp(&best.total_ms)).is_lt()
    }
}
