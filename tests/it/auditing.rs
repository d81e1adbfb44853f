//! Cascades that are audited: the last model is now and then asked although an answer stood. Both answers are compared and the
//! outcome is on record; nothing fails for an audit.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pointsman::ledger::Entry;
use pointsman::types::{Compared, NanoUsd, Tried};
use serde_json::{Value, json};

use crate::compound::{CASCADE, ask, by_model, content, told, world};
use crate::support::client::{Answer, Client, Request};
use crate::support::proxy::{Proxy, World, trail};
use crate::support::{Script, TestConfig};

/// As often as can be configured.
fn audited() -> String {
    format!("{CASCADE}\naudit = 0.5")
}

/// The first answer to a request that was drawn, or to one that was not: which are drawn lies in their ids.
async fn first(world: &World, request: &Request, drawn: bool) -> Answer {
    for _ in 0..200 {
        let answer = world.proxy.exchange(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        if answer.header("x-pointsman-plan").is_some_and(|plan| plan.contains("audit")) == drawn {
            return answer;
        }
    }
    panic!("of 200 requests none was the one, drawn: {drawn}");
}

/// What came of each model's answer.
fn tested(entry: &Entry) -> Vec<(String, Option<Tried>)> {
    let model = |name: &Option<pointsman::types::ModelId>| name.as_ref().unwrap().to_string();
    let mut found: Vec<_> =
        entry.attempts.iter().map(|attempt| (model(&attempt.model), attempt.tried)).collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_asks_the_last_model_and_serves_what_it_says() {
    let rows = [
        ("The answer is 42.", Compared::Same),
        ("43", Compared::Differs),
        (
            "That is a long story, of which it cannot be said in a word or two how it ends, if it does.",
            Compared::Incomparable,
        ),
    ];
    for (large, same) in rows {
        let world = world(&audited()).await;
        let table = vec![("small-1", "42"), ("mid-1", "It is 42."), ("large-1", large)];
        by_model(&world, table.leak());
        for stream in [false, true] {
            let request = ask("cascade", stream);
            let (drawn, other) = (first(&world, &request, true).await, first(&world, &request, false).await);
            assert_eq!(drawn.header("x-pointsman-plan"), Some("cascade; agreed=2; audited"), "{large}");
            assert_eq!(drawn.header("x-pointsman-model"), Some("large"));
            assert!(drawn.text().contains(large), "{}", drawn.text());
            assert_eq!(other.header("x-pointsman-plan"), Some("cascade; agreed=2"));
            assert_eq!(other.header("x-pointsman-model"), Some("small"));
            for (answer, same, legs) in [(drawn, same, 3), (other, Compared::NotAsked, 2)] {
                let entry = world.proxy.entry_of(&answer).await;
                let found = tested(&entry);
                assert_eq!(found.len(), legs);
                let tried = found.last().unwrap().1.unwrap();
                assert_eq!((tried.stood, tried.same), (true, same));
                assert_eq!((tried.signals.output_tokens, tried.signals.text_bytes), (5, 2));
                assert!(tried.signals.well_formed && tried.signals.calls == 0);
                assert!(found[..legs - 1].iter().all(|(_, tried)| tried.is_none()), "{found:?}");
                let cost: u64 = entry.attempts.iter().map(|attempt| attempt.cost.unwrap().0).sum();
                assert_eq!(entry.cost.unwrap().0, cost);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_stand_is_compared_with_what_the_last_model_says() {
    let rows = [
        (["42", "41", "42"], Some(Compared::Same), true),
        (["42", "41", "43"], Some(Compared::Differs), true),
        (["CUT 42", "42", "42"], Some(Compared::Incomparable), false),
        (["FAIL", "FAIL", "41"], None, true),
    ];
    for (says, same, well_formed) in rows {
        // Nothing of it depends on audits.
        let world = world(CASCADE).await;
        let models = ["small-1", "mid-1", "large-1"];
        by_model(&world, models.into_iter().zip(says).collect::<Vec<_>>().leak());
        let answer = world.proxy.exchange(&ask("cascade", false)).await;
        assert_eq!(answer.header("x-pointsman-plan"), Some("cascade; escalated"));
        let entry = world.proxy.only_entry().await;
        let tried: Vec<Tried> = entry.attempts.iter().filter_map(|attempt| attempt.tried).collect();
        let found: Vec<_> = tried.iter().map(|one| (one.stood, one.same, one.signals.well_formed)).collect();
        let expected: Vec<_> = same.into_iter().map(|same| (false, same, well_formed)).collect();
        assert_eq!(found, expected, "{says:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_of_a_cascade_by_structure_is_on_record() {
    let world = world(
        "plans = [\"single\", \"cascade\"]\n[policies.compound]\n\
         cascade = [{ tries = [\"small\", \"named-0\"], accept = \"structure\", last = \"large\" }]\naudit = 0.5",
    )
    .await;
    by_model(&world, &[("small-1", "CUT 42"), ("mid-1", "41"), ("large-1", "42")]);
    let drawn = first(&world, &ask("cascade", false), true).await;
    assert_eq!(drawn.header("x-pointsman-plan"), Some("cascade; accepted=2 by structure; audited"));
    let entry = world.proxy.entry_of(&drawn).await;
    let found: Vec<_> = entry.attempts.iter().map(|one| one.tried.map(|one| (one.stood, one.same))).collect();
    assert_eq!(found, [Some((false, Compared::Incomparable)), Some((true, Compared::Differs)), None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_that_fails_leaves_what_stood() {
    for (large, same) in [
        ("FAIL", Compared::Unanswered),
        ("BAD", Compared::Unanswered),
        ("CUT 42", Compared::Incomparable),
        ("DECLINED No.", Compared::Incomparable),
    ] {
        let world = world(&audited()).await;
        by_model(&world, vec![("small-1", "42"), ("mid-1", "42"), ("large-1", large)].leak());
        let drawn = first(&world, &ask("cascade", false), true).await;
        assert_eq!(drawn.header("x-pointsman-plan"), Some("cascade; agreed=2; audit failed"), "{large}");
        assert_eq!((content(&drawn), drawn.header("x-pointsman-model")), (json!("42"), Some("small")));
        let entry = world.proxy.entry_of(&drawn).await;
        assert_eq!(tested(&entry).last().unwrap().1.unwrap().same, same, "{large}");
        assert_eq!(entry.attempts.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_ends_before_the_deadline_does() {
    let world = world(&audited()).await;
    world.small.choose(|seen| told(seen.target(), "42", 10));
    world
        .large
        .choose(|seen| Script::After(Duration::from_secs(30), Box::new(told(seen.target(), "42", 10))));
    let request = ask("cascade", false).with("x-pointsman-deadline-ms", "1500");
    let drawn = first(&world, &request, true).await;
    assert_eq!(drawn.header("x-pointsman-plan"), Some("cascade; agreed=2; audit failed"));
    let entry = world.proxy.entry_of(&drawn).await;
    let last = entry.attempts.last().unwrap();
    // On a machine that stands still for a moment the deadline itself comes first.
    assert!(["cancelled", "timeout"].contains(&last.outcome.as_str()), "{last:?}");
    assert!(last.outcome.as_str() != "cancelled" || last.fault.as_deref() == Some("not_needed"));
    assert!(last.maybe_billed && entry.cost_estimated, "it may have been written all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_begins_in_time_though_its_audit_does_not_end() {
    // Whether the client has heard from us before or not.
    for alive in ["", "\nkeep_alive_ms = 500"] {
        let world = world(&(audited() + alive)).await;
        world.small.choose(|seen| told(seen.target(), "42", 10));
        world.large.choose(|_| Script::HangBeforeHeaders);
        let request = ask("cascade", true).with("x-pointsman-deadline-ms", "1500");
        let answer = loop {
            let answer = world.proxy.exchange(&request).await;
            if !world.large.seen().is_empty() {
                break answer;
            }
            assert!(world.small.seen().len() < 400, "none of 200 requests was drawn");
        };
        let text = answer.text();
        assert!(answer.status == 200 && answer.complete && text.ends_with("data: [DONE]\n\n"), "{text}");
        assert_eq!(text.matches("\"content\":\"42\"").count(), 1, "{text}");
        let how = "cascade; agreed=2; audit failed";
        if alive.is_empty() {
            assert_eq!(answer.header("x-pointsman-plan"), Some(how));
        } else {
            let heard = ": x-pointsman-model: small\n: x-pointsman-plan: ";
            assert!(
                text.starts_with(": keep-alive\n\n") && text.contains(&format!("{heard}{how}\n")),
                "{text}"
            );
        }
        let entry = world.proxy.entry_of(&answer).await;
        assert_eq!((entry.outcome.as_str(), entry.model.as_ref()), ("ok", Some(&"small".into())));
        let last = entry.attempts.last().unwrap();
        // Let go of, or where this machine stalls just then, out of time.
        assert!(["cancelled", "timeout"].contains(&last.outcome.as_str()) && last.maybe_billed);
        let stood = entry.attempts.iter().find_map(|attempt| attempt.tried).unwrap();
        assert_eq!((stood.stood, stood.same), (true, Compared::Unanswered));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_during_an_audit_is_gone_and_gets_nothing() {
    for stream in [false, true] {
        let world = world(&format!("{}\nkeep_alive_ms = 500", audited())).await;
        world.small.choose(|seen| told(seen.target(), "42", 10));
        world.large.choose(|_| Script::HangBeforeHeaders);
        let asked = loop {
            let mut client = Client::connect(world.proxy.data).await;
            client.request(&ask("cascade", stream)).await;
            tokio::select! {
                asked = world.large.nth(0) => {
                    // A stream has begun by then, and holds nothing of an answer.
                    if stream {
                        client.head().await;
                        assert_eq!(client.event().await.unwrap().unwrap().text, ": keep-alive");
                    }
                    break asked;
                }
                answer = client.answer() => assert_eq!(answer.status, 200, "{}", answer.text()),
            }
            assert!(world.small.seen().len() < 400, "none of 200 requests was drawn");
        };
        asked.closed().await;
        world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
        let gone = |entry: &Entry| entry.outcome.as_str() == "client_gone";
        let mut left = Vec::new();
        while left.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            left = world.proxy.entries().into_iter().filter(gone).collect();
        }
        let [entry] = &left[..] else { panic!("one request, one record: {left:?}") };
        let mut trail = trail(entry);
        assert_eq!(trail.pop(), Some(("large".to_owned(), "client_gone")));
        trail.sort();
        assert_eq!(trail, [("named-0".to_owned(), "answered"), ("small".to_owned(), "answered")]);
        let last = entry.attempts.last().unwrap();
        assert!(last.maybe_billed && last.cost > Some(NanoUsd::ZERO) && entry.cost_estimated);
        let cost: Option<NanoUsd> = entry.attempts.iter().map(|attempt| attempt.cost).sum();
        assert_eq!((entry.cost, entry.model.as_ref()), (cost, Some(&"large".into())), "who was at work");
        let stood = entry.attempts.iter().find_map(|attempt| attempt.tried).unwrap();
        assert_eq!((stood.stood, stood.same), (true, Compared::NotAsked), "it says nothing of the answer");
        assert_eq!(world.large.seen().len(), 1, "nobody is asked for one who is gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_serves_a_client_of_another_dialect_in_its_own() {
    let world = world(&audited()).await;
    by_model(&world, &[("small-1", "42"), ("mid-1", "42"), ("large-1", "It is 42.")]);
    for stream in [false, true] {
        let body = json!({"model": "auto", "max_tokens": 50, "stream": stream,
                          "messages": [{"role": "user", "content": "How many?"}]});
        let request = Request::messages(body.to_string()).with("x-pointsman-plan", "cascade");
        for (drawn, text, how) in
            [(true, "It is 42.", "cascade; agreed=2; audited"), (false, "42", "cascade; agreed=2")]
        {
            let answer = first(&world, &request, drawn).await;
            assert_eq!(answer.header("x-pointsman-plan"), Some(how));
            if stream {
                let events = answer.text();
                assert_eq!(events.matches("event: message_start").count(), 1, "{events}");
                assert!(events.contains(&format!("\"text\":\"{text}\"")), "{events}");
                assert!(answer.events().last().unwrap().starts_with("event: message_stop"), "{events}");
            } else {
                assert_eq!(answer.json()["content"], json!([{"type": "text", "text": text}]));
            }
            let entry = world.proxy.entry_of(&answer).await;
            let same = if drawn { Compared::Same } else { Compared::NotAsked };
            assert_eq!(tested(&entry).last().unwrap().1.unwrap().same, same);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_asked_for_an_audit_where_the_ceiling_has_no_room() {
    let world = world(&audited()).await;
    // A thousand times what was foreseen: the two spend what was meant for all three.
    let dear = |seen: &crate::support::fake_provider::Seen| told(seen.target(), "42", 100_000);
    world.small.choose(dear);
    let request = ask("cascade", false).with("x-pointsman-max-cost-usd", "0.002");
    for _ in 0..24 {
        let answer = world.proxy.exchange(&request).await;
        assert_eq!((answer.status, answer.header("x-pointsman-plan")), (200, Some("cascade; agreed=2")));
    }
    assert!(world.large.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_tested_is_explained() {
    let world = world(&audited()).await;
    world.small.choose(|seen| told(seen.target(), "42", 10));
    world.large.choose(|seen| told(seen.target(), "43", 10));
    let request = ask("cascade", false);
    let both = [first(&world, &request, true).await, first(&world, &request, false).await];
    let ids = both.map(|answer| answer.header("x-pointsman-id").unwrap().to_owned());
    let text = world.proxy.text.clone();
    let directory = world.proxy.stop().await;
    let config = directory.path().join("pointsman.toml");
    std::fs::write(&config, text).unwrap();
    for (id, says) in
        ids.iter().zip(["; its answer stood, the last model says something else\n", "; its answer stood\n"])
    {
        let said = pointsman(&["explain", id], &config);
        assert!(said.contains(says) && said.contains("comes out the same again"), "{says} in {said}");
    }
}

pub fn pointsman(arguments: &[&str], config: &std::path::Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    let output =
        command.args(arguments).arg("--config").arg(config).envs(TestConfig::secrets()).output().unwrap();
    let said = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_audits_found_becomes_evidence_that_the_next_request_is_decided_by() {
    let world = world(&audited()).await;
    // In one request of four the two differ.
    let asked = AtomicUsize::new(0);
    world.small.choose(move |seen| match seen.json()["model"].as_str() {
        Some("mid-1") if asked.fetch_add(1, Ordering::Relaxed) % 4 == 3 => told(seen.target(), "41", 10),
        _ => told(seen.target(), "42", 10),
    });
    world.large.choose(|seen| told(seen.target(), "42", 10));
    let mut audits = 0;
    for _ in 0..60 {
        let answer = world.proxy.exchange(&ask("cascade", false)).await;
        assert_eq!((answer.status, content(&answer)), (200, json!("42")));
        audits += usize::from(answer.header("x-pointsman-plan") == Some("cascade; agreed=2; audited"));
    }
    let text = world.proxy.text.clone();
    let directory = world.proxy.stop().await;
    let (config, profile) = (directory.path().join("pointsman.toml"), directory.path().join("profile.json"));
    std::fs::write(&config, &text).unwrap();
    let said = pointsman(&["calibrate"], &config);
    assert!(said.contains("75.0 %") && said.contains("nothing was written: --out FILE"), "{said}");
    let found =
        pointsman(&["calibrate", "--json", "--since", "1h", "--out", profile.to_str().unwrap()], &config);
    let found: Value = serde_json::from_str(&found).unwrap();
    let cell = &found["cells"][0];
    assert_eq!(
        (&cell["plan"], &cell["baseline"]),
        (&json!("cascade(small & named-0 | large)"), &json!("large"))
    );
    assert_eq!(
        (&cell["requests"], &cell["stood"], &cell["merged"]),
        (&json!(60), &json!(45), &json!("added"))
    );
    let expected = json!({"same": audits, "differs": 0, "incomparable": 0, "unanswered": 0, "cut": 0});
    assert_eq!(cell["audits"], expected);
    // The two at a tenth and at the whole of the large one's price, which ran in one of four besides; audits are left out.
    let ratio = cell["cost"]["ratio"]["value"].as_f64().unwrap();
    assert!((ratio - 1.35).abs() < 1e-9 && cell["cost"]["own"] == json!(15 + audits), "{cell}");

    // With it in the configuration another run finds the same.
    let with = text.clone() + &format!("\n[routing]\nprofile = {profile:?}\n");
    std::fs::write(&config, &with).unwrap();
    pointsman(&["check"], &config);
    let before = std::fs::read_to_string(&profile).unwrap();
    let again = pointsman(&["calibrate", "--out", profile.to_str().unwrap()], &config);
    assert!(again.contains("in place of what was there"), "{again}");
    assert_eq!(std::fs::read_to_string(&profile).unwrap(), before);

    // The next request is decided by it: three in four stand, of which every second is audited.
    let proxy =
        Proxy::with(|ledger| text.replace(&old_ledger(&text), ledger.to_str().unwrap()), &before).await;
    let answer = proxy.exchange(&ask("cascade", false)).await;
    let id = proxy.entry_of(&answer).await.id.to_string();
    let (text, directory) = (proxy.text.clone(), proxy.stop().await);
    let config = directory.path().join("pointsman.toml");
    std::fs::write(&config, text).unwrap();
    let said = pointsman(&["explain", &id], &config);
    assert!(said.contains("first answers stood 75 %"), "{said}");
    let last = said.lines().find(|line| line.contains("large") && line.contains("last"));
    assert!(last.is_some_and(|line| line.contains("62 %")), "{said}");
}

/// Where the ledger of a configuration lies.
pub fn old_ledger(text: &str) -> String {
    let behind = text.split("[ledger]\npath = \"").nth(1).unwrap();
    behind.split('"').next().unwrap().to_owned()
}
