//! The load: keep-alive HTTP/1.1 connections on one thread, each with one request in flight.
//!
//! It reads an answer to its end by its framing and accepts nothing but 200. It knows nothing of proxies.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// An answer larger than this is not one of ours.
const ANSWER_CAP: usize = 1 << 20;
/// No single exchange on loopback takes this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that share an open loop's rate.
const OPEN_CONNECTIONS: u32 = 16;

/// How requests arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Each connection sends its next request when it has its answer.
    Closed { connections: u32 },
    /// Requests start at a fixed rate whatever the answers do.
    Open { per_second: u32 },
}

/// The bytes of a request, and where eight digits stand that make each one different.
#[derive(Clone)]
pub(crate) struct Template {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digits: usize,
}

/// What one run saw.
pub(crate) struct Run {
    pub(crate) latencies: Vec<Duration>,
    pub(crate) elapsed: Duration,
}

/// Sends `request` to `address` for `duration`.
pub(crate) async fn run(
    address: SocketAddr,
    request: &Template,
    load: Load,
    duration: Duration,
) -> Result<Run, Box<dyn Error>> {
    let connections = match load {
        Load::Closed { connections } => connections,
        Load::Open { .. } => OPEN_CONNECTIONS,
    };
    let mut open = Vec::new();
    for number in 0..connections {
        open.push((number, Connection::open(address, request.clone(), number).await?));
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, connection) in open {
        match load {
            Load::Closed { .. } => tasks.spawn(closed(connection, start, duration)),
            Load::Open { per_second } => {
                let pace = Duration::from_secs(1) / per_second;
                tasks.spawn(paced(connection, start + pace * number, pace * OPEN_CONNECTIONS, duration))
            }
        };
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    Ok(Run { latencies, elapsed: start.elapsed() })
}

async fn closed(mut connection: Connection, start: Instant, duration: Duration) -> io::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    while start.elapsed() < duration {
        let sent = Instant::now();
        connection.exchange().await?;
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}

/// Latency counts from the planned start when the previous answer was late, so a stall is seen by every request it
/// delays; the timer's own lateness (up to a millisecond) is not the target's and is left out.
async fn paced(
    mut connection: Connection,
    first: Instant,
    pace: Duration,
    duration: Duration,
) -> io::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let mut planned = first;
    while planned < first + duration {
        let mut from = planned;
        if Instant::now() < planned {
            tokio::time::sleep_until(planned.into()).await;
            from = Instant::now();
        }
        connection.exchange().await?;
        latencies.push(from.elapsed());
        planned += pace;
    }
    Ok(latencies)
}

/// One short exchange on a connection of its own; `Ok` when the status is 200.
pub(crate) async fn probe(address: SocketAddr, request: &[u8]) -> io::Result<()> {
    let template = Template { bytes: request.to_vec(), digits: 0 };
    let stream = TcpStream::connect(address).await?;
    Connection { stream, request: template, count: 0, answer: Vec::new() }.attempt().await
}

struct Connection {
    stream: TcpStream,
    request: Template,
    count: u32,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, request: Template, number: u32) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, request, count: number * 1_000_000, answer: Vec::with_capacity(4096) })
    }

    /// One request, different from the last, and its whole answer.
    async fn exchange(&mut self) -> io::Result<()> {
        self.count = self.count.wrapping_add(1);
        let digits = format!("{:08}", self.count % 100_000_000);
        let at = self.request.digits;
        self.request.bytes[at..at + 8].copy_from_slice(digits.as_bytes());
        self.attempt().await
    }

    async fn attempt(&mut self) -> io::Result<()> {
        let whole = async {
            self.stream.write_all(&self.request.bytes).await?;
            self.read_answer().await
        };
        tokio::time::timeout(PATIENCE, whole)
            .await
            .map_err(|_| io::Error::other("no whole answer in ten seconds"))?
    }

    async fn read_answer(&mut self) -> io::Result<()> {
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::Error::other("connection closed within an answer"));
            }
            match Framing::of(&self.answer)? {
                Framing::Complete => return Ok(()),
                Framing::More if self.answer.len() > ANSWER_CAP => {
                    return Err(io::Error::other("answer too large"));
                }
                Framing::More => {}
            }
        }
    }
}

enum Framing {
    Complete,
    More,
}

impl Framing {
    fn of(answer: &[u8]) -> io::Result<Framing> {
        let Some(head) = memchr::memmem::find(answer, b"\r\n\r\n") else { return Ok(Framing::More) };
        let head_text = std::str::from_utf8(&answer[..head]).map_err(io::Error::other)?;
        let body = &answer[head + 4..];
        if !head_text.starts_with("HTTP/1.1 200") {
            let seen = String::from_utf8_lossy(&answer[..answer.len().min(600)]);
            return Err(io::Error::other(format!("answer is not 200: {seen}")));
        }
        let complete = match (header(head_text, "content-length"), header(head_text, "transfer-encoding")) {
            (Some(length), _) => body.len() >= length.parse().map_err(io::Error::other)?,
            (None, Some(_)) => body.ends_with(b"0\r\n\r\n"),
            (None, None) => return Err(io::Error::other("answer without framing")),
        };
        Ok(if complete { Framing::Complete } else { Framing::More })
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
