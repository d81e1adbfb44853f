//! Requests that are refused before they are read leave a record all the same: who was turned away, and why.

use crate::support::client::chat_body;
use crate::support::config::CLIENT_KEY;
use crate::support::proxy::World;
use crate::support::{Client, Request};

fn chat() -> Request {
    Request::chat(chat_body("auto"))
}

fn socket() -> Request {
    Request::bare("GET", "/v1/realtime").with("connection", "Upgrade").with("upgrade", "websocket")
}

fn headers(count: usize) -> Request {
    (0..count).fold(chat(), |request, number| request.with(&format!("x-{number}"), "1"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_is_on_record() {
    let world = World::start(|config| (config.client_auth, config.max_body_bytes) = (true, 4096)).await;
    let known = |request: Request| request.with("x-pointsman-key", CLIENT_KEY);
    let cases = [
        (chat(), "unauthorized", 401, false),
        (known(Request::chat(vec![b' '; 5000])), "body_too_large", 413, true),
        (known(Request::chat(vec![b' '; 5000]).chunked(512)), "body_too_large", 413, true),
        (known(chat().with("content-encoding", "gzip")), "unsupported_content_encoding", 415, true),
        (known(headers(140)), "headers_too_large", 431, false),
        (known(socket()), "websocket_unsupported", 426, true),
    ];
    for (request, code, status, identified) in &cases {
        let answer = world.proxy.exchange(request).await;
        let entry = world.proxy.entry_of(&answer).await;
        assert_eq!((answer.status, entry.status, &*entry.reason), (*status, *status, *code));
        assert_eq!((entry.outcome.as_str(), entry.attempts.len()), ("own_error", 0), "{code}");
        assert_eq!(entry.cost.map(|cost| cost.0), Some(0), "{code}");
        assert_eq!((entry.client.is_some(), entry.tenant != 0), (*identified, *identified), "{code}");
    }
    assert_eq!(world.proxy.entries().len(), cases.len(), "one record each");
    world.assert_untouched("refusals");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_is_on_record() {
    let world = World::start(|_| {}).await;
    let request = chat();
    let mut client = Client::connect(world.proxy.data).await;
    client.send(&request.head_bytes()).await.unwrap();
    client.send(&request.body[..10]).await.unwrap();
    drop(client);
    let entry = world.proxy.only_entry().await;
    assert_eq!((entry.status, &*entry.reason), (408, "body_too_slow"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_us_leaves_no_record() {
    let world = World::start(|_| {}).await;
    let unknown = Request::bare("GET", "/pointsman/v1/requests/nonsense");
    assert_eq!(world.proxy.exchange(&unknown).await.status, 404);
    assert_eq!(world.proxy.exchange(&chat()).await.status, 200);
    assert_eq!(world.proxy.only_entry().await.status, 200);
}
