//! `[intercept]`: the listener for traffic that keeps its base URL, the files of the local authority, and the closed list.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::tree::{Node, Table};
use crate::catalog::{Credential, Provider};
use crate::intercept::{CaFiles, HomeHost, InterceptSettings, OffList};

const OFF_LIST: [(&str, OffList); 2] = [("tunnel", OffList::Tunnel), ("refuse", OffList::Refuse)];
/// Longer than the pings of anything that keeps a connection alive, and than an answer that is thought about.
const TUNNEL_IDLE_SECONDS: u64 = 600;
const MAX_TUNNELS: u64 = 1024;
/// Whether named models are observed whatever their policy says.
const MODES: [(&str, bool); 2] = [("observe", true), ("policy", false)];
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

pub(super) fn read(root: &Table<'_>, providers: &[Provider], any_client: bool) -> InterceptSettings {
    let node = root.get("intercept");
    let default = settings(providers);
    let Some(table) = node.as_ref().and_then(Node::table) else { return default };
    let ca = table.get("ca").and_then(|node| node.table());
    let file = |key: &'static str| ca.as_ref().and_then(|ca| ca.get(key)).and_then(|node| path(&node));
    let settings = InterceptSettings {
        enabled: table.flag_or("enabled", false),
        listen: table.get("listen").and_then(|node| address(&node)).unwrap_or(default.listen),
        ca: CaFiles {
            cert: file("cert").unwrap_or(default.ca.cert),
            key: file("key").unwrap_or(default.ca.key),
        },
        hosts: table.get("hosts").map_or(default.hosts, |node| hosts(&node, providers)),
        off_list: table.choice_or("off_list", default.off_list, &OFF_LIST),
        tunnel_idle: Duration::from_secs(table.integer_or(
            "tunnel_idle_seconds",
            TUNNEL_IDLE_SECONDS,
            1..=86_400,
        )),
        max_tunnels: usize::try_from(table.integer_or("max_tunnels", MAX_TUNNELS, 0..=1_000_000))
            .unwrap_or(0),
        observe_only: table.choice_or("mode", true, &MODES),
    };
    if let Some(ca) = &ca {
        ca.refuse_others();
    }
    table.refuse_others();
    check(&table, &settings);
    let held = providers.iter().any(|provider| matches!(provider.credential, Credential::Held(_)));
    if settings.enabled && !settings.listen.ip().is_loopback() && held && !any_client {
        let message = "whoever reaches this listener spends a key of ours: listen on 127.0.0.1, or write credential = \
                       \"passthrough\" at the providers";
        table.fault_at(&table.mark("listen"), message);
    }
    settings
}

fn check(table: &Table<'_>, settings: &InterceptSettings) {
    if !settings.enabled {
        return;
    }
    if settings.hosts.is_empty() {
        table.fault_at(
            &table.mark("hosts"),
            "no provider's base_url has a host that can be intercepted: name one",
        );
    }
    if !settings.listen.ip().is_loopback() && settings.off_list == OffList::Tunnel {
        table.fault_at(
            &table.mark("off_list"),
            "whoever reaches this listener could reach any host through it: write off_list = \"refuse\", or listen on \
             127.0.0.1",
        );
    }
}

fn settings(providers: &[Provider]) -> InterceptSettings {
    InterceptSettings {
        enabled: false,
        listen: DEFAULT_LISTEN,
        ca: CaFiles { cert: "pointsman-ca.pem".into(), key: "pointsman-ca.key".into() },
        hosts: homes(providers, |host| host.contains('.')),
        off_list: OffList::Tunnel,
        tunnel_idle: Duration::from_secs(TUNNEL_IDLE_SECONDS),
        max_tunnels: usize::try_from(MAX_TUNNELS).unwrap_or(0),
        observe_only: true,
    }
}

/// The origins of providers that a certificate can name, none twice.
fn homes(providers: &[Provider], listed: impl Fn(&str) -> bool) -> Vec<HomeHost> {
    let mut homes: Vec<HomeHost> = Vec::new();
    for origin in providers.iter().map(|provider| &provider.origin) {
        let home = HomeHost { host: origin.host.clone(), port: origin.port, tls: origin.tls };
        if origin.host.parse::<IpAddr>().is_err() && listed(&origin.host) && !homes.contains(&home) {
            homes.push(home);
        }
    }
    homes
}

fn hosts(node: &Node<'_>, providers: &[Provider]) -> Vec<HomeHost> {
    let written = node.texts();
    for (item, host) in &written {
        if homes(providers, |known| known.eq_ignore_ascii_case(host)).is_empty() {
            item.fault(format!(
                "no provider's base_url has the host `{host}`: only those are ever decrypted"
            ));
        }
    }
    homes(providers, |known| written.iter().any(|(_, host)| known.eq_ignore_ascii_case(host)))
}

fn address(node: &Node<'_>) -> Option<SocketAddr> {
    let text = node.text()?;
    let parsed = text.parse();
    if parsed.is_err() {
        node.fault(format!("`{text}` is not an address and port: write one, as \"127.0.0.1:8443\""));
    }
    parsed.ok()
}

fn path(node: &Node<'_>) -> Option<std::path::PathBuf> {
    let text = node.text()?;
    if text.is_empty() {
        node.fault("is empty: name a file");
    }
    Some(text.into())
}
