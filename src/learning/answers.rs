//! Gathers from the ledger what acceptors are learnt of: answers of cascades that go by one, each beside what the plan's last model
//! said. Only requests count for which there was no acceptor: none of their answers stood, so both models answered all of them, and
//! nothing was selected. One that is in force is not learnt anew: what its audits find is of it alone, and takes time.

use std::collections::BTreeMap;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::acceptor::{Tested, acceptor};
use crate::catalog::{Acceptor, Profile};
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
    compared: Vec<Tested>,
    most_differing: f64,
}

/// What came of one plan and class.
#[derive(Clone, Debug, PartialEq, Serialize)]
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

impl Learnt {
    /// Puts an acceptor into a profile, without what is known of its plan in that class: that was of another.
    pub fn put_into(&self, profile: &mut Profile) {
        let Some(acceptor) = &self.acceptor else { return };
        profile.evidence.retain(|cell| (&cell.model, cell.task) != (&self.plan, self.task));
        profile.acceptors.retain(|one| (&one.plan, one.task) != (&self.plan, self.task));
        profile.acceptors.push(acceptor.clone());
    }
}

impl Answers {
    /// Takes what a request says, if its plan goes by an acceptor and had none; `most_differing`: what its policy lets be lost. Of
    /// several policies the strictest counts.
    pub fn add(&mut self, entry: &Entry, most_differing: f64) {
        let plan = entry.decision.as_ref().map(|decision| &decision.plan);
        let Some(plan @ Plan::Cascade(Cascade { accept: Accept::Acceptor, .. })) = plan else { return };
        let tried = |attempt: &AttemptRow| attempt.tried;
        let Some((tried, task)) = entry.attempts.iter().find_map(tried).zip(entry.task) else { return };
        if tried.under.acceptor.is_some() || tried.under.unfamiliar {
            return;
        }
        let empty = || Cell { compared: Vec::new(), most_differing };
        let cell = self.cells.entry((plan.key(), task)).or_insert_with(empty);
        cell.most_differing = cell.most_differing.min(most_differing);
        let draw = xxh3_64(&entry.id.0.to_le_bytes());
        let complexity = entry.complexity.map_or(0.0, f64::from);
        cell.compared.extend(tested(draw, tried, complexity));
    }

    /// What each plan and class comes to, in their order; those that this says are in force already are left out.
    pub fn learnt(self, in_force: impl Fn(&ModelId, TaskClass) -> bool) -> Vec<Learnt> {
        let cells = self.cells.into_iter().filter(|((plan, task), _)| !in_force(plan, *task));
        cells
            .map(|((plan, task), Cell { compared, most_differing })| {
                let acceptor = acceptor((&plan, task), &compared, most_differing);
                Learnt { plan, task, answers: compared.len(), most_differing, acceptor }
            })
            .collect()
    }
}

/// `None`: the last model said nothing beside it.
fn tested(draw: u64, tried: Tried, complexity: f64) -> Option<Tested> {
    let differs = match tried.same {
        Compared::Same => false,
        Compared::Differs | Compared::Incomparable => true,
        Compared::NotAsked | Compared::Unanswered => return None,
    };
    Some(Tested { draw, signals: tried.signals, complexity, differs })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{ACCEPTOR_COLUMNS, Evidence, EvidenceLevel};
    use crate::routing::{Decision, Reason};
    use crate::types::{RequestId, Served, Signals, Under};

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

    fn tried(same: Compared, under: Under) -> Tried {
        let output_tokens = if same == Compared::Same { 30 } else { 900 };
        let signals = Signals { output_tokens, text_bytes: 40, well_formed: true, ..Signals::default() };
        Tried { stood: under.acceptor.is_some(), same, signals, under }
    }

    /// Short answers are the same as the last model's, long ones are not.
    #[test]
    fn only_what_was_answered_twice_whatever_it_was_is_learnt_of() {
        let mut answers = Answers::default();
        let none = Under::default();
        let in_force = Under { acceptor: Some(7), ..none };
        let unfamiliar = Under { unfamiliar: true, ..none };
        for number in 0..600_u32 {
            let same = if number.is_multiple_of(2) { Compared::Same } else { Compared::Differs };
            answers.add(&entry(number, Accept::Acceptor, tried(same, none)), 0.05);
            // These say the contrary.
            let other = if number.is_multiple_of(2) { Compared::Differs } else { Compared::Same };
            answers.add(&entry(number, Accept::Acceptor, tried(other, in_force)), 0.05);
            answers.add(&entry(number, Accept::Acceptor, tried(other, unfamiliar)), 0.05);
            answers.add(&entry(number, Accept::Structure, tried(other, none)), 0.05);
            answers.add(&entry(number, Accept::Acceptor, tried(Compared::Unanswered, none)), 0.05);
        }
        let [learnt] = &answers.learnt(|_, _| false)[..] else { panic!("one cell is expected") };
        assert_eq!((learnt.plan.as_str(), learnt.answers), ("cascade(small | large by acceptor)", 600));
        let acceptor = learnt.acceptor.as_ref().unwrap();
        assert!((acceptor.stood - 0.5).abs() < 0.01, "{acceptor:?}");
        let stands = |same| acceptor.stands(&tried(same, none).signals, 0.5);
        assert!(stands(Compared::Same) && !stands(Compared::Differs));
    }

    #[test]
    fn the_strictest_policy_counts_and_what_is_in_force_is_not_learnt_anew() {
        let answers = || {
            let mut answers = Answers::default();
            answers.add(&entry(1, Accept::Acceptor, tried(Compared::Incomparable, Under::default())), 0.05);
            answers.add(&entry(2, Accept::Acceptor, tried(Compared::Same, Under::default())), 0.01);
            answers
        };
        let learnt = answers().learnt(|_, _| false);
        assert_eq!(
            (learnt[0].answers, learnt[0].most_differing, learnt[0].acceptor.is_none()),
            (2, 0.01, true)
        );
        assert_eq!(answers().learnt(|_, task| task == TaskClass::Math), []);
    }

    #[test]
    fn a_new_acceptor_begins_without_what_was_known_of_another() {
        let plan = || ModelId::from("cascade(small | large by acceptor)");
        let acceptor = Acceptor {
            plan: plan(),
            task: TaskClass::Math,
            weights: [0.0; ACCEPTOR_COLUMNS],
            stands_from: 0.5,
            answers: 400,
            stood: 0.6,
            differs_upper: 0.01,
        };
        let cell = |model: ModelId, task| Evidence {
            baseline: "large".into(),
            model,
            task,
            level: EvidenceLevel::Paired,
            pairs: 300,
            mean_quality: None,
            mean_loss: 0.0,
            loss_upper: 0.01,
            accepted: Some(0.3),
            cost_ratio: None,
        };
        let (code, other) = (cell(plan(), TaskClass::Code), cell("small".into(), TaskClass::Math));
        let mut profile = Profile {
            evidence: vec![cell(plan(), TaskClass::Math), code.clone(), other.clone()],
            acceptors: vec![Acceptor { stood: 0.2, ..acceptor.clone() }],
        };
        let learnt = |acceptor| Learnt {
            plan: plan(),
            task: TaskClass::Math,
            answers: 400,
            most_differing: 0.02,
            acceptor,
        };
        let before = profile.clone();
        learnt(None).put_into(&mut profile);
        assert_eq!((&profile.evidence, &profile.acceptors), (&before.evidence, &before.acceptors));
        learnt(Some(acceptor.clone())).put_into(&mut profile);
        assert_eq!((profile.evidence, profile.acceptors), (vec![code, other], vec![acceptor]));
    }
}
