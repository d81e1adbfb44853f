//! Predictions beside outcomes: what every measure and every threshold is taken from.

use std::collections::HashSet;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::rows::Row;
use super::train::FOLDS;
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
    pub source: u32,
    /// Number of its domain.
    pub domain: u32,
    /// Its words as one number, to know it again; nothing of the words can be told from it.
    pub words: u64,
    /// Which part of the rows was left out when it was predicted; 0 for rows that were never learned from.
    pub fold: u8,
    /// Its class.
    pub task: TaskClass,
    /// Whether the analysis cannot read it.
    pub unfamiliar: bool,
    /// Bytes of its prompt.
    pub bytes: u32,
    /// Predicted share of models that fail; `None`: the predictor has not learned it.
    pub difficulty: Option<f32>,
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
    /// Whether the row is of the kind that was learned of this model.
    pub familiar: Vec<bool>,
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
        for (at, row) in rows.iter().enumerate() {
            let facts = Facts {
                source: number(&mut sheet.sources, &row.source),
                domain: number(&mut sheet.domains, &row.domain),
                words: row.words(),
                fold: 0,
                task: row.task,
                unfamiliar: row.unfamiliar,
                bytes: row.bytes as u32,
                difficulty: difficulty.as_ref().map(|values| values[at]),
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
                familiar: rows
                    .iter()
                    .map(|row| target.cell(row.task).is_some_and(|cell| cell.knows(&row.shape)))
                    .collect(),
                score: outcomes().map(|outcome| Some(outcome?.score as f32)).collect(),
                cost_usd: outcomes().map(|outcome| Some(outcome?.cost_usd? as f32)).collect(),
                answer: outcomes().map(|outcome| outcome?.ans).collect(),
            });
        }
        sheet
    }

    /// The name of a row's source.
    pub fn source_of(&self, facts: &Facts) -> &str {
        &self.sources[facts.source as usize]
    }

    /// The name of a row's domain.
    pub fn domain_of(&self, facts: &Facts) -> &str {
        &self.domains[facts.domain as usize]
    }

    /// How many rows have the words of a row of `learned`: predictions of those are not predictions.
    pub fn shared_with(&self, learned: &Self) -> usize {
        let known: HashSet<u64> = learned.rows.iter().map(|facts| facts.words).collect();
        self.rows.iter().filter(|facts| known.contains(&facts.words)).count()
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
        let named =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|known| known == name);
        let kept: Vec<bool> = self
            .rows
            .iter()
            .map(|facts| named(sources, self.source_of(facts)) && named(domains, self.domain_of(facts)))
            .collect();
        keep(&mut self.rows, &kept);
        for column in &mut self.columns {
            keep(&mut column.predicted, &kept);
            keep(&mut column.by_class, &kept);
            keep(&mut column.familiar, &kept);
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
            let source = number(&mut self.sources, other.source_of(facts));
            let domain = number(&mut self.domains, other.domain_of(facts));
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
        rounded.rows.iter_mut().filter_map(|facts| facts.difficulty.as_mut()).for_each(round);
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
        if predictor.held_out.is_empty() {
            return Err(fault("it is empty; train the predictor again".to_owned()));
        }
        let mut text = Vec::new();
        DeflateDecoder::new(&*predictor.held_out)
            .take(MOST_BYTES)
            .read_to_end(&mut text)
            .map_err(|error| fault(error.to_string()))?;
        let sheet: Self = serde_json::from_slice(&text).map_err(|error| fault(error.to_string()))?;
        if sheet.is_sound() { Ok(sheet) } else { Err(fault("its parts do not fit together".to_owned())) }
    }

    /// Whether every number names something and every model has a place for every row.
    fn is_sound(&self) -> bool {
        let named = |facts: &Facts| {
            (facts.source as usize) < self.sources.len()
                && (facts.domain as usize) < self.domains.len()
                && facts.fold < FOLDS
        };
        let rows = self.rows.len();
        let whole = |column: &Column| {
            [column.predicted.len(), column.by_class.len(), column.familiar.len(), column.score.len()]
                == [rows; 4]
                && [column.cost_usd.len(), column.answer.len()] == [rows; 2]
        };
        self.rows.iter().all(named) && self.columns.iter().all(whole)
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
            familiar: Vec::new(),
            score: Vec::new(),
            cost_usd: Vec::new(),
            answer: Vec::new(),
        }
    }

    fn extend(&mut self, other: &Self) {
        self.predicted.extend_from_slice(&other.predicted);
        self.by_class.extend_from_slice(&other.by_class);
        self.familiar.extend_from_slice(&other.familiar);
        self.score.extend_from_slice(&other.score);
        self.cost_usd.extend_from_slice(&other.cost_usd);
        self.answer.extend_from_slice(&other.answer);
    }

    /// Fills up to `rows` with rows this model has no outcome of.
    fn grow(&mut self, rows: usize) {
        self.predicted.resize(rows, 0.0);
        self.by_class.resize(rows, 0.0);
        self.familiar.resize(rows, false);
        self.score.resize(rows, None);
        self.cost_usd.resize(rows, None);
        self.answer.resize(rows, None);
    }
}

fn keep<T>(values: &mut Vec<T>, kept: &[bool]) {
    let mut rows = kept.iter();
    values.retain(|_| rows.next().is_some_and(|kept| *kept));
}

fn number(names: &mut Vec<String>, name: &str) -> u32 {
    let at = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    at as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(sources: &[&str], models: &[(&str, &[Option<f32>])]) -> Sheet {
        let facts = |(number, _): (u32, &&str)| Facts {
            source: number,
            domain: 0,
            words: u64::from(number),
            fold: 0,
            task: TaskClass::Math,
            unfamiliar: false,
            bytes: 1,
            difficulty: None,
        };
        let column = |(model, score): &(&str, &[Option<f32>])| Column {
            model: (*model).to_owned(),
            predicted: vec![0.5; score.len()],
            by_class: vec![0.25; score.len()],
            familiar: vec![true; score.len()],
            score: score.to_vec(),
            cost_usd: vec![Some(1.0); score.len()],
            answer: vec![Some(1); score.len()],
        };
        Sheet {
            sources: sources.iter().map(|name| (*name).to_owned()).collect(),
            domains: vec!["d".to_owned()],
            rows: (0..).zip(sources).map(facts).collect(),
            columns: models.iter().map(column).collect(),
        }
    }

    #[test]
    fn sheets_of_different_sources_and_models_are_put_together() {
        let mut all = sheet(&["a", "b"], &[("m", &[Some(1.0), None]), ("x", &[Some(0.5), Some(0.5)])]);
        all.append(&sheet(&["b", "c"], &[("k", &[Some(0.1), None]), ("m", &[None, Some(0.2)])]), 3);
        assert_eq!(all.sources, ["a", "b", "c"]);
        let of: Vec<(&str, u8)> = all.rows.iter().map(|facts| (all.source_of(facts), facts.fold)).collect();
        assert_eq!(of, [("a", 0), ("b", 0), ("b", 3), ("c", 3)]);
        let scores: Vec<(&str, &[Option<f32>])> =
            all.columns.iter().map(|column| (column.model.as_str(), &*column.score)).collect();
        assert_eq!(
            scores,
            [
                ("k", &[None, None, Some(0.1), None][..]),
                ("m", &[Some(1.0), None, None, Some(0.2)]),
                ("x", &[Some(0.5), Some(0.5), None, None]),
            ]
        );
        let k = all.column("k").unwrap();
        assert_eq!(
            (k.cost_usd[0], k.predicted[0], k.answer[1]),
            (None, 0.0, None),
            "nothing is known of it there"
        );
        assert_eq!((k.cost_usd[2], k.predicted[2]), (Some(1.0), 0.5));
        assert!(all.is_sound());
    }

    #[test]
    fn some_sources_of_a_sheet() {
        let all = sheet(&["a", "b", "c"], &[("m", &[Some(0.1), Some(0.2), Some(0.3)])]);
        let only = all.clone().only(&["a".to_owned(), "c".to_owned()], &[]);
        assert_eq!(only.columns[0].score, [Some(0.1), Some(0.3)]);
        assert_eq!(only.rows.iter().map(|facts| only.source_of(facts)).collect::<Vec<_>>(), ["a", "c"]);
        assert!(only.is_sound());
        assert_eq!((only.shared_with(&all), all.shared_with(&only)), (2, 2));
    }

    #[test]
    fn a_sheet_whose_parts_do_not_fit_is_known() {
        let good = sheet(&["a", "b"], &[("m", &[Some(0.1), Some(0.2)])]);
        assert!(good.is_sound());
        let damaged: [fn(&mut Sheet); 5] = [
            |sheet| sheet.rows[0].source = 2,
            |sheet| sheet.rows[0].domain = 1,
            |sheet| sheet.rows[0].fold = FOLDS,
            |sheet| sheet.columns[0].answer.truncate(1),
            |sheet| sheet.rows.truncate(1),
        ];
        for damage in damaged {
            let mut bad = good.clone();
            damage(&mut bad);
            assert!(!bad.is_sound(), "{bad:?}");
        }
    }
}
