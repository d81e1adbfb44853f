//! The proxy in this process, in front of two fake providers, and its ledger read back as anybody would read it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pointsman::app::InProcess;
use pointsman::config::SecretSource;
use pointsman::ledger::{Entry, Reader, Span};
use tempfile::TempDir;

use super::client::{self, Answer, Request};
use super::{FakeProvider, PATIENCE, TestConfig};

/// A running proxy; its ledger lives in a directory of its own.
pub struct Proxy {
    /// The data listener.
    pub data: SocketAddr,
    /// The listener of interception, where it is enabled.
    pub intercept: Option<SocketAddr>,
    /// The admin listener.
    pub admin: SocketAddr,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The text it was started with.
    pub text: String,
    app: InProcess,
    _directory: TempDir,
}

impl Proxy {
    /// Starts with a configuration.
    pub async fn start(config: &TestConfig) -> Self {
        Self::with(|ledger| config.text(ledger), "").await
    }

    /// Starts with a text, made for the ledger's path, and a profile.
    pub async fn with(text: impl FnOnce(&Path) -> String, profile: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ledger = directory.path().join("ledger.db");
        let text = text(&ledger);
        let secrets = SecretSource::Map(TestConfig::secrets());
        let app = InProcess::start(&text, profile, secrets).await;
        let app = app.unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        let (data, intercept, admin) = (app.data, app.intercept, app.admin);
        Self { data, intercept, admin, ledger, text, app, _directory: directory }
    }

    /// One request on a connection of its own.
    pub async fn exchange(&self, request: &Request) -> Answer {
        client::exchange(self.data, request).await
    }

    /// Loads another configuration; the text of all faults when it is refused.
    pub fn reload(&self, text: &str) -> Result<String, String> {
        self.app.reload(text).map(|version| version.to_string()).map_err(|faults| faults.to_string())
    }

    /// Replaces the text that the next reload reads.
    pub fn write(&self, text: &str) {
        self.app.write(text);
    }

    /// What is on record of the request that got this answer.
    pub async fn entry_of(&self, answer: &Answer) -> Entry {
        let id = answer.header("x-pointsman-id").expect("an answer names its request").to_owned();
        self.recorded(&id, |entry| entry.id.to_string() == id).await
    }

    /// The only request on record, once it is there.
    pub async fn only_entry(&self) -> Entry {
        let entry = self.recorded("any request", |_| true).await;
        assert_eq!(self.entries().len(), 1, "one request leaves one record");
        entry
    }

    /// Everything on record.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let Ok(reader) = Reader::open(&self.ledger) else { return entries };
        let each = |entry| {
            entries.push(entry);
            true
        };
        reader.each(Span::ALL, each).unwrap();
        entries
    }

    /// A sample of its metrics, by name and labels as they stand in the text.
    pub async fn metric(&self, sample: &str) -> Option<f64> {
        let metrics = client::exchange(self.admin, &Request::bare("GET", "/metrics")).await;
        let value = |line: &str| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok();
        metrics.text().lines().find_map(value)
    }

    /// The sum of all samples that begin like this.
    pub async fn sum_of(&self, beginning: &str) -> f64 {
        let metrics = client::exchange(self.admin, &Request::bare("GET", "/metrics")).await;
        let samples = metrics.text().lines().filter(|line| line.starts_with(beginning));
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Waits until a sample has this value.
    pub async fn until_metric(&self, sample: &str, value: f64) {
        let began = Instant::now();
        while self.metric(sample).await != Some(value) {
            assert!(began.elapsed() < PATIENCE, "{sample} does not become {value}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops it once nothing is in flight, so that the ledger is complete: an answer is read before its record is filed.
    pub async fn stop(self) -> TempDir {
        self.until_metric("pointsman_requests_in_flight", 0.0).await;
        self.app.stop().await;
        self._directory
    }

    async fn recorded(&self, what: &str, is_it: impl Fn(&Entry) -> bool) -> Entry {
        let began = Instant::now();
        loop {
            if let Some(entry) = self.entries().into_iter().find(&is_it) {
                return entry;
            }
            assert!(began.elapsed() < PATIENCE, "the ledger has no record of {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The attempts of a request as model and outcome, in order.
pub fn trail(entry: &Entry) -> Vec<(String, &'static str)> {
    let model = |attempt: &pointsman::ledger::AttemptRow| {
        attempt.model.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
    };
    entry.attempts.iter().map(|attempt| (model(attempt), attempt.outcome.as_str())).collect()
}

/// A proxy between two providers: `small` serves the small models, `large` the large ones.
pub struct World {
    /// Serves `small` and `claude-small`.
    pub small: FakeProvider,
    /// Serves `large`, `claude-large` and Gemini.
    pub large: FakeProvider,
    /// Stands before both.
    pub proxy: Proxy,
}

impl World {
    /// Starts all three; the closure changes the configuration.
    pub async fn start(change: impl FnOnce(&mut TestConfig)) -> Self {
        let (small, large) = (FakeProvider::start().await, FakeProvider::start().await);
        let mut config = TestConfig::new(&small, &large);
        change(&mut config);
        let proxy = Proxy::start(&config).await;
        Self { small, large, proxy }
    }

    /// Nothing has reached either provider.
    pub fn assert_untouched(&self, case: &str) {
        let seen = self.small.seen().len() + self.large.seen().len();
        assert_eq!(seen, 0, "{case}: a request reached a provider");
    }
}
