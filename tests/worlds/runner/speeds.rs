//! What the project has learnt of each deployment's speed, in the order in which answers end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use pointsman::catalog::Snapshot;
use pointsman::routing::{DeploymentLive, Measured};
use pointsman::upstream::{Answered, Speed};

use crate::generator::Answer;

/// Speeds by deployment, and the answers that are still being written.
pub struct Speeds {
    learners: Vec<Speed>,
    known: Vec<Option<Measured>>,
    writing: BinaryHeap<Reverse<(Duration, usize)>>,
    answers: Vec<(usize, Answered)>,
}

/// How an answer was asked for.
#[derive(Clone, Copy)]
pub struct Asked {
    pub model: usize,
    pub at_s: f64,
    pub expected_tokens: u32,
    pub stream: bool,
    /// When it is cut off, counted from its beginning.
    pub cut_s: Option<f64>,
}

impl Speeds {
    pub fn new(snapshot: &Snapshot) -> Self {
        let learners: Vec<Speed> = snapshot.deployments.iter().map(|at| Speed::new(at.latency)).collect();
        let known = vec![None; learners.len()];
        Self { learners, known, writing: BinaryHeap::new(), answers: Vec::new() }
    }

    /// Learns from all that has ended by now.
    pub fn until(&mut self, at_s: f64) {
        let now = Duration::from_secs_f64(at_s);
        while self.writing.peek().is_some_and(|Reverse((ended, _))| *ended <= now) {
            let Some(Reverse((ended, number))) = self.writing.pop() else { return };
            let (model, answered) = self.answers[number];
            if let Some(measured) = self.learners[model].learn(ended, answered) {
                self.known[model] = Some(measured);
            }
        }
    }

    /// An answer has begun; it is learnt from when it ends or is cut off.
    pub fn begin(&mut self, asked: Asked, answer: &Answer) {
        let cut = asked.cut_s.filter(|cut| *cut < answer.total_s);
        let ends = cut.unwrap_or(answer.total_s);
        let has_begun = answer.ttft_s <= ends;
        let seconds = Duration::from_secs_f64;
        let answered = Answered {
            ttft: has_begun.then(|| seconds(answer.ttft_s)),
            total: seconds(ends),
            output_tokens: answer.output_tokens,
            expected_tokens: Some(asked.expected_tokens),
            stream: asked.stream,
            cut: cut.is_some(),
        };
        self.writing.push(Reverse((seconds(asked.at_s + ends), self.answers.len())));
        self.answers.push((asked.model, answered));
    }

    pub fn measured(&self, model: usize) -> Option<&Measured> {
        self.known[model].as_ref()
    }

    /// The deployments as a decision sees them.
    pub fn live(&self, snapshot: &Snapshot) -> Vec<DeploymentLive> {
        let deployments = snapshot.deployments.iter().zip(&self.known);
        deployments.map(|(at, known)| DeploymentLive::timed(at.latency, known.as_ref())).collect()
    }
}
