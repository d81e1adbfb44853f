//! Checks that need several sections: what is safe to listen with, and what would call itself.

use std::net::SocketAddr;

use super::origin::is_loopback;
use super::server::{ServerMarks, ServerSettings};
use super::tree::{Mark, Table};
use crate::catalog::{Credential, Origin, Provider};

/// The sections that are looked at together.
pub(super) struct Sections<'s> {
    /// `[server]`
    pub(super) server: &'s ServerSettings,
    /// Where its listeners stand.
    pub(super) marks: &'s ServerMarks,
    /// `[[providers]]`
    pub(super) providers: &'s [Provider],
    /// Where each provider's `base_url` stands.
    pub(super) base_urls: &'s [Mark],
    /// Whether `[[clients]]` are declared.
    pub(super) any_client: bool,
}

/// Checks them.
pub(super) fn across(root: &Table<'_>, sections: &Sections<'_>) {
    open_listeners(root, sections);
    admin(root, sections);
    loops(root, sections);
}

/// Whoever reaches an open listener would spend our credential.
fn open_listeners(root: &Table<'_>, sections: &Sections<'_>) {
    let held = sections.providers.iter().find(|provider| matches!(provider.credential, Credential::Held(_)));
    let Some(held) = held.filter(|_| !sections.any_client) else { return };
    for (listen, mark) in sections.server.listen.iter().zip(&sections.marks.listen) {
        if !listen.addr.ip().is_loopback() {
            let message = format!(
                "{} is open to others, who would spend the credential of provider `{}`: declare [[clients]], or \
                 listen on 127.0.0.1",
                listen.addr, held.id
            );
            root.fault_at(mark, message);
        }
    }
}

fn admin(root: &Table<'_>, sections: &Sections<'_>) {
    let Some(admin) = sections.server.admin else { return };
    if !admin.ip().is_loopback() && sections.server.admin_token.is_none() {
        let message = format!("{admin} is open to others: set admin_token, or listen on 127.0.0.1");
        root.fault_at(&sections.marks.admin, message);
    }
    if sections.server.listen.iter().any(|listen| collide(listen.addr, admin)) {
        let message = format!("{admin} is a data listener's address too: give admin a port of its own");
        root.fault_at(&sections.marks.admin, message);
    }
}

/// Port 0 asks for any free port, so it never collides.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let same_ip = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && same_ip
}

/// A provider that is one of our own listeners would call itself until something gives way.
fn loops(root: &Table<'_>, sections: &Sections<'_>) {
    for (position, provider) in sections.providers.iter().enumerate() {
        let own = sections.server.listen.iter().any(|listen| leads_to(&provider.origin, listen.addr));
        if own && let Some(mark) = sections.base_urls.get(position) {
            root.fault_at(mark, "this is our own listener: requests would go round in circles");
        }
    }
}

fn leads_to(origin: &Origin, listen: SocketAddr) -> bool {
    let here = is_loopback(&origin.host) && (listen.ip().is_loopback() || listen.ip().is_unspecified());
    origin.port == listen.port() && (here || origin.host.parse() == Ok(listen.ip()))
}
