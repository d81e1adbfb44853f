//! What audits cost: the last model of a cascade is asked for a share of the requests whose answers stand.

use super::*;
use crate::catalog::PLAN_PAIRS;
use crate::routing::{Role, legs_of};

const CASCADE: &str = "cascade(small & medium | large)";

/// How often the last model is expected to be asked, what that costs each time, and what the plan is expected to cost; 80 % of
/// first answers stand.
fn of(audit: f64, ratio: Option<f64>) -> (f64, f64, f64) {
    let mut world = world();
    world.add("medium", (2.0, 4.0), 0.75);
    world.policy().plans = vec![PlanKind::Single, PlanKind::Cascade];
    world.policy().compound.audit = audit;
    let cell = world.evidence(CASCADE, 0.01);
    (cell.pairs, cell.accepted, cell.cost_ratio) = (PLAN_PAIRS, Some(0.8), ratio);
    world.inputs.limits.plan = Some("cascade".to_owned());
    let (snapshot, inputs) = world.seal();
    let decided = decide_twice(&snapshot, &inputs);
    let legs = legs_of(&snapshot, &inputs, decided.as_ref().unwrap());
    let last = legs.iter().find(|leg| leg.role == Role::Last).unwrap();
    (last.chance, last.cost.unwrap().0 as f64, candidate(&decided, CASCADE).cost.unwrap().0 as f64)
}

#[test]
fn a_plan_measured_without_labels_is_as_good_as_the_baseline_less_what_it_may_lose() {
    let quality = |mean: Option<f64>, plan: &str| {
        let mut world = world();
        world.add("medium", (2.0, 4.0), 0.75);
        world.policy().plans = vec![PlanKind::Single, PlanKind::Cascade];
        let cell = world.evidence(plan, 0.02);
        (cell.pairs, cell.accepted, cell.mean_quality) = (PLAN_PAIRS, Some(0.8), mean);
        let decided = world.decide();
        (candidate(&decided, plan).quality, candidate(&decided, "large").quality)
    };
    let (labelled, _) = quality(Some(0.6), CASCADE);
    assert!((labelled.mean - 0.6).abs() < 1e-12, "{labelled:?}");
    let (found, baseline) = quality(None, CASCADE);
    assert!((found.mean - (baseline.mean - 0.01)).abs() < 1e-12, "{found:?} {baseline:?}");
    // Of one model a profile never says so little; if it did, what is believed of it would stand.
    let (small, _) = quality(None, "small");
    assert!((small.mean - 0.70).abs() < 1e-12, "{small:?}");
}

#[test]
fn an_audited_cascade_costs_what_its_audits_cost_besides() {
    for ratio in [None, Some(0.7)] {
        let (chance, last, without) = of(0.0, ratio);
        assert!((chance - 0.2).abs() < 1e-12);
        let (chance, _, with) = of(0.25, ratio);
        assert!((chance - 0.4).abs() < 1e-12, "{chance}");
        assert!((with - without - 0.2 * last).abs() <= 2.0, "{ratio:?}: {with} {without} {last}");
    }
}
