//! Means by group: the baselines that know a row's domain, class or length, and nothing else of it.

use std::collections::HashMap;

use super::{PULL, Trial};
use crate::learning::sheet::Sheet;

/// What a row is grouped by.
pub(super) enum Group {
    /// The source's own word for its kind; a router does not know it.
    Domain,
    /// The class our analysis gives it.
    Class,
    /// Its length, in five parts of equal numbers of rows.
    Length,
}

impl Group {
    fn key<'s>(&self, sheet: &'s Sheet, row: usize, lengths: &[u32]) -> Key<'s> {
        let facts = &sheet.rows[row];
        match self {
            Self::Domain => Key::Name(&sheet.domains[usize::from(facts.domain)]),
            Self::Class => Key::Name(facts.task.as_str()),
            Self::Length => Key::Number(lengths.partition_point(|bytes| *bytes < facts.bytes)),
        }
    }
}

#[derive(PartialEq, Eq, Hash)]
enum Key<'s> {
    Name(&'s str),
    Number(usize),
}

impl Trial<'_> {
    /// For every reported row the mean of a value over the learned rows of its group, drawn towards the mean of all. In a
    /// cross-validation a row's own fold is left out.
    pub(super) fn means(&self, group: &Group, value: &dyn Fn(usize) -> Option<f64>) -> Vec<f64> {
        let folds: Vec<Option<u8>> = match self.fresh {
            Some(_) => vec![None],
            None => (0..crate::learning::FOLDS).map(Some).collect(),
        };
        let reported = self.reported();
        let mut found = vec![f64::NAN; reported.rows.len()];
        let lengths = fifths(self.learned);
        for fold in folds {
            let mut sums: HashMap<Key<'_>, (f64, f64)> = HashMap::new();
            let (mut all, mut count) = (0.0, 0.0);
            for (row, facts) in self.learned.rows.iter().enumerate() {
                let Some(value) = value(row).filter(|_| Some(facts.fold) != fold) else { continue };
                let sum = sums.entry(group.key(self.learned, row, &lengths)).or_default();
                (sum.0, sum.1) = (sum.0 + value, sum.1 + 1.0);
                (all, count) = (all + value, count + 1.0);
            }
            for (row, found) in found.iter_mut().enumerate() {
                if fold.is_some_and(|fold| reported.rows[row].fold != fold) {
                    continue;
                }
                let (sum, rows) = sums.get(&group.key(reported, row, &lengths)).copied().unwrap_or_default();
                *found = (sum + PULL * all / count) / (rows + PULL);
            }
        }
        found
    }
}

/// The lengths at which the learned rows fall into five equal parts.
fn fifths(sheet: &Sheet) -> Vec<u32> {
    let mut bytes: Vec<u32> = sheet.rows.iter().map(|facts| facts.bytes).collect();
    bytes.sort_unstable();
    (1..5).filter_map(|part| bytes.get(part * bytes.len() / 5).copied()).collect()
}
