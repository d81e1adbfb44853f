//! The account of one request: opened when it arrives, filed exactly once on whatever path it ends, also when the
//! request is dropped from outside.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use super::announce::Announcement;
use super::refusal::Refusal;
use super::understand::{Asking, Decided, Read};
use super::would::would_cost;
use super::{Dispatch, Engine, Inbound, Loaded};
use crate::analysis::Analysis;
use crate::codec::AttemptNote;
use crate::ledger::{AttemptRow, Entry, Outcome};
use crate::routing::{Acceptance, Decision, Plan, ceiling_of_chain, legs_of, lost_by_leaving};
use crate::session::Answerer;
use crate::strategy::{End, Failure, Hold, Hop, Job, Leg, LegEnd, NotReady, Trail};
use crate::telemetry::{Stage, StageTimes};
use crate::types::{AgentStep, Day, Dialect, ModelId, NanoUsd, RequestId, Served, TaskClass, Turns, Usage};

/// The account of one request. Dropping it files the entry.
pub(super) struct Account<'e> {
    engine: &'e Engine,
    loaded: Arc<Loaded>,
    arrived: tokio::time::Instant,
    entry: Option<Entry>,
    explained: Vec<(&'static str, String)>,
    pub(super) trail: Trail,
    /// What is held for it under ceilings that it shares with others.
    pub(super) hold: Option<Arc<Hold>>,
    pub(super) times: StageTimes,
}

impl<'e> Account<'e> {
    /// Opens an account. Until told otherwise the client has gone before anything happened.
    pub(super) fn open(engine: &'e Engine, inbound: &Inbound) -> Self {
        let mut times = StageTimes::default();
        times.set(Stage::Body, inbound.body_time);
        let entry = Entry {
            id: inbound.id,
            client: inbound.client().map(|client| client.id.clone()),
            tenant: inbound.tenant,
            policy: None,
            dialect: Some(inbound.dialect),
            operation: inbound.operation,
            model_asked: None,
            served: Served::Pinned,
            reason: Cow::Borrowed("no_policy"),
            task: None,
            complexity: None,
            step: None,
            stream: false,
            status: 0,
            outcome: Outcome::ClientGone,
            model: None,
            cost: Some(NanoUsd::ZERO),
            cost_estimated: false,
            usage: Usage::default(),
            baseline: None,
            baseline_cost: None,
            would_model: None,
            would_cost: None,
            ttft_us: None,
            total_us: 0,
            overhead_us: 0,
            session: 0,
            tags: inbound.client().map(|client| client.tags.clone()).unwrap_or_default(),
            snapshot: inbound.loaded.snapshot.version.clone(),
            attempts: Vec::new(),
            inputs: None,
            decision: None,
        };
        Self {
            engine,
            loaded: inbound.loaded.clone(),
            arrived: inbound.arrived,
            entry: Some(entry),
            explained: Vec::new(),
            trail: Trail::default(),
            hold: None,
            times,
        }
    }

    fn note(&mut self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = &mut self.entry {
            change(entry);
        }
    }

    /// What the body said.
    pub(super) fn note_read(&mut self, read: &Read) {
        let policy = match read {
            Read::Understood(asked) => asked.policy,
            Read::Unreadable(policy) => *policy,
        };
        let policy = policy.map(|ix| self.loaded.snapshot.policy(ix).id.clone());
        self.note(|entry| {
            entry.policy = policy;
            match read {
                Read::Understood(asked) => {
                    entry.model_asked = Some(asked.request.model.clone());
                    entry.stream = asked.request.stream;
                    entry.session = if asked.has_session { asked.session } else { 0 };
                    entry
                        .tags
                        .extend(asked.limits.tags.iter().map(|(key, value)| (key.clone(), value.clone())));
                }
                Read::Unreadable(_) => {
                    entry.served = Served::Unrouted;
                    entry.reason = Cow::Borrowed("unreadable");
                }
            }
        });
    }

    /// What was decided; the dispatch, or the refusal when there is no plan.
    pub(super) fn note_decided(
        &mut self,
        asked: &Asking,
        decided: Decided,
        inbound: &Inbound,
    ) -> Result<Dispatch, Refusal> {
        self.times.set(Stage::Understand, decided.times.0);
        self.times.set(Stage::Decide, decided.times.1);
        let analysis = decided.analysis.as_ref();
        if asked.limits.explain {
            self.explained = analysis.map(explain).unwrap_or_default();
            let room = decided.inputs.as_ref().and_then(|inputs| inputs.live.room);
            self.explained.extend(room.map(|room| ("x-pointsman-ceiling", room.to_string())));
        }
        self.note(|entry| {
            entry.task = analysis.map(|analysis| analysis.task);
            entry.complexity = analysis.map(|analysis| analysis.complexity.score);
            entry.step = analysis.map(|analysis| analysis.step);
            entry.inputs = decided.inputs;
        });
        let unread = inbound.body.len() as u64 / 4;
        let input_tokens = analysis.map_or(unread, |analysis| u64::from(analysis.input_tokens));
        let output_tokens = analysis.map(|analysis| analysis.output_tokens);
        match decided.decision {
            None => Ok(Dispatch {
                served: Served::Pinned,
                reason: "no_policy",
                input_tokens,
                output_tokens,
                ..Dispatch::unread(asked.policy, &inbound.body)
            }),
            Some(Err(no_route)) => {
                self.note(|entry| entry.served = Served::Routed);
                Err(Refusal::no_route(&no_route))
            }
            Some(Ok(decision)) => {
                let along = self.along(&decision);
                let acceptance = analysis
                    .and_then(|analysis| Acceptance::of(&self.loaded.snapshot, analysis, &decision.plan));
                let dispatch = self.note_decision(asked, decision, input_tokens);
                let unfamiliar = analysis.is_some_and(|analysis| analysis.unfamiliar);
                Ok(Dispatch { output_tokens, acceptance, unfamiliar, ..along(dispatch) })
            }
        }
    }

    /// What a decision brings along for those who carry it out: its ceiling, its calls, where it may go.
    fn along(&self, decision: &Decision) -> impl FnOnce(Dispatch) -> Dispatch + use<> {
        let snapshot = &self.loaded.snapshot;
        let inputs = self.entry.as_ref().and_then(|entry| entry.inputs.as_deref());
        let ceiling = inputs.and_then(|inputs| ceiling_of_chain(snapshot, inputs, decision));
        let crossings = inputs.into_iter().flat_map(|inputs| &inputs.facts.crossings);
        let crosses: Vec<Dialect> =
            crossings.filter(|one| one.obstacle.is_none()).map(|one| one.to).collect();
        // Telling the legs means understanding the request once more.
        let compound = inputs.filter(|_| decision.plan.is_compound());
        let legs = compound.map_or_else(Vec::new, |inputs| legs_of(snapshot, inputs, decision));
        move |dispatch| Dispatch { ceiling, crosses, legs, ..dispatch }
    }

    fn note_decision(&mut self, asked: &Asking, decision: Box<Decision>, input_tokens: u64) -> Dispatch {
        let dispatch = Dispatch {
            plan: decision.plan.clone(),
            fallback: decision.fallback.clone(),
            served: served_by(&decision),
            reason: decision.reason.as_str(),
            policy: asked.policy,
            step: self.entry.as_ref().and_then(|entry| entry.step).unwrap_or(AgentStep::None),
            input_tokens,
            output_tokens: None,
            cost_estimate: expected_cost(&decision, &decision.plan),
            bound: decision.reason.is_bound(),
            ceiling: None,
            crosses: Vec::new(),
            legs: Vec::new(),
            acceptance: None,
            unfamiliar: false,
            answered_at: self.engine.answerer(asked).map(|answerer| answerer.deployment),
        };
        self.note(|entry| {
            entry.served = served_by(&decision);
            entry.reason = Cow::Borrowed(decision.reason.as_str());
            entry.baseline = decision.baseline.clone();
            if let Some(Plan::Single(model)) = &decision.would {
                entry.would_model = Some(model.clone());
            }
            entry.decision = Some(decision);
        });
        dispatch
    }

    fn id(&self) -> RequestId {
        self.entry.as_ref().map_or(RequestId(0), |entry| entry.id)
    }

    /// What the client is told when the answer's head goes out.
    pub(super) fn announcement(&mut self, job: &Job<'_>, read: &Read, dispatch: &Dispatch) -> Announcement {
        let overhead = self.times.of(Stage::Overhead).map_or(0, |time| time.as_micros());
        let overhead_us = u32::try_from(overhead).unwrap_or(u32::MAX);
        self.note(|entry| entry.overhead_us = overhead_us);
        Announcement {
            id: self.id(),
            served: dispatch.served,
            first_fallback: job.first_fallback(),
            reason: dispatch.reason,
            loaded: self.loaded.clone(),
            overhead_us,
            model_named: match read {
                Read::Understood(asked) => Some(asked.request.model.clone()),
                Read::Unreadable(_) => None,
            },
            cost_estimate: dispatch.cost_estimate,
            explained: std::mem::take(&mut self.explained),
        }
    }

    /// Closes with a refusal.
    pub(super) fn refuse(&mut self, refusal: Refusal) -> Refusal {
        self.engine.metrics.refusals.with_label_values(&[refusal.code.as_str()]).inc();
        self.note(|entry| {
            entry.outcome = Outcome::OwnError;
            entry.status = refusal.code.on_the_wire().0;
            entry.reason = Cow::Borrowed(refusal.code.as_str());
        });
        refusal
    }

    /// Closes with a chain that failed to its end.
    pub(super) fn fail(&mut self, job: &Job<'_>, failure: &Failure) -> Refusal {
        tracing::warn!(id = %job.id, class = failure.class.as_str(), detail = failure.detail, "no target answered");
        let notes = self.trail.legs.iter().map(|leg| attempt_note(job, leg)).collect();
        let refusal = Refusal::exhausted(failure, notes);
        self.refuse(refusal)
    }

    /// Closes with a chain of which no hop may be called.
    pub(super) fn not_ready(&mut self, job: &Job<'_>, not_ready: &NotReady) -> Refusal {
        let model = |hop: &Hop| match hop.model {
            Some(ix) => job.snapshot.model(ix).id.to_string(),
            None => String::new(),
        };
        self.refuse(Refusal::not_ready(not_ready, job.hops.iter().map(model).collect()))
    }

    /// Notes who answered the session, what of its prompt is in that one's cache, and what leaving the one before lost.
    fn remember(&self, job: &Job<'_>, target: &Hop) {
        let session = self.entry.as_ref().map_or(0, |entry| entry.session);
        let (Some(ix), Some(deployment), true) = (target.model, target.deployment, session != 0) else {
            return;
        };
        let now = Instant::now();
        let model = job.snapshot.model(ix).id.clone();
        let answered = self.trail.legs.iter().rev().find(|leg| leg.hop.model == Some(ix));
        let usage = answered.map(|leg| leg.usage).unwrap_or_default();
        let caches = usage.cache_read + usage.cache_write_5m + usage.cache_write_1h > 0;
        let warm_tokens = if caches { u32::try_from(usage.total_input()).unwrap_or(u32::MAX) } else { 0 };
        let (mut lost, mut turns) = (NanoUsd::ZERO, Turns::default());
        if let Some(before) = self.engine.sessions.last(session) {
            let left = before.model != model;
            let loses = || lost_by_leaving(job.snapshot, &before.model, before.warm_at(now), job.day);
            lost = before.lost + if left { loses() } else { NanoUsd::ZERO };
            turns = before.turns;
        }
        if let Some((task, step)) = self.entry.as_ref().and_then(|entry| entry.task.zip(entry.step)) {
            turns.count(task, step);
        }
        let deployment = job.snapshot.deployment(deployment).id.clone();
        self.engine.sessions.note(session, Answerer { model, deployment, warm_tokens, at: now, lost, turns });
    }

    /// Closes with whatever reached the client.
    pub(super) fn close(&mut self, job: &Job<'_>, end: &End) {
        let (outcome, hop, status) = match end {
            End::Served { hop, status } => (Outcome::Ok, Some(*hop), *status),
            End::Passed { hop, status, .. } => (Outcome::UpstreamError, Some(*hop), *status),
            End::Resumed { hop } => (Outcome::Ok, Some(*hop), 200),
            End::Truncated { hop, .. } => (Outcome::Truncated, *hop, 200),
            End::ClientGone => (Outcome::ClientGone, None, 0),
            End::Failed(_) | End::NotReady(_) => (Outcome::OwnError, None, 0),
        };
        // Of a request whose client has gone, the model that was writing: what it cost is that model's.
        let writing = self.trail.legs.last().filter(|_| outcome == Outcome::ClientGone).map(|leg| &leg.hop);
        let target = hop.map(|hop| &job.hops[hop]).or(writing);
        let model = target.and_then(|hop| hop.model).map(|ix| job.snapshot.model(ix).id.clone());
        if let (Outcome::Ok, Some(target)) = (outcome, target) {
            self.remember(job, target);
        }
        self.note(|entry| {
            entry.outcome = outcome;
            entry.status = status;
            entry.model = model;
            if hop.is_some_and(|hop| hop >= job.first_fallback()) {
                entry.served = Served::Fallback;
            }
            if matches!(end, End::Resumed { .. }) {
                entry.reason = Cow::Borrowed("resumed");
            }
        });
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let Some(mut entry) = self.entry.take() else { return };
        if let Some(hold) = &self.hold {
            hold.close(&self.trail.legs);
        }
        let metrics = &self.engine.metrics;
        if std::thread::panicking() {
            // Nobody left: we broke, and the client's connection breaks with us.
            entry.outcome = Outcome::OwnError;
            metrics.panics.inc();
        }
        entry.total_us = micros(self.arrived.elapsed());
        self.times.set(Stage::Total, self.arrived.elapsed());
        let snapshot = &self.loaded.snapshot;
        entry.attempts =
            self.trail.legs.iter().zip(0..).map(|(leg, number)| attempt_row(snapshot, leg, number)).collect();
        if let Some(leg) = self.trail.legs.last() {
            entry.usage = answering(&self.trail.legs, snapshot, &entry).unwrap_or(leg).usage;
            // Of an answer that broke and was resumed the first leg brought the first word.
            let first =
                self.trail.legs.iter().find(|leg| matches!(leg.end, LegEnd::Broken(_))).unwrap_or(leg);
            entry.ttft_us = first.ttft.map(|ttft| micros(first.started + ttft));
            if let Some(ttft) = first.ttft {
                self.times.set(Stage::FirstToken, ttft);
            }
        }
        entry.cost = Entry::cost_of(&entry.attempts);
        entry.cost_estimated = Entry::is_estimated(&entry.attempts);
        entry.baseline_cost = baseline_cost(snapshot, &entry);
        entry.would_cost = would_cost(snapshot, &entry);
        metrics.stages.record(&self.times);
        count(metrics, &entry);
        for leg in self.trail.legs.iter().filter(|leg| leg.alarm) {
            let provider = snapshot.provider(leg.hop.provider).id.as_str();
            metrics.alarms.with_label_values(&[provider, leg.end.as_str()]).inc();
        }
        log(&entry);
        if self.engine.ledger.record(entry).is_err() {
            tracing::debug!("a ledger entry was lost");
        }
    }
}

/// How a decision serves: a plan of several models by its kind.
fn served_by(decision: &Decision) -> Served {
    match (&decision.plan, decision.served) {
        (Plan::Cascade(_), _) => Served::Cascade,
        (Plan::Ensemble(_), _) => Served::Ensemble,
        (Plan::Debate(_), _) => Served::Debate,
        (Plan::Draft(_), _) => Served::Draft,
        (Plan::Named | Plan::Single(_), served) => served,
    }
}

/// One line a request for those who want it (`RUST_LOG=info,access=debug`); ids and words only, as in the ledger.
fn log(entry: &Entry) {
    tracing::debug!(
        target: "access",
        id = %entry.id,
        path = entry.served.as_str(),
        reason = &*entry.reason,
        outcome = entry.outcome.as_str(),
        status = entry.status,
        model = entry.model.as_ref().map(ModelId::as_str),
        attempts = entry.attempts.len(),
        total_us = entry.total_us,
        "request"
    );
}

/// Requests, attempts, tokens and money of one entry.
pub(super) fn count(metrics: &crate::telemetry::Metrics, entry: &Entry) {
    metrics.requests.with_label_values(&[entry.served.as_str(), &entry.reason, entry.outcome.as_str()]).inc();
    for attempt in &entry.attempts {
        let model = attempt.model.as_ref().map_or("unlisted", ModelId::as_str);
        metrics
            .attempts
            .with_label_values(&[attempt.provider.as_str(), model, attempt.outcome.as_str()])
            .inc();
        // Each model's own, so that a judge's tokens are not told of the model that it chose.
        if attempt.usage != Usage::default() {
            metrics.count_tokens(model, &attempt.usage);
            metrics.count_cost(model, entry.task.map_or("none", TaskClass::as_str), attempt.cost);
        }
    }
}

fn attempt_row(snapshot: &crate::catalog::Snapshot, leg: &Leg, number: u8) -> AttemptRow {
    AttemptRow {
        number,
        model: leg.hop.model.map(|ix| snapshot.model(ix).id.clone()),
        deployment: leg.hop.deployment.map(|ix| snapshot.deployment(ix).id.clone()),
        provider: snapshot.provider(leg.hop.provider).id.clone(),
        outcome: leg.end,
        status: leg.status,
        started_us: micros(leg.started),
        ttft_us: leg.ttft.map(micros),
        total_us: micros(leg.total),
        usage: leg.usage,
        usage_source: leg.usage_source,
        cost: leg.cost,
        maybe_billed: leg.maybe_billed,
        provider_request_id: leg.provider_request_id.clone(),
        fault: leg.fault.map(Cow::Borrowed),
        tried: leg.tried,
    }
}

fn attempt_note(job: &Job<'_>, leg: &Leg) -> AttemptNote {
    AttemptNote {
        model: match leg.hop.model {
            Some(ix) => job.snapshot.model(ix).id.to_string(),
            None => job.request.map_or_else(String::new, |request| request.model.clone()),
        },
        outcome: leg.end.as_str().to_owned(),
        ms: u64::try_from(leg.total.as_millis()).unwrap_or(u64::MAX),
        cost_usd: leg.cost.map(|cost| cost.to_string()),
    }
}

/// The leg that wrote what the client got: behind it may come a judge, or another's answer that agreed.
fn answering<'t>(legs: &'t [Leg], snapshot: &crate::catalog::Snapshot, entry: &Entry) -> Option<&'t Leg> {
    let model = snapshot.model_by_id(entry.model.as_ref()?.as_str())?;
    legs.iter().rev().find(|leg| leg.hop.model == Some(model))
}

/// What the same usage would have cost at the baseline.
fn baseline_cost(snapshot: &crate::catalog::Snapshot, entry: &Entry) -> Option<NanoUsd> {
    let baseline = snapshot.model_by_id(entry.baseline.as_ref()?.as_str())?;
    snapshot.model(baseline).prices.on(Day::of_unix_ms(entry.id.unix_ms()))?.cost(&entry.usage)
}

fn expected_cost(decision: &Decision, plan: &Plan) -> Option<NanoUsd> {
    decision.candidates.iter().find(|candidate| candidate.plan == *plan)?.cost
}

fn explain(analysis: &Analysis) -> Vec<(&'static str, String)> {
    let parts: Vec<String> =
        analysis.complexity.parts.iter().map(|part| format!("{}={:.2}", part.name, part.value)).collect();
    vec![
        ("x-pointsman-task", analysis.task.as_str().to_owned()),
        ("x-pointsman-task-confidence", format!("{:.2}", analysis.task_confidence)),
        ("x-pointsman-complexity", format!("{:.2}", analysis.complexity.score)),
        ("x-pointsman-complexity-parts", parts.join(" ")),
        ("x-pointsman-step", analysis.step.as_str().to_owned()),
        ("x-pointsman-input-tokens", analysis.input_tokens.to_string()),
    ]
}

/// Microseconds, saturating.
pub(super) fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
