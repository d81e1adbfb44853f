//! Second stage: what a plan is expected to give, cost and take.

use super::plan::{Candidate, Estimate, Inputs, Plan, Verdict};
use crate::analysis::Analysis;
use crate::catalog::{Evidence, License, Policy, Snapshot};
use crate::types::{DeploymentIx, ModelIx, NanoUsd, Usage};

/// Half-width of the interval around a belief nobody has measured.
const PRIOR_HALF_WIDTH: f64 = 0.15;
/// Outcomes a cell needs before its evidence counts.
const MIN_PAIRS: u32 = 20;

/// The evidence on a model in a request's cell that is good enough for a policy; nothing is known of unfamiliar input.
pub(super) fn evidence<'s>(
    snapshot: &'s Snapshot,
    (policy, baseline): (&Policy, ModelIx),
    analysis: &Analysis,
    model: ModelIx,
) -> Option<&'s Evidence> {
    if analysis.unfamiliar {
        return None;
    }
    let (baseline, model) = (&snapshot.model(baseline).id, &snapshot.model(model).id);
    let found = snapshot.evidence.get(baseline, model, analysis.task)?;
    let level_is_enough = match policy.license {
        License::Paired => found.level == crate::catalog::EvidenceLevel::Paired,
        License::Calibrated | License::Prior => true,
    };
    (level_is_enough && found.pairs >= MIN_PAIRS).then_some(found)
}

/// Expected quality: measured where there is evidence, else the belief with a wide interval.
pub(super) fn quality(
    snapshot: &Snapshot,
    analysis: &Analysis,
    model: ModelIx,
    evidence: Option<&Evidence>,
) -> Estimate {
    let clamp = |value: f64| value.clamp(0.0, 1.0);
    match evidence {
        Some(found) => {
            let half = (found.loss_upper - found.mean_loss).abs();
            let mean = clamp(found.mean_quality);
            Estimate { low: clamp(mean - half), mean, high: clamp(mean + half) }
        }
        None => {
            let model = snapshot.model(model);
            let mean = clamp(model.quality.for_task(analysis.task, model.tier));
            Estimate { low: clamp(mean - PRIOR_HALF_WIDTH), mean, high: clamp(mean + PRIOR_HALF_WIDTH) }
        }
    }
}

/// A single-model plan at a deployment, priced and timed.
pub(super) fn single(
    snapshot: &Snapshot,
    inputs: &Inputs,
    analysis: &Analysis,
    (ix, deployment): (ModelIx, Option<DeploymentIx>),
    quality: Estimate,
) -> Candidate {
    let model = snapshot.model(ix);
    let price = model.prices.on(inputs.day);
    let cost = |output: u32| -> Option<NanoUsd> {
        let output = u64::from(output) * u64::from(inputs.facts.choices);
        let usage = Usage { input: u64::from(analysis.input_tokens), output, ..Usage::default() };
        price?.cost(&usage)
    };
    let cap = inputs.facts.max_output_tokens.unwrap_or(model.max_output_tokens).min(model.max_output_tokens);
    let expected = analysis.output_tokens.min(cap);
    let live = deployment.and_then(|deployment| inputs.live.deployments.get(deployment.at()));
    let (ttft_ms, per_token_us) = live.map_or((0, 0), |live| (live.ttft_ms, live.per_token_us));
    let writing_ms = u64::from(expected) * u64::from(per_token_us) / 1000;
    Candidate {
        plan: Plan::Single(model.id.clone()),
        quality,
        cost: cost(expected),
        worst_cost: cost(cap),
        ttft_ms,
        total_ms: ttft_ms.saturating_add(u32::try_from(writing_ms).unwrap_or(u32::MAX)),
        verdict: Verdict::Eligible { on_frontier: false },
    }
}
