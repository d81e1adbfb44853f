//! Figures out of samples: medians over rounds, ratios within a round, the table, the file and the limits.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::Options;
use crate::load::{Load, Run};
use crate::target::{BodySize, Target};

/// CPU per request of a small body under 32 connections, as a multiple of bare Pingora.
const CPU_LIMITS: [(Target, f64); 2] = [(Target::Pinned, 1.1), (Target::Routed, 1.8)];
/// Latency a proxy may add at one connection, median.
const ADDED_P50_LIMIT_MS: f64 = 0.15;

/// One round of one cell.
pub(crate) struct Sample {
    p50_ms: f64,
    p99_ms: f64,
    per_second: f64,
    cpu_us: Option<f64>,
}

impl Sample {
    pub(crate) fn new(run: Run, cpu: Option<Duration>) -> Sample {
        let Run { mut latencies, elapsed } = run;
        latencies.sort_unstable();
        let count = latencies.len().max(1) as f64;
        Sample {
            p50_ms: quantile_ms(&latencies, 0.50),
            p99_ms: quantile_ms(&latencies, 0.99),
            per_second: count / elapsed.as_secs_f64(),
            cpu_us: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / count),
        }
    }
}

fn quantile_ms(sorted: &[Duration], quantile: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * quantile).round() as usize;
    sorted.get(at).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
}

/// One body size, load and target, with a sample per round.
pub(crate) struct Cell {
    pub(crate) size: BodySize,
    pub(crate) load: Load,
    pub(crate) target: Target,
    pub(crate) samples: Vec<Sample>,
}

impl Cell {
    pub(crate) fn new(size: BodySize, load: Load, target: Target) -> Cell {
        Cell { size, load, target, samples: Vec::new() }
    }

    /// A fault with the place it happened.
    pub(crate) fn blame(&self, fault: &dyn std::fmt::Display) -> String {
        format!("{}, {}, {}: {fault}", self.target.name(), self.size, load_name(self.load))
    }

    fn median(&self, figure: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        median(self.samples.iter().filter_map(figure))
    }

    /// Median over rounds of `figure` of this cell combined with that of `other` in the same round.
    fn against(&self, other: &Cell, combine: impl Fn(&Sample, &Sample) -> Option<f64>) -> Option<f64> {
        median(self.samples.iter().zip(&other.samples).filter_map(|(own, other)| combine(own, other)))
    }

    fn beside<'c>(&self, cells: &'c [Cell], target: Target) -> Option<&'c Cell> {
        cells.iter().find(|cell| cell.size == self.size && cell.load == self.load && cell.target == target)
    }

    fn cpu_ratio(&self, cells: &[Cell]) -> Option<f64> {
        let bare = self.beside(cells, Target::Bare)?;
        self.against(bare, |own, bare| Some(own.cpu_us? / bare.cpu_us?))
    }

    fn added_p50_ms(&self, cells: &[Cell]) -> Option<f64> {
        let direct = self.beside(cells, Target::Direct).filter(|_| self.target != Target::Direct)?;
        self.against(direct, |own, direct| Some(own.p50_ms - direct.p50_ms))
    }

    fn added_p99_ms(&self, cells: &[Cell]) -> Option<f64> {
        let direct = self.beside(cells, Target::Direct).filter(|_| self.target != Target::Direct)?;
        self.against(direct, |own, direct| Some(own.p99_ms - direct.p99_ms))
    }
}

fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(figures[middle]),
        _ => Some((figures[middle - 1] + figures[middle]) / 2.0),
    }
}

fn load_name(load: Load) -> String {
    match load {
        Load::Closed { connections } => format!("closed, {connections} conn"),
        Load::Open { per_second } => format!("open, {per_second}/s"),
    }
}

/// The table, one row per cell.
pub(crate) fn print(cells: &[Cell]) {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        "body",
        "load",
        "path",
        "p50 ms",
        "p99 ms",
        "added p50",
        "added p99",
        "req/s",
        "CPU us/req",
        "x bare",
    ]);
    for cell in cells {
        table.add_row([
            cell.size.to_string(),
            load_name(cell.load),
            cell.target.name().to_owned(),
            figure(cell.median(|sample| Some(sample.p50_ms)), 3),
            figure(cell.median(|sample| Some(sample.p99_ms)), 3),
            figure(cell.added_p50_ms(cells), 3),
            figure(cell.added_p99_ms(cells), 3),
            figure(cell.median(|sample| Some(sample.per_second)), 0),
            figure(cell.median(|sample| sample.cpu_us), 1),
            figure(cell.cpu_ratio(cells), 2),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    if cfg!(debug_assertions) {
        println!("Built without optimisation: these figures say nothing about a release build.");
    }
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// Writes the figures beside earlier ones under `benches/results`.
pub(crate) fn save(name: &str, options: &Options, cells: &[Cell]) -> Result<(), Box<dyn Error>> {
    let rows: Vec<Value> = cells.iter().map(|cell| row(cell, cells)).collect();
    let record = json!({
        "machine": machine(),
        "optimised": !cfg!(debug_assertions),
        "rounds": options.rounds,
        "seconds_per_round": options.measured.as_secs_f64(),
        "cells": rows,
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results").join(format!("{name}.json"));
    std::fs::create_dir_all(path.parent().ok_or("no directory for results")?)?;
    std::fs::write(&path, serde_json::to_string_pretty(&record)? + "\n")?;
    eprintln!("saved {}", path.display());
    Ok(())
}

fn row(cell: &Cell, cells: &[Cell]) -> Value {
    json!({
        "body": cell.size.to_string(),
        "load": load_name(cell.load),
        "path": cell.target.name(),
        "p50_ms": rounded(cell.median(|sample| Some(sample.p50_ms))),
        "p99_ms": rounded(cell.median(|sample| Some(sample.p99_ms))),
        "added_p50_ms": rounded(cell.added_p50_ms(cells)),
        "added_p99_ms": rounded(cell.added_p99_ms(cells)),
        "requests_per_second": rounded(cell.median(|sample| Some(sample.per_second))),
        "cpu_us_per_request": rounded(cell.median(|sample| sample.cpu_us)),
        "cpu_ratio_to_bare": rounded(cell.cpu_ratio(cells)),
    })
}

/// To the microsecond; further digits are noise.
fn rounded(value: Option<f64>) -> Option<f64> {
    value.map(|value| (value * 1e3).round() / 1e3)
}

fn machine() -> Value {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    json!({ "cpu": model, "cores": std::thread::available_parallelism().map_or(1, usize::from) })
}

/// The limits of the product, for a machine to hold it to. A limit without a figure is broken too.
pub(crate) fn check(cells: &[Cell]) -> Result<(), Box<dyn Error>> {
    let mut broken = Vec::new();
    for (target, limit) in CPU_LIMITS {
        let name = target.name();
        let ratio = small(cells, 32, target).and_then(|cell| cell.cpu_ratio(cells));
        let added = small(cells, 1, target).and_then(|cell| cell.added_p50_ms(cells));
        if ratio.is_none_or(|ratio| ratio > limit) {
            broken.push(format!("{name}: CPU {} x bare, limit {limit}", figure(ratio, 2)));
        }
        if added.is_none_or(|added| added > ADDED_P50_LIMIT_MS) {
            broken.push(format!("{name}: p50 added {} ms, limit {ADDED_P50_LIMIT_MS}", figure(added, 3)));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("; ").into()) }
}

fn small(cells: &[Cell], connections: u32, target: Target) -> Option<&Cell> {
    let load = Load::Closed { connections };
    cells.iter().find(|cell| cell.size == BodySize::Small && cell.load == load && cell.target == target)
}
