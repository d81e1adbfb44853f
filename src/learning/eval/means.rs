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
            Self::Domain => Key::Name(sheet.domain_of(facts)),
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
    /// cross-validation a row's own fold is left out. Where no learned row has a value all get 0, and none stands out.
    pub(super) fn means(&self, group: &Group, value: &dyn Fn(usize) -> Option<f64>) -> Vec<f64> {
        let reported = self.reported();
        let mut found = vec![0.0; reported.rows.len()];
        let valued: Vec<(usize, f64)> =
            (0..self.learned.rows.len()).filter_map(|row| Some((row, value(row)?))).collect();
        let lengths = fifths(valued.iter().map(|(row, _)| self.learned.rows[*row].bytes));
        for part in self.parts() {
            let mut sums: HashMap<Key<'_>, (f64, f64)> = HashMap::new();
            let (mut all, mut count) = (0.0, 0.0_f64);
            for (row, value) in &valued {
                if !part.learns_from(&self.learned.rows[*row]) {
                    continue;
                }
                let sum = sums.entry(group.key(self.learned, *row, &lengths)).or_default();
                (sum.0, sum.1) = (sum.0 + value, sum.1 + 1.0);
                (all, count) = (all + value, count + 1.0);
            }
            for (row, found) in
                found.iter_mut().enumerate().filter(|(row, _)| part.holds(&reported.rows[*row]))
            {
                let (sum, rows) = sums.get(&group.key(reported, row, &lengths)).copied().unwrap_or_default();
                *found = (sum + PULL * all / count.max(1.0)) / (rows + PULL);
            }
        }
        found
    }
}

/// The lengths at which rows fall into five equal parts.
fn fifths(bytes: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut bytes: Vec<u32> = bytes.collect();
    bytes.sort_unstable();
    (1..5).filter_map(|part| bytes.get(part * bytes.len() / 5).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::sheet::Facts;
    use crate::types::TaskClass;

    fn sheet(rows: &[(u8, u32)]) -> Sheet {
        let facts = |(fold, domain): &(u8, u32)| Facts {
            source: 0,
            domain: *domain,
            words: 0,
            fold: *fold,
            task: TaskClass::Math,
            unfamiliar: false,
            bytes: 1,
            difficulty: None,
        };
        Sheet {
            sources: vec!["s".to_owned()],
            domains: vec!["a".to_owned(), "b".to_owned()],
            rows: rows.iter().map(facts).collect(),
            columns: Vec::new(),
        }
    }

    #[test]
    fn a_rows_own_fold_is_left_out() {
        let sheet = sheet(&[(0, 0), (0, 0), (1, 0), (1, 1)]);
        let values = [1.0, 0.0, 0.5, 0.25];
        let trial = Trial { learned: &sheet, fresh: None };
        let found = trial.means(&Group::Domain, &|row| Some(values[row]));
        // By hand: fold 0 sees domain a once, with 0.5, and 0.375 over all; fold 1 sees it twice, with 0.5 over all.
        let drawn = (0.5 + PULL * 0.375) / (1.0 + PULL);
        assert_eq!(found[..2], [drawn, drawn], "both see the same, whatever came of them");
        assert_eq!(found[2..], [0.5, 0.5], "domain b was not seen");
    }

    #[test]
    fn fresh_rows_see_all_learned_ones_and_nothing_stands_out_without_any() {
        let (learned, fresh) = (sheet(&[(0, 0), (1, 0), (2, 1)]), sheet(&[(0, 0), (0, 1)]));
        let trial = Trial { learned: &learned, fresh: Some(&fresh) };
        let found = trial.means(&Group::Domain, &|row| (row < 2).then_some(row as f64));
        assert_eq!(found, [(1.0 + PULL * 0.5) / (2.0 + PULL), 0.5]);
        assert_eq!(trial.means(&Group::Length, &|_| None), [0.0, 0.0]);
    }
}
