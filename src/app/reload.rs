//! The configuration read again: validated anew and swapped in whole, or refused with the old one kept. What was bound
//! or sized at the start cannot change without a restart, so a configuration that changes it is refused: taken by half,
//! it could open to everybody what only the new listeners would have kept private.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::catalog::SnapshotVersion;
use crate::config::{self, Fault, Faults, SecretSource, ServerSettings, Settings};
use crate::intercept::InterceptSettings;
use crate::ledger::LedgerSettings;
use crate::pipeline::Engine;
use crate::proxy::Control;

/// Where the configuration comes from when it is read again.
pub(super) enum Source {
    /// A file; its secrets are the environment's.
    File(PathBuf),
    /// A text that the program around us may replace.
    Text {
        /// The text.
        text: Mutex<String>,
        /// The profile that stands in for the file it names.
        profile: String,
        /// What its references mean.
        secrets: SecretSource,
    },
}

impl Source {
    /// The file that was loaded at the start.
    pub(super) fn file(path: &Path) -> Self {
        Self::File(path.to_owned())
    }

    fn read(&self) -> Result<Settings, Faults> {
        match self {
            Self::File(path) => config::load(path, SecretSource::Environment),
            Self::Text { text, profile, secrets } => {
                config::from_text(&text.lock(), profile, secrets.clone())
            }
        }
    }
}

/// Swaps configurations into a running proxy.
pub(super) struct Reloader {
    engine: Arc<Engine>,
    /// Where the next configuration is read from.
    pub(super) source: Source,
    server: ServerSettings,
    ledger: LedgerSettings,
    intercept: InterceptSettings,
}

impl Reloader {
    /// `running`: what the proxy was started with.
    pub(super) fn new(engine: Arc<Engine>, source: Source, running: &Settings) -> Self {
        let (server, ledger) = (running.server.clone(), running.ledger.clone());
        Self { engine, source, server, ledger, intercept: running.intercept.clone() }
    }

    /// Reads anew and swaps in, or says why not.
    pub(super) fn swap(&self) -> Result<SnapshotVersion, Faults> {
        let swapped = self.read_and_swap();
        match &swapped {
            Ok(version) => tracing::info!(snapshot = %version, "configuration reloaded"),
            Err(faults) => {
                self.engine.metrics.reload_failures.inc();
                tracing::error!(%faults, "configuration refused, the old one stays in force");
            }
        }
        swapped
    }

    fn read_and_swap(&self) -> Result<SnapshotVersion, Faults> {
        let settings = self.source.read()?;
        let mut changed = changed_server(&self.server, &settings.server);
        changed.extend(changed_ledger(&self.ledger, &settings.ledger));
        // The list follows from the providers; while nothing is intercepted, it may change with them.
        let intercepts = self.intercept.enabled || settings.intercept.enabled;
        if intercepts && self.intercept != settings.intercept {
            changed.push("intercept");
        }
        if !changed.is_empty() {
            let restart = "has changed and is read at the start only: restart, or change it back";
            return Err(faults(changed.into_iter().map(|key| (key, restart.to_owned()))));
        }
        self.engine.swap(settings.snapshot.clone()).map_err(|fault| faults([("", fault)]))?;
        Ok(settings.snapshot.version.clone())
    }
}

impl Control for Reloader {
    fn reload(&self) -> Result<String, String> {
        self.swap().map(|version| version.to_string()).map_err(|faults| faults.to_string())
    }
}

/// Keys of `[server]` that differ. All fields are named, so that a new one is not forgotten here.
fn changed_server(running: &ServerSettings, read: &ServerSettings) -> Vec<&'static str> {
    let ServerSettings {
        listen,
        admin,
        admin_token,
        max_body_bytes,
        body_budget_bytes,
        max_answer_bytes,
        answer_budget_bytes,
        max_header_bytes,
        max_headers,
        min_body_rate,
        head_seconds,
        idle_seconds,
        max_connections,
        max_h2_streams,
        half_close,
        threads,
        max_in_flight,
        drain_seconds,
        upgrade_sock,
    } = running;
    differing([
        ("server.listen", *listen != read.listen),
        ("server.admin", *admin != read.admin),
        ("server.admin_token", *admin_token != read.admin_token),
        ("server.max_body_bytes", *max_body_bytes != read.max_body_bytes),
        ("server.body_budget_bytes", *body_budget_bytes != read.body_budget_bytes),
        ("server.max_answer_bytes", *max_answer_bytes != read.max_answer_bytes),
        ("server.answer_budget_bytes", *answer_budget_bytes != read.answer_budget_bytes),
        ("server.max_header_bytes", *max_header_bytes != read.max_header_bytes),
        ("server.max_headers", *max_headers != read.max_headers),
        ("server.min_body_rate", *min_body_rate != read.min_body_rate),
        ("server.head_seconds", *head_seconds != read.head_seconds),
        ("server.idle_seconds", *idle_seconds != read.idle_seconds),
        ("server.max_connections", *max_connections != read.max_connections),
        ("server.max_h2_streams", *max_h2_streams != read.max_h2_streams),
        ("server.half_close", *half_close != read.half_close),
        ("server.threads", *threads != read.threads),
        ("server.max_in_flight", *max_in_flight != read.max_in_flight),
        ("server.upgrade_sock", *upgrade_sock != read.upgrade_sock),
        ("server.drain_seconds", *drain_seconds != read.drain_seconds),
    ])
}

/// Keys of `[ledger]` that differ.
fn changed_ledger(running: &LedgerSettings, read: &LedgerSettings) -> Vec<&'static str> {
    let LedgerSettings { path, mode, retention_days, max_bytes, queue } = running;
    differing([
        ("ledger.path", *path != read.path),
        ("ledger.mode", *mode != read.mode),
        ("ledger.retention_days", *retention_days != read.retention_days),
        ("ledger.max_bytes", *max_bytes != read.max_bytes),
        ("ledger.queue", *queue != read.queue),
    ])
}

fn differing<const N: usize>(keys: [(&'static str, bool); N]) -> Vec<&'static str> {
    keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

fn faults(found: impl IntoIterator<Item = (&'static str, String)>) -> Faults {
    let fault = |(key, message): (&str, String)| Fault { line: 0, column: 0, key: key.to_owned(), message };
    Faults { file: None, list: found.into_iter().map(fault).collect() }
}
