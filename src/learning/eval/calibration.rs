//! Whether predictions mean what they say.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::means::Group;
use super::{Column, Trial};
use crate::catalog::quality_interval;
use crate::learning::metrics::{Figure, bootstrap, ece};
use crate::types::TaskClass;

/// Calibration of predicted qualities over all models.
#[derive(Clone, Debug, Serialize)]
pub struct CalibrationReport {
    /// Reported (model, row) pairs.
    pub outcomes: usize,
    /// How much smaller the squared error is than that of each class's mean; 0 is no better.
    pub skill_over_class: Figure,
    /// The same over the means of the sources' own domains, which a router does not know.
    pub skill_over_domain: Figure,
    /// Expected calibration error by model and class.
    pub cells: Vec<CellError>,
    /// Share of 90 % intervals that hold the mean of a cell, for models none of whose other cells were looked at.
    pub coverage: Figure,
    /// Intervals looked at.
    pub intervals: usize,
    /// (mean predicted, mean of what came, outcomes) by tenth, over all models.
    pub curve: Vec<(f64, f64, usize)>,
}

/// Expected calibration error of one model in one class.
#[derive(Clone, Debug, Serialize)]
pub struct CellError {
    /// The model.
    pub model: String,
    /// The class.
    pub task: TaskClass,
    /// Rows.
    pub rows: usize,
    /// Over ten bins. Errors never cancel between bins, so it is above 0 for perfect predictions of so few rows, too, and
    /// rows drawn again raise it once more: the interval stands too high.
    pub ece: Figure,
    /// What it would be for predictions that mean what they say: the mean over outcomes drawn from them.
    pub by_chance: f64,
}

/// Fewest rows of a cell whose error is reported.
const LEAST: usize = 400;

/// Reports on all models of the reported sheet that were learned, too.
pub fn calibration(trial: &Trial<'_>) -> Result<CalibrationReport, String> {
    let sheet = trial.reported();
    let mut squares: Vec<Option<[f64; 3]>> = vec![None; sheet.rows.len()];
    let mut outcomes = Vec::new();
    let mut cells = Vec::new();
    for column in &sheet.columns {
        let Some(then) = trial.learned.column(&column.model) else { continue };
        let domain = trial.means(&Group::Domain, &|row| then.score[row].map(f64::from));
        let predicted = column.clipped();
        for row in column.scored() {
            let came = f64::from(column.score[row].unwrap_or_default());
            let error = |value: f64| (value - came).powi(2);
            let errors = [error(predicted[row]), error(f64::from(column.by_class[row])), error(domain[row])];
            let sums = squares[row].get_or_insert_default();
            sums.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error);
            outcomes.push((predicted[row], came));
        }
        cells.extend(TaskClass::ALL.into_iter().filter_map(|task| cell_error(trial, column, task)));
    }
    if outcomes.is_empty() {
        return Err("no reported row has an outcome of a model that was learned".to_owned());
    }
    let rows: Vec<[f64; 3]> = squares.into_iter().flatten().collect();
    let skill = bootstrap(rows.len(), 6, |drawn| {
        let sum = |at: usize| drawn.iter().map(|row| rows[*row][at]).sum::<f64>();
        vec![1.0 - sum(0) / sum(1), 1.0 - sum(0) / sum(2)]
    });
    let (coverage, intervals) = coverage(trial);
    Ok(CalibrationReport {
        outcomes: outcomes.len(),
        skill_over_class: skill[0],
        skill_over_domain: skill[1],
        cells,
        coverage,
        intervals,
        curve: curve(outcomes),
    })
}

fn cell_error(trial: &Trial<'_>, column: &Column, task: TaskClass) -> Option<CellError> {
    let rows: Vec<usize> = column.scored().filter(|row| trial.reported().rows[*row].task == task).collect();
    if rows.len() < LEAST {
        return None;
    }
    let predicted = column.clipped();
    let predicted: Vec<f64> = rows.iter().map(|row| predicted[*row]).collect();
    let came: Vec<f64> = rows.iter().filter_map(|row| column.score[*row].map(f64::from)).collect();
    let figure = bootstrap(rows.len(), 7, |drawn| vec![ece(&predicted, &came, drawn)])[0];
    let by_chance = by_chance(&predicted);
    Some(CellError { model: column.model.clone(), task, rows: rows.len(), ece: figure, by_chance })
}

/// The mean error of predictions whose outcomes, right or wrong, are drawn from them.
fn by_chance(predicted: &[f64]) -> f64 {
    let mut random = StdRng::seed_from_u64(10);
    let all: Vec<usize> = (0..predicted.len()).collect();
    let mut once = || {
        let came: Vec<f64> =
            predicted.iter().map(|share| f64::from(u8::from(random.random::<f64>() < *share))).collect();
        ece(predicted, &came, &all)
    };
    (0..CHANCES).map(|_| once()).sum::<f64>() / CHANCES as f64
}

/// Draws that `by_chance` is a mean of.
const CHANCES: usize = 200;

fn curve(mut outcomes: Vec<(f64, f64)>) -> Vec<(f64, f64, usize)> {
    outcomes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = outcomes.len().div_ceil(10).max(1);
    let point = |bin: &[(f64, f64)]| {
        let rows = bin.len() as f64;
        let (predicted, came) = bin.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        (predicted / rows, came / rows, bin.len())
    };
    outcomes.chunks(size).map(point).collect()
}

/// Rows an interval is made from: as many as an operator has after a day, a week, a month.
const SEEN: [usize; 3] = [30, 60, 120];
/// Draws of each.
const DRAWS: usize = 20;

/// Makes intervals from a few rows of a cell, and looks whether the mean of its other rows lies within, allowing for those
/// being few themselves. Each model is a left-out one: nothing of the method is fitted to any.
fn coverage(trial: &Trial<'_>) -> (Figure, usize) {
    let mut held: Vec<f64> = Vec::new();
    let mut random = StdRng::seed_from_u64(8);
    for column in &trial.reported().columns {
        for task in TaskClass::ALL {
            let of = |row: &usize| trial.reported().rows[*row].task == task;
            let mut scores: Vec<f64> =
                column.scored().filter(of).filter_map(|row| column.score[row].map(f64::from)).collect();
            if scores.len() < LEAST {
                continue;
            }
            for seen in SEEN {
                let mut inside = 0;
                for _ in 0..DRAWS {
                    scores.shuffle(&mut random);
                    let (sample, rest) = scores.split_at(seen);
                    inside += usize::from(holds(sample, rest));
                }
                held.push(inside as f64 / DRAWS as f64);
            }
        }
    }
    let share = |drawn: &[usize]| drawn.iter().map(|cell| held[*cell]).sum::<f64>() / drawn.len() as f64;
    (bootstrap(held.len(), 9, |drawn| vec![share(drawn)])[0], held.len() * DRAWS)
}

fn holds(sample: &[f64], rest: &[f64]) -> bool {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (low, high) = quality_interval(mean(sample), sample.len() as f64);
    // The rest is a sample as well: the distance between two means varies by the sum of both variances.
    let wider = (1.0 + sample.len() as f64 / rest.len() as f64).sqrt();
    let (middle, came) = (mean(sample), mean(rest));
    middle - (middle - low) * wider <= came && came <= middle + (high - middle) * wider
}
