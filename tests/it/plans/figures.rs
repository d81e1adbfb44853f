//! What was measured, as figures with their intervals, and whether they are good enough.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::replay::Served;

/// Resamples of a bootstrap.
const RESAMPLES: usize = 10_000;
/// What may be lost against the best single model.
pub const MARGIN: f64 = 0.01;
/// What may be spent of its cost.
pub const COST: f64 = 0.55;

/// A way to serve beside another, on the same prompts.
pub struct Beside {
    /// Quality minus the other's.
    pub quality: Interval,
    /// Cost over the other's.
    pub cost: Interval,
}

/// A figure, the middle 95 % of its resampled values, and their one-sided 95 % bounds.
#[derive(Clone, Copy)]
pub struct Interval {
    pub value: f64,
    pub middle: (f64, f64),
    pub at_least: f64,
    pub at_most: f64,
}

impl Interval {
    fn of(value: f64, mut drawn: Vec<f64>) -> Self {
        drawn.sort_by(f64::total_cmp);
        let at = |share: f64| drawn[((drawn.len() - 1) as f64 * share).round() as usize];
        Self { value, middle: (at(0.025), at(0.975)), at_least: at(0.05), at_most: at(0.95) }
    }

    fn json(&self) -> Value {
        let round = |value: f64| (value * 1e4).round() / 1e4;
        json!({
            "value": round(self.value), "middle_95": [round(self.middle.0), round(self.middle.1)],
            "at_least_95": round(self.at_least), "at_most_95": round(self.at_most),
        })
    }
}

impl Beside {
    /// From pairs of score and cost. Prompts are drawn again whole, so what belongs together stays together.
    pub fn of(ours: &[(f64, f64)], others: &[(f64, f64)]) -> Self {
        let rows = ours.len();
        assert_eq!(rows, others.len());
        let figures = |drawn: &mut dyn Iterator<Item = usize>| {
            let (mut quality, mut cost, mut other) = (0.0, 0.0, 0.0);
            for at in drawn {
                quality += ours[at].0 - others[at].0;
                cost += ours[at].1;
                other += others[at].1;
            }
            (quality / rows as f64, cost / other)
        };
        let value = figures(&mut (0..rows));
        let mut rng = StdRng::seed_from_u64(1);
        let mut draw = || figures(&mut (0..rows).map(|_| rng.random_range(0..rows)));
        let (quality, cost) = (0..RESAMPLES).map(|_| draw()).unzip();
        Self { quality: Interval::of(value.0, quality), cost: Interval::of(value.1, cost) }
    }

    pub fn served(ours: &[Served], others: &[Served]) -> Self {
        Self::of(&pairs(ours), &pairs(others))
    }

    /// Whether it loses no more than may be lost.
    pub fn holds_quality(&self) -> bool {
        self.quality.at_least >= -MARGIN
    }

    pub fn json(&self) -> Value {
        json!({ "quality_minus": self.quality.json(), "cost_over": self.cost.json() })
    }
}

pub fn pairs(served: &[Served]) -> Vec<(f64, f64)> {
    served.iter().map(|one| (one.came.score, one.came.cost_usd)).collect()
}

/// A way to serve in itself: quality, US dollars a thousand requests, and what was chosen how often.
pub fn alone(served: &[Served]) -> Value {
    let rows = served.len() as f64;
    let sum = |part: fn(&Served) -> f64| served.iter().map(part).sum::<f64>();
    let mut plans: BTreeMap<String, usize> = BTreeMap::new();
    for one in served {
        *plans.entry(format!("{}: {}", one.task, one.plan)).or_default() += 1;
    }
    json!({
        "rows": served.len(),
        "quality": (sum(|one| one.came.score) / rows * 1e4).round() / 1e4,
        "usd_per_1000": (sum(|one| one.came.cost_usd) / rows * 1e7).round() / 1e4,
        "first_answers_stood": (sum(|one| f64::from(u8::from(one.came.stood))) / rows * 1e4).round() / 1e4,
        "plans": plans,
    })
}
