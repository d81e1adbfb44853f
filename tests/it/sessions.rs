//! Conversations through the proxy: who answers the next step, and why.

use serde_json::json;

use crate::support::Request;
use crate::support::client::chat_body;
use crate::support::proxy::World;

fn talk(session: &str) -> Request {
    Request::chat(chat_body("auto")).with("x-pointsman-session", session)
}

/// The result of a tool call.
fn result(session: &str) -> Request {
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1}"}});
    let tool = json!({"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}});
    let body = json!({
        "model": "auto", "max_tokens": 64, "tools": [tool],
        "messages": [
            {"role": "user", "content": "Look at it and say what is there."},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "nothing"},
        ],
    });
    Request::chat(body.to_string()).with("x-pointsman-session", session)
}

/// A conversation that the large model has answered once.
async fn begun(rules: &str) -> World {
    let rules = rules.to_owned();
    let world = World::start(move |config| config.policy_lines = rules).await;
    let first = world.proxy.exchange(&talk("one").with("x-pointsman-min-quality", "0.85")).await;
    assert_eq!(first.header("x-pointsman-model"), Some("large"), "{}", first.text());
    // Remembered when it is closed, which is when it is on record.
    world.proxy.entry_of(&first).await;
    world
}

async fn check(world: &World, request: &Request, expected: (&str, &str)) {
    let answer = world.proxy.exchange(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let found = (answer.header("x-pointsman-model").unwrap(), answer.header("x-pointsman-reason").unwrap());
    assert_eq!(found, expected);
    // An answer is read before its request is closed, and only then is it remembered.
    world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_calls_result_goes_to_who_made_the_call() {
    let world = begun("").await;
    check(&world, &result("one"), ("large", "tool_loop")).await;
    check(&world, &result("another"), ("small", "cheapest")).await;
    check(&world, &talk("one"), ("small", "cheapest")).await;
    // From then on it is the small one's conversation.
    check(&world, &result("one"), ("small", "cheapest")).await;
    let free = begun("sessions = { tool_loops = \"free\" }").await;
    check(&free, &result("one"), ("small", "cheapest")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sub_agent_is_not_its_parent() {
    let world = begun("").await;
    // Claude Code's sub-agents have its session and a name of their own; Codex's have a thread.
    let agents = [("x-claude-code-agent-id", "a-1"), ("thread-id", "t-2"), ("x-openai-subagent", "review")];
    for (header, value) in agents {
        check(&world, &result("one").with(header, value), ("small", "cheapest")).await;
    }
    // Theirs are conversations as well, and no word of them reaches the parent's.
    let large = talk("one").with("x-claude-code-agent-id", "a-2").with("x-pointsman-min-quality", "0.85");
    let answer = world.proxy.exchange(&large).await;
    world.proxy.entry_of(&answer).await;
    check(&world, &result("one").with("x-claude-code-agent-id", "a-2"), ("large", "tool_loop")).await;
    check(&world, &result("one"), ("large", "tool_loop")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_has_candidates_of_its_own() {
    let steps = "[policies.steps.tool_result]\ncandidates = [\"large\"]\n[policies.steps.side_call]\nmax_cost_usd = 0";
    let world = World::start(move |config| config.policy_lines = steps.to_owned()).await;
    check(&world, &talk("one"), ("small", "cheapest")).await;
    check(&world, &result("another"), ("large", "baseline")).await;
    let title = chat_body("auto").replace(
        "\"messages\":[",
        "\"messages\":[{\"role\":\"system\",\"content\":\"Generate a concise title for this chat.\"},",
    );
    let refused = world.proxy.exchange(&Request::chat(title)).await;
    assert_eq!(refused.status, 402, "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sessions_switches_lose_no_more_cached_input_than_they_may() {
    // 21 tokens are in the large model's cache, which read 5 of them from it: leaving loses $0.00004725.
    let world = begun("sessions = { max_switch_usd = 0.00004, horizon_turns = 0 }").await;
    check(&world, &talk("one"), ("large", "switch_cap")).await;
    check(&world, &talk("another"), ("small", "cheapest")).await;
    let richer = begun("sessions = { max_switch_usd = 0.00005, horizon_turns = 0 }").await;
    check(&richer, &talk("one"), ("small", "cheapest")).await;
}
