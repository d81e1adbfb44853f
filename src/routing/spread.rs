//! How long something takes, as a distribution: its quantiles at fixed levels. Legs of a plan are put together here, and
//! the quantile is read from the whole: the quantile of a maximum is not the maximum of the quantiles. Only arithmetic
//! that comes out the same on every machine, because decisions are replayed.

/// Levels of the quantiles kept. The upper ones are the roots of 0.95 and a little more: where two, three or four like legs
/// run side by side, the 95 % of all of them lie at one of these of each.
pub const LEVELS: [f64; 16] = [
    0.05, 0.15, 0.25, 0.35, 0.5, 0.65, 0.75, 0.85, 0.9, 0.95, 0.974_68, 0.983_05, 0.987_26, 0.993, 0.996,
    0.998,
];

/// Quantiles at [`LEVELS`], rising.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread(pub [f32; LEVELS.len()]);

/// How the quantiles of a log-normal with deviation 0.5, whose median is 44 % of it, stand to its 95 %: such are answer times
/// of providers, more or less, and of a time of which only that one quantile is kept no more is known.
const AROUND: [f32; LEVELS.len()] = [
    0.193, 0.2617, 0.3136, 0.3624, 0.4394, 0.5327, 0.6156, 0.7377, 0.8339, 1.0, 1.1672, 1.2688, 1.3432,
    1.5011, 1.6547, 1.8527,
];

impl Spread {
    /// A time of which the 95 % quantile is known.
    pub fn around(q95: f32) -> Self {
        Self(AROUND.map(|share| share * q95))
    }

    /// A time that is known.
    pub fn certain(time: f32) -> Self {
        Self([time; LEVELS.len()])
    }

    /// The same, this many times as long.
    #[must_use]
    pub fn scaled(self, factor: f32) -> Self {
        Self(self.0.map(|time| time * factor))
    }

    /// The quantile at a level; above the highest kept level, that one.
    pub fn quantile(&self, level: f64) -> f32 {
        let at = LEVELS.partition_point(|known| *known < level);
        let Some(upper) = self.0.get(at) else { return self.0[LEVELS.len() - 1] };
        let (lower, from) = if at == 0 { (0.0, 0.0) } else { (self.0[at - 1], LEVELS[at - 1]) };
        between((lower, *upper), (level - from) / (LEVELS[at] - from))
    }

    /// The share that takes at most this long.
    pub fn share_within(&self, time: f32) -> f64 {
        let at = self.0.partition_point(|known| *known <= time);
        let Some(upper) = self.0.get(at) else { return 1.0 };
        let (lower, from) = if at == 0 { (0.0, 0.0) } else { (self.0[at - 1], LEVELS[at - 1]) };
        from + (LEVELS[at] - from) * f64::from((time - lower) / (upper - lower))
    }

    /// Legs side by side, all of which must be there: the slowest of them. Legs count as independent; where they are slow
    /// together, this errs on the late side.
    #[must_use]
    pub fn all_of(legs: &[Self]) -> Self {
        let mut times: Vec<f32> = legs.iter().flat_map(|leg| leg.0).collect();
        times.sort_unstable_by(f32::total_cmp);
        let all_within = |time: f32| legs.iter().map(|leg| leg.share_within(time)).product::<f64>();
        Self::read(times.into_iter().map(|time| (time, all_within(time))))
    }

    /// Legs one after the other. Legs count as independent here too: their tails rarely come together.
    #[must_use]
    pub fn in_turn(legs: &[Self]) -> Self {
        legs.iter().copied().reduce(|before, leg| before.and_then(&leg)).unwrap_or(Self::certain(0.0))
    }

    fn and_then(&self, next: &Self) -> Self {
        let mut sums: Vec<(f32, f64)> = Vec::with_capacity((LEVELS.len() + 1).pow(2));
        for (one, weight) in self.pieces() {
            sums.extend(next.pieces().map(|(other, share)| (one + other, weight * share)));
        }
        sums.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let mut within = 0.0;
        // A piece stands for what lies around it: half of it is below.
        Self::read(sums.into_iter().map(|(sum, share)| {
            within += share;
            (sum, within - share / 2.0)
        }))
    }

    /// The distribution in pieces: the middle of each, and how much of the whole lies in it.
    fn pieces(&self) -> impl Iterator<Item = (f32, f64)> + '_ {
        let last = LEVELS.len() - 1;
        (0..=LEVELS.len()).map(move |at| match at {
            0 => (self.0[0], LEVELS[0]),
            at if at > last => (self.0[last], 1.0 - LEVELS[last]),
            at => ((self.0[at - 1] + self.0[at]) / 2.0, LEVELS[at] - LEVELS[at - 1]),
        })
    }

    /// From rising times and the share within each.
    fn read(points: impl Iterator<Item = (f32, f64)>) -> Self {
        let mut points = points.peekable();
        let mut before = points.peek().map_or((0.0, 0.0), |first| (first.0, 0.0));
        let mut quantiles = [0.0; LEVELS.len()];
        for (quantile, level) in quantiles.iter_mut().zip(LEVELS) {
            while let Some(passed) = points.next_if(|(_, share)| *share < level) {
                before = passed;
            }
            *quantile = match points.peek() {
                None => before.0,
                Some((time, share)) => {
                    between((before.0, *time), (level - before.1) / (share - before.1).max(f64::MIN_POSITIVE))
                }
            };
        }
        Self(quantiles)
    }
}

fn between((lower, upper): (f32, f32), share: f64) -> f32 {
    lower + (upper - lower) * share.clamp(0.0, 1.0) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Uniform between two times.
    fn uniform(from: f32, to: f32) -> Spread {
        Spread(LEVELS.map(|level| from + (to - from) * level as f32))
    }

    #[track_caller]
    fn near(found: f32, expected: f32, within: f32) {
        assert!((found - expected).abs() <= within, "{found} is not {expected} within {within}");
    }

    #[test]
    fn quantile_and_share_are_each_others_inverse() {
        let spread = uniform(100.0, 1100.0);
        for level in [0.05, 0.1, 0.5, 0.93, 0.95, 0.99] {
            near(spread.share_within(spread.quantile(level)) as f32, level as f32, 1e-4);
        }
        assert_eq!(spread.share_within(2000.0), 1.0);
        assert_eq!(spread.quantile(0.9999), spread.0[LEVELS.len() - 1]);
        assert_eq!(Spread::certain(5.0).quantile(0.95), 5.0);
    }

    #[test]
    fn the_slowest_of_legs_is_slower_than_each() {
        let leg = uniform(0.0, 1000.0);
        // P(max of k <= x) = (x/1000)^k
        for (legs, expected) in [(1, 950.0), (2, 974.7), (3, 983.0), (4, 987.3)] {
            near(Spread::all_of(&vec![leg; legs]).quantile(0.95), expected, 1.0);
        }
        // A leg that is always done earlier adds nothing; the median is raised too.
        near(Spread::all_of(&[leg, Spread::certain(1.0)]).quantile(0.95), 950.0, 1.0);
        near(Spread::all_of(&[leg, leg]).quantile(0.5), 707.1, 12.0);
    }

    #[test]
    fn a_time_known_by_one_quantile_is_put_together_as_a_distribution() {
        let leg = Spread::around(1000.0);
        assert_eq!(leg.quantile(0.95), 1000.0);
        // The slower of two is late more often than one; two in turn are rarely both late.
        near(Spread::all_of(&[leg, leg]).quantile(0.95), 1167.0, 2.0);
        let both = Spread::in_turn(&[leg, leg]).quantile(0.95);
        assert!((1500.0..1800.0).contains(&both), "{both}");
    }

    #[test]
    fn legs_in_turn_add_up() {
        let leg = uniform(0.0, 1000.0);
        let both = Spread::in_turn(&[leg, leg]);
        // Triangular: 2000 - sqrt(2 * 0.05) * 1000
        near(both.quantile(0.95), 1683.8, 25.0);
        near(both.quantile(0.5), 1000.0, 25.0);
        near(Spread::in_turn(&[leg, Spread::certain(300.0)]).quantile(0.95), 1250.0, 25.0);
        assert_eq!(Spread::in_turn(&[]), Spread::certain(0.0));
    }

    proptest! {
        #[test]
        fn whatever_is_put_together_rises_and_stays_within_its_bounds(
            steps in prop::collection::vec(prop::collection::vec(0.0_f32..500.0, LEVELS.len()), 1..4),
        ) {
            let legs: Vec<Spread> = steps.iter().map(|steps| {
                let mut time = 0.0;
                let mut step = steps.iter();
                Spread(LEVELS.map(|_| { time += step.next().unwrap(); time }))
            }).collect();
            let (all, turn) = (Spread::all_of(&legs), Spread::in_turn(&legs));
            let most = legs.iter().map(|leg| leg.quantile(0.95)).fold(0.0, f32::max);
            let sum: f32 = legs.iter().map(|leg| leg.0[LEVELS.len() - 1]).sum();
            for spread in [all, turn] {
                prop_assert!(spread.0.windows(2).all(|pair| pair[0] <= pair[1] + 1e-2), "{spread:?}");
            }
            prop_assert!(all.quantile(0.95) >= most * 0.999);
            prop_assert!(all.quantile(0.95) <= turn.0[LEVELS.len() - 1].max(most) * 1.001 + 1.0);
            prop_assert!(turn.quantile(0.95) <= sum * 1.001);
        }
    }
}
