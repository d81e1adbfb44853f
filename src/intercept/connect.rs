//! The doorway: every connection's first bytes say whether it is CONNECT, TLS or plain HTTP and which host it is for. A host
//! on the list goes through its own gateway, which can call no other host's home; others are tunnelled unread or refused.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::l4::stream::Stream as L4;
use pingora::protocols::{GetSocketDigest, Stream};
use pingora::server::ShutdownWatch;
use prometheus::IntGauge;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::ca::Authority;
use super::end::End;
use super::opening::{Opening, open, origin_form};
use super::own::Own;
use super::refusals::{self, alert, in_clear, refuse, turn_away};
use super::settings::{HomeHost, InterceptSettings, OffList};
use super::tls::{self, HANDSHAKE};
use super::tunnel::{Ended, relay};
use crate::proxy::Edge;
use crate::telemetry::Metrics;

/// How long a tunnel's far end may take to accept.
const TUNNEL_CONNECT: Duration = Duration::from_secs(10);

/// Why a tunnel does not come about.
const UNREACHABLE: (&str, &str) = ("502 Bad Gateway", "the host could not be reached");

/// Where Amazon keeps credentials by IPv6, `fd00:ec2::254`; by IPv4 it is an address of the link, as elsewhere.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Takes every connection of the interception listener.
pub struct Doorway {
    homes: Vec<Home>,
    authority: Arc<Authority>,
    off_list: OffList,
    patience: Duration,
    silence: Duration,
    room: Semaphore,
    tunnels: Semaphore,
    /// Our own connections, which must not come in here.
    own: Own,
    /// Ports of our own listeners, which no caller reaches through here.
    own_ports: Vec<u16>,
    metrics: Arc<Metrics>,
}

/// A host of the list with everything that serves it.
struct Home {
    host: HomeHost,
    acceptor: Acceptor,
    edge: Arc<Edge>,
}

impl Doorway {
    /// A doorway; `edge` makes the gateway of a host. `patience` is what a first head or a handshake may take, `connections`
    /// how many may be open; `own_ports` those of our own listeners.
    pub fn new(
        settings: &InterceptSettings,
        authority: &Arc<Authority>,
        edge: impl Fn(&HomeHost) -> Edge,
        (patience, connections, own_ports): (Duration, usize, Vec<u16>),
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        let home = |host: &HomeHost| {
            let acceptor = tls::acceptor(authority.clone(), host.host.clone(), metrics.clone())?;
            Ok(Home { host: host.clone(), acceptor, edge: Arc::new(edge(host)) })
        };
        let homes = settings.hosts.iter().map(home).collect::<Result<Vec<_>, String>>()?;
        let room = Semaphore::new(connections.min(Semaphore::MAX_PERMITS));
        let tunnels = Semaphore::new(settings.max_tunnels.min(Semaphore::MAX_PERMITS));
        let (off_list, silence) = (settings.off_list, settings.tunnel_idle);
        let until = authority.validity().until.duration_since(UNIX_EPOCH).unwrap_or_default();
        metrics.interception.authority_ends(until);
        Ok(Self {
            homes,
            authority: authority.clone(),
            off_list,
            patience,
            silence,
            room,
            tunnels,
            own: Own::default(),
            own_ports,
            metrics,
        })
    }

    fn home(&self, host: &str, port: u16) -> Option<&Home> {
        self.homes.iter().find(|home| *home.host.host == *host && home.host.port == port)
    }

    /// The home that TLS is for, by its name and, where it was redirected, the port it was going to; else the first of that name.
    fn home_of_tls(&self, host: &str, client: &L4) -> Option<&Home> {
        match redirected(client) {
            Some((_, port)) => self.home(host, port),
            None => self.homes.iter().find(|home| *home.host.host == *host),
        }
    }

    async fn admit(&self, mut client: Box<L4>, shutdown: &ShutdownWatch) -> io::Result<End> {
        let mut bytes = Vec::with_capacity(2048);
        let opening = match timeout(self.patience, open(&mut client, &mut bytes)).await {
            Ok(opening) => Ok(opening?),
            Err(late) => Err(late),
        };
        if self.is_own(&client) {
            return turn_away(&mut client, opening.ok()).await.map(|()| End::Loop);
        }
        let opening = match opening {
            Ok(opening) => opening,
            Err(late) => {
                // Where the server speaks first, the client waits as we do.
                let Some((host, port)) = redirected(&client) else { return Err(late.into()) };
                client.rewind(&bytes);
                return self.tunnel((&host, port), Before::Nothing, client).await;
            }
        };
        let elsewhere = matches!(opening, Opening::Strange(_))
            || matches!(&opening, Opening::Direct(host, port) if self.home(host, *port).is_none());
        if let (true, Some((host, port))) = (elsewhere, redirected(&client)) {
            return self.tunnel((&host, port), Before::Nothing, client).await;
        }
        match opening {
            Opening::Tls(name) => self.tls(name.as_deref(), client, shutdown).await,
            Opening::Connect(host, port) => match self.home(&host, port) {
                Some(home) => {
                    client.write_all(ESTABLISHED).await?;
                    client.flush().await?;
                    self.through(home, client, shutdown).await
                }
                None => self.tunnel((&host, port), Before::Established, client).await,
            },
            Opening::Plain(host, port, head) => match self.home(&host, port) {
                Some(home) => serve(home, client, shutdown).await,
                // Its provider is reached over TLS: a key that travels to it in clear is a mistake of the client's.
                None if port == 80
                    && self.homes.iter().any(|home| *home.host.host == *host && home.host.tls) =>
                {
                    in_clear(&mut client, &host).await
                }
                None => self.tunnel((&host, port), Before::Head(head), client).await,
            },
            Opening::Direct(host, port) => match self.home(&host, port) {
                Some(home) => serve(home, client, shutdown).await,
                // To pass it on to the host it names may be to call ourselves.
                None => refuse(&mut client, "421 Misdirected Request", "this is a proxy")
                    .await
                    .map(|()| End::Strange),
            },
            Opening::Strange(why) => refuse(&mut client, "400 Bad Request", why).await.map(|()| End::Strange),
        }
    }

    /// TLS at once: for a host of the list, or wherever it was going.
    async fn tls(
        &self,
        name: Option<&str>,
        mut client: Box<L4>,
        shutdown: &ShutdownWatch,
    ) -> io::Result<End> {
        if let Some(home) = name.and_then(|name| self.home_of_tls(name, &client)) {
            return self.decrypt(home, client, shutdown).await;
        }
        match redirected(&client) {
            Some((host, port)) => self.tunnel((&host, port), Before::Nothing, client).await,
            // By its name it may lead here again, so only where it was going is ever called.
            None => {
                tracing::info!(name, "TLS for a host off the list: closed");
                alert(&mut client, refusals::UNRECOGNIZED_NAME).await?;
                Ok(End::Nowhere)
            }
        }
    }

    /// Whether the other end of a connection is ours as well.
    fn is_own(&self, client: &L4) -> bool {
        let ends = client.get_socket_digest().and_then(|digest| {
            let meant = digest.original_dst().or_else(|| digest.local_addr());
            Some((*digest.peer_addr()?.as_inet()?, *meant?.as_inet()?))
        });
        ends.is_some_and(|ends| self.own.has(ends))
    }

    /// What follows a CONNECT to a host of the list: TLS, or HTTP in clear where the provider is reached in clear.
    async fn through(&self, home: &Home, mut client: Box<L4>, shutdown: &ShutdownWatch) -> io::Result<End> {
        let mut first = [0];
        if timeout(self.patience, client.read(&mut first)).await?? == 0 {
            return Ok(End::Broken);
        }
        client.rewind(&first);
        if first[0] == HANDSHAKE {
            self.decrypt(home, client, shutdown).await
        } else {
            serve(home, client, shutdown).await
        }
    }

    async fn decrypt(&self, home: &Home, mut client: Box<L4>, shutdown: &ShutdownWatch) -> io::Result<End> {
        if let Some(ended) = self.authority.validity().over(SystemTime::now()) {
            tracing::error!(host = &*home.host.host, "{ended}");
            return alert(&mut client, refusals::CERTIFICATE_EXPIRED).await.map(|()| End::Ended);
        }
        let was_redirected = redirected(&client).is_some();
        match timeout(self.patience, home.acceptor.tls_handshake(*client)).await {
            Ok(Ok(stream)) => {
                home.edge.process_new(Box::new(stream), shutdown).await;
                Ok(End::Tls)
            }
            // Most often a client that does not trust the authority, or pins another certificate; where rules of REDIRECT do
            // not exempt us, our own call of the provider.
            Ok(Err(error)) => {
                tracing::warn!(host = &*home.host.host, was_redirected, %error, "no TLS with a client");
                Ok(End::Untrusted)
            }
            Err(_) => Ok(End::Slow),
        }
    }

    /// A host off the list: called once, and bytes passed on until one side ends or both are silent.
    async fn tunnel(
        &self,
        (host, port): (&str, u16),
        before: Before,
        mut client: Box<L4>,
    ) -> io::Result<End> {
        if self.off_list == OffList::Refuse {
            tracing::info!(host, port, "a host off the list: refused");
            let why = ("403 Forbidden", "the host is not on the list of [intercept]");
            return decline(&mut client, before, why).await.map(|()| End::OffList);
        }
        let places: Vec<SocketAddr> = match timeout(TUNNEL_CONNECT, lookup_host((host, port))).await {
            Ok(Ok(places)) => places.collect(),
            _ => return decline(&mut client, before, UNREACHABLE).await.map(|()| End::Unreachable),
        };
        if !matches!(before, Before::Nothing) && self.leads_inside(&places, &client) {
            tracing::warn!(
                host,
                port,
                "a caller asked for an address that is nobody's but this machine's: refused"
            );
            let why =
                ("403 Forbidden", "this proxy's own listeners and link-local addresses are not for callers");
            return decline(&mut client, before, why).await.map(|()| End::OffList);
        }
        let Ok(_room) = self.tunnels.try_acquire() else {
            tracing::warn!(
                host,
                port,
                "a host off the list: there are as many tunnels as [intercept] allows"
            );
            let why =
                ("503 Service Unavailable", "too many tunnels are open: see max_tunnels of [intercept]");
            return decline(&mut client, before, why).await.map(|()| End::Full);
        };
        let _open = Open::new(&self.metrics.interception.tunnels);
        // What was looked at is called, whatever the name leads to by now.
        let Ok(Ok(mut server)) = timeout(TUNNEL_CONNECT, TcpStream::connect(&places[..])).await else {
            return decline(&mut client, before, UNREACHABLE).await.map(|()| End::Unreachable);
        };
        let _ = server.set_nodelay(true);
        let ends = server.local_addr().and_then(|from| Ok((from, server.peer_addr()?)));
        let _entered = ends.map(|ends| self.own.enter(ends));
        match before {
            Before::Nothing => {}
            Before::Established => {
                client.write_all(ESTABLISHED).await?;
                client.flush().await?;
            }
            Before::Head(length) => {
                let mut head = vec![0; length];
                client.read_exact(&mut head).await?;
                server.write_all(&origin_form(&head)).await?;
            }
        }
        match relay(&mut *client, &mut server, self.silence).await {
            Ended::BySides => Ok(End::Tunnel),
            Ended::Silent => Ok(End::Silent),
        }
    }
}

impl Doorway {
    /// Whether a host that a caller names is one of our own listeners, or of the link alone, where clouds keep credentials.
    fn leads_inside(&self, places: &[SocketAddr], client: &L4) -> bool {
        let here = client.get_socket_digest().and_then(|digest| digest.local_addr()?.as_inet().copied());
        places.iter().any(|place| is_inside(*place, &self.own_ports, here.map(|here| here.ip())))
    }
}

fn is_inside(address: SocketAddr, own_ports: &[u16], here: Option<IpAddr>) -> bool {
    let ip = address.ip().to_canonical();
    let of_link = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == METADATA_V6,
    };
    let of_machine =
        ip.is_loopback() || ip.is_unspecified() || here.is_some_and(|here| here.to_canonical() == ip);
    of_link || (of_machine && own_ports.contains(&address.port()))
}

/// What comes before the bytes of a tunnel.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// The connection was redirected; neither side knows of us.
    Nothing,
    /// The client waits for the answer to its CONNECT.
    Established,
    /// A plain request whose head has this length. Only one passes: the next one on the same connection may be for another
    /// host.
    Head(usize),
}

/// Counted while it lives.
struct Open<'a>(&'a IntGauge);

impl<'a> Open<'a> {
    fn new(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Where the kernel has turned a connection away from (REDIRECT); `None` when it was meant for us.
fn redirected(client: &L4) -> Option<(String, u16)> {
    let digest = client.get_socket_digest()?;
    let address = digest.original_dst()?.as_inet().copied()?;
    let meant_for_us = digest.local_addr().and_then(|local| local.as_inet()) == Some(&address);
    (!meant_for_us).then(|| (address.ip().to_string(), address.port()))
}

/// What is in clear, for a host of the list.
async fn serve(home: &Home, mut client: Box<L4>, shutdown: &ShutdownWatch) -> io::Result<End> {
    if home.host.tls {
        return in_clear(&mut client, &home.host.host).await;
    }
    home.edge.process_new(client, shutdown).await;
    Ok(End::Plain)
}

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection Established\r\n\r\n";

/// Says no in the language that the client listens for.
async fn decline(client: &mut L4, before: Before, (status, why): (&str, &str)) -> io::Result<()> {
    match before {
        Before::Nothing => alert(client, refusals::UNRECOGNIZED_NAME).await,
        Before::Established | Before::Head(_) => refuse(client, status, why).await,
    }
}

#[async_trait]
impl ServerApp for Doorway {
    async fn process_new(self: &Arc<Self>, session: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let interception = &self.metrics.interception;
        let ended = |end: End| interception.ended.with_label_values(&[end.as_str()]).inc();
        let Ok(_room) = self.room.try_acquire() else {
            // Nothing is said to it: whoever opens more than there may be has descriptors to lose, not we.
            ended(End::Full);
            self.metrics.connections_refused.inc();
            return None;
        };
        let _open = Open::new(&interception.connections);
        let client = session.into_any().downcast::<L4>().ok()?;
        match Box::pin(self.admit(client, shutdown)).await {
            Ok(end) => ended(end),
            Err(error) => {
                tracing::debug!(%error, "a connection to intercept was given up");
                ended(if error.kind() == io::ErrorKind::TimedOut { End::Slow } else { End::Broken });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use pingora::protocols::SocketDigest;
    use tokio::net::TcpListener;
    use tokio::sync::watch;

    use super::*;
    use crate::intercept::CaFiles;

    /// A doorway without hosts, on a port of loopback.
    async fn doorway() -> (SocketAddr, Arc<Metrics>) {
        let settings = InterceptSettings {
            enabled: true,
            listen: ([127, 0, 0, 1], 0).into(),
            ca: CaFiles { cert: "".into(), key: "".into() },
            hosts: Vec::new(),
            off_list: OffList::Tunnel,
            tunnel_idle: Duration::from_secs(5),
            max_tunnels: 8,
            observe_only: true,
        };
        let authority = Arc::new(Authority::new(vec!["a.example".to_owned()]).unwrap());
        let metrics = Arc::new(Metrics::new().unwrap());
        let limits = (Duration::from_millis(500), 100, Vec::new());
        let edge = |_: &HomeHost| unreachable!("there are no hosts");
        let doorway = Arc::new(Doorway::new(&settings, &authority, edge, limits, metrics.clone()).unwrap());
        let listener = TcpListener::bind(settings.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (_stop, watch) = watch::channel(false);
            while let Ok((socket, _)) = listener.accept().await {
                let digest = SocketDigest::from_raw_fd(socket.as_raw_fd());
                let (doorway, watch) = (doorway.clone(), watch.clone());
                let mut client = L4::from(socket);
                client.set_socket_digest(digest);
                tokio::spawn(async move { doorway.process_new(Box::new(client), &watch).await });
            }
        });
        (address, metrics)
    }

    #[tokio::test]
    async fn a_tunnel_that_leads_back_to_us_ends_at_the_first_turn_and_says_so() {
        let (address, metrics) = doorway().await;
        let ended = |end: End| metrics.interception.ended.with_label_values(&[end.as_str()]).get();
        let hello = [22, 3, 1, 0, 5, 1, 0, 0, 1, 0];
        let turns: [(&[u8], &[u8]); 4] = [
            (&hello, &[21, 3, 3, 0, 2, 2, 49]),
            (b"CONNECT a.example:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 508 Loop Detected\r\n"),
            (b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n", b"HTTP/1.1 508 Loop Detected\r\n"),
            (b"", b""), // the server would speak first
        ];
        for (turn, (sent, heard)) in (1..).zip(turns) {
            let mut client = TcpStream::connect(address).await.unwrap();
            let connect = format!("CONNECT {address} HTTP/1.1\r\n\r\n");
            client.write_all(connect.as_bytes()).await.unwrap();
            let mut established = [0; ESTABLISHED.len()];
            client.read_exact(&mut established).await.unwrap();
            client.write_all(sent).await.unwrap();
            let mut said = Vec::new();
            timeout(Duration::from_secs(5), client.read_to_end(&mut said)).await.unwrap().unwrap();
            assert!(said.starts_with(heard), "{}", String::from_utf8_lossy(&said));
            assert_eq!(said.is_empty(), heard.is_empty());
            assert_eq!(ended(End::Loop), turn);
        }
    }

    #[test]
    fn callers_reach_none_of_our_own_listeners() {
        let here = Some("192.0.2.7".parse().unwrap());
        for (address, inside) in [
            ("127.0.0.1:8081", true),
            ("[::1]:8081", true),
            ("[::ffff:127.0.0.1]:8081", true),
            ("0.0.0.0:8081", true),
            ("192.0.2.7:8081", true),
            ("127.0.0.1:5432", false),
            ("192.0.2.8:8081", false),
            ("169.254.169.254:80", true),
            ("[fe80::1]:443", true),
            ("[fd00:ec2::254]:80", true),
            ("[fd00:ec2::253]:80", false),
            ("93.184.216.34:443", false),
        ] {
            assert_eq!(is_inside(address.parse().unwrap(), &[8081], here), inside, "{address}");
        }
    }
}
