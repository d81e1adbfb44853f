//! What the fake provider does with one request. A script is data: it can be queued, kept, or chosen by a closure.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

/// One way to answer, or not to.
#[derive(Clone, Debug)]
pub enum Script {
    /// The right answer in the dialect of the path.
    Right,
    /// One whole answer.
    Whole(Whole),
    /// A chunked answer with a timetable.
    Stream(Stream),
    /// Read the request, never answer.
    HangBeforeHeaders,
    /// Read the request, close.
    CloseBeforeHeaders,
    /// Read the request, answer with a TCP reset.
    Reset,
    /// The head of the right answer and half of its body, then close.
    TruncatedJson,
    /// The right length of something that is no longer JSON.
    BrokenJson,
    /// Status 200 with the dialect's overload error in it.
    ErrorBody200,
    /// 413 as soon as the head has been read; the body is never read.
    Early413,
    /// The dialect's error body under a status, with a `retry-after`.
    Status(u16, Option<&'static str>),
    /// Interim answers (1xx heads, exact bytes) before another script.
    Informational(&'static [u8], Box<Script>),
    /// Wait first.
    After(Duration, Box<Script>),
    /// These bytes and nothing else, then close.
    Raw(Bytes),
}

/// A whole answer with a content length.
#[derive(Clone, Debug)]
pub struct Whole {
    /// Status code.
    pub status: u16,
    /// Headers besides the content length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Whole {
    /// A JSON answer.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// The same with one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A chunked answer: each chunk is written and flushed by itself.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Status code.
    pub status: u16,
    /// Headers besides the transfer encoding.
    pub headers: Vec<(String, String)>,
    /// What is sent, in order.
    pub chunks: Vec<Chunk>,
    /// How it ends.
    pub end: End,
}

impl Stream {
    /// An event stream that ends as it should.
    pub fn events<T: Into<Bytes>>(events: impl IntoIterator<Item = T>) -> Self {
        let chunks = events.into_iter().map(|bytes| Chunk { bytes: bytes.into(), wait: Wait::No }).collect();
        let headers = vec![("content-type".to_owned(), "text/event-stream; charset=utf-8".to_owned())];
        Self { status: 200, headers, chunks, end: End::Clean }
    }

    /// The same with one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another end.
    pub fn ending(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    /// The same, cut after some chunks.
    pub fn cut_after(mut self, chunks: usize) -> Self {
        self.chunks.truncate(chunks);
        self
    }

    /// The same, with a pause before each chunk.
    pub fn paced(mut self, pause: Duration) -> Self {
        self.chunks.iter_mut().for_each(|chunk| chunk.wait = Wait::For(pause));
        self
    }

    /// The same, where each chunk is sent only when the test hands out a permit.
    pub fn on_permit(mut self, permits: &Arc<Semaphore>) -> Self {
        self.chunks.iter_mut().for_each(|chunk| chunk.wait = Wait::Permit(permits.clone()));
        self
    }
}

/// One piece of a chunked answer.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// What is sent.
    pub bytes: Bytes,
    /// What it waits for.
    pub wait: Wait,
}

/// What a chunk waits for before it is sent.
#[derive(Clone, Debug)]
pub enum Wait {
    /// Nothing.
    No,
    /// Time.
    For(Duration),
    /// A permit of the test.
    Permit(Arc<Semaphore>),
}

/// How a chunked answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the last chunk; the connection stays.
    Clean,
    /// The connection closes without a last chunk.
    Abort,
    /// The connection is reset.
    Reset,
    /// Nothing more is sent and nothing is closed.
    Hang,
}
