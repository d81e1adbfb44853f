//! A survey is what decisions are made from: the same candidates and the same choice.

use super::{LARGE, SMALL, World, id, usd, world};
use crate::analysis::understand;
use crate::catalog::{License, Mode};
use crate::routing::{Plan, Reason, Survey, decide, survey};
use crate::types::TaskClass;

/// The survey of a world, which must agree with the decision that the same world comes to.
fn surveyed(change: impl FnOnce(&mut World)) -> Survey {
    let mut world = world();
    change(&mut world);
    let holdout = world.policy().holdout;
    let (snapshot, inputs) = world.seal();
    let mut analysis = understand(&inputs.features);
    analysis.task = TaskClass::Code;
    let found = survey(&snapshot, &inputs, &analysis).unwrap();
    let decided = decide(&snapshot, &inputs, &analysis);
    let candidates: Vec<_> = found.candidates.iter().map(|one| one.candidate.clone()).collect();
    match &decided {
        Ok(decision) => {
            assert_eq!(decision.candidates, candidates);
            let plan = decision.would.clone().unwrap_or(decision.plan.clone());
            let reason = decision.would_reason.unwrap_or(decision.reason);
            if holdout < 1.0 {
                assert_eq!(found.chosen, Ok((plan, reason)));
            }
        }
        Err(no_route) => assert_eq!(found.chosen.as_ref(), Err(no_route)),
    }
    found
}

fn chosen(survey: &Survey) -> (&str, Reason) {
    match &survey.chosen {
        Ok((Plan::Single(model), reason)) => (model.as_str(), *reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_survey_weighs_and_chooses_as_a_decision_does() {
    let bare = surveyed(|_| {});
    assert_eq!(
        (bare.baseline.clone(), chosen(&bare)),
        (id("large"), ("large", Reason::InsufficientEvidence))
    );
    assert!(bare.candidates.iter().all(|one| one.evidence.is_none() && one.measured == Some(true)));
    let shown = surveyed(|world| {
        world.evidence("small", 0.01);
    });
    assert_eq!(chosen(&shown), ("small", Reason::Cheapest));
    let pairs: Vec<_> =
        shown.candidates.iter().map(|one| one.evidence.as_ref().map(|found| found.pairs)).collect();
    assert_eq!(pairs, [Some(200), None]);
    let prior = surveyed(|world| {
        (world.policy().license, world.policy().max_quality_loss) = (License::Prior, 0.5);
        world.live(SMALL).measured = false;
    });
    assert_eq!((chosen(&prior), prior.candidates[0].measured), (("small", Reason::Cheapest), Some(false)));
}

#[test]
fn no_share_is_drawn() {
    let held = surveyed(|world| {
        world.evidence("small", 0.01);
        world.policy().holdout = 1.0;
    });
    assert_eq!(chosen(&held), ("small", Reason::Cheapest));
}

#[test]
fn a_named_model_is_the_baseline_where_the_policy_observes() {
    let named = surveyed(|world| {
        world.policy().baseline = None;
        world.named("large-1", Mode::Observe);
        world.evidence("small", 0.01);
    });
    assert_eq!((named.baseline.as_str(), chosen(&named).0), ("large", "small"));
}

#[test]
fn what_cannot_serve_is_weighed_all_the_same() {
    let none = surveyed(|world| world.policy().max_cost = usd(1e-6));
    assert!(none.chosen.is_err() && none.candidates.len() == 2);
    let away = surveyed(|world| world.live(LARGE).has_credential = false);
    assert_eq!(away.candidates[1].measured, None, "no deployment, no time");
}
