//! Loss curves: what it costs in quality to trust a predicted loss.

use super::eval::LEAST_ROWS;
use super::sheet::Sheet;
use crate::catalog::{Learned, LossCurve, LossKnot, PredictorFault};
use crate::types::{ModelIx, TaskClass};

/// Knots of a curve.
const KNOTS: usize = 64;

/// Adds the curves of every pair of models that have a target of their own, by class. Fails where the held-out sheet
/// cannot be read.
pub fn calibrate(learned: &mut Learned, pairs: &[(ModelIx, ModelIx)]) -> Result<(), PredictorFault> {
    let named: Vec<(ModelIx, ModelIx, String, String)> = pairs
        .iter()
        .filter(|(baseline, model)| baseline != model)
        .filter_map(|(baseline, model)| {
            let name = |ix: ModelIx| learned.learned_name(ix).map(str::to_owned);
            Some((*baseline, *model, name(*baseline)?, name(*model)?))
        })
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    let sheet = Sheet::held_out(&learned.predictor)?;
    for (baseline, model, baseline_name, model_name) in named {
        for task in TaskClass::ALL {
            if let Some(curve) = curve(&sheet, (&baseline_name, &model_name), task) {
                learned.curves.insert((baseline, model, task), curve);
            }
        }
    }
    Ok(())
}

/// The curve of one pair in one class; `None`: too few rows.
fn curve(sheet: &Sheet, (baseline, model): (&str, &str), task: TaskClass) -> Option<LossCurve> {
    let (baseline, model) = (sheet.column(baseline)?, sheet.column(model)?);
    let counts = |row: &usize| {
        let (facts, familiar) = (&sheet.rows[*row], baseline.familiar[*row] && model.familiar[*row]);
        familiar && facts.task == task && !facts.unfamiliar
    };
    let mut losses: Vec<(f32, f64)> = sheet
        .common(&[baseline, model])
        .into_iter()
        .filter(counts)
        .filter_map(|row| {
            let loss = f64::from(baseline.score[row]? - model.score[row]?);
            Some((baseline.predicted[row] - model.predicted[row], loss))
        })
        .collect();
    if losses.len() < LEAST_ROWS {
        return None;
    }
    losses.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut knots = knots(&losses);
    // A request may be let through by a wider limit as well: the best of those that would take it counts.
    let mut best = f32::INFINITY;
    for knot in knots.iter_mut().rev() {
        best = best.min(knot.upper);
        knot.upper = best;
    }
    Some(LossCurve { rows: losses.len() as u32, knots })
}

/// The upper end of the mean loss of all rows up to each limit.
fn knots(losses: &[(f32, f64)]) -> Vec<LossKnot> {
    let step = losses.len().div_ceil(KNOTS);
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut knots = Vec::with_capacity(KNOTS + 1);
    for (at, (predicted, loss)) in losses.iter().enumerate() {
        (sum, squares) = (sum + loss, squares + loss * loss);
        let rows = (at + 1) as f64;
        let is_knot = (at + 1) % step == 0 || at + 1 == losses.len();
        if at + 1 < LEAST_ROWS / 2 || !is_knot {
            continue;
        }
        let mean = sum / rows;
        // One more outcome of each kind keeps a run of equal ones from looking certain.
        let variance = (squares + 2.0) / (rows + 2.0) - mean * mean;
        let upper = mean + 1.645 * (variance.max(0.0) / rows).sqrt();
        knots.push(LossKnot { predicted: *predicted, upper: upper as f32 });
    }
    knots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_predicted_losses_are_cheap_to_trust_and_large_ones_are_not() {
        // Predicted well: losses come in the upper half only.
        let losses: Vec<(f32, f64)> = (0..1000)
            .map(|row| (row as f32 / 1000.0, f64::from(u8::from(row >= 500 && row % 2 == 0))))
            .collect();
        let found = knots(&losses);
        let at = |predicted: f32| found.iter().find(|knot| knot.predicted >= predicted).unwrap().upper;
        assert!(at(0.4) < 0.01, "{}", at(0.4));
        assert!(at(0.99) > 0.25, "{}", at(0.99));
        // Few rows are not trusted, however good they look.
        assert!(found[0].predicted >= 0.048);
        assert!(at(0.0) > 0.02, "{}", at(0.0));
    }
}
