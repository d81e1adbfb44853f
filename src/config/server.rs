//! `[server]`: listeners, bounds of the data plane, and where unread traffic goes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::Context;
use super::names::resolve;
use super::tree::{Mark, Node, Table};
use crate::catalog::{DefaultProviders, Provider};
use crate::types::{Dialect, ProviderIx, Secret};

/// Listeners and the bounds of the data plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Data listeners, at least one.
    pub listen: Vec<Listen>,
    /// The admin listener; `None` when it is switched off.
    pub admin: Option<SocketAddr>,
    /// What a caller of the admin listener presents as a bearer token; always there off loopback.
    pub admin_token: Option<Secret>,
    /// Largest request body that is read.
    pub max_body_bytes: usize,
    /// All request bodies held at once; more are shed.
    pub body_budget_bytes: usize,
    /// Largest whole answer that is buffered and checked before it is forwarded.
    pub max_answer_bytes: usize,
    /// All answers that are read before they are sent, together; an answer that finds no room is refused.
    pub answer_budget_bytes: usize,
    /// Largest request head.
    pub max_header_bytes: usize,
    /// Most headers of a request.
    pub max_headers: usize,
    /// Slowest body that is waited for, bytes per second.
    pub min_body_rate: u32,
    /// How long the head of a request may take from its first byte on.
    pub head_seconds: u64,
    /// How long a connection may be silent between two requests, and before its first.
    pub idle_seconds: u64,
    /// Most client connections open at once; more are closed at once.
    pub max_connections: usize,
    /// Most HTTP/2 streams per client connection.
    pub max_h2_streams: u32,
    /// Whether a client's FIN after its request means only "no further request".
    pub half_close: bool,
    /// Worker threads; `None`: one per core.
    pub threads: Option<usize>,
    /// Most requests in flight; more are shed.
    pub max_in_flight: usize,
    /// How long requests in flight may go on after a stop was asked for.
    pub drain_seconds: u64,
    /// Where a process hands its listeners over to the one that replaces it.
    pub upgrade_sock: PathBuf,
}

/// One data listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Address and port.
    pub addr: SocketAddr,
    /// Certificate and key; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
}

/// PEM files of a TLS listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Places that checks across sections point at.
pub(super) struct ServerMarks {
    /// One per listener.
    pub(super) listen: Vec<Mark>,
    /// The admin address.
    pub(super) admin: Mark,
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

pub(super) fn read(root: &Table<'_>, context: &Context<'_>) -> (ServerSettings, ServerMarks) {
    let node = root.get("server");
    let Some(server) = node.as_ref().and_then(Node::table) else {
        return (ServerSettings::default(), ServerMarks { listen: Vec::new(), admin: root.mark("server") });
    };
    let listen = listeners(&server, context);
    let admin = server.get("admin");
    let admin_mark = admin.as_ref().map_or_else(|| server.mark("admin"), Node::mark);
    let token = server.get("admin_token");
    let admin_token = token.and_then(|node| secret(&node, context));
    server.get("default_provider"); // read when the providers are known
    let size = |key, default, bounds| usize::try_from(server.integer_or(key, default, bounds));
    let size = |key, default, bounds| size(key, default, bounds).unwrap_or(usize::MAX);
    let small = |key, default, most| u32::try_from(server.integer_or(key, default, 1..=most));
    let small = |key, default, most| small(key, default, most).unwrap_or(u32::MAX);
    let threads = server.get("threads").and_then(|node| node.integer(1..=1024));
    let (listen, marks) = listen.into_iter().unzip();
    let settings = ServerSettings {
        listen,
        admin: admin.map_or(Some(DEFAULT_ADMIN), |node| admin_address(&node)),
        admin_token,
        max_body_bytes: size("max_body_bytes", 32 * MIB, 1024..=GIB),
        body_budget_bytes: size("body_budget_bytes", 64 * MIB, MIB..=1024 * GIB),
        max_answer_bytes: size("max_answer_bytes", 16 * MIB, 1024..=GIB),
        answer_budget_bytes: size("answer_budget_bytes", 32 * MIB, MIB..=1024 * GIB),
        max_header_bytes: size("max_header_bytes", 65_536, 4096..=MIB),
        max_headers: size("max_headers", 128, 16..=256),
        min_body_rate: small("min_body_rate", 1024, 1_000_000_000),
        head_seconds: server.integer_or("head_seconds", 10, 1..=3600),
        idle_seconds: server.integer_or("idle_seconds", 120, 1..=86_400),
        max_connections: size("max_connections", 16_384, 1..=10_000_000),
        max_h2_streams: small("max_h2_streams", 100, 10_000),
        half_close: server.flag_or("half_close", false),
        threads: threads.and_then(|threads| usize::try_from(threads).ok()),
        max_in_flight: size("max_in_flight", 4096, 1..=1_000_000),
        drain_seconds: server.integer_or("drain_seconds", 30, 0..=3600),
        upgrade_sock: server.get("upgrade_sock").and_then(|node| node.text()).unwrap_or(UPGRADE_SOCK).into(),
    };
    server.refuse_others();
    (settings, ServerMarks { listen: marks, admin: admin_mark })
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: vec![Listen { addr: DEFAULT_LISTEN, tls: None }],
            admin: Some(DEFAULT_ADMIN),
            admin_token: None,
            max_body_bytes: 32 << 20,
            body_budget_bytes: 64 << 20,
            max_answer_bytes: 16 << 20,
            answer_budget_bytes: 32 << 20,
            max_header_bytes: 65_536,
            max_headers: 128,
            min_body_rate: 1024,
            head_seconds: 10,
            idle_seconds: 120,
            max_connections: 16_384,
            max_h2_streams: 100,
            half_close: false,
            threads: None,
            max_in_flight: 4096,
            drain_seconds: 30,
            upgrade_sock: UPGRADE_SOCK.into(),
        }
    }
}

const UPGRADE_SOCK: &str = "/tmp/pointsman-upgrade.sock";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

fn listeners(server: &Table<'_>, context: &Context<'_>) -> Vec<(Listen, Mark)> {
    let Some(node) = server.get("listen") else {
        return vec![(Listen { addr: DEFAULT_LISTEN, tls: None }, server.mark("listen"))];
    };
    let mut found: Vec<(Listen, Mark)> = Vec::new();
    let items = node.items();
    if items.is_empty() && node.is_array() {
        node.fault("is empty: at least one listener is needed, as \"127.0.0.1:8080\"");
    }
    for item in items {
        let Some(listen) = listener(&item, context) else { continue };
        let taken = |(earlier, _): &(Listen, Mark)| earlier.addr == listen.addr && listen.addr.port() != 0;
        if found.iter().any(taken) {
            item.fault(format!("{} stands here twice", listen.addr));
        }
        found.push((listen, item.mark()));
    }
    found
}

/// A listener: an address, or a table with an address and perhaps certificates.
fn listener(item: &Node<'_>, context: &Context<'_>) -> Option<Listen> {
    if item.is_text() {
        return address(item).map(|addr| Listen { addr, tls: None });
    }
    let table = item.table()?;
    let addr = table.need("addr", "write an address and port, as \"0.0.0.0:8443\"");
    let tls = table.get("tls").and_then(|node| node.table()).and_then(|tls| tls_files(&tls, context));
    table.refuse_others();
    Some(Listen { addr: address(&addr?)?, tls })
}

fn tls_files(tls: &Table<'_>, context: &Context<'_>) -> Option<TlsFiles> {
    let cert = tls.need("cert", "name the PEM file of the certificate chain");
    let key = tls.need("key", "name the PEM file of the private key");
    tls.refuse_others();
    let cert = pem_file(&cert?, "CERTIFICATE", context);
    let key = pem_file(&key?, "PRIVATE KEY", context);
    Some(TlsFiles { cert: cert?, key: key? })
}

fn pem_file(node: &Node<'_>, holds: &str, context: &Context<'_>) -> Option<PathBuf> {
    let path = node.text()?;
    if context.secrets.serves() {
        match std::fs::read_to_string(path) {
            Ok(text) if text.contains(holds) => {}
            Ok(_) => node.fault(format!("{path} holds no `{holds}` block: a PEM file is expected")),
            Err(error) => node.fault(format!("{path} cannot be read: {error}")),
        }
    }
    Some(PathBuf::from(path))
}

fn address(node: &Node<'_>) -> Option<SocketAddr> {
    let text = node.text()?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        node.fault(format!(
            "`{text}` is not an address and port: write \"127.0.0.1:8080\", or \"[::1]:8080\" for IPv6"
        ));
    }
    parsed
}

fn admin_address(node: &Node<'_>) -> Option<SocketAddr> {
    if node.is_text() && node.text() == Some("none") { None } else { address(node) }
}

/// The secret a value refers to.
pub(super) fn secret(node: &Node<'_>, context: &Context<'_>) -> Option<Secret> {
    match context.secrets.resolve(node.text()?) {
        Ok(secret) => Some(secret),
        Err(message) => {
            node.fault(message);
            None
        }
    }
}

/// Where unread traffic goes: what `[server] default_provider` says, else the first provider of the dialect.
pub(super) fn default_providers(
    root: &Table<'_>,
    context: &Context<'_>,
    providers: &[Provider],
) -> DefaultProviders {
    let server = root.get("server").filter(Node::is_table).and_then(|node| node.table());
    let table = server.and_then(|server| server.get("default_provider")).and_then(|node| node.table());
    let of = |dialect: Dialect| {
        let first = || providers.iter().zip(0..).find(|(provider, _)| provider.dialect == dialect);
        let written = table.as_ref().and_then(|table| table.get(dialect.as_str()));
        match written {
            Some(node) => chosen_default(&node, dialect, context, providers),
            None => first().map(|(_, ix)| ProviderIx(ix)),
        }
    };
    let defaults = DefaultProviders {
        openai: of(Dialect::OpenAi),
        anthropic: of(Dialect::Anthropic),
        gemini: of(Dialect::Gemini),
    };
    if let Some(table) = &table {
        table.refuse_others();
    }
    defaults
}

fn chosen_default(
    node: &Node<'_>,
    dialect: Dialect,
    context: &Context<'_>,
    providers: &[Provider],
) -> Option<ProviderIx> {
    let ix = ProviderIx(resolve(node, &context.names.providers, "providers")?);
    let speaks = providers.get(ix.at())?.dialect;
    if speaks != dialect {
        node.fault(format!("this provider speaks {}, not {}", speaks.as_str(), dialect.as_str()));
    }
    Some(ix)
}
