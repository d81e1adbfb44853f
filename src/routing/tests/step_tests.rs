//! What a policy is at the steps of an agent's work.

use super::*;
use crate::analysis::{step_of, understand};
use crate::routing::{ceiling_of_chain, survey};
use crate::types::AgentStep;

/// The first turn of an agent: tools are offered.
fn plans(w: &mut World) {
    w.inputs.features.talk.tools = 1;
    assert_eq!(step_of(&w.inputs.features), AgentStep::Plan);
}

/// `small` is licensed, and at this step the policy is changed.
fn with(step: AgentStep, change: impl Fn(&mut Policy)) -> impl Fn(&mut World) {
    move |w: &mut World| {
        w.evidence("small", 0.01);
        let mut at = w.policy().clone();
        change(&mut at);
        w.policy().steps = vec![(step, at)];
    }
}

#[test]
fn a_step_has_candidates_and_limits_of_its_own() {
    let at = |step: AgentStep, change: fn(&mut Policy)| {
        move |w: &mut World| {
            with(step, change)(w);
            plans(w);
        }
    };
    let large_only: fn(&mut Policy) = |policy| policy.candidates = vec![LARGE];
    check(at(AgentStep::Plan, large_only), "routed baseline large");
    check(at(AgentStep::ToolResult, large_only), "routed cheapest small");
    check(at(AgentStep::Plan, |policy| policy.max_quality_loss = 0.005), "routed baseline large");
    check(at(AgentStep::Plan, |policy| policy.objective = Objective::Best), "routed baseline large");
    let poor: fn(&mut Policy) = |policy| policy.max_cost = usd(0.001);
    check(at(AgentStep::Plan, poor), "Cost: x-pointsman-max-cost-usd, nearest small");
    check(at(AgentStep::Synthesis, poor), "routed cheapest small");
    // The caller's own word holds at every step.
    let strict = |w: &mut World| {
        at(AgentStep::Plan, |policy| policy.max_quality_loss = 0.5)(w);
        w.inputs.limits.max_quality_loss = Some(0.005);
    };
    check(strict, "routed baseline large");
}

#[test]
fn what_is_told_of_a_request_is_told_of_its_step() {
    let mut world = world();
    with(AgentStep::Plan, |policy| policy.max_cost = usd(0.039))(&mut world);
    plans(&mut world);
    let (snapshot, inputs) = world.seal();
    let decision = replay(&snapshot, &inputs).unwrap();
    assert_eq!(ceiling_of_chain(&snapshot, &inputs, &decision).unwrap().ceiling, usd(0.039).unwrap());
    let analysis = understand(&inputs.features);
    let survey = survey(&snapshot, &inputs, &analysis).unwrap();
    let dear = survey.candidates.iter().find(|one| one.candidate.plan.to_string() == "large").unwrap();
    assert!(!is_eligible(&dear.candidate), "{dear:?}");
}
