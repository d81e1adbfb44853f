//! Connections that this process makes itself, known by both of their ends: one local port serves several at once, also others'.
//! One of them that comes in at the doorway was redirected back to us: rules that do not exempt us would have every tunnel lead
//! to the next, until there is no room.

use std::collections::HashSet;
use std::net::SocketAddr;

use parking_lot::Mutex;

/// Where a connection comes from and where it goes.
type Ends = (SocketAddr, SocketAddr);

/// Our own connections to hosts off the list, while they are open.
#[derive(Debug, Default)]
pub(super) struct Own(Mutex<HashSet<Ends>>);

impl Own {
    /// Knows a connection while what is returned lives. To be called before the first byte is sent: whoever has read a byte
    /// of it finds it here.
    pub(super) fn enter(&self, ends: Ends) -> Entered<'_> {
        let ends = canonical(ends);
        self.0.lock().insert(ends);
        Entered { own: self, ends }
    }

    /// Whether a connection from here to there is one of them.
    pub(super) fn has(&self, ends: Ends) -> bool {
        self.0.lock().contains(&canonical(ends))
    }
}

/// Known while it lives.
pub(super) struct Entered<'a> {
    own: &'a Own,
    ends: Ends,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.own.0.lock().remove(&self.ends);
    }
}

/// A listener for both families shows addresses of IPv4 as such of IPv6.
fn canonical((from, to): Ends) -> Ends {
    let one = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    (one(from), one(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_known_while_it_is_open_in_both_spellings() {
        let own = Own::default();
        let [one, mapped, other, there, elsewhere] = [
            "192.0.2.7:4000",
            "[::ffff:192.0.2.7]:4000",
            "192.0.2.7:4001",
            "198.51.100.1:443",
            "198.51.100.2:443",
        ]
        .map(|text| text.parse().unwrap());
        let entered = own.enter((one, there));
        assert!(own.has((one, there)) && own.has((mapped, there)) && !own.has((other, there)));
        // Somebody else's may have the same port at its end, and another of ours as well.
        assert!(!own.has((one, elsewhere)));
        drop(own.enter((one, elsewhere)));
        assert!(own.has((one, there)));
        drop(entered);
        assert!(!own.has((one, there)));
    }
}
