//! How long each stage of a request took. Every worker thread records into its own histograms, so that recording
//! never waits for another worker; a scrape merges them.

use std::cell::Cell;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

/// Stages of a request, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the body off the wire.
    Body,
    /// Parsing, features, task class and complexity.
    Understand,
    /// Eligibility, estimates, frontier, choice.
    Decide,
    /// From the whole request read to the first byte sent upstream: what routing adds.
    Overhead,
    /// From the first byte sent upstream to the first meaningful byte back.
    FirstToken,
    /// From the request's head to the answer's last byte.
    Total,
}

impl Stage {
    const ALL: [Self; 6] =
        [Self::Body, Self::Understand, Self::Decide, Self::Overhead, Self::FirstToken, Self::Total];

    /// Metric family and labels under which the stage is published; `gen_ai` names where they exist.
    fn family(self) -> (&'static str, &'static str) {
        match self {
            Self::Body => ("pointsman_stage_duration_seconds", "stage=\"body\""),
            Self::Understand => ("pointsman_stage_duration_seconds", "stage=\"understand\""),
            Self::Decide => ("pointsman_stage_duration_seconds", "stage=\"decide\""),
            Self::Overhead => ("pointsman_overhead_seconds", ""),
            Self::FirstToken => ("gen_ai_server_time_to_first_token_seconds", ""),
            Self::Total => ("gen_ai_server_request_duration_seconds", ""),
        }
    }
}

/// The times of one request; a stage that was not reached has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageTimes([Option<Duration>; Stage::ALL.len()]);

impl StageTimes {
    /// Sets the time of a stage.
    pub fn set(&mut self, stage: Stage, time: Duration) {
        self.0[stage as usize] = Some(time);
    }

    /// The time of a stage that was reached.
    pub fn of(&self, stage: Stage) -> Option<Duration> {
        self.0[stage as usize]
    }
}

/// Histograms of all stages, one set a worker.
pub struct Stages {
    workers: Vec<Mutex<Vec<Histogram<u64>>>>,
}

/// Slots for workers; more threads than this share.
const WORKERS: usize = 64;
/// Longest time told apart, microseconds; longer ones are recorded as this.
const LONGEST_US: u64 = 3_600_000_000;

thread_local! {
    // Which slot this thread records into: the only state a recorder needs beside the histograms themselves.
    static SLOT: Cell<Option<usize>> = const { Cell::new(None) };
}

fn slot() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    SLOT.with(|slot| {
        slot.get().unwrap_or_else(|| {
            let taken = NEXT.fetch_add(1, Ordering::Relaxed) % WORKERS;
            slot.set(Some(taken));
            taken
        })
    })
}

impl Default for Stages {
    fn default() -> Self {
        Self { workers: (0..WORKERS).map(|_| Mutex::new(Vec::new())).collect() }
    }
}

impl Stages {
    /// Records the times of one request.
    pub fn record(&self, times: &StageTimes) {
        let mut histograms = self.workers[slot()].lock();
        if histograms.is_empty() {
            histograms.extend(Stage::ALL.iter().filter_map(|_| new_histogram()));
        }
        for (histogram, time) in histograms.iter_mut().zip(times.0) {
            if let Some(time) = time {
                // In tenths of a microsecond: a decision takes a few microseconds.
                let tenths = u64::try_from(time.as_nanos() / 100).unwrap_or(u64::MAX).max(1);
                histogram.saturating_record(tenths);
            }
        }
    }

    /// Everything recorded so far as Prometheus summaries.
    pub fn render(&self, out: &mut String) {
        let mut last_family = "";
        for stage in Stage::ALL {
            let Some(merged) = self.merged(stage) else { continue };
            let (family, labels) = stage.family();
            if family != last_family {
                let _ = writeln!(out, "# TYPE {family} summary");
                last_family = family;
            }
            let comma = if labels.is_empty() { "" } else { "," };
            for quantile in [0.5, 0.9, 0.99, 0.999] {
                let seconds = merged.value_at_quantile(quantile) as f64 / 1e7;
                let _ = writeln!(out, "{family}{{{labels}{comma}quantile=\"{quantile}\"}} {seconds}");
            }
            let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
            let sum = merged.mean() * merged.len() as f64 / 1e7;
            let _ = writeln!(out, "{family}_sum{braces} {sum}");
            let _ = writeln!(out, "{family}_count{braces} {}", merged.len());
        }
    }

    fn merged(&self, stage: Stage) -> Option<Histogram<u64>> {
        let mut merged = new_histogram()?;
        for worker in &self.workers {
            if let Some(histogram) = worker.lock().get(stage as usize) {
                merged.add(histogram).ok()?;
            }
        }
        Some(merged)
    }
}

fn new_histogram() -> Option<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST_US * 10, 2).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_several_threads_are_merged() {
        let stages = Stages::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut times = StageTimes::default();
                    times.set(Stage::Overhead, Duration::from_micros(50));
                    stages.record(&times);
                });
            }
        });
        let mut text = String::new();
        stages.render(&mut text);
        assert!(text.contains("pointsman_overhead_seconds_count 4"), "{text}");
        assert!(text.contains("gen_ai_server_request_duration_seconds_count 0"), "{text}");
    }
}
