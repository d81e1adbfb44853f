//! The only place that knows every room: settings in, a running proxy out. `serve` runs it under Pingora's server with
//! signals and upgrades; tests and the demo run the same parts on listeners of their own.

mod in_process;
mod server;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use in_process::InProcess;
pub use server::serve;

use crate::config::{self, Faults, SecretSource, Settings};
use crate::ledger::Ledger;
use crate::pipeline::{Engine, PoolSettings};
use crate::proxy::{Control, ProxySettings};

/// Idle upstream connections kept over all origins.
const POOL_CONNECTIONS: usize = 512;

/// Why a proxy did not start.
#[derive(Debug)]
pub enum AppError {
    /// The configuration has faults.
    Config(Faults),
    /// The ledger could not be opened.
    Ledger(String),
    /// Something else could not be set up.
    Setup(String),
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(faults) => faults.fmt(f),
            Self::Ledger(what) => write!(f, "the ledger cannot be opened: {what}"),
            Self::Setup(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for AppError {}

/// The parts of a proxy before it listens.
struct Parts {
    engine: Arc<Engine>,
    ready: Arc<AtomicBool>,
    proxy: ProxySettings,
}

impl Parts {
    fn new(settings: &Settings, threads: usize) -> Result<Self, AppError> {
        let (ledger, writer) =
            Ledger::open(&settings.ledger).map_err(|error| AppError::Ledger(error.to_string()))?;
        writer.spawn().map_err(|error| AppError::Ledger(error.to_string()))?;
        let pool = PoolSettings {
            connections: POOL_CONNECTIONS,
            threads,
            max_answer_bytes: settings.server.max_answer_bytes,
        };
        let engine = Engine::new(settings.snapshot.clone(), (ledger, settings.ledger.path.clone()), pool)
            .map_err(AppError::Setup)?;
        Ok(Self {
            engine: Arc::new(engine),
            ready: Arc::new(AtomicBool::new(true)),
            proxy: ProxySettings {
                max_body_bytes: settings.server.max_body_bytes,
                body_budget_bytes: settings.server.body_budget_bytes,
                min_body_rate: settings.server.min_body_rate,
                max_headers: settings.server.max_headers,
                max_header_bytes: settings.server.max_header_bytes,
                max_in_flight: settings.server.max_in_flight,
                max_h2_streams: settings.server.max_h2_streams,
                half_close: settings.server.half_close,
            },
        })
    }
}

/// Where the configuration comes from when it is read again.
enum Source {
    File(PathBuf),
    Text { text: parking_lot::Mutex<String>, profile: String, secrets: SecretSource },
}

/// Validates a configuration anew and swaps its snapshot in, or keeps the old one and says why.
struct Reloader {
    engine: Arc<Engine>,
    source: Source,
}

impl Reloader {
    fn from_file(engine: Arc<Engine>, path: &Path) -> Self {
        Self { engine, source: Source::File(path.to_owned()) }
    }

    fn settings(&self) -> Result<Settings, Faults> {
        match &self.source {
            Source::File(path) => config::load(path, SecretSource::Environment),
            Source::Text { text, profile, secrets } => {
                config::from_text(&text.lock(), profile, secrets.clone())
            }
        }
    }
}

impl Control for Reloader {
    fn reload(&self) -> Result<String, String> {
        let swapped = self.settings().map_err(|faults| faults.to_string()).and_then(|settings| {
            self.engine.swap(settings.snapshot.clone())?;
            Ok(settings.snapshot.version.to_string())
        });
        match &swapped {
            Ok(version) => tracing::info!(snapshot = version, "configuration reloaded"),
            Err(faults) => {
                self.engine.metrics.reload_failures.inc();
                tracing::error!(faults, "configuration refused, the old one stays in force");
            }
        }
        swapped
    }
}
