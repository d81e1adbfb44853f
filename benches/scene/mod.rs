//! A catalogue to decide over, shared by benches.

use std::fmt::Write;
use std::sync::Arc;

use pointsman::catalog::Snapshot;
use pointsman::config::{SecretSource, from_text};

/// The names these models have in the data of the predictor that comes with the program.
const LEARNED: [&str; 16] = [
    "gemma-2-2b-it",
    "Qwen2.5-3B-Instruct",
    "Meta-Llama-3-8B-Instruct",
    "Phi-3.5-mini-instruct",
    "Qwen2-7B-Instruct",
    "gemma-2-9b-it",
    "claude-3-haiku-20240307",
    "gemma-2-27b-it",
    "Meta-Llama-3-70B-Instruct",
    "gemini-1.5-flash",
    "Qwen2-72B-Instruct",
    "Meta-Llama-3.1-70B-Instruct",
    "claude-3-opus-20240229",
    "gpt-4o-mini-2024-07-18",
    "gpt-4o-2024-08-06",
    "claude-3-5-sonnet-20241022",
];

/// Models dearer and better from one to the next; the last is the baseline, every other one has evidence.
pub(crate) fn snapshot(models: usize) -> Arc<Snapshot> {
    let mut text = String::from(
        "[[providers]]\nid = \"o\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\ncredential = \"none\"\n",
    );
    let mut names = Vec::new();
    for at in 1..=models {
        names.push(format!("\"m{at}\""));
        let _ = write!(
            text,
            "[[models]]\nid = \"m{at}\"\ntier = \"edge\"\ncontext_tokens = 100000\nmax_output_tokens = 8000\n\
             price = {{ input = {at}.0, output = {at}.5, valid_from = \"2025-01-01\" }}\n\
             quality = {{ default = {} }}\nlearned_as = \"{}\"\ndeployments = [{{ provider = \"o\" }}]\n",
            0.5 + at as f64 / 40.0,
            LEARNED[LEARNED.len() - models + at - 1]
        );
    }
    let _ = write!(
        text,
        "[[policies]]\nname = \"p\"\nmatch.models = [\"auto\"]\nmode = \"route\"\nbaseline = \"m{models}\"\n\
         candidates = [{}]\nholdout = 0.05\n[routing]\nprofile = \"evidence.json\"\n",
        names.join(", ")
    );
    let evidence: Vec<String> = (1..models)
        .step_by(2)
        .map(|at| {
            format!(
                r#"{{"baseline":"m{models}","model":"m{at}","task":"code","level":"paired","pairs":300,"mean_quality":0.8,"mean_loss":0.0,"loss_upper":0.01}}"#
            )
        })
        .collect();
    let profile = format!(r#"{{"evidence":[{}]}}"#, evidence.join(","));
    match from_text(&text, &profile, SecretSource::Dummy) {
        Ok(settings) => settings.snapshot,
        Err(faults) => unreachable!("{faults}"),
    }
}
