//! Streams: every event when it is sent, usage only for who asked, and a break that no client takes for an end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::support::client::{chat_stream_body, exchange, messages_stream_body};
use crate::support::config::{LARGE_COST, SMALL_COST};
use crate::support::proxy::{World, trail};
use crate::support::script::{Chunk, Wait};
use crate::support::{Client, End, Request, Script, Stream, USAGE_INPUT, USAGE_OUTPUT, answers};

fn asks() -> [Request; 4] {
    [
        Request::chat(chat_stream_body("small-1")),
        Request::chat(chat_stream_body("auto")),
        Request::messages(messages_stream_body("claude-small-1")),
        Request::messages(messages_stream_body("auto")),
    ]
}

fn stream_for(request: &Request) -> Stream {
    if request.target.ends_with("/messages") {
        answers::messages_stream("m")
    } else {
        answers::chat_stream("m", false)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_arrive_before_the_next_one_is_sent() {
    for request in asks() {
        let world = World::start(|config| config.clocks_ms[2] = 15_000).await;
        let (permits, stream) = (Arc::new(Semaphore::new(0)), stream_for(&request));
        let events = stream.chunks.len();
        let first = if request.target.ends_with("/messages") { 4 } else { 2 };
        world.small.always(Script::Stream(stream.on_permit(&permits)));
        let mut client = Client::connect(world.proxy.data).await;
        client.request(&request).await;
        permits.add_permits(first); // what comes before the first content may be held back
        assert_eq!(client.head().await.word(1), "200");
        for _ in 0..first {
            client.event().await.unwrap().unwrap();
        }
        for number in first..events {
            let quiet = tokio::time::timeout(Duration::from_millis(10), client.event()).await;
            assert!(quiet.is_err(), "event {number} of {} came before it was sent", request.target);
            let sent = Instant::now();
            permits.add_permits(1);
            let event = client.event().await.unwrap().unwrap();
            let took = event.at - sent;
            assert!(took < Duration::from_millis(50), "event {number} of {} took {took:?}", request.target);
        }
        assert!(client.event().await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paced_events_keep_their_pace() {
    let world = World::start(|_| {}).await;
    world.small.always(Script::Stream(answers::chat_stream("m", false).paced(Duration::from_millis(40))));
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&Request::chat(chat_stream_body("small-1"))).await;
    client.head().await;
    let mut arrivals = Vec::new();
    while let Some(event) = client.event().await.unwrap() {
        arrivals.push(event.at);
    }
    let gaps =
        arrivals.windows(2).skip(1).filter(|pair| pair[1] - pair[0] > Duration::from_millis(20)).count();
    assert!(gaps >= arrivals.len() - 3, "{gaps} gaps between {} events", arrivals.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_usage_we_asked_for_is_ours_alone() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&Request::chat(chat_stream_body("auto"))).await;
    assert_eq!(world.small.only().json()["stream_options"]["include_usage"], true);
    assert!(
        !answer.text().contains("usage") && answer.text().ends_with("data: [DONE]\n\n"),
        "{}",
        answer.text()
    );
    assert!(answer.events().iter().all(|event| !event.contains("\"choices\":[]")));
    let entry = world.proxy.entry_of(&answer).await;
    assert_eq!((entry.usage.total_input(), entry.usage.output), (USAGE_INPUT, USAGE_OUTPUT));
    assert_eq!((entry.cost.map(|cost| cost.0), entry.cost_estimated), (Some(SMALL_COST), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_that_the_client_asked_for_is_passed() {
    let world = World::start(|_| {}).await;
    let with = |options: &str| {
        chat_stream_body("auto").replace("\"stream\":true", &format!("\"stream\":true,{options}"))
    };
    let asked = Request::chat(with("\"stream_options\":{\"include_usage\":true}"));
    let answer = world.proxy.exchange(&asked).await;
    assert!(answer.text().contains("\"usage\""));
    let declined = Request::chat(with("\"stream_options\":{\"include_usage\":false}"));
    let answer = world.proxy.exchange(&declined).await;
    assert!(!answer.text().contains("\"usage\""), "{}", answer.text());
    let seen = world.small.seen()[1].json();
    assert_eq!(seen["stream_options"]["include_usage"], true, "we ask for our own accounting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observed_streams_are_asked_for_nothing() {
    let world = World::start(|_| {}).await;
    let answer = world.proxy.exchange(&Request::chat(chat_stream_body("small-1"))).await;
    assert_eq!(world.small.only().json().get("stream_options"), None);
    let entry = world.proxy.entry_of(&answer).await;
    assert!(entry.cost_estimated && entry.cost.is_some(), "missing usage is estimated and marked");
    let answer = world.proxy.exchange(&Request::messages(messages_stream_body("claude-large-1"))).await;
    let entry = world.proxy.entry_of(&answer).await;
    assert_eq!((entry.cost.map(|cost| cost.0), entry.cost_estimated), (Some(LARGE_COST), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_stream_never_looks_finished() {
    for request in asks() {
        for end in [End::Abort, End::Reset, End::Hang, End::Clean] {
            let world = World::start(|config| config.clocks_ms[2] = 300).await;
            let keep = if request.target.ends_with("/messages") { 5 } else { 3 };
            world.small.always(Script::Stream(stream_for(&request).cut_after(keep).ending(end)));
            let answer = world.proxy.exchange(&request).await;
            let case = format!("{end:?} {} {:?}", request.target, answer.header("x-pointsman-path"));
            let text = answer.text();
            assert!(text.contains("Bonjour"), "{case}: what was received is passed on");
            assert!(!text.contains("[DONE]") && !text.contains("message_stop"), "{case}: {text}");
            assert!(!text.contains("monde."), "{case}: no other hop may continue it");
            let verbatim = end == End::Clean && answer.header("x-pointsman-path") != Some("routed");
            if !verbatim {
                let told = text.contains("\"error\"") || !answer.complete;
                assert!(told, "{case}: a clean end would be taken for success: {text}");
                let entry = world.proxy.entry_of(&answer).await;
                assert_eq!(entry.outcome.as_str(), "truncated", "{case}: {:?}", trail(&entry));
                let leg = &entry.attempts[0];
                assert!(leg.maybe_billed && entry.cost_estimated, "{case}");
                assert!(leg.usage.output > 0 && entry.cost.is_some_and(|cost| cost.0 > 0), "{case}: {leg:?}");
            }
            assert_eq!(world.large.seen().len(), 0, "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_event_of_a_break_is_in_the_callers_dialect() {
    for request in [Request::chat(chat_stream_body("auto")), Request::messages(messages_stream_body("auto"))]
    {
        let world = World::start(|_| {}).await;
        let is_messages = request.target.ends_with("/messages");
        world.small.always(Script::Stream(
            stream_for(&request).cut_after(5 - usize::from(!is_messages)).ending(End::Abort),
        ));
        let answer = world.proxy.exchange(&request).await;
        let events = answer.events();
        let last = events.last().unwrap();
        let json = last.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(last.starts_with("event: error\n"), is_messages, "{last}");
        assert!(json["error"]["message"].is_string(), "{last}");
    }
}

/// The same stream, cut into one-byte chunks and with other line ends, arrives byte for byte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_cuts_and_odd_line_ends_do_not_matter() {
    let chat = answers::chat_stream("m", true);
    let text: Vec<u8> = chat.chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect();
    let text = [b": a comment\n\n".as_slice(), &text].concat();
    let crlf = String::from_utf8(text.clone()).unwrap().replace('\n', "\r\n").into_bytes();
    for bytes in [text, crlf] {
        let world = World::start(|_| {}).await;
        let single = |byte: &u8| Chunk { bytes: Bytes::copy_from_slice(&[*byte]), wait: Wait::No };
        let mut stream = answers::chat_stream("m", true);
        stream.chunks = bytes.iter().map(single).collect();
        world.small.always(Script::Stream(stream));
        let asked = "\"stream\":true,\"stream_options\":{\"include_usage\":true}";
        for model in ["small-1", "auto"] {
            let body = chat_stream_body(model).replace("\"stream\":true", asked);
            let answer = world.proxy.exchange(&Request::chat(body)).await;
            assert!(answer.body == bytes, "{model}: {:?}", answer.body);
            let entry = world.proxy.entry_of(&answer).await;
            assert_eq!(entry.usage.output, USAGE_OUTPUT, "{model}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_paths_we_do_not_read_pass_as_they_are() {
    let world = World::start(|_| {}).await;
    let body = "{\"model\":\"gpt-5\",\"input\":\"hi\",\"stream\":true}";
    let request = Request::post("/v1/responses", body).with("authorization", "Bearer CALLER-KEY");
    let (through, direct) =
        (world.proxy.exchange(&request).await, exchange(world.small.addr, &request).await);
    assert!(through.complete && through.body == direct.body);
    let entry = world.proxy.entry_of(&through).await;
    assert_eq!(entry.usage.output, USAGE_OUTPUT, "usage that is visible is accounted");
}
