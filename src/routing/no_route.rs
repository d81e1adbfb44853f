//! No plan: the limit that cannot be met, and the plan that comes nearest to meeting it.

use serde::{Deserialize, Serialize};

use super::choose::Bounds;
use super::plan::{Candidate, Verdict, Why};
use super::room::Ceiling;
use crate::catalog::PlanKind;
use crate::types::NanoUsd;

/// Which kind of limit cannot be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoRouteKind {
    /// The cost ceiling.
    Cost,
    /// The deadline.
    Deadline,
    /// The time to the first token.
    Ttft,
    /// The quality floor.
    Quality,
    /// What the request needs.
    Capability,
    /// The size of the request.
    Context,
    /// Health and credentials.
    Unavailable,
    /// The model named is not in the catalogue.
    UnknownModel,
    /// `auto` without a baseline.
    NoPolicyForAuto,
    /// The kind of plan asked for.
    Plan,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoRoute {
    /// The kind of limit.
    pub kind: NoRouteKind,
    /// The limit's name, as the caller writes it.
    pub limit: String,
    /// What is wrong and what would work.
    pub message: String,
    /// The plan that comes nearest.
    pub nearest: Option<Box<Candidate>>,
    /// All plans weighed.
    pub candidates: Vec<Candidate>,
}

impl NoRoute {
    pub(super) fn unknown_model(name: &str, known: &[String]) -> Self {
        Self {
            kind: NoRouteKind::UnknownModel,
            limit: "model".to_owned(),
            message: format!("model `{name}` is not in the catalogue: there are {}", known.join(", ")),
            nearest: None,
            candidates: Vec::new(),
        }
    }

    pub(super) fn over_ceiling(name: &str, ceiling: &Ceiling, worst: Option<NanoUsd>) -> Self {
        let (what, works) = ceiling.words();
        let message = match worst {
            Some(worst) => format!("`{name}` may cost ${worst} in the worst case, above {what}: {works}"),
            None => {
                format!("`{name}` has no price, so {what} cannot be kept: give it one or lift the ceiling")
            }
        };
        Self {
            kind: NoRouteKind::Cost,
            limit: ceiling.limit().to_owned(),
            message,
            nearest: None,
            candidates: Vec::new(),
        }
    }

    pub(super) fn no_baseline(policy: &str) -> Self {
        Self {
            kind: NoRouteKind::NoPolicyForAuto,
            limit: "model".to_owned(),
            message: format!("policy `{policy}` has no baseline, so it cannot serve `auto`: name a model"),
            nearest: None,
            candidates: Vec::new(),
        }
    }

    pub(super) fn no_such_plan(policy: &str, kind: PlanKind, why: &str) -> Self {
        Self {
            kind: NoRouteKind::Plan,
            limit: "x-pointsman-plan".to_owned(),
            message: format!(
                "policy `{policy}` has no plan of kind `{}` for this request: {why}",
                kind.as_str()
            ),
            nearest: None,
            candidates: Vec::new(),
        }
    }

    /// From candidates none of which may serve. The limit blamed is that of the plan that got furthest: limits on time
    /// and money come behind what a model can do at all. What lacks a licence is nearest only where nothing else is left;
    /// `may_lose` says how much of the baseline's quality, where that is known.
    pub(super) fn of(
        candidates: Vec<Candidate>,
        bounds: &Bounds,
        (unlicensed, may_lose): (impl Fn(&Candidate) -> bool, impl Fn(&Candidate) -> Option<f64>),
    ) -> Self {
        let nearest =
            candidates.iter().min_by_key(|candidate| (unlicensed(candidate), distance(candidate))).cloned();
        let why = nearest.as_ref().and_then(why_of).map(|why| why.root().clone());
        let (kind, limit) = match why {
            Some(Why::OverCost | Why::Unpriced) => (NoRouteKind::Cost, bounds.cost_limit()),
            Some(Why::OverDeadline) => (NoRouteKind::Deadline, "x-pointsman-deadline-ms"),
            Some(Why::OverTtft) => (NoRouteKind::Ttft, "x-pointsman-ttft-ms"),
            Some(Why::BelowQuality) => (NoRouteKind::Quality, "x-pointsman-min-quality"),
            Some(Why::NoEvidence | Why::QualityLoss | Why::Unmeasured | Why::NoGain) => {
                (NoRouteKind::Quality, "x-pointsman-max-quality-loss")
            }
            Some(Why::AnswerShape(_) | Why::Repeats) => (NoRouteKind::Plan, "x-pointsman-plan"),
            Some(
                Why::MissingCapability(_)
                | Why::OtherDialect
                | Why::NotExpressible(_)
                | Why::ParameterRefused(_),
            ) => (NoRouteKind::Capability, "capabilities"),
            Some(Why::ContextWindow) => (NoRouteKind::Context, "context_tokens"),
            Some(Why::OutputCap(_)) => (NoRouteKind::Context, "max_output_tokens"),
            // A member is looked through above.
            Some(Why::NoCredential | Why::NotReady | Why::Member(..)) | None => {
                (NoRouteKind::Unavailable, "health")
            }
        };
        let lost = nearest.as_ref().and_then(may_lose);
        let message = message(kind, nearest.as_ref(), (bounds, lost));
        Self { kind, limit: limit.to_owned(), message, nearest: nearest.map(Box::new), candidates }
    }
}

fn why_of(candidate: &Candidate) -> Option<Why> {
    match &candidate.verdict {
        Verdict::Ineligible(why) => Some(why.clone()),
        Verdict::Eligible { .. } => None,
    }
}

/// How far from serving: by the kind of obstacle, then by what the plan would need of the limit.
fn distance(candidate: &Candidate) -> (u8, u64) {
    match why_of(candidate).map(|why| why.root().clone()) {
        Some(Why::OverCost) => (0, candidate.worst_cost.map_or(u64::MAX, |cost| cost.0)),
        Some(Why::OverDeadline) => (1, u64::from(candidate.total_ms)),
        Some(Why::OverTtft) => (1, u64::from(candidate.ttft_ms)),
        Some(Why::BelowQuality) => (2, ((1.0 - candidate.quality.mean) * 1e9) as u64),
        Some(Why::NoEvidence | Why::QualityLoss | Why::Unmeasured | Why::NoGain) => (3, 0),
        Some(Why::Unpriced) => (4, 0),
        Some(Why::NotReady) => (5, 0),
        Some(Why::NoCredential) => (6, 0),
        Some(Why::ContextWindow | Why::OutputCap(_)) => (7, 0),
        Some(Why::MissingCapability(_) | Why::ParameterRefused(_)) => (8, 0),
        Some(Why::OtherDialect | Why::NotExpressible(_)) => (9, 0),
        Some(Why::AnswerShape(_) | Why::Repeats) => (10, 0),
        Some(Why::Member(..)) | None => (11, 0),
    }
}

fn message(kind: NoRouteKind, nearest: Option<&Candidate>, (bounds, lost): (&Bounds, Option<f64>)) -> String {
    let Some(nearest) = nearest else { return "the policy has no candidates".to_owned() };
    let plan = &nearest.plan;
    let verdict = &nearest.verdict;
    match (kind, nearest.worst_cost) {
        (NoRouteKind::Cost, Some(worst)) => {
            let most = bounds.max_cost.map_or(NanoUsd::ZERO, |ceiling| ceiling.most);
            let shared = bounds.max_cost.and_then(|ceiling| ceiling.room);
            let by = shared.map_or_else(String::new, |room| format!(" ({room})"));
            format!(
                "no plan costs at most ${most} in the worst case{by}: the nearest is {plan} with ${worst}; raise the ceiling or lower the output cap"
            )
        }
        (NoRouteKind::Cost, None) => {
            format!(
                "no priced plan is left under the cost ceiling: {plan} has no price; give it one or lift the ceiling"
            )
        }
        (NoRouteKind::Deadline, _) => {
            let limit = bounds.deadline_ms.unwrap_or_default();
            format!("no plan answers within {limit} ms: the nearest is {plan} with {} ms", nearest.total_ms)
        }
        (NoRouteKind::Ttft, _) => {
            let limit = bounds.ttft_ms.unwrap_or_default();
            format!(
                "no plan sends its first token within {limit} ms: the nearest is {plan} with {} ms",
                nearest.ttft_ms
            )
        }
        (NoRouteKind::Quality, _) => quality_message(nearest, (bounds, lost)),
        _ => format!("no plan can serve this request: the nearest is {plan}, {verdict}"),
    }
}

/// A floor that is not reached, or a loss that is not excluded.
fn quality_message(nearest: &Candidate, (bounds, lost): (&Bounds, Option<f64>)) -> String {
    let plan = &nearest.plan;
    let most = bounds.max_quality_loss;
    match (why_of(nearest).map(|why| why.root().clone()), lost) {
        (Some(Why::QualityLoss), Some(lost)) => format!(
            "no plan is shown to lose at most {most:.3} of the baseline's quality: the nearest is {plan}, which may lose {lost:.3}"
        ),
        (Some(Why::QualityLoss | Why::NoEvidence | Why::Unmeasured | Why::NoGain), _) => format!(
            "no plan is shown to lose at most {most:.3} of the baseline's quality: the nearest is {plan}, {}",
            nearest.verdict
        ),
        _ => format!(
            "no plan is expected to reach quality {:.2}: the nearest is {plan} with {:.2}",
            bounds.min_quality, nearest.quality.mean
        ),
    }
}
