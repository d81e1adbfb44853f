//! What is recorded of one request: who asked, what was decided and why, what every attempt did and cost.
//! Ids, words, counts and amounts only: never a prompt, an answer, or a key.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::SnapshotVersion;
use crate::routing::{Decision, Inputs};
/// How an attempt ended: the strategy's own word for it.
pub use crate::strategy::LegEnd as AttemptOutcome;
use crate::types::{
    AgentStep, ClientId, DeploymentId, Dialect, ModelId, NanoUsd, Operation, PolicyId, ProviderId, RequestId,
    Served, TaskClass, Tried, Usage, UsageSource,
};

/// One request, filed once, on whatever exit path it took. Stored by position, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Identity; its milliseconds are when the request arrived.
    pub id: RequestId,
    /// The client that was identified.
    pub client: Option<ClientId>,
    /// Keyed hash of whoever pays: the client's id, else the credential.
    pub tenant: u64,
    /// The policy that applied.
    pub policy: Option<PolicyId>,
    /// The dialect of its path; `None` for paths of no dialect.
    pub dialect: Option<Dialect>,
    /// The operation of its path.
    pub operation: Operation,
    /// The model it named; `None` when the body was not read.
    pub model_asked: Option<String>,
    /// How it was served.
    pub served: Served,
    /// Why it was served so: a word of the routing room.
    pub reason: Cow<'static, str>,
    /// The task class that was found.
    pub task: Option<TaskClass>,
    /// The complexity score, 0..1.
    pub complexity: Option<f32>,
    /// Where in an agent's loop it stands.
    pub step: Option<AgentStep>,
    /// Whether it asked for a stream.
    pub stream: bool,
    /// The status the client got; 0 when it got none.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// The model that answered.
    pub model: Option<ModelId>,
    /// What all attempts cost together; `None` is *unpriced*, and nothing called is [`NanoUsd::ZERO`].
    pub cost: Option<NanoUsd>,
    /// Whether the cost rests on a token count of ours, or on an attempt whose bill is uncertain.
    pub cost_estimated: bool,
    /// The model quality loss is measured against.
    pub baseline: Option<ModelId>,
    /// What the same usage costs at the baseline's price; `None` without a baseline or when it is unpriced.
    pub baseline_cost: Option<NanoUsd>,
    /// The model that would have been chosen, where the request was only observed.
    pub would_model: Option<ModelId>,
    /// What that would have cost.
    pub would_cost: Option<CostRange>,
    /// From arrival to the first meaningful byte for the client, microseconds.
    pub ttft_us: Option<u64>,
    /// From arrival to the end, microseconds.
    pub total_us: u64,
    /// Our own share of that, microseconds.
    pub overhead_us: u32,
    /// Hash of the session's identity; 0 without one.
    pub session: u64,
    /// Tags of the client and of the caller.
    pub tags: BTreeMap<String, String>,
    /// The snapshot it was decided by.
    pub snapshot: SnapshotVersion,
    /// Tokens of the attempt that answered; those of all together are [`Self::usage_in_all`].
    pub usage: Usage,
    /// Every upstream attempt, in order.
    pub attempts: Vec<AttemptRow>,
    /// Everything the decision was a function of, so that it can be recomputed.
    #[serde(skip_deserializing)]
    pub inputs: Option<Box<Inputs>>,
    /// The decision as it was taken.
    #[serde(skip_deserializing)]
    pub decision: Option<Box<Decision>>,
}

impl Entry {
    /// What these attempts cost together; `None` as soon as one is unpriced.
    pub fn cost_of(attempts: &[AttemptRow]) -> Option<NanoUsd> {
        attempts.iter().map(|attempt| attempt.cost).sum()
    }

    /// Tokens of all attempts together, each in its bucket: those of a plan's other members, of its judge, and of attempts that
    /// failed after they had read or written something.
    pub fn usage_in_all(&self) -> Usage {
        self.attempts.iter().map(|attempt| attempt.usage).sum()
    }

    /// Whether the cost of these attempts is partly ours to guess.
    pub fn is_estimated(attempts: &[AttemptRow]) -> bool {
        attempts.iter().any(|attempt| attempt.usage_source == UsageSource::Estimated || attempt.maybe_billed)
    }
}

/// A cost known only as an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostRange {
    /// At least this.
    pub low: NanoUsd,
    /// At most this.
    pub high: NanoUsd,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered to the end.
    Ok,
    /// The client went away before the end.
    ClientGone,
    /// The provider's own error was passed on.
    UpstreamError,
    /// We answered with an error of ours: refused, no route, chain exhausted.
    OwnError,
    /// The stream broke after it was committed.
    Truncated,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] =
        [Self::Ok, Self::ClientGone, Self::UpstreamError, Self::OwnError, Self::Truncated];

    /// The word used in the ledger and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientGone => "client_gone",
            Self::UpstreamError => "upstream_error",
            Self::OwnError => "own_error",
            Self::Truncated => "truncated",
        }
    }
}

/// One call of one deployment: exactly one row each. Stored by position, so a new field stands last and has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptRow {
    /// Position among the request's attempts, from 0.
    pub number: u8,
    /// The model; `None` on paths forwarded unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
    /// The deployment; `None` on paths forwarded unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// The provider.
    pub provider: ProviderId,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The upstream's status, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// From the request's arrival to the attempt's start, microseconds.
    pub started_us: u64,
    /// From the attempt's start to its first meaningful byte, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_us: Option<u64>,
    /// From the attempt's start to its end, microseconds.
    pub total_us: u64,
    /// Its tokens.
    #[serde(default, serialize_with = "filled_buckets", skip_serializing_if = "no_tokens")]
    pub usage: Usage,
    /// Where the token counts come from.
    pub usage_source: UsageSource,
    /// What it cost; `None` is *unpriced*, and an attempt that never reached the provider cost [`NanoUsd::ZERO`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<NanoUsd>,
    /// Sent completely, fate unknown: the provider may bill it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub maybe_billed: bool,
    /// The provider's own request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_request_id: Option<String>,
    /// A finer word for its failure than the outcome, where there is one: `tls_expired`, `content_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Cow<'static, str>>,
    /// What came of its answer, where a plan put it to a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Tried>,
}

fn no_tokens(usage: &Usage) -> bool {
    *usage == Usage::default()
}

/// Most buckets are empty most of the time; a missing one reads back as 0.
pub(super) fn filled_buckets<S: serde::Serializer>(usage: &Usage, serializer: S) -> Result<S::Ok, S::Error> {
    let buckets = [
        ("input", usage.input),
        ("cache_read", usage.cache_read),
        ("cache_write_5m", usage.cache_write_5m),
        ("cache_write_1h", usage.cache_write_1h),
        ("output", usage.output),
        ("reasoning", usage.reasoning),
        ("audio_input", usage.audio_input),
        ("audio_output", usage.audio_output),
        ("image_input", usage.image_input),
    ];
    serializer.collect_map(buckets.into_iter().filter(|(_, tokens)| *tokens > 0))
}
