//! What counts as in flight: everything between a request's head and the end of its answer. Shedding and draining both
//! look at this number, so a request it misses is neither shed nor waited for.

use crate::support::client::chat_body;
use crate::support::proxy::World;
use crate::support::{Client, Request, Script};

const IN_FLIGHT: &str = "pointsman_requests_in_flight";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_pass_through_are_in_flight() {
    let world = World::start(|_| {}).await;
    world.small.next(Script::HangBeforeHeaders);
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&Request::bare("GET", "/v1/models")).await;
    world.small.nth(0).await;
    assert_eq!(world.proxy.metric(IN_FLIGHT).await, Some(1.0));
    drop(client);
    world.proxy.until_metric(IN_FLIGHT, 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_whose_body_is_being_read_are_in_flight() {
    let world = World::start(|_| {}).await;
    let request = Request::chat(chat_body("auto"));
    let mut client = Client::connect(world.proxy.data).await;
    client.send(&request.head_bytes()).await.unwrap();
    world.proxy.until_metric(IN_FLIGHT, 1.0).await;
    client.send(&request.body).await.unwrap();
    assert_eq!(client.answer().await.status, 200);
    world.proxy.until_metric(IN_FLIGHT, 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_routed_request_counts_once() {
    let world = World::start(|_| {}).await;
    world.small.next(Script::HangBeforeHeaders);
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&Request::chat(chat_body("auto"))).await;
    world.small.nth(0).await;
    assert_eq!(world.proxy.metric(IN_FLIGHT).await, Some(1.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bound_covers_what_passes_through_and_spares_the_probes() {
    let world = World::start(|config| config.swap("[server]\n", "[server]\nmax_in_flight = 1\n")).await;
    world.small.next(Script::HangBeforeHeaders);
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&Request::bare("GET", "/v1/models")).await;
    world.small.nth(0).await;
    for request in [Request::bare("GET", "/v1/models"), Request::chat(chat_body("auto"))] {
        let answer = world.proxy.exchange(&request).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", request.target);
    }
    assert_eq!(world.proxy.exchange(&Request::bare("GET", "/healthz")).await.status, 200);
    assert_eq!(world.small.seen().len(), 1);
    drop(client);
    world.proxy.until_metric(IN_FLIGHT, 0.0).await;
    assert_eq!(world.proxy.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
}
