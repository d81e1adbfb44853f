//! A provider on loopback that does exactly what its script says and keeps every byte it is sent. What the proxy did
//! to a request, and whether it let go of one, is only provable from here.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::http::{Head, Wire};
use super::script::{End, Script, Stream, Wait, Whole};
use super::{answers, soon};

type Choose = dyn Fn(&Seen) -> Script + Send + Sync;

/// A provider that lives as long as this handle.
pub struct FakeProvider {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl FakeProvider {
    /// Listens on a free port of loopback; answers rightly until told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Self { addr, shared, accepting }
    }

    /// `http://127.0.0.1:PORT`, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The next request without a queued script gets this one, once.
    pub fn next(&self, script: Script) -> &Self {
        self.shared.queue.lock().push_back(script);
        self
    }

    /// Every request without a queued script gets this one.
    pub fn always(&self, script: Script) -> &Self {
        self.choose(move |_| script.clone())
    }

    /// The closure chooses a script when a request has been read.
    pub fn choose(&self, choose: impl Fn(&Seen) -> Script + Send + Sync + 'static) -> &Self {
        *self.shared.choose.lock() = Some(Arc::new(choose));
        self
    }

    /// Every request so far, in order of arrival.
    pub fn seen(&self) -> Vec<Arc<Seen>> {
        self.shared.seen.borrow().clone()
    }

    /// The only request so far, when there is exactly one.
    pub fn only(&self) -> Arc<Seen> {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "the provider at {} saw another number of requests", self.addr);
        seen[0].clone()
    }

    /// The request at a position, once it has arrived.
    pub async fn nth(&self, position: usize) -> Arc<Seen> {
        let mut seen = self.shared.seen.subscribe();
        let all =
            soon("a request at the provider", seen.wait_for(|seen| seen.len() > position)).await.unwrap();
        all[position].clone()
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One request as it arrived.
pub struct Seen {
    /// Its head, byte for byte.
    pub head: Head,
    /// When its head had arrived: tells the order of calls at several providers.
    pub at: Instant,
    body: OnceLock<Bytes>,
    closed: watch::Sender<Option<Instant>>,
}

impl Seen {
    /// The request target.
    pub fn target(&self) -> &str {
        self.head.word(1)
    }

    /// The first header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The body, which must have arrived whole.
    pub fn body(&self) -> &Bytes {
        self.body.get().expect("the body of this request has arrived whole")
    }

    /// Whether the body has arrived whole.
    pub fn has_body(&self) -> bool {
        self.body.get().is_some()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.body()).expect("the body of this request is JSON")
    }

    /// True when these bytes stand anywhere in the head or the body.
    pub fn holds(&self, needle: &str) -> bool {
        let body = self.body.get().map_or(&[][..], |body| &body[..]);
        let finder = memchr::memmem::Finder::new(needle);
        finder.find(&self.head.raw).is_some() || finder.find(body).is_some()
    }

    /// When the peer closed the connection before the answer was complete; waits for it.
    pub async fn closed(&self) -> Instant {
        let mut closed = self.closed.subscribe();
        let at = *soon("the peer to close", closed.wait_for(Option::is_some)).await.unwrap();
        at.unwrap()
    }

    /// Whether the peer has closed the connection before the answer was complete.
    pub fn was_closed(&self) -> bool {
        self.closed.borrow().is_some()
    }
}

struct Shared {
    queue: Mutex<VecDeque<Script>>,
    choose: Mutex<Option<Arc<Choose>>>,
    seen: watch::Sender<Vec<Arc<Seen>>>,
    connections: AtomicUsize,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            queue: Mutex::default(),
            choose: Mutex::default(),
            seen: watch::Sender::new(Vec::new()),
            connections: AtomicUsize::new(0),
        }
    }
}

impl Shared {
    fn log(&self, head: Head) -> Arc<Seen> {
        let (body, closed) = (OnceLock::new(), watch::Sender::new(None));
        let seen = Arc::new(Seen { head, at: Instant::now(), body, closed });
        self.seen.send_modify(|all| all.push(seen.clone()));
        seen
    }

    fn chosen(&self, seen: &Seen) -> Script {
        let choose = self.choose.lock().clone();
        choose.map_or(Script::Right, |choose| choose(seen))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        connections.spawn(serve(socket, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// What a connection does after one answer.
enum After {
    Keep,
    Close,
    Reset,
}

async fn serve(socket: TcpStream, shared: Arc<Shared>) {
    socket.set_nodelay(true).ok();
    let (read, mut write) = socket.into_split();
    let mut wire = Wire::new(read);
    if wire.peek().await.ok().flatten() == Some(0x16) {
        write.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.ok(); // a TLS hello
        return;
    }
    while let Ok(Some(head)) = wire.head().await {
        let seen = shared.log(head);
        let queued = shared.queue.lock().pop_front();
        if matches!(queued, Some(Script::Early413)) {
            return early_413(write).await;
        }
        if read_body(&seen, &mut wire, &mut write).await.is_err() {
            seen.closed.send_replace(Some(Instant::now()));
            return;
        }
        let script = queued.unwrap_or_else(|| shared.chosen(&seen));
        let after = tokio::select! {
            after = play(script, &seen, &mut write) => after,
            () = wire.closed() => Err(io::ErrorKind::ConnectionReset.into()),
        };
        match after {
            Ok(After::Keep) => {}
            Ok(After::Close) => return,
            Ok(After::Reset) => return write.as_ref().set_zero_linger().unwrap_or_default(),
            Err(_) => {
                seen.closed.send_replace(Some(Instant::now()));
                return;
            }
        }
    }
}

async fn read_body<R: tokio::io::AsyncRead + Unpin>(
    seen: &Seen,
    wire: &mut Wire<R>,
    write: &mut OwnedWriteHalf,
) -> io::Result<()> {
    if seen.header("expect").is_some() {
        write.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = wire.body(seen.head.request_framing()).await?;
    seen.body.set(body).map_err(|_| io::ErrorKind::AlreadyExists.into())
}

/// Answers, half-closes, and lets go a little later: the sender sees the answer before it sees a broken pipe.
/// Answers without reading the body, and leaves the connection open with the rest of it unread.
async fn early_413(mut write: OwnedWriteHalf) {
    let answer = "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n";
    write.write_all(answer.as_bytes()).await.ok();
    tokio::time::sleep(Duration::from_secs(8)).await;
}

async fn play(mut script: Script, seen: &Seen, out: &mut OwnedWriteHalf) -> io::Result<After> {
    loop {
        script = match script {
            Script::After(pause, then) => {
                tokio::time::sleep(pause).await;
                *then
            }
            Script::Informational(heads, then) => {
                out.write_all(heads).await?;
                *then
            }
            Script::Right => answers::right(seen.target(), seen.body()),
            Script::Whole(whole) => return write_whole(&whole, seen, out).await,
            Script::Stream(stream) => return write_stream(&stream, out).await,
            other => return play_fault(other, seen, out).await,
        }
    }
}

async fn play_fault(script: Script, seen: &Seen, out: &mut OwnedWriteHalf) -> io::Result<After> {
    match script {
        Script::HangBeforeHeaders => std::future::pending().await,
        Script::Reset => Ok(After::Reset),
        Script::TruncatedJson => {
            let answer = raw_whole(&right_whole(seen), "GET");
            out.write_all(&answer[..answer.len() - 40]).await?;
            Ok(After::Close)
        }
        Script::BrokenJson => {
            let mut whole = right_whole(seen);
            whole.body = Bytes::from([&whole.body[..whole.body.len() / 2], b"\x01 oops"].concat());
            write_whole(&whole, seen, out).await
        }
        Script::ErrorBody200 => {
            write_whole(&Whole::json(200, answers::error(seen.target(), 529)), seen, out).await
        }
        Script::Status(status, retry_after) => {
            let mut whole = Whole::json(status, answers::error(seen.target(), status));
            whole.headers.extend(retry_after.map(|value| ("retry-after".to_owned(), value.to_owned())));
            write_whole(&whole, seen, out).await
        }
        Script::Raw(bytes) => {
            out.write_all(&bytes).await?;
            Ok(After::Close)
        }
        _ => Ok(After::Close),
    }
}

fn right_whole(seen: &Seen) -> Whole {
    match answers::right(seen.target(), b"{}") {
        Script::Whole(whole) => whole,
        _ => Whole::json(200, "{\"ok\":true,\"padding\":\"0123456789012345678901234567890123456789\"}"),
    }
}

async fn write_whole(whole: &Whole, seen: &Seen, out: &mut OwnedWriteHalf) -> io::Result<After> {
    out.write_all(&raw_whole(whole, seen.head.word(0))).await?;
    Ok(After::Keep)
}

fn raw_whole(whole: &Whole, method: &str) -> Vec<u8> {
    let mut raw = head_bytes(whole.status, &whole.headers);
    raw.extend(format!("content-length: {}\r\n\r\n", whole.body.len()).bytes());
    if method != "HEAD" {
        raw.extend_from_slice(&whole.body);
    }
    raw
}

async fn write_stream(stream: &Stream, out: &mut OwnedWriteHalf) -> io::Result<After> {
    let mut head = head_bytes(stream.status, &stream.headers);
    head.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    out.write_all(&head).await?;
    for chunk in &stream.chunks {
        match &chunk.wait {
            Wait::No => {}
            Wait::For(pause) => tokio::time::sleep(*pause).await,
            Wait::Permit(permits) => permits.acquire().await.map_err(io::Error::other)?.forget(),
        }
        let framed = [format!("{:x}\r\n", chunk.bytes.len()).as_bytes(), &chunk.bytes, b"\r\n"].concat();
        out.write_all(&framed).await?;
    }
    match stream.end {
        End::Hang => std::future::pending().await,
        End::Abort => Ok(After::Close),
        End::Reset => Ok(After::Reset),
        End::Clean => {
            out.write_all(b"0\r\n\r\n").await?;
            Ok(After::Keep)
        }
    }
}

fn head_bytes(status: u16, headers: &[(String, String)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Fake\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n").into_bytes();
    for (name, value) in headers {
        head.extend(format!("{name}: {value}\r\n").bytes());
    }
    head
}
