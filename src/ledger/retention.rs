//! Keeps the ledger within its age and its size: the oldest records go first, in small batches between commits.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::LedgerSettings;
use super::row::first_key_of_ms;

/// When to look, and what is too old or too much.
#[derive(Debug)]
pub(super) struct Retention {
    days: u32,
    max_bytes: u64,
    /// Now by both clocks, once: a wall clock that jumps ahead must not make everything old.
    began: (Instant, Duration),
    looked: Option<Instant>,
    written_since: usize,
    /// The last look ran out of time before it was done.
    behind: bool,
}

impl Retention {
    pub(super) fn new(settings: &LedgerSettings) -> Self {
        Self {
            days: settings.retention_days,
            max_bytes: settings.max_bytes,
            began: (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            looked: None,
            written_since: 0,
            behind: false,
        }
    }

    pub(super) fn wrote(&mut self, records: usize) {
        self.written_since += records;
    }

    /// How long a writer without work may sleep.
    pub(super) fn next_look(&self) -> Duration {
        if self.behind { LOOK_WHEN_BEHIND } else { LOOK_WHEN_IDLE }
    }

    /// Deletes for at most a few milliseconds; what is left waits for the next call.
    pub(super) fn tidy(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.is_due() {
            return Ok(());
        }
        let start = Instant::now();
        self.looked = Some(start);
        self.written_since = 0;
        self.behind = false;
        let oldest_kept = self.oldest_kept();
        let mut deleted = 0;
        loop {
            let too_big = used_bytes(connection)? > self.max_bytes;
            let below = if too_big { i64::MAX } else { oldest_kept };
            let batch = connection.prepare_cached(DELETE)?.execute([below])?;
            deleted += batch;
            if batch == 0 {
                break;
            }
            if start.elapsed() > SLICE {
                self.behind = true;
                break;
            }
        }
        if deleted > 0 {
            connection.execute(DELETE_SNAPSHOTS, [])?;
        }
        Ok(())
    }

    fn is_due(&self) -> bool {
        let wait = if self.behind { LOOK_WHEN_BEHIND } else { LOOK_WHEN_BUSY };
        self.written_since >= LOOK_AFTER || self.looked.is_none_or(|at| at.elapsed() >= wait)
    }

    fn oldest_kept(&self) -> i64 {
        if self.days == 0 {
            return 0;
        }
        let (instant, wall) = self.began;
        let now = wall + instant.elapsed();
        let kept = Duration::from_secs(u64::from(self.days) * 86_400);
        first_key_of_ms(now.saturating_sub(kept).as_millis() as u64)
    }
}

/// Bytes of the pages in use; free pages are filled again before the file grows.
fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok((pages * pragma("page_size")?).max(0) as u64)
}

const LOOK_AFTER: usize = 1024;
const LOOK_WHEN_BUSY: Duration = Duration::from_secs(1);
const LOOK_WHEN_BEHIND: Duration = Duration::from_millis(100);
const LOOK_WHEN_IDLE: Duration = Duration::from_secs(60);
/// Longest time spent on deleting at once, so that commits stay within their interval.
const SLICE: Duration = Duration::from_millis(15);

const DELETE: &str = "DELETE FROM records WHERE key IN
    (SELECT key FROM records WHERE key < ?1 ORDER BY key LIMIT 128)";
/// A request keeps the snapshot it began with; an hour is more than any request takes.
const DELETE_SNAPSHOTS: &str = "DELETE FROM snapshots
    WHERE replaced_ms + 3600000 < (SELECT min(key) >> 16 FROM records)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_counted_from_the_start_by_a_clock_that_does_not_jump() {
        let mut retention =
            Retention::new(&LedgerSettings { retention_days: 30, ..LedgerSettings::default() });
        let days = |count: u64| Duration::from_secs(count * 86_400);
        // The wall clock is decades ahead of what it was when the ledger was opened.
        retention.began.1 = days(100);
        let kept = retention.oldest_kept();
        let at = |age: Duration| first_key_of_ms(age.as_millis() as u64);
        assert!((at(days(70))..at(days(71))).contains(&kept), "{kept}");
    }
}
