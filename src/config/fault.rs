//! What is wrong with a configuration: place, key, and what would work.
//!
//! Faults are collected, never returned one at a time: whoever mends a file sees all of them at once.
//! A fault's text never holds a secret's value.

use std::fmt;

use serde::Serialize;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Line, from 1; 0 when the fault concerns the file as a whole.
    pub line: u32,
    /// Column in characters, from 1; 0 when the fault concerns the file as a whole.
    pub column: u32,
    /// The key, as `providers[0].auth`; empty for faults of syntax and of the file.
    pub key: String,
    /// What is wrong and what would work.
    pub message: String,
}

/// All faults of one configuration, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// The file they were found in; `None` when the text came from elsewhere.
    pub file: Option<String>,
    /// The faults, at least one.
    pub list: Vec<Fault>,
}

impl Faults {
    /// A single fault that concerns a whole file.
    pub(super) fn whole_file(message: String) -> Self {
        Self { file: None, list: vec![Fault { line: 0, column: 0, key: String::new(), message }] }
    }

    /// The same faults, named after their file.
    #[must_use]
    pub(super) fn in_file(self, file: String) -> Self {
        Self { file: Some(file), ..self }
    }
}

impl fmt::Display for Faults {
    /// One fault a line: `conf/x.toml:12:5 providers[0].auth: what is wrong`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or("configuration");
        for (position, fault) in self.list.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            f.write_str(file)?;
            if fault.line > 0 {
                write!(f, ":{}:{}", fault.line, fault.column)?;
            } else {
                f.write_str(":")?;
            }
            if !fault.key.is_empty() {
                write!(f, " {}:", fault.key)?;
            }
            write!(f, " {}", fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The known word nearest to a mistyped one, if any is near enough to be meant.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let near_enough = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance: characters to insert, delete or replace.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, wanted) in one.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (column, found) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(wanted.to_lowercase().ne(found.to_lowercase()));
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
