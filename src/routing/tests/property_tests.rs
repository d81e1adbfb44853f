//! What holds in every world: nesting, no worsening, no cheaper plan without licence, replay, stable shares.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::routing::{NoRouteKind, Plan};

/// One model as drawn: prices in cents per million, quality and loss in hundredths.
#[derive(Clone, Debug)]
struct Drawn {
    price: Option<(u32, u32)>,
    quality: u32,
    speed: (u32, u32),
    loss: Option<(i32, bool)>,
    there: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (
        prop::option::weighted(0.9, (0_u32..40, 0_u32..40).prop_map(|(a, b)| (a * 50, b * 100))),
        0_u32..=20,
        (0_u32..6, 0_u32..6),
        prop::option::weighted(0.7, (-5_i32..10, any::<bool>())),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(price, quality, speed, loss, there)| Drawn {
            price,
            quality: quality * 5,
            speed,
            loss,
            there,
        })
}

#[derive(Clone, Debug)]
struct Scene {
    models: Vec<Drawn>,
    license: License,
    objective: Objective,
    limits: Limits,
}

fn scene() -> impl Strategy<Value = Scene> {
    let license = prop::sample::select(vec![License::Paired, License::Calibrated, License::Prior]);
    let objective = prop::sample::select(vec![Objective::Cheapest, Objective::Best]);
    (prop::collection::vec(drawn(), 2..7), license, objective, limits())
        .prop_map(|(models, license, objective, limits)| Scene { models, license, objective, limits })
}

fn limits() -> impl Strategy<Value = Limits> {
    let share = || prop::option::weighted(0.3, (0_u32..=20).prop_map(|v| f64::from(v) / 20.0));
    let cost = prop::option::weighted(0.3, (0_u64..60).prop_map(|v| NanoUsd(v * 1_000_000)));
    let time = |step: u32| prop::option::weighted(0.3, (0_u32..15).prop_map(move |v| v * step));
    (time(1000), time(50), cost, share(), share()).prop_map(
        |(deadline_ms, ttft_ms, max_cost, min_quality, max_quality_loss)| Limits {
            deadline_ms,
            ttft_ms,
            max_cost,
            min_quality,
            max_quality_loss,
            task: Some(TaskClass::Code),
            ..Limits::default()
        },
    )
}

/// `m0` is the baseline.
fn built(scene: &Scene) -> (Snapshot, Inputs) {
    let mut world = world();
    world.policy().candidates.clear();
    world.policy().baseline = Some(ModelIx(2));
    world.policy().license = scene.license;
    world.policy().objective = scene.objective;
    world.policy().max_quality_loss = 1.0;
    for (at, drawn) in scene.models.iter().enumerate() {
        let id = format!("m{at}");
        let (input, output) = drawn.price.unwrap_or_default();
        let cents = (f64::from(input) / 100.0, f64::from(output) / 100.0);
        let ix = world.add(&id, cents, f64::from(drawn.quality) / 100.0);
        if drawn.price.is_none() {
            world.model(ix).prices = PriceList::default();
        }
        world.live(ix).ready = drawn.there;
        (world.live(ix).ttft_ms, world.live(ix).per_token_us) = (drawn.speed.0 * 100, drawn.speed.1 * 2000);
        if let Some((loss, paired)) = drawn.loss {
            let evidence = world.evidence(&id, f64::from(loss) / 100.0);
            evidence.baseline = "m0".into();
            evidence.mean_quality = Some(f64::from(drawn.quality) / 100.0);
            evidence.level = if paired { EvidenceLevel::Paired } else { EvidenceLevel::Calibrated };
        }
    }
    world.inputs.limits = scene.limits.clone();
    world.seal()
}

/// Every limit of `limits`, or its counterpart where that is stricter.
fn tightened(limits: &Limits, other: &Limits) -> Limits {
    fn least<T: Copy + PartialOrd>(one: Option<T>, other: Option<T>) -> Option<T> {
        one.into_iter().chain(other).reduce(|a, b| if b < a { b } else { a })
    }
    let most = |one: Option<f64>, other: Option<f64>| one.into_iter().chain(other).reduce(f64::max);
    Limits {
        deadline_ms: least(limits.deadline_ms, other.deadline_ms),
        ttft_ms: least(limits.ttft_ms, other.ttft_ms),
        max_cost: least(limits.max_cost, other.max_cost),
        min_quality: most(limits.min_quality, other.min_quality),
        max_quality_loss: least(limits.max_quality_loss, other.max_quality_loss),
        ..limits.clone()
    }
}

fn feasible(decided: &Result<Decision, NoRoute>) -> Vec<Plan> {
    candidates(decided).iter().filter(|one| is_eligible(one)).map(|one| one.plan.clone()).collect()
}

/// The candidate that serves, unless it is a cooling baseline that is tried for want of anything else.
fn serving(decided: &Result<Decision, NoRoute>) -> Option<&Candidate> {
    let decision = decided.as_ref().ok()?;
    decision.candidates.iter().find(|one| one.plan == decision.plan).filter(|one| is_eligible(one))
}

fn cost(candidate: &Candidate) -> u64 {
    candidate.cost.map_or(u64::MAX, |cost| cost.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tighter_limits_leave_less_and_nothing_better(scene in scene(), other in limits()) {
        let (snapshot, mut inputs) = built(&scene);
        let loose = decide_twice(&snapshot, &inputs);
        inputs.limits = tightened(&scene.limits, &other);
        let tight = decide_twice(&snapshot, &inputs);
        let (more, less) = (feasible(&loose), feasible(&tight));
        prop_assert!(less.iter().all(|plan| more.contains(plan)), "{less:?} within {more:?}");
        if let Some(then) = serving(&tight) {
            let Some(now) = serving(&loose) else { return Err(TestCaseError::fail("lost by loosening")) };
            match scene.objective {
                Objective::Cheapest => prop_assert!(cost(now) <= cost(then)),
                Objective::Best => prop_assert!(now.quality.mean >= then.quality.mean),
            }
        }
    }

    #[test]
    fn the_winner_is_the_optimum_of_what_is_feasible(scene in scene()) {
        let (snapshot, inputs) = built(&scene);
        let decided = decide_twice(&snapshot, &inputs);
        let Some(winner) = serving(&decided) else {
            prop_assert!(feasible(&decided).is_empty());
            return Ok(());
        };
        for rival in candidates(&decided).iter().filter(|one| is_eligible(one)) {
            match scene.objective {
                Objective::Cheapest => prop_assert!(cost(winner) <= cost(rival)),
                Objective::Best => prop_assert!(winner.quality.mean >= rival.quality.mean),
            }
        }
    }

    #[test]
    fn nothing_cheaper_than_the_baseline_serves_without_licence(scene in scene()) {
        let (snapshot, inputs) = built(&scene);
        let decided = decide_twice(&snapshot, &inputs);
        let baseline = candidate(&decided, "m0").clone();
        let allowed = scene.limits.max_quality_loss.unwrap_or(1.0);
        for (at, one) in candidates(&decided).iter().enumerate().skip(1).filter(|(_, one)| is_eligible(one)) {
            let known = scene.models[at].loss.filter(|(_, paired)| *paired || scene.license != License::Paired);
            let licensed = match known {
                Some((loss, _)) => f64::from(loss) / 100.0 <= allowed,
                None if scene.license == License::Prior => {
                    baseline.quality.mean - one.quality.mean <= allowed + 1e-9
                }
                None => false,
            };
            prop_assert!(licensed || cost(one) >= cost(&baseline), "{one:?} against {baseline:?}");
        }
    }

    /// Where one limit stands alone, meeting the nearest plan's figure is enough.
    #[test]
    fn what_a_refusal_names_would_work(mut scene in scene(), which in 0..4_usize) {
        let Limits { deadline_ms, ttft_ms, max_cost, min_quality, .. } = scene.limits;
        let keep = |at: usize| which == at;
        scene.limits.deadline_ms = deadline_ms.filter(|_| keep(0));
        scene.limits.ttft_ms = ttft_ms.filter(|_| keep(1));
        scene.limits.max_cost = max_cost.filter(|_| keep(2));
        scene.limits.min_quality = min_quality.filter(|_| keep(3));
        let (snapshot, mut inputs) = built(&scene);
        let Err(no_route) = decide_twice(&snapshot, &inputs) else { return Ok(()) };
        let nearest = no_route.nearest.clone().unwrap();
        prop_assert!(no_route.message.contains(&nearest.plan.to_string()));
        match no_route.kind {
            NoRouteKind::Deadline => inputs.limits.deadline_ms = Some(nearest.total_ms),
            NoRouteKind::Ttft => inputs.limits.ttft_ms = Some(nearest.ttft_ms),
            NoRouteKind::Cost if nearest.worst_cost.is_some() => inputs.limits.max_cost = nearest.worst_cost,
            NoRouteKind::Cost => inputs.limits.max_cost = None,
            NoRouteKind::Quality => inputs.limits.min_quality = Some(nearest.quality.mean),
            _ => return Ok(()),
        }
        let again = decide_twice(&snapshot, &inputs);
        prop_assert!(again.is_ok(), "{} then {}", no_route.message, again.unwrap_err().message);
    }
}

#[test]
fn sessions_stay_on_their_side_and_the_shares_are_kept() {
    const SESSIONS: u32 = 20_000;
    let mut world = world();
    world.evidence("small", 0.01);
    world.named("large-1", Mode::Canary);
    (world.policy().canary_share, world.policy().holdout) = (0.3, 0.1);
    let (snapshot, mut inputs) = world.seal();
    let mut seen: BTreeMap<String, (u32, f64)> = BTreeMap::new();
    for session in 0..SESSIONS {
        inputs.session_hash = u64::from(session).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let decision = replay(&snapshot, &inputs).unwrap();
        let mut later = inputs.clone();
        (later.day, later.features.volume.plain, later.facts.stream) = (Day(20_100), 90, true);
        let again = replay(&snapshot, &later).unwrap();
        assert_eq!((again.served, again.reason), (decision.served, decision.reason), "{session}");
        let action = seen.entry(format!("{} {}", decision.served.as_str(), decision.plan)).or_default();
        *action = (action.0 + 1, decision.propensity);
    }
    let expected = [("canary small", 0.27), ("holdout large", 0.03), ("observed as named", 0.7)];
    let actions: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(actions, expected.map(|(action, _)| action));
    for (action, share) in expected {
        let (count, propensity) = seen[action];
        let observed = f64::from(count) / f64::from(SESSIONS);
        // Four standard errors of the widest share.
        assert!(
            (observed - share).abs() < 0.0142 && (propensity - share).abs() < 1e-12,
            "{action}: {observed}"
        );
    }
}

#[test]
fn propensities_add_up_where_both_sides_take_the_same_plan() {
    type Change = fn(&mut World);
    let rows: [(Change, f64); 4] = [
        (|w| _ = w.evidence("small", 0.01), 0.25),
        (|_| {}, 1.0), // the baseline serves on either side
        (|w| w.inputs.facts.model_named = "pointsman/p".to_owned(), 1.0),
        (
            |w| {
                w.evidence("small", 0.01);
                w.live(LARGE).ready = false; // no baseline to hold out for
            },
            1.0,
        ),
    ];
    for (at, (change, held)) in rows.into_iter().enumerate() {
        let mut world = world();
        world.policy().holdout = 0.25;
        change(&mut world);
        let (snapshot, mut inputs) = world.seal();
        let mut sides = BTreeMap::new();
        for session in 0..200 {
            inputs.session_hash = session;
            let decision = replay(&snapshot, &inputs).unwrap();
            sides.insert(decision.plan.to_string(), decision.propensity);
        }
        let sum: f64 = sides.values().sum();
        assert!((sum - 1.0).abs() < 1e-12, "row {at}: {sides:?}");
        assert!(sides.values().any(|share| (share - held).abs() < 1e-12), "row {at}: {sides:?}");
    }
}
