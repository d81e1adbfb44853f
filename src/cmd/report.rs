//! `pointsman report`: what requests cost, by task class, model, decision, client or tag, and what else they could have cost.
//! Prints what the ledger adds up; never shows 0 for what has no price.

use std::fmt::{self, Write};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use comfy_table::{CellAlignment, Table, presets};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::explain;
use super::plot::{self, Frame, Line, Scale, Series, Stroke};
use crate::catalog::SnapshotVersion;
use crate::config::{self, SecretSource};
use crate::ledger::{By, Comparison, Cost, Group, Reader, Span, Totals, Way, totals};

/// Arguments of `report`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// What to add up by: task, model, decision, client or tag=KEY
    #[arg(long, default_value = "task", value_parser = By::parse)]
    pub by: By,
    /// Only requests since then: a day (2026-01-31, UTC) or an age (90m, 24h, 7d)
    #[arg(long, value_parser = Instant::parse)]
    pub since: Option<Instant>,
    /// Only requests before then
    #[arg(long, value_parser = Instant::parse)]
    pub until: Option<Instant>,
    /// Draw cost against expected quality of the ways to serve into this SVG file
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}

/// A point in time as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// Midnight UTC at which a day begins, in milliseconds since 1970.
    Day(u64),
    /// So many milliseconds ago.
    Ago(u64),
}

impl Instant {
    /// From `2026-01-31`, or from `90m`, `24h`, `7d`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}`: a day such as 2026-01-31 or an age such as 90m, 24h or 7d is expected");
        if let Ok(date) = text.parse::<Date>() {
            let midnight = date.to_zoned(TimeZone::UTC).map_err(|_| wrong())?;
            return u64::try_from(midnight.timestamp().as_millisecond()).map(Self::Day).map_err(|_| wrong());
        }
        let unit_ms = match text.as_bytes().last() {
            Some(b'm') => 60_000,
            Some(b'h') => 3_600_000,
            Some(b'd') => 86_400_000,
            _ => return Err(wrong()),
        };
        let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
        Ok(Self::Ago(u64::from(number) * unit_ms))
    }

    /// In milliseconds since 1970.
    pub(super) fn unix_ms(self, now_ms: u64) -> u64 {
        match self {
            Self::Day(at) => at,
            Self::Ago(age) => now_ms.saturating_sub(age),
        }
    }
}

impl ReportArgs {
    /// The span of time asked for.
    pub fn span(&self, now_ms: u64) -> Span {
        Span {
            since_ms: self.since.map_or(Span::ALL.since_ms, |at| at.unix_ms(now_ms)),
            until_ms: self.until.map_or(Span::ALL.until_ms, |at| at.unix_ms(now_ms)),
        }
    }
}

/// Runs the command; the text to print, or what went wrong.
pub fn run(config: &Path, args: &ReportArgs, json: bool) -> Result<String, String> {
    let settings = config::load(config, SecretSource::Dummy).map_err(|faults| faults.to_string())?;
    let path = &settings.ledger.path;
    let reader = Reader::open(path).map_err(|error| error.to_string())?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let span = args.span(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let catalogue = |version: &SnapshotVersion| explain::rebuild(&reader, version).ok();
    let totals = totals(&reader, &args.by, span, &catalogue).map_err(|error| error.to_string())?;
    let mut text = shown(&totals, json);
    if let Some(file) = &args.plot {
        let drawn = plot(&totals).map_err(|fault| format!("{}: not written: {fault}", file.display()))?;
        fs::write(file, drawn).map_err(|error| format!("{}: {error}", file.display()))?;
        // JSON stays JSON.
        if !json {
            let _ = writeln!(text, "cost against expected quality: {}", file.display());
        }
    }
    Ok(text)
}

/// What the interval of costs that nobody has paid rests on.
pub(super) const WOULD_BASIS: &str =
    "the same input, and output as much shorter or longer as nine of ten answers of another model are";

/// Tables, or one JSON document.
fn shown(totals: &Totals, json: bool) -> String {
    if json {
        return serde_json::to_string_pretty(totals).unwrap_or_default();
    }
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = print(&mut text, totals);
    text
}

fn print(text: &mut String, totals: &Totals) -> fmt::Result {
    if totals.all.requests == 0 {
        return writeln!(text, "no requests on record in this span of time");
    }
    writeln!(text, "{}", by_group(totals))?;
    if totals.all.cost.unpriced > 0 {
        writeln!(
            text,
            "{} of {} requests are unpriced: their cost is not in any sum. Give their models a `price`.",
            totals.all.cost.unpriced, totals.all.requests
        )?;
    }
    if let Some(observed) = &totals.all.observed {
        writeln!(
            text,
            "observed: {} requests cost {}; as the router would have decided, between {} and {} ({WOULD_BASIS}); quality \
             unknown (0 pairs)",
            observed.requests,
            usd(observed.cost_usd),
            usd(observed.would_low_usd),
            usd(observed.would_high_usd)
        )?;
    }
    match &totals.all.comparison {
        Some(comparison) => {
            writeln!(
                text,
                "\n{} requests decided by the router, and other ways to serve them:",
                comparison.requests
            )?;
            writeln!(text, "{}", other_ways(comparison))?;
            writeln!(
                text,
                "Costs rest on the tokens that were used; qualities are the router's expectation, not measured."
            )
        }
        None => writeln!(
            text,
            "nothing to compare: no request was decided by the router with priced model and baseline"
        ),
    }
}

fn by_group(totals: &Totals) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header([
        totals.by.as_str(),
        "requests",
        "cost",
        "baseline cost",
        "saved",
        "edge/spec./frontier",
        "tokens in",
        "tokens out",
        "unpriced",
        "estimated",
        "not ok",
    ]);
    for group in totals.groups.iter().chain((totals.groups.len() > 1).then_some(&totals.all)) {
        table.add_row(group_row(group));
    }
    align_numbers(&mut table);
    table
}

fn group_row(group: &Group) -> [String; 11] {
    let compared = group.comparison.as_ref();
    [
        group.key.clone(),
        group.requests.to_string(),
        cost(&group.cost),
        compared.map_or_else(dash, |compared| usd(compared.baseline.cost_usd)),
        compared.and_then(|compared| compared.saved_share).map_or_else(dash, percent),
        tier_shares(group),
        group.input_tokens.to_string(),
        group.output_tokens.to_string(),
        group.cost.unpriced.to_string(),
        group.cost.estimated.to_string(),
        group.not_ok.to_string(),
    ]
}

fn other_ways(comparison: &Comparison) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(["served by", "cost", "expected quality"]);
    for way in ways(comparison) {
        let quality = way.quality.map_or_else(|| "unknown".into(), |mean| format!("{mean:.3}"));
        table.add_row([way.name, usd(way.cost_usd), quality]);
    }
    align_numbers(&mut table);
    table
}

/// A way to serve the compared requests, by its name.
struct Named {
    name: String,
    cost_usd: f64,
    quality: Option<f64>,
}

/// Every way that was compared, the routed one first.
fn ways(comparison: &Comparison) -> Vec<Named> {
    let named =
        |way: &Way| way.model.as_ref().map_or_else(|| "each policy's".to_owned(), ToString::to_string);
    let of = |name: String, way: &Way| Named { name, cost_usd: way.cost_usd, quality: way.expected_quality };
    let baseline = &comparison.baseline;
    let mut ways = vec![
        of("routed".to_owned(), &comparison.routed),
        of(format!("baseline: {}", named(baseline)), baseline),
    ];
    if let Some(best) = &comparison.best_static {
        ways.push(of(format!("best static model: {}", named(best)), best));
    }
    if let Some(mix) = &comparison.random_mix {
        let name = format!(
            "random mix at equal cost: {} baseline, {} {}",
            percent(mix.baseline_share),
            percent(1.0 - mix.baseline_share),
            mix.cheap_model
        );
        ways.push(Named { name, cost_usd: mix.cost_usd, quality: mix.expected_quality });
    }
    ways
}

/// The ways as an SVG; those whose quality nobody expected anything of cannot be in it.
fn plot(totals: &Totals) -> Result<String, String> {
    let comparison = totals.all.comparison.as_ref().ok_or(
        "there is nothing to compare: no request was decided by the router with priced model and baseline",
    )?;
    let rated = ways(comparison).into_iter();
    let points: Vec<_> = rated.filter_map(|way| Some((way.cost_usd, way.quality?, way.name))).collect();
    if points.is_empty() {
        return Err("the router expected no quality of the models it compared".to_owned());
    }
    let line = plot::frontier(points.iter().map(|(cost, quality, _)| (*cost, *quality)));
    let frame = Frame {
        title: &format!("Ways to serve {} requests", comparison.requests),
        x: "cost, USD",
        y: "expected quality",
        scale: Scale::Linear,
    };
    plot::svg(
        &frame,
        &[Series { name: "way to serve".to_owned(), points }],
        &[Line { name: "frontier".to_owned(), points: line, stroke: Stroke::Dashed }],
    )
}

fn align_numbers(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// `unpriced` when nothing is known; `+` when the known sum is not all.
fn cost(cost: &Cost) -> String {
    match (cost.known_usd(), cost.unpriced) {
        (None, _) => "unpriced".to_owned(),
        (Some(known), 0) => usd(known),
        (Some(known), _) => format!("{} + unpriced", usd(known)),
    }
}

fn tier_shares(group: &Group) -> String {
    let tiers = &group.tiers;
    let answered = tiers.edge + tiers.specialist + tiers.frontier;
    if answered == 0 {
        return dash();
    }
    let share = |count: u64| format!("{:.0}", 100.0 * count as f64 / answered as f64);
    format!("{}/{}/{} %", share(tiers.edge), share(tiers.specialist), share(tiers.frontier))
}

pub(super) fn usd(amount: f64) -> String {
    if amount >= 1.0 { format!("${amount:.2}") } else { format!("${amount:.6}") }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn dash() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_in_time_is_a_day_or_an_age() {
        assert_eq!(Instant::parse("1970-01-02"), Ok(Instant::Day(86_400_000)));
        assert_eq!(Instant::parse("90m"), Ok(Instant::Ago(5_400_000)));
        assert_eq!(Instant::parse("7d").map(|at| at.unix_ms(604_800_001)), Ok(1));
        for wrong in ["", "d", "7", "yesterday", "-3h", "2026-13-01", "7\u{e4}"] {
            assert!(Instant::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_has_no_price_is_never_shown_as_nothing() {
        let known = crate::types::NanoUsd(0);
        assert_eq!(cost(&Cost { known, priced: 0, unpriced: 3, estimated: 0 }), "unpriced");
        assert_eq!(cost(&Cost { known, priced: 1, unpriced: 3, estimated: 0 }), "$0.000000 + unpriced");
        assert_eq!(cost(&Cost { known, priced: 1, unpriced: 0, estimated: 0 }), "$0.000000");
    }
}
