//! Whether a request can be put into the dialects of providers it was not written for. Asked only where a policy or a
//! name leads there: most requests never are.

use super::refusal::{Refusal, RefusalCode};
use crate::catalog::{Policy, Snapshot};
use crate::codec::{self, Destination, Obstacle, Origin};
use crate::routing::Crossing;
use crate::types::{Capabilities, Dialect, ModelIx, Operation};

/// The other dialects spoken where a policy's models are deployed, and whether the request can be put into them; its own is
/// among them where a model of it lacks the request's API, and where plans of several models may ask for it: the members of those
/// are asked in Chat, whatever they have. `named`: the model the client names, where it is one of ours.
pub fn crossings(
    snapshot: &Snapshot,
    policy: &Policy,
    (dialect, origin): (Dialect, &Origin<'_>),
    named: Option<ModelIx>,
) -> Vec<Crossing> {
    let models = || {
        let singles = policy.candidates.iter().chain(&policy.fallback).copied().chain(policy.baseline);
        singles.chain(named).chain(policy.compound.models())
    };
    let in_chat = origin.operation == Operation::Responses && policy.compound.models().next().is_some();
    let spoken = |to: Dialect| {
        if to == dialect && in_chat {
            return true;
        }
        let models = models().filter(|model| to != dialect || lacks_api(snapshot, *model, origin.operation));
        let mut deployments = models.flat_map(|model| snapshot.model(model).deployments.iter());
        deployments.any(|ix| snapshot.dialect_of(*ix) == to)
    };
    let others = Dialect::ALL.into_iter().filter(|to| spoken(*to));
    others.map(|to| Crossing { to, obstacle: obstacle(origin, to).map(|obstacle| obstacle.param) }).collect()
}

/// Whether a model is not said to serve the API that a request is written for.
pub(super) fn lacks_api(snapshot: &Snapshot, model: ModelIx, operation: Operation) -> bool {
    operation == Operation::Responses && !snapshot.model(model).capabilities.has(Capabilities::RESPONSES)
}

/// What is in the way of another dialect.
pub(super) fn obstacle(origin: &Origin<'_>, to: Dialect) -> Option<Obstacle> {
    // The name and the cap are the model's own and never in the way.
    let destination = Destination {
        dialect: to,
        model: "",
        max_output_tokens: 1,
        max_tokens_key: true,
        asks_for_usage: true,
        nine_letter_ids: false,
        takes_user: true,
    };
    codec::cross_request(origin, &destination).err()
}

impl Refusal {
    /// The only provider of a model has no words for what the request asks.
    pub(super) fn not_expressible(model: &str, to: Dialect, obstacle: Obstacle) -> Self {
        let Obstacle { param, message } = obstacle;
        let message = format!(
            "`{model}` is served in the {} dialect only, into which this request cannot be put: {message}",
            to.as_str()
        );
        Self::new(RefusalCode::NotExpressible, message).about(&param)
    }
}
