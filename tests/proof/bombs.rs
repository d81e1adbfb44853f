//! What a few hundred hostile connections can make the program hold: its memory under each bomb, beside what it holds when
//! ordinary traffic has warmed it up. Providers are hostile, too.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::process::{Load, Stand};

/// One connection of an attack: where to, and its number.
type Bomb = fn(SocketAddr, usize);

/// Most memory beyond the base, MiB.
const MOST: f64 = 256.0;

/// Connections at once.
fn connections() -> usize {
    match std::env::var("PROOF").as_deref() {
        Ok("full") => 500,
        _ => 16,
    }
}

#[test]
fn bombs_stay_within_their_bounds() {
    let provider = HostileProvider::start();
    let mut stand = Stand::before(provider.addr);
    stand.start(false);
    Load::start(&stand, 100, 2.0).finish();
    let (base, _) = stand.memory_mib();
    let mut figures = Map::new();
    figures.insert("base_mib".into(), json!(base.round()));
    let bombs: [(&str, Bomb); 9] = [
        ("heads that drip", |at, _| drip(at, b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-a: ")),
        ("bodies that drip", |at, _| {
            drip(at, b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 9999999\r\n\r\n{")
        }),
        ("heads without end", |at, _| {
            let _ = exchange(at, &[b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'a'; 4 << 20]].concat());
        }),
        ("heads of 1 MB, held", |at, _| {
            drip(at, &[b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'a'; 1_000_000]].concat());
        }),
        ("whole bodies of 32 MiB", |at, _| post(at, "", &vec![b' '; 32 << 20])),
        ("nothing but values", |at, _| {
            post(at, "", format!("{{\"model\":\"auto\",\"x\":[{}0]}}", "0,".repeat(15_000_000)).as_bytes())
        }),
        ("nothing but depth", |at, number| {
            post(at, "", "[".repeat(10_usize.pow(2 + number as u32 % 5)).as_bytes())
        }),
        ("a line without end from the provider", |at, _| post(at, "", &asks("line", true))),
        ("an answer without end from the provider", |at, _| post(at, "", &asks("whole", false))),
    ];
    for (name, bomb) in bombs {
        let at = stand.data;
        let began = Instant::now();
        let running: Vec<JoinHandle<()>> =
            (0..connections()).map(|number| std::thread::spawn(move || bomb(at, number))).collect();
        let mut peak = 0_f64;
        while running.iter().any(|one| !one.is_finished()) && began.elapsed() < Duration::from_secs(120) {
            peak = peak.max(stand.memory_mib().0);
            if name.ends_with("that drip") {
                assert_eq!(stand.chat().0, 200, "{name}: others are not served meanwhile");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let beyond = (peak - base).max(0.0);
        println!("{name}: {beyond:.0} MiB beyond {base:.0}, {:.1} s", began.elapsed().as_secs_f64());
        assert!(beyond <= MOST, "{name}: {beyond:.0} MiB beyond the base");
        figures.insert(name.into(), json!(beyond.round()));
        for one in running {
            one.join().unwrap();
        }
        let served = exchange(at, b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert!(served.starts_with("HTTP/1.1 200"), "{name}: it serves no more: {served}");
    }
    // The kernel's own high-water mark misses no peak between two looks.
    let (_, most) = stand.memory_mib();
    assert!(most - base <= MOST, "{:.0} MiB beyond the base at some moment", most - base);
    figures.insert("connections".into(), json!(connections()));
    figures.insert("most_mib_ever".into(), json!(most.round()));
    stand.stop();
    crate::keep("bombs", &Value::Object(figures));
}

fn asks(manner: &str, stream: bool) -> Vec<u8> {
    let body = json!({"model": "auto", "stream": stream, "max_tokens": 9, "user": manner,
                      "messages": [{"role": "user", "content": "Hello."}]});
    body.to_string().into_bytes()
}

/// A byte now and then, until the other side has had enough or a while is over.
fn drip(at: SocketAddr, beginning: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(at) else { return };
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let _ = stream.write_all(beginning);
    for _ in 0..40 {
        if stream.write_all(b"a").is_err() || stream.read(&mut [0; 256]).is_ok() {
            return;
        }
    }
}

fn post(at: SocketAddr, _: &str, body: &[u8]) {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let Ok(mut stream) = TcpStream::connect(at) else { return };
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    // A refusal may come, and the connection go, before the whole body is sent.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

fn exchange(at: SocketAddr, bytes: &[u8]) -> String {
    let Ok(mut stream) = TcpStream::connect(at) else { return String::new() };
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A provider that never ends what it says; what it does is asked for in `user`.
struct HostileProvider {
    addr: SocketAddr,
}

impl HostileProvider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { addr }
    }
}

/// At most this much is sent to one connection: far beyond every bound, and an end for the test.
const FLOOD: usize = 256 << 20;

fn serve(mut stream: TcpStream) {
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let Ok(read @ 1..) = stream.read(&mut piece) else { return };
        seen.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        let Some(manner) =
            ["line", "whole", "Hello"].into_iter().find(|word| text.contains(&format!("\"{word}")))
        else {
            continue;
        };
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: ";
        let begins = match manner {
            "line" => format!("{head}text/event-stream\r\n\r\ndata: "),
            "whole" => format!("{head}application/json\r\n\r\n{{\"choices\":[{{\"message\":{{\"content\":\""),
            _ => format!(
                "{head}application/json\r\n\r\n{{\"choices\":[{{\"message\":{{\"content\":\"Hi\"}},\"finish_reason\":\"stop\"}}]}}"
            ),
        };
        let _ = stream.write_all(begins.as_bytes());
        if manner != "Hello" {
            let flood = vec![b'a'; 64 << 10];
            let mut sent = 0;
            while sent < FLOOD && stream.write_all(&flood).is_ok() {
                sent += flood.len();
            }
        }
        return;
    }
}
