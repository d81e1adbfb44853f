//! A stream that is still running when the time to drain is over: its client is told in so many words that it does not have
//! the whole answer, and the program ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::process::Stand;

/// A provider that begins every stream and goes on with none.
fn start_provider() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = [0; 16 << 10];
                let _ = stream.read(&mut request);
                let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
                             data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Once\"}}]}\n\n";
                let _ = stream.write_all(begun.as_bytes());
                // Until the proxy lets go.
                while matches!(stream.read(&mut request), Ok(1..)) {}
            });
        }
    });
    addr
}

#[test]
fn a_stream_that_outlives_the_drain_is_told_so() {
    let mut stand = Stand::before(start_provider());
    stand.replace_config("drain_seconds = 20", "drain_seconds = 1");
    stand.start(false);
    let body = r#"{"model":"auto","stream":true,"messages":[{"role":"user","content":"Hello."}]}"#;
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
    let began = Instant::now();
    stand.stop();
    let took = began.elapsed();
    let _ = client.read_to_end(&mut seen);
    let text = String::from_utf8_lossy(&seen);
    assert!(text.contains("upstream_truncated") && !text.contains("[DONE]"), "{text}");
    assert_eq!((stand.recorded(), stand.recorded_with_status(200)), (1, 1), "it is on record");
    stand.check_ledger();
    crate::keep(
        "drain",
        &serde_json::json!({ "drain_seconds": 1, "ended_after_ms": took.as_millis() as u64 }),
    );
}
