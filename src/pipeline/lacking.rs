//! Which deployments have said that they do not take a parameter of this request. Asked before every decision; almost always
//! none has said anything.

use super::Loaded;
use crate::catalog::Policy;
use crate::codec;
use crate::routing::RefusedParameter;
use crate::types::{DeploymentIx, ModelIx};

/// The deployments of a policy's models that refuse a parameter of the body. A model that the client names itself, and the
/// last ones left, are asked all the same: then the provider's own words are the answer.
pub(super) fn refused(
    loaded: &Loaded,
    policy: &Policy,
    named: Option<ModelIx>,
    body: &[u8],
) -> Vec<RefusedParameter> {
    let snapshot = &*loaded.snapshot;
    let lack = |at: DeploymentIx| {
        let param = loaded.board.lacking(at, |param| codec::has_member(body, param))?;
        Some(RefusedParameter { at, param })
    };
    let places = (0..).map(DeploymentIx).take(snapshot.deployments.len());
    let mut refused: Vec<RefusedParameter> = places.filter_map(lack).collect();
    if refused.is_empty() {
        return refused;
    }
    let takes = |model: ModelIx, refused: &[RefusedParameter]| {
        let places = &snapshot.model(model).deployments;
        places.iter().any(|place| refused.iter().all(|one| one.at != *place))
    };
    if let Some(named) = named.filter(|named| !takes(*named, &refused)) {
        refused.retain(|one| !snapshot.model(named).deployments.contains(&one.at));
    }
    let mut models = policy.candidates.iter().chain(&policy.fallback).copied().chain(policy.baseline);
    if models.any(|model| takes(model, &refused)) { refused } else { Vec::new() }
}
