//! What a predictor says of the configured models: who is who, and what its predictions were worth on rows it had not seen.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Model, Predictor, Target, TargetKind};
use crate::types::{ModelIx, TaskClass};

/// A predictor, tied to the models of a snapshot.
#[derive(Debug)]
pub struct Learned {
    /// The predictor.
    pub predictor: Arc<Predictor>,
    /// By model: the target that speaks of it.
    pub subjects: Vec<Option<Subject>>,
    /// By model and class: how long its answers are, in percent of what models usually write; `None`: not known.
    pub lengths: Vec<[Option<u16>; TaskClass::COUNT]>,
    /// The target that says how hard a request is.
    pub difficulty: Option<usize>,
    /// By (baseline, model, class): what a cheaper model loses where its predicted loss is small.
    pub curves: HashMap<(ModelIx, ModelIx, TaskClass), LossCurve>,
}

/// Which target speaks of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Its own.
    Model(usize),
    /// Its tier's: nobody has outcomes of the model itself.
    Tier(usize),
}

impl Learned {
    /// Ties a predictor to models: by `learned_as`, by their ids, or by what their deployments are called upstream; else by
    /// tier, where the configuration itself believes nothing. `upstream_names` are those of one model.
    pub fn new(
        predictor: Arc<Predictor>,
        models: &[Model],
        upstream_names: &dyn Fn(&Model) -> Vec<Arc<str>>,
    ) -> Self {
        let own = |model: &Model| {
            let names = model.learned_as.clone().into_iter().chain([model.id.0.clone()]);
            let names = names.chain(upstream_names(model));
            names.into_iter().find_map(|name| predictor.position(&TargetKind::Model(name.to_string())))
        };
        let of_tier = |model: &Model| {
            let believed =
                model.quality.default.is_some() || model.quality.by_task.iter().any(Option::is_some);
            if believed { None } else { predictor.position(&TargetKind::Tier(model.tier)) }
        };
        let subjects: Vec<Option<Subject>> = models
            .iter()
            .map(|model| own(model).map(Subject::Model).or_else(|| of_tier(model).map(Subject::Tier)))
            .collect();
        let difficulty = predictor.position(&TargetKind::Difficulty);
        let usual = TaskClass::ALL.map(|task| usual_length(&predictor, task));
        let lengths = subjects.iter().map(|subject| lengths(&predictor, *subject, &usual)).collect();
        Self { predictor, subjects, lengths, difficulty, curves: HashMap::new() }
    }

    /// The target of a model and whether it is its own.
    pub fn target(&self, model: ModelIx) -> Option<(usize, &Target, bool)> {
        let (at, own) = match self.subjects.get(model.at()).copied().flatten()? {
            Subject::Model(at) => (at, true),
            Subject::Tier(at) => (at, false),
        };
        Some((at, &self.predictor.card.targets[at], own))
    }

    /// The name a model has in the data it was learned from.
    pub fn learned_name(&self, model: ModelIx) -> Option<&str> {
        match (&self.target(model)?.1.kind, self.target(model)?.2) {
            (TargetKind::Model(name), true) => Some(name),
            _ => None,
        }
    }
}

/// Mean tokens of an answer, over all models whose tokens were counted.
fn usual_length(predictor: &Predictor, task: TaskClass) -> Option<f32> {
    let counted: Vec<f32> =
        predictor.card.targets.iter().filter_map(|target| counted(target, task)).collect();
    (!counted.is_empty()).then(|| counted.iter().sum::<f32>() / counted.len() as f32)
}

fn counted(target: &Target, task: TaskClass) -> Option<f32> {
    target
        .cell(task)
        .filter(|cell| cell.rows >= LEAST_ROWS && cell.output_tokens > 0.0)
        .map(|cell| cell.output_tokens)
}

/// Rows of a class whose mean length is worth something.
const LEAST_ROWS: u32 = 100;

fn lengths(
    predictor: &Predictor,
    subject: Option<Subject>,
    usual: &[Option<f32>; TaskClass::COUNT],
) -> [Option<u16>; TaskClass::COUNT] {
    let Some(Subject::Model(at)) = subject else { return [None; TaskClass::COUNT] };
    TaskClass::ALL.map(|task| {
        let percent = 100.0 * counted(&predictor.card.targets[at], task)? / usual[task as usize]?;
        Some(percent.clamp(10.0, 1000.0) as u16)
    })
}

/// What requests lose that a cheaper model serves because its predicted loss is at most so and so much, measured on rows
/// that were not learned from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossCurve {
    /// Rows it was measured on.
    pub rows: u32,
    /// In the order of the first.
    pub knots: Vec<LossKnot>,
}

/// A limit on the predicted loss, and what it lets through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossKnot {
    /// The limit.
    pub predicted: f32,
    /// Upper end of the one-sided 95 % interval of the mean loss of what is served at the best limit that is not lower.
    pub upper: f32,
}

impl LossCurve {
    /// The upper end for a request; `None`: its predicted loss is larger than any that was measured.
    pub fn upper(&self, predicted: f32) -> Option<f32> {
        let at = self.knots.partition_point(|knot| knot.predicted < predicted);
        self.knots.get(at).map(|knot| knot.upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_read_at_the_next_limit_and_ends() {
        let knot = |predicted, upper| LossKnot { predicted, upper };
        let curve = LossCurve { rows: 300, knots: vec![knot(0.0, 0.01), knot(0.1, 0.03)] };
        assert_eq!(curve.upper(-0.5), Some(0.01));
        assert_eq!(curve.upper(0.0), Some(0.01));
        assert_eq!(curve.upper(0.05), Some(0.03));
        assert_eq!(curve.upper(0.11), None);
    }
}
