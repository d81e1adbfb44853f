//! The stages of a decision, in their order.

use xxhash_rust::xxh3::Xxh3;

use super::choose::{Bounds, Field};
use super::estimate;
use super::legs::{Leg, Terms, legs};
use super::no_route::NoRoute;
use super::plan::{Candidate, Decision, Inputs, Plan, Reason, Verdict, Why};
use super::room::Ceiling;
use super::weigh;
use crate::analysis::{self, Analysis};
use crate::catalog::{Mode, Objective, PlanKind, Policy, Snapshot};
use crate::types::{ModelId, ModelIx, NanoUsd, Served};

/// Understands a request and decides: what the proxy, `explain` and replay call.
pub fn analyse_and_decide(snapshot: &Snapshot, inputs: &Inputs) -> (Analysis, Result<Decision, NoRoute>) {
    let analysis = understood(inputs);
    let decision = decide(snapshot, inputs, &analysis);
    (analysis, decision)
}

/// The analysis of a request; a caller who says what the task is knows better.
pub(super) fn understood(inputs: &Inputs) -> Analysis {
    let mut analysis = analysis::understand(&inputs.features);
    if let Some(task) = inputs.limits.task {
        analysis.task = task;
        analysis.task_confidence = 1.0;
    }
    let difficulty = inputs.forecast.as_ref().and_then(|forecast| forecast.difficulty);
    analysis.difficulty = difficulty.map(|share| f32::from(share) / 10_000.0);
    analysis
}

/// Takes a stored decision again.
pub fn replay(snapshot: &Snapshot, inputs: &Inputs) -> Result<Decision, NoRoute> {
    analyse_and_decide(snapshot, inputs).1
}

/// Whether a request that no policy takes keeps the ceilings that hold for it. `inputs.policy` is not looked at.
pub fn within_ceiling_as_named(snapshot: &Snapshot, inputs: &Inputs) -> Result<(), NoRoute> {
    within_ceiling(snapshot, inputs, (&understood(inputs), whatever_the_policy(inputs)), &Plan::Named)
}

/// What a plan costs at most; `None`: unpriced.
pub fn worst_of(snapshot: &Snapshot, inputs: &Inputs, plan: &Plan) -> Option<NanoUsd> {
    worst(snapshot, inputs, &understood(inputs), plan)
}

/// The ceiling on what is not routed: its caller's, or one that it shares with other requests.
fn whatever_the_policy(inputs: &Inputs) -> Option<Ceiling> {
    Ceiling::of(inputs.limits.max_cost, inputs.live.room)
}

/// What the attempts of a decision may cost together, and each model of its chain at most, in order: behind a plan of
/// several models that is the written chain. `None` without a ceiling, and where nothing could add up.
pub fn ceiling_of_chain(snapshot: &Snapshot, inputs: &Inputs, decision: &Decision) -> Option<ChainCeiling> {
    let first = match &decision.plan {
        Plan::Named => return None,
        Plan::Single(first) => Some(first),
        Plan::Cascade(_) | Plan::Ensemble(_) | Plan::Debate(_) | Plan::Draft(_) => None,
    };
    let policy = snapshot.policies.iter().find(|policy| policy.id == inputs.policy)?;
    let analysis = understood(inputs);
    let ceiling = Bounds::of(policy.at(analysis.step), inputs).max_cost?.most;
    let worst = |id: &ModelId| {
        let model = snapshot.model_by_id(id.as_str())?;
        let quality = estimate::quality((snapshot, inputs), &analysis, model, None);
        estimate::single(snapshot, inputs, &analysis, (model, None), quality).worst_cost
    };
    let chain = first.into_iter().chain(&decision.fallback);
    Some(ChainCeiling { ceiling, worst: chain.map(|id| (id.clone(), worst(id))).collect() })
}

/// The calls of a plan of several models, for whoever runs it: in the order of their waves, each with the output cap to
/// send and the cost to reserve. None of another plan.
pub fn legs_of(snapshot: &Snapshot, inputs: &Inputs, decision: &Decision) -> Vec<Leg> {
    let analysis = understood(inputs);
    let baseline = decision.baseline.as_ref().and_then(|baseline| snapshot.model_by_id(baseline.as_str()));
    let accepted =
        baseline.map_or(0.0, |baseline| weigh::accepted(snapshot, baseline, &analysis, &decision.plan));
    let policy = snapshot.policies.iter().find(|policy| policy.id == inputs.policy);
    let audit = policy.map_or(0.0, |policy| policy.at(analysis.step).compound.audit);
    legs(&Terms { snapshot, inputs, analysis: &analysis, accepted, audit }, &decision.plan)
}

/// What [`ceiling_of_chain`] finds.
#[derive(Clone, Debug)]
pub struct ChainCeiling {
    /// What all attempts together may cost.
    pub ceiling: NanoUsd,
    /// What one attempt at each model costs at most; `None`: unpriced.
    pub worst: Vec<(ModelId, Option<NanoUsd>)>,
}

/// Decides. Same snapshot, same inputs, same analysis: same decision.
pub fn decide(snapshot: &Snapshot, inputs: &Inputs, analysis: &Analysis) -> Result<Decision, NoRoute> {
    let Some(policy) = snapshot.policies.iter().find(|policy| policy.id == inputs.policy) else {
        return Err(NoRoute::no_baseline(inputs.policy.as_str()));
    };
    let policy = policy.at(analysis.step);
    let share = Shares::of(policy, inputs);
    let by_mode = policy.mode == Mode::Route || (policy.mode == Mode::Canary && share.canary);
    let routed = is_auto(inputs) || (by_mode && !inputs.observe_only);
    let bounds = Bounds::of(policy, inputs);
    // Traffic that is not routed has no choice, but a ceiling its caller sets holds for it all the same; a marker that
    // binds a routed conversation lifts no ceiling.
    let ceiling = if routed { bounds.max_cost } else { whatever_the_policy(inputs) };
    let as_it_is = |decision: Decision| {
        within_ceiling(snapshot, inputs, (analysis, ceiling), &decision.plan).map(|()| decision)
    };
    if !inputs.facts.hard_markers.is_empty() {
        if let (true, Some(kind)) = (routed, asked_compound(inputs)) {
            let why = "the conversation is bound to the model that answered it before";
            return Err(NoRoute::no_such_plan(policy.id.as_str(), kind, why));
        }
        return bound(snapshot, policy, inputs).and_then(as_it_is);
    }
    let baseline = match baseline(snapshot, policy, inputs) {
        Ok(baseline) => baseline,
        // Only what is routed needs a model we know; the rest goes on as it is named.
        Err(no_route) => {
            return match routed {
                true => Err(no_route),
                false => as_it_is(unrouted(policy, inputs)),
            };
        }
    };
    let field = Field { snapshot, policy, inputs, analysis, bounds, baseline };
    let chosen = choose(&field, share.holdout);
    if routed {
        let chosen = chosen?;
        return Ok(serve(&field, chosen));
    }
    let mut decision = unrouted(policy, inputs);
    decision.baseline = Some(snapshot.model(baseline).id.clone());
    match chosen {
        Ok(chosen) => {
            decision.would = Some(chosen.plan);
            decision.would_reason = Some(chosen.reason);
            decision.candidates = chosen.candidates;
        }
        Err(no_route) => decision.candidates = no_route.candidates,
    }
    as_it_is(decision)
}

/// The kind of plan of several models the caller asks for.
fn asked_compound(inputs: &Inputs) -> Option<PlanKind> {
    inputs.limits.plan.as_deref().and_then(PlanKind::parse).filter(|kind| *kind != PlanKind::Single)
}

/// Whether the worst case of a plan that nobody weighed keeps a ceiling.
fn within_ceiling(
    snapshot: &Snapshot,
    inputs: &Inputs,
    (analysis, ceiling): (&Analysis, Option<Ceiling>),
    plan: &Plan,
) -> Result<(), NoRoute> {
    let Some(ceiling) = ceiling else { return Ok(()) };
    match worst(snapshot, inputs, analysis, plan) {
        Some(worst) if worst <= ceiling.most => Ok(()),
        worst => Err(NoRoute::over_ceiling(&inputs.facts.model_named, &ceiling, worst)),
    }
}

fn worst(snapshot: &Snapshot, inputs: &Inputs, analysis: &Analysis, plan: &Plan) -> Option<NanoUsd> {
    let alone = |model: Option<ModelIx>| {
        let model = model?;
        let quality = estimate::quality((snapshot, inputs), analysis, model, None);
        estimate::single(snapshot, inputs, analysis, (model, None), quality).worst_cost
    };
    match plan {
        Plan::Single(model) => alone(snapshot.model_by_id(model.as_str())),
        Plan::Named => alone(snapshot.model_named(inputs.facts.dialect, &inputs.facts.model_named)),
        Plan::Cascade(_) | Plan::Ensemble(_) | Plan::Debate(_) | Plan::Draft(_) => {
            weigh::worst_cost(&legs(&Terms { snapshot, inputs, analysis, accepted: 0.0, audit: 0.0 }, plan))
        }
    }
}

/// A choice before it is known whether it serves.
pub(super) struct Chosen {
    pub(super) plan: Plan,
    pub(super) reason: Reason,
    candidates: Vec<Candidate>,
    /// Whether the other side of the holdout share would be served the same.
    either_way: bool,
}

/// Weighs the candidates and chooses; `holdout`: the session is in the share that the baseline serves.
pub(super) fn choose(field: &Field<'_>, holdout: bool) -> Result<Chosen, NoRoute> {
    let candidates = field.weigh();
    let baseline = field.baseline_plan();
    let standard = field.standard(&candidates);
    let baseline_may = standard.is_some_and(|standard| matches!(standard.verdict, Verdict::Eligible { .. }));
    let Some(winner) = field.winner(&candidates) else {
        // A baseline that only cools down is tried all the same, with the written chain behind it.
        return match standard {
            Some(standard) if is_only_cooling(field, standard) => {
                Ok(Chosen { plan: baseline, reason: Reason::Baseline, candidates, either_way: true })
            }
            _ => Err(field.no_route(candidates)),
        };
    };
    let either_way = winner.plan == baseline || !baseline_may;
    if holdout && baseline_may {
        return Ok(Chosen { plan: baseline, reason: Reason::Holdout, candidates, either_way });
    }
    if let Some((last, reason)) = field.stays(&candidates, winner) {
        return Ok(Chosen { plan: last.plan.clone(), reason, candidates, either_way });
    }
    let unlicensed = |candidate: &Candidate| {
        matches!(candidate.verdict, Verdict::Ineligible(Why::NoEvidence | Why::Unmeasured))
            && field.prefers(candidate, winner)
    };
    let reason = match field.policy.objective {
        _ if winner.plan == baseline && candidates.iter().any(unlicensed) => Reason::InsufficientEvidence,
        _ if winner.plan == baseline => Reason::Baseline,
        Objective::Cheapest => Reason::Cheapest,
        Objective::Best => Reason::Best,
    };
    Ok(Chosen { plan: winner.plan.clone(), reason, candidates, either_way })
}

fn is_only_cooling(field: &Field<'_>, standard: &Candidate) -> bool {
    standard.verdict == Verdict::Ineligible(Why::NotReady) && field.beyond(standard).is_none()
}

/// The choice as a decision that serves.
fn serve(field: &Field<'_>, chosen: Chosen) -> Decision {
    let served = match chosen.reason {
        Reason::Holdout => Served::Holdout,
        _ if field.policy.mode == Mode::Canary && !is_auto(field.inputs) => Served::Canary,
        _ => match &chosen.plan {
            Plan::Named | Plan::Single(_) => Served::Routed,
            Plan::Cascade(_) => Served::Cascade,
            Plan::Ensemble(_) => Served::Ensemble,
            Plan::Debate(_) => Served::Debate,
            Plan::Draft(_) => Served::Draft,
        },
    };
    let baseline = field.snapshot.model(field.baseline).id.clone();
    Decision {
        served,
        reason: chosen.reason,
        fallback: fallback(field, &chosen),
        propensity: propensity(field, &chosen),
        plan: chosen.plan,
        baseline: Some(baseline),
        would: None,
        would_reason: None,
        candidates: chosen.candidates,
    }
}

/// Forwarded as named, because the policy observes or the session is outside the canary share.
fn unrouted(policy: &Policy, inputs: &Inputs) -> Decision {
    let (reason, propensity) = match policy.mode {
        Mode::Canary if !inputs.observe_only => (Reason::NotCanary, 1.0 - policy.canary_share),
        Mode::Observe | Mode::Canary | Mode::Route => (Reason::Observe, 1.0),
    };
    debug_assert!(!is_auto(inputs));
    Decision {
        served: Served::Observed,
        reason,
        plan: Plan::Named,
        fallback: Vec::new(),
        baseline: None,
        would: None,
        would_reason: None,
        candidates: Vec::new(),
        propensity,
    }
}

/// A conversation bound to the model that served it: no choice, no fallback.
fn bound(snapshot: &Snapshot, policy: &Policy, inputs: &Inputs) -> Result<Decision, NoRoute> {
    let (plan, reason) = if !is_auto(inputs) {
        (Plan::Named, Reason::HardMarker)
    } else if let Some(model) = known_session_model(snapshot, inputs) {
        (Plan::Single(model), Reason::HardMarkerSession)
    } else {
        let baseline = baseline(snapshot, policy, inputs)?;
        (Plan::Single(snapshot.model(baseline).id.clone()), Reason::HardMarkerUnknown)
    };
    Ok(Decision {
        served: Served::Pinned,
        reason,
        plan,
        fallback: Vec::new(),
        baseline: None,
        would: None,
        would_reason: None,
        candidates: Vec::new(),
        propensity: 1.0,
    })
}

fn known_session_model(snapshot: &Snapshot, inputs: &Inputs) -> Option<ModelId> {
    inputs.live.session_model.clone().filter(|model| snapshot.model_by_id(model.as_str()).is_some())
}

/// The model quality is measured against: the policy's for `auto`, else the one the client named.
pub(super) fn baseline(snapshot: &Snapshot, policy: &Policy, inputs: &Inputs) -> Result<ModelIx, NoRoute> {
    if is_auto(inputs) {
        return policy.baseline.ok_or_else(|| NoRoute::no_baseline(policy.id.as_str()));
    }
    let named = &inputs.facts.model_named;
    snapshot.model_named(inputs.facts.dialect, named).ok_or_else(|| {
        let known: Vec<String> = snapshot.models.iter().map(|model| format!("`{}`", model.id)).collect();
        NoRoute::unknown_model(named, &known)
    })
}

/// The written chain behind the plan, without what cannot serve this request or breaks a limit on money or quality:
/// falling back must not cost more than the caller allows. Evidence is not asked for: the operator wrote the chain.
fn fallback(field: &Field<'_>, chosen: &Chosen) -> Vec<ModelId> {
    let links = field.policy.fallback.iter().copied().filter(|model| {
        let candidate = field.candidate(*model);
        let soft = match &candidate.verdict {
            Verdict::Eligible { .. } => true,
            Verdict::Ineligible(Why::NotReady) => {
                field.beyond(&candidate).is_none_or(|why| why.is_about_time())
            }
            Verdict::Ineligible(why) => why.is_about_time(),
        };
        soft && candidate.plan != chosen.plan
    });
    links.map(|model| field.snapshot.model(model).id.clone()).collect()
}

fn is_auto(inputs: &Inputs) -> bool {
    inputs.facts.model_named == "auto" || inputs.facts.model_named.starts_with("pointsman/")
}

/// On which side of the policy's shares a session stands.
struct Shares {
    canary: bool,
    holdout: bool,
}

impl Shares {
    fn of(policy: &Policy, inputs: &Inputs) -> Self {
        let draw = |purpose: &str| {
            let mut hasher = Xxh3::new();
            hasher.update(policy.id.as_str().as_bytes());
            hasher.update(&inputs.session_hash.to_le_bytes());
            hasher.update(purpose.as_bytes());
            // 53 bits: every value is exact in a double, so that replays agree on every machine.
            (hasher.digest() >> 11) as f64 / (1_u64 << 53) as f64
        };
        Self { canary: draw("canary") < policy.canary_share, holdout: draw("holdout") < policy.holdout }
    }
}

/// Over sessions: how often this policy serves this request by this plan.
fn propensity(field: &Field<'_>, chosen: &Chosen) -> f64 {
    let policy = field.policy;
    let within = match chosen.reason {
        _ if chosen.either_way => 1.0,
        Reason::Holdout => policy.holdout,
        _ => 1.0 - policy.holdout,
    };
    let by_canary = policy.mode == Mode::Canary && !is_auto(field.inputs);
    if by_canary { within * policy.canary_share } else { within }
}
