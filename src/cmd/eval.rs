//! `pointsman eval`: what a predictor is worth, beside the simple ways to do without one.

mod classes;

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::catalog::Predictor;
use crate::learning::eval::{
    CalibrationReport, ComplexityReport, PairReport, PoolReport, Trial, calibration, complexity, pair, pool,
};
use crate::learning::metrics::Figure;
use crate::learning::{Row, Sheet, Split, read_rows};

/// Arguments of `eval`. Without `--data` the rows the predictor was learned from are reported on, each by what was learned
/// from the others: a cross-validation.
#[derive(Clone, Debug, clap::Args)]
pub struct EvalArgs {
    /// The predictor's file
    #[arg(long, required_unless_present = "classes")]
    pub profile: Option<PathBuf>,
    /// Folder or file with labelled prompts; without it: cross-validation over the rows it was learned from
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Score rows of this part only
    #[arg(long, value_enum)]
    pub split: Option<Part>,
    /// Score rows of this source only; may be repeated
    #[arg(long, value_name = "NAME")]
    pub source: Vec<String>,
    /// Score rows of this domain only; may be repeated
    #[arg(long, value_name = "NAME")]
    pub domain: Vec<String>,
    /// Choosing between two models
    #[arg(long, value_name = "STRONG,WEAK", value_delimiter = ',')]
    pub pair: Vec<String>,
    /// Choosing among models with prices: names separated by commas, or `all`
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub pool: Vec<String>,
    /// What a pool is chosen from: single, or single,cascade
    #[arg(long, value_delimiter = ',', default_value = "single")]
    pub plans: Vec<Plans>,
    /// Whether predicted qualities mean what they say
    #[arg(long)]
    pub calibration: bool,
    /// Whether prompts that look hard are those models fail on
    #[arg(long)]
    pub complexity: bool,
    /// How often the task class is the one people gave: a file of labelled prompts; needs no predictor
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "data", "pair", "pool", "calibration", "complexity"])]
    pub classes: Option<PathBuf>,
    /// With --classes: report on this writer's prompts only
    #[arg(long, value_name = "NAME", requires = "classes")]
    pub writer: Option<String>,
}

/// A part of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Rows to learn from.
    Train,
    /// Rows to report on.
    Test,
}

/// Kinds of plans a pool is chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Plans {
    /// One model.
    Single,
    /// Two models, and a third where they do not agree.
    Cascade,
}

/// What was asked for; the rest is left out.
#[derive(Debug, Default, Serialize)]
struct Report {
    profile: String,
    cross_validated: bool,
    #[serde(flatten)]
    pair: Option<PairReport>,
    #[serde(flatten)]
    pool: Option<PoolReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<CalibrationReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    complexity: Option<Vec<ComplexityReport>>,
}

/// Runs the command; the text to print, or what went wrong.
pub fn run(args: &EvalArgs, json: bool) -> Result<String, String> {
    match (&args.classes, &args.profile) {
        (Some(file), _) => classes::run(file, args.writer.as_deref(), json),
        (None, Some(profile)) => run_predictor(args, profile, json),
        (None, None) => Err("name the predictor's file, --profile FILE".to_owned()),
    }
}

fn run_predictor(args: &EvalArgs, profile: &Path, json: bool) -> Result<String, String> {
    let asked = [!args.pair.is_empty(), !args.pool.is_empty(), args.calibration, args.complexity];
    if !asked.contains(&true) {
        return Err(
            "say what to report: --pair STRONG,WEAK, --pool all, --calibration or --complexity".to_owned()
        );
    }
    let predictor = read_profile(profile)?;
    let learned = Sheet::held_out(&predictor).map_err(|error| error.to_string())?;
    let fresh = match &args.data {
        Some(path) => Some(fresh(args, &read_rows(path).map_err(|error| error.to_string())?, &predictor)?),
        None => None,
    };
    let learned = if fresh.is_some() { learned } else { learned.only(&args.source, &args.domain) };
    let trial = Trial { learned: &learned, fresh: fresh.as_ref() };
    let report = Report {
        profile: predictor.version.to_string(),
        cross_validated: fresh.is_none(),
        pair: pair_of(args)?.map(|(strong, weak)| pair(&trial, strong, weak)).transpose()?,
        pool: models(args, &trial)
            .map(|models| pool(&trial, &models, args.plans.contains(&Plans::Cascade)))
            .transpose()?,
        calibration: args.calibration.then(|| calibration(&trial)),
        complexity: args.complexity.then(|| complexity(&trial)),
    };
    if json {
        return serde_json::to_string_pretty(&report).map_err(|error| error.to_string());
    }
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = print(&mut text, &report);
    Ok(text)
}

fn read_profile(file: &Path) -> Result<Predictor, String> {
    let path = file.display();
    let bytes = std::fs::read(file).map_err(|error| format!("{path}: {error}"))?;
    Predictor::parse(&bytes).map_err(|error| format!("{path}: {error}"))
}

/// The rows to report on.
fn fresh(args: &EvalArgs, rows: &[Row], predictor: &Predictor) -> Result<Sheet, String> {
    let wanted = |row: &&Row| {
        args.split.is_none_or(|part| (part == Part::Train) == (row.split == Split::Train))
            && (args.source.is_empty() || args.source.contains(&row.source))
            && (args.domain.is_empty() || args.domain.contains(&row.domain))
    };
    let rows: Vec<&Row> = rows.iter().filter(wanted).collect();
    if rows.is_empty() {
        return Err("no row of that split, source and domain".to_owned());
    }
    Ok(Sheet::new(predictor, &rows))
}

fn pair_of(args: &EvalArgs) -> Result<Option<(&str, &str)>, String> {
    match args.pair.as_slice() {
        [] => Ok(None),
        [strong, weak] => Ok(Some((strong, weak))),
        names => Err(format!("--pair takes two models, STRONG,WEAK; {} are given", names.len())),
    }
}

/// The models of the pool; `all`: those with a cost for every row that was learned and is reported.
fn models(args: &EvalArgs, trial: &Trial<'_>) -> Option<Vec<String>> {
    match args.pool.as_slice() {
        [] => None,
        [all] if all == "all" => Some(trial.priced()),
        names => Some(names.to_vec()),
    }
}

fn print(text: &mut String, report: &Report) -> fmt::Result {
    let how = if report.cross_validated {
        "cross-validation over the rows it was learned from"
    } else {
        "rows it has not seen"
    };
    writeln!(text, "predictor {}, {how}; 95 % intervals", report.profile)?;
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
        let of = |pick: &dyn Fn(&crate::learning::eval::Frozen) -> Figure| {
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
    let mut table = table(["model", "class", "rows", "ECE"]);
    for cell in &report.cells {
        table.add_row([
            cell.model.clone(),
            cell.task.as_str().to_owned(),
            cell.rows.to_string(),
            figure(cell.ece),
        ]);
    }
    writeln!(text, "{table}")
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn figure(figure: Figure) -> String {
    format!("{figure:.3}")
}
