//! First stage: which deployment of a model could take this request at all, whatever it costs.

use super::plan::{Inputs, Why};
use crate::analysis::Analysis;
use crate::catalog::{Model, Snapshot};
use crate::types::{DeploymentIx, ModelIx};

/// Why a model cannot be called.
pub(super) struct Obstacle {
    pub(super) why: Why,
    /// Where it could be called once it is ready again: limits on time hold there, too.
    pub(super) at: Option<DeploymentIx>,
}

impl Obstacle {
    fn is_about_dialect(&self) -> bool {
        matches!(self.why, Why::OtherDialect | Why::MissingCapability(_) | Why::NotExpressible(_))
    }
}

impl From<Why> for Obstacle {
    fn from(why: Why) -> Self {
        Self { why, at: None }
    }
}

/// The deployment a model would be called at, or why there is none.
pub(super) fn target(
    snapshot: &Snapshot,
    inputs: &Inputs,
    analysis: &Analysis,
    ix: ModelIx,
) -> Result<DeploymentIx, Obstacle> {
    let model = snapshot.model(ix);
    let needs = inputs.facts.needs;
    // An API a model lacks can be another's that it has.
    let missing = needs.without(needs.apis()).without(model.capabilities);
    if !missing.is_empty() {
        return Err(Why::MissingCapability(missing).into());
    }
    fits(model, inputs, analysis)?;
    let mut obstacle = Obstacle::from(elsewhere(snapshot, inputs, ix));
    for deployment in snapshot.deployments_of(ix, inputs.facts.dialect) {
        let provider = snapshot.provider(snapshot.deployment(deployment).provider);
        let Some(live) = inputs.live.deployments.get(deployment.at()) else { continue };
        if let Err(param) = inputs.facts.reaches(provider.dialect, model.capabilities) {
            if let (Why::OtherDialect | Why::MissingCapability(_), Some(param)) = (&obstacle.why, param) {
                obstacle = Why::NotExpressible(param.to_owned()).into();
            }
            continue;
        }
        if let Some(param) = inputs.facts.refused_at(deployment) {
            if obstacle.at.is_none() {
                obstacle = Why::ParameterRefused(param.to_owned()).into();
            }
            continue;
        }
        match (live.has_credential, live.ready) {
            (true, true) => return Ok(deployment),
            (true, false) if obstacle.at.is_none() => {
                obstacle = Obstacle { why: Why::NotReady, at: Some(deployment) };
            }
            (false, _) if obstacle.is_about_dialect() => obstacle = Why::NoCredential.into(),
            (true | false, _) => {}
        }
    }
    Err(obstacle)
}

/// Why a model is out where nothing more is known: it lacks the API, or speaks another dialect.
fn elsewhere(snapshot: &Snapshot, inputs: &Inputs, ix: ModelIx) -> Why {
    let model = snapshot.model(ix);
    let lacks = inputs.facts.needs.apis().without(model.capabilities);
    let speaks = model.deployments.iter().any(|ix| snapshot.dialect_of(*ix) == inputs.facts.dialect);
    if speaks && !lacks.is_empty() { Why::MissingCapability(lacks) } else { Why::OtherDialect }
}

/// Where a model would be asked something of ours, which can be said in any dialect that translation speaks.
pub(super) fn target_of_ours(
    snapshot: &Snapshot,
    inputs: &Inputs,
    ix: ModelIx,
) -> Result<DeploymentIx, Obstacle> {
    let mut obstacle = Obstacle::from(Why::NoCredential);
    for deployment in snapshot.deployments_of(ix, inputs.facts.dialect) {
        let Some(live) = inputs.live.deployments.get(deployment.at()) else { continue };
        match (live.has_credential, live.ready) {
            (true, true) => return Ok(deployment),
            (true, false) if obstacle.at.is_none() => {
                obstacle = Obstacle { why: Why::NotReady, at: Some(deployment) };
            }
            (true | false, _) => {}
        }
    }
    Err(obstacle)
}

/// Whether prompt and output fit the window. The prompt is an estimate, so a tenth is kept free.
fn fits(model: &Model, inputs: &Inputs, analysis: &Analysis) -> Result<(), Why> {
    let output = inputs.facts.max_output_tokens.unwrap_or(analysis.output_tokens);
    let input = u64::from(analysis.input_tokens);
    let window = u64::from(model.context_tokens);
    if output > model.max_output_tokens {
        Err(Why::OutputCap(model.max_output_tokens))
    } else if input + input / 10 + u64::from(output) > window {
        Err(Why::ContextWindow)
    } else {
        Ok(())
    }
}
