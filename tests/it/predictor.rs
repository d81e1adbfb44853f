//! Predictions at work: what `license = "calibrated"` takes for enough, what is kept of it, and that a decision is
//! reproduced without the file it came from.

use std::path::Path;
use std::process::Command;

use crate::support::client::chat_body;
use crate::support::proxy::World;
use crate::support::{Answer, Request, TestConfig};

const SUM: &str = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. \
                   How many clips did Natalia sell altogether in April and May?";

/// A policy that takes predictions, and models that the predictor knows; the small one is the better of the two on sums.
fn learned(config: &mut TestConfig, predictor: &Path, license: &str) {
    config.swap(
        "license = \"prior\"\nmax_quality_loss = 0.5",
        &format!("license = \"{license}\"\nmax_quality_loss = 0.02"),
    );
    for (id, name) in [("small", "claude-3-5-sonnet-20241022"), ("large", "gpt-4o-2024-05-13")] {
        let head = format!("[[models]]\nid = \"{id}\"\n");
        config.swap(&head, &format!("{head}learned_as = \"{name}\"\n"));
    }
    config.swap("[ledger]\n", &format!("[routing]\npredictor = {predictor:?}\n[ledger]\n"));
}

async fn ask(world: &World, prompt: &str) -> Answer {
    world.proxy.exchange(&Request::chat(chat_body("auto").replace("Say hello", prompt))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prediction_serves_where_the_policy_takes_one_and_rows_bear_it_out() {
    let chosen = async |license: &str, prompt: &str| {
        let world = World::start(|config| learned(config, Path::new("default"), license)).await;
        let answer = ask(&world, prompt).await;
        let again = ask(&world, prompt).await;
        let said = |answer: &Answer, name: &str| answer.header(name).unwrap_or_default().to_owned();
        assert_eq!(
            said(&answer, "x-pointsman-model"),
            said(&again, "x-pointsman-model"),
            "remembered or not"
        );
        let entry = world.proxy.entry_of(&answer).await;
        let forecast = entry.inputs.unwrap().forecast;
        assert_eq!(forecast, world.proxy.entry_of(&again).await.inputs.unwrap().forecast);
        (said(&answer, "x-pointsman-model"), said(&answer, "x-pointsman-reason"))
    };
    let pair = |model: &str, reason: &str| (model.to_owned(), reason.to_owned());
    assert_eq!(chosen("calibrated", SUM).await, pair("small", "cheapest"));
    assert_eq!(chosen("paired", SUM).await, pair("large", "insufficient_evidence"));
    // Nobody has a hundred rows of poems.
    assert_eq!(
        chosen("calibrated", "Write a haiku about rain.").await,
        pair("large", "insufficient_evidence")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_are_reproduced_when_the_predictor_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let predictor = folder.path().join("mine.pred");
    std::fs::copy("conf/default.pred", &predictor).unwrap();
    let world = World::start(|config| learned(config, &predictor, "calibrated")).await;
    for prompt in
        [SUM, "Write a haiku about rain.", "What is the derivative of x^3?", "def f(a): return a[::-1]"]
    {
        assert_eq!(ask(&world, prompt).await.status, 200);
    }
    let text = world.proxy.text.clone();
    let directory = world.proxy.stop().await;
    std::fs::remove_file(&predictor).unwrap();
    let config = directory.path().join("pointsman.toml");
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(["explain", "--verify", "--json", "--config"]).arg(&config).envs(TestConfig::secrets());
    let output = command.output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["checked"], &found["reproduced"]), (&4.into(), &4.into()), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_predictor_leaves_the_old_one_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let predictor = folder.path().join("mine.pred");
    std::fs::copy("conf/default.pred", &predictor).unwrap();
    let world = World::start(|config| learned(config, &predictor, "calibrated")).await;
    let before = ask(&world, SUM).await;
    let mut bytes = std::fs::read(&predictor).unwrap();
    bytes.truncate(bytes.len() - 1000);
    std::fs::write(&predictor, bytes).unwrap();
    let refused = world.proxy.reload(&world.proxy.text).unwrap_err();
    assert!(refused.to_string().contains("routing.predictor"), "{refused}");
    let after = ask(&world, SUM).await;
    let served = |answer: &Answer| {
        ["x-pointsman-model", "x-pointsman-snapshot"].map(|name| answer.header(name).unwrap().to_owned())
    };
    assert_eq!(served(&before), served(&after));
}
