//! A new configuration is taken whole or not at all, and no request notices but by what it gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::client::chat_body;
use crate::support::proxy::World;
use crate::support::{Client, Request, Script};

fn auto() -> Request {
    Request::chat(chat_body("auto"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_configuration_takes_over() {
    let world = World::start(|_| {}).await;
    let before = world.proxy.exchange(&auto()).await;
    assert_eq!(before.header("x-pointsman-model"), Some("small"));
    let text = world.proxy.text.replace("max_quality_loss = 0.5", "max_quality_loss = 0.01");
    let version = world.proxy.reload(&text).unwrap();
    let after = world.proxy.exchange(&auto()).await;
    assert_eq!(after.header("x-pointsman-model"), Some("large"));
    assert_eq!(after.header("x-pointsman-snapshot"), Some(version.as_str()));
    assert_ne!(before.header("x-pointsman-snapshot"), after.header("x-pointsman-snapshot"));
    assert_eq!(world.proxy.entry_of(&after).await.snapshot.as_str(), version);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_configuration_changes_nothing_and_names_its_faults() {
    let world = World::start(|_| {}).await;
    let before = world.proxy.exchange(&auto()).await;
    let text = &world.proxy.text;
    let broken = [
        ("not TOML", text.replace("[ledger]", "[ledger"), ""),
        ("an unknown key", text.replace("[ledger]", "[ledger]\ncolour = \"red\""), "colour"),
        ("an unknown model", text.replace("baseline = \"large\"", "baseline = \"larger\""), "larger"),
        ("a missing secret", text.replace("env:KEY_A", "env:KEY_NOBODY_SET"), "KEY_NOBODY_SET"),
    ];
    for (case, text, word) in broken {
        let faults = world.proxy.reload(&text).expect_err(case);
        assert!(faults.contains(word) && !faults.is_empty(), "{case}: {faults}");
        let after = world.proxy.exchange(&auto()).await;
        assert_eq!(after.status, 200, "{case}");
        assert_eq!(after.header("x-pointsman-snapshot"), before.header("x-pointsman-snapshot"), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_fail_nobody() {
    let world = World::start(|_| {}).await;
    let (addr, stop) = (world.proxy.data, Arc::new(AtomicBool::new(false)));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let stop = stop.clone();
        clients.spawn(async move {
            let mut client = Client::connect(addr).await;
            let mut served = 0;
            while !stop.load(Ordering::Relaxed) {
                let answer = client.exchange(&auto()).await;
                assert_eq!(answer.status, 200, "{:?}", answer.body);
                served += 1;
            }
            served
        });
    }
    for round in 0..20 {
        let text = format!("{}\n# round {round}\n", world.proxy.text);
        world.proxy.reload(&text).unwrap();
        assert!(world.proxy.reload("broken = ").is_err());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut served = 0;
    while let Some(client) = clients.join_next().await {
        served += client.unwrap();
    }
    assert!(served > 20, "{served}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_ends_under_the_snapshot_it_began_under() {
    let world = World::start(|_| {}).await;
    world.small.next(Script::After(Duration::from_millis(300), Box::new(Script::Status(500, None))));
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&auto()).await;
    world.small.nth(0).await;
    let text = world.proxy.text.replace("fallback = [\"large\"]", "fallback = []");
    let version = world.proxy.reload(&text).unwrap();
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, Some("large")));
    assert_ne!(answer.header("x-pointsman-snapshot"), Some(version.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_restart_is_refused_by_name() {
    let world = World::start(|config| config.client_auth = true).await;
    let text = &world.proxy.text;
    let clients = text.find("[[clients]]").unwrap()..text.find("[[providers]]").unwrap();
    let open = format!("{}{}", &text[..clients.start], &text[clients.end..]);
    let cases = [
        ("server.listen", open.replace("listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.1:9\"]")),
        ("server.admin", text.replace("admin = \"127.0.0.1:0\"", "admin = \"none\"")),
        ("server.max_body_bytes", text.replace("max_body_bytes = 33554432", "max_body_bytes = 4096")),
        ("server.half_close", text.replace("[server]\n", "[server]\nhalf_close = true\n")),
        ("ledger.path", text.replace("ledger.db", "other.db")),
        ("ledger.mode", text.replace("best_effort", "required")),
    ];
    for (key, changed) in &cases {
        let faults = world.proxy.reload(changed).expect_err(key);
        assert!(faults.contains(key) && faults.contains("restart"), "{key}: {faults}");
        assert_eq!(faults.lines().count(), 1, "{key}: {faults}");
        assert_eq!(
            world.proxy.exchange(&auto()).await.status,
            401,
            "{key}: the old configuration is in force"
        );
    }
    let refused = world.proxy.metric("pointsman_reload_failures_total").await;
    assert_eq!(refused, Some(cases.len() as f64));
    world.assert_untouched("strangers");
}
