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
    use tokio::net::{TcpListener, TcpSocket, TcpStream};

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

    /// A connection from this port of loopback, as both sides see it.
    async fn from_port(port: u16) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
        let client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn two_connections_of_one_local_port_are_two() {
        let ends = |client: &TcpStream| (client.local_addr().unwrap(), client.peer_addr().unwrap());
        let seen = |server: &TcpStream| (server.peer_addr().unwrap(), server.local_addr().unwrap());
        let (first, first_server) = from_port(0).await;
        let (second, second_server) = from_port(first.local_addr().unwrap().port()).await;
        assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
        let own = Own::default();
        let entered = own.enter(ends(&first));
        assert!(own.has(seen(&first_server)));
        assert!(!own.has(seen(&second_server)), "somebody else's, from the same port");
        drop(own.enter(ends(&second)));
        assert!(own.has(seen(&first_server)), "the end of one is not that of the other");
        drop(entered);
        assert!(!own.has(seen(&first_server)));
    }
}
