//! What holds of every plan of several models: whatever its legs read and write, they cost no more together than was
//! weighed; no ceiling is exceeded; the same is decided again.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::analysis::{Analysis, step_of};
use crate::catalog::{ACCEPTOR_COLUMNS, AcceptSpec, CascadeSpec, Compound, CompoundLicense, DraftSpec};
use crate::routing::{
    Accept, Acceptance, Cascade, FRAME_TOKENS, Leg, Plan, Role, Room, Sharers, affords, legs_of,
};
use crate::types::{AgentStep, Probability, Usage};

/// Worlds drawn; `PLANS` of the environment asks for more.
const DRAWN: u32 = 2000;
/// Ways each plan is run.
const RUNS: u32 = 20;

/// A world of four to six models with prices of any kind, limits, every kind of plan, steps of their own, a conversation that lies in a
/// cache, and outcomes of some of the plans there are.
fn drawn(seed: u64) -> (Snapshot, Inputs, StdRng) {
    let mut rng = StdRng::seed_from_u64(seed);
    let (snapshot, inputs) = world_of(&mut rng.clone(), |_, _| {});
    let any_kind = Inputs { limits: Limits { plan: None, ..inputs.limits.clone() }, ..inputs };
    let candidates = match analyse_and_decide(&snapshot, &any_kind).1 {
        Ok(decision) => decision.candidates,
        Err(no_route) => no_route.candidates,
    };
    let plans: Vec<String> = candidates.iter().map(|one| one.plan.to_string()).collect();
    let (snapshot, inputs) = world_of(&mut rng, |world, rng| outcomes(world, &plans, rng));
    (snapshot, inputs, rng)
}

/// Outcomes of some plans in some classes: none, some, enough; with and without a share of answers that stood.
fn outcomes(world: &mut World, plans: &[String], rng: &mut StdRng) {
    for plan in plans {
        for task in TaskClass::ALL {
            if !rng.random_bool(0.3) {
                continue;
            }
            let loss = f64::from(rng.random_range(-20..60)) / 1000.0;
            let evidence = world.evidence(plan, loss);
            evidence.task = task;
            evidence.pairs = [0, 15, 60, 200, 900][rng.random_range(0..5)];
            evidence.accepted = rng.random_bool(0.7).then(|| f64::from(rng.random_range(0..=100)) / 100.0);
        }
    }
    for plan in plans.iter().filter(|plan| plan.ends_with("by acceptor)")) {
        for task in TaskClass::ALL {
            if rng.random_bool(0.6) {
                let stood = f64::from(rng.random_range(0..=100)) / 100.0;
                world.acceptors.push(acceptor(plan, task, stood));
            }
        }
    }
}

fn acceptor(plan: &str, task: TaskClass, stood: f64) -> Acceptor {
    Acceptor {
        plan: plan.into(),
        task,
        weights: [0.0; ACCEPTOR_COLUMNS],
        stands_from: 0.5,
        answers: 400,
        stood,
        differs_upper: 0.01,
    }
}

/// A cascade as one can be written: by any test there is, of as many models as it takes, and where answers must be the same now and then
/// of one model that is asked again.
fn cascade(rng: &mut StdRng, models: u16) -> CascadeSpec {
    let any = |rng: &mut StdRng| ModelIx(rng.random_range(0..models));
    let accept = match rng.random_range(0..6) {
        0 => AcceptSpec::Agreement,
        1 => AcceptSpec::Majority,
        2 => AcceptSpec::Structure,
        3 => AcceptSpec::Acceptor,
        4 => AcceptSpec::Logprobs(Probability::new(rng.random_range(0.1..1.0)).unwrap()),
        _ => AcceptSpec::Judge(any(rng)),
    };
    let number = match accept {
        AcceptSpec::Agreement => rng.random_range(2..=3),
        AcceptSpec::Majority => 3,
        AcceptSpec::Acceptor => 1,
        AcceptSpec::Structure | AcceptSpec::Logprobs(_) | AcceptSpec::Judge(_) => rng.random_range(1..=3),
    };
    let mut tries: Vec<ModelIx> = (0..models).map(ModelIx).filter(|ix| *ix != LARGE).take(number).collect();
    if matches!(accept, AcceptSpec::Agreement | AcceptSpec::Majority) && rng.random_bool(0.5) {
        let again = tries[rng.random_range(0..number)];
        tries[rng.random_range(0..number)] = again;
        tries[0] = again;
    }
    CascadeSpec { tries, accept, last: None }
}

/// Plans as a policy may write them.
fn plans(compound: &mut Compound, models: u16, rng: &mut StdRng) {
    let any = |rng: &mut StdRng| ModelIx(rng.random_range(0..models));
    if rng.random_bool(0.7) {
        compound.cascades = vec![cascade(rng, models)];
    }
    if rng.random_bool(0.5) {
        compound.drafts = vec![DraftSpec { drafter: any(rng), verifier: Some(any(rng)) }];
    }
    compound.rounds = rng.random_range(1..=4);
    compound.audit = if rng.random_bool(0.5) { rng.random_range(0.0..=Compound::MOST_AUDITED) } else { 0.0 };
    compound.license =
        if rng.random_bool(0.5) { CompoundLicense::Granted } else { CompoundLicense::Measured };
}

/// Where in an agent's work it stands, and a policy of its own for that.
fn at_a_step(world: &mut World, rng: &mut StdRng) {
    let talk = &mut world.inputs.features.talk;
    talk.tools = rng.random_range(0..3);
    talk.tool_calls = rng.random_range(0..2);
    talk.last_results = rng.random_range(0..2);
    let step = step_of(&world.inputs.features);
    let mut at = world.policy().clone();
    at.objective = if rng.random_bool(0.5) { Objective::Cheapest } else { Objective::Best };
    at.max_cost = rng.random_bool(0.3).then(|| NanoUsd(rng.random_range(0..400_000_000)));
    let last = at.candidates.len() - 1;
    at.candidates.swap(0, last);
    world.policy().steps = vec![(step, at)];
}

/// A conversation that some model has answered, with what is left under a ceiling of its own.
fn in_a_conversation(world: &mut World, rng: &mut StdRng) {
    let models = &world.parts.models;
    let last = models[rng.random_range(0..models.len())].id.clone();
    let live = &mut world.inputs.live;
    live.session_model = Some(last);
    live.session.warm_tokens = rng.random_range(0..60_000);
    for _ in 0..rng.random_range(0..5) {
        live.session.turns.count(TaskClass::Code, AgentStep::None);
    }
    let left = NanoUsd(rng.random_range(0..600_000_000));
    let room = Room { of: Sharers::Session, ceiling: NanoUsd(u64::MAX), left, held: NanoUsd::ZERO };
    live.room = rng.random_bool(0.3).then_some(room);
}

fn world_of(rng: &mut StdRng, learn: impl FnOnce(&mut World, &mut StdRng)) -> (Snapshot, Inputs) {
    let mut world = world();
    let cents = |rng: &mut StdRng, most: u32| f64::from(rng.random_range(0..=most)) / 100.0;
    for name in ["m1", "m2", "m3", "m4"].iter().take(rng.random_range(2..=4)) {
        let prices = (cents(rng, 800), cents(rng, 2500));
        let quality = cents(rng, 100);
        let ix = world.add(name, prices, quality);
        let mut price = price(prices);
        if rng.random_bool(0.5) {
            let any = PricePerMillion::from_usd(cents(rng, 3000));
            (price.reasoning, price.cache_write_5m, price.image_input) = (any, any, any);
        }
        world.model(ix).prices = PriceList::new(vec![price]);
        world.model(ix).max_output_tokens = rng.random_range(100..9000);
    }
    for model in world.parts.models.iter_mut().filter(|_| rng.random_bool(0.9)) {
        model.capabilities = model.capabilities.with(Capabilities::LOGPROBS);
    }
    let most = u16::try_from(world.parts.models.len()).unwrap();
    plans(&mut world.policy().compound, most, rng);
    let kind = PlanKind::ALL[rng.random_range(0..5)];
    world.policy().plans = PlanKind::ALL.to_vec();
    world.policy().objective = if rng.random_bool(0.5) { Objective::Cheapest } else { Objective::Best };
    let facts = &mut world.inputs.facts;
    facts.max_output_tokens = rng.random_bool(0.7).then(|| rng.random_range(0..9000));
    facts.cache_markers = rng.random_bool(0.3);
    facts.repeats = rng.random_bool(0.2);
    if rng.random_bool(0.1) {
        (facts.choices, facts.needs) = (rng.random_range(2..=4), Capabilities::MULTIPLE_CHOICES);
    }
    world.inputs.features.volume.plain = rng.random_range(10..40_000);
    world.inputs.limits.max_cost = rng.random_bool(0.5).then(|| NanoUsd(rng.random_range(0..300_000_000)));
    world.inputs.limits.plan = rng.random_bool(0.8).then(|| kind.as_str().to_owned());
    if rng.random_bool(0.4) {
        at_a_step(&mut world, rng);
    }
    if rng.random_bool(0.4) {
        in_a_conversation(&mut world, rng);
    }
    learn(&mut world, rng);
    world.seal()
}

/// One call: input in any bucket the request can fall into, output in any, within what a leg may read and write.
fn spent(snapshot: &Snapshot, inputs: &Inputs, (leg, read): (&Leg, u64), rng: &mut StdRng) -> (NanoUsd, u64) {
    let price =
        snapshot.model(snapshot.model_by_id(leg.model.as_str()).unwrap()).prices.on(inputs.day).unwrap();
    let choices = u64::from(inputs.facts.choices);
    let most = u64::from(leg.output_cap) * choices;
    let written = if rng.random_bool(0.5) { most } else { rng.random_range(0..=most) };
    let thought = rng.random_range(0..=written);
    let kept = if inputs.facts.cache_markers { rng.random_range(0..=read) } else { 0 };
    let warm = u64::from(inputs.live.session.warm_tokens).min(read - kept);
    let cached = if rng.random_bool(0.5) { warm } else { 0 };
    let usage = Usage {
        input: read - kept - cached,
        cache_read: cached,
        cache_write_5m: kept,
        output: written - thought,
        reasoning: thought,
        ..Usage::default()
    };
    (price.cost(&usage).unwrap(), written)
}

/// What a run of a plan came to.
#[derive(Default)]
struct Ran {
    cost: NanoUsd,
    /// The guard kept a wave from beginning.
    denied: bool,
    /// By how much the calls of the last wave cost more than they could have been asked for.
    excess: NanoUsd,
    /// The last model was asked although something stood.
    audited: bool,
}

/// Runs a plan by chance as it is run: waves in their order, each only where the guard lets it begin, ended where something stands; but a
/// cascade that is audited has its last model asked all the same.
/// `wasteful`: now and then a provider bills more than it was asked for.
fn run(
    (snapshot, inputs): (&Snapshot, &Inputs),
    (legs, ceiling): (&[Leg], Option<NanoUsd>),
    question: u64,
    wasteful: bool,
    rng: &mut StdRng,
) -> Ran {
    let mut ran = Ran::default();
    let audit = snapshot.policies[0].compound.audit;
    let last = legs.last().unwrap().wave;
    let (mut at, mut before) = (0, 0);
    while at <= last {
        let wave: Vec<&Leg> = legs.iter().filter(|leg| leg.wave == at).collect();
        let worst = wave.iter().map(|leg| leg.worst_cost).sum();
        if ceiling.is_some_and(|ceiling| !affords(ceiling, Some(ran.cost), worst)) {
            ran.denied = true;
            break;
        }
        ran.excess = NanoUsd::ZERO;
        let mut written = 0;
        for leg in wave {
            let shown = match leg.role {
                Role::Try | Role::Last | Role::Member | Role::Drafter => 0,
                Role::Debater if leg.wave == 0 => 0,
                Role::Debater | Role::Judge | Role::Author | Role::Verifier => {
                    before + u64::from(FRAME_TOKENS)
                }
            };
            // Input is told from bytes; a quarter more is reckoned with.
            let read = question + question / 4 + shown;
            let (one, answer) = spent(snapshot, inputs, (leg, read), rng);
            let times = if wasteful && rng.random_bool(0.3) { rng.random_range(2..50) } else { 1 };
            ran.cost += NanoUsd(one.0 * times);
            ran.excess += NanoUsd((one.0 * times).saturating_sub(leg.worst_cost.unwrap().0));
            written += answer;
        }
        before = written;
        let stands = rng.random_bool(0.2);
        let is_cascade = legs[0].role == Role::Try;
        at = match stands {
            false => at + 1,
            true if is_cascade && at < last && rng.random_bool(audit) => {
                ran.audited = true;
                last
            }
            true => break,
        };
    }
    ran
}

/// What a cascade goes by.
fn by(accept: &Accept) -> &'static str {
    match accept {
        Accept::Agreement => "agreement",
        Accept::Majority => "majority",
        Accept::Structure => "structure",
        Accept::Acceptor => "acceptor",
        Accept::Logprobs(_) => "logprobs",
        Accept::Judge(_) => "judge",
    }
}

/// What was drawn.
#[derive(Default, serde::Serialize)]
struct Tally {
    worlds: u32,
    served_by_several_models: u32,
    of_these_measured: u32,
    of_these_in_a_cache: u32,
    of_these_at_a_step_of_its_own: u32,
    /// What cascades go by.
    cascades_by: BTreeMap<&'static str, u32>,
    cascades_of_one_model_again: u32,
    cascades_by_what_was_learnt: u32,
    runs_each: u32,
    runs_audited: u32,
    runs_stopped_by_the_guard: u32,
}

impl Tally {
    /// Counts a world in which a plan of several models serves.
    fn note(&mut self, (snapshot, inputs): (&Snapshot, &Inputs), analysis: &Analysis, decision: &Decision) {
        self.served_by_several_models += 1;
        self.of_these_in_a_cache += u32::from(inputs.live.session.warm_tokens > 0);
        self.of_these_at_a_step_of_its_own += u32::from(!snapshot.policies[0].steps.is_empty());
        let found = snapshot.evidence.pooled(&"large".into(), &decision.plan.key(), analysis.task);
        self.of_these_measured += u32::from(found.is_some());
        let learnt = Acceptance::of(snapshot, analysis, &decision.plan).is_some();
        self.cascades_by_what_was_learnt += u32::from(learnt);
        if let Plan::Cascade(Cascade { tries, accept, .. }) = &decision.plan {
            *self.cascades_by.entry(by(accept)).or_default() += 1;
            let again = tries.iter().enumerate().any(|(at, model)| tries[..at].contains(model));
            assert!(!(again && inputs.facts.repeats), "{} says the same again", decision.plan);
            self.cascades_of_one_model_again += u32::from(again);
        }
    }

    /// Prints it, keeps it where that is asked for, and fails if there was little of anything.
    fn end(&self) {
        let text = serde_json::to_string(self).unwrap();
        println!("{text}");
        if let Ok(folder) = std::env::var("PROOF_OUT") {
            std::fs::write(format!("{folder}/plans.json"), &text).unwrap();
        }
        let served = self.served_by_several_models;
        for (what, number, least) in [
            ("plans of several models", served, self.worlds / 8),
            ("measured", self.of_these_measured, served / 10),
            ("in a cache", self.of_these_in_a_cache, served / 10),
            ("at a step", self.of_these_at_a_step_of_its_own, served / 10),
            ("of one model again", self.cascades_of_one_model_again, served / 100),
            ("by what was learnt", self.cascades_by_what_was_learnt, served / 100),
            ("runs that are audited", self.runs_audited, served / 10),
            ("runs that the guard stops", self.runs_stopped_by_the_guard, served / 10),
        ] {
            assert!(number > least, "{what}: {text}");
        }
        for by in ["agreement", "majority", "structure", "acceptor", "logprobs", "judge"] {
            let number = self.cascades_by.get(by).copied().unwrap_or(0);
            assert!(number > served / 100, "cascades by {by}: {text}");
        }
    }
}

#[test]
fn no_run_of_a_plan_costs_more_than_its_worst_case_and_no_ceiling_is_exceeded() {
    let worlds = std::env::var("PLANS").ok().and_then(|text| text.parse().ok()).unwrap_or(DRAWN);
    let mut tally = Tally { worlds, runs_each: 2 * RUNS, ..Tally::default() };
    for seed in 0..worlds {
        let (snapshot, inputs, mut rng) = drawn(u64::from(seed));
        let (analysis, decided) = analyse_and_decide(&snapshot, &inputs);
        assert_eq!(decided, replay(&snapshot, &inputs), "seed {seed}");
        let Ok(decision) = decided else { continue };
        let chosen = decision.candidates.iter().find(|one| one.plan == decision.plan).unwrap();
        let worst = chosen.worst_cost.unwrap();
        let own = snapshot.policies[0].at(analysis.step).max_cost;
        let room = inputs.live.room.map(|room| room.left);
        let ceiling = inputs.limits.max_cost.into_iter().chain(own).chain(room).min();
        assert!(ceiling.is_none_or(|ceiling| worst <= ceiling), "seed {seed}");
        if matches!(decision.plan, Plan::Single(_)) {
            continue;
        }
        tally.note((&snapshot, &inputs), &analysis, &decision);
        let legs = legs_of(&snapshot, &inputs, &decision);
        let question = u64::from(analysis.input_tokens);
        for _ in 0..RUNS {
            let ran = run((&snapshot, &inputs), (&legs, ceiling), question, false, &mut rng);
            let cost = ran.cost;
            tally.runs_audited += u32::from(ran.audited);
            assert!(cost <= worst, "seed {seed}: {} cost {cost}, at most {worst}", decision.plan);
            assert!(!ran.denied, "seed {seed}: {} was begun and not let finish", decision.plan);
            // Whatever providers bill: nothing begins that could break the ceiling, so only what is under way can.
            let ran = run((&snapshot, &inputs), (&legs, ceiling), question, true, &mut rng);
            tally.runs_stopped_by_the_guard += u32::from(ran.denied);
            if let Some(ceiling) = ceiling {
                assert!(ran.cost <= ceiling + ran.excess, "seed {seed}: {} breaks {ceiling}", decision.plan);
            }
        }
    }
    tally.end();
}
