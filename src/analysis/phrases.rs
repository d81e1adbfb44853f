//! The phrases themselves, with the cues they speak for and their points. A table to read and to extend, no rules.
//!
//! The points are set by hand: 1 weak, 2 fair, 4 strong. English first; other languages where a few phrases go far.
//! Written between bars; `*` at the end makes a stem; in scripts with case a phrase outside ASCII leaves out the letter
//! that may be a capital.

mod signs;
mod texts;
mod work;

use super::cues::Cue;

/// Effects, then the phrases that have them.
pub(super) type Row = (&'static [(Cue, u8)], &'static str);

/// All rows. A phrase stands in one of them only.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    [work::TABLE, texts::TABLE, signs::TABLE].into_iter().flatten()
}

/// The phrases of one row.
pub(super) fn of_row(row: &'static str) -> impl Iterator<Item = &'static str> {
    row.split('|').map(str::trim)
}
