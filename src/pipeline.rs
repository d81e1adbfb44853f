//! One request, stage after stage: read, understand, limits, decide, dispatch, account. [`Engine::handle`] is the
//! story; everything it calls lies in the rooms to the left or in the small files below `pipeline/`.

mod account;
mod announce;
mod crossing;
mod foresee;
mod forwarded;
mod frontier;
mod hops;
mod lacking;
mod refusal;
mod spend;
mod understand;
mod would;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use crossing::crossings;
pub use foresee::{Beyond, Foresight, foreseen};
pub use forwarded::Forwarded;
pub use frontier::{Frontier, FrontierAsk, FrontierFault};
pub use refusal::{Refusal, RefusalCode};
pub use understand::Decided;

use account::Account;
use announce::Announced;
use understand::Read;

use crate::catalog::{Client, OnAuthFailure, OnStreamBreak, Policy, Snapshot};
use crate::codec::{self, Origin};
use crate::ledger::Ledger;
use crate::routing::{Acceptance, ChainCeiling, Leg, Plan};
use crate::session::Sessions;
use crate::strategy::{self, End, Hold, Hop, Job, Memory, Purse, Purses, Reply, Rules};
use crate::telemetry::{Metrics, Stage};
use crate::types::{
    AgentStep, ClientIx, Day, DeploymentId, DeploymentIx, Dialect, ModelId, NanoUsd, Operation, PolicyIx,
    ProviderIx, RequestId, Served,
};
use crate::upstream::{Board, Caller, Health, Replicas, Standing, Upstream};

/// Sessions remembered at most.
const SESSIONS: usize = 200_000;

/// A snapshot with the health of its deployments.
pub struct Loaded {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// Health at the snapshot's positions.
    pub board: Board,
    /// What clients with a ceiling have spent, at the snapshot's positions.
    client_purses: Vec<Option<Arc<Purse>>>,
}

/// Everything requests share.
pub struct Engine {
    loaded: ArcSwap<Loaded>,
    health: Health,
    upstream: Upstream,
    sessions: Sessions,
    /// What sessions have spent, where that has a ceiling.
    purses: Purses,
    foresight: Foresight,
    max_answer_bytes: usize,
    memory: Memory,
    /// Body bytes that are being parsed off the workers.
    parsing: Arc<Semaphore>,
    /// The ledger.
    pub ledger: Ledger,
    /// Its file, for looking stored requests up.
    pub ledger_path: PathBuf,
    /// Counters and stage timers.
    pub metrics: Arc<Metrics>,
}

/// A whole request as the proxy hands it over.
pub struct Inbound {
    /// The snapshot it is served under.
    pub loaded: Arc<Loaded>,
    /// Identity.
    pub id: RequestId,
    /// When its head arrived.
    pub arrived: Instant,
    /// How long its body took.
    pub body_time: Duration,
    /// The dialect of its path.
    pub dialect: Dialect,
    /// The operation of its path.
    pub operation: Operation,
    /// Path and query.
    pub path: String,
    /// Headers as they came.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The client that was identified, a position in `loaded`.
    pub client: Option<ClientIx>,
    /// Hash of whoever pays: the client's id, else its credential.
    pub tenant: u64,
    /// Whether the credential in the headers is the provider's.
    pub credential_is_providers: bool,
    /// Where it was going when it was intercepted; `None`: it was sent to us.
    pub intercepted: Option<Intercepted>,
    /// Path and query as it came, when it was intercepted: what is served as it was asked leaves by the same.
    pub came_by: Option<String>,
}

/// An intercepted request has a home of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intercepted {
    /// The provider whose host the client connected to.
    pub home: ProviderIx,
    /// Named models are observed, whatever the mode of their policy.
    pub observe_only: bool,
}

impl Engine {
    /// An engine serving a first snapshot.
    pub fn new(
        snapshot: Arc<Snapshot>,
        (ledger, ledger_path): (Ledger, PathBuf),
        pool: PoolSettings,
    ) -> Result<Self, String> {
        let metrics = Metrics::new().map_err(|error| error.to_string())?;
        let health = Health::default();
        let board = board(&health, &snapshot)?;
        ledger.snapshot(&snapshot);
        let purses = Purses::new(spend::SESSION_PURSES);
        let on_record = (&*ledger_path, spend::now_ms());
        spend::know_sessions(&purses, (&snapshot, None), on_record);
        let client_purses = spend::client_purses(&snapshot, None, on_record);
        Ok(Self {
            loaded: ArcSwap::from_pointee(Loaded { snapshot, board, client_purses }),
            health,
            upstream: Upstream::new(pool.connections, pool.threads),
            sessions: Sessions::new(SESSIONS),
            purses,
            foresight: Foresight::default(),
            max_answer_bytes: pool.max_answer_bytes,
            memory: Memory::new(pool.answer_budget_bytes),
            parsing: Arc::new(Semaphore::new(understand::PARSE_BUDGET)),
            ledger,
            ledger_path,
            metrics: Arc::new(metrics),
        })
    }

    /// The snapshot in force.
    pub fn loaded(&self) -> Arc<Loaded> {
        self.loaded.load_full()
    }

    /// The pool and resolver.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Swaps a new snapshot in; requests in flight finish under theirs.
    pub fn swap(&self, snapshot: Arc<Snapshot>) -> Result<(), String> {
        let board = board(&self.health, &snapshot)?;
        self.ledger.snapshot(&snapshot);
        let before = self.loaded();
        let on_record = (&*self.ledger_path, spend::now_ms());
        spend::know_sessions(&self.purses, (&snapshot, Some(&before)), on_record);
        let client_purses = spend::client_purses(&snapshot, Some(&before), on_record);
        self.loaded.store(Arc::new(Loaded { snapshot, board, client_purses }));
        self.upstream.resolver().forget();
        self.metrics.reloads.inc();
        Ok(())
    }

    /// Serves one request. What the client gets went through `reply`, or is the refusal.
    pub async fn handle<R: Reply>(&self, inbound: Inbound, reply: &mut R) -> Result<(), Refusal> {
        let mut account = Account::open(self, &inbound);
        let read = self.read(&inbound).await.map_err(|refusal| account.refuse(refusal))?;
        account.note_read(&read);
        let dispatch = match &read {
            Read::Understood(asked) => {
                let decided = self.decide_and_hold(&inbound, asked);
                let (decided, hold) = decided.map_err(|refusal| account.refuse(refusal))?;
                account.hold = hold;
                account.note_decided(asked, decided, &inbound)
            }
            Read::Unreadable(policy) => Ok(Dispatch::unread(*policy, &inbound.body)),
        };
        let dispatch = dispatch.map_err(|refusal| account.refuse(refusal))?;
        let hold = account.hold.clone();
        let job = self.job(&inbound, (&read, &dispatch), hold.as_deref());
        let job = job.map_err(|refusal| account.refuse(refusal))?;
        account.times.set(Stage::Overhead, inbound.arrived.elapsed().saturating_sub(inbound.body_time));
        let announcement = account.announcement(&job, &read, &dispatch);
        let mut announced = Announced { announcement: &announcement, reply };
        let end = strategy::run(&job, &mut account.trail, &mut announced).await;
        match end {
            End::Failed(failure) => Err(account.fail(&job, &failure)),
            End::NotReady(not_ready) => Err(account.not_ready(&job, &not_ready)),
            end => {
                account.close(&job, &end);
                Ok(())
            }
        }
    }

    fn job<'a>(
        &'a self,
        inbound: &'a Inbound,
        (read, dispatch): (&'a Read, &'a Dispatch),
        hold: Option<&'a Hold>,
    ) -> Result<Job<'a>, Refusal> {
        let loaded = &inbound.loaded;
        let snapshot = &*loaded.snapshot;
        let (mut hops, places) = hops::of(loaded, inbound, read, dispatch)?;
        if let (true, Read::Understood(asked)) = (dispatch.bound, read) {
            let answerer = self.answerer(asked);
            hops::bind(snapshot, &mut hops, answerer.map(|answerer| answerer.deployment));
        }
        let (request, limits) = match read {
            Read::Understood(asked) => (Some(&asked.request), Some(&asked.limits)),
            Read::Unreadable(_) => (None, None),
        };
        let policy = dispatch.policy.map(|ix| snapshot.policy(ix).at(dispatch.step));
        let rules = rules(&dispatch.plan, policy, &hops);
        let compound = hops::compound((dispatch, policy), &places);
        let guarded = matches!(rules, Rules::Guarded { .. });
        let policy_limit = |limit: fn(&Policy) -> Option<u32>| policy.filter(|_| guarded).and_then(limit);
        let until = |caller: Option<u32>, policy: Option<u32>| {
            let stricter = match (caller, policy) {
                (Some(caller), Some(policy)) => caller.min(policy),
                (caller, policy) => caller.or(policy)?,
            };
            Some(inbound.arrived + Duration::from_millis(u64::from(stricter)))
        };
        Ok(Job {
            id: inbound.id,
            snapshot,
            board: &loaded.board,
            upstream: &self.upstream,
            caller: inbound.caller(),
            path: &inbound.path,
            came_by: inbound.came_by.as_deref(),
            dialect: inbound.dialect,
            operation: inbound.operation,
            body: &inbound.body,
            request,
            input_tokens: dispatch.input_tokens,
            output_tokens: dispatch.output_tokens,
            hops,
            rules,
            arrived: inbound.arrived,
            deadline: until(
                limits.and_then(|limits| limits.deadline_ms),
                policy_limit(|policy| policy.deadline_ms),
            ),
            first_token_by: until(
                limits.and_then(|limits| limits.ttft_ms),
                policy_limit(|policy| policy.ttft_ms),
            ),
            day: Day::of_unix_ms(inbound.id.unix_ms()),
            max_answer_bytes: self.max_answer_bytes,
            memory: &self.memory,
            ceiling: dispatch.ceiling.as_ref().map(|chain| chain.ceiling),
            hold,
            compound,
            resumes: guarded && policy.is_some_and(|policy| policy.on_stream_break == OnStreamBreak::Resume),
        })
    }
}

/// What may happen to the answers of a plan.
fn rules<'a>(plan: &Plan, policy: Option<&'a Policy>, hops: &[Hop]) -> Rules<'a> {
    match policy.filter(|_| plan.kind().is_some()) {
        Some(policy) => Rules::Guarded { on: &policy.on, on_auth_failure: policy.on_auth_failure },
        // What is translated is read, so it is checked; a model asked for by name has no other behind it.
        None if hops.iter().any(|hop| hop.standing == Standing::Across) => {
            Rules::Guarded { on: &[], on_auth_failure: OnAuthFailure::Fail }
        }
        None => Rules::Verbatim,
    }
}

/// Bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Idle upstream connections kept.
    pub connections: usize,
    /// Worker threads of the data plane.
    pub threads: usize,
    /// Longest whole answer that is held in memory and checked.
    pub max_answer_bytes: usize,
    /// What all answers together may hold in memory.
    pub answer_budget_bytes: usize,
}

/// What was decided to do, in the terms of dispatch.
#[derive(Debug)]
pub(crate) struct Dispatch {
    pub(crate) plan: Plan,
    pub(crate) fallback: Vec<ModelId>,
    pub(crate) served: Served,
    pub(crate) reason: &'static str,
    pub(crate) policy: Option<PolicyIx>,
    /// The step of an agent's work it is, which a policy may have limits for.
    pub(crate) step: AgentStep,
    pub(crate) input_tokens: u64,
    /// Output tokens that were expected; `None` where nothing was decided.
    pub(crate) output_tokens: Option<u32>,
    pub(crate) cost_estimate: Option<NanoUsd>,
    /// The conversation is bound to the account that served it: one hop and no other.
    pub(crate) bound: bool,
    /// What the attempts may cost together.
    pub(crate) ceiling: Option<ChainCeiling>,
    /// Other dialects the request can be put into.
    pub(crate) crosses: Vec<Dialect>,
    /// The calls of a plan of several models.
    pub(crate) legs: Vec<Leg>,
    /// When an answer of such a plan stands, where that was learnt.
    pub(crate) acceptance: Option<Acceptance>,
    /// It is unlike anything that is known.
    pub(crate) unfamiliar: bool,
    /// Where this conversation was answered last.
    pub(crate) answered_at: Option<DeploymentId>,
}

impl Dispatch {
    /// A body we could not read goes on as the client named it; four bytes a token is all that is known of it.
    fn unread(policy: Option<PolicyIx>, body: &Bytes) -> Self {
        Self {
            plan: Plan::Named,
            fallback: Vec::new(),
            served: Served::Unrouted,
            reason: "unreadable",
            policy,
            step: AgentStep::None,
            input_tokens: body.len() as u64 / 4,
            output_tokens: None,
            cost_estimate: None,
            bound: false,
            ceiling: None,
            crosses: Vec::new(),
            legs: Vec::new(),
            acceptance: None,
            unfamiliar: false,
            answered_at: None,
        }
    }
}

impl Inbound {
    /// The request as it came, for translation.
    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin { operation: self.operation, path: &self.path, body: &self.body }
    }

    /// The same request read as a chat request, whatever its path: for decisions without dispatch.
    #[must_use]
    pub fn as_chat(self) -> Self {
        let (dialect, operation) = if self.headers.contains_key("anthropic-version") {
            (Dialect::Anthropic, Operation::Messages)
        } else {
            (Dialect::OpenAi, Operation::ChatCompletions)
        };
        let path = match operation {
            Operation::Messages => "/v1/messages",
            _ => "/v1/chat/completions",
        };
        Self { dialect, operation, path: path.to_owned(), ..self }
    }

    /// The model, where the path it came by names it instead of the body.
    pub(crate) fn deployment(&self) -> Option<&str> {
        codec::deployment_of(self.came_by.as_deref()?)
    }

    /// The provider it goes to where nothing else is chosen.
    pub(crate) fn home(&self) -> Option<ProviderIx> {
        let default = || self.loaded.snapshot.defaults.of(self.dialect);
        self.intercepted.map_or_else(default, |intercepted| Some(intercepted.home))
    }

    /// The caller's headers and what the credential among them means.
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller { headers: &self.headers, credential_is_providers: self.credential_is_providers }
    }

    /// The client's entry.
    pub(crate) fn client(&self) -> Option<&Client> {
        self.client.map(|ix| self.loaded.snapshot.clients.at(ix))
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn board(health: &Health, snapshot: &Snapshot) -> Result<Board, String> {
    let replicas = snapshot.deployments.iter().map(Replicas::new).collect::<Result<Vec<_>, _>>()?;
    Ok(health.board(snapshot, replicas))
}

/// Health checks of self-hosted replicas, for the background task.
pub async fn check_replicas(loaded: &Loaded) {
    for (_, ix) in loaded.snapshot.deployments.iter().zip(0..) {
        if let Some(replicas) = loaded.board.replicas(DeploymentIx(ix)) {
            replicas.check().await;
        }
    }
}
