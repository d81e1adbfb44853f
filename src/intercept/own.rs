//! Connections that this process makes itself, known by their local address. One of them that comes in at the doorway was
//! redirected back to us: rules that do not exempt us would have every tunnel lead to the next, until there is no room.

use std::collections::HashSet;
use std::net::SocketAddr;

use parking_lot::Mutex;

/// Local addresses of our own connections to hosts off the list, while they are open.
#[derive(Debug, Default)]
pub(super) struct Own(Mutex<HashSet<SocketAddr>>);

impl Own {
    /// Knows a connection while what is returned lives. To be called before the first byte is sent: whoever has read a byte
    /// of it finds it here.
    pub(super) fn enter(&self, local: SocketAddr) -> Entered<'_> {
        let local = canonical(local);
        self.0.lock().insert(local);
        Entered { own: self, local }
    }

    /// Whether a connection that comes from this address is one of them.
    pub(super) fn has(&self, peer: SocketAddr) -> bool {
        self.0.lock().contains(&canonical(peer))
    }
}

/// Known while it lives.
pub(super) struct Entered<'a> {
    own: &'a Own,
    local: SocketAddr,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.own.0.lock().remove(&self.local);
    }
}

/// A listener for both families shows addresses of IPv4 as such of IPv6.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_known_while_it_is_open_in_both_spellings() {
        let own = Own::default();
        let [one, mapped, other] =
            ["192.0.2.7:4000", "[::ffff:192.0.2.7]:4000", "192.0.2.7:4001"].map(|text| text.parse().unwrap());
        let entered = own.enter(one);
        assert!(own.has(one) && own.has(mapped) && !own.has(other));
        drop(entered);
        assert!(!own.has(one));
    }
}
