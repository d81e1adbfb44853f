//! A stream that is still running when the time to drain is over: its client is told in so many words that it does not have
//! the whole answer, and the program ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::process::Stand;

/// A provider that begins every stream and ends none: it falls silent, or goes on and on where it is asked `on`.
fn start_provider() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = [0; 16 << 10];
                let read = stream.read(&mut request).unwrap_or(0);
                let goes_on = String::from_utf8_lossy(&request[..read]).contains("Go on.");
                let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
                             data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Once\"}}]}\n\n";
                let _ = stream.write_all(begun.as_bytes());
                let event = begun.split("\r\n\r\n").nth(1).unwrap();
                while goes_on && stream.write_all(event.as_bytes()).is_ok() {
                    std::thread::sleep(Duration::from_millis(50));
                }
                // Until the proxy lets go.
                while matches!(stream.read(&mut request), Ok(1..)) {}
            });
        }
    });
    addr
}

/// A client that has read the beginning of its stream.
fn begin(stand: &Stand, prompt: &str) -> (TcpStream, Vec<u8>) {
    let messages = format!(r#"[{{"role":"user","content":"{prompt}"}}]"#);
    let body = format!(r#"{{"model":"auto","stream":true,"messages":{messages}}}"#);
    let mut client = TcpStream::connect(stand.data).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    client.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains("Once") {
        let read = client.read(&mut piece).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
    (client, seen)
}

#[test]
fn a_stream_that_outlives_the_drain_is_told_so() {
    let mut stand = Stand::before(start_provider());
    stand.replace_config("drain_seconds = 20", "drain_seconds = 1");
    stand.start(false);
    let clients = ["Hello.", "Go on."].map(|prompt| begin(&stand, prompt));
    let began = Instant::now();
    let reading = clients.map(|(mut client, mut seen)| {
        std::thread::spawn(move || {
            let _ = client.read_to_end(&mut seen);
            seen
        })
    });
    stand.stop();
    let took = began.elapsed();
    for seen in reading {
        let seen = seen.join().unwrap();
        let text = String::from_utf8_lossy(&seen);
        assert!(text.contains("upstream_truncated") && !text.contains("[DONE]"), "{text}");
    }
    assert_eq!((stand.recorded(), stand.recorded_with_status(200)), (2, 2), "both are on record");
    stand.check_ledger();
    crate::keep(
        "drain",
        &serde_json::json!({ "drain_seconds": 1, "ended_after_ms": took.as_millis() as u64 }),
    );
}
