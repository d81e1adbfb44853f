//! What a predictor says of the configured models: who is who, and what its predictions were worth on rows it had not seen.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Cell, LEAST_ROWS, Model, Predictor, Target, TargetKind};
use crate::types::{ModelIx, TaskClass};

/// A predictor, tied to the models of a snapshot.
#[derive(Debug)]
pub struct Learned {
    /// The predictor.
    pub predictor: Arc<Predictor>,
    /// By model: the target of its own outcomes.
    pub own: Vec<Option<usize>>,
    /// By model: the target of its tier, where the configuration believes nothing of the model itself.
    pub tiers: Vec<Option<usize>>,
    /// By model and class: how long its answers are, in percent of what models usually write; `None`: not known.
    pub lengths: Vec<[Option<u16>; TaskClass::COUNT]>,
    /// The target that says how hard a request is.
    pub difficulty: Option<usize>,
    /// By (baseline, model, class): what a cheaper model loses where its predicted loss is small.
    pub curves: HashMap<(ModelIx, ModelIx, TaskClass), LossCurve>,
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
        let own: Vec<Option<usize>> = models.iter().map(own).collect();
        let tiers = models.iter().map(of_tier).collect();
        let difficulty = predictor.position(&TargetKind::Difficulty);
        let usual = TaskClass::ALL.map(|task| usual_length(&predictor, task));
        let lengths = own.iter().map(|own| lengths(&predictor, *own, &usual)).collect();
        Self { predictor, own, tiers, lengths, difficulty, curves: HashMap::new() }
    }

    /// The target of a model's own outcomes.
    pub fn own(&self, model: ModelIx) -> Option<usize> {
        self.own.get(model.at()).copied().flatten()
    }

    /// Whether it says anything of any model.
    pub fn is_of_use(&self) -> bool {
        self.own.iter().chain(&self.tiers).any(Option::is_some)
    }

    /// The name a model has in the data it was learned from.
    pub fn learned_name(&self, model: ModelIx) -> Option<&str> {
        match &self.predictor.card.targets[self.own(model)?].kind {
            TargetKind::Model(name) => Some(name),
            TargetKind::Difficulty | TargetKind::Tier(_) => None,
        }
    }
}

/// Mean tokens of an answer, over the models that answered all prompts of a class: of others it is not known whether their
/// answers or their prompts are short.
fn usual_length(predictor: &Predictor, task: TaskClass) -> Option<Length> {
    let cells: Vec<&Cell> =
        predictor.card.targets.iter().filter_map(|target| counted(target, task)).collect();
    let most = cells.iter().map(|cell| cell.rows).max()?;
    let whole: Vec<f32> =
        cells.iter().filter(|cell| is_whole(cell, most)).map(|cell| cell.output_tokens).collect();
    Some(Length { rows: most, tokens: whole.iter().sum::<f32>() / whole.len() as f32 })
}

/// How long answers of a class are, and how many prompts of it there are.
#[derive(Clone, Copy)]
struct Length {
    rows: u32,
    tokens: f32,
}

fn is_whole(cell: &Cell, most: u32) -> bool {
    u64::from(cell.rows) * 100 >= u64::from(most) * 98
}

/// A model's cell, if its tokens were counted.
fn counted(target: &Target, task: TaskClass) -> Option<&Cell> {
    let is_model = matches!(target.kind, TargetKind::Model(_));
    target.cell(task).filter(|cell| is_model && cell.rows >= LEAST_ROWS && cell.output_tokens > 0.0)
}

fn lengths(
    predictor: &Predictor,
    own: Option<usize>,
    usual: &[Option<Length>; TaskClass::COUNT],
) -> [Option<u16>; TaskClass::COUNT] {
    let Some(at) = own else { return [None; TaskClass::COUNT] };
    TaskClass::ALL.map(|task| {
        let usual = usual[task as usize]?;
        let cell = counted(&predictor.card.targets[at], task).filter(|cell| is_whole(cell, usual.rows))?;
        Some((100.0 * cell.output_tokens / usual.tokens).clamp(10.0, 1000.0) as u16)
    })
}

/// What requests lose that a cheaper model serves because its predicted loss is at most so and so much, measured on rows
/// that were not learned from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossCurve {
    /// How much more was lost on average than was predicted: what two models were learned from is not the same.
    pub bias: f32,
    /// In the order of the first.
    pub knots: Vec<LossKnot>,
}

/// A limit on the predicted loss, and what it lets through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossKnot {
    /// The limit.
    pub predicted: f32,
    /// Upper end of the mean loss of what is served at this limit, or at a wider one where that is lower; with a probability of
    /// 95 % all upper ends of a curve hold.
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
        let curve = LossCurve { bias: 0.0, knots: vec![knot(0.0, 0.01), knot(0.1, 0.03)] };
        assert_eq!(curve.upper(-0.5), Some(0.01));
        assert_eq!(curve.upper(0.0), Some(0.01));
        assert_eq!(curve.upper(0.05), Some(0.03));
        assert_eq!(curve.upper(0.11), None);
    }
}
