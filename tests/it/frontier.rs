//! `GET /v1/frontier`: the figures of decisions, laid open to whoever may see the admin listener.

use serde_json::Value;

use crate::support::client::{self, chat_body};
use crate::support::config::CLIENT_KEY;
use crate::support::proxy::World;
use crate::support::{Answer, Request};

async fn ask(world: &World, query: &str) -> Answer {
    client::exchange(world.proxy.admin, &Request::bare("GET", &format!("/v1/frontier{query}"))).await
}

fn plan<'a>(task: &'a Value, name: &str) -> &'a Value {
    let candidates = task["candidates"].as_array().unwrap();
    candidates.iter().find(|one| one["plan"] == name).unwrap_or_else(|| panic!("no {name} in {task}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_class_has_its_candidates_with_what_they_rest_on() {
    let world = World::start(|_| {}).await;
    let answer = ask(&world, "").await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let found = answer.json();
    assert_eq!((&found["policy"], &found["dialect"]), (&"chat".into(), &"openai".into()));
    assert_eq!(found["tasks"].as_array().unwrap().len(), 11);
    for task in found["tasks"].as_array().unwrap() {
        assert_eq!((&task["chosen"], &task["baseline"]), (&"small".into(), &"large".into()), "{task}");
        let small = plan(task, "small");
        // 1000 tokens at $0.25 and 300 at $1 per million; 20 ms to the first token and 0.1 ms for each.
        assert_eq!(small["cost_usd"], 0.00055, "{small}");
        assert_eq!(small["latency"], serde_json::json!({ "ttft_ms": 20, "total_ms": 50, "measured": false }));
        assert_eq!(
            (&small["quality"]["mean"], &small["quality"]["rests_on"]),
            (&0.8.into(), &"prior".into())
        );
        assert_eq!((&small["on_frontier"], &small["chosen"]), (&true.into(), &true.into()));
        let large = plan(task, "large");
        assert_eq!(
            (&large["on_frontier"], &large["chosen"]),
            (&true.into(), &false.into()),
            "better and dearer"
        );
    }
    world.assert_untouched("a look at the frontier");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_chosen_is_what_serves() {
    for (license, chosen) in [("prior", "small"), ("paired", "large")] {
        let world =
            World::start(|config| config.swap("license = \"prior\"", &format!("license = \"{license}\"")))
                .await;
        let served = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
        assert_eq!(served.header("x-pointsman-model"), Some(chosen));
        let found = ask(&world, "?policy=chat&task=code&input_tokens=2000&output_tokens=10").await.json();
        assert_eq!(found["tasks"].as_array().unwrap().len(), 1);
        let task = &found["tasks"][0];
        assert_eq!((&task["task"], &task["chosen"]), (&"code".into(), &chosen.into()), "{task}");
        assert_eq!(Some(task["reason"].as_str().unwrap()), served.header("x-pointsman-reason"));
        assert_eq!(plan(task, "small")["cost_usd"], 0.00051);
        if license == "paired" {
            let small = plan(task, "small");
            assert_eq!(
                (&small["eligible"], &small["out"]),
                (&false.into(), &"no_evidence".into()),
                "{small}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_price_has_no_cost() {
    let world = World::start(|config| {
        config.swap("price = { input = 0.25, output = 1, cache_read = 0.025 }\n", "");
    })
    .await;
    let found = ask(&world, "?policy=messages&task=math").await.json();
    let small = plan(&found["tasks"][0], "claude-small");
    assert!(small["cost_usd"].is_null() && small["worst_cost_usd"].is_null(), "{small}");
    assert_eq!(found["dialect"], "anthropic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_without_a_baseline_asks_for_the_model_a_request_names() {
    let world = World::start(|config| {
        config.models = Vec::new();
        config
            .swap("models = [\"auto\"], paths = [\"/v1/chat", "models = [\"large-1\"], paths = [\"/v1/chat");
        config.swap("baseline = \"large\"\n", "");
    })
    .await;
    let bare = ask(&world, "").await;
    assert_eq!(bare.status, 400);
    assert!(bare.text().contains("model=NAME"), "{}", bare.text());
    let named = ask(&world, "?model=large-1&task=other").await;
    assert_eq!(named.status, 200, "{}", named.text());
    assert_eq!(named.json()["tasks"][0]["baseline"], "large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_answered_with_what_is() {
    let world = World::start(|_| {}).await;
    for (query, status, part) in [
        ("?policy=chatt", 404, "there are `chat`, `messages`"),
        ("?model=gpt-9", 404, "`small`, `large`"),
        ("?task=coding", 400, "summarisation"),
        ("?input_tokens=0", 400, "from 1 to"),
        ("?polciy=chat", 400, "known are policy"),
    ] {
        let answer = ask(&world, query).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
        assert!(answer.json()["error"].as_str().unwrap().contains(part), "{query}: {}", answer.text());
    }
    let post = client::exchange(world.proxy.admin, &Request::post("/v1/frontier", "")).await;
    assert!(post.status == 404 && post.text().contains("GET /v1/frontier"), "{}", post.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_token_is_asked_for() {
    let world = World::start(|config| {
        let admin = "admin = \"127.0.0.1:0\"\n";
        config.swap(admin, &format!("{admin}admin_token = \"env:CLIENT_KEY\"\n"));
    })
    .await;
    assert_eq!(ask(&world, "").await.status, 401);
    let request = Request::bare("GET", "/v1/frontier");
    let wrong = client::exchange(world.proxy.admin, &request.clone().with("authorization", "Bearer x")).await;
    assert_eq!(wrong.status, 401);
    let right = request.with("authorization", &format!("Bearer {CLIENT_KEY}"));
    assert_eq!(client::exchange(world.proxy.admin, &right).await.status, 200);
}
