//! Cascades by log probabilities through the proxy: the cheap model is asked how probable it finds what it writes, what it is sure of
//! stands, and the client sees nothing of that.

use serde_json::{Value, json};

use crate::support::Script;
use crate::support::client::Request;
use crate::support::proxy::World;
use crate::support::script::Whole;

fn plans(tries: &str, last: &str) -> String {
    format!(
        "plans = [\"single\", \"cascade\"]\n[policies.compound]\n\
         cascade = [{{ tries = [\"{tries}\"], accept = \"logprobs\", min_probability = 0.8, last = \"{last}\" }}]"
    )
}

async fn world() -> World {
    World::start(|config| config.policy_lines = plans("small", "large")).await
}

/// An answer of Chat whose tokens have this probability each; `None`: it does not say.
pub fn says(text: &str, probability: Option<f64>) -> Script {
    let token = |letter: char| {
        let letter = letter.to_string();
        json!({"token": letter, "bytes": letter.as_bytes(), "logprob": probability.map(f64::ln), "top_logprobs": []})
    };
    let logprobs = probability.map(|_| json!({"content": text.chars().map(token).collect::<Vec<_>>()}));
    let body = json!({
        "id": "chatcmpl-9", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": logprobs,
                     "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    Script::Whole(Whole::json(200, body.to_string()))
}

fn chat(more: Value) -> Request {
    let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "How many?"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Request::chat(body.to_string()).with("x-pointsman-plan", "cascade")
}

const STANDS: Option<&str> = Some("cascade; accepted=1 by logprobs");
const ESCALATED: Option<&str> = Some("cascade; escalated");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_model_is_sure_of_stands_and_nothing_of_that_is_seen() {
    let world = world().await;
    world.large.always(says("43", None));
    for (probability, how, text) in [
        (Some(0.9), STANDS, "42"),
        (Some(0.8), STANDS, "42"),
        (Some(0.7), ESCALATED, "43"),
        (None, ESCALATED, "43"),
    ] {
        world.small.always(says("42", probability));
        for more in [json!({}), json!({"logprobs": false}), json!({"stream": true})] {
            let answer = world.proxy.exchange(&chat(more.clone())).await;
            let told = format!("{probability:?} {more}: {}", answer.text());
            assert_eq!((answer.status, answer.header("x-pointsman-plan")), (200, how), "{told}");
            assert!(answer.text().contains(&format!("\"content\":\"{text}\"")), "{told}");
            assert!(!answer.text().contains("top_logprobs"), "{told}");
            let entry = world.proxy.entry_of(&answer).await;
            let signals = entry.attempts[0].tried.unwrap().signals;
            assert_eq!(signals.probability, probability.map(|probability| probability as f32), "{told}");
            let asked = world.small.seen().into_iter().last().unwrap();
            assert_eq!(asked.json()["logprobs"], json!(true));
            assert_eq!(String::from_utf8_lossy(asked.body()).matches("logprobs").count(), 1, "{told}");
        }
    }
    assert!(world.large.seen().iter().all(|seen| seen.json()["logprobs"] != json!(true)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_other_dialects_see_nothing_of_it_either() {
    let world = world().await;
    world.small.always(says("42", Some(0.9)));
    let said = json!([{"role": "user", "content": "How many?"}]);
    let body = json!({"model": "auto", "max_tokens": 50, "messages": said});
    let request = Request::messages(body.to_string()).with("x-pointsman-plan", "cascade");
    let answer = world.proxy.exchange(&request).await;
    assert_eq!((answer.status, answer.header("x-pointsman-plan")), (200, STANDS), "{}", answer.text());
    assert_eq!(answer.json()["content"][0]["text"], "42");
    assert_eq!(world.small.seen()[0].json()["logprobs"], json!(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gemini_is_asked_in_its_own_words() {
    let world = World::start(|config| {
        config.every_client = true;
        config.policy_lines = plans("gemini-small", "gemini-large");
    })
    .await;
    let says = |average: f64| {
        let candidate = json!({"content": {"role": "model", "parts": [{"text": "42"}]}, "finishReason": "STOP",
                               "avgLogprobs": average, "logprobsResult": {"topCandidates": []}});
        let usage = json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15});
        let body = json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"});
        Script::Whole(Whole::json(200, body.to_string()))
    };
    world.large.always(says(-0.01));
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "How many?"}]}],
                      "generationConfig": {"temperature": 0.5}});
    for (average, how) in [(-0.1, STANDS), (-0.3, ESCALATED)] {
        world.small.always(says(average));
        let request = Request::gemini("/v1beta/models/auto:generateContent", body.to_string());
        let answer = world.proxy.exchange(&request.with("x-pointsman-plan", "cascade")).await;
        assert_eq!((answer.status, answer.header("x-pointsman-plan")), (200, how), "{}", answer.text());
        let asked = world.small.seen().into_iter().last().unwrap().json()["generationConfig"].clone();
        assert_eq!(asked, json!({"responseLogprobs": true, "temperature": 0.5}));
        if how == STANDS {
            assert!(!answer.text().contains("ogprobs"), "{}", answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_refuses_the_question_is_left_for_the_next_and_held_to_nothing() {
    let world = world().await;
    world.large.always(says("43", None));
    world.small.choose(|seen| match seen.json()["logprobs"] == json!(true) {
        true => {
            let error = json!({"message": "logprobs are not supported with this model", "param": "logprobs",
                               "type": "invalid_request_error", "code": "unsupported_parameter"});
            Script::Whole(Whole::json(400, json!({"error": error}).to_string()))
        }
        false => says("42", None),
    });
    // It has said so: it is not asked again.
    for _ in 0..2 {
        let answer = world.proxy.exchange(&chat(json!({"logprobs": false}))).await;
        assert_eq!((answer.status, answer.header("x-pointsman-plan")), (200, ESCALATED), "{}", answer.text());
        assert_eq!(world.small.seen().len(), 1);
    }
    // A request that holds the parameter as false still goes there: what was refused was ours.
    let body =
        json!({"model": "auto", "logprobs": false, "messages": [{"role": "user", "content": "How many?"}]});
    let answer = world.proxy.exchange(&Request::chat(body.to_string())).await;
    assert_eq!(
        (answer.status, answer.header("x-pointsman-model")),
        (200, Some("small")),
        "{}",
        answer.text()
    );
}

/// Newer models of OpenAI answer as if the key might not do it, which elsewhere bars a deployment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_may_not_be_asked_takes_the_model_from_nobody() {
    let logprobs = "You are not allowed to request logprobs from this model";
    // (status, what it says, how often it is asked in four requests)
    let rows = [
        (403, json!({"message": logprobs, "type": "invalid_request_error", "param": null, "code": null}), 1),
        (403, json!({"message": logprobs, "code": "permission_denied"}), 1),
        (403, json!({"message": "You may not do this.", "code": "permission_denied"}), 4),
        (404, json!({"message": logprobs, "code": "model_not_found"}), 1),
        (400, json!({"message": "Logprobs is not enabled for this model."}), 1),
        (400, json!({"message": "`logprobs`: yes, in so many words.", "param": "messages[0].content"}), 4),
    ];
    for (status, error, times) in rows {
        let world = world().await;
        world.large.always(says("43", None));
        let body = json!({"error": error}).to_string();
        let refuses = body.clone();
        world.small.choose(move |seen| match seen.json()["logprobs"] == json!(true) {
            true => Script::Whole(Whole::json(status, refuses.clone())),
            false => says("42", None),
        });
        for _ in 0..4 {
            let answer = world.proxy.exchange(&chat(json!({}))).await;
            let told = (answer.status, answer.header("x-pointsman-plan"));
            assert_eq!(told, (200, ESCALATED), "{body}: {}", answer.text());
        }
        assert_eq!(world.small.seen().len(), times, "{body}");
        let single = json!({"model": "auto", "messages": [{"role": "user", "content": "How many?"}]});
        let answer = world.proxy.exchange(&Request::chat(single.to_string())).await;
        let told = (answer.status, answer.header("x-pointsman-model"));
        assert_eq!(told, (200, Some("small")), "{body}: {}", answer.text());
        assert_eq!(world.proxy.sum_of("pointsman_alarms_total{").await, 0.0, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_cannot_say_makes_no_such_plan() {
    let world = World::start(|config| config.policy_lines = plans("claude-small", "large")).await;
    let answer = world.proxy.exchange(&chat(json!({}))).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    let told = "claude-small: speaks another dialect, which has no counterpart for `logprobs`";
    assert!(answer.text().contains(told), "{}", answer.text());
    // Who asks for them itself gets those of one model.
    let world = self::world().await;
    let answer = world.proxy.exchange(&chat(json!({"logprobs": true}))).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(answer.text().contains("cannot answer with logprobs"), "{}", answer.text());
    world.assert_untouched("a plan that is none");
}
