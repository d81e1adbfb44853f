//! What no test inside the process can show: the program killed, stopped, reloaded and replaced under load. In CI a few
//! rounds of each; `scripts/proof.sh` runs them all (`PROOF=full`) and keeps the figures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's way to say that it failed
#![allow(unreachable_pub, missing_docs)] // nothing of a test binary is reachable from outside

mod bombs;
mod disk;
mod drain;
#[allow(dead_code, reason = "the fault matrix uses the rest")]
mod process;
mod soak;

use std::time::{Duration, Instant};

use process::{Load, Stand};
use serde_json::json;

/// How much is done.
struct Scale {
    rounds: u32,
    rps: u32,
}

impl Scale {
    fn of(full: u32) -> Self {
        match std::env::var("PROOF").as_deref() {
            Ok("full") => Self { rounds: full, rps: 500 },
            _ => Self { rounds: 2, rps: 100 },
        }
    }
}

impl Scale {
    /// 256 records or what a tenth of a second brings, whichever is less. Where other tests run beside, a tenth of a second of
    /// the proxy's takes longer, so that only the count is held against it.
    fn most_lost(&self) -> u64 {
        if self.rps == 500 { 256.min(u64::from(self.rps) / 10) } else { 256 }
    }
}

/// Keeps a figure where `PROOF_OUT` names a folder.
fn keep(name: &str, figures: &serde_json::Value) {
    println!("{name}: {figures}");
    if let Ok(folder) = std::env::var("PROOF_OUT") {
        std::fs::write(format!("{folder}/{name}.json"), figures.to_string()).unwrap();
    }
}

/// Somewhere in the middle of a round, another place each time.
fn moment(round: u32) -> Duration {
    Duration::from_millis(700 + u64::from(round * 137 % 800))
}

#[test]
fn a_killed_proxy_loses_a_moment_of_records_and_no_more() {
    let scale = Scale::of(50);
    let mut stand = Stand::new();
    let (mut most_lost, mut slowest) = (0_u64, Duration::ZERO);
    let mut total = 0;
    for round in 0..scale.rounds {
        let began = Instant::now();
        stand.start(false);
        slowest = slowest.max(began.elapsed());
        let before = stand.recorded_with_status(200);
        let load = Load::start(&stand, scale.rps, 2.5);
        std::thread::sleep(moment(round));
        stand.kill();
        let right = load.finish()["right"].as_u64().unwrap();
        let recorded = stand.recorded_with_status(200) - before;
        assert!(right > 0, "round {round}: no answer before the kill proves nothing");
        let lost = right.saturating_sub(recorded);
        assert!(lost <= scale.most_lost(), "round {round}: {lost} of {right} answers are not on record");
        (most_lost, total) = (most_lost.max(lost), total + right);
    }
    stand.check_ledger();
    let limit = if cfg!(debug_assertions) { 10.0 } else { 2.0 };
    assert!(slowest.as_secs_f64() < limit, "ready after {slowest:?}");
    keep(
        "kill",
        &json!({ "rounds": scale.rounds, "rps": scale.rps, "answers": total, "most_lost_in_a_round": most_lost,
                 "slowest_start_ms": slowest.as_millis() as u64, "corrupt": 0, "duplicates": 0 }),
    );
}

#[test]
fn reloads_under_load_fail_no_request() {
    let scale = Scale::of(20);
    let mut stand = Stand::new();
    stand.start(false);
    let load = Load::start(&stand, scale.rps, 1.0 + 0.3 * f64::from(scale.rounds));
    for round in 0..scale.rounds {
        std::thread::sleep(Duration::from_millis(300));
        stand.reload(round);
    }
    let found = load.finish();
    assert_eq!(found["sent"], found["right"], "{found}");
    stand.stop();
    keep(
        "reload",
        &json!({ "rounds": scale.rounds, "rps": scale.rps, "requests": found["sent"], "failed": 0 }),
    );
}

#[test]
fn a_stopped_proxy_finishes_what_it_began() {
    let scale = Scale::of(20);
    let mut stand = Stand::new();
    let (mut requests, mut not_taken) = (0, 0);
    for round in 0..scale.rounds {
        stand.start(false);
        let load = Load::start(&stand, scale.rps, 2.0);
        std::thread::sleep(moment(round));
        stand.stop();
        let found = load.finish();
        // New connections are refused once it is gone, and a request written into an idle connection at the moment it closes is
        // not taken; nothing that was taken is broken off.
        let broken = found["broken"].as_object().unwrap();
        let is_taken =
            |what: &str| !what.starts_with("connect") && !what.starts_with("the connection broke before");
        let cut: Vec<_> = broken.iter().filter(|(what, _)| is_taken(what)).collect();
        assert!(cut.is_empty(), "round {round}: {cut:?}");
        not_taken += broken
            .iter()
            .filter(|(what, _)| what.starts_with("the connection broke before"))
            .filter_map(|(_, count)| count.as_u64())
            .sum::<u64>();
        requests += found["right"].as_u64().unwrap();
    }
    stand.check_ledger();
    keep(
        "stop",
        &json!({ "rounds": scale.rounds, "rps": scale.rps, "answers": requests, "broken_off": 0, "not_taken": not_taken }),
    );
}

#[test]
fn a_new_program_takes_over_and_fails_no_request() {
    let scale = Scale::of(20);
    let mut stand = Stand::new();
    stand.start(false);
    let load = Load::start(&stand, scale.rps, 2.0 + 3.0 * f64::from(scale.rounds));
    for _ in 0..scale.rounds {
        std::thread::sleep(Duration::from_secs(1));
        stand.replace();
    }
    let found = load.finish();
    assert_eq!(found["sent"], found["right"], "{found}");
    stand.stop();
    stand.check_ledger();
    keep(
        "replace",
        &json!({ "rounds": scale.rounds, "rps": scale.rps, "requests": found["sent"], "failed": 0 }),
    );
}
