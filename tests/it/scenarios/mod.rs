//! The sixteen public failover scenarios (failoverbench's catalogue) against a running proxy: two retries, timeouts of 30 s
//! and one fallback, all times a tenth. Passing means: the whole answer or, where that is what is asked, a clear error, and
//! every rule of conduct kept. `cargo test --test it scenarios -- --nocapture` prints the table.

mod played;
mod stage;

use tokio::task::JoinSet;

use super::matrix::said;
use stage::Played;

/// Number, fault, and how it is played.
type Scenario = (&'static str, &'static str, fn() -> Played);

const SCENARIOS: [Scenario; 16] = [
    ("S01", "one 429 with Retry-After: 2, then ok", || Box::pin(played::limited_once())),
    ("S02", "429 on every call, no Retry-After", || Box::pin(played::limited_always())),
    ("S03", "one 500, then ok", || Box::pin(played::failed_once())),
    ("S04", "503 on every call", || Box::pin(played::failing_always())),
    ("S05", "one reset before any header", || Box::pin(played::reset_once())),
    ("S06", "accepted and never answered", || Box::pin(played::silent())),
    ("S07", "headers at once, the first token after 20 s", || Box::pin(played::late_first_token())),
    ("S08", "the stream dies after 40 of 60 tokens", || Box::pin(played::dies_midway())),
    ("S09", "the stream falls silent after 20 tokens", || Box::pin(played::silent_midway())),
    ("S10", "the tenth event is invalid JSON", || Box::pin(played::one_bad_event())),
    ("S11", "a complete stream without [DONE]", || Box::pin(played::no_end_mark())),
    ("S12", "400 context_length_exceeded", || Box::pin(played::context_too_long())),
    ("S13", "400 content_policy_violation", || Box::pin(played::filtered())),
    ("S14", "as S08, and the fallback rejects a prefill", || Box::pin(played::no_prefill())),
    ("S15", "503 for 60 s, then recovered", || Box::pin(played::recovers())),
    ("S16", "503 on every call: whose name, whose bill", || Box::pin(played::accounted())),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_sixteen_scenarios_pass() {
    let mut playing = JoinSet::new();
    for (at, (_, _, play)) in SCENARIOS.iter().enumerate() {
        playing.spawn(async move {
            let verdict = tokio::spawn(play()).await;
            (at, verdict.map_err(said))
        });
    }
    let mut verdicts = vec![Ok(()); SCENARIOS.len()];
    while let Some(played) = playing.join_next().await {
        let (at, verdict) = played.unwrap();
        verdicts[at] = verdict;
    }
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_header(["scenario", "fault", "verdict"]);
    for ((number, fault, _), verdict) in SCENARIOS.iter().zip(&verdicts) {
        table.add_row([*number, *fault, if verdict.is_ok() { "pass" } else { "FAIL" }]);
    }
    let passed = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
    println!("{table}\n{passed} of {} pass", SCENARIOS.len());
    let failed: Vec<_> = SCENARIOS
        .iter()
        .zip(verdicts)
        .filter_map(|((number, ..), verdict)| Some((number, verdict.err()?)))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
