//! One HTTP exchange with one target over the shared connection pool, under the four clocks.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{HeaderName, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Stream;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v1::client::HttpSession as Http1Session;
use pingora::protocols::http::v2::client::Http2Session;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};

use super::pool::{Connection, Pool};
use super::{Resolver, Target, head};
use crate::catalog::Provider;
use crate::types::FailureClass;

/// We have not the memory or the descriptors to serve this: our own bound, which says nothing of the provider, and another
/// one's answer would find none either.
pub const NO_ROOM: &str = "no_room";
/// The program ends, and cannot wait for the answer.
pub const STOPPING: &str = "stopping";
/// Between two looks whether the program ends.
const LOOK: Duration = Duration::from_secs(1);
/// Interim answers (1xx) swallowed before an upstream is taken for broken.
const MAX_INTERIM: usize = 8;
/// Addresses of one name tried within the connect clock.
pub const MAX_ADDRESSES: usize = 3;
/// A pooled connection that breaks within this of being used again had been closed before.
const STALE: Duration = Duration::from_secs(1);
/// How long an early answer is looked for after the upload broke.
const EARLY_ANSWER: Duration = Duration::from_millis(500);

/// The connection pool and the resolver behind every call of every plan.
pub struct Upstream {
    pool: Pool,
    resolver: Resolver,
    stopped: Arc<AtomicBool>,
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
    pub headers: Vec<(HeaderName, HeaderValue)>,
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
    /// A finer word for what happened, where there is one.
    pub fault: Option<&'static str>,
    /// Detail for the log.
    pub detail: String,
}

/// An answer whose head has arrived. Dropping it closes the connection (h1) or resets the stream (h2).
pub struct Exchange {
    session: Box<HttpSession>,
    /// Whether the request went out whole: behind half of one, the next would be read as its rest.
    whole: bool,
    peer: Arc<HttpPeer>,
    idle: Duration,
    deadline: Instant,
    until: Instant,
    stopped: Arc<AtomicBool>,
}

impl Upstream {
    /// `pool_size`: idle connections kept over all origins.
    pub fn new(pool_size: usize, threads: usize) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        Self { pool: Pool::new(pool_size, threads), resolver: Resolver::default(), stopped }
    }

    /// Ends every exchange with an error, those to come at once and those that wait within a second: the program is about to
    /// end, and its clients must be told so while they still can be.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// The resolver, for the refresh task and the pass-through path.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// Closes pooled connections that are of no use any more.
    pub fn sweep(&self) {
        self.pool.sweep();
    }

    /// Sends the request and waits for the head of the answer. A pooled connection that the provider had already
    /// closed costs one silent second try on a fresh one; nothing else is tried again here.
    pub async fn call(&self, call: &Call<'_>) -> Result<Exchange, CallError> {
        let target = self.target(call).await?;
        for peer in target.peers.iter().take(MAX_ADDRESSES) {
            let Some(connection) = self.pool.pooled(peer).await else { continue };
            let sent_at = Instant::now();
            match self.exchange(connection, (peer, &target.authority), call).await {
                Ok(answered) => return Ok(self.begun(answered, peer.clone(), call)),
                // Closed while it lay in the pool; what breaks later broke at work and may be billed.
                Err(error) if error.class == FailureClass::Connect && sent_at.elapsed() < STALE => break,
                Err(error) => return Err(error),
            }
        }
        // Boxed: connecting is rare and its future large.
        Box::pin(self.call_fresh(call, &target)).await
    }

    async fn call_fresh(&self, call: &Call<'_>, target: &Target) -> Result<Exchange, CallError> {
        let (connection, peer) = self.fresh(call, target).await?;
        let answered = self.exchange(connection, (&peer, &target.authority), call).await?;
        Ok(self.begun(answered, peer, call))
    }

    fn begun(
        &self,
        (session, whole): (Box<HttpSession>, bool),
        peer: Arc<HttpPeer>,
        call: &Call<'_>,
    ) -> Exchange {
        Exchange {
            session,
            whole,
            peer,
            idle: call.provider.clocks.idle,
            deadline: call.deadline,
            until: call.deadline,
            stopped: self.stopped.clone(),
        }
    }

    /// A new connection: to the first address that takes it, within the connect clock.
    async fn fresh(
        &self,
        call: &Call<'_>,
        target: &Target,
    ) -> Result<(Connection, Arc<HttpPeer>), CallError> {
        let by = call.deadline.min(Instant::now() + call.provider.clocks.connect);
        let mut last = None;
        let tried = target.peers.len().min(MAX_ADDRESSES);
        for (peer, left) in target.peers.iter().zip((1..=tried as u32).rev()) {
            // An address that swallows packets must not use up the clock of those behind it.
            let share = by.saturating_duration_since(Instant::now()) / left;
            match Box::pin(before(Instant::now() + share, self.pool.fresh(peer))).await {
                Ok(Ok(connection)) => return Ok((connection, peer.clone())),
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
        if exchange.whole && exchange.session.response_done() {
            self.pool.release(*exchange.session, &exchange.peer).await;
        } else {
            exchange.session.shutdown().await;
        }
    }

    /// Request out, head of the answer in; says whether the request went out whole. `Connect` means: nothing of an answer was seen and the connection broke.
    async fn exchange(
        &self,
        connection: Connection,
        (peer, authority): (&HttpPeer, &str),
        call: &Call<'_>,
    ) -> Result<(Box<HttpSession>, bool), CallError> {
        let by = call.first_byte_by.min(call.deadline);
        let (mut session, written) = match connection {
            Connection::H1(stream) => {
                let request = head::h1(call, authority)?.chain(call.body.clone());
                let (stream, written) = send_h1(stream, request, by).await;
                (Box::new(HttpSession::H1(Http1Session::new_with_options(stream, peer))), written)
            }
            Connection::H2(mut session) => {
                let written = send_h2(&mut session, head::h2(call, authority)?, call, by).await;
                (Box::new(HttpSession::H2(*session)), written)
            }
        };
        if let Err(error) = written {
            // An upstream may answer (413, 401) and close without reading the body: that answer is the real cause.
            let early = Instant::now() + EARLY_ANSWER;
            return match timeout_at(early, read_head(&mut session)).await {
                Ok(Ok(())) => Ok((session, false)),
                _ => Err(error),
            };
        }
        match until(by, &self.stopped, read_head(&mut session)).await {
            Ok(Ok(())) => Ok((session, true)),
            Ok(Err(error)) => Err(CallError::from_pingora(&error, true)),
            Err(Over::Stopped) => Err(stopping()),
            Err(Over::Late) => Err(CallError {
                class: FailureClass::Timeout,
                sent: true,
                fault: None,
                detail: "no answer within the time for the first byte".into(),
            }),
        }
    }
}

impl Exchange {
    /// The answer's head, when there is one (there always is after `call` succeeded).
    pub fn head(&self) -> Option<&ResponseHeader> {
        self.session.response_header()
    }

    /// The answer's status; 0 without a head.
    pub fn status(&self) -> u16 {
        self.head().map_or(0, |head| head.status.as_u16())
    }

    /// The longest silence within the answer.
    pub fn idle(&self) -> Duration {
        self.idle
    }

    /// Shortens the attempt's deadline for now, for the wait until a stream's first event; `None` lifts that again.
    pub fn shorten(&mut self, by: Option<Instant>) {
        self.until = by.map_or(self.deadline, |by| by.min(self.deadline));
    }

    /// The next piece of the body; `None` at its end. A cut body is an error, never an end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        let by = self.until.min(Instant::now() + self.idle);
        match until(by, &self.stopped, self.session.read_response_body()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(CallError::broken(&error)),
            Err(Over::Stopped) => Err(stopping()),
            Err(Over::Late) => Err(CallError {
                class: FailureClass::Timeout,
                sent: true,
                fault: None,
                detail: "the answer fell silent or ran past its deadline".into(),
            }),
        }
    }
}

/// Head and body leave together: one system call, and one wake-up at the provider.
async fn send_h1(mut stream: Stream, mut request: impl Buf, by: Instant) -> (Stream, Result<(), CallError>) {
    let all = async {
        stream.write_all_buf(&mut request).await?;
        stream.flush().await
    };
    let broken = |error: std::io::Error| CallError {
        class: FailureClass::Connect,
        sent: false,
        fault: None,
        detail: format!("while sending the request: {error}"),
    };
    let written = match timeout_at(by, all).await {
        Ok(written) => written.map_err(broken),
        Err(_) => Err(not_taken()),
    };
    (stream, written)
}

async fn send_h2(
    session: &mut Http2Session,
    head: Box<RequestHeader>,
    call: &Call<'_>,
    by: Instant,
) -> Result<(), CallError> {
    let all = async {
        session.write_request_header(head, false)?;
        session.write_request_body(call.body.clone(), true).await
    };
    match timeout_at(by, all).await {
        Ok(written) => written.map_err(|error| CallError::from_pingora(&error, false)),
        Err(_) => Err(not_taken()),
    }
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

fn not_taken() -> CallError {
    CallError {
        class: FailureClass::Timeout,
        sent: false,
        fault: None,
        detail: "the request was not taken within the time for the first byte".into(),
    }
}

fn dns_failed(detail: String) -> CallError {
    CallError { class: FailureClass::Dns, sent: false, fault: None, detail }
}

/// Why a wait ended without what was waited for.
enum Over {
    /// Its time is over.
    Late,
    /// The program ends.
    Stopped,
}

/// Waits until an instant, or until the program stops, which is looked at before each wait and every second of it: no list of
/// those who wait need be kept, and none is woken for nothing.
async fn until<T>(by: Instant, stopped: &AtomicBool, work: impl Future<Output = T>) -> Result<T, Over> {
    let mut work = std::pin::pin!(work);
    while !stopped.load(Ordering::Relaxed) {
        let look = by.min(Instant::now() + LOOK);
        match timeout_at(look, work.as_mut()).await {
            Ok(done) => return Ok(done),
            Err(_) if look == by => return Err(Over::Late),
            Err(_) => {}
        }
    }
    Err(Over::Stopped)
}

fn stopping() -> CallError {
    CallError {
        class: FailureClass::Overloaded,
        sent: true,
        fault: Some(STOPPING),
        detail: "this proxy stops; another one may answer".into(),
    }
}

async fn before<T>(by: Instant, work: impl Future<Output = T>) -> Result<T, CallError> {
    timeout_at(by, work).await.map_err(|_| CallError {
        class: FailureClass::Timeout,
        sent: false,
        fault: None,
        detail: "no connection within the connect clock".into(),
    })
}

impl CallError {
    fn from_pingora(error: &Error, sent: bool) -> Self {
        if lacks_descriptors(error) {
            return Self {
                class: FailureClass::Overloaded,
                sent: false,
                fault: Some(NO_ROOM),
                detail: "no file descriptor is left for a connection (ulimit -n)".into(),
            };
        }
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
        let fault = (class == FailureClass::Tls).then(|| tls_fault(&error.to_string()));
        Self { class, sent, fault, detail: told(error, class) }
    }

    fn broken(error: &Error) -> Self {
        match Self::from_pingora(error, true) {
            Self { class: FailureClass::Connect, sent, fault, detail } => {
                let detail = format!("the answer was cut: {detail}");
                Self { class: FailureClass::Malformed, sent, fault, detail }
            }
            other => other,
        }
    }
}

/// An error in words that may be logged. Pingora's own hold the bytes that it could not read, and a provider may have
/// repeated a prompt or a key in them; only what TLS libraries and the system say is free of that.
fn told(error: &Error, class: FailureClass) -> String {
    if class == FailureClass::Tls {
        return error.to_string();
    }
    let kind = error.etype().as_str();
    match error.root_cause().downcast_ref::<std::io::Error>() {
        Some(cause) => format!("{kind}: {}", cause.kind()),
        None => kind.to_owned(),
    }
}

/// We may open no more files: our lack, and no fault of the provider's.
fn lacks_descriptors(error: &Error) -> bool {
    const OUT_OF_FILES: [i32; 2] = [23, 24]; // ENFILE, EMFILE
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.and_then(std::io::Error::raw_os_error).is_some_and(|code| OUT_OF_FILES.contains(&code))
}

/// What of a certificate or handshake is wrong. The TLS library's own words are all that comes through.
fn tls_fault(detail: &str) -> &'static str {
    let detail = detail.to_ascii_lowercase();
    let table = [
        ("expired", "tls_expired"),
        ("notvalidforname", "tls_name"),
        ("not valid for name", "tls_name"),
        ("unknownissuer", "tls_untrusted"),
        ("badsignature", "tls_untrusted"),
        ("causedasendentity", "tls_untrusted"),
        ("protocolversion", "tls_version"),
    ];
    table.into_iter().find(|(words, _)| detail.contains(words)).map_or("tls_handshake", |(_, fault)| fault)
}

#[cfg(test)]
mod tests {
    use super::tls_fault;

    #[test]
    fn faults_of_tls_have_names() {
        for (words, fault) in [
            ("invalid peer certificate: certificate expired: verification time 1", "tls_expired"),
            ("invalid peer certificate: Expired", "tls_expired"),
            ("invalid peer certificate: certificate not valid for name \"a\"", "tls_name"),
            ("invalid peer certificate: UnknownIssuer", "tls_untrusted"),
            ("received fatal alert: ProtocolVersion", "tls_version"),
            ("tls handshake eof", "tls_handshake"),
        ] {
            assert_eq!(tls_fault(words), fault, "{words}");
        }
    }
}
