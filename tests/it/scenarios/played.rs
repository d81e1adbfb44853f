//! The scenarios themselves.

use std::time::{Duration, Instant};

use super::stage::{STREAMS, Scene, TIMEOUT_MS, TOKENS, WAYS, looks_finished, sixty, tokens_in};
use crate::matrix::fault::Fault;
use crate::matrix::form::opening;
use crate::matrix::way::Way;
use crate::support::config::{LARGE_COST, SMALL_COST};
use crate::support::script::{Chunk, Wait};
use crate::support::{End, Script, USAGE_OUTPUT};

const RESUME: &str = "on_stream_break = \"resume\"";
const TIMEOUT: Duration = Duration::from_millis(TIMEOUT_MS as u64);

/// A fail-over at once, without waiting and without asking the primary again.
pub async fn limited_once() {
    for way in WAYS {
        let scene = Scene::new(way, "").await;
        scene.world.small.next(Script::Status(429, Some("2")));
        let entry = scene.served_by('l').await;
        scene.check_trail(&entry, &[('s', "rate_limit"), ('l', "ok")]);
        // What the provider asked for holds for the next request, too.
        scene.served_by('l').await;
        assert_eq!(scene.calls(), (1, 2), "{}", way.name());
    }
}

pub async fn limited_always() {
    for way in WAYS {
        let scene = Scene::new(way, "").await;
        scene.world.small.always(Script::Status(429, None));
        let began = Instant::now();
        for _ in 0..6 {
            scene.served_by('l').await;
        }
        let early =
            scene.world.small.seen().iter().filter(|seen| seen.at - began < Duration::from_secs(3)).count();
        assert!((1..=4).contains(&early) && scene.calls().0 <= 6, "{}: {:?}", way.name(), scene.calls());
    }
}

/// One retry at the same provider, which succeeds.
pub async fn failed_once() {
    for way in WAYS {
        let scene = Scene::new(way, "").await;
        scene.world.small.next(Script::Status(500, None));
        let entry = scene.served_by('s').await;
        scene.check_trail(&entry, &[('s', "server_error"), ('s', "ok")]);
        assert_eq!(scene.calls(), (2, 0), "{}", way.name());
    }
}

pub async fn failing_always() {
    for way in WAYS {
        let scene = Scene::new(way, "").await;
        scene.world.small.always(Fault::Coded(503, "oops").script(way));
        let entry = scene.served_by('l').await;
        scene.check_trail(&entry, &[('s', "server_error"), ('l', "ok")]);
        assert_eq!(scene.calls(), (1, 1), "{}", way.name());
    }
}

pub async fn reset_once() {
    for way in WAYS {
        let scene = Scene::new(way, "").await;
        scene.world.small.next(Script::Reset);
        let entry = scene.served_by('l').await;
        assert!(entry.attempts[0].maybe_billed, "it had been sent whole");
        assert_eq!(scene.calls(), (1, 1), "{}", way.name());
    }
}

/// The first timeout ends it, and the silent route is not tried again.
pub async fn silent() {
    for way in [WAYS[0], WAYS[3]] {
        let scene = Scene::new(way, "").await;
        scene.world.small.always(Script::HangBeforeHeaders);
        let (answer, took) = scene.ask().await;
        scene.check_served(&answer, 'l').await;
        assert!(took >= TIMEOUT && took < TIMEOUT + TIMEOUT / 2, "{}: {took:?}", way.name());
        assert_eq!(scene.calls(), (1, 1), "{}", way.name());
    }
}

/// A limit of 5 s for the first token, a tenth, ends the wait for one that comes after 20 s.
pub async fn late_first_token() {
    for way in STREAMS {
        let scene = Scene::new(way, "ttft_ms = 500").await;
        let mut late = sixty(way);
        late.chunks[0].wait = Wait::For(Duration::from_secs(2));
        scene.world.small.always(Script::Stream(late));
        let (answer, took) = scene.ask().await;
        let entry = scene.check_served(&answer, 'l').await;
        scene.check_trail(&entry, &[('s', "timeout"), ('l', "ok")]);
        assert!(took < Duration::from_millis(1500), "{}: {took:?}", way.name());
    }
}

/// A stream that breaks: a clear error, or with `resume` the whole answer; in neither case half of one that looks whole.
async fn breaks(sent: usize, fault: impl Fn(Way) -> Script, within: Duration) {
    for way in STREAMS {
        let scene = Scene::new(way, "").await;
        scene.world.small.next(fault(way));
        let (answer, took) = scene.ask().await;
        assert_eq!((answer.status, tokens_in(&answer)), (200, sent), "{}: {}", way.name(), answer.text());
        assert!(answer.text().contains("\"error\"") && !looks_finished(&answer), "{}", answer.text());
        assert!(took < within, "{}: {took:?}", way.name());
        assert_eq!(scene.world.proxy.entry_of(&answer).await.outcome.as_str(), "truncated");
        // Healthy afterwards.
        scene.world.small.always(Script::Stream(sixty(way)));
        scene.world.large.always(Script::Stream(sixty(way)));
        assert_eq!(tokens_in(&scene.ask().await.0), TOKENS, "{}", way.name());

        let scene = Scene::new(way, RESUME).await;
        scene.world.small.next(fault(way));
        scene.world.large.always(Script::Stream(sixty(way)));
        let (answer, _) = scene.ask().await;
        assert_eq!((answer.status, tokens_in(&answer)), (200, TOKENS), "{}", way.name());
        assert!(answer.complete && looks_finished(&answer) && !answer.text().contains("\"error\""));
        let entry = scene.world.proxy.entry_of(&answer).await;
        assert_eq!((entry.outcome.as_str(), &*entry.reason, scene.calls()), ("ok", "resumed", (1, 1)));
    }
}

pub async fn dies_midway() {
    breaks(40, |way| Script::Stream(sixty(way).cut_after(opening(way) + 40).ending(End::Abort)), TIMEOUT)
        .await;
}

pub async fn silent_midway() {
    let fault = |way| Script::Stream(sixty(way).cut_after(opening(way) + 20).ending(End::Hang));
    breaks(20, fault, TIMEOUT + TIMEOUT / 2).await;
}

pub async fn one_bad_event() {
    let fault = |way| {
        let mut stream = sixty(way).paced(Duration::from_millis(3));
        let bad = Chunk {
            bytes: "data: {\"choices\": [{\"del\n\n".into(),
            wait: Wait::For(Duration::from_millis(50)),
        };
        stream.chunks.insert(opening(way) + 9, bad);
        Script::Stream(stream)
    };
    breaks(9, fault, TIMEOUT).await;
}

/// Over at once, with its usage, also where the connection stays open.
pub async fn no_end_mark() {
    let way = STREAMS[0];
    for end in [End::Clean, End::Hang] {
        let scene = Scene::new(way, "").await;
        let stream = sixty(way);
        let keep = stream.chunks.len() - 1;
        scene.world.small.always(Script::Stream(stream.cut_after(keep).ending(end)));
        let (answer, took) = scene.ask().await;
        let entry = scene.check_served(&answer, 's').await;
        assert_eq!(tokens_in(&answer), TOKENS);
        assert!(took < TIMEOUT, "{took:?}");
        assert_eq!((entry.usage.output, entry.cost.map(|cost| cost.0)), (USAGE_OUTPUT, Some(SMALL_COST)));
        assert!(!entry.cost_estimated);
    }
}

/// One attempt at that model; then a larger window, if there is one.
pub async fn context_too_long() {
    for way in WAYS {
        let fault = Fault::Coded(400, "context_length_exceeded").script(way);
        let scene = Scene::new(way, "").await;
        scene.world.small.always(fault.clone());
        let (answer, _) = scene.ask().await;
        assert!(answer.status == 400 && answer.text().contains("context_length_exceeded"), "{}", way.name());
        assert_eq!(scene.calls(), (1, 0), "{}", way.name());
        let scene = Scene::with(way, "", |config| {
            for model in ["small", "claude-small"] {
                let head = format!("id = \"{model}\"\ntier = \"edge\"\ncontext_tokens = ");
                config.swap(&format!("{head}8000000"), &format!("{head}7000000"));
            }
        })
        .await;
        scene.world.small.always(fault);
        scene.served_by('l').await;
        assert_eq!(scene.calls(), (1, 1), "{}", way.name());
    }
}

/// Not retried, not moved elsewhere, and the provider's reason reaches the caller.
pub async fn filtered() {
    for way in WAYS {
        let scene = Scene::new(way, "").await;
        scene.world.small.always(Fault::Coded(400, "content_policy_violation").script(way));
        let (answer, _) = scene.ask().await;
        assert!(answer.status == 400 && answer.text().contains("content_policy_violation"), "{}", way.name());
        assert_eq!(scene.calls(), (1, 0), "{}", way.name());
    }
}

/// The answer is written anew from the request as it was: there is no prefill that could be rejected.
pub async fn no_prefill() {
    for way in STREAMS {
        let scene = Scene::new(way, RESUME).await;
        scene.world.small.next(Script::Stream(sixty(way).cut_after(opening(way) + 40).ending(End::Abort)));
        scene.world.large.always(Script::Stream(sixty(way)));
        let (answer, _) = scene.ask().await;
        assert_eq!((answer.status, tokens_in(&answer)), (200, TOKENS), "{}", way.name());
        let messages = scene.world.large.only().json()["messages"].clone();
        assert_eq!(messages.as_array().unwrap().last().unwrap()["role"], "user", "{}", way.name());

        // One that rejects whatever it is sent: the caller sees the break and never that.
        let scene = Scene::new(way, RESUME).await;
        scene.world.small.next(Script::Stream(sixty(way).cut_after(opening(way) + 40).ending(End::Abort)));
        scene.world.large.always(Script::Status(400, None));
        let (answer, _) = scene.ask().await;
        assert_eq!((answer.status, tokens_in(&answer)), (200, 40), "{}", way.name());
        assert!(answer.text().contains("upstream_truncated") && !answer.text().contains("fake provider"));
        assert!(!looks_finished(&answer));
    }
}

/// Twenty requests, one every 0.4 s, of which the primary fails those of the first 6 s. The circuit's own pauses are not
/// scaled, so the way back is bounded by what they come to here.
pub async fn recovers() {
    let way = WAYS[0];
    let scene = Scene::new(way, "").await;
    let began = Instant::now();
    let outage = Duration::from_secs(6);
    scene.world.small.choose(move |_| match began.elapsed() < outage {
        true => Fault::Coded(503, "oops").script(way),
        false => Script::Right,
    });
    let mut back = None;
    for number in 1..=40 {
        let (answer, _) = scene.ask().await;
        assert_eq!((answer.status, answer.complete), (200, true), "request {number}: {:?}", answer.body);
        if began.elapsed() > outage && answer.header("x-pointsman-model") == Some("small") {
            back = Some(began.elapsed() - outage);
            if number >= 20 {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let back = back.expect("the primary serves again");
    assert!(back < Duration::from_secs(5), "back after {back:?}");
    let during = scene.world.small.seen().iter().filter(|seen| seen.at - began < outage).count();
    assert!((3..=6).contains(&during), "the circuit opens: {during} calls while it was down");
}

/// The caller sees the fallback's name and usage; what failed is not billed.
pub async fn accounted() {
    for way in WAYS {
        let scene = Scene::new(way, "").await;
        scene.world.small.always(Fault::Coded(503, "oops").script(way));
        let (answer, _) = scene.ask().await;
        let entry = scene.check_served(&answer, 'l').await;
        assert_eq!(answer.header("x-pointsman-path"), Some("fallback"), "{}", way.name());
        assert!(answer.text().contains(&format!("{}-1", way.model('l'))), "{}", answer.text());
        if !way.stream {
            assert!(answer.text().contains("\"usage\""), "{}", answer.text());
        }
        let costs: Vec<_> = entry.attempts.iter().map(|attempt| attempt.cost.map(|cost| cost.0)).collect();
        assert_eq!(
            (costs, entry.cost.map(|cost| cost.0)),
            (vec![Some(0), Some(LARGE_COST)], Some(LARGE_COST))
        );
        assert_eq!(entry.usage.output, USAGE_OUTPUT, "{}", way.name());
    }
}
