//! One model in several places: who is tried first, who is passed over, and what stays where it was.

use std::time::Duration;

use crate::support::client::chat_body;
use crate::support::proxy::World;
use crate::support::{Request, Script};

const TWICE: &str = "deployments = [{ provider = \"a\", upstream_name = \"small-1\" }, { provider = \"b\", upstream_name = \"small-1\" }]";

async fn two_places(more: &'static str) -> World {
    World::start(move |config| {
        config.fallback = false;
        config.swap(
            "deployments = [{ provider = \"a\", upstream_name = \"small-1\", ttft_ms = 20, per_token_us = 100 }]",
            &format!("{TWICE}\n{more}"),
        );
    })
    .await
}

fn of_small(world: &World) -> (usize, usize) {
    let count = |provider: &crate::support::FakeProvider| {
        provider.seen().iter().filter(|seen| seen.holds("small-1")).count()
    };
    (count(&world.small), count(&world.large))
}

async fn ask(world: &World, times: usize) {
    for _ in 0..times {
        let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
        assert_eq!(
            (answer.status, answer.header("x-pointsman-model")),
            (200, Some("small")),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_place_that_answers_sooner_gets_the_traffic() {
    let world = two_places("").await;
    world.large.always(Script::After(Duration::from_millis(150), Box::new(Script::Right)));
    ask(&world, 40).await;
    let (fast, slow) = of_small(&world);
    assert!(slow >= 1, "a place that nobody measured is tried");
    assert!(fast >= 36, "{fast} went to the fast place and {slow} to the slow one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equals_share_the_traffic() {
    let world = two_places("").await;
    for provider in [&world.small, &world.large] {
        provider.always(Script::After(Duration::from_millis(200), Box::new(Script::Right)));
    }
    // Side by side, so that it is the calls in flight that share them out, and not what a busy machine adds to one answer.
    for _ in 0..10 {
        futures_util::future::join_all((0..6).map(|_| ask(&world, 1))).await;
    }
    let (one, other) = of_small(&world);
    assert!(one >= 6 && other >= 6, "{one} and {other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declared_order_is_kept_where_it_is_asked_for() {
    let world = two_places("balance = \"declared\"").await;
    world.small.always(Script::After(Duration::from_millis(50), Box::new(Script::Right)));
    ask(&world, 12).await;
    assert_eq!(of_small(&world), (12, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_stays_where_it_was_answered() {
    let world = two_places("").await;
    for name in ["x", "y", "z"] {
        let mut places = Vec::new();
        for _ in 0..8 {
            let before = of_small(&world);
            let request = Request::chat(chat_body("auto")).with("x-pointsman-session", name);
            let answer = world.proxy.exchange(&request).await;
            assert_eq!(answer.status, 200);
            world.proxy.entry_of(&answer).await; // remembered once it is on record
            let after = of_small(&world);
            places.push(after.0 > before.0);
        }
        assert!(places.iter().all(|place| *place == places[0]), "{name}: {places:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_fails_is_passed_over_and_the_other_serves() {
    let world = two_places("").await;
    world.large.always(Script::Status(503, Some("30")));
    ask(&world, 10).await;
    let (well, ill) = of_small(&world);
    assert!(well == 10 && ill <= 1, "{well} and {ill}: who asks to be left alone is left alone");
}
