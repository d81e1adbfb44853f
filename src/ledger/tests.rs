//! The room at its face: what is filed comes back, what is lost is counted, what is old goes, and sums say what they lack.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use super::samples::{day_ms, entry, full_entry, snapshot};
use super::*;
use crate::types::{ModelId, NanoUsd, RequestId, Served, TaskClass};

struct Running {
    ledger: Ledger,
    settings: LedgerSettings,
    _dir: TempDir,
}

impl Running {
    fn reader(&self) -> Reader {
        assert!(self.ledger.flush(), "not committed in time");
        Reader::open(&self.settings.path).unwrap()
    }
}

fn settings(dir: &TempDir) -> LedgerSettings {
    LedgerSettings { path: dir.path().join("ledger.db"), retention_days: 0, ..LedgerSettings::default() }
}

fn start(change: impl FnOnce(&mut LedgerSettings)) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(&dir);
    change(&mut settings);
    let (ledger, writer) = Ledger::open(&settings).unwrap();
    writer.spawn().unwrap();
    Running { ledger, settings, _dir: dir }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("did not happen within five seconds: {what}");
}

fn all(reader: &Reader) -> Vec<Entry> {
    let mut entries = Vec::new();
    reader
        .each(Span::ALL, |entry| {
            entries.push(entry);
            true
        })
        .unwrap();
    entries
}

#[test]
fn a_record_comes_back_as_it_was_filed() {
    let running = start(|_| {});
    let filed = [full_entry(1), entry(2)];
    for entry in &filed {
        running.ledger.record(entry.clone()).unwrap();
    }
    let reader = running.reader();
    for entry in &filed {
        assert_eq!(reader.request(entry.id).unwrap().as_ref(), Some(entry));
    }
    assert_eq!(all(&reader), filed);
    assert_eq!(reader.request(RequestId(7)).unwrap(), None);
    assert_eq!(running.ledger.counts(), Counts { written: 2, lost: 0, queued: 0 });
}

#[test]
fn a_decision_is_stored_without_the_names_of_its_fields() {
    let running = start(|_| {});
    (0..3).for_each(|number| running.ledger.record(full_entry(number)).unwrap());
    drop(running.reader());
    let database = rusqlite::Connection::open(&running.settings.path).unwrap();
    let text = |sql: &str| database.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    let decision = text("SELECT decision FROM requests LIMIT 1");
    assert!(!decision.contains("quality") && decision.contains("small"), "{decision}");
    assert_eq!(text("SELECT count(*) || '' FROM shapes WHERE names LIKE '%quality%candidate%'"), "0");
    assert_eq!(text("SELECT count(*) || '' FROM shapes WHERE names = '[\"low\",\"mean\",\"high\"]'"), "1");
    // A shape that is gone makes the record unreadable, aloud; its money can still be added up.
    database.execute("DELETE FROM shapes", []).unwrap();
    let reader = Reader::open(&running.settings.path).unwrap();
    assert!(reader.request(full_entry(1).id).unwrap_err().to_string().contains("shape"));
    assert_eq!(totals(&reader, &By::Task, Span::ALL, &|_| None).unwrap().all.cost.unpriced, 0);
}

#[test]
fn every_attempt_is_a_row_of_the_view() {
    let running = start(|_| {});
    let filed = full_entry(1);
    running.ledger.record(filed.clone()).unwrap();
    running.ledger.record(entry(2)).unwrap();
    drop(running.reader());
    let rows: Vec<(u8, String, String, Option<i64>)> = rusqlite::Connection::open(&running.settings.path)
        .unwrap()
        .prepare("SELECT number, provider, outcome, cost_nanousd FROM attempts ORDER BY request_key, number")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0], (0, "one".into(), r#"{"failed":"rate_limit"}"#.into(), Some(0)));
    assert_eq!(rows[1], (1, "two".into(), "ok".into(), filed.attempts[1].cost.map(|cost| cost.0 as i64)));
}

#[test]
fn every_field_is_a_column_of_the_view() {
    let running = start(|_| {});
    let filed = full_entry(1);
    running.ledger.record(filed.clone()).unwrap();
    drop(running.reader());
    let database = rusqlite::Connection::open(&running.settings.path).unwrap();
    let json = serde_json::to_value(&filed).unwrap();
    let would = filed.would_cost.unwrap();
    let mut wanted = vec![
        ("would_low_nanousd", would.low.0.to_string()),
        ("would_high_nanousd", would.high.0.to_string()),
        ("cost_nanousd", filed.cost.unwrap().0.to_string()),
        ("baseline_cost_nanousd", filed.baseline_cost.unwrap().0.to_string()),
        ("arrived_ms", filed.id.unix_ms().to_string()),
        ("usage ->> 'output'", filed.usage.output.to_string()),
        ("attempts", filed.attempts.len().to_string()),
    ];
    let apart = ["cost", "baseline_cost", "would_cost", "usage", "attempts", "tags", "inputs", "decision"];
    for (name, value) in json.as_object().unwrap().iter().filter(|(name, _)| !apart.contains(&name.as_str()))
    {
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Bool(value) => u8::from(*value).to_string(),
            other => other.to_string(),
        };
        wanted.push((name, text));
    }
    for (column, value) in wanted {
        let found: String = database
            .query_row(&format!("SELECT CAST({column} AS TEXT) FROM requests"), [], |row| row.get(0))
            .unwrap_or_else(|error| panic!("{column}: {error}"));
        assert_eq!(found, value, "{column}");
    }
}

/// Files outlive programs: what an earlier build wrote must read the same. A change here is a change of the schema.
#[test]
fn a_stored_record_keeps_its_positions() {
    let running = start(|_| {});
    running.ledger.record(full_entry(1)).unwrap();
    drop(running.reader());
    let database = rusqlite::Connection::open(&running.settings.path).unwrap();
    let record: String = database.query_row("SELECT record FROM records", [], |row| row.get(0)).unwrap();
    assert_eq!(record, include_str!("../../tests/fixtures/ledger/record.json").trim_end());
}

#[test]
fn an_attempt_of_an_earlier_build_reads_without_what_came_later() {
    let text =
        r#"[0,"large","large@one","one",{"failed":"tls"},null,100,null,200,{},"provider",0,false,null]"#;
    let attempt: AttemptRow = serde_json::from_str(text).unwrap();
    assert_eq!((attempt.outcome.as_str(), attempt.fault, attempt.tried), ("tls", None, None));
}

#[test]
fn a_file_of_the_schema_before_is_read_and_brought_up_to_date() {
    let running = start(|_| {});
    running.ledger.record(full_entry(1)).unwrap();
    drop(running.reader());
    let settings = running.settings.clone();
    let database = rusqlite::Connection::open(&settings.path).unwrap();
    let before = "UPDATE records SET record = replace(record, ',null,null,null]', ',null]');
                  DROP VIEW attempts; CREATE VIEW attempts AS SELECT 1 AS number; PRAGMA user_version = 2";
    database.execute_batch(before).unwrap();
    assert_eq!(all(&running.reader())[0].attempts.len(), 3);
    let (_ledger, _writer) = Ledger::open(&settings).unwrap();
    let faults: i64 =
        database.query_row("SELECT count(*) - count(fault) FROM attempts", [], |row| row.get(0)).unwrap();
    let schema: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!((faults, schema), (3, 4));
}

#[test]
fn ids_that_share_a_key_stay_apart_and_a_second_copy_is_ignored() {
    let running = start(|_| {});
    let ids: Vec<RequestId> =
        (0..5).map(|low| RequestId(RequestId::new(1_790_000_000_000, 0).0 | low)).collect();
    for id in ids.iter().chain(&ids) {
        running.ledger.record(Entry { id: *id, ..entry(0) }).unwrap();
    }
    let reader = running.reader();
    for id in &ids {
        assert_eq!(reader.request(*id).unwrap().map(|entry| entry.id), Some(*id));
    }
    assert_eq!(all(&reader).len(), ids.len());
}

#[test]
fn a_full_queue_counts_what_it_loses_and_never_waits() {
    for (mode, accepts) in [(LedgerMode::BestEffort, true), (LedgerMode::Required, false)] {
        let dir = tempfile::tempdir().unwrap();
        let settings = LedgerSettings { queue: 4, mode, ..settings(&dir) };
        let (ledger, writer) = Ledger::open(&settings).unwrap();
        assert!(ledger.accepts());
        let results: Vec<bool> = (0..10).map(|number| ledger.record(entry(number)).is_ok()).collect();
        assert_eq!(results, [true, true, true, true, false, false, false, false, false, false]);
        assert_eq!(ledger.counts(), Counts { written: 0, lost: 6, queued: 4 });
        assert_eq!(ledger.accepts(), accepts, "{mode:?}");
        writer.spawn().unwrap();
        assert!(ledger.flush());
        assert_eq!(ledger.counts(), Counts { written: 4, lost: 6, queued: 0 });
        assert!(ledger.accepts() && ledger.healthy());
    }
}

#[test]
fn a_full_disk_is_seen_and_loses_nothing_that_is_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let settings = LedgerSettings { mode: LedgerMode::Required, ..settings(&dir) };
    let (ledger, writer) = Ledger::open(&settings).unwrap();
    // SQLite says SQLITE_FULL at this many pages, as it does when the disk is full.
    writer.connection.pragma_update(None, "max_page_count", 40).unwrap();
    writer.spawn().unwrap();
    for number in 0..400 {
        ledger.record(full_entry(number)).unwrap();
    }
    eventually("unhealthy", || !ledger.healthy());
    assert!(!ledger.accepts());
    let counts = ledger.counts();
    assert_eq!((counts.lost, counts.written + counts.queued), (0, 400), "in flight is kept: {counts:?}");
}

#[test]
fn a_lock_that_goes_away_lets_everything_through() {
    let running = start(|_| {});
    running.ledger.record(entry(1)).unwrap();
    drop(running.reader());
    let other = rusqlite::Connection::open(&running.settings.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for number in 2..50 {
        running.ledger.record(entry(number)).unwrap();
    }
    eventually("unhealthy", || !running.ledger.healthy());
    assert!(running.ledger.accepts(), "best effort serves on");
    other.execute_batch("ROLLBACK").unwrap();
    eventually("healthy again", || running.ledger.healthy());
    assert_eq!(all(&running.reader()).len(), 49);
    assert_eq!(running.ledger.counts(), Counts { written: 49, lost: 0, queued: 0 });
}

#[test]
fn records_are_committed_soon_without_a_flush() {
    let running = start(|_| {});
    running.ledger.record(entry(1)).unwrap();
    let begin = std::time::Instant::now();
    eventually("committed", || running.ledger.counts().written == 1);
    assert!(begin.elapsed() < Duration::from_millis(500), "{:?}", begin.elapsed());
}

#[test]
fn the_end_of_the_last_handle_writes_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(&dir);
    let (ledger, writer) = Ledger::open(&settings).unwrap();
    (0..1000).for_each(|number| ledger.record(entry(number)).unwrap());
    let thread = writer.spawn().unwrap();
    drop(ledger);
    thread.join().unwrap();
    assert_eq!(all(&Reader::open(&settings.path).unwrap()).len(), 1000);
}

#[test]
fn old_records_go_and_young_ones_stay() {
    let running = start(|settings| settings.retention_days = 30);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let old = Entry { id: RequestId::new(now - 31 * day_ms(), 1), ..entry(0) };
    let young = Entry { id: RequestId::new(now - 29 * day_ms(), 2), ..entry(0) };
    running.ledger.record(old).unwrap();
    running.ledger.record(young.clone()).unwrap();
    assert!(running.ledger.flush());
    let reader = Reader::open(&running.settings.path).unwrap();
    eventually("the old one is gone", || all(&reader) == std::slice::from_ref(&young));
}

#[test]
fn the_size_is_bounded_by_dropping_the_oldest() {
    let running = start(|settings| settings.max_bytes = 200_000);
    for number in 0..2_000 {
        running.ledger.record(full_entry(number)).unwrap();
    }
    let reader = running.reader();
    eventually("small enough", || {
        // Each record wakes a writer that would otherwise look again only when idle.
        running.ledger.record(full_entry(5_000)).unwrap();
        running.ledger.flush();
        let left = all(&reader);
        left.len() < 400 && left.last().is_some_and(|entry| entry.id == full_entry(5_000).id)
    });
}

#[test]
fn the_sources_of_a_snapshot_are_kept_once() {
    let running = start(|_| {});
    let snapshot = snapshot();
    running.ledger.snapshot(&snapshot);
    running.ledger.snapshot(&snapshot);
    let reader = running.reader();
    let expected = Sources { source: "configuration".into(), profile: "evidence".into() };
    assert_eq!(reader.sources(&snapshot.version).unwrap(), Some(expected));
    assert_eq!(reader.sources(&crate::catalog::SnapshotVersion::of(&["other"])).unwrap(), None);
}

#[test]
fn a_file_that_is_no_ledger_is_refused_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(&dir);
    assert!(matches!(Reader::open(&settings.path), Err(LedgerError::Missing(_))));
    std::fs::write(
        &settings.path,
        "this is not a database, whatever its name says; it is long enough to tell",
    )
    .unwrap();
    let error = Ledger::open(&settings).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("ledger.db"), "{error}");

    let newer = LedgerSettings { path: dir.path().join("newer.db"), ..settings };
    rusqlite::Connection::open(&newer.path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Ledger::open(&newer), Err(LedgerError::Other { found: 99, .. })));
    assert!(matches!(Reader::open(&newer.path), Err(LedgerError::Other { found: 99, .. })));
}

#[test]
fn sums_by_every_key() {
    let running = start(|_| {});
    let mut tagged = entry(1);
    tagged.tags.insert("team".into(), "search".into());
    tagged.task = Some(TaskClass::Code);
    running.ledger.record(tagged).unwrap();
    running.ledger.record(entry(2)).unwrap();
    let reader = running.reader();
    let keys = |by: &str| -> Vec<String> {
        let totals = totals(&reader, &By::parse(by).unwrap(), Span::ALL, &|_| None).unwrap();
        assert_eq!(totals.all.requests, 2);
        totals.groups.into_iter().map(|group| group.key).collect()
    };
    assert_eq!(keys("task"), ["code", "not read"]);
    assert_eq!(keys("model"), ["none"]);
    assert_eq!(keys("decision"), ["pinned no_policy"]);
    assert_eq!(keys("client"), ["not identified"]);
    assert_eq!(keys("tag=team"), ["search", "without"]);
    assert!(By::parse("colour").is_err() && By::parse("tag=").is_err());
}

#[test]
fn what_is_unpriced_is_counted_and_never_nothing() {
    let running = start(|_| {});
    running.ledger.record(Entry { cost: None, ..entry(1) }).unwrap();
    let reader = running.reader();
    let sum = |reader: &Reader| totals(reader, &By::Task, Span::ALL, &|_| None).unwrap().all;
    assert_eq!(sum(&reader).cost.known_usd(), None);
    let json = serde_json::to_value(sum(&reader)).unwrap();
    assert_eq!(json["cost"]["known_usd"], serde_json::Value::Null);
    running.ledger.record(Entry { cost: Some(NanoUsd(5)), cost_estimated: true, ..entry(2) }).unwrap();
    assert!(running.ledger.flush());
    let cost = sum(&reader).cost;
    assert_eq!((cost.known, cost.priced, cost.unpriced, cost.estimated), (NanoUsd(5), 1, 1, 1));
}

#[test]
fn a_span_is_half_open() {
    let running = start(|_| {});
    (1..=3).for_each(|number| running.ledger.record(entry(number)).unwrap());
    let reader = running.reader();
    let (since_ms, until_ms) = (entry(1).id.unix_ms(), entry(3).id.unix_ms());
    let all = totals(&reader, &By::Task, Span { since_ms, until_ms }, &|_| None).unwrap().all;
    assert_eq!(all.requests, 2);
}

/// Four requests of 1000 input tokens: "large" at $10 per million is the baseline, "small" costs $1, "middle" $4.
#[test]
fn what_was_routed_is_compared_on_the_same_requests() {
    let running = start(|_| {});
    let snapshot = Arc::new(snapshot());
    for (number, model) in [(1, "small"), (2, "small"), (3, "small"), (4, "large")] {
        running.ledger.record(samples::routed(number, model, &snapshot)).unwrap();
    }
    // Neither a pinned nor an unpriced request takes part.
    running.ledger.record(Entry { cost: Some(NanoUsd(1_000_000_000)), ..entry(5) }).unwrap();
    running.ledger.record(Entry { cost: None, ..samples::routed(6, "small", &snapshot) }).unwrap();
    let sums = totals(&running.reader(), &By::Model, Span::ALL, &|_| Some(snapshot.clone())).unwrap();
    let comparison = sums.all.comparison.unwrap();
    assert_eq!(comparison.requests, 4);
    let near =
        |value: f64, expected: f64| assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
    near(comparison.routed.cost_usd, 0.013);
    near(comparison.baseline.cost_usd, 0.040);
    near(comparison.saved_share.unwrap(), 0.675);
    assert_eq!(comparison.baseline.model, Some(ModelId::from("large")));
    let mix = comparison.random_mix.unwrap();
    assert_eq!(mix.cheap_model, ModelId::from("small"));
    near(mix.baseline_share, 0.25);
    near(mix.cost_usd, 0.013);
    // Routed and mix both give a quarter to "large": choosing at random expects as much.
    assert_eq!(comparison.rated_requests, 4);
    near(comparison.routed.expected_quality.unwrap(), 0.65);
    near(mix.expected_quality.unwrap(), 0.65);
    near(mix.expected_lift.unwrap(), 0.0);
    let best = comparison.best_static.unwrap();
    assert_eq!(best.model, Some(ModelId::from("middle")), "the cheapest that is expected to be as good");
    near(best.cost_usd, 0.016);
    assert_eq!((sums.all.tiers.edge, sums.all.tiers.frontier, sums.all.tiers.unknown), (4, 1, 1));
    let served: Vec<Served> = all(&running.reader()).iter().map(|entry| entry.served).collect();
    assert_eq!(served.iter().filter(|served| **served == Served::Routed).count(), 5);
}
