//! The connection level of the data plane. One `ServerApp` takes every connection, so that interception (CONNECT,
//! TLS minted per host) can be put in front without replacing anything.

use std::sync::Arc;

use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::protocols::Stream;
use pingora::protocols::http::v2::server::H2Options;
use pingora::server::ShutdownWatch;
use pingora::server::configuration::ServerConf;
use pingora_proxy::HttpProxy;

use super::Gateway;

/// Longest decoded header list of one h2 request.
const H2_HEADER_BYTES: u32 = 64 << 10;
/// Receive window of one h2 stream: a whole ordinary prompt without a round trip.
const H2_WINDOW: u32 = 1 << 20;

/// Takes every connection of the data plane.
pub struct Edge {
    proxy: Arc<HttpProxy<Gateway>>,
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
        let mut proxy = HttpProxy::new(gateway, conf);
        proxy.h2_options = Some(h2);
        proxy.handle_init_modules();
        Self { proxy: Arc::new(proxy) }
    }
}

#[async_trait]
impl ServerApp for Edge {
    async fn process_new(self: &Arc<Self>, session: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        self.proxy.process_new(session, shutdown).await
    }

    async fn cleanup(&self) {
        self.proxy.cleanup().await;
    }
}
