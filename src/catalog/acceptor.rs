//! What lets one model's answer stand by what can be told of it without its words: learnt for one plan and one class of
//! requests from answers beside which the plan's last model gave its own.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::types::{ModelId, Signals, TaskClass};

/// A linear score and the least at which an answer stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptor {
    /// The plan as decisions print it: `cascade(a | b by acceptor)`.
    pub plan: ModelId,
    /// The class of the requests.
    pub task: TaskClass,
    /// One weight for each of [`Acceptor::columns`].
    pub weights: [f64; COLUMNS],
    /// An answer stands from this score on; about the chance that the last model says the same.
    pub stands_from: f64,
    /// Answers it was learnt from.
    pub answers: u32,
    /// Share of answers that stand, 0..1.
    pub stood: f64,
    /// Share of requests whose answer stands though the last model says something else: at most this, one-sided 95 %.
    pub differs_upper: f64,
}

/// Numbers a score is made of.
pub const COLUMNS: usize = 8;

impl Acceptor {
    /// The numbers of one answer: a constant, its length in tokens and its square, its text, whether it calls tools, its own
    /// probability and whether that is known, and how complex the request is. Lengths are logarithms, brought to about 1.
    pub fn columns(signals: &Signals, complexity: f64) -> [f64; COLUMNS] {
        let length = |count: u32| f64::from(count).ln_1p();
        let (tokens, text) = (length(signals.output_tokens) / 6.0, length(signals.text_bytes) / 7.0);
        let probability = signals.probability.map_or(0.0, f64::from);
        let [calls, known] =
            [signals.calls > 0, signals.probability.is_some()].map(|told| if told { 1.0 } else { 0.0 });
        [1.0, tokens, tokens * tokens, text, calls, probability, known, complexity]
    }

    /// Whether an answer stands. What has not the form that was asked for never does.
    pub fn stands(&self, signals: &Signals, complexity: f64) -> bool {
        let columns = Self::columns(signals, complexity);
        let score: f64 = self.weights.iter().zip(columns).map(|(weight, column)| weight * column).sum();
        signals.well_formed && score >= self.stands_from
    }

    /// Tells it from others.
    pub fn fingerprint(&self) -> u32 {
        let figures = self.weights.iter().chain([&self.stands_from]);
        let bytes: Vec<u8> = figures.flat_map(|figure| figure.to_bits().to_le_bytes()).collect();
        xxh3_64(&bytes) as u32
    }

    /// Why it cannot be one.
    pub fn fault(&self) -> Option<&'static str> {
        let shares = [self.stood, self.differs_upper].iter().all(|share| (0.0..=1.0).contains(share));
        let finite = self.weights.iter().chain([&self.stands_from]).all(|figure| figure.is_finite());
        match (finite, shares) {
            (false, _) => Some("weights and stands_from are finite numbers"),
            (_, false) => Some("stood and differs_upper are 0 to 1"),
            (true, true) => None,
        }
    }
}

/// Acceptors by plan and class.
#[derive(Clone, Debug, Default)]
pub struct Acceptors(HashMap<(ModelId, TaskClass), Arc<Acceptor>>);

impl Acceptors {
    /// Later ones replace earlier ones of the same plan and class.
    pub fn new(acceptors: impl IntoIterator<Item = Acceptor>) -> Self {
        let keyed = |acceptor: Acceptor| ((acceptor.plan.clone(), acceptor.task), Arc::new(acceptor));
        Self(acceptors.into_iter().map(keyed).collect())
    }

    /// That of a plan in a class.
    pub fn of(&self, plan: &ModelId, task: TaskClass) -> Option<&Arc<Acceptor>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(plan.clone(), task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stands_by_its_score_and_only_in_the_form_asked_for() {
        let short = Signals { output_tokens: 20, text_bytes: 80, well_formed: true, ..Signals::default() };
        let long = Signals { output_tokens: 2000, ..short };
        // Shorter is surer; so is what the model finds probable.
        let mut weights = [0.0; COLUMNS];
        (weights[0], weights[1], weights[5]) = (1.0, -0.5, 0.5);
        let acceptor = Acceptor {
            plan: "cascade(a | b by acceptor)".into(),
            task: TaskClass::Math,
            weights,
            stands_from: 0.6,
            answers: 500,
            stood: 0.5,
            differs_upper: 0.02,
        };
        assert!(acceptor.stands(&short, 0.5) && !acceptor.stands(&long, 0.5));
        assert!(acceptor.stands(&Signals { probability: Some(0.9), ..long }, 0.5));
        assert!(!acceptor.stands(&Signals { well_formed: false, ..short }, 0.5));
        let other = Acceptor { stands_from: 0.61, ..acceptor.clone() };
        assert_ne!(acceptor.fingerprint(), other.fingerprint());
        assert_eq!(acceptor.fingerprint(), Acceptor { stood: 0.4, ..acceptor.clone() }.fingerprint());
        let all = Acceptors::new([acceptor.clone()]);
        assert_eq!(all.of(&acceptor.plan, TaskClass::Math).map(|one| &**one), Some(&acceptor));
        assert_eq!(all.of(&acceptor.plan, TaskClass::Code), None);
    }
}
