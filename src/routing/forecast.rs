//! What a predictor expects of the models for one request, kept with its inputs: a stored decision is taken again without
//! the predictor and without the prompt.

use serde::{Deserialize, Serialize};

use super::plan::{Estimate, Inputs};
use crate::analysis::Analysis;
use crate::catalog::{Learned, Snapshot, Target, quality_interval};
use crate::types::{ModelIx, TaskClass};

/// Predictions for one request. Whole numbers of ten-thousandths, so that they read back the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// Predicted share of models that fail.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<u16>,
    /// By position in the snapshot.
    #[serde(rename = "m")]
    pub models: Vec<Option<Foreseen>>,
}

/// What is expected of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreseen {
    /// Quality.
    #[serde(rename = "q")]
    pub quality: u16,
    /// Distance to the lower and to the upper end of the 90 % interval of the mean of its class.
    #[serde(rename = "w")]
    pub within: (u16, u16),
    /// How long its answers are, in percent of what models usually write; `None`: not known.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u16>,
    /// The model's own outcomes were learned from, not its tier's.
    #[serde(rename = "s", default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
    /// Upper end of the loss against the baseline of requests like this one, if that was measured.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub loss_upper: Option<i16>,
}

/// Predictions for a request: `beyond` says for every target how far the request's words and shape lie from its class,
/// and is empty where they are not known. `None`: nothing was learned of any model here.
pub fn forecast(snapshot: &Snapshot, inputs: &Inputs, beyond: &[f32]) -> Option<Forecast> {
    let learned = snapshot.learned.as_ref()?;
    let analysis = super::decide::understood(inputs);
    let policy = snapshot.policies.iter().find(|policy| policy.id == inputs.policy)?;
    let baseline = super::decide::baseline(snapshot, policy, inputs).ok();
    let models = (0..)
        .zip(&snapshot.models)
        .map(|(ix, _)| foreseen(learned, (inputs, &analysis), (baseline, ModelIx(ix)), beyond));
    let models: Vec<Option<Foreseen>> = models.collect();
    let expected = |at: usize| value(&learned.predictor.card.targets[at], analysis.task, (at, beyond));
    let difficulty = learned.difficulty.map(|at| ten_thousandths(expected(at)));
    models.iter().any(Option::is_some).then_some(Forecast { difficulty, models })
}

fn foreseen(
    learned: &Learned,
    (inputs, analysis): (&Inputs, &Analysis),
    (baseline, model): (Option<ModelIx>, ModelIx),
    beyond: &[f32],
) -> Option<Foreseen> {
    let (at, target, own) = learned.target(model)?;
    let expected = value(target, analysis.task, (at, beyond));
    let cell = target.cell(analysis.task);
    let rows = cell.map_or(0, |cell| cell.rows);
    let (low, high) = match own {
        true => quality_interval(f64::from(target.expected(analysis.task)), f64::from(rows)),
        // Of a model nobody has outcomes of, its tier says little.
        false => (f64::from(expected) - TIER_HALF_WIDTH, f64::from(expected) + TIER_HALF_WIDTH),
    };
    let centre = if own { target.expected(analysis.task) } else { expected };
    let shape = inputs.features.shape();
    let knows = |target: &Target| target.cell(analysis.task).is_some_and(|cell| cell.knows(&shape));
    let loss_upper = baseline.filter(|_| own && !analysis.unfamiliar && knows(target)).and_then(|baseline| {
        let (at, target, _) = learned.target(baseline).filter(|(_, target, _)| knows(target))?;
        let loss = value(target, analysis.task, (at, beyond)) - expected;
        let curve = learned.curves.get(&(baseline, model, analysis.task))?;
        // Beyond what was measured nothing is known but that it is worse.
        Some(curve.upper(loss).map_or(i16::MAX, |upper| (upper * 10_000.0).ceil() as i16))
    });
    Some(Foreseen {
        quality: ten_thousandths(expected),
        within: (ten_thousandths(centre - low as f32), ten_thousandths(high as f32 - centre)),
        length: learned.lengths[model.at()][analysis.task as usize],
        own,
        loss_upper,
    })
}

/// Half-width of the interval around what a tier does: two thirds of the models of one tier lie within half of it.
const TIER_HALF_WIDTH: f64 = 0.20;

fn value(target: &Target, task: TaskClass, (at, beyond): (usize, &[f32])) -> f32 {
    (target.expected(task) + beyond.get(at).copied().unwrap_or(0.0)).clamp(0.0, 1.0)
}

fn ten_thousandths(value: f32) -> u16 {
    (value.clamp(0.0, 1.0) * 10_000.0).round() as u16
}

impl Forecast {
    /// What is expected of a model.
    pub fn of(&self, model: ModelIx) -> Option<&Foreseen> {
        self.models.get(model.at())?.as_ref()
    }
}

impl Foreseen {
    /// The quality with its interval.
    pub fn estimate(&self) -> Estimate {
        let unit = |value: u16| f64::from(value) / 10_000.0;
        let mean = unit(self.quality);
        let (below, above) = self.within;
        Estimate { low: (mean - unit(below)).max(0.0), mean, high: (mean + unit(above)).min(1.0) }
    }

    /// The upper end of the loss against the baseline.
    pub fn loss_upper(&self) -> Option<f64> {
        self.loss_upper.map(|loss| f64::from(loss) / 10_000.0)
    }
}
