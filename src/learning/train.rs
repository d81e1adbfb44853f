//! From rows to a predictor: means by task class, and on top of them what words and shape say beyond the class.
//!
//! Each target is fitted alone and to its own rows. Models that have outcomes of the same rows are fitted with the same
//! matrix, and ridge regression is linear in what it is fitted to: the difference of two such models is the regression on
//! their *gain*, which predicts a choice between them better than whether the weaker one fails.

use std::collections::BTreeSet;

use super::forest::grow;
use super::ridge::{Sparse, ridge};
use super::rows::{Row, Split};
use super::sheet::Sheet;
use crate::analysis::FEATURE_VERSION;
use crate::catalog::{
    Card, Cell, Forest, GRAM_VERSION, GRAMS, LEAF_WEIGHT, LEAST_ROWS, LEAVES, MAX_TARGETS, Predictor,
    PredictorFault, SHAPE, SourceRows, Target, TargetKind, Tier,
};
use crate::types::TaskClass;

/// What to learn, and how.
#[derive(Clone, Debug)]
pub struct Learning {
    /// Models to learn; empty: every model with enough rows.
    pub models: Vec<String>,
    /// Sources that are left out, to see how what was learned carries over to them.
    pub exclude: Vec<String>,
    /// Domains that are left out, for the same reason.
    pub exclude_domains: Vec<String>,
    /// Strength of the regularisation.
    pub ridge: f32,
    /// Least rows of a model.
    pub least_rows: usize,
}

impl Default for Learning {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            exclude: Vec::new(),
            exclude_domains: Vec::new(),
            ridge: 7.0,
            least_rows: LEAST_ROWS as usize,
        }
    }
}

/// A predictor and the bytes of its file.
pub struct Learned {
    /// What was learned.
    pub predictor: Predictor,
    /// Its file.
    pub bytes: Vec<u8>,
}

/// Parts the rows are cut into, to predict each by what was learned from the others.
pub const FOLDS: u8 = 5;

/// Learns from the `train` rows, `FOLDS` times without a part of them first, so that the file says what its method is worth
/// on rows it has not seen, and thresholds can be chosen there. `tier_of` says on which shelf a model of the data stands;
/// `progress` is told how many targets are done, of how many.
pub fn train(
    rows: &[Row],
    learning: &Learning,
    tier_of: &dyn Fn(&str) -> Option<Tier>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Learned, PredictorFault> {
    let rows: Vec<&Row> = rows.iter().filter(|row| learning.wants(row)).collect();
    if rows.is_empty() {
        let what = "there is no row to learn from: none is `train` and has outcomes, or all are excluded";
        return Err(PredictorFault(what.to_owned()));
    }
    let kinds = kinds(&rows, learning, tier_of);
    learning.can_learn(&rows, &kinds)?;
    let mut done = 0;
    let mut step = || {
        progress(done, kinds.len() * (usize::from(FOLDS) + 1));
        done += 1;
    };
    let mut sheet = Sheet::default();
    for fold in 0..FOLDS {
        let (left_out, learned_from): (Vec<&Row>, Vec<&Row>) =
            rows.iter().partition(|row| row.fold() == fold);
        if learned_from.is_empty() || left_out.is_empty() {
            continue;
        }
        let (card, weights) = learn(&learned_from, &kinds, (learning, tier_of), &mut step);
        sheet.append(&Sheet::new(&Predictor::parse(&file(&card, &[], &weights)?)?, &left_out), fold);
    }
    let (card, weights) = learn(&rows, &kinds, (learning, tier_of), &mut step);
    let sheet = sheet.pack().map_err(|error| PredictorFault(error.to_string()))?;
    let bytes = file(&card, &sheet, &weights)?;
    Ok(Learned { predictor: Predictor::parse(&bytes)?, bytes })
}

impl Learning {
    fn wants(&self, row: &Row) -> bool {
        row.split == Split::Train
            && !row.outcomes.is_empty()
            && !self.exclude.contains(&row.source)
            && !self.exclude_domains.contains(&row.domain)
    }

    /// Refuses what cannot be learned, or would be left out in silence.
    fn can_learn(&self, rows: &[&Row], kinds: &[TargetKind]) -> Result<(), PredictorFault> {
        let least = self.least_rows;
        let fault = |what: String| Err(PredictorFault(what));
        if !(self.ridge.is_finite() && self.ridge > 0.0) {
            return fault(format!("the ridge must be a number above 0, not {}", self.ridge));
        }
        let learned = |name: &String| kinds.contains(&TargetKind::Model(name.clone()));
        if let Some(name) = self.models.iter().find(|name| !learned(name)) {
            let count = rows.iter().filter(|row| row.outcomes.contains_key(name.as_str())).count();
            return fault(format!("`{name}` has {count} rows to learn from; {least} are needed"));
        }
        if !kinds.iter().any(|kind| matches!(kind, TargetKind::Model(_))) {
            return fault(format!("no model has the {least} rows that are needed to learn from"));
        }
        if kinds.len() > MAX_TARGETS {
            let count = kinds.len();
            return fault(format!(
                "{count} targets are more than one file holds ({MAX_TARGETS}); name models"
            ));
        }
        Ok(())
    }
}

fn file(card: &Card, sheet: &[u8], weights: &[Vec<f32>]) -> Result<Vec<u8>, PredictorFault> {
    Predictor::to_bytes(card, sheet, weights).map_err(|error| PredictorFault(error.to_string()))
}

type TierOf<'t> = &'t dyn Fn(&str) -> Option<Tier>;

fn learn(
    rows: &[&Row],
    kinds: &[TargetKind],
    (learning, tier_of): (&Learning, TierOf<'_>),
    step: &mut dyn FnMut(),
) -> (Card, Vec<Vec<f32>>) {
    let (shape_mean, shape_deviation) = spread(rows);
    let mut card = Card {
        gram_version: GRAM_VERSION,
        feature_version: FEATURE_VERSION,
        shape_mean,
        shape_deviation,
        forest: forest(rows, tier_of),
        targets: Vec::new(),
        sources: sources(rows),
        ridge: learning.ridge,
    };
    let fitted = kinds.iter().map(|kind| {
        step();
        fit(kind.clone(), &labelled(rows, kind, tier_of), &card)
    });
    let (targets, weights) = fitted.unzip();
    card.targets = targets;
    (card, weights)
}

/// A row with what a target should be for it.
struct Labelled<'r> {
    row: &'r Row,
    value: f32,
    output_tokens: Option<f32>,
    /// How often it counts.
    sureness: f32,
}

/// The targets there are rows for: difficulty, the tiers, the models.
fn kinds(rows: &[&Row], learning: &Learning, tier_of: TierOf<'_>) -> Vec<TargetKind> {
    let names: BTreeSet<&str> = rows.iter().flat_map(|row| row.outcomes.keys()).map(String::as_str).collect();
    let chosen =
        |name: &&str| learning.models.is_empty() || learning.models.iter().any(|model| model == *name);
    let tiers = [Tier::Edge, Tier::Specialist, Tier::Frontier].map(TargetKind::Tier);
    let models = names.into_iter().filter(chosen).map(|name| TargetKind::Model(name.to_owned()));
    let all = std::iter::once(TargetKind::Difficulty).chain(tiers).chain(models);
    all.filter(|kind| labelled(rows, kind, tier_of).len() >= learning.least_rows).collect()
}

fn labelled<'r>(rows: &[&'r Row], kind: &TargetKind, tier_of: TierOf<'_>) -> Vec<Labelled<'r>> {
    let label = |row: &&'r Row| {
        let (value, output_tokens) = match kind {
            TargetKind::Model(name) => {
                let outcome = row.outcomes.get(name)?;
                (outcome.score as f32, outcome.out_tokens.map(|tokens| tokens as f32))
            }
            TargetKind::Difficulty => (1.0 - mean_score(row, &|_| true)?, None),
            TargetKind::Tier(tier) => (mean_score(row, &|name| tier_of(name) == Some(*tier))?, None),
        };
        let sureness = match kind {
            TargetKind::Difficulty => (row.outcomes.len() as f32 / 2.0).clamp(1.0, SUREST),
            TargetKind::Model(_) | TargetKind::Tier(_) => 1.0,
        };
        Some(Labelled { row, value, output_tokens, sureness })
    };
    rows.iter().filter_map(label).collect()
}

/// How much more often the surest row counts than one with two outcomes. Chosen by cross-validation on `train` rows.
const SUREST: f32 = 3.0;

fn mean_score(row: &Row, counts: &dyn Fn(&str) -> bool) -> Option<f32> {
    let scores: Vec<f32> = row
        .outcomes
        .iter()
        .filter(|(name, _)| counts(name))
        .map(|(_, outcome)| outcome.score as f32)
        .collect();
    (!scores.is_empty()).then(|| scores.iter().sum::<f32>() / scores.len() as f32)
}

fn fit(kind: TargetKind, labelled: &[Labelled<'_>], card: &Card) -> (Target, Vec<f32>) {
    let mut target = Target {
        kind,
        rows: labelled.len() as u32,
        mean: labelled.iter().map(|label| label.value).sum::<f32>() / labelled.len().max(1) as f32,
        cells: TaskClass::ALL.into_iter().filter_map(|task| cell(labelled, task)).collect(),
        scale: 0.0,
        shape: [0.0; SHAPE],
    };
    let rows: Vec<Sparse> = labelled.iter().map(|label| sparse(label.row, card)).collect();
    let beyond: Vec<f32> =
        labelled.iter().map(|label| label.value - target.expected(label.row.task)).collect();
    let (rows, beyond) = weighed(rows, beyond, labelled);
    let mut weights = ridge(&rows, card.rows() + SHAPE, &beyond, card.ridge);
    let shape = weights.split_off(card.rows());
    target.shape = std::array::from_fn(|at| shape[at] * SHAPE_WEIGHT);
    target.scale = weights.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
    (target, weights)
}

/// Rows count as often as their labels are sure: a share of forty models is, that of two is not.
fn weighed(
    mut rows: Vec<Sparse>,
    mut beyond: Vec<f32>,
    labelled: &[Labelled<'_>],
) -> (Vec<Sparse>, Vec<f32>) {
    for ((row, value), label) in rows.iter_mut().zip(&mut beyond).zip(labelled) {
        let root = label.sureness.sqrt();
        row.iter_mut().for_each(|(_, weight)| *weight *= root);
        *value *= root;
    }
    (rows, beyond)
}

/// What a shape's value of one standard deviation counts beside all words of a prompt together.
const SHAPE_WEIGHT: f32 = 0.1;

/// A row's words, leaves and shape, by column.
fn sparse(row: &Row, card: &Card) -> Sparse {
    let words = row.grams.iter().map(|(gram, weight)| (u32::from(*gram), *weight));
    let leaves = card.forest.leaves(Forest::asked(row.task, &row.shape)).enumerate();
    let leaves = leaves.map(|(tree, leaf)| ((GRAMS + tree * LEAVES + leaf) as u32, LEAF_WEIGHT));
    let shape = (0..SHAPE).map(|at| {
        let centred = (row.shape[at] - card.shape_mean[at]) / card.shape_deviation[at].max(1e-3);
        ((card.rows() + at) as u32, centred * SHAPE_WEIGHT)
    });
    words.chain(leaves).chain(shape).collect()
}

/// Trees that predict how hard a row is.
fn forest(rows: &[&Row], tier_of: TierOf<'_>) -> Forest {
    let labelled = labelled(rows, &TargetKind::Difficulty, tier_of);
    let asked: Vec<_> =
        labelled.iter().map(|label| Forest::asked(label.row.task, &label.row.shape)).collect();
    let mean = labelled.iter().map(|label| label.value).sum::<f32>() / labelled.len().max(1) as f32;
    let beyond: Vec<f32> = labelled.iter().map(|label| label.value - mean).collect();
    grow(&asked, &beyond)
}

fn cell(labelled: &[Labelled<'_>], task: TaskClass) -> Option<Cell> {
    let of: Vec<&Labelled<'_>> = labelled.iter().filter(|label| label.row.task == task).collect();
    let rows = of.len() as f32;
    if of.is_empty() {
        return None;
    }
    let mean = of.iter().map(|label| label.value).sum::<f32>() / rows;
    // One token is the length of an answer nobody kept: the letter of a choice.
    let tokens: Vec<f32> =
        of.iter().filter_map(|label| label.output_tokens).filter(|tokens| *tokens > 1.0).collect();
    let counted = tokens.len() * 100 >= of.len() * 98;
    let output_tokens = if counted { tokens.iter().sum::<f32>() / tokens.len() as f32 } else { 0.0 };
    let rows: Vec<&Row> = of.iter().map(|label| label.row).collect();
    let (shape_mean, shape_deviation) = spread(&rows);
    Some(Cell { task, rows: of.len() as u32, mean, output_tokens, shape_mean, shape_deviation })
}

/// Mean and standard deviation of each value of the shape.
fn spread(rows: &[&Row]) -> ([f32; SHAPE], [f32; SHAPE]) {
    let count = rows.len() as f32;
    let mean: [f32; SHAPE] =
        std::array::from_fn(|at| rows.iter().map(|row| row.shape[at]).sum::<f32>() / count);
    let deviation = std::array::from_fn(|at| {
        (rows.iter().map(|row| (row.shape[at] - mean[at]).powi(2)).sum::<f32>() / count).sqrt()
    });
    (mean, deviation)
}

fn sources(rows: &[&Row]) -> Vec<SourceRows> {
    let names: BTreeSet<&str> = rows.iter().map(|row| row.source.as_str()).collect();
    let count = |name: &str| rows.iter().filter(|row| row.source == name).count() as u32;
    names.into_iter().map(|name| SourceRows { name: name.to_owned(), rows: count(name) }).collect()
}
