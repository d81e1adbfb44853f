//! `[[providers]]`: an origin, a dialect, and the one credential that belongs there.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Context;
use super::names::id;
use super::origin::{self, is_loopback};
use super::server::secret;
use super::tree::{Mark, Node, Table};
use crate::catalog::{
    AuthScheme, Clocks, Credential, Origin, Provider, Quirks, SERVICES, Service, service_at,
};
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
    let service = table.get("service").and_then(|node| service(&node));
    let dialect = dialect(table, service);
    let auth =
        table.choice_or("auth", service.map_or(usual_scheme(dialect), |service| service.auth), &SCHEMES);
    let credential = credential(table, context, auth);
    let known = service.and_then(|service| origin::parse(service.base_url?).ok());
    let origin = match (table.get("base_url"), known) {
        (Some(node), _) => base_url(&node, dialect, &credential),
        (None, Some(known)) => Some(known),
        (None, None) => {
            table.missing("base_url", "write what the vendor's SDK takes, as \"https://api.openai.com/v1\"");
            None
        }
    };
    let origin = origin.unwrap_or_else(nowhere);
    let quirks = service.or_else(|| service_at(&origin.host)).map_or_else(Quirks::default, |one| one.quirks);
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
        quirks,
        api_version: api_version(table),
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

fn service(node: &Node<'_>) -> Option<&'static Service> {
    let named = node.text()?;
    let found = SERVICES.iter().find(|service| service.name == named);
    if found.is_none() {
        let known: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
        node.fault(format!(
            "`{named}` is not known: there are {}; of others write `dialect` and `base_url`",
            known.join(", ")
        ));
    }
    found
}

fn dialect(table: &Table<'_>, service: Option<&Service>) -> Dialect {
    let written = match service {
        Some(_) => table.get("dialect"),
        None => table.need("dialect", "write openai, anthropic or gemini, or name a `service`"),
    };
    let written = written.and_then(|node| node.choice(&DIALECTS));
    written.or(service.map(|service| service.dialect)).unwrap_or(Dialect::OpenAi)
}

/// Part of a query, so only what needs no escape there.
fn api_version(table: &Table<'_>) -> Option<std::sync::Arc<str>> {
    let node = table.get("api_version")?;
    let version = node.text()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if version.is_empty() || !version.bytes().all(plain) {
        node.fault("an API version looks like \"2024-10-21\" or \"preview\"");
        return None;
    }
    Some(version.into())
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
