//! What the ledger says of cascades, without a label: how often their first answers stand, what they lose at most against the model
//! that answers last in them, and what they cost beside the baseline. Values in, values out; who reads the ledger is the caller.
//!
//! A cascade that was escalated is answered by its last model, so against that one it loses nothing there. It may lose where an
//! answer stood. Of these requests a share drawn by lot was audited: the last model was asked too. Where both say the same nothing is
//! lost; where they differ or cannot be compared everything is, as if the last model were always right and would say the same twice.
//! So no more is lost than P(stood) · P(not the same | stood), and both are shares that were counted.
//!
//! The bound on the product takes the upper end of each (Clopper and Pearson), and the ways in which either can fail add up to 5 %:
//! nine tenths of them are left to the audits, of which there are few. That holds whatever the two are to each other. Both are taken
//! from requests of which the same share was audited, the share under which most were: where policies or times differ in it, audits
//! of some would speak for the answers of others. Of a cascade that goes by an acceptor only what the one in force tested counts, and
//! nothing counts in a class that is unlike what is known of it.
//!
//! Of drafts it says how often they stood as they were, and what they cost: their verifier reads them and gives no answer of its own
//! to compare them with.
//!
//! What it rests on: audits are drawn by lot (they are, by the request's id), and that what says the same is the same:
//! `benches/data/agreement.jsonl` is what that was measured on. An audit that ended for want of time counts as lost. Left out are
//! requests whose client left before the end, and audits for which there was no money or no time at all.

use std::collections::BTreeMap;

use serde::Serialize;

use super::binomial::{lower, upper};
use super::metrics::Figure;
use crate::catalog::{Evidence, EvidenceLevel};
use crate::ledger::{AttemptOutcome, AttemptRow, Entry, Outcome};
use crate::routing::{Accept, Cascade, Plan};
use crate::types::{Compared, FailureClass, ModelId, NanoUsd, TaskClass, Under};

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

/// A cascade or a draft in one task class, against one model.
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
    /// What is lost at most; `None`: the baseline is not the model that answers last in a cascade, so nothing says what is lost.
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
    /// It was cut off for want of time.
    pub cut: u64,
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
    /// By the share of requests that were audited, in millionths.
    drawn: BTreeMap<u32, Drawn>,
    sums: Sums,
}

/// Requests of which the same share was audited.
#[derive(Clone, Copy, Debug, Default)]
struct Drawn {
    requests: u64,
    stood: u64,
    audits: Audits,
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
    plan: ModelId,
    /// Who is asked where first answers do not stand, and in audits; `None`: a draft, which is not compared with anything.
    last: Option<&'e ModelId>,
    by_acceptor: bool,
    baseline: &'e ModelId,
    task: TaskClass,
    /// What the last model says beside the answer that stood; `None`: none did.
    stood: Option<Compared>,
    /// Whether it was cut off.
    cut: bool,
    /// What its answers were tested under; `None`: none was there to be tested, or it is not on record.
    under: Option<Under>,
    cost: Option<Beside>,
}

/// What a plan's calls cost and what the baseline's did or would have.
struct Beside {
    plan: NanoUsd,
    baseline: NanoUsd,
    own: bool,
}

impl Plans {
    /// Counts a request, if a cascade or a draft was chosen for it and answered it whole. One whose plan failed and that was answered
    /// by the chain behind it says nothing of the plan. `in_force`: the fingerprint of a plan's acceptor in a class.
    pub fn add(&mut self, entry: &Entry, in_force: impl Fn(&ModelId, TaskClass) -> Option<u32>) {
        let Some(seen) = Seen::of(entry) else { return };
        let under = seen.under.unwrap_or_default();
        let other = || under.acceptor.is_none() || under.acceptor != in_force(&seen.plan, seen.task);
        if under.unfamiliar || (seen.by_acceptor && other()) {
            return;
        }
        let mut count = |baseline: &ModelId, against_last| {
            let key = (baseline.clone(), seen.plan.clone(), seen.task);
            self.cells.entry(key).or_default().count(&seen, against_last);
        };
        if let Some(last) = seen.last {
            count(last, true);
        }
        if seen.last != Some(seen.baseline) {
            count(seen.baseline, false);
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
        let (last, tries, by_acceptor) = match &decision.plan {
            Plan::Cascade(Cascade { tries, accept, last }) => {
                (Some(last), &tries[..], *accept == Accept::Acceptor)
            }
            Plan::Draft(_) => (None, &[][..], false),
            Plan::Named | Plan::Single(_) | Plan::Ensemble(_) | Plan::Debate(_) => return None,
        };
        // An attempt of a plan is answered; the chain's reaches the client as it is.
        let by_chain = entry.attempts.iter().any(|attempt| attempt.outcome == AttemptOutcome::Ok);
        if entry.outcome != Outcome::Ok || by_chain {
            return None;
        }
        let (model, baseline) = (entry.model.as_ref()?, decision.baseline.as_ref()?);
        let mut tried = entry.attempts.iter().filter_map(|attempt| attempt.tried);
        let under = tried.clone().next().map(|tried| tried.under);
        let stood = tried.find(|tried| tried.stood).map(|tried| tried.same);
        let out_of_time = AttemptOutcome::Failed(FailureClass::Timeout);
        let ours =
            |attempt: &&AttemptRow| [AttemptOutcome::Cancelled, out_of_time].contains(&attempt.outcome);
        let of_last = |attempt: &&AttemptRow| attempt.model.as_ref() == last;
        let cut = stood == Some(Compared::Unanswered)
            && entry.attempts.iter().filter(of_last).any(|one| ours(&one));
        // Records of before say only who answered, and of drafts not even that; nothing was audited then.
        if last.is_none() && under.is_none() {
            return None;
        }
        let before = tries.contains(model).then_some(Compared::NotAsked);
        let (plan, task, stood) = (decision.plan.key(), entry.task?, stood.or(before));
        let mut seen = Self { plan, last, by_acceptor, baseline, task, stood, cut, under, cost: None };
        seen.cost = seen.costs(entry);
        Some(seen)
    }

    /// Whether the last model gave an answer.
    fn has_last(&self) -> bool {
        !matches!(self.stood, Some(Compared::NotAsked | Compared::Unanswered))
    }

    fn costs(&self, entry: &Entry) -> Option<Beside> {
        // It may judge too, and answers behind that.
        let last = |attempt: &&AttemptRow| self.last.is_some() && attempt.model.as_ref() == self.last;
        let asked = self.stood != Some(Compared::NotAsked);
        let answer = entry.attempts.iter().rev().find(last).filter(|_| asked);
        let all = Entry::cost_of(&entry.attempts)?;
        // An audit belongs to nothing that the plan needs.
        let audit =
            answer.filter(|_| self.stood.is_some()).map_or(Some(NanoUsd::ZERO), |audit| audit.cost)?;
        let own = answer.filter(|_| self.has_last() && Some(self.baseline) == self.last);
        let baseline = own.map_or(entry.baseline_cost, |answer| answer.cost)?;
        Some(Beside { plan: NanoUsd(all.0.saturating_sub(audit.0)), baseline, own: own.is_some() })
    }
}

impl Counts {
    fn count(&mut self, seen: &Seen<'_>, against_last: bool) {
        self.against_last = against_last;
        self.requests += 1;
        self.stood += u64::from(seen.stood.is_some());
        self.audits.count(seen);
        // What was not tested is not known to have been drawn from.
        if let Some(under) = seen.under {
            let drawn = self.drawn.entry((under.audit * 1e6).round() as u32).or_default();
            drawn.requests += 1;
            drawn.stood += u64::from(seen.stood.is_some());
            drawn.audits.count(seen);
        }
        // What the baseline's cost is known beside is the policy's, which may be another than the last model.
        let is_its = !against_last || Some(seen.baseline) == seen.last;
        if let Some(beside) = seen.cost.as_ref().filter(|_| is_its) {
            self.sums.add(beside);
        }
    }

    fn cell(self, (baseline, plan, task): (ModelId, ModelId, TaskClass)) -> Cell {
        let Self { requests, stood, against_last, audits, drawn, sums } = self;
        let most = drawn.into_values().max_by_key(|drawn| drawn.audits.compared());
        let most = most.filter(|drawn| drawn.audits.compared() > 0);
        let Drawn { requests: among, stood: standing, audits: of_them } =
            most.unwrap_or(Drawn { requests, stood, audits });
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
            loss: against_last.then(|| of_them.loss(standing, among)),
            cost: sums.cost(),
        }
    }
}

impl Audits {
    /// Those of which it is known what was lost: there were two answers, or the last model would have given one had there been time.
    /// Where it failed it would have failed alone, too: nothing was lost.
    pub fn compared(&self) -> u64 {
        self.same + self.differs + self.incomparable + self.cut
    }

    /// Whether there was one.
    pub fn is_empty(&self) -> bool {
        self.compared() + self.unanswered == 0
    }

    fn count(&mut self, seen: &Seen<'_>) {
        match seen.stood {
            None | Some(Compared::NotAsked) => {}
            Some(Compared::Unanswered) if seen.cut => self.cut += 1,
            Some(Compared::Unanswered) => self.unanswered += 1,
            Some(Compared::Same) => self.same += 1,
            Some(Compared::Differs) => self.differs += 1,
            Some(Compared::Incomparable) => self.incomparable += 1,
        }
    }

    fn loss(&self, stood: u64, requests: u64) -> Loss {
        let (lost, compared) = (self.compared() - self.same, self.compared());
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
    /// It was, of no labels, of fewer outcomes, or better than what was found since.
    Replaced,
    /// It was, of labels, and as many as outcomes now or more: its losses stay, and what share stands and what it costs are new.
    LossesKept,
}

/// Puts what was found into the evidence of a profile. A share of answers that stood and a cost need no labels and are of now, so
/// they always take the place of what was there. So do losses, unless those that are there rest on labels, on as many outcomes or
/// more, and what was found does not speak against them.
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
    let refuted = found.pairs > 0 && found.mean_loss > old.loss_upper;
    if unlabelled || refuted || found.pairs > old.pairs {
        *old = Evidence { cost_ratio, ..found };
        return Merged::Replaced;
    }
    (old.accepted, old.cost_ratio) = (found.accepted, cost_ratio);
    Merged::LossesKept
}

#[cfg(test)]
#[path = "plans_tests.rs"]
mod tests;
