//! Plans of several models, as data: who answers, who judges, what lets an answer stand. How each is run is the executor's
//! business; what it costs is told by its legs.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::analysis::Analysis;
use crate::catalog::{Acceptor, PlanKind, Snapshot};
use crate::types::{ModelId, Probability, Signals};

/// Cheap models first, another where their answers do not stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cascade {
    /// Under [`Accept::Agreement`] two or three that are asked side by side: the first one's answer serves when all say the
    /// same. Under [`Accept::Majority`] three: two side by side, and the third where those differ. One that stands there more than
    /// once is asked as often. Else one or more that are asked in this order, each answer tested.
    pub tries: Vec<ModelId>,
    /// What lets an answer stand.
    pub accept: Accept,
    /// Who answers when none stands; served untested.
    pub last: ModelId,
}

/// The test answers are put to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accept {
    /// All say the same.
    Agreement,
    /// Two of three say the same.
    Majority,
    /// The answer has the form that was asked for.
    Structure,
    /// What was learnt of such answers says that it stands.
    Acceptor,
    /// The geometric mean of the probabilities of its tokens, by the model that wrote it, is at least this.
    Logprobs(Probability),
    /// This model finds it good.
    Judge(ModelId),
}

/// What was learnt of when answers stand, for one request.
#[derive(Clone, Debug)]
pub struct Acceptance {
    acceptor: Arc<Acceptor>,
    complexity: f64,
}

impl Acceptance {
    /// Of a plan that goes by it; `None`: another plan, or nothing was learnt for it in the request's class.
    pub fn of(snapshot: &Snapshot, analysis: &Analysis, plan: &Plan) -> Option<Self> {
        if !matches!(plan, Plan::Cascade(Cascade { accept: Accept::Acceptor, .. })) || analysis.unfamiliar {
            return None;
        }
        let acceptor = snapshot.evidence.acceptor(&plan.key(), analysis.task)?.clone();
        Some(Self { acceptor, complexity: f64::from(analysis.complexity.score) })
    }

    /// Whether an answer stands.
    pub fn stands(&self, signals: &Signals) -> bool {
        self.acceptor.stands(signals, self.complexity)
    }

    /// Tells the acceptor from others.
    pub fn fingerprint(&self) -> u32 {
        self.acceptor.fingerprint()
    }

    /// Share of answers that stand, 0..1.
    pub(super) fn usual(&self) -> f64 {
        self.acceptor.stood
    }
}

/// Several models answer side by side, another chooses one of the answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ensemble {
    /// Who answers, at least two.
    pub members: Vec<ModelId>,
    /// Who chooses.
    pub judge: ModelId,
    /// Answers that are enough to choose from.
    pub quorum: u8,
}

/// Several models answer, then see each other's answers and answer again; another sums up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debate {
    /// Who answers, at least two.
    pub debaters: Vec<ModelId>,
    /// How often each answers, at least once; from the second time on with all answers of the round before.
    pub rounds: u8,
    /// Who writes the answer from those of the last round.
    pub judge: ModelId,
    /// Answers of the last round that are enough to sum up.
    pub quorum: u8,
}

/// One model writes, another accepts it or writes it better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Who writes.
    pub drafter: ModelId,
    /// Who accepts or corrects.
    pub verifier: ModelId,
}

impl Plan {
    /// Its kind; `None`: it is no choice of ours.
    pub fn kind(&self) -> Option<PlanKind> {
        match self {
            Self::Named => None,
            Self::Single(_) => Some(PlanKind::Single),
            Self::Cascade(_) => Some(PlanKind::Cascade),
            Self::Ensemble(_) => Some(PlanKind::Ensemble),
            Self::Debate(_) => Some(PlanKind::Debate),
            Self::Draft(_) => Some(PlanKind::Draft),
        }
    }

    /// What it is called in evidence: as it is printed.
    pub fn key(&self) -> ModelId {
        ModelId::from(self.to_string().as_str())
    }

    /// Whether it takes several models.
    pub fn is_compound(&self) -> bool {
        self.kind().is_some_and(|kind| kind != PlanKind::Single)
    }

    /// The cheap models that answer first: what the plan is worth while nobody has measured it is what the best of them is.
    pub(super) fn first_to_answer(&self) -> &[ModelId] {
        match self {
            Self::Named => &[],
            Self::Single(model) => std::slice::from_ref(model),
            Self::Cascade(cascade) => &cascade.tries,
            Self::Ensemble(ensemble) => &ensemble.members,
            Self::Debate(debate) => &debate.debaters,
            Self::Draft(draft) => std::slice::from_ref(&draft.drafter),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named => f.write_str("as named"),
            Self::Single(model) => model.fmt(f),
            Self::Cascade(cascade) => cascade.fmt(f),
            Self::Ensemble(Ensemble { members, judge, .. }) => {
                write!(f, "ensemble({} | {judge})", joined(members, ", "))
            }
            Self::Debate(Debate { debaters, rounds, judge, .. }) => {
                write!(f, "debate({} x{rounds} | {judge})", joined(debaters, ", "))
            }
            Self::Draft(Draft { drafter, verifier }) => write!(f, "draft({drafter} | {verifier})"),
        }
    }
}

impl fmt::Display for Cascade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = &self.last;
        match &self.accept {
            Accept::Agreement => write!(f, "cascade({} | {last})", joined(&self.tries, " & ")),
            Accept::Majority => {
                let (first, third) = self.tries.split_at(2.min(self.tries.len()));
                write!(f, "cascade({}, {} | {last} by majority)", joined(first, " & "), joined(third, ", "))
            }
            Accept::Structure => write!(f, "cascade({} | {last} by structure)", joined(&self.tries, ", ")),
            Accept::Acceptor => write!(f, "cascade({} | {last} by acceptor)", joined(&self.tries, ", ")),
            Accept::Logprobs(least) => {
                write!(f, "cascade({} | {last} by logprobs {least})", joined(&self.tries, ", "))
            }
            Accept::Judge(judge) => {
                write!(f, "cascade({} | {last} by {judge})", joined(&self.tries, ", "))
            }
        }
    }
}

fn joined(models: &[ModelId], by: &str) -> String {
    models.iter().map(ModelId::as_str).collect::<Vec<_>>().join(by)
}
