//! Whose key goes where. Canaries stand for keys: none of one provider's may be found in any byte sent to another.

use crate::support::client::{chat_body, chat_stream_body, messages_body};
use crate::support::config::{CLIENT_KEY, KEY_A, KEY_B, KEY_C, KEY_D};
use crate::support::proxy::World;
use crate::support::{FakeProvider, Request, Script, errors};

const CALLER: &str = "CALLER-KEY";

fn assert_never(provider: &FakeProvider, canaries: &[&str], case: &str) {
    assert!(!provider.seen().is_empty(), "{case}: nothing was sent, so nothing was proved");
    for seen in provider.seen() {
        for canary in canaries {
            assert!(!seen.holds(canary), "{case}: {canary} in {:?}", seen.head.raw);
        }
    }
}

fn everything() -> Request {
    Request::chat(chat_body("auto"))
        .with("x-api-key", CALLER)
        .with("api-key", CALLER)
        .with("x-goog-api-key", CALLER)
        .with("cookie", "session=CALLER-KEY")
        .with("proxy-authorization", "Basic CALLER-KEY")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_do_not_cross_on_fallback() {
    for script in [Script::Status(500, None), Script::Status(429, None), Script::TruncatedJson, Script::Reset]
    {
        let world = World::start(|_| {}).await;
        world.small.always(script);
        let chat = world.proxy.exchange(&everything()).await;
        let messages = Request::messages(messages_body("auto")).with("authorization", "Bearer CALLER-KEY");
        let messages = world.proxy.exchange(&messages).await;
        assert_eq!((chat.status, messages.status), (200, 200));
        assert_never(&world.small, &[KEY_B, KEY_D, CALLER], "the first hop");
        assert_never(&world.large, &[KEY_A, KEY_C, CALLER], "the second hop");
        let (large, small) = (world.large.seen(), world.small.seen());
        assert_eq!(large[0].header("authorization"), Some(format!("Bearer {KEY_B}").as_str()));
        assert_eq!(large[1].header("x-api-key"), Some(KEY_D));
        assert_eq!(small[0].head.count("authorization"), 1);
        assert_eq!(large[1].head.count("authorization"), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_do_not_show_our_keys() {
    let world = World::start(|_| {}).await;
    for body in [chat_body("auto"), chat_stream_body("auto"), chat_body("small-1")] {
        let answer = world.proxy.exchange(&Request::chat(body).with("x-pointsman-explain", "true")).await;
        let shown = format!("{:?}{:?}", answer.headers, answer.body);
        assert!([KEY_A, KEY_B].iter().all(|key| !shown.contains(key)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_callers_own_key_goes_where_it_was_meant_for() {
    let world = World::start(|config| config.held = false).await;
    world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    let seen = world.small.only();
    assert_eq!(seen.header("authorization"), Some("Bearer CALLER-KEY"));
    world.proxy.exchange(&Request::messages(messages_body("auto"))).await;
    assert_eq!(world.small.seen()[1].header("x-api-key"), Some(CALLER));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_callers_own_key_does_not_follow_a_fallback() {
    let world = World::start(|config| config.held = false).await;
    world.small.always(Script::Status(500, None));
    let answer = world.proxy.exchange(&everything()).await;
    assert!(answer.status >= 500, "{}", answer.status);
    assert!(world.large.seen().iter().all(|seen| !seen.holds(CALLER)));
    let world = World::start(|config| config.swap("env:KEY_A", "passthrough")).await;
    world.small.always(Script::Status(500, None));
    let answer = world.proxy.exchange(&everything()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_never(&world.large, &[CALLER, KEY_A, KEY_C], "ours at the second hop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_hints_stay_here() {
    let world = World::start(|_| {}).await;
    for model in ["auto", "small-1"] {
        let request = Request::chat(chat_body(model))
            .with("x-pointsman-tags", "team=canary-tag")
            .with("X-Pointsman-Session", "canary-session")
            .with("x-pointsman-deadline-ms", "9000");
        assert_eq!(world.proxy.exchange(&request).await.status, 200);
        assert_never(&world.small, &["x-pointsman", "X-Pointsman", "canary-tag", "canary-session"], model);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_must_say_who_they_are_when_there_are_clients() {
    let world = World::start(|config| config.client_auth = true).await;
    let strangers = [
        Request::post("/v1/chat/completions", chat_body("auto")),
        Request::chat(chat_body("auto")),
        Request::chat(chat_body("small-1")),
        Request::messages(messages_body("auto")),
        Request::post("/v1/embeddings", "{\"model\":\"m\",\"input\":\"x\"}"),
        Request::bare("GET", "/v1/models"),
        Request::bare("GET", "/pointsman/v1/requests/pm-00000000000000000000000000"),
    ];
    for request in strangers {
        let case = format!("{} {}", request.method, request.target);
        let answer = world.proxy.exchange(&request).await;
        assert_eq!(answer.status, 401, "{case}");
        if request.method == "POST" {
            errors::of_path(&request.target, &answer, &case);
        }
    }
    world.assert_untouched("strangers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_may_present_their_key_in_any_header_of_an_sdk() {
    let world = World::start(|config| config.client_auth = true).await;
    let bearer = format!("Bearer {CLIENT_KEY}");
    let presented =
        [("authorization", bearer.as_str()), ("x-api-key", CLIENT_KEY), ("x-pointsman-key", CLIENT_KEY)];
    for (name, value) in presented {
        for body in [chat_body("auto"), chat_body("small-1")] {
            let answer =
                world.proxy.exchange(&Request::post("/v1/chat/completions", body).with(name, value)).await;
            assert_eq!(answer.status, 200, "{name}: {:?}", answer.body);
            let entry = world.proxy.entry_of(&answer).await;
            assert_eq!(entry.client.map(|client| client.to_string()).as_deref(), Some("app"));
            assert_eq!(entry.tags.get("team").map(String::as_str), Some("search"));
        }
    }
    assert_never(&world.small, &[CLIENT_KEY], "the client's key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_key_is_never_taken_for_the_providers() {
    let world = World::start(|config| (config.client_auth, config.held) = (true, false)).await;
    for scheme in ["Bearer ", "bearer ", "BEARER ", ""] {
        let twice = format!("{scheme}{CLIENT_KEY}");
        for request in
            [Request::post("/v1/chat/completions", chat_body("small-1")), Request::bare("GET", "/v1/models")]
        {
            let request = request.with("x-pointsman-key", CLIENT_KEY).with("authorization", &twice);
            let answer = world.proxy.exchange(&request).await;
            assert_eq!(answer.status, 502, "{scheme} {}: {:?}", request.target, answer.body);
        }
    }
    world.assert_untouched("our key, sent twice");
    let beside = Request::chat(chat_body("small-1")).with("x-pointsman-key", CLIENT_KEY);
    assert_eq!(world.proxy.exchange(&beside).await.status, 200);
    assert_eq!(world.small.only().header("authorization"), Some("Bearer CALLER-KEY"));
    assert_never(&world.small, &[CLIENT_KEY], "the client's key");
}

fn gemini(query: &str) -> Request {
    Request::post(&format!("/v1beta/models/gem:generateContent?{query}"), "{\"contents\":[]}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_the_query_is_geminis_credential() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&gemini("alt=json&key=CALLER-KEY")).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let target = "/v1beta/models/gem:generateContent?alt=json&key=CALLER-KEY";
    assert_eq!(world.large.only().target(), target);
    let other = world.proxy.exchange(&gemini("key=ANOTHER-KEY")).await;
    let tenants = [world.proxy.entry_of(&answer).await.tenant, world.proxy.entry_of(&other).await.tenant];
    assert!(tenants[0] != 0 && tenants[0] != tenants[1], "{tenants:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_key_in_the_query_identifies_and_stays_here() {
    let held = |config: &mut crate::support::TestConfig| {
        config.client_auth = true;
        config.swap("credential = \"passthrough\"", "credential = \"env:KEY_D\"");
    };
    let world = World::start(held).await;
    assert_eq!(world.proxy.exchange(&gemini("key=STRANGER")).await.status, 401);
    let elsewhere = Request::bare("GET", &format!("/v1/models?key={CLIENT_KEY}"));
    assert_eq!(world.proxy.exchange(&elsewhere).await.status, 401, "on Gemini's paths only");
    let answer = world.proxy.exchange(&gemini(&format!("key={CLIENT_KEY}"))).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(world.proxy.entry_of(&answer).await.client.unwrap().to_string(), "app");
    assert_eq!(world.large.only().header("x-goog-api-key"), Some(KEY_D));
    assert_never(&world.large, &[CLIENT_KEY], "the client's key");
    let world = World::start(|config| config.client_auth = true).await;
    let twice = gemini(&format!("key={CLIENT_KEY}")).with("x-pointsman-key", CLIENT_KEY);
    assert_eq!(world.proxy.exchange(&twice).await.status, 502);
    world.assert_untouched("our key in the query of a provider that takes the caller's");
}
