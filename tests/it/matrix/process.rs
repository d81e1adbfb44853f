//! Rows that need the program as a process of its own: a few seconds of what `scripts/proof.sh` does at length.

use std::path::Path;
use std::time::Duration;

use pointsman::ledger::{LedgerSettings, Reader, Span};

#[path = "../../proof/process.rs"]
#[allow(dead_code, reason = "the proof at length uses the rest")]
mod stand;

use stand::{Load, Stand};

/// Requests a second: a debug build beside other tests keeps up with this.
const RPS: u32 = 60;

/// Runs what blocks beside the tests that wait.
async fn beside(check: fn()) -> Result<(), String> {
    tokio::task::spawn_blocking(check).await.map_err(super::said)
}

pub async fn stopped() -> Result<(), String> {
    beside(|| {
        let mut stand = Stand::new();
        stand.start(false);
        let load = Load::start(&stand, RPS, 1.5);
        std::thread::sleep(Duration::from_millis(800));
        stand.stop();
        let found = load.finish();
        let broken = found["broken"].as_object().unwrap();
        let cut: Vec<_> = broken
            .keys()
            .filter(|what| !what.starts_with("connect") && !what.starts_with("the connection broke before"))
            .collect();
        assert!(cut.is_empty() && found["right"].as_u64() > Some(0), "{found}");
        assert_eq!(stand.recorded(), found["right"].as_u64().unwrap(), "all that was answered is on record");
    })
    .await
}

pub async fn killed() -> Result<(), String> {
    beside(|| {
        let mut stand = Stand::new();
        stand.start(false);
        let load = Load::start(&stand, RPS, 1.5);
        std::thread::sleep(Duration::from_millis(800));
        stand.kill();
        let right = load.finish()["right"].as_u64().unwrap();
        assert!(right > 0 && right.saturating_sub(stand.recorded()) <= 256, "{right} answers");
        stand.check_ledger();
        stand.start(false);
        stand.stop();
    })
    .await
}

pub async fn replaced() -> Result<(), String> {
    beside(|| {
        let mut stand = Stand::new();
        stand.start(false);
        let load = Load::start(&stand, RPS, 4.0);
        std::thread::sleep(Duration::from_millis(500));
        stand.replace();
        let found = load.finish();
        assert_eq!(found["sent"], found["right"], "{found}");
        stand.stop();
    })
    .await
}

/// Whatever of the journal's end is missing or scrambled, what stands before it is read, once, and can be written behind.
pub async fn torn_tail() -> Result<(), String> {
    beside(|| {
        let mut stand = Stand::new();
        stand.start(false);
        Load::start(&stand, RPS, 1.2).finish();
        stand.kill();
        let (database, journal) = (stand.ledger(), stand.ledger().with_extension("db-wal"));
        let (whole, tail) = (std::fs::read(&database).unwrap(), std::fs::read(&journal).unwrap());
        assert!(tail.len() > 10_000, "a journal of {} bytes proves nothing", tail.len());
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("ledger.db");
        let mut last = 0;
        for step in 0..=40 {
            let length = tail.len() * step / 40;
            let mut torn = tail[..length].to_vec();
            // Every other time the end is there and wrong, as where a page was written in part.
            if let (true, Some(from)) = (step % 2 == 1, length.checked_sub(100)) {
                torn[from..].fill(0xa5);
            }
            std::fs::write(&copy, &whole).unwrap();
            std::fs::write(copy.with_extension("db-wal"), &torn).unwrap();
            let _ = std::fs::remove_file(copy.with_extension("db-shm"));
            let read = records(&copy);
            assert!(read >= last || step % 2 == 1, "{read} records of {length} bytes, {last} of fewer");
            last = last.max(read);
        }
        assert_eq!(last, stand.recorded(), "the whole journal holds all records");
    })
    .await
}

/// Opens a ledger as the program does, checks it, and counts what is in it.
fn records(path: &Path) -> u64 {
    let settings = LedgerSettings { path: path.to_owned(), ..LedgerSettings::default() };
    let (ledger, writer) = pointsman::ledger::Ledger::open(&settings).unwrap();
    drop(ledger);
    writer.run();
    let said: String = rusqlite::Connection::open(path)
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(said, "ok");
    let mut ids = std::collections::HashSet::new();
    let each = |entry: pointsman::ledger::Entry| {
        assert!(ids.insert(entry.id.to_string()), "{} stands twice", entry.id);
        true
    };
    Reader::open(path).unwrap().each(Span::ALL, each).unwrap();
    ids.len() as u64
}

pub async fn no_descriptors() -> Result<(), String> {
    beside(|| {
        let mut stand = Stand::new();
        stand.start_with_descriptors(120);
        let held: Vec<_> = (0..200).filter_map(|_| std::net::TcpStream::connect(stand.data).ok()).collect();
        std::thread::sleep(Duration::from_millis(500));
        let before = stand.cpu_seconds();
        std::thread::sleep(Duration::from_secs(2));
        let spent = stand.cpu_seconds() - before;
        assert!(spent < 0.5, "{spent} s of CPU in 2 s without descriptors");
        drop(held);
        std::thread::sleep(Duration::from_millis(1500));
        let found = Load::start(&stand, 20, 1.0).finish();
        assert_eq!(found["sent"], found["right"], "{found}");
        stand.stop();
    })
    .await
}
