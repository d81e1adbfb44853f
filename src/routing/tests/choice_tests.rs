//! On which path a request goes, which evidence licenses a cheaper model, and what wins.

use super::*;
use crate::types::PolicyId;

#[test]
fn auto_and_a_named_policy_are_routed_whatever_the_mode() {
    for name in ["auto", "pointsman/p", "pointsman/"] {
        for mode in [Mode::Observe, Mode::Canary, Mode::Route] {
            let change = |w: &mut World| {
                w.named(name, mode);
                w.evidence("small", 0.01);
            };
            check(change, "routed cheapest small");
        }
    }
    check(|w| w.policy().baseline = None, "NoPolicyForAuto: model, nearest none");
    check(|w| w.inputs.policy = PolicyId::from("gone"), "NoPolicyForAuto: model, nearest none");
}

#[test]
fn named_models_follow_the_mode() {
    let licensed = |mode: Mode, name: &'static str| {
        move |w: &mut World| {
            w.named(name, mode);
            w.evidence("small", 0.01);
        }
    };
    check(licensed(Mode::Observe, "large-1"), "observed observe as named, would cheapest small");
    check(licensed(Mode::Observe, "large"), "observed observe as named, would cheapest small");
    check(licensed(Mode::Observe, "small-1"), "observed observe as named, would baseline small");
    check(licensed(Mode::Observe, "gpt-unknown"), "observed observe as named");
    check(licensed(Mode::Route, "large-1"), "routed cheapest small");
    check(licensed(Mode::Route, "small-1"), "routed baseline small");
    check(licensed(Mode::Route, "gpt-unknown"), "UnknownModel: model, nearest none");
    for (share, expected) in
        [(0.0, "observed not_canary as named, would cheapest small"), (1.0, "canary cheapest small")]
    {
        let change = |w: &mut World| {
            licensed(Mode::Canary, "large-1")(w);
            w.policy().canary_share = share;
        };
        check(change, expected);
    }
    // What a policy's ceiling would have refused is forwarded as named, and the candidates say why.
    check_with(
        |w| {
            licensed(Mode::Observe, "large-1")(w);
            w.policy().max_cost = usd(0.000_001);
        },
        "observed observe as named",
        "large",
        "out: worst case above the cost ceiling",
    );
}

#[test]
fn a_ceiling_the_caller_sets_holds_where_nothing_is_routed() {
    let capped = |name: &'static str, dollars: f64| {
        move |w: &mut World| {
            w.named(name, Mode::Observe);
            w.inputs.limits.max_cost = usd(dollars);
        }
    };
    check(capped("large-1", 0.000_001), "Cost: x-pointsman-max-cost-usd, nearest none");
    check(capped("gpt-unknown", 100.0), "Cost: x-pointsman-max-cost-usd, nearest none");
    check(capped("large-1", 100.0), "observed observe as named, would insufficient_evidence large");
}

#[test]
fn an_unknown_model_is_told_which_there_are() {
    let mut world = world();
    world.named("gpt-unknown", Mode::Route);
    let message = world.decide().unwrap_err().message;
    assert_eq!(message, "model `gpt-unknown` is not in the catalogue: there are `small`, `large`");
}

#[test]
fn the_holdout_share_stays_with_the_baseline() {
    let change = |w: &mut World| {
        w.evidence("small", 0.01);
        w.policy().holdout = 1.0;
    };
    check(change, "holdout holdout large");
    // A baseline that cannot serve is not held out for.
    let without = |w: &mut World| {
        change(w);
        w.live(LARGE).ready = false;
    };
    check(without, "routed cheapest small");
}

#[test]
fn a_bound_conversation_stays_where_it_is() {
    let bound = |name: &'static str, last: Option<&'static str>| {
        move |w: &mut World| {
            w.named(name, Mode::Route);
            w.evidence("small", 0.01);
            w.inputs.facts.hard_markers = HardMarkers::SIGNED_THINKING;
            w.inputs.live.session_model = last.map(id);
            w.policy().fallback = vec![SMALL, LARGE];
        }
    };
    check(bound("large-1", None), "pinned hard_marker as named");
    check(bound("large-1", Some("small")), "pinned hard_marker as named");
    check(bound("auto", Some("small")), "pinned hard_marker_session small");
    check(bound("auto", None), "pinned hard_marker_unknown large");
    check(bound("auto", Some("gone")), "pinned hard_marker_unknown large");
    // A key that a client can write into any body lifts no ceiling.
    for name in ["auto", "large-1"] {
        let dear = |w: &mut World| {
            bound(name, None)(w);
            w.policy().max_cost = usd(0.000_001);
        };
        check(dear, "Cost: x-pointsman-max-cost-usd, nearest none");
    }
    let mut world = world();
    bound("auto", None)(&mut world);
    assert_eq!(world.decide().unwrap().fallback, []);
}

#[test]
fn a_cheaper_model_serves_only_with_the_evidence_asked_for() {
    const KEPT: &str = "routed insufficient_evidence large";
    const TAKEN: &str = "routed cheapest small";
    const NONE: &str = "out: no evidence that it is good enough";
    const LOSS: &str = "out: may lose too much quality";
    const GOOD: &str = "eligible, on the frontier";
    type Change = fn(&mut World);
    let rows: [(License, Change, &str, &str); 16] = [
        (License::Paired, |_| {}, KEPT, NONE),
        (License::Paired, |w| _ = w.evidence("small", 0.02), TAKEN, GOOD),
        (License::Paired, |w| _ = w.evidence("small", 0.021), "routed baseline large", LOSS),
        (License::Paired, |w| w.evidence("small", 0.01).pairs = 19, KEPT, NONE),
        (License::Paired, |w| w.evidence("small", 0.01).pairs = 20, TAKEN, GOOD),
        (License::Paired, |w| w.evidence("small", 0.01).task = TaskClass::Math, KEPT, NONE),
        (License::Paired, |w| w.evidence("small", 0.01).baseline = id("other"), KEPT, NONE),
        (License::Paired, |w| w.evidence("small", 0.01).level = EvidenceLevel::Calibrated, KEPT, NONE),
        (License::Paired, unfamiliar, KEPT, NONE),
        (License::Calibrated, |_| {}, KEPT, NONE),
        (License::Calibrated, |w| w.evidence("small", 0.01).level = EvidenceLevel::Calibrated, TAKEN, GOOD),
        (License::Calibrated, |w| _ = w.evidence("small", 0.01), TAKEN, GOOD),
        (License::Prior, |_| {}, "routed baseline large", LOSS),
        (License::Prior, |w| w.model(SMALL).quality.default = Some(0.88), TAKEN, GOOD),
        // Measured loss outweighs the operator's word, either way.
        (
            License::Prior,
            |w| {
                w.model(SMALL).quality.default = Some(0.90);
                w.evidence("small", 0.03);
            },
            "routed baseline large",
            LOSS,
        ),
        (License::Prior, |w| _ = w.evidence("small", 0.01), TAKEN, GOOD),
    ];
    for (license, change, expected, verdict) in rows {
        let change = |w: &mut World| {
            w.policy().license = license;
            change(w);
        };
        check_with(change, expected, "small", verdict);
    }
}

fn unfamiliar(world: &mut World) {
    world.evidence("small", 0.01);
    (world.inputs.features.prompt.latin, world.inputs.features.prompt.foreign) = (10, 40);
}

#[test]
fn the_callers_tolerance_only_tightens_the_policys() {
    for (caller, policy, expected) in [
        (Some(0.0), 0.02, "routed baseline large"),
        (Some(1.0), 0.005, "routed baseline large"),
        (Some(1.0), 0.02, "routed cheapest small"),
        (None, 0.02, "routed cheapest small"),
    ] {
        let change = |w: &mut World| {
            w.evidence("small", 0.01);
            w.inputs.limits.max_quality_loss = caller;
            w.policy().max_quality_loss = policy;
        };
        check(change, expected);
    }
}

#[test]
fn what_is_as_dear_or_dearer_needs_no_licence() {
    check_with(
        |w| _ = w.add("equal", (10.0, 30.0), 0.91),
        "routed cheapest equal",
        "equal",
        "eligible, on the frontier",
    );
    check_with(
        |w| _ = w.add("dear", (11.0, 30.0), 0.95),
        "routed insufficient_evidence large",
        "dear",
        "eligible, on the frontier",
    );
    // A ceiling that shuts the baseline out licenses nothing.
    check(|w| w.inputs.limits.max_cost = usd(0.005), "Cost: x-pointsman-max-cost-usd, nearest large");
    // Nor does a baseline that cools down: it is tried all the same, unless something licensed or dearer can serve.
    check(|w| w.live(LARGE).ready = false, "routed baseline large");
    let dearer = |w: &mut World| {
        w.add("dear", (20.0, 60.0), 0.95);
        w.live(LARGE).ready = false;
    };
    check(dearer, "routed cheapest dear");
}

#[test]
fn the_objective_chooses_and_ties_go_to_the_first_declared() {
    let best = |w: &mut World| w.policy().objective = Objective::Best;
    check(best, "routed baseline large");
    let with_best = |w: &mut World| {
        best(w);
        w.add("dear", (20.0, 60.0), 0.95);
    };
    check(with_best, "routed best dear");
    // The best is held back for want of evidence, and only then is the baseline said to lack a rival's.
    let unlicensed = |w: &mut World| {
        best(w);
        w.model(SMALL).quality.default = Some(0.95);
    };
    check(unlicensed, "routed insufficient_evidence large");
    for objective in [Objective::Cheapest, Objective::Best] {
        let twins = |w: &mut World| {
            w.policy().objective = objective;
            for name in ["one", "two"] {
                w.add(name, (1.0, 2.0), 0.7);
                w.evidence(name, 0.01).mean_quality = Some(0.95);
            }
        };
        check(
            twins,
            &format!("routed {} one", if objective == Objective::Best { "best" } else { "cheapest" }),
        );
        let turned = |w: &mut World| {
            twins(w);
            w.policy().candidates.reverse();
        };
        check(
            turned,
            &format!("routed {} two", if objective == Objective::Best { "best" } else { "cheapest" }),
        );
        // Of two alike the faster one.
        let faster = |w: &mut World| {
            twins(w);
            w.live(ModelIx(3)).per_token_us = 9000;
        };
        check(
            faster,
            &format!("routed {} two", if objective == Objective::Best { "best" } else { "cheapest" }),
        );
    }
}

#[test]
fn the_fallback_chain_leaves_the_chosen_model_out() {
    let chain = |w: &mut World| w.policy().fallback = vec![LARGE, SMALL];
    for (licensed, expected) in [(true, "large"), (false, "small")] {
        let mut world = world();
        chain(&mut world);
        if licensed {
            world.evidence("small", 0.01);
        }
        assert_eq!(world.decide().unwrap().fallback, [id(expected)]);
    }
    let mut observed = world();
    chain(&mut observed);
    observed.named("large-1", Mode::Observe);
    assert_eq!(observed.decide().unwrap().fallback, []);
}

#[test]
fn the_frontier_holds_what_nothing_eligible_beats() {
    let mut world = world();
    world.policy().license = License::Prior;
    world.policy().max_quality_loss = 1.0;
    world.add("worse", (1.5, 2.0), 0.65); // dearer than small, worse, as slow
    let quick = world.add("quick", (1.5, 2.0), 0.65); // the same but quicker
    world.live(quick).per_token_us = 1000;
    world.add("twin", (10.0, 30.0), 0.90); // as large, declared later
    let away = world.add("away", (0.1, 0.1), 1.0); // beats all, but is not there
    world.live(away).ready = false;
    let decided = world.decide();
    let marks: Vec<String> = candidates(&decided)
        .iter()
        .map(|candidate| format!("{}: {}", candidate.plan, candidate.verdict))
        .collect();
    assert_eq!(
        marks,
        [
            "small: eligible, on the frontier",
            "large: eligible, on the frontier",
            "worse: eligible, dominated",
            "quick: eligible, on the frontier",
            "twin: eligible, dominated",
            "away: out: not ready"
        ]
    );
}

#[test]
fn a_baseline_that_is_no_candidate_is_weighed_all_the_same() {
    let change = |w: &mut World| w.policy().candidates = vec![SMALL];
    check_with(change, "routed insufficient_evidence large", "large", "eligible, on the frontier");
}

#[test]
fn what_may_be_cheaper_for_all_we_know_needs_a_licence() {
    let unpriced = |w: &mut World| {
        w.model(SMALL).quality.default = Some(0.95);
        for model in [SMALL, LARGE] {
            w.model(model).prices = PriceList::default();
        }
    };
    check(unpriced, "routed insufficient_evidence large");
    let licensed = |w: &mut World| {
        unpriced(w);
        w.evidence("small", 0.0).mean_quality = Some(0.95);
    };
    check(licensed, "routed cheapest small");
}
