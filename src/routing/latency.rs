//! What is known of a deployment's speed, and what a decision makes of it: the admission quantiles of first token and
//! whole answer. Measured where there are enough answers, configured otherwise, and the decision says which.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::plan::DeploymentLive;
use super::spread::Spread;
use crate::catalog::LatencyPrior;

/// The quantile of time that plans are admitted on.
pub const ADMISSION: f64 = 0.95;
/// Answers needed before what was measured replaces what is configured: with fewer, nothing among them is the quantile.
pub const MIN_ANSWERS: u32 = 19;

/// What the answers of one deployment taught.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Answers that a whole time was predicted for.
    pub answers: u32,
    /// From its streams; `None`: too few of them.
    pub stream: Option<StreamSpeed>,
    /// From all its answers; `None`: too few of them.
    pub whole: Option<Whole>,
}

/// How a deployment streams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StreamSpeed {
    /// Time to first token, ms.
    pub ttft_ms: Spread,
    /// Time per output token, us.
    pub per_token_us: Spread,
}

/// How long its answers took, as a multiple of what was predicted for them: honest even where the prediction is not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Whole {
    /// What predictions are made from.
    pub base: LatencyPrior,
    /// Time taken, in thousandths of the time predicted.
    pub ratio_permille: Spread,
}

impl Whole {
    /// The distribution of the time to the last token of an answer of so many expected tokens, ms.
    pub fn time_ms(&self, expected_tokens: u32) -> Spread {
        self.ratio_permille.scaled(predicted_us(self.base, expected_tokens) as f32 / 1e6)
    }
}

/// The time to the last token that a pace predicts, us; never zero.
pub fn predicted_us(pace: LatencyPrior, expected_tokens: u32) -> u64 {
    let writing = u64::from(expected_tokens) * u64::from(pace.per_token_us);
    (u64::from(pace.ttft_ms) * 1000 + writing).max(1)
}

/// The measured part of a whole time, as a decision keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeTime {
    /// Time to first token that predictions are made from, ms.
    #[serde(rename = "t")]
    pub ttft_ms: u32,
    /// Time per output token that predictions are made from, us.
    #[serde(rename = "p")]
    pub per_token_us: u32,
    /// Thousandths of the prediction at the admission quantile.
    #[serde(rename = "q")]
    pub ratio_permille: u32,
}

/// Where a time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The configuration: fewer than [`MIN_ANSWERS`] answers of the kind are known.
    Configured,
    /// First token and time per token were measured on streams; whole answers have not been compared with predictions.
    Streams,
    /// Measured.
    Measured,
}

/// What the times of a candidate rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Of the first token.
    pub first_token: Source,
    /// Of the whole answer.
    pub whole: Source,
    /// Answers of the deployment that were compared with their predictions.
    pub answers: u32,
}

impl Basis {
    /// What the time of two legs together rests on.
    pub(super) fn weaker(self, other: Self) -> Self {
        Self {
            first_token: self.first_token.min(other.first_token),
            whole: self.whole.min(other.whole),
            answers: self.answers.min(other.answers),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configured => "configured",
            Self::Streams => "from streams",
            Self::Measured => "measured",
        })
    }
}

impl DeploymentLive {
    /// A deployment that may be called, timed by what was measured, or else by what is configured.
    pub fn timed(prior: LatencyPrior, measured: Option<&Measured>) -> Self {
        let at_admission = |spread: &Spread| rounded_up(spread.quantile(ADMISSION));
        let stream = measured.and_then(|measured| measured.stream.as_ref());
        let whole = measured.and_then(|measured| measured.whole.as_ref());
        Self {
            ready: true,
            has_credential: true,
            ttft_ms: stream.map_or(prior.ttft_ms, |stream| at_admission(&stream.ttft_ms)),
            per_token_us: stream.map_or(prior.per_token_us, |stream| at_admission(&stream.per_token_us)),
            measured: stream.is_some(),
            answers: Some(measured.map_or(0, |measured| measured.answers)),
            whole: whole.map(|whole| WholeTime {
                ttft_ms: whole.base.ttft_ms,
                per_token_us: whole.base.per_token_us,
                ratio_permille: at_admission(&whole.ratio_permille),
            }),
        }
    }

    /// The time to the last token of an answer of so many expected tokens, at the admission quantile, ms.
    pub(super) fn total_ms(&self, expected_tokens: u32) -> u32 {
        let pace = LatencyPrior { ttft_ms: self.ttft_ms, per_token_us: self.per_token_us };
        let Some(whole) = self.whole else {
            return milliseconds(predicted_us(pace, expected_tokens));
        };
        let base = LatencyPrior { ttft_ms: whole.ttft_ms, per_token_us: whole.per_token_us };
        let predicted = predicted_us(base, expected_tokens);
        let total = milliseconds(predicted.saturating_mul(u64::from(whole.ratio_permille)) / 1000);
        // The last token is never there before the first.
        if self.measured { total.max(self.ttft_ms) } else { total }
    }

    /// What these times rest on; `None` in decisions stored before it was said.
    pub(super) fn basis(&self) -> Option<Basis> {
        let stream = if self.measured { Source::Measured } else { Source::Configured };
        let whole = match (self.whole, self.measured) {
            (Some(_), _) => Source::Measured,
            (None, true) => Source::Streams,
            (None, false) => Source::Configured,
        };
        self.answers.map(|answers| Basis { first_token: stream, whole, answers })
    }
}

fn milliseconds(us: u64) -> u32 {
    u32::try_from(us / 1000).unwrap_or(u32::MAX)
}

fn rounded_up(value: f32) -> u32 {
    // Saturates: what is beyond the range is late in any case.
    value.ceil() as u32
}
