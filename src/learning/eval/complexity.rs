//! Whether prompts that look hard are those that models fail on.

use serde::Serialize;

use super::Trial;
use crate::learning::metrics::{Figure, bootstrap, spearman};

/// Rank correlations with the share of models that fail, in one source: between sources anything that tells them apart
/// would correlate.
#[derive(Clone, Debug, Serialize)]
pub struct ComplexityReport {
    /// The source.
    pub source: String,
    /// Its reported rows.
    pub rows: usize,
    /// Of the learned difficulty.
    pub learned: Figure,
    /// Of the prompt's length.
    pub length: Figure,
    /// Learned minus length, paired.
    pub gain: Figure,
}

/// Fewest rows of a source that is reported.
const LEAST: usize = 30;

/// Reports on every source with rows enough.
pub fn complexity(trial: &Trial<'_>) -> Vec<ComplexityReport> {
    let sheet = trial.reported();
    let report = |(number, source): (usize, &String)| {
        let rows: Vec<usize> =
            (0..sheet.rows.len()).filter(|row| usize::from(sheet.rows[*row].source) == number).collect();
        if rows.len() < LEAST {
            return None;
        }
        let failing: Vec<f64> = rows.iter().map(|row| failing(trial, *row)).collect();
        let learned: Vec<f64> = rows.iter().map(|row| f64::from(sheet.rows[*row].difficulty)).collect();
        let length: Vec<f64> = rows.iter().map(|row| f64::from(sheet.rows[*row].bytes)).collect();
        let found = bootstrap(rows.len(), 5, |drawn| {
            let (learned, length) = (spearman(&learned, &failing, drawn), spearman(&length, &failing, drawn));
            vec![learned, length, learned - length]
        });
        Some(ComplexityReport {
            source: source.clone(),
            rows: rows.len(),
            learned: found[0],
            length: found[1],
            gain: found[2],
        })
    };
    sheet.sources.iter().enumerate().filter_map(report).collect()
}

/// Share of the models that fail on a row.
fn failing(trial: &Trial<'_>, row: usize) -> f64 {
    let scores: Vec<f64> =
        trial.reported().columns.iter().filter_map(|column| column.score[row].map(f64::from)).collect();
    1.0 - scores.iter().sum::<f64>() / scores.len() as f64
}
