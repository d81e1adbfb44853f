//! Whether prompts that look hard are those that models fail on.

use serde::Serialize;

use super::Trial;
use crate::learning::metrics::{Figure, bootstrap, spearman};
use crate::learning::sheet::Sheet;

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
pub fn complexity(trial: &Trial<'_>) -> Result<Vec<ComplexityReport>, String> {
    let sheet = trial.reported();
    let known: Vec<(usize, f64, f64)> = (0..sheet.rows.len())
        .filter_map(|row| Some((row, f64::from(sheet.rows[row].difficulty?), failing(sheet, row)?)))
        .collect();
    let report = |(number, source): (usize, &String)| {
        let of: Vec<_> =
            known.iter().filter(|(row, ..)| sheet.rows[*row].source as usize == number).collect();
        if of.len() < LEAST {
            return None;
        }
        let failing: Vec<f64> = of.iter().map(|(.., failing)| *failing).collect();
        let rows: Vec<usize> = of.iter().map(|(row, ..)| *row).collect();
        let learned = trial.placed(&rows, of.iter().map(|(_, learned, _)| *learned).collect());
        let length: Vec<f64> = of.iter().map(|(row, ..)| f64::from(sheet.rows[*row].bytes)).collect();
        let found = bootstrap(of.len(), 5, |drawn| {
            let (learned, length) = (spearman(&learned, &failing, drawn), spearman(&length, &failing, drawn));
            vec![learned, length, learned - length]
        });
        Some(ComplexityReport {
            source: source.clone(),
            rows: of.len(),
            learned: found[0],
            length: found[1],
            gain: found[2],
        })
    };
    let reports: Vec<_> = sheet.sources.iter().enumerate().filter_map(report).collect();
    if reports.is_empty() {
        return Err(format!("no source has {LEAST} rows with outcomes and a predicted difficulty"));
    }
    Ok(reports)
}

/// Share of the models that fail on a row, if any has an outcome of it.
fn failing(sheet: &Sheet, row: usize) -> Option<f64> {
    let scores: Vec<f64> =
        sheet.columns.iter().filter_map(|column| column.score[row].map(f64::from)).collect();
    (!scores.is_empty()).then(|| 1.0 - scores.iter().sum::<f64>() / scores.len() as f64)
}
