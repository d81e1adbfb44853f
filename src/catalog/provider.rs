//! A provider: an origin, a dialect, and the one credential that belongs there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Quirks;
use crate::types::{Dialect, ProviderId, Secret};

/// One place that answers API calls.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Name in the configuration.
    pub id: ProviderId,
    /// The dialect it speaks.
    pub dialect: Dialect,
    /// Where it is.
    pub origin: Origin,
    /// Where it is called instead of the addresses its name has; empty: its name is looked up. The name stays what its
    /// certificate must prove.
    pub addresses: Vec<SocketAddr>,
    /// How a credential is presented.
    pub auth: AuthScheme,
    /// Which credential is presented.
    pub credential: Credential,
    /// The four clocks of an attempt.
    pub clocks: Clocks,
    /// Extra attempts on the last hop of a chain; any other is asked once more after a status of 500 when there are some.
    pub retries: u32,
    /// Whether WebSocket upgrades pass through to it.
    pub websocket: bool,
    /// What it takes differently from the vendor that made its dialect.
    pub quirks: Quirks,
    /// The `api-version` of Azure's older paths, which name the deployment; `None`: paths are the dialect's own.
    pub api_version: Option<Arc<str>>,
}

/// Scheme, host, port and path prefix of a `base_url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// TLS or plain TCP.
    pub tls: bool,
    /// Host name or address, without brackets; never empty (an empty SNI would switch verification off).
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// Path prefix without trailing slash, as the vendor's SDK takes it: `/v1` for OpenAI, empty for Anthropic.
    pub base_path: Arc<str>,
}

impl Origin {
    /// `host` or `host:port` as it stands in a Host header.
    pub fn authority(&self) -> String {
        let default_port = if self.tls { 443 } else { 80 };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        if self.port == default_port { host } else { format!("{host}:{}", self.port) }
    }
}

/// The header that carries a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthScheme {
    /// `authorization: Bearer …`
    Bearer,
    /// `x-api-key`
    XApiKey,
    /// `x-goog-api-key`
    XGoogApiKey,
    /// `api-key`
    ApiKey,
    /// No credential at all.
    None,
}

impl AuthScheme {
    /// The header name, lower case; `None` when no credential is sent.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::Bearer => Some("authorization"),
            Self::XApiKey => Some("x-api-key"),
            Self::XGoogApiKey => Some("x-goog-api-key"),
            Self::ApiKey => Some("api-key"),
            Self::None => None,
        }
    }
}

/// Whose credential an attempt carries.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The caller's own, and only at the provider it arrived for.
    Passthrough,
    /// Ours.
    Held(Secret),
    /// None.
    None,
}

/// The four clocks of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Until connected, TLS included.
    pub connect: Duration,
    /// From the request sent to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub idle: Duration,
    /// The whole attempt.
    pub total: Duration,
}
