//! What a policy is at the steps of an agent's work: read whole, and every fault found at its place.

use super::{RIGHT, read};
use crate::catalog::{License, Objective, PlanKind, Policy};
use crate::types::{AgentStep, ModelIx, NanoUsd};

const SMALL: ModelIx = ModelIx(0);
const LARGE: ModelIx = ModelIx(1);

/// `RIGHT` with this behind its policy.
fn text(steps: &str) -> String {
    let policy = "fallback = [\"large\"]\n";
    RIGHT.replace(policy, &format!("{policy}deadline_ms = 9000\nmax_cost_usd = 1\n{steps}\n"))
}

fn policy(steps: &str) -> Policy {
    read(&text(steps)).unwrap_or_else(|faults| panic!("{faults}")).snapshot.policies[0].clone()
}

#[test]
fn a_step_is_the_policy_but_for_what_it_says() {
    let policy = policy(
        "[policies.steps.plan]\ncandidates = [\"large\"]\nobjective = \"best\"\nplans = [\"single\", \"cascade\"]\n\
         [policies.steps.side_call]\nlicense = \"prior\"\nmax_quality_loss = 0.2\nmin_quality = 0.1\nmax_cost_usd = 0.01\n\
         ttft_ms = 500\n[policies.steps.tool_result]\n",
    );
    let plan = policy.at(AgentStep::Plan);
    assert_eq!((&plan.candidates[..], plan.objective), (&[LARGE][..], Objective::Best));
    assert_eq!(plan.plans, [PlanKind::Single, PlanKind::Cascade]);
    assert_eq!((plan.max_cost, plan.deadline_ms), (Some(NanoUsd(1_000_000_000)), Some(9000)));
    let side = policy.at(AgentStep::SideCall);
    assert_eq!((&side.candidates[..], side.license), (&[SMALL, LARGE][..], License::Prior));
    assert_eq!((side.max_quality_loss, side.min_quality), (0.2, 0.1));
    assert_eq!((side.max_cost, side.ttft_ms), (Some(NanoUsd(10_000_000)), Some(500)));
    // Whose it is and what failures do is the same everywhere.
    for at in policy.everywhere() {
        assert_eq!((&at.id, at.baseline, &at.fallback[..]), (&policy.id, Some(LARGE), &[LARGE][..]));
        assert!(at.matches.models == ["auto"]);
    }
    // A step without a table is the policy itself, and one with an empty table the same in other words.
    assert_eq!(policy.at(AgentStep::Synthesis).candidates, [SMALL, LARGE]);
    assert_eq!(policy.at(AgentStep::None).candidates, [SMALL, LARGE]);
    assert_eq!(policy.at(AgentStep::ToolResult).candidates, [SMALL, LARGE]);
}

#[test]
fn plans_of_several_models_may_be_for_a_step_alone() {
    let cascade = "[policies.compound]\ncascade = [{ tries = [\"small\"], accept = \"structure\" }]\n";
    let at_plan = "[policies.steps.plan]\nplans = [\"cascade\"]\n";
    assert_eq!(policy(&format!("{cascade}{at_plan}")).compound.cascades.len(), 1);
    let faults = read(&text(cascade)).unwrap_err();
    assert!(faults.list[0].message.contains("stands for nothing"), "{faults}");
}

#[test]
fn every_fault_of_the_steps_is_found_at_its_place() {
    let faults = read(&text(
        "[policies.steps.plan]\ncandidates = [\"small\", \"lagre\"]\nbaseline = \"large\"\n\
         [policies.steps.tool_results]\ncandidates = [\"small\"]\n\
         [policies.steps.tool_call]\ncandidates = []\nobjective = \"bets\"\nttft_ms = 9001\n\
         [policies.steps.synthesis]\nplans = [\"cascades\"]\nmax_quality_loss = 2\nmax_cost_usd = 1.5\n",
    ))
    .unwrap_err();
    let found: Vec<(&str, u32)> = faults.list.iter().map(|fault| (fault.key.as_str(), fault.line)).collect();
    let line = |needle: &str| {
        let text = text(
            "[policies.steps.plan]\ncandidates = [\"small\", \"lagre\"]\nbaseline = \"large\"\n\
             [policies.steps.tool_results]\ncandidates = [\"small\"]\n\
             [policies.steps.tool_call]\ncandidates = []\nobjective = \"bets\"\nttft_ms = 9001\n\
             [policies.steps.synthesis]\nplans = [\"cascades\"]\nmax_quality_loss = 2\nmax_cost_usd = 1.5\n",
        );
        text.lines().position(|line| line.contains(needle)).unwrap() as u32 + 1
    };
    let steps = "policies[0].steps";
    let expected = [
        (format!("{steps}.plan.candidates[1]"), line("lagre")),
        (format!("{steps}.plan.baseline"), line("lagre") + 1),
        (format!("{steps}.tool_results"), line("tool_results")),
        (format!("{steps}.tool_call.candidates"), line("candidates = []")),
        (format!("{steps}.tool_call.objective"), line("bets")),
        (format!("{steps}.tool_call.ttft_ms"), line("9001")),
        (format!("{steps}.synthesis.plans[0]"), line("cascades")),
        (format!("{steps}.synthesis.max_quality_loss"), line("max_quality_loss")),
        (format!("{steps}.synthesis.max_cost_usd"), line("1.5")),
    ];
    let expected: Vec<(&str, u32)> = expected.iter().map(|(key, line)| (key.as_str(), *line)).collect();
    assert_eq!(found, expected, "{faults}");
    let near = faults.list.iter().find(|fault| fault.key.ends_with("tool_results")).unwrap();
    assert!(near.message.contains("tool_result"), "{near:?}");
}
