//! What is known of each deployment right now: whether it cools down, how many calls it has in flight, how fast it
//! has been. Cells are found by deployment name, so that a reload keeps what was learnt.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::Replicas;
use crate::catalog::Snapshot;
use crate::types::{DeploymentId, DeploymentIx};

/// Longest cool-down that an upstream's Retry-After can impose.
pub(super) const MAX_COOLDOWN: Duration = Duration::from_secs(60);
/// The quantile of latency that plans are admitted on.
const QUANTILE: f64 = 0.95;
/// A sketch starts afresh after this many samples, the previous one still counting, so that old speed is forgotten.
const ROTATE_AFTER: u64 = 512;
/// Samples before measured latency replaces the configured one.
const MIN_SAMPLES: u64 = 8;
/// The cached quantiles are renewed every so many samples: often while there are few, because that merges histograms.
const RENEW_EVERY: u64 = 8;
/// From this many samples on, one renewal in as many.
const SETTLED: u64 = 64;

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
    ttft_ms: AtomicU32,
    per_token_us: AtomicU32,
    sketch: Mutex<Sketch>,
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
            .map(|deployment| self.cells.entry(deployment.id.clone()).or_default().value().clone())
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

    /// Measured (time to first token in ms, time per token in us) at the admission quantile, once there is enough.
    pub fn latency(&self, ix: DeploymentIx) -> Option<(u32, u32)> {
        let cell = &self.cells[ix.at()];
        match cell.ttft_ms.load(Ordering::Relaxed) {
            0 => None,
            ttft_ms => Some((ttft_ms, cell.per_token_us.load(Ordering::Relaxed))),
        }
    }

    /// Learns from a served stream: the time to its first token, and how long the provider wrote from there.
    pub fn observe(&self, ix: DeploymentIx, ttft: Duration, writing: Duration, output_tokens: u64) {
        let cell = &self.cells[ix.at()];
        let per_token = u64::try_from(writing.as_micros()).unwrap_or(u64::MAX) / output_tokens.max(1);
        let mut sketch = cell.sketch.lock();
        if let Some((ttft_ms, per_token_us)) = sketch.add(ttft, per_token) {
            cell.ttft_ms.store(ttft_ms.max(1), Ordering::Relaxed);
            cell.per_token_us.store(per_token_us, Ordering::Relaxed);
        }
    }
}

impl Default for Cell {
    fn default() -> Self {
        Self {
            cooling_until_ms: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            ttft_ms: AtomicU32::new(0),
            per_token_us: AtomicU32::new(0),
            sketch: Mutex::new(Sketch::default()),
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

/// Two generations of histograms; queries see both.
#[derive(Default)]
struct Sketch {
    young: Option<Generation>,
    old: Option<Generation>,
}

struct Generation {
    ttft_ms: Histogram<u32>,
    per_token_us: Histogram<u32>,
}

impl Generation {
    fn new() -> Option<Self> {
        Some(Self {
            ttft_ms: Histogram::new_with_bounds(1, 600_000, 2).ok()?,
            per_token_us: Histogram::new_with_bounds(1, 60_000_000, 2).ok()?,
        })
    }
}

impl Sketch {
    /// Adds a sample; now and then returns renewed quantiles.
    fn add(&mut self, ttft: Duration, per_token_us: u64) -> Option<(u32, u32)> {
        if self.young.as_ref().is_some_and(|young| young.ttft_ms.len() >= ROTATE_AFTER) {
            self.old = self.young.take();
        }
        if self.young.is_none() {
            self.young = Generation::new();
        }
        let young = self.young.as_mut()?;
        young.ttft_ms.saturating_record(u64::try_from(ttft.as_millis()).unwrap_or(u64::MAX).max(1));
        young.per_token_us.saturating_record(per_token_us.max(1));
        let count = young.ttft_ms.len();
        let every = if count > SETTLED { SETTLED } else { RENEW_EVERY };
        if count % every != 0 || (count < MIN_SAMPLES && self.old.is_none()) {
            return None;
        }
        let quantile = |pick: fn(&Generation) -> &Histogram<u32>| {
            let mut merged = pick(self.young.as_ref()?).clone();
            if let Some(old) = &self.old {
                merged.add(pick(old)).ok()?;
            }
            u32::try_from(merged.value_at_quantile(QUANTILE)).ok()
        };
        Some((quantile(|generation| &generation.ttft_ms)?, quantile(|generation| &generation.per_token_us)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_answers_after_enough_samples_and_forgets_old_speed() {
        let mut sketch = Sketch::default();
        let mut last = None;
        for _ in 0..7 {
            assert_eq!(sketch.add(Duration::from_millis(100), 50), None);
        }
        for _ in 0..600 {
            last = sketch.add(Duration::from_millis(100), 50).or(last);
        }
        assert_eq!(last, Some((100, 50)));
        for _ in 0..1200 {
            last = sketch.add(Duration::from_millis(900), 50).or(last);
        }
        assert!(last.is_some_and(|(ttft, _)| (890..=910).contains(&ttft)));
    }
}
