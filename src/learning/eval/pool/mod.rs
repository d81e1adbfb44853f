//! Many models with prices: quality against cost.
//!
//! A way to choose has two kinds of settings. What a dollar counts in quality sets how every row is chosen and makes a
//! curve of cost and quality: how well a way tells prompts apart. The advantage a cheaper plan needs over the best single
//! model leads from that model, which is safe, to what is not; one such setting is frozen on the learned rows: what a way
//! saves. `field` sets, `freeze` chooses, `report` measures.

mod by_cell;
mod cascades;
mod field;
mod freeze;
mod report;

use serde::Serialize;

use super::Trial;
use super::cascade::Plan;
use super::means::Group;
use crate::learning::metrics::{Figure, Points};
use field::{Field, Sight};

/// What a predictor is worth in choosing among many models.
#[derive(Clone, Debug, Serialize)]
pub struct PoolReport {
    /// The models.
    pub models: Vec<String>,
    /// Reported rows with outcomes and costs of all.
    pub rows: usize,
    /// The model with the best mean quality on the learned rows.
    pub best_single: String,
    /// Its quality on the reported rows.
    pub best_single_quality: f64,
    /// What it costs there, in US dollars for 1,000 requests.
    pub best_single_usd_per_1000: f64,
    /// Average improvement in quality of the first way.
    pub aiq: Figure,
    /// Quality of the first way, set on the learned rows for the highest, over the best single model's; minus 1.
    pub perf_gain: Figure,
    /// Share of the best single model's cost that is saved at the setting frozen on the learned rows.
    pub cost_save: Figure,
    /// Quality minus the best single model's, at the same setting.
    pub quality_difference: Figure,
    /// The predictor, with cascades first if they were asked for, and the ways to do without.
    pub ways: Vec<WayReport>,
    /// Singles: (US dollars for 1,000 requests, quality, name).
    pub singles: Vec<(f64, f64, String)>,
}

/// One way to choose.
#[derive(Clone, Debug, Serialize)]
pub struct WayReport {
    /// What it goes by.
    pub name: &'static str,
    /// Average improvement in quality over the range of the singles' costs; 0 where it cannot be set so cheap.
    pub aiq: Figure,
    /// The first way's minus this one's, paired.
    pub aiq_gain: Figure,
    /// At the setting frozen on the learned rows; `None`: nothing was frozen, the best single model serves all.
    pub frozen: Option<Frozen>,
    /// (US dollars for 1,000 requests, quality) at every setting.
    pub curve: Points,
}

/// A setting frozen on the learned rows.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Frozen {
    /// The advantage a cheaper plan needs to serve, as chosen on all learned rows: predicted quality beyond the best single
    /// model's, plus the share of its cost that is saved times a quarter. `None`: nothing safe saves anything there.
    pub advantage: Option<f64>,
    /// Quality on the reported rows.
    pub quality: f64,
    /// Share of the best single model's cost that is saved.
    pub cost_save: Figure,
    /// Quality minus the best single model's.
    pub quality_difference: Figure,
}

/// What the whole cost counts in quality where a cheaper plan is weighed against the best single model. By
/// cross-validation on `train` rows 0.2 to 0.4 saved about the same at the same loss, 0.05 and 1 half of it.
const SAVED_COUNTS: f64 = 0.25;

/// Advantages a cheaper plan may need: from one that none has, so that the best single model serves all.
fn advantages() -> impl Iterator<Item = f64> {
    (-25..=126).rev().map(|step| f64::from(step) / 100.0)
}

/// What a dollar counts in quality: from nothing to all.
fn lambdas() -> impl Iterator<Item = f64> {
    std::iter::once(0.0).chain((0..48).map(|step| 0.3 * 1.35_f64.powi(step)))
}

/// What each row cost (US dollars for 1,000 such requests) and was worth.
type Served = Vec<(f64, f64)>;

/// Reports on a pool; `cascades`: plans of two models that agree, and a third, are chosen among as well.
pub fn pool(trial: &Trial<'_>, models: &[String], cascades: bool) -> Result<PoolReport, String> {
    let field = Field::new(trial, models)?;
    // The first is the one that is set along a curve; the setting that saves most on the learned rows is frozen.
    let mut ways =
        vec![field.way("predictor", trial, &Sight::Predicted), field.by_cell("models by cell", trial, false)];
    if cascades {
        ways.insert(0, field.way("predictor and cascades", trial, &Sight::WithCascades));
        ways.insert(1, field.by_cell("cascades by cell", trial, true));
    }
    let ours = ways.len();
    ways.push(field.way("class mean", trial, &Sight::Means(Group::Class)));
    ways.push(field.way("domain mean", trial, &Sight::Means(Group::Domain)));
    ways.push(field.way("length", trial, &Sight::Means(Group::Length)));
    ways.push(field.fixed("best single", &[Plan::Single(field.best)]));
    ways.push(field.any_single());
    ways.push(field.random());
    ways.push(field.oracle());
    Ok(report::report(&field, &ways, ours))
}
