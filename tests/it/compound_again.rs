//! One model asked more than once: it stands where it says the same again, and is not asked where it could not but do so.

use std::sync::atomic::{AtomicUsize, Ordering};

use pointsman::types::NanoUsd;
use serde_json::json;

use super::compound::{ask, told, world};
use crate::support::client::Request;

const TWICE: &str = "plans = [\"single\", \"cascade\"]\n[policies.compound]\ncascade = [{ tries = [\"small\", \"small\"], last = \"large\" }]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_contradicts_itself_does_not_stand() {
    for (said, plan) in [(["42", "42"], "cascade; agreed=2"), (["42", "41"], "cascade; escalated")] {
        let world = world(TWICE).await;
        let calls = AtomicUsize::new(0);
        world.small.choose(move |seen| {
            told(seen.target(), said[calls.fetch_add(1, Ordering::Relaxed) % said.len()], 10)
        });
        world.large.choose(|seen| told(seen.target(), "43", 10));
        let answer = world.proxy.exchange(&ask("cascade", false)).await;
        assert_eq!(answer.header("x-pointsman-plan"), Some(plan), "{}", answer.text());
        let entry = world.proxy.only_entry().await;
        let again: Vec<_> =
            entry.attempts.iter().filter(|attempt| attempt.model == Some("small".into())).collect();
        assert_eq!(again.len(), 2);
        assert!(again.iter().all(|attempt| attempt.cost > Some(NanoUsd::ZERO)), "each call is paid for");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_be_the_same_is_not_asked_again() {
    let world = world(TWICE).await;
    let messages = json!([{"role": "user", "content": "How many?"}]);
    let body = json!({"model": "auto", "temperature": 0, "messages": messages});
    let asked = Request::chat(body.to_string()).with("x-pointsman-plan", "cascade");
    let answer = world.proxy.exchange(&asked).await;
    assert!(answer.status >= 400 && answer.text().contains("asks one model again"), "{}", answer.text());
    assert!(world.small.seen().is_empty() && world.large.seen().is_empty());
}
