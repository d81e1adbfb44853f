//! Clients that wait for the stream of a plan: what they hear before its answer is there, and where there is none.

use std::time::Duration;

use serde_json::json;

use crate::compound::{CASCADE, CUT, ask, by_model, content, ended, told, world};
use crate::support::Script;
use crate::support::proxy::{World, trail};

/// The world of `CASCADE` in which the first two differ at once and the last takes longer than a sign of life; then it does this.
async fn slow_last(then: Script) -> World {
    let plans = format!("{CASCADE}\nkeep_alive_ms = 500");
    let world = world(&plans).await;
    by_model(&world, &[("small-1", "42"), ("mid-1", "41")]);
    let late = Script::After(Duration::from_millis(1200), Box::new(then));
    world.large.choose(move |_| late.clone());
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_a_stream_hears_from_us() {
    let world = slow_last(told("/v1/chat/completions", "43", 10)).await;
    let answer = world.proxy.exchange(&ask("cascade", true)).await;
    let text = answer.text();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    assert!(text.starts_with(": keep-alive\n\n"), "{text}");
    // What the head could not say stands in a comment.
    assert!(
        text.contains(": x-pointsman-model: large\n: x-pointsman-plan: cascade; escalated\n\ndata: "),
        "{text}"
    );
    assert!(text.contains("\"content\":\"43\"") && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(answer.complete && answer.header("x-pointsman-id").is_some());
    assert_eq!((answer.header("x-pointsman-model"), answer.header("x-pointsman-attempts")), (None, None));
    // Who waits for a whole answer gets nothing before it, and its head says all.
    let answer = world.proxy.exchange(&ask("cascade", false)).await;
    assert_eq!(
        (content(&answer), answer.header("x-pointsman-plan")),
        (json!("43"), Some("cascade; escalated"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_fails_behind_a_sign_of_life_says_so_in_the_stream() {
    let world = slow_last(Script::Status(500, None)).await;
    let answer = world.proxy.exchange(&ask("cascade", true)).await;
    let text = answer.text();
    assert!(answer.status == 200 && text.starts_with(": keep-alive\n\n"), "{} {text}", answer.status);
    assert!(text.contains("\"code\":\"upstream_error\"") && !text.contains("[DONE]"), "{text}");
    let entry = world.proxy.only_entry().await;
    assert_eq!((entry.outcome.as_str(), entry.attempts.len()), ("truncated", 3));
    assert_eq!(entry.model, None, "nobody's answer was served");
    // Before anybody has answered it can be a status.
    world.small.choose(|_| Script::Status(500, None));
    let answer = world.proxy.exchange(&ask("cascade", true)).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
}

/// A cascade with a chain behind it, whose last model fails after a sign of life; the chain's model does this.
async fn chain_behind(then: Script) -> World {
    let plans = "plans = [\"single\", \"cascade\"]\n[policies.compound]\nkeep_alive_ms = 500\n\
                 cascade = [{ tries = [\"small\"], accept = \"structure\", last = \"named-0\" }]";
    let world = world(plans).await;
    world.small.choose(|seen| match seen.json()["model"].as_str() {
        Some("small-1") => ended(seen.target(), "The answer is", 10, CUT),
        _ => Script::After(Duration::from_millis(1200), Box::new(Script::Status(500, None))),
    });
    world.large.choose(move |_| then.clone());
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_answers_behind_a_sign_of_life_as_a_stream_or_not_at_all() {
    let world = chain_behind(Script::Right).await;
    let answer = world.proxy.exchange(&ask("cascade", true)).await;
    let text = answer.text();
    assert!(answer.status == 200 && text.starts_with(": keep-alive\n\n"), "{} {text}", answer.status);
    assert!(text.contains(": x-pointsman-model: large\n") && text.ends_with("data: [DONE]\n\n"), "{text}");
    let entry = world.proxy.only_entry().await;
    assert_eq!(trail(&entry).last(), Some(&("large".to_owned(), "ok")));
    assert_eq!(entry.served.as_str(), "fallback", "none of the plan's own answered");
    // What is no stream cannot follow one.
    for (then, code) in [
        (Script::Status(400, None), "upstream_error"),
        (told("/v1/chat/completions", "43", 10), "upstream_malformed"),
    ] {
        let world = chain_behind(then).await;
        let answer = world.proxy.exchange(&ask("cascade", true)).await;
        let text = answer.text();
        assert!(answer.status == 200 && text.starts_with(": keep-alive\n\n"), "{} {text}", answer.status);
        assert!(text.contains(&format!("\"code\":\"{code}\"")) && !text.contains("[DONE]"), "{code}: {text}");
        let behind = text.trim_start_matches(": keep-alive\n\n");
        let only = behind.starts_with("data: ") && behind.trim_end().lines().count() == 1;
        assert!(only, "{code}: nothing but the event: {text}");
        assert_eq!(world.proxy.only_entry().await.outcome.as_str(), "truncated", "{code}");
    }
}
