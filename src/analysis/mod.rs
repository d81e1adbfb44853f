//! What a request asks for: task class, complexity, agent step, expected tokens, and the caller's limits.
//!
//! `extract` turns the borrowed view into `Features` (integers, no text); `understand` is a pure function of them, so a
//! stored decision replays without the prompt. Never looks at models, prices or policies.
//!
//! Rules, cue phrases and structure, weighted by hand. How often the class is right is measured (`pointsman eval
//! --classes benches/data/classes.jsonl`): on 396 prompts by a writer nobody tuned to, macro-F1 0.59 (0.54 to 0.63), and
//! 0.68 of what is not answered `other` is right. Those prompts were written to be hard; each class has 72 rows, 36 of
//! them a writer's, so that all classes rest on structural rules and none on a model of its own: that would take 100
//! labelled rows and more. Words learned from 396 rows add less than 0.01 to the rules. Text alone predicts difficulty
//! weakly, too; measured outcomes are what licenses a cheaper model.

mod complexity;
mod cues;
mod domain;
mod extract;
mod features;
mod grams;
mod limits;
mod phrases;
mod scan;
mod step;
mod tokens;
mod tongue;
mod zones;

use serde::Serialize;

pub use complexity::{COMPLEXITY_PARTS, Complexity, ComplexityPart};
pub use cues::{CUES, Cues, prepare};
pub use extract::{extract, read_grams, read_window};
pub use features::{FEATURE_VERSION, Features, Prompt, Talk, Volume};
pub use grams::Grams;
pub use limits::{LimitFault, Limits, is_hint, read_limits};
pub use step::of as step_of;

use crate::types::{AgentStep, TaskClass};

/// What the router knows about a request's work. Read-only once made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    /// What kind of work it is; `Other` when the signs are few or contradict each other.
    pub task: TaskClass,
    /// How far the class stands out from the next one, 0..1. An ordering, not a probability.
    pub task_confidence: f32,
    /// How hard it looks, with the parts that make it up.
    pub complexity: Complexity,
    /// Share of models that a predictor expects to fail; `None`: there is none. Complexity says what the request looks
    /// like, this what became of others like it.
    pub difficulty: Option<f32>,
    /// Where in an agent's loop it stands.
    pub step: AgentStep,
    /// Estimated input tokens, tools and media included.
    pub input_tokens: u32,
    /// Predicted output tokens, never above the request's own cap.
    pub output_tokens: u32,
    /// The rules cannot read this request (another script, no text, media): it counts as having no evidence.
    pub unfamiliar: bool,
}

impl Analysis {
    /// A request of a class as such: of given size, and with nothing known of its words.
    pub fn typical(task: TaskClass, input_tokens: u32, output_tokens: u32) -> Self {
        let features = Features::default();
        Self {
            task,
            task_confidence: 1.0,
            complexity: complexity::score(&features),
            difficulty: None,
            step: step::of(&features),
            input_tokens,
            output_tokens,
            unfamiliar: false,
        }
    }
}

/// Understands a request from its features alone: same features, same analysis, on every machine.
pub fn understand(features: &Features) -> Analysis {
    let guess = domain::classify(features);
    let complexity = complexity::score(features);
    let step = step::of(features);
    Analysis {
        task: guess.task,
        task_confidence: guess.confidence,
        step,
        input_tokens: tokens::input(features),
        output_tokens: tokens::output(features, guess.task, step, complexity.score),
        complexity,
        difficulty: None,
        unfamiliar: domain::unfamiliar(features),
    }
}

#[cfg(test)]
mod tests;
