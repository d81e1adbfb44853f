//! The first three stages: the body read, its features taken and understood, the caller's limits, the decision.

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::{Duration, Instant};

use http::HeaderMap;
use tokio::runtime::Handle;
use xxhash_rust::xxh3::Xxh3;

use super::crossing;
use super::foresee::{Beyond, foreseen};
use super::refusal::{Refusal, RefusalCode};
use super::{Engine, Inbound, Loaded, lacking, spend};
use crate::analysis::{self, Analysis, Features, Limits, is_hint, read_limits};
use crate::catalog::{Credential, Mode, Model};
use crate::codec::{self, ChatRequest, KeyScan, Origin, ReadFault, ReadFaultKind, Scratch};
use crate::routing::{
    self, Asked, Decision, DeploymentLive, Facts, Inputs, Live, NoRoute, Plan, Room, SessionLive,
    UnknownPolicy,
};
use crate::session::Answerer;
use crate::types::{Capabilities, Day, DeploymentIx, NanoUsd, Operation, PolicyId, PolicyIx, ProviderIx};
use crate::upstream::Standing;

/// Bodies above this are parsed off the worker, and their scratch is freed afterwards.
const LARGE_BODY: usize = 1 << 20;

/// What the bodies that are parsed off the workers may take together, bytes: the largest one alone, or several.
pub(super) const PARSE_BUDGET: usize = 96 << 20;
/// What a value takes on the parser's tape, with its place in the index.
const VALUE_BYTES: usize = 32;

/// What parsing a body takes at most: a copy, its texts once more, and a place for every value. Counted by what separates
/// values, in texts too.
fn parse_cost(body: &[u8]) -> u32 {
    let values = memchr::memchr3_iter(b',', b':', b'[', body).count();
    u32::try_from((2 * body.len() + values * VALUE_BYTES).min(PARSE_BUDGET)).unwrap_or(u32::MAX)
}

thread_local! {
    // Parsing wants a mutable copy of the body and a tape; both are reused by every request of this worker.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// A body, read or not.
pub(super) enum Read {
    /// Read; everything a decision needs.
    Understood(Box<Asking>),
    /// Not readable by us but forwarded as it is, under this policy.
    Unreadable(Option<PolicyIx>),
}

/// A request that was read.
pub(super) struct Asking {
    pub(super) request: ChatRequest,
    /// Taken only where a policy applies or the caller sets a ceiling, and from every large body; nothing is decided about other
    /// traffic.
    pub(super) features: Option<Features>,
    /// What a predictor says beyond the class, from what features were taken.
    pub(super) beyond: Option<Beyond>,
    pub(super) limits: Limits,
    pub(super) policy: Option<PolicyIx>,
    /// Hash of tenant and session identity; of the request itself where it names no session.
    pub(super) session: u64,
    /// Hash of tenant and session without a sub-agent's name, from which shares are drawn.
    pub(super) share: u64,
    pub(super) has_session: bool,
    pub(super) read_time: Duration,
}

/// A decision with what led to it.
pub struct Decided {
    /// What was understood; `None` where no policy applied.
    pub analysis: Option<Analysis>,
    /// Everything the decision is a function of; `None` where no policy applied and nothing was decided.
    pub inputs: Option<Box<Inputs>>,
    /// The decision, or why there is no plan.
    pub decision: Option<Result<Box<Decision>, NoRoute>>,
    /// What it costs at most, where it must keep a ceiling that it shares with others; `None`: unpriced.
    pub worst: Option<NanoUsd>,
    /// How long understanding and deciding took.
    pub times: (Duration, Duration),
}

impl Engine {
    /// Reads a body and the limits beside it. Our parser refuses some bodies that a provider takes (integers beyond
    /// 64 bits, lone surrogates): those pass unread where nothing would have been changed anyway.
    pub(super) async fn read(&self, inbound: &Inbound) -> Result<Read, Refusal> {
        // Most requests have none, and looking each of them up in the whole map would cost more than reading the body.
        let hints = hints(&inbound.headers);
        let hint = |name: &str| hints.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value);
        let limits = read_limits(hint).map_err(|faults| invalid_limits(&faults))?;
        let capped = spend::is_capped(&inbound.loaded.snapshot, inbound.client());
        let began = Instant::now();
        let read = if inbound.body.len() > LARGE_BODY {
            let (body, operation, loaded) = (inbound.body.clone(), inbound.operation, inbound.loaded.clone());
            let (path, named) = (inbound.path.clone(), inbound.deployment().map(str::to_owned));
            let (budget, runtime) = (self.parsing.clone(), Handle::current());
            // Whether a policy takes it is known when its model has been read; what is found for nothing is dropped.
            let parse = move || {
                // The thread waits for its turn and holds nothing yet; it never fails, as the budget is never closed.
                let _turn = runtime.block_on(budget.acquire_many(parse_cost(&body)));
                let origin = Origin { operation, path: &path, body: &body };
                codec::read_named(named.as_deref(), &origin, &mut Scratch::default(), |view| {
                    let features = analysis::extract(view);
                    let learned = loaded.snapshot.learned.as_ref();
                    let beyond = learned.map(|learned| foreseen(learned, view, &features).into());
                    (Some(features), beyond)
                })
            };
            tokio::task::spawn_blocking(parse)
                .await
                .map_err(|_| Refusal::new(RefusalCode::InvalidRequest, "the body could not be parsed"))?
        } else {
            SCRATCH.with_borrow_mut(|scratch| {
                codec::read_named(inbound.deployment(), &inbound.origin(), scratch, |view| {
                    let unmatched = matches!(self.policy(inbound, &view.request.model), Ok(None));
                    let features =
                        (!unmatched || limits.max_cost.is_some() || capped).then(|| analysis::extract(view));
                    let learned = inbound.loaded.snapshot.learned.as_ref();
                    let decided = features.as_ref().filter(|_| !unmatched);
                    let beyond = learned.zip(decided).map(|(learned, features)| {
                        self.foresight.of(learned, inbound.tenant, view, features)
                    });
                    (features, beyond)
                })
            })
        };
        let (request, (features, beyond)) = match read {
            Ok(read) => read,
            Err(fault) => return self.unreadable(inbound, &limits, fault),
        };
        let policy = self.policy(inbound, &request.model)?;
        let session = limits.session.as_deref().or(request.session.as_deref());
        let has_session = session.is_some();
        // Shares are of sessions: sub-agents go with theirs.
        let share = session_hash(inbound, (session, None));
        let session = session_hash(inbound, (session, limits.agent.as_deref()));
        let read_time = began.elapsed();
        Ok(Read::Understood(Box::new(Asking {
            request,
            features,
            beyond,
            limits,
            policy,
            session,
            share,
            has_session,
            read_time,
        })))
    }

    /// Decides; pure but for the state it reads.
    pub(super) fn decide(
        &self,
        inbound: &Inbound,
        asked: &Asking,
        room: Option<Room>,
    ) -> Result<Decided, Refusal> {
        let began = Instant::now();
        let snapshot = &*inbound.loaded.snapshot;
        let (Some(policy), Some(features)) = (asked.policy, &asked.features) else {
            if inbound.operation.embeds() && is_routed_name(&asked.request.model) {
                let message =
                    "embeddings are never routed, as vectors of different models do not mix: name a model";
                return Err(Refusal::new(RefusalCode::UnknownPolicy, message).about("model"));
            }
            if asked.request.model == "auto" {
                return Err(Refusal::new(
                    RefusalCode::UnknownPolicy,
                    "`auto` needs a policy that matches it: add one with match.models = [\"auto\"] and a baseline",
                )
                .about("model"));
            }
            let mut worst = None;
            if let (None, Some(features)) = (asked.policy, &asked.features) {
                let mut inputs = self.inputs(inbound, asked, (None, features));
                inputs.live.room = room;
                routing::within_ceiling_as_named(snapshot, &inputs)
                    .map_err(|no_route| Refusal::no_route(&no_route))?;
                worst = room.and_then(|_| routing::worst_of(snapshot, &inputs, &Plan::Named));
            }
            let times = (asked.read_time, began.elapsed());
            return Ok(Decided { analysis: None, inputs: None, decision: None, worst, times });
        };
        let mut inputs = Box::new(self.inputs(inbound, asked, (Some(policy), features)));
        inputs.live.room = room;
        if let Some(beyond) = &asked.beyond {
            inputs.forecast = routing::forecast(snapshot, &inputs, Some(beyond));
        }
        let (analysis, decision) = routing::analyse_and_decide(snapshot, &inputs);
        let plan = decision.as_ref().ok().map(|decision| &decision.plan).filter(|_| room.is_some());
        let worst = plan.and_then(|plan| routing::worst_of(snapshot, &inputs, plan));
        Ok(Decided {
            analysis: Some(analysis),
            worst,
            inputs: Some(inputs),
            decision: Some(decision.map(Box::new)),
            times: (asked.read_time, began.elapsed()),
        })
    }

    /// Reads and decides without dispatching: what `/pointsman/v1/decisions` answers.
    pub async fn decide_only(&self, inbound: &Inbound) -> Result<Decided, Refusal> {
        match self.read(inbound).await? {
            Read::Understood(asked) => {
                let room = self.shared(inbound, &asked).and_then(|shared| shared.room());
                self.decide(inbound, &asked, room)
            }
            Read::Unreadable(_) => {
                Err(Refusal::new(RefusalCode::InvalidJson, "the body cannot be read for a decision"))
            }
        }
    }

    /// What a decision is a function of; without a policy only the ceiling is looked at.
    fn inputs(
        &self,
        inbound: &Inbound,
        asked: &Asking,
        (policy, features): (Option<PolicyIx>, &Features),
    ) -> Inputs {
        let snapshot = &*inbound.loaded.snapshot;
        let request = &asked.request;
        let named = snapshot.model_named(request.dialect, &request.model);
        let at_step = policy.map(|policy| snapshot.policy(policy).at(analysis::step_of(features)));
        let crossings = at_step.map_or_else(Vec::new, |policy| {
            let asked = (request.dialect, &inbound.origin());
            crossing::crossings(snapshot, policy, asked, named)
        });
        let refused = at_step
            .map_or_else(Vec::new, |policy| lacking::refused(&inbound.loaded, policy, named, &inbound.body));
        let last = self.answerer(asked);
        let session = last.as_ref().map_or_else(SessionLive::default, |last| SessionLive {
            warm_tokens: last.warm_at(Instant::now()),
            lost: last.lost,
            turns: last.turns.clone(),
        });
        Inputs {
            policy: policy.map_or_else(|| PolicyId::from(""), |policy| snapshot.policy(policy).id.clone()),
            features: features.clone(),
            facts: Facts {
                dialect: request.dialect,
                model_named: request.model.clone(),
                stream: request.stream,
                max_output_tokens: request.max_output_tokens,
                choices: request.choices,
                needs: request.needs,
                hard_markers: request.hard_markers,
                cache_markers: request.cache_markers,
                repeats: request.repeats,
                crossings,
                refused,
            },
            // The session's own name may say who somebody is; the hash is all a decision needs.
            limits: Limits { session: None, agent: None, ..asked.limits.clone() },
            live: Live {
                deployments: (0..)
                    .zip(&snapshot.deployments)
                    .map(|(ix, deployment)| {
                        let has_credential = has_credential(inbound, deployment.provider);
                        live(&inbound.loaded, DeploymentIx(ix), has_credential)
                    })
                    .collect(),
                session_model: last.map(|answerer| answerer.model),
                session,
                room: None,
            },
            day: Day::of_unix_ms(inbound.id.unix_ms()),
            session_hash: asked.share,
            forecast: None,
            observe_only: inbound.intercepted.is_some_and(|intercepted| intercepted.observe_only),
        }
    }

    /// Who answered this conversation last, where it names itself.
    pub(super) fn answerer(&self, asked: &Asking) -> Option<Answerer> {
        asked.has_session.then(|| self.sessions.last(asked.session)).flatten()
    }

    fn policy(&self, inbound: &Inbound, model: &str) -> Result<Option<PolicyIx>, Refusal> {
        let snapshot = &inbound.loaded.snapshot;
        if inbound.operation.embeds() && is_routed_name(model) {
            return Ok(None);
        }
        if inbound.operation == Operation::Responses && !is_routed_name(model) {
            // A model that is not said to serve this API is forwarded as it is named, where that can be.
            let own = |named: &Model| {
                named.deployments.iter().any(|ix| snapshot.dialect_of(*ix) == inbound.dialect)
            };
            let named = snapshot.model_named(inbound.dialect, model).map(|ix| snapshot.model(ix));
            let serves = |named: &Model| named.capabilities.has(Capabilities::RESPONSES);
            if named.is_none_or(|named| !serves(named) && own(named)) {
                return Ok(None);
            }
        }
        let client = inbound.client();
        let asked = Asked {
            model,
            client: client.map(|client| &client.id),
            allowed: client.map_or(&[], |client| &client.policies),
            path: inbound.path.split('?').next().unwrap_or(""),
            header: &|name| inbound.header(name),
        };
        let policy = routing::select_policy(snapshot, &asked).map_err(unknown_policy)?;
        // A policy says who may ask for what; where embeddings come from, the client alone.
        Ok(policy.filter(|_| !inbound.operation.embeds()))
    }

    fn unreadable(&self, inbound: &Inbound, limits: &Limits, fault: ReadFault) -> Result<Read, Refusal> {
        let KeyScan::Clean { model: Some(model), .. } = &fault.scan else {
            return Err(Refusal::unreadable(fault));
        };
        let snapshot = &*inbound.loaded.snapshot;
        let policy = self.policy(inbound, model)?;
        let observed = policy.is_none_or(|ix| snapshot.policy(ix).mode == Mode::Observe)
            || inbound.intercepted.is_some_and(|intercepted| intercepted.observe_only);
        let capped = |ix| snapshot.policy(ix).everywhere().any(|policy| policy.max_cost.is_some());
        let shared = spend::is_capped(snapshot, inbound.client());
        let ceiling = shared || limits.max_cost.is_some() || policy.is_some_and(capped);
        let own_credential = inbound.credential_is_providers
            && inbound
                .home()
                .is_some_and(|ix| matches!(snapshot.provider(ix).credential, Credential::Passthrough));
        let routed = is_routed_name(model);
        if fault.kind == ReadFaultKind::NotJson && observed && !ceiling && own_credential && !routed {
            return Ok(Read::Unreadable(policy));
        }
        Err(Refusal::unreadable(fault))
    }
}

/// Whether a client leaves the choice to us.
fn is_routed_name(model: &str) -> bool {
    model == "auto" || model.starts_with("pointsman/")
}

/// The headers a limit can stand in. One that stands twice is a list, as HTTP has it, and bytes outside ASCII show: no limit
/// takes either, so both are refused instead of being passed over.
fn hints(headers: &HeaderMap) -> Vec<(&str, Cow<'_, str>)> {
    let mut hints: Vec<(&str, Cow<'_, str>)> = Vec::new();
    for (name, value) in headers.iter().filter(|(name, _)| is_hint(name.as_str())) {
        let value = String::from_utf8_lossy(value.as_bytes());
        match hints.iter_mut().find(|(known, _)| *known == name.as_str()) {
            Some((_, list)) => *list = Cow::Owned(format!("{list}, {value}")),
            None => hints.push((name.as_str(), value)),
        }
    }
    hints
}

/// A deployment as it is now.
pub(super) fn live(loaded: &Loaded, ix: DeploymentIx, has_credential: bool) -> DeploymentLive {
    let deployment = loaded.snapshot.deployment(ix);
    let measured = loaded.board.latency(ix);
    DeploymentLive {
        ready: loaded.board.ready(ix),
        has_credential,
        ..DeploymentLive::timed(deployment.latency, measured.as_ref())
    }
}

/// Whether a request could present itself at a provider.
pub(super) fn has_credential(inbound: &Inbound, provider: ProviderIx) -> bool {
    match inbound.loaded.snapshot.provider(provider).credential {
        Credential::Held(_) | Credential::None => true,
        Credential::Passthrough => {
            inbound.credential_is_providers && standing(inbound, provider) == Standing::Home
        }
    }
}

/// How a provider stands to a request: home is where the request would have gone without us.
pub(super) fn standing(inbound: &Inbound, provider: ProviderIx) -> Standing {
    let snapshot = &inbound.loaded.snapshot;
    if snapshot.provider(provider).dialect != inbound.dialect {
        Standing::Across
    } else if inbound.home() == Some(provider) {
        Standing::Home
    } else {
        Standing::Foreign
    }
}

/// Sessions of two tenants never meet, nor do those of an agent and its sub-agents; a request without a session is a session of its
/// own.
fn session_hash(inbound: &Inbound, (session, agent): (Option<&str>, Option<&str>)) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&inbound.tenant.to_le_bytes());
    match session {
        Some(session) => {
            hasher.update(session.as_bytes());
            // A byte that stands in no header, so that no other session is called the same.
            if let Some(agent) = agent {
                hasher.update(b"\0");
                hasher.update(agent.as_bytes());
            }
        }
        None => hasher.update(&inbound.id.0.to_le_bytes()),
    }
    hasher.digest()
}

fn invalid_limits(faults: &[analysis::LimitFault]) -> Refusal {
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| format!("header `{}: {}`: {}", fault.header, fault.value, fault.expected))
        .collect();
    let first = faults.first().map_or("", |fault| fault.header);
    Refusal::new(RefusalCode::InvalidLimit, lines.join("; ")).about(first)
}

fn unknown_policy(unknown: UnknownPolicy) -> Refusal {
    let code = match unknown {
        UnknownPolicy::Missing { .. } => RefusalCode::UnknownPolicy,
        UnknownPolicy::Forbidden { .. } | UnknownPolicy::Outside { .. } => RefusalCode::PolicyForbidden,
    };
    Refusal::new(code, unknown.to_string()).about("model")
}
