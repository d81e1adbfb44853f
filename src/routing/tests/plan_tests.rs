//! Plans of several models: when they stand for a choice, what they are expected to give, and when they serve.

use super::*;
use crate::catalog::{
    ACCEPTOR_COLUMNS, AcceptSpec, Acceptor, CascadeSpec, CompoundLicense, DraftSpec, PLAN_PAIRS,
};
use crate::routing::{Plan, Role, legs_of};

const CASCADE: &str = "cascade(small & medium | large)";

/// `world()` with `medium` ($0.0048 expected) besides, and these kinds of plan.
pub(super) fn with_plans(kinds: &[PlanKind]) -> impl FnOnce(&mut World) + use<> {
    let kinds = kinds.to_vec();
    move |w| {
        w.add("medium", (2.0, 4.0), 0.75);
        w.policy().plans = kinds;
    }
}

/// Enough outcomes of a plan, which loses at most so much and whose first answers stand for this share.
fn measured(w: &mut World, plan: &str, loss_upper: f64, accepted: f64) {
    let evidence = w.evidence(plan, loss_upper);
    (evidence.pairs, evidence.accepted) = (PLAN_PAIRS, Some(accepted));
}

pub(super) fn asks(w: &mut World, kind: &str) {
    w.inputs.limits.plan = Some(kind.to_owned());
}

pub(super) const ALL: [PlanKind; 5] = PlanKind::ALL;

#[test]
fn what_nobody_measured_never_serves_unasked() {
    for objective in [Objective::Cheapest, Objective::Best] {
        for license in [License::Paired, License::Calibrated, License::Prior] {
            let mut world = world();
            with_plans(&ALL)(&mut world);
            (world.policy().objective, world.policy().license) = (objective, license);
            let decided = world.decide();
            assert_eq!(decided.as_ref().unwrap().plan.to_string(), "large", "{objective:?} {license:?}");
            let compound = candidates(&decided).iter().filter(|candidate| candidate.plan.is_compound());
            let verdicts: Vec<_> = compound.map(|one| one.verdict.to_string()).collect();
            assert_eq!(verdicts, ["out: not measured: it serves on request"; 4], "{objective:?} {license:?}");
        }
    }
    // Nor with too few outcomes, nor in a kind of task nothing was measured in.
    let thin = |w: &mut World| {
        with_plans(&ALL)(w);
        measured(w, CASCADE, 0.0, 0.9);
        w.evidence.last_mut().unwrap().pairs = PLAN_PAIRS - 1;
    };
    check(thin, "routed insufficient_evidence large");
    let elsewhere = |w: &mut World| {
        with_plans(&ALL)(w);
        measured(w, CASCADE, 0.0, 0.9);
        w.inputs.limits.task = Some(TaskClass::Math);
    };
    check(elsewhere, "routed insufficient_evidence large");
    // Nor where the policy does not name its kind.
    let single = |w: &mut World| {
        with_plans(&[PlanKind::Single])(w);
        measured(w, CASCADE, 0.0, 0.9);
    };
    check(single, "routed insufficient_evidence large");
}

#[test]
fn a_measured_cascade_serves_where_it_pays() {
    let with = |loss: f64, accepted: f64| {
        move |w: &mut World| {
            with_plans(&[PlanKind::Single, PlanKind::Cascade])(w);
            measured(w, CASCADE, loss, accepted);
        }
    };
    check(with(0.01, 0.8), "cascade cheapest cascade(small & medium | large)");
    // It may lose too much.
    check_with(
        with(0.05, 0.8),
        "routed insufficient_evidence large",
        CASCADE,
        "out: may lose too much quality",
    );
    // It is escalated so often that it costs more, and is no better.
    let dear = "out: dearer than the baseline and not shown to be better";
    check_with(with(0.01, 0.1), "routed insufficient_evidence large", CASCADE, dear);
    // It costs more and is better: only for those who want the best.
    let best = |w: &mut World| {
        with(-0.01, 0.1)(w);
        w.policy().objective = Objective::Best;
        w.evidence.last_mut().unwrap().mean_quality = Some(0.95);
    };
    check(best, "cascade best cascade(small & medium | large)");
    // A cheaper model that is as well proven is cheaper still.
    let small = |w: &mut World| {
        with(0.01, 0.9)(w);
        w.evidence("small", 0.01);
    };
    check(small, "routed cheapest small");
}

#[test]
fn what_a_plan_cost_beside_the_baseline_is_what_it_is_expected_to_cost() {
    let at = |ratio: Option<f64>, task: TaskClass| {
        let mut w = world();
        with_plans(&[PlanKind::Single, PlanKind::Cascade])(&mut w);
        measured(&mut w, CASCADE, 0.01, 0.8);
        let cell = w.evidence.last_mut().unwrap();
        (cell.cost_ratio, cell.task) = (ratio, task);
        w.inputs.limits.task = Some(task);
        let decided = w.decide();
        let cost = |plan: &str| candidate(&decided, plan).cost.unwrap().0;
        (cost(CASCADE), cost("large"))
    };
    // 80 % of answers stand, but the rest are the long ones.
    let (cost, baseline) = at(Some(0.7), TaskClass::Code);
    assert_eq!(cost, (baseline as f64 * 0.7).round() as u64);
    let (reckoned, _) = at(None, TaskClass::Code);
    assert!(reckoned < cost, "{reckoned} {cost}");
    // However little that was, the two that are always asked cost what they cost.
    let (cost, _) = at(Some(0.01), TaskClass::Code);
    assert!(cost > reckoned / 2 && cost < reckoned, "{cost} {reckoned}");
    // Where answers are compared that are never the same, only what was counted there says anything: here it was.
    let (cost, baseline) = at(Some(0.7), TaskClass::Creative);
    assert_eq!(cost, (baseline as f64 * 0.7).round() as u64);
}

#[test]
fn a_majority_asks_the_third_where_the_first_two_differ() {
    let mut w = world();
    with_plans(&[PlanKind::Single, PlanKind::Cascade])(&mut w);
    w.add("other", (1.0, 2.0), 0.7);
    let tries = vec![SMALL, ModelIx(2), ModelIx(3)];
    w.policy().compound.cascades = vec![CascadeSpec { tries, accept: AcceptSpec::Majority, last: None }];
    const PLAN: &str = "cascade(small & medium, other | large by majority)";
    measured(&mut w, PLAN, 0.01, 0.75);
    let (snapshot, inputs) = w.seal();
    let decided = decide_twice(&snapshot, &inputs);
    let decision = decided.as_ref().unwrap();
    assert_eq!(decision.plan.to_string(), PLAN);
    let legs = legs_of(&snapshot, &inputs, decision);
    let found: Vec<_> = legs.iter().map(|leg| (leg.model.as_str(), leg.role, leg.wave, leg.chance)).collect();
    let expected = [
        ("small", Role::Try, 0, 1.0),
        ("medium", Role::Try, 0, 1.0),
        ("other", Role::Try, 1, 0.5),
        ("large", Role::Last, 2, 0.25),
    ];
    assert_eq!(found, expected);
    let worst: Option<NanoUsd> = legs.iter().map(|leg| leg.worst_cost).sum();
    assert_eq!(worst, candidate(&decided, PLAN).worst_cost);
}

#[test]
fn an_answer_is_expected_to_stand_as_often_as_was_learnt() {
    const PLAN: &str = "cascade(small | large by acceptor)";
    let last = |acceptor: Option<TaskClass>, accepted: Option<f64>| {
        let mut w = world();
        with_plans(&[PlanKind::Single, PlanKind::Cascade])(&mut w);
        w.policy().compound.cascades =
            vec![CascadeSpec { tries: vec![SMALL], accept: AcceptSpec::Acceptor, last: None }];
        w.acceptors.extend(acceptor.map(|task| Acceptor {
            plan: PLAN.into(),
            task,
            weights: [0.0; ACCEPTOR_COLUMNS],
            stands_from: 0.9,
            answers: 400,
            stood: 0.6,
            differs_upper: 0.01,
        }));
        if let Some(accepted) = accepted {
            measured(&mut w, PLAN, 0.01, accepted);
        }
        asks(&mut w, "cascade");
        w.inputs.limits.task = Some(TaskClass::Code);
        let (snapshot, inputs) = w.seal();
        let decided = decide_twice(&snapshot, &inputs).unwrap();
        assert_eq!(decided.plan.to_string(), PLAN);
        legs_of(&snapshot, &inputs, &decided).last().unwrap().chance
    };
    assert_eq!(last(None, None), 1.0, "without an acceptor nothing stands");
    assert_eq!(last(Some(TaskClass::Math), None), 1.0, "it is of another class");
    assert_eq!(last(Some(TaskClass::Code), None), 0.4);
    assert_eq!(last(Some(TaskClass::Code), Some(0.75)), 0.25, "what was counted since");
    assert_eq!(last(None, Some(0.75)), 1.0, "what was counted when there was one");
}

/// Enough outcomes of `CASCADE` in three other classes, which loses this much in each; the request is of a fourth.
fn elsewhere(w: &mut World, loss_upper: f64) {
    with_plans(&[PlanKind::Single, PlanKind::Cascade])(w);
    for task in [TaskClass::Math, TaskClass::Extraction, TaskClass::Knowledge] {
        measured(w, CASCADE, loss_upper, 0.8);
        let cell = w.evidence.last_mut().unwrap();
        (cell.task, cell.pairs) = (task, 1000);
    }
}

#[test]
fn what_three_classes_say_counts_in_a_fourth_as_far_as_it_goes() {
    check(|w| elsewhere(w, 0.005), "cascade cheapest cascade(small & medium | large)");
    // It is wider than in each of them.
    let wide = "out: not measured: it serves on request";
    check_with(|w| elsewhere(w, 0.018), "routed insufficient_evidence large", CASCADE, wide);
    // What other classes say speaks against nobody who asks for it, or takes it upon himself.
    let asked = |w: &mut World| {
        elsewhere(w, 0.1);
        asks(w, "cascade");
    };
    check(asked, "cascade cheapest cascade(small & medium | large)");
    let granted = |w: &mut World| {
        elsewhere(w, 0.1);
        w.policy().compound.license = CompoundLicense::Granted;
    };
    check(granted, "cascade cheapest cascade(small & medium | large)");
    // The class's own outcomes do, and are not outvoted.
    let own = |w: &mut World| {
        elsewhere(w, 0.005);
        measured(w, CASCADE, 0.08, 0.8);
        w.evidence.last_mut().unwrap().pairs = 600;
    };
    check_with(own, "routed insufficient_evidence large", CASCADE, "out: may lose too much quality");
    // Its quality is the baseline's less what it loses, and not that of questions of another class.
    let mut world = world();
    elsewhere(&mut world, 0.005);
    let decided = world.decide();
    let expected = candidate(&decided, "large").quality.mean + 0.005;
    assert!((candidate(&decided, CASCADE).quality.mean - expected).abs() < 1e-3);
}

#[test]
fn what_is_expected_of_a_cascade_is_the_sum_over_its_legs() {
    let mut world = world();
    with_plans(&[PlanKind::Single, PlanKind::Cascade])(&mut world);
    measured(&mut world, CASCADE, 0.01, 0.75);
    let decided = world.decide();
    let of = |plan: &str| candidate(&decided, plan);
    let [small, medium, large, cascade] = ["small", "medium", "large", CASCADE].map(of);
    let sum = |times: u64, one: fn(&Candidate) -> Option<NanoUsd>| {
        one(small).unwrap().0 + one(medium).unwrap().0 + one(large).unwrap().0 / times
    };
    let cost = cascade.cost.unwrap().0;
    assert!(cost.abs_diff(sum(4, |one| one.cost)) <= 2, "{cost}");
    assert_eq!(cascade.worst_cost.unwrap().0, sum(1, |one| one.worst_cost));
    assert!((cascade.quality.mean - 0.88).abs() < 1e-9);
    // Both in parallel, then the last: longer than two in turn at their medians, shorter than three in turn.
    assert!(cascade.total_ms > large.total_ms && cascade.total_ms < 2 * large.total_ms + 1000, "{cascade:?}");
    // It is passed on when it is there, whole.
    assert_eq!(cascade.ttft_ms, cascade.total_ms);
}

#[test]
fn an_unmeasured_plan_is_worth_its_best_cheap_model() {
    let mut world = world();
    with_plans(&ALL)(&mut world);
    let other = world.add("other", (9.0, 25.0), 0.99);
    world.policy().candidates.retain(|ix| *ix != other);
    world.policy().compound.judge = Some(other);
    let decided = world.decide();
    let compound: Vec<_> = candidates(&decided).iter().filter(|one| one.plan.is_compound()).collect();
    let qualities: Vec<_> = compound.iter().map(|one| (one.plan.to_string(), one.quality.mean)).collect();
    let expected = [
        (CASCADE, 0.75),
        ("ensemble(small, medium | other)", 0.75),
        ("debate(small, medium x2 | other)", 0.75),
        ("draft(small | large)", 0.70),
    ];
    assert_eq!(qualities, expected.map(|(plan, quality)| (plan.to_owned(), quality)));
}

#[test]
fn a_kind_that_is_asked_for_is_the_only_one() {
    for (kind, expected) in [
        ("cascade", "cascade cheapest cascade(small & medium | large)"),
        ("ensemble", "ensemble cheapest ensemble(small, medium | large)"),
        ("debate", "debate cheapest debate(small, medium x2 | large)"),
        ("draft", "draft cheapest draft(small | large)"),
        ("single", "routed insufficient_evidence large"),
    ] {
        let change = |w: &mut World| {
            with_plans(&ALL)(w);
            asks(w, kind);
            // Holdout is for those who leave the choice to us.
            w.policy().holdout = if kind == "single" { 0.0 } else { 1.0 };
        };
        check(change, expected);
    }
    // What is known to lose too much does not serve on request either.
    let lossy = |w: &mut World| {
        with_plans(&ALL)(w);
        measured(w, CASCADE, 0.05, 0.8);
        asks(w, "cascade");
    };
    check(lossy, "Quality: x-pointsman-max-quality-loss, nearest cascade(small & medium | large)");
    let mut world = world();
    lossy(&mut world);
    assert_eq!(
        world.decide().unwrap_err().message,
        "no plan is shown to lose at most 0.020 of the baseline's quality: the nearest is cascade(small & medium | large), \
         which may lose 0.050"
    );
}

#[test]
fn a_plan_serves_only_while_all_its_models_may_be_called() {
    let with = |change: fn(&mut World)| {
        move |w: &mut World| {
            with_plans(&[PlanKind::Single, PlanKind::Cascade])(w);
            let medium = ModelIx(2);
            w.policy().compound.cascades = vec![CascadeSpec {
                tries: vec![SMALL, medium],
                accept: AcceptSpec::Agreement,
                last: Some(LARGE),
            }];
            measured(w, CASCADE, 0.01, 0.8);
            change(w);
        }
    };
    let baseline = "routed insufficient_evidence large";
    check_with(with(|w| w.live(ModelIx(2)).ready = false), baseline, CASCADE, "out: medium: not ready");
    let narrow = with(|w| w.model(ModelIx(2)).context_tokens = 2000);
    check_with(narrow, baseline, CASCADE, "out: medium: context window too small");
    let unpriced = with(|w| {
        w.model(ModelIx(2)).prices = PriceList::default();
        w.policy().max_cost = usd(1.0);
    });
    check_with(unpriced, baseline, CASCADE, "out: unpriced under a cost ceiling");
    // Alone each of its models is under the ceiling; together they are not.
    let ceiling = with(|w| w.policy().max_cost = usd(0.045));
    check_with(ceiling, baseline, CASCADE, "out: worst case above the cost ceiling");
    let late = with(|w| w.inputs.limits.deadline_ms = Some(10_000));
    check_with(late, baseline, CASCADE, "out: slower than the deadline");
}

#[test]
fn the_operators_word_lets_a_plan_serve_until_it_is_measured() {
    let granted = |w: &mut World| {
        with_plans(&[PlanKind::Single, PlanKind::Cascade])(w);
        w.policy().compound.license = CompoundLicense::Granted;
    };
    check(granted, "cascade cheapest cascade(small & medium | large)");
    let refuted = |w: &mut World| {
        granted(w);
        measured(w, CASCADE, 0.05, 0.8);
    };
    check_with(refuted, "routed insufficient_evidence large", CASCADE, "out: may lose too much quality");
    // Two free texts never agree, so a cascade by agreement pays both models for nothing.
    let free = |w: &mut World| {
        granted(w);
        w.inputs.limits.task = Some(TaskClass::Creative);
    };
    check(free, "routed insufficient_evidence large");
}

#[test]
fn fan_out_is_capped_and_the_written_chain_stands_behind_a_plan() {
    let mut world = world();
    with_plans(&ALL)(&mut world);
    for name in ["m1", "m2", "m3"] {
        world.add(name, (1.5, 2.5), 0.7);
    }
    world.policy().compound.max_fan_out = 2;
    world.policy().fallback = vec![LARGE, SMALL];
    asks(&mut world, "ensemble");
    let decision = world.decide().unwrap();
    assert_eq!(decision.plan.to_string(), "ensemble(small, m1 | large)");
    assert_eq!(decision.fallback, ["large", "small"].map(id));
}

#[test]
fn the_legs_of_a_plan_are_what_its_worst_case_is_made_of() {
    for (kind, roles) in [
        (
            "cascade",
            vec![(Role::Try, 0), (Role::Judge, 1), (Role::Try, 2), (Role::Judge, 3), (Role::Last, 4)],
        ),
        ("ensemble", vec![(Role::Member, 0), (Role::Member, 0), (Role::Judge, 1), (Role::Judge, 1)]),
        (
            "debate",
            vec![
                (Role::Debater, 0),
                (Role::Debater, 0),
                (Role::Debater, 1),
                (Role::Debater, 1),
                (Role::Author, 2),
            ],
        ),
        ("draft", vec![(Role::Drafter, 0), (Role::Verifier, 1), (Role::Last, 2)]),
    ] {
        let mut world = world();
        with_plans(&ALL)(&mut world);
        world.policy().compound.cascades = vec![CascadeSpec {
            tries: vec![SMALL, ModelIx(2)],
            accept: AcceptSpec::Judge(LARGE),
            last: None,
        }];
        world.policy().compound.drafts = vec![DraftSpec { drafter: SMALL, verifier: None }];
        asks(&mut world, kind);
        let (snapshot, inputs) = world.seal();
        let decided = decide_twice(&snapshot, &inputs);
        let decision = decided.as_ref().unwrap();
        let legs = legs_of(&snapshot, &inputs, decision);
        let found: Vec<_> = legs.iter().map(|leg| (leg.role, leg.wave)).collect();
        assert_eq!(found, roles, "{kind}");
        let worst: Option<NanoUsd> = legs.iter().map(|leg| leg.worst_cost).sum();
        assert_eq!(worst, candidate(&decided, &decision.plan.to_string()).worst_cost, "{kind}");
    }
}

#[test]
fn rows_of_before_are_read_and_plans_are_kept_whole() {
    let old: Plan = serde_json::from_str(r#"{"single":"small"}"#).unwrap();
    assert_eq!(old, Plan::Single(id("small")));
    let text = r#"{"cascade":{"tries":["a","b"],"accept":"agreement","last":"c"}}"#;
    let cascade: Plan = serde_json::from_str(text).unwrap();
    assert_eq!(
        (cascade.to_string(), serde_json::to_string(&cascade).unwrap()),
        ("cascade(a & b | c)".to_owned(), text.to_owned())
    );
    let majority = r#"{"cascade":{"tries":["a","b","c"],"accept":"majority","last":"d"}}"#;
    assert_eq!(
        serde_json::from_str::<Plan>(majority).unwrap().to_string(),
        "cascade(a & b, c | d by majority)"
    );
    let judged = r#"{"cascade":{"tries":["a","b"],"accept":{"judge":"j"},"last":"c"}}"#;
    assert_eq!(serde_json::from_str::<Plan>(judged).unwrap().to_string(), "cascade(a, b | c by j)");
}

#[test]
fn of_free_texts_only_what_was_counted_among_them_says_how_often_they_agree() {
    let cost = |own: Option<f64>| {
        let mut world = world();
        with_plans(&[PlanKind::Single, PlanKind::Cascade])(&mut world);
        for task in [TaskClass::Code, TaskClass::Math, TaskClass::Extraction] {
            measured(&mut world, CASCADE, 0.0, 0.9);
            world.evidence.last_mut().unwrap().task = task;
        }
        if let Some(share) = own {
            measured(&mut world, CASCADE, 0.0, share);
            let counted = world.evidence.last_mut().unwrap();
            (counted.task, counted.pairs) = (TaskClass::Creative, 0);
        }
        world.inputs.limits.task = Some(TaskClass::Creative);
        let decided = world.decide();
        candidates(&decided).iter().find(|one| one.plan.to_string() == CASCADE).unwrap().cost.unwrap()
    };
    // What all others agree on is nothing here: the last model always answers.
    assert_eq!(cost(None), cost(Some(0.0)));
    assert!(cost(Some(0.8)) < cost(Some(0.4)) && cost(Some(0.4)) < cost(None));
}
