//! What a cascade saw of the answers it put to its test, and a draft's verifier of it: filed with the legs that gave them, and whether
//! the last model's answer, where there is one, says the same.

use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

use super::agree;
use super::ask::Told;
use super::form::Fit;
use crate::codec::Spoken;
use crate::strategy::attempt::{Leg, LegEnd, Trail};
use crate::strategy::job::Job;
use crate::types::{Compared, RequestId, Signals, Tried};

/// An answer that does not serve, without what it held of the memory for answers.
pub(super) struct Fallen {
    spoken: Spoken,
    started: Duration,
    fit: Fit,
}

impl Fallen {
    pub(super) fn of(job: &Job<'_>, told: Told) -> Self {
        let fit = told.fit(job);
        Self { spoken: told.spoken, started: told.started, fit }
    }

    pub(super) fn answer(&self) -> Answer<'_> {
        Answer { spoken: &self.spoken, started: self.started, fit: self.fit }
    }
}

/// An answer that was put to a test.
#[derive(Clone, Copy)]
pub(super) struct Answer<'a> {
    spoken: &'a Spoken,
    started: Duration,
    fit: Fit,
}

impl<'a> Answer<'a> {
    pub(super) fn of(job: &Job<'_>, told: &'a Told) -> Self {
        Self { spoken: &told.spoken, started: told.started, fit: told.fit(job) }
    }

    /// Whether this leg gave it: no two calls of a request begin at once.
    fn is_of(self, leg: &Leg) -> bool {
        leg.end == LegEnd::Answered && leg.started == self.started
    }

    /// What can be told of it without its words.
    pub(super) fn signals(self, trail: &Trail) -> Signals {
        let leg = trail.legs.iter().find(|leg| self.is_of(leg));
        let tokens = leg.map_or(0, |leg| leg.usage.total_output());
        Signals {
            output_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            text_bytes: u32::try_from(self.spoken.text.len()).unwrap_or(u32::MAX),
            calls: u8::try_from(self.spoken.calls.len()).unwrap_or(u8::MAX),
            probability: self.spoken.probability.map(|probability| probability.share() as f32),
            well_formed: self.fit == Fit::Fits,
        }
    }
}

/// Files what can be told of an answer and whether it stood. Nobody else has been asked yet.
pub(super) fn file(job: &Job<'_>, answer: Answer<'_>, stood: bool, trail: &mut Trail) {
    let signals = answer.signals(trail);
    let under = job.compound.as_ref().map(|compound| compound.under).unwrap_or_default();
    if let Some(leg) = trail.legs.iter_mut().find(|leg| answer.is_of(leg)) {
        leg.tried = Some(Tried { stood, same: Compared::NotAsked, signals, under });
    }
}

/// Files what the last model's answer says beside one that was tested; `None`: it gave none.
pub(super) fn compare(job: &Job<'_>, answer: Answer<'_>, last: Option<&Told>, trail: &mut Trail) {
    // Of several choices only the first is read.
    let several = job.request.is_some_and(|request| request.choices > 1);
    let same = match last {
        None => Compared::Unanswered,
        Some(last) if several || !last.counts(job) || answer.fit != Fit::Fits => Compared::Incomparable,
        Some(last) => agree::compared(answer.spoken, &last.spoken),
    };
    let leg = trail.legs.iter_mut().find(|leg| answer.is_of(leg));
    if let Some(tried) = leg.and_then(|leg| leg.tried.as_mut()) {
        tried.same = same;
    }
}

/// Whether a request is among the share whose answers are audited, whatever became of them.
pub(super) fn is_drawn(id: RequestId, share: f64) -> bool {
    let mut hasher = Xxh3::new();
    hasher.update(&id.0.to_le_bytes());
    hasher.update(b"audit");
    // 53 bits: every value is exact in a double.
    ((hasher.digest() >> 11) as f64 / (1_u64 << 53) as f64) < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_requests_is_drawn_and_always_the_same_ones() {
        let drawn = |share: f64| -> Vec<u64> {
            (0..20_000)
                .filter(|at| is_drawn(RequestId::new(1_790_000_000_000 + at / 7, u128::from(*at)), share))
                .collect()
        };
        assert_eq!((drawn(0.0).len(), drawn(1.0).len()), (0, 20_000));
        let (few, many) = (drawn(0.02), drawn(0.5));
        assert!((few.len() as f64 - 400.0).abs() < 80.0, "{} of 20000", few.len());
        assert!((many.len() as f64 - 10_000.0).abs() < 300.0, "{} of 20000", many.len());
        // Who pays for more audits keeps those he had.
        assert!(few.iter().all(|at| many.contains(at)) && few == drawn(0.02));
    }
}
