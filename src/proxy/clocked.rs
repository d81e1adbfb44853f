//! A client's connection with a clock on the head of each request. Pingora bounds every single read, so a head that drips
//! a byte a minute would hold a connection for days; here the whole head must be there in time.
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

/// A connection whose heads are timed.
#[derive(Debug)]
pub(super) struct Clocked {
    inner: Stream,
    clock: Arc<HeadClock>,
    patience: Duration,
    by: Instant,
    /// Made only for a head that does not come at once.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Clocked {
    pub(super) fn new(inner: Stream, clock: Arc<HeadClock>, patience: Duration) -> Self {
        Self { inner, clock, patience, by: Instant::now(), alarm: None }
    }

    /// The head is overdue.
    fn overdue(&mut self, context: &mut Context<'_>) -> bool {
        let by = self.by;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(by)));
        alarm.as_mut().poll(context).is_ready()
    }
}

impl AsyncRead for Clocked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.inner).poll_read(context, buffer);
        match this.clock.0.load(Ordering::Relaxed) {
            IDLE if read.is_ready() && buffer.filled().len() > before => {
                this.clock.0.store(HEAD, Ordering::Relaxed);
                (this.by, this.alarm) = (Instant::now() + this.patience, None);
            }
            HEAD if (read.is_pending() || Instant::now() > this.by) && this.overdue(context) => {
                let slow = Error::new(ErrorKind::TimedOut, "the head of a request did not come in time");
                return Poll::Ready(Err(slow));
            }
            _ => {}
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
