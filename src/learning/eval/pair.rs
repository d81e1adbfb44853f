//! Two models: who gets the strong one.

use serde::Serialize;

use super::means::Group;
use super::{LEAST_ROWS, MAX_LOSS, Trial};
use crate::learning::metrics::{Figure, Recovery, bootstrap, mean};

/// What a predictor is worth in choosing between two models.
#[derive(Clone, Debug, Serialize)]
pub struct PairReport {
    /// The strong model.
    pub strong: String,
    /// The weak one.
    pub weak: String,
    /// Reported rows with outcomes of both.
    pub rows: usize,
    /// Mean quality of the strong model.
    pub strong_quality: f64,
    /// Mean quality of the weak model.
    pub weak_quality: f64,
    /// Average performance gap recovered by the predictor.
    pub apgr: Figure,
    /// Percentage of strong calls that recovers half of the gap.
    pub cpt50: Figure,
    /// The same, four fifths of it.
    pub cpt80: Figure,
    /// The same, 95 % of it.
    pub cpt95: Figure,
    /// The predictor and the ways to do without.
    pub orders: Vec<Order>,
    /// The threshold frozen on the learned rows.
    pub frozen: FrozenPair,
}

/// One order in which prompts get the strong model.
#[derive(Clone, Debug, Serialize)]
pub struct Order {
    /// What it goes by.
    pub name: &'static str,
    /// Its average performance gap recovered.
    pub apgr: Figure,
    /// Its CPT50.
    pub cpt50: Figure,
    /// Its CPT80.
    pub cpt80: Figure,
    /// Its CPT95.
    pub cpt95: Figure,
    /// The predictor's APGR minus this one's, paired.
    pub apgr_gain: Figure,
}

/// What comes of a threshold that was frozen on the learned rows.
#[derive(Clone, Debug, Serialize)]
pub struct FrozenPair {
    /// The better model on the learned rows.
    pub best_single: String,
    /// Predicted gain below which the weak model serves; `None`: nowhere safe, the best single model serves all.
    pub threshold: Option<f64>,
    /// Share of the reported rows the weak model serves.
    pub weak_share: f64,
    /// Quality lost against the best single model.
    pub loss: Figure,
}

/// Reports on a pair.
pub fn pair(trial: &Trial<'_>, strong: &str, weak: &str) -> Result<PairReport, String> {
    let sheet = trial.reported();
    let ((strong_then, strong_now), (weak_then, weak_now)) = (trial.columns(strong)?, trial.columns(weak)?);
    let rows = sheet.common(&[strong_now, weak_now]);
    if rows.is_empty() {
        return Err(format!("no row has outcomes of both `{strong}` and `{weak}`"));
    }
    let pick = |values: &[f64]| -> Vec<f64> { rows.iter().map(|row| values[*row]).collect() };
    let predicted = |row: &usize| f64::from(strong_now.predicted[*row] - weak_now.predicted[*row]);
    let by_class = |row: &usize| f64::from(strong_now.by_class[*row] - weak_now.by_class[*row]);
    let score = |column: &super::Column, row: usize| column.score[row].map(f64::from);
    let gain = |row: usize| Some(score(strong_then, row)? - score(weak_then, row)?);
    let [strong_scores, weak_scores]: [Vec<f64>; 2] =
        [strong_now, weak_now].map(|column| rows.iter().filter_map(|row| score(column, *row)).collect());
    let gains: Vec<f64> =
        strong_scores.iter().zip(&weak_scores).map(|(strong, weak)| strong - weak).collect();
    let ours: Vec<f64> = rows.iter().map(predicted).collect();
    let ways = [
        ("predictor", ours.clone()),
        ("random", vec![0.0; rows.len()]),
        ("length", rows.iter().map(|row| f64::from(sheet.rows[*row].bytes)).collect()),
        ("class mean", rows.iter().map(by_class).collect()),
        ("domain mean", pick(&trial.means(&Group::Domain, &gain))),
        ("oracle", gains.clone()),
    ];
    let figures = bootstrap(rows.len(), 1, |drawn| {
        let of = ways.iter().map(|(_, scores)| Recovery::new(scores, &gains, drawn));
        let measured: Vec<[f64; 4]> =
            of.map(|found| [found.apgr(), found.cpt(0.5), found.cpt(0.8), found.cpt(0.95)]).collect();
        let ours = measured[0][0];
        measured.into_iter().flat_map(|[apgr, a, b, c]| [apgr, a, b, c, ours - apgr]).collect()
    });
    let orders: Vec<Order> = ways
        .iter()
        .zip(figures.chunks(5))
        .map(|((name, _), found)| Order {
            name,
            apgr: found[0],
            cpt50: found[1],
            cpt80: found[2],
            cpt95: found[3],
            apgr_gain: found[4],
        })
        .collect();
    let all: Vec<usize> = (0..rows.len()).collect();
    let frozen = frozen(trial, (strong, weak), (&rows, &ours), (&strong_scores, &weak_scores))?;
    Ok(PairReport {
        strong: strong.to_owned(),
        weak: weak.to_owned(),
        rows: rows.len(),
        strong_quality: mean(&strong_scores, &all),
        weak_quality: mean(&weak_scores, &all),
        apgr: orders[0].apgr,
        cpt50: orders[0].cpt50,
        cpt80: orders[0].cpt80,
        cpt95: orders[0].cpt95,
        orders,
        frozen,
    })
}

/// Chooses the threshold on the learned rows and applies it to the reported ones. In a cross-validation the threshold is
/// chosen on the rows it is reported on; their predictions are still those of others.
fn frozen(
    trial: &Trial<'_>,
    (strong, weak): (&str, &str),
    (rows, predicted): (&[usize], &[f64]),
    (strong_scores, weak_scores): (&[f64], &[f64]),
) -> Result<FrozenPair, String> {
    let ((strong_then, _), (weak_then, _)) = (trial.columns(strong)?, trial.columns(weak)?);
    let learned = trial.learned.common(&[strong_then, weak_then]);
    let licensed = trial.on_learned().licensed(&learned);
    let mut then: Vec<(f64, f64)> = learned
        .iter()
        .filter(|row| licensed[**row])
        .filter_map(|row| {
            let predicted = f64::from(strong_then.predicted[*row] - weak_then.predicted[*row]);
            Some((predicted, f64::from(strong_then.score[*row]? - weak_then.score[*row]?)))
        })
        .collect();
    let strong_is_better = then.iter().map(|(_, gain)| gain).sum::<f64>() >= 0.0;
    then.sort_by(|a, b| a.0.total_cmp(&b.0));
    let threshold = if strong_is_better { threshold(&then, learned.len()) } else { None };
    let licensed = trial.licensed(&learned);
    let (best, other) =
        if strong_is_better { (strong_scores, weak_scores) } else { (weak_scores, strong_scores) };
    let served_by_weak: Vec<bool> = rows
        .iter()
        .zip(predicted)
        .map(|(row, gain)| licensed[*row] && threshold.is_some_and(|threshold| *gain < threshold))
        .collect();
    let loss = |at: usize| if served_by_weak[at] { best[at] - other[at] } else { 0.0 };
    let losses: Vec<f64> = (0..rows.len()).map(loss).collect();
    Ok(FrozenPair {
        best_single: if strong_is_better { strong } else { weak }.to_owned(),
        threshold,
        weak_share: served_by_weak.iter().filter(|weak| **weak).count() as f64 / rows.len() as f64,
        loss: bootstrap(rows.len(), 2, |drawn| vec![mean(&losses, drawn)])[0],
    })
}

/// The highest threshold at which the loss over all rows, with its uncertainty, stays within `MAX_LOSS`; `then` holds
/// (predicted gain, gain) in the order of the first.
fn threshold(then: &[(f64, f64)], rows: usize) -> Option<f64> {
    let mut found = None;
    let (mut sum, mut squares, all) = (0.0, 0.0, rows as f64);
    for (at, (predicted, gain)) in then.iter().enumerate() {
        let next = |threshold: f64| predicted == &threshold;
        if at >= LEAST_ROWS && !then.get(at.wrapping_sub(1)).is_some_and(|(before, _)| next(*before)) {
            let mean = sum / all;
            let variance = (squares / all - mean * mean).max(0.0);
            if mean + 1.645 * (variance / all).sqrt() <= MAX_LOSS {
                found = Some(*predicted);
            }
        }
        (sum, squares) = (sum + gain, squares + gain * gain);
    }
    found
}
