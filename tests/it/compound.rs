//! Plans of several models through the proxy: who is asked, what reaches the client, what is on record, and what happens when a
//! member, a judge or the money gives out.

use pointsman::ledger::{By, Entry, Reader, Span, totals};
use serde_json::{Value, json};

use crate::support::Script;
use crate::support::client::{Answer, Request};
use crate::support::fake_provider::Seen;
use crate::support::proxy::{World, trail};
use crate::support::script::Whole;

/// Models `small`, `mid` and `large` of the OpenAI dialect; `claude-large` judges. What they say is a matter of the test.
pub async fn world(plans: &str) -> World {
    let plans = plans.to_owned();
    World::start(move |config| {
        config.named = vec![("a", "mid-1".to_owned())];
        config
            .swap("candidates = [\"small\", \"large\"]", "candidates = [\"small\", \"named-0\", \"large\"]");
        config.policy_lines = plans;
    })
    .await
}

/// A model's whole answer in the dialect of the path, for so many input tokens and five of output.
pub fn told(target: &str, text: &str, input: u64) -> Script {
    ended(target, text, input, ["stop", "end_turn"])
}

/// The same, ended for another reason: its word in Chat and in Messages.
pub fn ended(target: &str, text: &str, input: u64, [chat, messages]: [&str; 2]) -> Script {
    let body = if target.ends_with("/messages") {
        json!({
            "id": "msg_9", "type": "message", "role": "assistant", "model": "m", "stop_reason": messages,
            "content": [{"type": "text", "text": text}], "usage": {"input_tokens": input, "output_tokens": 5},
        })
    } else {
        let message = json!({"role": "assistant", "content": text});
        json!({
            "id": "chatcmpl-9", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": chat}],
            "usage": {"prompt_tokens": input, "completion_tokens": 5, "total_tokens": input + 5},
        })
    };
    Script::Whole(Whole::json(200, body.to_string()))
}

/// Why an answer ends that the output cap cut.
pub const CUT: [&str; 2] = ["length", "max_tokens"];
/// Why one ends that was declined.
pub const DECLINED: [&str; 2] = ["content_filter", "refusal"];

/// The verdict of a judge that finds this answer the best, wherever it stands among those it is shown.
pub fn picked(seen: &Seen, answer: &str) -> String {
    let shown = seen.json()["messages"].to_string();
    let at = (1..=8).find(|number| shown.contains(&format!("answer {number}>\\n{answer}\\n</")));
    format!("{{\"best\": {}}}", at.unwrap())
}

/// Each model says its own; a judge that `PICKS` one answer knows it again.
pub fn by_model(world: &World, of: &'static [(&'static str, &'static str)]) {
    let choose = move |seen: &Seen| {
        let model = seen.json()["model"].as_str().unwrap().to_owned();
        let text = of.iter().find(|(name, _)| *name == model).map_or("?", |(_, text)| *text);
        match text {
            "FAIL" => Script::Status(500, None),
            "BAD" => Script::Status(400, None),
            text if text.starts_with("CUT ") => ended(seen.target(), &text[4..], 10, CUT),
            text if text.starts_with("DECLINED ") => ended(seen.target(), &text[9..], 10, DECLINED),
            text if text.starts_with("PICKS ") => told(seen.target(), &picked(seen, &text[6..]), 70),
            verdict if verdict.starts_with('{') => told(seen.target(), verdict, 70),
            text => told(seen.target(), text, 10),
        }
    };
    world.small.choose(choose);
    world.large.choose(choose);
}

pub fn ask(plan: &str, stream: bool) -> Request {
    let body = json!({"model": "auto", "stream": stream, "max_tokens": 50,
                      "messages": [{"role": "user", "content": "How many?"}]});
    Request::chat(body.to_string()).with("x-pointsman-plan", plan)
}

pub fn content(answer: &Answer) -> Value {
    answer.json()["choices"][0]["message"]["content"].clone()
}

pub const CASCADE: &str = "plans = [\"single\", \"cascade\"]\n[policies.compound]\ncascade = [{ tries = [\"small\", \"named-0\"], accept = \"agreement\", last = \"large\" }]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cascade_serves_what_two_agree_on() {
    let world = world(CASCADE).await;
    by_model(&world, &[("small-1", "The answer is 42."), ("mid-1", "42"), ("large-1", "43")]);
    let answer = world.proxy.exchange(&ask("cascade", false)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(content(&answer), "The answer is 42.");
    assert_eq!(answer.header("x-pointsman-path"), Some("cascade"));
    assert_eq!(answer.header("x-pointsman-plan"), Some("cascade; agreed=2"));
    assert_eq!(answer.header("x-pointsman-model"), Some("small"));
    assert!(world.large.seen().is_empty(), "who was not needed was not asked");
    let entry = world.proxy.only_entry().await;
    let mut trail = trail(&entry);
    trail.sort();
    assert_eq!(trail, [("named-0".to_owned(), "answered"), ("small".to_owned(), "answered")]);
    let cost: u64 = entry.attempts.iter().map(|attempt| attempt.cost.unwrap().0).sum();
    assert_eq!(entry.cost.unwrap().0, cost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cascade_escalates_where_they_differ_or_fail() {
    for (small, mid) in [("42", "41"), ("42", "FAIL"), ("FAIL", "FAIL")] {
        let world = world(CASCADE).await;
        let table: &'static [(&str, &str)] =
            Box::leak(Box::new([("small-1", small), ("mid-1", mid), ("large-1", "43")]));
        by_model(&world, table);
        for stream in [false, true] {
            let answer = world.proxy.exchange(&ask("cascade", stream)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header("x-pointsman-plan"), Some("cascade; escalated"));
            assert_eq!(answer.header("x-pointsman-model"), Some("large"));
            let path = world.proxy.entry_of(&answer).await.served.as_str();
            assert_eq!((answer.header("x-pointsman-path"), path), (Some("cascade"), "cascade"));
            if stream {
                assert!(
                    answer.text().contains("\"content\":\"43\"") && answer.text().ends_with("[DONE]\n\n")
                );
            } else {
                assert_eq!(content(&answer), "43");
            }
        }
        // Members are asked for whole answers, whatever the client wants.
        assert!(world.small.seen().iter().all(|seen| seen.json()["stream"] == json!(false)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cut_off_declined_or_no_json_agrees_with_nobody() {
    let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}});
    for (says, format, last) in [
        ("CUT The answer is 1", Value::Null, "43"),
        ("DECLINED No.", Value::Null, "43"),
        ("42", schema, "{\"n\":43}"),
    ] {
        let world = world(CASCADE).await;
        let table = vec![("small-1", says), ("mid-1", says), ("large-1", last)];
        // What begins with a brace is said as it is.
        by_model(&world, table.leak());
        let mut body = json!({"model": "auto", "max_tokens": 50,
                              "messages": [{"role": "user", "content": "How many?"}]});
        if !format.is_null() {
            body["response_format"] = format;
        }
        let request = Request::chat(body.to_string()).with("x-pointsman-plan", "cascade");
        let answer = world.proxy.exchange(&request).await;
        assert_eq!((answer.status, content(&answer)), (200, json!(last)), "{says}: {}", answer.text());
        assert_eq!(answer.header("x-pointsman-plan"), Some("cascade; escalated"), "{says}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_model_finds_wrong_with_a_request_reaches_who_asked() {
    for (plans, kind) in
        [(CASCADE, "cascade"), (ENSEMBLE, "ensemble"), (ENSEMBLE, "debate"), (ENSEMBLE, "draft")]
    {
        let world = world(plans).await;
        by_model(&world, &[("small-1", "BAD"), ("mid-1", "BAD"), ("large-1", "BAD")]);
        let answer = world.proxy.exchange(&ask(kind, false)).await;
        assert_eq!(answer.status, 400, "{kind}: {}", answer.text());
        assert!(answer.json()["error"]["code"] != "quorum", "{kind}");
        assert_eq!(world.proxy.only_entry().await.status, 400, "{kind}");
    }
}

const MAJORITY: &str = "plans = [\"single\", \"cascade\"]\n[policies.compound]\ncascade = [{ tries = [\"small\", \"named-0\", \"claude-large\"], accept = \"majority\", last = \"large\" }]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_majority_asks_the_third_only_where_two_differ() {
    type Row = ([&'static str; 4], &'static str, &'static str, usize);
    let rows: [Row; 4] = [
        (["42", "The answer is 42.", "7", "43"], "42", "cascade; agreed=2", 2),
        (["42", "41", "It is 42.", "43"], "42", "cascade; agreed=2/3", 3),
        (["42", "41", "It is 41.", "43"], "41", "cascade; agreed=2/3", 3),
        (["42", "41", "40", "43"], "43", "cascade; escalated", 4),
    ];
    for (says, serves, how, calls) in rows {
        let world = world(MAJORITY).await;
        let models = ["small-1", "mid-1", "claude-large-1", "large-1"];
        let table: Vec<(&str, &str)> = models.into_iter().zip(says).collect();
        by_model(&world, table.leak());
        let answer = world.proxy.exchange(&ask("cascade", false)).await;
        assert_eq!((answer.status, content(&answer)), (200, json!(serves)), "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-plan"), Some(how));
        assert_eq!(world.small.seen().len() + world.large.seen().len(), calls, "{how}");
    }
}

pub const ENSEMBLE: &str = "plans = [\"single\", \"ensemble\", \"debate\", \"draft\"]\n[policies.compound]\nmembers = [\"small\", \"named-0\", \"large\"]\njudge = \"claude-large\"\nquorum = 2\nmax_fan_out = 3";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ensembles_judge_chooses_and_fails_aloud() {
    judge_row().await.unwrap();
}

pub async fn judge_row() -> Result<(), String> {
    let world = world(ENSEMBLE).await;
    by_model(
        &world,
        &[("small-1", "1"), ("mid-1", "2"), ("large-1", "3"), ("claude-large-1", "{\"best\": 2}")],
    );
    let answer = world.proxy.exchange(&ask("ensemble", false)).await;
    assert_eq!((answer.status, content(&answer)), (200, json!("2")), "{}", answer.text());
    assert_eq!(answer.header("x-pointsman-plan"), Some("ensemble; quorum=3/3; chosen=2"));
    let judged = world.large.seen().into_iter().find(|seen| seen.target() == "/v1/messages").unwrap();
    assert!(judged.holds("How many?") && judged.holds("answer 3"));
    // A judge that can be held to a form is.
    assert_eq!(judged.json()["output_config"]["format"]["schema"]["required"], json!(["best"]));
    let entry = world.proxy.only_entry().await;
    // What the baseline would have cost follows from the answer and not from the verdict on it.
    assert_eq!((entry.usage.input, entry.attempts.last().unwrap().usage.input), (10, 70));
    assert_eq!(answer.json()["usage"]["prompt_tokens"], 10, "the client sees an answer as of one model");
    told_in_all(&world, &answer, &entry).await;
    for verdict in ["FAIL", "I like them all", "{\"best\": 9}"] {
        let table: &'static [(&str, &str)] = Box::leak(Box::new([
            ("small-1", "1"),
            ("mid-1", "2"),
            ("large-1", "3"),
            ("claude-large-1", verdict),
        ]));
        by_model(&world, table);
        let answer = world.proxy.exchange(&ask("ensemble", false)).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (502, &json!("judge_failed")),
            "{verdict}"
        );
    }
    Ok(())
}

/// Three members read 10 tokens each and two judges 70; all five write 5: so it stands in our header, on record, in reports and in
/// metrics.
async fn told_in_all(world: &World, answer: &Answer, entry: &Entry) {
    assert_eq!(answer.header("x-pointsman-usage"), Some("input=170 output=25"));
    let all = entry.usage_in_all();
    assert_eq!((all.total_input(), all.total_output()), (170, 25));
    let id = answer.header("x-pointsman-id").unwrap();
    let look = Request::bare("GET", &format!("/pointsman/v1/requests/{id}"));
    let stored = world.proxy.exchange(&look.with("authorization", "Bearer CALLER-KEY")).await.json();
    let told = |usage: &Value| (usage["input"].as_u64(), usage["output"].as_u64());
    assert_eq!(told(&stored["usage_in_all"]), (Some(170), Some(25)), "{stored}");
    assert_eq!(told(&stored["usage"]), (Some(10), Some(5)));
    let reader = Reader::open(&world.proxy.ledger).unwrap();
    let sums = totals(&reader, &By::Model, Span::ALL, &|_| None).unwrap().all;
    assert_eq!((sums.input_tokens, sums.output_tokens), (170, 25));
    let of = |model: &str| {
        format!(
            "gen_ai_client_token_usage_total{{gen_ai_response_model=\"{model}\",gen_ai_token_type=\"input\"}}"
        )
    };
    assert_eq!(world.proxy.metric(&of("claude-large")).await, Some(140.0), "a judge's are its own");
    assert_eq!(world.proxy.metric(&of("named-0")).await, Some(10.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_is_enough_and_less_is_not() {
    quorum_row().await.unwrap();
}

pub async fn quorum_row() -> Result<(), String> {
    let world = world(ENSEMBLE).await;
    by_model(&world, &[("small-1", "1"), ("mid-1", "FAIL"), ("large-1", "3"), ("claude-large-1", "PICKS 1")]);
    let answer = world.proxy.exchange(&ask("ensemble", false)).await;
    assert_eq!(
        (answer.status, answer.header("x-pointsman-plan")),
        (200, Some("ensemble; quorum=2/3; chosen=1"))
    );
    by_model(&world, &[("small-1", "1"), ("mid-1", "FAIL"), ("large-1", "FAIL")]);
    let answer = world.proxy.exchange(&ask("ensemble", false)).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (502, &json!("quorum")),
        "{}",
        answer.text()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debate_ends_when_all_say_the_same_or_is_summed_up() {
    let world = world(ENSEMBLE).await;
    by_model(&world, &[("small-1", "7"), ("mid-1", "7"), ("large-1", "7")]);
    let answer = world.proxy.exchange(&ask("debate", false)).await;
    assert_eq!(answer.header("x-pointsman-plan"), Some("debate; rounds=1; agreed"), "{}", answer.text());
    by_model(&world, &[("small-1", "7"), ("mid-1", "8"), ("large-1", "9"), ("claude-large-1", "It is 8.")]);
    let answer = world.proxy.exchange(&ask("debate", true)).await;
    assert_eq!(answer.header("x-pointsman-plan"), Some("debate; rounds=2; quorum=3/3"), "{}", answer.text());
    assert!(answer.text().contains("It is 8.") && answer.text().ends_with("[DONE]\n\n"));
    let second = world.small.seen().into_iter().last().unwrap();
    assert!(second.holds("answer 3"), "the second round shows the first one's answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_accepted_mended_or_refused() {
    draft_row().await.unwrap();
}

pub async fn draft_row() -> Result<(), String> {
    let plans = "plans = [\"single\", \"draft\"]\n[policies.compound]\ndraft = [{ drafter = \"small\", verifier = \"large\" }]";
    for (verdict, status, text, how) in [
        ("{\"accept\": true}", 200, "It was 1998.", "draft; accepted"),
        (
            r#"{"corrections": [{"find": "1998", "replace": "2001"}]}"#,
            200,
            "It was 2001.",
            "draft; corrected=1",
        ),
        (r#"{"rewrite": "Nobody knows."}"#, 200, "Nobody knows.", "draft; rewritten"),
        ("nonsense", 502, "", ""),
        ("FAIL", 502, "", ""),
    ] {
        let world = world(plans).await;
        let table: &'static [(&str, &str)] =
            Box::leak(Box::new([("small-1", "It was 1998."), ("large-1", verdict)]));
        by_model(&world, table);
        let answer = world.proxy.exchange(&ask("draft", false)).await;
        assert_eq!(answer.status, status, "{verdict}: {}", answer.text());
        if status == 200 {
            assert_eq!((content(&answer), answer.header("x-pointsman-plan")), (json!(text), Some(how)));
        } else {
            assert_eq!(answer.json()["error"]["code"], "verifier_failed");
        }
        // What its verifier said of it is on record, where that was anything.
        let entry = world.proxy.only_entry().await;
        let tried = entry.attempts.iter().find_map(|attempt| attempt.tried);
        let stood = (status == 200).then_some(how == "draft; accepted");
        assert_eq!(tried.map(|tried| tried.stood), stood, "{verdict}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_plan_begins_that_could_break_the_ceiling() {
    let world = world(ENSEMBLE).await;
    by_model(
        &world,
        &[("small-1", "1"), ("mid-1", "2"), ("large-1", "3"), ("claude-large-1", "{\"best\": 2}")],
    );
    let answer =
        world.proxy.exchange(&ask("ensemble", false).with("x-pointsman-max-cost-usd", "0.0001")).await;
    assert_eq!(answer.status, 402, "{}", answer.text());
    world.assert_untouched("a plan above the ceiling");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_takes_all_members_along() {
    let world = world(ENSEMBLE).await;
    for provider in [&world.small, &world.large] {
        provider.always(Script::HangBeforeHeaders);
    }
    let mut client = crate::support::Client::connect(world.proxy.data).await;
    client.request(&ask("ensemble", false)).await;
    let seen = [world.small.nth(0).await, world.small.nth(1).await, world.large.nth(0).await];
    drop(client);
    for one in seen {
        one.closed().await;
    }
    let entry = world.proxy.only_entry().await;
    assert_eq!((entry.outcome.as_str(), entry.attempts.len()), ("client_gone", 3));
    assert!(entry.attempts.iter().all(|attempt| attempt.maybe_billed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_draft_never_serves() {
    let plans = "plans = [\"single\", \"draft\"]\n[policies.compound]\nverify_failure = \"serve_unverified\"\n\
                 draft = [{ drafter = \"small\", verifier = \"large\" }]";
    for verdict in [
        r#"{"accept": false}"#,
        r#"{"corrections": [{"find": "2001", "replace": "1998"}]}"#,
        r#"{"corrections": [{"find": "1998", "replace": "2001"}]} The draft quotes {"accept": true}."#,
    ] {
        let world = world(plans).await;
        by_model(&world, vec![("small-1", "It was 1998."), ("large-1", verdict)].leak());
        let answer = world.proxy.exchange(&ask("draft", false)).await;
        // Asked itself, the verifier of this test says the same again.
        assert_eq!((answer.status, content(&answer)), (200, json!(verdict)), "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-plan"), Some("draft; rejected"));
        let asked = world.large.seen();
        assert!(asked[0].holds("It was 1998.") && !asked[1].holds("It was 1998."));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_judge_without_a_count_is_booked_with_what_it_was_shown() {
    let world = world(ENSEMBLE).await;
    let choose = |seen: &Seen| {
        let model = seen.json()["model"].as_str().unwrap().to_owned();
        if model != "claude-large-1" {
            return told(seen.target(), &format!("{model} says {}", "a lot ".repeat(1000)), 10);
        }
        let body = json!({
            "id": "msg_9", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "{\"best\": 2}"}],
        });
        Script::Whole(Whole::json(200, body.to_string()))
    };
    world.small.choose(choose);
    world.large.choose(choose);
    let answer = world.proxy.exchange(&ask("ensemble", false)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entry = world.proxy.only_entry().await;
    let judge = entry.attempts.last().unwrap();
    // Three answers of 6000 bytes.
    assert!(judge.usage.input > 3 * 6000 / 4, "{:?}", judge.usage);
    assert!(judge.cost.unwrap() > entry.attempts[0].cost.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_answer_alone_agrees_with_nobody() {
    let world = world(&ENSEMBLE.replace("quorum = 2", "quorum = 1")).await;
    by_model(&world, &[("small-1", "FAIL"), ("mid-1", "2"), ("large-1", "FAIL")]);
    for (kind, how) in
        [("ensemble", "ensemble; quorum=1/3; only answer"), ("debate", "debate; rounds=1; only answer")]
    {
        let answer = world.proxy.exchange(&ask(kind, false)).await;
        assert_eq!((answer.status, content(&answer)), (200, json!("2")), "{}", answer.text());
        assert_eq!(answer.header("x-pointsman-plan"), Some(how));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_in_two_places_is_called_where_each_question_can_be_put() {
    // The judge's is ours, and goes to the first place; Messages has no word for `seed`, so the client's goes to the second.
    let world = World::start(|config| {
        config.every_client = true;
        let first =
            "{ provider = \"d\", upstream_name = \"claude-large-1\", ttft_ms = 20, per_token_us = 100 }";
        config.swap(first, &format!("{first}, {}", first.replace("\"d\"", "\"f\"")));
        config.policy_lines =
            "plans = [\"single\", \"cascade\"]\n[policies.compound]\ncascade = [{ tries = [\"small\"], \
            accept = \"judge\", judge = \"claude-large\", last = \"claude-large\" }]"
                .to_owned();
    })
    .await;
    world.small.choose(|seen| told(seen.target(), "42", 10));
    world.large.choose(|seen| match seen.target() {
        "/v1/messages" => told(seen.target(), "{\"accept\": false}", 70),
        _ => Script::Whole(Whole::json(
            200,
            json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "43"}]}, "finishReason": "STOP"}],
                   "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}})
            .to_string(),
        )),
    });
    let body = json!({"model": "auto", "seed": 1, "messages": [{"role": "user", "content": "How many?"}]});
    let request = Request::chat(body.to_string()).with("x-pointsman-plan", "cascade");
    let answer = world.proxy.exchange(&request).await;
    assert_eq!((answer.status, content(&answer)), (200, json!("43")), "{}", answer.text());
    let asked =
        world.large.seen().iter().map(|seen| seen.target().contains("generateContent")).collect::<Vec<_>>();
    assert_eq!(asked, [false, true]);
}
