//! Worlds with known truth: requests as they come over the wire, answers as each model would give them. Everything is
//! drawn from a seed. Nothing here knows the router or what it learns; `main.rs` checks that.

mod chance;
mod file;
mod load;
pub mod sessions;

use rand::Rng;
use serde_json::json;

use chance::{lognormal, pareto, source};
pub use file::{Kind, WorldFile};
use load::Loads;

/// What random numbers are drawn for.
const ARRIVAL: u64 = 1;
const REQUEST: u64 = 2;
const ANSWER: u64 = 3;
const LABEL: u64 = 4;
/// Different wrong answers to one question.
const WRONG_ANSWERS: u32 = 10;
/// Tokens a word, the least a model says.
const TOKENS_A_WORD: f64 = 1.4;
const LEAST_TOKENS: f64 = 5.0;

/// A world with its dice.
pub struct World {
    pub file: WorldFile,
    seed: u64,
    loads: Loads,
}

/// A request: what the client sends, and what only the world knows of it.
pub struct Request {
    pub at_s: f64,
    pub body: String,
    /// `x-pointsman-task`.
    pub task: String,
    /// `x-pointsman-deadline-ms`.
    pub deadline_ms: Option<u32>,
    pub stream: bool,
    number: u64,
    /// Position of its class: for those who count, not for those who learn.
    pub class: usize,
    /// Tokens a model of ordinary verbosity writes.
    length: f64,
}

/// What comes back.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub ttft_s: f64,
    pub total_s: f64,
    pub output_tokens: u64,
}

/// Scores of one labelled prompt, by model.
pub struct Labelled {
    pub task: String,
    pub scores: Vec<f64>,
    /// What each said: 0 is right, all else is wrong, and the same number is the same answer.
    pub said: Vec<u32>,
    /// Whether the verifier lets the first model's answer stand.
    pub stands: bool,
}

impl World {
    pub fn new(file: &WorldFile, seed: u64) -> Self {
        Self { file: file.clone(), seed, loads: Loads::new(file, seed) }
    }

    /// The requests, in the order in which they come.
    pub fn requests(&self) -> impl Iterator<Item = Request> + '_ {
        let mut at_s = 0.0;
        let mut arrivals = source(self.seed, ARRIVAL, 0);
        (0..u64::from(self.file.requests)).map(move |number| {
            let share: f64 = arrivals.random_range(f64::MIN_POSITIVE..1.0);
            at_s += -share.ln() / self.file.per_second;
            self.request(number, at_s)
        })
    }

    fn request(&self, number: u64, at_s: f64) -> Request {
        let mut rng = source(self.seed, REQUEST, number);
        let class = self.class(rng.random());
        let words = (f64::from(self.file.classes[class].words) * lognormal(&mut rng, 0.6)).round().max(5.0);
        let length = words * TOKENS_A_WORD * lognormal(&mut rng, 0.2);
        let deadlines = self.file.deadlines;
        let has_deadline = rng.random::<f64>() < deadlines.share;
        let deadline = deadlines.typical_ms * lognormal(&mut rng, deadlines.spread);
        let stream = rng.random::<f64>() < deadlines.stream_share;
        let prompt = format!(
            "Please write about {words} words for the people in our team on what we did in part {number} of the work, \
             and say what it means for them."
        );
        let messages = json!([{ "role": "user", "content": prompt }]);
        Request {
            at_s,
            body: json!({ "model": "auto", "messages": messages, "stream": stream }).to_string(),
            task: self.file.classes[class].task.clone(),
            deadline_ms: has_deadline.then_some(deadline as u32),
            stream,
            number,
            class,
            length,
        }
    }

    fn class(&self, draw: f64) -> usize {
        let all: f64 = self.file.classes.iter().map(|class| class.share).sum();
        let mut left = draw * all;
        let found = self.file.classes.iter().position(|class| {
            left -= class.share;
            left < 0.0
        });
        found.unwrap_or(self.file.classes.len() - 1)
    }

    /// What a model answers when it is asked at a time.
    pub fn answer(&self, request: &Request, model: usize, at_s: f64) -> Answer {
        let speed = self.file.models[model].speed;
        let mut rng = source(self.seed, ANSWER + 10 * (model as u64 + 1), request.number);
        let load = self.loads.at(model, at_s);
        let hangs = rng.random::<f64>() < speed.tail;
        let slow = if hangs { 3.0 * pareto(&mut rng, 1.3) } else { 1.0 };
        let ttft_s = speed.ttft_ms / 1e3 * (1.5 * load).exp() * lognormal(&mut rng, 0.35) * slow;
        let per_token_s = speed.per_token_us / 1e6 * (0.6 * load).exp() * lognormal(&mut rng, 0.12);
        let tokens = (request.length * speed.verbosity * lognormal(&mut rng, 0.3)).max(LEAST_TOKENS).round();
        Answer { ttft_s, total_s: ttft_s + tokens * per_token_s, output_tokens: tokens as u64 }
    }

    /// Labelled prompts that every model has answered.
    pub fn labels(&self) -> impl Iterator<Item = Labelled> + '_ {
        let labels = &self.file.labels;
        (0..).zip(&self.file.classes).flat_map(move |(at, class)| {
            let pairs = u64::from(class.pairs.unwrap_or(labels.pairs));
            let together_for = class.together.unwrap_or(labels.together);
            (0..pairs).map(move |pair| {
                let mut rng = source(self.seed, LABEL + 10 * (at + 1), pair);
                let shared: f64 = rng.random();
                let said = |(quality, model): (&f64, &file::Model)| {
                    let own: f64 = rng.random();
                    let together = rng.random::<f64>() < together_for && !model.apart;
                    let wrong = rng.random_range(2..=WRONG_ANSWERS);
                    match if together { shared } else { own } < *quality {
                        true => 0,
                        // Those who err together say the same.
                        false if together => 1,
                        false => wrong,
                    }
                };
                let said: Vec<u32> = class.quality.iter().zip(&self.file.models).map(said).collect();
                let scores = said.iter().map(|said| f64::from(u8::from(*said == 0))).collect();
                let stands = self.file.verifier.is_some_and(|verifier| {
                    let lets = if said[0] == 0 { verifier.specificity } else { 1.0 - verifier.sensitivity };
                    rng.random::<f64>() < lets
                });
                Labelled { task: class.task.clone(), scores, said, stands }
            })
        })
    }

    /// True quality of a model on a class.
    pub fn quality(&self, class: usize, model: usize) -> f64 {
        self.file.classes[class].quality[model]
    }

    /// Position of a model.
    pub fn model(&self, id: &str) -> Option<usize> {
        self.file.models.iter().position(|model| model.id == id)
    }

    /// True expected cost of a request at a model, in millionths of a dollar; what is asked of all models is the same.
    pub fn cost(&self, request: &Request, model: usize, prices: &[(f64, f64)]) -> f64 {
        let (input, output) = prices[model];
        input * request.body.len() as f64 / 4.5
            + output * request.length * self.file.models[model].speed.verbosity
    }
}
