//! Connections, pooled and new. Pingora's own `Connector` asks its pools and connects in one future of 18 KB; asked
//! apart, a pooled connection costs a look-up, and only a new one pays for the rest.
//!
//! An h1 connection is handed out as the bare stream: Pingora's session flushes behind the head of a request, which
//! costs a system call and a wake-up of the provider for nothing. Its session begins with the answer.

use std::time::Duration;

use pingora::connectors::http::v2;
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v2::client::Http2Session;
use pingora::protocols::{ALPN, Stream};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::{HttpPeer, Peer};
use pingora::{Error, ErrorType, Result};

/// The pools of both HTTP versions over all origins.
pub(super) struct Pool {
    h1: TransportConnector,
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
        let options = Some(ConnectorOptions::from_server_conf(&conf));
        Self { h1: TransportConnector::new(options.clone()), h2: v2::Connector::new(options) }
    }

    /// A connection that is open already: a stream of an h2 connection, else an idle h1 one.
    pub(super) async fn pooled(&self, peer: &HttpPeer) -> Option<Connection> {
        if speaks_h2(peer)
            && let Ok(Some(stream)) = self.h2.reused_http_session(peer).await
        {
            return Some(Connection::H2(Box::new(stream)));
        }
        self.h1.reused_stream(peer).await.map(Connection::H1)
    }

    /// A new connection.
    pub(super) async fn fresh(&self, peer: &HttpPeer) -> Result<Connection> {
        if !speaks_h2(peer) {
            return self.h1.new_stream(peer).await.map(Connection::H1);
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
    pub(super) async fn release(&self, session: HttpSession, peer: &HttpPeer, idle: Option<Duration>) {
        match session {
            HttpSession::H1(mut session) => {
                session.respect_keepalive();
                if let Some(stream) = session.reuse().await {
                    self.h1.release_stream(stream, peer.reuse_hash(), idle);
                }
            }
            HttpSession::H2(session) => self.h2.release_http_session(session, peer, idle),
            HttpSession::Custom(()) => {}
        }
    }
}

fn speaks_h2(peer: &HttpPeer) -> bool {
    !matches!(peer.options.alpn, ALPN::H1)
}
