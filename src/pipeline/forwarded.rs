//! The account of traffic that streams through unread: one row, with its usage where that could be seen.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::time::Instant;

use super::account::{count, micros};
use super::{Engine, Loaded};
use crate::ledger::{AttemptOutcome, AttemptRow, Entry, Outcome};
use crate::telemetry::{Stage, StageTimes};
use crate::types::{
    ClientIx, Dialect, FailureClass, NanoUsd, Operation, ProviderIx, RequestId, Served, Usage, UsageSource,
};

/// One forwarded request while it runs.
pub struct Forwarded {
    /// Identity.
    pub id: RequestId,
    /// Dialect of the path; `None` for paths of no dialect.
    pub dialect: Option<Dialect>,
    /// Operation of the path.
    pub operation: Operation,
    arrived: Instant,
    loaded: Arc<Loaded>,
    client: Option<ClientIx>,
    tenant: u64,
    provider: ProviderIx,
    status: Option<u16>,
    first_byte: Option<Instant>,
    failure: Option<FailureClass>,
}

impl Forwarded {
    /// A request that has just arrived.
    pub fn new(id: RequestId, arrived: Instant, loaded: &Arc<Loaded>) -> Self {
        Self {
            id,
            dialect: None,
            operation: Operation::Other,
            arrived,
            loaded: loaded.clone(),
            client: None,
            tenant: 0,
            provider: ProviderIx(0),
            status: None,
            first_byte: None,
            failure: None,
        }
    }

    /// Who pays.
    #[must_use]
    pub fn by(self, client: Option<ClientIx>, tenant: u64) -> Self {
        Self { client, tenant, ..self }
    }

    /// Where it goes.
    #[must_use]
    pub fn to(self, provider: ProviderIx, dialect: Option<Dialect>, operation: Operation) -> Self {
        Self { provider, dialect, operation, ..self }
    }

    /// The answer's head came.
    pub fn answered(&mut self, status: u16) {
        self.status = Some(status);
        self.first_byte = Some(Instant::now());
    }

    /// It failed.
    pub fn failed(&mut self, class: FailureClass) {
        self.failure = self.failure.or(Some(class));
    }

    /// Files the row.
    pub fn file(&mut self, engine: &Engine, usage: Option<Usage>) {
        let total = self.arrived.elapsed();
        let entry = self.entry(usage);
        let mut times = StageTimes::default();
        times.set(Stage::Total, total);
        engine.metrics.stages.record(&times);
        count(&engine.metrics, &entry);
        if engine.ledger.record(entry).is_err() {
            tracing::debug!("a ledger entry was lost");
        }
    }

    fn entry(&self, usage: Option<Usage>) -> Entry {
        let snapshot = &self.loaded.snapshot;
        let client = self.client.map(|ix| snapshot.clients.at(ix));
        let outcome = match (self.failure, self.status) {
            (Some(_), None) => Outcome::OwnError,
            (Some(FailureClass::BadRequest), Some(_)) => Outcome::ClientGone,
            (Some(_), Some(_)) => Outcome::Truncated,
            (None, Some(status)) if status >= 400 => Outcome::UpstreamError,
            (None, _) => Outcome::Ok,
        };
        let attempt = self.attempt(usage);
        Entry {
            id: self.id,
            client: client.map(|client| client.id.clone()),
            tenant: self.tenant,
            policy: None,
            dialect: self.dialect,
            operation: self.operation,
            model_asked: None,
            served: Served::Pinned,
            reason: Cow::Borrowed("not_read"),
            task: None,
            complexity: None,
            step: None,
            stream: false,
            status: self.status.unwrap_or(0),
            outcome,
            model: None,
            cost: attempt.cost,
            cost_estimated: false,
            usage: attempt.usage,
            baseline: None,
            baseline_cost: None,
            would_model: None,
            would_cost: None,
            ttft_us: self.first_byte.map(|at| micros(at - self.arrived)),
            total_us: micros(self.arrived.elapsed()),
            overhead_us: 0,
            session: 0,
            tags: client.map(|client| client.tags.clone()).unwrap_or_default(),
            snapshot: snapshot.version.clone(),
            attempts: vec![attempt],
            inputs: None,
            decision: None,
        }
    }

    /// A call with tokens of an unknown model is unpriced; one without any costs nothing.
    fn attempt(&self, usage: Option<Usage>) -> AttemptRow {
        let outcome = match (self.failure, self.status) {
            (Some(FailureClass::BadRequest), _) => AttemptOutcome::ClientGone,
            (Some(class), Some(_)) => AttemptOutcome::Broken(class),
            (Some(class), None) => AttemptOutcome::Failed(class),
            (None, _) => AttemptOutcome::Ok,
        };
        AttemptRow {
            number: 0,
            model: None,
            deployment: None,
            provider: self.loaded.snapshot.provider(self.provider).id.clone(),
            outcome,
            status: self.status,
            started_us: 0,
            ttft_us: self.first_byte.map(|at| micros(at - self.arrived)),
            total_us: micros(self.arrived.elapsed()),
            usage: usage.unwrap_or_default(),
            usage_source: UsageSource::Provider,
            cost: usage.is_none().then_some(NanoUsd::ZERO),
            maybe_billed: false,
            provider_request_id: None,
        }
    }
}
