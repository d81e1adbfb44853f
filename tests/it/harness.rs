//! The harness itself: a test that leans on a tool that lies proves nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pointsman::config::SecretSource;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::support::client::{chat_body, chat_stream_body, exchange, messages_body, messages_stream_body};
use crate::support::h2_client::H2Client;
use crate::support::tls::TestCertificate;
use crate::support::{
    Client, End, FINISH_TEXT, FakeProvider, Request, Script, Stream, TestConfig, USAGE_INPUT, USAGE_OUTPUT,
    Whole, answers, fixtures,
};

#[tokio::test]
async fn a_provider_answers_rightly_and_keeps_every_byte() {
    let provider = FakeProvider::start().await;
    let request = Request::chat(chat_body("m-1"));
    let answer = exchange(provider.addr, &request).await;
    assert_eq!((answer.status, answer.complete), (200, true));
    assert_eq!(answer.json()["choices"][0]["message"]["content"], FINISH_TEXT);
    assert_eq!(answer.json()["model"], "m-1");
    let seen = provider.only();
    assert_eq!(seen.head.raw, request.head_bytes());
    assert_eq!(seen.body(), &request.body);
    assert!(seen.holds("CALLER-KEY") && seen.holds("Zoë") && !seen.holds("KEY_A"));
    assert!(!seen.was_closed());
}

#[tokio::test]
async fn streams_carry_usage_only_when_it_was_asked_for() {
    let provider = FakeProvider::start().await;
    let silent = exchange(provider.addr, &Request::chat(chat_stream_body("m"))).await;
    assert!(!silent.text().contains("usage") && silent.text().ends_with("data: [DONE]\n\n"));
    let asked = chat_stream_body("m")
        .replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    let asked = exchange(provider.addr, &Request::chat(asked)).await;
    assert_eq!(asked.events().len(), silent.events().len() + 1);
    let messages = exchange(provider.addr, &Request::messages(messages_stream_body("m"))).await;
    assert!(messages.text().starts_with("event: message_start\n"));
    assert!(messages.text().contains(&format!("\"output_tokens\":{USAGE_OUTPUT}")));
    let whole = exchange(provider.addr, &Request::messages(messages_body("m"))).await;
    assert_eq!(whole.json()["usage"]["input_tokens"], USAGE_INPUT - 5);
}

#[tokio::test]
async fn a_connection_is_kept_and_scripts_are_taken_in_order() {
    let provider = FakeProvider::start().await;
    provider
        .next(Script::Status(429, Some("7")))
        .next(Script::Whole(Whole::json(418, "{}").with("x-tea", "yes")));
    let mut client = Client::connect(provider.addr).await;
    let limited = client.exchange(&Request::messages(messages_body("m"))).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("7")));
    assert_eq!(limited.json()["error"]["type"], "rate_limit_error");
    let teapot = client.exchange(&Request::chat(chat_body("m")).chunked(5)).await;
    assert_eq!((teapot.status, teapot.header("X-Tea")), (418, Some("yes")));
    let right = client.exchange(&Request::bare("HEAD", "/")).await;
    assert_eq!((right.status, right.body.len(), right.complete), (200, 0, true));
    assert_eq!(provider.connections(), 1);
    assert_eq!(provider.seen()[1].body(), chat_body("m").as_bytes());
}

#[tokio::test]
async fn faults_are_what_they_say() {
    let provider = FakeProvider::start().await;
    let request = Request::chat(chat_body("m"));
    provider.next(Script::TruncatedJson);
    let cut = exchange(provider.addr, &request).await;
    assert_eq!((cut.status, cut.complete), (200, false));
    provider.next(Script::BrokenJson);
    let broken = exchange(provider.addr, &request).await;
    assert!(broken.complete && serde_json::from_slice::<serde_json::Value>(&broken.body).is_err());
    provider.next(Script::ErrorBody200);
    let in_band = exchange(provider.addr, &request).await;
    assert_eq!((in_band.status, in_band.json()["error"]["type"].as_str()), (200, Some("overloaded_error")));
    for script in [Script::CloseBeforeHeaders, Script::Reset] {
        provider.next(script);
        let mut client = Client::connect(provider.addr).await;
        client.request(&request).await;
        assert!(client.is_closed().await);
    }
    provider.next(Script::Raw(Bytes::from_static(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")));
    assert_eq!(exchange(provider.addr, &request).await.body, "hi");
    provider.next(Script::Informational(b"HTTP/1.1 103 Early Hints\r\n\r\n", Box::new(Script::Right)));
    let hinted = exchange(provider.addr, &request).await;
    assert_eq!((hinted.status, hinted.interim), (200, vec![103]));
}

#[tokio::test]
async fn an_early_413_does_not_wait_for_the_body() {
    let provider = FakeProvider::start().await;
    provider.next(Script::Early413);
    let mut client = Client::connect(provider.addr).await;
    let request = Request::chat(vec![b' '; 1_000_000]);
    client.send(&request.head_bytes()).await.unwrap();
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn a_peer_that_leaves_is_noticed_at_once() {
    let provider = FakeProvider::start().await;
    let endless = answers::chat_stream("m", false).cut_after(2).ending(End::Hang);
    for script in [Script::HangBeforeHeaders, Script::Stream(endless)] {
        let position = provider.seen().len();
        provider.next(script);
        let mut client = Client::connect(provider.addr).await;
        client.request(&Request::chat(chat_stream_body("m"))).await;
        let seen = provider.nth(position).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!seen.was_closed());
        let left = Instant::now();
        drop(client);
        assert!(seen.closed().await - left < Duration::from_millis(100));
    }
}

#[tokio::test]
async fn events_are_seen_when_they_are_sent() {
    let provider = FakeProvider::start().await;
    let permits = Arc::new(Semaphore::new(0));
    provider.next(Script::Stream(answers::chat_stream("m", false).on_permit(&permits)));
    let mut client = Client::connect(provider.addr).await;
    client.request(&Request::chat(chat_stream_body("m"))).await;
    assert_eq!(client.head().await.word(1), "200");
    let mut last = Instant::now();
    for _ in 0..6 {
        assert!(tokio::time::timeout(Duration::from_millis(20), client.event()).await.is_err());
        permits.add_permits(1);
        let event = client.event().await.unwrap().unwrap();
        assert!(event.text.starts_with("data: ") && event.at > last);
        last = event.at;
    }
    assert!(client.event().await.unwrap().is_none());
}

#[tokio::test]
async fn an_aborted_stream_is_not_a_clean_end() {
    let provider = FakeProvider::start().await;
    for end in [End::Abort, End::Reset] {
        provider.next(Script::Stream(Stream::events(["data: {}\n\n"]).ending(end)));
        let mut client = Client::connect(provider.addr).await;
        client.request(&Request::chat(chat_stream_body("m"))).await;
        client.head().await;
        let mut outcome = client.event().await;
        if matches!(outcome, Ok(Some(_))) {
            outcome = client.event().await;
        }
        assert!(outcome.is_err());
    }
}

#[tokio::test]
async fn expect_continue_is_sent_as_bytes() {
    let provider = FakeProvider::start().await;
    let request = Request::chat(chat_body("m")).with("expect", "100-continue");
    let mut client = Client::connect(provider.addr).await;
    client.send(&request.head_bytes()).await.unwrap();
    assert_eq!(client.head().await.word(1), "100");
    client.send(&request.body_bytes()).await.unwrap();
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn clients_speak_tls_and_http2() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = TestCertificate::new(directory.path());
    let acceptor = certificate.acceptor(&[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(acceptor.accept(socket).await.unwrap()).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            tokio::spawn(async move {
                let mut body = request.into_body();
                let mut length = 0;
                while let Some(Ok(piece)) = body.data().await {
                    length += piece.len();
                    body.flow_control().release_capacity(piece.len()).unwrap();
                }
                let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
                stream.send_data(Bytes::from(length.to_string()), true).unwrap();
            });
        }
    });
    let client = H2Client::over(certificate.connect(addr, &[b"h2"]).await).await;
    let answer = client.exchange(&Request::chat(vec![b'x'; 300_000])).await;
    assert_eq!((answer.status, answer.text(), answer.complete), (200, "300000", true));
}

#[test]
fn fixtures_keep_their_bytes_and_their_order() {
    let all = fixtures::all();
    assert!(all.len() >= 69 && fixtures::posts().len() == all.len() - 3, "{} fixtures", all.len());
    let chat = fixtures::named("openai-python.chat");
    assert_eq!(chat.request.headers[0].0, "Accept-Encoding");
    let span = fixtures::model_span(&chat.request.body).unwrap();
    assert_eq!(&chat.request.body[span], b"\"gpt-4o-mini\"");
}

#[tokio::test]
async fn configurations_of_the_tests_load() {
    let (small, large) = (FakeProvider::start().await, FakeProvider::start().await);
    let directory = tempfile::tempdir().unwrap();
    let certificate = TestCertificate::new(directory.path());
    let files = (certificate.cert.display().to_string(), certificate.key.display().to_string());
    let changes: [fn(&mut TestConfig); 7] = [
        |_| {},
        |config| (config.mode, config.held) = ("route", false),
        |config| (config.mode, config.shares) = ("canary", (0.5, 0.2)),
        |config| (config.client_auth, config.shares) = (true, (0.0, 1.0)),
        |config| "on_auth_failure = \"fallback\"".clone_into(&mut config.policy_lines),
        |config| config.named = vec![("b", "qwen3:8b".to_owned()), ("d", "claude-opus-4-8".to_owned())],
        |config| {
            "https://nonexistent.invalid".clone_into(&mut config.small);
            config.swap("[server]", "[server]\nhalf_close = true");
        },
    ];
    for change in changes {
        for tls in [None, Some(files.clone())] {
            let mut config = TestConfig { tls, ..TestConfig::new(&small, &large) };
            change(&mut config);
            let text = config.text(&directory.path().join("ledger.db"));
            let secrets = SecretSource::Map(TestConfig::secrets());
            if let Err(faults) = pointsman::config::from_text(&text, "", secrets) {
                panic!("{faults}\n{text}");
            }
        }
    }
}
