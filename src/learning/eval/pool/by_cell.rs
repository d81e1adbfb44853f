//! One plan for each cell, a class and a third of it by predicted difficulty: the cheapest combination that is safe on the
//! learned rows.

use std::collections::{BTreeMap, HashMap};

use super::Served;
use super::field::Field;
use super::freeze::Way;
use crate::learning::eval::cascade::Plan;
use crate::learning::eval::{Facts, LEAST_ROWS, MAX_LOSS, Trial};
use crate::learning::sheet::Sheet;
use crate::types::TaskClass;

/// A class and a part of it, from easy to hard.
type Cell = (TaskClass, usize);

/// Plans for some cells, and what all rows of these would cost and lose.
#[derive(Clone)]
struct Combination {
    plans: Vec<(Cell, Plan)>,
    cost: f64,
    loss: f64,
    squares: f64,
}

/// Combinations kept from cell to cell: the cheapest for each loss.
const KEPT: usize = 1000;

/// Where each class is cut, by predicted difficulty.
struct Cuts([Vec<f32>; TaskClass::COUNT]);

impl Cuts {
    /// Into parts of equal numbers of rows, as many as have rows enough.
    fn new(sheet: &Sheet, rows: &[usize], parts: usize) -> Self {
        Self(TaskClass::ALL.map(|task| {
            let of = rows.iter().map(|row| &sheet.rows[*row]).filter(|facts| facts.task == task);
            let mut difficulties: Vec<f32> = of.filter_map(|facts| facts.difficulty).collect();
            difficulties.sort_by(f32::total_cmp);
            let parts = (difficulties.len() / LEAST_ROWS).clamp(1, parts);
            (1..parts).map(|part| difficulties[part * difficulties.len() / parts]).collect()
        }))
    }

    fn cell(&self, facts: &Facts) -> Cell {
        let difficulty = facts.difficulty.unwrap_or(f32::MAX);
        (facts.task, self.0[facts.task as usize].partition_point(|cut| *cut <= difficulty))
    }
}

/// Parts of a class that each get a plan. Of three parts models are chosen well; there are ten thousand cascades, and the
/// best of so many in a few hundred rows is a lucky one: by cross-validation on `train` rows two parts saved 61 % and lost
/// 1.2 points, one part 49 % and 0.1.
fn parts(cascades: bool) -> usize {
    if cascades { 1 } else { 3 }
}

impl<'s> Field<'s> {
    /// The way of one plan a cell, chosen for each part of the reported rows on the learned rows of that part.
    pub(super) fn by_cell(&self, name: &'static str, trial: &Trial<'s>, cascades: bool) -> Way {
        let mut served = self.now.single(self.best);
        for part in trial.parts() {
            let learns = |row: &usize| part.learns_from(&trial.learned.rows[*row]);
            let rows: Vec<usize> = self.then.rows.iter().copied().filter(learns).collect();
            let cuts = Cuts::new(trial.learned, &rows, parts(cascades));
            let plans = self.safe_plans(trial, (&rows, &cuts), cascades);
            for (at, row) in self.now.rows.iter().enumerate() {
                let facts = &trial.reported().rows[*row];
                if let Some(plan) = plans.get(&cuts.cell(facts))
                    && part.holds(facts)
                    && self.now.licensed[*row]
                {
                    served[at] = self.now.run(*plan, *row);
                }
            }
        }
        let all = self.then.rows.as_slice();
        let cuts = Cuts::new(trial.learned, all, parts(cascades));
        let plans = self.safe_plans(trial, (all, &cuts), cascades);
        let plan =
            |row: usize| plans.get(&cuts.cell(&trial.learned.rows[row])).filter(|_| self.then.licensed[row]);
        let cost =
            |row: &usize| self.then.run(plan(*row).copied().unwrap_or(Plan::Single(self.best)), *row).0;
        Way {
            name,
            curve: vec![served.clone()],
            frozen: Some(served.clone()),
            advantage: None,
            best: served,
            learned_cost: all.iter().map(cost).sum(),
        }
    }

    /// The cheapest combination whose loss over all these learned rows is safe; cells that are not in it keep the best
    /// single model.
    fn safe_plans(
        &self,
        trial: &Trial<'s>,
        (rows, cuts): (&[usize], &Cuts),
        cascades: bool,
    ) -> HashMap<Cell, Plan> {
        let mut cells: BTreeMap<Cell, Vec<usize>> = BTreeMap::new();
        for row in rows.iter().filter(|row| self.then.licensed[**row]) {
            cells.entry(cuts.cell(&trial.learned.rows[*row])).or_default().push(*row);
        }
        cells.retain(|_, rows| rows.len() >= LEAST_ROWS);
        let mut found = vec![Combination { plans: Vec::new(), cost: 0.0, loss: 0.0, squares: 0.0 }];
        for (cell, rows) in cells {
            let options = undominated(self.options(cell, &rows, &self.plans(&rows, cascades)));
            let both = |before: &Combination| {
                let before = before.clone();
                options.iter().map(move |option| before.with(option)).collect::<Vec<_>>()
            };
            found = undominated(found.iter().flat_map(both).collect());
        }
        let count = rows.len() as f64;
        let is_safe = |one: &&Combination| {
            let mean = one.loss / count;
            let variance = (one.squares / count - mean * mean).max(0.0);
            mean + 1.645 * (variance / count).sqrt() <= MAX_LOSS
        };
        let cheapest = found.iter().filter(is_safe).min_by(|a, b| a.cost.total_cmp(&b.cost));
        cheapest.map(|one| one.plans.iter().copied().collect()).unwrap_or_default()
    }

    /// The plans to try in a cell.
    fn plans(&self, rows: &[usize], cascades: bool) -> Vec<Plan> {
        let singles = (0..self.models.len()).map(Plan::Single);
        let triples = if cascades { self.triples(rows) } else { Vec::new() };
        singles.chain(triples.into_iter().map(|(plan, _)| plan)).collect()
    }

    /// Plans in one cell.
    fn options(&self, cell: Cell, rows: &[usize], plans: &[Plan]) -> Vec<Combination> {
        let alone: Served = rows.iter().map(|row| self.then.run(Plan::Single(self.best), *row)).collect();
        let option = |plan: &Plan| {
            let (mut cost, mut loss, mut squares) = (0.0, 0.0, 0.0);
            for (row, (_, best)) in rows.iter().zip(&alone) {
                let (paid, quality) = self.then.run(*plan, *row);
                let lost = best - quality;
                (cost, loss, squares) = (cost + paid, loss + lost, squares + lost * lost);
            }
            Combination { plans: vec![(cell, *plan)], cost, loss, squares }
        };
        plans.iter().map(option).collect()
    }
}

impl Combination {
    fn with(&self, other: &Self) -> Self {
        Self {
            plans: self.plans.iter().chain(&other.plans).copied().collect(),
            cost: self.cost + other.cost,
            loss: self.loss + other.loss,
            squares: self.squares + other.squares,
        }
    }
}

/// The combinations that no other one both undercuts and outdoes, the cheapest first.
fn undominated(mut all: Vec<Combination>) -> Vec<Combination> {
    all.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.loss.total_cmp(&b.loss)));
    let mut least = f64::INFINITY;
    all.retain(|one| {
        let better = one.loss < least;
        least = least.min(one.loss);
        better
    });
    // Thin out evenly, the ends included: what is between two kept ones is nearly as good as they are.
    let step = all.len().div_ceil(KEPT);
    let last = all.len() - 1;
    let mut at = 0;
    all.retain(|_| {
        at += 1;
        (at - 1) % step == 0 || at - 1 == last
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dearer_and_no_better_is_left_out() {
        let one = |cost: f64, loss: f64| Combination { plans: Vec::new(), cost, loss, squares: 0.0 };
        let kept =
            undominated(vec![one(3.0, 0.0), one(1.0, 5.0), one(2.0, 5.0), one(2.0, 1.0), one(4.0, 0.0)]);
        let kept: Vec<(f64, f64)> = kept.iter().map(|one| (one.cost, one.loss)).collect();
        assert_eq!(kept, [(1.0, 5.0), (2.0, 1.0), (3.0, 0.0)]);
    }
}
