//! The handle that files records and the thread that writes them.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Entry, LedgerSettings};
use crate::catalog::Snapshot;

/// Files records. Cheap to clone; the writer ends when the last clone is gone.
#[derive(Clone, Debug)]
pub struct Ledger {}

impl Ledger {
    /// Opens or creates the database. Nothing is written until the writer runs.
    pub fn open(_settings: &LedgerSettings) -> Result<(Self, Writer), LedgerError> {
        Ok((Self {}, Writer {}))
    }

    /// Files one request. Never waits: a full queue counts the record as lost.
    pub fn record(&self, _entry: Entry) -> Result<(), LedgerFull> {
        Ok(())
    }

    /// Keeps the sources of a snapshot, so that what it decided can be explained later. Call at start and at every reload.
    pub fn snapshot(&self, _snapshot: &Snapshot) {}

    /// Whether a new request may be taken: always when best effort; when required, only while records can be written.
    pub fn accepts(&self) -> bool {
        true
    }

    /// False from a failed write until the next good one. Part of readiness.
    pub fn healthy(&self) -> bool {
        true
    }

    /// What became of the records so far.
    pub fn counts(&self) -> Counts {
        Counts::default()
    }

    /// Waits until everything filed before is committed, at most five seconds; says whether it is. Blocks its thread.
    pub fn flush(&self) -> bool {
        true
    }
}

/// Owns the database connection; runs on a thread of its own.
#[derive(Debug)]
pub struct Writer {}

impl Writer {
    /// Starts the thread.
    pub fn spawn(self) -> std::io::Result<std::thread::JoinHandle<()>> {
        std::thread::Builder::new().name("ledger".into()).spawn(move || self.run())
    }

    /// Writes until the last handle is gone and the queue is empty.
    pub fn run(self) {}
}

/// What became of the records so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Committed.
    pub written: u64,
    /// Not written and never will be.
    pub lost: u64,
    /// Filed and not yet committed.
    pub queued: u64,
}

/// The queue is full (or the writer is gone); the record was counted as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerFull;

impl std::fmt::Display for LedgerFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the ledger's queue is full")
    }
}

impl std::error::Error for LedgerFull {}

/// Why the database cannot be used.
#[derive(Debug)]
pub enum LedgerError {
    /// No file there.
    Missing(PathBuf),
    /// Written by a newer version.
    Newer { path: PathBuf, found: i64, known: i64 },
    /// The database itself failed.
    Database { path: PathBuf, error: Arc<rusqlite::Error> },
}
