//! `[[providers]]`: an origin, a dialect, and the one credential that belongs there.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Context;
use super::names::id;
use super::origin::{self, is_loopback};
use super::server::secret;
use super::tree::{Mark, Node, Table};
use crate::catalog::{AuthScheme, Clocks, Credential, Origin, Provider};
use crate::types::Dialect;

const DIALECTS: [(&str, Dialect); 3] =
    [("openai", Dialect::OpenAi), ("anthropic", Dialect::Anthropic), ("gemini", Dialect::Gemini)];

const SCHEMES: [(&str, AuthScheme); 5] = [
    ("bearer", AuthScheme::Bearer),
    ("x-api-key", AuthScheme::XApiKey),
    ("x-goog-api-key", AuthScheme::XGoogApiKey),
    ("api-key", AuthScheme::ApiKey),
    ("none", AuthScheme::None),
];

/// The providers, and where each one's `base_url` stands.
pub(super) fn read(root: &Table<'_>, context: &Context<'_>) -> (Vec<Provider>, Vec<Mark>) {
    let tables = root.tables("providers");
    if context.names.providers.is_empty() {
        root.missing("providers", "at least one [[providers]] entry is needed, or there is nowhere to go");
    }
    let url =
        |table: &Table<'_>| table.get("base_url").map_or_else(|| table.mark("base_url"), |node| node.mark());
    let marks = tables.iter().map(url).collect();
    let providers = tables.iter().enumerate();
    (providers.map(|(position, table)| provider(table, context, position)).collect(), marks)
}

fn provider(table: &Table<'_>, context: &Context<'_>, position: usize) -> Provider {
    let id = id(table, "id", &context.names.providers, position);
    let dialect = table.need("dialect", "write openai, anthropic or gemini");
    let dialect = dialect.and_then(|node| node.choice(&DIALECTS)).unwrap_or(Dialect::OpenAi);
    let auth = table.choice_or("auth", usual_scheme(dialect), &SCHEMES);
    let credential = credential(table, context, auth);
    let url = table.need("base_url", "write what the vendor's SDK takes, as \"https://api.openai.com/v1\"");
    let origin = url.and_then(|node| base_url(&node, dialect, &credential)).unwrap_or_else(nowhere);
    let retries = table.integer_or("retries", 2, 0..=5);
    let provider = Provider {
        id: id.into(),
        dialect,
        addresses: table.get("addresses").map(|node| addresses(&node, &origin)).unwrap_or_default(),
        origin,
        auth,
        credential,
        clocks: clocks(table),
        retries: u32::try_from(retries).unwrap_or(0),
        websocket: table.flag_or("websocket", false),
    };
    table.refuse_others();
    provider
}

/// Addresses with or without a port; without one the origin's holds.
fn addresses(node: &Node<'_>, origin: &Origin) -> Vec<SocketAddr> {
    if !origin.tls {
        node.fault("addresses are for an https:// base_url: only a certificate proves who answers there");
    }
    let mut found = Vec::new();
    for (item, text) in node.texts() {
        let with_port = || text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, origin.port));
        match text.parse().or_else(|_| with_port()) {
            Ok(address) => found.push(address),
            Err(_) => item.fault(format!("`{text}` is no address: write one, as 192.0.2.7 or 192.0.2.7:443")),
        }
    }
    found
}

fn usual_scheme(dialect: Dialect) -> AuthScheme {
    match dialect {
        Dialect::OpenAi => AuthScheme::Bearer,
        Dialect::Anthropic => AuthScheme::XApiKey,
        Dialect::Gemini => AuthScheme::XGoogApiKey,
    }
}

/// There is no default: a credential that is filled in by guess is how keys reach the wrong origin.
fn credential(table: &Table<'_>, context: &Context<'_>, auth: AuthScheme) -> Credential {
    let hint = "write passthrough (the caller's own key), `env:NAME`, `file:PATH` or none";
    let node = match auth {
        AuthScheme::None => table.get("credential"),
        AuthScheme::Bearer | AuthScheme::XApiKey | AuthScheme::XGoogApiKey | AuthScheme::ApiKey => {
            table.need("credential", hint)
        }
    };
    let Some(node) = node else { return Credential::None };
    let credential = match node.text() {
        None | Some("none") => Credential::None,
        Some("passthrough") => Credential::Passthrough,
        Some(reference) if reference.starts_with("env:") || reference.starts_with("file:") => {
            secret(&node, context).map_or(Credential::None, Credential::Held)
        }
        Some(_) => {
            node.fault(format!("a secret is never written here: {hint}"));
            Credential::None
        }
    };
    if auth == AuthScheme::None && !matches!(credential, Credential::None) {
        node.fault(
            "with auth = \"none\" nothing would carry it: name a scheme in `auth`, or write none here",
        );
    }
    credential
}

fn base_url(node: &Node<'_>, dialect: Dialect, credential: &Credential) -> Option<Origin> {
    let origin = match origin::parse(node.text()?) {
        Ok(origin) => origin,
        Err(message) => {
            node.fault(message);
            return None;
        }
    };
    if !origin.tls && matches!(credential, Credential::Held(_)) && !is_loopback(&origin.host) {
        node.fault("a credential of ours would travel unencrypted: use https://");
    }
    let own_version = match dialect {
        Dialect::OpenAi => false,
        Dialect::Anthropic => origin.base_path.ends_with("/v1"),
        Dialect::Gemini => ["/v1", "/v1beta"].iter().any(|version| origin.base_path.ends_with(version)),
    };
    if own_version {
        node.fault(format!("the paths of {} begin with the version: leave it out here", dialect.as_str()));
    }
    Some(origin)
}

/// Stands in for an origin that could not be read; never served, because the fault is on record.
fn nowhere() -> Origin {
    Origin { tls: true, host: "invalid".into(), port: 443, base_path: "".into() }
}

const HOUR_MS: u64 = 3_600_000;

fn clocks(table: &Table<'_>) -> Clocks {
    let written = table.get("timeouts").and_then(|node| node.table());
    let clock = |key, default| {
        let of = |table: &Table<'_>| table.integer_or(key, default, 1..=HOUR_MS);
        Duration::from_millis(written.as_ref().map_or(default, of))
    };
    let clocks = Clocks {
        connect: clock("connect_ms", 2000),
        first_byte: clock("first_byte_ms", 30_000),
        idle: clock("idle_ms", 30_000),
        total: clock("total_ms", 600_000),
    };
    if let Some(timeouts) = &written {
        timeouts.refuse_others();
    }
    clocks
}
