//! A client that leaves stops paying: its call is cancelled upstream within 100 ms, and the ledger says so.

use std::time::{Duration, Instant};

use crate::support::client::{chat_body, chat_stream_body, messages_body, messages_stream_body};
use crate::support::proxy::{World, trail};
use crate::support::{Client, End, FakeProvider, Request, Script, Stream, answers};

const AT_ONCE: Duration = Duration::from_millis(100);

fn whole() -> [(Request, &'static str); 4] {
    [
        (Request::chat(chat_body("auto")), "small"),
        (Request::chat(chat_body("small-1")), "small"),
        (Request::messages(messages_body("auto")), "claude-small"),
        (Request::messages(messages_body("claude-small-1")), "claude-small"),
    ]
}

fn streamed() -> [(Request, &'static str); 4] {
    [
        (Request::chat(chat_stream_body("auto")), "small"),
        (Request::chat(chat_stream_body("small-1")), "small"),
        (Request::messages(messages_stream_body("auto")), "claude-small"),
        (Request::messages(messages_stream_body("claude-small-1")), "claude-small"),
    ]
}

/// The client leaves now; the provider must notice in time and the record must say what happened.
async fn leave(client: Client, world: &World, (provider, model): (&FakeProvider, &str)) {
    let seen = provider.nth(0).await;
    assert!(!seen.was_closed());
    let left = Instant::now();
    drop(client);
    let took = seen.closed().await - left;
    assert!(took < AT_ONCE, "{model}: the upstream call lived on for {took:?}");
    let entry = world.proxy.only_entry().await;
    assert_eq!(entry.outcome.as_str(), "client_gone", "{model}");
    assert_eq!(trail(&entry).last(), Some(&(model.to_owned(), "client_gone")), "{model}");
    let leg = entry.attempts.last().unwrap();
    assert!(leg.maybe_billed && entry.cost_estimated, "{model}: the provider may bill what it was sent");
    assert!(leg.cost.is_some_and(|cost| cost.0 > 0), "{model}: what it was sent is not free");
    assert_eq!(entry.model.as_ref().map(ToString::to_string).as_deref(), Some(model), "whose cost it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_before_a_whole_answer() {
    for (request, model) in whole() {
        let world = World::start(|_| {}).await;
        world.small.always(Script::HangBeforeHeaders);
        let mut client = Client::connect(world.proxy.data).await;
        client.request(&request).await;
        leave(client, &world, (&world.small, model)).await;
        assert_eq!(world.large.connections(), 0, "nobody else is asked for a client that is gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_in_the_middle_of_a_stream() {
    for (request, model) in streamed() {
        let world = World::start(|_| {}).await;
        world.small.choose(|seen| {
            let is_chat = seen.target().ends_with("/chat/completions");
            let stream =
                if is_chat { answers::chat_stream("m", false) } else { answers::messages_stream("m") };
            Script::Stream(stream.cut_after(4).ending(End::Hang))
        });
        let mut client = Client::connect(world.proxy.data).await;
        client.request(&request).await;
        assert_eq!(client.head().await.word(1), "200");
        client.event().await.unwrap().unwrap();
        leave(client, &world, (&world.small, model)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_in_the_middle_of_a_whole_answer() {
    let world = World::start(|_| {}).await;
    let mut stream = Stream::events(["{\"id\":"]).ending(End::Hang);
    stream.headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    world.small.always(Script::Stream(stream));
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&Request::chat(chat_body("auto"))).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    leave(client, &world, (&world.small, "small")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_while_the_second_hop_is_asked() {
    let world = World::start(|_| {}).await;
    world.small.always(Script::Status(500, None));
    world.large.always(Script::HangBeforeHeaders);
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&Request::chat(chat_body("auto"))).await;
    leave(client, &world, (&world.large, "large")).await;
    let entry = world.proxy.only_entry().await;
    let expected = [("small".to_owned(), "server_error"), ("large".to_owned(), "client_gone")];
    assert_eq!(trail(&entry), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_only_finished_sending_is_gone_unless_told_otherwise() {
    let world = World::start(|_| {}).await;
    world.small.always(Script::HangBeforeHeaders);
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&Request::chat(chat_body("auto"))).await;
    let seen = world.small.nth(0).await;
    let left = Instant::now();
    client.finish_sending().await;
    assert!(seen.closed().await - left < AT_ONCE);

    let world = World::start(|config| config.swap("[server]", "[server]\nhalf_close = true")).await;
    world.small.always(Script::After(Duration::from_millis(300), Box::new(Script::Right)));
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&Request::chat(chat_body("auto"))).await;
    client.finish_sending().await;
    assert_eq!(client.answer().await.status, 200);
}
