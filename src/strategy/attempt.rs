//! One leg: the guard that owns it while it runs, and the record it leaves on whatever path it ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Failure, Hop};
use crate::types::{FailureClass, NanoUsd, Tried, Usage, UsageSource};

/// How a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegEnd {
    /// Its answer reached the client whole.
    Ok,
    /// Its answer was read whole, for a plan of several models: compared, judged, built upon, or sent under the plan's name.
    Answered,
    /// Failed before anything of it reached the client.
    Failed(FailureClass),
    /// Failed after its first byte reached the client.
    Broken(FailureClass),
    /// The client left.
    ClientGone,
    /// The request was dropped from outside: shutdown, or a sibling leg won.
    Cancelled,
}

impl LegEnd {
    /// The word used in trails and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Answered => "answered",
            Self::ClientGone => "client_gone",
            Self::Cancelled => "cancelled",
            Self::Failed(class) | Self::Broken(class) => class.as_str(),
        }
    }
}

/// The record of one leg.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The target.
    pub hop: Hop,
    /// How it ended.
    pub end: LegEnd,
    /// The upstream's status, once there was one.
    pub status: Option<u16>,
    /// From the request's arrival to this leg's start.
    pub started: Duration,
    /// From the leg's start to its first meaningful byte.
    pub ttft: Option<Duration>,
    /// From the leg's start to its end.
    pub total: Duration,
    /// Tokens.
    pub usage: Usage,
    /// Where the token counts come from.
    pub usage_source: UsageSource,
    /// What it cost; `None`: unpriced.
    pub cost: Option<NanoUsd>,
    /// The request was sent whole and its fate is unknown: the provider may bill it.
    pub maybe_billed: bool,
    /// The provider's own request id.
    pub provider_request_id: Option<String>,
    /// A finer word for its failure, where there is one.
    pub fault: Option<&'static str>,
    /// Somebody should look at it: nothing that waiting mends.
    pub alarm: bool,
    /// What came of its answer, where a plan put it to a test.
    pub tried: Option<Tried>,
}

/// The legs of one request, in the order in which they ended.
#[derive(Debug, Default)]
pub struct Trail {
    /// Finished legs.
    pub legs: Vec<Leg>,
}

/// Owns a leg while it runs. Whatever happens, dropping it files the leg exactly once.
pub struct Attempt<'t> {
    trail: &'t mut Trail,
    leg: Option<Leg>,
    began: Instant,
    /// Our estimate of what it reads, where that is not the client's request as it came.
    pub(super) reads: Option<u64>,
}

impl<'t> Attempt<'t> {
    /// Starts a leg. Until it is told otherwise it ends as cancelled and free of charge.
    pub fn begin(trail: &'t mut Trail, hop: &Hop, arrived: Instant) -> Self {
        let began = Instant::now();
        let leg = Leg {
            hop: hop.clone(),
            end: LegEnd::Cancelled,
            status: None,
            started: began.duration_since(arrived),
            ttft: None,
            total: Duration::ZERO,
            usage: Usage::default(),
            usage_source: UsageSource::Provider,
            cost: Some(NanoUsd::ZERO),
            maybe_billed: false,
            provider_request_id: None,
            fault: None,
            alarm: false,
            tried: None,
        };
        Self { trail, leg: Some(leg), began, reads: None }
    }

    /// Changes the leg's record.
    pub fn note(&mut self, change: impl FnOnce(&mut Leg)) {
        if let Some(leg) = &mut self.leg {
            change(leg);
        }
    }

    /// The first meaningful byte has arrived.
    pub fn first_byte(&mut self) {
        let ttft = self.began.elapsed();
        self.note(|leg| leg.ttft = leg.ttft.or(Some(ttft)));
    }

    /// The legs that ended before this one.
    pub fn earlier(&self) -> &[Leg] {
        &self.trail.legs
    }

    /// Whether its tokens and cost are known.
    pub fn is_settled(&self) -> bool {
        self.leg.as_ref().is_some_and(|leg| leg.usage != Usage::default())
    }

    /// From the request's arrival to the leg's start.
    pub fn started(&self) -> Duration {
        self.leg.as_ref().map_or(Duration::ZERO, |leg| leg.started)
    }

    /// Since the leg's start.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Ends the leg with a failure.
    pub(super) fn fail(mut self, failure: &Failure) {
        self.note(|leg| leg.fault = failure.fault);
        self.end(LegEnd::Failed(failure.class));
    }

    /// Ends the leg.
    pub fn end(mut self, end: LegEnd) {
        self.note(|leg| leg.end = end);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(mut leg) = self.leg.take() {
            leg.total = self.began.elapsed();
            self.trail.legs.push(leg);
        }
    }
}
