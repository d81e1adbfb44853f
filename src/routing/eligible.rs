//! First stage: which deployment of a model could take this request at all, whatever it costs.

use super::plan::{Inputs, Why};
use crate::analysis::Analysis;
use crate::catalog::{Model, Snapshot};
use crate::types::{DeploymentIx, ModelIx};

/// The deployment a model would be called at, or why there is none.
pub(super) fn target(
    snapshot: &Snapshot,
    inputs: &Inputs,
    analysis: &Analysis,
    ix: ModelIx,
) -> Result<DeploymentIx, Why> {
    let model = snapshot.model(ix);
    let missing = inputs.facts.needs.without(model.capabilities);
    if !missing.is_empty() {
        return Err(Why::MissingCapability(missing));
    }
    if !fits(model, inputs, analysis) {
        return Err(Why::ContextWindow);
    }
    let mut why = Why::OtherDialect;
    for deployment in model.deployments.iter().copied() {
        let provider = snapshot.provider(snapshot.deployment(deployment).provider);
        let Some(live) = inputs.live.deployments.get(deployment.at()) else { continue };
        if provider.dialect != inputs.facts.dialect {
            continue;
        }
        match (live.has_credential, live.ready) {
            (true, true) => return Ok(deployment),
            (true, false) => why = Why::NotReady,
            (false, _) if why == Why::OtherDialect => why = Why::NoCredential,
            (false, _) => {}
        }
    }
    Err(why)
}

/// Whether prompt and output fit the window. The prompt is an estimate, so a tenth is kept free.
fn fits(model: &Model, inputs: &Inputs, analysis: &Analysis) -> bool {
    let output = inputs.facts.max_output_tokens.unwrap_or(analysis.output_tokens);
    let input = u64::from(analysis.input_tokens);
    let window = u64::from(model.context_tokens);
    output <= model.max_output_tokens && input + input / 10 + u64::from(output) <= window
}
