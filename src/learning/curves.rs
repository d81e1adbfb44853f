//! Loss curves: what it costs in quality to trust a predicted loss.

use std::collections::BTreeMap;

use super::eval::LEAST_ROWS;
use super::sheet::Sheet;
use crate::catalog::{Learned, LossCurve, LossKnot, PredictorFault};
use crate::types::{ModelIx, TaskClass};

/// Limits of a curve: the quarters of its rows.
const KNOTS: usize = 4;
/// One-sided 95 % over all limits together: each of them errs once in eighty (Bonferroni), so that the luckiest does not err
/// more than once in twenty.
const Z: f64 = 2.241;

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
        for (task, losses) in losses(&sheet, (&baseline_name, &model_name)) {
            if let Some(curve) = curve(losses) {
                learned.curves.insert((baseline, model, task), curve);
            }
        }
    }
    Ok(())
}

/// Predicted loss and loss of a pair, by class, on the rows that both were learned from and that are of the kind they know.
fn losses(sheet: &Sheet, (baseline, model): (&str, &str)) -> BTreeMap<TaskClass, Vec<(f32, f64)>> {
    let mut found: BTreeMap<TaskClass, Vec<(f32, f64)>> = BTreeMap::new();
    let (Some(baseline), Some(model)) = (sheet.column(baseline), sheet.column(model)) else { return found };
    for (row, facts) in sheet.rows.iter().enumerate() {
        let known = baseline.familiar[row] && model.familiar[row] && !facts.unfamiliar;
        if let (true, Some(standard), Some(score)) = (known, baseline.score[row], model.score[row]) {
            let predicted = baseline.predicted[row] - model.predicted[row];
            found.entry(facts.task).or_default().push((predicted, f64::from(standard - score)));
        }
    }
    found
}

/// The curve of one pair in one class; `None`: too few rows.
fn curve(mut losses: Vec<(f32, f64)>) -> Option<LossCurve> {
    if losses.len() < LEAST_ROWS {
        return None;
    }
    losses.sort_by(|a, b| a.0.total_cmp(&b.0));
    let beyond = losses.iter().map(|(predicted, loss)| loss - f64::from(*predicted)).sum::<f64>();
    Some(LossCurve { bias: (beyond / losses.len() as f64) as f32, knots: knots(&losses) })
}

/// The upper end of the mean loss of all rows up to each limit, or up to a wider one that lets the same requests through and
/// is surer. Rows of one prediction are served together.
fn knots(losses: &[(f32, f64)]) -> Vec<LossKnot> {
    let (mut sum, mut squares, mut rows) = (0.0, 0.0, 0.0);
    let mut knots: Vec<LossKnot> = Vec::with_capacity(KNOTS);
    for tied in losses.chunk_by(|a, b| a.0 == b.0) {
        for (_, loss) in tied {
            (sum, squares, rows) = (sum + loss, squares + loss * loss, rows + 1.0);
        }
        let due = losses.len() * (knots.len() + 1) / KNOTS;
        if (rows as usize) < due.max(LEAST_ROWS) {
            continue;
        }
        let mean = sum / rows;
        // One more outcome of each kind keeps a run of equal ones from looking certain.
        let variance = (squares + 2.0) / (rows + 2.0) - mean * mean;
        let upper = mean + Z * (variance.max(0.0) / rows).sqrt();
        knots.push(LossKnot { predicted: tied[0].0, upper: upper as f32 });
    }
    let mut least = f32::INFINITY;
    for knot in knots.iter_mut().rev() {
        least = least.min(knot.upper);
        knot.upper = least;
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
        assert!(at(0.4) < 0.03, "{}", at(0.4));
        assert!(at(0.99) > 0.25, "{}", at(0.99));
        // A few rows are not trusted, however good they look.
        assert!(knots(&losses[..LEAST_ROWS - 1]).is_empty());
    }

    #[test]
    fn predictions_that_say_nothing_license_about_as_rarely_as_they_should() {
        use rand::rngs::StdRng;
        use rand::{Rng, SeedableRng};
        let mut random = StdRng::seed_from_u64(4);
        let mut licensed = 0;
        for _ in 0..400 {
            // The loss is 0.02 on average whatever is predicted: nothing may be licensed at 0.02.
            let mut losses: Vec<(f32, f64)> = (0..1000)
                .map(|_| {
                    let lot: f64 = random.random();
                    let loss = if lot < 0.11 {
                        1.0
                    } else if lot < 0.20 {
                        -1.0
                    } else {
                        0.0
                    };
                    (random.random(), loss)
                })
                .collect();
            losses.sort_by(|a, b| a.0.total_cmp(&b.0));
            licensed += usize::from(knots(&losses).iter().any(|knot| knot.upper <= 0.02));
        }
        assert!(licensed <= 28, "{licensed} of 400; one in twenty is 20");
    }
}
