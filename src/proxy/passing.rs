//! Traffic that is not read: files, models, other APIs, WebSockets. Pingora streams it to the dialect's default
//! provider; here its head is rebuilt for that origin, its usage watched where it can be seen, and its row filed.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::ALPN;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, OrErr, Result};

use super::auth::Identity;
use super::service::Arrival;
use crate::catalog::{Credential, Provider};
use crate::codec;
use crate::pipeline::{Engine, Forwarded, Loaded, Refusal, RefusalCode};
use crate::telemetry::InFlight;
use crate::types::{Dialect, FailureClass, Operation, ProviderIx, RequestId, Usage};
use crate::upstream::{
    Caller, MAX_ADDRESSES, Standing, attempt_headers, forwardable_answer_header, own_path, path_as_it_is,
};

/// Most bytes of an answer kept to read its usage; usage stands at the end, so of longer ones the tail is kept.
const MAX_COPY: usize = 1 << 20;
/// A WebSocket on which the provider says nothing for so long is closed.
const SOCKET_IDLE: Duration = Duration::from_secs(600);

/// A request that streams through.
pub struct Passing {
    loaded: Arc<Loaded>,
    provider: ProviderIx,
    path: String,
    headers: HeaderMap,
    forwarded: Forwarded,
    watches: bool,
    upgrade: bool,
    /// Addresses of the provider tried before the present one, and how many there are.
    addresses: (usize, usize),
    answer: BytesMut,
    _in_flight: InFlight,
}

impl Passing {
    /// Finds the provider and builds the headers for it, or says why the request cannot pass.
    pub(super) fn new(
        (engine, arrival): (&Engine, &Arrival),
        identity: Identity,
        headers: &HeaderMap,
        in_flight: InFlight,
    ) -> std::result::Result<Self, Refusal> {
        // What is only looked at costs nothing; the rest has no price, so a client that has spent all waits with it.
        let looks =
            matches!(arrival.method, Method::GET | Method::HEAD | Method::OPTIONS) && !arrival.upgrade;
        let spent_out = engine.spent_out(&arrival.loaded, identity.client, arrival.id.unix_ms());
        if let Some(refusal) = spent_out.filter(|_| !looks) {
            return Err(refusal);
        }
        let snapshot = &arrival.loaded.snapshot;
        let defaults = &snapshot.defaults;
        let provider_ix = match (arrival.intercepted, arrival.dialect) {
            (Some(intercepted), _) => Some(intercepted.home),
            (None, Some(dialect)) => defaults.of(dialect),
            (None, None) => defaults.openai.or(defaults.anthropic).or(defaults.gemini),
        }
        .ok_or_else(|| {
            let dialect = arrival.dialect.map_or("openai", Dialect::as_str);
            let message = format!("no provider takes this path: set server.default_provider.{dialect}");
            Refusal::new(RefusalCode::NoProvider, message)
        })?;
        let provider = snapshot.provider(provider_ix);
        // A client that does not know of us gets what it would have got there.
        let may_upgrade = arrival.intercepted.is_some()
            || (provider.websocket && arrival.operation != Operation::Responses);
        if arrival.upgrade && !may_upgrade {
            return Err(Refusal::new(
                RefusalCode::WebSocketUnsupported,
                "WebSockets are not served on this path: use POST with a streamed answer",
            ));
        }
        let caller = Caller { headers, credential_is_providers: identity.credential_is_providers };
        let mut built = match attempt_headers(caller, provider, Standing::Home) {
            Ok(built) => built.into_iter().collect(),
            // A probe without any credential is the provider's to refuse.
            Err(_) if identity.client.is_none() => without_credential(caller, provider),
            Err(_) => return Err(no_credential(provider)),
        };
        let watches = !arrival.upgrade
            && matches!(
                arrival.operation,
                Operation::Responses | Operation::GenerateContent | Operation::CountTokens
            );
        if !watches {
            restore(&mut built, headers, &header::ACCEPT_ENCODING);
        }
        let keeps_key =
            identity.credential_is_providers && matches!(provider.credential, Credential::Passthrough);
        Ok(Self {
            path: if arrival.intercepted.is_some() {
                path_as_it_is(arrival.came_by.as_deref().unwrap_or(&arrival.path), keeps_key)
            } else {
                own_path(provider, &arrival.path, keeps_key)
            },
            forwarded: arrival.account(identity).to(provider_ix),
            loaded: arrival.loaded.clone(),
            provider: provider_ix,
            headers: built,
            watches,
            upgrade: arrival.upgrade,
            addresses: (0, 0),
            answer: BytesMut::new(),
            _in_flight: in_flight,
        })
    }

    pub(super) fn id(&self) -> RequestId {
        self.forwarded.id
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.forwarded.dialect.unwrap_or(Dialect::OpenAi)
    }

    /// Whether the name has an address left to try, which then comes next.
    pub(super) fn has_another_address(&mut self) -> bool {
        let (tried, known) = &mut self.addresses;
        *tried += 1;
        *tried < (*known).min(MAX_ADDRESSES)
    }

    /// The provider's next address.
    pub(super) async fn peer(&mut self, engine: &Engine) -> Result<Box<HttpPeer>> {
        let provider = self.loaded.snapshot.provider(self.provider);
        let target = match engine.upstream().resolver().target(provider, None).await {
            Ok(target) => target,
            Err(reason) => {
                self.forwarded.failed(FailureClass::Dns);
                return Error::e_explain(ErrorType::ConnectError, reason)
                    .map_err(|error: Box<Error>| error.into_up());
            }
        };
        self.addresses.1 = target.peers.len();
        let Some(peer) = target.peers.get(self.addresses.0) else {
            return Error::e_explain(ErrorType::ConnectError, "the name has no address");
        };
        let mut peer = Box::new(HttpPeer::clone(peer));
        if self.upgrade {
            // HTTP/2 has no upgrades, and what talks on such a connection may be silent for long.
            peer.options.alpn = ALPN::H1;
            peer.options.read_timeout = Some(SOCKET_IDLE);
        }
        Ok(peer)
    }

    /// Replaces every end-to-end header by what was built for this origin; framing stays Pingora's.
    pub(super) fn write_request(
        &mut self,
        _downstream: &RequestHeader,
        upstream: &mut RequestHeader,
    ) -> Result<()> {
        self.forwarded.reached();
        let framing = |name: &HeaderName| {
            *name == header::CONTENT_LENGTH
                || *name == header::TRANSFER_ENCODING
                || (self.upgrade && (*name == header::UPGRADE || *name == header::CONNECTION))
        };
        let stale: Vec<HeaderName> = upstream.headers.keys().filter(|name| !framing(name)).cloned().collect();
        for name in &stale {
            upstream.remove_header(name);
        }
        let authority = self.loaded.snapshot.provider(self.provider).origin.authority();
        upstream.insert_header(header::HOST, authority)?;
        for (name, value) in &self.headers {
            upstream.append_header(name, value)?;
        }
        let uri = self.path.parse().or_err(ErrorType::InternalError, "the path cannot be written")?;
        upstream.set_uri(uri);
        Ok(())
    }

    /// The answer's head: hop headers out, our own in.
    pub(super) fn see_head(&mut self, head: &mut ResponseHeader) -> Result<()> {
        let status = head.status.as_u16();
        self.forwarded.answered(status);
        let stale: Vec<HeaderName> = head
            .headers
            .keys()
            .filter(|name| !forwardable_answer_header(name) && **name != header::TRANSFER_ENCODING)
            .filter(|name| !self.upgrade || (**name != header::UPGRADE && **name != header::CONNECTION))
            .cloned()
            .collect();
        for name in &stale {
            head.remove_header(name);
        }
        head.insert_header("x-pointsman-id", self.forwarded.id.to_string())?;
        head.insert_header("x-pointsman-path", "pinned")?;
        Ok(())
    }

    /// A piece of the answer's body.
    pub(super) fn see_body(&mut self, piece: &Bytes) {
        if !self.watches {
            return;
        }
        if self.answer.len() + piece.len() > MAX_COPY {
            let keep = self.answer.len().saturating_sub(MAX_COPY / 2);
            let _ = self.answer.split_to(keep);
        }
        let room = MAX_COPY - self.answer.len().min(MAX_COPY);
        self.answer.extend_from_slice(&piece[piece.len().saturating_sub(room)..]);
    }

    /// Files the row.
    pub(super) fn file(&mut self, engine: &Engine, error: Option<&Error>) {
        if let Some(error) = error {
            self.forwarded.failed(class_of(error));
        }
        let usage = if self.watches { self.usage() } else { None };
        self.forwarded.file(engine, usage);
    }

    fn usage(&self) -> Option<Usage> {
        codec::visible_usage(self.dialect(), self.forwarded.operation, &self.answer)
    }

    /// What the client is told when the provider could not be reached or broke off before its head.
    pub(super) fn refuse(&mut self, error: &Error) -> Refusal {
        let provider = &self.loaded.snapshot.provider(self.provider).id;
        let (code, what) = match class_of(error) {
            FailureClass::BadRequest => (RefusalCode::BodyTooSlow, "waited: the request's body broke off"),
            FailureClass::Timeout => (RefusalCode::UpstreamTimeout, "did not answer in time"),
            FailureClass::Malformed => (RefusalCode::UpstreamMalformed, "gave an answer that cannot be read"),
            _ => (RefusalCode::UpstreamUnreachable, "could not be reached"),
        };
        self.forwarded.refused(code);
        Refusal::new(code, format!("provider `{provider}` {what}"))
    }
}

fn class_of(error: &Error) -> FailureClass {
    match (error.esource(), error.etype()) {
        (ErrorSource::Downstream, _) => FailureClass::BadRequest,
        (_, ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout) => {
            FailureClass::Timeout
        }
        (_, ErrorType::TLSHandshakeFailure | ErrorType::TLSHandshakeTimedout | ErrorType::InvalidCert) => {
            FailureClass::Tls
        }
        (_, ErrorType::InvalidHTTPHeader | ErrorType::H1Error | ErrorType::H2Error) => {
            FailureClass::Malformed
        }
        _ => FailureClass::Connect,
    }
}

fn without_credential(caller: Caller<'_>, provider: &Provider) -> HeaderMap {
    let open = Provider { credential: Credential::None, ..provider.clone() };
    attempt_headers(caller, &open, Standing::Home).into_iter().flatten().collect()
}

fn restore(built: &mut HeaderMap, original: &HeaderMap, name: &HeaderName) {
    built.remove(name);
    if let Some(value) = original.get(name) {
        built.insert(name.clone(), HeaderValue::clone(value));
    }
}

fn no_credential(provider: &Provider) -> Refusal {
    Refusal::new(
        RefusalCode::ProviderAuth,
        format!(
            "provider `{}` takes the caller's own credential: send it as the SDK does, and the client's key as \
             `x-pointsman-key`",
            provider.id
        ),
    )
}
