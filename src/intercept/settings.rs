//! What interception needs of the configuration.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::files::CaFiles;

/// `[intercept]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterceptSettings {
    /// Whether there is a listener at all.
    pub enabled: bool,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// The files of the local authority.
    pub ca: CaFiles,
    /// The closed list: nothing else is ever decrypted.
    pub hosts: Vec<HomeHost>,
    /// What becomes of other hosts.
    pub off_list: OffList,
    /// A tunnel is closed when nothing went through it for this long.
    pub tunnel_idle: Duration,
    /// How many tunnels to hosts off the list may be open at once.
    pub max_tunnels: usize,
    /// Named models are only observed, whatever the mode of their policy.
    pub observe_only: bool,
}

impl InterceptSettings {
    /// The names that the authority may speak for, none twice.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.hosts.iter().map(|home| home.host.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// A host that is intercepted: the origin of a configured provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HomeHost {
    /// Name, lower case; never an address.
    pub host: Arc<str>,
    /// Port of the provider's `base_url`.
    pub port: u16,
    /// Whether that is an `https` one: what is meant for it is then never taken in clear.
    pub tls: bool,
}

/// What becomes of a host that is not on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffList {
    /// Bytes pass in both directions, unread.
    Tunnel,
    /// Refused with 403.
    Refuse,
}
