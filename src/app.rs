//! The only place that knows every room: settings in, a running proxy out. `serve` runs it under Pingora's server with
//! signals and upgrades; tests and the demo run the same parts on listeners of their own.

mod in_process;
mod reload;
mod server;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use pingora::server::configuration::ServerConf;

pub use in_process::{InProcess, RUN_TAG};
pub use server::serve;

use crate::config::{Faults, Settings};
use crate::intercept::{Authority, CaError, Doorway, InterceptSettings};
use crate::ledger::Ledger;
use crate::pipeline::{Engine, PoolSettings};
use crate::proxy::{Edge, Gateway, Home, Patience, ProxySettings};
use crate::telemetry::Metrics;

/// Idle upstream connections kept over all origins.
const POOL_CONNECTIONS: usize = 512;

/// Why a proxy did not start.
#[derive(Debug)]
pub enum AppError {
    /// The configuration has faults.
    Config(Faults),
    /// The ledger could not be opened.
    Ledger(String),
    /// The authority of interception cannot be used.
    Authority(CaError),
    /// Something else could not be set up.
    Setup(String),
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(faults) => faults.fmt(f),
            Self::Ledger(what) => write!(f, "the ledger cannot be opened: {what}"),
            Self::Authority(error) => error.fmt(f),
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
    /// Ports of our own listeners.
    own_ports: Vec<u16>,
}

/// Between two looks at the requests still in flight.
const DRAIN_POLL: Duration = Duration::from_millis(50);

/// Waits until nothing is in flight, but no longer than this.
async fn none_in_flight(metrics: &Metrics, most: Duration) {
    let until = tokio::time::Instant::now() + most;
    while metrics.in_flight.get() > 0 && tokio::time::Instant::now() < until {
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

/// Writes the ledger out; says so where that cannot be.
async fn write_out(ledger: &Ledger) {
    let ledger = ledger.clone();
    if !matches!(tokio::task::spawn_blocking(move || ledger.flush()).await, Ok(true)) {
        tracing::error!("the ledger could not be written to its end");
    }
}

/// Says so while the end of the authority in use is near or behind us.
fn warn_of_end(authority: &Authority) {
    if let Some(warning) = authority.validity().warning(SystemTime::now()) {
        tracing::warn!(until = %authority.validity().days()[1], "{warning}");
    }
}

impl Parts {
    /// `mark` is a tag and its value for all records.
    fn new(
        settings: &Settings,
        (threads, mark): (usize, Option<(String, String)>),
    ) -> Result<Self, AppError> {
        let (ledger, writer) =
            Ledger::open(&settings.ledger).map_err(|error| AppError::Ledger(error.to_string()))?;
        let ledger = ledger.marked(mark);
        writer.spawn().map_err(|error| AppError::Ledger(error.to_string()))?;
        let pool = PoolSettings {
            connections: POOL_CONNECTIONS,
            threads,
            max_answer_bytes: settings.server.max_answer_bytes,
            answer_budget_bytes: settings.server.answer_budget_bytes,
        };
        let engine = Engine::new(settings.snapshot.clone(), (ledger, settings.ledger.path.clone()), pool)
            .map_err(AppError::Setup)?;
        let listeners = settings.server.listen.iter().map(|listen| listen.addr.port());
        let others = settings.server.admin.map(|admin| admin.port()).into_iter();
        let own_ports = listeners.chain(others).chain([settings.intercept.listen.port()]);
        Ok(Self {
            own_ports: own_ports.filter(|port| *port > 0).collect(),
            engine: Arc::new(engine),
            ready: Arc::new(AtomicBool::new(true)),
            proxy: ProxySettings {
                max_body_bytes: settings.server.max_body_bytes,
                body_budget_bytes: settings.server.body_budget_bytes,
                min_body_rate: settings.server.min_body_rate,
                max_headers: settings.server.max_headers,
                max_header_bytes: settings.server.max_header_bytes,
                max_in_flight: settings.server.max_in_flight,
                patience: Patience {
                    head: Duration::from_secs(settings.server.head_seconds),
                    idle: Duration::from_secs(settings.server.idle_seconds),
                    head_bytes: settings.server.max_header_bytes,
                },
                max_connections: settings.server.max_connections,
                max_h2_streams: settings.server.max_h2_streams,
                half_close: settings.server.half_close,
            },
        })
    }

    fn gateway(&self) -> Gateway {
        Gateway::new(self.engine.clone(), self.proxy, self.ready.clone())
    }

    /// The listener's application for intercepted traffic: a gateway for each host, over the same engine.
    fn doorway(
        &self,
        (settings, authority): (&InterceptSettings, &Arc<Authority>),
        gateway: &Gateway,
        conf: &Arc<ServerConf>,
    ) -> Result<Doorway, AppError> {
        let edge = |host: &crate::intercept::HomeHost| {
            let (name, port) = (host.host.clone(), host.port);
            let home = Home { host: name, port, observe_only: settings.observe_only };
            Edge::new(gateway.at_home(home), conf.clone())
        };
        let limits = (self.proxy.patience.head, self.proxy.max_connections, self.own_ports.clone());
        let metrics = self.engine.metrics.clone();
        Doorway::new(settings, authority, edge, limits, metrics).map_err(AppError::Setup)
    }
}
