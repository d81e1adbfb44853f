//! One quantity of recent answers in bounded memory: what was seen, and what was cut off before it could be seen.

use hdrhistogram::Histogram;

use crate::routing::{LEVELS, Spread};

/// Digits kept of a value: one per cent, in some ten kilobytes.
const DIGITS: u8 = 2;
/// Where so many answers were cut off that the quantile was never seen, it lies beyond the longest of them; this far,
/// so that no plan passes for as long as it was given.
const BEYOND: f32 = 2.0;
/// Differences below this are rounding.
const EPSILON: f64 = 1e-9;

/// Counts of values.
pub(super) struct Sketch {
    seen: Histogram<u32>,
    /// Values of which it is only known that they were larger; most sketches have none.
    cut: Option<Histogram<u32>>,
}

impl Sketch {
    /// An empty sketch of values up to this.
    pub(super) fn new(highest: u64) -> Option<Self> {
        Some(Self { seen: Histogram::new_with_bounds(1, highest, DIGITS).ok()?, cut: None })
    }

    /// Adds a value, or a value that was larger than this.
    pub(super) fn add(&mut self, value: u64, cut: bool) {
        let value = value.max(1);
        if cut {
            let like = &self.seen;
            self.cut.get_or_insert_with(|| Histogram::new_from(like)).saturating_record(value);
        } else {
            self.seen.saturating_record(value);
        }
    }

    /// How many values were seen to their end.
    pub(super) fn count(&self) -> u64 {
        self.seen.len()
    }
}

/// A value, whether it was cut off, and how often it came. Sorts what was seen before what was cut off at it.
type Step = (u64, bool, u64);

/// The distribution of all values of several sketches; `None` where fewer than `least` were seen to their end.
///
/// What was cut off is spread over what took longer (the product-limit estimate), and one value more than there are
/// counts as larger than all, so that the quantile holds for the next one and not only for those seen.
pub(super) fn spread<'s>(sketches: impl Iterator<Item = &'s Sketch>, least: u32) -> Option<Spread> {
    let mut steps: Vec<Step> = Vec::new();
    for sketch in sketches {
        let of = |histogram: &Histogram<u32>, cut: bool| -> Vec<Step> {
            histogram
                .iter_recorded()
                .map(|at| (at.value_iterated_to(), cut, at.count_at_value().into()))
                .collect()
        };
        steps.extend(of(&sketch.seen, false));
        steps.extend(sketch.cut.iter().flat_map(|cut| of(cut, true)));
    }
    let seen: u64 = steps.iter().filter(|step| !step.1).map(|step| step.2).sum();
    if seen == 0 || seen < u64::from(least) {
        return None;
    }
    steps.sort_unstable();
    let all: u64 = steps.iter().map(|step| step.2).sum();
    let (mut left, mut surviving) = ((all + 1) as f64, 1.0);
    let mut quantiles = [0.0; LEVELS.len()];
    let mut at = 0;
    for &(value, cut, count) in &steps {
        if !cut {
            surviving *= 1.0 - count as f64 / left;
        }
        left -= count as f64;
        while at < LEVELS.len() && 1.0 - surviving >= LEVELS[at] - EPSILON {
            quantiles[at] = value as f32;
            at += 1;
        }
    }
    let beyond = steps.last().map_or(0.0, |(value, cut, _)| *value as f32 * if *cut { BEYOND } else { 1.0 });
    quantiles[at..].fill(beyond);
    Some(Spread(quantiles))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = (u64, bool)>) -> Sketch {
        let mut sketch = Sketch::new(1_000_000).unwrap();
        values.for_each(|(value, cut)| sketch.add(value, cut));
        sketch
    }

    fn at(sketches: &[Sketch], level: f64) -> Option<f32> {
        spread(sketches.iter(), 19).map(|spread| spread.quantile(level))
    }

    #[test]
    fn the_quantile_holds_for_the_next_value() {
        assert_eq!(at(&[of((1..=18).map(|value| (value, false)))], 0.95), None);
        assert_eq!(at(&[of((1..=19).map(|value| (value, false)))], 0.95), Some(19.0));
        assert_eq!(at(&[of((1..=99).map(|value| (value, false)))], 0.95), Some(95.0));
        assert_eq!(at(&[of((1..=99).map(|value| (value, false)))], 0.5), Some(50.0));
        let halves = [of((1..=50).map(|value| (value, false))), of((51..=99).map(|value| (value, false)))];
        assert_eq!(at(&halves, 0.95), Some(95.0));
    }

    #[test]
    fn what_was_cut_off_counts_as_longer() {
        // Every second answer is cut at half its length: without them the quantile would still be 95, with the cut ones
        // taken as finished it would be 94 or less.
        let cut = |value: u64| if value.is_multiple_of(2) { (value / 2, true) } else { (value, false) };
        let found = at(&[of((1..=99).map(cut))], 0.95).unwrap();
        assert!((93.0..=99.0).contains(&found), "{found}");
        let finished = of((1..=99).map(cut).map(|(value, _)| (value, false)));
        assert!(at(&[finished], 0.95).unwrap() < 92.0);
    }

    #[test]
    fn a_quantile_that_was_never_seen_lies_beyond_what_was() {
        let cut = |value: u64| if value > 70 { (70, true) } else { (value, false) };
        let sketch = [of((1..=99).map(cut))];
        assert_eq!(at(&sketch, 0.5), Some(50.0));
        assert_eq!(at(&sketch, 0.95), Some(140.0));
        assert_eq!(at(&[of((1..=30).map(|value| (value, true)))], 0.95), None);
    }

    #[test]
    fn values_beyond_the_range_count_at_its_end() {
        let found = at(&[of((0..40).map(|_| (u64::MAX, false)))], 0.95).unwrap();
        assert!(found >= 1_000_000.0, "{found}");
    }
}
