//! Learning from labelled prompts: rows in, a predictor out, and what a predictor is worth on rows it has not seen. Runs
//! offline, never on a request's path. Features and words are read by the same code that serves requests.

mod acceptor;
mod answers;
mod curves;
pub mod eval;
mod forest;
pub mod metrics;
mod ridge;
mod rows;
mod sheet;
mod train;

pub use answers::{Answers, Learnt};
pub use curves::calibrate;
pub use rows::{Outcome, Row, RowsError, Split, read_rows};
pub use sheet::{Column, Facts, Sheet};
pub use train::{FOLDS, Learned, Learning, train};
