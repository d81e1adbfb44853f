//! `pointsman train`: from labelled prompts to a predictor's file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use comfy_table::{CellAlignment, Table, presets};

use super::eval::known;
use super::progress::bar;
use crate::catalog::{Predictor, TargetKind, Tier};
use crate::learning::{Learning, read_rows, train};

/// Arguments of `train`.
#[derive(Clone, Debug, clap::Args)]
pub struct TrainArgs {
    /// Folder or file with labelled prompts: JSON lines, plain or gzipped
    #[arg(long)]
    pub data: PathBuf,
    /// A source to leave out, to see how what is learned carries over to it; may be repeated
    #[arg(long, value_name = "NAME")]
    pub exclude_source: Vec<String>,
    /// A domain to leave out; may be repeated
    #[arg(long, value_name = "NAME")]
    pub exclude_domain: Vec<String>,
    /// Learn these models only, separated by commas; without it every model with rows enough
    #[arg(long, value_delimiter = ',')]
    pub models: Vec<String>,
    /// TOML table of the models' tiers (NAME = "edge", "specialist" or "frontier"), for what a model nobody has outcomes of
    /// is expected to do
    #[arg(long, value_name = "FILE")]
    pub tiers: Option<PathBuf>,
    /// Strength of the regularisation; larger is nearer to the mean of each class
    #[arg(long, default_value_t = Learning::default().ridge)]
    pub ridge: f32,
    /// Where to write the predictor
    #[arg(long)]
    pub out: PathBuf,
}

/// Runs the command; the text to print, or what went wrong.
pub fn run(args: &TrainArgs, json: bool) -> Result<String, String> {
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(missing) = folder.filter(|folder| !folder.is_dir()) {
        return Err(format!("{}: there is no folder {}", args.out.display(), missing.display()));
    }
    let rows = read_rows(&args.data).map_err(|error| error.to_string())?;
    known(&args.exclude_source, rows.iter().map(|row| row.source.as_str()), "source")?;
    known(&args.exclude_domain, rows.iter().map(|row| row.domain.as_str()), "domain")?;
    let models: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.outcomes.keys()).map(String::as_str).collect();
    known(&args.models, models.iter().copied(), "model")?;
    let learning = Learning {
        models: args.models.clone(),
        exclude: args.exclude_source.clone(),
        exclude_domains: args.exclude_domain.clone(),
        ridge: args.ridge,
        ..Learning::default()
    };
    let tiers = args.tiers.as_deref().map(tiers).transpose()?.unwrap_or_default();
    let tier_of = |name: &str| tiers.get(name).copied();
    let bar = bar("targets", 0);
    let learned = train(&rows, &learning, &tier_of, &mut |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    })
    .map_err(|error| error.to_string())?;
    bar.finish_and_clear();
    std::fs::write(&args.out, &learned.bytes).map_err(|error| format!("{}: {error}", args.out.display()))?;
    Ok(print(&learned.predictor, learned.bytes.len(), &args.out, json))
}

fn tiers(path: &Path) -> Result<BTreeMap<String, Tier>, String> {
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| fault(&error))?;
    toml::from_str(&text).map_err(|error| fault(&error))
}

fn print(predictor: &Predictor, bytes: usize, out: &Path, json: bool) -> String {
    let card = &predictor.card;
    if json {
        return serde_json::json!({
            "out": out, "bytes": bytes, "version": predictor.version, "card": card,
        })
        .to_string();
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(["target", "rows", "mean", "classes"]);
    for target in &card.targets {
        let name = match &target.kind {
            TargetKind::Difficulty => "difficulty".to_owned(),
            TargetKind::Tier(tier) => format!("tier {}", tier.as_str()),
            TargetKind::Model(name) => name.clone(),
        };
        let classes: Vec<String> =
            target.cells.iter().map(|cell| format!("{} {:.2}", cell.task.as_str(), cell.mean)).collect();
        table.add_row([name, target.rows.to_string(), format!("{:.3}", target.mean), classes.join(", ")]);
    }
    for column in table.column_iter_mut().skip(1).take(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let sources: Vec<String> =
        card.sources.iter().map(|source| format!("{} {}", source.name, source.rows)).collect();
    format!(
        "{table}\nlearned from {}\nwrote {} ({bytes} bytes), version {}",
        sources.join(", "),
        out.display(),
        predictor.version
    )
}
