//! Whether a deployment may be called. It cools down after failures: that is a wish, and the last hop of a chain is
//! asked all the same. It is barred when its provider said how long to wait, when it must not be asked again before a
//! reload, and after three failures in a row, when one call at a time finds out whether it is back. Time is an argument.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Failures in a row that open the circuit.
const STREAK: u32 = 3;
/// Odd answers in a row after which a deployment is left alone for a while.
const STRIKES: u32 = 3;
/// Longest pause of an open circuit: traffic is back within half a minute of a recovery.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long a call that finds out keeps others away.
const PROBE: Duration = Duration::from_secs(5);
/// Barred until the next reload.
const FOR_GOOD: u64 = u64::MAX;

/// The state of one deployment. All times are milliseconds since one start.
#[derive(Default)]
pub(super) struct Circuit {
    state: Mutex<State>,
    /// Cooling or open until then.
    paused_until: AtomicU64,
    /// Not to be called until then.
    barred_until: AtomicU64,
}

#[derive(Default)]
struct State {
    streak: u32,
    last_failure: u64,
    strikes: u32,
}

/// Until when a deployment must not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// For so long.
    For(Duration),
    /// Until the configuration is loaded again.
    UntilReload,
}

/// A failure as the circuit sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    /// When the call began.
    pub began: u64,
    /// The first pause; doubles with each failure in a row.
    pub pause: Duration,
    /// Whether the first failure of a row pauses already.
    pub at_once: bool,
    /// Stretches the pause, 0..1: many proxies must not come back together.
    pub jitter: f64,
}

impl Circuit {
    /// Whether nothing speaks against a call.
    pub(super) fn ready(&self, now: u64) -> bool {
        self.paused_until.load(Ordering::Relaxed) <= now && self.barred_until.load(Ordering::Relaxed) <= now
    }

    /// Whether and until when there must be no call at all.
    pub(super) fn barred(&self, now: u64) -> Option<Barred> {
        let barred = self.barred_until.load(Ordering::Relaxed);
        if barred == FOR_GOOD {
            return Some(Barred::UntilReload);
        }
        let paused = self.paused_until.load(Ordering::Relaxed);
        let open = if paused > now && self.state.lock().streak >= STREAK { paused } else { 0 };
        let until = barred.max(open);
        (until > now).then(|| Barred::For(Duration::from_millis(until - now)))
    }

    /// A call begins. Behind an open circuit it is the one that finds out, and others wait for it.
    pub(super) fn enter(&self, now: u64) {
        if self.paused_until.load(Ordering::Relaxed) <= now && self.state.lock().streak >= STREAK {
            self.paused_until.fetch_max(now + millis(PROBE), Ordering::Relaxed);
        }
    }

    /// A call failed. Calls that ran side by side fail together, so they count once.
    pub(super) fn failed(&self, now: u64, failed: Failed) {
        let mut state = self.state.lock();
        if failed.began >= state.last_failure {
            state.streak = state.streak.saturating_add(1);
        }
        state.last_failure = now;
        if !failed.at_once && state.streak < STREAK {
            return;
        }
        let doubled = failed.pause.saturating_mul(1 << (state.streak.clamp(1, 8) - 1)).min(LONGEST_PAUSE);
        let pause = doubled.mul_f64(1.0 + failed.jitter / 4.0);
        self.paused_until.store(now + millis(pause), Ordering::Relaxed);
    }

    /// The answer of a call that began at `began` has begun. The way is free for others then, but only its end tells whether
    /// all is well: a deployment whose streams all break off must not look well at each beginning.
    pub(super) fn begun(&self, now: u64, began: u64) {
        let state = self.state.lock();
        if state.streak >= STREAK && began >= state.last_failure {
            self.paused_until.fetch_min(now, Ordering::Relaxed);
        }
    }

    /// A call was answered.
    pub(super) fn answered(&self) {
        let mut state = self.state.lock();
        if state.streak > 0 || state.strikes > 0 {
            *state = State { last_failure: state.last_failure, ..State::default() };
            self.paused_until.store(0, Ordering::Relaxed);
        }
    }

    /// No calls for a while.
    pub(super) fn bar(&self, now: u64, pause: Duration) {
        self.barred_until.fetch_max(now.saturating_add(millis(pause)), Ordering::Relaxed);
    }

    /// No calls until the next reload.
    pub(super) fn bar_for_good(&self) {
        self.barred_until.store(FOR_GOOD, Ordering::Relaxed);
    }

    /// An odd answer; whether it was one too many.
    pub(super) fn strike(&self) -> bool {
        let mut state = self.state.lock();
        state.strikes += 1;
        let out = state.strikes >= STRIKES;
        if out {
            state.strikes = 0;
        }
        out
    }

    /// The configuration was loaded again: whatever was wrong with it may be right now.
    pub(super) fn reloaded(&self) {
        let _ = self.barred_until.compare_exchange(FOR_GOOD, 0, Ordering::Relaxed, Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(began: u64) -> Failed {
        Failed { began, pause: Duration::from_millis(500), at_once: false, jitter: 0.0 }
    }

    #[test]
    fn the_third_failure_in_a_row_opens_it_and_pauses_double() {
        let circuit = Circuit::default();
        for (now, barred) in
            [(100, None), (200, None), (300, Some(2000)), (2300, Some(4000)), (6300, Some(8000))]
        {
            assert!(circuit.ready(now), "{now}");
            circuit.failed(now, failed(now));
            assert_eq!(circuit.barred(now), barred.map(|ms| Barred::For(Duration::from_millis(ms))), "{now}");
        }
        for now in [14_300, 29_300] {
            circuit.failed(now, failed(now));
            assert_eq!(circuit.barred(now), Some(Barred::For(LONGEST_PAUSE)), "{now}");
        }
    }

    #[test]
    fn calls_side_by_side_count_once() {
        let circuit = Circuit::default();
        for _ in 0..10 {
            circuit.failed(500, failed(100));
        }
        assert_eq!(circuit.barred(500), None);
    }

    #[test]
    fn one_call_finds_out_and_its_answer_closes_it() {
        let circuit = Circuit::default();
        for now in [1, 2, 3] {
            circuit.failed(now, failed(now));
        }
        assert!(!circuit.ready(2002) && circuit.ready(2003));
        circuit.enter(2003);
        assert!(!circuit.ready(2004) && circuit.barred(2004).is_some(), "others wait for the one");
        circuit.answered();
        assert!(circuit.ready(2004) && circuit.barred(2004).is_none());
    }

    #[test]
    fn a_beginning_lets_others_go_and_only_an_end_forgives() {
        let circuit = Circuit::default();
        for now in [1, 2, 3] {
            circuit.failed(now, failed(now));
        }
        circuit.enter(2003);
        circuit.begun(2500, 2);
        assert!(!circuit.ready(2500), "it began before the failures did");
        circuit.begun(2500, 2003);
        assert!(circuit.ready(2500));
        circuit.failed(2600, failed(2003));
        assert!(circuit.barred(2600).is_some(), "it broke off: the fourth in a row");
    }

    #[test]
    fn a_wait_that_was_asked_for_outlives_an_answer_and_a_bar_only_a_reload_lifts() {
        let circuit = Circuit::default();
        circuit.bar(1000, Duration::from_secs(30));
        circuit.answered();
        circuit.reloaded();
        assert_eq!(circuit.barred(1000), Some(Barred::For(Duration::from_secs(30))));
        circuit.bar_for_good();
        assert_eq!(circuit.barred(1 << 40), Some(Barred::UntilReload));
        circuit.reloaded();
        assert!(circuit.ready(1000));
    }

    #[test]
    fn a_first_failure_cools_where_that_is_said() {
        let circuit = Circuit::default();
        circuit.failed(100, Failed { at_once: true, ..failed(100) });
        assert!(!circuit.ready(599) && circuit.barred(599).is_none() && circuit.ready(600));
        assert!(!circuit.strike() && !circuit.strike() && circuit.strike());
    }
}
