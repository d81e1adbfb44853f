//! What a predictor is worth on rows it has not seen, beside the simple ways to do without one.
//!
//! Two sheets: what was *learned* (the rows a predictor comes from, each predicted by what was learned from the others) and
//! what is *reported*. Thresholds, baselines and pools of plans are chosen on the first and measured on the second. Where
//! both are the same sheet the report is a cross-validation, and choices are made fold by fold: what is chosen for the rows
//! of one is chosen on the rows of the others. Only the best single model, which is what a predictor has to beat, is the
//! one of all rows: hindsight makes it harder to beat.

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
pub use pair::{FrozenPair, Order, PairReport, pair};
pub use pool::{Frozen, PoolReport, WayReport, pool};

use super::FOLDS;
use super::metrics::ranks;
use super::sheet::{Column, Facts, Sheet};
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
pub const LEAST_ROWS: usize = crate::catalog::LEAST_ROWS as usize;
/// The mean loss of quality that a frozen choice may have on the rows it was chosen on, at the upper end of its one-sided
/// 95 % interval. Where settings lie in an order they are tried from the safest on, and the first that fails ends the trials:
/// so the chosen one, too, loses more with a probability of 5 % at most, however many are tried. Plans by cell have no order;
/// the cheapest safe one of many is a lucky one, and what it loses on rows of their own is what counts.
pub const MAX_LOSS: f64 = 0.01;
/// So many rows' weight the mean of all rows has in the mean of a few.
const PULL: f64 = 5.0;

impl<'s> Trial<'s> {
    /// The sheet that is reported on.
    pub fn reported(&self) -> &'s Sheet {
        self.fresh.unwrap_or(self.learned)
    }

    /// The largest pool there is: models with a known cost for every outcome, and with outcomes of the same rows, learned and
    /// reported, but for one in a hundred. Largest by outcomes: sources with a few models and many rows do not hide those
    /// with many models.
    pub fn priced(&self) -> Vec<String> {
        let both = |column: &'s Column| Some([self.learned.column(&column.model)?, column]);
        let priced = |column: &Column| {
            let mut scored = column.scored().peekable();
            scored.peek().is_some() && scored.all(|row| column.cost_usd[row].is_some())
        };
        let columns: Vec<[&Column; 2]> = self
            .reported()
            .columns
            .iter()
            .filter_map(both)
            .filter(|columns| columns.iter().all(|column| priced(column)))
            .collect();
        let around = |anchor: &[&Column; 2]| -> (usize, Vec<String>) {
            let rows = anchor.map(|column| column.scored().collect::<Vec<usize>>());
            let covers = |columns: &&[&Column; 2]| {
                let has = |(column, rows): (&&Column, &Vec<usize>)| {
                    rows.iter().filter(|row| column.score[**row].is_some()).count() * 100 >= rows.len() * 99
                };
                columns.iter().zip(&rows).all(has)
            };
            let models: Vec<String> =
                columns.iter().filter(covers).map(|[_, column]| column.model.clone()).collect();
            (rows.iter().map(Vec::len).sum::<usize>() * models.len(), models)
        };
        let pools = columns.iter().map(around).filter(|(_, models)| models.len() > 1);
        pools.max_by_key(|(outcomes, _)| *outcomes).map(|(_, models)| models).unwrap_or_default()
    }

    /// The learned rows reported on as a cross-validation.
    fn on_learned(&self) -> Self {
        Self { learned: self.learned, fresh: None }
    }

    /// The parts choices are made for, one after the other.
    fn parts(&self) -> Vec<Part> {
        match self.fresh {
            Some(_) => vec![Part(None)],
            None => (0..FOLDS).map(|fold| Part(Some(fold))).collect(),
        }
    }

    /// Values of reported rows that learned rows of their part went into, made comparable between parts: in a
    /// cross-validation each is replaced by its place among the values of its part. A part with good outcomes leaves bad
    /// ones to learn from, so its values are all a little too low, and compared as they are they would say less than
    /// nothing where there is nothing to know.
    fn placed(&self, rows: &[usize], values: Vec<f64>) -> Vec<f64> {
        if self.fresh.is_some() {
            return values;
        }
        let mut placed = vec![0.0; values.len()];
        for part in self.parts() {
            let of: Vec<usize> =
                (0..rows.len()).filter(|at| part.holds(&self.learned.rows[rows[*at]])).collect();
            for (at, rank) in of.iter().zip(ranks(&values, &of)) {
                placed[*at] = (rank + 0.5) / of.len() as f64;
            }
        }
        placed
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

    /// For each reported row whether its class has rows enough to choose by prediction, and it is a prompt that can be read,
    /// of the kind that was learned of all these models.
    fn licensed(&self, learned_rows: &[usize], columns: &[&Column]) -> Vec<bool> {
        let count =
            |task: TaskClass| learned_rows.iter().filter(|row| self.learned.rows[**row].task == task).count();
        let enough: Vec<TaskClass> =
            TaskClass::ALL.into_iter().filter(|task| count(*task) >= LEAST_ROWS).collect();
        let one = |(row, facts): (usize, &Facts)| {
            let familiar = columns.iter().all(|column| column.familiar[row]);
            familiar && !facts.unfamiliar && enough.contains(&facts.task)
        };
        self.reported().rows.iter().enumerate().map(one).collect()
    }
}

/// A part of the reported rows, and the learned rows that choices for it are made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part(Option<u8>);

impl Part {
    /// Whether choices for this part are made on a learned row.
    fn learns_from(self, facts: &Facts) -> bool {
        self.0 != Some(facts.fold)
    }

    /// Whether a reported row is of this part.
    fn holds(self, facts: &Facts) -> bool {
        self.0.is_none_or(|fold| fold == facts.fold)
    }
}

/// The mean of some values and the upper end of its one-sided 95 % interval.
fn upper_mean(values: &[f64]) -> (f64, f64) {
    let rows = values.len() as f64;
    let mean = values.iter().sum::<f64>() / rows;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (rows - 1.0);
    (mean, mean + 1.645 * (variance / rows).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TaskClass;

    #[test]
    fn values_are_placed_among_those_of_their_part() {
        let facts = |fold| Facts {
            source: 0,
            domain: 0,
            words: 0,
            fold,
            task: TaskClass::Math,
            unfamiliar: false,
            bytes: 1,
            difficulty: None,
        };
        let sheet =
            Sheet { rows: vec![facts(0), facts(1), facts(0), facts(1), facts(1)], ..Sheet::default() };
        let (crossed, fresh) =
            (Trial { learned: &sheet, fresh: None }, Trial { learned: &sheet, fresh: Some(&sheet) });
        let values = || vec![5.0, 0.1, 7.0, 0.1, 0.1];
        assert_eq!(crossed.placed(&[0, 1, 2, 3, 4], values()), [0.25, 0.5, 0.75, 0.5, 0.5]);
        assert_eq!(crossed.placed(&[2, 1, 0, 3, 4], values()), [0.25, 0.5, 0.75, 0.5, 0.5], "by position");
        assert_eq!(fresh.placed(&[0, 1, 2, 3, 4], values()), values());
    }

    #[test]
    fn the_largest_pool_is_that_with_the_most_outcomes() {
        let facts = Facts {
            source: 0,
            domain: 0,
            words: 0,
            fold: 0,
            task: TaskClass::Math,
            unfamiliar: false,
            bytes: 1,
            difficulty: None,
        };
        let column = |model: &str, from: usize, to: usize, cost: Option<f32>| {
            let has = |row: &usize| (from..to).contains(row);
            let mut cost_usd: Vec<Option<f32>> = (0..30).map(|row| has(&row).then_some(1.0)).collect();
            cost_usd[from] = cost;
            Column {
                model: model.to_owned(),
                predicted: vec![0.0; 30],
                by_class: vec![0.0; 30],
                familiar: vec![true; 30],
                score: (0..30).map(|row| has(&row).then_some(1.0)).collect(),
                cost_usd,
                answer: vec![None; 30],
            }
        };
        let known = Some(1.0);
        let sheet = Sheet {
            sources: vec!["s".to_owned()],
            domains: vec!["d".to_owned()],
            rows: vec![facts; 30],
            // Two models of twenty rows, and of the other ten: five, one of them with an unknown cost.
            columns: vec![
                column("a", 0, 20, known),
                column("b", 0, 20, known),
                column("c", 20, 30, known),
                column("d", 20, 30, known),
                column("e", 20, 30, None),
                column("f", 20, 30, known),
                column("g", 20, 30, known),
            ],
        };
        let found = |sheet: &Sheet| Trial { learned: sheet, fresh: None }.priced();
        let mut fewer = sheet.clone();
        fewer.columns.truncate(6);
        assert_eq!(found(&fewer), ["a", "b"], "40 outcomes are more than 30");
        let mut more = sheet;
        more.columns.push(column("h", 20, 30, known));
        assert_eq!(found(&more), ["c", "d", "f", "g", "h"], "50 outcomes are more than 40");
        let other = Trial { learned: &fewer, fresh: Some(&more) }.priced();
        assert_eq!(
            other,
            ["a", "b"],
            "models that were not learned have no place, however many outcomes they have"
        );
        more.columns.truncate(1);
        assert!(found(&more).is_empty(), "one model is no pool");
    }
}
