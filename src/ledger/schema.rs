//! The database: its tables, how it is opened, and what can be wrong with it. Knows nothing of threads and queues.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::row::views;

/// Why the database cannot be used.
#[derive(Debug)]
pub enum LedgerError {
    /// No file there.
    Missing(PathBuf),
    /// The file was written by another version.
    Other {
        /// The file.
        path: PathBuf,
        /// Its schema's number.
        found: i64,
    },
    /// The database itself failed: not a database, no access, no space, locked by someone else.
    Database(PathBuf, rusqlite::Error),
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => {
                write!(f, "no ledger at {}: it appears once the proxy has run with this path", path.display())
            }
            Self::Other { path, found } => write!(
                f,
                "the ledger {} has schema {found} and this version knows {SCHEMA}: use the version that wrote it, or \
                 another path",
                path.display()
            ),
            Self::Database(path, error) => write!(f, "the ledger {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database(_, error) => Some(error),
            Self::Missing(_) | Self::Other { .. } => None,
        }
    }
}

/// Opens for writing; creates the file and its tables where there are none.
pub(super) fn open_to_write(path: &Path) -> Result<Connection, LedgerError> {
    let at = |error| LedgerError::Database(path.to_path_buf(), error);
    let connection = Connection::open(path).map_err(at)?;
    connection.busy_timeout(BUSY).map_err(at)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(at)?;
    // Before anything is changed: another version's file stays as it is.
    let found = schema_of(&connection).map_err(at)?;
    if found != 0 && !(OLDEST..=SCHEMA).contains(&found) {
        return Err(LedgerError::Other { path: path.to_path_buf(), found });
    }
    connection.pragma_update(None, "journal_mode", "WAL").map_err(at)?;
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(at)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES).map_err(at)?;
    connection.pragma_update(None, "journal_size_limit", 4 * WAL_PAGES * PAGE_BYTES).map_err(at)?;
    if found != SCHEMA {
        let views = views();
        let create = format!(
            "BEGIN IMMEDIATE; {TABLES} DROP VIEW IF EXISTS requests; DROP VIEW IF EXISTS attempts; {views}
             PRAGMA user_version = {SCHEMA}; COMMIT;"
        );
        connection.execute_batch(&create).map_err(at)?;
    }
    Ok(connection)
}

/// Opens for reading, beside a writer or without one.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, LedgerError> {
    if !path.is_file() {
        return Err(LedgerError::Missing(path.to_path_buf()));
    }
    let at = |error| LedgerError::Database(path.to_path_buf(), error);
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(at)?;
    connection.busy_timeout(BUSY).map_err(at)?;
    match schema_of(&connection).map_err(at)? {
        0 => Err(LedgerError::Missing(path.to_path_buf())),
        OLDEST..=SCHEMA => Ok(connection),
        found => Err(LedgerError::Other { path: path.to_path_buf(), found }),
    }
}

fn schema_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The schema's number; a change of `TABLES`, of the views or of a record raises it: 3 has `fault` in attempts, 4 what
/// came of answers that were tested.
const SCHEMA: i64 = 4;
/// Records of this schema read as they are, and its files are brought up to date when they are opened for writing.
const OLDEST: i64 = 2;
/// How long a lock held by another process is waited for.
const BUSY: Duration = Duration::from_secs(2);
/// A record with its decision takes one to four kilobytes; in small pages most of the last one stays empty.
const PAGE_BYTES: i64 = 16_384;
/// Pages between two checkpoints.
const WAL_PAGES: i64 = 500;

/// `key` is the upper half of the request id: milliseconds of arrival and 16 random bits. So records lie in the order of
/// time, a span of time is a span of keys, and an id is found without an index of its own.
/// A record holds the request and its attempts. `inputs` and `decision` are JSON without field names: `[shape, values…]`,
/// the names in `shapes`, and shape 0 for a sequence.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS records (key INTEGER PRIMARY KEY, record TEXT NOT NULL, inputs TEXT, decision TEXT);
CREATE TABLE IF NOT EXISTS snapshots (
    version TEXT PRIMARY KEY, source TEXT NOT NULL, profile TEXT NOT NULL,
    since_ms INTEGER NOT NULL, replaced_ms INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shapes (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
";
