//! Gathers from the ledger what acceptors are learnt of: answers of cascades that go by one, each beside what the plan's last model
//! said. An answer that stood was compared only where it was audited, so those that were stand for all that stood.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::acceptor::{Tested, acceptor};
use crate::catalog::Acceptor;
use crate::ledger::{AttemptRow, Entry};
use crate::routing::{Accept, Cascade, Plan};
use crate::types::{Compared, ModelId, TaskClass, Tried};

/// Answers by plan and class.
#[derive(Debug, Default)]
pub struct Answers {
    cells: BTreeMap<(ModelId, TaskClass), Cell>,
}

#[derive(Debug)]
struct Cell {
    /// Those that were compared; of those that stood the weight is not known before all are there.
    compared: Vec<(Tested, bool)>,
    stood: u64,
    most_differing: f64,
}

/// What came of one plan and class.
#[derive(Clone, Debug, PartialEq)]
pub struct Learnt {
    /// The plan as decisions print it.
    pub plan: ModelId,
    /// The class of the requests.
    pub task: TaskClass,
    /// Answers that were compared.
    pub answers: usize,
    /// The share of requests in which what stands may differ from the last model's answer.
    pub most_differing: f64,
    /// `None`: no limit keeps to that.
    pub acceptor: Option<Acceptor>,
}

impl Answers {
    /// Takes what a request says, if its plan goes by an acceptor; `most_differing`: what its policy lets be lost. Of several
    /// policies the strictest counts.
    pub fn add(&mut self, entry: &Entry, most_differing: f64) {
        let plan = entry.decision.as_ref().map(|decision| &decision.plan);
        let Some(plan @ Plan::Cascade(Cascade { accept: Accept::Acceptor, .. })) = plan else { return };
        let tried = |attempt: &AttemptRow| attempt.tried;
        let Some((tried, task)) = entry.attempts.iter().find_map(tried).zip(entry.task) else { return };
        let cell = self.cells.entry((plan.key(), task)).or_insert_with(|| Cell {
            compared: Vec::new(),
            stood: 0,
            most_differing,
        });
        cell.most_differing = cell.most_differing.min(most_differing);
        cell.stood += u64::from(tried.stood);
        let draw = xxh3_64(&entry.id.0.to_le_bytes());
        let complexity = entry.complexity.map_or(0.0, f64::from);
        cell.compared.extend(tested(draw, tried, complexity).map(|tested| (tested, tried.stood)));
    }

    /// What each plan and class comes to, in their order.
    pub fn learnt(self) -> impl Iterator<Item = Learnt> {
        self.cells.into_iter().map(|((plan, task), cell)| {
            let audited = cell.compared.iter().filter(|(_, stood)| *stood).count();
            let each = cell.stood as f64 / audited.max(1) as f64;
            let weighed = |(tested, stood): &(Tested, bool)| Tested {
                weight: if *stood { each } else { 1.0 },
                ..*tested
            };
            let rows: Vec<Tested> = cell.compared.iter().map(weighed).collect();
            let most_differing = cell.most_differing;
            let acceptor = acceptor((&plan, task), &rows, most_differing);
            Learnt { plan, task, answers: rows.len(), most_differing, acceptor }
        })
    }
}

/// `None`: the last model said nothing beside it.
fn tested(draw: u64, tried: Tried, complexity: f64) -> Option<Tested> {
    let differs = match tried.same {
        Compared::Same => false,
        Compared::Differs | Compared::Incomparable => true,
        Compared::NotAsked | Compared::Unanswered => return None,
    };
    Some(Tested { draw, signals: tried.signals, complexity, differs, weight: 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Decision, Reason};
    use crate::types::{RequestId, Served, Signals};

    fn entry(number: u32, accept: Accept, tried: Tried) -> Entry {
        let text = include_str!("../../tests/fixtures/ledger/record.json");
        let mut entry: Entry = serde_json::from_str(text).unwrap();
        entry.attempts.truncate(1);
        entry.attempts[0].tried = Some(tried);
        entry.id = RequestId::new(1_790_000_000_000, u128::from(number));
        (entry.task, entry.complexity) = (Some(TaskClass::Math), Some(0.5));
        entry.decision = Some(Box::new(Decision {
            served: Served::Cascade,
            reason: Reason::Cheapest,
            plan: Plan::Cascade(Cascade { tries: vec!["small".into()], accept, last: "large".into() }),
            fallback: Vec::new(),
            baseline: Some("large".into()),
            would: None,
            would_reason: None,
            candidates: Vec::new(),
            propensity: 1.0,
        }));
        entry
    }

    /// Short answers are the same as the last model's, long ones are not; of those that stood one in ten was audited.
    #[test]
    fn what_was_compared_stands_for_what_was_not() {
        let mut answers = Answers::default();
        for number in 0..3000_u32 {
            let stood = number % 2 == 0;
            let output_tokens = if stood { 20 + number % 50 } else { 900 + number % 50 };
            let same = match (stood, number % 20) {
                (true, 0) => Compared::Same,
                (true, _) => Compared::NotAsked,
                (false, _) => Compared::Differs,
            };
            let signals = Signals { output_tokens, text_bytes: 40, well_formed: true, ..Signals::default() };
            answers.add(&entry(number, Accept::Acceptor, Tried { stood, same, signals }), 0.05);
        }
        answers.add(
            &entry(
                3000,
                Accept::Structure,
                Tried { stood: true, same: Compared::Same, signals: Signals::default() },
            ),
            0.05,
        );
        let [learnt] = &answers.learnt().collect::<Vec<_>>()[..] else { panic!("one cell is expected") };
        assert_eq!((learnt.plan.as_str(), learnt.answers), ("cascade(small | large by acceptor)", 1650));
        let acceptor = learnt.acceptor.as_ref().unwrap();
        // Half of all answers, though of those that were compared only one in eleven was such a one.
        assert!((acceptor.stood - 0.5).abs() < 0.01, "{acceptor:?}");
        let of = |output_tokens: u32| {
            let signals = Signals { output_tokens, text_bytes: 40, well_formed: true, ..Signals::default() };
            acceptor.stands(&signals, 0.5)
        };
        assert!(of(40) && !of(920));
    }

    #[test]
    fn the_strictest_policy_counts_and_what_nobody_answered_beside_is_none() {
        let mut answers = Answers::default();
        let tried = |same| Tried { stood: true, same, signals: Signals::default() };
        answers.add(&entry(1, Accept::Acceptor, tried(Compared::Unanswered)), 0.05);
        answers.add(&entry(2, Accept::Acceptor, tried(Compared::Incomparable)), 0.01);
        let learnt: Vec<Learnt> = answers.learnt().collect();
        assert_eq!(
            (learnt[0].answers, learnt[0].most_differing, learnt[0].acceptor.is_none()),
            (1, 0.01, true)
        );
    }
}
