//! What a client or a provider may make us hold or wait for: heads that drip, connections that pile up, answers and events
//! without end, bodies of nothing but values. Each is bounded, and others are served meanwhile.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::{chat_body, chat_stream_body};
use crate::support::proxy::World;
use crate::support::script::Whole;
use crate::support::{Client, End, Request, Script, Stream, answers};

/// Long enough on a busy machine, short enough for a test.
const PATIENCE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_drips_is_given_up() {
    let world = World::start(|config| config.swap("[server]\n", "[server]\nhead_seconds = 1\n")).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(world.proxy.data).await.unwrap();
        stream.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-").await.unwrap();
        slow.push(tokio::spawn(async move {
            let began = Instant::now();
            let mut answer = [0; 512];
            loop {
                let drip = stream.write_all(b"a").await;
                let read = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut answer)).await;
                if drip.is_err() || matches!(read, Ok(Ok(0) | Err(_))) {
                    return began.elapsed();
                }
                assert!(began.elapsed() < PATIENCE, "a head may drip for ever");
            }
        }));
    }
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!(answer.status, 200, "others are served meanwhile");
    for slow in slow {
        assert!(slow.await.unwrap() > Duration::from_millis(500), "it had its time");
    }
    // A connection that is kept has a new clock for each head, and none between them.
    let mut kept = Client::connect(world.proxy.data).await;
    for _ in 0..3 {
        assert_eq!(kept.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    // Nor does the head's clock bound the body or the answer.
    world.small.next(Script::After(Duration::from_millis(1300), Box::new(Script::Right)));
    assert_eq!(kept.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_without_end_is_not_held() {
    let world = World::start(|config| config.swap("[server]\n", "[server]\nmax_header_bytes = 8192\n")).await;
    let mut stream = TcpStream::connect(world.proxy.data).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    writer.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
    let mut sent = 0;
    let writing = async {
        while writer.write_all(&[b'a'; 8 << 10]).await.is_ok() && sent < 8 << 20 {
            sent += 8 << 10;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut answer));
    let (read, ()) = tokio::join!(reading, writing);
    assert!(read.is_ok(), "it is still open");
    assert!(sent < 1 << 20, "{sent} bytes of a head were taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announced_bodies_take_no_room() {
    let world = World::start(|config| {
        config.max_body_bytes = 1 << 20;
        config.swap("[server]", "[server]\nbody_budget_bytes = 1048576");
    })
    .await;
    let head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n{";
    let mut silent = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(world.proxy.data).await.unwrap();
        stream.write_all(head).await.unwrap();
        silent.push(stream);
    }
    world.proxy.until_metric("pointsman_requests_in_flight", 8.0).await;
    let large = chat_body("auto").replace("Be brief.", &"x".repeat(600 << 10));
    assert_eq!(world.proxy.exchange(&Request::chat(large)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_closed() {
    let world = World::start(|config| config.swap("[server]\n", "[server]\nidle_seconds = 1\n")).await;
    let mut silent = TcpStream::connect(world.proxy.data).await.unwrap();
    let began = Instant::now();
    let read = tokio::time::timeout(PATIENCE, silent.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(read, Ok(0)) && began.elapsed() > Duration::from_millis(500), "{read:?}");
    // One that is kept has its time anew after each request, and while it waits for an answer it is not silent.
    let mut kept = Client::connect(world.proxy.data).await;
    world.small.next(Script::After(Duration::from_millis(1600), Box::new(Script::Right)));
    for _ in 0..3 {
        assert_eq!(kept.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    world.proxy.until_metric("pointsman_connections", 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_may_be_open_are_closed() {
    let world = World::start(|config| config.swap("[server]\n", "[server]\nmax_connections = 4\n")).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect(world.proxy.data).await;
        assert_eq!(client.exchange(&Request::bare("GET", "/healthz")).await.status, 200);
        held.push(client);
    }
    let mut refused = TcpStream::connect(world.proxy.data).await.unwrap();
    let read = tokio::time::timeout(PATIENCE, refused.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    world.proxy.until_metric("pointsman_connections_refused_total", 1.0).await;
    assert_eq!(held[0].exchange(&Request::chat(chat_body("auto"))).await.status, 200);
    drop(held);
    world.proxy.until_metric("pointsman_connections", 0.0).await;
    assert_eq!(world.proxy.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_share_one_budget() {
    let world =
        World::start(|config| config.swap("[server]\n", "[server]\nanswer_budget_bytes = 1048576\n")).await;
    let long = |bytes: usize| {
        let text = "x".repeat(bytes);
        let body = json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]});
        Script::Whole(Whole::json(200, body.to_string()))
    };
    world.small.next(long(450 << 10));
    assert_eq!(world.proxy.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
    world.small.next(long(700 << 10));
    let refused = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
    assert_eq!(refused.json()["error"]["code"], "overloaded");
    assert!(world.large.seen().is_empty(), "another model's answer would find no room either");
    // What is only forwarded needs none: it goes on as it comes.
    world.small.next(long(700 << 10));
    let forwarded = world.proxy.exchange(&Request::chat(chat_body("small-1"))).await;
    assert_eq!((forwarded.status, forwarded.complete), (200, true));
    assert!(forwarded.body.len() > 700 << 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_never_end_find_no_room() {
    let world =
        World::start(|config| config.swap("[server]\n", "[server]\nanswer_budget_bytes = 1048576\n")).await;
    let begun = answers::chat_stream("m", false).cut_after(3);
    let endless = std::iter::repeat_n(Bytes::from(vec![b'a'; 64 << 10]), 64);
    // Many short lines of one event: no line is over its cap.
    let lines = endless.map(|piece| Bytes::from([b"data: ".as_slice(), &piece, b"\n"].concat()));
    let chunks = begun.chunks.into_iter().map(|chunk| chunk.bytes).chain(lines);
    world.small.next(Script::Stream(Stream::events(chunks).ending(End::Hang)));
    let broken = world.proxy.exchange(&Request::chat(chat_stream_body("auto"))).await;
    assert!(broken.text().contains("\"code\":\"overloaded\""), "{}", &broken.text()[..400]);
    assert!(!broken.text().contains("[DONE]"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_nothing_but_values_is_not_parsed() {
    let world = World::start(|_| {}).await;
    let values = "0,".repeat(2_100_000);
    let body = format!(r#"{{"model":"auto","messages":[],"x":[{values}0]}}"#);
    let refused = world.proxy.exchange(&Request::chat(body)).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["code"], "too_many_values");
    // Commas in a text are no values.
    let prose = chat_body("auto").replace("Be brief.", &",:".repeat(2_500_000));
    assert_eq!(world.proxy.exchange(&Request::chat(prose)).await.status, 200);
    assert_eq!(world.small.seen().len(), 1);
}
