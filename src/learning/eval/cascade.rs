//! Plans that look at answers: two models answer, and where they agree the cheaper answer stands; else a third answers.
//!
//! What runs a plan sees which answers are equal and what they cost. It is given neither scores nor right answers.

use crate::learning::sheet::Column;

/// A plan over the models of a pool, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Plan {
    /// One model.
    Single(usize),
    /// Two models; a third where they do not agree.
    Agree([usize; 2], usize),
}

/// All that running a plan may see of a model.
pub(super) struct Answers<'s> {
    answer: &'s [Option<i64>],
    cost_usd: &'s [Option<f32>],
}

impl<'s> From<&'s Column> for Answers<'s> {
    fn from(column: &'s Column) -> Self {
        Self { answer: &column.answer, cost_usd: &column.cost_usd }
    }
}

/// What came of running a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ran {
    /// Whose answer was served.
    pub(super) served: usize,
    /// What all calls cost.
    pub(super) cost_usd: f64,
}

/// Runs a plan on one row. An answer that was not found agrees with nothing, not even with another one not found.
pub(super) fn run(plan: Plan, models: &[Answers<'_>], row: usize) -> Ran {
    let cost = |model: usize| f64::from(models[model].cost_usd[row].unwrap_or_default());
    match plan {
        Plan::Single(model) => Ran { served: model, cost_usd: cost(model) },
        Plan::Agree([first, second], otherwise) => {
            let both = cost(first) + cost(second);
            let answer = models[first].answer[row];
            if answer.is_some() && answer == models[second].answer[row] {
                Ran { served: first, cost_usd: both }
            } else {
                Ran { served: otherwise, cost_usd: both + cost(otherwise) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_that_were_found_and_are_equal_agree() {
        let cost = [Some(1.0), Some(1.0), Some(1.0)];
        let [first, second] = [[Some(1), Some(1), None], [Some(1), Some(2), None]];
        let models = [
            Answers { answer: &first, cost_usd: &cost },
            Answers { answer: &second, cost_usd: &cost },
            Answers { answer: &[None; 3], cost_usd: &cost },
        ];
        let served: Vec<(usize, f64)> = (0..3)
            .map(|row| run(Plan::Agree([0, 1], 2), &models, row))
            .map(|ran| (ran.served, ran.cost_usd))
            .collect();
        assert_eq!(served, [(0, 2.0), (2, 3.0), (2, 3.0)]);
    }
}
