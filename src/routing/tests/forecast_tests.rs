//! What predictions change: estimates, and the licence of policies that take a calibrated prediction for enough.

use std::sync::Arc;

use super::*;
use crate::analysis::FEATURE_VERSION;
use crate::catalog::{
    Card, Cell, Forest, GRAM_VERSION, GRAMS, Learned, LossCurve, LossKnot, Predictor, SHAPE, SourceRows,
    Target, TargetKind,
};
use crate::routing::{Estimate, forecast};

/// Knows `small-1` (0.80 on code, answers half as long as usual) and `large-1` (0.90).
fn predictor() -> Predictor {
    let target = |name: &str, mean: f32, output_tokens: f32| Target {
        kind: TargetKind::Model(name.to_owned()),
        rows: 1000,
        mean,
        cells: vec![Cell {
            task: TaskClass::Code,
            rows: 1000,
            mean,
            output_tokens,
            shape_mean: [0.0; SHAPE],
            shape_deviation: [1.0; SHAPE],
        }],
        scale: 1.0,
        shape: [0.0; SHAPE],
    };
    let card = Card {
        gram_version: GRAM_VERSION,
        feature_version: FEATURE_VERSION,
        shape_mean: [0.0; SHAPE],
        shape_deviation: [1.0; SHAPE],
        forest: Forest::default(),
        targets: vec![target("small-1", 0.8, 100.0), target("large-1", 0.9, 300.0)],
        sources: vec![SourceRows { name: "s".to_owned(), rows: 1000 }],
        ridge: 10.0,
    };
    let bytes = Predictor::to_bytes(&card, &[], &[vec![0.0; GRAMS], vec![0.0; GRAMS]]).unwrap();
    Predictor::parse(&bytes).unwrap()
}

/// A world with predictions: of all requests whose predicted loss is at most 0.05 the mean loss is at most 0.01, of all
/// at most 0.15 it is at most 0.08.
fn learned(change: impl FnOnce(&mut World), beyond: &[f32]) -> World {
    let mut world = world();
    let names = |model: &Model| vec![Arc::from(format!("{}-1", model.id))];
    let mut learned = Learned::new(Arc::new(predictor()), &world.parts.models, &names);
    let knot = |predicted, upper| LossKnot { predicted, upper };
    let curve = LossCurve { bias: 0.0, knots: vec![knot(0.05, 0.01), knot(0.15, 0.08)] };
    learned.curves.insert((LARGE, SMALL, TaskClass::Code), curve);
    world.parts.learned = Some(learned);
    world.policy().license = License::Calibrated;
    // A program, which nobody has to say.
    world.inputs.limits.task = None;
    (world.inputs.features.prompt.fences, world.inputs.features.prompt.code_marks) = (1, 9);
    change(&mut world);
    let parts = SnapshotParts { evidence: EvidenceTable::new(world.evidence.clone()), ..world.parts };
    let snapshot = Snapshot::new(parts);
    world.inputs.forecast = forecast(&snapshot, &world.inputs, Some(beyond));
    // The decision is taken as a replay takes it: without the predictor.
    let mut parts = super::world().parts;
    parts.policies = snapshot.policies.clone();
    parts.models = snapshot.models.clone();
    parts.learned = None;
    World { parts, ..world }
}

fn decided(change: impl FnOnce(&mut World), beyond: &[f32]) -> String {
    told(&learned(change, beyond).decide())
}

#[test]
fn a_calibrated_prediction_licenses_where_the_policy_takes_one() {
    assert_eq!(decided(|_| {}, &[0.06, 0.0]), "routed cheapest small", "a loss of 0.04 is predicted");
    assert_eq!(decided(|_| {}, &[0.0, 0.0]), "routed baseline large", "a loss of 0.1 is predicted");
    assert_eq!(
        decided(|_| {}, &[-0.2, 0.0]),
        "routed insufficient_evidence large",
        "larger than any that was measured"
    );
    let allow = |w: &mut World| w.policy().max_quality_loss = 0.1;
    assert_eq!(decided(allow, &[0.0, 0.0]), "routed cheapest small");
    assert_eq!(
        decided(|w| w.policy().license = License::Paired, &[0.06, 0.0]),
        "routed insufficient_evidence large"
    );
}

#[test]
fn outcomes_of_ones_own_traffic_count_before_predictions() {
    let bad = |w: &mut World| {
        w.evidence("small", 0.3);
    };
    assert_eq!(decided(bad, &[0.06, 0.0]), "routed baseline large");
    let good = |w: &mut World| {
        w.evidence("small", 0.01);
    };
    assert_eq!(decided(good, &[-0.2, 0.0]), "routed cheapest small");
}

#[test]
fn nothing_is_foretold_of_what_cannot_be_read() {
    let strange =
        |w: &mut World| (w.inputs.features.prompt.latin, w.inputs.features.prompt.foreign) = (0, 50);
    assert_eq!(decided(strange, &[0.06, 0.0]), "routed insufficient_evidence large");
}

#[test]
fn only_one_plain_question_of_the_class_it_counts_in_is_licensed() {
    let changes: [fn(&mut World); 4] = [
        |w| w.inputs.features.talk.tools = 1,
        |w| w.inputs.features.talk.turns = 3,
        |w| w.inputs.features.volume.system = 50_000,
        |w| {
            // The caller calls a program what does not look like one.
            w.inputs.limits.task = Some(TaskClass::Code);
            (w.inputs.features.prompt.fences, w.inputs.features.prompt.code_marks) = (0, 0);
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(decided(change, &[0.06, 0.0]), "routed insufficient_evidence large", "{number}");
    }
}

#[test]
fn what_was_learned_of_other_prompts_licenses_nothing() {
    // Nobody has seen so many choices in a prompt.
    let odd = |w: &mut World| w.inputs.features.prompt.choices = u16::MAX;
    assert_eq!(decided(odd, &[0.06, 0.0]), "routed insufficient_evidence large");
}

#[test]
fn qualities_and_lengths_are_those_foretold() {
    let world = learned(|_| {}, &[0.06, 0.0]);
    let decided = world.decide();
    let small = candidate(&decided, "small");
    assert_eq!(small.quality.mean, 0.86);
    let Estimate { low, high, .. } = small.quality;
    // The interval of a mean of 0.8 over 1000 rows, moved along.
    assert!((low - 0.838).abs() < 0.002 && (high - 0.880).abs() < 0.002, "{low} {high}");
    // 700 tokens are expected; these models write 200 on average, small 100 and large 300 of them.
    let tokens = |candidate: &Candidate, input: f64, output: f64| {
        (candidate.cost.unwrap().0 as f64 / 1000.0 - input * 1000.0) / output
    };
    assert!((tokens(small, 1.0, 2.0) - 350.0).abs() < 1.0, "{:?}", small.cost);
    assert!(
        (tokens(candidate(&decided, "large"), 10.0, 30.0) - 1000.0).abs() < 1.0,
        "cut at the request's own cap"
    );
}
