//! Third stage: which eligible plans no other beats.

use super::plan::{Candidate, Verdict};
use crate::types::NanoUsd;

/// Marks the plans on the Pareto frontier of cost, quality and time to the whole answer.
pub(super) fn mark(candidates: &mut [Candidate]) {
    for at in 0..candidates.len() {
        if !is_eligible(&candidates[at]) {
            continue;
        }
        let beaten = candidates.iter().enumerate().any(|(other, rival)| {
            other != at && is_eligible(rival) && beats(rival, &candidates[at], other < at)
        });
        candidates[at].verdict = Verdict::Eligible { on_frontier: !beaten };
    }
}

pub(super) fn is_eligible(candidate: &Candidate) -> bool {
    matches!(candidate.verdict, Verdict::Eligible { .. })
}

/// As good in every respect and better in one; of two equal plans the one declared first.
fn beats(rival: &Candidate, plan: &Candidate, declared_first: bool) -> bool {
    let (rival_cost, cost) = (in_the_end(rival), in_the_end(plan));
    let as_good =
        rival_cost <= cost && rival.quality.mean >= plan.quality.mean && rival.total_ms <= plan.total_ms;
    let better =
        rival_cost < cost || rival.quality.mean > plan.quality.mean || rival.total_ms < plan.total_ms;
    as_good && (better || declared_first)
}

/// An unpriced plan counts as dearer than any other.
pub(super) fn cost_of(candidate: &Candidate) -> NanoUsd {
    candidate.cost.unwrap_or(NanoUsd(u64::MAX))
}

/// The cost of this request with what is expected of further turns: what plans are compared by. Unpriced: above all others.
pub(super) fn in_the_end(candidate: &Candidate) -> i128 {
    let cost = candidate.cost.map_or(i128::MAX, |cost| i128::from(cost.0));
    cost.saturating_add(i128::from(candidate.ahead.unwrap_or(0)))
}
