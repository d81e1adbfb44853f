//! Pingora's request hooks. LLM POSTs are read whole and served by the engine here, in `request_filter`; everything
//! else streams through Pingora's own forwarding path untouched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use tokio::time::Instant;

use super::auth::{self, Identity, Presented};
use super::body::{self, Budget};
use super::clocked::{HeadClock, Patience};
use super::framing;
use super::local;
use super::passing::Passing;
use super::paths;
use super::reply::{self, Wire};
use crate::codec::{self, DialectHints, GeminiPath};
use crate::pipeline::{Engine, Forwarded, Inbound, Intercepted, Loaded, Refusal, RefusalCode};
use crate::strategy::Gone;
use crate::telemetry::Metrics;
use crate::types::{Dialect, Operation, ProviderIx, RequestId};
use crate::upstream::{CDN_LOOP, LOOP_NAME};

const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// What the data plane needs of the settings.
#[derive(Clone, Copy, Debug)]
pub struct ProxySettings {
    /// Cap on one body.
    pub max_body_bytes: usize,
    /// Cap on all bodies together.
    pub body_budget_bytes: usize,
    /// Whether a client's FIN behind its request is tolerated.
    pub half_close: bool,
    /// Slowest body that is waited for, bytes per second.
    pub min_body_rate: u32,
    /// Most headers of a request.
    pub max_headers: usize,
    /// Largest request head.
    pub max_header_bytes: usize,
    /// Most requests in flight.
    pub max_in_flight: usize,
    /// How long a client may take to send a head, and be silent between two requests.
    pub patience: Patience,
    /// Most client connections open at once.
    pub max_connections: usize,
    /// Most concurrent streams of one h2 connection.
    pub max_h2_streams: u32,
}

/// The data plane.
pub struct Gateway {
    pub(super) engine: Arc<Engine>,
    budget: Budget,
    settings: ProxySettings,
    ready: Arc<AtomicBool>,
    /// The host whose traffic this one serves, when it was intercepted.
    home: Option<Home>,
}

/// A host whose traffic is intercepted.
#[derive(Clone, Debug)]
pub struct Home {
    /// Name, lower case.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// Named models are observed, whatever the mode of their policy.
    pub observe_only: bool,
}

/// Proxies of this kind that may stand behind one another.
const MAX_NESTED: usize = 3;

/// What travels between the hooks of one request.
pub enum Situation {
    /// The head has not been looked at yet.
    New,
    /// We have answered; nothing is left to do.
    Answered,
    /// The answer was broken off; the connection must go.
    Aborted,
    /// Streams through to a provider.
    Passing(Box<Passing>),
}

impl Situation {
    /// After an answer of ours, which a client that does not read never gets.
    fn after(written: Result<(), Gone>) -> Self {
        if written.is_ok() { Self::Answered } else { Self::Aborted }
    }
}

/// The head of a request, as far as every path needs it.
pub(super) struct Arrival {
    pub(super) id: RequestId,
    pub(super) at: Instant,
    pub(super) loaded: Arc<Loaded>,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) dialect: Option<Dialect>,
    pub(super) operation: Operation,
    pub(super) upgrade: bool,
    pub(super) intercepted: Option<Intercepted>,
    /// Path and query as they came, when it was intercepted.
    pub(super) came_by: Option<String>,
}

impl Arrival {
    /// Whether it asks us rather than a provider: no traffic, so the ledger has no row of it and need not take one.
    fn is_own(&self) -> bool {
        self.intercepted.is_none() && self.path.starts_with(local::PREFIX)
    }

    /// The account of it when the engine does not open one.
    pub(super) fn account(&self, identity: Identity) -> Forwarded {
        Forwarded::new(self.id, self.at, &self.loaded).by(identity.client, identity.tenant).asking(
            &self.method,
            self.dialect,
            self.operation,
        )
    }
}

impl Gateway {
    /// `ready` is what `/readyz` says; shutting down clears it.
    pub fn new(engine: Arc<Engine>, settings: ProxySettings, ready: Arc<AtomicBool>) -> Self {
        let budget = Budget::new(&settings);
        Self { engine, budget, settings, ready, home: None }
    }

    /// The same gateway for traffic that was going to this host: whatever a request says of itself, its home is there.
    #[must_use]
    pub fn at_home(&self, home: Home) -> Self {
        Self {
            engine: self.engine.clone(),
            budget: self.budget.clone(),
            settings: self.settings,
            ready: self.ready.clone(),
            home: Some(home),
        }
    }

    pub(super) fn settings(&self) -> &ProxySettings {
        &self.settings
    }

    /// Whether `/readyz` says yes.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && self.engine.ledger.accepts()
    }

    pub(super) fn metrics(&self) -> Arc<Metrics> {
        self.engine.metrics.clone()
    }

    async fn receive(&self, session: &mut Session) -> Situation {
        HeadClock::arrived();
        let arrival = self.arrive(session);
        if !self.ready.load(Ordering::Relaxed) {
            session.set_keepalive(None);
        }
        if !arrival.upgrade {
            // Pingora takes any Upgrade for one that will happen. The JDK's client offers `h2c` with every request.
            session.req_header_mut().remove_header(&header::UPGRADE);
        }
        if self.home.is_none() && local::is_probe(&arrival.path) {
            return Situation::after(local::probe(self, session.as_downstream_mut(), &arrival.path).await);
        }
        let framing = framing(session);
        if framing.is_err() {
            // Where its body ends, and whether a request follows, is what cannot be told.
            session.set_keepalive(None);
        }
        let in_flight = self.engine.metrics.enter();
        let headers = &session.req_header().headers;
        let presented = Presented::new(headers, &arrival.path, arrival.dialect);
        let admitted = self
            .admit(&arrival)
            .and(framing)
            .and_then(|()| self.check_head(session))
            .and_then(|()| self.check_home(session, &arrival))
            .and_then(|()| auth::identify(&arrival.loaded.snapshot, &presented));
        let identity = match admitted {
            Ok(identity) => identity,
            Err(refusal) => return self.refuse(session, (&arrival, Identity::UNKNOWN), refusal).await,
        };
        if arrival.is_own() {
            self.own_endpoint(session, arrival, identity).await
        } else if reads(arrival.operation, &arrival.path)
            && arrival.method == Method::POST
            && !arrival.upgrade
        {
            Box::pin(self.serve(session, arrival, identity)).await
        } else {
            match Passing::new((&self.engine, &arrival), identity, headers, in_flight) {
                Ok(passing) => {
                    // Pingora forwards the body but does not ask for it.
                    if body::expects_continue(headers)
                        && session.as_downstream_mut().write_continue_response().await.is_err()
                    {
                        return Situation::Aborted;
                    }
                    reply::limit_writes(session.as_downstream_mut());
                    Situation::Passing(Box::new(passing))
                }
                Err(refusal) => self.refuse(session, (&arrival, identity), refusal).await,
            }
        }
    }

    fn arrive(&self, session: &Session) -> Arrival {
        let head = session.req_header();
        let hints = DialectHints {
            anthropic_version: head.headers.contains_key(&ANTHROPIC_VERSION),
            goog_api_key: head.headers.contains_key(&GOOG_API_KEY),
        };
        let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let mut route = codec::route(head.method.as_str(), head.uri.path(), hints);
        let loaded = self.engine.loaded();
        let home = self.home.as_ref().and_then(|home| Some((home, home.provider(&loaded, route.dialect)?)));
        let mut path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let came_by = home.is_some().then(|| path.clone());
        // Which model serves a deployment is fixed there, so nobody chooses for it.
        let fixed = codec::deployment_of(&path).is_some();
        if let Some((_, ix)) = home {
            let provider = loaded.snapshot.provider(ix);
            if route.dialect != Some(provider.dialect) {
                route = codec::Route { dialect: Some(provider.dialect), operation: Operation::Other };
            } else if reads(route.operation, &path) {
                match paths::as_clients_write(&provider.origin.base_path, &path) {
                    Some(written) => path = written,
                    // Some other API that ends like one of ours: it passes as it is.
                    None => route.operation = Operation::Other,
                }
            }
        }
        Arrival {
            id: RequestId::new(u64::try_from(unix_ms).unwrap_or(0), rand::random()),
            at: Instant::now(),
            loaded,
            method: head.method.clone(),
            path,
            dialect: route.dialect,
            operation: route.operation,
            upgrade: asks_for_websocket(session),
            intercepted: home
                .map(|(home, ix)| Intercepted { home: ix, observe_only: home.observe_only || fixed }),
            came_by,
        }
    }

    /// The main job: a whole body in, the engine's answer out.
    async fn serve(&self, session: &mut Session, arrival: Arrival, identity: Identity) -> Situation {
        let downstream = session.as_downstream_mut();
        let held = match body::read(downstream, &self.budget).await {
            Ok(held) => held,
            Err(refusal) => return self.refuse(session, (&arrival, identity), refusal).await,
        };
        let in_memory = i64::try_from(held.bytes.len()).unwrap_or(i64::MAX);
        self.engine.metrics.body_bytes.add(in_memory);
        let content = (downstream.req_header().headers.clone(), held.bytes.clone());
        let mut wire = Wire::new(downstream, self.settings.half_close);
        let served = self.engine.handle(inbound(&arrival, identity, content), &mut wire).await;
        let aborted = wire.aborted;
        self.engine.metrics.body_bytes.sub(in_memory);
        drop(held);
        match served {
            Ok(()) if aborted => Situation::Aborted,
            Ok(()) => Situation::Answered,
            Err(refusal) => self.refuse_counted(session, &arrival, &refusal).await,
        }
    }

    /// Sheds before memory or the ledger does. The request itself is counted already.
    fn admit(&self, arrival: &Arrival) -> Result<(), Refusal> {
        let in_flight = usize::try_from(self.engine.metrics.in_flight.get()).unwrap_or(0);
        let (code, message) = if in_flight > self.settings.max_in_flight {
            (RefusalCode::Overloaded, "too many requests are in flight already; try again")
        } else if !arrival.is_own() && !self.engine.ledger.accepts() {
            (RefusalCode::LedgerUnavailable, "the ledger is required and cannot be written")
        } else {
            return Ok(());
        };
        Err(Refusal { retry_after: Some(Duration::from_secs(1)), ..Refusal::new(code, message) })
    }

    /// Heads are bounded tighter than Pingora bounds them.
    fn check_head(&self, session: &Session) -> Result<(), Refusal> {
        if session.req_header().method == Method::TRACE {
            return Err(Refusal::new(RefusalCode::InvalidRequest, "TRACE is not served"));
        }
        let headers = &session.req_header().headers;
        if nested(headers) >= MAX_NESTED {
            let message =
                "the request has come through here before: a provider's address leads back to this proxy";
            return Err(Refusal::new(RefusalCode::LoopDetected, message));
        }
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if headers.len() <= self.settings.max_headers && bytes <= self.settings.max_header_bytes {
            return Ok(());
        }
        let message = format!(
            "the request's headers are too large: at most {} headers and {} bytes (server.max_headers, \
             server.max_header_bytes)",
            self.settings.max_headers, self.settings.max_header_bytes
        );
        Err(Refusal::new(RefusalCode::HeadersTooLarge, message))
    }

    /// What was intercepted must still be meant for the host it was intercepted for: its credential belongs there.
    fn check_home(&self, session: &Session, arrival: &Arrival) -> Result<(), Refusal> {
        let Some(home) = &self.home else { return Ok(()) };
        if arrival.intercepted.is_none() {
            let message = format!("no provider has the host {} any more", home.host);
            return Err(Refusal::new(RefusalCode::NoProvider, message));
        }
        let head = session.req_header();
        let host = head.headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let strange = [head.uri.authority().map(http::uri::Authority::as_str), host]
            .into_iter()
            .flatten()
            .find(|authority| !home.is_meant_by(authority));
        strange.map_or(Ok(()), |authority| {
            let message = format!("the connection is to {}, the request for {authority}", home.host);
            Err(Refusal::new(RefusalCode::InvalidRequest, message))
        })
    }

    async fn own_endpoint(&self, session: &mut Session, arrival: Arrival, identity: Identity) -> Situation {
        let downstream = session.as_downstream_mut();
        let held = match body::read(downstream, &self.budget).await {
            Ok(held) => held,
            Err(refusal) => return self.refuse(session, (&arrival, identity), refusal).await,
        };
        let content = (downstream.req_header().headers.clone(), held.bytes.clone());
        match local::answer(&self.engine, &arrival, inbound(&arrival, identity, content)).await {
            Ok(value) => Situation::after(reply::json(downstream, 200, &value).await),
            Err(refusal) => self.refuse(session, (&arrival, identity), refusal).await,
        }
    }

    /// Refuses before the engine has opened an account, so the refusal is counted and filed here.
    async fn refuse(
        &self,
        session: &mut Session,
        (arrival, identity): (&Arrival, Identity),
        refusal: Refusal,
    ) -> Situation {
        self.engine.metrics.refusals.with_label_values(&[refusal.code.as_str()]).inc();
        if !arrival.is_own() {
            let mut account = arrival.account(identity);
            account.refused(refusal.code);
            account.file(&self.engine, None);
        }
        self.refuse_counted(session, arrival, &refusal).await
    }

    async fn refuse_counted(&self, session: &mut Session, arrival: &Arrival, refusal: &Refusal) -> Situation {
        let dialect = arrival.dialect.unwrap_or(Dialect::OpenAi);
        let id = arrival.id.to_string();
        Situation::after(reply::refuse(session.as_downstream_mut(), dialect, &id, refusal).await)
    }
}

impl Home {
    /// The provider at this host that speaks a dialect, else the first one there.
    fn provider(&self, loaded: &Loaded, dialect: Option<Dialect>) -> Option<ProviderIx> {
        let here = || {
            let all = loaded.snapshot.providers.iter().zip(0..);
            all.filter(|(provider, _)| {
                *provider.origin.host == *self.host && provider.origin.port == self.port
            })
        };
        let speaking = here().find(|(provider, _)| Some(provider.dialect) == dialect);
        speaking.or_else(|| here().next()).map(|(_, ix)| ProviderIx(ix))
    }

    /// Whether an authority names this host; a port that it says is this one's.
    fn is_meant_by(&self, authority: &str) -> bool {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port.parse().ok()),
            _ => (authority, Some(self.port)),
        };
        host.eq_ignore_ascii_case(&self.host) && port == Some(self.port)
    }
}

/// What is read and served by the engine. A stream of Gemini's that is to be one JSON array passes as it is.
fn reads(operation: Operation, path: &str) -> bool {
    match operation {
        Operation::ChatCompletions | Operation::Messages | Operation::Responses => true,
        Operation::GenerateContent => GeminiPath::of(path).is_some_and(|asked| asked.events || !asked.stream),
        Operation::Embeddings | Operation::EmbedContent => true,
        Operation::CountTokens | Operation::Other => false,
    }
}

/// How often a request has come through one of us; a sidecar before an edge proxy is no loop.
fn nested(headers: &HeaderMap) -> usize {
    let lists = headers.get_all(CDN_LOOP).iter().filter_map(|value| value.to_str().ok());
    let names = lists.flat_map(|list| list.split(',')).filter_map(|item| item.split(';').next());
    names.filter(|name| name.trim().eq_ignore_ascii_case(LOOP_NAME)).count()
}

/// HTTP/2 has its own frames; a head of HTTP/1 must have one reading.
fn framing(session: &Session) -> Result<(), Refusal> {
    let Some(http1) = session.as_downstream().as_http1() else { return Ok(()) };
    framing::fault(&http1.get_headers_raw_bytes())
        .map_or(Ok(()), |fault| Err(Refusal::new(RefusalCode::InvalidRequest, fault)))
}

/// WebSockets are the only upgrade there is here; others are offers that may be ignored.
fn asks_for_websocket(session: &Session) -> bool {
    let offered = session.req_header().headers.get_all(header::UPGRADE);
    let mut protocols =
        offered.iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    session.is_upgrade_req() && protocols.any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

fn inbound(arrival: &Arrival, identity: Identity, (headers, body): (HeaderMap, Bytes)) -> Inbound {
    Inbound {
        loaded: arrival.loaded.clone(),
        id: arrival.id,
        arrived: arrival.at,
        body_time: arrival.at.elapsed(),
        dialect: arrival.dialect.unwrap_or(Dialect::OpenAi),
        operation: arrival.operation,
        path: arrival.path.clone(),
        headers,
        body,
        client: identity.client,
        tenant: identity.tenant,
        credential_is_providers: identity.credential_is_providers,
        intercepted: arrival.intercepted,
        came_by: arrival.came_by.clone(),
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Situation;

    fn new_ctx(&self) -> Situation {
        Situation::New
    }

    /// No modules: compression would hide usage, and answers pass as they are.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn request_filter(
        &self,
        session: &mut Session,
        situation: &mut Situation,
    ) -> pingora::Result<bool> {
        // Boxed: the engine's state is large, and would be copied from hook to hook.
        *situation = Box::pin(self.receive(session)).await;
        match situation {
            Situation::Passing(_) => Ok(false),
            Situation::Aborted => Error::e_explain(ErrorType::ConnectionClosed, "answer broken off"),
            Situation::New | Situation::Answered => Ok(true),
        }
    }

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        situation: &mut Situation,
    ) -> pingora::Result<Box<HttpPeer>> {
        match situation {
            Situation::Passing(passing) => passing.peer(&self.engine).await,
            _ => Error::e_explain(ErrorType::InternalError, "nothing to pass through"),
        }
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        situation: &mut Situation,
    ) -> pingora::Result<()> {
        match situation {
            Situation::Passing(passing) => passing.write_request(session.req_header(), upstream),
            _ => Ok(()),
        }
    }

    async fn response_filter(
        &self,
        _session: &mut Session,
        head: &mut ResponseHeader,
        situation: &mut Situation,
    ) -> pingora::Result<()> {
        match situation {
            Situation::Passing(passing) => passing.see_head(head),
            _ => Ok(()),
        }
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end: bool,
        situation: &mut Situation,
    ) -> pingora::Result<Option<Duration>> {
        if let (Situation::Passing(passing), Some(bytes)) = (situation, body) {
            passing.see_body(bytes);
        }
        Ok(None)
    }

    async fn logging(&self, _session: &mut Session, error: Option<&Error>, situation: &mut Situation) {
        HeadClock::over();
        if let Situation::Passing(passing) = situation {
            passing.file(&self.engine, error);
        }
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        situation: &mut Situation,
    ) -> FailToProxy {
        let begun = session.response_written().is_some_and(|head| !head.status.is_informational());
        if let (Situation::Passing(passing), false) = (situation, begun) {
            let refusal = passing.refuse(error);
            self.engine.metrics.refusals.with_label_values(&[refusal.code.as_str()]).inc();
            let id = passing.id().to_string();
            let _ = reply::refuse(session.as_downstream_mut(), passing.dialect(), &id, &refusal).await;
        }
        FailToProxy { error_code: 0, can_reuse_downstream: false }
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        situation: &mut Situation,
        mut error: Box<Error>,
    ) -> Box<Error> {
        if let Situation::Passing(passing) = situation {
            error.set_retry(passing.has_another_address());
        }
        error
    }

    fn suppress_error_log(&self, _session: &Session, _situation: &Situation, _error: &Error) -> bool {
        true
    }
}
