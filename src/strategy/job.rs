//! One request as it is carried out: its targets, its limits, and what these say of a hop. Owns no order of things; that is
//! the chain's.

use std::time::Duration;

use bytes::Bytes;
use memchr::memmem;
use tokio::time::Instant;

use super::attempt::{Attempt, Trail};
use super::chain::{Failure, Wants};
use super::compound::Compound;
use super::memory::Memory;
use super::rules::Rules;
use super::spending::Hold;
use crate::catalog::{Credential, Provider, Snapshot};
use crate::codec::ChatRequest;
use crate::routing::affords;
use crate::types::{
    Day, DeploymentIx, Dialect, FailureClass, ModelId, ModelIx, NanoUsd, Operation, ProviderIx, RequestId,
    Secret, Usage, UsageSource,
};
use crate::upstream::{Answered, Barred, Board, Caller, Standing, Upstream};

/// Wait before a hop that failed once for no known reason is asked once more, stretched by up to its double.
pub(super) const ONCE_MORE: Duration = Duration::from_millis(100);
/// Extra attempts on the last hop, whatever a provider's `retries` says.
const MAX_RETRIES: u32 = 5;

/// One target of a chain.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The provider.
    pub provider: ProviderIx,
    /// The deployment; `None` when traffic is forwarded as the client addressed it.
    pub deployment: Option<DeploymentIx>,
    /// The model; `None` when it is not in the catalogue.
    pub model: Option<ModelIx>,
    /// Whether `model` in the body is replaced by the deployment's name for it.
    pub rename: bool,
    /// How the target stands to the request.
    pub standing: Standing,
    /// Whether it is asked in another dialect or API than the client's.
    pub translated: bool,
    /// What an attempt costs at most, where there is a ceiling; `None`: unpriced.
    pub worst_cost: Option<NanoUsd>,
}

/// Everything one request needs to be carried out.
pub struct Job<'a> {
    /// Identity, for errors sent inside a stream.
    pub id: RequestId,
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// Health of the snapshot's deployments.
    pub board: &'a Board,
    /// The pool.
    pub upstream: &'a Upstream,
    /// The caller's headers.
    pub caller: Caller<'a>,
    /// Path and query as the client sent them.
    pub path: &'a str,
    /// Path and query as they were intercepted, for the provider they were going to; `None`: they were sent to us.
    pub came_by: Option<&'a str>,
    /// The dialect of the path.
    pub dialect: Dialect,
    /// The operation of the path.
    pub operation: Operation,
    /// The body as the client sent it.
    pub body: &'a Bytes,
    /// The facts of the body, where it was read.
    pub request: Option<&'a ChatRequest>,
    /// Our estimate of its input tokens, for answers without usage.
    pub input_tokens: u64,
    /// Output tokens that the decision expected; `None`: nothing was decided.
    pub output_tokens: Option<u32>,
    /// Targets in order; never empty.
    pub hops: Vec<Hop>,
    /// What may happen to answers.
    pub rules: Rules<'a>,
    /// When the request arrived.
    pub arrived: Instant,
    /// When the answer must be complete.
    pub deadline: Option<Instant>,
    /// When its first token must be there.
    pub first_token_by: Option<Instant>,
    /// The day prices are taken from.
    pub day: Day,
    /// Longest whole answer that is held in memory and checked.
    pub max_answer_bytes: usize,
    /// What all answers together may hold in memory.
    pub memory: &'a Memory,
    /// What all attempts together may cost; `None`: no ceiling.
    pub ceiling: Option<NanoUsd>,
    /// What is held for it under ceilings that it shares with other requests; `None`: there is none.
    pub hold: Option<&'a Hold>,
    /// A plan of several models; its models are the first hops.
    pub compound: Option<Compound>,
    /// Whether a stream that broke may be finished by the next hop.
    pub resumes: bool,
}

impl Job<'_> {
    /// Whether the caller's or the policy's own time is over, as opposed to a provider's clocks.
    pub(super) fn is_out_of_time(&self) -> bool {
        let over = |by: Option<Instant>| by.is_some_and(|by| by <= Instant::now());
        over(self.deadline) || over(self.first_token_by)
    }

    /// The first hop that is none of the plan's own: whoever answers from there on is a fallback.
    pub fn first_fallback(&self) -> usize {
        self.compound.as_ref().map_or(1, |compound| compound.chain)
    }

    /// Whether nothing speaks against a call of a hop.
    pub(super) fn may_be_called(&self, position: usize) -> bool {
        self.hops[position].deployment.is_none_or(|ix| self.board.ready(ix))
    }

    /// Whether an attempt at a hop keeps the ceilings, whatever it turns out to cost, beside those before it; under a ceiling that is
    /// shared its worst case is held from then on.
    pub(super) fn affords(&self, hop: &Hop, trail: &Trail) -> bool {
        let Some(ceiling) = self.ceiling else { return true };
        let spent: Option<NanoUsd> = trail.legs.iter().map(|leg| leg.cost).sum();
        affords(ceiling, spent, hop.worst_cost) && self.holds(trail, hop.worst_cost, hop.worst_cost)
    }

    /// Whether what comes next finds room under the ceilings that are shared; `rest`: that and all that may come behind it.
    pub(super) fn holds(&self, trail: &Trail, next: Option<NanoUsd>, rest: Option<NanoUsd>) -> bool {
        let Some(hold) = self.hold else { return true };
        next.zip(rest).is_some_and(|(next, rest)| hold.settle(&trail.legs, next, rest))
    }

    /// The model a hop serves, where it is one of ours.
    pub(super) fn model_of(&self, position: usize) -> Option<ModelId> {
        self.hops[position].model.map(|ix| self.snapshot.model(ix).id.clone())
    }

    /// When the head of the answer must be there. Only a stream's head says that writing has begun; that of a whole
    /// answer comes when everything is written, so verbatim ones have the whole attempt for it. Behind the last hop
    /// there is nobody to save time for: it has what is left of the deadline.
    pub(super) fn first_byte_by(&self, provider: &Provider, deadline: Instant, wants: Wants) -> Instant {
        let Wants { whole, last } = wants;
        let streams = !whole && self.request.is_some_and(|request| request.stream);
        let clock = Instant::now() + provider.clocks.first_byte;
        match (self.rules, streams) {
            (Rules::Verbatim, false) => deadline,
            (Rules::Guarded { .. }, _) if last && self.deadline.is_some() => deadline,
            (Rules::Guarded { .. }, false) => clock,
            (Rules::Guarded { .. } | Rules::Verbatim, true) => {
                self.patience().map_or(clock, |by| by.min(clock))
            }
        }
    }

    /// When the first token must be there, unless that is over: an answer that comes late is better than none.
    pub(super) fn patience(&self) -> Option<Instant> {
        self.first_token_by.filter(|by| *by > Instant::now())
    }

    /// Whether and until when a hop must not be called. What is only forwarded goes where the client sent it.
    pub(super) fn barred(&self, position: usize) -> Option<Barred> {
        match self.rules {
            Rules::Guarded { .. } => self.board.barred(self.hops[position].deployment?),
            Rules::Verbatim => None,
        }
    }

    /// Until the first barred hop may be called.
    pub(super) fn earliest(&self) -> Option<Duration> {
        let waits = (0..self.hops.len()).filter_map(|position| match self.barred(position)? {
            Barred::For(wait) => Some(wait),
            Barred::UntilReload => None,
        });
        waits.min()
    }

    /// Extra attempts at a hop.
    pub(super) fn retries(&self, position: usize) -> u32 {
        self.snapshot.provider(self.hops[position].provider).retries.min(MAX_RETRIES)
    }

    /// Whether a hop can do what the one before could not: take a context that was too long, or a parameter that its model
    /// does not take.
    pub(super) fn may_help(&self, position: usize, failure: &Failure, at: usize) -> bool {
        let window =
            |position: usize| self.hops[position].model.map(|ix| self.snapshot.model(ix).context_tokens);
        match failure.class {
            FailureClass::ContextLength => window(position) > window(at),
            FailureClass::Unsupported => self.hops[position].model != self.hops[at].model,
            _ => true,
        }
    }

    /// Whether a hop is asked a second time although there is another: a provider that has just failed inside (500) most
    /// often succeeds at once, and the next model may cost ten times as much.
    pub(super) fn asks_once_more(&self, position: usize, failure: &Failure) -> bool {
        let inside = failure.answer.as_ref().is_some_and(|answer| answer.status == 500);
        inside
            && failure.class == FailureClass::ServerError
            && matches!(self.rules, Rules::Guarded { .. })
            && self.retries(position) > 0
            && self.barred(position).is_none()
            && self.deadline.is_none_or(|by| Instant::now() + ONCE_MORE * 2 < by)
    }

    /// Whether a hop was called with the caller's own credential, so that a refusal of it is the caller's to see.
    pub(super) fn carries_callers_credential(&self, position: usize) -> bool {
        let hop = &self.hops[position];
        let provider = self.snapshot.provider(hop.provider);
        matches!(provider.credential, Credential::Passthrough) && hop.standing == Standing::Home
    }

    /// Whether an answer shows the key of ours that its hop was called with: a provider that repeats what it was sent
    /// must not hand our key to the caller.
    pub(super) fn shows_our_key(&self, position: usize, answer: &[u8]) -> bool {
        self.our_key(position).is_some_and(|key| memmem::find(answer, key.expose().as_bytes()).is_some())
    }

    /// The key of ours that a hop is called with.
    pub(super) fn our_key(&self, position: usize) -> Option<&Secret> {
        match &self.snapshot.provider(self.hops[position].provider).credential {
            Credential::Held(key) if !key.expose().is_empty() => Some(key),
            Credential::Held(_) | Credential::Passthrough | Credential::None => None,
        }
    }

    /// What a usage costs at a hop; `None`: unpriced.
    pub(super) fn cost(&self, position: usize, usage: &Usage) -> Option<NanoUsd> {
        let model = self.snapshot.model(self.hops[position].model?);
        model.prices.on(self.day)?.cost(usage)
    }

    /// The provider's count, or ours: our estimate of the input, and four bytes of output a token.
    pub(super) fn usage_of(&self, counted: Option<Usage>, output_bytes: u64) -> (Usage, UsageSource) {
        match counted {
            Some(usage) => (usage, UsageSource::Provider),
            None => {
                let output = output_bytes.div_ceil(4);
                (Usage { input: self.input_tokens, output, ..Usage::default() }, UsageSource::Estimated)
            }
        }
    }

    /// Learns how long an answer took; the time in which the provider waited for the client to read does not count.
    pub(super) fn learn(&self, position: usize, attempt: &mut Attempt<'_>, pace: Pace) {
        let hop = &self.hops[position];
        let Some(ix) = hop.deployment else { return };
        let cap = hop.model.map_or(u32::MAX, |model| self.snapshot.model(model).max_output_tokens);
        let total = attempt.elapsed().saturating_sub(pace.waited);
        attempt.note(|leg| {
            let answered = Answered {
                ttft: leg.ttft,
                total,
                output_tokens: leg.usage.total_output(),
                expected_tokens: self.output_tokens.map(|tokens| tokens.min(cap)),
                stream: pace.stream,
                cut: pace.cut,
            };
            self.board.learn(ix, answered);
        });
    }

    /// Learns that an answer did not come as soon as this.
    pub(super) fn learn_cut(&self, position: usize, attempt: &mut Attempt<'_>) {
        let stream = self.request.is_some_and(|request| request.stream);
        self.learn(position, attempt, Pace { stream, cut: true, waited: Duration::ZERO });
    }
}

/// What is known of a leg's time beside its clock.
#[derive(Clone, Copy, Default)]
pub(super) struct Pace {
    /// Whether it was a stream.
    pub(super) stream: bool,
    /// Whether it was cut off.
    pub(super) cut: bool,
    /// How long the provider waited for the client to read.
    pub(super) waited: Duration,
}
