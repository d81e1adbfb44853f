//! What `eval` prints for people.

use std::fmt::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

use super::Report;
use crate::learning::eval::{CalibrationReport, Frozen, PairReport, PoolReport};
use crate::learning::metrics::Figure;

/// The report as tables.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = print(&mut text, report);
    text
}

fn print(text: &mut String, report: &Report) -> fmt::Result {
    let how = if report.cross_validated {
        "cross-validation over the rows it was learned from"
    } else {
        "rows of their own"
    };
    writeln!(text, "predictor {}, {how}; 95 % intervals", report.profile)?;
    if report.learned_rows > 0 {
        let count = report.learned_rows;
        writeln!(text, "it was learned from {count} of these rows: what it says of them is no prediction")?;
    }
    if let Some(pair) = &report.pair {
        print_pair(text, pair)?;
    }
    if let Some(pool) = &report.pool {
        print_pool(text, pool)?;
    }
    if let Some(calibration) = &report.calibration {
        print_calibration(text, calibration)?;
    }
    if let Some(sources) = &report.complexity {
        let mut table = table(["source", "rows", "difficulty, rank corr.", "length, rank corr.", "gain"]);
        for source in sources {
            table.add_row([
                source.source.clone(),
                source.rows.to_string(),
                figure(source.learned),
                figure(source.length),
                figure(source.gain),
            ]);
        }
        writeln!(text, "\nshare of models that fail\n{table}")?;
    }
    Ok(())
}

fn print_pair(text: &mut String, pair: &PairReport) -> fmt::Result {
    writeln!(
        text,
        "\n{} ({:.3}) or {} ({:.3}), {} rows",
        pair.strong, pair.strong_quality, pair.weak, pair.weak_quality, pair.rows
    )?;
    let mut table = table(["by", "APGR", "CPT50", "CPT80", "CPT95", "predictor's APGR gain"]);
    for order in &pair.orders {
        let [cpt50, cpt80, cpt95] = [order.cpt50, order.cpt80, order.cpt95].map(|cpt| format!("{cpt:.0}"));
        table.add_row([
            order.name.to_owned(),
            figure(order.apgr),
            cpt50,
            cpt80,
            cpt95,
            figure(order.apgr_gain),
        ]);
    }
    let frozen = &pair.frozen;
    writeln!(
        text,
        "{table}\nfrozen: {} serves {:.1} %, quality lost against {} {}",
        pair.weak,
        100.0 * frozen.weak_share,
        frozen.best_single,
        figure(frozen.loss)
    )
}

fn print_pool(text: &mut String, pool: &PoolReport) -> fmt::Result {
    writeln!(
        text,
        "\n{} models, {} rows; best single {}: {:.3} at ${:.3} for 1,000",
        pool.models.len(),
        pool.rows,
        pool.best_single,
        pool.best_single_quality,
        pool.best_single_usd_per_1000
    )?;
    let mut table = table(["by", "AIQ", "first's AIQ gain", "frozen: cost saved", "quality difference"]);
    for way in &pool.ways {
        let of = |pick: &dyn Fn(&Frozen) -> Figure| {
            way.frozen.as_ref().map_or_else(|| "–".to_owned(), |frozen| figure(pick(frozen)))
        };
        table.add_row([
            way.name.to_owned(),
            figure(way.aiq),
            figure(way.aiq_gain),
            of(&|frozen| frozen.cost_save),
            of(&|frozen| frozen.quality_difference),
        ]);
    }
    writeln!(text, "{table}\nperformance gain {}", figure(pool.perf_gain))
}

fn print_calibration(text: &mut String, report: &CalibrationReport) -> fmt::Result {
    writeln!(text, "\ncalibration over {} outcomes", report.outcomes)?;
    writeln!(text, "Brier skill over class means {}", figure(report.skill_over_class))?;
    writeln!(text, "Brier skill over domain means {}", figure(report.skill_over_domain))?;
    writeln!(
        text,
        "90 % intervals hold the cell's mean in {} of {} cases",
        figure(report.coverage),
        report.intervals
    )?;
    let mut table = table(["model", "class", "rows", "ECE", "ECE by chance"]);
    for cell in &report.cells {
        table.add_row([
            cell.model.clone(),
            cell.task.as_str().to_owned(),
            cell.rows.to_string(),
            figure(cell.ece),
            format!("{:.3}", cell.by_chance),
        ]);
    }
    writeln!(text, "{table}")
}

pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

pub(super) fn figure(figure: Figure) -> String {
    format!("{figure:.3}")
}
