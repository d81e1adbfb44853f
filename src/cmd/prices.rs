//! `pointsman prices import FILE`: a public price list beside the prices of the configuration. Shows what differs and what
//! the list does not say; writes only when it is told to, and never a price that is not known.

mod amount;
mod bucket;
mod clause;
mod compare;
mod list;
mod offer;
mod write;

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use comfy_table::{ContentArrangement, Table, presets};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::config::{self, SecretSource, Settings};
use crate::types::{Day, PricePerMillion};

use bucket::Prices;
use compare::{Outcome, Row};
use list::List;

/// Largest list that is read; the largest public one has two megabytes.
const MOST_BYTES: u64 = 64 << 20;
/// Columns of characters where there is no terminal to ask.
const WIDTH: u16 = 150;

/// Arguments of `prices`.
#[derive(Clone, Debug, clap::Args)]
pub struct PricesArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What `prices` can do.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Action {
    /// Compare the configured prices with a public list: LiteLLM's, that of models.dev, or that of genai-prices
    Import(ImportArgs),
}

/// Arguments of `prices import`.
#[derive(Clone, Debug, clap::Args)]
pub struct ImportArgs {
    /// The list, a JSON file; its format is recognised
    pub file: PathBuf,
    /// Write the changed prices into the configuration file
    #[arg(long)]
    pub write: bool,
    /// With --write: also set `valid_from` of the prices that the list confirms, so that they count as fresh
    #[arg(long, requires = "write")]
    pub confirm: bool,
    /// The day from which the written prices hold (2026-01-31); today (UTC) when left out
    #[arg(long)]
    pub valid_from: Option<Date>,
}

/// Runs the command; the text to print, or what went wrong.
pub fn run(config: &Path, args: &PricesArgs, json: bool) -> Result<String, String> {
    let Action::Import(args) = &args.action;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let today = Day::of_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    import(config, args, json, today)
}

fn import(config: &Path, args: &ImportArgs, json: bool, today: Day) -> Result<String, String> {
    let settings = config::load(config, SecretSource::Dummy).map_err(|faults| faults.to_string())?;
    let text = read(&args.file)?;
    let list = List::read(&text).map_err(|fault| format!("{}: {fault}", args.file.display()))?;
    let (day, day_text) = day_of(args.valid_from, today)?;
    let rows = compare::all(&settings.snapshot, &list, day, &day_text);
    let written = if args.write {
        let from = write::Since { day: &day_text, is_ahead: day > today };
        write_into(config, &settings, (&rows, args.confirm), from)?
    } else {
        0
    };
    let shown = Shown { list: &list, file: &args.file, rows: &rows, day: &day_text };
    Ok(if json { shown.json(args.write, written) } else { shown.text(config, args.write, written) })
}

fn read(file: &Path) -> Result<String, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", file.display());
    let length = fs::metadata(file).map_err(fault)?.len();
    if length > MOST_BYTES {
        return Err(format!("{}: {length} bytes are more than any price list has", file.display()));
    }
    fs::read_to_string(file).map_err(fault)
}

fn day_of(given: Option<Date>, today: Day) -> Result<(Day, String), String> {
    let epoch = Date::constant(1970, 1, 1);
    let day = match given {
        None => today,
        Some(date) => {
            let days = epoch.until((jiff::Unit::Day, date)).map(|span| span.get_days());
            Day(days.map_err(|error| error.to_string())?)
        }
    };
    let span = jiff::Span::new().try_days(day.0).map_err(|error| error.to_string())?;
    let date = epoch.checked_add(span).map_err(|error| error.to_string())?;
    Ok((day, date.to_string()))
}

/// Writes the changed prices, if the configuration is right with them; how many were written. The file is replaced
/// whole, so that a proxy that reloads meanwhile reads the old or the new one.
fn write_into(
    config: &Path,
    settings: &Settings,
    (rows, confirm): (&[Row], bool),
    from: write::Since<'_>,
) -> Result<usize, String> {
    let is_written = |row: &&Row| {
        row.outcome == Outcome::Changed || confirm && row.outcome == Outcome::Same && !row.new.is_empty()
    };
    let edits: Vec<_> = rows
        .iter()
        .filter(is_written)
        .map(|row| write::Edit { model: &row.model, changes: &row.changes, new: &row.new })
        .collect();
    if edits.is_empty() {
        return Ok(0);
    }
    // The text that was compared, so that an edit made meanwhile is not undone by ours.
    let text = &*settings.snapshot.source;
    let new =
        write::into_text(text, &edits, from).map_err(|fault| format!("{}: {fault}", config.display()))?;
    config::from_text(&new, "", SecretSource::Dummy)
        .map_err(|faults| format!("nothing was written: the configuration would be wrong.\n{faults}"))?;
    replace(config, text, &new)
        .map_err(|fault| format!("{}: nothing was written: {fault}", config.display()))?;
    Ok(edits.len())
}

fn replace(config: &Path, old: &str, new: &str) -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    let target = fs::canonicalize(config).map_err(said)?;
    if fs::read_to_string(&target).map_err(said)? != old {
        return Err("it was changed meanwhile; run the command again".to_owned());
    }
    super::replace::replace(&target, new).map_err(said)
}

/// What is printed.
struct Shown<'r> {
    list: &'r List<'r>,
    file: &'r Path,
    rows: &'r [Row],
    day: &'r str,
}

impl Shown<'_> {
    fn count(&self, wanted: fn(&Outcome) -> bool) -> usize {
        self.rows.iter().filter(|row| wanted(&row.outcome)).count()
    }

    fn text(&self, config: &Path, write: bool, written: usize) -> String {
        let mut text = format!(
            "{}: {} models in the format of {}. USD per million tokens, input / output.\n",
            self.file.display(),
            self.list.len(),
            self.list.format.as_str()
        );
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{}", self.table());
        for row in self.rows {
            for note in &row.notes {
                let _ = writeln!(text, "{}: {note}", row.model);
            }
        }
        let changed = self.count(|outcome| *outcome == Outcome::Changed);
        let _ = writeln!(
            text,
            "{changed} changed, {} the same, {} not found, {} not taken",
            self.count(|outcome| *outcome == Outcome::Same),
            self.count(|outcome| matches!(outcome, Outcome::NotFound(_))),
            self.count(|outcome| matches!(outcome, Outcome::NotTaken(_))),
        );
        let _ = match (write, changed) {
            (true, _) => {
                writeln!(text, "{written} written into {}, valid from {}", config.display(), self.day)
            }
            (false, 0) => writeln!(text, "nothing to write"),
            (false, _) => writeln!(text, "nothing was written: add --write to change {}", config.display()),
        };
        text
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        if table.width().is_none() {
            table.set_width(WIDTH); // no terminal: a pipe or a file
        }
        table.set_header(["model", "upstream name", "price now", "price in the list", "what changes"]);
        for row in self.rows {
            table.add_row([
                row.model.clone(),
                upstream(row),
                compare::input_output(&row.old),
                if row.new.is_empty() { "–".to_owned() } else { compare::input_output(&row.new) },
                what_changes(row),
            ]);
        }
        table
    }

    fn json(&self, write: bool, written: usize) -> String {
        let rows: Vec<Value> = self.rows.iter().map(row_json).collect();
        let value = json!({
            "file": self.file.display().to_string(),
            "format": self.list.format.as_str(),
            "valid_from": self.day,
            "models": rows,
            "write": write,
            "written": written,
        });
        serde_json::to_string_pretty(&value).unwrap_or_default()
    }
}

/// The names a model goes by upstream, and the entry's where it is another one.
fn upstream(row: &Row) -> String {
    let names = row.upstream_names.join(", ");
    match &row.entry {
        Some(entry) if *entry != names => format!("{names} (as {entry})"),
        Some(_) | None => names,
    }
}

fn what_changes(row: &Row) -> String {
    if let Some(why) = row.outcome.why() {
        let word = if matches!(row.outcome, Outcome::NotFound(_)) { "not found" } else { "not taken" };
        return format!("{word}: {why}");
    }
    if row.changes.is_empty() {
        return "nothing".to_owned();
    }
    let one = |change: &compare::Change| {
        let old = change.old.map_or_else(|| "unpriced".to_owned(), amount::text);
        format!("{} {old} -> {}", change.bucket.key(), amount::text(change.new))
    };
    row.changes.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn row_json(row: &Row) -> Value {
    let changes = row.changes.iter().map(|change| {
        json!({
            "bucket": change.bucket.key(),
            "old": change.old.map(usd),
            "new": usd(change.new),
        })
    });
    json!({
        "model": row.model,
        "upstream_names": row.upstream_names,
        "entry": row.entry,
        "outcome": row.outcome.as_str(),
        "why": row.outcome.why(),
        "old": prices_json(&row.old),
        "new": prices_json(&row.new),
        "changes": changes.collect::<Vec<_>>(),
        "notes": row.notes,
    })
}

/// `null` where nothing is known, never an empty price.
fn prices_json(prices: &Prices) -> Value {
    if prices.is_empty() {
        return Value::Null;
    }
    let entries = prices.iter().map(|(bucket, price)| (bucket.key().to_owned(), usd(*price)));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// Below the dearest price that is taken, a double prints as the digits it was written with.
fn usd(price: PricePerMillion) -> Value {
    json!(price.0 as f64 / 1e9)
}
