//! What is known of each deployment right now: whether it cools down, how many calls it has in flight, how fast it
//! has been. Cells are found by deployment name, so that a reload keeps what was learnt.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use parking_lot::Mutex;

use super::Replicas;
use super::speed::{Answered, FORGET, Speed};
use crate::catalog::{LatencyPrior, Snapshot};
use crate::routing::Measured;
use crate::types::{DeploymentId, DeploymentIx};

/// Longest cool-down that an upstream's Retry-After can impose.
pub(super) const MAX_COOLDOWN: Duration = Duration::from_secs(60);

/// All cells, by deployment.
pub struct Health {
    started: Instant,
    cells: DashMap<DeploymentId, Arc<Cell>>,
}

impl Default for Health {
    fn default() -> Self {
        Self { started: Instant::now(), cells: DashMap::new() }
    }
}

struct Cell {
    cooling_until_ms: AtomicU64,
    in_flight: AtomicU32,
    speed: Mutex<Speed>,
    /// What is known of its speed, and when that was worked out: read by every decision, so no lock is in the way.
    measured: ArcSwapOption<(Duration, Measured)>,
}

/// The cells of one snapshot's deployments, at their positions.
pub struct Board {
    started: Instant,
    cells: Vec<Arc<Cell>>,
    limits: Vec<Option<u32>>,
    replicas: Vec<Option<Arc<Replicas>>>,
}

impl Health {
    /// The cells for a snapshot; known deployments keep theirs, forgotten ones lose it.
    pub fn board(&self, snapshot: &Snapshot, replicas: Vec<Option<Arc<Replicas>>>) -> Board {
        self.cells.retain(|id, _| snapshot.deployments.iter().any(|deployment| deployment.id == *id));
        let cells = snapshot
            .deployments
            .iter()
            .map(|deployment| {
                let fresh = || Arc::new(Cell::new(deployment.latency));
                let cell = self.cells.entry(deployment.id.clone()).or_insert_with(fresh).value().clone();
                cell.speed.lock().configure(deployment.latency);
                cell
            })
            .collect();
        let limits = snapshot.deployments.iter().map(|deployment| deployment.max_in_flight).collect();
        Board { started: self.started, cells, limits, replicas }
    }
}

impl Board {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether a call may start now: not cooling, below its limit, a replica alive.
    pub fn ready(&self, ix: DeploymentIx) -> bool {
        let cell = &self.cells[ix.at()];
        let cool = cell.cooling_until_ms.load(Ordering::Relaxed) <= self.now_ms();
        let below = self.limits[ix.at()].is_none_or(|limit| cell.in_flight.load(Ordering::Relaxed) < limit);
        cool && below && self.replicas[ix.at()].as_ref().is_none_or(|replicas| replicas.any_ready())
    }

    /// The replicas behind a self-hosted deployment.
    pub fn replicas(&self, ix: DeploymentIx) -> Option<&Arc<Replicas>> {
        self.replicas[ix.at()].as_ref()
    }

    /// Counts a call in flight until the guard is dropped; `None` when as many run as may.
    pub fn enter(&self, ix: DeploymentIx) -> Option<InFlight> {
        let cell = &self.cells[ix.at()];
        let before = cell.in_flight.fetch_add(1, Ordering::Relaxed);
        let entered = InFlight(cell.clone());
        // Dropping the guard takes the count back.
        self.limits[ix.at()].is_none_or(|limit| before < limit).then_some(entered)
    }

    /// Keeps a deployment out of plans for a while.
    pub fn cool(&self, ix: DeploymentIx, pause: Duration) {
        let pause = u64::try_from(pause.min(MAX_COOLDOWN).as_millis()).unwrap_or(u64::MAX);
        self.cells[ix.at()].cooling_until_ms.fetch_max(self.now_ms() + pause, Ordering::Relaxed);
    }

    /// Until the deployment is ready again; zero when it is.
    pub fn cooling(&self, ix: DeploymentIx) -> Duration {
        let until = self.cells[ix.at()].cooling_until_ms.load(Ordering::Relaxed);
        Duration::from_millis(until.saturating_sub(self.now_ms()))
    }

    /// What answers taught of a deployment's speed, unless that is too long ago.
    pub fn latency(&self, ix: DeploymentIx) -> Option<Measured> {
        let measured = self.cells[ix.at()].measured.load();
        let (at, measured) = **measured.as_ref()?;
        (self.started.elapsed().saturating_sub(at) < FORGET).then_some(measured)
    }

    /// Learns from an answer that has just ended.
    pub fn learn(&self, ix: DeploymentIx, answered: Answered) {
        let cell = &self.cells[ix.at()];
        let now = self.started.elapsed();
        let mut speed = cell.speed.lock();
        if let Some(measured) = speed.learn(now, answered) {
            cell.measured.store(Some(Arc::new((now, measured))));
        }
    }
}

impl Cell {
    fn new(prior: LatencyPrior) -> Self {
        Self {
            cooling_until_ms: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            speed: Mutex::new(Speed::new(prior)),
            measured: ArcSwapOption::empty(),
        }
    }
}

/// One call in flight.
pub struct InFlight(Arc<Cell>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
