//! Which plans of several models a request leaves possible: by the shape of its answer, its sampling, and what a policy has.

use super::plan_tests::{ALL, asks, with_plans};
use super::*;
use crate::catalog::{AcceptSpec, CascadeSpec};
use crate::routing::Plan;
use crate::types::{Dialect, Probability};

/// One cascade of these, and a request whose sampling makes a model say the same again.
fn again(world: &mut World, accept: AcceptSpec, tries: &[ModelIx]) {
    world.policy().compound.cascades = vec![CascadeSpec { tries: tries.to_vec(), accept, last: None }];
    world.inputs.facts.repeats = true;
}

#[test]
fn the_same_again_says_something_unless_sampling_makes_it_the_same() {
    type Change = fn(&mut World);
    let cases: [Change; 3] = [
        |w| {
            again(w, AcceptSpec::Agreement, &[SMALL, SMALL]);
            w.inputs.facts.repeats = false;
        },
        |w| again(w, AcceptSpec::Agreement, &[SMALL, ModelIx(2)]),
        |w| again(w, AcceptSpec::Judge(ModelIx(2)), &[SMALL, SMALL]),
    ];
    for change in cases {
        let mut world = world();
        with_plans(&ALL)(&mut world);
        asks(&mut world, "cascade");
        change(&mut world);
        let decision = world.decide().unwrap();
        assert!(matches!(decision.plan, Plan::Cascade(_)), "{}", decision.plan);
    }
}

#[test]
fn a_kind_that_cannot_be_had_is_refused_with_what_is_in_the_way() {
    type Change = fn(&mut World);
    let cases: [(Change, &str); 8] = [
        (|w| w.policy().plans = vec![PlanKind::Single], "its `plans` are single"),
        (
            |w| w.policy().candidates.retain(|ix| *ix != SMALL),
            "two candidates that cost less than the baseline",
        ),
        (|w| w.live(SMALL).ready = false, "two candidates that cost less"),
        (|w| w.inputs.facts.hard_markers = HardMarkers::STORED_REFERENCE, "bound to the model"),
        (
            |w| {
                w.policy().compound.cascades = vec![CascadeSpec {
                    tries: vec![SMALL, LARGE],
                    accept: AcceptSpec::Agreement,
                    last: None,
                }];
            },
            "would answer last",
        ),
        (|w| w.inputs.facts.needs = Capabilities::TOOLS, "cannot answer with tools"),
        (|w| again(w, AcceptSpec::Agreement, &[SMALL, SMALL]), "asks one model again"),
        (|w| again(w, AcceptSpec::Majority, &[SMALL, ModelIx(2), SMALL]), "asks one model again"),
    ];
    for (change, why) in cases {
        let mut world = world();
        with_plans(&ALL)(&mut world);
        asks(&mut world, "cascade");
        change(&mut world);
        let no_route = world.decide().unwrap_err();
        assert_eq!(
            (no_route.kind, &*no_route.limit),
            (crate::routing::NoRouteKind::Plan, "x-pointsman-plan")
        );
        assert!(no_route.message.contains(why), "{}", no_route.message);
    }
    // A judge is of another family.
    let mut world = world();
    with_plans(&ALL)(&mut world);
    asks(&mut world, "debate");
    for model in [SMALL, LARGE, ModelIx(2)] {
        world.model(model).family = "gpt".into();
    }
    let message = world.decide().unwrap_err().message;
    assert!(message.contains("a judge of another family"), "{message}");
    // Where nothing is routed, the request goes on as it is named.
    let observed = |w: &mut World| {
        w.named("large-1", Mode::Observe);
        asks(w, "debate");
    };
    check(observed, "observed observe as named");
}

#[test]
fn the_shape_of_the_request_decides_which_kinds_can_answer() {
    use Capabilities as C;
    const ONLY_FIRST: [bool; 8] = [true, false, false, false, false, false, false, false];
    let can = |kind: &str, accept: AcceptSpec, (needs, stream): (C, bool)| {
        let mut world = world();
        world.inputs.facts.stream = stream;
        with_plans(&ALL)(&mut world);
        let other = world.add("other", (9.0, 25.0), 0.9);
        let third = world.add("third", (1.5, 2.5), 0.7);
        world.policy().candidates.retain(|ix| *ix != other);
        (0..5).for_each(|ix| world.model(ModelIx(ix)).capabilities = C(u32::MAX));
        world.policy().compound.judge = Some(other);
        let mut tries = vec![SMALL, ModelIx(2)];
        if accept == AcceptSpec::Majority {
            tries.push(third);
        }
        world.policy().compound.cascades = vec![CascadeSpec { tries, accept, last: None }];
        asks(&mut world, kind);
        world.inputs.facts.needs = needs;
        world.inputs.facts.choices = if needs.has(C::MULTIPLE_CHOICES) { 2 } else { 1 };
        world.decide().is_ok()
    };
    let kinds: [(&str, AcceptSpec); 8] = [
        ("cascade", AcceptSpec::Structure),
        ("cascade", AcceptSpec::Agreement),
        ("cascade", AcceptSpec::Majority),
        ("cascade", AcceptSpec::Judge(ModelIx(3))),
        ("cascade", AcceptSpec::Logprobs(Probability::new(0.9).unwrap())),
        ("ensemble", AcceptSpec::Agreement),
        ("debate", AcceptSpec::Agreement),
        ("draft", AcceptSpec::Agreement),
    ];
    // Under a stream one choice of text and calls is written, whatever was asked for.
    for (needs, whole, streamed) in [
        (C::default(), [true; 8], [true; 8]),
        (C::VISION.with(C::SAMPLING), [true; 8], [true; 8]),
        (
            C::JSON_SCHEMA,
            [true, true, true, true, true, true, false, false],
            [true, true, true, true, true, true, false, false],
        ),
        (C::TOOLS, ONLY_FIRST, ONLY_FIRST),
        (C::MULTIPLE_CHOICES, ONLY_FIRST, [false; 8]),
        (C::LOGPROBS, ONLY_FIRST, [false; 8]),
        (C::AUDIO, ONLY_FIRST, [false; 8]),
        (C::SERVER_TOOLS, [false; 8], [false; 8]),
    ] {
        for (stream, expected) in [(false, whole), (true, streamed)] {
            let found = kinds.map(|(kind, accept)| can(kind, accept, (needs, stream)));
            assert_eq!(found, expected, "{needs:?}, stream {stream}");
        }
    }
}

#[test]
fn a_cascade_goes_by_log_probabilities_where_its_models_give_them() {
    type Change = fn(&mut World);
    let cases: [(Change, Result<&str, &str>); 4] = [
        (|_| {}, Ok("cascade(small | large by logprobs 0.90)")),
        (|w| w.model(SMALL).capabilities = Capabilities::TOOLS, Err("small: cannot do logprobs")),
        (
            |w| w.parts.providers.iter_mut().for_each(|provider| provider.dialect = Dialect::Anthropic),
            Err("small: speaks another dialect, which has no counterpart for `logprobs`"),
        ),
        (|w| w.inputs.facts.needs = Capabilities::LOGPROBS, Err("cannot answer with logprobs")),
    ];
    for (change, expected) in cases {
        let mut world = world();
        with_plans(&ALL)(&mut world);
        let accept = AcceptSpec::Logprobs(Probability::new(0.9).unwrap());
        world.policy().compound.cascades = vec![CascadeSpec { tries: vec![SMALL], accept, last: None }];
        for ix in [SMALL, LARGE] {
            world.model(ix).capabilities = Capabilities::LOGPROBS;
        }
        asks(&mut world, "cascade");
        change(&mut world);
        if expected.is_err_and(|why| why.contains("dialect")) {
            world.inputs.facts.dialect = Dialect::Anthropic;
        }
        let decided = world.decide();
        match (decided, expected) {
            (Ok(decision), Ok(plan)) => assert_eq!(decision.plan.to_string(), plan),
            (Err(no_route), Err(why)) => assert!(no_route.message.contains(why), "{}", no_route.message),
            (decided, _) => panic!("{expected:?}: {decided:?}"),
        }
    }
}
