//! One HTTP exchange with one target over the shared connection pool, under the four clocks.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, Version, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType};
use tokio::time::{Instant, timeout_at};

use super::pool::Pool;
use super::{Resolver, Target};
use crate::catalog::Provider;
use crate::types::FailureClass;

/// Interim answers (1xx) swallowed before an upstream is taken for broken.
const MAX_INTERIM: usize = 8;
/// Addresses of one name tried within the connect clock.
const MAX_ADDRESSES: usize = 3;
/// A pooled connection that breaks within this of being used again had been closed before.
const STALE: Duration = Duration::from_secs(1);
/// How long an early answer is looked for after the upload broke.
const EARLY_ANSWER: Duration = Duration::from_millis(500);

/// The connection pool and the resolver behind every call of every plan.
pub struct Upstream {
    pool: Pool,
    resolver: Resolver,
}

/// One request as it goes to one target.
pub struct Call<'a> {
    /// Where to.
    pub provider: &'a Provider,
    /// A replica of a self-hosted deployment instead of the provider's origin.
    pub endpoint: Option<SocketAddr>,
    /// Path and query at the target.
    pub path: &'a str,
    /// Headers built for this origin; without host and framing.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// When the attempt must be over.
    pub deadline: Instant,
    /// When the answer's head must be there.
    pub first_byte_by: Instant,
}

/// A call that did not get as far as an answer, or an answer that broke.
#[derive(Debug)]
pub struct CallError {
    /// What happened, in the words of the configuration.
    pub class: FailureClass,
    /// Whether the whole request had been sent, so that the provider may bill it.
    pub sent: bool,
    /// Detail for the log.
    pub detail: String,
}

/// An answer whose head has arrived. Dropping it closes the connection (h1) or resets the stream (h2).
pub struct Exchange {
    session: Box<HttpSession>,
    peer: Arc<HttpPeer>,
    idle: Duration,
    deadline: Instant,
    until: Instant,
}

impl Upstream {
    /// `pool_size`: idle connections kept over all origins.
    pub fn new(pool_size: usize, threads: usize) -> Self {
        Self { pool: Pool::new(pool_size, threads), resolver: Resolver::default() }
    }

    /// The resolver, for the refresh task and the pass-through path.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// Sends the request and waits for the head of the answer. A pooled connection that the provider had already
    /// closed costs one silent second try on a fresh one; nothing else is tried again here.
    pub async fn call(&self, call: &Call<'_>) -> Result<Exchange, CallError> {
        if let Some((mut session, peer)) = self.pooled(call).await? {
            let sent_at = Instant::now();
            match exchange(&mut session, call).await {
                Ok(()) => return Ok(Exchange::new(session, peer, call)),
                // Closed while it lay in the pool; what breaks later broke at work and may be billed.
                Err(error) if error.class == FailureClass::Connect && sent_at.elapsed() < STALE => {}
                Err(error) => return Err(error),
            }
        }
        // Boxed: connecting is rare and its future large.
        Box::pin(self.call_fresh(call)).await
    }

    async fn call_fresh(&self, call: &Call<'_>) -> Result<Exchange, CallError> {
        let (mut session, peer) = self.fresh(call).await?;
        exchange(&mut session, call).await?;
        Ok(Exchange::new(session, peer, call))
    }

    async fn pooled(&self, call: &Call<'_>) -> Result<Option<(Box<HttpSession>, Arc<HttpPeer>)>, CallError> {
        let target = self.target(call).await?;
        let Some(peer) = target.peers.first() else { return Ok(None) };
        Ok(self.pool.pooled(peer).await.map(|session| (Box::new(session), peer.clone())))
    }

    /// A new connection: to the first address that takes it, within the connect clock.
    async fn fresh(&self, call: &Call<'_>) -> Result<(Box<HttpSession>, Arc<HttpPeer>), CallError> {
        let by = call.deadline.min(Instant::now() + call.provider.clocks.connect);
        let target = self.target(call).await?;
        let mut last = None;
        let tried = target.peers.len().min(MAX_ADDRESSES);
        for (peer, left) in target.peers.iter().zip((1..=tried as u32).rev()) {
            // An address that swallows packets must not use up the clock of those behind it.
            let share = by.saturating_duration_since(Instant::now()) / left;
            match Box::pin(before(Instant::now() + share, self.pool.fresh(peer))).await {
                Ok(Ok(session)) => return Ok((Box::new(session), peer.clone())),
                Ok(Err(error)) => last = Some(CallError::from_pingora(&error, false)),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| dns_failed("no address".into())))
    }

    async fn target(&self, call: &Call<'_>) -> Result<Arc<Target>, CallError> {
        if let Some(target) = self.resolver.known(call.provider, call.endpoint) {
            return Ok(target);
        }
        let by = call.deadline.min(Instant::now() + call.provider.clocks.connect);
        let look_up = Box::pin(self.resolver.target(call.provider, call.endpoint));
        before(by, look_up).await?.map_err(dns_failed)
    }

    /// Gives a connection whose answer was read to its end back to the pool; any other is closed.
    pub async fn release(&self, mut exchange: Exchange) {
        if exchange.session.response_done() {
            let idle = exchange.peer.options.idle_timeout;
            self.pool.release(*exchange.session, &exchange.peer, idle).await;
        } else {
            exchange.session.shutdown().await;
        }
    }
}

impl Exchange {
    fn new(session: Box<HttpSession>, peer: Arc<HttpPeer>, call: &Call<'_>) -> Self {
        Self { session, peer, idle: call.provider.clocks.idle, deadline: call.deadline, until: call.deadline }
    }

    /// The answer's head, when there is one (there always is after `call` succeeded).
    pub fn head(&self) -> Option<&ResponseHeader> {
        self.session.response_header()
    }

    /// The answer's status; 0 without a head.
    pub fn status(&self) -> u16 {
        self.head().map_or(0, |head| head.status.as_u16())
    }

    /// Shortens the attempt's deadline for now, for the wait until a stream's first event; `None` lifts that again.
    pub fn shorten(&mut self, by: Option<Instant>) {
        self.until = by.map_or(self.deadline, |by| by.min(self.deadline));
    }

    /// The next piece of the body; `None` at its end. A cut body is an error, never an end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        let by = self.until.min(Instant::now() + self.idle);
        match timeout_at(by, self.session.read_response_body()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(CallError { sent: true, ..CallError::broken(&error) }),
            Err(_) => Err(CallError {
                class: FailureClass::Timeout,
                sent: true,
                detail: "the answer fell silent or ran past its deadline".into(),
            }),
        }
    }
}

/// Head and body out, head of the answer in. `Connect` means: nothing of an answer was seen and the connection broke.
async fn exchange(session: &mut HttpSession, call: &Call<'_>) -> Result<(), CallError> {
    let head = request_head(call, matches!(session, HttpSession::H2(_)))?;
    session.set_write_timeout(Some(call.provider.clocks.first_byte));
    let sent = match send(session, head, call).await {
        Ok(()) => true,
        Err(error) => {
            // An upstream may answer (413, 401) and close without reading the body: that answer is the real cause.
            let early = Instant::now() + EARLY_ANSWER;
            if !matches!(timeout_at(early, read_head(session)).await, Ok(Ok(()))) {
                return Err(error);
            }
            return Ok(());
        }
    };
    match timeout_at(call.first_byte_by.min(call.deadline), read_head(session)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(CallError::from_pingora(&error, sent)),
        Err(_) => Err(CallError {
            class: FailureClass::Timeout,
            sent,
            detail: "no answer within the time for the first byte".into(),
        }),
    }
}

async fn send(session: &mut HttpSession, head: Box<RequestHeader>, call: &Call<'_>) -> Result<(), CallError> {
    let all = async {
        session.write_request_header(head).await?;
        session.write_request_body(call.body.clone(), true).await?;
        session.finish_request_body().await
    };
    before(call.first_byte_by.min(call.deadline), all)
        .await?
        .map_err(|error| CallError::from_pingora(&error, false))
}

async fn read_head(session: &mut HttpSession) -> Result<(), Box<Error>> {
    for _ in 0..MAX_INTERIM {
        session.read_response_header().await?;
        let interim = session.response_header().is_some_and(|head| head.status.is_informational());
        if !interim {
            return Ok(());
        }
    }
    Error::e_explain(ErrorType::InvalidHTTPHeader, "too many interim answers")
}

fn request_head(call: &Call<'_>, h2: bool) -> Result<Box<RequestHeader>, CallError> {
    let authority = call.provider.origin.authority();
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = Method::POST;
    // The whole map at once: appended one by one, headers cost as much as all the rest of a call's preparation.
    head.headers = call.headers.clone();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(call.body.len()));
    let target = if h2 {
        head.version = Version::HTTP_2;
        let scheme = if call.provider.origin.tls { "https" } else { "http" };
        format!("{scheme}://{authority}{}", call.path)
    } else {
        let host = HeaderValue::try_from(authority).map_err(|error| unwritable(&error))?;
        head.headers.insert(header::HOST, host);
        call.path.to_owned()
    };
    head.uri = Uri::try_from(target).map_err(|error| unwritable(&error))?;
    Ok(Box::new(RequestHeader::from(head)))
}

fn unwritable(error: &dyn std::fmt::Display) -> CallError {
    CallError {
        class: FailureClass::BadRequest,
        sent: false,
        detail: format!("the request head cannot be written: {error}"),
    }
}

fn dns_failed(detail: String) -> CallError {
    CallError { class: FailureClass::Dns, sent: false, detail }
}

async fn before<T>(by: Instant, work: impl Future<Output = T>) -> Result<T, CallError> {
    timeout_at(by, work).await.map_err(|_| CallError {
        class: FailureClass::Timeout,
        sent: false,
        detail: "no connection within the connect clock".into(),
    })
}

impl CallError {
    fn from_pingora(error: &Error, sent: bool) -> Self {
        let class = match error.etype() {
            ErrorType::ConnectTimedout
            | ErrorType::TLSHandshakeTimedout
            | ErrorType::ReadTimedout
            | ErrorType::WriteTimedout => FailureClass::Timeout,
            ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert | ErrorType::TLSWantX509Lookup => {
                FailureClass::Tls
            }
            ErrorType::InvalidHTTPHeader | ErrorType::H1Error | ErrorType::InvalidH2 => {
                FailureClass::Malformed
            }
            _ => FailureClass::Connect,
        };
        Self { class, sent, detail: error.to_string() }
    }

    fn broken(error: &Error) -> Self {
        match Self::from_pingora(error, true) {
            Self { class: FailureClass::Connect, sent, detail } => {
                Self { class: FailureClass::Malformed, sent, detail: format!("the answer was cut: {detail}") }
            }
            other => other,
        }
    }
}
