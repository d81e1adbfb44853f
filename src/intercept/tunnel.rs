//! A tunnel: bytes of a host off the list, in both directions and unread, until both sides have ended or neither has said
//! anything for a while.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::{Instant, sleep, sleep_until};

/// A tunnel is closed after this, whatever goes through it.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// How a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// One side or both closed it.
    BySides,
    /// Nothing went through it for too long.
    Silent,
}

/// Passes bytes on between both sides. A side that takes nothing counts as silent as one that says nothing.
pub(super) async fn relay<A, B>(client: &mut A, server: &mut B, silence: Duration) -> Ended
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let last = Mutex::new(Instant::now());
    let mut client = Heard { inner: client, last: &last };
    tokio::select! {
        _ = copy_bidirectional(&mut client, server) => Ended::BySides,
        () = quiet(&last, silence) => Ended::Silent,
        () = sleep(LIFE) => Ended::BySides,
    }
}

/// Until nothing has been heard for this long.
async fn quiet(last: &Mutex<Instant>, silence: Duration) {
    loop {
        let by = *last.lock() + silence;
        if Instant::now() >= by {
            return;
        }
        sleep_until(by).await;
    }
}

/// A side that notes when a byte came from it or went to it; what goes to it came from the other side, so one is enough.
struct Heard<'a, S> {
    inner: &'a mut S,
    last: &'a Mutex<Instant>,
}

impl<S> Heard<'_, S> {
    fn note(&self, wrote: &Poll<Result<usize>>) {
        if matches!(wrote, Poll::Ready(Ok(bytes)) if *bytes > 0) {
            *self.last.lock() = Instant::now();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut *self.inner).poll_read(context, buffer);
        if buffer.filled().len() > before {
            *self.last.lock() = Instant::now();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let wrote = Pin::new(&mut *self.inner).poll_write(context, bytes);
        self.note(&wrote);
        wrote
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let wrote = Pin::new(&mut *self.inner).poll_write_vectored(context, bytes);
        self.note(&wrote);
        wrote
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut *self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const SILENCE: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn a_tunnel_lasts_while_one_side_speaks_and_ends_in_silence() {
        for speaker_is_client in [true, false] {
            let (mut client, mut near) = duplex(64);
            let (mut far, mut server) = duplex(64);
            let began = Instant::now();
            let relayed = tokio::spawn(async move { relay(&mut near, &mut far, SILENCE).await });
            let (speaker, hearer) =
                if speaker_is_client { (&mut client, &mut server) } else { (&mut server, &mut client) };
            for _ in 0..6 {
                sleep(SILENCE / 3).await;
                speaker.write_all(b"x").await.unwrap();
                assert_eq!(hearer.read_u8().await.unwrap(), b'x');
            }
            assert!(began.elapsed() > SILENCE + SILENCE / 2);
            assert_eq!(relayed.await.unwrap(), Ended::Silent);
        }
    }

    #[tokio::test]
    async fn a_side_that_takes_nothing_is_silent_and_a_closed_one_ends_it() {
        let (mut client, mut near) = duplex(64);
        let (mut far, server) = duplex(4);
        client.write_all(&[0; 32]).await.unwrap();
        assert_eq!(relay(&mut near, &mut far, SILENCE).await, Ended::Silent);
        drop((client, server));
        assert_eq!(relay(&mut near, &mut far, SILENCE).await, Ended::BySides);
    }
}
