//! What a router is measured by, and how sure the figure is. Definitions are those of the RouteLLM evaluation (APGR, CPT)
//! and of RouterBench (AIQ); intervals are bootstraps over prompts, paired where two routers are compared.

use std::fmt;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

/// A figure with its 95 % interval. What is not defined (a share of nothing) is not a number, in JSON `null`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// On the rows as they are.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Resamples of a bootstrap.
const RESAMPLES: usize = 1000;

/// The figures of statistics of row numbers: on all rows once, and on rows drawn again with replacement. One draw serves
/// all statistics, so a difference between two of them is paired. Draws where a statistic is not a number (a share of
/// nothing) are left out of it.
pub fn bootstrap(rows: usize, seed: u64, statistics: impl Fn(&[usize]) -> Vec<f64>) -> Vec<Figure> {
    let all: Vec<usize> = (0..rows).collect();
    let values = statistics(&all);
    let mut random = StdRng::seed_from_u64(seed);
    let mut drawn = vec![0; rows];
    let mut found = vec![Vec::with_capacity(RESAMPLES); values.len()];
    for _ in 0..RESAMPLES {
        drawn.iter_mut().for_each(|row| *row = random.random_range(0..rows.max(1)));
        for (found, value) in found.iter_mut().zip(statistics(&drawn)) {
            if value.is_finite() {
                found.push(value);
            }
        }
    }
    values.into_iter().zip(found).map(|(value, found)| Figure::of(value, found)).collect()
}

impl Figure {
    fn of(value: f64, mut drawn: Vec<f64>) -> Self {
        drawn.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let position = (drawn.len().saturating_sub(1) as f64 * share).round() as usize;
            drawn.get(position).copied().unwrap_or(f64::NAN)
        };
        Self { value, low: at(0.025), high: at(0.975) }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(3);
        write!(f, "{:.digits$} ({:.digits$} to {:.digits$})", self.value, self.low, self.high)
    }
}

/// How much of the gap between a weak and a strong model is recovered as more prompts go to the strong one, in the order
/// of a router's scores. Prompts of equal score share their places.
pub struct Recovery {
    curve: Vec<f64>,
}

impl Recovery {
    /// Of the `rows`; `gains` are strong minus weak.
    pub fn new(scores: &[f64], gains: &[f64], rows: &[usize]) -> Self {
        let mut order = rows.to_vec();
        order.sort_unstable_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let mut curve = Vec::with_capacity(rows.len() + 1);
        curve.push(0.0);
        let mut sum = 0.0;
        for tied in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
            let mean = tied.iter().map(|row| gains[*row]).sum::<f64>() / tied.len() as f64;
            for _ in tied {
                sum += mean;
                curve.push(sum);
            }
        }
        Self { curve }
    }

    fn total(&self) -> f64 {
        self.curve.last().copied().unwrap_or_default()
    }

    /// Whether the strong model is better at all: else there is no gap to recover, and no share of it is a number.
    fn has_gap(&self) -> bool {
        self.total() > 1e-9
    }

    /// Average performance gap recovered: the share of the gap, averaged over all shares of strong calls. A router that
    /// draws lots gets 0.5.
    pub fn apgr(&self) -> f64 {
        if !self.has_gap() {
            return f64::NAN;
        }
        let area: f64 = self.curve.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum();
        area / (self.curve.len() - 1) as f64 / self.total()
    }

    /// The least percentage of strong calls that recovers a share of the gap.
    pub fn cpt(&self, share: f64) -> f64 {
        if !self.has_gap() {
            return f64::NAN;
        }
        let (total, calls) = (self.total(), self.curve.len() - 1);
        let at = self.curve.iter().position(|sum| sum / total >= share - 1e-12).unwrap_or(calls);
        100.0 * at as f64 / calls as f64
    }

    /// (share of strong calls, share of the gap), at `steps` equal steps from none to all; empty without a gap.
    pub fn points(&self, steps: usize) -> Points {
        let calls = self.curve.len() - 1;
        let point = |step: usize| {
            let at = (step * calls + steps / 2) / steps;
            (at as f64 / calls as f64, self.curve[at] / self.total())
        };
        if self.has_gap() && calls > 0 { (0..=steps).map(point).collect() } else { Points::new() }
    }
}

/// Points (cost, quality) a router can be set to.
pub type Points = Vec<(f64, f64)>;

/// Average improvement in quality: the mean height of the non-decreasing concave hull of the points between two costs.
pub fn aiq(points: &Points, (low, high): (f64, f64)) -> f64 {
    let hull = hull(points);
    const STEPS: usize = 1000;
    let height = |cost: f64| {
        let right = hull.partition_point(|point| point.0 <= cost);
        match (right.checked_sub(1).map(|left| hull[left]), hull.get(right)) {
            (None, _) => 0.0,
            (Some(left), None) => left.1,
            (Some(left), Some(next)) => left.1 + (next.1 - left.1) * (cost - left.0) / (next.0 - left.0),
        }
    };
    let sum: f64 = (0..=STEPS).map(|step| height(low + (high - low) * step as f64 / STEPS as f64)).sum();
    sum / (STEPS + 1) as f64
}

/// The corners of the non-decreasing concave hull, cheapest first.
pub fn hull(points: &Points) -> Points {
    let mut sorted = points.clone();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut hull: Points = Vec::new();
    for point in sorted {
        if hull.last().is_some_and(|last| point.1 <= last.1) {
            continue;
        }
        while let [.., before, last] = hull[..] {
            let kept =
                (last.1 - before.1) * (point.0 - before.0) > (point.1 - before.1) * (last.0 - before.0);
            if kept {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

/// Expected calibration error over ten bins of equal numbers of rows: how far predictions lie from what came, on average.
/// Rows of equal prediction share what came of them, so that it does not matter which bin they fall into.
pub fn ece(predicted: &[f64], came: &[f64], rows: &[usize]) -> f64 {
    const BINS: usize = 10;
    let mut order = rows.to_vec();
    order.sort_unstable_by(|a, b| predicted[*a].total_cmp(&predicted[*b]));
    let mut errors = Vec::with_capacity(rows.len());
    for tied in order.chunk_by(|a, b| predicted[*a] == predicted[*b]) {
        let mean = tied.iter().map(|row| came[*row]).sum::<f64>() / tied.len() as f64;
        errors.extend(tied.iter().map(|row| predicted[*row] - mean));
    }
    let size = errors.len().div_ceil(BINS).max(1);
    errors.chunks(size).map(|bin| bin.iter().sum::<f64>().abs()).sum::<f64>() / rows.len() as f64
}

/// Rank correlation (Spearman), ties at the mean of their ranks.
pub fn spearman(a: &[f64], b: &[f64], rows: &[usize]) -> f64 {
    let (a, b) = (ranks(a, rows), ranks(b, rows));
    let mean = (rows.len() as f64 - 1.0) / 2.0;
    let covariance =
        |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    covariance(&a, &b) / (covariance(&a, &a) * covariance(&b, &b)).sqrt()
}

/// The rank of each row's value, from 0; equal ones have the mean of their ranks.
pub fn ranks(values: &[f64], rows: &[usize]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| values[rows[*a]].total_cmp(&values[rows[*b]]));
    let mut ranks = vec![0.0; rows.len()];
    let mut at = 0;
    for tied in order.chunk_by(|a, b| values[rows[*a]] == values[rows[*b]]) {
        let mean = at as f64 + (tied.len() as f64 - 1.0) / 2.0;
        tied.iter().for_each(|place| ranks[*place] = mean);
        at += tied.len();
    }
    ranks
}

/// The mean of values over rows.
pub fn mean(values: &[f64], rows: &[usize]) -> f64 {
    rows.iter().map(|row| values[*row]).sum::<f64>() / rows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [usize; 4] = [0, 1, 2, 3];

    #[test]
    fn a_router_that_knows_recovers_the_gap_at_once() {
        let gains = [1.0, 0.0, 0.0, 0.0];
        // By hand: the curve is 0, 1, 1, 1, 1 of 1; trapezia (0.5 + 1 + 1 + 1) / 4.
        let of = |scores: [f64; 4]| Recovery::new(&scores, &gains, &ALL);
        assert!((of([4.0, 3.0, 2.0, 1.0]).apgr() - 0.875).abs() < 1e-12);
        assert!((of([1.0, 2.0, 3.0, 4.0]).apgr() - 0.125).abs() < 1e-12);
        assert!((of([1.0; 4]).apgr() - 0.5).abs() < 1e-12, "ties share their places");
        assert_eq!(of([4.0, 3.0, 2.0, 1.0]).cpt(0.8), 25.0);
        assert_eq!(of([1.0; 4]).cpt(0.5), 50.0);
    }

    #[test]
    fn without_a_gap_no_share_of_it_is_a_number() {
        for gains in [[0.0; 4], [1.0, -1.0, 0.0, 0.0], [-1.0; 4]] {
            let found = Recovery::new(&[4.0, 3.0, 2.0, 1.0], &gains, &ALL);
            assert!(
                found.apgr().is_nan() && found.cpt(0.5).is_nan() && found.points(4).is_empty(),
                "{gains:?}"
            );
        }
        let figure = Figure { value: f64::NAN, low: 0.0, high: 1.0 };
        assert_eq!(serde_json::to_string(&figure).unwrap(), r#"{"value":null,"low":0.0,"high":1.0}"#);
    }

    #[test]
    fn a_curve_is_shown_at_equal_steps() {
        let found = Recovery::new(&[4.0, 3.0, 2.0, 1.0], &[1.0, 0.0, 1.0, 0.0], &ALL);
        assert_eq!(found.points(2), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)]);
        assert_eq!(found.points(4), [(0.0, 0.0), (0.25, 0.5), (0.5, 0.5), (0.75, 1.0), (1.0, 1.0)]);
        assert_eq!(found.points(8).len(), 9, "a step may stand twice");
    }

    #[test]
    fn the_hull_leaves_out_what_a_mixture_beats() {
        let points = vec![(1.0, 0.5), (2.0, 0.55), (3.0, 0.8), (4.0, 0.7), (5.0, 0.81)];
        assert_eq!(hull(&points), [(1.0, 0.5), (3.0, 0.8), (5.0, 0.81)]);
        assert!((aiq(&vec![(1.0, 0.5), (3.0, 0.7)], (1.0, 3.0)) - 0.6).abs() < 1e-6);
        assert!((aiq(&vec![(1.0, 0.5)], (1.0, 3.0)) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn calibration_and_ranks_by_hand() {
        let came = [0.0, 1.0, 1.0, 0.0];
        let found = ece(&[0.9, 0.8, 0.7, 0.6], &came, &ALL);
        assert!((found - (0.9 + 0.2 + 0.3 + 0.6) / 4.0).abs() < 1e-12, "one row a bin: {found}");
        assert!((ece(&[0.9; 4], &came, &ALL) - 0.4).abs() < 1e-12, "equal predictions are not told apart");
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[1.0, 4.0, 9.0, 16.0], &ALL) - 1.0).abs() < 1e-12);
        assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[4.0, 3.0, 2.0, 1.0], &ALL) + 1.0).abs() < 1e-12);
    }

    #[test]
    fn intervals_hold_the_mean_about_as_often_as_they_say() {
        let mut random = StdRng::seed_from_u64(3);
        let held = (0..200)
            .filter(|round| {
                let values: Vec<f64> = (0..60).map(|_| random.random::<f64>()).collect();
                let figure = bootstrap(60, *round, |rows| vec![mean(&values, rows)])[0];
                figure.low <= 0.5 && 0.5 <= figure.high
            })
            .count();
        assert!((180..=199).contains(&held), "{held} of 200");
    }
}
