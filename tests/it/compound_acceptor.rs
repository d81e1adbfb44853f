//! A cascade that goes by an acceptor: what was learnt lets short answers stand, and without it none does.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::auditing::{old_ledger, pointsman};
use super::compound::{ask, content, told, world};
use super::compound_logprobs::says as says_with;
use crate::support::Script;
use crate::support::proxy::{Proxy, World};
use crate::support::script::Whole;

const BY_ACCEPTOR: &str = "plans = [\"single\", \"cascade\"]\n[policies.compound]\ncascade = [{ tries = [\"small\"], accept = \"acceptor\", last = \"large\" }]";

/// A profile whose acceptor takes the shorter text for the surer one: up to fifty bytes or so it stands.
fn profile(task: &str) -> Value {
    json!({"evidence": [], "acceptors": [{
        "plan": "cascade(small | large by acceptor)", "task": task, "weights": [1.0, 0.0, 0.0, -0.5, 0.0, 0.0, 0.0, 0.0],
        "stands_from": 0.7, "answers": 400, "stood": 0.5, "differs_upper": 0.02,
    }]})
}

/// A world with this profile, for as long as its file is held.
async fn with(profile: &Value) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.json");
    std::fs::write(&path, profile.to_string()).unwrap();
    let routing = format!("[routing]\nprofile = \"{}\"\n[ledger]", path.display());
    let world = World::start(|config| {
        config.policy_lines = BY_ACCEPTOR.to_owned();
        config.swap("[ledger]", &routing);
    })
    .await;
    (world, folder)
}

const LONG: &str = "It depends on what is meant, and there are several ways to look at that; taking the first of them, forty-two.";

async fn says(world: &World, text: &'static str, task: &str) -> (Value, String) {
    world.small.choose(move |seen| told(seen.target(), text, 10));
    world.large.choose(|seen| told(seen.target(), "43", 10));
    let answer = world.proxy.exchange(&ask("cascade", false).with("x-pointsman-task", task)).await;
    let plan = answer.header("x-pointsman-plan").unwrap_or_else(|| panic!("{}", answer.text())).to_owned();
    (content(&answer), plan)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_learnt_lets_an_answer_stand() {
    let (world, _profile) = with(&profile("math")).await;
    assert_eq!(says(&world, "42", "math").await, (json!("42"), "cascade; accepted=1 by acceptor".to_owned()));
    assert_eq!(says(&world, LONG, "math").await, (json!("43"), "cascade; escalated".to_owned()));
    // Of another class nothing was learnt.
    assert_eq!(says(&world, "42", "code").await.1, "cascade; escalated");
}

/// It goes by what the model says of its own answer, too, where that can be had; the client sees nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acceptor_goes_by_how_probable_an_answer_is() {
    let mut by_probability = profile("math");
    by_probability["acceptors"][0]["weights"] = json!([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    let (world, _profile) = with(&by_probability).await;
    world.large.choose(|seen| told(seen.target(), "43", 10));
    let request = ask("cascade", false).with("x-pointsman-task", "math");
    for (probability, plan) in [(0.9, "cascade; accepted=1 by acceptor"), (0.5, "cascade; escalated")] {
        world.small.always(says_with("42", Some(probability)));
        let answer = world.proxy.exchange(&request).await;
        assert_eq!(answer.header("x-pointsman-plan"), Some(plan), "{}", answer.text());
        assert!(!answer.text().contains("top_logprobs"), "{}", answer.text());
        assert_eq!(world.small.seen().last().unwrap().json()["logprobs"], json!(true));
    }
}

/// Where that may not be asked it goes by the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acceptor_does_without_what_a_model_refuses_to_say() {
    let (world, _profile) = with(&profile("math")).await;
    world.large.choose(|seen| told(seen.target(), "43", 10));
    world.small.choose(|seen| match seen.json()["logprobs"] == json!(true) {
        true => {
            let error = json!({"message": "You are not allowed to request logprobs from this model"});
            Script::Whole(Whole::json(403, json!({"error": error}).to_string()))
        }
        false => told(seen.target(), "42", 10),
    });
    let request = ask("cascade", false).with("x-pointsman-task", "math");
    for plan in ["cascade; escalated", "cascade; accepted=1 by acceptor", "cascade; accepted=1 by acceptor"] {
        let answer = world.proxy.exchange(&request).await;
        assert_eq!(answer.header("x-pointsman-plan"), Some(plan), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_acceptor_nothing_stands() {
    let world = world(BY_ACCEPTOR).await;
    assert_eq!(says(&world, "42", "math").await, (json!("43"), "cascade; escalated".to_owned()));
}

/// The first model is right where it is brief, and only there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_ledger_has_of_answers_lets_the_next_ones_stand() {
    let world = World::start(|config| {
        config.policy_lines = BY_ACCEPTOR.to_owned();
        config.swap("max_quality_loss = 0.5", "max_quality_loss = 0.1");
    })
    .await;
    const BRIEF: &str = "42";
    let asked = |number: usize| if number.is_multiple_of(2) { BRIEF } else { LONG };
    let numbers = AtomicUsize::new(0);
    world.small.choose(move |seen| told(seen.target(), asked(numbers.fetch_add(1, Ordering::Relaxed)), 10));
    world.large.choose(|seen| told(seen.target(), "42", 10));
    let request = ask("cascade", false).with("x-pointsman-task", "math");
    for _ in 0..120 {
        let answer = world.proxy.exchange(&request).await;
        assert_eq!(answer.header("x-pointsman-plan"), Some("cascade; escalated"), "{}", answer.text());
    }
    let text = world.proxy.text.clone();
    let directory = world.proxy.stop().await;
    let (config, profile) = (directory.path().join("pointsman.toml"), directory.path().join("profile.json"));
    std::fs::write(&config, &text).unwrap();
    let out = ["calibrate", "--out", profile.to_str().unwrap()];
    let said = pointsman(&out, &config);
    assert!(said.contains("acceptor of") && said.contains("120"), "{said}");
    let learnt: Value = serde_json::from_str(&std::fs::read_to_string(&profile).unwrap()).unwrap();
    let acceptor = &learnt["acceptors"][0];
    assert_eq!(
        (&acceptor["plan"], &acceptor["task"]),
        (&json!("cascade(small | large by acceptor)"), &json!("math"))
    );
    let proxy =
        Proxy::with(|ledger| text.replace(&old_ledger(&text), ledger.to_str().unwrap()), &learnt.to_string())
            .await;
    let mut ids = Vec::new();
    for says in [BRIEF, LONG] {
        world.small.choose(move |seen| told(seen.target(), says, 10));
        let answer = proxy.exchange(&request).await;
        let expected = if says == BRIEF { "cascade; accepted=1 by acceptor" } else { "cascade; escalated" };
        assert_eq!(answer.header("x-pointsman-plan"), Some(expected), "{says}: {acceptor}");
        assert_eq!(content(&answer), "42");
        ids.push(proxy.entry_of(&answer).await.id.to_string());
    }
    // It was expected to stand as often as was learnt: half the time.
    let (text, directory) = (proxy.text.clone(), proxy.stop().await);
    let config = directory.path().join("pointsman.toml");
    let with = text + &format!("\n[routing]\nprofile = {profile:?}\n");
    std::fs::write(&config, with).unwrap();
    let said = pointsman(&["explain", &ids[0]], &config);
    let last = said.lines().find(|line| line.contains("large") && line.contains("last"));
    assert!(last.is_some_and(|line| line.contains("50 %")), "{said}");
    // What the two requests since say is of the acceptor in force, and the profile keeps it.
    let again = directory.path().join("again.json");
    let said = pointsman(&["calibrate", "--out", again.to_str().unwrap()], &config);
    assert!(said.contains("50.0 %") && !said.contains("acceptor of"), "{said}");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&again).unwrap()).unwrap();
    assert_eq!(kept["acceptors"], learnt["acceptors"]);
}
