//! What a predictor says of a prompt, from its words; remembered for prompts that come again, as those of agents do with
//! every tool result.

use std::cell::RefCell;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::analysis::{self, Features, Grams};
use crate::catalog::Learned;
use crate::codec::ChatView;
use crate::session::Recent;
use crate::types::TaskClass;

/// Prompts remembered at most; each takes a few bytes a target.
const PROMPTS: usize = 8192;

thread_local! {
    // A table of several ten thousand bytes, cleared by its used slots only.
    static GRAMS: RefCell<Grams> = RefCell::new(Grams::default());
}

/// How far each target lies from what the class of a prompt lets expect.
pub type Beyond = Arc<[f32]>;

/// Predictions for prompts that were seen lately.
pub struct Foresight {
    recent: Recent<Beyond>,
    seed: u64,
}

impl Default for Foresight {
    fn default() -> Self {
        // A seed of this process keeps a tenant from making texts that meet another's.
        Self { recent: Recent::new(PROMPTS), seed: rand::random() }
    }
}

impl Foresight {
    /// For a prompt that was read; texts of different tenants never share an entry.
    pub fn of(&self, learned: &Learned, tenant: u64, view: &ChatView<'_>, features: &Features) -> Beyond {
        let task = analysis::understand(features).task;
        let key = self.key(learned, tenant, view, (features, task));
        if let Some(found) = self.recent.last(key) {
            return found;
        }
        let beyond: Beyond = read(learned, view, (features, task)).into();
        self.recent.note(key, beyond.clone());
        beyond
    }

    fn key(
        &self,
        learned: &Learned,
        tenant: u64,
        view: &ChatView<'_>,
        (features, task): (&Features, TaskClass),
    ) -> u64 {
        let mut hasher = Xxh3::with_seed(self.seed);
        hasher.update(learned.predictor.version.as_bytes());
        hasher.update(&tenant.to_le_bytes());
        // Tools and system texts may make another class of the same prompt, and another shape of the same words.
        hasher.update(&[task as u8]);
        features.shape().iter().for_each(|value| hasher.update(&value.to_bits().to_le_bytes()));
        analysis::read_window(view, |text| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        });
        hasher.digest()
    }
}

/// Without memory: for the command line.
pub fn foreseen(learned: &Learned, view: &ChatView<'_>, features: &Features) -> Vec<f32> {
    read(learned, view, (features, analysis::understand(features).task))
}

fn read(learned: &Learned, view: &ChatView<'_>, (features, task): (&Features, TaskClass)) -> Vec<f32> {
    GRAMS.with_borrow_mut(|grams| {
        analysis::read_grams(view, grams);
        learned.predictor.residuals(task, grams.weights(), &features.shape())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{self, Scratch};
    use crate::config::{SecretSource, from_text};
    use crate::types::Operation;

    const CONFIG: &str = "[[providers]]\nid = \"o\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
         credential = \"none\"\n[[models]]\nid = \"gpt-4o-2024-05-13\"\ntier = \"frontier\"\n\
         context_tokens = 9000\nmax_output_tokens = 900\ndeployments = [{ provider = \"o\" }]\n";

    #[test]
    fn a_prompt_is_remembered_for_its_tenant_alone() {
        let settings = from_text(CONFIG, "", SecretSource::Dummy).unwrap();
        let learned = settings.snapshot.learned.as_ref().unwrap();
        let foresight = Foresight::default();
        let ask = |tenant: u64, prompt: &str, system: &str| {
            let body = serde_json::json!({ "model": "auto", "messages": [
                { "role": "system", "content": system }, { "role": "user", "content": prompt },
            ] });
            let body = body.to_string();
            let seen =
                codec::read(Operation::ChatCompletions, body.as_bytes(), &mut Scratch::default(), |view| {
                    let features = analysis::extract(view);
                    (foresight.of(learned, tenant, view, &features), foreseen(learned, view, &features))
                });
            let (_, (found, fresh)) = seen.unwrap();
            assert_eq!(*found, fresh, "what is remembered is what would be found");
            found
        };
        let first = ask(1, "What is 2 + 2?", "Be kind.");
        assert!(
            Arc::ptr_eq(&first, &ask(1, "What is 2 + 2?", "Be brief and kind.")),
            "the system text says nothing"
        );
        assert!(!Arc::ptr_eq(&first, &ask(2, "What is 2 + 2?", "Be kind.")), "another tenant");
        assert!(!Arc::ptr_eq(&first, &ask(1, "What is 2 + 3?", "Be kind.")), "another prompt");
    }
}
