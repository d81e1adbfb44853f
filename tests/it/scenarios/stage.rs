//! Where the scenarios are played: the proxy as it is configured for all of them, answers of sixty tokens, and what a
//! caller must have seen.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pointsman::ledger::Entry;
use serde_json::json;

use crate::matrix::form::{opening, right};
use crate::matrix::way::{Api, Way};
use crate::support::config::{CLASSES, TestConfig};
use crate::support::proxy::{World, trail};
use crate::support::{Answer, Stream, answers};

/// A scenario while it is played; it panics where it fails.
pub type Played = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Timeouts of 30 s, a tenth.
pub const TIMEOUT_MS: u32 = 3000;
/// Tokens of a streamed answer.
pub const TOKENS: usize = 60;

/// The ways of asking: both dialects the scenarios were written for. All of them are in the matrix.
pub const WAYS: [Way; 4] = {
    let [chat, chat_stream, messages, messages_stream, ..] = Way::ALL;
    [chat, chat_stream, messages, messages_stream]
};

/// The two ways of streaming.
pub const STREAMS: [Way; 2] = [WAYS[1], WAYS[3]];

/// A proxy with two retries, timeouts of 30 s and one fallback, in front of a primary and that fallback.
pub struct Scene {
    pub world: World,
    pub way: Way,
}

impl Scene {
    pub async fn new(way: Way, lines: &str) -> Self {
        Self::with(way, lines, |_| {}).await
    }

    pub async fn with(way: Way, lines: &str, change: impl FnOnce(&mut TestConfig)) -> Self {
        let world = World::start(|config| {
            config.retries = 2;
            config.clocks_ms = [1000, TIMEOUT_MS, TIMEOUT_MS, 10 * TIMEOUT_MS];
            config.deadline_ms = 3 * TIMEOUT_MS;
            lines.clone_into(&mut config.policy_lines);
            config.swap("[server]", "[routing]\npredictor = \"none\"\n\n[server]");
            config.swap(&format!("on = {CLASSES}\n"), "");
            change(config);
        })
        .await;
        Self { world, way }
    }

    /// Asks, and says how long that took.
    pub async fn ask(&self) -> (Answer, Duration) {
        let began = Instant::now();
        let answer = self.world.proxy.exchange(&self.way.ask()).await;
        (answer, began.elapsed())
    }

    /// Asks and is served whole by a model; what is on record of it.
    pub async fn served_by(&self, letter: char) -> Entry {
        let (answer, _) = self.ask().await;
        self.check_served(&answer, letter).await
    }

    /// The answer must be the whole one of a model.
    pub async fn check_served(&self, answer: &Answer, letter: char) -> Entry {
        let name = self.way.name();
        assert_eq!((answer.status, answer.complete), (200, true), "{name}: {:?}", answer.body);
        assert_eq!(answer.header("x-pointsman-model"), Some(self.way.model(letter)), "{name}");
        let entry = self.world.proxy.entry_of(answer).await;
        assert_eq!(entry.outcome.as_str(), "ok", "{name}");
        entry
    }

    /// The attempts on record must be these.
    pub fn check_trail(&self, entry: &Entry, expected: &[(char, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(letter, word)| (self.way.model(*letter).to_owned(), *word)).collect();
        assert_eq!(trail(entry), expected, "{}", self.way.name());
    }

    /// Calls of the primary and of the fallback.
    pub fn calls(&self) -> (usize, usize) {
        (self.world.small.seen().len(), self.world.large.seen().len())
    }
}

/// A streamed answer of sixty tokens.
pub fn sixty(way: Way) -> Stream {
    let all: Vec<Bytes> = right(way).chunks.into_iter().map(|chunk| chunk.bytes).collect();
    let (before, behind) = (&all[..opening(way)], &all[opening(way) + 3..]);
    let tokens = (0..TOKENS).map(|number| token(way, number));
    Stream::events(before.iter().cloned().chain(tokens).chain(behind.iter().cloned()))
}

fn token(way: Way, number: usize) -> Bytes {
    let text = format!(" word{number}");
    if way.api == Api::Messages {
        let delta = json!({"type": "text_delta", "text": text});
        return answers::named("content_block_delta", json!({"index": 0, "delta": delta}));
    }
    let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
    answers::data(
        &json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}),
    )
}

/// How many of the sixty tokens a body holds, each once and in order.
pub fn tokens_in(answer: &Answer) -> usize {
    let text = answer.text();
    let mut from = 0;
    let mut count = 0;
    while let Some(at) = text[from..].find(&format!("\" word{count}\"")) {
        from += at;
        count += 1;
    }
    assert_eq!(text.matches("\" word").count(), count, "a token twice or out of order");
    count
}

/// Whether a stream says that it is over in the way its dialect has it.
pub fn looks_finished(answer: &Answer) -> bool {
    let text = answer.text();
    ["[DONE]", "message_stop", "\"finish_reason\":\"stop\"", "end_turn"]
        .iter()
        .any(|word| text.contains(word))
}
