//! Answers on the wire: the client as a [`Reply`], and refusals in the caller's dialect.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use pingora::ErrorType;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;

use crate::codec::{OwnError, error_body};
use crate::pipeline::Refusal;
use crate::strategy::{Gone, Head, Leg, Reply};
use crate::types::Dialect;

/// A client on a Pingora session.
pub(super) struct Wire<'s> {
    session: &'s mut ServerSession,
    /// Set when the answer was broken off and the connection must not look finished.
    pub(super) aborted: bool,
}

impl<'s> Wire<'s> {
    /// `half_close`: a client's FIN behind its request does not mean that it has gone.
    pub(super) fn new(session: &'s mut ServerSession, half_close: bool) -> Self {
        session.set_abort_on_close(!half_close);
        Self { session, aborted: false }
    }
}

impl Reply for Wire<'_> {
    async fn head(&mut self, head: Head, _earlier: &[Leg]) -> Result<(), Gone> {
        write_head(self.session, head.status, head.headers, head.length).await
    }

    async fn body(&mut self, piece: Bytes, end: bool) -> Result<(), Gone> {
        self.session.write_response_body(piece, end).await.map_err(|_| Gone)
    }

    async fn gone(&mut self) {
        let stays = match self.session.read_body_or_idle(true).await {
            Ok(_) => true,
            // Bytes of a pipelined next request: the client is there, the connection just cannot be reused.
            Err(error) => *error.etype() == ErrorType::ConnectError,
        };
        if stays {
            self.session.set_keepalive(None);
            std::future::pending::<()>().await;
        }
    }

    fn abort(&mut self) {
        self.aborted = true;
    }
}

async fn write_head(
    session: &mut ServerSession,
    status: u16,
    mut headers: HeaderMap,
    length: Option<usize>,
) -> Result<(), Gone> {
    match length {
        Some(length) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        None if session.is_http2() => {}
        None => {
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = StatusCode::from_u16(status).map_err(|_| Gone)?;
    head.headers = headers;
    session.write_response_header(Box::new(ResponseHeader::from(head))).await.map_err(|_| Gone)
}

/// Answers with a refusal. A body that was not read closes the connection.
pub(super) async fn refuse(session: &mut ServerSession, dialect: Dialect, id: &str, refusal: &Refusal) {
    let (status, kind) = refusal.code.on_the_wire();
    let body = error_body(
        dialect,
        &OwnError {
            kind,
            code: refusal.code.as_str(),
            message: &refusal.message,
            param: refusal.param.as_deref(),
            request_id: id,
            attempts: &refusal.attempts,
            status,
        },
    );
    let headers = refusal_headers(id, refusal);
    if !session.is_body_done() {
        session.set_keepalive(None);
    }
    if write_head(session, status, headers, Some(body.len())).await.is_ok() {
        let _ = session.write_response_body(body, true).await;
    }
}

fn refusal_headers(id: &str, refusal: &Refusal) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("content-type", "application/json");
    put("x-pointsman-id", id);
    put("x-pointsman-reason", refusal.code.as_str());
    let trail: Vec<String> =
        refusal.attempts.iter().map(|attempt| format!("{}:{}", attempt.model, attempt.outcome)).collect();
    put("x-pointsman-attempts", &trail.join(","));
    if let Some(wait) = refusal.retry_after {
        put("retry-after", &wait.as_secs().max(1).to_string());
    } else if !refusal.attempts.is_empty() {
        // The chain was tried: an SDK's own retries would only run it again.
        put("x-should-retry", "false");
    }
    headers
}

/// Answers one of our own endpoints.
pub(super) async fn json(session: &mut ServerSession, status: u16, value: &serde_json::Value) {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = Bytes::from(value.to_string());
    if write_head(session, status, headers, Some(body.len())).await.is_ok() {
        let _ = session.write_response_body(body, true).await;
    }
}
