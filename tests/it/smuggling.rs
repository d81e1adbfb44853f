//! Requests that two readers could take for different ones. Whatever the proxy makes of them, a request hidden in another
//! never reaches a provider, and what has two lengths, or none that can be trusted, is refused and the connection closed.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use crate::support::client::chat_body;
use crate::support::proxy::World;

/// What the proxy must make of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    /// Refuse it: nothing reaches a provider.
    Refuse,
    /// Read it in one way or refuse it: at most the outer request reaches a provider, and that with its own body.
    Tame,
}

struct Case {
    name: String,
    raw: Bytes,
    must: Must,
}

/// Stands in every hidden request.
const MARKER: &str = "hidden-7f3a";
const PATH: &str = "/v1/chat/completions";

fn hidden() -> String {
    // Heads are built anew for a provider, so the body carries the mark as well.
    let body = chat_body("small-1").replace("Say hello", MARKER);
    assert!(body.contains(MARKER));
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: x\r\nX-{MARKER}: 1\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn body() -> String {
    chat_body("small-1")
}

fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// A request of a head's lines (joined by CRLF) and what follows the empty line.
fn request(lines: &[&str], rest: &str) -> Bytes {
    let mut raw = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    lines.iter().for_each(|line| raw += &format!("{line}\r\n"));
    (raw + "\r\n" + rest).into()
}

/// Content-Length beside Transfer-Encoding, in both orders, with the encoding written in every way that some reader takes.
fn two_lengths(cases: &mut Vec<Case>) {
    let encodings = [
        "Transfer-Encoding: chunked",
        "transfer-encoding: chunked",
        "TRANSFER-ENCODING: CHUNKED",
        "Transfer-Encoding: Chunked",
        "Transfer-Encoding:chunked",
        "Transfer-Encoding:  chunked",
        "Transfer-Encoding:\tchunked",
        "Transfer-Encoding: chunked ",
        "Transfer-Encoding: chunked\t",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked;q=1",
    ];
    let (body, hidden) = (body(), hidden());
    for encoding in encodings {
        for (order, lengths) in [("after", "before"), ("before", "after")] {
            for (what, length) in [("short", 4), ("of the body", body.len()), ("0", 0)] {
                let length = format!("Content-Length: {length}");
                let lines =
                    if order == "after" { [length.as_str(), encoding] } else { [encoding, length.as_str()] };
                cases.push(Case {
                    name: format!("{encoding:?} {order} a length ({lengths}), {what}"),
                    raw: request(&lines, &(chunked(&body) + &hidden)),
                    must: Must::Refuse,
                });
            }
        }
    }
}

/// Encodings that do not end in chunked, or that only some readers know.
fn odd_encodings(cases: &mut Vec<Case>) {
    let (body, hidden) = (body(), hidden());
    let odd = [
        "chunked, gzip",
        "gzip",
        "identity",
        "xchunked",
        "chunkedx",
        "\"chunked\"",
        "'chunked'",
        "chunked\u{b}",
        "\u{b}chunked",
        "chunk",
        "c\u{200b}hunked",
        "",
        "chunked, identity",
        "cow",
        "chunked;",
        "chunked\u{c}",
    ];
    for encoding in odd {
        for (with, lines) in
            [("alone", vec![]), ("and a length", vec![format!("Content-Length: {}", body.len())])]
        {
            let encoding_line = format!("Transfer-Encoding: {encoding}");
            let mut all: Vec<&str> = vec![&encoding_line];
            all.extend(lines.iter().map(String::as_str));
            cases.push(Case {
                name: format!("encoding {encoding:?} {with}"),
                raw: request(&all, &(chunked(&body) + &hidden)),
                must: Must::Refuse,
            });
        }
    }
    for names in [
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: identity", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding : chunked", "X: y"],
        ["Transfer-Encoding\t: chunked", "X: y"],
        [" Transfer-Encoding: chunked", "X: y"],
        ["X: y", " Transfer-Encoding: chunked"],
        ["Transfer\u{b}-Encoding: chunked", "X: y"],
        ["Transfer-Encoding: chunked\rX: y", "Z: y"],
        ["Transfer-Encoding:\r\n chunked", "X: y"],
        ["Transfer_Encoding: chunked", "Content-Length: 4"],
    ] {
        let must = if names[0].starts_with("Transfer_") { Must::Tame } else { Must::Refuse };
        let raw = request(&names, &(chunked(&body) + &hidden));
        cases.push(Case { name: format!("heads {names:?}"), raw, must });
    }
}

/// Lengths that are no length, and two of them.
fn odd_lengths(cases: &mut Vec<Case>) {
    let (body, hidden) = (body(), hidden());
    let own = body.len();
    let odd = [
        format!("+{own}"),
        format!("-{own}"),
        format!("0x{own:x}"),
        format!("{own}.0"),
        format!("{own}e0"),
        format!("{own} 0"),
        format!("{own}, {own}"),
        format!("{own},4"),
        format!("4,{own}"),
        format!("{own}_0"),
        format!("\"{own}\""),
        format!("{own}\u{b}"),
        format!("{own};"),
        String::new(),
        "NaN".to_owned(),
        "18446744073709551616".to_owned(),
        "99999999999999999999999999".to_owned(),
        "-1".to_owned(),
        "\u{664}".to_owned(),
    ];
    for length in odd {
        let line = format!("Content-Length: {length}");
        let raw = request(&[&line], &(body.clone() + &hidden));
        // A list of equal lengths is one length to RFC 9110, and may be refused.
        let must = if length == format!("{own}, {own}") { Must::Tame } else { Must::Refuse };
        cases.push(Case { name: format!("length {length:?}"), raw, must });
    }
    for pair in [(own, 0), (0, own), (own, 4), (4, own), (own, own + 9)] {
        for name in ["Content-Length", "content-length", "CONTENT-LENGTH"] {
            let (first, second) = (format!("Content-Length: {}", pair.0), format!("{name}: {}", pair.1));
            let raw = request(&[&first, &second], &(body.clone() + &hidden));
            cases.push(Case { name: format!("{first} and {second}"), raw, must: Must::Refuse });
        }
    }
    for line in [
        format!("Content-Length : {own}"),
        format!("Content-Length\t: {own}"),
        format!(" Content-Length: {own}"),
        format!("Content-Length:\r\n {own}"),
        format!("Content-Length: 4\r\n {own}"),
        format!("Content-Length: {own}\r"),
        format!("Content-Length: 4\rContent-Length: {own}"),
        format!("Content\u{0}Length: {own}"),
        format!("Content-Length: {own}\u{0}"),
    ] {
        let raw = request(&[&line], &(body.clone() + &hidden));
        cases.push(Case { name: format!("line {line:?}"), raw, must: Must::Refuse });
    }
    // Without any length there is no body: what follows would be the next request.
    for rest in [hidden.clone(), body + &hidden] {
        cases.push(Case {
            name: format!("no length, then {} bytes", rest.len()),
            raw: request(&[], &rest),
            must: Must::Refuse,
        });
    }
}

/// Chunks that two readers would cut differently.
fn odd_chunks(cases: &mut Vec<Case>) {
    let (body, hidden) = (body(), hidden());
    let size = body.len();
    let odd = [
        ("a sign", format!("+{size:x}\r\n{body}\r\n0\r\n\r\n")),
        ("a minus", format!("-{size:x}\r\n{body}\r\n0\r\n\r\n")),
        ("0x", format!("0x{size:x}\r\n{body}\r\n0\r\n\r\n")),
        ("a size that overflows", format!("fffffffffffffffff{size:x}\r\n{body}\r\n0\r\n\r\n")),
        ("a size of 2^64", format!("10000000000000000\r\n{body}\r\n0\r\n\r\n")),
        ("no size", format!("\r\n{body}\r\n0\r\n\r\n")),
        ("a word for a size", format!("ten\r\n{body}\r\n0\r\n\r\n")),
        ("a size too small", format!("{:x}\r\n{body}\r\n0\r\n\r\n", size - 3)),
        ("a size too large", format!("{:x}\r\n{body}\r\n0\r\n\r\n", size + 3)),
        ("no CRLF after the data", format!("{size:x}\r\n{body}0\r\n\r\n")),
        ("a bare LF after the size", format!("{size:x}\n{body}\r\n0\r\n\r\n")),
        ("a bare CR after the size", format!("{size:x}\r{body}\r\n0\r\n\r\n")),
        ("two bytes that are no CRLF after the data", format!("{size:x}\r\n{body}XX0\r\n\r\n")),
        ("a bare LF after the data", format!("{size:x}\r\n{body}\n0\r\n\r\n")),
        ("a NUL in the size", format!("{size:x}\u{0}\r\n{body}\r\n0\r\n\r\n")),
        ("a space before the size", format!(" {size:x}\r\n{body}\r\n0\r\n\r\n")),
        ("an underscore in the size", format!("{size:x}_\r\n{body}\r\n0\r\n\r\n")),
    ];
    for (name, chunks) in odd {
        let raw = request(&["Transfer-Encoding: chunked"], &(chunks + &hidden));
        cases.push(Case { name: format!("chunks: {name}"), raw, must: Must::Refuse });
    }
    let tame = [
        // Read like any extension, and framed anew.
        ("an extension with a bare LF", format!("{size:x};a\nb\r\n{body}\r\n0\r\n\r\n")),
        ("an extension", format!("{size:x};a=b\r\n{body}\r\n0\r\n\r\n")),
        ("a long extension", format!("{size:x};{}\r\n{body}\r\n0\r\n\r\n", "a".repeat(9000))),
        ("leading zeros", format!("0000{size:x}\r\n{body}\r\n0\r\n\r\n")),
        ("a trailer with a length", format!("{size:x}\r\n{body}\r\n0\r\nContent-Length: 4\r\n\r\n")),
        (
            "a trailer with a credential",
            format!("{size:x}\r\n{body}\r\n0\r\nAuthorization: Bearer {MARKER}\r\n\r\n"),
        ),
        ("capital digits", format!("{size:X}\r\n{body}\r\n0\r\n\r\n")),
        ("many last zeros", format!("{size:x}\r\n{body}\r\n0000\r\n\r\n")),
    ];
    for (name, chunks) in tame {
        let raw = request(&["Transfer-Encoding: chunked", "Connection: close"], &(chunks + &hidden));
        cases.push(Case { name: format!("chunks: {name}"), raw, must: Must::Tame });
    }
}

/// Request lines and versions.
fn odd_lines(cases: &mut Vec<Case>) {
    let (body, hidden) = (body(), hidden());
    let own = body.len();
    let with = |line: &str, heads: &str, rest: &str| Bytes::from(format!("{line}\r\n{heads}\r\n{rest}"));
    let heads = format!(
        "Host: x\r\nContent-Type: application/json\r\nContent-Length: {own}\r\nConnection: close\r\n"
    );
    let rest = format!("{body}{hidden}");
    let refused = [
        format!("POST  {PATH} HTTP/1.1"),
        format!("POST\t{PATH} HTTP/1.1"),
        format!("POST {PATH} HTTP/1.1 X"),
        format!("POST {PATH}"),
        format!("POST {PATH} HTTP/2.0"),
        format!("POST {PATH} HTTP/0.9"),
        format!("POST {PATH} HTTP/1.2"),
        format!("POST {PATH} http/1.1"),
        format!("POST {PATH} HTTP/1"),
        format!("POST {PATH} HTTP/11"),
        format!("PO ST {PATH} HTTP/1.1"),
        format!("PO\u{0}ST {PATH} HTTP/1.1"),
        format!(" POST {PATH} HTTP/1.1"),
        format!("CONNECT {PATH} HTTP/1.1"),
        "CONNECT api.openai.com:443 HTTP/1.1".to_owned(),
        "TRACE / HTTP/1.1".to_owned(),
    ];
    for line in refused {
        cases.push(Case {
            name: format!("line {line:?}"),
            raw: with(&line, &heads, &rest),
            must: Must::Refuse,
        });
    }
    let tame = [
        // Escaped, these are paths like any other.
        format!("POST {PATH} X HTTP/1.1"),
        format!("POST {PATH}\u{0} HTTP/1.1"),
        format!("POST {PATH}\u{b}x HTTP/1.1"),
        format!("POST http://169.254.169.254{PATH} HTTP/1.1"),
        format!("POST http://x{PATH} HTTP/1.1"),
        format!("POST {PATH}#{MARKER} HTTP/1.1"),
        "POST /v1/../v1/chat/completions HTTP/1.1".to_owned(),
        format!("POST //x{PATH} HTTP/1.1"),
        format!("POST {PATH}?a=%0d%0aX-Y:%201 HTTP/1.1"),
        format!("POST {PATH} HTTP/1.1"),
    ];
    for line in tame {
        cases.push(Case {
            name: format!("line {line:?}"),
            raw: with(&line, &heads, &rest),
            must: Must::Tame,
        });
    }
    // HTTP/1.0 knows no chunks: a reader of it takes what follows for the next request.
    let chunks = chunked(&body);
    for connection in ["", "Connection: keep-alive\r\n", "Connection: close\r\n"] {
        let heads = format!("Host: x\r\nTransfer-Encoding: chunked\r\n{connection}");
        let raw = with(&format!("POST {PATH} HTTP/1.0"), &heads, &(chunks.clone() + &hidden));
        cases.push(Case { name: format!("HTTP/1.0 with chunks, {connection:?}"), raw, must: Must::Refuse });
        let heads = format!("Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n{connection}");
        let raw = with(&format!("POST {PATH} HTTP/1.0"), &heads, &(chunks.clone() + &hidden));
        cases.push(Case {
            name: format!("HTTP/1.0 with chunks and a length, {connection:?}"),
            raw,
            must: Must::Refuse,
        });
    }
}

/// Line ends, folded lines, names with odd bytes, hosts, and upgrades that begin too early.
fn odd_heads(cases: &mut Vec<Case>) {
    let (body, hidden) = (body(), hidden());
    let own = body.len();
    let length = format!("Content-Length: {own}");
    for line in [
        "X-A: b\r\n c: d",
        "X-A: b\r\n\tc: d",
        "X A: b",
        "X\u{7f}: b",
        "X\u{0}: b",
        "X-A: b\u{0}c",
        "X-A: b\rc",
        ": b",
        "X-A",
        "X(A): b",
        "X-A\u{e9}: b",
        "X-A: b\nTransfer-Encoding: chunked",
        "X-A: b\nContent-Length: 4",
        "X-A: b\nX-B: c",
    ] {
        let raw = request(&[line, &length], &(body.clone() + &hidden));
        cases.push(Case { name: format!("head {line:?}"), raw, must: Must::Refuse });
    }
    let bare = String::from_utf8_lossy(&request(&[&length], "")).replace("\r\n", "\n");
    cases.push(Case {
        name: "bare LF everywhere".into(),
        raw: format!("{bare}{body}{hidden}").into(),
        must: Must::Refuse,
    });
    let mixed = String::from_utf8_lossy(&request(&[&length], "")).replacen("\r\n\r\n", "\r\n\n", 1);
    cases.push(Case {
        name: "a bare LF ends the head".into(),
        raw: format!("{mixed}{body}{hidden}").into(),
        must: Must::Refuse,
    });
    for hosts in [
        "Host: x\r\nHost: y",
        "Host: x, y",
        "Host: ",
        "Host: x y",
        "Host: user@x",
        "Host: x/path",
        "Host: x\u{0}y",
    ] {
        let raw =
            format!("POST {PATH} HTTP/1.1\r\n{hosts}\r\n{length}\r\nConnection: close\r\n\r\n{body}{hidden}");
        cases.push(Case { name: format!("hosts {hosts:?}"), raw: raw.into(), must: Must::Tame });
    }
    for upgrade in ["websocket", "h2c", "TLS/1.0", "chunked"] {
        for (connection, rest) in [("Upgrade", hidden.clone()), ("Upgrade", body.clone() + &hidden)] {
            let lines = [format!("Upgrade: {upgrade}"), format!("Connection: {connection}"), length.clone()];
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let raw = request(&lines, &rest);
            cases.push(Case {
                name: format!("upgrade to {upgrade}, {} bytes follow", rest.len()),
                raw,
                must: Must::Tame,
            });
        }
        let raw = format!(
            "GET /v1/models HTTP/1.1\r\nHost: x\r\nUpgrade: {upgrade}\r\nConnection: Upgrade\r\n\r\n{hidden}"
        );
        cases.push(Case {
            name: format!("GET upgrade to {upgrade}, then a request"),
            raw: raw.into(),
            must: Must::Tame,
        });
    }
    for expect in ["100-continue, 100-continue", "200-ok", "100-continue\u{b}", ""] {
        let expect_line = format!("Expect: {expect}");
        let raw = request(&[&expect_line, &length, "Connection: close"], &(body.clone() + &hidden));
        cases.push(Case { name: format!("expect {expect:?}"), raw, must: Must::Tame });
    }
}

fn corpus() -> Vec<Case> {
    let mut cases = Vec::new();
    for family in [two_lengths, odd_encodings, odd_lengths, odd_chunks, odd_lines, odd_heads] {
        family(&mut cases);
    }
    cases
}

/// Sends the bytes, and reads until the proxy closes or is silent.
async fn send(addr: SocketAddr, raw: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(addr).await.unwrap();
    // The proxy may refuse before it has read all.
    let _ = socket.write_all(raw).await;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    // The answer of a request that was taken comes at once; a connection that stays open is silent then.
    while let Ok(Ok(read @ 1..)) = timeout(Duration::from_millis(250), socket.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..read]);
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_hides_in_another() {
    let cases = corpus();
    assert!(cases.len() >= 200, "{} cases", cases.len());
    let names: std::collections::HashSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "every case has a name of its own");
    let cases = std::sync::Arc::new(parking_lot::Mutex::new(cases));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORLDS {
        let cases = cases.clone();
        workers.spawn(async move {
            let world = World::start(|config| config.clocks_ms = [1000, 1000, 1000, 2000]).await;
            let mut failures = Vec::new();
            let next = || cases.lock().pop();
            while let Some(case) = next() {
                failures.extend(judge(&world, &case).await);
            }
            failures
        });
    }
    let failures: Vec<String> = workers.join_all().await.concat();
    assert!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n"));
}

/// Worlds that take turns at the cases, one after another in each.
const WORLDS: usize = 16;

/// What went wrong with a case.
async fn judge(world: &World, case: &Case) -> Option<String> {
    let providers = [&world.small, &world.large];
    let before = providers.map(|provider| provider.seen().len());
    let answer = send(world.proxy.data, &case.raw).await;
    let new = providers.iter().zip(before).flat_map(|(provider, before)| provider.seen().split_off(before));
    let seen: Vec<_> = new.collect();
    let answered = String::from_utf8_lossy(&answer).lines().next().unwrap_or("closed").to_owned();
    let fault = if seen.iter().any(|seen| seen.holds(MARKER)) {
        "the hidden request, or what it stands for, reached a provider"
    } else if case.must == Must::Refuse && !seen.is_empty() {
        "it reached a provider"
    } else if seen.len() > 1 {
        "it became two requests"
    } else if case.must == Must::Refuse && answered.starts_with("HTTP/1.1 2") {
        "it was answered"
    } else {
        return None;
    };
    Some(format!("{}: {fault} ({answered})", case.name))
}
