//! The doorway: every connection's first bytes say whether it is CONNECT, TLS or plain HTTP and which host it is for. A host
//! on the list goes through its own gateway, which can call no other host's home; others are tunnelled unread or refused.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::l4::stream::Stream as L4;
use pingora::protocols::{GetSocketDigest, Stream};
use pingora::server::ShutdownWatch;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::ca::Authority;
use super::settings::{HomeHost, InterceptSettings, OffList};
use super::tls::{self, HANDSHAKE, Hello, MAX_HELLO};
use crate::proxy::Edge;

/// Largest head that is looked at before a connection is somebody's.
const MAX_HEAD: usize = 16 << 10;
/// How long a tunnel's far end may take to accept.
const TUNNEL_CONNECT: Duration = Duration::from_secs(10);
/// A tunnel is closed after this, whatever goes through it.
const TUNNEL_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Takes every connection of the interception listener.
pub struct Doorway {
    homes: Vec<Home>,
    off_list: OffList,
    patience: Duration,
    room: Semaphore,
}

/// A host of the list with everything that serves it.
struct Home {
    host: HomeHost,
    acceptor: Acceptor,
    edge: Arc<Edge>,
}

/// What a connection begins with.
#[derive(Debug, PartialEq, Eq)]
enum Opening {
    /// TLS at once, for this name.
    Tls(Option<String>),
    /// CONNECT to a host and port.
    Connect(String, u16),
    /// A plain request for a host and port, and the length of its head.
    Plain(String, u16, usize),
    /// A plain request that was sent to us as if we were its host and port.
    Direct(String, u16),
    /// Nothing that is served here, and why.
    Strange(&'static str),
}

impl Doorway {
    /// A doorway; `edge` makes the gateway of a host. `patience` is what a first head or a handshake may take, `connections`
    /// how many may be open.
    pub fn new(
        settings: &InterceptSettings,
        authority: &Arc<Authority>,
        edge: impl Fn(&HomeHost) -> Edge,
        (patience, connections): (Duration, usize),
    ) -> Result<Self, String> {
        let home = |host: &HomeHost| {
            let acceptor = tls::acceptor(authority.clone(), host.host.clone())?;
            Ok(Home { host: host.clone(), acceptor, edge: Arc::new(edge(host)) })
        };
        let homes = settings.hosts.iter().map(home).collect::<Result<Vec<_>, String>>()?;
        let room = Semaphore::new(connections.min(Semaphore::MAX_PERMITS));
        Ok(Self { homes, off_list: settings.off_list, patience, room })
    }

    fn home(&self, host: &str, port: u16) -> Option<&Home> {
        self.homes.iter().find(|home| *home.host.host == *host && home.host.port == port)
    }

    /// TLS that names no port is for the first home of that name.
    fn home_by_name(&self, host: &str) -> Option<&Home> {
        self.homes.iter().find(|home| *home.host.host == *host)
    }

    async fn admit(&self, mut client: Box<L4>, shutdown: &ShutdownWatch) -> io::Result<()> {
        let opening = timeout(self.patience, open(&mut client)).await??;
        match opening {
            Opening::Tls(name) => match name.as_deref().and_then(|name| self.home_by_name(name)) {
                Some(home) => self.decrypt(home, client, shutdown).await,
                None => match redirected(&client) {
                    Some((host, port)) => self.tunnel((&host, port), Before::Nothing, client).await?,
                    // By its name it may lead here again, so only where it was going is ever called.
                    None => tracing::info!(name, "TLS for a host off the list: closed"),
                },
            },
            Opening::Connect(host, port) => match self.home(&host, port) {
                Some(home) => {
                    client.write_all(ESTABLISHED).await?;
                    client.flush().await?;
                    self.through(home, client, shutdown).await?;
                }
                None => self.tunnel((&host, port), Before::Established, client).await?,
            },
            Opening::Plain(host, port, head) => match self.home(&host, port) {
                Some(home) => serve(home, client, shutdown).await,
                None => self.tunnel((&host, port), Before::Head(head), client).await?,
            },
            Opening::Direct(host, port) => match self.home(&host, port) {
                Some(home) => serve(home, client, shutdown).await,
                // To pass it on to the host it names may be to call ourselves.
                None => refuse(&mut client, "421 Misdirected Request", "this is a proxy").await?,
            },
            Opening::Strange(why) => refuse(&mut client, "400 Bad Request", why).await?,
        }
        Ok(())
    }

    /// What follows a CONNECT to a host of the list: TLS, or HTTP in clear where the provider is reached in clear.
    async fn through(&self, home: &Home, mut client: Box<L4>, shutdown: &ShutdownWatch) -> io::Result<()> {
        let mut first = [0];
        if timeout(self.patience, client.read(&mut first)).await?? == 0 {
            return Ok(());
        }
        client.rewind(&first);
        if first[0] == HANDSHAKE {
            self.decrypt(home, client, shutdown).await;
        } else {
            serve(home, client, shutdown).await;
        }
        Ok(())
    }

    async fn decrypt(&self, home: &Home, client: Box<L4>, shutdown: &ShutdownWatch) {
        match timeout(self.patience, home.acceptor.tls_handshake(*client)).await {
            Ok(Ok(stream)) => {
                home.edge.process_new(Box::new(stream), shutdown).await;
            }
            // Most often a client that does not trust the authority, or pins another certificate.
            Ok(Err(error)) => tracing::warn!(host = &*home.host.host, %error, "no TLS with a client"),
            Err(_) => tracing::debug!(host = &*home.host.host, "a TLS handshake took too long"),
        }
    }

    /// A host off the list: called once, and bytes passed on until one side ends.
    async fn tunnel(&self, (host, port): (&str, u16), before: Before, mut client: Box<L4>) -> io::Result<()> {
        if self.off_list == OffList::Refuse {
            tracing::info!(host, port, "a host off the list: refused");
            if matches!(before, Before::Nothing) {
                return Ok(()); // a client that speaks TLS reads no other words
            }
            return refuse(&mut client, "403 Forbidden", "the host is not on the list of [intercept]").await;
        }
        let Ok(Ok(mut server)) = timeout(TUNNEL_CONNECT, TcpStream::connect((host, port))).await else {
            return refuse(&mut client, "502 Bad Gateway", "the host could not be reached").await;
        };
        let _ = server.set_nodelay(true);
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
        let _ = timeout(TUNNEL_LIFE, copy_bidirectional(&mut *client, &mut server)).await;
        Ok(())
    }
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

/// Where the kernel has turned a connection away from (REDIRECT); `None` when it was meant for us.
fn redirected(client: &L4) -> Option<(String, u16)> {
    let digest = client.get_socket_digest()?;
    let address = digest.original_dst()?.as_inet().copied()?;
    let meant_for_us = digest.local_addr().and_then(|local| local.as_inet()) == Some(&address);
    (!meant_for_us).then(|| (address.ip().to_string(), address.port()))
}

async fn serve(home: &Home, client: Box<L4>, shutdown: &ShutdownWatch) {
    home.edge.process_new(client, shutdown).await;
}

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection Established\r\n\r\n";

async fn refuse(client: &mut L4, status: &str, why: &str) -> io::Result<()> {
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{why}\n",
        why.len() + 1
    );
    client.write_all(text.as_bytes()).await?;
    client.flush().await
}

/// Reads as much as says what the connection is. Bytes behind a CONNECT head, and all of anything else, are put back.
async fn open(client: &mut L4) -> io::Result<Opening> {
    let mut bytes = Vec::with_capacity(2048);
    loop {
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (opening, used) = match bytes.first() {
            Some(&HANDSHAKE) => match tls::hello(&bytes) {
                Hello::Incomplete if bytes.len() < MAX_HELLO => continue,
                Hello::Incomplete => (Opening::Tls(None), 0),
                Hello::Name(name) => (Opening::Tls(name), 0),
            },
            _ => match memchr::memmem::find(&bytes, b"\r\n\r\n") {
                Some(end) => {
                    let opening = read_head(&bytes[..end + 4]);
                    let used = if matches!(opening, Opening::Connect(..)) { end + 4 } else { 0 };
                    (opening, used)
                }
                None if bytes.len() < MAX_HEAD => continue,
                None => (Opening::Strange("the head is too large"), 0),
            },
        };
        client.rewind(&bytes[used..]);
        return Ok(opening);
    }
}

fn read_head(head: &[u8]) -> Opening {
    let Ok(head_text) = std::str::from_utf8(head) else { return Opening::Strange("the head is no text") };
    let mut lines = head_text.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or("").split(' ').collect();
    let [method, target, version] = words[..] else { return Opening::Strange("this is no request") };
    if !version.starts_with("HTTP/1.") {
        return Opening::Strange("HTTP/1.1 or TLS is spoken here");
    }
    if method == "CONNECT" {
        return match authority(target, None) {
            Some((host, port)) => Opening::Connect(host, port),
            None => Opening::Strange("CONNECT needs a host and a port"),
        };
    }
    let absolute = target.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let named = if absolute {
        Some(target[7..].split(['/', '?']).next().unwrap_or(""))
    } else {
        let mut hosts = lines.filter_map(|line| line.split_once(':'));
        hosts.find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| value.trim())
    };
    match named.and_then(|named| authority(named, Some(80))) {
        Some((host, port)) if !absolute => Opening::Direct(host, port),
        Some((host, port)) => Opening::Plain(host, port, head.len()),
        None => Opening::Strange("the request names no host"),
    }
}

/// Host, lower case and without brackets or last dot, and port.
fn authority(text: &str, default: Option<u16>) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok().filter(|port| *port > 0)?),
        _ => (text, default?),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_name)).then(|| (host.to_ascii_lowercase(), port))
}

/// The head as its server expects it: the path alone, and the connection closed after the answer.
fn origin_form(head: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let request = lines.next().unwrap_or("");
    let words: Vec<&str> = request.split(' ').collect();
    let line = match words[..] {
        [method, target, version] if target.get(..7).is_some_and(|it| it.eq_ignore_ascii_case("http://")) => {
            let rest = &target[7..];
            let path = rest.find(['/', '?']).map_or("/", |at| &rest[at..]);
            let slash = if path.starts_with('/') { "" } else { "/" };
            format!("{method} {slash}{path} {version}")
        }
        _ => request.to_owned(),
    };
    let hop = ["connection", "proxy-connection", "proxy-authorization", "keep-alive"];
    let kept = lines.filter(|line| {
        let name = line.split(':').next().unwrap_or("");
        !hop.iter().any(|hop| name.eq_ignore_ascii_case(hop))
    });
    let mut out = line;
    for line in kept.chain(["connection: close"]) {
        out.push_str("\r\n");
        out.push_str(line);
    }
    out.push_str("\r\n\r\n");
    out.into_bytes()
}

#[async_trait]
impl ServerApp for Doorway {
    async fn process_new(self: &Arc<Self>, session: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let Ok(_room) = self.room.try_acquire() else { return None };
        let client = session.into_any().downcast::<L4>().ok()?;
        if let Err(error) = Box::pin(self.admit(client, shutdown)).await {
            tracing::debug!(%error, "a connection to intercept was given up");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expected: Opening) {
        assert_eq!(read_head(head.as_bytes()), expected, "{head}");
    }

    #[test]
    fn a_head_says_which_host_it_is_for() {
        let connect = |host: &str, port| Opening::Connect(host.to_owned(), port);
        let plain = |host: &str, port, head: &str| Opening::Plain(host.to_owned(), port, head.len());
        check("CONNECT API.openai.com:443 HTTP/1.1\r\n\r\n", connect("api.openai.com", 443));
        check("CONNECT api.openai.com.:443 HTTP/1.1\r\n\r\n", connect("api.openai.com", 443));
        check("CONNECT [::1]:443 HTTP/1.1\r\nHost: api.openai.com\r\n\r\n", connect("::1", 443));
        let absolute = "GET http://a.b/x HTTP/1.1\r\nHost: c\r\n\r\n";
        check(absolute, plain("a.b", 80, absolute));
        check("GET /x HTTP/1.1\r\nhost:a.b\r\n\r\n", Opening::Direct("a.b".to_owned(), 80));
        let port = "POST HTTP://a.b:81?x HTTP/1.1\r\n\r\n";
        check(port, plain("a.b", 81, port));
        for head in [
            "CONNECT api.openai.com HTTP/1.1\r\n\r\n",
            "CONNECT api.openai.com:0 HTTP/1.1\r\n\r\n",
            "CONNECT user@api.openai.com:443 HTTP/1.1\r\n\r\n",
            "CONNECT :443 HTTP/1.1\r\n\r\n",
            "GET /x HTTP/1.1\r\n\r\n",
            "GET /x HTTP/2.0\r\nhost: a\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            assert!(matches!(read_head(head.as_bytes()), Opening::Strange(_)), "{head}");
        }
    }

    #[test]
    fn a_plain_request_off_the_list_closes_its_connection() {
        let head = b"GET http://a.b/x?y HTTP/1.1\r\nHost: a.b\r\nProxy-Connection: keep-alive\r\n\r\n";
        let expected = "GET /x?y HTTP/1.1\r\nHost: a.b\r\nconnection: close\r\n\r\n";
        assert_eq!(String::from_utf8(origin_form(head)).unwrap(), expected);
    }
}
