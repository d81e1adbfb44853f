//! Decisions as a caller sees them: the right model, the headers that say why, and an explicit refusal when a limit
//! cannot be met.

use crate::support::client::{chat_body, chat_stream_body, messages_body};
use crate::support::config::{CLIENT_KEY, LARGE_COST, SMALL_COST};
use crate::support::proxy::World;
use crate::support::{Answer, Request, errors};

fn model(answer: &Answer) -> Option<&str> {
    answer.header("x-pointsman-model")
}

fn path(answer: &Answer) -> Option<&str> {
    answer.header("x-pointsman-path")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auto_goes_to_the_cheapest_model_that_will_do() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((answer.status, path(&answer), model(&answer)), (200, Some("routed"), Some("small")));
    assert_eq!(world.small.only().json()["model"], "small-1");
    let answer = world.proxy.exchange(&Request::messages(messages_body("auto"))).await;
    assert_eq!((answer.status, path(&answer), model(&answer)), (200, Some("routed"), Some("claude-small")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_says_what_was_done() {
    let world = World::start(|_| {}).await;
    for (model, cost) in [("auto", SMALL_COST), ("small-1", SMALL_COST), ("large-1", LARGE_COST)] {
        let answer = world.proxy.exchange(&Request::chat(chat_body(model))).await;
        for name in ["id", "path", "model", "reason", "attempts", "cost-usd", "overhead-us", "snapshot"] {
            let name = format!("x-pointsman-{name}");
            assert!(answer.header(&name).is_some_and(|value| !value.is_empty()), "{model}: {name}");
        }
        let shown: f64 = answer.header("x-pointsman-cost-usd").unwrap().parse().unwrap();
        assert!((shown * 1e9 - cost as f64).abs() < 0.5, "{model}: {shown}");
        assert_eq!(answer.header("x-request-id"), Some("req_fake_openai"), "the provider's own id stays");
        let entry = world.proxy.entry_of(&answer).await;
        assert_eq!(entry.cost.map(|cost| cost.0), Some(cost), "{model}");
        assert_eq!(entry.attempts[0].provider_request_id.as_deref(), Some("req_fake_openai"));
        assert!(entry.overhead_us > 0 && u64::from(entry.overhead_us) <= entry.total_us);
    }
    let stream = world.proxy.exchange(&Request::chat(chat_stream_body("auto"))).await;
    assert!(
        stream.header("x-pointsman-cost-estimate-usd").is_some()
            && stream.header("x-pointsman-cost-usd").is_none()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_of_the_caller_change_the_choice() {
    let world = World::start(|_| {}).await;
    let rows = [
        (("x-pointsman-min-quality", "0.85"), "large"),
        (("x-pointsman-max-quality-loss", "0.01"), "large"),
        (("x-pointsman-max-quality-loss", "0.4"), "small"),
        (("x-pointsman-max-cost-usd", "0.002"), "small"),
    ];
    for ((name, value), expected) in rows {
        let answer = world.proxy.exchange(&Request::chat(chat_body("auto")).with(name, value)).await;
        assert_eq!(
            (answer.status, model(&answer)),
            (200, Some(expected)),
            "{name}: {value}: {:?}",
            answer.body
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_nobody_can_meet_is_named_and_calls_nobody() {
    let world = World::start(|_| {}).await;
    let rows = [
        (("x-pointsman-max-cost-usd", "0.000000001"), 402, "no_plan_within_budget"),
        (("x-pointsman-deadline-ms", "1"), 422, "no_plan_within_slo"),
        (("x-pointsman-ttft-ms", "1"), 422, "no_plan_within_slo"),
        (("x-pointsman-min-quality", "0.99"), 422, ""),
    ];
    for ((name, value), status, code) in rows {
        for request in [Request::chat(chat_body("auto")), Request::messages(messages_body("auto"))] {
            let answer = world.proxy.exchange(&request.clone().with(name, value)).await;
            assert_eq!(answer.status, status, "{name}: {:?}", answer.body);
            let told = errors::of_path(&request.target, &answer, name);
            assert!(code.is_empty() || told == code, "{name}: {told}");
            let entry = world.proxy.entry_of(&answer).await;
            assert_eq!((entry.attempts.len(), entry.status), (0, status), "{name}");
        }
    }
    world.assert_untouched("limits that cannot be met");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_ceiling_holds_where_no_policy_matches() {
    let world = World::start(|config| config.models = vec!["nothing".to_owned()]).await;
    for model in ["large-1", "unlisted"] {
        let request = Request::chat(chat_body(model)).with("x-pointsman-max-cost-usd", "0.000000001");
        let answer = world.proxy.exchange(&request).await;
        assert_eq!(answer.status, 402, "{model}: {:?}", answer.body);
    }
    world.assert_untouched("a ceiling without a policy");
    let request = Request::chat(chat_body("large-1")).with("x-pointsman-max-cost-usd", "1");
    let answer = world.proxy.exchange(&request).await;
    assert_eq!((answer.status, path(&answer)), (200, Some("pinned")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_confined_to_policies_gets_nothing_else() {
    let world = World::start(|config| {
        config.client_auth = true;
        config.models = vec!["small-1".to_owned()];
        config.swap("id = \"app\"", "id = \"app\"\npolicies = [\"chat\"]");
    })
    .await;
    for request in [
        Request::chat(chat_body("large-1")),
        Request::messages(messages_body("auto")),
        Request::chat(chat_body("pointsman/messages")),
    ] {
        let answer = world.proxy.exchange(&request.with("x-pointsman-key", CLIENT_KEY)).await;
        assert_eq!(answer.status, 403, "{:?}", answer.body);
        assert_eq!(answer.header("x-pointsman-reason"), Some("policy_forbidden"));
    }
    world.assert_untouched("requests outside a client's policies");
    let allowed = Request::chat(chat_body("small-1")).with("x-pointsman-key", CLIENT_KEY);
    assert_eq!(world.proxy.exchange(&allowed).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_can_be_named() {
    let world = World::start(|config| config.models = vec!["nothing".to_owned()]).await;
    let answer = world.proxy.exchange(&Request::chat(chat_body("pointsman/chat"))).await;
    assert_eq!((answer.status, path(&answer), model(&answer)), (200, Some("routed"), Some("small")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_model_may_be_replaced_under_route() {
    let world = World::start(|config| config.mode = "route").await;
    let answer = world.proxy.exchange(&Request::chat(chat_body("large-1"))).await;
    assert_eq!((path(&answer), model(&answer)), (Some("routed"), Some("small")));
    let entry = world.proxy.entry_of(&answer).await;
    assert_eq!(entry.model_asked.as_deref(), Some("large-1"));
    assert_eq!(entry.baseline.map(|model| model.to_string()).as_deref(), Some("large"));
    assert_eq!(
        entry.baseline_cost.map(|cost| cost.0),
        Some(LARGE_COST),
        "the same usage at the baseline's price"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_evidence_the_baseline_serves() {
    let world = World::start(|config| config.swap("license = \"prior\"", "license = \"paired\"")).await;
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((answer.status, model(&answer)), (200, Some("large")));
    assert_eq!(answer.header("x-pointsman-reason"), Some("insufficient_evidence"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_holdout_share_is_served_by_the_baseline() {
    let world = World::start(|config| config.shares = (0.0, 1.0)).await;
    let answer = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!((path(&answer), model(&answer)), (Some("holdout"), Some("large")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_routes_whole_sessions() {
    let world = World::start(|config| {
        config.mode = "canary";
        config.shares = (0.5, 0.0);
    })
    .await;
    let mut routed = 0;
    for session in 0..40 {
        let mut paths = Vec::new();
        for _ in 0..2 {
            let request = Request::chat(chat_body("large-1"))
                .with("x-pointsman-session", &format!("session-{session}"));
            paths.push(path(&world.proxy.exchange(&request).await).unwrap().to_owned());
        }
        assert_eq!(paths[0], paths[1], "a session stays on its side");
        routed += usize::from(paths[0] == "canary");
    }
    assert!((8..=32).contains(&routed), "{routed} of 40 sessions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_with_signed_thinking_stays_where_it_is() {
    let world = World::start(|config| config.mode = "route").await;
    let thinking = "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"c2lnbmVk\"}";
    let turns = format!(
        "[{{\"role\":\"user\",\"content\":\"hi\"}},{{\"role\":\"assistant\",\"content\":[{thinking},\
         {{\"type\":\"text\",\"text\":\"yes?\"}}]}},{{\"role\":\"user\",\"content\":\"go on\"}}]"
    );
    let body = format!("{{\"model\":\"claude-large-1\",\"max_tokens\":64,\"messages\":{turns}}}");
    let answer = world.proxy.exchange(&Request::messages(body.clone())).await;
    assert_eq!((answer.status, model(&answer)), (200, Some("claude-large")));
    assert!(world.large.only().body() == body.as_bytes());
    assert!(answer.header("x-pointsman-reason").unwrap().starts_with("hard_marker"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_can_be_asked_for_without_a_call() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&Request::post("/pointsman/v1/decisions", chat_body("auto"))).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert!(answer.text().contains("small") && answer.text().contains("candidates"), "{}", answer.text());
    world.assert_untouched("a decision");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_can_be_looked_up() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&Request::chat(chat_stream_body("auto"))).await;
    let id = answer.header("x-pointsman-id").unwrap().to_owned();
    world.proxy.entry_of(&answer).await;
    let look_up = Request::bare("GET", &format!("/pointsman/v1/requests/{id}"));
    let strangers = world.proxy.exchange(&look_up).await;
    assert_eq!(strangers.status, 404, "another tenant does not see it");
    let found = world.proxy.exchange(&look_up.with("authorization", "Bearer CALLER-KEY")).await;
    assert_eq!(found.status, 200, "{:?}", found.body);
    assert!(found.text().contains(&id) && found.text().contains("small"));
    assert!(!found.text().contains("Zoë"), "the ledger holds no prompt");
    let missing = Request::bare("GET", "/pointsman/v1/requests/pm-00000000000000000000000000");
    assert_eq!(world.proxy.exchange(&missing).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_and_sessions_are_recorded() {
    let world = World::start(|_| {}).await;
    let request = Request::chat(chat_body("auto"))
        .with("x-pointsman-tags", "team=search,run=7")
        .with("x-session-id", "s-1");
    let first = world.proxy.entry_of(&world.proxy.exchange(&request).await).await;
    let second = world.proxy.entry_of(&world.proxy.exchange(&request).await).await;
    assert_eq!(first.tags.get("run").map(String::as_str), Some("7"));
    assert!(first.session != 0 && first.session == second.session && first.id != second.id);
}
