//! What every request cost and why it was decided so, written off the request's path.
//!
//! The principal type is [`Ledger`]: a cheap handle whose `record` never waits. One [`Writer`] thread owns the database and
//! commits in groups, at most 100 ms or 256 records after they were filed: that much is lost by a killed process. A
//! commit survives a killed process at once, and a power failure from the next checkpoint on.
//! This room never blocks a request and never decides; a loss is counted.

mod compact;
mod compare;
mod entry;
mod handle;
mod reader;
mod retention;
mod row;
#[cfg(test)]
mod samples;
mod schema;
mod settings;
mod spent;
#[cfg(test)]
mod tests;
mod totals;
mod writer;

pub use compare::{Choice, Comparison, Mix, Way};
pub use entry::{AttemptOutcome, AttemptRow, CostRange, Entry, Outcome};
pub use handle::{Counts, Ledger, LedgerFull};
pub use reader::{Reader, Sources, Span};
pub use schema::LedgerError;
pub use settings::{LedgerMode, LedgerSettings};
pub use totals::{By, Catalogue, Cost, Group, Observed, Tiers, Totals, totals};
pub use writer::Writer;
