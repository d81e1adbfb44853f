//! Names to addresses. Pingora's peer type resolves synchronously and panics on failure, so it only ever sees an
//! address from here: looked up once, refreshed in the background, the last good answer kept while lookups fail.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use pingora::protocols::ALPN;
use pingora::upstreams::peer::HttpPeer;
use xxhash_rust::xxh3::Xxh3;

use super::pool::KEEP_IDLE;
use crate::catalog::Provider;

/// How often known names are looked up again.
pub const REFRESH: Duration = Duration::from_secs(30);
/// How long the last good addresses outlive failing lookups.
const KEEP: Duration = Duration::from_secs(600);
/// Streams per upstream h2 connection; Pingora's default of 1 would not multiplex at all.
const H2_STREAMS: usize = 100;

/// The peers behind one host name, first choice first; never empty.
#[derive(Debug)]
pub struct Target {
    /// One peer an address.
    pub peers: Vec<Arc<HttpPeer>>,
    /// What a request names as its host.
    pub authority: String,
    looked_up: Instant,
}

struct Known {
    provider: Provider,
    host: Arc<str>,
    port: u16,
    target: Arc<Target>,
}

/// Resolved peers of all origins in use; as many entries as the configuration names origins.
#[derive(Default)]
pub struct Resolver {
    known: DashMap<u64, Known>,
}

impl Resolver {
    /// The peers of an origin that was looked up before.
    pub fn known(&self, provider: &Provider, endpoint: Option<SocketAddr>) -> Option<Arc<Target>> {
        self.known.get(&key(provider, endpoint)).map(|known| known.target.clone())
    }

    /// The peers for a provider's origin, or for one `host:port` of a self-hosted deployment.
    pub async fn target(
        &self,
        provider: &Provider,
        endpoint: Option<SocketAddr>,
    ) -> Result<Arc<Target>, String> {
        let key = key(provider, endpoint);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.target.clone());
        }
        let (host, port) = match endpoint {
            Some(address) => (Arc::from(address.ip().to_string()), address.port()),
            None => (provider.origin.host.clone(), provider.origin.port),
        };
        let target = Arc::new(look_up(provider, &host, port).await?);
        let known = Known { provider: provider.clone(), host, port, target: target.clone() };
        self.known.insert(key, known);
        Ok(target)
    }

    /// Looks every known name up once more. A failing lookup keeps the last good addresses for ten minutes, then
    /// forgets them, so that the next request sees the failure itself.
    pub async fn refresh(&self) {
        let stale: Vec<(u64, Provider, Arc<str>, u16)> = self
            .known
            .iter()
            .filter(|known| known.host.parse::<IpAddr>().is_err())
            .map(|known| (*known.key(), known.provider.clone(), known.host.clone(), known.port))
            .collect();
        for (key, provider, host, port) in stale {
            match look_up(&provider, &host, port).await {
                Ok(target) => {
                    if let Some(mut known) = self.known.get_mut(&key) {
                        known.target = Arc::new(target);
                    }
                }
                Err(reason) => {
                    tracing::warn!(host = &*host, reason, "name lookup failed, last good addresses kept");
                    self.known.remove_if(&key, |_, known| known.target.looked_up.elapsed() > KEEP);
                }
            }
        }
    }

    /// Forgets everything: after a reload, origins that are no longer configured must not stay.
    pub fn forget(&self) {
        self.known.clear();
    }
}

/// What makes two origins share peers: provider, place and connect clock. The full hash also keys the pool, so that
/// two providers never share a connection.
fn key(provider: &Provider, endpoint: Option<SocketAddr>) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(provider.id.as_str().as_bytes());
    hasher.update(&[0, u8::from(provider.origin.tls)]);
    hasher.update(provider.origin.host.as_bytes());
    hasher.update(&provider.origin.port.to_le_bytes());
    hasher.update(&provider.clocks.connect.as_millis().to_le_bytes());
    for address in provider.addresses.iter().chain(endpoint.as_ref()) {
        hasher.update(address.to_string().as_bytes());
    }
    hasher.digest()
}

async fn look_up(provider: &Provider, host: &str, port: u16) -> Result<Target, String> {
    let addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) if !provider.addresses.is_empty() => provider.addresses.clone(),
        Err(_) => tokio::net::lookup_host((host, port))
            .await
            .map_err(|error| format!("`{host}` has no address: {error}"))?
            .collect(),
    };
    if addresses.is_empty() {
        return Err(format!("`{host}` has no address"));
    }
    let group = key(provider, None);
    let peers = addresses.into_iter().map(|address| Arc::new(peer(provider, address, group))).collect();
    Ok(Target { peers, authority: provider.origin.authority(), looked_up: Instant::now() })
}

fn peer(provider: &Provider, address: SocketAddr, group: u64) -> HttpPeer {
    let tls = provider.origin.tls;
    let mut peer = HttpPeer::new(address, tls, provider.origin.host.to_string());
    peer.group_key = group;
    let options = &mut peer.options;
    options.alpn = if tls { ALPN::H2H1 } else { ALPN::H1 };
    options.connection_timeout = Some(provider.clocks.connect);
    options.total_connection_timeout = Some(provider.clocks.connect);
    options.idle_timeout = Some(KEEP_IDLE);
    options.max_h2_streams = H2_STREAMS;
    options.h2_ping_interval = Some(Duration::from_secs(20));
    // For the pass-through path, where Pingora itself drives the exchange; the direct path has clocks of its own.
    options.read_timeout = Some(provider.clocks.idle.max(provider.clocks.first_byte));
    options.write_timeout = Some(provider.clocks.idle);
    peer
}
