//! `[routing] predictor`: the file of what was learned of models, `default` for the one that comes with the program, or
//! `none`. A damaged one is refused like any other fault.

use std::sync::Arc;

use super::Context;
use super::tree::{Node, Table};
use crate::analysis::FEATURE_VERSION;
use crate::catalog::{Deployment, Learned, Model, Policy, Predictor, PredictorFault};
use crate::learning::calibrate;
use crate::types::ModelIx;

/// The predictor that comes with the program; its data card stands beside it.
const DEFAULT: &[u8] = include_bytes!("../../conf/default.pred");

/// What the rest of a snapshot says that a predictor is tied to.
pub(super) struct Ties<'t> {
    pub(super) models: &'t [Model],
    pub(super) deployments: &'t [Deployment],
    pub(super) policies: &'t [Policy],
}

/// Reads it and ties it to the configured models; `None` where it knows none of them.
pub(super) fn read(
    node: Option<Node<'_>>,
    root: &Table<'_>,
    context: &Context<'_>,
    ties: &Ties<'_>,
) -> Option<Learned> {
    let named = match &node {
        Some(node) => node.text()?,
        None => "default",
    };
    let fault = |message: String| {
        let mark = node.as_ref().map_or_else(|| root.mark("routing.predictor"), Node::mark);
        root.fault_at(&mark, message);
    };
    let predictor = match named {
        "none" => return None,
        "default" => Predictor::parse(DEFAULT),
        _ if !context.secrets.reads_files() => return None,
        path => match std::fs::read(path) {
            Ok(bytes) => Predictor::parse(&bytes),
            Err(error) => {
                fault(format!("{path} cannot be read: {error}; `default` and `none` are other choices"));
                return None;
            }
        },
    };
    let learned = predictor.and_then(|predictor| tied(predictor, ties));
    match learned {
        Ok(learned) => learned.is_of_use().then_some(learned),
        Err(error) => {
            fault(format!("{named}: {error}"));
            None
        }
    }
}

fn tied(predictor: Predictor, ties: &Ties<'_>) -> Result<Learned, PredictorFault> {
    if predictor.card.feature_version != FEATURE_VERSION {
        return Err(PredictorFault(format!(
            "it was learned from features of version {}, and those of version {FEATURE_VERSION} are read here: train it again",
            predictor.card.feature_version
        )));
    }
    let upstream_names = |model: &Model| {
        model.deployments.iter().map(|ix| ties.deployments[ix.at()].upstream_name.clone()).collect()
    };
    let mut learned = Learned::new(Arc::new(predictor), ties.models, &upstream_names);
    let every: Vec<ModelIx> = (0..).map(ModelIx).take(ties.models.len()).collect();
    let mut pairs = Vec::new();
    for policy in ties.policies.iter().flat_map(Policy::everywhere) {
        // Without a baseline of its own a policy measures against whatever model a request names.
        let baselines = policy.baseline.as_ref().map_or(every.as_slice(), std::slice::from_ref);
        for baseline in baselines {
            pairs.extend(policy.candidates.iter().map(|candidate| (*baseline, *candidate)));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    calibrate(&mut learned, &pairs)?;
    Ok(learned)
}
