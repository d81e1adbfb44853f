//! Two models: who gets the strong one.

use serde::Serialize;

use super::means::Group;
use super::{Column, LEAST_ROWS, MAX_LOSS, Trial};
use crate::learning::metrics::{Figure, Points, Recovery, bootstrap, mean};

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
    /// (share of strong calls, share of the gap recovered).
    pub curve: Points,
}

/// What comes of a threshold that was frozen on the learned rows.
#[derive(Clone, Debug, Serialize)]
pub struct FrozenPair {
    /// The better model on the learned rows.
    pub best_single: String,
    /// Predicted gain below which the weak model serves, as chosen on all learned rows; `None`: nowhere safe, the best
    /// single model serves all.
    pub threshold: Option<f64>,
    /// Share of the reported rows the weak model serves.
    pub weak_share: f64,
    /// Quality lost against the best single model.
    pub loss: Figure,
}

/// Reports on a pair.
pub fn pair(trial: &Trial<'_>, strong: &str, weak: &str) -> Result<PairReport, String> {
    let two = Two::new(trial, strong, weak)?;
    let all: Vec<usize> = (0..two.rows.len()).collect();
    let [strong_quality, weak_quality] = [&two.strong, &two.weak].map(|scores| mean(scores, &all));
    if strong_quality - weak_quality <= 1e-9 {
        return Err(format!(
            "`{strong}` ({strong_quality:.3}) is not better than `{weak}` ({weak_quality:.3}) on these {} rows: there is \
             no gap to recover",
            two.rows.len()
        ));
    }
    let orders = two.orders(trial);
    Ok(PairReport {
        strong: strong.to_owned(),
        weak: weak.to_owned(),
        rows: two.rows.len(),
        strong_quality,
        weak_quality,
        apgr: orders[0].apgr,
        cpt50: orders[0].cpt50,
        cpt80: orders[0].cpt80,
        cpt95: orders[0].cpt95,
        frozen: two.frozen(trial, (strong, weak)),
        orders,
    })
}

/// Two models on the rows they are chosen between.
struct Two<'s> {
    /// The strong model's columns, learned and reported, and the weak one's.
    columns: [(&'s Column, &'s Column); 2],
    /// Learned rows with outcomes of both: number, predicted gain and gain.
    learned: Vec<(usize, f64, f64)>,
    /// Reported rows with outcomes of both; what follows is of these, in this order.
    rows: Vec<usize>,
    predicted: Vec<f64>,
    by_class: Vec<f64>,
    strong: Vec<f64>,
    weak: Vec<f64>,
    gains: Vec<f64>,
}

impl<'s> Two<'s> {
    fn new(trial: &Trial<'s>, strong: &str, weak: &str) -> Result<Self, String> {
        let columns = [trial.columns(strong)?, trial.columns(weak)?];
        let [(strong_then, strong_now), (weak_then, weak_now)] = columns;
        let learned: Vec<(usize, f64, f64)> = trial
            .learned
            .common(&[strong_then, weak_then])
            .into_iter()
            .filter_map(|row| {
                let predicted = f64::from(strong_then.predicted[row] - weak_then.predicted[row]);
                Some((row, predicted, score(strong_then, row)? - score(weak_then, row)?))
            })
            .collect();
        let rows = trial.reported().common(&[strong_now, weak_now]);
        for (what, rows) in [("learned", learned.len()), ("reported", rows.len())] {
            if rows == 0 {
                return Err(format!("no {what} row has outcomes of both `{strong}` and `{weak}`"));
            }
        }
        let scores =
            |column: &Column| -> Vec<f64> { rows.iter().filter_map(|row| score(column, *row)).collect() };
        let apart = |of: &dyn Fn(&Column) -> f32| f64::from(of(strong_now) - of(weak_now));
        let (strong, weak) = (scores(strong_now), scores(weak_now));
        Ok(Self {
            columns,
            learned,
            predicted: rows.iter().map(|row| apart(&|column| column.predicted[*row])).collect(),
            by_class: rows.iter().map(|row| apart(&|column| column.by_class[*row])).collect(),
            gains: strong.iter().zip(&weak).map(|(strong, weak)| strong - weak).collect(),
            rows,
            strong,
            weak,
        })
    }

    /// The predictor and the ways to do without, each with the scores it orders rows by.
    fn ways(&self, trial: &Trial<'_>) -> [(&'static str, Vec<f64>); 6] {
        let mut gains = vec![None; trial.learned.rows.len()];
        self.learned.iter().for_each(|(row, _, gain)| gains[*row] = Some(*gain));
        let domains = trial.means(&Group::Domain, &|row| gains[row]);
        let bytes = |row: &usize| f64::from(trial.reported().rows[*row].bytes);
        let domains = self.rows.iter().map(|row| domains[*row]).collect();
        [
            ("predictor", trial.placed(&self.rows, self.predicted.clone())),
            ("random", vec![0.0; self.rows.len()]),
            ("length", self.rows.iter().map(bytes).collect()),
            ("class mean", trial.placed(&self.rows, self.by_class.clone())),
            ("domain mean", trial.placed(&self.rows, domains)),
            ("oracle", self.gains.clone()),
        ]
    }

    fn orders(&self, trial: &Trial<'_>) -> Vec<Order> {
        let ways = self.ways(trial);
        let figures = bootstrap(self.rows.len(), 1, |drawn| {
            let of = ways.iter().map(|(_, scores)| Recovery::new(scores, &self.gains, drawn));
            let measured: Vec<[f64; 4]> =
                of.map(|found| [found.apgr(), found.cpt(0.5), found.cpt(0.8), found.cpt(0.95)]).collect();
            let ours = measured[0][0];
            measured.into_iter().flat_map(|[apgr, a, b, c]| [apgr, a, b, c, ours - apgr]).collect()
        });
        let all: Vec<usize> = (0..self.rows.len()).collect();
        let order = |((name, scores), found): (&(&'static str, Vec<f64>), &[Figure])| Order {
            name,
            apgr: found[0],
            cpt50: found[1],
            cpt80: found[2],
            cpt95: found[3],
            apgr_gain: found[4],
            curve: Recovery::new(scores, &self.gains, &all).points(CURVE),
        };
        ways.iter().zip(figures.chunks(5)).map(order).collect()
    }

    /// Chooses thresholds on learned rows and applies them to the reported rows of their part.
    fn frozen(&self, trial: &Trial<'_>, (strong, weak): (&str, &str)) -> FrozenPair {
        let strong_is_better = self.learned.iter().map(|(.., gain)| gain).sum::<f64>() >= 0.0;
        let learned: Vec<usize> = self.learned.iter().map(|(row, ..)| *row).collect();
        let licensed = |trial: &Trial<'_>, columns: [&Column; 2]| trial.licensed(&learned, &columns);
        let [of_strong, of_weak] = self.columns;
        let then = licensed(&trial.on_learned(), [of_strong.0, of_weak.0]);
        let now = licensed(trial, [of_strong.1, of_weak.1]);
        let chosen_on = |learns_from: &dyn Fn(usize) -> bool| {
            let of: Vec<_> = self.learned.iter().filter(|(row, ..)| learns_from(*row)).collect();
            let licensed = of.iter().filter(|(row, ..)| then[*row]);
            let mut gains: Vec<(f64, f64)> =
                licensed.map(|(_, predicted, gain)| (*predicted, *gain)).collect();
            gains.sort_by(|a, b| a.0.total_cmp(&b.0));
            if strong_is_better { threshold(&gains, of.len()) } else { None }
        };
        let mut by_weak = vec![!strong_is_better; self.rows.len()];
        for part in trial.parts() {
            let Some(threshold) = chosen_on(&|row| part.learns_from(&trial.learned.rows[row])) else {
                continue;
            };
            for ((row, predicted), by_weak) in self.rows.iter().zip(&self.predicted).zip(&mut by_weak) {
                if part.holds(&trial.reported().rows[*row]) {
                    *by_weak = now[*row] && *predicted < threshold;
                }
            }
        }
        let lost = |at: usize| if by_weak[at] && strong_is_better { self.gains[at] } else { 0.0 };
        let losses: Vec<f64> = (0..self.rows.len()).map(lost).collect();
        FrozenPair {
            best_single: if strong_is_better { strong } else { weak }.to_owned(),
            threshold: chosen_on(&|_| true),
            weak_share: by_weak.iter().filter(|weak| **weak).count() as f64 / by_weak.len() as f64,
            loss: bootstrap(losses.len(), 2, |drawn| vec![mean(&losses, drawn)])[0],
        }
    }
}

/// Steps of a curve.
const CURVE: usize = 100;

fn score(column: &Column, row: usize) -> Option<f64> {
    column.score[row].map(f64::from)
}

/// The highest threshold up to which the loss over all rows, with its uncertainty, stays within `MAX_LOSS`; `then` holds
/// (predicted gain, gain) in the order of the first. The first threshold that fails ends the search.
fn threshold(then: &[(f64, f64)], rows: usize) -> Option<f64> {
    let mut found = None;
    let (mut sum, mut squares, all) = (0.0, 0.0, rows as f64);
    let mut before = 0;
    for tied in then.chunk_by(|a, b| a.0 == b.0) {
        if before >= LEAST_ROWS {
            let mean = sum / all;
            let variance = (squares / all - mean * mean).max(0.0);
            if mean + 1.645 * (variance / all).sqrt() > MAX_LOSS {
                break;
            }
            found = Some(tied[0].0);
        }
        before += tied.len();
        for (_, gain) in tied {
            (sum, squares) = (sum + gain, squares + gain * gain);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn a_threshold_is_where_the_loss_would_be_too_large() {
        // Nothing is lost below 0.5, everything above.
        let mut then: Vec<(f64, f64)> =
            (0..1000).map(|at| (f64::from(at) / 1000.0, f64::from(u8::from(at >= 500)))).collect();
        let found = threshold(&then, 1000).unwrap();
        assert!((0.5..0.51).contains(&found), "{found}");
        assert_eq!(threshold(&then[..100], 1000), None, "too few rows are below any");
        // Once it is too large, later gains do not make up for it.
        then[200..300].iter_mut().for_each(|row| row.1 = 1.0);
        then[300..400].iter_mut().for_each(|row| row.1 = -1.0);
        let found = threshold(&then, 1000).unwrap();
        assert!((0.2..0.21).contains(&found), "{found}");
    }

    #[test]
    fn rows_of_equal_prediction_are_served_alike() {
        let mut then = vec![(0.1, 0.0); 150];
        then.extend([(0.2, 1.0); 150]);
        assert_eq!(threshold(&then, 300), Some(0.2), "all of the first and none of the second");
        assert_eq!(threshold(&[(0.1, 0.0); 300], 300), None);
    }

    /// (predicted gain, gain) of rows from one distribution, in the order of the first: what a prediction says is half of
    /// what there is to know.
    fn drawn(random: &mut StdRng, rows: usize) -> Vec<(f64, f64)> {
        let mut row = || {
            let predicted = random.random::<f64>() * 0.3 - 0.05;
            let lot = random.random::<f64>();
            let better = predicted * 0.5 + 0.08;
            let gain = if lot < better {
                1.0
            } else if lot < better + 0.05 {
                -1.0
            } else {
                0.0
            };
            (predicted, gain)
        };
        let mut rows: Vec<(f64, f64)> = (0..rows).map(|_| row()).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows
    }

    #[test]
    fn a_frozen_threshold_loses_on_fresh_rows_no_more_than_it_says() {
        let mut random = StdRng::seed_from_u64(11);
        let fresh = drawn(&mut random, 100_000);
        let lost = |threshold: f64| {
            let lost = fresh.iter().filter(|(predicted, _)| *predicted < threshold).map(|(_, gain)| gain);
            lost.sum::<f64>() / fresh.len() as f64
        };
        let losses: Vec<f64> =
            (0..300).filter_map(|_| threshold(&drawn(&mut random, 1500), 1500)).map(lost).collect();
        assert!(losses.len() > 200, "the trial is empty: {} thresholds were found", losses.len());
        let beyond = losses.iter().filter(|loss| **loss > MAX_LOSS).count();
        // 5 % by what it says, 15 of 300; more than 25 would be seen once in a hundred such trials.
        assert!(beyond <= 25, "{beyond} of {} lose more", losses.len());
    }
}
