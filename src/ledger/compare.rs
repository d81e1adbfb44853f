//! Compares what was routed with other ways to serve the same requests: the baseline, one model for everything, and a
//! random mix that costs the same. Costs rest on the usage that was; qualities are what the router expected, not measured.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Entry;
use crate::routing::{Candidate, Plan};
use crate::types::{ModelId, NanoUsd};

/// One model that could have answered a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The model.
    pub model: ModelId,
    /// What the same usage costs there; `None` is unpriced.
    pub cost: Option<NanoUsd>,
    /// What the router expected of it.
    pub quality: Option<f64>,
}

/// The requests that were routed, beside other ways to serve them. Only requests with a priced answer and a priced
/// baseline are in it, so that every figure is about the same requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// How many requests.
    pub requests: u64,
    /// In how many of them the router had an expectation of every model's quality; the qualities are about these.
    pub rated_requests: u64,
    /// As they were routed.
    pub routed: Way,
    /// Always the baseline.
    pub baseline: Way,
    /// Share of the baseline's cost that routing saved; negative when it cost more.
    pub saved_share: Option<f64>,
    /// The cheapest single model expected to be as good as what was routed; when there is none, the best single model.
    pub best_static: Option<Way>,
    /// The baseline for a random share of requests and the cheapest single model for the rest, at the routed cost.
    pub random_mix: Option<Mix>,
}

/// What the router expected of a model when it decided; `None` when it did not weigh it.
pub(super) fn expected_quality(entry: &Entry, model: &ModelId) -> Option<f64> {
    let is_it = |candidate: &&Candidate| matches!(&candidate.plan, Plan::Single(single) if single == model);
    let candidate = entry.decision.as_ref()?.candidates.iter().find(is_it)?;
    Some(candidate.quality.mean)
}

/// One way to serve the compared requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Way {
    /// The model that serves; `None`: several.
    pub model: Option<ModelId>,
    /// What it costs.
    pub cost_usd: f64,
    /// Mean quality the router expects; not a measurement.
    pub expected_quality: Option<f64>,
}

/// A random mix of two models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mix {
    /// The cheapest single model.
    pub cheap_model: ModelId,
    /// Share of requests that go to the baseline, so that the mix costs what was routed; 0..1.
    pub baseline_share: f64,
    /// What it costs: the routed cost, unless that lies outside what a mix can cost.
    pub cost_usd: f64,
    /// Mean quality the router expects of it.
    pub expected_quality: Option<f64>,
    /// Routed quality minus the mix's: what choosing adds to spending.
    pub expected_lift: Option<f64>,
}

/// Collects what a comparison needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Compare {
    routed: Sum,
    baseline: Sum,
    baseline_models: BTreeMap<ModelId, u64>,
    models: BTreeMap<ModelId, Sum>,
}

/// Cost and expected quality of some requests on one way.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    requests: u64,
    cost: NanoUsd,
    quality: f64,
    rated: u64,
}

impl Sum {
    fn add(&mut self, cost: NanoUsd, quality: Option<f64>) {
        self.requests += 1;
        self.cost += cost;
        self.quality += quality.unwrap_or(0.0);
        self.rated += u64::from(quality.is_some());
    }

    fn mean_quality(&self) -> Option<f64> {
        (self.rated > 0).then(|| self.quality / self.rated as f64)
    }

    fn way(&self, model: Option<ModelId>) -> Way {
        Way { model, cost_usd: self.cost.usd(), expected_quality: self.mean_quality() }
    }
}

impl Compare {
    pub(super) fn add(&mut self, entry: &Entry, choices: &[Choice]) {
        let (Some(cost), Some(baseline_cost), Some(baseline)) =
            (entry.cost, entry.baseline_cost, entry.baseline.as_ref())
        else {
            return;
        };
        let routed = entry.model.as_ref().and_then(|model| expected_quality(entry, model));
        let expected = expected_quality(entry, baseline);
        // Qualities are means over the requests in which all ways are rated, so that they are about the same ones.
        let rated =
            routed.is_some() && expected.is_some() && choices.iter().all(|choice| choice.quality.is_some());
        self.routed.add(cost, routed.filter(|_| rated));
        self.baseline.add(baseline_cost, expected.filter(|_| rated));
        *self.baseline_models.entry(baseline.clone()).or_default() += 1;
        for choice in choices {
            if let Some(cost) = choice.cost {
                let sum = self.models.entry(choice.model.clone()).or_default();
                sum.add(cost, choice.quality.filter(|_| rated));
            }
        }
    }

    pub(super) fn finish(self) -> Option<Comparison> {
        if self.routed.requests == 0 {
            return None;
        }
        let only_baseline = match self.baseline_models.len() {
            1 => self.baseline_models.keys().next().cloned(),
            _ => None,
        };
        let baseline_usd = self.baseline.cost.usd();
        Some(Comparison {
            requests: self.routed.requests,
            rated_requests: self.routed.rated,
            routed: self.routed.way(None),
            baseline: self.baseline.way(only_baseline),
            saved_share: (baseline_usd > 0.0).then(|| 1.0 - self.routed.cost.usd() / baseline_usd),
            best_static: self.best_static(),
            random_mix: self.random_mix(),
        })
    }

    /// Models that could have served every one of the requests, at a price.
    fn static_models(&self) -> impl Iterator<Item = (&ModelId, &Sum)> {
        self.models.iter().filter(|(_, sum)| sum.requests == self.routed.requests)
    }

    fn best_static(&self) -> Option<Way> {
        let routed = self.routed.mean_quality()?;
        let rated = || {
            self.static_models().filter_map(|(model, sum)| sum.mean_quality().map(|mean| (model, sum, mean)))
        };
        let as_good =
            rated().filter(|(.., mean)| *mean >= routed - SAME_QUALITY).min_by_key(|(_, sum, _)| sum.cost);
        let best = || rated().max_by(|(.., one), (.., other)| one.total_cmp(other));
        as_good.or_else(best).map(|(model, sum, _)| sum.way(Some(model.clone())))
    }

    fn random_mix(&self) -> Option<Mix> {
        let (cheap_model, cheap) = self.static_models().min_by_key(|(_, sum)| sum.cost)?;
        let (low, high, routed) = (cheap.cost.usd(), self.baseline.cost.usd(), self.routed.cost.usd());
        if high <= low {
            return None;
        }
        let share = ((routed - low) / (high - low)).clamp(0.0, 1.0);
        let expected_quality = cheap
            .mean_quality()
            .zip(self.baseline.mean_quality())
            .map(|(cheap, baseline)| share * baseline + (1.0 - share) * cheap);
        Some(Mix {
            cheap_model: cheap_model.clone(),
            baseline_share: share,
            cost_usd: low + share * (high - low),
            expected_quality,
            expected_lift: self.routed.mean_quality().zip(expected_quality).map(|(ours, mix)| ours - mix),
        })
    }
}

/// Means of the same numbers in another order differ by less than this.
const SAME_QUALITY: f64 = 1e-9;
