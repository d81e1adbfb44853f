//! The pool on the rows it is chosen and reported on, and what each way to choose serves at each setting.

use super::freeze::{Settings, Way};
use super::{SAVED_COUNTS, Served, advantages, lambdas};
use crate::learning::eval::Trial;
use crate::learning::eval::cascade::{Answers, Plan, Ran, run};
use crate::learning::eval::means::Group;
use crate::learning::sheet::Column;

/// How a way sees a plan's quality before it runs.
pub(super) enum Sight {
    Predicted,
    WithCascades,
    Means(Group),
}

/// The pool on the rows it is chosen and reported on.
pub(super) struct Field<'s> {
    pub(super) models: Vec<String>,
    pub(super) then: Side<'s>,
    pub(super) now: Side<'s>,
    /// The best single model on the learned rows.
    pub(super) best: usize,
}

/// The pool on one sheet.
pub(super) struct Side<'s> {
    columns: Vec<&'s Column>,
    pub(super) answers: Vec<Answers<'s>>,
    /// The rows with outcomes and costs of all models.
    pub(super) rows: Vec<usize>,
    pub(super) licensed: Vec<bool>,
}

impl<'s> Side<'s> {
    /// `common` are the rows with outcomes of all.
    fn new(columns: Vec<&'s Column>, common: Vec<usize>) -> Self {
        let priced = |row: &usize| columns.iter().all(|column| column.cost_usd[*row].is_some());
        let rows = common.into_iter().filter(priced).collect();
        let answers = columns.iter().map(|column| Answers::from(*column)).collect();
        Self { columns, answers, rows, licensed: Vec::new() }
    }

    /// How far a prompt lies from its class for a model.
    pub(super) fn beyond_class(&self, model: usize, row: usize) -> f64 {
        f64::from(self.columns[model].predicted[row] - self.columns[model].by_class[row])
    }

    pub(super) fn quality(&self, model: usize, row: usize) -> f64 {
        self.columns[model].score[row].map_or(f64::NAN, f64::from)
    }

    pub(super) fn run(&self, plan: Plan, row: usize) -> (f64, f64) {
        let Ran { served, cost_usd } = run(plan, &self.answers, row);
        (1000.0 * cost_usd, self.quality(served, row))
    }

    /// One model for all rows.
    pub(super) fn single(&self, model: usize) -> Served {
        self.rows.iter().map(|row| self.run(Plan::Single(model), *row)).collect()
    }

    /// Why there is no row to choose on.
    fn fault(&self, models: &[String], what: &str) -> String {
        let unpriced = |column: &Column| column.scored().all(|row| column.cost_usd[row].is_none());
        match self.columns.iter().position(|column| unpriced(column)) {
            Some(at) => format!("`{}` is unpriced: no {what} row has a cost of it", models[at]),
            None => format!("no {what} row has outcomes and costs of all these models"),
        }
    }
}

/// What is expected of a plan on each row of a sheet.
pub(super) struct Expected {
    pub(super) plan: Plan,
    pub(super) quality: Vec<f64>,
    pub(super) usd_per_1000: Vec<f64>,
}

impl<'s> Field<'s> {
    pub(super) fn new(trial: &Trial<'s>, models: &[String]) -> Result<Self, String> {
        if let Some(twice) = (1..models.len()).find(|at| models[..*at].contains(&models[*at])) {
            return Err(format!("`{}` is twice in the pool", models[twice]));
        }
        if models.len() < 2 {
            return Err("a pool needs two models or more with outcomes and costs of the same rows".to_owned());
        }
        let columns = models.iter().map(|model| trial.columns(model)).collect::<Result<Vec<_>, _>>()?;
        let (then, now): (Vec<&Column>, Vec<&Column>) = columns.into_iter().unzip();
        let common = trial.learned.common(&then);
        let mut then = Side::new(then, common);
        let common = trial.reported().common(&now);
        let mut now = Side::new(now, common);
        for (side, what) in [(&then, "learned"), (&now, "reported")] {
            if side.rows.is_empty() {
                return Err(side.fault(models, what));
            }
        }
        then.licensed = trial.on_learned().licensed(&then.rows, &then.columns);
        now.licensed = trial.licensed(&then.rows, &now.columns);
        let total = |model: usize| then.rows.iter().map(|row| then.quality(model, *row)).sum::<f64>();
        let best = (0..models.len()).max_by(|a, b| total(*a).total_cmp(&total(*b))).unwrap_or_default();
        Ok(Self { models: models.to_vec(), then, now, best })
    }

    /// A way at every setting, and at what was chosen for it on the learned rows.
    pub(super) fn way(&self, name: &'static str, trial: &Trial<'s>, sight: &Sight) -> Way {
        let side = |trial: &Trial<'s>, side: &Side<'s>| {
            let expected = self.expected(trial, side, sight);
            let curve = lambdas().map(|lambda| self.best_value(side, &expected, lambda)).collect();
            Settings { curve, cautious: self.with_advantage(side, &expected) }
        };
        let then = side(&trial.on_learned(), &self.then);
        let now = if trial.fresh.is_some() { side(trial, &self.now) } else { then.clone() };
        self.chosen(name, trial, (&then, now))
    }

    /// A way that takes no notice of the prompt.
    pub(super) fn fixed(&self, name: &'static str, plans: &[Plan]) -> Way {
        let served = |plan: &Plan| self.now.rows.iter().map(|row| self.now.run(*plan, *row)).collect();
        Way::without_choice(name, plans.iter().map(served).collect())
    }

    /// Each model alone, and so any mixture of them: what no prompt has to be looked at for. The best mixture is seen on
    /// the reported rows themselves.
    pub(super) fn any_single(&self) -> Way {
        let plans: Vec<Plan> = (0..self.models.len()).map(Plan::Single).collect();
        self.fixed("any single", &plans)
    }

    /// A model drawn by lot.
    pub(super) fn random(&self) -> Way {
        let models = self.models.len() as f64;
        let mean = |row: &usize| {
            let all = (0..self.models.len()).map(|model| self.now.run(Plan::Single(model), *row));
            let sums = all.fold((0.0, 0.0), |sum: (f64, f64), one| (sum.0 + one.0, sum.1 + one.1));
            (sums.0 / models, sums.1 / models)
        };
        Way::without_choice("random", vec![self.now.rows.iter().map(mean).collect()])
    }

    /// Knows what will come.
    pub(super) fn oracle(&self) -> Way {
        let knows = |lambda: f64, row: &usize| {
            let worth = |(cost, quality): (f64, f64)| quality - lambda * cost / 1000.0;
            let all = (0..self.models.len()).map(|model| self.now.run(Plan::Single(model), *row));
            // Of equal worth the cheaper one.
            all.min_by(|a, b| worth(*b).total_cmp(&worth(*a)).then(a.0.total_cmp(&b.0))).unwrap_or_default()
        };
        let at = |lambda: f64| self.now.rows.iter().map(|row| knows(lambda, row)).collect();
        Way::without_choice("oracle", lambdas().map(at).collect())
    }

    /// What each row costs and is worth when each gets the plan with the most expected quality less its cost, of equal ones
    /// the cheapest.
    fn best_value(&self, side: &Side<'_>, expected: &[Expected], lambda: f64) -> Served {
        let chosen = |row: usize| {
            let worth = |plan: &Expected| plan.quality[row] - lambda * plan.usd_per_1000[row] / 1000.0;
            let cost = |plan: &Expected| plan.usd_per_1000[row];
            let order = |a: &&Expected, b: &&Expected| {
                worth(b).total_cmp(&worth(a)).then(cost(a).total_cmp(&cost(b)))
            };
            expected.iter().min_by(order).map_or(Plan::Single(self.best), |found| found.plan)
        };
        side.rows.iter().map(|row| side.run(chosen(*row), *row)).collect()
    }

    /// What each row costs and is worth at each of the `advantages` that a cheaper plan needs over the best single model.
    /// Rows whose class has too few learned ones get that model, whatever is expected of others.
    fn with_advantage(&self, side: &Side<'_>, expected: &[Expected]) -> Vec<Served> {
        let best = &expected[self.best];
        let challenger = |row: usize| -> Option<(Plan, f64)> {
            let saved = |plan: &Expected| 1.0 - plan.usd_per_1000[row] / best.usd_per_1000[row];
            let advantage =
                |plan: &Expected| plan.quality[row] - best.quality[row] + SAVED_COUNTS * saved(plan);
            let cheaper =
                expected.iter().filter(|plan| saved(plan) > 0.0).map(|plan| (plan.plan, advantage(plan)));
            cheaper.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|_| side.licensed[row])
        };
        let challengers: Vec<Option<(Plan, f64)>> = side.rows.iter().map(|row| challenger(*row)).collect();
        let serve = |least: f64| {
            let plan = |found: &Option<(Plan, f64)>| {
                found.filter(|(_, advantage)| *advantage >= least).map_or(best.plan, |(plan, _)| plan)
            };
            side.rows.iter().zip(&challengers).map(|(row, found)| side.run(plan(found), *row)).collect()
        };
        advantages().map(serve).collect()
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
            plans.extend(self.cascades(trial, side));
        }
        plans
    }

    /// Mean cost and quality of a plan by group, for every reported row.
    pub(super) fn means(&self, trial: &Trial<'s>, group: &Group, plan: Plan) -> (Vec<f64>, Vec<f64>) {
        let mut ran = vec![None; trial.learned.rows.len()];
        self.then.rows.iter().for_each(|row| ran[*row] = Some(self.then.run(plan, *row)));
        let cost = trial.means(group, &|row| ran[row].map(|(cost, _)| cost));
        let quality = trial.means(group, &|row| ran[row].map(|(_, quality)| quality));
        (cost, quality)
    }
}
