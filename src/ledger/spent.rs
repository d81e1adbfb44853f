//! What was spent since a moment, by client or by session, for ceilings that outlive a restart. Added up by the database: a month
//! of records is not for reading one by one.

use super::row::first_key_of_ms;
use super::{LedgerError, Reader};
use crate::types::{ClientId, NanoUsd};

impl Reader {
    /// What a client has spent since then; what has no price is not among it.
    pub fn spent_by_client(&self, client: &ClientId, since_ms: u64) -> Result<NanoUsd, LedgerError> {
        let sum = || {
            let mut statement = self.connection.prepare_cached(BY_CLIENT)?;
            statement.query_row((first_key_of_ms(since_ms), client.as_str()), |row| row.get::<_, i64>(0))
        };
        sum().map(amount).map_err(|error| self.at(error))
    }

    /// What sessions have spent since then, those used last first.
    pub fn spent_by_sessions(&self, since_ms: u64, most: usize) -> Result<Vec<(u64, NanoUsd)>, LedgerError> {
        let sums = || {
            let mut statement = self.connection.prepare_cached(BY_SESSION)?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let rows = statement.query_map((first_key_of_ms(since_ms), most), |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let known = |(session, sum): (String, i64)| Some((session.parse().ok()?, amount(sum)));
        sums().map(|rows| rows.into_iter().filter_map(known).collect()).map_err(|error| self.at(error))
    }
}

fn amount(sum: i64) -> NanoUsd {
    NanoUsd(u64::try_from(sum).unwrap_or(0))
}

const BY_CLIENT: &str = "SELECT COALESCE(SUM(cost_nanousd), 0) FROM requests WHERE key >= ?1 AND client = ?2";
// Sessions are written as digits: they do not fit SQLite's integers.
const BY_SESSION: &str = "SELECT session, COALESCE(SUM(cost_nanousd), 0) FROM requests
    WHERE key >= ?1 AND session <> '0' GROUP BY session ORDER BY MAX(key) DESC LIMIT ?2";
