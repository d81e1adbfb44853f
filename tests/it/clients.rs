//! Real clients, unmodified: what they were recorded sending is answered, and reaches the provider as they sent it.

use std::collections::BTreeSet;

use crate::support::client::exchange;
use crate::support::fixtures::{Fixture, model_span, named, posts};
use crate::support::proxy::World;
use crate::support::{FakeProvider, Request, Seen};

/// What the proxy adds to a chat stream to learn its usage.
const USAGE_ASKED: &str = "\"stream_options\":{\"include_usage\":true},";

/// Headers that belong to a connection or to a credential; all others must arrive as they were sent.
const OWN: [&str; 9] = [
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "connection",
    "accept-encoding",
    "host",
    "content-length",
    "transfer-encoding",
    "keep-alive",
];

fn serves<'w>(world: &'w World, fixture: &Fixture) -> &'w FakeProvider {
    if fixture.request.target.contains("enerateContent") { &world.large } else { &world.small }
}

fn last(provider: &FakeProvider) -> std::sync::Arc<Seen> {
    provider.seen().last().expect("the request reached a provider").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observed_requests_reach_the_provider_byte_for_byte() {
    let world = World::start(|config| config.held = false).await;
    for fixture in posts() {
        let provider = serves(&world, &fixture);
        let answer = world.proxy.exchange(&fixture.request).await;
        assert_eq!((answer.status, answer.complete), (200, true), "{}: {:?}", fixture.name, answer.body);
        let seen = last(provider);
        assert!(seen.body() == &fixture.request.body, "{}: the body was changed", fixture.name);
        assert_eq!(seen.target(), fixture.request.target, "{}", fixture.name);
        let direct = exchange(provider.addr, &fixture.request).await;
        assert!(direct.body == answer.body, "{}: the answer was changed", fixture.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_clients_arrive_as_they_were_sent() {
    let world = World::start(|config| config.held = false).await;
    for fixture in posts() {
        world.proxy.exchange(&fixture.request).await;
        let seen = last(serves(&world, &fixture));
        for (name, value) in &fixture.request.headers {
            let own = OWN.contains(&name.to_ascii_lowercase().as_str());
            assert!(
                own || seen.header(name) == Some(value),
                "{}: {name} became {:?}",
                fixture.name,
                seen.header(name)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routed_requests_differ_in_the_model_and_the_usage_option_only() {
    let names: BTreeSet<_> = posts().iter().filter_map(declared).collect();
    let world = World::start(|config| {
        config.mode = "route";
        config.named = names.into_iter().collect();
    })
    .await;
    let mut moved = 0;
    for fixture in posts() {
        let before = (world.small.seen().len(), world.large.seen().len());
        let answer = world.proxy.exchange(&fixture.request).await;
        assert_eq!((answer.status, answer.complete), (200, true), "{}: {:?}", fixture.name, answer.body);
        let after = (world.small.seen().len(), world.large.seen().len());
        assert_eq!(after.0 + after.1, before.0 + before.1 + 1, "{}: one call", fixture.name);
        let seen = last(if after.0 > before.0 { &world.small } else { &world.large });
        moved += usize::from(check_routed(&fixture, &seen));
    }
    assert!(moved > 20, "only {moved} requests were given another model");
}

fn declared(fixture: &Fixture) -> Option<(&'static str, String)> {
    let provider = match fixture.request.target.split('?').next()? {
        "/v1/chat/completions" => "b",
        "/v1/messages" => "d",
        _ => return None,
    };
    let span = model_span(&fixture.request.body)?;
    let name = std::str::from_utf8(&fixture.request.body[span]).ok()?.trim_matches('"');
    Some((provider, name.to_owned()))
}

/// Undoes the two edits that are allowed, byte by byte; whether the model was another one.
fn check_routed(fixture: &Fixture, seen: &Seen) -> bool {
    let (sent, mut got) = (&fixture.request.body, seen.body().to_vec());
    if sent[..] == got[..] {
        return false;
    }
    assert!(declared(fixture).is_some(), "{}: a body that is not routed was changed", fixture.name);
    let streams = seen.json()["stream"] == true && fixture.request.target == "/v1/chat/completions";
    let asked = memchr::memmem::find(sent, b"\"include_usage\"").is_some();
    if streams && !asked {
        let at = memchr::memmem::find(&got, USAGE_ASKED.as_bytes());
        assert_eq!(at, Some(1), "{}: usage is asked for at the first place", fixture.name);
        got.drain(1..=USAGE_ASKED.len());
    }
    let (was, is) = (model_span(sent).unwrap(), model_span(&got).unwrap());
    let name = std::str::from_utf8(&got[is.clone()]).unwrap().to_owned();
    assert!(["\"small-1\"", "\"claude-small-1\""].contains(&name.as_str()), "{}: {name}", fixture.name);
    assert_eq!(was.start, is.start, "{}", fixture.name);
    got.splice(is, sent[was].iter().copied());
    assert!(sent[..] == got[..], "{}: more than the model changed", fixture.name);
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_of_the_root_is_answered() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&named("claude-code.print").request).await;
    assert!((200..600).contains(&answer.status) && answer.body.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_of_responses_is_told_to_use_http() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&named("codex.builtin-openai").request).await;
    assert_eq!(answer.status, 426);
    world.assert_untouched("the upgrade");
    let next = world.proxy.exchange(&named("codex.exec").request).await;
    assert_eq!((next.status, next.complete), (200, true));
}

/// `java.net.http.HttpClient` offers HTTP/2 with every request on a connection without TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_of_h2c_is_ignored() {
    let world = World::start(|_| {}).await;
    let offering = |request: Request| {
        request
            .with("connection", "Upgrade, HTTP2-Settings")
            .with("http2-settings", "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA")
            .with("upgrade", "h2c")
    };
    let chat =
        world.proxy.exchange(&offering(Request::chat(crate::support::client::chat_body("auto")))).await;
    assert_eq!((chat.status, chat.header("x-pointsman-path")), (200, Some("routed")), "{:?}", chat.body);
    let models = world.proxy.exchange(&offering(Request::bare("GET", "/v1/models"))).await;
    let responses = world.proxy.exchange(&offering(named("codex.exec").request)).await;
    assert_eq!((models.status, responses.status), (200, 200), "{:?} {:?}", models.body, responses.body);
    for seen in world.small.seen() {
        assert!(["upgrade", "http2-settings"].iter().all(|name| seen.header(name).is_none()));
    }
    let socket =
        Request::bare("GET", "/v1/realtime").with("connection", "Upgrade").with("upgrade", "WebSocket");
    assert_eq!(
        world.proxy.exchange(&socket).await.status,
        426,
        "a provider that was not declared to take them"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_carries_a_whole_conversation() {
    let world = World::start(|_| {}).await;
    let mut client = crate::support::Client::connect(world.proxy.data).await;
    for name in [
        "openai-python.chat-tools",
        "openai-python.chat-tools.2",
        "openai-python.models",
        "openai-node.stream",
    ] {
        let answer = client.exchange(&named(name).request).await;
        assert_eq!((answer.status, answer.complete), (200, true), "{name}");
    }
    assert_eq!(client.exchange(&Request::bare("GET", "/v1/models/x")).await.status, 200);
}
