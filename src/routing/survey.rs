//! What would be decided for a request of given size and class: the same weighing and the same choice as a decision takes,
//! without the draw of shares, and with what each figure rests on.

use super::choose::{Bounds, Field};
use super::decide::{baseline, choose};
use super::forecast::Foreseen;
use super::no_route::NoRoute;
use super::plan::{Candidate, Inputs, Plan, Reason};
use super::{eligible, estimate, weigh};
use crate::analysis::Analysis;
use crate::catalog::{Evidence, Snapshot};
use crate::types::ModelId;

/// All candidates of a policy, weighed for one request, and which of them serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// The model that quality loss is measured against.
    pub baseline: ModelId,
    /// The candidates, in declared order, the baseline last if it is not declared.
    pub candidates: Vec<Surveyed>,
    /// What would serve and why, or why nothing would.
    pub chosen: Result<(Plan, Reason), NoRoute>,
}

/// A candidate and what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Surveyed {
    /// As a decision weighs it.
    pub candidate: Candidate,
    /// Measured outcomes its quality rests on.
    pub evidence: Option<Evidence>,
    /// Of a plan of several models: pairs in all classes together, which its loss rests on.
    pub pairs_in_all: Option<u32>,
    /// What is predicted of it; its quality rests on that where there is no evidence, and on the configured belief where
    /// there is neither.
    pub foreseen: Option<Foreseen>,
    /// Whether its times were measured; `None`: it has no deployment to time.
    pub measured: Option<bool>,
}

/// Weighs and chooses as [`super::decide`] does for a session outside every share. Fails where there is no baseline to
/// weigh against.
pub fn survey(snapshot: &Snapshot, inputs: &Inputs, analysis: &Analysis) -> Result<Survey, NoRoute> {
    let Some(policy) = snapshot.policies.iter().find(|policy| policy.id == inputs.policy) else {
        return Err(NoRoute::no_baseline(inputs.policy.as_str()));
    };
    let policy = policy.at(analysis.step);
    let baseline = baseline(snapshot, policy, inputs)?;
    let bounds = Bounds::of(policy, inputs);
    let field = Field { snapshot, policy, inputs, analysis, bounds, baseline };
    let surveyed = |candidate: Candidate| {
        let model = match &candidate.plan {
            Plan::Single(model) => snapshot.model_by_id(model.as_str()),
            Plan::Named | Plan::Cascade(_) | Plan::Ensemble(_) | Plan::Debate(_) | Plan::Draft(_) => None,
        };
        let target = model.map(|model| eligible::target(snapshot, inputs, analysis, model));
        let deployment = target.and_then(|target| target.map_or_else(|obstacle| obstacle.at, Some));
        let live = deployment.and_then(|deployment| inputs.live.deployments.get(deployment.at()));
        let pooled =
            weigh::evidence(snapshot, baseline, analysis, &candidate.plan).filter(|_| model.is_none());
        let evidence = match model {
            Some(model) => estimate::evidence(snapshot, (policy, baseline), analysis, model).cloned(),
            None => pooled.map(|found| found.evidence.clone()),
        };
        let pairs_in_all = pooled.map(|found| found.pairs_in_all);
        let foreseen = model.and_then(|model| inputs.forecast.as_ref()?.of(model).copied());
        Surveyed { candidate, evidence, pairs_in_all, foreseen, measured: live.map(|live| live.measured) }
    };
    Ok(Survey {
        baseline: snapshot.model(baseline).id.clone(),
        candidates: field.weigh().into_iter().map(surveyed).collect(),
        chosen: choose(&field, false).map(|chosen| (chosen.plan, chosen.reason)),
    })
}
