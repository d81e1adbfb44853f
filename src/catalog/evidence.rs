//! What is known of a model's quality loss against a baseline, by task class. Beliefs rank; only this licenses.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::types::{ModelId, TaskClass};

/// How good a piece of evidence is; a policy's `license` asks for at least one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceLevel {
    /// A calibrated prediction.
    Calibrated,
    /// Outcomes of the same requests on both models.
    Paired,
}

/// Measured loss of one model, or of one plan of several, against one baseline in one task class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The model measured against.
    pub baseline: ModelId,
    /// The model measured, or the plan as decisions print it: `cascade(a & b | c)`.
    pub model: ModelId,
    /// The class of the requests.
    pub task: TaskClass,
    /// How it was obtained.
    pub level: EvidenceLevel,
    /// Number of paired outcomes.
    pub pairs: u32,
    /// Mean quality of the measured model, 0..1.
    pub mean_quality: f64,
    /// Mean of (baseline's score - model's score); negative when the model is better.
    pub mean_loss: f64,
    /// Upper end of the loss's one-sided 95 % interval.
    pub loss_upper: f64,
    /// Of a plan: share of requests whose first answers stood, 0..1. Counts whatever the number of pairs: it needs no labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<f64>,
}

/// Evidence by (baseline, model, task class).
#[derive(Clone, Debug, Default)]
pub struct EvidenceTable(HashMap<(ModelId, ModelId, TaskClass), Evidence>);

impl EvidenceTable {
    /// Later entries replace earlier ones of the same cell.
    pub fn new(entries: impl IntoIterator<Item = Evidence>) -> Self {
        Self(
            entries
                .into_iter()
                .map(|entry| ((entry.baseline.clone(), entry.model.clone(), entry.task), entry))
                .collect(),
        )
    }

    /// The evidence for one cell.
    pub fn get(&self, baseline: &ModelId, model: &ModelId, task: TaskClass) -> Option<&Evidence> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(baseline.clone(), model.clone(), task))
    }
}
