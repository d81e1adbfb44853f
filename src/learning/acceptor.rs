//! Learns when one model's answer stands: from answers that the plan's last model was asked beside, what can be told of an answer
//! without its words, and whether the two said the same.
//!
//! The score is a ridge regression of "the same" on these numbers. Where it stands is chosen on scores of rows that were left
//! out of the fit, in five parts: the lowest of four limits at which the share of requests whose answer stands and differs is at most
//! what may be lost, with an upper bound by Wilson (J. Am. Statist. Assoc. 22, 1927). What differs counts as lost, whoever was right.

use super::ridge::{Sparse, forth, ridge};
use crate::catalog::{ACCEPTOR_COLUMNS, Acceptor};
use crate::types::{ModelId, Signals, TaskClass};

/// Answers below which nothing is learnt: the bound alone would ask for more.
const LEAST_ANSWERS: usize = 100;
/// Parts, each scored by a fit on the others.
const PARTS: u64 = 5;
/// Limits that are looked at: all answers stand, three of four, two, one.
const LIMITS: usize = 4;
/// One-sided 95 % over all limits together, as of loss curves: each errs once in eighty (Bonferroni).
const Z: f64 = 2.241;
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
    /// For how many requests it stands: those of which only a share was looked at weigh more.
    pub(super) weight: f64,
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
    let mut limits = quarters(rows, &scores);
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
            *score = f64::from(forth(&[numbers(row, 1.0)], &weights)[0]);
        }
    }
    scores
}

fn fitted(rows: &[&Tested]) -> Vec<f32> {
    // A row that counts for many is so many rows: its square is what is minimised.
    let root = |row: &Tested| row.weight.sqrt() as f32;
    let sparse: Vec<Sparse> = rows.iter().map(|row| numbers(row, root(row))).collect();
    let targets: Vec<f32> = rows.iter().map(|row| if row.differs { 0.0 } else { root(row) }).collect();
    ridge(&sparse, ACCEPTOR_COLUMNS, &targets, STRENGTH)
}

fn numbers(row: &Tested, times: f32) -> Sparse {
    let columns = Acceptor::columns(&row.signals, row.complexity);
    (0..).zip(columns).map(|(column, value)| (column, value as f32 * times)).collect()
}

/// The lowest score, and those at the quarters of what the rows stand for.
fn quarters(rows: &[Tested], scores: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<(f64, f64)> = scores.iter().copied().zip(rows.iter().map(|row| row.weight)).collect();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    let all: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let mut below = 0.0;
    let mut limits = Vec::with_capacity(LIMITS);
    for (score, weight) in sorted {
        if below >= all * limits.len() as f64 / LIMITS as f64 && limits.len() < LIMITS {
            limits.push(score);
        }
        below += weight;
    }
    limits
}

/// Shares of requests: whose answer stands; and, at most, whose answer stands and differs.
fn standing(rows: &[Tested], scores: &[f64], limit: f64) -> (f64, f64) {
    let stands = |(row, score): &(&Tested, &f64)| row.signals.well_formed && **score >= limit;
    let standing = || rows.iter().zip(scores).filter(stands).map(|(row, _)| row);
    let weights = |rows: &mut dyn Iterator<Item = &Tested>| rows.map(|row| row.weight).sum::<f64>();
    let all = weights(&mut rows.iter());
    let squares: f64 = rows.iter().map(|row| row.weight * row.weight).sum();
    let differs = weights(&mut standing().filter(|row| row.differs)) / all;
    (weights(&mut standing()) / all, wilson_upper(differs, all * all / squares))
}

/// The upper end of Wilson's interval of a share among so many.
fn wilson_upper(share: f64, among: f64) -> f64 {
    let square = Z * Z;
    let centre = share + square / (2.0 * among);
    let half = Z * (share * (1.0 - share) / among + square / (4.0 * among * among)).sqrt();
    ((centre + half) / (1.0 + square / among)).min(1.0)
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    const PLAN: &str = "cascade(a | b by acceptor)";
    const MOST: f64 = 0.02;

    /// Answers of a model that is wrong the more often the longer it writes: hardly ever below a hundred tokens.
    fn answers(random: &mut StdRng, count: usize, told: bool) -> Vec<Tested> {
        let mut one = || {
            let output_tokens: u32 = random.random_range(10..1000);
            let wrong = if output_tokens < 400 { 0.004 } else { f64::from(output_tokens - 400) / 900.0 };
            let shown = if told { output_tokens } else { 100 };
            Tested {
                draw: random.random(),
                signals: Signals {
                    output_tokens: shown,
                    text_bytes: shown * 4,
                    well_formed: true,
                    ..Signals::default()
                },
                complexity: 0.5,
                differs: random.random_bool(wrong),
                weight: 1.0,
            }
        };
        (0..count).map(|_| one()).collect()
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
        let (mut found, mut broken, mut stood) = (0, 0, 0.0);
        for seed in 0..60 {
            let mut random = StdRng::seed_from_u64(seed);
            let Some(acceptor) = learnt(&answers(&mut random, 600, true)) else { continue };
            found += 1;
            let (stands, differs) = shares(&acceptor, &answers(&mut random, 20_000, true));
            stood += stands;
            // Two standard errors of the truth's own count.
            broken += u32::from(differs > MOST + 0.002);
            assert!((stands - acceptor.stood).abs() < 0.15, "{stands} for {}", acceptor.stood);
        }
        assert!(found >= 50, "{found} of 60");
        assert!(broken * 20 <= found + 20, "{broken} of {found} lose more");
        assert!(stood / f64::from(found) > 0.2, "{stood} of {found}");
    }

    #[test]
    fn where_nothing_tells_right_from_wrong_nothing_stands() {
        let mut random = StdRng::seed_from_u64(7);
        assert_eq!(learnt(&answers(&mut random, 600, false)), None);
        assert_eq!(learnt(&answers(&mut random, LEAST_ANSWERS - 1, true)), None);
        let mut misshapen = answers(&mut random, 600, true);
        misshapen.iter_mut().for_each(|row| row.signals.well_formed = false);
        assert_eq!(learnt(&misshapen), None);
    }

    /// Of answers that stood only one in ten was looked at, and those count ten times: what is said of all is true of all.
    #[test]
    fn a_share_that_was_looked_at_stands_for_the_rest() {
        let mut random = StdRng::seed_from_u64(3);
        let all = answers(&mut random, 6000, true);
        let short = |row: &Tested| row.signals.output_tokens < 400;
        let mut sampled: Vec<Tested> = Vec::new();
        for row in &all {
            let kept = !short(row) || random.random_bool(0.1);
            if kept {
                sampled.push(Tested { weight: if short(row) { 10.0 } else { 1.0 }, ..*row });
            }
        }
        let (whole, part) = (learnt(&all).unwrap(), learnt(&sampled).unwrap());
        let (stands, differs) = shares(&part, &answers(&mut random, 20_000, true));
        assert!((stands - part.stood).abs() < 0.05, "{stands} for {}", part.stood);
        assert!(stands > 0.2 && differs <= MOST, "{stands}, {differs}");
        assert!(part.stood <= whole.stood, "it knows less, so less stands");
    }

    /// The upper end p solves (p - share)² = Z² p (1 - p) / n, which is how the interval is defined.
    #[test]
    fn the_bound_is_wilsons() {
        for (share, among) in [(0.0, 250.0), (0.02, 100.0), (0.5, 10.0), (0.9, 40.0)] {
            let upper = wilson_upper(share, among);
            let off = (upper - share).powi(2) - Z * Z * upper * (1.0 - upper) / among;
            assert!(upper > share && off.abs() < 1e-12, "{share} of {among}: {upper}");
        }
    }
}
