//! An open loop: requests are due at their times, and each is timed from then. A client that waits for an answer before it
//! sends the next would not notice a server that stands still ("coordinated omission").

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// What is sent.
pub(super) struct Load {
    pub(super) authority: String,
    pub(super) path: String,
    pub(super) rps: f64,
    pub(super) seconds: f64,
    pub(super) connections: usize,
    pub(super) streams: f64,
    /// Whole and streamed.
    pub(super) bodies: Vec<[Bytes; 2]>,
    pub(super) headers: Vec<(String, String)>,
}

impl Load {
    /// How many requests there will be.
    pub(super) fn requests(&self) -> u64 {
        (self.rps * self.seconds).ceil() as u64
    }

    /// Whether the request of a number is streamed: spread evenly, whatever the share.
    fn is_streamed(&self, number: u64) -> bool {
        const GOLDEN: f64 = 0.618_033_988_749_895;
        (number as f64 * GOLDEN).fract() < self.streams
    }
}

/// What came of it. Times are in microseconds from when a request was due.
pub(super) struct Tally {
    pub(super) sent: u64,
    /// Status 200 and an answer that ends as it should.
    pub(super) right: u64,
    pub(super) seconds: f64,
    pub(super) opened: u64,
    pub(super) statuses: BTreeMap<String, u64>,
    /// What was no answer, by kind.
    pub(super) broken: BTreeMap<String, u64>,
    pub(super) whole: Histogram<u64>,
    pub(super) first_byte: Histogram<u64>,
    pub(super) streamed: Histogram<u64>,
}

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(120);

impl Tally {
    fn new() -> Result<Self, String> {
        // 1 us to 10 minutes, in two digits.
        let mut times = Histogram::new_with_bounds(1, 600_000_000, 2).map_err(|error| error.to_string())?;
        times.auto(true);
        Ok(Self {
            sent: 0,
            right: 0,
            seconds: 0.0,
            opened: 0,
            statuses: BTreeMap::new(),
            broken: BTreeMap::new(),
            whole: times.clone(),
            first_byte: times.clone(),
            streamed: times,
        })
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.right += other.right;
        self.opened += other.opened;
        for (into, from) in [(&mut self.statuses, &other.statuses), (&mut self.broken, &other.broken)] {
            from.iter().for_each(|(what, count)| *into.entry(what.clone()).or_default() += count);
        }
        for (into, from) in [
            (&mut self.whole, &other.whole),
            (&mut self.first_byte, &other.first_byte),
            (&mut self.streamed, &other.streamed),
        ] {
            // Same bounds: nothing can be out of range.
            let _ = into.add(from);
        }
    }
}

/// Sends everything; `step` is called for each request that is done.
pub(super) async fn run(load: Load, step: &(dyn Fn() + Sync)) -> Result<Tally, String> {
    let (load, next) = (Arc::new(load), Arc::new(AtomicU64::new(0)));
    let (done, mut finished) = tokio::sync::mpsc::channel(1024);
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..load.connections.min(usize::try_from(load.requests()).unwrap_or(usize::MAX)) {
        workers.spawn(work(load.clone(), next.clone(), began, done.clone()));
    }
    drop(done);
    while finished.recv().await.is_some() {
        step();
    }
    let mut tally = Tally::new()?;
    while let Some(part) = workers.join_next().await {
        tally.add(&part.map_err(|error| error.to_string())??);
    }
    tally.seconds = began.elapsed().as_secs_f64();
    Ok(tally)
}

/// One connection: takes the next request that is due, again and again.
async fn work(
    load: Arc<Load>,
    next: Arc<AtomicU64>,
    began: Instant,
    done: tokio::sync::mpsc::Sender<()>,
) -> Result<Tally, String> {
    let mut tally = Tally::new()?;
    let mut connection = None;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= load.requests() {
            return Ok(tally);
        }
        let due = began + Duration::from_secs_f64(number as f64 / load.rps);
        sleep_until(due).await;
        tally.sent += 1;
        let answered = timeout(PATIENCE, exchange(&load, number, due, (&mut connection, &mut tally))).await;
        let fault = answered.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        if let Err(what) = fault {
            connection = None;
            *tally.broken.entry(what).or_default() += 1;
        }
        // The receiver goes last.
        let _ = done.send(()).await;
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn exchange(
    load: &Load,
    number: u64,
    due: Instant,
    (kept, tally): (&mut Option<Connection>, &mut Tally),
) -> Result<(), String> {
    let streamed = load.is_streamed(number);
    let mut connection = match kept.take().filter(|connection| !connection.is_closed()) {
        Some(connection) => connection,
        None => {
            tally.opened += 1;
            connect(&load.authority).await?
        }
    };
    let body = &load.bodies[number as usize % load.bodies.len()][usize::from(streamed)];
    let mut request =
        Request::post(&load.path).header("host", &load.authority).header("content-type", "application/json");
    for (name, value) in &load.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body.clone())).map_err(|error| format!("request: {error}"))?;
    connection.ready().await.map_err(|_| "the connection broke before the request".to_owned())?;
    let response = connection
        .send_request(request)
        .await
        .map_err(|_| "the connection broke before the answer".to_owned())?;
    let (head, mut body) = response.into_parts();
    *tally.statuses.entry(head.status.as_u16().to_string()).or_default() += 1;
    let (mut first, mut bytes) = (None, Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| "the answer was cut".to_owned())?;
        if let Some(data) = frame.data_ref() {
            first.get_or_insert_with(|| due.elapsed());
            bytes.extend_from_slice(data);
        }
    }
    *kept = Some(connection);
    if head.status != 200 {
        return Ok(());
    }
    if !is_complete(&bytes, streamed) {
        return Err("the answer is not complete".to_owned());
    }
    tally.right += 1;
    let record = |times: &mut Histogram<u64>, time: Duration| {
        let _ = times.record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
    };
    if streamed {
        record(&mut tally.first_byte, first.unwrap_or_default());
        record(&mut tally.streamed, due.elapsed());
    } else {
        record(&mut tally.whole, due.elapsed());
    }
    Ok(())
}

async fn connect(authority: &str) -> Result<Connection, String> {
    let stream = TcpStream::connect(authority).await.map_err(|error| format!("connect: {}", error.kind()))?;
    let _ = stream.set_nodelay(true);
    let (connection, driver) =
        handshake(TokioIo::new(stream)).await.map_err(|_| "the connection broke at once".to_owned())?;
    tokio::spawn(async move {
        // What breaks here is reported by the request that waits for it.
        let _ = driver.await;
    });
    Ok(connection)
}

/// A whole answer is JSON without an error; a stream ends in its dialect's last event.
fn is_complete(bytes: &[u8], streamed: bool) -> bool {
    if streamed {
        let end = &bytes[bytes.len().saturating_sub(200)..];
        let has = |needle: &str| memchr::memmem::find(end, needle.as_bytes()).is_some();
        return has("data: [DONE]") || has("\"type\":\"message_stop\"");
    }
    serde_json::from_slice::<serde_json::Value>(bytes).is_ok_and(|answer| answer.get("error").is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_cut_are_not_complete() {
        assert!(is_complete(b"{\"choices\":[]}", false));
        assert!(!is_complete(b"{\"choices\":[", false));
        assert!(!is_complete(b"{\"error\":{}}", false));
        assert!(is_complete(b"data: {}\n\ndata: [DONE]\n\n", true));
        assert!(is_complete(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", true));
        assert!(!is_complete(b"data: {}\n\n", true));
    }

    #[test]
    fn streams_are_spread_evenly() {
        let load = |streams: f64| Load {
            authority: String::new(),
            path: String::new(),
            rps: 1.0,
            seconds: 1.0,
            connections: 1,
            streams,
            bodies: Vec::new(),
            headers: Vec::new(),
        };
        for share in [0.0, 0.2, 1.0] {
            let streamed = (0..1000).filter(|number| load(share).is_streamed(*number)).count();
            assert!((streamed as f64 - 1000.0 * share).abs() <= 2.0, "{share}: {streamed}");
        }
    }
}
