//! Conversations of agents: a question, a plan, calls of tools and their results, an answer, and again. The context grows, providers
//! keep it in their caches, and bad steps compound: a task succeeds when every step does.

use rand::Rng;
use serde_json::json;

use super::chance::source;

/// US dollars a million tokens: input, cached input, output. The last is the baseline.
pub const PRICES: [(f64, f64, f64); 2] = [(1.0, 0.1, 5.0), (3.0, 0.3, 15.0)];
/// How often a step goes well at each model: plans, results of tools, answers.
const WELL: [[f64; 3]; 2] = [[0.88, 0.985, 0.990], [0.98, 0.990, 0.991]];
/// What it costs a step within a loop of tool calls to be taken by another model than the one before.
const TORN: f64 = 0.05;

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plan,
    Result,
    Answer,
}

impl Kind {
    /// The class of task it is taken for.
    pub fn task(self) -> &'static str {
        match self {
            Self::Plan => "code",
            Self::Result => "agent",
            Self::Answer => "summarisation",
        }
    }
}

/// One request of a conversation.
pub struct Step {
    pub kind: Kind,
    pub body: String,
    pub output_tokens: u64,
}

/// The steps of a conversation, drawn from a seed.
pub fn session(seed: u64, number: u64) -> Vec<Step> {
    let mut rng = source(seed, 77, number);
    let mut steps = Vec::new();
    let mut messages = vec![json!({ "role": "user", "content": words(rng.random_range(500..4000)) })];
    for _ in 0..rng.random_range(2..6) {
        for loops in (0..=rng.random_range(0..5)).rev() {
            let kind = if messages.last().unwrap()["role"] == "tool" { Kind::Result } else { Kind::Plan };
            steps.push(step(kind, &messages, rng.random_range(60..300)));
            if loops > 0 || kind == Kind::Plan {
                let call = json!({ "id": "c", "type": "function",
                                   "function": { "name": "look", "arguments": "{\"at\": 1}" } });
                messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [call] }));
                let told = words(rng.random_range(100..2500));
                messages.push(json!({ "role": "tool", "tool_call_id": "c", "content": told }));
            }
        }
        messages.push(json!({ "role": "assistant", "content": words(100) }));
        messages.push(json!({ "role": "user", "content": "Say what you did, in short." }));
        steps.push(step(Kind::Answer, &messages, rng.random_range(100..700)));
        messages.push(json!({ "role": "assistant", "content": words(150) }));
        messages.push(json!({ "role": "user", "content": words(rng.random_range(20..300)) }));
    }
    steps
}

fn step(kind: Kind, messages: &[serde_json::Value], output_tokens: u64) -> Step {
    let tool =
        json!({ "type": "function", "function": { "name": "look", "parameters": { "type": "object" } } });
    let body = json!({ "model": "auto", "max_tokens": 1000, "tools": [tool], "messages": messages });
    Step { kind, body: body.to_string(), output_tokens }
}

/// A text of about so many tokens.
fn words(tokens: usize) -> String {
    "Please look at the function and say why the test fails. ".repeat(tokens.div_ceil(12))
}

/// How often a step goes well at a model, after the model that took the step before.
pub fn goes_well(kind: Kind, model: usize, before: Option<usize>) -> f64 {
    let at = match kind {
        Kind::Plan => 0,
        Kind::Result => 1,
        Kind::Answer => 2,
    };
    let torn = kind == Kind::Result && before.is_some_and(|before| before != model);
    WELL[model][at] - if torn { TORN } else { 0.0 }
}

/// What providers keep of one conversation.
#[derive(Clone, Default)]
pub struct Caches([u64; PRICES.len()]);

impl Caches {
    /// Tokens of this many that a model reads from its cache.
    pub fn read(&self, model: usize, tokens: u64) -> u64 {
        self.0[model].min(tokens)
    }

    /// US dollars of a call.
    pub fn cost(&self, model: usize, (input, output): (u64, u64)) -> f64 {
        let (new, cached, written) = PRICES[model];
        let read = self.read(model, input);
        ((input - read) as f64 * new + read as f64 * cached + output as f64 * written) / 1e6
    }

    /// A model has read this much.
    pub fn keep(&mut self, model: usize, tokens: u64) {
        self.0[model] = tokens;
    }
}
