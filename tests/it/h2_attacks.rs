//! Attacks on HTTP/2, frame by frame over TLS: each ends its own connection or stays within its bounds, and another client is
//! served meanwhile and afterwards.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::support::Request;
use crate::support::client::chat_body;
use crate::support::h2_client::H2Client;
use crate::support::proxy::World;
use crate::support::tls::TestCertificate;

/// An attack is over when its connection is closed, or after this.
const PATIENCE: Duration = Duration::from_secs(10);
/// What an attack may make the process of this test hold, attacker and providers in it, bytes.
const MOST_MEMORY: u64 = 96 << 20;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// `GET /healthz`, or a POST of a prompt, in HPACK literals.
fn head(method: &str, path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in
        [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
    {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// The bytes of an attack, stream after stream.
fn attack(name: &str) -> Vec<u8> {
    let get = head("GET", "/healthz");
    let post = head("POST", "/v1/chat/completions");
    let odd = |number: u32| 2 * number + 1;
    match name {
        "rapid reset" => (0..20_000)
            .flat_map(|number| {
                let headers = frame(HEADERS, END_STREAM | END_HEADERS, odd(number), &get);
                [headers, frame(RST_STREAM, 0, odd(number), &8_u32.to_be_bytes())].concat()
            })
            .collect(),
        "continuation flood" => {
            let more = frame(CONTINUATION, 0, 1, &[0; 16_000]);
            [frame(HEADERS, 0, 1, &get), more.repeat(2_000)].concat()
        }
        "header bomb" => {
            // One long value goes into the table, then a byte each calls for it again.
            let mut first = get.clone();
            first.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]); // a literal that is indexed, with a value of 4000 bytes
            first.extend([b'a'; 4000]);
            let bomb = [get, vec![0x80 | 62; 16_000]].concat();
            let opening = frame(HEADERS, END_STREAM | END_HEADERS, 1, &first);
            let rest =
                (1..200).flat_map(|number| frame(HEADERS, END_STREAM | END_HEADERS, odd(number), &bomb));
            opening.into_iter().chain(rest).collect()
        }
        "empty data" => {
            [frame(HEADERS, END_HEADERS, 1, &post), frame(DATA, 0, 1, &[]).repeat(200_000)].concat()
        }
        "ping flood" => frame(PING, 0, 0, &[7; 8]).repeat(100_000),
        "settings flood" => frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]).repeat(100_000),
        "too many streams" => {
            (0..5_000).flat_map(|number| frame(HEADERS, END_HEADERS, odd(number), &post)).collect()
        }
        other => panic!("no attack is called {other}"),
    }
}

/// Sends it all, reading what comes; true when the other side closed the connection.
async fn play(mut io: TlsStream<TcpStream>, bytes: Vec<u8>) -> bool {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let opening = [preface.as_slice(), &frame(SETTINGS, 0, 0, &[])].concat();
    if io.write_all(&opening).await.is_err() {
        return true;
    }
    let (mut read, mut write) = tokio::io::split(io);
    let sending = async {
        for piece in bytes.chunks(16 << 10) {
            write.write_all(piece).await?;
        }
        write.flush().await
    };
    let reading = async {
        let mut piece = [0; 16 << 10];
        while matches!(read.read(&mut piece).await, Ok(1..)) {}
    };
    tokio::pin!(sending, reading);
    let by = tokio::time::Instant::now() + PATIENCE;
    tokio::select! {
        () = &mut reading => return true,
        sent = tokio::time::timeout_at(by, &mut sending) => if !matches!(sent, Ok(Ok(()))) { return true },
    }
    tokio::time::timeout(Duration::from_secs(1), reading).await.is_ok()
}

/// Memory this process holds.
fn held() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

async fn withstands(name: &'static str, must_close: bool) {
    let directory = tempfile::tempdir().unwrap();
    let certificate = TestCertificate::new(directory.path());
    let files = (certificate.cert.display().to_string(), certificate.key.display().to_string());
    let world = World::start(|config| config.tls = Some(files)).await;
    let client = H2Client::over(certificate.connect(world.proxy.data, &[b"h2"]).await).await;
    assert_eq!(client.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
    let bytes = attack(name);
    let (before, began) = (held(), Instant::now());
    let mut attacks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let io = certificate.connect(world.proxy.data, &[b"h2"]).await;
        attacks.spawn(play(io, bytes.clone()));
    }
    let mut most = held();
    let mut closed = 0;
    while !attacks.is_empty() {
        tokio::select! {
            one = attacks.join_next() => closed += usize::from(one.unwrap().unwrap()),
            () = tokio::time::sleep(Duration::from_millis(20)) => most = most.max(held()),
        }
        assert!(began.elapsed() < 4 * PATIENCE, "{name}: it does not end");
    }
    assert!(!must_close || closed == 4, "{name}: {closed} of 4 connections were closed");
    let grown = most.saturating_sub(before).saturating_sub(4 * bytes.len() as u64);
    assert!(grown < MOST_MEMORY, "{name}: {} MiB", grown >> 20);
    assert_eq!(
        client.exchange(&Request::chat(chat_body("auto"))).await.status,
        200,
        "{name}: others are not served"
    );
    world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
}

macro_rules! attacks {
    ($($test:ident: $name:literal, $must_close:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            withstands($name, $must_close).await;
        })*
    };
}

attacks! {
    rapid_reset: "rapid reset", true;
    continuation_flood: "continuation flood", true;
    header_bomb: "header bomb", false;
    empty_data: "empty data", true;
    ping_flood: "ping flood", false;
    settings_flood: "settings flood", false;
    too_many_streams: "too many streams", false;
}

/// A client that opens no window gets no answer, holds nobody up, and is let go of when it leaves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_stays_shut() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = TestCertificate::new(directory.path());
    let files = (certificate.cert.display().to_string(), certificate.key.display().to_string());
    let world = World::start(|config| config.tls = Some(files)).await;
    let mut io = certificate.connect(world.proxy.data, &[b"h2"]).await;
    let shut = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let mut bytes = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &shut].concat();
    for number in 0..50 {
        bytes.extend(frame(HEADERS, END_HEADERS, 2 * number + 1, &head("POST", "/v1/chat/completions")));
        bytes.extend(frame(DATA, END_STREAM, 2 * number + 1, chat_body("auto").as_bytes()));
    }
    io.write_all(&bytes).await.unwrap();
    let client = H2Client::over(certificate.connect(world.proxy.data, &[b"h2"]).await).await;
    for _ in 0..5 {
        assert_eq!(client.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
    }
    drop(io);
    world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
}

/// A client that has agreed on HTTP/2 and then says nothing, or drips its preface, is not waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preface_that_does_not_come() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = TestCertificate::new(directory.path());
    let files = (certificate.cert.display().to_string(), certificate.key.display().to_string());
    let world = World::start(|config| {
        config.tls = Some(files);
        config.swap("[server]\n", "[server]\nhead_seconds = 1\n");
    })
    .await;
    for drips in [false, true] {
        let mut io = certificate.connect(world.proxy.data, &[b"h2"]).await;
        let began = Instant::now();
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r" {
            let dripped = !drips || io.write_all(&[*byte]).await.and(io.flush().await).is_ok();
            let read = tokio::time::timeout(Duration::from_millis(150), io.read(&mut [0; 64])).await;
            if !dripped || matches!(read, Ok(Ok(0) | Err(_))) {
                break;
            }
        }
        let took = began.elapsed();
        assert!(took > Duration::from_millis(500) && took < Duration::from_millis(3000), "{drips}: {took:?}");
    }
    world.proxy.until_metric("pointsman_connections", 0.0).await;
}
