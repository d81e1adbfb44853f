//! What `eval` draws.

use super::Report;
use crate::cmd::plot::{Frame, Line, Scale, Series, Stroke, svg};
use crate::learning::eval::{CalibrationReport, Order, PairReport, PoolReport, WayReport};
use crate::learning::metrics::{Points, hull};

/// The picture of the one report that has one.
pub(super) fn draw(report: &Report) -> Result<String, String> {
    let how = if report.cross_validated { "cross-validated" } else { "rows of their own" };
    match (&report.pair, &report.pool, &report.calibration) {
        (Some(pair), ..) => draw_pair(pair, how),
        (None, Some(pool), _) => draw_pool(pool, how),
        (None, None, Some(calibration)) => draw_calibration(calibration, how),
        (None, None, None) => Err("there is nothing to draw".to_owned()),
    }
}

fn draw_pair(pair: &PairReport, how: &str) -> Result<String, String> {
    let line = |order: &Order| Line {
        name: format!("{} ({:.2})", order.name, order.apgr.value),
        points: order.curve.clone(),
        stroke: stroke(order.name),
    };
    let frame = Frame {
        title: &format!("{} or {}, {} rows, {how}", pair.strong, pair.weak, pair.rows),
        x: "share of calls to the strong model",
        y: "share of the quality gap recovered",
        scale: Scale::Linear,
    };
    svg(&frame, &[], &pair.orders.iter().map(line).collect::<Vec<_>>())
}

fn draw_pool(pool: &PoolReport, how: &str) -> Result<String, String> {
    let singles = Series {
        name: "one model for all".to_owned(),
        points: pool.singles.iter().map(|(usd, quality, name)| (*usd, *quality, name.clone())).collect(),
    };
    let frozen = |way: &WayReport| {
        let frozen = way.frozen.as_ref()?;
        let usd = pool.best_single_usd_per_1000 * (1.0 - frozen.cost_save.value);
        Some((usd, frozen.quality, way.name.to_owned()))
    };
    let frozen = Series {
        name: "settings frozen on learned rows".to_owned(),
        points: pool.ways.iter().filter_map(frozen).collect(),
    };
    let drawn = |name: &str| !matches!(name, "best single" | "random" | "any single");
    // A way of one setting is a point.
    let curves = pool.ways.iter().filter(|way| drawn(way.name) && way.curve.len() > 1).map(|way| Line {
        name: way.name.to_owned(),
        points: hull(&way.curve),
        stroke: stroke(way.name),
    });
    let alone: Points = pool.singles.iter().map(|(usd, quality, _)| (*usd, *quality)).collect();
    let frontier = Line {
        name: "frontier of one model for all".to_owned(),
        points: hull(&alone),
        stroke: Stroke::Dashed,
    };
    let lines: Vec<Line> = curves.chain([frontier]).collect();
    let frame = Frame {
        title: &format!("{} models, {} rows, {how}", pool.models.len(), pool.rows),
        x: "US dollars for 1,000 requests",
        y: "quality",
        scale: Scale::Logarithmic,
    };
    svg(&frame, &[singles, frozen], &lines)
}

fn draw_calibration(report: &CalibrationReport, how: &str) -> Result<String, String> {
    let tenths = Series {
        name: "a tenth of all outcomes".to_owned(),
        points: report.curve.iter().map(|(predicted, came, _)| (*predicted, *came, String::new())).collect(),
    };
    let diagonal = Line {
        name: "predictions that mean what they say".to_owned(),
        points: vec![(0.0, 0.0), (1.0, 1.0)],
        stroke: Stroke::Dashed,
    };
    let frame = Frame {
        title: &format!("{} outcomes, {how}", report.outcomes),
        x: "mean predicted quality",
        y: "mean quality that came",
        scale: Scale::Linear,
    };
    svg(&frame, &[tenths], &[diagonal])
}

/// Ours stand out; what no router can know or do is broken.
fn stroke(way: &str) -> Stroke {
    match way {
        "predictor" | "predictor and cascades" => Stroke::Thick,
        "oracle" => Stroke::Dotted,
        "random" => Stroke::Dashed,
        _ => Stroke::Thin,
    }
}
