//! The connection level of the data plane. One `ServerApp` takes every connection, so that interception (CONNECT,
//! TLS minted per host) can be put in front without replacing anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pingora::apps::{HttpServerOptions, ServerApp};
use pingora::protocols::http::v2::server::H2Options;
use pingora::protocols::{ALPN, Stream};
use pingora::server::ShutdownWatch;
use pingora::server::configuration::ServerConf;
use pingora_proxy::HttpProxy;

use super::Gateway;
use super::clocked::{Clocked, HeadClock, Patience};
use crate::telemetry::Metrics;

/// Longest decoded header list of one h2 request.
const H2_HEADER_BYTES: u32 = 64 << 10;
/// Receive window of one h2 stream: a whole ordinary prompt without a round trip.
const H2_WINDOW: u32 = 1 << 20;

/// Takes every connection of the data plane.
pub struct Edge {
    proxy: Arc<HttpProxy<Gateway>>,
    metrics: Arc<Metrics>,
    max_connections: usize,
    patience: Patience,
    open: AtomicUsize,
}

impl Edge {
    /// The edge in front of a gateway.
    pub fn new(gateway: Gateway, conf: Arc<ServerConf>) -> Self {
        // Own options switch Pingora's limits off, so both are set again (CVE-2026-105297).
        let mut h2 = H2Options::new();
        h2.max_concurrent_streams(gateway.settings().max_h2_streams)
            .max_header_list_size(H2_HEADER_BYTES)
            .initial_window_size(H2_WINDOW)
            .initial_connection_window_size(4 * H2_WINDOW)
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(Some(64));
        let (max_connections, patience) = (gateway.settings().max_connections, gateway.settings().patience);
        let metrics = gateway.metrics();
        let mut proxy = HttpProxy::new(gateway, conf);
        proxy.h2_options = Some(h2);
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(patience.idle);
        proxy.server_options = Some(options);
        proxy.handle_init_modules();
        Self { proxy: Arc::new(proxy), metrics, max_connections, patience, open: AtomicUsize::new(0) }
    }

    /// Counts a connection while it is open; `None` when as many are open as may be.
    fn enter(self: &Arc<Self>) -> Option<Open> {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let entered = Open(self.clone());
        self.metrics.connections.inc();
        (before < self.max_connections).then_some(entered)
    }
}

/// A connection that is open.
struct Open(Arc<Edge>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.connections.dec();
    }
}

#[async_trait]
impl ServerApp for Edge {
    async fn process_new(self: &Arc<Self>, session: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let Some(_open) = self.enter() else {
            // Nothing is said to it: whoever opens more than there may be has descriptors to lose, not we.
            self.metrics.connections_refused.inc();
            return None;
        };
        if matches!(session.selected_alpn_proto(), Some(ALPN::H2)) {
            let clocked: Stream = Box::new(Clocked::h2(session, self.patience));
            return self.proxy.process_new(clocked, shutdown).await;
        }
        let clock = Arc::new(HeadClock::default());
        let clocked: Stream = Box::new(Clocked::new(session, clock.clone(), self.patience));
        clock.scope(self.proxy.process_new(clocked, shutdown)).await
    }

    async fn cleanup(&self) {
        self.proxy.cleanup().await;
    }
}
