//! Ceilings that many requests share, of clients and of sessions, against the providers' own bill.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::compound::{self, ask, by_model, picked, told};
use crate::support::client::{chat_body, chat_stream_body, messages_body};
use crate::support::config::{CLIENT_KEY, LARGE_COST, LARGE_PRICE, SMALL_COST, TestConfig};
use crate::support::fake_provider::{FakeProvider, Seen};
use crate::support::proxy::{Proxy, World, trail};
use crate::support::{Answer, Client, End, Request, Script, Whole, answers, client, errors};

/// Output tokens that the bodies of the tests ask for at most.
const MOST_OUTPUT: u64 = 64;
/// More than a small and less than a large model may cost for such a body, nano-dollars.
const A_SMALL_ONE: u64 = 200_000;
const SPEND: &str = "pointsman_client_spend_usd{client=\"app\"}";

fn usd(nano: u64) -> String {
    format!("{:.9}", nano as f64 / 1e9)
}

/// One client with a ceiling; `auto` goes to the best model there is money for.
fn capped(nano: u64) -> impl FnOnce(&mut TestConfig) {
    move |config| {
        config.client_auth = true;
        config.swap("id = \"app\"", &format!("id = \"app\"\nmax_spend_usd = {}", usd(nano)));
        config.swap("objective = \"cheapest\"", "objective = \"best\"");
    }
}

fn in_sessions(nano: u64) -> impl FnOnce(&mut TestConfig) {
    move |config| {
        let limits = format!("[sessions]\nmax_spend_usd = {}\n[ledger]", usd(nano));
        config.swap("[ledger]", &limits);
        config.swap("objective = \"cheapest\"", "objective = \"best\"");
    }
}

fn of_app(request: Request) -> Request {
    request.with("x-pointsman-key", CLIENT_KEY)
}

fn auto() -> Request {
    of_app(Request::chat(chat_body("auto")))
}

fn talk(session: &str) -> Request {
    Request::chat(chat_body("auto")).with("x-pointsman-session", session)
}

/// An answer as long as it may be: what it is billed is the worst case of its output.
fn long(seen: &Seen) -> Script {
    let body = json!({
        "id": "chatcmpl-9", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "42"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": MOST_OUTPUT, "total_tokens": 20 + MOST_OUTPUT},
    });
    assert!(seen.json()["stream"].as_bool() != Some(true));
    Script::After(Duration::from_millis(30), Box::new(Script::Whole(Whole::json(200, body.to_string()))))
}

/// What a provider bills for so many input and output tokens at the price of the large models.
fn price(input: u64, output: u64) -> u64 {
    input * (LARGE_PRICE.0 * 1000.0) as u64 + output * (LARGE_PRICE.1 * 1000.0) as u64
}

fn calls(provider: &FakeProvider) -> u64 {
    provider.seen().len() as u64
}

async fn spent(proxy: &Proxy) -> u64 {
    (proxy.metric(SPEND).await.unwrap() * 1e9).round() as u64
}

/// Until so much is spent: a request is settled behind its answer.
async fn until_spent(proxy: &Proxy, nano: u64) {
    proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
    assert_eq!(spent(proxy).await, nano);
}

fn check_refused(answer: &Answer, limit: &str, words: &str) {
    assert_eq!(answer.status, 402, "{}", answer.text());
    assert_eq!(answer.header("x-pointsman-reason"), Some("no_plan_within_budget"));
    let text = answer.text();
    assert!(text.contains(limit) && text.contains(words), "{limit}, {words}: {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_gets_the_smaller_plan_that_fits_and_then_a_refusal() {
    // One answer of the large model, and two of the small one: their worst cases are higher than what they cost.
    let world = World::start(capped(LARGE_COST + 700_000)).await;
    let mut served = Vec::new();
    let refused = loop {
        let answer = world.proxy.exchange(&auto()).await;
        if answer.status != 200 {
            break answer;
        }
        served.push(answer.header("x-pointsman-model").unwrap().to_owned());
        world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
        assert!(served.len() < 200, "the ceiling is never reached");
    };
    let large = served.iter().take_while(|model| *model == "large").count();
    assert!(large >= 1 && large < served.len(), "{served:?}");
    assert!(served[large..].iter().all(|model| model == "small"), "{served:?}");
    check_refused(&refused, "clients.max_spend_usd", "per day (UTC)");
    let entry = world.proxy.entry_of(&refused).await;
    assert_eq!((entry.status, &*entry.reason, entry.attempts.len()), (402, "no_plan_within_budget", 0));
    let bill = calls(&world.large) * LARGE_COST + calls(&world.small) * SMALL_COST;
    until_spent(&world.proxy, bill).await;
    assert!(bill <= LARGE_COST + 700_000);
    let refusals = world.proxy.metric("pointsman_refusals_total{code=\"no_plan_within_budget\"}").await;
    assert_eq!(refusals, Some(1.0));
    // In the words of each dialect, and whatever model is named, by a policy or none.
    for request in [
        Request::messages(messages_body("auto")),
        Request::chat(chat_body("large-1")),
        Request::chat(chat_body("unlisted")),
        Request::chat(chat_stream_body("auto")),
    ] {
        let answer = world.proxy.exchange(&of_app(request.clone())).await;
        assert_eq!(answer.status, 402, "{}: {}", request.target, answer.text());
        let told = errors::of_path(&request.target, &answer, "a spent client");
        assert_eq!(told, "no_plan_within_budget");
    }
    assert_eq!(
        bill,
        calls(&world.large) * LARGE_COST + calls(&world.small) * SMALL_COST,
        "nobody was called"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_without_a_policy_keeps_the_ceiling() {
    let world = World::start(|config| {
        capped(A_SMALL_ONE)(config);
        config.models = vec!["nothing".to_owned()];
        config.held = false;
    })
    .await;
    let ask = |model: &str| of_app(Request::chat(chat_body(model)));
    check_refused(&world.proxy.exchange(&ask("large-1")).await, "clients.max_spend_usd", "`large-1`");
    let unpriced = world.proxy.exchange(&ask("unlisted")).await;
    check_refused(&unpriced, "clients.max_spend_usd", "has no price");
    // What cannot be read has no price either; a file of the provider's costs nothing to look at.
    let unreadable = chat_body("small-1").replace("64", "99999999999999999999999");
    let unreadable = of_app(Request::chat(unreadable));
    assert_eq!(world.proxy.exchange(&unreadable).await.status, 400);
    let upload = || of_app(Request::post("/v1/files", "{}")).with("authorization", "Bearer sk-of-the-caller");
    assert_ne!(world.proxy.exchange(&upload()).await.status, 402);
    while world.proxy.exchange(&ask("small-1")).await.status == 200 {}
    world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
    let bill = SMALL_COST
        * world.small.seen().iter().filter(|seen| seen.target().ends_with("completions")).count() as u64;
    until_spent(&world.proxy, bill).await;
    assert!(0 < bill && bill <= A_SMALL_ONE);
    // Down to the last nano-dollar: what has no price waits as well.
    let text = world.proxy.text.replace(&usd(A_SMALL_ONE), &usd(bill));
    world.proxy.reload(&text).unwrap();
    check_refused(&world.proxy.exchange(&upload()).await, "clients.max_spend_usd", "no price");
    let look = of_app(Request::bare("GET", "/v1/files")).with("authorization", "Bearer sk-of-the-caller");
    assert_ne!(world.proxy.exchange(&look).await.status, 402);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_side_by_side_never_cost_more_than_the_ceiling() {
    const CEILING: u64 = 5_000_000;
    let world = World::start(capped(CEILING)).await;
    world.small.choose(long);
    world.large.choose(long);
    let mut clients = JoinSet::new();
    for _ in 0..24 {
        let data = world.proxy.data;
        clients.spawn(async move {
            let mut statuses = Vec::new();
            for _ in 0..6 {
                statuses.push(client::exchange(data, &auto()).await.status);
            }
            statuses
        });
    }
    let statuses = clients.join_all().await.concat();
    assert!(statuses.iter().all(|status| [200, 402].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200) && statuses.contains(&402), "{statuses:?}");
    let one = price(20, MOST_OUTPUT);
    let bill = calls(&world.large) * one + calls(&world.small) * one / 10;
    assert!(bill <= CEILING, "{bill} were billed under a ceiling of {CEILING}");
    assert!(bill > CEILING - one, "{bill} of {CEILING}: the rest would have paid for more");
    until_spent(&world.proxy, bill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_side_by_side_keep_it_too() {
    const CEILING: u64 = 2_500_000;
    let world = World::start(capped(CEILING)).await;
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        let data = world.proxy.data;
        clients.spawn(async move {
            let mut statuses = Vec::new();
            for _ in 0..8 {
                let stream = of_app(Request::chat(chat_stream_body("auto")));
                statuses.push(client::exchange(data, &stream).await.status);
            }
            statuses
        });
    }
    let statuses = clients.join_all().await.concat();
    assert!(statuses.iter().all(|status| [200, 402].contains(status)), "{statuses:?}");
    let served = statuses.iter().filter(|status| **status == 200).count() as u64;
    world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
    let bill = calls(&world.large) * LARGE_COST + calls(&world.small) * SMALL_COST;
    assert_eq!(calls(&world.large) + calls(&world.small), served);
    assert!(0 < bill && bill <= CEILING, "{bill}");
    until_spent(&world.proxy, bill).await;
}

const ENSEMBLE: &str = "plans = [\"single\", \"ensemble\"]\n[policies.compound]\nmembers = [\"small\", \"named-0\"]\njudge = \"claude-large\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_of_several_models_are_held_whole_and_settled_by_leg() {
    const CEILING: u64 = 30_000_000;
    let world = World::start(|config| {
        config.named = vec![("a", "mid-1".to_owned())];
        config
            .swap("candidates = [\"small\", \"large\"]", "candidates = [\"small\", \"named-0\", \"large\"]");
        config.policy_lines = ENSEMBLE.to_owned();
        config.client_auth = true;
        config.swap("id = \"app\"", &format!("id = \"app\"\nmax_spend_usd = {}", usd(CEILING)));
    })
    .await;
    // Every answer as long as it may be, a verdict too.
    let long = |seen: &Seen| {
        let target = seen.target();
        let text = match seen.json()["model"].as_str().unwrap() {
            "claude-large-1" => picked(seen, "2"),
            "small-1" => "1".to_owned(),
            _ => "2".to_owned(),
        };
        let (input, output) = if target.ends_with("/messages") { (70, 256) } else { (10, 50) };
        let Script::Whole(whole) = told(target, &text, input) else { panic!("a whole answer") };
        let body = String::from_utf8(whole.body.to_vec()).unwrap();
        let body = body.replace("_tokens\":5", &format!("_tokens\":{output}"));
        Script::After(Duration::from_millis(20), Box::new(Script::Whole(Whole::json(200, body))))
    };
    world.small.choose(long);
    world.large.choose(long);
    let mut clients = JoinSet::new();
    for _ in 0..12 {
        let data = world.proxy.data;
        clients.spawn(async move {
            let mut statuses = Vec::new();
            for _ in 0..10 {
                statuses.push(client::exchange(data, &of_app(ask("ensemble", false))).await.status);
            }
            statuses
        });
    }
    let statuses = clients.join_all().await.concat();
    assert!(statuses.iter().all(|status| [200, 402].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200) && statuses.contains(&402), "{statuses:?}");
    let mut bill = 0;
    for seen in world.small.seen().iter().chain(&world.large.seen()) {
        bill += match seen.json()["model"].as_str().unwrap() {
            "claude-large-1" => price(70, 256),
            "small-1" => price(10, 50) / 10,
            _ => price(10, 50),
        };
    }
    assert!(0 < bill && bill <= CEILING, "{bill}");
    until_spent(&world.proxy, bill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_whose_whole_worst_case_does_not_fit_is_not_begun() {
    let world = compound::world(ENSEMBLE).await;
    let text = world.proxy.text.replace("[ledger]", "[sessions]\nmax_spend_usd = 0.0005\n[ledger]");
    world.proxy.reload(&text).unwrap();
    by_model(&world, &[("small-1", "1"), ("mid-1", "2"), ("claude-large-1", "PICKS 2")]);
    // Each of its calls would fit.
    let request = ask("ensemble", false).with("x-pointsman-session", "one");
    check_refused(&world.proxy.exchange(&request).await, "sessions.max_spend_usd", "per session");
    world.assert_untouched("a plan above what is left");
    assert_eq!(world.proxy.exchange(&ask("ensemble", false)).await.status, 200, "no session, no ceiling");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_has_a_ceiling_of_its_own() {
    let world = World::start(in_sessions(A_SMALL_ONE)).await;
    let spend = async |session: &str, agent: Option<&str>| {
        let mut served = 0;
        loop {
            let request = talk(session);
            let request = match agent {
                Some(agent) => request.with("x-claude-code-agent-id", agent),
                None => request,
            };
            let answer = world.proxy.exchange(&request).await;
            if answer.status != 200 {
                check_refused(&answer, "sessions.max_spend_usd", "per session");
                return served;
            }
            assert_eq!(answer.header("x-pointsman-model"), Some("small"));
            world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
            served += 1;
        }
    };
    let alone = spend("one", None).await;
    assert!(alone > 1 && alone * SMALL_COST <= A_SMALL_ONE);
    assert_eq!(spend("one", Some("a-1")).await, 0, "a sub-agent spends what its conversation may");
    assert_eq!(spend("two", Some("a-1")).await, alone);
    assert_eq!(spend("two", None).await, 0);
    let free = world.proxy.exchange(&Request::chat(chat_body("auto"))).await;
    assert_eq!(free.header("x-pointsman-model"), Some("large"), "what names no session has no such ceiling");
    let explained = world.proxy.exchange(&talk("three").with("x-pointsman-explain", "true")).await;
    let told = explained.header("x-pointsman-ceiling").unwrap();
    assert!(told.contains("per session") && told.contains("is left"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn falling_back_needs_room_of_its_own() {
    let world = World::start(in_sessions(A_SMALL_ONE)).await;
    world.small.always(Script::Status(503, None));
    let answer = world.proxy.exchange(&talk("one")).await;
    assert_ne!(answer.status, 200, "{}", answer.text());
    assert_eq!(calls(&world.large), 0, "the large model is above the ceiling");
    let entry = world.proxy.entry_of(&answer).await;
    assert_eq!(trail(&entry), [("small".to_owned(), "overloaded")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn falling_back_takes_no_room_that_others_hold() {
    let world = World::start(|_| {}).await;
    let asked = world.proxy.exchange(&Request::post("/pointsman/v1/decisions", chat_body("auto"))).await;
    let large = asked.json()["outcome"]["decision"]["candidates"][1]["worst_cost"].as_u64().unwrap();
    let limits = format!("[sessions]\nmax_spend_usd = {}\n[ledger]", usd(large));
    world.proxy.reload(&world.proxy.text.replace("[ledger]", &limits)).unwrap();
    // One that fails has room for the large model when it begins, and another one takes some while it waits.
    let fails = || Script::After(Duration::from_millis(400), Box::new(Script::Status(503, None)));
    world.small.next(fails()).next(Script::HangBeforeHeaders);
    let mut first = Client::connect(world.proxy.data).await;
    first.request(&talk("one")).await;
    world.small.nth(0).await;
    let mut second = Client::connect(world.proxy.data).await;
    second.request(&talk("one")).await;
    world.small.nth(1).await;
    let answer = first.answer().await;
    assert_ne!(answer.status, 200, "{}", answer.text());
    assert_eq!(calls(&world.large), 0, "what is held for the other is not there");
    drop(second);
    // With nobody beside it there is.
    world.small.next(fails());
    let alone = world.proxy.exchange(&talk("two")).await;
    assert_eq!((alone.status, alone.header("x-pointsman-model")), (200, Some("large")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_that_left_may_be_billed_is_not_spent_again() {
    let world = World::start(capped(A_SMALL_ONE)).await;
    world.small.always(Script::HangBeforeHeaders);
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&auto()).await;
    let seen = world.small.nth(0).await;
    assert_eq!(spent(&world.proxy).await, 0, "held, but not spent");
    drop(client);
    seen.closed().await;
    world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
    let whole = spent(&world.proxy).await;
    assert!(whole >= MOST_OUTPUT * 1000, "{whole}: the provider may go on to write and bill all of it");
    // A stream that is cut stops the provider's writing as well; what was not written comes back.
    world.small.choose(|_| Script::Stream(answers::chat_stream("m", false).cut_after(4).ending(End::Hang)));
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&of_app(Request::chat(chat_stream_body("auto")))).await;
    assert_eq!(client.head().await.word(1), "200");
    client.event().await.unwrap().unwrap();
    let seen = world.small.nth(1).await;
    drop(client);
    seen.closed().await;
    world.proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
    let partly = spent(&world.proxy).await - whole;
    assert!(0 < partly && partly < MOST_OUTPUT * 1000, "{partly}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spent_outlives_reloads_and_restarts() {
    let world = World::start(|config| {
        capped(A_SMALL_ONE)(config);
        config.swap("[ledger]", "[sessions]\nmax_spend_usd = 0.0001\n[ledger]");
    })
    .await;
    let mut bill = 0;
    let one = || of_app(talk("one"));
    loop {
        let answer = world.proxy.exchange(&one()).await;
        if answer.status != 200 {
            check_refused(&answer, "sessions.max_spend_usd", "per session");
            break;
        }
        bill += SMALL_COST;
        until_spent(&world.proxy, bill).await;
    }
    // A reload gives nothing back, and takes what it says into account at once.
    world.proxy.reload(&format!("{}\n# again\n", world.proxy.text)).unwrap();
    assert_eq!(world.proxy.exchange(&one()).await.status, 402);
    until_spent(&world.proxy, bill).await;
    let raised = world.proxy.text.replace("max_spend_usd = 0.0001\n", "max_spend_usd = 0.01\n");
    world.proxy.reload(&raised).unwrap();
    assert_eq!(world.proxy.exchange(&one()).await.status, 200);
    bill += SMALL_COST;
    until_spent(&world.proxy, bill).await;
    // Over another period: what is on record of it.
    let monthly = world.proxy.text.replace("id = \"app\"", "id = \"app\"\nspend_period = \"month\"");
    let answer = world.proxy.exchange(&auto()).await;
    world.proxy.entry_of(&answer).await;
    bill += SMALL_COST;
    world.proxy.reload(&monthly).unwrap();
    until_spent(&world.proxy, bill).await;
    let text = world.proxy.text.clone();
    let directory = world.proxy.stop().await;
    let again = Proxy::with(|_: &Path| text, "").await;
    assert_eq!(spent(&again).await, bill);
    let refused = again.exchange(&one()).await;
    check_refused(&refused, "sessions.max_spend_usd", "per session");
    assert_eq!(again.exchange(&of_app(talk("two"))).await.status, 200);
    drop(directory);
}
