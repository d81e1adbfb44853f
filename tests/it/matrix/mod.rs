//! The fault matrix: every row in every dialect, whole and streamed, twice with the same trail. One command runs it and
//! prints the table: `cargo test --test it matrix -- --nocapture`; `MATRIX_ROW=F9` before it runs that row alone.

mod case;
pub mod fault;
mod own;
mod plan_rows;
mod plans;
mod process;
mod run;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use case::{Checks, Row};
use fault::Way;
use plan_rows::PLAN_ROWS;
use table::ROWS;

/// Cases at a time: nearly all of their time is waiting.
const AT_ONCE: usize = 8;

/// All rows: those of one model at a time, and those of plans of several.
fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(PLAN_ROWS)
}

/// What became of a row.
#[derive(Default)]
struct Tally {
    cases: usize,
    passed: usize,
    faults: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_holds_twice_and_leaves_the_same_trail() {
    let only = std::env::var("MATRIX_ROW").ok();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for row in rows().filter(|row| only.as_deref().is_none_or(|only| only == row.number)) {
        match &row.checks {
            Checks::Cases(cases) => {
                for case in *cases {
                    for way in Way::ALL.into_iter().filter(|way| run::applies(case, *way)) {
                        let permits = permits.clone();
                        running.spawn(async move {
                            let _permit = permits.acquire().await.unwrap();
                            let outcome = twice(|| run::run(case, way)).await;
                            (row.number, format!("{}, {}", case.name, way.name()), outcome)
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
                        (row.number, format!("{}, {}", case.name, way.name()), outcome)
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
                        (row.number, (*name).to_owned(), outcome)
                    });
                }
            }
            Checks::Alone(_) | Checks::Later(_) => {}
        }
    }
    let mut all = Vec::new();
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
            all.push((row.number, (*name).to_owned(), outcome));
        }
    }
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for (number, name, outcome) in all {
        let tally = tallies.entry(number).or_default();
        tally.cases += 1;
        match outcome {
            Ok(()) => tally.passed += 1,
            Err(fault) => tally.faults.push(format!("{number} {name}: {fault}")),
        }
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
    table.load_preset(comfy_table::presets::NOTHING).set_header(["row", "fault", "cases", "passed", ""]);
    let alone = std::env::var("MATRIX_ROW").is_ok();
    for row in rows().filter(|row| !alone || tallies.contains_key(row.number)) {
        let (cases, passed, note) = match (&row.checks, tallies.get(row.number)) {
            (Checks::Later(who), _) => ("-".to_owned(), "-".to_owned(), format!("not yet: {who}")),
            (_, Some(tally)) => {
                let note = if tally.faults.is_empty() { "" } else { "FAILS" };
                (tally.cases.to_string(), tally.passed.to_string(), note.to_owned())
            }
            (_, None) => ("0".to_owned(), "0".to_owned(), "FAILS: no case".to_owned()),
        };
        table.add_row([row.number.to_owned(), row.what.to_owned(), cases, passed, note]);
    }
    let checked = rows().filter(|row| !matches!(row.checks, Checks::Later(_))).count();
    let cases: usize = tallies.values().map(|tally| tally.cases).sum();
    let passed: usize = tallies.values().map(|tally| tally.passed).sum();
    format!("{table}\n{} rows, {checked} checked: {cases} cases, each twice, {passed} passed", rows().count())
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
    assert_eq!(plans, ["P1", "P2", "P3", "P4", "P5"]);
}
