//! HTTP/1 as the tests read it: heads byte for byte, bodies piece by piece. It is written apart from the proxy's own
//! reading on purpose, so that a mistake there is not repeated here.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A request or answer head: its exact bytes and what stands in them.
#[derive(Clone, Debug)]
pub struct Head {
    /// Every byte up to and including the blank line.
    pub raw: Bytes,
    /// The request or status line.
    pub first_line: String,
    /// Header lines in order, names as they were written.
    pub headers: Vec<(String, String)>,
}

impl Head {
    fn parse(raw: Bytes) -> io::Result<Self> {
        let text = std::str::from_utf8(&raw).map_err(|_| broken("a head that is not UTF-8"))?;
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| broken("a header line without colon"))?;
        Ok(Self { raw, first_line, headers })
    }

    /// The first header with this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// How many header lines carry this name.
    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).count()
    }

    /// The word at a position of the first line.
    pub fn word(&self, position: usize) -> &str {
        self.first_line.split(' ').nth(position).unwrap_or_default()
    }

    /// How the body behind this head ends, for a request.
    pub fn request_framing(&self) -> Framing {
        if self.is_chunked() {
            Framing::chunked()
        } else {
            Framing::Length(self.content_length().unwrap_or(0))
        }
    }

    /// How the body behind this head ends, for the answer to a request of this method.
    pub fn answer_framing(&self, method: &str) -> Framing {
        let bodiless = method == "HEAD" || matches!(self.word(1), "204" | "304");
        match self.content_length() {
            _ if bodiless => Framing::Length(0),
            _ if self.is_chunked() => Framing::chunked(),
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        }
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    }

    fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(|length| length.parse().ok())
    }
}

/// What is left of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// This many bytes.
    Length(u64),
    /// Chunks; the number is what is left of the current one.
    Chunked {
        /// Bytes left of the current chunk.
        left: u64,
        /// Whether the last chunk has been read.
        done: bool,
    },
    /// Everything until the peer closes.
    UntilClose,
}

impl Framing {
    fn chunked() -> Self {
        Self::Chunked { left: 0, done: false }
    }
}

/// Bytes that arrive from a peer, cut into heads and bodies.
#[derive(Debug)]
pub struct Wire<R> {
    io: R,
    pending: BytesMut,
}

impl<R: AsyncRead + Unpin> Wire<R> {
    /// Reads from `io`.
    pub fn new(io: R) -> Self {
        Self { io, pending: BytesMut::new() }
    }

    /// The first byte that will be read next; `None` at the end.
    pub async fn peek(&mut self) -> io::Result<Option<u8>> {
        while self.pending.is_empty() {
            if !self.fill().await? {
                return Ok(None);
            }
        }
        Ok(self.pending.first().copied())
    }

    /// The next head; `None` when the peer closed between two messages.
    pub async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.pending, b"\r\n\r\n") {
                return Head::parse(self.pending.split_to(end + 4).freeze()).map(Some);
            }
            if !self.fill().await? {
                return if self.pending.is_empty() { Ok(None) } else { Err(cut("in a head")) };
            }
        }
    }

    /// The next piece of a body, as it arrives; `None` when the body is complete.
    pub async fn piece(&mut self, framing: &mut Framing) -> io::Result<Option<Bytes>> {
        match framing {
            Framing::Length(left) => self.take(left).await,
            Framing::UntilClose => self.rest().await,
            Framing::Chunked { left, done } => self.chunk(left, done).await,
        }
    }

    /// The whole body.
    pub async fn body(&mut self, mut framing: Framing) -> io::Result<Bytes> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.piece(&mut framing).await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Resolves when the peer has closed its side; what it sent before stays readable.
    pub async fn closed(&mut self) {
        while let Ok(true) = self.fill().await {}
    }

    async fn take(&mut self, left: &mut u64) -> io::Result<Option<Bytes>> {
        if *left == 0 {
            return Ok(None);
        }
        if self.peek().await?.is_none() {
            return Err(cut("in a body"));
        }
        let available = self.pending.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        *left -= available as u64;
        Ok(Some(self.pending.split_to(available).freeze()))
    }

    async fn rest(&mut self) -> io::Result<Option<Bytes>> {
        Ok(self.peek().await?.map(|_| self.pending.split().freeze()))
    }

    async fn chunk(&mut self, left: &mut u64, done: &mut bool) -> io::Result<Option<Bytes>> {
        if *done {
            return Ok(None);
        }
        if *left == 0 {
            let size = self.line().await?;
            let digits = size.split(';').next().unwrap_or_default().trim();
            *left = u64::from_str_radix(digits, 16).map_err(|_| broken("a chunk size"))?;
            if *left == 0 {
                while !self.line().await?.is_empty() {}
                *done = true;
                return Ok(None);
            }
        }
        let piece = self.take(left).await?;
        if *left == 0 && !self.line().await?.is_empty() {
            return Err(broken("a chunk longer than its size"));
        }
        Ok(piece)
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.pending, b"\r\n") {
                let line = self.pending.split_to(end + 2);
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.fill().await? {
                return Err(cut("between chunks"));
            }
        }
    }

    async fn fill(&mut self) -> io::Result<bool> {
        self.pending.reserve(64 * 1024);
        Ok(self.io.read_buf(&mut self.pending).await? > 0)
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, pattern)
}

fn cut(place: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the peer closed {place}"))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the peer sent {what}"))
}
