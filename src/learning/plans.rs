//! What the ledger says of cascades, without a label: how often their first answers stand, what they lose at most against the model
//! that answers last in them, and what they cost beside the baseline. Values in, values out; who reads the ledger is the caller.
//!
//! A cascade that was escalated is answered by its last model, so against that one it loses nothing there. It may lose where an
//! answer stood. Of these requests a share drawn by lot was audited: the last model was asked too. Where both say the same nothing is
//! lost; where they differ or cannot be compared everything is, as if the last model were always right and would say the same twice.
//! So no more is lost than P(stood) · P(not the same | stood), and both are shares that were counted.
//!
//! The bound on the product takes the upper end of each (Clopper and Pearson), and the ways in which either can fail add up to 5 %:
//! nine tenths of them are left to the audits, of which there are few. That holds whatever the two are to each other. Weights by the
//! share of audits would come to the same where nothing was lost, but need that share to be known and never to have changed.
//!
//! What it rests on: audits are drawn by lot (they are, by the request's id; only what has no room under a ceiling or a deadline is
//! left out), and that what says the same is the same: `benches/data/agreement.jsonl` is what that was measured on.

use std::collections::BTreeMap;

use serde::Serialize;

use super::binomial::{lower, upper};
use super::metrics::Figure;
use crate::catalog::{Evidence, EvidenceLevel};
use crate::ledger::{AttemptOutcome, AttemptRow, Entry, Outcome};
use crate::routing::{Cascade, Plan};
use crate::types::{Compared, ModelId, NanoUsd, TaskClass};

/// Requests below which nothing of a cell is worth writing down.
pub const LEAST_REQUESTS: u64 = 20;
/// How often the bound on the share that stands may be too low, and that on the share of those that are not the same.
const MAY_FAIL: (f64, f64) = (0.005, 0.045);
/// The same of either end of an interval.
const EITHER_END: f64 = 0.025;
/// The standard errors between a mean and the end of its 95 % interval.
const TWO_SIDED_95: f64 = 1.96;

/// Counts cascades, by what they are measured against and by task class.
#[derive(Debug, Default)]
pub struct Plans {
    cells: BTreeMap<(ModelId, ModelId, TaskClass), Counts>,
}

/// A cascade in one task class, against one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The model measured against: the policy's baseline, or the one that answers last.
    pub baseline: ModelId,
    /// The plan as decisions print it.
    pub plan: ModelId,
    /// The class of the requests.
    pub task: TaskClass,
    /// Requests that the plan answered.
    pub requests: u64,
    /// Those whose first answers stood.
    pub stood: u64,
    /// Their share.
    pub accepted: Figure,
    /// What audits of those found.
    pub audits: Audits,
    /// What is lost at most; `None`: the baseline is not the model that answers last, so nothing says what is lost against it.
    pub loss: Option<Loss>,
    /// What it costs; `None`: nothing has a price.
    pub cost: Option<Cost>,
}

/// What audits found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audits {
    /// The last model said the same.
    pub same: u64,
    /// It said something else.
    pub differs: u64,
    /// One of the two answers comes to nothing that could be compared.
    pub incomparable: u64,
    /// The last model failed.
    pub unanswered: u64,
}

/// Share of requests in which a plan says something else than the model that answers last in it, and nobody knows who is right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Loss {
    /// As counted; 0 while nothing was audited.
    pub mean: f64,
    /// Upper end of the one-sided 95 % interval.
    pub upper: f64,
}

/// What a plan costs beside its baseline, audits left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Its sum over the baseline's.
    pub ratio: Figure,
    /// The requests it is of.
    pub requests: u64,
    /// Those in which the baseline answered, too, so that its cost is its own; of the others it is that of as many tokens.
    pub own: u64,
}

#[derive(Debug, Default)]
struct Counts {
    requests: u64,
    stood: u64,
    against_last: bool,
    audits: Audits,
    sums: Sums,
}

/// Of costs in dollars: x is the plan's, y the baseline's.
#[derive(Debug, Default)]
struct Sums {
    requests: u64,
    own: u64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

/// One request as far as it counts.
struct Seen<'e> {
    cascade: &'e Cascade,
    baseline: &'e ModelId,
    task: TaskClass,
    /// What the last model says beside the answer that stood; `None`: none did.
    stood: Option<Compared>,
    cost: Option<Beside>,
}

/// What a plan's calls cost and what the baseline's did or would have.
struct Beside {
    plan: NanoUsd,
    baseline: NanoUsd,
    own: bool,
}

impl Plans {
    /// Counts a request, if a cascade was chosen for it and answered it whole. One whose plan failed and that was answered by the
    /// chain behind it says nothing of the plan.
    pub fn add(&mut self, entry: &Entry) {
        let Some(seen) = Seen::of(entry) else { return };
        let plan = ModelId::from(seen.cascade.to_string().as_str());
        let last = &seen.cascade.last;
        self.cells.entry((last.clone(), plan.clone(), seen.task)).or_default().count(&seen, true);
        if seen.baseline != last {
            let key = (seen.baseline.clone(), plan, seen.task);
            self.cells.entry(key).or_default().count(&seen, false);
        }
    }

    /// The cells, by baseline, plan and class.
    pub fn cells(self) -> Vec<Cell> {
        self.cells.into_iter().map(|(key, counts)| counts.cell(key)).collect()
    }
}

impl<'e> Seen<'e> {
    fn of(entry: &'e Entry) -> Option<Self> {
        let decision = entry.decision.as_ref()?;
        let Plan::Cascade(cascade) = &decision.plan else { return None };
        // An attempt of a plan is answered; the chain's reaches the client as it is.
        let by_chain = entry.attempts.iter().any(|attempt| attempt.outcome == AttemptOutcome::Ok);
        if entry.outcome != Outcome::Ok || by_chain {
            return None;
        }
        let (model, baseline) = (entry.model.as_ref()?, decision.baseline.as_ref()?);
        let tried = entry.attempts.iter().filter_map(|attempt| attempt.tried);
        let stood = tried.filter(|tried| tried.stood).map(|tried| tried.same).next();
        // Records of before say only who answered; nothing was audited then.
        let before = cascade.tries.contains(model).then_some(Compared::NotAsked);
        let mut seen = Self { cascade, baseline, task: entry.task?, stood: stood.or(before), cost: None };
        seen.cost = seen.costs(entry);
        Some(seen)
    }

    /// Whether the last model gave an answer.
    fn has_last(&self) -> bool {
        !matches!(self.stood, Some(Compared::NotAsked | Compared::Unanswered))
    }

    fn costs(&self, entry: &Entry) -> Option<Beside> {
        // It may judge too, and answers behind that.
        let last = |attempt: &&AttemptRow| attempt.model.as_ref() == Some(&self.cascade.last);
        let asked = self.stood != Some(Compared::NotAsked);
        let answer = entry.attempts.iter().rev().find(last).filter(|_| asked);
        let all = Entry::cost_of(&entry.attempts)?;
        // An audit belongs to nothing that the plan needs.
        let audit =
            answer.filter(|_| self.stood.is_some()).map_or(Some(NanoUsd::ZERO), |audit| audit.cost)?;
        let own = answer.filter(|_| self.has_last() && *self.baseline == self.cascade.last);
        let baseline = own.map_or(entry.baseline_cost, |answer| answer.cost)?;
        Some(Beside { plan: NanoUsd(all.0.saturating_sub(audit.0)), baseline, own: own.is_some() })
    }
}

impl Counts {
    fn count(&mut self, seen: &Seen<'_>, against_last: bool) {
        self.against_last = against_last;
        self.requests += 1;
        if let Some(beside) = seen.stood {
            self.stood += 1;
            match beside {
                Compared::NotAsked => {}
                Compared::Unanswered => self.audits.unanswered += 1,
                Compared::Same => self.audits.same += 1,
                Compared::Differs => self.audits.differs += 1,
                Compared::Incomparable => self.audits.incomparable += 1,
            }
        }
        // What the baseline's cost is known beside is the policy's, which may be another than the last model.
        let is_its = !against_last || *seen.baseline == seen.cascade.last;
        if let Some(beside) = seen.cost.as_ref().filter(|_| is_its) {
            self.sums.add(beside);
        }
    }

    fn cell(self, (baseline, plan, task): (ModelId, ModelId, TaskClass)) -> Cell {
        let Self { requests, stood, against_last, audits, sums } = self;
        Cell {
            baseline,
            plan,
            task,
            requests,
            stood,
            accepted: Figure {
                value: stood as f64 / requests.max(1) as f64,
                low: lower(stood, requests, EITHER_END),
                high: upper(stood, requests, EITHER_END),
            },
            audits,
            loss: against_last.then(|| audits.loss(stood, requests)),
            cost: sums.cost(),
        }
    }
}

impl Audits {
    /// Those in which there were two answers. Where the last model failed it would have failed alone, too: nothing was lost.
    pub fn compared(&self) -> u64 {
        self.same + self.differs + self.incomparable
    }

    /// Whether there was one.
    pub fn is_empty(&self) -> bool {
        self.compared() + self.unanswered == 0
    }

    fn loss(&self, stood: u64, requests: u64) -> Loss {
        let (lost, compared) = (self.differs + self.incomparable, self.compared());
        let share = |hits: u64, all: u64| if all == 0 { 0.0 } else { hits as f64 / all as f64 };
        Loss {
            mean: share(stood, requests) * share(lost, compared),
            upper: upper(stood, requests, MAY_FAIL.0) * upper(lost, compared, MAY_FAIL.1),
        }
    }
}

impl Sums {
    fn add(&mut self, beside: &Beside) {
        let (x, y) = (beside.plan.usd(), beside.baseline.usd());
        self.requests += 1;
        self.own += u64::from(beside.own);
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }

    /// The interval is that of a ratio of sums, as wide as the requests differ from it (Cochran, Sampling Techniques, 6.4).
    fn cost(&self) -> Option<Cost> {
        if self.y <= 0.0 {
            return None;
        }
        let (value, n) = (self.x / self.y, self.requests as f64);
        let squares = (self.xx - 2.0 * value * self.xy + value * value * self.yy).max(0.0);
        let half = TWO_SIDED_95 * (squares * n / (n - 1.0).max(1.0)).sqrt() / self.y;
        let ratio = Figure { value, low: (value - half).max(0.0), high: value + half };
        Some(Cost { ratio, requests: self.requests, own: self.own })
    }
}

impl Cell {
    /// What a profile says of it; `None`: of too few requests. Its pairs are the audits that were compared. Escalated requests have
    /// both answers too and lose nothing, but that is so by construction: as pairs they would promise an accuracy that rests on
    /// none of them, and they are in the bound already, by the share that stood.
    pub fn evidence(&self) -> Option<Evidence> {
        let loss = self.loss.unwrap_or(Loss { mean: 0.0, upper: 1.0 });
        let pairs = if self.loss.is_some() { self.audits.compared() } else { 0 };
        (self.requests >= LEAST_REQUESTS).then(|| Evidence {
            baseline: self.baseline.clone(),
            model: self.plan.clone(),
            task: self.task,
            level: EvidenceLevel::Paired,
            pairs: u32::try_from(pairs).unwrap_or(u32::MAX),
            mean_quality: None,
            mean_loss: loss.mean,
            loss_upper: loss.upper,
            accepted: Some(self.accepted.value),
            cost_ratio: self.cost.map(|cost| cost.ratio.value),
        })
    }
}

/// What became of a cell in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Merged {
    /// It was not there.
    Added,
    /// It was, of fewer outcomes.
    Replaced,
    /// It was, of as many outcomes with labels or of more: its losses stay, and what share stands and what it costs are new.
    LossesKept,
}

/// Puts what was found into the evidence of a profile. A share of answers that stood and a cost need no labels and are of now, so
/// they always take the place of what was there; losses only where they rest on more outcomes, or on as many and no labels.
pub fn merge(known: &mut Vec<Evidence>, found: Evidence) -> Merged {
    let same =
        |one: &Evidence| (&one.baseline, &one.model, one.task) == (&found.baseline, &found.model, found.task);
    // Of several the last counts.
    let Some(old) = known.iter_mut().rfind(|one| same(one)) else {
        known.push(found);
        return Merged::Added;
    };
    let cost_ratio = found.cost_ratio.or(old.cost_ratio);
    let unlabelled = old.mean_quality.is_none() || old.level < EvidenceLevel::Paired;
    if found.pairs > old.pairs || (found.pairs == old.pairs && unlabelled) {
        *old = Evidence { cost_ratio, ..found };
        return Merged::Replaced;
    }
    (old.accepted, old.cost_ratio) = (found.accepted, cost_ratio);
    Merged::LossesKept
}

#[cfg(test)]
#[path = "plans_tests.rs"]
mod tests;
