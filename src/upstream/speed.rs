//! How fast one deployment is, learnt from its answers: sketches of time to first token, time per token, and time taken over
//! time predicted. They rotate with time, so that old speed is forgotten. Time is an argument. Quantiles are worked out
//! while learning; a decision only reads them.

use std::collections::VecDeque;
use std::time::Duration;

use super::sketch::{Sketch, spread};
use crate::catalog::LatencyPrior;
use crate::routing::{ADMISSION, MIN_ANSWERS, Measured, StreamSpeed, Whole, predicted_us};

/// A window is closed when it is this old and holds [`LEAST`] answers: a quiet deployment keeps what little it has.
const WINDOW: Duration = Duration::from_secs(30);
/// Answers a window needs before it is closed.
const LEAST: u64 = 64;
/// Windows kept, the open one among them.
const WINDOWS: usize = 4;
/// What is older says nothing any more: the configured speed holds again.
pub(super) const FORGET: Duration = Duration::from_secs(3600);
/// Quantiles are worked out again after this long.
const RENEW: Duration = Duration::from_millis(250);
/// Answers kept as they were, to compare them with the predictions of a new base.
const RECENT: usize = 64;
/// Answers shorter than this many tokens say nothing about the time per token.
const SHORT: u64 = 8;
/// A base whose first token and time per token are out of proportion by this much is replaced; a mere change of both is
/// what the ratio is there for.
const OUT_OF_PROPORTION: f64 = 1.5;

/// How far one answer moves a correction: one that came too late by 19 steps of this size up, one in time by one down.
const STEP: f64 = 0.04;
/// Answers of one renewal that count, so that many at once, all told the same quantile, do not overshoot.
const MOST_STEPS: f64 = 8.0;
/// Bounds of a correction's logarithm: within a factor of two to either side.
const MOST_CORRECTION: f64 = 0.7;

/// Longest time to first token that is told apart, ms.
const MAX_TTFT_MS: u64 = 600_000;
/// Longest time per token that is told apart, us.
const MAX_PER_TOKEN_US: u64 = 60_000_000;
/// Largest ratio that is told apart, thousandths.
const MAX_RATIO: u64 = 1_000_000;

/// One answer, or what there was of it.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// To its first token; `None`: it was cut off before.
    pub ttft: Option<Duration>,
    /// To its last token, or until it was cut off; waiting for the client does not count.
    pub total: Duration,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens that were expected when it was decided upon; `None`: nothing was decided.
    pub expected_tokens: Option<u32>,
    /// Whether it was a stream; of a whole answer it is not known when its first token was written.
    pub stream: bool,
    /// Cut off by a clock or by its caller: it would have taken longer.
    pub cut: bool,
}

/// What is known of one deployment.
pub struct Speed {
    prior: LatencyPrior,
    base: LatencyPrior,
    windows: VecDeque<Window>,
    recent: VecDeque<Answered>,
    renewed: Option<(Duration, Measured)>,
    late_first_token: Correction,
    late_whole: Correction,
}

/// What keeps a quantile honest while speed changes: windows lag behind, so the share of answers that come later than they
/// were told is counted, and the quantile is moved until that share is right.
#[derive(Default)]
struct Correction {
    logarithm: f64,
    late: f64,
    of: f64,
}

impl Correction {
    fn note(&mut self, late: bool) {
        self.of += 1.0;
        self.late += f64::from(u8::from(late));
    }

    /// The factor from here on.
    fn settle(&mut self) -> f32 {
        if self.of > 0.0 {
            let excess = self.late / self.of - (1.0 - ADMISSION);
            let moved = self.logarithm + STEP * self.of.min(MOST_STEPS) * excess;
            self.logarithm = moved.clamp(-MOST_CORRECTION, MOST_CORRECTION);
            (self.late, self.of) = (0.0, 0.0);
        }
        self.logarithm.exp() as f32
    }
}

struct Window {
    began: Duration,
    last: Duration,
    answers: u64,
    ttft_ms: Sketch,
    per_token_us: Sketch,
    ratio_permille: Sketch,
}

impl Speed {
    /// Nothing known but the configuration.
    pub fn new(prior: LatencyPrior) -> Self {
        let (windows, recent) = (VecDeque::new(), VecDeque::new());
        Self {
            prior,
            base: prior,
            windows,
            recent,
            renewed: None,
            late_first_token: Correction::default(),
            late_whole: Correction::default(),
        }
    }

    /// Another configured speed, after a reload.
    pub fn configure(&mut self, prior: LatencyPrior) {
        if prior != self.prior {
            let unlearnt = self.base == self.prior;
            self.prior = prior;
            if unlearnt {
                self.rebase(prior);
            }
        }
    }

    /// Learns from an answer that ended now; returns what is known where that was worked out again.
    pub fn learn(&mut self, now: Duration, answered: Answered) -> Option<Measured> {
        self.rotate(now);
        self.judge(&answered);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(answered);
        let base = self.base;
        let window = self.windows.back_mut()?;
        (window.last, window.answers) = (now, window.answers + 1);
        window.add(&answered, base);
        let first = u64::from(MIN_ANSWERS);
        let due = self.renewed.is_none_or(|(at, _)| now.saturating_sub(at) >= RENEW)
            || self.count(|window| &window.ratio_permille) == first
            || self.count(|window| &window.ttft_ms) == first;
        due.then(|| {
            let measured = self.renew();
            self.renewed = Some((now, measured));
            measured
        })
    }

    /// Whether an answer came later than decisions were told. One that was cut off before that tells nothing.
    fn judge(&mut self, answered: &Answered) {
        let Some((_, told)) = self.renewed else { return };
        let judge = |correction: &mut Correction, (taken, cut): (f32, bool), limit: f32| {
            if taken > limit || !cut {
                correction.note(taken > limit);
            }
        };
        if let (true, Some(stream)) = (answered.stream, told.stream) {
            let taken = answered.ttft.unwrap_or(answered.total);
            let seen = (milliseconds(taken) as f32, answered.ttft.is_none());
            judge(&mut self.late_first_token, seen, stream.ttft_ms.quantile(ADMISSION));
        }
        if let Some((whole, expected)) = told.whole.zip(answered.expected_tokens) {
            let seen = (milliseconds(answered.total) as f32, answered.cut);
            judge(&mut self.late_whole, seen, whole.time_ms(expected).quantile(ADMISSION));
        }
    }

    fn count(&self, of: fn(&Window) -> &Sketch) -> u64 {
        self.windows.iter().map(|window| of(window).count()).sum()
    }

    /// Drops what is too old and opens a new window when the last one is full.
    fn rotate(&mut self, now: Duration) {
        let before = self.windows.len();
        self.windows.retain(|window| now.saturating_sub(window.last) < FORGET);
        if self.windows.is_empty() && before > 0 {
            *self = Self::new(self.prior);
        }
        let full = |window: &Window| window.answers >= LEAST && now.saturating_sub(window.began) >= WINDOW;
        if self.windows.back().is_none_or(full) {
            self.windows.extend(Window::new(now));
            if self.windows.len() > WINDOWS {
                self.windows.pop_front();
            }
        }
    }

    fn renew(&mut self) -> Measured {
        let of = |pick: fn(&Window) -> &Sketch, windows: &VecDeque<Window>| {
            spread(windows.iter().map(pick), MIN_ANSWERS)
        };
        let ttft_ms = of(|window| &window.ttft_ms, &self.windows);
        let per_token_us = of(|window| &window.per_token_us, &self.windows);
        let stream =
            ttft_ms.zip(per_token_us).map(|(ttft_ms, per_token_us)| StreamSpeed { ttft_ms, per_token_us });
        if let Some(stream) = &stream {
            let median = |of: &crate::routing::Spread| (of.quantile(0.5) as u32).max(1);
            let found =
                LatencyPrior { ttft_ms: median(&stream.ttft_ms), per_token_us: median(&stream.per_token_us) };
            if out_of_proportion(self.base, found) {
                self.rebase(found);
            }
        }
        let answers = self.count(|window| &window.ratio_permille);
        let (first_token, all) = (self.late_first_token.settle(), self.late_whole.settle());
        Measured {
            answers: u32::try_from(answers).unwrap_or(u32::MAX),
            stream: stream.map(|found| StreamSpeed { ttft_ms: found.ttft_ms.scaled(first_token), ..found }),
            whole: of(|window| &window.ratio_permille, &self.windows)
                .map(|ratio| Whole { base: self.base, ratio_permille: ratio.scaled(all) }),
        }
    }

    /// Predicts from another pace. Ratios to the old one mean nothing any more; the recent answers are compared anew.
    fn rebase(&mut self, base: LatencyPrior) {
        self.base = base;
        self.late_whole = Correction::default();
        for window in &mut self.windows {
            if let Some(empty) = Sketch::new(MAX_RATIO) {
                window.ratio_permille = empty;
            }
        }
        if let Some(window) = self.windows.back_mut() {
            self.recent.iter().for_each(|answered| window.compare(answered, base));
        }
    }
}

fn out_of_proportion(base: LatencyPrior, found: LatencyPrior) -> bool {
    let proportion =
        |pace: LatencyPrior| f64::from(pace.ttft_ms.max(1)) / f64::from(pace.per_token_us.max(1));
    let change = proportion(found) / proportion(base);
    !(1.0 / OUT_OF_PROPORTION..=OUT_OF_PROPORTION).contains(&change)
}

impl Window {
    fn new(now: Duration) -> Option<Self> {
        Some(Self {
            began: now,
            last: now,
            answers: 0,
            ttft_ms: Sketch::new(MAX_TTFT_MS)?,
            per_token_us: Sketch::new(MAX_PER_TOKEN_US)?,
            ratio_permille: Sketch::new(MAX_RATIO)?,
        })
    }

    fn add(&mut self, answered: &Answered, base: LatencyPrior) {
        let Answered { ttft, total, output_tokens, stream, cut, .. } = *answered;
        match ttft {
            Some(ttft) if stream => {
                self.ttft_ms.add(milliseconds(ttft), false);
                if !cut && output_tokens >= SHORT {
                    let writing = microseconds(total.saturating_sub(ttft));
                    self.per_token_us.add(writing / output_tokens, false);
                }
            }
            None if stream && cut => self.ttft_ms.add(milliseconds(total), true),
            _ => {}
        }
        self.compare(answered, base);
    }

    fn compare(&mut self, answered: &Answered, base: LatencyPrior) {
        if let Some(expected) = answered.expected_tokens {
            let taken = microseconds(answered.total).saturating_mul(1000);
            self.ratio_permille.add(taken.div_ceil(predicted_us(base, expected)), answered.cut);
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIOR: LatencyPrior = LatencyPrior { ttft_ms: 600, per_token_us: 14_000 };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A stream of 100 tokens, as many as expected.
    fn stream(ttft: u64, total: u64) -> Answered {
        Answered {
            ttft: Some(ms(ttft)),
            total: ms(total),
            output_tokens: 100,
            expected_tokens: Some(100),
            stream: true,
            cut: false,
        }
    }

    fn whole(total: u64) -> Answered {
        Answered { ttft: Some(ms(total)), stream: false, ..stream(0, total) }
    }

    /// Learns the same answer so many times, one a second from `from` on; what is known at the end.
    fn learn(speed: &mut Speed, (from, count): (u64, u64), answered: Answered) -> Measured {
        let learnt = (0..count).map(|at| speed.learn(ms((from + at) * 1000), answered));
        learnt.last().unwrap().unwrap()
    }

    fn total_p95(measured: &Measured, tokens: u32) -> f32 {
        measured.whole.unwrap().time_ms(tokens).quantile(ADMISSION)
    }

    #[track_caller]
    fn near(found: f32, expected: f32) {
        assert!((found / expected - 1.0).abs() < 0.02, "{found} is not about {expected}");
    }

    #[test]
    fn whole_answers_teach_how_long_answers_take_and_nothing_of_the_first_token() {
        let mut speed = Speed::new(PRIOR);
        let few = learn(&mut speed, (0, 18), whole(4000));
        assert_eq!((few.answers, few.stream, few.whole), (18, None, None));
        let enough = learn(&mut speed, (18, 1), whole(4000));
        assert!(enough.stream.is_none());
        // Predicted: 600 ms and 100 tokens of 14 ms each.
        near(total_p95(&enough, 100), 4000.0);
        near(total_p95(&enough, 200), 4000.0 * 3400.0 / 2000.0);
    }

    #[test]
    fn streams_correct_a_base_that_is_out_of_proportion() {
        let mut speed = Speed::new(PRIOR);
        let learnt = learn(&mut speed, (0, 40), stream(100, 3100));
        near(learnt.stream.unwrap().ttft_ms.quantile(ADMISSION), 100.0);
        near(learnt.stream.unwrap().per_token_us.quantile(ADMISSION), 30_000.0);
        for (tokens, expected) in [(10, 400.0), (100, 3100.0), (1000, 30_100.0)] {
            near(total_p95(&learnt, tokens), expected);
        }
    }

    #[test]
    fn answers_that_were_cut_off_count_as_longer() {
        let mut speed = Speed::new(PRIOR);
        for at in 0..100 {
            let answered = if at % 10 < 8 { whole(2000) } else { Answered { cut: true, ..whole(5000) } };
            speed.learn(ms(at * 1000), answered);
        }
        let learnt = learn(&mut speed, (100, 1), whole(2000));
        assert!(total_p95(&learnt, 100) > 5000.0, "{learnt:?}");
        let before = Answered { ttft: None, cut: true, ..stream(0, 9000) };
        let mut speed = Speed::new(PRIOR);
        learn(&mut speed, (0, 40), stream(100, 1100));
        let learnt = learn(&mut speed, (40, 10), before);
        assert!(learnt.stream.unwrap().ttft_ms.quantile(ADMISSION) > 9000.0, "{learnt:?}");
    }

    #[test]
    fn old_speed_is_forgotten() {
        let mut speed = Speed::new(PRIOR);
        learn(&mut speed, (0, 400), whole(1000));
        near(total_p95(&learn(&mut speed, (400, 400), whole(9000)), 100), 9000.0);
        // Slowness stays in the tail until its windows have passed, and then no longer.
        near(total_p95(&learn(&mut speed, (800, 400), whole(1000)), 100), 1000.0);
        let long_after = learn(&mut speed, (1200 + 3600, 1), whole(1000));
        assert_eq!((long_after.answers, long_after.whole), (1, None));
    }

    #[test]
    fn a_quantile_that_lags_behind_is_moved_until_it_holds() {
        let mut speed = Speed::new(PRIOR);
        let (mut late, mut told) = (0, None::<f32>);
        for at in 0..1000 {
            // Slower all the time: later than all that was seen before.
            let total = 1000 + 10 * at;
            if at >= 500 {
                late += u32::from(told.is_some_and(|told| total as f32 > told));
            }
            let known = speed.learn(ms(at * 1000), whole(total)).and_then(|known| known.whole);
            told = known.map(|whole| whole.time_ms(100).quantile(ADMISSION));
        }
        assert!((5..=50).contains(&late), "{late} of 500 came later than they were told");
    }

    #[test]
    fn another_configuration_is_a_new_base_only_where_nothing_better_is_known() {
        let slow = LatencyPrior { ttft_ms: 1200, per_token_us: 28_000 };
        let mut speed = Speed::new(PRIOR);
        learn(&mut speed, (0, 30), whole(4000));
        speed.configure(slow);
        let learnt = learn(&mut speed, (30, 1), whole(4000));
        assert_eq!(learnt.whole.unwrap().base, slow);
        near(total_p95(&learnt, 100), 4000.0);
        learn(&mut speed, (31, 30), stream(100, 3100));
        speed.configure(PRIOR);
        assert_ne!(learn(&mut speed, (61, 1), stream(100, 3100)).whole.unwrap().base, PRIOR);
    }
}
