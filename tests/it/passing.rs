//! The record of what streams through unread: what it cost where that is known, and what the client was told.

use crate::support::proxy::World;
use crate::support::{Request, Script};

fn speech() -> Request {
    Request::post("/v1/audio/speech", "{\"model\":\"tts\",\"input\":\"hi\"}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_read_is_unpriced_unless_it_surely_cost_nothing() {
    let embeddings = || Request::post("/v1/embeddings", "{\"model\":\"m\",\"input\":\"hi\"}");
    let cases = [
        ("speech", speech(), Script::Right, None),
        ("usage seen, model unknown", embeddings(), Script::Right, None),
        ("deleting", Request::bare("DELETE", "/v1/files/f"), Script::Right, None),
        ("reading", Request::bare("GET", "/v1/models"), Script::Right, Some(0)),
        ("looking", Request::bare("HEAD", "/v1/models"), Script::Right, Some(0)),
        ("refused by the provider", speech(), Script::Status(429, None), Some(0)),
        ("sent, and then silence", speech(), Script::Reset, None),
    ];
    for (case, request, script, nanousd) in cases {
        let world = World::start(|_| {}).await;
        world.small.always(script);
        let answer = world.proxy.exchange(&request).await;
        let entry = world.proxy.entry_of(&answer).await;
        assert_eq!(entry.cost.map(|cost| cost.0), nanousd, "{case}");
        assert_eq!(entry.attempts.len(), 1, "{case}");
        assert_eq!((entry.attempts[0].cost, entry.status), (entry.cost, answer.status), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_not_reached_costs_nothing_and_the_status_sent_is_on_record() {
    let world = World::start(|config| "http://127.0.0.1:1".clone_into(&mut config.small)).await;
    let answer = world.proxy.exchange(&speech()).await;
    assert_eq!(answer.status, 502);
    let entry = world.proxy.entry_of(&answer).await;
    assert_eq!((entry.status, entry.outcome.as_str()), (502, "own_error"));
    assert_eq!(entry.reason, "upstream_unreachable");
    assert_eq!(entry.cost.map(|cost| cost.0), Some(0));
    let refused = "pointsman_refusals_total{code=\"upstream_unreachable\"}";
    assert_eq!(world.proxy.metric(refused).await, Some(1.0));
}
