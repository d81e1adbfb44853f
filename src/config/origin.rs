//! `base_url`: scheme, host, port and path prefix, and nothing that a credential could leak into.

use std::net::IpAddr;
use std::sync::Arc;

use crate::catalog::Origin;

/// Takes a `base_url` apart, or says what is wrong and what would work.
pub(super) fn parse(url: &str) -> Result<Origin, String> {
    let (tls, rest) = match url.split_once("://") {
        Some(("https", rest)) => (true, rest),
        Some(("http", rest)) => (false, rest),
        Some((scheme, _)) => return Err(format!("`{scheme}` is not served: use https:// or http://")),
        None => return Err(format!("`{url}` has no scheme: write https://{url}")),
    };
    if rest.contains(['?', '#']) {
        return Err("a base URL has no query and no fragment: leave out what follows the path".to_owned());
    }
    if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a base URL has no blanks and only ASCII characters".to_owned());
    }
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    if authority.contains('@') {
        return Err("a base URL holds no user or password: use `auth` and `credential`".to_owned());
    }
    let (host, port) = host_and_port(authority)?;
    Ok(Origin {
        tls,
        host: Arc::from(host.to_ascii_lowercase()),
        port: port.unwrap_or(if tls { 443 } else { 80 }),
        base_path: Arc::from(path.trim_end_matches('/')),
    })
}

/// Splits `host`, `host:port`, `[v6]` and `[v6]:port`; the host comes back without brackets.
pub(super) fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("an IPv6 address needs its closing `]`")?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| format!("`{host}` is not an IPv6 address"))?;
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_name) {
        return Err(format!("`{authority}` names no host: write one, as api.example.com or 127.0.0.1:8000"));
    }
    let number = match port.strip_prefix(':') {
        Some(digits) => Some(digits.parse().ok().filter(|port| *port > 0).ok_or_else(|| bad_port(digits))?),
        None if port.is_empty() => None,
        None => return Err(bad_port(port)),
    };
    Ok((host, number))
}

fn bad_port(text: &str) -> String {
    format!("`{text}` is not a port: write 1 to 65535")
}

/// Whether what is sent to this host stays on this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
