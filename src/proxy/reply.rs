//! Answers on the wire: the client as a [`Reply`], and refusals in the caller's dialect.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use pingora::ErrorType;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use tokio::time::timeout;

use crate::codec::{OwnError, error_body};
use crate::pipeline::Refusal;
use crate::strategy::{Gone, Head, Leg, Reply};
use crate::types::Dialect;

/// A client may take this long over one piece of an answer. Readers of a stream pause for seconds at most, while one
/// that has stopped reading would hold its request, its body and its upstream call for ever.
const WRITE_PAUSE: Duration = Duration::from_secs(60);
/// Longer pieces are cut, so that the pause bounds how long a client takes nothing, not how slow its link is.
const PIECE: usize = 64 << 10;

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
        limit_writes(session);
        Self { session, aborted: false }
    }

    /// What could not be written once must not be flushed later: that wait would have no end.
    fn note(&mut self, written: Result<(), Gone>) -> Result<(), Gone> {
        self.aborted |= written.is_err();
        written
    }
}

impl Reply for Wire<'_> {
    async fn head(&mut self, head: Head, _earlier: &[Leg]) -> Result<(), Gone> {
        let written = write_head(self.session, head.status, head.headers, head.length).await;
        self.note(written)
    }

    async fn body(&mut self, piece: Bytes, end: bool) -> Result<(), Gone> {
        let written = write_body(self.session, piece, end).await;
        self.note(written)
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

/// Bounds what Pingora writes by itself when it forwards.
pub(super) fn limit_writes(session: &mut ServerSession) {
    session.set_write_timeout(Some(WRITE_PAUSE));
}

/// Writes and flushes. Pingora's own timeout does not cover the flush at the end, hence a second one around it.
async fn write_body(session: &mut ServerSession, mut piece: Bytes, end: bool) -> Result<(), Gone> {
    loop {
        let rest = if piece.len() > PIECE { piece.split_off(PIECE) } else { Bytes::new() };
        let write = session.write_response_body(piece, end && rest.is_empty());
        timeout(WRITE_PAUSE, write).await.map_err(|_| Gone)?.map_err(|_| Gone)?;
        if rest.is_empty() {
            return Ok(());
        }
        piece = rest;
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
    let write = session.write_response_header(Box::new(ResponseHeader::from(head)));
    timeout(WRITE_PAUSE, write).await.map_err(|_| Gone)?.map_err(|_| Gone)
}

/// Answers with a refusal. A body that was not read closes the connection.
pub(super) async fn refuse(
    session: &mut ServerSession,
    dialect: Dialect,
    id: &str,
    refusal: &Refusal,
) -> Result<(), Gone> {
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
    write_head(session, status, headers, Some(body.len())).await?;
    write_body(session, body, true).await
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
pub(super) async fn json(
    session: &mut ServerSession,
    status: u16,
    value: &serde_json::Value,
) -> Result<(), Gone> {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = Bytes::from(value.to_string());
    write_head(session, status, headers, Some(body.len())).await?;
    write_body(session, body, true).await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A session on which a request has been read, and the client's end of it, which takes `room` bytes unread.
    async fn session(room: usize) -> (ServerSession, tokio::io::DuplexStream) {
        let (mut client, server) = tokio::io::duplex(room);
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut session = ServerSession::new_http1(Box::new(server));
        assert!(session.read_request().await.unwrap());
        (session, client)
    }

    fn head(length: usize) -> Head {
        Head { length: Some(length), ..Head::new(200, HeaderMap::new()) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_reading_is_let_go() {
        let (mut session, _client) = session(1 << 10).await;
        let mut wire = Wire::new(&mut session, false);
        let began = tokio::time::Instant::now();
        let body = Bytes::from(vec![b'x'; 1 << 20]);
        let written = match wire.head(head(body.len()), &[]).await {
            Ok(()) => wire.body(body, true).await,
            Err(gone) => Err(gone),
        };
        assert!(written.is_err() && wire.aborted, "the connection must go");
        assert!(began.elapsed() < 2 * WRITE_PAUSE, "{:?}", began.elapsed());
        assert_eq!(session.get_write_timeout(), Some(WRITE_PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_gets_all_of_a_long_answer() {
        let (mut session, mut client) = session(PIECE).await;
        let mut wire = Wire::new(&mut session, false);
        let body = Bytes::from(vec![b'x'; 4 * PIECE]);
        let read = async {
            let (mut taken, mut buffer) = (0, vec![0; PIECE / 2]);
            while taken < 4 * PIECE {
                tokio::time::sleep(WRITE_PAUSE / 3).await;
                taken += client.read(&mut buffer).await.unwrap();
            }
        };
        let write = async {
            wire.head(head(body.len()), &[]).await.is_ok() && wire.body(body.clone(), true).await.is_ok()
        };
        let (whole, ()) = tokio::join!(write, read);
        assert!(whole && !wire.aborted);
    }
}
