//! Second stage: what a plan is expected to give, cost and take.

use super::plan::{Candidate, DeploymentLive, Estimate, Facts, Inputs, Plan, Verdict};
use super::session;
use crate::analysis::Analysis;
use crate::catalog::{Evidence, License, Model, Policy, Price, Snapshot};
use crate::types::{Capabilities, DeploymentIx, ModelIx, NanoUsd, Usage};

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

/// Expected quality: measured where there is evidence, else predicted, else the belief with a wide interval.
pub(super) fn quality(
    (snapshot, inputs): (&Snapshot, &Inputs),
    analysis: &Analysis,
    model: ModelIx,
    evidence: Option<&Evidence>,
) -> Estimate {
    let clamp = |value: f64| value.clamp(0.0, 1.0);
    let foreseen = inputs.forecast.as_ref().and_then(|forecast| forecast.of(model));
    match (evidence.and_then(measured), foreseen) {
        (Some(measured), _) => measured,
        (None, Some(foreseen)) => foreseen.estimate(),
        (None, None) => {
            let mean = belief(snapshot, analysis, model);
            Estimate { low: clamp(mean - PRIOR_HALF_WIDTH), mean, high: clamp(mean + PRIOR_HALF_WIDTH) }
        }
    }
}

/// The quality that was measured, where that is more than a loss.
pub(super) fn measured(found: &Evidence) -> Option<Estimate> {
    let clamp = |value: f64| value.clamp(0.0, 1.0);
    let half = (found.loss_upper - found.mean_loss).abs();
    let mean = clamp(found.mean_quality?);
    Some(Estimate { low: clamp(mean - half), mean, high: clamp(mean + half) })
}

/// The quality of a baseline less what something loses against it.
pub(super) fn less(baseline: Estimate, found: &Evidence) -> Estimate {
    let clamp = |value: f64| value.clamp(0.0, 1.0);
    let half = (found.loss_upper - found.mean_loss).abs();
    Estimate {
        low: clamp(baseline.low - found.mean_loss - half),
        mean: clamp(baseline.mean - found.mean_loss),
        high: clamp(baseline.high - found.mean_loss + half),
    }
}

/// Most output tokens of one answer.
pub(super) fn output_cap(inputs: &Inputs, model: &Model) -> u32 {
    inputs.facts.max_output_tokens.unwrap_or(model.max_output_tokens).min(model.max_output_tokens)
}

/// Output tokens that are expected of a model.
pub(super) fn expected_output(inputs: &Inputs, analysis: &Analysis, ix: ModelIx, cap: u32) -> u32 {
    let percent = inputs.forecast.as_ref().and_then(|forecast| forecast.of(ix)?.length).unwrap_or(100);
    let usual = u64::from(analysis.output_tokens) * u64::from(percent) / 100;
    u32::try_from(usual).unwrap_or(u32::MAX).min(cap)
}

/// What the configuration believes of a model's quality.
pub(super) fn belief(snapshot: &Snapshot, analysis: &Analysis, model: ModelIx) -> f64 {
    let model = snapshot.model(model);
    model.quality.for_task(analysis.task, model.tier).clamp(0.0, 1.0)
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
    let input = u64::from(analysis.input_tokens);
    let written = |output: u32| u64::from(output) * u64::from(inputs.facts.choices);
    let cap = output_cap(inputs, model);
    // How long this model's answers take beside what is usual is in the measured ratio already.
    let timed = analysis.output_tokens.min(cap);
    let live = deployment.and_then(|deployment| inputs.live.deployments.get(deployment.at()));
    Candidate {
        plan: Plan::Single(model.id.clone()),
        quality,
        cost: cost_reading(snapshot, inputs, analysis, (ix, session::input_at(snapshot, inputs, ix, input))),
        ahead: None,
        worst_cost: price.and_then(|price| worst_cost(&inputs.facts, price, (input, written(cap)))),
        ttft_ms: live.map_or(0, |live| live.ttft_ms),
        total_ms: live.map_or(0, |live| live.total_ms(timed)),
        timing: live.and_then(DeploymentLive::basis),
        verdict: Verdict::Eligible { on_frontier: false },
    }
}

/// What a model is expected to cost where this is what it reads.
pub(super) fn cost_reading(
    snapshot: &Snapshot,
    inputs: &Inputs,
    analysis: &Analysis,
    (ix, read): (ModelIx, Usage),
) -> Option<NanoUsd> {
    let model = snapshot.model(ix);
    let output = expected_output(inputs, analysis, ix, output_cap(inputs, model));
    let output = u64::from(output) * u64::from(inputs.facts.choices);
    model.prices.on(inputs.day)?.cost(&Usage { output, ..read })
}

/// What a model would cost if all wrote the same: that one writes more than another is no reason to call it dearer.
pub(super) fn cost_at_equal_length(
    snapshot: &Snapshot,
    inputs: &Inputs,
    analysis: &Analysis,
    model: ModelIx,
) -> Option<NanoUsd> {
    let (input, output) = (u64::from(analysis.input_tokens), u64::from(analysis.output_tokens));
    snapshot.model(model).prices.on(inputs.day)?.cost(&Usage { input, output, ..Usage::default() })
}

/// All input and all output, each in the dearest bucket this request can fall into; `None` when such a bucket has no
/// price. Cache writes and media are billed apart, and dearer than plain input where they are.
pub(super) fn worst_cost(facts: &Facts, price: &Price, (input, output): (u64, u64)) -> Option<NanoUsd> {
    // Input is estimated from bytes, and a ceiling must hold all the same.
    let input = input + input / 4;
    let if_any = |possible: bool, tokens: u64| if possible { tokens } else { 0 };
    let (cached, audio) = (facts.cache_markers, facts.needs.has(Capabilities::AUDIO));
    let inputs = [
        Usage { input, ..Usage::default() },
        Usage { cache_write_5m: if_any(cached, input), ..Usage::default() },
        Usage { cache_write_1h: if_any(cached, input), ..Usage::default() },
        Usage { image_input: if_any(facts.needs.has(Capabilities::VISION), input), ..Usage::default() },
        Usage { audio_input: if_any(audio, input), ..Usage::default() },
    ];
    let outputs = [
        Usage { output, ..Usage::default() },
        Usage { reasoning: output, ..Usage::default() },
        Usage { audio_output: if_any(audio, output), ..Usage::default() },
    ];
    let dearest = |buckets: &[Usage]| {
        buckets
            .iter()
            .map(|usage| price.cost(usage))
            .try_fold(NanoUsd::ZERO, |most, cost| Some(most.max(cost?)))
    };
    Some(dearest(&inputs)? + dearest(&outputs)?)
}
