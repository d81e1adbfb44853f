//! Evidence for the demo's licence: every `train` prompt is read and classified as a request would be, and the recorded
//! outcomes of each model are paired with the baseline's. `test` rows never come near this file.

use std::collections::BTreeMap;

use serde_json::json;

use super::sample::{BASELINE, MODELS, Row, SHELVES, Sample};
use super::score::{mean, paired_loss};
use super::settings::ROUTED;
use crate::analysis::{extract, understand};
use crate::catalog::{Evidence, EvidenceLevel, Profile};
use crate::codec::{Scratch, read};
use crate::types::{ModelId, Operation, TaskClass};

/// Paired evidence of every cheaper model against the baseline, by the class our own analysis gives each prompt.
pub fn evidence(sample: &Sample) -> Vec<Evidence> {
    let mut classes: BTreeMap<TaskClass, Vec<&Row>> = BTreeMap::new();
    let mut scratch = Scratch::default();
    for row in &sample.train {
        if let Some(task) = task_of(&row.prompt, &mut scratch) {
            classes.entry(task).or_default().push(row);
        }
    }
    let cells = classes.iter().flat_map(|(task, rows)| (0..MODELS).map(move |model| (*task, rows, model)));
    cells
        .filter(|(_, _, model)| *model != BASELINE)
        .map(|(task, rows, model)| cell(task, rows, model))
        .collect()
}

/// The evidence as the text of a profile file.
pub fn profile(evidence: &[Evidence]) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&Profile { evidence: evidence.to_vec(), ..Profile::default() })
}

fn cell(task: TaskClass, rows: &[&Row], model: usize) -> Evidence {
    let losses: Vec<f64> =
        rows.iter().map(|row| row.outcomes[BASELINE].score - row.outcomes[model].score).collect();
    let scores: Vec<f64> = rows.iter().map(|row| row.outcomes[model].score).collect();
    let loss = paired_loss(&losses);
    Evidence {
        baseline: ModelId::from(SHELVES[BASELINE].id),
        model: ModelId::from(SHELVES[model].id),
        task,
        level: EvidenceLevel::Paired,
        pairs: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        mean_quality: Some(mean(&scores)),
        mean_loss: loss.mean,
        // Of a row or two the bound is wider than a loss can be.
        loss_upper: loss.upper.min(1.0),
        accepted: None,
        cost_ratio: None,
    }
}

/// The class of a prompt, read from a body as the demo's client sends it; `None` when the rules cannot read it.
fn task_of(prompt: &str, scratch: &mut Scratch) -> Option<TaskClass> {
    let messages = json!([{ "role": "user", "content": prompt }]);
    let body = json!({ "model": ROUTED, "messages": messages }).to_string();
    let (_, features) = read(Operation::ChatCompletions, body.as_bytes(), scratch, extract).ok()?;
    let analysis = understand(&features);
    (!analysis.unfamiliar).then_some(analysis.task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_covers_the_train_rows_and_licenses_something() {
        let sample = Sample::load().unwrap();
        let found = evidence(&sample);
        for cell in &found {
            assert!(cell.loss_upper >= cell.mean_loss);
        }
        let pairs: u32 =
            found.iter().filter(|cell| cell.model.as_str() == "gpt-4o").map(|cell| cell.pairs).sum();
        assert!(pairs > 1000 && pairs as usize <= sample.train.len(), "{pairs} pairs");
        assert!(found.iter().any(|cell| cell.pairs >= 100 && cell.loss_upper < 0.03));
        assert!(profile(&found).unwrap().starts_with("{\n  \"evidence\": ["));
    }
}
