//! The fault matrix: every row in every dialect, whole and streamed, twice with the same trail; where a case does not apply in
//! a dialect, the table says why. One command runs it and prints the table: `cargo test --test it matrix -- --nocapture`; `MATRIX_ROW=F9` before it runs that row alone.

mod case;
pub mod fault;
pub mod form;
mod own;
mod plan_rows;
mod plans;
mod process;
mod run;
mod table;
pub mod way;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use case::{Checks, Row};
use plan_rows::PLAN_ROWS;
use table::ROWS;
use way::{Api, Way};

/// Cases at a time: nearly all of their time is waiting.
const AT_ONCE: usize = 8;

/// All rows: those of one model at a time, and those of plans of several.
fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(PLAN_ROWS)
}

/// What became of a row: cases and how many of them passed, of each dialect and of none.
#[derive(Default)]
struct Tally {
    columns: BTreeMap<Option<Api>, (usize, usize)>,
    faults: Vec<String>,
}

impl Tally {
    fn note(&mut self, api: Option<Api>, outcome: Result<(), String>) {
        let (cases, passed) = self.columns.entry(api).or_default();
        *cases += 1;
        match outcome {
            Ok(()) => *passed += 1,
            Err(fault) => self.faults.push(fault),
        }
    }

    /// `4 of 4`, `3 of 4`, or nothing.
    fn cell(&self, api: Option<Api>) -> String {
        self.columns.get(&api).map_or_else(String::new, |(cases, passed)| format!("{passed} of {cases}"))
    }
}

/// One case that ran: its row, what it is called, the dialect its client spoke, how it went.
type Ran = (&'static str, String, Option<Api>, Result<(), String>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_holds_twice_and_leaves_the_same_trail() {
    let only = std::env::var("MATRIX_ROW").ok();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for row in rows().filter(|row| only.as_deref().is_none_or(|only| only == row.number)) {
        match &row.checks {
            Checks::Cases(cases) => {
                for case in *cases {
                    for way in Way::ALL.into_iter().filter(|way| case.applies(*way)) {
                        let permits = permits.clone();
                        running.spawn(async move {
                            let _permit = permits.acquire().await.unwrap();
                            let outcome = twice(|| run::run(case, way)).await;
                            (row.number, format!("{}, {}", case.name, way.name()), Some(way.api), outcome)
                        });
                    }
                }
            }
            Checks::Plans(cases) => {
                for (case, way) in cases.iter().flat_map(|case| Way::ALL.map(|way| (case, way))) {
                    let permits = permits.clone();
                    running.spawn(async move {
                        let _permit = permits.acquire().await.unwrap();
                        let outcome = twice(|| plans::run(case, way)).await;
                        (row.number, format!("{}, {}", case.name, way.name()), Some(way.api), outcome)
                    });
                }
            }
            Checks::Own(checks) => {
                for (name, check) in *checks {
                    let permits = permits.clone();
                    running.spawn(async move {
                        let _permit = permits.acquire().await.unwrap();
                        let (first, second) = tokio::join!(tokio::spawn(check()), tokio::spawn(check()));
                        let said = |outcome: Result<_, _>| outcome.unwrap_or_else(|panic| Err(said(panic)));
                        let outcome = said(first).and(said(second));
                        (row.number, (*name).to_owned(), None, outcome)
                    });
                }
            }
            Checks::Alone(_) | Checks::Later(_) => {}
        }
    }
    let mut all: Vec<Ran> = Vec::new();
    while let Some(done) = running.join_next().await {
        all.push(done.unwrap());
    }
    for row in rows().filter(|row| only.as_deref().is_none_or(|only| only == row.number)) {
        let Checks::Alone(checks) = &row.checks else { continue };
        for (name, check) in *checks {
            let mut outcome = Ok(());
            for _ in 0..2 {
                let said = tokio::spawn(check()).await.unwrap_or_else(|panic| Err(said(panic)));
                outcome = outcome.and(said);
            }
            all.push((row.number, (*name).to_owned(), None, outcome));
        }
    }
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for (number, name, api, outcome) in all {
        let outcome = outcome.map_err(|fault| format!("{number} {name}: {fault}"));
        tallies.entry(number).or_default().note(api, outcome);
    }
    println!("{}", printed(&tallies));
    let faults: Vec<&String> = tallies.values().flat_map(|tally| &tally.faults).collect();
    assert!(faults.is_empty(), "{} cases failed:\n{faults:#?}", faults.len());
}

/// Two runs of one case, each in a world of its own, that must look the same.
async fn twice<T, F>(run: impl Fn() -> F) -> Result<(), String>
where
    T: PartialEq + std::fmt::Debug + Send + 'static,
    F: Future<Output = Result<T, String>> + Send + 'static,
{
    let (first, second) = tokio::join!(tokio::spawn(run()), tokio::spawn(run()));
    let first = first.unwrap_or_else(|panic| Err(said(panic)))?;
    let second = second.unwrap_or_else(|panic| Err(said(panic)))?;
    if first == second { Ok(()) } else { Err(format!("two runs differ: {first:?} and {second:?}")) }
}

pub fn said(panic: tokio::task::JoinError) -> String {
    let panic = panic.into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn printed(tallies: &BTreeMap<&str, Tally>) -> String {
    let mut table = comfy_table::Table::new();
    let columns = || Api::ALL.map(Some).into_iter().chain([None]);
    let names = columns().map(|api| api.map_or("by itself", Api::name));
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header(["row", "fault"].into_iter().chain(names).chain([""]));
    let alone = std::env::var("MATRIX_ROW").is_ok();
    for row in rows().filter(|row| !alone || tallies.contains_key(row.number)) {
        let (cells, note) = match (&row.checks, tallies.get(row.number)) {
            (Checks::Later(who), _) => {
                (columns().map(|_| String::new()).collect(), format!("not yet: {who}"))
            }
            (_, Some(tally)) => {
                let cells: Vec<String> = columns().map(|api| tally.cell(api)).collect();
                let fails = if tally.faults.is_empty() { "" } else { "FAILS" };
                (cells, fails.to_owned())
            }
            (_, None) => (columns().map(|_| String::new()).collect(), "FAILS: no case".to_owned()),
        };
        let begin = [row.number.to_owned(), row.what.to_owned()];
        table.add_row(begin.into_iter().chain(cells).chain([note]));
    }
    let checked = rows().filter(|row| !matches!(row.checks, Checks::Later(_))).count();
    let sum = |api: Option<Api>| {
        let counts = tallies.values().filter_map(|tally| tally.columns.get(&api));
        counts.fold((0, 0), |sum, (cases, passed)| (sum.0 + cases, sum.1 + passed))
    };
    let total = columns().map(sum).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    let each = columns().map(|api| format!("{} {}", api.map_or("by itself", Api::name), sum(api).0));
    let shown = rows().filter(|row| !alone || tallies.contains_key(row.number));
    let exceptions: String = shown.flat_map(exceptions).collect();
    format!(
        "{table}\n{exceptions}{} rows, {checked} checked: {} cases ({}), each twice, {} passed",
        rows().count(),
        total.0,
        each.collect::<Vec<_>>().join(", "),
        total.1
    )
}

/// Where cases of a row do not apply, and why: one line a reason.
fn exceptions(row: &Row) -> Vec<String> {
    let Checks::Cases(cases) = &row.checks else { return Vec::new() };
    let mut reasons: Vec<((Api, &str), Vec<&str>)> = Vec::new();
    for case in *cases {
        for exception in case.exceptions() {
            match reasons.iter_mut().find(|(reason, _)| *reason == exception) {
                Some((_, names)) => names.push(case.name),
                None => reasons.push((exception, vec![case.name])),
            }
        }
    }
    let line = |((api, why), names): ((Api, &str), Vec<&str>)| {
        format!("{} not in {}: {}: {why}\n", row.number, api.name(), names.join("; "))
    };
    reasons.into_iter().map(line).collect()
}

/// Every row of the specification stands in the table once, in order.
#[test]
fn no_row_is_missing() {
    let numbers: Vec<&str> = ROWS.iter().map(|row| row.number).collect();
    let lettered = [(5, "bc"), (6, "bc"), (24, "b")];
    let expected = (1..=46).flat_map(|number| {
        let letters = lettered.iter().find(|(at, _)| *at == number).map_or("", |(_, letters)| letters);
        std::iter::once(format!("F{number}"))
            .chain(letters.chars().map(move |letter| format!("F{number}{letter}")))
    });
    assert_eq!(numbers, expected.collect::<Vec<_>>());
    let plans: Vec<&str> = PLAN_ROWS.iter().map(|row| row.number).collect();
    assert_eq!(plans, ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"]);
}
