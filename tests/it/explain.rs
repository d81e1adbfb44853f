//! The command line over a ledger that a running proxy wrote: decisions are reproduced from what was stored.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::client::{chat_body, chat_stream_body, messages_body};
use crate::support::proxy::World;
use crate::support::{Client, Request, TestConfig};

fn pointsman(arguments: &[&str], config: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(arguments).arg("--config").arg(config).envs(TestConfig::secrets());
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Requests of every kind, four at a time, so that live state differs from one decision to the next.
async fn load(world: &World, rounds: usize) {
    let mut clients = tokio::task::JoinSet::new();
    for worker in 0..4 {
        let addr = world.proxy.data;
        clients.spawn(async move {
            let mut client = Client::connect(addr).await;
            for round in 0..rounds {
                let words = "solve 3x + 7 = 22 step by step ".repeat(round % 7);
                let session = format!("session-{}", (worker * rounds + round) % 11);
                let requests = [
                    Request::chat(chat_body("auto").replace("Say hello", &words)),
                    Request::chat(chat_stream_body("large-1")),
                    Request::messages(messages_body("auto")).with("x-pointsman-max-cost-usd", "0.5"),
                    Request::chat(chat_body("auto")).with("x-pointsman-min-quality", "0.85"),
                    Request::chat(chat_body("auto")).with("x-pointsman-max-cost-usd", "0.000000001"),
                ];
                for request in requests {
                    client.exchange(&request.with("x-pointsman-session", &session)).await;
                }
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_decisions_taken_under_load_are_reproduced() {
    let world = World::start(|config| {
        config.mode = "canary";
        config.shares = (0.5, 0.2);
    })
    .await;
    load(&world, 65).await;
    let text = world.proxy.text.clone();
    let directory = world.proxy.stop().await;
    let config = directory.path().join("pointsman.toml");
    std::fs::write(&config, text).unwrap();
    let output = pointsman(&["explain", "--verify", "--json"], &config);
    assert!(output.status.success(), "{}", said(&output));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| found[name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {found}"));
    assert!(number("checked") >= 1000, "{found}");
    assert_eq!(number("checked"), number("reproduced"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_and_one_body_are_explained() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    let id = world.proxy.entry_of(&answer).await.id.to_string();
    let text = world.proxy.text.clone();
    let directory = world.proxy.stop().await;
    let (config, body) = (directory.path().join("pointsman.toml"), directory.path().join("body.json"));
    std::fs::write(&config, text).unwrap();
    std::fs::write(&body, chat_body("auto")).unwrap();
    for subject in [id.as_str(), body.to_str().unwrap()] {
        let output = pointsman(&["explain", subject], &config);
        assert!(output.status.success(), "{subject}: {}", said(&output));
        assert!(said(&output).contains("small") && said(&output).contains("large"), "{}", said(&output));
    }
    let missing = pointsman(&["explain", "pm-00000000000000000000000000"], &config);
    assert!(!missing.status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_explained_by_its_calls() {
    let world = crate::compound::world(crate::compound::CASCADE).await;
    crate::compound::by_model(&world, &[("small-1", "42"), ("mid-1", "41"), ("large-1", "43")]);
    let answer = world.proxy.exchange(&crate::compound::ask("cascade", false)).await;
    let id = world.proxy.entry_of(&answer).await.id.to_string();
    let text = world.proxy.text.clone();
    let directory = world.proxy.stop().await;
    let config = directory.path().join("pointsman.toml");
    std::fs::write(&config, text).unwrap();
    let output = pointsman(&["explain", &id], &config);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let call = |line: &str, words: &[&str]| words.iter().all(|word| line.contains(word));
    for words in
        [["1", "small", "try", "100 %"], ["1", "named-0", "try", "100 %"], ["2", "large", "last", "50 %"]]
    {
        assert!(said.lines().any(|line| call(line, &words)), "{words:?} in {said}");
    }
    assert!(said.contains("of this plan no outcomes of class"), "{said}");
}

#[test]
fn check_accepts_the_configuration_of_the_tests_and_names_what_is_wrong_with_another() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("pointsman.toml");
    let text = "[server]\nlisten = [\"127.0.0.1:0\"]\ncolour = \"red\"\n";
    std::fs::write(&config, text).unwrap();
    let output = pointsman(&["check"], &config);
    assert!(!output.status.success());
    assert!(said(&output).contains("colour") && said(&output).contains(":3"), "{}", said(&output));
}
