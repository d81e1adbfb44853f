//! From labels to a profile, as the project makes evidence of paired outcomes.

use std::collections::BTreeMap;

use pointsman::catalog::{Evidence, EvidenceLevel};
use pointsman::demo::score::{mean, paired_loss};
use pointsman::types::TaskClass;

use crate::generator::{Labelled, WorldFile};

/// What a plan came to on a labelled prompt: its score, and whether its first answers stood.
pub type Came = (f64, bool);

/// Evidence of a plan of several models against the last model, by class.
pub fn learn_plan(
    file: &WorldFile,
    (plan, labels): (&str, impl Iterator<Item = Labelled>),
    came: impl Fn(&Labelled) -> Came,
) -> Vec<Evidence> {
    let baseline = file.models.len() - 1;
    let mut rows: BTreeMap<String, Vec<(Came, f64)>> = BTreeMap::new();
    labels.for_each(|label| {
        let row = (came(&label), label.scores[baseline]);
        rows.entry(label.task).or_default().push(row);
    });
    let cells = rows.iter().map(|(task, rows)| {
        let losses: Vec<f64> = rows.iter().map(|((score, _), baseline)| baseline - score).collect();
        let scores: Vec<f64> = rows.iter().map(|((score, _), _)| *score).collect();
        let stood: Vec<f64> = rows.iter().map(|((_, stood), _)| f64::from(u8::from(*stood))).collect();
        let loss = paired_loss(&losses);
        Evidence {
            baseline: file.models[baseline].id.as_str().into(),
            model: plan.into(),
            task: TaskClass::parse(task).unwrap(),
            level: EvidenceLevel::Paired,
            pairs: rows.len() as u32,
            mean_quality: Some(mean(&scores)),
            mean_loss: loss.mean,
            loss_upper: loss.upper,
            accepted: Some(mean(&stood)),
            cost_ratio: None,
        }
    });
    cells.collect()
}

/// Evidence of every model against the last one, by the class that the labels name.
pub fn learn_evidence(file: &WorldFile, labels: impl Iterator<Item = Labelled>) -> Vec<Evidence> {
    let mut rows: BTreeMap<String, Vec<Vec<f64>>> = BTreeMap::new();
    labels.for_each(|label| rows.entry(label.task).or_default().push(label.scores));
    let baseline = file.models.len() - 1;
    let cells = rows.iter().flat_map(|(task, rows)| (0..baseline).map(move |model| (task, rows, model)));
    cells
        .map(|(task, rows, model)| {
            let losses: Vec<f64> = rows.iter().map(|scores| scores[baseline] - scores[model]).collect();
            let scores: Vec<f64> = rows.iter().map(|scores| scores[model]).collect();
            let loss = paired_loss(&losses);
            Evidence {
                baseline: file.models[baseline].id.as_str().into(),
                model: file.models[model].id.as_str().into(),
                task: TaskClass::parse(task).unwrap(),
                level: EvidenceLevel::Paired,
                pairs: rows.len() as u32,
                mean_quality: Some(mean(&scores)),
                mean_loss: loss.mean,
                loss_upper: loss.upper,
                accepted: None,
                cost_ratio: None,
            }
        })
        .collect()
}
