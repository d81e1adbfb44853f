//! Failures of the first hop: the next one answers within the deadline, with the full body, and everybody can see it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::client::{chat_body, chat_stream_body, messages_body, messages_stream_body};
use crate::support::config::{LARGE_COST, TestConfig};
use crate::support::proxy::{World, trail};
use crate::support::{Answer, Client, End, FINISH_TEXT, Request, Script, Stream, Whole, answers, errors};

/// The four ways a client asks, with the models of its chain.
fn asks() -> [(&'static str, Request, [&'static str; 2]); 4] {
    let (chat, messages) = (["small", "large"], ["claude-small", "claude-large"]);
    [
        ("chat", Request::chat(chat_body("auto")), chat),
        ("chat stream", Request::chat(chat_stream_body("auto")), chat),
        ("messages", Request::messages(messages_body("auto")), messages),
        ("messages stream", Request::messages(messages_stream_body("auto")), messages),
    ]
}

/// Asks in all four ways; the small models fail as said, the large ones answer.
async fn check(case: &str, classes: &[&str], fail: impl Fn(&mut TestConfig), script: Option<Script>) {
    for (way, request, [small, large]) in asks() {
        let world = World::start(&fail).await;
        if let Some(script) = &script {
            world.small.always(script.clone());
        }
        let case = format!("{case}, {way}");
        let began = Instant::now();
        let answer = world.proxy.exchange(&request).await;
        assert!(began.elapsed() < Duration::from_secs(6), "{case}: {:?}", began.elapsed());
        check_served(&case, &answer, large);
        let seen = world.large.only();
        let expected = seen.json()["model"].as_str().unwrap().to_owned();
        assert_eq!(expected, format!("{large}-1"), "{case}");
        check_replayed(&case, &request, seen.body(), &expected);
        assert!(world.small.seen().len() <= 2, "{case}: the failing hop was asked again and again");
        check_trail(&case, &world, &answer, ([small, large], classes)).await;
    }
}

fn check_served(case: &str, answer: &Answer, large: &str) {
    assert_eq!((answer.status, answer.complete), (200, true), "{case}: {:?}", answer.body);
    assert_eq!(answer.header("x-pointsman-model"), Some(large), "{case}");
    assert_eq!(answer.header("x-pointsman-path"), Some("fallback"), "{case}");
    let text = answer.text();
    assert!(text.contains(FINISH_TEXT) || text.contains("monde."), "{case}: {text}");
    assert!(!text.contains("fake provider answers"), "{case}: the failed hop shows through: {text}");
}

fn check_replayed(case: &str, request: &Request, got: &[u8], model: &str) {
    let sent = String::from_utf8(request.body.to_vec()).unwrap().replacen("auto", model, 1);
    let got =
        std::str::from_utf8(got).unwrap().replacen("\"stream_options\":{\"include_usage\":true},", "", 1);
    assert_eq!(got, sent, "{case}: the body of the second hop");
}

async fn check_trail(case: &str, world: &World, answer: &Answer, chain: ([&str; 2], &[&str])) {
    let ([small, large], classes) = chain;
    let header = answer.header("x-pointsman-attempts").unwrap_or_default();
    let class = classes.iter().find(|class| header.contains(**class));
    let class = class.unwrap_or_else(|| panic!("{case}: none of {classes:?} in {header:?}"));
    assert!(header.contains(small), "{case}: {header}");
    let entry = world.proxy.entry_of(answer).await;
    let expected = [(small.to_owned(), *class), (large.to_owned(), "ok")];
    assert_eq!(trail(&entry), expected, "{case}");
    assert_eq!(entry.served.as_str(), "fallback", "{case}");
    assert_eq!(entry.attempts[1].cost.map(|cost| cost.0), Some(LARGE_COST), "{case}");
}

/// A port of loopback on which nobody listens.
async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_refused() {
    let url = closed_port().await;
    check("connect refused", &["connect"], |config| config.small.clone_from(&url), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_does_not_resolve() {
    check("dns", &["dns"], |config| "https://nonexistent.invalid".clone_into(&mut config.small), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_tls_handshake() {
    check("tls", &["tls"], |config| config.small = config.small.replace("http://", "https://"), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statuses() {
    let rows: [(u16, &[&str]); 5] = [
        (429, &["rate_limit"]),
        (500, &["server_error"]),
        (502, &["server_error"]),
        (503, &["overloaded", "server_error"]),
        (529, &["overloaded"]),
    ];
    for (status, classes) in rows {
        check(&format!("status {status}"), classes, |_| {}, Some(Script::Status(status, None))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_before_headers() {
    let short = |config: &mut TestConfig| config.clocks_ms[1] = 300;
    check("hang", &["timeout"], short, Some(Script::HangBeforeHeaders)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_ends_before_headers() {
    let classes = ["connect", "server_error", "malformed"];
    check("close", &classes, |_| {}, Some(Script::CloseBeforeHeaders)).await;
    check("reset", &classes, |_| {}, Some(Script::Reset)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_success_with_an_error_in_it() {
    check("200 with an error", &["overloaded"], |_| {}, Some(Script::ErrorBody200)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_not_what_they_promise() {
    let page = Whole {
        status: 200,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: Bytes::from_static(b"<html>Welcome to the hotel</html>"),
    };
    check("truncated", &["malformed"], |_| {}, Some(Script::TruncatedJson)).await;
    check("broken", &["malformed"], |_| {}, Some(Script::BrokenJson)).await;
    check("a page", &["malformed"], |_| {}, Some(Script::Whole(page))).await;
    let garbage = Script::Raw(Bytes::from_static(b"ICY 200 OK\r\n\r\n"));
    check("another protocol", &["malformed", "connect", "server_error"], |_| {}, Some(garbage)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_without_content() {
    let world = World::start(|_| {}).await;
    let empty = "{\"id\":\"x\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[]}";
    world.small.next(Script::Whole(Whole::json(200, empty)));
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    check_served("empty choices", &answer, "large");
    assert_eq!(trail(&world.proxy.entry_of(&answer).await)[0].1, "empty");
}

/// Streams that fail before anything worth sending was in them: nothing was committed, so the next hop may answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_fail_before_their_first_content() {
    let overloaded =
        "data: {\"error\":{\"message\":\"busy\",\"type\":\"overloaded_error\",\"code\":null}}\n\n";
    let role_only = || answers::chat_stream("m", false).cut_after(1);
    let rows = [
        ("an error first", &["overloaded", "server_error"][..], Stream::events([overloaded])),
        ("cut after the role", &["malformed", "connect", "empty"][..], role_only().ending(End::Abort)),
        ("reset after the role", &["malformed", "connect", "empty"][..], role_only().ending(End::Reset)),
        ("hangs after the role", &["timeout"][..], role_only().ending(End::Hang)),
        ("ends after the role", &["malformed", "empty"][..], role_only()),
        ("not JSON", &["malformed"][..], Stream::events(["data: {\"choices\":[{\"finish_reason\n\n"])),
    ];
    for (case, classes, stream) in rows {
        let world = World::start(|config| config.clocks_ms[2] = 300).await;
        world.small.always(Script::Stream(stream));
        let answer = world.proxy.exchange(&Request::chat(chat_stream_body("auto"))).await;
        check_served(case, &answer, "large");
        assert_eq!(answer.text().matches("\"role\":\"assistant\"").count(), 1, "{case}: {}", answer.text());
        check_trail(case, &world, &answer, (["small", "large"], classes)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exhausted_chain_is_an_explicit_error() {
    for (way, request, models) in asks() {
        let world = World::start(|_| {}).await;
        world.small.always(Script::Status(500, None));
        world.large.always(Script::TruncatedJson);
        let answer = world.proxy.exchange(&request).await;
        assert!((502..=504).contains(&answer.status), "{way}: {} {:?}", answer.status, answer.body);
        errors::of_path(&request.target, &answer, way);
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{way}: SDK retries would multiply ours");
        let text = answer.text();
        assert!(models.iter().all(|model| text.contains(*model)), "{way}: the trail is in the body: {text}");
        assert!(text.contains("server_error") && !text.contains("fake provider answers"), "{way}: {text}");
        let entry = world.proxy.entry_of(&answer).await;
        assert_eq!(entry.attempts.len(), 2, "{way}: {:?}", trail(&entry));
        assert_eq!((entry.outcome.as_str(), entry.status), ("own_error", answer.status), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_hop_is_tried_again_only_when_that_is_safe() {
    let alone = |config: &mut TestConfig| {
        config.fallback = false;
        config.retries = 1;
    };
    for (script, calls, status) in [
        (Script::Status(500, None), 2, 200),
        (Script::Status(429, Some("0")), 2, 200),
        // Longer than anybody waits here: the caller's own retry does it.
        (Script::Status(429, Some("86400")), 1, 429),
        (Script::Status(429, Some("18446744073709551615")), 1, 429),
        // Sent whole and never answered: it may be billed, so it is not sent twice to the same place.
        (Script::CloseBeforeHeaders, 1, 502),
    ] {
        let world = World::start(alone).await;
        let what = format!("{script:?}");
        world.small.next(script);
        let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
        assert_eq!((world.small.seen().len(), answer.status), (calls, status), "{what}: {:?}", answer.body);
        assert_eq!(world.proxy.entry_of(&answer).await.attempts.len(), calls, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn falling_back_keeps_the_callers_ceiling() {
    let world = World::start(|_| {}).await;
    world.small.always(Script::Status(500, None));
    // The small model's worst case fits, the large one's is ten times that.
    let request = Request::chat(chat_body("auto")).with("x-pointsman-max-cost-usd", "0.0003");
    let answer = world.proxy.exchange(&request).await;
    assert_eq!(world.small.seen().len(), 1, "{:?}", answer.body);
    assert_eq!((world.large.seen().len(), answer.status), (0, 502), "{:?}", answer.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reachable_is_said_at_once() {
    let url = closed_port().await;
    let world = World::start(|config| {
        config.small.clone_from(&url);
        config.large.clone_from(&url);
    })
    .await;
    let began = Instant::now();
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!(answer.status, 502, "{:?}", answer.body);
    assert_eq!(errors::openai(&answer, "unreachable"), "upstream_unreachable");
    assert!(began.elapsed() < Duration::from_millis(1000), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deadline_bounds_the_whole_chain() {
    let world = World::start(|config| config.clocks_ms[1] = 10_000).await;
    world.small.always(Script::HangBeforeHeaders);
    world.large.always(Script::HangBeforeHeaders);
    let began = Instant::now();
    let request = Request::chat(chat_body("auto")).with("x-pointsman-deadline-ms", "1500");
    let answer = world.proxy.exchange(&request).await;
    assert_eq!(answer.status, 504, "{:?}", answer.body);
    errors::openai(&answer, "deadline");
    let took = began.elapsed();
    assert!(took > Duration::from_millis(1000) && took < Duration::from_millis(2200), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_request_is_not_tried_elsewhere() {
    for status in [400, 404, 422] {
        let world = World::start(|_| {}).await;
        world.small.always(Script::Status(status, None));
        let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
        if status == 404 && answer.status == 200 {
            continue; // a model that is gone may be served by the next hop
        }
        assert_eq!(answer.status, status);
        assert_eq!(answer.body, answers::error("/v1/chat/completions", status), "the provider's own words");
        assert_eq!(world.large.seen().len(), 0, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_refused_key_does_not_blame_the_caller() {
    let world = World::start(|_| {}).await;
    world.small.always(Script::Status(401, None));
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((answer.status, errors::openai(&answer, "401").as_str()), (502, "provider_auth"));
    assert_eq!(world.large.seen().len(), 0, "`on_auth_failure` is `fail` unless it is written otherwise");
    let world =
        World::start(|config| "on_auth_failure = \"fallback\"".clone_into(&mut config.policy_lines)).await;
    world.small.always(Script::Status(401, None));
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    check_served("401 with fallback", &answer, "large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hop_that_asks_for_rest_is_left_alone() {
    let world = World::start(|_| {}).await;
    world.small.next(Script::Status(429, Some("30")));
    for _ in 0..3 {
        let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
        assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, Some("large")));
    }
    assert_eq!(world.small.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_chain_the_failure_is_passed_on() {
    let world = World::start(|config| config.fallback = false).await;
    world.small.always(Script::Status(429, Some("7")));
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    assert_eq!(world.large.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interim_answers_are_swallowed() {
    let world = World::start(|_| {}).await;
    let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    world.small.always(Script::Informational(hints, Box::new(Script::Right)));
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((answer.status, answer.interim.len()), (200, 0));
    assert_eq!(answer.header("x-pointsman-model"), Some("small"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_died_in_the_pool_is_no_failure() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!(answer.header("x-pointsman-model"), Some("small"));
    world.small.next(Script::CloseBeforeHeaders); // the pooled connection closes under the second request
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!(
        (answer.status, answer.header("x-pointsman-model")),
        (200, Some("small")),
        "{:?}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ceiling_holds_for_all_attempts_together() {
    let world = World::start(|_| {}).await;
    let asked = world.proxy.exchange(&Request::post("/pointsman/v1/decisions", chat_body("auto"))).await;
    let large = asked.json()["outcome"]["decision"]["candidates"][1]["worst_cost"].as_u64().unwrap();
    let ceiling = format!("{:.9}", large as f64 / 1e9);
    let request = Request::chat(chat_body("auto")).with("x-pointsman-max-cost-usd", &ceiling);
    // What was written and could not be used has cost something, so the large model no longer fits.
    let empty =
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"stop"}]}"#;
    world.small.next(Script::Whole(Whole::json(200, empty)));
    let answer = world.proxy.exchange(&request).await;
    assert_eq!(answer.status, 502, "{:?}", answer.body);
    let entry = world.proxy.entry_of(&answer).await;
    assert_eq!(trail(&entry), [("small".to_owned(), "empty")]);
    assert!(entry.cost.is_some_and(|cost| 0 < cost.0 && cost.0 < large), "{:?}", entry.cost);
    assert_eq!(world.large.connections(), 0);
    // What was refused before anything was written costs nothing.
    world.small.next(Script::Whole(Whole::json(503, "{}")));
    let answer = world.proxy.exchange(&request).await;
    assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, Some("large")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_callers_short_patience_takes_nothing_from_others() {
    let world = World::start(|_| {}).await;
    world.small.next(Script::HangBeforeHeaders);
    let hasty = Request::chat(chat_body("small-1")).with("x-pointsman-deadline-ms", "50");
    assert_eq!(world.proxy.exchange(&hasty).await.status, 504);
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, Some("small")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_callers_spent_quota_takes_nothing_from_others() {
    let world = World::start(|config| config.held = false).await;
    world.small.next(Script::Whole(Whole::json(429, "{}").with("retry-after", "30")));
    assert_eq!(world.proxy.exchange(&Request::chat(chat_body("auto"))).await.status, 429);
    let other = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((other.status, other.header("x-pointsman-model")), (200, Some("small")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_bound_on_calls_holds_no_longer_than_the_calls() {
    let world = World::start(|config| {
        config.swap("candidates = [\"small\", \"large\"]", "candidates = [\"large\"]");
        config.swap("upstream_name = \"large-1\",", "upstream_name = \"large-1\", max_in_flight = 1,");
    })
    .await;
    world.large.next(Script::HangBeforeHeaders);
    let mut holding = Client::connect(world.proxy.data).await;
    holding.request(&Request::chat(chat_body("auto"))).await;
    let seen = world.large.nth(0).await;
    let shed = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((shed.status, shed.header("retry-after")), (503, Some("1")), "{:?}", shed.body);
    drop(holding);
    seen.closed().await;
    world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
    assert_eq!(world.proxy.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
}

/// A model says that it does not take a parameter: the next model answers, and who asks for it later is not sent there again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_that_is_not_taken_is_learnt() {
    let world = World::start(|_| {}).await;
    let refusal = json!({"error": {
        "message": "Unsupported value: 'temperature' does not support 0 with this model.",
        "type": "invalid_request_error", "param": "temperature", "code": "unsupported_value",
    }});
    let refusal = Script::Whole(Whole::json(400, refusal.to_string()));
    let with = |model: &str| {
        Request::chat(chat_body(model).replace("\"max_tokens\":64", "\"max_tokens\":64,\"temperature\":0"))
    };
    // Who names the model gets the provider's own words.
    world.small.next(refusal.clone());
    let named = world.proxy.exchange(&with("small-1")).await;
    assert_eq!((named.status, named.json()["error"]["param"].as_str()), (400, Some("temperature")));
    assert_eq!(world.proxy.exchange(&with("auto")).await.header("x-pointsman-model"), Some("small"));
    world.small.next(refusal);
    let first = world.proxy.exchange(&with("auto")).await;
    assert_eq!((first.status, first.header("x-pointsman-model")), (200, Some("large")));
    assert_eq!(first.header("x-pointsman-attempts"), Some("small:unsupported,large:ok"));
    let asked = world.small.seen().len();
    let second = world.proxy.exchange(&with("auto")).await;
    assert_eq!((second.status, second.header("x-pointsman-model")), (200, Some("large")));
    assert_eq!(world.small.seen().len(), asked, "it is not asked again");
    let entry = world.proxy.entry_of(&second).await;
    let told = serde_json::to_string(&entry.decision).unwrap();
    assert!(told.contains("parameter_refused"), "{told}");
    // Only who carries it is sent elsewhere, wherever else the word stands.
    let word = Request::chat(chat_body("auto").replace("Be brief.", "What is a \\\"temperature\\\"?"));
    for other in [Request::chat(chat_body("auto")), word] {
        let answer = world.proxy.exchange(&other).await;
        assert_eq!(answer.header("x-pointsman-model"), Some("small"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_reaches_nobody() {
    let redirect = Whole::json(307, "{}").with("location", "http://127.0.0.1:9/elsewhere");
    let script = Script::Whole(redirect);
    check("redirect", &["malformed"], |_| {}, Some(script.clone())).await;
    // Not even of a model that the client named itself.
    let world = World::start(|_| {}).await;
    world.small.always(script);
    let answer = world.proxy.exchange(&Request::chat(chat_body("small-1"))).await;
    assert_eq!((answer.status, answer.header("location")), (502, None), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_break_open_the_circuit() {
    let world = World::start(|_| {}).await;
    let cut = answers::chat_stream("m", true).cut_after(3).ending(End::Abort);
    world.small.always(Script::Stream(cut));
    for _ in 0..3 {
        let broken = world.proxy.exchange(&Request::chat(chat_stream_body("auto"))).await;
        assert!(broken.text().contains("upstream_truncated"), "{}", broken.text());
    }
    let next = world.proxy.exchange(&Request::chat(chat_stream_body("auto"))).await;
    assert_eq!((next.status, next.complete), (200, true));
    assert_eq!(next.header("x-pointsman-model"), Some("large"));
    assert_eq!(world.small.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_answer_is_not_unpacked() {
    // A gzip of nothing, from a provider that was asked for `identity`.
    let gzip: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let script = Script::Whole(Whole::json(200, gzip).with("content-encoding", "gzip"));
    check("gzip", &["malformed"], |_| {}, Some(script)).await;
}
