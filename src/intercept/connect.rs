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
use super::opening::{Opening, Way, closing, open, origin_form};
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
            Ok(Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            Ok(opening) => opening,
            Err(late) => Err(late.into()),
        };
        if self.is_own(&client) {
            return turn_away(&mut client, opening.ok()).await.map(|()| End::Loop);
        }
        let opening = match opening {
            Ok(opening) => opening,
            Err(late_or_ended) => {
                // Where the server speaks first, the client waits as we do; or it has said all it has to say, in a protocol
                // of which this is no head.
                let Some((host, port)) = redirected(&client) else { return Err(late_or_ended) };
                client.rewind(&bytes);
                return self.tunnel((&host, port), Before::Nothing, client).await;
            }
        };
        match opening {
            Opening::Tls(name) => self.tls(name.as_deref(), client, shutdown).await,
            Opening::Http(way, host, port) => self.http(way, (&host, port), client, shutdown).await,
            Opening::Strange(why) => match redirected(&client) {
                Some((host, port)) => self.tunnel((&host, port), Before::Nothing, client).await,
                None => refuse(&mut client, "400 Bad Request", why).await.map(|()| End::Strange),
            },
        }
    }

    /// A head of HTTP: for a host of the list, for the place it was going to, or for the host it names.
    async fn http(
        &self,
        way: Way,
        (host, port): (&str, u16),
        mut client: Box<L4>,
        shutdown: &ShutdownWatch,
    ) -> io::Result<End> {
        let there = redirected(&client);
        let port = match (way, &there) {
            // What `Host` says of a port is the client's word; the kernel knows.
            (Way::Direct, Some((_, port))) => *port,
            _ => port,
        };
        let home = self.home(host, port);
        if home.is_none() && port == 80 && self.is_of_tls(host) {
            return in_clear(&mut client, host).await;
        }
        if let (None, Some((host, port))) = (home, &there) {
            // Whoever it was going to may be a proxy as well: what it is asked is not for us to answer.
            let before = if let Way::Absolute(head) = way { Before::ToProxy(head) } else { Before::Http };
            return self.tunnel((host, *port), before, client).await;
        }
        match (way, home) {
            (Way::Connect(head), Some(home)) => {
                client.read_exact(&mut vec![0; head]).await?;
                client.write_all(ESTABLISHED).await?;
                client.flush().await?;
                self.through(home, client, shutdown).await
            }
            (Way::Connect(head), None) => {
                client.read_exact(&mut vec![0; head]).await?;
                self.tunnel((host, port), Before::Established, client).await
            }
            (Way::Absolute(_) | Way::Direct, Some(home)) => serve(home, client, shutdown).await,
            (Way::Absolute(head), None) => self.tunnel((host, port), Before::Head(head), client).await,
            // To pass it on to the host it names may be to call ourselves.
            (Way::Direct, None) => {
                refuse(&mut client, "421 Misdirected Request", "this is a proxy").await.map(|()| End::Strange)
            }
        }
    }

    /// Whether a host is one whose provider is reached over TLS: a key that travels to its port of HTTP is a mistake of the
    /// client's, whichever way that was led here.
    fn is_of_tls(&self, host: &str) -> bool {
        self.homes.iter().any(|home| *home.host.host == *host && home.host.tls)
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
        if before.is_named_by_caller() && self.leads_inside(&places, &client) {
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
            Before::Nothing | Before::Http => {}
            Before::Established => {
                client.write_all(ESTABLISHED).await?;
                client.flush().await?;
            }
            Before::ToProxy(length) => server.write_all(&closing(&head(&mut client, length).await?)).await?,
            Before::Head(length) => server.write_all(&origin_form(&head(&mut client, length).await?)).await?,
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
    /// The same, and the client speaks HTTP.
    Http,
    /// The same, and it was going to a proxy, with a head of this length. Only one passes, as below.
    ToProxy(usize),
    /// The client waits for the answer to its CONNECT.
    Established,
    /// A plain request whose head has this length. Only one passes: the next one on the same connection may be for another
    /// host.
    Head(usize),
}

impl Before {
    /// Whether the place is the caller's word, rather than where the kernel says it was going.
    fn is_named_by_caller(self) -> bool {
        matches!(self, Self::Established | Self::Head(_))
    }
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

/// A head of this length, which has been looked at and put back.
async fn head(client: &mut L4, length: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![0; length];
    client.read_exact(&mut head).await?;
    Ok(head)
}

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection Established\r\n\r\n";

/// Says no in the language that the client listens for.
async fn decline(client: &mut L4, before: Before, (status, why): (&str, &str)) -> io::Result<()> {
    match before {
        Before::Nothing => alert(client, refusals::UNRECOGNIZED_NAME).await,
        Before::Http | Before::ToProxy(_) | Before::Established | Before::Head(_) => {
            refuse(client, status, why).await
        }
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
mod tests;
