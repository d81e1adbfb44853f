//! Large bodies arrive whole whatever carries them, and bodies over the cap are refused before they are sent.

use std::time::Duration;

use bytes::Bytes;

use crate::support::h2_client::H2Client;
use crate::support::proxy::World;
use crate::support::tls::TestCertificate;
use crate::support::{Client, Request, Script, errors};

const LARGE: usize = 16 << 20;

/// A chat request of exactly this many bytes, without repetition that would hide a lost or doubled piece.
fn body_of(model: &str, bytes: usize) -> Bytes {
    let head = format!("{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"");
    let tail = "\"}],\"max_tokens\":64}";
    let mut body = head.into_bytes();
    let mut number = 0_u64;
    while body.len() + tail.len() < bytes {
        let left = bytes - tail.len() - body.len();
        let word = format!("{number:x} ");
        body.extend_from_slice(&word.as_bytes()[..word.len().min(left)]);
        number += 1;
    }
    body.extend_from_slice(tail.as_bytes());
    Bytes::from(body)
}

fn renamed(body: &Bytes) -> Bytes {
    Bytes::from(String::from_utf8(body.to_vec()).unwrap().replacen("\"auto\"", "\"small-1\"", 1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_mebibytes_arrive_over_http1() {
    let world = World::start(|config| config.clocks_ms[1] = 10_000).await;
    for (model, chunks) in
        [("small-1", None), ("small-1", Some(60_001)), ("auto", None), ("auto", Some(8192))]
    {
        let body = body_of(model, LARGE);
        let mut request = Request::chat(body.clone());
        request.chunks_of = chunks;
        let answer = world.proxy.exchange(&request).await;
        assert_eq!((answer.status, answer.complete), (200, true), "{model} {chunks:?}: {:?}", answer.body);
        let seen = world.small.seen().last().unwrap().clone();
        let expected = if model == "auto" { renamed(&body) } else { body };
        assert!(
            seen.body() == &expected,
            "{model} {chunks:?}: {} of {} bytes",
            seen.body().len(),
            expected.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_mebibytes_arrive_over_http2() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = TestCertificate::new(directory.path());
    let files = (certificate.cert.display().to_string(), certificate.key.display().to_string());
    let world = World::start(|config| {
        config.tls = Some(files);
        config.clocks_ms[1] = 10_000;
    })
    .await;
    let client = H2Client::over(certificate.connect(world.proxy.data, &[b"h2"]).await).await;
    for model in ["small-1", "auto"] {
        let body = body_of(model, LARGE);
        let answer = client.exchange(&Request::chat(body.clone())).await;
        assert_eq!((answer.status, answer.complete), (200, true), "{model}: {:?}", answer.body);
        let expected = if model == "auto" { renamed(&body) } else { body };
        assert!(world.small.seen().last().unwrap().body() == &expected, "{model}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_is_replayed_whole_on_the_next_hop() {
    let world = World::start(|config| config.clocks_ms[1] = 10_000).await;
    world.small.next(Script::Status(503, None));
    let body = body_of("auto", LARGE);
    let answer = world.proxy.exchange(&Request::chat(body.clone())).await;
    assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, Some("large")));
    let expected = String::from_utf8(body.to_vec()).unwrap().replacen("\"auto\"", "\"large-1\"", 1);
    assert!(world.large.only().body() == expected.as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_100_gets_it() {
    let world = World::start(|_| {}).await;
    for model in ["small-1", "auto"] {
        let request = Request::chat(body_of(model, 200_000)).with("expect", "100-continue");
        let mut client = Client::connect(world.proxy.data).await;
        client.send(&request.head_bytes()).await.unwrap();
        assert_eq!(client.head().await.word(1), "100", "{model}");
        client.send(&request.body_bytes()).await.unwrap();
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.interim.len()), (200, 0), "{model}: {:?}", answer.body);
        assert_eq!(world.small.seen().last().unwrap().header("expect"), None, "{model}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_cap_is_refused_before_100() {
    let world = World::start(|config| config.max_body_bytes = 100_000).await;
    for request in [Request::chat(body_of("auto", 100_001)), Request::messages(body_of("auto", 100_001))] {
        let request = request.with("expect", "100-continue");
        let mut client = Client::connect(world.proxy.data).await;
        client.send(&request.head_bytes()).await.unwrap();
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.interim.len()), (413, 0));
        errors::of_path(&request.target, &answer, "over the cap");
        assert!(answer.text().contains("100000"), "the cap is named: {}", answer.text());
    }
    world.assert_untouched("over the cap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cap_is_exact_and_holds_for_chunks() {
    let world = World::start(|config| config.max_body_bytes = 100_000).await;
    for (bytes, chunks, status) in
        [(100_001, None, 413), (100_001, Some(1000), 413), (100_000, None, 200), (100_000, Some(1000), 200)]
    {
        let mut request = Request::chat(body_of("auto", bytes));
        request.chunks_of = chunks;
        let answer = world.proxy.exchange(&request).await;
        assert_eq!(answer.status, status, "{bytes} {chunks:?}: {:?}", answer.body);
    }
    assert_eq!(world.small.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_that_lies_is_not_forwarded() {
    let world = World::start(|_| {}).await;
    let request = Request::chat(body_of("auto", 5000));
    let mut client = Client::connect(world.proxy.data).await;
    client.send(&request.head_bytes()).await.unwrap();
    client.send(&request.body[..4000]).await.unwrap();
    drop(client);
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.assert_untouched("a cut body");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_refuses_early_does_not_hang_us() {
    let world = World::start(|config| config.fallback = false).await;
    for model in ["small-1", "auto"] {
        world.small.next(Script::Early413);
        let answer = world.proxy.exchange(&Request::chat(body_of(model, 8 << 20))).await;
        assert_eq!(answer.status, 413, "{model}");
        // The rest of that body lies on its connection: nothing else may be sent behind it.
        let next = world.proxy.exchange(&Request::chat(body_of(model, 500))).await;
        assert_eq!(next.status, 200, "{model}: {:?}", next.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_budget_charges_a_body_and_not_its_chunks() {
    let budget = "[server]\nbody_budget_bytes = 1048576\n";
    let world = World::start(|config| config.swap("[server]\n", budget)).await;
    let small = Request::chat(body_of("auto", 50_000)).chunked(20);
    assert_eq!(world.proxy.exchange(&small).await.status, 200, "2500 chunks are still 50 kB");
    let large = Request::chat(body_of("auto", 1_100_000)).chunked(8192);
    assert_eq!(world.proxy.exchange(&large).await.status, 503);
    assert_eq!(world.proxy.exchange(&small).await.status, 200, "what was taken is given back");
}
