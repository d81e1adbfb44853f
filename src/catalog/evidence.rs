//! What is known of a model's quality loss against a baseline, by task class. Beliefs rank; only this licenses. What is known of a
//! plan in one class counts, within bounds, in the others too.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::acceptor::{Acceptor, Acceptors};
use super::pooling::{Class, ONE_SIDED_95, Pool};
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
    /// Mean quality of the measured model, 0..1; of a plan it may be unknown: what was measured without labels says what is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_quality: Option<f64>,
    /// Mean of (baseline's score - model's score); negative when the model is better.
    pub mean_loss: f64,
    /// Upper end of the loss's one-sided 95 % interval.
    pub loss_upper: f64,
    /// Of a plan: share of requests whose first answers stood, 0..1. Counts whatever the number of pairs: it needs no labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<f64>,
    /// Of a plan: what all its calls cost over what the baseline's cost, on the same requests. It holds what prices alone do not
    /// tell: that the questions which are passed on are those with long answers. Of the prices at the time it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_ratio: Option<f64>,
}

impl Evidence {
    /// Whether it is about a plan of several models, which is called as decisions print it.
    pub fn is_of_plan(&self) -> bool {
        self.model.as_str().ends_with(')')
    }

    /// The loss of this class as a measurement: one whose own one-sided bound is `loss_upper`.
    fn loss(&self) -> Class {
        let pairs = f64::from(self.pairs);
        // As the bound is reckoned: two imaginary pairs more, which draw a gain towards none.
        let mean = self.mean_loss.max(self.mean_loss * pairs / (pairs + 2.0)).min(self.loss_upper);
        let error = (self.loss_upper - mean) / ONE_SIDED_95;
        // A bound that was cut off at the largest loss there is tells less; so much the imaginary pairs alone come to.
        let least = (2.0 / ((pairs + 1.0) * (pairs + 2.0))).sqrt();
        Class { pairs, mean, error: if self.loss_upper < 1.0 { error } else { error.max(least) } }
    }

    /// The share of first answers that stood, likewise.
    fn stood(&self) -> Option<Class> {
        let (share, pairs) = (self.accepted?, f64::from(self.pairs));
        let mean = (share * pairs + 1.0) / (pairs + 2.0);
        Some(Class { pairs, mean: share, error: (mean * (1.0 - mean) / (pairs + 2.0)).sqrt() })
    }
}

/// What is known of a plan in one class from all classes together.
#[derive(Clone, Debug, PartialEq)]
pub struct PooledEvidence {
    /// As of the class, if anything was measured in it; without a pair else. Its loss is what all classes say together, or what
    /// the class alone says where that is enough or speaks against the others.
    pub evidence: Evidence,
    /// Paired outcomes of all classes together, as far as they count here.
    pub pairs_in_all: u32,
    /// Whether its share of first answers that stood was counted in the class itself.
    pub accepted_is_own: bool,
}

/// Paired outcomes a plan of several models needs, in all classes together, before its evidence counts; and in one, before it counts
/// there without theirs.
pub const PLAN_PAIRS: u32 = 200;
/// Classes that must have been measured before they say anything of each other: how much classes differ cannot be told from two.
const LEAST_CLASSES: usize = 3;
/// Pairs from which on a class is one of those.
const LEAST_PAIRS: u32 = 20;

/// The profile file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What was measured; of two entries of one cell the later counts.
    pub evidence: Vec<Evidence>,
    /// When answers stand; of two of one plan and class the later counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptors: Vec<Acceptor>,
}

/// What was measured, by (baseline, model, task class); what that says of every class, by (baseline, plan); and when answers stand.
#[derive(Clone, Debug, Default)]
pub struct EvidenceTable {
    own: HashMap<(ModelId, ModelId, TaskClass), Evidence>,
    pooled: HashMap<(ModelId, ModelId), Vec<PooledEvidence>>,
    acceptors: Acceptors,
}

impl EvidenceTable {
    /// Later entries replace earlier ones of the same cell.
    pub fn new(entries: impl IntoIterator<Item = Evidence>) -> Self {
        let cell = |entry: Evidence| ((entry.baseline.clone(), entry.model.clone(), entry.task), entry);
        let own: HashMap<_, _> = entries.into_iter().map(cell).collect();
        let mut plans: HashMap<(ModelId, ModelId), Vec<&Evidence>> = HashMap::new();
        for entry in own.values().filter(|entry| entry.is_of_plan() && entry.level == EvidenceLevel::Paired) {
            plans.entry((entry.baseline.clone(), entry.model.clone())).or_default().push(entry);
        }
        let pooled = plans.into_iter().map(|(key, mut cells)| {
            // Sums in the same order give the same figures on every machine.
            cells.sort_by_key(|cell| cell.task);
            (key, pool(&cells))
        });
        let pooled = pooled.collect();
        Self { own, pooled, acceptors: Acceptors::default() }
    }

    /// The same with what was learnt of when answers stand.
    pub fn with_acceptors(self, acceptors: Acceptors) -> Self {
        Self { acceptors, ..self }
    }

    /// What lets an answer of a plan stand in one class; `None`: nothing was learnt.
    pub fn acceptor(&self, plan: &ModelId, task: TaskClass) -> Option<&Arc<Acceptor>> {
        self.acceptors.of(plan, task)
    }

    /// The evidence for one cell.
    pub fn get(&self, baseline: &ModelId, model: &ModelId, task: TaskClass) -> Option<&Evidence> {
        if self.own.is_empty() {
            return None;
        }
        self.own.get(&(baseline.clone(), model.clone(), task))
    }

    /// What is known of a plan in one class from all classes together. Where too few classes were measured to say anything of each
    /// other, it is what was measured in this one.
    pub fn pooled(&self, baseline: &ModelId, plan: &ModelId, task: TaskClass) -> Option<&PooledEvidence> {
        if self.pooled.is_empty() {
            return None;
        }
        let classes = self.pooled.get(&(baseline.clone(), plan.clone()))?;
        classes.iter().find(|one| one.evidence.task == task)
    }
}

/// Mean of what a plan cost over the baseline's cost, and of how many pairs.
fn mean_cost<'e>(cells: impl IntoIterator<Item = &'e Evidence>) -> Option<(f64, f64)> {
    let known = cells.into_iter().filter_map(|cell| Some((cell.cost_ratio?, f64::from(cell.pairs))));
    let (sum, pairs) =
        known.fold((0.0, 0.0), |(sum, all), (ratio, pairs)| (sum + ratio * pairs, all + pairs));
    (pairs > 0.0).then(|| (sum / pairs, pairs))
}

/// The paired cells of one plan, pooled: one for every class there is, or for those that were measured.
fn pool(cells: &[&Evidence]) -> Vec<PooledEvidence> {
    let alone = |cell: &&Evidence| PooledEvidence {
        evidence: (*cell).clone(),
        pairs_in_all: cell.pairs,
        accepted_is_own: cell.accepted.is_some(),
    };
    // A share of answers that stood needs no labels, so it may be known where no pair is. It stays in its class: of how many
    // requests it is is not said, and so not what it weighs among others.
    let unpaired: Vec<&Evidence> =
        cells.iter().copied().filter(|cell| cell.pairs == 0 && cell.accepted.is_some()).collect();
    let cells: Vec<&Evidence> = cells.iter().copied().filter(|cell| cell.pairs > 0).collect();
    if cells.iter().filter(|cell| cell.pairs >= LEAST_PAIRS).count() < LEAST_CLASSES {
        return cells.iter().chain(&unpaired).map(alone).collect();
    }
    let losses = Pool::of_losses(&cells.iter().map(|cell| cell.loss()).collect::<Vec<_>>());
    let stood: Vec<Class> = cells.iter().filter_map(|cell| cell.stood()).collect();
    let stood = (!stood.is_empty()).then(|| Pool::of_shares(&stood));
    let pairs_in_all = cells.iter().map(|cell| cell.pairs).sum();
    let costs = mean_cost(cells.iter().copied());
    let of = |task: TaskClass| {
        let own = cells.iter().find(|cell| cell.task == task);
        let loss = own.map_or_else(|| losses.of_new(), |own| losses.of_class(own.loss()));
        let (mean_loss, loss_upper) = (loss.mean(), loss.upper().max(loss.mean()).min(1.0));
        // Outcomes enough of its own need no others. Fewer that speak against the bound of the others are not outvoted: a class
        // far from all others would be drawn into their midst.
        let stands = own.filter(|own| own.pairs >= PLAN_PAIRS || own.mean_loss > loss_upper);
        let (mean_loss, loss_upper) =
            stands.map_or((mean_loss, loss_upper), |own| (own.mean_loss, own.loss_upper));
        let pooled = stood.as_ref().map(|pool| match own.and_then(|own| own.stood()) {
            Some(class) => pool.of_class(class).mean().clamp(0.0, 1.0),
            None => pool.of_new().mean().clamp(0.0, 1.0),
        });
        let counted = unpaired.iter().find(|cell| cell.task == task).and_then(|cell| cell.accepted);
        let accepted = counted.or(pooled);
        let accepted_is_own = counted.is_some() || own.is_some_and(|own| own.accepted.is_some());
        let evidence = Evidence {
            task,
            pairs: own.map_or(0, |own| own.pairs),
            mean_quality: own.and_then(|own| own.mean_quality),
            mean_loss,
            loss_upper,
            accepted,
            // Drawn to that of all as by so many pairs: it says what is cheap, and nothing of what is good enough.
            cost_ratio: costs.map(|all| match mean_cost(own.copied()) {
                Some((own, pairs)) => {
                    (own * pairs + all.0 * f64::from(LEAST_PAIRS)) / (pairs + f64::from(LEAST_PAIRS))
                }
                None => all.0,
            }),
            ..cells[0].clone()
        };
        PooledEvidence { evidence, pairs_in_all, accepted_is_own }
    };
    TaskClass::ALL.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "cascade(a & b | c)";

    fn cell(model: &str, task: TaskClass, pairs: u32, (mean_loss, loss_upper): (f64, f64)) -> Evidence {
        Evidence {
            baseline: "c".into(),
            model: model.into(),
            task,
            level: EvidenceLevel::Paired,
            pairs,
            mean_quality: Some(0.8),
            mean_loss,
            loss_upper,
            accepted: Some(0.7),
            cost_ratio: None,
        }
    }

    fn three(model: &str) -> Vec<Evidence> {
        let classes = [(TaskClass::Code, 500), (TaskClass::Math, 900), (TaskClass::Extraction, 300)];
        classes.map(|(task, pairs)| cell(model, task, pairs, (0.0, 0.01))).to_vec()
    }

    #[test]
    fn three_classes_speak_of_a_fourth_and_two_do_not() {
        let found = |cells: Vec<Evidence>| {
            let table = EvidenceTable::new(cells);
            table.pooled(&"c".into(), &PLAN.into(), TaskClass::Knowledge).cloned()
        };
        let fourth = found(three(PLAN)).unwrap();
        assert_eq!((fourth.evidence.pairs, fourth.pairs_in_all), (0, 1700));
        assert!(fourth.evidence.mean_loss.abs() < 1e-9 && fourth.evidence.loss_upper > 0.01, "{fourth:?}");
        assert!((fourth.evidence.accepted.unwrap() - 0.7).abs() < 0.01);
        assert_eq!(found(three(PLAN)[1..].to_vec()), None);
        // One that was hardly looked at is none.
        let mut cells = three(PLAN);
        cells[2].pairs = LEAST_PAIRS - 1;
        assert_eq!(found(cells), None);
        // What was predicted speaks of nothing else.
        let mut cells = three(PLAN);
        cells[2].level = EvidenceLevel::Calibrated;
        assert_eq!(found(cells), None);
    }

    #[test]
    fn what_a_plan_costs_in_a_class_is_drawn_to_what_it_costs_in_all() {
        let mut cells = three(PLAN);
        for (cell, ratio) in cells.iter_mut().zip([0.5, 0.3, 0.4]) {
            cell.cost_ratio = Some(ratio);
        }
        // By pairs, all together come to 0.376.
        let all = (500.0 * 0.5 + 900.0 * 0.3 + 300.0 * 0.4) / 1700.0;
        let table = EvidenceTable::new(cells.clone());
        let of = |task| table.pooled(&"c".into(), &PLAN.into(), task).unwrap().evidence.cost_ratio.unwrap();
        assert!((of(TaskClass::Knowledge) - all).abs() < 1e-12);
        assert!((of(TaskClass::Code) - (500.0 * 0.5 + 20.0 * all) / 520.0).abs() < 1e-12);
        // Unknown in one class it is that of the others; unknown in all it is none.
        cells[0].cost_ratio = None;
        let table = EvidenceTable::new(cells);
        let of = |task| table.pooled(&"c".into(), &PLAN.into(), task).unwrap().evidence.cost_ratio;
        assert!((of(TaskClass::Code).unwrap() - 390.0 / 1200.0).abs() < 1e-12);
        let table = EvidenceTable::new(three(PLAN));
        let of = |task| table.pooled(&"c".into(), &PLAN.into(), task).unwrap().evidence.cost_ratio;
        assert_eq!(of(TaskClass::Code), None);
    }

    #[test]
    fn the_others_never_outvote_what_a_class_itself_has_shown() {
        let bound = |pairs: u32, losses: (f64, f64)| {
            let own = cell(PLAN, TaskClass::Knowledge, pairs, losses);
            let table = EvidenceTable::new([three(PLAN), vec![own]].concat());
            table.pooled(&"c".into(), &PLAN.into(), TaskClass::Knowledge).unwrap().evidence.loss_upper
        };
        // Two of five lost, three of eight, four of fifteen: each alone says that it is bad.
        for (pairs, losses) in [(5, (0.4, 0.87)), (8, (0.375, 0.76)), (15, (0.27, 0.49)), (30, (0.2, 0.35))] {
            assert_eq!(bound(pairs, losses), losses.1, "{pairs} pairs");
        }
        // Nothing lost: the others narrow what so few can say.
        assert!(bound(5, (0.0, 0.45)) < 0.1);
        // Enough of its own is taken to the letter, be it better or worse than the others'.
        for losses in [(-0.01, 0.001), (0.0, 0.016), (0.03, 0.05)] {
            assert_eq!(bound(PLAN_PAIRS, losses), losses.1);
        }
    }

    #[test]
    fn answers_that_stood_count_where_nobody_has_labelled_one() {
        let own = |accepted: f64| Evidence {
            accepted: Some(accepted),
            ..cell(PLAN, TaskClass::Knowledge, 0, (0.0, 1.0))
        };
        let found = |cells: Vec<Evidence>, task: TaskClass| {
            let table = EvidenceTable::new(cells);
            let found = table.pooled(&"c".into(), &PLAN.into(), task)?;
            Some((found.evidence.accepted.unwrap(), found.evidence.pairs, found.accepted_is_own))
        };
        // Alone, beside one class, and beside three that say something else.
        for classes in [0, 1, 3] {
            let cells = [three(PLAN)[..classes].to_vec(), vec![own(0.1)]].concat();
            let of_class = found(cells, TaskClass::Knowledge);
            assert_eq!(of_class, Some((0.1, 0, true)), "beside {classes} classes");
        }
        // It says nothing of other classes, and nothing of losses.
        let cells = [three(PLAN), vec![own(0.1)]].concat();
        assert_eq!(found(cells.clone(), TaskClass::Code), found(three(PLAN), TaskClass::Code));
        let other = found(cells, TaskClass::Reasoning).unwrap();
        assert!((other.0 - 0.7).abs() < 0.01 && !other.2, "{other:?}");
    }

    #[test]
    fn a_class_alone_keeps_what_was_measured_to_the_letter() {
        let table = EvidenceTable::new(three(PLAN)[..2].to_vec());
        let pooled = table.pooled(&"c".into(), &PLAN.into(), TaskClass::Math).unwrap();
        assert_eq!(&pooled.evidence, table.get(&"c".into(), &PLAN.into(), TaskClass::Math).unwrap());
        assert_eq!(pooled.pairs_in_all, 900);
    }

    #[test]
    fn single_models_and_other_plans_lend_nothing() {
        let table = EvidenceTable::new([three("a"), three("cascade(a & d | c)")].concat());
        assert_eq!(table.pooled(&"c".into(), &"a".into(), TaskClass::Code), None);
        assert_eq!(table.pooled(&"c".into(), &PLAN.into(), TaskClass::Code), None);
    }

    #[test]
    fn a_bound_that_was_cut_off_is_no_certainty() {
        let one = cell(PLAN, TaskClass::Code, 1, (1.0, 1.0)).loss();
        assert!(one.error > 0.5, "{one:?}");
        let many = cell(PLAN, TaskClass::Code, 400, (-0.02, 0.01)).loss();
        assert!((many.mean + ONE_SIDED_95 * many.error - 0.01).abs() < 1e-12);
    }
}
