//! The account of traffic the engine never sees: what streams through unread, with its usage where that could be seen,
//! and what is refused before its body is read. One row each.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;
use tokio::time::Instant;

use super::account::{count, micros};
use super::{Engine, Loaded, RefusalCode};
use crate::ledger::{AttemptOutcome, AttemptRow, Entry, Outcome};
use crate::telemetry::{Stage, StageTimes};
use crate::types::{
    ClientIx, Dialect, FailureClass, NanoUsd, Operation, ProviderIx, RequestId, Served, Usage, UsageSource,
};

/// One request past the engine while it runs.
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
    provider: Option<ProviderIx>,
    only_reads: bool,
    reached: bool,
    status: Option<u16>,
    first_byte: Option<Instant>,
    failure: Option<FailureClass>,
    refused: Option<RefusalCode>,
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
            provider: None,
            only_reads: false,
            reached: false,
            status: None,
            first_byte: None,
            failure: None,
            refused: None,
        }
    }

    /// Who pays.
    #[must_use]
    pub fn by(self, client: Option<ClientIx>, tenant: u64) -> Self {
        Self { client, tenant, ..self }
    }

    /// What it asks for.
    #[must_use]
    pub fn asking(self, method: &Method, dialect: Option<Dialect>, operation: Operation) -> Self {
        let only_reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        Self { only_reads, dialect, operation, ..self }
    }

    /// Where it goes.
    #[must_use]
    pub fn to(self, provider: ProviderIx) -> Self {
        Self { provider: Some(provider), ..self }
    }

    /// The provider is connected: from here on it may act, and bill.
    pub fn reached(&mut self) {
        self.reached = true;
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

    /// The client was told so by us.
    pub fn refused(&mut self, code: RefusalCode) {
        self.refused = Some(code);
    }

    /// Files the row.
    pub fn file(&mut self, engine: &Engine, usage: Option<Usage>) {
        let total = self.arrived.elapsed();
        let entry = self.entry(usage);
        let mut times = StageTimes::default();
        times.set(Stage::Total, total);
        engine.metrics.stages.record(&times);
        count(&engine.metrics, &entry);
        if let (Some(FailureClass::Tls), Some(provider)) = (self.failure, self.provider) {
            let provider = self.loaded.snapshot.provider(provider).id.as_str();
            engine.metrics.alarms.with_label_values(&[provider, FailureClass::Tls.as_str()]).inc();
            tracing::error!(target: "alarm", id = %self.id, provider, "a provider's TLS cannot be trusted");
        }
        if engine.ledger.record(entry).is_err() {
            tracing::debug!("a ledger entry was lost");
        }
    }

    fn entry(&self, usage: Option<Usage>) -> Entry {
        let snapshot = &self.loaded.snapshot;
        let client = self.client.map(|ix| snapshot.clients.at(ix));
        let outcome = match (self.failure, self.status) {
            _ if self.refused.is_some() => Outcome::OwnError,
            (Some(_), None) => Outcome::OwnError,
            (Some(FailureClass::BadRequest), Some(_)) => Outcome::ClientGone,
            (Some(_), Some(_)) => Outcome::Truncated,
            (None, Some(status)) if status >= 400 => Outcome::UpstreamError,
            (None, _) => Outcome::Ok,
        };
        let attempts: Vec<AttemptRow> = self.attempt(usage).into_iter().collect();
        let refused = self.refused.map(|code| code.on_the_wire().0);
        Entry {
            id: self.id,
            client: client.map(|client| client.id.clone()),
            tenant: self.tenant,
            policy: None,
            dialect: self.dialect,
            operation: self.operation,
            model_asked: None,
            served: Served::Pinned,
            reason: Cow::Borrowed(self.refused.map_or("not_read", RefusalCode::as_str)),
            task: None,
            complexity: None,
            step: None,
            stream: false,
            status: self.status.or(refused).unwrap_or(0),
            outcome,
            model: None,
            cost: Entry::cost_of(&attempts),
            cost_estimated: false,
            usage: attempts.first().map(|attempt| attempt.usage).unwrap_or_default(),
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
            attempts,
            inputs: None,
            decision: None,
        }
    }

    fn attempt(&self, usage: Option<Usage>) -> Option<AttemptRow> {
        let provider = self.loaded.snapshot.provider(self.provider?);
        let outcome = match (self.failure, self.status) {
            (Some(FailureClass::BadRequest), _) => AttemptOutcome::ClientGone,
            (Some(class), Some(_)) => AttemptOutcome::Broken(class),
            (Some(class), None) => AttemptOutcome::Failed(class),
            (None, _) => AttemptOutcome::Ok,
        };
        Some(AttemptRow {
            number: 0,
            model: None,
            deployment: None,
            provider: provider.id.clone(),
            outcome,
            status: self.status,
            started_us: 0,
            ttft_us: self.first_byte.map(|at| micros(at - self.arrived)),
            total_us: micros(self.arrived.elapsed()),
            usage: usage.unwrap_or_default(),
            usage_source: UsageSource::Provider,
            cost: self.is_free().then_some(NanoUsd::ZERO),
            maybe_billed: false,
            provider_request_id: None,
            fault: None,
            tried: None,
        })
    }

    /// What is not read cannot be priced. Only what surely costs nothing is free; a WebSocket (101) is not, although
    /// it begins with a GET.
    fn is_free(&self) -> bool {
        let failed = self.status.is_some_and(|status| status >= 400);
        !self.reached || failed || (self.only_reads && self.status != Some(SWITCHED))
    }
}

/// The status of a connection that goes on as a WebSocket.
const SWITCHED: u16 = 101;
