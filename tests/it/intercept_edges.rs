//! The edges of interception: hellos in pieces, names that are wrong or missing, bytes sent too early, and the bounds on what
//! may be open and for how long.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::client::{chat_body, exchange};
use crate::support::intercept::{Setup, absolute, at, connect};
use crate::support::proxy::Proxy;
use crate::support::tls::trusting;
use crate::support::{Client, Request, soon};

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection Established\r\n\r\n";

fn ended(end: &str) -> String {
    format!("pointsman_intercept_ended_total{{end=\"{end}\"}}")
}

/// A listener of loopback that says what it is sent back again, and its port.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                tokio::io::copy(&mut from, &mut to).await.ok();
                to.shutdown().await.ok();
            });
        }
    });
    port
}

/// Everything until the other side closes.
async fn rest(mut socket: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    soon("the end of a connection", socket.read_to_end(&mut bytes)).await.ok();
    bytes
}

/// Stands between a client of TLS and the proxy: sends the client's first bytes on behind `before` (a CONNECT or nothing) and
/// in pieces as `cut` says, then everything as it comes.
async fn between(
    proxy: &Proxy,
    before: Vec<u8>,
    cut: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (here, there) = (listener.local_addr().unwrap(), proxy.intercept.unwrap());
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut proxy = TcpStream::connect(there).await.unwrap();
        proxy.set_nodelay(true).unwrap();
        let mut first = vec![0; 5];
        client.read_exact(&mut first).await.unwrap();
        let length = usize::from(u16::from_be_bytes([first[3], first[4]]));
        first.resize(5 + length, 0);
        client.read_exact(&mut first[5..]).await.unwrap();
        let (connects, mut begun) = (!before.is_empty(), before);
        for piece in cut(&first) {
            begun.extend(piece);
            proxy.write_all(&begun).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
            begun.clear();
        }
        if connects {
            proxy.read_exact(&mut [0; ESTABLISHED.len()]).await.unwrap();
        }
        tokio::io::copy_bidirectional(&mut client, &mut proxy).await.ok();
    });
    TcpStream::connect(here).await.unwrap()
}

/// The same handshake message in records of this size.
fn records(record: &[u8], size: usize) -> Vec<Vec<u8>> {
    let piece = |piece: &[u8]| {
        let mut record = record[..3].to_vec();
        record.extend(u16::try_from(piece.len()).unwrap().to_be_bytes());
        record.extend(piece);
        record
    };
    record[5..].chunks(size).map(piece).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hello_in_pieces_and_in_several_records_is_known_by_its_name() {
    let setup = Setup::new();
    let world = setup.world("", |_| {}).await;
    for size in [1, 7, 40, 100, 1000] {
        for own_records in [false, true] {
            let cut = move |hello: &[u8]| {
                if own_records {
                    records(hello, size)
                } else {
                    hello.chunks(size).map(<[u8]>::to_vec).collect()
                }
            };
            let socket = between(&world.proxy, Vec::new(), cut).await;
            let tls = trusting(setup.authority.pem(), "localhost", socket, &[]).await.unwrap();
            let answer = Client::over(Box::new(tls)).exchange(&Request::chat(chat_body("small-1"))).await;
            assert_eq!(answer.status, 200, "pieces of {size}, records of their own: {own_records}");
        }
    }
    // All records at once, as one write.
    let socket = between(&world.proxy, Vec::new(), |hello| vec![records(hello, 50).concat()]).await;
    assert!(trusting(setup.authority.pem(), "localhost", socket, &[]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_name_or_none_is_refused_aloud_and_nothing_is_minted() {
    let setup = Setup::new();
    let world = setup.world("", |_| {}).await;
    let address = world.proxy.intercept.unwrap();
    // A client that names an address sends no name.
    for name in ["api.openai.com", "x.localhost", "localhost.example", "127.0.0.1", "::1"] {
        let socket = TcpStream::connect(address).await.unwrap();
        let error = trusting(setup.authority.pem(), name, socket, &[]).await.unwrap_err();
        assert!(error.to_string().contains("UnrecognisedName"), "{name}: {error}");
    }
    world.proxy.until_metric(&ended("nowhere"), 5.0).await;
    for name in ["api.openai.com", "x.localhost"] {
        let socket = connect(&world.proxy, &at(world.small.addr)).await.unwrap();
        assert!(trusting(setup.authority.pem(), name, socket, &[]).await.is_err(), "{name} behind CONNECT");
    }
    world.proxy.until_metric(&ended("untrusted"), 2.0).await;
    assert_eq!(world.proxy.sum_of("pointsman_intercept_leaves_total").await, 0.0);
    // No name behind CONNECT: it has been named there. The certificate is still that of the host, which is not 127.0.0.1.
    let socket = connect(&world.proxy, &at(world.small.addr)).await.unwrap();
    let error = trusting(setup.authority.pem(), "127.0.0.1", socket, &[]).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    for _ in 0..2 {
        let socket = connect(&world.proxy, &at(world.small.addr)).await.unwrap();
        assert!(trusting(setup.authority.pem(), "localhost", socket, &[]).await.is_ok());
    }
    let leaf = |leaf: &str| format!("pointsman_intercept_leaves_total{{leaf=\"{leaf}\"}}");
    world.proxy.until_metric(&leaf("minted"), 1.0).await;
    world.proxy.until_metric(&leaf("kept"), 2.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_never_a_host_of_the_list() {
    let setup = Setup::new();
    let world = setup.world("off_list = \"refuse\"", |_| {}).await;
    let port = world.small.addr.port();
    // The provider's own address and its other spellings: by policy, not as the host whose key travels.
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001", "0.0.0.0"] {
        let refused = connect(&world.proxy, &format!("{host}:{port}")).await.unwrap_err();
        assert!(refused.starts_with("HTTP/1.1 403 "), "{host}: {refused}");
    }
    for host in ["169.254.169.254", "100.64.0.1", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "localhost"] {
        let refused = connect(&world.proxy, &format!("{host}:80")).await.unwrap_err();
        assert!(refused.starts_with("HTTP/1.1 403 "), "{host}: {refused}");
    }
    world.proxy.until_metric(&ended("off_list"), 12.0).await;
    world.assert_untouched("off the list");
    assert_eq!((world.small.connections(), world.large.connections()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_bytes_behind_connect_reach_whom_they_are_for() {
    let setup = Setup::new();
    let world = setup.world("", |_| {}).await;
    // A hello in the same segment as the CONNECT, for a host of the list.
    let there = at(world.small.addr);
    let head = format!("CONNECT {there} HTTP/1.1\r\nhost: {there}\r\n\r\n").into_bytes();
    let socket = between(&world.proxy, head, |hello| vec![hello.to_vec()]).await;
    let tls = trusting(setup.authority.pem(), "localhost", socket, &[]).await.unwrap();
    let answer = Client::over(Box::new(tls)).exchange(&Request::chat(chat_body("small-1"))).await;
    assert_eq!(answer.status, 200);
    // The same for a host off the list.
    let port = echo().await;
    let mut socket = TcpStream::connect(world.proxy.intercept.unwrap()).await.unwrap();
    socket.write_all(format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\nearly").as_bytes()).await.unwrap();
    socket.write_all(b" and late").await.unwrap();
    socket.shutdown().await.unwrap();
    assert_eq!(rest(socket).await, [ESTABLISHED, b"early and late"].concat());
}

/// A provider that changes to another protocol and sends back whatever it then hears; its address.
async fn switching() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await?);
                }
                let head = String::from_utf8_lossy(&head).to_lowercase();
                assert!(
                    head.contains("upgrade: websocket") && head.contains("sec-websocket-key: dghl"),
                    "{head}"
                );
                // Pingora 0.9.1 takes a provider that changes before the end of the request has been passed on for one that
                // is done. None on a network is that fast.
                tokio::time::sleep(Duration::from_millis(20)).await;
                socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n").await?;
                socket.write_all(b"connection: Upgrade\r\nsec-websocket-accept: s3pP\r\n\r\n").await?;
                let (mut from, mut to) = socket.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websockets_pass_untouched() {
    let setup = Setup::new();
    let provider = switching().await;
    let world = setup.world("", |config| config.small = format!("http://{provider}")).await;
    for path in ["/v1/realtime?model=x", "/v1/responses"] {
        let socket = connect(&world.proxy, &at(provider)).await.unwrap();
        let mut tls = trusting(setup.authority.pem(), "localhost", socket, &[b"http/1.1"]).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhl\r\nauthorization: Bearer x\r\n\r\n",
            at(provider)
        );
        tls.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(soon("the head of the answer", tls.read_u8()).await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap().to_lowercase();
        assert!(
            answer.starts_with("http/1.1 101 ") && answer.contains("sec-websocket-accept: s3pp"),
            "{answer}"
        );
        for frame in [&b"\x81\x85\0\0\0\0hello"[..], b"\x89\x80\0\0\0\0"] {
            tls.write_all(frame).await.unwrap();
            let mut back = vec![0; frame.len()];
            soon("a frame back", tls.read_exact(&mut back)).await.unwrap();
            assert_eq!(back, frame, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_tunnel_is_closed_and_a_speaking_one_is_not() {
    let setup = Setup::new();
    let world = setup.world("tunnel_idle_seconds = 1", |_| {}).await;
    let there = format!("127.0.0.1:{}", echo().await);
    let silent = connect(&world.proxy, &there).await.unwrap();
    let mut speaking = connect(&world.proxy, &there).await.unwrap();
    world.proxy.until_metric("pointsman_intercept_tunnels", 2.0).await;
    let began = Instant::now();
    let closed = tokio::spawn(async move {
        assert_eq!(rest(silent).await, b"");
        began.elapsed()
    });
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        speaking.write_all(b"x").await.unwrap();
        assert_eq!(soon("an echo", speaking.read_u8()).await.unwrap(), b'x');
    }
    let after = closed.await.unwrap();
    assert!((Duration::from_millis(900)..Duration::from_millis(1900)).contains(&after), "after {after:?}");
    world.proxy.until_metric(&ended("silent_tunnel"), 1.0).await;
    world.proxy.until_metric("pointsman_intercept_tunnels", 1.0).await;
    drop(speaking);
    world.proxy.until_metric(&ended("tunnel"), 1.0).await;
    world.proxy.until_metric("pointsman_intercept_connections", 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tunnels_have_a_bound_of_their_own_and_providers_are_served_beyond_it() {
    let setup = Setup::new();
    let world = setup.world("max_tunnels = 2", |_| {}).await;
    let port = echo().await;
    let there = format!("127.0.0.1:{port}");
    let one = connect(&world.proxy, &there).await.unwrap();
    let _two = connect(&world.proxy, &there).await.unwrap();
    let refused = connect(&world.proxy, &there).await.unwrap_err();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    world.proxy.until_metric(&ended("full"), 1.0).await;
    let plain =
        exchange(world.proxy.intercept.unwrap(), &Request::bare("GET", &format!("http://{there}/"))).await;
    assert_eq!(plain.status, 503);
    let socket = connect(&world.proxy, &at(world.small.addr)).await.unwrap();
    let tls = trusting(setup.authority.pem(), "localhost", socket, &[]).await.unwrap();
    assert_eq!(Client::over(Box::new(tls)).exchange(&Request::chat(chat_body("small-1"))).await.status, 200);
    drop(one);
    world.proxy.until_metric("pointsman_intercept_tunnels", 1.0).await;
    assert!(connect(&world.proxy, &there).await.is_ok(), "there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_have_a_bound_and_a_first_head_a_clock() {
    let setup = Setup::new();
    let world = setup
        .world("", |config| {
            config.swap("max_body_bytes", "max_connections = 3\nhead_seconds = 1\nmax_body_bytes")
        })
        .await;
    let address = world.proxy.intercept.unwrap();
    let mut held = Vec::new();
    for bytes in [&b""[..], b"CONNECT ", &[0x16, 3, 1, 2, 0, 1]] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        held.push(socket);
    }
    world.proxy.until_metric("pointsman_intercept_connections", 3.0).await;
    let began = Instant::now();
    assert_eq!(rest(TcpStream::connect(address).await.unwrap()).await, b"");
    assert!(began.elapsed() < Duration::from_millis(500), "closed at once: {:?}", began.elapsed());
    world.proxy.until_metric(&ended("full"), 1.0).await;
    for socket in held {
        assert_eq!(rest(socket).await, b"", "too slow");
    }
    world.proxy.until_metric(&ended("slow"), 3.0).await;
    let mut client = Client::connect(address).await;
    client.send(&absolute(&at(world.small.addr), &Request::chat(chat_body("small-1")))).await.unwrap();
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_clear_for_a_host_of_https_is_refused_and_sent_nowhere() {
    let setup = Setup::new();
    let world = setup
        .world("", |config| {
            config.small = config.small.replace("http://", "https://");
            config.large = config.large.replace("http://", "https://");
        })
        .await;
    let (address, there) = (world.proxy.intercept.unwrap(), at(world.small.addr));
    let request = Request::chat(chat_body("small-1"));
    let behind_connect = Client::over(Box::new(connect(&world.proxy, &there).await.unwrap()));
    let direct = Request { target: "/v1/models".to_owned(), ..Request::bare("GET", "/") };
    let direct = String::from_utf8(direct.head_bytes()).unwrap().replace("localhost", &there).into_bytes();
    let ways = [
        ("behind CONNECT", behind_connect, [request.head_bytes(), request.body_bytes().to_vec()].concat()),
        ("absolute", Client::connect(address).await, absolute(&there, &request)),
        ("absolute, the port of http", Client::connect(address).await, absolute("localhost", &request)),
        ("as if we were its host", Client::connect(address).await, direct),
    ];
    for (way, mut client, bytes) in ways {
        client.send(&bytes).await.unwrap();
        let answer = client.answer().await;
        assert_eq!(answer.status, 400, "{way}: {}", answer.text());
        assert!(answer.text().contains("localhost is reached over TLS"), "{way}: {}", answer.text());
    }
    world.proxy.until_metric(&ended("in_clear"), 4.0).await;
    world.assert_untouched("in clear");
    assert_eq!((world.small.connections(), world.large.connections()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_off_the_list_hears_the_host_of_the_target() {
    let setup = Setup::new();
    let world = setup.world("", |_| {}).await;
    let port = echo().await;
    let mut socket = TcpStream::connect(world.proxy.intercept.unwrap()).await.unwrap();
    let head = format!("GET http://127.0.0.1:{port}/x HTTP/1.1\r\nHost: inside.example\r\nX-Kept: 1\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let heard = String::from_utf8(rest(socket).await).unwrap();
    let expected =
        format!("GET /x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Kept: 1\r\nconnection: close\r\n\r\n");
    assert_eq!(heard, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_reach_none_of_our_own_listeners() {
    let setup = Setup::new();
    let world = setup.world("", |_| {}).await;
    let proxy = &world.proxy;
    for own in [proxy.data, proxy.admin, proxy.intercept.unwrap()] {
        for host in ["127.0.0.1", "localhost"] {
            let refused = connect(proxy, &format!("{host}:{}", own.port())).await.unwrap_err();
            assert!(refused.starts_with("HTTP/1.1 403 "), "{host}:{}: {refused}", own.port());
        }
    }
}
