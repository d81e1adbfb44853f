//! The measures of all ways.

use super::field::Field;
use super::freeze::Way;
use super::{Frozen, PoolReport, Served, WayReport};
use crate::learning::metrics::{Figure, Points, aiq, bootstrap};

/// Measures the ways, the first one against the others; so many of them are ours, and of these the frozen setting that costs
/// least on the learned rows is reported.
pub(super) fn report(field: &Field<'_>, ways: &[Way], ours: usize) -> PoolReport {
    let rows = field.now.rows.len();
    let all: Vec<usize> = (0..rows).collect();
    let singles: Points =
        (0..field.models.len()).map(|model| point(&field.now.single(model), &all)).collect();
    let alone = field.now.single(field.best);
    let costs = |at: &usize| ways[*at].learned_cost;
    let frozen_by = (0..ours).min_by(|a, b| costs(a).total_cmp(&costs(b)));
    let ways = ways_measured(ways, &alone, &singles);
    let frozen = frozen_by.and_then(|at| ways.reports[at].frozen);
    let none = Figure { value: 0.0, low: 0.0, high: 0.0 };
    let (usd, quality) = singles[field.best];
    let named =
        singles.iter().zip(&field.models).map(|((cost, quality), name)| (*cost, *quality, name.clone()));
    PoolReport {
        rows,
        best_single: field.models[field.best].clone(),
        best_single_quality: quality,
        best_single_usd_per_1000: usd,
        aiq: ways.reports[0].aiq,
        perf_gain: ways.perf_gain,
        cost_save: frozen.map_or(none, |frozen| frozen.cost_save),
        quality_difference: frozen.map_or(none, |frozen| frozen.quality_difference),
        singles: named.collect(),
        ways: ways.reports,
        models: field.models.clone(),
    }
}

struct Measured {
    reports: Vec<WayReport>,
    perf_gain: Figure,
}

fn ways_measured(ways: &[Way], alone: &Served, singles: &Points) -> Measured {
    let range = singles
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(low, high), (cost, _)| (low.min(*cost), high.max(*cost)));
    let curve = |way: &Way, drawn: &[usize]| -> Points {
        way.curve.iter().map(|served| point(served, drawn)).collect()
    };
    let figures = bootstrap(alone.len(), 3, |drawn| {
        let found: Vec<f64> = ways.iter().map(|way| aiq(&curve(way, drawn), range)).collect();
        found.iter().flat_map(|own| [*own, found[0] - own]).collect()
    });
    let all: Vec<usize> = (0..alone.len()).collect();
    let report = |(way, figures): (&Way, &[Figure])| WayReport {
        name: way.name,
        aiq: figures[0],
        aiq_gain: figures[1],
        frozen: way.frozen.as_ref().map(|served| frozen(served, way.advantage, alone)),
        curve: curve(way, &all),
    };
    let best = &ways[0].best;
    let gain = |drawn: &[usize]| point(best, drawn).1 / point(alone, drawn).1 - 1.0;
    Measured {
        reports: ways.iter().zip(figures.chunks(2)).map(report).collect(),
        perf_gain: bootstrap(alone.len(), 4, |drawn| vec![gain(drawn)])[0],
    }
}

fn frozen(served: &Served, advantage: Option<f64>, alone: &Served) -> Frozen {
    let figures = bootstrap(alone.len(), 4, |drawn| {
        let ((cost, quality), (usd, best)) = (point(served, drawn), point(alone, drawn));
        vec![quality, 1.0 - cost / usd, quality - best]
    });
    Frozen { advantage, quality: figures[0].value, cost_save: figures[1], quality_difference: figures[2] }
}

/// Mean cost and quality over some rows.
fn point(served: &Served, rows: &[usize]) -> (f64, f64) {
    let costs: f64 = rows.iter().map(|row| served[*row].0).sum();
    let qualities: f64 = rows.iter().map(|row| served[*row].1).sum();
    (costs / rows.len() as f64, qualities / rows.len() as f64)
}
