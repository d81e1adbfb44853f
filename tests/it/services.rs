//! Services that speak OpenAI's dialect in a way of their own: what they refuse is not sent to them, and where the deployment
//! stands in the path it is written there.

use crate::support::Request;
use crate::support::client::{chat_body, chat_stream_body, messages_stream_body};
use crate::support::proxy::World;

const PROVIDER_A: &str = "id = \"a\"\ndialect = \"openai\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_is_asked_for_where_the_question_is_taken() {
    for (service, asked) in [("groq", true), ("mistral", false)] {
        let line = format!("id = \"a\"\nservice = \"{service}\"\n");
        let world = World::start(|config| config.swap(PROVIDER_A, &line)).await;
        let answer = world.proxy.exchange(&Request::chat(chat_stream_body("auto"))).await;
        assert_eq!(answer.status, 200, "{service}");
        let seen = world.small.only();
        assert_eq!(seen.json().get("stream_options").is_some(), asked, "{service}");
        let across = Request::messages(messages_stream_body("pointsman/chat"));
        assert_eq!(world.proxy.exchange(&across).await.status, 200, "{service}");
        let seen = world.small.nth(1).await.json();
        assert_eq!(seen.get("stream_options").is_some(), asked, "{service}, across");
        assert!(seen.get("max_tokens").is_some() && seen.get("max_completion_tokens").is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_version_puts_the_deployment_into_the_path() {
    let line = "id = \"a\"\nservice = \"azure-openai\"\napi_version = \"2024-10-21\"\n";
    let world = World::start(|config| config.swap(PROVIDER_A, line)).await;
    assert_eq!(world.proxy.exchange(&Request::chat(chat_body("auto"))).await.status, 200);
    let target = "/deployments/small-1/chat/completions?api-version=2024-10-21";
    assert_eq!(world.small.only().target(), target);
    let across = Request::messages(messages_stream_body("pointsman/chat"));
    assert_eq!(world.proxy.exchange(&across).await.status, 200);
    let seen = world.small.nth(1).await;
    assert_eq!(seen.target(), target);
    assert!(seen.json().get("max_completion_tokens").is_some(), "Azure serves OpenAI's own models");
}
