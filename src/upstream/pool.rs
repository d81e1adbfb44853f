//! Connections, pooled and new. Pingora's own `Connector` asks its pools and connects in one future of 18 KB; asked
//! apart, a pooled connection costs a look-up, and only a new one pays for the rest.

use std::time::Duration;

use pingora::Result;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::{v1, v2};
use pingora::protocols::ALPN;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v1::client::HttpSession as Http1Session;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;

/// The pools of both HTTP versions over all origins.
pub(super) struct Pool {
    h1: v1::Connector,
    h2: v2::Connector,
}

impl Pool {
    /// `size`: idle connections kept.
    pub(super) fn new(size: usize, threads: usize) -> Self {
        let conf = ServerConf { upstream_keepalive_pool_size: size, threads, ..ServerConf::default() };
        let options = Some(ConnectorOptions::from_server_conf(&conf));
        Self { h1: v1::Connector::new(options.clone()), h2: v2::Connector::new(options) }
    }

    /// A connection that is open already: a stream of an h2 connection, else an idle h1 one.
    pub(super) async fn pooled(&self, peer: &HttpPeer) -> Option<HttpSession> {
        if speaks_h2(peer)
            && let Ok(Some(stream)) = self.h2.reused_http_session(peer).await
        {
            return Some(HttpSession::H2(stream));
        }
        self.h1.reused_http_session(peer).await.map(HttpSession::H1)
    }

    /// A new connection.
    pub(super) async fn fresh(&self, peer: &HttpPeer) -> Result<HttpSession> {
        if speaks_h2(peer) {
            return self.h2.new_http_session(peer).await;
        }
        let stream = self.h2.transport().new_stream(peer).await?;
        Ok(HttpSession::H1(Http1Session::new_with_options(stream, peer)))
    }

    /// Takes a connection back whose answer was read to its end.
    pub(super) async fn release(&self, session: HttpSession, peer: &HttpPeer, idle: Option<Duration>) {
        match session {
            HttpSession::H1(session) => self.h1.release_http_session(session, peer, idle).await,
            HttpSession::H2(session) => self.h2.release_http_session(session, peer, idle),
            HttpSession::Custom(()) => {}
        }
    }
}

fn speaks_h2(peer: &HttpPeer) -> bool {
    !matches!(peer.options.alpn, ALPN::H1)
}
