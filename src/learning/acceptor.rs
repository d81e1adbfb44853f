//! Learns when one model's answer stands: from answers that the plan's last model was asked beside, what can be told of an answer
//! without its words, and whether the two said the same.
//!
//! The score is a ridge regression of "the same" on these numbers. Where it stands is chosen on scores of rows that were left
//! out of the fit, in five parts: the lowest of four limits at which the share of requests whose answer stands and differs is at most
//! what may be lost, by an exact upper bound. What differs counts as lost, whoever was right.

use super::binomial::upper;
use super::ridge::{Sparse, forth, ridge};
use crate::catalog::{ACCEPTOR_COLUMNS, Acceptor};
use crate::types::{ModelId, Signals, TaskClass};

/// Answers below which nothing is learnt: the bound alone would ask for more.
pub(super) const LEAST_ANSWERS: usize = 100;
/// Parts, each scored by a fit on the others.
const PARTS: u64 = 5;
/// Limits that are looked at: all answers stand, three of four, two, one.
const LIMITS: usize = 4;
/// One-sided 95 % over all limits together: each errs once in eighty (Bonferroni).
const MAY_FAIL: f64 = 0.05 / LIMITS as f64;
/// A few rows must not make a weight: that of so many rows stands against it.
const STRENGTH: f32 = 1.0;

/// An answer that was put to the test, beside which the last model gave its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tested {
    /// What its part is drawn by: a hash of the request's identity.
    pub(super) draw: u64,
    /// What can be told of it.
    pub(super) signals: Signals,
    /// How complex the request is, 0..1.
    pub(super) complexity: f64,
    /// Whether the last model said something else, or what cannot be compared.
    pub(super) differs: bool,
}

/// The acceptor of one plan in one class; `None`: there is none whose answers differ in at most this share of requests.
pub(super) fn acceptor(
    (plan, task): (&ModelId, TaskClass),
    rows: &[Tested],
    most_differing: f64,
) -> Option<Acceptor> {
    if rows.len() < LEAST_ANSWERS {
        return None;
    }
    let scores = left_out(rows);
    let mut limits = quarters(&scores);
    limits.dedup();
    let (stands_from, (stood, differs_upper)) = limits
        .into_iter()
        .map(|limit| (limit, standing(rows, &scores, limit)))
        .find(|(_, (stood, differs_upper))| *stood > 0.0 && *differs_upper <= most_differing)?;
    let all: Vec<&Tested> = rows.iter().collect();
    let mut weights = [0.0; ACCEPTOR_COLUMNS];
    for (weight, fitted) in weights.iter_mut().zip(fitted(&all)) {
        *weight = f64::from(fitted);
    }
    let answers = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    Some(Acceptor { plan: plan.clone(), task, weights, stands_from, answers, stood, differs_upper })
}

/// The score of each row by a fit on rows of other parts.
fn left_out(rows: &[Tested]) -> Vec<f64> {
    let mut scores = vec![0.0; rows.len()];
    for part in 0..PARTS {
        let others: Vec<&Tested> = rows.iter().filter(|row| row.draw % PARTS != part).collect();
        let weights = fitted(&others);
        for (score, row) in scores.iter_mut().zip(rows).filter(|(_, row)| row.draw % PARTS == part) {
            *score = f64::from(forth(&[numbers(row)], &weights)[0]);
        }
    }
    scores
}

fn fitted(rows: &[&Tested]) -> Vec<f32> {
    let sparse: Vec<Sparse> = rows.iter().map(|row| numbers(row)).collect();
    let targets: Vec<f32> = rows.iter().map(|row| if row.differs { 0.0 } else { 1.0 }).collect();
    ridge(&sparse, ACCEPTOR_COLUMNS, &targets, STRENGTH)
}

fn numbers(row: &Tested) -> Sparse {
    let columns = Acceptor::columns(&row.signals, row.complexity);
    (0..).zip(columns).map(|(column, value)| (column, value as f32)).collect()
}

/// The lowest score, and those at the quarters.
fn quarters(scores: &[f64]) -> Vec<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    (0..LIMITS).map(|quarter| sorted[quarter * sorted.len() / LIMITS]).collect()
}

/// Shares of requests: whose answer stands; and, at most, whose answer stands and differs.
fn standing(rows: &[Tested], scores: &[f64], limit: f64) -> (f64, f64) {
    let stands = |(row, score): &(&Tested, &f64)| row.signals.well_formed && **score >= limit;
    let (mut standing, mut differing) = (0, 0);
    for (row, _) in rows.iter().zip(scores).filter(stands) {
        standing += 1_u64;
        differing += u64::from(row.differs);
    }
    let all = rows.len() as u64;
    (standing as f64 / all as f64, upper(differing, all, MAY_FAIL))
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    const PLAN: &str = "cascade(a | b by acceptor)";
    const MOST: f64 = 0.02;

    /// Answers of a model that is wrong so often, by how many tokens it writes; all that is told of them is that.
    fn answers(random: &mut StdRng, count: usize, wrong: fn(u32) -> f64) -> Vec<Tested> {
        let mut one = || {
            let output_tokens: u32 = random.random_range(0..1000);
            let signals = Signals {
                output_tokens,
                text_bytes: output_tokens * 4,
                well_formed: true,
                ..Signals::default()
            };
            Tested {
                draw: random.random(),
                signals,
                complexity: 0.5,
                differs: random.random_bool(wrong(output_tokens)),
            }
        };
        (0..count).map(|_| one()).collect()
    }

    /// Hardly ever below four hundred tokens.
    fn the_longer(tokens: u32) -> f64 {
        if tokens < 400 { 0.004 } else { f64::from(tokens - 400) / 900.0 }
    }

    /// So that a little more than may be lost is, where the shorter half stands.
    fn just_beyond(tokens: u32) -> f64 {
        if tokens < 500 { 0.046 } else { 0.6 }
    }

    fn learnt(rows: &[Tested]) -> Option<Acceptor> {
        acceptor((&PLAN.into(), TaskClass::Math), rows, MOST)
    }

    /// Share of answers that stand, and that stand and differ.
    fn shares(acceptor: &Acceptor, rows: &[Tested]) -> (f64, f64) {
        let stands = |row: &&Tested| acceptor.stands(&row.signals, row.complexity);
        let of = |count: usize| count as f64 / rows.len() as f64;
        let differing = rows.iter().filter(stands).filter(|row| row.differs).count();
        (of(rows.iter().filter(stands).count()), of(differing))
    }

    #[test]
    fn what_stands_is_no_worse_than_was_asked_for() {
        for (wrong, rows, least) in [(the_longer as fn(u32) -> f64, 600, 60), (just_beyond, 1000, 20)] {
            let (mut found, mut broken, mut stood) = (0, 0, 0.0);
            for seed in 0..80 {
                let mut random = StdRng::seed_from_u64(seed);
                let Some(acceptor) = learnt(&answers(&mut random, rows, wrong)) else { continue };
                found += 1;
                let (stands, differs) = shares(&acceptor, &answers(&mut random, 20_000, wrong));
                stood += stands;
                // Two standard errors of the truth's own count.
                broken += u32::from(differs > MOST + 0.002);
                assert!((stands - acceptor.stood).abs() < 0.15, "{stands} for {}", acceptor.stood);
            }
            assert!(found >= least, "{found} of 80");
            assert!(broken * 20 <= found, "{broken} of {found} lose more");
            assert!(stood / f64::from(found) > 0.2, "{stood} of {found}");
        }
    }

    #[test]
    fn where_nothing_tells_right_from_wrong_nothing_stands() {
        let mut random = StdRng::seed_from_u64(7);
        assert_eq!(learnt(&answers(&mut random, 600, |_| 0.2)), None);
        assert_eq!(learnt(&answers(&mut random, LEAST_ANSWERS - 1, |_| 0.0)), None);
        let mut misshapen = answers(&mut random, 600, the_longer);
        misshapen.iter_mut().for_each(|row| row.signals.well_formed = false);
        assert_eq!(learnt(&misshapen), None);
    }
}
