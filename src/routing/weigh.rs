//! What a plan of several models is expected to give, cost and take, from its legs; and what it needs to serve.

use super::choose::Field;
use super::compound::{Accept, Acceptance, Cascade};
use super::eligible;
use super::estimate;
use super::latency::{ADMISSION, Basis};
use super::legs::{Leg, Role, Terms, legs};
use super::plan::{Candidate, Crossing, DeploymentLive, Estimate, Facts, Plan, Verdict, Why};
use super::spread::Spread;
use crate::analysis::Analysis;
use crate::catalog::{CompoundLicense, PLAN_PAIRS, PooledEvidence, Snapshot};
use crate::types::{Capabilities, DeploymentIx, Dialect, ModelIx, NanoUsd, TaskClass, Usage};

/// Share of first answers that stand while nobody has counted them.
const USUALLY_ACCEPTED: f64 = 0.5;

/// What is known of a plan in a request's class, however little.
fn known<'s>(
    snapshot: &'s Snapshot,
    baseline: ModelIx,
    analysis: &Analysis,
    plan: &Plan,
) -> Option<&'s PooledEvidence> {
    if analysis.unfamiliar {
        return None;
    }
    snapshot.evidence.pooled(&snapshot.model(baseline).id, &plan.key(), analysis.task)
}

/// What is known of a plan in a request's class that is enough to serve on: whatever a policy asks of single models, that of
/// plans is paired.
pub(super) fn evidence<'s>(
    snapshot: &'s Snapshot,
    baseline: ModelIx,
    analysis: &Analysis,
    plan: &Plan,
) -> Option<&'s PooledEvidence> {
    known(snapshot, baseline, analysis, plan).filter(is_enough)
}

fn is_enough(found: &&PooledEvidence) -> bool {
    found.pairs_in_all >= PLAN_PAIRS
}

/// Whether that much was measured in the class itself.
fn is_own(found: &PooledEvidence) -> bool {
    found.evidence.pairs >= PLAN_PAIRS
}

/// Share of requests whose first answers stand, 0..1.
pub(super) fn accepted(snapshot: &Snapshot, baseline: ModelIx, analysis: &Analysis, plan: &Plan) -> f64 {
    stand(known(snapshot, baseline, analysis, plan), (snapshot, analysis), plan)
}

/// The same, of what is known.
fn stand(found: Option<&PooledEvidence>, (snapshot, analysis): (&Snapshot, &Analysis), plan: &Plan) -> f64 {
    let learnt = Acceptance::of(snapshot, analysis, plan);
    if learnt.is_none() && matches!(plan, Plan::Cascade(Cascade { accept: Accept::Acceptor, .. })) {
        // Nothing stands without one.
        return 0.0;
    }
    let free = agrees_on_free_text(plan, analysis);
    // Of free texts the other classes say nothing.
    let counted = found.filter(|found| found.accepted_is_own || !free);
    let counted = counted.and_then(|found| found.evidence.accepted);
    let usual = || learnt.map_or(USUALLY_ACCEPTED, |learnt| learnt.usual());
    counted.unwrap_or_else(|| if free { 0.0 } else { usual() }).clamp(0.0, 1.0)
}

/// Whether it rests on answers being the same where no two are.
fn agrees_on_free_text(plan: &Plan, analysis: &Analysis) -> bool {
    let agrees = matches!(plan, Plan::Cascade(Cascade { accept: Accept::Agreement | Accept::Majority, .. }));
    agrees && matches!(analysis.task, TaskClass::Creative | TaskClass::Summarisation | TaskClass::Translation)
}

/// Whether it rests on a model's answers being the same that this request's sampling makes the same.
fn repeats(plan: &Plan, facts: &Facts) -> bool {
    let Plan::Cascade(Cascade { tries, accept: Accept::Agreement | Accept::Majority, .. }) = plan else {
        return false;
    };
    facts.repeats && tries.iter().enumerate().any(|(at, model)| tries[..at].contains(model))
}

/// Whether a leg's answer stands by how probable its model finds it.
fn is_weighed(plan: &Plan, leg: &Leg) -> bool {
    let by_logprobs = matches!(plan, Plan::Cascade(Cascade { accept: Accept::Logprobs(_), .. }));
    by_logprobs && leg.role == Role::Try
}

/// What a plan would need of the sort of answer it is to give, and this request does not leave it.
fn misshapen(plan: &Plan, needs: Capabilities, stream: bool) -> Option<Why> {
    // Two calls of a tool the provider runs are two deeds, whoever's answer serves; answers of Responses are not compared.
    let deeds = Capabilities::SERVER_TOOLS.with(Capabilities::RESPONSES);
    let several = deeds
        .with(Capabilities::TOOLS)
        .with(Capabilities::MULTIPLE_CHOICES)
        .with(Capabilities::LOGPROBS)
        .with(Capabilities::AUDIO)
        .with(Capabilities::PREFILL);
    let written_anew = several.with(Capabilities::JSON_SCHEMA).with(Capabilities::JSON_OBJECT);
    let in_the_way = match plan {
        Plan::Named | Plan::Single(_) => Capabilities::default(),
        // A stream is written from the whole answer, as one choice of text and calls.
        Plan::Cascade(Cascade { accept: Accept::Structure, .. }) if stream => {
            deeds.with(Capabilities::MULTIPLE_CHOICES).with(Capabilities::LOGPROBS).with(Capabilities::AUDIO)
        }
        Plan::Cascade(Cascade { accept: Accept::Structure, .. }) => deeds,
        Plan::Cascade(_) | Plan::Ensemble(_) => several,
        Plan::Debate(_) | Plan::Draft(_) => written_anew,
    };
    let found = needs.without(needs.without(in_the_way));
    (!found.is_empty()).then_some(Why::AnswerShape(found))
}

impl Field<'_> {
    /// A plan of several models, weighed.
    pub(super) fn compound(&self, plan: Plan) -> Candidate {
        let (snapshot, inputs, analysis) = (self.snapshot, self.inputs, self.analysis);
        let known = known(snapshot, self.baseline, analysis, &plan);
        let accepted = stand(known, (snapshot, analysis), &plan);
        let found = known.filter(is_enough);
        let audit = self.policy.compound.audit;
        let legs = legs(&Terms { snapshot, inputs, analysis, accepted, audit }, &plan);
        let targets: Vec<Result<DeploymentIx, eligible::Obstacle>> =
            legs.iter().map(|leg| self.leg_target(&plan, leg)).collect();
        let live: Vec<Option<&DeploymentLive>> = targets
            .iter()
            .map(|target| target.as_ref().map_or_else(|obstacle| obstacle.at, |ix| Some(*ix)))
            .map(|deployment| inputs.live.deployments.get(deployment?.at()))
            .collect();
        let obstacle = targets
            .into_iter()
            .zip(&legs)
            .find_map(|(target, leg)| Some(Why::Member(leg.model.clone(), Box::new(target.err()?.why))));
        let total_ms = total_ms(&legs, &live);
        let mut candidate = Candidate {
            quality: self.compound_quality(&plan, found),
            cost: self.expected_cost(&plan, found, (&legs, accepted * audit)),
            ahead: None,
            worst_cost: worst_cost(&legs),
            ttft_ms: total_ms,
            total_ms,
            timing: basis(&live),
            verdict: Verdict::Eligible { on_frontier: false },
            plan,
        };
        let needs = inputs.facts.needs;
        let needs = if self.asked_in_chat().is_some() { needs.without(needs.apis()) } else { needs };
        let repeats = repeats(&candidate.plan, &inputs.facts).then_some(Why::Repeats);
        let obstacle = misshapen(&candidate.plan, needs, inputs.facts.stream).or(repeats).or(obstacle);
        if let Some(why) = obstacle.or_else(|| self.beyond(&candidate)) {
            candidate.verdict = Verdict::Ineligible(why);
        }
        candidate
    }

    /// Where a leg of a plan would be called, or why it cannot be.
    fn leg_target(&self, plan: &Plan, leg: &Leg) -> Result<DeploymentIx, eligible::Obstacle> {
        let ix = self.snapshot.model_by_id(leg.model.as_str()).ok_or(Why::NotReady)?;
        let model = self.snapshot.model(ix);
        let capped = self.inputs.facts.max_output_tokens.is_some();
        let input = if capped { leg.reads.most } else { leg.reads.usual };
        let output = u64::from(if capped { leg.output_cap } else { leg.timed });
        // As of any prompt, a tenth is kept free.
        if input + input / 10 + output > u64::from(model.context_tokens) {
            return Err(Why::ContextWindow.into());
        }
        if leg.role.asks_of_ours() {
            return eligible::target_of_ours(self.snapshot, self.inputs, ix);
        }
        if is_weighed(plan, leg) && !model.capabilities.has(Capabilities::LOGPROBS) {
            return Err(Why::MissingCapability(Capabilities::LOGPROBS).into());
        }
        let target = eligible::target(self.snapshot, self.inputs, self.analysis, ix)?;
        if is_weighed(plan, leg) && self.snapshot.dialect_of(target) == Dialect::Anthropic {
            return Err(Why::NotExpressible("logprobs".to_owned()).into());
        }
        let own = self.snapshot.dialect_of(target) == self.inputs.facts.dialect;
        match self.asked_in_chat() {
            Some(Crossing { obstacle: Some(param), .. }) if own => {
                Err(Why::NotExpressible(param.clone()).into())
            }
            _ => Ok(target),
        }
    }

    /// How a request of Responses is put to models of its own dialect: in Chat, so that their answers can be compared and told.
    fn asked_in_chat(&self) -> Option<&Crossing> {
        let facts = &self.inputs.facts;
        let asks = facts.needs.has(Capabilities::RESPONSES);
        facts.crossings.iter().find(|crossing| asks && crossing.to == facts.dialect)
    }

    /// What it cost beside the baseline where that was measured, on the baseline's cost of this request with nothing in a cache, and
    /// what its audits cost besides, for this share of requests; but no less than the calls that are always made: prices may have
    /// changed since. Else the sum over its legs. `None` where one of them has no price.
    fn expected_cost(
        &self,
        plan: &Plan,
        found: Option<&PooledEvidence>,
        (legs, audited): (&[Leg], f64),
    ) -> Option<NanoUsd> {
        let reckoned = sum(legs, |leg| leg.chance)?;
        let found =
            found.filter(|found| found.evidence.pairs > 0 || !agrees_on_free_text(plan, self.analysis));
        let ratio = found.and_then(|found| found.evidence.cost_ratio);
        let read = Usage { input: u64::from(self.analysis.input_tokens), ..Usage::default() };
        let alone = (self.baseline, read);
        let alone = estimate::cost_reading(self.snapshot, self.inputs, self.analysis, alone);
        let Some((ratio, alone)) = ratio.zip(alone) else { return Some(reckoned) };
        let always = sum(legs, |leg| if leg.chance < 1.0 { 0.0 } else { 1.0 })?;
        let is_audit = |leg: &Leg| matches!(plan, Plan::Cascade(_)) && leg.role == Role::Last;
        let audits = sum(legs, |leg| if is_audit(leg) { audited } else { 0.0 })?;
        Some((NanoUsd((alone.0 as f64 * ratio).round() as u64) + audits).max(always))
    }

    /// Measured, or what is expected of the baseline less what the plan loses, where it is known by that or by other classes only, or
    /// that of the best model that answers first: what nobody has measured gains nothing.
    fn compound_quality(&self, plan: &Plan, found: Option<&PooledEvidence>) -> Estimate {
        if let Some(found) = found {
            let measured = Some(found).filter(|found| is_own(found));
            let measured = measured.and_then(|found| estimate::measured(&found.evidence));
            return measured.unwrap_or_else(|| estimate::less(self.quality(self.baseline), &found.evidence));
        }
        let first =
            plan.first_to_answer().iter().filter_map(|model| self.snapshot.model_by_id(model.as_str()));
        let best = first
            .map(|model| self.quality(model))
            .reduce(|best, next| if next.mean > best.mean { next } else { best });
        best.unwrap_or(Estimate { low: 0.0, mean: 0.0, high: 0.0 })
    }

    /// What keeps a plan of several models from serving: too little is known of it and nobody asks for it, it may lose too much,
    /// or it costs more than the baseline and is not shown to be better. What other classes say may speak for it, never against
    /// it.
    pub(super) fn compound_unlicensed(&self, candidate: &Candidate, standard: &Candidate) -> Option<Why> {
        let asked_for = self.asked_kind().is_some_and(|kind| candidate.plan.kind() == Some(kind));
        let granted = self.policy.compound.license == CompoundLicense::Granted;
        let loses_too_much =
            |found: &PooledEvidence| found.evidence.loss_upper > self.bounds.max_quality_loss;
        let found = evidence(self.snapshot, self.baseline, self.analysis, &candidate.plan);
        let Some(found) = found.filter(|found| is_own(found) || !loses_too_much(found)) else {
            return (!asked_for && !granted).then_some(Why::Unmeasured);
        };
        let dearer = candidate.cost.zip(standard.cost).is_some_and(|(cost, baseline)| cost >= baseline);
        let excused = asked_for || (granted && !is_own(found));
        if loses_too_much(found) {
            Some(Why::QualityLoss)
        } else {
            (dearer && !excused && found.evidence.loss_upper >= 0.0).then_some(Why::NoGain)
        }
    }
}

/// The sum over what each leg costs, as often as it runs.
fn sum(legs: &[Leg], often: impl Fn(&Leg) -> f64) -> Option<NanoUsd> {
    let cost = |leg: &Leg| Some(NanoUsd((leg.cost?.0 as f64 * often(leg)).round() as u64));
    legs.iter().map(cost).sum::<Option<NanoUsd>>().filter(|_| !legs.is_empty())
}

/// What all legs cost together when every one runs and is as long as may be.
pub(super) fn worst_cost(legs: &[Leg]) -> Option<NanoUsd> {
    legs.iter().map(|leg| leg.worst_cost).sum::<Option<NanoUsd>>().filter(|_| !legs.is_empty())
}

/// The whole answer at the admission quantile, ms, when every wave runs: what is escalated waits for all. Nothing is passed on
/// while it is written, so that is when the first token comes, too.
fn total_ms(legs: &[Leg], live: &[Option<&DeploymentLive>]) -> u32 {
    let waves = legs.iter().map(|leg| leg.wave).max().unwrap_or(0);
    let of = |wave: u8| {
        let all = legs.iter().zip(live).filter(|(leg, _)| leg.wave == wave);
        let times =
            all.filter_map(|(leg, live)| Some(Spread::around(live.as_ref()?.total_ms(leg.timed) as f32)));
        Spread::all_of(&times.collect::<Vec<_>>())
    };
    let times: Vec<Spread> = (0..=waves).map(of).collect();
    Spread::in_turn(&times).quantile(ADMISSION).ceil() as u32
}

/// The weakest of what the legs' times rest on.
fn basis(live: &[Option<&DeploymentLive>]) -> Option<Basis> {
    let bases = live.iter().map(|live| live.and_then(DeploymentLive::basis));
    bases.reduce(|one, other| Some(one?.weaker(other?))).flatten()
}
