//! A client's connection with two clocks: on the head of each request, and on the silence between two. Pingora bounds
//! single reads of a head, so one that drips a byte a minute would hold a connection for days; between requests, and for
//! the preface of HTTP/2, it bounds nothing.
//!
//! The clock hangs on the connection's task: the gateway says when a head has arrived and when its request is over.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

tokio::task_local! {
    static CLOCK: Arc<HeadClock>;
}

/// Where a connection stands.
#[derive(Debug, Default)]
pub(super) struct HeadClock(AtomicU8);

/// Between two requests.
const IDLE: u8 = 0;
/// Some of a head has come.
const HEAD: u8 = 1;
/// A head has come whole, and its request is served.
const BUSY: u8 = 2;

impl HeadClock {
    /// The head of the current task's request has arrived.
    pub(super) fn arrived() {
        let _ = CLOCK.try_with(|clock| clock.0.store(BUSY, Ordering::Relaxed));
    }

    /// The current task's request is over; another may follow.
    pub(super) fn over() {
        let _ = CLOCK.try_with(|clock| clock.0.store(IDLE, Ordering::Relaxed));
    }

    /// Runs the work of a connection under its clock.
    pub(super) async fn scope<T>(self: Arc<Self>, work: impl Future<Output = T>) -> T {
        CLOCK.scope(self, work).await
    }
}

/// How long a client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a head, from its first byte to its last; of HTTP/2 for the preface.
    pub head: Duration,
    /// From one request to the next, and to the first.
    pub idle: Duration,
    /// Most bytes of a head. What is read of a body together with its head counts, too, so there is some slack.
    pub head_bytes: usize,
}

/// A connection whose heads and silences are timed.
#[derive(Debug)]
pub(super) struct Clocked {
    inner: Stream,
    clock: Arc<HeadClock>,
    patience: Patience,
    /// What the alarm was last set for.
    timed: u8,
    by: Instant,
    /// One for the connection; made when it first has to wait.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Whether the alarm is set for `by`.
    armed: bool,
    /// Bytes of the preface of HTTP/2 that are still to come.
    preface: usize,
    /// Bytes of the present head that have come.
    head: usize,
}

/// One read may bring this much of a body behind the head.
const SLACK: usize = 64 << 10;

impl Clocked {
    pub(super) fn new(inner: Stream, clock: Arc<HeadClock>, patience: Patience) -> Self {
        let by = Instant::now() + patience.idle;
        Self { inner, clock, patience, timed: IDLE, by, alarm: None, armed: false, preface: 0, head: 0 }
    }

    /// A connection of HTTP/2: its preface is timed, its streams are bounded where they are read.
    pub(super) fn h2(inner: Stream, patience: Patience) -> Self {
        let clock = Arc::new(HeadClock(AtomicU8::new(HEAD)));
        let mut clocked = Self::new(inner, clock, patience);
        clocked.preface = H2_PREFACE_BYTES;
        clocked.set(HEAD);
        clocked
    }

    fn set(&mut self, state: u8) {
        let patience = if state == HEAD { self.patience.head } else { self.patience.idle };
        (self.timed, self.by, self.armed, self.head) = (state, Instant::now() + patience, false, 0);
    }

    /// What is waited for is overdue.
    fn overdue(&mut self, context: &mut Context<'_>) -> bool {
        let by = self.by;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(by)));
        if !self.armed {
            alarm.as_mut().reset(by);
            self.armed = true;
        }
        alarm.as_mut().poll(context).is_ready()
    }

    /// The head came on by this many bytes; of a preface the last one ends the clock.
    fn came(&mut self, bytes: usize) {
        if self.preface > 0 {
            self.preface = self.preface.saturating_sub(bytes);
            if self.preface == 0 {
                self.clock.0.store(BUSY, Ordering::Relaxed);
            }
        }
    }
}

/// `PRI * HTTP/2.0` and what follows it (RFC 9113, 3.4).
const H2_PREFACE_BYTES: usize = 24;

impl AsyncRead for Clocked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.inner).poll_read(context, buffer);
        let came = buffer.filled().len() - before;
        match this.clock.0.load(Ordering::Relaxed) {
            IDLE if came > 0 => {
                this.clock.0.store(HEAD, Ordering::Relaxed);
                this.set(HEAD);
                this.head = came;
            }
            IDLE if read.is_pending() => {
                if this.timed != IDLE {
                    this.set(IDLE);
                }
                if this.overdue(context) {
                    // Taken for the client's own end: between requests either side may close.
                    return Poll::Ready(Ok(()));
                }
            }
            HEAD => {
                this.came(came);
                this.head += came;
                if this.head > this.patience.head_bytes + SLACK {
                    return Poll::Ready(Err(Error::new(ErrorKind::InvalidData, "the head has no end")));
                }
                if (read.is_pending() || Instant::now() > this.by) && this.overdue(context) {
                    let slow = Error::new(ErrorKind::TimedOut, "the head of a request did not come in time");
                    return Poll::Ready(Err(slow));
                }
            }
            _ => this.timed = BUSY,
        }
        read
    }
}

impl AsyncWrite for Clocked {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

// Everything else is the connection's own.

#[async_trait]
impl Shutdown for Clocked {
    async fn shutdown(&mut self) {
        self.inner.shutdown().await;
    }
}

#[async_trait]
impl Peek for Clocked {
    async fn try_peek(&mut self, buffer: &mut [u8]) -> Result<bool> {
        self.inner.try_peek(buffer).await
    }
}

impl UniqueID for Clocked {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Clocked {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.inner.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for Clocked {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }
}

impl GetProxyDigest for Clocked {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }
}

impl GetSocketDigest for Clocked {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}
