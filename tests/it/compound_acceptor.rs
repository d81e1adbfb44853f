//! A cascade that goes by an acceptor: what was learnt lets short answers stand, and without it none does.

use serde_json::{Value, json};

use super::compound::{ask, content, told, world};
use crate::support::proxy::World;

const BY_ACCEPTOR: &str = "plans = [\"single\", \"cascade\"]\n[policies.compound]\ncascade = [{ tries = [\"small\"], accept = \"acceptor\", last = \"large\" }]";

/// A profile whose acceptor takes the shorter text for the surer one: up to fifty bytes or so it stands.
fn profile(task: &str) -> Value {
    json!({"evidence": [], "acceptors": [{
        "plan": "cascade(small | large by acceptor)", "task": task, "weights": [1.0, 0.0, 0.0, -0.5, 0.0, 0.0, 0.0, 0.0],
        "stands_from": 0.7, "answers": 400, "stood": 0.5, "differs_upper": 0.02,
    }]})
}

async fn says(world: &World, text: &'static str, task: &str) -> (Value, String) {
    world.small.choose(move |seen| told(seen.target(), text, 10));
    world.large.choose(|seen| told(seen.target(), "43", 10));
    let answer = world.proxy.exchange(&ask("cascade", false).with("x-pointsman-task", task)).await;
    let plan = answer.header("x-pointsman-plan").unwrap_or_else(|| panic!("{}", answer.text())).to_owned();
    (content(&answer), plan)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_learnt_lets_an_answer_stand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.json");
    std::fs::write(&path, profile("math").to_string()).unwrap();
    let routing = format!("[routing]\nprofile = \"{}\"\n[ledger]", path.display());
    let world = World::start(|config| {
        config.policy_lines = BY_ACCEPTOR.to_owned();
        config.swap("[ledger]", &routing);
    })
    .await;
    assert_eq!(says(&world, "42", "math").await, (json!("42"), "cascade; accepted=1 by acceptor".to_owned()));
    const LONG: &str = "It depends on what is meant, and there are several ways to look at that; taking the first of them, forty-two.";
    assert_eq!(says(&world, LONG, "math").await, (json!("43"), "cascade; escalated".to_owned()));
    // Of another class nothing was learnt.
    assert_eq!(says(&world, "42", "code").await.1, "cascade; escalated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_acceptor_nothing_stands() {
    let world = world(BY_ACCEPTOR).await;
    assert_eq!(says(&world, "42", "math").await, (json!("43"), "cascade; escalated".to_owned()));
}
