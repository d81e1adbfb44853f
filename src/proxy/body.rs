//! A whole request body, within a cap per request, a budget over all requests, and a minimum rate.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use pingora::protocols::http::ServerSession;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::ProxySettings;
use crate::pipeline::{Refusal, RefusalCode};

/// The budget is counted in these, so that it fits a semaphore.
const UNIT: usize = 1 << 10;
/// A client may pause this long within its body.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// A slow start is forgiven for this long.
const GRACE: Duration = Duration::from_secs(10);

/// An announced body gets memory for so many times what has come of it: whoever announces much and sends little takes little,
/// and a whole one is moved a few times only.
const AHEAD: usize = 8;

/// Memory for bodies, shared by all requests.
#[derive(Clone)]
pub(super) struct Budget {
    units: Arc<Semaphore>,
    max_body: usize,
    /// Slower than this over the whole body is a slow-loris.
    min_rate: f64,
}

/// A body with its share of the budget, given back when dropped.
pub(super) struct Held {
    pub(super) bytes: Bytes,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(super) fn new(settings: &ProxySettings) -> Self {
        let units = (settings.body_budget_bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            units: Arc::new(Semaphore::new(units)),
            max_body: settings.max_body_bytes,
            min_rate: f64::from(settings.min_body_rate),
        }
    }

    /// Whether a body of this length would find room now. None is taken for it yet: whoever announces a body and sends none
    /// must not lock others out.
    fn has_room(&self, bytes: usize) -> Result<(), Refusal> {
        let units = bytes.div_ceil(UNIT);
        if units <= self.units.available_permits() { Ok(()) } else { Err(no_room()) }
    }

    /// Takes what a body of this length needs beyond what it holds; many small chunks share a unit.
    fn grow(&self, held: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Refusal> {
        let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let units = bytes.div_ceil(UNIT).saturating_sub(has);
        match held {
            _ if units == 0 => {}
            Some(held) => held.merge(self.take(units)?),
            None => *held = Some(self.take(units)?),
        }
        Ok(())
    }

    /// Takes memory without waiting: a request that waited while it holds some would lock others out.
    fn take(&self, units: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        self.units.clone().try_acquire_many_owned(units).map_err(|_| no_room())
    }
}

fn no_room() -> Refusal {
    let message = "too many request bodies are held in memory already; try again";
    Refusal { retry_after: Some(Duration::from_secs(1)), ..Refusal::new(RefusalCode::Overloaded, message) }
}

/// Pieces of a body put together; a body of one piece is not copied.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    all: BytesMut,
}

impl Pieces {
    fn len(&self) -> usize {
        if self.all.is_empty() { self.first.len() } else { self.all.len() }
    }

    /// The bytes it holds memory for once a piece of this length has come.
    fn room_with(&self, piece: usize, announced: Option<usize>) -> usize {
        let length = self.len() + piece;
        if self.len() == 0 || length <= self.all.capacity() {
            return length.max(self.all.capacity());
        }
        match announced {
            Some(announced) => announced.min(length.saturating_mul(AHEAD)).max(length),
            None => 2 * length,
        }
    }

    fn push(&mut self, piece: Bytes, room: usize) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        if room > self.all.capacity() {
            // Exactly so much: a vector that grows by itself may take twice that.
            let mut grown = BytesMut::with_capacity(room);
            grown.extend_from_slice(&self.all);
            self.all = grown;
        }
        self.all.extend_from_slice(&std::mem::take(&mut self.first));
        self.all.extend_from_slice(&piece);
    }

    fn join(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

/// Reads the whole body. The announced length is checked before the client is told to go on.
pub(super) async fn read(session: &mut ServerSession, budget: &Budget) -> Result<Held, Refusal> {
    let announced = announced_length(&session.req_header().headers, budget.max_body)?;
    announced.map_or(Ok(()), |length| budget.has_room(length))?;
    let mut permit = None;
    if expects_continue(&session.req_header().headers) {
        session.write_continue_response().await.map_err(|_| broke_off())?;
    }
    let began = Instant::now();
    let mut pieces = Pieces::default();
    loop {
        let piece = match timeout(MAX_PAUSE, session.read_request_body()).await {
            Err(_) => return Err(too_slow()),
            Ok(Err(_)) => return Err(broke_off()),
            Ok(Ok(None)) => break,
            Ok(Ok(Some(piece))) => piece,
        };
        let read = pieces.len() + piece.len();
        if read > budget.max_body {
            return Err(too_large(budget.max_body));
        }
        let room = pieces.room_with(piece.len(), announced);
        budget.grow(&mut permit, room)?;
        let seconds = began.elapsed().saturating_sub(GRACE).as_secs_f64();
        if (read as f64) < seconds * budget.min_rate {
            return Err(too_slow());
        }
        pieces.push(piece, room);
    }
    Ok(Held { bytes: pieces.join(), _permit: permit })
}

/// Checks what can be checked before reading: compression and length.
fn announced_length(headers: &HeaderMap, max_body: usize) -> Result<Option<usize>, Refusal> {
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING).filter(|value| *value != "identity") {
        let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
        let message = format!("content-encoding `{encoding}` is not supported: send the body uncompressed");
        return Err(Refusal::new(RefusalCode::UnsupportedEncoding, message).about("content-encoding"));
    }
    let Some(length) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length: usize = length.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
        Refusal::new(RefusalCode::InvalidRequest, "content-length is not a number").about("content-length")
    })?;
    if length > max_body { Err(too_large(max_body)) } else { Ok(Some(length)) }
}

pub(super) fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn too_large(max_body: usize) -> Refusal {
    let message = format!("the body is longer than {max_body} bytes (server.max_body_bytes)");
    Refusal::new(RefusalCode::BodyTooLarge, message)
}

fn too_slow() -> Refusal {
    Refusal::new(RefusalCode::BodyTooSlow, "the body came too slowly: send it without long pauses")
}

fn broke_off() -> Refusal {
    Refusal::new(RefusalCode::BodyTooSlow, "the body broke off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_what_has_come() {
        let mut pieces = Pieces::default();
        let (announced, mut most, mut moves) = (32 << 20, 0, 0);
        for _ in 0..512 {
            let room = pieces.room_with(64 << 10, Some(announced));
            let came = pieces.len() + (64 << 10);
            assert!(room >= came && room <= announced.min(AHEAD * came), "{room} for {came}");
            moves += u32::from(room > most);
            most = room.max(most);
            pieces.push(Bytes::from(vec![b'x'; 64 << 10]), room);
        }
        assert!(most == announced && moves <= 5, "{moves} moves, {most} bytes");
        assert_eq!(pieces.join().len(), announced);
    }
}
