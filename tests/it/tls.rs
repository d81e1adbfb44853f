//! The TLS listener: HTTP/1.1 and HTTP/2 by the client's offer, with the same answers as over plain TCP.

use crate::support::client::{chat_body, chat_stream_body, exchange};
use crate::support::h2_client::H2Client;
use crate::support::proxy::World;
use crate::support::tls::TestCertificate;
use crate::support::{Request, Script, errors};

async fn start() -> (World, TestCertificate, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let certificate = TestCertificate::new(directory.path());
    let files = (certificate.cert.display().to_string(), certificate.key.display().to_string());
    let world = World::start(|config| config.tls = Some(files)).await;
    (world, certificate, directory)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http1_over_tls() {
    let (world, certificate, _directory) = start().await;
    let mut client = certificate.client(world.proxy.data).await;
    for body in [chat_body("auto"), chat_stream_body("auto"), chat_body("small-1")] {
        let answer = client.exchange(&Request::chat(body)).await;
        assert_eq!((answer.status, answer.complete), (200, true));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_offers_nothing_speaks_http1() {
    let (world, certificate, _directory) = start().await;
    let io = certificate.connect(world.proxy.data, &[]).await;
    let mut client = crate::support::Client::over(Box::new(io));
    assert_eq!(client.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_over_tls_many_at_once() {
    let (world, certificate, _directory) = start().await;
    let io = certificate.connect(world.proxy.data, &[b"h2", b"http/1.1"]).await;
    assert_eq!(io.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let client = std::sync::Arc::new(H2Client::over(io).await);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..20 {
        let client = client.clone();
        let body = if number % 2 == 0 { chat_body("auto") } else { chat_stream_body("auto") };
        calls.spawn(async move { client.exchange(&Request::chat(body)).await });
    }
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.complete), (200, true));
        assert!(answer.header("x-pointsman-id").is_some());
    }
    assert_eq!(world.small.seen().len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_answers_equal_those_of_the_provider() {
    let (world, certificate, _directory) = start().await;
    let client = H2Client::over(certificate.connect(world.proxy.data, &[b"h2"]).await).await;
    for body in [chat_body("small-1"), chat_stream_body("small-1")] {
        let request = Request::chat(body);
        let (through, direct) = (client.exchange(&request).await, exchange(world.small.addr, &request).await);
        assert!(through.body == direct.body && through.complete);
    }
    let refused = client.exchange(&Request::chat("{")).await;
    assert_eq!(refused.status, 400);
    errors::openai(&refused, "over h2");
    world.small.next(Script::Status(500, None));
    let moved = client.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((moved.status, moved.header("x-pointsman-model")), (200, Some("large")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_h2_client_that_resets_its_stream_is_gone() {
    let (world, certificate, _directory) = start().await;
    world.small.always(Script::HangBeforeHeaders);
    let client = H2Client::over(certificate.connect(world.proxy.data, &[b"h2"]).await).await;
    let call = tokio::spawn(async move { client.exchange(&Request::chat(chat_body("auto"))).await });
    let seen = world.small.nth(0).await;
    let left = std::time::Instant::now();
    call.abort();
    assert!(seen.closed().await - left < std::time::Duration::from_millis(100));
    assert_eq!(world.proxy.only_entry().await.outcome.as_str(), "client_gone");
}
