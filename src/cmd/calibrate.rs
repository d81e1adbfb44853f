//! `pointsman calibrate`: what the ledger says of cascades, by task class, and with `--out` a profile with it in. The rules are
//! learning's; this reads, prints and writes.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::replace::replace;
use super::report::Instant;
use crate::catalog::{Acceptor, Policy, Profile, Snapshot};
use crate::config::{self, SecretSource};
use crate::learning::metrics::Figure;
use crate::learning::plans::{Cell, LEAST_REQUESTS, Merged, Plans, merge};
use crate::learning::{Answers, Learnt};
use crate::ledger::{Entry, Reader, Span};
use crate::types::{ModelId, PolicyId};

/// Arguments of `calibrate`.
#[derive(Clone, Debug, clap::Args)]
pub struct CalibrateArgs {
    /// Only requests since then: a day (2026-01-31, UTC) or an age (90m, 24h, 7d)
    #[arg(long, value_parser = Instant::parse)]
    pub since: Option<Instant>,
    /// Write the configured profile with what was found into this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Runs the command; the text to print, or what went wrong.
pub fn run(config: &Path, args: &CalibrateArgs, json: bool) -> Result<String, String> {
    // What is no secret is read: the profile is.
    let settings = config::load(config, SecretSource::Keyless).map_err(|faults| faults.to_string())?;
    let reader = Reader::open(&settings.ledger.path).map_err(|error| error.to_string())?;
    let in_force = |plan: &ModelId, task| {
        let acceptor = settings.snapshot.evidence.acceptor(plan, task);
        acceptor.map(|acceptor| acceptor.fingerprint())
    };
    let (mut plans, mut answers) = (Plans::default(), Answers::default());
    let add = |entry: Entry| {
        plans.add(&entry, in_force);
        // Of a policy that is no more nothing is to be learnt.
        if let Some(policy) = entry.policy.as_ref().and_then(|id| policy_of(&settings.snapshot, id)) {
            answers.add(&entry, policy.max_quality_loss);
        }
        true
    };
    reader.each_sum(span(args.since), add).map_err(|error| error.to_string())?;
    let cells = plans.cells();
    let learnt = answers.learnt(|plan, task| in_force(plan, task).is_some());
    let (mut profile, merged) = merged(&settings.snapshot.profile, &cells)?;
    let rows: Vec<Row<'_>> = cells.iter().zip(merged).map(|(cell, merged)| Row { cell, merged }).collect();
    learnt.iter().for_each(|learnt| learnt.put_into(&mut profile));
    if let Some(file) = &args.out {
        let text = serde_json::to_string_pretty(&profile).map_err(|error| error.to_string())?;
        replace(file, &text).map_err(|error| format!("{}: nothing was written: {error}", file.display()))?;
    }
    if json {
        let shown = Shown { cells: &rows, acceptors: &learnt, written: args.out.as_deref() };
        return serde_json::to_string_pretty(&shown).map_err(|error| error.to_string());
    }
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = print(&mut text, (&rows, &learnt), args.out.as_deref());
    Ok(text)
}

/// A cell, and what becomes of it in the profile; `None`: too few requests.
#[derive(Serialize)]
struct Row<'c> {
    #[serde(flatten)]
    cell: &'c Cell,
    merged: Option<Merged>,
}

#[derive(Serialize)]
struct Shown<'r> {
    cells: &'r [Row<'r>],
    acceptors: &'r [Learnt],
    written: Option<&'r Path>,
}

fn policy_of<'s>(snapshot: &'s Snapshot, id: &PolicyId) -> Option<&'s Policy> {
    snapshot.policies.iter().find(|policy| policy.id == *id)
}

fn span(since: Option<Instant>) -> Span {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    Span { since_ms: since.map_or(Span::ALL.since_ms, |at| at.unix_ms(now_ms)), ..Span::ALL }
}

/// The evidence of a profile with the cells in it, and what became of each.
fn merged(profile: &str, cells: &[Cell]) -> Result<(Profile, Vec<Option<Merged>>), String> {
    let mut known = match profile {
        "" => Profile::default(),
        text => serde_json::from_str(text).map_err(|error| format!("the configured profile: {error}"))?,
    };
    let merged = cells.iter().map(|cell| Some(merge(&mut known.evidence, cell.evidence()?))).collect();
    Ok((known, merged))
}

fn print(text: &mut String, (rows, learnt): (&[Row<'_>], &[Learnt]), out: Option<&Path>) -> fmt::Result {
    if rows.is_empty() && learnt.is_empty() {
        return writeln!(text, "no cascade or draft has answered a request in this span of time");
    }
    if !rows.is_empty() {
        print_cells(text, rows)?;
    }
    if !learnt.is_empty() {
        writeln!(text, "{}", acceptors(learnt))?;
        writeln!(
            text,
            "Answers: those beside which the last model gave its own. May differ: what the policy lets be lost; differs: at most, at \
             95 %, on rows left out of the fit.\nWhere no limit keeps to that no answer stands. What is in force is not learnt anew: \
             take it out of the profile for that."
        )?;
    }
    match out {
        Some(file) => {
            writeln!(text, "written: {}; it counts once it is the `profile` of [routing]", file.display())
        }
        None => writeln!(text, "nothing was written: --out FILE writes the profile with this in it"),
    }
}

fn print_cells(text: &mut String, rows: &[Row<'_>]) -> fmt::Result {
    writeln!(text, "{}", table(rows))?;
    writeln!(
        text,
        "stood: of first answers, with its 95 % interval. Audits: the last model said the same, something else, something that \
         cannot be compared or nothing in time, nothing at all.\nLost: share of requests in which the plan says something else \
         than the last model, as if that one were always right; at most, at 95 %.\nCost: of all calls but audits over the \
         baseline's, with its 95 % interval; the baseline's is its own where it answered, too (so many), and else that of as many \
         tokens as were used."
    )?;
    if rows.iter().all(|row| row.cell.audits.is_empty()) {
        writeln!(
            text,
            "Nothing was audited, so nothing is known of losses: `audit` in [policies.compound] asks for it."
        )?;
    }
    Ok(())
}

fn table(rows: &[Row<'_>]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header([
        "plan",
        "against",
        "task",
        "requests",
        "stood",
        "audits",
        "lost",
        "cost",
        "in the profile",
    ]);
    for Row { cell, merged } in rows {
        let audits = &cell.audits;
        table.add_row([
            cell.plan.to_string(),
            cell.baseline.to_string(),
            cell.task.as_str().to_owned(),
            cell.requests.to_string(),
            percent(&cell.accepted),
            format!(
                "{} / {} / {} / {}",
                audits.same,
                audits.differs,
                audits.incomparable + audits.cut,
                audits.unanswered
            ),
            cell.loss.map_or_else(
                || "unknown".to_owned(),
                |loss| format!("{:.1} %, at most {:.1} %", loss.mean * 100.0, loss.upper * 100.0),
            ),
            cell.cost.map_or_else(
                || "unpriced".to_owned(),
                |cost| format!("{:.3} ({} of {})", cost.ratio, cost.own, cost.requests),
            ),
            merged.map_or_else(
                || format!("no: under {LEAST_REQUESTS} requests"),
                |merged| word(merged).to_owned(),
            ),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn acceptors(learnt: &[Learnt]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header([
        "acceptor of",
        "task",
        "answers",
        "may differ",
        "stand",
        "differs",
    ]);
    let share =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0));
    for Learnt { plan, task, answers, most_differing, acceptor } in learnt {
        let of = |figure: fn(&Acceptor) -> f64| share(acceptor.as_ref().map(figure));
        table.add_row([
            plan.to_string(),
            task.as_str().to_owned(),
            answers.to_string(),
            share(Some(*most_differing)),
            acceptor.as_ref().map_or_else(|| "none".to_owned(), |acceptor| share(Some(acceptor.stood))),
            of(|acceptor| acceptor.differs_upper),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn percent(share: &Figure) -> String {
    let Figure { value, low, high } = share;
    format!("{:.1} % ({:.1} to {:.1})", value * 100.0, low * 100.0, high * 100.0)
}

/// What becomes of a cell, in words.
fn word(merged: Merged) -> &'static str {
    match merged {
        Merged::Added => "new",
        Merged::Replaced => "in place of what was there",
        Merged::LossesKept => "losses kept: more outcomes, or labels",
    }
}
