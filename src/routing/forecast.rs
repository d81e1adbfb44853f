//! What a predictor expects of the models for one request, kept with its inputs: a stored decision is taken again without
//! the predictor and without the prompt.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::plan::{Estimate, Inputs};
use crate::analysis::{Analysis, understand};
use crate::catalog::{Cell, LEAST_ROWS, Learned, SHAPE, Snapshot, quality_interval};
use crate::types::{ModelIx, TaskClass};

/// Predictions for one request. Whole numbers of ten-thousandths, so that they read back the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The predictor's version.
    #[serde(rename = "v", default)]
    pub predictor: Arc<str>,
    /// Predicted share of models that fail.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<u16>,
    /// By position in the snapshot; empty where nothing is expected of any.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
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

/// Predictions for a request. `beyond` says for every target how far the request's words and shape lie from its class;
/// `None` asks for a request that is typical of its class, whose words nobody knows. No predictions: there is no predictor.
pub fn forecast(snapshot: &Snapshot, inputs: &Inputs, beyond: Option<&[f32]>) -> Option<Forecast> {
    let learned = snapshot.learned.as_ref()?;
    let analysis = super::decide::understood(inputs);
    let policy = snapshot.policies.iter().find(|policy| policy.id == inputs.policy)?;
    let baseline = super::decide::baseline(snapshot, policy, inputs).ok();
    let kind = match beyond {
        None => Kind::Typical,
        Some(_) => Kind::of(inputs, &analysis),
    };
    let view = View { learned, task: analysis.task, kind, beyond };
    let mut models: Vec<Option<Foreseen>> =
        (0..).map(ModelIx).zip(&snapshot.models).map(|(ix, _)| view.foreseen(baseline, ix)).collect();
    if models.iter().all(Option::is_none) {
        models.clear();
    }
    let difficulty = learned.difficulty.map(|at| ten_thousandths(view.raw(at)));
    Some(Forecast { predictor: learned.predictor.version.clone(), difficulty, models })
}

/// One request as a predictor sees it.
struct View<'v> {
    learned: &'v Learned,
    task: TaskClass,
    kind: Kind,
    beyond: Option<&'v [f32]>,
}

/// What a request has in common with the rows that were learned from.
enum Kind {
    /// It is whatever is typical of its class.
    Typical,
    /// It is one plain question, read in the class it counts in, of this shape.
    Question([f32; SHAPE]),
    /// Nothing.
    Other,
}

impl Kind {
    fn of(inputs: &Inputs, analysis: &Analysis) -> Self {
        let features = &inputs.features;
        let hinted = inputs.limits.task.is_some_and(|task| understand(features).task != task);
        match !hinted && !analysis.unfamiliar && features.is_plain_question() {
            true => Self::Question(features.shape()),
            false => Self::Other,
        }
    }
}

impl View<'_> {
    /// What is expected of a model: from its own outcomes where this request is of the kind they are of, and they can be
    /// compared with the baseline's; else from its tier, where the configuration itself believes nothing.
    fn foreseen(&self, baseline: Option<ModelIx>, model: ModelIx) -> Option<Foreseen> {
        let firm = baseline.and_then(|baseline| self.beside(baseline, model));
        let Some((quality, loss_upper)) = firm else {
            let expected = self.raw(self.learned.tiers[model.at()]?);
            let half = ten_thousandths(TIER_HALF_WIDTH);
            let quality = ten_thousandths(expected);
            return Some(Foreseen {
                quality,
                within: (half, half),
                length: None,
                own: false,
                loss_upper: None,
            });
        };
        let cell = self.known_cell(model)?;
        let (low, high) = quality_interval(f64::from(cell.mean), f64::from(cell.rows));
        Some(Foreseen {
            quality: ten_thousandths(quality),
            within: (ten_thousandths(cell.mean - low as f32), ten_thousandths(high as f32 - cell.mean)),
            length: self.learned.lengths[model.at()][self.task as usize],
            own: true,
            loss_upper: loss_upper.map(|upper| (upper * 10_000.0).ceil() as i16),
        })
    }

    /// The quality of a model on the scale of the baseline's, and the upper end of its loss where that was measured.
    fn beside(&self, baseline: ModelIx, model: ModelIx) -> Option<(f32, Option<f32>)> {
        self.known_cell(baseline)?;
        self.known_cell(model)?;
        let standard = self.raw(self.learned.own(baseline)?);
        if model == baseline {
            return Some((standard, None));
        }
        let curve = self.learned.curves.get(&(baseline, model, self.task))?;
        let loss = standard - self.raw(self.learned.own(model)?);
        Some((standard - loss - curve.bias, curve.upper(loss)))
    }

    /// The cell of a model, if its outcomes are of requests like this one: enough of them, and of its kind.
    fn known_cell(&self, model: ModelIx) -> Option<&Cell> {
        let cell = self.learned.predictor.card.targets[self.learned.own(model)?].cell(self.task)?;
        let alike = match &self.kind {
            Kind::Typical => true,
            Kind::Question(shape) => cell.knows(shape),
            Kind::Other => false,
        };
        (alike && cell.rows >= LEAST_ROWS).then_some(cell)
    }

    /// The value of a target.
    fn raw(&self, at: usize) -> f32 {
        let beyond = self.beyond.and_then(|beyond| beyond.get(at)).copied().unwrap_or(0.0);
        self.learned.predictor.card.targets[at].expected(self.task) + beyond
    }
}

/// Half-width of the interval around what a tier does, as wide as the configured beliefs' and a third.
const TIER_HALF_WIDTH: f32 = 0.20;

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
