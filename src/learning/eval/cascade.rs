//! Plans that look at answers: two models answer, and where they agree the cheaper answer stands; else a third answers.
//!
//! What runs a plan sees which answers are equal and what they cost. It is given neither scores nor right answers.

use crate::learning::sheet::Column;

/// A plan over the models of a pool, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Plan {
    /// One model.
    Single(usize),
    /// Two models; a third where they do not agree.
    Agree([usize; 2], usize),
}

/// All that running a plan may see of a model.
pub(super) struct Answers<'s> {
    answer: &'s [Option<i64>],
    /// Not a number where it is not known: no sum over such a row looks like a cost.
    cost_usd: Vec<f64>,
}

impl<'s> From<&'s Column> for Answers<'s> {
    fn from(column: &'s Column) -> Self {
        let cost_usd = column.cost_usd.iter().map(|cost| cost.map_or(f64::NAN, f64::from)).collect();
        Self { answer: &column.answer, cost_usd }
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
    let cost = |model: usize| models[model].cost_usd[row];
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
    use proptest::prelude::*;

    use super::*;

    fn column(answer: &[Option<i64>], score: &[f32], cost: f32) -> Column {
        Column {
            model: "m".to_owned(),
            predicted: vec![0.0; answer.len()],
            by_class: vec![0.0; answer.len()],
            familiar: vec![true; answer.len()],
            score: score.iter().copied().map(Some).collect(),
            cost_usd: vec![Some(cost); answer.len()],
            answer: answer.to_vec(),
        }
    }

    fn ran(columns: &[Column], plan: Plan) -> Vec<Ran> {
        let answers: Vec<Answers<'_>> = columns.iter().map(Answers::from).collect();
        (0..columns[0].answer.len()).map(|row| run(plan, &answers, row)).collect()
    }

    #[test]
    fn only_answers_that_were_found_and_are_equal_agree() {
        let scores = [0.0; 3];
        let columns = [
            column(&[Some(1), Some(1), None], &scores, 1.0),
            column(&[Some(1), Some(2), None], &scores, 1.0),
            column(&[None; 3], &scores, 1.0),
        ];
        let found = ran(&columns, Plan::Agree([0, 1], 2));
        let found: Vec<(usize, f64)> = found.into_iter().map(|ran| (ran.served, ran.cost_usd)).collect();
        assert_eq!(found, [(0, 2.0), (2, 3.0), (2, 3.0)]);
    }

    #[test]
    fn an_unknown_cost_is_not_nothing() {
        let mut columns = [column(&[Some(1)], &[1.0], 1.0), column(&[Some(1)], &[1.0], 1.0)];
        columns[1].cost_usd = vec![None];
        assert!(ran(&columns, Plan::Agree([0, 1], 0))[0].cost_usd.is_nan());
    }

    proptest! {
        /// What is served and what it costs does not depend on what is right.
        #[test]
        fn scores_are_not_looked_at(
            answers in prop::collection::vec(prop::option::of(0_i64..3), 3 * 8),
            scores in Just((0..24).map(|at| at as f32 / 24.0).collect::<Vec<_>>()).prop_shuffle(),
            others in Just((0..24).map(|at| at as f32 / 24.0).collect::<Vec<_>>()).prop_shuffle(),
            plan in prop_oneof![
                (0_usize..3).prop_map(Plan::Single),
                Just([0, 1, 2]).prop_shuffle().prop_map(|[a, b, c]| Plan::Agree([a, b], c)),
            ],
        ) {
            let with = |scores: &[f32]| -> Vec<Column> {
                answers.chunks(8).zip(scores.chunks(8)).zip(1_u8..).map(|((answer, score), cost)| {
                    column(answer, score, f32::from(cost))
                }).collect()
            };
            prop_assert_eq!(ran(&with(&scores), plan), ran(&with(&others), plan));
        }
    }
}
