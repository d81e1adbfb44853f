//! Predictions beside outcomes: what every measure and every threshold is taken from.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::rows::Row;
use crate::catalog::{Predictor, PredictorFault, TargetKind};
use crate::types::TaskClass;

/// Rows, and for each model what was predicted of it and what came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// Names of sources, by their numbers.
    pub sources: Vec<String>,
    /// Names of domains, by their numbers.
    pub domains: Vec<String>,
    /// What is known of each row without its text.
    pub rows: Vec<Facts>,
    /// By model, in the order of their names.
    pub columns: Vec<Column>,
}

/// What is known of a row without its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Number of its source.
    pub source: u16,
    /// Number of its domain.
    pub domain: u16,
    /// Which part of the rows was left out when it was predicted; 0 for rows that were never learned from.
    pub fold: u8,
    /// Its class.
    pub task: TaskClass,
    /// Whether the analysis cannot read it.
    pub unfamiliar: bool,
    /// Bytes of its prompt.
    pub bytes: u32,
    /// Predicted share of models that fail.
    pub difficulty: f32,
}

/// One model over all rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub model: String,
    /// Predicted quality, not clipped; 0 where there is no outcome.
    pub predicted: Vec<f32>,
    /// What its class alone lets expect.
    pub by_class: Vec<f32>,
    /// What came; `None`: this model has no outcome of the row.
    pub score: Vec<Option<f32>>,
    /// US dollars, where they are known.
    pub cost_usd: Vec<Option<f32>>,
    /// Equal numbers are equal answers.
    pub answer: Vec<Option<i64>>,
}

impl Sheet {
    /// What `predictor` says of `rows`, beside what came. Models are those it knows and the rows have outcomes of.
    pub fn new(predictor: &Predictor, rows: &[&Row]) -> Self {
        let difficulty = predictor.position(&TargetKind::Difficulty);
        let residuals: Vec<Vec<f32>> = rows
            .iter()
            .map(|row| predictor.residuals(row.task, row.grams.iter().copied(), &row.shape))
            .collect();
        let predicted = |target: usize| -> (Vec<f32>, Vec<f32>) {
            let of = &predictor.card.targets[target];
            let by_class = rows.iter().map(|row| of.expected(row.task));
            by_class.zip(&residuals).map(|(mean, beyond)| (mean + beyond[target], mean)).unzip()
        };
        let difficulty = difficulty.map(|target| predicted(target).0);
        let mut sheet = Self::default();
        for (row, at) in rows.iter().zip(0..) {
            let difficulty = difficulty.as_ref().map_or(f32::NAN, |values| values[at]);
            let facts = Facts {
                source: number(&mut sheet.sources, &row.source),
                domain: number(&mut sheet.domains, &row.domain),
                fold: 0,
                task: row.task,
                unfamiliar: row.unfamiliar,
                bytes: row.bytes as u32,
                difficulty,
            };
            sheet.rows.push(facts);
        }
        for (target, at) in predictor.card.targets.iter().zip(0..) {
            let TargetKind::Model(model) = &target.kind else { continue };
            let outcomes = || rows.iter().map(|row| row.outcomes.get(model));
            if outcomes().all(|outcome| outcome.is_none()) {
                continue;
            }
            let (predicted, by_class) = predicted(at);
            let scored = |values: Vec<f32>| -> Vec<f32> {
                values
                    .into_iter()
                    .zip(outcomes())
                    .map(|(value, outcome)| outcome.map_or(0.0, |_| value))
                    .collect()
            };
            sheet.columns.push(Column {
                model: model.clone(),
                predicted: scored(predicted),
                by_class: scored(by_class),
                score: outcomes().map(|outcome| Some(outcome?.score as f32)).collect(),
                cost_usd: outcomes().map(|outcome| Some(outcome?.cost_usd? as f32)).collect(),
                answer: outcomes().map(|outcome| outcome?.ans).collect(),
            });
        }
        sheet
    }

    /// The column of a model.
    pub fn column(&self, model: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.model == model)
    }

    /// The rows of which all these models have outcomes.
    pub fn common(&self, models: &[&Column]) -> Vec<usize> {
        let has_all = |row: &usize| models.iter().all(|column| column.score[*row].is_some());
        (0..self.rows.len()).filter(has_all).collect()
    }

    /// The rows of some sources and domains; no name means all.
    #[must_use]
    pub fn only(mut self, sources: &[String], domains: &[String]) -> Self {
        let named = |names: &[String], name: &String| names.is_empty() || names.contains(name);
        let kept: Vec<bool> = self
            .rows
            .iter()
            .map(|facts| {
                named(sources, &self.sources[usize::from(facts.source)])
                    && named(domains, &self.domains[usize::from(facts.domain)])
            })
            .collect();
        keep(&mut self.rows, &kept);
        for column in &mut self.columns {
            keep(&mut column.predicted, &kept);
            keep(&mut column.by_class, &kept);
            keep(&mut column.score, &kept);
            keep(&mut column.cost_usd, &kept);
            keep(&mut column.answer, &kept);
        }
        self
    }

    /// Puts the rows of another sheet behind these, as fold `fold`.
    pub(super) fn append(&mut self, other: &Self, fold: u8) {
        let (before, after) = (self.rows.len(), self.rows.len() + other.rows.len());
        for facts in &other.rows {
            let source = number(&mut self.sources, &other.sources[usize::from(facts.source)]);
            let domain = number(&mut self.domains, &other.domains[usize::from(facts.domain)]);
            self.rows.push(Facts { source, domain, fold, ..facts.clone() });
        }
        for column in &other.columns {
            let at = self.columns.partition_point(|known| known.model < column.model);
            if self.columns.get(at).is_none_or(|known| known.model != column.model) {
                let mut empty = Column::empty(&column.model);
                empty.grow(before);
                self.columns.insert(at, empty);
            }
            self.columns[at].extend(column);
        }
        self.columns.iter_mut().for_each(|column| column.grow(after));
    }

    /// Packed, for a predictor's file. Predictions are rounded to a thousandth: more would be noise that does not pack.
    pub(super) fn pack(&self) -> std::io::Result<Vec<u8>> {
        let round = |value: &mut f32| *value = (*value * 1000.0).round() / 1000.0;
        let mut rounded = self.clone();
        rounded.rows.iter_mut().for_each(|facts| round(&mut facts.difficulty));
        for column in &mut rounded.columns {
            column.predicted.iter_mut().chain(&mut column.by_class).for_each(round);
        }
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&serde_json::to_vec(&rounded)?)?;
        packer.finish()
    }

    /// The sheet of a predictor's file.
    pub fn held_out(predictor: &Predictor) -> Result<Self, PredictorFault> {
        let fault =
            |what: String| PredictorFault(format!("the predictor's held-out sheet cannot be read: {what}"));
        let mut text = Vec::new();
        DeflateDecoder::new(&*predictor.held_out)
            .take(MOST_BYTES)
            .read_to_end(&mut text)
            .map_err(|error| fault(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| fault(error.to_string()))
    }
}

/// Most bytes of an unpacked sheet.
const MOST_BYTES: u64 = 1 << 30;

impl Column {
    /// Predicted quality within 0 and 1.
    pub fn clipped(&self) -> Vec<f64> {
        self.predicted.iter().map(|value| f64::from(value.clamp(0.0, 1.0))).collect()
    }

    /// The rows with an outcome.
    pub fn scored(&self) -> impl Iterator<Item = usize> + '_ {
        self.score.iter().enumerate().filter(|(_, score)| score.is_some()).map(|(row, _)| row)
    }

    fn empty(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            predicted: Vec::new(),
            by_class: Vec::new(),
            score: Vec::new(),
            cost_usd: Vec::new(),
            answer: Vec::new(),
        }
    }

    fn extend(&mut self, other: &Self) {
        self.predicted.extend_from_slice(&other.predicted);
        self.by_class.extend_from_slice(&other.by_class);
        self.score.extend_from_slice(&other.score);
        self.cost_usd.extend_from_slice(&other.cost_usd);
        self.answer.extend_from_slice(&other.answer);
    }

    /// Fills up to `rows` with rows this model has no outcome of.
    fn grow(&mut self, rows: usize) {
        self.predicted.resize(rows, 0.0);
        self.by_class.resize(rows, 0.0);
        self.score.resize(rows, None);
        self.cost_usd.resize(rows, None);
        self.answer.resize(rows, None);
    }
}

fn keep<T>(values: &mut Vec<T>, kept: &[bool]) {
    let mut rows = kept.iter();
    values.retain(|_| rows.next().is_some_and(|kept| *kept));
}

fn number(names: &mut Vec<String>, name: &str) -> u16 {
    let at = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    at as u16
}
