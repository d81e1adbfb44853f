//! Prompts and keys stay out of everything that is kept or shown: logs at every level, metrics, the ledger's files, the admin
//! listener, errors of ours. Providers echo what they were sent, and still nothing of it stays.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::client::{self, Request};
use crate::support::config::{CLIENT_KEY, KEY_A, KEY_B, KEY_C, KEY_D};
use crate::support::fake_provider::Seen;
use crate::support::proxy::World;
use crate::support::script::Whole;
use crate::support::{End, Script, Stream};

const PROMPT: &str = "canary-prompt-6d1f0c";
const CALLERS_KEY: &str = "sk-canary-caller-88b1";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A provider that gives back everything it was sent, in this manner.
fn echo(seen: &Seen, manner: usize) -> Script {
    let sent =
        format!("{} {}", String::from_utf8_lossy(&seen.head.raw), String::from_utf8_lossy(seen.body()));
    let error = |status| {
        let body = json!({"error": {"message": sent, "type": sent, "code": sent}, "type": "error"});
        Script::Whole(Whole::json(status, body.to_string()))
    };
    match manner {
        0 => error(400),
        1 => error(401),
        2 => error(429),
        3 => error(500),
        4 => error(200),
        5 => Script::Whole(Whole::json(200, sent)),
        6 => Script::Stream(Stream::events([format!("data: {}\n\n", json!(sent)), sent]).ending(End::Abort)),
        7 => Script::Raw(sent.into()),
        8 => Script::Status(529, None),
        _ => Script::Right,
    }
}

/// All requests against two providers that answer in this manner, and what is kept of it: metrics, admin pages, files.
async fn play(manner: usize) -> Vec<(String, Vec<u8>)> {
    let world = World::start(|config| config.client_auth = true).await;
    for provider in [&world.small, &world.large] {
        provider.choose(move |seen| echo(seen, manner));
    }
    for model in ["auto", "small-1", "model-of-nobody"] {
        for stream in [false, true] {
            let body = json!({"model": model, "stream": stream, "max_tokens": 9, "user": PROMPT,
                              "messages": [{"role": "user", "content": PROMPT}]});
            for path in ["/v1/chat/completions", "/v1/messages"] {
                let request = Request::post(path, body.to_string())
                    .with("x-pointsman-key", CLIENT_KEY)
                    .with("authorization", &format!("Bearer {CALLERS_KEY}"))
                    .with("x-pointsman-session", PROMPT);
                let answer = world.proxy.exchange(&request).await;
                let shown = answer.text();
                assert!(manner < 9 || model != "auto" || answer.status == 200, "{shown}");
                for key in [KEY_A, KEY_B, KEY_C, KEY_D] {
                    // A provider's own words are the caller's to see; a key of ours is not.
                    assert!(!shown.contains(key), "{manner} {model} {path}: {shown}");
                }
            }
        }
    }
    for (body, odd) in [("{\"model\": 3, \"canary-prompt-6d1f0c\": ", "a"), ("{}", "a\u{1b}[31mred")] {
        let request = Request::chat(body).with("x-pointsman-key", CLIENT_KEY).with("x-odd", odd);
        assert_eq!(world.proxy.exchange(&request).await.status, 400);
    }
    let asked = world.small.seen().len() + world.large.seen().len();
    assert!(asked >= 4, "{manner}: who is asked nothing leaks nothing");
    let admin = world.proxy.admin;
    let mut kept = Vec::new();
    for path in ["/metrics", "/v1/frontier", "/v1/profiles", "/v1/drift", "/nothing"] {
        let page = client::exchange(admin, &Request::bare("GET", path)).await;
        kept.push((path.to_owned(), page.body.to_vec()));
    }
    let folder = world.proxy.stop().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        kept.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    assert!(kept.iter().any(|(name, bytes)| name.ends_with("ledger.db") && bytes.len() > 4096));
    kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_word_of_a_prompt_and_no_key_is_kept() {
    let log = Log::default();
    // Another test of the same process may have been first; then this one reads what it is given.
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let subscriber = subscriber.with_writer(log.clone());
    let logs = tracing::subscriber::set_global_default(subscriber.finish()).is_ok();
    let mut kept = Vec::new();
    for manner in 0..10 {
        // Each on its own: what one does to circuits must not keep the next from being asked.
        kept.extend(play(manner).await);
    }
    let logged = log.0.lock().unwrap().clone();
    assert!(!logs || logged.len() > 1000, "nothing was logged: {}", logged.len());
    kept.push(("log".to_owned(), logged));
    for (place, bytes) in kept {
        for canary in [KEY_A, KEY_B, KEY_C, KEY_D, CLIENT_KEY, CALLERS_KEY, PROMPT] {
            let found = memchr::memmem::find(&bytes, canary.as_bytes());
            assert!(
                found.is_none(),
                "{canary} in {place}: {:?}",
                found.map(|at| {
                    String::from_utf8_lossy(&bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())])
                        .into_owned()
                })
            );
        }
        assert!(
            !bytes.windows(5).any(|five| five == b"\x1b[31m"),
            "a control sequence of a client in {place}"
        );
    }
}
