//! Statistics of the demo: resampled intervals, evidence from paired outcomes, and the random mix at equal cost.
//! Pure; random numbers come from a seed, so that the same rows give the same figures.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

/// Resamples of every interval.
pub const RESAMPLES: usize = 2000;
/// Seed of every interval.
pub const SEED: u64 = 7;

/// A figure and the middle 95 % of its resampled values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The figure on all rows.
    pub value: f64,
    /// 2.5 % of the resampled values are below.
    pub low: f64,
    /// 2.5 % of the resampled values are above.
    pub high: f64,
}

/// Percentile bootstrap: draws the positions `0..rows` with replacement and takes the statistic of each draw. Rows are
/// drawn whole, so that what belongs together (the outcomes of all models on one prompt) stays together.
pub fn bootstrap(rows: usize, statistic: impl Fn(&[usize]) -> f64) -> Interval {
    let all: Vec<usize> = (0..rows).collect();
    let value = statistic(&all);
    if rows == 0 {
        return Interval { value, low: value, high: value };
    }
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut drawn = all;
    let mut values: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            drawn.fill_with(|| rng.random_range(0..rows));
            statistic(&drawn)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Interval { value, low: at(0.025), high: at(0.975) }
}

/// Mean of the values at these positions; 0 without any.
pub fn mean_at(values: &[f64], positions: &[usize]) -> f64 {
    if positions.is_empty() {
        return 0.0;
    }
    positions.iter().map(|at| values[*at]).sum::<f64>() / positions.len() as f64
}

/// Mean of the values; 0 without any.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Mean loss of paired outcomes and the upper end of its one-sided 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedLoss {
    /// Mean of (baseline's score - model's score).
    pub mean: f64,
    /// Upper end.
    pub upper: f64,
}

/// From losses in [-1,1]. The interval counts two imaginary pairs more, one lost and one won: without them a small
/// class in which the models happened never to differ would pass for proof that they never do.
pub fn paired_loss(losses: &[f64]) -> PairedLoss {
    const ONE_SIDED_95: f64 = 1.645;
    let mean_loss = mean(losses);
    let n = losses.len() as f64 + 2.0;
    let centre = losses.iter().sum::<f64>() / n;
    let squares: f64 = losses.iter().chain(&[1.0, -1.0]).map(|loss| (loss - centre).powi(2)).sum();
    let deviation = (squares / (n - 1.0)).sqrt();
    PairedLoss { mean: mean_loss, upper: mean_loss.max(centre) + ONE_SIDED_95 * deviation / n.sqrt() }
}

/// A way to serve as a point: what a request costs and how good its answer is, on average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Mean cost per request.
    pub cost: f64,
    /// Mean quality.
    pub quality: f64,
}

/// A blind mix of two ways to serve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mix {
    /// Position of the cheaper way.
    pub cheap: usize,
    /// Position of the dearer way.
    pub dear: usize,
}

/// The pair whose blind mix is best at this cost: what a router must beat. One and the same way twice when the cost is
/// outside all of them.
pub fn best_mix(points: &[Point], cost: f64) -> Option<Mix> {
    let pairs = (0..points.len()).flat_map(|cheap| (0..points.len()).map(move |dear| Mix { cheap, dear }));
    pairs
        .filter(|mix| points[mix.cheap].cost <= points[mix.dear].cost)
        .filter(|mix| mix.reaches(points, cost))
        .max_by(|one, other| one.quality(points, cost).total_cmp(&other.quality(points, cost)))
}

impl Mix {
    /// Share of the dearer way at which the mix costs this much, within what is possible.
    pub fn share(&self, points: &[Point], cost: f64) -> f64 {
        let (cheap, dear) = (points[self.cheap].cost, points[self.dear].cost);
        if dear <= cheap { 0.0 } else { ((cost - cheap) / (dear - cheap)).clamp(0.0, 1.0) }
    }

    /// Expected quality of the mix at this cost.
    pub fn quality(&self, points: &[Point], cost: f64) -> f64 {
        let share = self.share(points, cost);
        points[self.cheap].quality * (1.0 - share) + points[self.dear].quality * share
    }

    /// Whether the mix can cost this much. A single way stands for every cost at or above its own, the cheapest for
    /// those below as well.
    fn reaches(&self, points: &[Point], cost: f64) -> bool {
        let cheapest = points.iter().map(|point| point.cost).fold(f64::INFINITY, f64::min);
        let (cheap, dear) = (points[self.cheap].cost, points[self.dear].cost);
        if self.cheap == self.dear { cheap <= cost.max(cheapest) } else { cheap <= cost && cost <= dear }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_is_the_binomial_one() {
        let values: Vec<f64> = (0..400).map(|at| f64::from(at % 4 == 0)).collect();
        let found = bootstrap(values.len(), |drawn| mean_at(&values, drawn));
        // 0.25 +- 1.96 * sqrt(0.25 * 0.75 / 400) = 0.25 +- 0.0424
        assert_eq!(found.value, 0.25);
        assert!((found.low - 0.2076).abs() < 0.005 && (found.high - 0.2924).abs() < 0.005, "{found:?}");
        assert_eq!(found, bootstrap(values.len(), |drawn| mean_at(&values, drawn)));
    }

    #[test]
    fn pairs_narrow_the_interval_and_certainty_closes_it() {
        let noisy: Vec<f64> = (0..100).map(|at| f64::from(at % 2)).collect();
        let shifted: Vec<f64> = noisy.iter().map(|value| value - 0.1).collect();
        let paired = bootstrap(100, |drawn| mean_at(&noisy, drawn) - mean_at(&shifted, drawn));
        assert!((paired.high - paired.low).abs() < 1e-9, "{paired:?}");
        assert!((paired.value - 0.1).abs() < 1e-9);
        assert_eq!(bootstrap(0, |_| 0.0), Interval { value: 0.0, low: 0.0, high: 0.0 });
    }

    #[test]
    fn little_evidence_proves_little() {
        let same = |n| paired_loss(&vec![0.0; n]);
        assert_eq!(same(20).mean, 0.0);
        assert!(same(20).upper > 0.05, "{:?}", same(20));
        assert!(same(800).upper < 0.005, "{:?}", same(800));
        // 40 lost, 20 won, 740 equal: mean 0.025, deviation 0.273 / sqrt(802)
        let losses: Vec<f64> = [vec![1.0; 40], vec![-1.0; 20], vec![0.0; 740]].concat();
        let loss = paired_loss(&losses);
        assert!((loss.mean - 0.025).abs() < 1e-12);
        assert!((loss.upper - 0.0412).abs() < 0.0005, "{loss:?}");
    }

    #[test]
    fn the_mix_costs_what_it_must_and_is_the_best_pair() {
        let point = |cost, quality| Point { cost, quality };
        let points = [point(1.0, 0.8), point(2.0, 0.95), point(3.0, 0.9)];
        let check = |cost, cheap, dear, quality: f64| {
            let mix = best_mix(&points, cost).unwrap();
            assert_eq!((mix.cheap, mix.dear), (cheap, dear), "at {cost}");
            assert!((mix.quality(&points, cost) - quality).abs() < 1e-12);
        };
        check(1.5, 0, 1, 0.875);
        check(0.5, 0, 0, 0.8);
        assert_eq!(best_mix(&points, 2.5).unwrap().quality(&points, 2.5), 0.95);
        assert_eq!(best_mix(&points, 9.0).unwrap().quality(&points, 9.0), 0.95);
        assert_eq!(best_mix(&[], 1.0), None);
    }
}
