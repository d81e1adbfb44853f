//! What is known of each deployment right now: whether it cools down, how many calls it has in flight, how fast it
//! has been. Cells are found by deployment name, so that a reload keeps what was learnt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use parking_lot::Mutex;

use super::Replicas;
use super::balance::{Load, of_two};
use super::circuit::{Barred, Circuit, Failed};
use super::lacks::Lacks;
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
    circuit: Circuit,
    load: Load,
    lacks: Lacks,
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
                cell.circuit.reloaded();
                cell.lacks.forget();
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
        let cool = cell.circuit.ready(self.now_ms());
        let below = self.limits[ix.at()].is_none_or(|limit| cell.load.in_flight() < limit);
        cool && below && self.replicas[ix.at()].as_ref().is_none_or(|replicas| replicas.any_ready())
    }

    /// The replicas behind a self-hosted deployment.
    pub fn replicas(&self, ix: DeploymentIx) -> Option<&Arc<Replicas>> {
        self.replicas[ix.at()].as_ref()
    }

    /// Puts the places of one model into the order in which they are tried: of two ready ones the one that answers sooner goes
    /// first, by this draw; the others stay as they are.
    pub fn order(&self, draw: u64, places: &mut [DeploymentIx]) {
        let ready: Vec<usize> = (0..places.len()).filter(|at| self.ready(places[*at])).collect();
        let wait = |at: usize| self.cells[places[ready[at]].at()].load.wait();
        if let Some(first) = of_two(draw, ready.len(), wait) {
            places[..=ready[first]].rotate_right(1);
        }
    }

    /// Counts a call in flight until the guard is dropped; `None` when as many run as may.
    pub fn enter(&self, ix: DeploymentIx) -> Option<InFlight> {
        let cell = &self.cells[ix.at()];
        let before = cell.load.enter();
        let entered = InFlight(cell.clone());
        // Dropping the guard takes the count back.
        let enters = self.limits[ix.at()].is_none_or(|limit| before < limit);
        if enters {
            cell.circuit.enter(self.now_ms());
        }
        enters.then_some(entered)
    }

    /// Whether and until when a deployment must not be called, even where there is no other.
    pub fn barred(&self, ix: DeploymentIx) -> Option<Barred> {
        self.cells[ix.at()].circuit.barred(self.now_ms())
    }

    /// A call that took this long failed: after `pause`s that double, and from the third in a row on with nothing in
    /// between. `at_once`: the first pauses, too.
    pub fn failed(&self, ix: DeploymentIx, took: Duration, (pause, at_once): (Duration, bool)) {
        let now = self.now_ms();
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let failed = Failed { began: now.saturating_sub(took), pause, at_once, jitter: rand::random() };
        self.cells[ix.at()].circuit.failed(now, failed);
    }

    /// The answer of a call that began this long ago has begun.
    pub fn begun(&self, ix: DeploymentIx, ago: Duration) {
        let now = self.now_ms();
        let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        self.cells[ix.at()].circuit.begun(now, now.saturating_sub(ago));
    }

    /// A call was answered, whatever the answer.
    pub fn answered(&self, ix: DeploymentIx) {
        self.cells[ix.at()].circuit.answered();
    }

    /// Keeps calls away for a while.
    pub fn bar(&self, ix: DeploymentIx, pause: Duration) {
        self.cells[ix.at()].circuit.bar(self.now_ms(), pause.min(MAX_COOLDOWN));
    }

    /// Keeps calls away until the configuration is loaded again.
    pub fn bar_for_good(&self, ix: DeploymentIx) {
        self.cells[ix.at()].circuit.bar_for_good();
    }

    /// An answer that makes no sense; the third in a row keeps calls away for as long as any wait may last. Says whether
    /// it was the third.
    pub fn strike(&self, ix: DeploymentIx) -> bool {
        let out = self.cells[ix.at()].circuit.strike();
        if out {
            self.bar(ix, MAX_COOLDOWN);
        }
        out
    }

    /// Its model does not take this parameter.
    pub fn lacks(&self, ix: DeploymentIx, param: &str) {
        self.cells[ix.at()].lacks.learn(param, self.now_ms());
    }

    /// A parameter that its model does not take and that is asked for.
    pub fn lacking(&self, ix: DeploymentIx, is_asked: impl Fn(&str) -> bool) -> Option<String> {
        self.cells[ix.at()].lacks.first(self.now_ms(), is_asked)
    }

    /// Its model does not tell how probable it finds its words.
    pub fn lacks_logprobs(&self, ix: DeploymentIx) {
        self.cells[ix.at()].lacks.learn_silent(self.now_ms());
    }

    /// Whether its model has said that it does not tell that.
    pub fn is_without_logprobs(&self, ix: DeploymentIx) -> bool {
        self.cells[ix.at()].lacks.is_silent(self.now_ms())
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
        if !answered.cut {
            cell.circuit.answered();
            cell.load.learn(answered.ttft.unwrap_or(answered.total));
        }
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
            circuit: Circuit::default(),
            load: Load::default(),
            lacks: Lacks::default(),
            speed: Mutex::new(Speed::new(prior)),
            measured: ArcSwapOption::empty(),
        }
    }
}

/// One call in flight.
pub struct InFlight(Arc<Cell>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.load.leave();
    }
}
