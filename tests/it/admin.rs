//! What is seen from outside: health, metrics, and no secret in either.

use crate::support::client::{self, chat_body, chat_stream_body};
use crate::support::config::{CLIENT_KEY, KEY_A, KEY_B, KEY_C, KEY_D};
use crate::support::proxy::World;
use crate::support::{Request, Script};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_needs_no_key() {
    let world = World::start(|config| config.client_auth = true).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(world.proxy.exchange(&Request::bare("GET", path)).await.status, 200, "{path}");
    }
    world.assert_untouched("health");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_what_happened_and_name_no_secret() {
    let world = World::start(|_| {}).await;
    world.small.next(Script::Status(500, None));
    for body in [chat_body("auto"), chat_stream_body("auto"), chat_body("small-1"), "{".to_owned()] {
        world.proxy.exchange(&Request::chat(body)).await;
    }
    let metrics = client::exchange(world.proxy.admin, &Request::bare("GET", "/metrics")).await;
    assert_eq!(metrics.status, 200);
    let text = metrics.text();
    for (sample, count) in [
        ("pointsman_requests_total{outcome=\"ok\",path=\"observed\",reason=\"observe\"}", 1.0),
        ("pointsman_requests_total{outcome=\"own_error\",path=\"pinned\",reason=\"invalid_json\"}", 1.0),
        ("pointsman_refusals_total{code=\"invalid_json\"}", 1.0),
        ("pointsman_requests_in_flight", 0.0),
    ] {
        world.proxy.until_metric(sample, count).await; // counted when the answer has ended
    }
    assert!(text.contains("# TYPE") && text.contains("pointsman_"), "{text}");
    assert!(text.contains("gen_ai"), "the names the field agreed on are used where they exist");
    for secret in [KEY_A, KEY_B, KEY_C, KEY_D, CLIENT_KEY, "CALLER-KEY", "Zoë"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_listener_serves_no_models_and_the_data_listener_no_metrics() {
    let world = World::start(|_| {}).await;
    let call = client::exchange(world.proxy.admin, &Request::chat(chat_body("auto"))).await;
    assert!((400..500).contains(&call.status), "{}", call.status);
    world.assert_untouched("a call to the admin listener");
    let metrics = world.proxy.exchange(&Request::bare("GET", "/metrics")).await;
    assert!(!String::from_utf8_lossy(&metrics.body).contains("# TYPE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_takes_a_good_configuration_and_keeps_the_old_one_over_a_broken_one() {
    let world = World::start(|_| {}).await;
    let reload = async || client::exchange(world.proxy.admin, &Request::post("/reload", "")).await;
    let serves = async || {
        let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
        answer.header("x-pointsman-snapshot").unwrap().to_owned()
    };
    let first = serves().await;
    world.proxy.write(&world.proxy.text.replace("max_quality_loss = 0.5", "max_quality_loss = 0.01"));
    let good = reload().await;
    let second = serves().await;
    assert_eq!((good.status, good.json()["snapshot"].as_str()), (200, Some(second.as_str())));
    assert_ne!(first, second);
    world.proxy.write(&world.proxy.text.replace("[ledger]", "[ledger]\ncolour = \"red\""));
    let broken = reload().await;
    assert_eq!((broken.status, broken.json()["snapshot_kept"].as_str()), (422, Some(second.as_str())));
    assert!(broken.json()["error"].as_str().unwrap().contains("colour"), "{:?}", broken.body);
    assert_eq!(serves().await, second);
    assert_eq!(world.proxy.metric("pointsman_reloads_total").await, Some(1.0));
    assert_eq!(world.proxy.metric("pointsman_reload_failures_total").await, Some(1.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_age_of_prices_is_measured_where_they_have_one() {
    let world = World::start(|config| {
        config.swap(
            "input = 2.5, output = 10, cache_read = 0.25 }\nquality = { default = 0.9 }\ndeployments = [{ provider = \"b\"",
            "input = 2.5, output = 10, valid_from = \"2026-01-01\" }\nquality = { default = 0.9 }\ndeployments = [{ provider = \"b\"",
        );
    })
    .await;
    let age = async |model: &str| {
        let sample = format!("pointsman_price_age_seconds{{gen_ai_response_model=\"{model}\"}}");
        world.proxy.metric(&sample).await
    };
    let since_new_year = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        now as f64 - 20_454.0 * 86_400.0
    };
    let before = since_new_year();
    let large = age("large").await.expect("a dated price has an age");
    assert!((before..=since_new_year()).contains(&large), "{large}");
    assert_eq!(age("small").await, None, "no day, no age");
    world.proxy.reload(&world.proxy.text.replace(", valid_from = \"2026-01-01\"", "")).unwrap();
    assert_eq!(age("large").await, None, "a reload takes it away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_answers_teach_how_long_they_take_and_a_decision_says_what_its_times_rest_on() {
    let world = World::start(|_| {}).await;
    let whole = async || {
        let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
        let decision = world.proxy.entry_of(&answer).await.decision.unwrap();
        let small =
            decision.candidates.iter().find(|candidate| candidate.plan.to_string() == "small").unwrap();
        let timing = small.timing.unwrap();
        (timing.first_token.to_string(), timing.whole.to_string(), timing.answers)
    };
    let said = |first: &str, whole: &str, answers| (first.to_owned(), whole.to_owned(), answers);
    assert_eq!(whole().await, said("configured", "configured", 0));
    for _ in 0..18 {
        world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    }
    // Whole answers do not tell when their first token was written.
    assert_eq!(whole().await, said("configured", "measured", 19));
    let profiles = client::exchange(world.proxy.admin, &Request::bare("GET", "/v1/profiles")).await.json();
    let models = profiles["models"].as_array().unwrap();
    let small = models.iter().find(|model| model["model"] == "small").unwrap();
    let measured = &small["deployments"][0];
    assert!(measured["answers"].as_u64().unwrap() >= 19, "{measured}");
    assert!(
        measured["total_ratio_p95"].as_f64().is_some() && measured["ttft_ms_p95"].is_null(),
        "{measured}"
    );
}
