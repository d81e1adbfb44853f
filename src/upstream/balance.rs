//! The choice among equals: of two drawn at random the one that is likely to answer sooner. One draw alone would ignore load,
//! the best of all would send everybody to the same place at once (Mitzenmacher, "The Power of Two Choices", 2001).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How much a new time counts: the last ten or so make up most of the mean.
const WEIGHT: u64 = 8;

/// Whoever fails sooner than this did not wait.
const SLOW: Duration = Duration::from_millis(100);

/// What is known of one place right now.
#[derive(Debug, Default)]
pub(super) struct Load {
    in_flight: AtomicU32,
    /// Moving mean of the time to the first byte, microseconds; 0: nothing is known.
    first_byte_us: AtomicU64,
}

impl Load {
    pub(super) fn enter(&self) -> u32 {
        self.in_flight.fetch_add(1, Relaxed)
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Learns how long a first byte took. Two that learn at once may lose one of the times, which changes little.
    pub(super) fn learn(&self, first_byte: Duration) {
        let new = u64::try_from(first_byte.as_micros()).unwrap_or(u64::MAX).clamp(1, 1 << 40);
        let old = self.first_byte_us.load(Relaxed);
        let mean = if old == 0 { new } else { (old * (WEIGHT - 1) + new) / WEIGHT };
        self.first_byte_us.store(mean.max(1), Relaxed);
    }

    /// Learns that no first byte came for this long. A quick failure says nothing of how long an answer takes.
    pub(super) fn learn_wait(&self, waited: Duration) {
        let known = self.first_byte_us.load(Relaxed);
        if waited > SLOW && u64::try_from(waited.as_micros()).is_ok_and(|waited| waited > known) {
            self.learn(waited);
        }
    }

    /// The likely wait in microseconds: smaller is better. A place that nobody has measured goes before all others, or it would
    /// never be measured.
    pub(super) fn wait(&self) -> u64 {
        let queue = u64::from(self.in_flight()) + 1;
        match self.first_byte_us.load(Relaxed) {
            0 => queue,
            mean => mean.saturating_mul(queue),
        }
    }
}

/// A position of `count`, by two draws and what their waits are; `None` of none. The second wins only where it is better by a
/// fifth: of what is about equal each gets its share. One draw in 32 stands whatever the waits are, so that a place that was slow
/// once is measured again.
pub(super) fn of_two(draw: u64, count: usize, wait: impl Fn(usize) -> u64) -> Option<usize> {
    let most = u64::try_from(count).ok().filter(|most| *most > 0)?;
    let one = (draw % most) as usize;
    // Another one, where there is another.
    let other = (one + 1 + ((draw >> 32) % most.saturating_sub(1).max(1)) as usize) % count;
    let looks = (draw >> 27).is_multiple_of(32);
    let better = |other: u64, one: u64| other < one - one / 5;
    Some(if !looks && better(wait(other), wait(one)) { other } else { one })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(waits: &[u64]) -> Vec<Load> {
        let load = |wait: &u64| {
            let load = Load::default();
            if *wait > 0 {
                load.learn(Duration::from_millis(*wait));
            }
            load
        };
        waits.iter().map(load).collect()
    }

    /// How often each is picked over many draws.
    fn shares(loads: &[Load]) -> Vec<f64> {
        let mut picked = vec![0_u32; loads.len()];
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            picked[of_two(seed, loads.len(), |at| loads[at].wait()).unwrap()] += 1;
        }
        picked.into_iter().map(|count| f64::from(count) / 20_000.0).collect()
    }

    #[test]
    fn equals_share_and_the_slowest_is_left_out() {
        for share in shares(&loads(&[50, 50, 50, 50])) {
            assert!((share - 0.25).abs() < 0.02, "{share}");
        }
        let shares = shares(&loads(&[50, 50, 500]));
        assert!((0.005..0.02).contains(&shares[2]) && (shares[0] - 0.5).abs() < 0.02, "{shares:?}");
    }

    #[test]
    fn the_unmeasured_and_the_idle_come_first() {
        let loads = loads(&[50, 0]);
        assert_eq!(of_two(2 << 27, 2, |at| loads[at].wait()), Some(1));
        let busy = super::tests::loads(&[50, 50]);
        busy[0].enter();
        assert_eq!(
            (of_two(2 << 27, 2, |at| busy[at].wait()), of_two(3 << 27 | 1, 2, |at| busy[at].wait())),
            (Some(1), Some(1))
        );
        busy[0].leave();
        assert_eq!(busy[0].wait(), busy[1].wait());
    }

    #[test]
    fn one_and_none_need_no_choice() {
        assert_eq!((of_two(7, 1, |_| 0), of_two(7, 0, |_| 0)), (Some(0), None));
    }
}
