//! Many models with prices: quality against cost.

use serde::Serialize;

use super::cascade::{Answers, Plan, Ran, run};
use super::means::Group;
use super::{Column, MAX_LOSS, Trial, upper_mean};
use crate::learning::FOLDS;
use crate::learning::metrics::{Figure, Points, aiq, bootstrap, hull};

/// What a predictor is worth in choosing among many models.
#[derive(Clone, Debug, Serialize)]
pub struct PoolReport {
    /// The models.
    pub models: Vec<String>,
    /// Reported rows with outcomes and costs of all.
    pub rows: usize,
    /// The model with the best mean quality on the learned rows.
    pub best_single: String,
    /// Its quality on the reported rows.
    pub best_single_quality: f64,
    /// What it costs there, in US dollars for 1,000 requests.
    pub best_single_usd_per_1000: f64,
    /// Average improvement in quality of the predictor.
    pub aiq: Figure,
    /// Highest quality of the predictor, as set on the learned rows, over the best single model's; minus 1.
    pub perf_gain: Figure,
    /// Share of the best single model's cost that is saved at the setting frozen on the learned rows.
    pub cost_save: Figure,
    /// Quality minus the best single model's, at the same setting.
    pub quality_difference: Figure,
    /// The predictor and the ways to do without.
    pub ways: Vec<WayReport>,
    /// Singles: (US dollars for 1,000 requests, quality, name).
    pub singles: Vec<(f64, f64, String)>,
}

/// One way to choose.
#[derive(Clone, Debug, Serialize)]
pub struct WayReport {
    /// What it goes by.
    pub name: &'static str,
    /// Average improvement in quality over the range of the singles' costs.
    pub aiq: Figure,
    /// The predictor's minus this one's, paired.
    pub aiq_gain: Figure,
    /// At the setting frozen on the learned rows; `None`: nothing was frozen.
    pub frozen: Option<Frozen>,
    /// (US dollars for 1,000 requests, quality) at every setting.
    pub curve: Points,
}

/// A setting frozen on the learned rows.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Frozen {
    /// What a dollar counts in quality.
    pub lambda: f64,
    /// Quality on the reported rows.
    pub quality: f64,
    /// Share of the best single model's cost that is saved.
    pub cost_save: Figure,
    /// Quality minus the best single model's.
    pub quality_difference: Figure,
}

/// What a dollar counts in quality: from nothing to all.
fn lambdas() -> impl Iterator<Item = f64> {
    std::iter::once(0.0).chain((0..48).map(|step| 0.3 * 1.35_f64.powi(step)))
}

/// Reports on a pool; `cascades`: plans of two models that agree, and a third, are chosen among as well.
pub fn pool(trial: &Trial<'_>, models: &[String], cascades: bool) -> Result<PoolReport, String> {
    let field = Field::new(trial, models)?;
    let mut ways = vec![field.way("predictor", trial, &Sight::Predicted)];
    if cascades {
        ways.insert(0, field.way("predictor and cascades", trial, &Sight::WithCascades));
    }
    ways.push(field.way("class mean", trial, &Sight::Means(Group::Class)));
    ways.push(field.way("domain mean", trial, &Sight::Means(Group::Domain)));
    ways.push(field.way("length", trial, &Sight::Means(Group::Length)));
    ways.push(field.fixed("best single", &|_| Plan::Single(field.best)));
    ways.push(field.oracle());
    Ok(field.report(ways))
}

/// How a way sees a plan's quality before it runs.
enum Sight {
    Predicted,
    WithCascades,
    Means(Group),
}

/// The pool on the rows it is chosen and reported on.
struct Field<'s> {
    models: Vec<String>,
    then: Side<'s>,
    now: Side<'s>,
    /// The best single model on the learned rows.
    best: usize,
}

/// The pool on one sheet.
struct Side<'s> {
    columns: Vec<&'s Column>,
    rows: Vec<usize>,
    licensed: Vec<bool>,
}

impl<'s> Side<'s> {
    fn new(columns: Vec<&'s Column>, common: Vec<usize>) -> Self {
        let priced = |row: &usize| columns.iter().all(|column| column.cost_usd[*row].is_some());
        let rows = common.into_iter().filter(priced).collect();
        Self { columns, rows, licensed: Vec::new() }
    }

    fn quality(&self, model: usize, row: usize) -> f64 {
        f64::from(self.columns[model].score[row].unwrap_or_default())
    }

    fn run(&self, plan: Plan, row: usize) -> (f64, f64) {
        let answers: Vec<Answers<'_>> = self.columns.iter().map(|column| Answers::from(*column)).collect();
        let Ran { served, cost_usd } = run(plan, &answers, row);
        (1000.0 * cost_usd, self.quality(served, row))
    }
}

/// A way's settings: for each of them what every reported row cost and was worth.
struct Way {
    name: &'static str,
    /// By setting, by row: (US dollars for 1,000 such requests, quality).
    settings: Vec<Vec<(f64, f64)>>,
    /// Number of the frozen setting and its lambda.
    frozen: Option<(usize, f64)>,
    /// Number of the setting with the best quality on the learned rows.
    best: usize,
}

/// What is expected of a plan on each reported row.
struct Expected {
    plan: Plan,
    quality: Vec<f64>,
    usd_per_1000: Vec<f64>,
}

impl<'s> Field<'s> {
    fn new(trial: &Trial<'s>, models: &[String]) -> Result<Self, String> {
        let columns = models.iter().map(|model| trial.columns(model)).collect::<Result<Vec<_>, _>>()?;
        let (then, now): (Vec<&Column>, Vec<&Column>) = columns.into_iter().unzip();
        let common = trial.learned.common(&then);
        let mut then = Side::new(then, common);
        let common = trial.reported().common(&now);
        let mut now = Side::new(now, common);
        if then.rows.is_empty() || now.rows.is_empty() {
            return Err("no row has outcomes and costs of all these models".to_owned());
        }
        then.licensed = trial.on_learned().licensed(&then.rows);
        now.licensed = trial.licensed(&then.rows);
        let total = |model: usize| then.rows.iter().map(|row| then.quality(model, *row)).sum::<f64>();
        let best = (0..models.len()).max_by(|a, b| total(*a).total_cmp(&total(*b))).unwrap_or_default();
        Ok(Self { models: models.to_vec(), then, now, best })
    }

    /// A way at every setting, one of them frozen on the learned rows.
    fn way(&self, name: &'static str, trial: &Trial<'s>, sight: &Sight) -> Way {
        let on_learned = trial.on_learned();
        let then: Vec<Vec<(f64, f64)>> = {
            let expected = self.expected(&on_learned, &self.then, sight);
            lambdas().map(|lambda| self.served(&self.then, &expected, lambda)).collect()
        };
        let expected = self.expected(trial, &self.now, sight);
        let settings = lambdas().map(|lambda| self.served(&self.now, &expected, lambda)).collect();
        let alone: Vec<f64> = self.then.rows.iter().map(|row| self.then.quality(self.best, *row)).collect();
        let is_safe = |setting: &&(usize, f64)| {
            let served = &then[setting.0];
            let losses: Vec<f64> =
                alone.iter().zip(served).map(|(best, (_, quality))| best - quality).collect();
            upper_mean(&losses).1 <= MAX_LOSS
        };
        let cost = |setting: usize| then[setting].iter().map(|(cost, _)| cost).sum::<f64>();
        let quality = |setting: usize| then[setting].iter().map(|(_, quality)| quality).sum::<f64>();
        let numbered: Vec<(usize, f64)> = lambdas().enumerate().collect();
        let safe = numbered.iter().filter(is_safe);
        let frozen = safe.min_by(|a, b| cost(a.0).total_cmp(&cost(b.0))).copied();
        let best = numbered.iter().map(|(at, _)| *at).max_by(|a, b| quality(*a).total_cmp(&quality(*b)));
        Way { name, settings, frozen, best: best.unwrap_or_default() }
    }

    /// A way without a setting.
    fn fixed(&self, name: &'static str, plan: &dyn Fn(usize) -> Plan) -> Way {
        let served = self.now.rows.iter().map(|row| self.now.run(plan(*row), *row)).collect();
        Way { name, settings: vec![served], frozen: None, best: 0 }
    }

    /// Knows what will come.
    fn oracle(&self) -> Way {
        let knows = |lambda: f64, row: &usize| {
            let came = |model: &usize| self.now.run(Plan::Single(*model), *row);
            let worth = |(cost, quality): (f64, f64)| quality - lambda * cost / 1000.0;
            (0..self.models.len())
                .map(|model| came(&model))
                .max_by(|a, b| worth(*a).total_cmp(&worth(*b)))
                .unwrap_or_default()
        };
        let at = |lambda: f64| self.now.rows.iter().map(|row| knows(lambda, row)).collect();
        Way { name: "oracle", settings: lambdas().map(at).collect(), frozen: None, best: 0 }
    }

    /// What each row costs and is worth when each gets the plan with the most expected quality less its cost. Rows whose
    /// class has too few learned ones get the best single model.
    fn served(&self, side: &Side<'_>, expected: &[Expected], lambda: f64) -> Vec<(f64, f64)> {
        let chosen = |row: usize| {
            if !side.licensed[row] {
                return Plan::Single(self.best);
            }
            let worth = |plan: &Expected| plan.quality[row] - lambda * plan.usd_per_1000[row] / 1000.0;
            let best = expected.iter().max_by(|a, b| worth(a).total_cmp(&worth(b)));
            best.map_or(Plan::Single(self.best), |best| best.plan)
        };
        side.rows.iter().map(|row| side.run(chosen(*row), *row)).collect()
    }

    fn expected(&self, trial: &Trial<'s>, side: &Side<'s>, sight: &Sight) -> Vec<Expected> {
        let mut plans: Vec<Expected> = (0..self.models.len())
            .map(|model| {
                let plan = Plan::Single(model);
                let quality = match sight {
                    Sight::Predicted | Sight::WithCascades => side.columns[model].clipped(),
                    Sight::Means(group) => self.means(trial, group, plan).1,
                };
                Expected { plan, quality, usd_per_1000: self.means(trial, &Group::Class, plan).0 }
            })
            .collect();
        if matches!(sight, Sight::WithCascades) {
            plans.extend(self.cascades(trial));
        }
        plans
    }

    /// Mean cost and quality of a plan by group, for every reported row.
    fn means(&self, trial: &Trial<'s>, group: &Group, plan: Plan) -> (Vec<f64>, Vec<f64>) {
        let mut ran = vec![None; trial.learned.rows.len()];
        self.then.rows.iter().for_each(|row| ran[*row] = Some(self.then.run(plan, *row)));
        let cost = trial.means(group, &|row| ran[row].map(|(cost, _)| cost));
        let quality = trial.means(group, &|row| ran[row].map(|(_, quality)| quality));
        (cost, quality)
    }

    /// The cascades worth choosing among. In a cross-validation a row sees those that are worth it without its fold.
    fn cascades(&self, trial: &Trial<'s>) -> Vec<Expected> {
        let folds: Vec<Option<u8>> =
            if trial.fresh.is_some() { vec![None] } else { (0..FOLDS).map(Some).collect() };
        let mut found: Vec<(Plan, Vec<Option<u8>>)> = Vec::new();
        for fold in folds {
            let kept = |row: &usize| Some(trial.learned.rows[*row].fold) != fold;
            let rows: Vec<usize> = self.then.rows.iter().copied().filter(kept).collect();
            for plan in self.worthwhile(trial, &rows) {
                match found.iter_mut().find(|(known, _)| *known == plan) {
                    Some((_, folds)) => folds.push(fold),
                    None => found.push((plan, vec![fold])),
                }
            }
        }
        let hidden = |folds: &[Option<u8>], row: usize| {
            trial.fresh.is_none() && !folds.contains(&Some(trial.learned.rows[row].fold))
        };
        let expected = |(plan, folds): (Plan, Vec<Option<u8>>)| {
            let (usd_per_1000, mut quality) = self.means(trial, &Group::Class, plan);
            for (row, quality) in quality.iter_mut().enumerate() {
                if hidden(&folds, row) {
                    *quality = f64::NEG_INFINITY;
                }
            }
            Expected { plan, quality, usd_per_1000 }
        };
        found.into_iter().map(expected).collect()
    }

    /// The cascades no mixture of others beats, on these learned rows, in any class.
    fn worthwhile(&self, trial: &Trial<'s>, rows: &[usize]) -> Vec<Plan> {
        let mut kept = Vec::new();
        for task in crate::types::TaskClass::ALL {
            let of: Vec<usize> =
                rows.iter().copied().filter(|row| trial.learned.rows[*row].task == task).collect();
            if of.len() < super::LEAST_ROWS {
                continue;
            }
            let all = self.triples(&of);
            let corners = hull(&all.iter().map(|(_, point)| *point).collect());
            kept.extend(all.into_iter().filter(|(_, point)| corners.contains(point)).map(|(plan, _)| plan));
        }
        kept.sort_by_key(|plan| format!("{plan:?}"));
        kept.dedup();
        kept
    }

    /// Every cascade of two models and a dearer third, with its mean cost and quality on some rows.
    fn triples(&self, rows: &[usize]) -> Vec<(Plan, (f64, f64))> {
        let side = &self.then;
        let answers: Vec<Answers<'_>> = side.columns.iter().map(|column| Answers::from(*column)).collect();
        let cost = |model: usize| {
            rows.iter().map(|row| run(Plan::Single(model), &answers, *row).cost_usd).sum::<f64>()
        };
        let costs: Vec<f64> = (0..self.models.len()).map(cost).collect();
        let mut found = Vec::new();
        for third in 0..costs.len() {
            for first in 0..costs.len() {
                for second in first + 1..costs.len() {
                    if costs[first].max(costs[second]) >= costs[third] {
                        continue;
                    }
                    let plan = Plan::Agree([first, second], third);
                    let (mut cost, mut quality) = (0.0, 0.0);
                    for row in rows {
                        let ran = run(plan, &answers, *row);
                        cost += 1000.0 * ran.cost_usd;
                        quality += side.quality(ran.served, *row);
                    }
                    found.push((plan, (cost / rows.len() as f64, quality / rows.len() as f64)));
                }
            }
        }
        found
    }

    fn report(&self, ways: Vec<Way>) -> PoolReport {
        let rows = self.now.rows.len();
        let all: Vec<usize> = (0..rows).collect();
        let single = |model: usize| -> Vec<(f64, f64)> {
            self.now.rows.iter().map(|row| self.now.run(Plan::Single(model), *row)).collect()
        };
        let singles: Vec<(f64, f64)> =
            (0..self.models.len()).map(|model| point(&single(model), &all)).collect();
        let range = singles
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(low, high), (cost, _)| (low.min(*cost), high.max(*cost)));
        let alone = single(self.best);
        let ours = ways[0].settings.clone();
        let reports: Vec<WayReport> =
            ways.iter().map(|way| way_report(way, &ours, (&alone, range))).collect();
        let frozen = reports[0].frozen;
        let none = Figure { value: 0.0, low: 0.0, high: 0.0 };
        let best = &ways[0].settings[ways[0].best];
        let gain = |drawn: &[usize]| point(best, drawn).1 / point(&alone, drawn).1 - 1.0;
        let (usd, quality) = singles[self.best];
        let named =
            singles.iter().zip(&self.models).map(|((cost, quality), name)| (*cost, *quality, name.clone()));
        PoolReport {
            rows,
            best_single: self.models[self.best].clone(),
            best_single_quality: quality,
            best_single_usd_per_1000: usd,
            aiq: reports[0].aiq,
            perf_gain: bootstrap(rows, 4, |drawn| vec![gain(drawn)])[0],
            cost_save: frozen.map_or(none, |frozen| frozen.cost_save),
            quality_difference: frozen.map_or(none, |frozen| frozen.quality_difference),
            singles: named.collect(),
            ways: reports,
            models: self.models.clone(),
        }
    }
}

type Served = Vec<(f64, f64)>;

fn way_report(way: &Way, ours: &[Served], (alone, range): (&Served, (f64, f64))) -> WayReport {
    let rows = alone.len();
    let all: Vec<usize> = (0..rows).collect();
    let curve = |settings: &[Served], drawn: &[usize]| -> Points {
        settings.iter().map(|served| point(served, drawn)).collect()
    };
    let figures = bootstrap(rows, 3, |drawn| {
        let own = aiq(&curve(&way.settings, drawn), range);
        vec![own, aiq(&curve(ours, drawn), range) - own]
    });
    let frozen = way.frozen.map(|(at, lambda)| {
        let served = &way.settings[at];
        let figures = bootstrap(rows, 4, |drawn| {
            let ((cost, quality), (usd, best)) = (point(served, drawn), point(alone, drawn));
            vec![1.0 - cost / usd, quality - best]
        });
        let quality = point(served, &all).1;
        Frozen { lambda, quality, cost_save: figures[0], quality_difference: figures[1] }
    });
    WayReport {
        name: way.name,
        aiq: figures[0],
        aiq_gain: figures[1],
        frozen,
        curve: curve(&way.settings, &all),
    }
}

/// Mean cost and quality over some rows.
fn point(served: &Served, rows: &[usize]) -> (f64, f64) {
    let costs: f64 = rows.iter().map(|row| served[*row].0).sum();
    let qualities: f64 = rows.iter().map(|row| served[*row].1).sum();
    (costs / rows.len() as f64, qualities / rows.len() as f64)
}
