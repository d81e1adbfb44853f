//! What holds of every plan of several models: whatever its legs read and write, they cost no more together than was
//! weighed; no ceiling is exceeded; the same is decided again.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::analysis::step_of;
use crate::catalog::{AcceptSpec, CascadeSpec, CompoundLicense, DraftSpec};
use crate::routing::{FRAME_TOKENS, Leg, Plan, Role, Room, Sharers, affords, legs_of};
use crate::types::Probability;
use crate::types::{AgentStep, Usage};

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
    let most = u16::try_from(world.parts.models.len()).unwrap();
    let any = |rng: &mut StdRng| ModelIx(rng.random_range(0..most));
    let tries: Vec<ModelIx> =
        (0..most).map(ModelIx).filter(|ix| *ix != LARGE).take(rng.random_range(2..=3)).collect();
    let accept = match rng.random_range(0..4) {
        0 => AcceptSpec::Agreement,
        1 => AcceptSpec::Structure,
        2 => AcceptSpec::Logprobs(Probability::new(rng.random_range(0.1..1.0)).unwrap()),
        _ => AcceptSpec::Judge(any(rng)),
    };
    let compound = &mut world.policy().compound;
    if rng.random_bool(0.7) {
        compound.cascades = vec![CascadeSpec { tries, accept, last: None }];
    }
    if rng.random_bool(0.5) {
        compound.drafts = vec![DraftSpec { drafter: any(rng), verifier: Some(any(rng)) }];
    }
    compound.rounds = rng.random_range(1..=4);
    compound.license =
        if rng.random_bool(0.5) { CompoundLicense::Granted } else { CompoundLicense::Measured };
    let kind = PlanKind::ALL[rng.random_range(0..5)];
    world.policy().plans = PlanKind::ALL.to_vec();
    world.policy().objective = if rng.random_bool(0.5) { Objective::Cheapest } else { Objective::Best };
    let facts = &mut world.inputs.facts;
    facts.max_output_tokens = rng.random_bool(0.7).then(|| rng.random_range(0..9000));
    facts.cache_markers = rng.random_bool(0.3);
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
struct Ran {
    cost: NanoUsd,
    /// The guard kept a wave from beginning.
    denied: bool,
    /// By how much the calls of the last wave cost more than they could have been asked for.
    excess: NanoUsd,
}

/// Runs a plan by chance as it is run: waves in their order, each only where the guard lets it begin, ended where something stands.
/// `wasteful`: now and then a provider bills more than it was asked for.
fn run(
    (snapshot, inputs): (&Snapshot, &Inputs),
    (legs, ceiling): (&[Leg], Option<NanoUsd>),
    question: u64,
    wasteful: bool,
    rng: &mut StdRng,
) -> Ran {
    let mut ran = Ran { cost: NanoUsd::ZERO, denied: false, excess: NanoUsd::ZERO };
    let mut before = 0;
    for wave in 0..=legs.last().unwrap().wave {
        let wave: Vec<&Leg> = legs.iter().filter(|leg| leg.wave == wave).collect();
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
        if rng.random_bool(0.2) {
            break;
        }
    }
    ran
}

#[test]
fn no_run_of_a_plan_costs_more_than_its_worst_case_and_no_ceiling_is_exceeded() {
    let drawn_worlds = std::env::var("PLANS").ok().and_then(|text| text.parse().ok()).unwrap_or(DRAWN);
    let (mut served, mut denied) = (0_u32, 0_u32);
    let (mut measured, mut warm, mut at_step) = (0_u32, 0_u32, 0_u32);
    for seed in 0..drawn_worlds {
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
        served += 1;
        warm += u32::from(inputs.live.session.warm_tokens > 0);
        at_step += u32::from(!snapshot.policies[0].steps.is_empty());
        let plan = ModelId::from(decision.plan.to_string().as_str());
        let found = snapshot.evidence.pooled(&"large".into(), &plan, analysis.task);
        measured += u32::from(found.is_some());
        let legs = legs_of(&snapshot, &inputs, &decision);
        let question = u64::from(analysis.input_tokens);
        for _ in 0..RUNS {
            let ran = run((&snapshot, &inputs), (&legs, ceiling), question, false, &mut rng);
            let cost = ran.cost;
            assert!(cost <= worst, "seed {seed}: {} cost {cost}, at most {worst}", decision.plan);
            assert!(!ran.denied, "seed {seed}: {} was begun and not let finish", decision.plan);
            // Whatever providers bill: nothing begins that could break the ceiling, so only what is under way can.
            let ran = run((&snapshot, &inputs), (&legs, ceiling), question, true, &mut rng);
            denied += u32::from(ran.denied);
            if let Some(ceiling) = ceiling {
                assert!(ran.cost <= ceiling + ran.excess, "seed {seed}: {} breaks {ceiling}", decision.plan);
            }
        }
    }
    println!(
        "{served} of {drawn_worlds} worlds ({measured} measured, {warm} in a cache, {at_step} at a step of its own), {RUNS} runs \
         each, {denied} stopped by the guard"
    );
    if let Ok(folder) = std::env::var("PROOF_OUT") {
        let kept = serde_json::json!({
            "worlds": drawn_worlds, "served_by_several_models": served, "of_these_measured": measured,
            "of_these_in_a_cache": warm, "of_these_at_a_step_of_its_own": at_step, "runs_each": 2 * RUNS,
            "runs_stopped_by_the_guard": denied,
        });
        std::fs::write(format!("{folder}/plans.json"), kept.to_string()).unwrap();
    }
    assert!(served > drawn_worlds / 8, "{served} of {drawn_worlds} are plans of several models");
    assert!(denied > served / 10, "the guard was hardly ever asked: {denied}");
    for (what, drawn) in [("measured", measured), ("in a cache", warm), ("at a step", at_step)] {
        assert!(drawn > served / 10, "hardly any plan is {what}: {drawn} of {served}");
    }
}
