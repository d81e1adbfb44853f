//! Connections, pooled and new. Pingora's own `Connector` asks its pools and connects in one future of 18 KB; asked
//! apart, a pooled connection costs a look-up, and only a new one pays for the rest.
//!
//! An h1 connection is handed out as the bare stream: Pingora's session flushes behind the head of a request, which
//! costs a system call and a wake-up of the provider for nothing. Its session begins with the answer. Idle streams lie
//! in Pingora's `ConnectionPool`, but without the task that its connector spawns for each time one is given back: what
//! the provider has closed is found when it is taken, or by the next [`Pool::sweep`].

use std::collections::HashSet;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::v2;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v2::client::Http2Session;
use pingora::protocols::{ALPN, Stream};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::{HttpPeer, Peer};
use pingora::{Error, ErrorType, Result};
use pingora_pool::{ConnectionMeta, ConnectionPool};
use tokio::io::{AsyncRead, ReadBuf};

/// How long an idle connection is kept: below the minute that the large providers keep theirs.
pub(super) const KEEP_IDLE: Duration = Duration::from_secs(55);

/// The pools of both HTTP versions over all origins.
pub(super) struct Pool {
    h1: ConnectionPool<Idle>,
    /// Where idle h1 connections may lie, for the sweep.
    origins: RwLock<HashSet<u64>>,
    h2: v2::Connector,
}

/// A connection that can take a request.
pub(super) enum Connection {
    /// Speaks HTTP/1.1 and is idle.
    H1(Stream),
    /// A new stream of an HTTP/2 connection.
    H2(Box<Http2Session>),
}

impl Pool {
    /// `size`: idle connections kept.
    pub(super) fn new(size: usize, threads: usize) -> Self {
        let conf = ServerConf { upstream_keepalive_pool_size: size, threads, ..ServerConf::default() };
        Self {
            h1: ConnectionPool::new(size),
            origins: RwLock::default(),
            h2: v2::Connector::new(Some(ConnectorOptions::from_server_conf(&conf))),
        }
    }

    /// A connection that is open already: a stream of an h2 connection, else an idle h1 one.
    pub(super) async fn pooled(&self, peer: &HttpPeer) -> Option<Connection> {
        if speaks_h2(peer)
            && let Ok(Some(stream)) = self.h2.reused_http_session(peer).await
        {
            return Some(Connection::H2(Box::new(stream)));
        }
        let origin = peer.reuse_hash();
        std::iter::from_fn(|| self.h1.get(&origin)).find_map(Idle::usable).map(Connection::H1)
    }

    /// A new connection.
    pub(super) async fn fresh(&self, peer: &HttpPeer) -> Result<Connection> {
        if !speaks_h2(peer) {
            return self.h2.transport().new_stream(peer).await.map(Connection::H1);
        }
        Ok(match self.h2.new_http_session::<_, ()>(peer).await? {
            HttpSession::H1(session) => Connection::H1(session.into_inner()),
            HttpSession::H2(session) => Connection::H2(Box::new(session)),
            HttpSession::Custom(()) => {
                return Error::e_explain(ErrorType::InternalError, "a session of no HTTP version");
            }
        })
    }

    /// Takes a connection back whose answer was read to its end.
    pub(super) async fn release(&self, session: HttpSession, peer: &HttpPeer) {
        match session {
            HttpSession::H1(mut session) => {
                session.respect_keepalive();
                if let Some(stream) = session.reuse().await {
                    self.keep(peer.reuse_hash(), Idle { stream, since: Instant::now() });
                }
            }
            HttpSession::H2(session) => self.h2.release_http_session(session, peer, Some(KEEP_IDLE)),
            HttpSession::Custom(()) => {}
        }
    }

    /// Closes idle h1 connections that are too old or that the provider has closed, of origins no longer in use too.
    pub(super) fn sweep(&self) {
        let origins: Vec<u64> = self.origins.read().iter().copied().collect();
        for origin in origins {
            self.origins.write().remove(&origin);
            let taken: Vec<Idle> = std::iter::from_fn(|| self.h1.get(&origin)).collect();
            for idle in taken {
                let since = idle.since;
                if let Some(stream) = idle.usable() {
                    self.keep(origin, Idle { stream, since });
                }
            }
        }
    }

    fn keep(&self, origin: u64, idle: Idle) {
        let meta = ConnectionMeta::new(origin, idle.stream.id());
        self.h1.put(&meta, idle);
        // Behind it, or a sweep in between would forget an origin that has a connection.
        if !self.origins.read().contains(&origin) {
            self.origins.write().insert(origin);
        }
    }
}

/// A stream that waits for its next request.
struct Idle {
    stream: Stream,
    since: Instant,
}

impl Idle {
    /// The stream, unless it is too old, was closed, or says something unasked.
    fn usable(mut self) -> Option<Stream> {
        let mut byte = [0; 1];
        let mut context = Context::from_waker(Waker::noop());
        let read = Pin::new(&mut self.stream).poll_read(&mut context, &mut ReadBuf::new(&mut byte));
        (read.is_pending() && self.since.elapsed() < KEEP_IDLE).then_some(self.stream)
    }
}

fn speaks_h2(peer: &HttpPeer) -> bool {
    !matches!(peer.options.alpn, ALPN::H1)
}

#[cfg(test)]
mod tests {
    use pingora::protocols::l4::stream::Stream as L4;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// An idle connection in a pool, and the provider's end of it.
    async fn idle(pool: &Pool, since: Instant) -> (HttpPeer, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let (provider, _) = listener.accept().await.unwrap();
        let peer = HttpPeer::new(address, false, String::new());
        pool.keep(peer.reuse_hash(), Idle { stream: Box::new(L4::from(stream)), since });
        (peer, provider)
    }

    async fn closes(provider: &mut TcpStream) -> bool {
        tokio::time::timeout(Duration::from_secs(5), provider.read(&mut [0; 8])).await.is_ok()
    }

    #[tokio::test]
    async fn what_is_alive_outlives_a_sweep_and_is_taken_once() {
        let pool = Pool::new(8, 1);
        let (peer, _provider) = idle(&pool, Instant::now()).await;
        pool.sweep();
        pool.sweep();
        assert!(pool.pooled(&peer).await.is_some());
        assert!(pool.pooled(&peer).await.is_none());
    }

    #[tokio::test]
    async fn what_was_closed_or_speaks_unasked_or_is_old_is_not_handed_out() {
        let pool = Pool::new(8, 1);
        let (closed, provider) = idle(&pool, Instant::now()).await;
        drop(provider);
        let (speaking, mut provider) = idle(&pool, Instant::now()).await;
        provider.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
        let long_ago = Instant::now().checked_sub(KEEP_IDLE).unwrap();
        let (old, _provider) = idle(&pool, long_ago).await;
        // Until what the provider did has reached this end.
        tokio::time::sleep(Duration::from_millis(50)).await;
        for peer in [closed, speaking, old] {
            assert!(pool.pooled(&peer).await.is_none(), "{peer:?}");
        }
    }

    #[tokio::test]
    async fn a_sweep_closes_what_is_old() {
        let pool = Pool::new(8, 1);
        let long_ago = Instant::now().checked_sub(KEEP_IDLE).unwrap();
        let (_, mut provider) = idle(&pool, long_ago).await;
        pool.sweep();
        assert!(closes(&mut provider).await);
        assert!(pool.origins.read().is_empty());
    }
}
