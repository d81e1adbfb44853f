//! Which cascades are worth choosing among.

use super::field::{Expected, Field, Side};
use crate::learning::eval::cascade::{Plan, run};
use crate::learning::eval::means::Group;
use crate::learning::eval::{LEAST_ROWS, Part, Trial};
use crate::learning::metrics::hull;
use crate::types::TaskClass;

impl<'s> Field<'s> {
    /// The cascades worth choosing among. A row sees those that are worth it on the learned rows of its part. Expected of
    /// one is what it was worth in the row's class, moved by what the prompt says of its third model: that one answers
    /// when the prompt is hard, and a mean of easy and hard prompts has no place beside predictions of this one.
    pub(super) fn cascades(&self, trial: &Trial<'s>, side: &Side<'s>) -> Vec<Expected> {
        let mut found: Vec<(Plan, Vec<Part>)> = Vec::new();
        for part in trial.parts() {
            let kept = |row: &usize| part.learns_from(&trial.learned.rows[*row]);
            let rows: Vec<usize> = self.then.rows.iter().copied().filter(kept).collect();
            for plan in self.worthwhile(trial, &rows) {
                match found.iter_mut().find(|(known, _)| *known == plan) {
                    Some((_, parts)) => parts.push(part),
                    None => found.push((plan, vec![part])),
                }
            }
        }
        let expected = |(plan, parts): (Plan, Vec<Part>)| {
            let (usd_per_1000, mut quality) = self.means(trial, &Group::Class, plan);
            for (row, facts) in trial.reported().rows.iter().enumerate() {
                if !parts.iter().any(|part| part.holds(facts)) {
                    quality[row] = f64::NEG_INFINITY;
                } else if let Plan::Agree(_, third) = plan {
                    quality[row] += side.beyond_class(third, row);
                }
            }
            Expected { plan, quality, usd_per_1000 }
        };
        found.into_iter().map(expected).collect()
    }

    /// The cascades no mixture of others beats, on these learned rows, in any class.
    fn worthwhile(&self, trial: &Trial<'s>, rows: &[usize]) -> Vec<Plan> {
        let mut kept = Vec::new();
        for task in TaskClass::ALL {
            let of: Vec<usize> =
                rows.iter().copied().filter(|row| trial.learned.rows[*row].task == task).collect();
            if of.len() < LEAST_ROWS {
                continue;
            }
            let all = self.triples(&of);
            let corners = hull(&all.iter().map(|(_, point)| *point).collect());
            let corner = |(plan, point): &(Plan, (f64, f64))| corners.contains(point).then_some(*plan);
            kept.extend(all.iter().filter_map(corner));
        }
        kept.sort_unstable();
        kept.dedup();
        kept
    }

    /// Every cascade of two models and a dearer third, with its mean cost and quality on some learned rows.
    pub(super) fn triples(&self, rows: &[usize]) -> Vec<(Plan, (f64, f64))> {
        let side = &self.then;
        let cost = |model: usize| {
            rows.iter().map(|row| run(Plan::Single(model), &side.answers, *row).cost_usd).sum::<f64>()
        };
        let costs: Vec<f64> = (0..self.models.len()).map(cost).collect();
        let mean = |plan: Plan| {
            let all = rows.iter().map(|row| side.run(plan, *row));
            let (cost, quality) = all.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            (cost / rows.len() as f64, quality / rows.len() as f64)
        };
        let mut found = Vec::new();
        for third in 0..costs.len() {
            for first in 0..costs.len() {
                for second in first + 1..costs.len() {
                    if costs[first].max(costs[second]) < costs[third] {
                        let plan = Plan::Agree([first, second], third);
                        found.push((plan, mean(plan)));
                    }
                }
            }
        }
        found
    }
}
