use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;
use pingora::protocols::SocketDigest;
use pingora::protocols::l4::socket::SocketAddr as Place;
use pingora::server::configuration::ServerConf;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::*;
use crate::config::{SecretSource, from_text};
use crate::intercept::CaFiles;
use crate::ledger::Ledger;
use crate::pipeline::{Engine, PoolSettings};
use crate::proxy::{Gateway, Patience, ProxySettings};

/// The one host of the list.
const HOST: &str = "a.example";
/// The port of its provider.
const PORT: u16 = 4443;
const SOON: Duration = Duration::from_secs(20);

/// A doorway on a port of loopback, in front of [`HOST`].
struct Door {
    address: SocketAddr,
    authority: Arc<Authority>,
    metrics: Arc<Metrics>,
    _folder: tempfile::TempDir,
}

impl Door {
    /// `original` is where the kernel turned every connection away from.
    async fn new(off_list: OffList, original: Option<SocketAddr>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = InterceptSettings {
            enabled: true,
            listen: ([127, 0, 0, 1], 0).into(),
            ca: CaFiles { cert: "".into(), key: "".into() },
            hosts: vec![HomeHost { host: HOST.into(), port: PORT, tls: true }],
            off_list,
            tunnel_idle: Duration::from_secs(5),
            max_tunnels: 8,
            observe_only: true,
        };
        let authority = Arc::new(Authority::new(settings.names()).unwrap());
        let (gateway, metrics) = gateway(folder.path());
        let edge = |_: &HomeHost| {
            Edge::new(
                gateway.at_home(crate::proxy::Home { host: HOST.into(), port: PORT, observe_only: true }),
                Arc::new(ServerConf::default()),
            )
        };
        let limits = (Duration::from_millis(500), 100, Vec::new());
        let doorway = Doorway::new(&settings, &authority, edge, limits, metrics.clone()).unwrap();
        let listener = TcpListener::bind(settings.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_all(Arc::new(doorway), listener, original));
        Self { address, authority, metrics, _folder: folder }
    }

    fn ended(&self, end: End) -> u64 {
        self.metrics.interception.ended.with_label_values(&[end.as_str()]).get()
    }

    /// Waits until so many connections have ended so: a client hears of the end before it is counted.
    async fn until(&self, end: End, count: u64) {
        let _ = timeout(SOON, async {
            while self.ended(end) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert_eq!(self.ended(end), count, "{end:?}");
    }

    /// What comes back for these bytes, until the other side closes.
    async fn said_to(&self, bytes: &[u8]) -> String {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let mut said = Vec::new();
        timeout(SOON, client.read_to_end(&mut said)).await.unwrap().unwrap();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// A handshake with a client that trusts our authority alone.
    async fn handshake(&self, name: &str) -> io::Result<()> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        timeout(SOON, TlsConnector::from(Arc::new(config)).connect(name, socket)).await.unwrap().map(drop)
    }
}

async fn serve_all(doorway: Arc<Doorway>, listener: TcpListener, original: Option<SocketAddr>) {
    let (_stop, watch) = watch::channel(false);
    while let Ok((socket, _)) = listener.accept().await {
        let digest = SocketDigest::from_raw_fd(socket.as_raw_fd());
        if let Some(original) = original {
            digest.original_dst.set(Some(Place::Inet(original))).unwrap();
        }
        let (doorway, watch) = (doorway.clone(), watch.clone());
        let mut client = L4::from(socket);
        client.set_socket_digest(digest);
        tokio::spawn(async move { doorway.process_new(Box::new(client), &watch).await });
    }
}

/// The gateway of a configuration with one provider.
fn gateway(folder: &std::path::Path) -> (Gateway, Arc<Metrics>) {
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\n[[providers]]\nid = \"a\"\ndialect = \"openai\"\n\
         base_url = \"https://{HOST}:{PORT}/v1\"\ncredential = \"passthrough\"\n[ledger]\npath = {:?}\n",
        folder.join("ledger.db")
    );
    let settings = from_text(&text, "", SecretSource::Environment).unwrap();
    let (ledger, _) = Ledger::open(&settings.ledger).unwrap();
    let pool =
        PoolSettings { connections: 1, threads: 1, max_answer_bytes: 1 << 20, answer_budget_bytes: 1 << 20 };
    let engine = Engine::new(settings.snapshot, (ledger, settings.ledger.path), pool).unwrap();
    let metrics = engine.metrics.clone();
    let proxy = ProxySettings {
        max_body_bytes: 1 << 20,
        body_budget_bytes: 1 << 20,
        half_close: true,
        min_body_rate: 1,
        max_headers: 100,
        max_header_bytes: 1 << 14,
        max_in_flight: 10,
        patience: Patience { head: SOON, idle: SOON, head_bytes: 1 << 14 },
        max_connections: 10,
        max_h2_streams: 10,
    };
    (Gateway::new(Arc::new(engine), proxy, Arc::new(AtomicBool::new(true))), metrics)
}

/// A server that sends back what it hears.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                tokio::io::copy(&mut from, &mut to).await.ok();
                to.shutdown().await.ok();
            });
        }
    });
    address
}

#[tokio::test]
async fn a_tunnel_that_leads_back_to_us_ends_at_the_first_turn_and_says_so() {
    let door = Door::new(OffList::Tunnel, None).await;
    let hello = [22, 3, 1, 0, 5, 1, 0, 0, 1, 0];
    let turns: [(&[u8], &[u8]); 5] = [
        (&hello, &[21, 3, 3, 0, 2, 2, 49]),
        (b"CONNECT b.example:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 508 Loop Detected\r\n"),
        (b"GET / HTTP/1.1\r\nhost: b.example\r\n\r\n", b"HTTP/1.1 508 Loop Detected\r\n"),
        (b"", b""), // the server would speak first
        (b"all", b""),
    ];
    for (turn, (sent, heard)) in (1..).zip(turns) {
        let mut client = TcpStream::connect(door.address).await.unwrap();
        let connect = format!("CONNECT {} HTTP/1.1\r\n\r\n", door.address);
        client.write_all(connect.as_bytes()).await.unwrap();
        let mut established = [0; ESTABLISHED.len()];
        client.read_exact(&mut established).await.unwrap();
        client.write_all(sent).await.unwrap();
        if sent == b"all" {
            client.shutdown().await.unwrap();
        }
        let mut said = Vec::new();
        timeout(SOON, client.read_to_end(&mut said)).await.unwrap().unwrap();
        assert!(said.starts_with(heard), "{}", String::from_utf8_lossy(&said));
        assert_eq!(said.is_empty(), heard.is_empty());
        door.until(End::Loop, turn).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_redirected_and_for_others_reaches_where_it_was_going_as_it_was_written() {
    let there = echo().await;
    let door = Door::new(OffList::Tunnel, Some(there)).await;
    for sent in [
        "CONNECT b.example:443 HTTP/1.1\r\nproxy-authorization: Basic eDp5\r\n\r\nearly",
        // The host's name, and a port at which no provider is.
        "CONNECT a.example:4444 HTTP/1.1\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: b.example\r\n\r\n",
        // It was not going to port 80, whatever its `Host` leaves out or says.
        "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example:80\r\n\r\n",
        "220 not HTTP\r\n\r\n",
        // All that is said, and no head of anything.
        "hello",
        "\u{16}\u{3}\u{1}",
        "",
    ] {
        assert_eq!(door.said_to(sent.as_bytes()).await, sent);
    }
    door.until(End::Tunnel, 9).await;
    assert_eq!(
        door.said_to(b"GET http://b.example/x HTTP/1.1\r\nHost: b.example\r\n\r\nbody").await,
        "GET http://b.example/x HTTP/1.1\r\nHost: b.example\r\nconnection: close\r\n\r\nbody"
    );
    let refusing = Door::new(OffList::Refuse, Some(there)).await;
    for sent in ["CONNECT b.example:443 HTTP/1.1\r\n\r\n", "GET http://b.example/ HTTP/1.1\r\n\r\n"] {
        let said = refusing.said_to(sent.as_bytes()).await;
        assert!(said.starts_with("HTTP/1.1 403 "), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_request_to_port_80_of_a_host_of_the_list_goes_nowhere_whichever_way_it_was_led_here() {
    for original in [None, Some(SocketAddr::from(([192, 0, 2, 1], 80)))] {
        let door = Door::new(OffList::Tunnel, original).await;
        for sent in [
            "CONNECT a.example:80 HTTP/1.1\r\n\r\nGET /v1/models HTTP/1.1\r\nauthorization: Bearer sk\r\n\r\n",
            "GET http://a.example/v1/models HTTP/1.1\r\nauthorization: Bearer sk\r\n\r\n",
            "GET /v1/models HTTP/1.1\r\nHost: A.example\r\nauthorization: Bearer sk\r\n\r\n",
            "GET http://a.example:80/v1/models HTTP/1.1\r\nHost: b\r\nauthorization: Bearer sk\r\n\r\n",
        ] {
            let said = door.said_to(sent.as_bytes()).await;
            assert!(
                said.starts_with("HTTP/1.1 400 ") && said.contains("a.example is reached over TLS"),
                "{original:?}, {sent}: {said}"
            );
        }
        door.until(End::InClear, 4).await;
        assert_eq!(door.ended(End::Tunnel), 0);
    }
}

/// A proxy of the network's: answers each head, keeps what it got, and closes where it is told to.
async fn another_proxy() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, heard) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let kept = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while socket.read_buf(&mut head).await.is_ok_and(|count| count > 0) {
                if !head.ends_with(b"\r\n\r\n") {
                    continue;
                }
                kept.lock().extend_from_slice(&head);
                let is_last = head.windows(17).any(|bytes| bytes == b"connection: close");
                head.clear();
                if socket.write_all(NO_CONTENT).await.is_err() || is_last {
                    break;
                }
            }
        }
    });
    (address, heard)
}

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirected_request_for_another_proxy_is_the_last_of_its_connection() {
    let (there, heard) = another_proxy().await;
    let door = Door::new(OffList::Tunnel, Some(there)).await;
    let mut client = TcpStream::connect(door.address).await.unwrap();
    client
        .write_all(
            b"GET http://b.example/ HTTP/1.1\r\nHost: b.example\r\nProxy-Connection: keep-alive\r\n\r\n",
        )
        .await
        .unwrap();
    let mut answer = [0; NO_CONTENT.len()];
    timeout(SOON, client.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, NO_CONTENT);
    // The other side may have closed already.
    let key =
        b"GET http://a.example/v1/models HTTP/1.1\r\nHost: a.example\r\nauthorization: Bearer sk\r\n\r\n";
    let _ = client.write_all(key).await;
    let mut rest = Vec::new();
    let _ = timeout(SOON, async { client.shutdown().await.and(client.read_to_end(&mut rest).await) })
        .await
        .unwrap();
    assert_eq!(rest, b"", "a second answer");
    let heard = String::from_utf8(heard.lock().clone()).unwrap();
    assert!(heard.starts_with("GET http://b.example/ ") && !heard.contains("Bearer"), "{heard}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirected_tls_is_for_a_host_of_the_list_at_the_port_of_its_provider_only() {
    let there = echo().await;
    let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
    let door = Door::new(OffList::Tunnel, Some(at(PORT))).await;
    door.handshake(HOST).await.unwrap();
    assert_eq!(door.ended(End::Tunnel), 0);
    // Its name at another port, and another name: what answers is whoever is there.
    for (original, name) in [(there, HOST), (there, "b.example")] {
        let door = Door::new(OffList::Tunnel, Some(original)).await;
        door.handshake(name).await.unwrap_err();
        door.until(End::Tunnel, 1).await;
        assert_eq!((door.ended(End::Tls), door.ended(End::Untrusted)), (0, 0), "{name}");
    }
    // Sent to us: no port is known, so its name is enough.
    Door::new(OffList::Tunnel, None).await.handshake(HOST).await.unwrap();
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
