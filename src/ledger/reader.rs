//! Reads what was recorded: one request, or all of a span of time. Works beside a running writer and without one.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row};

use super::row::{PROBES, ShapeNames, decision_of, entry_of, first_key_of_ms, inputs_of, key_of};
use super::schema::open_to_read;
use super::{Entry, LedgerError};
use crate::catalog::SnapshotVersion;
use crate::types::RequestId;

/// A read-only connection to the ledger.
pub struct Reader {
    pub(super) connection: Connection,
    path: PathBuf,
}

/// What a snapshot was built from, as it was when it served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The configuration's text.
    pub source: String,
    /// The evidence file's text; empty without one.
    pub profile: String,
}

/// Requests by time of arrival, in milliseconds since 1970; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First millisecond.
    pub since_ms: u64,
    /// First millisecond behind it.
    pub until_ms: u64,
}

impl Span {
    /// Everything on record.
    pub const ALL: Self = Self { since_ms: 0, until_ms: (1 << 47) - 1 };
}

impl Reader {
    /// Opens a ledger that a proxy has written.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { connection: open_to_read(path)?, path: path.to_path_buf() })
    }

    /// One request with its attempts and its decision.
    pub fn request(&self, id: RequestId) -> Result<Option<Entry>, LedgerError> {
        let look = || {
            let mut statement = self.connection.prepare_cached(ONE)?;
            let key = key_of(id);
            let mut rows = statement.query((key, key.saturating_add(PROBES), id.to_string()))?;
            let shapes = ShapeNames::new(&self.connection);
            rows.next()?.map(|row| whole_entry(row, &shapes)).transpose()
        };
        look().map_err(|error| self.at(error))
    }

    /// What the snapshot of a version was built from.
    pub fn sources(&self, version: &SnapshotVersion) -> Result<Option<Sources>, LedgerError> {
        self.connection
            .prepare_cached("SELECT source, profile FROM snapshots WHERE version = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([version.as_str()], |row| {
                        Ok(Sources { source: row.get(0)?, profile: row.get(1)? })
                    })
                    .optional()
            })
            .map_err(|error| self.at(error))
    }

    /// Shows every request of a span, oldest first; ends early when `each` says false.
    pub fn each(&self, span: Span, each: impl FnMut(Entry) -> bool) -> Result<(), LedgerError> {
        self.walk(EACH, span, whole_entry, each)
    }

    /// As `each`, but only those with a stored decision and its inputs.
    pub fn each_decision(&self, span: Span, each: impl FnMut(Entry) -> bool) -> Result<(), LedgerError> {
        self.walk(EACH_DECISION, span, whole_entry, each)
    }

    /// As `each`, without the inputs, and without a decision that an older version wrote and this one cannot read:
    /// what was spent can be added up all the same.
    pub fn each_sum(&self, span: Span, each: impl FnMut(Entry) -> bool) -> Result<(), LedgerError> {
        let without_inputs = |row: &Row<'_>, shapes: &ShapeNames<'_>| {
            Ok(Entry { decision: decision_of(row, shapes).unwrap_or_default(), ..entry_of(row)? })
        };
        self.walk(EACH, span, without_inputs, each)
    }

    fn walk(
        &self,
        sql: &str,
        span: Span,
        read: impl Fn(&Row<'_>, &ShapeNames<'_>) -> rusqlite::Result<Entry>,
        mut each: impl FnMut(Entry) -> bool,
    ) -> Result<(), LedgerError> {
        let mut walk = || {
            let shapes = ShapeNames::new(&self.connection);
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows =
                statement.query([first_key_of_ms(span.since_ms), first_key_of_ms(span.until_ms)])?;
            while let Some(row) = rows.next()? {
                if !each(read(row, &shapes)?) {
                    break;
                }
            }
            Ok(())
        };
        walk().map_err(|error| self.at(error))
    }

    pub(super) fn at(&self, error: rusqlite::Error) -> LedgerError {
        LedgerError::Database(self.path.clone(), error)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).finish_non_exhaustive()
    }
}

fn whole_entry(row: &Row<'_>, shapes: &ShapeNames<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry { inputs: inputs_of(row, shapes)?, decision: decision_of(row, shapes)?, ..entry_of(row)? })
}

const ONE: &str = "SELECT * FROM records WHERE key >= ?1 AND key < ?2 AND record ->> 0 = ?3";
const EACH: &str = "SELECT * FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key";
const EACH_DECISION: &str = "SELECT * FROM records WHERE key >= ?1 AND key < ?2
    AND decision IS NOT NULL AND inputs IS NOT NULL ORDER BY key";
