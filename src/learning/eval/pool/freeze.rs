//! One setting of a way, chosen on the learned rows.

use super::field::Field;
use super::{Served, advantages};
use crate::learning::eval::{MAX_LOSS, Trial, upper_mean};

/// What a way serves on one sheet.
#[derive(Clone)]
pub(super) struct Settings {
    /// By what a dollar counts in quality.
    pub(super) curve: Vec<Served>,
    /// By the advantage a cheaper plan needs over the best single model, the greatest first.
    pub(super) cautious: Vec<Served>,
}

/// What a way serves at each of its settings, and at those chosen on the learned rows; all over the reported rows.
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) curve: Vec<Served>,
    /// At the setting that is safe on the learned rows; `None`: none saves anything there, for no part.
    pub(super) frozen: Option<Served>,
    /// The advantage that is frozen on all learned rows.
    pub(super) advantage: Option<f64>,
    /// At the setting with the best quality on the learned rows.
    pub(super) best: Served,
    /// What the frozen setting costs on the learned rows, all of them together; of several ways the cheapest is taken.
    pub(super) learned_cost: f64,
}

impl Way {
    /// A way that nothing is chosen for.
    pub(super) fn without_choice(name: &'static str, curve: Vec<Served>) -> Self {
        let best = curve.first().cloned().unwrap_or_default();
        Self { name, curve, frozen: None, advantage: None, best, learned_cost: f64::INFINITY }
    }
}

impl<'s> Field<'s> {
    /// Chooses settings of `then`, the learned rows, for each part of `now`, the reported rows.
    pub(super) fn chosen(
        &self,
        name: &'static str,
        trial: &Trial<'s>,
        (then, now): (&Settings, Settings),
    ) -> Way {
        let alone = (self.then.single(self.best), self.now.single(self.best));
        let (mut frozen, mut best, mut any) = (alone.1.clone(), alone.1, false);
        for part in trial.parts() {
            let learned = |at: &usize| part.learns_from(&trial.learned.rows[self.then.rows[*at]]);
            let learned: Vec<usize> = (0..self.then.rows.len()).filter(learned).collect();
            let safe = cheapest_safe(&then.cautious, &alone.0, &learned);
            let highest = highest(&then.curve, &learned);
            any |= safe.is_some();
            for (at, row) in self.now.rows.iter().enumerate() {
                if part.holds(&trial.reported().rows[*row]) {
                    frozen[at] = safe.map_or(frozen[at], |setting| now.cautious[setting][at]);
                    best[at] = now.curve[highest][at];
                }
            }
        }
        let all: Vec<usize> = (0..self.then.rows.len()).collect();
        let safe = cheapest_safe(&then.cautious, &alone.0, &all);
        let advantage = safe.and_then(|setting| advantages().nth(setting));
        let cost = |setting: usize| then.cautious[setting].iter().map(|(cost, _)| cost).sum();
        let learned_cost = safe.map_or(f64::INFINITY, cost);
        Way { name, curve: now.curve, frozen: any.then_some(frozen), advantage, best, learned_cost }
    }
}

/// The cheapest of the settings up to which each is safe, if it saves anything.
fn cheapest_safe(settings: &[Served], alone: &Served, rows: &[usize]) -> Option<usize> {
    let is_safe = |served: &Served| {
        let losses: Vec<f64> = rows.iter().map(|row| alone[*row].1 - served[*row].1).collect();
        upper_mean(&losses).1 <= MAX_LOSS
    };
    let cost = |served: &Served| rows.iter().map(|row| served[*row].0).sum::<f64>();
    let safe = settings.iter().take_while(|served| is_safe(served)).enumerate();
    let cheapest = safe.min_by(|a, b| cost(a.1).total_cmp(&cost(b.1)));
    cheapest.filter(|(_, served)| cost(served) < cost(alone)).map(|(setting, _)| setting)
}

/// The setting with the best quality.
fn highest(settings: &[Served], rows: &[usize]) -> usize {
    let quality = |served: &Served| rows.iter().map(|row| served[*row].1).sum::<f64>();
    let found = settings.iter().enumerate().max_by(|a, b| quality(a.1).total_cmp(&quality(b.1)));
    found.map_or(0, |(setting, _)| setting)
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn the_first_setting_that_is_not_safe_ends_the_search() {
        let served = |cost: f64, quality: f64| vec![(cost, quality); 4];
        let alone = served(10.0, 0.9);
        let rows = [0, 1, 2, 3];
        let settings = [served(8.0, 0.9), served(5.0, 0.895), served(3.0, 0.85), served(1.0, 0.9)];
        assert_eq!(cheapest_safe(&settings, &alone, &rows), Some(1), "the last is luck");
        assert_eq!(cheapest_safe(&settings[2..], &alone, &rows), None);
        assert_eq!(cheapest_safe(std::slice::from_ref(&alone), &alone, &rows), None, "it saves nothing");
        assert_eq!(highest(&settings[1..3], &rows), 0);
    }

    #[test]
    fn a_frozen_setting_loses_on_fresh_rows_no_more_than_it_says() {
        // Each setting serves three hundredths more of the rows by a cheaper model, which is right less and less often.
        let right = |setting: usize| 0.82 - 0.006 * setting as f64;
        let true_loss = |setting: usize| (1..=setting).map(|step| 0.03 * (0.8 - right(step))).sum::<f64>();
        let mut random = StdRng::seed_from_u64(12);
        let mut trial = || {
            let rows: Vec<usize> = (0..1500).collect();
            let lots: Vec<(f64, f64, f64)> = rows.iter().map(|_| random.random()).collect();
            let was_right = |share: f64, lot: f64| f64::from(u8::from(lot < share));
            let alone: Served = lots.iter().map(|(_, lot, _)| (2.0, was_right(0.8, *lot))).collect();
            let served = |setting: usize| -> Served {
                let one = |(place, best, other): &(f64, f64, f64)| {
                    let step = 1 + (place / 0.03) as usize;
                    if step <= setting {
                        (1.0, was_right(right(step), *other))
                    } else {
                        (2.0, was_right(0.8, *best))
                    }
                };
                lots.iter().map(one).collect()
            };
            let settings: Vec<Served> = (0..=30).map(served).collect();
            cheapest_safe(&settings, &alone, &rows)
        };
        let found: Vec<usize> = (0..300).filter_map(|_| trial()).collect();
        assert!(found.len() > 150, "the trial is empty: {} settings were found", found.len());
        let beyond = found.iter().filter(|setting| true_loss(**setting) > MAX_LOSS).count();
        assert!(beyond <= 25, "{beyond} of {} lose more", found.len());
    }
}
