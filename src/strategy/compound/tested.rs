//! What a cascade saw of the answers it put to its test: filed with the legs that gave them, and whether the last model's answer,
//! where there is one, says the same.

use xxhash_rust::xxh3::Xxh3;

use super::agree;
use super::ask::Told;
use super::form::{Fit, fit};
use crate::codec::Spoken;
use crate::strategy::attempt::{Leg, LegEnd, Trail};
use crate::strategy::job::Job;
use crate::types::{Compared, RequestId, Signals, Tried};

/// An answer that does not serve, without what it held of the memory for answers.
pub(super) struct Fallen {
    pub(super) hop: usize,
    pub(super) spoken: Spoken,
}

impl From<Told> for Fallen {
    fn from(Told { hop, spoken, .. }: Told) -> Self {
        Self { hop, spoken }
    }
}

/// Files what can be told of an answer and whether it stood. Nobody else has been asked yet.
pub(super) fn file(job: &Job<'_>, (hop, spoken): (usize, &Spoken), stood: bool, trail: &mut Trail) {
    let signals = signals(job, (hop, spoken), trail);
    if let Some(leg) = trail.legs.iter_mut().find(|leg| gave(job, hop, leg)) {
        leg.tried = Some(Tried { stood, same: Compared::NotAsked, signals });
    }
}

/// What can be told of an answer without its words.
pub(super) fn signals(job: &Job<'_>, (hop, spoken): (usize, &Spoken), trail: &Trail) -> Signals {
    let leg = trail.legs.iter().find(|leg| gave(job, hop, leg));
    let tokens = leg.map_or(0, |leg| leg.usage.total_output());
    Signals {
        output_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
        text_bytes: u32::try_from(spoken.text.len()).unwrap_or(u32::MAX),
        calls: u8::try_from(spoken.calls.len()).unwrap_or(u8::MAX),
        probability: spoken.probability.map(|probability| probability.share() as f32),
        well_formed: has_form(job, spoken),
    }
}

/// Files what the last model's answer says beside one that was tested; `None`: it gave none.
pub(super) fn compare(
    job: &Job<'_>,
    (hop, spoken): (usize, &Spoken),
    last: Option<&Told>,
    trail: &mut Trail,
) {
    // Of several choices only the first is read.
    let several = job.request.is_some_and(|request| request.choices > 1);
    let same = match last {
        None => Compared::Unanswered,
        Some(last) if several || !last.counts(job) || !has_form(job, spoken) => Compared::Incomparable,
        Some(last) => agree::compared(spoken, &last.spoken),
    };
    let leg = trail.legs.iter_mut().find(|leg| gave(job, hop, leg));
    if let Some(tried) = leg.and_then(|leg| leg.tried.as_mut()) {
        tried.same = same;
    }
}

fn has_form(job: &Job<'_>, spoken: &Spoken) -> bool {
    fit(job, spoken) == Fit::Fits
}

/// Whether it is the leg that gave a tested answer. Of the plan's other legs none answers at its deployment: who judges is of another family, and
/// who answers last is not among those tried.
fn gave(job: &Job<'_>, hop: usize, leg: &Leg) -> bool {
    leg.end == LegEnd::Answered && leg.hop.deployment == job.hops[hop].deployment
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
