//! A proxy behind a proxy: a sidecar before an edge is served; one that leads back to itself is told apart.

use crate::support::client::{Request, chat_body, messages_body};
use crate::support::errors;
use crate::support::proxy::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_back_is_refused() {
    let world = World::start(|_| {}).await;
    for (target, body) in
        [("/v1/chat/completions", chat_body("auto")), ("/v1/messages", messages_body("auto"))]
    {
        let ask = |list: &str| Request::post(target, body.clone()).with("cdn-loop", list);
        let served = world.proxy.exchange(&ask("cloudflare, pointsman; v=1, Pointsman")).await;
        assert_eq!(served.status, 200, "two before us are no loop");
        let seen = world.small.seen().pop().unwrap();
        let lists: Vec<&str> = seen
            .head
            .headers
            .iter()
            .filter(|(name, _)| name == "cdn-loop")
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(lists, ["cloudflare, pointsman; v=1, Pointsman", "pointsman"]);
        let calls = world.small.seen().len();
        let refused =
            world.proxy.exchange(&ask("pointsman, pointsman").with("cdn-loop", "pointsman;x")).await;
        assert_eq!(refused.status, 508);
        assert_eq!(errors::of_path(target, &refused, "loop"), "loop_detected");
        assert_eq!(world.small.seen().len(), calls, "nothing reached a provider");
    }
}
