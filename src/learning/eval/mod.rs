//! What a predictor is worth on rows it has not seen, beside the simple ways to do without one.
//!
//! Two sheets: what was *learned* (the rows a predictor comes from, each predicted by what was learned from the others) and
//! what is *reported*. Thresholds, baselines and pools of plans are chosen on the first and measured on the second. Where
//! both are the same sheet the report is a cross-validation, and choices are made fold by fold.

mod calibration;
mod cascade;
mod class_rows;
mod classes;
mod complexity;
mod means;
mod pair;
mod pool;

pub use calibration::{CalibrationReport, CellError, calibration};
pub use class_rows::{ClassRow, Wrap, analyse, read_class_rows, request};
pub use classes::{Baseline, ClassFigures, ClassesReport, Group, classes};
pub use complexity::{ComplexityReport, complexity};
pub use pair::{Order, PairReport, pair};
pub use pool::{Frozen, PoolReport, WayReport, pool};

use super::sheet::{Column, Sheet};
use crate::types::TaskClass;

/// What choices are made on, and what is reported.
#[derive(Clone, Copy)]
pub struct Trial<'s> {
    /// Rows the predictor was learned from, each predicted without it.
    pub learned: &'s Sheet,
    /// Rows to report on; `None`: the same, as a cross-validation.
    pub fresh: Option<&'s Sheet>,
}

/// Rows of a class that a choice by prediction needs; with fewer the best single model serves.
pub const LEAST_ROWS: usize = 100;
/// The mean loss of quality that a frozen choice may have on the rows it was chosen on, at the upper end of its one-sided
/// 95 % interval.
pub const MAX_LOSS: f64 = 0.01;
/// So many rows' weight the mean of all rows has in the mean of a few.
const PULL: f64 = 5.0;

impl<'s> Trial<'s> {
    /// The sheet that is reported on.
    pub fn reported(&self) -> &'s Sheet {
        self.fresh.unwrap_or(self.learned)
    }

    /// The models that were learned and have an outcome and a cost for every reported row any priced model has an outcome
    /// of, but for one in a hundred.
    pub fn priced(&self) -> Vec<String> {
        let priced = |column: &&Column| {
            let cost_is_known = |row: usize| column.cost_usd[row].is_some();
            column.scored().all(cost_is_known) && self.learned.column(&column.model).is_some()
        };
        let columns: Vec<&Column> = self.reported().columns.iter().filter(priced).collect();
        let most = columns.iter().map(|column| column.scored().count()).max().unwrap_or_default();
        let whole = |column: &&&Column| column.scored().count() * 100 >= most * 99;
        columns.iter().filter(whole).map(|column| column.model.clone()).collect()
    }

    /// The learned rows reported on as a cross-validation.
    fn on_learned(&self) -> Self {
        Self { learned: self.learned, fresh: None }
    }

    /// A model's columns: learned and reported.
    fn columns(&self, model: &str) -> Result<(&'s Column, &'s Column), String> {
        let of = |sheet: &'s Sheet, what: &str| {
            sheet.column(model).ok_or_else(|| {
                let known: Vec<&str> = sheet.columns.iter().map(|column| column.model.as_str()).collect();
                format!(
                    "no outcomes of `{model}` in the {what} rows; there are those of {}",
                    known.join(", ")
                )
            })
        };
        Ok((of(self.learned, "learned")?, of(self.reported(), "reported")?))
    }

    /// For each reported row whether its class has rows enough to choose by prediction, and can be read at all.
    fn licensed(&self, learned_rows: &[usize]) -> Vec<bool> {
        let count =
            |task: TaskClass| learned_rows.iter().filter(|row| self.learned.rows[**row].task == task).count();
        let enough: Vec<TaskClass> =
            TaskClass::ALL.into_iter().filter(|task| count(*task) >= LEAST_ROWS).collect();
        let one = |facts: &super::Facts| !facts.unfamiliar && enough.contains(&facts.task);
        self.reported().rows.iter().map(one).collect()
    }
}

/// The mean of some values and the upper end of its one-sided 95 % interval.
fn upper_mean(values: &[f64]) -> (f64, f64) {
    let rows = values.len() as f64;
    let mean = values.iter().sum::<f64>() / rows;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (rows - 1.0);
    (mean, mean + 1.645 * (variance / rows).sqrt())
}
