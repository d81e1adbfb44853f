//! `pointsman eval`: what a predictor is worth, beside the simple ways to do without one.

mod classes;
mod draw;
mod print;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::analysis::FEATURE_VERSION;
use crate::catalog::Predictor;
use crate::learning::eval::{
    CalibrationReport, ComplexityReport, PairReport, PoolReport, Trial, calibration, complexity, pair, pool,
};
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
    /// What a pool is chosen from: single (the default), or single,cascade
    #[arg(long, value_delimiter = ',')]
    pub plans: Vec<Plans>,
    /// Whether predicted qualities mean what they say
    #[arg(long)]
    pub calibration: bool,
    /// Whether prompts that look hard are those models fail on
    #[arg(long)]
    pub complexity: bool,
    /// Draw it: the pair's or the pool's curves, or predicted qualities against those that came
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
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
#[derive(Debug, Serialize)]
struct Report {
    profile: String,
    cross_validated: bool,
    /// Reported rows with the words of one the predictor was learned from.
    learned_rows: usize,
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
        (None, None) => {
            Err("name the predictor's file, --profile FILE, or prompts of known class, --classes FILE"
                .to_owned())
        }
    }
}

fn run_predictor(args: &EvalArgs, profile: &Path, json: bool) -> Result<String, String> {
    args.fits_together()?;
    let predictor = read_profile(profile)?;
    let learned = Sheet::held_out(&predictor).map_err(|error| error.to_string())?;
    let fresh = match &args.data {
        Some(path) => Some(fresh(args, &read_rows(path).map_err(|error| error.to_string())?, &predictor)?),
        None => None,
    };
    let learned = if fresh.is_some() { learned } else { only(args, learned)? };
    let trial = Trial { learned: &learned, fresh: fresh.as_ref() };
    let report = Report {
        profile: predictor.version.to_string(),
        cross_validated: fresh.is_none(),
        learned_rows: fresh.as_ref().map_or(0, |fresh| fresh.shared_with(&learned)),
        pair: pair_of(args)?.map(|(strong, weak)| pair(&trial, strong, weak)).transpose()?,
        pool: models(args, &trial)
            .map(|models| pool(&trial, &models, args.plans.contains(&Plans::Cascade)))
            .transpose()?,
        calibration: args.calibration.then(|| calibration(&trial)).transpose()?,
        complexity: args.complexity.then(|| complexity(&trial)).transpose()?,
    };
    if let Some(path) = &args.plot {
        let drawn = draw::draw(&report)?;
        std::fs::write(path, drawn).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if json {
        return serde_json::to_string_pretty(&report).map_err(|error| error.to_string());
    }
    Ok(print::text(&report))
}

impl EvalArgs {
    /// Refuses arguments that would be ignored, or that ask for two things that stand in one place.
    fn fits_together(&self) -> Result<(), String> {
        let (pair, pool) = (!self.pair.is_empty(), !self.pool.is_empty());
        let fault = |what: &str| Err(what.to_owned());
        if !(pair || pool || self.calibration || self.complexity) {
            return fault(
                "say what to report: --pair STRONG,WEAK, --pool all, --calibration or --complexity",
            );
        }
        if pair && pool {
            return fault("--pair and --pool are two reports: ask for one at a time");
        }
        if self.split.is_some() && self.data.is_none() {
            return fault(
                "--split chooses among the rows of --data; without it all learned rows are reported",
            );
        }
        if !self.plans.is_empty() && !pool {
            return fault("--plans belongs to --pool");
        }
        if self.plot.is_some() && !(pair ^ pool ^ self.calibration) {
            return fault("--plot draws one report: --pair, --pool or --calibration");
        }
        Ok(())
    }
}

fn read_profile(file: &Path) -> Result<Predictor, String> {
    let path = file.display();
    let bytes = std::fs::read(file).map_err(|error| format!("{path}: {error}"))?;
    let predictor = Predictor::parse(&bytes).map_err(|error| format!("{path}: {error}"))?;
    if predictor.card.feature_version != FEATURE_VERSION {
        return Err(format!(
            "{path}: the predictor was learned from features read in another way; train it again"
        ));
    }
    Ok(predictor)
}

/// The rows to report on.
fn fresh(args: &EvalArgs, rows: &[Row], predictor: &Predictor) -> Result<Sheet, String> {
    known(&args.source, rows.iter().map(|row| row.source.as_str()), "source")?;
    known(&args.domain, rows.iter().map(|row| row.domain.as_str()), "domain")?;
    let wanted = |row: &&Row| {
        args.split.is_none_or(|part| (part == Part::Train) == (row.split == Split::Train))
            && (args.source.is_empty() || args.source.contains(&row.source))
            && (args.domain.is_empty() || args.domain.contains(&row.domain))
    };
    let rows: Vec<&Row> = rows.iter().filter(wanted).collect();
    if rows.is_empty() {
        return Err("no row is of that split, source and domain".to_owned());
    }
    Ok(Sheet::new(predictor, &rows))
}

/// The learned rows to report on.
fn only(args: &EvalArgs, learned: Sheet) -> Result<Sheet, String> {
    known(&args.source, learned.sources.iter().map(String::as_str), "source")?;
    known(&args.domain, learned.domains.iter().map(String::as_str), "domain")?;
    let kept = learned.only(&args.source, &args.domain);
    if kept.rows.is_empty() {
        return Err("no row is of that source and domain".to_owned());
    }
    Ok(kept)
}

/// Refuses names nothing has.
pub(super) fn known<'r>(
    names: &[String],
    there: impl Iterator<Item = &'r str> + Clone,
    what: &str,
) -> Result<(), String> {
    let missing = names.iter().find(|name| !there.clone().any(|known| known == name.as_str()));
    missing.map_or(Ok(()), |name| {
        let all: BTreeSet<&str> = there.collect();
        Err(format!("no {what} `{name}`; there are {}", all.into_iter().collect::<Vec<_>>().join(", ")))
    })
}

fn pair_of(args: &EvalArgs) -> Result<Option<(&str, &str)>, String> {
    match args.pair.as_slice() {
        [] => Ok(None),
        [strong, weak] => Ok(Some((strong, weak))),
        names => Err(format!("--pair takes two models, STRONG,WEAK; {} are given", names.len())),
    }
}

/// The models of the pool; `all`: the largest pool of those that were learned and are priced.
fn models(args: &EvalArgs, trial: &Trial<'_>) -> Option<Vec<String>> {
    match args.pool.as_slice() {
        [] => None,
        [all] if all == "all" => Some(trial.priced()),
        names => Some(names.to_vec()),
    }
}
