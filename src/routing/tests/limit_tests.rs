//! Hard limits: what rules a model out, and what the caller is told when nothing is left.

use super::*;
use crate::catalog::Period;
use crate::routing::NoRouteKind;
use crate::routing::{Room, Sharers, within_ceiling_as_named};

const SMALL_SERVES: &str = "routed cheapest small";

/// `small` is licensed, so that only limits can rule it out.
fn licensed(change: impl FnOnce(&mut World)) -> impl FnOnce(&mut World) {
    |world| {
        world.evidence("small", 0.01);
        change(world);
    }
}

#[test]
fn the_ceiling_is_held_against_the_worst_case() {
    // $0.0024 expected; $0.00325 when a quarter more is read and the output cap is used up.
    let ceiling = |dollars: f64| move |w: &mut World| w.inputs.limits.max_cost = usd(dollars);
    let refused = "Cost: x-pointsman-max-cost-usd, nearest small";
    check(licensed(ceiling(0.003_25)), SMALL_SERVES);
    check(licensed(ceiling(0.003_249)), refused);
    check(licensed(|w| w.policy().max_cost = usd(0.003_249)), refused);
    let (strict, loose) = (usd(0.003_249), usd(1.0));
    check(licensed(|w| (w.inputs.limits.max_cost, w.policy().max_cost) = (strict, loose)), refused);
    check(licensed(|w| (w.inputs.limits.max_cost, w.policy().max_cost) = (loose, strict)), refused);
    // Each answer asked for may use the whole cap, and without a cap it is the model's own.
    let two = |dollars: f64| {
        licensed(move |w: &mut World| {
            ceiling(dollars)(w);
            w.inputs.facts.choices = 2;
        })
    };
    check(two(0.005_25), SMALL_SERVES);
    check(two(0.005_249), refused);
    let open = |dollars: f64| {
        licensed(move |w: &mut World| {
            ceiling(dollars)(w);
            w.inputs.facts.max_output_tokens = None;
        })
    };
    check(open(0.021_25), SMALL_SERVES);
    check(open(0.021_249), refused);
}

#[test]
fn costs_count_every_answer_asked_for() {
    for (choices, cost, worst) in [(1, 0.0024, 0.003_25), (3, 0.0052, 0.007_25)] {
        let mut world = world();
        world.inputs.facts.choices = choices;
        let decided = world.decide();
        let small = candidate(&decided, "small");
        assert_eq!((small.cost, small.worst_cost), (usd(cost), usd(worst)), "{choices}");
        assert_eq!(small.total_ms, 200 + 7000, "they are written side by side");
    }
    // Decisions stored before there was such a count.
    let mut stored = serde_json::to_value(world().inputs.facts).unwrap();
    stored.as_object_mut().unwrap().remove("choices");
    assert_eq!(serde_json::from_value::<Facts>(stored).unwrap().choices, 1);
}

#[test]
fn what_has_no_price_is_out_under_a_ceiling_only() {
    let unpriced = |w: &mut World| w.model(SMALL).prices = PriceList::default();
    check_with(licensed(unpriced), "routed baseline large", "small", "eligible, dominated");
    let under = |w: &mut World| {
        unpriced(w);
        w.inputs.limits.max_cost = usd(1.0);
    };
    check_with(licensed(under), "routed baseline large", "small", "out: unpriced under a cost ceiling");
    let later = |w: &mut World| {
        w.inputs.limits.max_cost = usd(1.0);
        w.model(SMALL).prices = PriceList::new(vec![Price { valid_from: Day(20_001), ..price((1.0, 2.0)) }]);
    };
    check_with(licensed(later), "routed baseline large", "small", "out: unpriced under a cost ceiling");
    let nothing = |w: &mut World| {
        under(w);
        w.model(LARGE).prices = PriceList::default();
    };
    check(nothing, "Cost: x-pointsman-max-cost-usd, nearest large");
    check(licensed(nothing), "Cost: x-pointsman-max-cost-usd, nearest small");
}

#[test]
fn times_and_the_quality_floor() {
    // Both models: 200 ms to the first token, 7200 ms for 700 tokens.
    let quick = |w: &mut World| w.live(SMALL).per_token_us = 1000;
    let late = "out: slower than the deadline";
    for (deadline, verdict) in [(900, "eligible, on the frontier"), (899, late)] {
        let change = |w: &mut World| {
            quick(w);
            w.inputs.limits.deadline_ms = Some(deadline);
            w.policy().deadline_ms = Some(8000);
        };
        let expected =
            if verdict == late { "Deadline: x-pointsman-deadline-ms, nearest small" } else { SMALL_SERVES };
        check_with(licensed(change), expected, "small", verdict);
    }
    check(licensed(|w| w.policy().ttft_ms = Some(200)), SMALL_SERVES);
    check_with(
        licensed(|w| {
            w.live(SMALL).ttft_ms = 201;
            w.policy().ttft_ms = Some(200);
        }),
        "routed baseline large",
        "small",
        "out: first token too late",
    );
    check(licensed(|w| w.inputs.limits.ttft_ms = Some(199)), "Ttft: x-pointsman-ttft-ms, nearest small");
    // Measured quality of `small` is 0.88, the belief about `large` 0.90.
    for (caller, policy, expected) in [
        (Some(0.88), 0.0, SMALL_SERVES),
        (Some(0.881), 0.0, "routed baseline large"),
        (None, 0.881, "routed baseline large"),
        (Some(0.1), 0.881, "routed baseline large"),
        (Some(0.91), 0.0, "Quality: x-pointsman-min-quality, nearest large"),
    ] {
        let change = |w: &mut World| {
            w.inputs.limits.min_quality = caller;
            w.policy().min_quality = policy;
        };
        check(licensed(change), expected);
    }
}

#[test]
fn what_a_model_cannot_do_rules_it_out() {
    type Change = fn(&mut World, ModelIx);
    const WINDOW: &str = "out: context window too small";
    const CAP: &str = "out: writes at most 999 tokens, fewer than the answer may have";
    let rows: [(Change, &str, Option<NoRouteKind>); 8] = [
        (|_, _| {}, "eligible, on the frontier", None),
        (
            |w, model| w.model(model).capabilities = Capabilities::TOOLS,
            "out: cannot do vision, audio",
            Some(NoRouteKind::Capability),
        ),
        // 1000 tokens and a tenth, and the output cap.
        (|w, model| w.model(model).context_tokens = 2100, "eligible, on the frontier", None),
        (|w, model| w.model(model).context_tokens = 2099, WINDOW, Some(NoRouteKind::Context)),
        (|w, model| w.model(model).max_output_tokens = 999, CAP, Some(NoRouteKind::Context)),
        (
            |w, model| w.parts.deployments[model.at()].provider = ProviderIx(1),
            "out: speaks another dialect",
            Some(NoRouteKind::Capability),
        ),
        // A baseline that only cools down is tried.
        (|w, model| w.live(model).ready = false, "out: not ready", None),
        (
            |w, model| w.live(model).has_credential = false,
            "out: no credential",
            Some(NoRouteKind::Unavailable),
        ),
    ];
    for (change, verdict, refusal) in rows {
        let one = |w: &mut World| {
            versatile(w);
            change(w, SMALL);
        };
        let expected = if verdict.starts_with("out") { "routed baseline large" } else { SMALL_SERVES };
        check_with(licensed(one), expected, "small", verdict);
        let mut both = world();
        one(&mut both);
        change(&mut both, LARGE);
        assert_eq!(both.decide().err().map(|no_route| no_route.kind), refusal, "{verdict}");
    }
}

/// The request needs three things, and both models can do them.
fn versatile(world: &mut World) {
    let needs = Capabilities::TOOLS.with(Capabilities::VISION).with(Capabilities::AUDIO);
    world.inputs.facts.needs = needs;
    (world.model(SMALL).capabilities, world.model(LARGE).capabilities) = (needs, needs);
}

#[test]
fn the_first_deployment_that_can_serve_is_taken() {
    for (ready, has_credential, expected) in [(true, true, 11), (false, true, 22), (true, false, 22)] {
        let mut world = world();
        world.model(LARGE).deployments = vec![DeploymentIx(0), DeploymentIx(1)];
        let first =
            DeploymentLive { ready, has_credential, ttft_ms: 11, per_token_us: 1, ..*world.live(SMALL) };
        *world.live(SMALL) = first;
        world.live(LARGE).ttft_ms = 22;
        assert_eq!(candidate(&world.decide(), "large").ttft_ms, expected);
    }
}

#[test]
fn a_refusal_names_the_limit_and_what_would_work() {
    type Change = fn(&mut World);
    let rows: [(Change, &str); 9] = [
        (
            |w| w.inputs.limits.max_cost = usd(0.001),
            "no plan costs at most $0.001000 in the worst case: the nearest is large with $0.042500; raise the ceiling or lower the output cap",
        ),
        (
            |w| {
                w.evidence("small", 0.01);
                w.inputs.limits.max_cost = usd(0.001);
            },
            "no plan costs at most $0.001000 in the worst case: the nearest is small with $0.003250; raise the ceiling or lower the output cap",
        ),
        (
            |w| {
                w.inputs.limits.max_cost = usd(1.0);
                w.policy().candidates.clear();
                w.model(LARGE).prices = PriceList::default();
            },
            "no priced plan is left under the cost ceiling: large has no price; give it one or lift the ceiling",
        ),
        (
            |w| w.inputs.limits.deadline_ms = Some(1000),
            "no plan answers within 1000 ms: the nearest is large with 7200 ms",
        ),
        (
            |w| w.inputs.limits.ttft_ms = Some(100),
            "no plan sends its first token within 100 ms: the nearest is large with 200 ms",
        ),
        (
            |w| w.inputs.limits.min_quality = Some(0.99),
            "no plan is expected to reach quality 0.99: the nearest is large with 0.90",
        ),
        // `small` could serve if it were licensed: the baseline's obstacle is what can be mended.
        (
            |w| w.live(LARGE).has_credential = false,
            "no plan can serve this request: the nearest is large, out: no credential",
        ),
        (
            |w| w.model(LARGE).context_tokens = 10,
            "no plan can serve this request: the nearest is large, out: context window too small",
        ),
        (
            |w| {
                w.inputs.facts.needs = Capabilities::VISION;
            },
            "no plan can serve this request: the nearest is large, out: cannot do vision",
        ),
    ];
    for (change, message) in rows {
        let mut world = world();
        change(&mut world);
        let no_route = world.decide().unwrap_err();
        assert_eq!(no_route.message, message, "{no_route:?}");
    }
}

#[test]
fn a_cooling_baseline_is_tried_within_the_limits_only() {
    let cooling = |change: fn(&mut World)| {
        move |w: &mut World| {
            w.live(LARGE).ready = false;
            change(w);
        }
    };
    check(cooling(|_| {}), "routed baseline large");
    check(cooling(|w| w.inputs.limits.deadline_ms = Some(7200)), "routed baseline large");
    check(cooling(|w| w.inputs.limits.deadline_ms = Some(7199)), "Unavailable: health, nearest large");
    check(cooling(|w| w.inputs.limits.ttft_ms = Some(199)), "Unavailable: health, nearest large");
    check(cooling(|w| w.inputs.limits.max_cost = usd(0.039)), "Unavailable: health, nearest large");
    check(cooling(|w| w.inputs.limits.min_quality = Some(0.91)), "Unavailable: health, nearest large");
}

#[test]
fn the_worst_case_is_in_the_dearest_bucket_the_request_can_fall_into() {
    let million = |usd: f64| PricePerMillion::from_usd(usd);
    let dear = |w: &mut World| {
        w.model(SMALL).prices = PriceList::new(vec![Price {
            cache_write_5m: million(1.25),
            cache_write_1h: million(5.0),
            image_input: million(3.0),
            audio_input: million(7.0),
            audio_output: million(8.0),
            ..price((1.0, 2.0))
        }]);
    };
    type Change = fn(&mut World);
    let rows: [(Change, Option<NanoUsd>); 5] = [
        (|_| {}, usd(0.003_25)),
        (|w| w.inputs.facts.cache_markers = true, usd(0.008_25)),
        (|w| w.inputs.facts.needs = Capabilities::VISION, usd(0.005_75)),
        (|w| w.inputs.facts.needs = Capabilities::AUDIO, usd(0.016_75)),
        (
            |w| {
                w.inputs.facts.needs = Capabilities::AUDIO;
                w.model(SMALL).prices = PriceList::new(vec![price((1.0, 2.0))]);
            },
            None,
        ),
    ];
    for (change, worst) in rows {
        let mut world = world();
        dear(&mut world);
        change(&mut world);
        assert_eq!(candidate(&world.decide(), "small").worst_cost, worst);
    }
}

#[test]
fn every_link_of_the_fallback_chain_keeps_the_hard_limits() {
    type Change = fn(&mut World);
    let rows: [(Change, bool); 9] = [
        (|_| {}, true),
        (
            |w| {
                w.inputs.limits.deadline_ms = Some(7199);
                w.model(LARGE).quality.default = Some(0.8);
                w.inputs.limits.min_quality = Some(0.85);
            },
            false,
        ),
        (|w| w.inputs.limits.max_cost = usd(0.042_5), true),
        (|w| w.inputs.limits.max_cost = usd(0.042), false),
        (|w| w.inputs.limits.deadline_ms = Some(7199), true),
        (|w| w.live(LARGE).ready = false, true),
        (|w| w.model(LARGE).context_tokens = 2099, false),
        (|w| w.model(LARGE).capabilities = Capabilities::default(), false),
        (
            |w| {
                w.live(LARGE).ready = false;
                w.policy().max_cost = usd(0.039);
            },
            false,
        ),
    ];
    for (at, (change, follows)) in rows.into_iter().enumerate() {
        let mut world = world();
        world.evidence("small", 0.01);
        world.live(SMALL).per_token_us = 1000;
        world.inputs.facts.needs = Capabilities::TOOLS;
        world.policy().fallback = vec![LARGE];
        change(&mut world);
        let decision = world.decide().unwrap();
        assert_eq!(decision.plan.to_string(), "small");
        assert_eq!(!decision.fallback.is_empty(), follows, "row {at}");
    }
}

fn shared(of: Sharers, left: f64) -> impl Fn(&mut World) {
    move |w: &mut World| {
        w.evidence("small", 0.01);
        let (ceiling, left) = (usd(5.0).unwrap(), usd(left).unwrap());
        w.inputs.live.room = Some(Room { of, ceiling, left, held: NanoUsd::ZERO });
    }
}

#[test]
fn what_is_left_of_a_shared_ceiling_is_a_ceiling_and_is_named() {
    let (client, session) = (Sharers::Client(Period::Day), Sharers::Session);
    check(shared(client, 5.0), "routed cheapest small");
    check(shared(client, 0.000_001), "Cost: clients.max_spend_usd, nearest small");
    check(shared(session, 0.000_001), "Cost: sessions.max_spend_usd, nearest small");
    // The stricter one binds, and is the one that is named.
    let own = |w: &mut World| {
        shared(client, 0.001)(w);
        w.inputs.limits.max_cost = usd(0.000_001);
    };
    check(own, "Cost: x-pointsman-max-cost-usd, nearest small");
    // It holds where nothing is routed, and for what no policy takes.
    let observed = |w: &mut World| {
        shared(session, 0.000_001)(w);
        w.named("large", Mode::Observe);
    };
    check(observed, "Cost: sessions.max_spend_usd, nearest none");
    let mut world = world();
    observed(&mut world);
    let (snapshot, inputs) = world.seal();
    let refused = within_ceiling_as_named(&snapshot, &inputs).unwrap_err();
    assert_eq!(refused.limit, "sessions.max_spend_usd");
    assert!(
        refused.message.contains("ceiling of $5.000000 per session, of which $0.000001 is left"),
        "{refused:?}"
    );
}

#[test]
fn the_largest_plan_that_fits_what_is_left_serves() {
    let best = |left: f64| {
        move |w: &mut World| {
            shared(Sharers::Session, left)(w);
            w.policy().objective = Objective::Best;
        }
    };
    check(best(5.0), "routed baseline large");
    check(best(0.02), "routed best small");
}
