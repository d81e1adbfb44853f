//! From a plan to the hops of a chain: every deployment of the chosen model, then those of the fallback models.

use super::crossing;
use super::refusal::{Refusal, RefusalCode};
use super::understand::{Read, has_credential, standing};
use super::{Dispatch, Inbound, Loaded};
use crate::catalog::{Balance, Policy, Snapshot};
use crate::routing::{Acceptance, Leg, Plan};
use crate::strategy::{AskedForm, Compound, Heard, Hop, Spec};
use crate::types::{DeploymentId, DeploymentIx, Dialect, ModelId, ModelIx, NanoUsd, Operation, Under};

/// Most hops of one chain.
const MAX_HOPS: usize = 8;

/// The hops of a dispatch, in order, never empty; and which of them each leg of a plan of several models is called at.
pub(super) fn of(
    loaded: &Loaded,
    inbound: &Inbound,
    read: &Read,
    dispatch: &Dispatch,
) -> Result<(Vec<Hop>, Vec<usize>), Refusal> {
    let snapshot = &*loaded.snapshot;
    match &dispatch.plan {
        Plan::Named => as_named(snapshot, inbound, read).map(|hop| (vec![hop], Vec::new())),
        Plan::Single(model) => {
            let mut hops = Vec::with_capacity(4);
            chain(&mut hops, (snapshot, inbound, dispatch), std::iter::once(model).chain(&dispatch.fallback));
            if hops.is_empty() {
                return Err(nowhere(model));
            }
            Ok((hops, Vec::new()))
        }
        Plan::Cascade(_) | Plan::Ensemble(_) | Plan::Debate(_) | Plan::Draft(_) => {
            let mut hops: Vec<Hop> = Vec::with_capacity(8);
            let mut places = Vec::with_capacity(dispatch.legs.len());
            for leg in &dispatch.legs {
                let hop = member(loaded, inbound, dispatch, leg).ok_or_else(|| nowhere(&leg.model))?;
                // One model may be called in two places: what is asked of ours goes where the client's words do not.
                let known = hops.iter().position(|known| known.deployment == hop.deployment);
                places.push(known.unwrap_or(hops.len()));
                if known.is_none() {
                    hops.push(hop);
                }
            }
            chain(&mut hops, (snapshot, inbound, dispatch), dispatch.fallback.iter());
            Ok((hops, places))
        }
    }
}

/// The calls of a plan of several models, tied to the hops they are called at; `None` for any other plan.
pub(super) fn compound(
    (dispatch, policy): (&Dispatch, Option<&Policy>),
    places: &[usize],
) -> Option<Compound> {
    let compound = &policy.filter(|_| dispatch.plan.is_compound())?.compound;
    let spec = |(leg, hop): (&Leg, &usize)| {
        let Leg { role, wave, output_cap, worst_cost, .. } = *leg;
        Spec { hop: *hop, role, wave, output_cap, worst_cost }
    };
    let legs: Vec<Spec> = dispatch.legs.iter().zip(places).map(spec).collect();
    let members = places.iter().map(|hop| hop + 1).max().unwrap_or(0);
    Some(Compound {
        plan: dispatch.plan.clone(),
        chain: members,
        legs,
        judge_failure: compound.judge_failure,
        judge_tie: compound.judge_tie,
        verify_failure: compound.verify_failure,
        under: Under {
            acceptor: dispatch.acceptance.as_ref().map(Acceptance::fingerprint),
            audit: compound.audit as f32,
            unfamiliar: dispatch.unfamiliar,
        },
        acceptance: dispatch.acceptance.clone(),
        keep_alive: compound.keep_alive,
        heard: Heard::default(),
        form: AskedForm::default(),
    })
}

/// Where a plan's model is called: the first place that is ready, else the first there is.
fn member(loaded: &Loaded, inbound: &Inbound, dispatch: &Dispatch, leg: &Leg) -> Option<Hop> {
    let snapshot = &*loaded.snapshot;
    let ix = snapshot.model_by_id(leg.model.as_str())?;
    // What is asked of ours is written in any dialect.
    let crosses = if leg.role.asks_of_ours() { &Dialect::ALL[..] } else { &dispatch.crosses };
    let places = || deployments(snapshot, inbound, (ix, crosses));
    let place = places().find(|ix| loaded.board.ready(*ix)).or_else(|| places().next())?;
    let hop = routed(snapshot, inbound, place);
    // Answers of Responses are not compared.
    Some(Hop { translated: hop.translated || inbound.operation == Operation::Responses, ..hop })
}

/// Every place of these models that is not among the hops yet, as far as there is room.
fn chain<'m>(
    hops: &mut Vec<Hop>,
    (snapshot, inbound, dispatch): (&Snapshot, &Inbound, &Dispatch),
    models: impl Iterator<Item = &'m ModelId>,
) {
    let most = hops.len() + MAX_HOPS;
    for ix in models.filter_map(|id| snapshot.model_by_id(id.as_str())) {
        for deployment in places(inbound, dispatch, ix) {
            let known = hops.iter().any(|hop: &Hop| hop.deployment == Some(deployment));
            if !known && hops.len() < most {
                let worst_cost = worst_cost(dispatch, &snapshot.model(ix).id);
                hops.push(Hop { worst_cost, ..routed(snapshot, inbound, deployment) });
            }
        }
    }
}

/// Where a model is called, in order: by its `balance`, a conversation where it was answered last, as long as that is ready; the
/// provider's prompt cache is there.
fn places(inbound: &Inbound, dispatch: &Dispatch, model: ModelIx) -> Vec<DeploymentIx> {
    let (snapshot, board) = (&*inbound.loaded.snapshot, &inbound.loaded.board);
    let mut places: Vec<_> = deployments(snapshot, inbound, (model, &dispatch.crosses)).collect();
    let own = places.iter().take_while(|ix| snapshot.dialect_of(**ix) == inbound.dialect).count();
    if snapshot.model(model).balance == Balance::Latency {
        // What a request is known by is random enough, and the same when it is told again.
        let draw = inbound.id.0 as u64;
        board.order(draw, &mut places[..own]);
        board.order(draw, &mut places[own..]);
    }
    let last = dispatch.answered_at.as_ref();
    let kept = places.iter().position(|ix| last == Some(&snapshot.deployment(*ix).id) && board.ready(*ix));
    if let Some(at) = kept {
        places[..=at].rotate_right(1);
    }
    places
}

fn nowhere(model: &ModelId) -> Refusal {
    let message = format!("model `{model}` has no deployment this request could be sent to");
    Refusal::new(RefusalCode::NoProvider, message)
}

/// Keeps the one hop a bound conversation may go to: where it was answered last, else the first.
pub(super) fn bind(snapshot: &Snapshot, hops: &mut Vec<Hop>, answered_at: Option<DeploymentId>) {
    let at = hops.iter().position(|hop| {
        hop.deployment.is_some_and(|ix| answered_at.as_ref() == Some(&snapshot.deployment(ix).id))
    });
    hops.swap(0, at.unwrap_or(0));
    hops.truncate(1);
}

/// A model's deployments that speak the request's dialect, in declared order, then those whose dialect it can be put into.
fn deployments<'a>(
    snapshot: &'a Snapshot,
    inbound: &'a Inbound,
    (model, crosses): (ModelIx, &'a [Dialect]),
) -> impl Iterator<Item = DeploymentIx> + 'a {
    let lacking = crossing::lacks_api(snapshot, model, inbound.operation);
    let reached = move |ix: &DeploymentIx| {
        let dialect = snapshot.dialect_of(*ix);
        (dialect == inbound.dialect && !lacking) || crosses.contains(&dialect)
    };
    snapshot.deployments_of(model, inbound.dialect).filter(reached)
}

fn routed(snapshot: &Snapshot, inbound: &Inbound, ix: DeploymentIx) -> Hop {
    let deployment = snapshot.deployment(ix);
    Hop {
        provider: deployment.provider,
        deployment: Some(ix),
        model: Some(deployment.model),
        rename: true,
        standing: standing(inbound, deployment.provider),
        translated: snapshot.dialect_of(ix) != inbound.dialect
            || crossing::lacks_api(snapshot, deployment.model, inbound.operation),
        worst_cost: None,
    }
}

/// A deployment of the request's own dialect, asked through the API that the client named.
fn as_it_is(snapshot: &Snapshot, inbound: &Inbound, ix: DeploymentIx) -> Hop {
    Hop { translated: false, ..routed(snapshot, inbound, ix) }
}

/// Where a model is deployed that no provider of the request's dialect serves: the first place there is a credential for.
fn elsewhere(snapshot: &Snapshot, inbound: &Inbound, name: &str) -> Option<DeploymentIx> {
    let model = snapshot.model_named(inbound.dialect, name)?;
    let mut places = snapshot.deployments_of(model, inbound.dialect);
    places.find(|ix| has_credential(inbound, snapshot.deployment(*ix).provider))
}

/// What an attempt at a model costs at most, where a ceiling asks for it.
fn worst_cost(dispatch: &Dispatch, model: &ModelId) -> Option<NanoUsd> {
    dispatch.ceiling.as_ref()?.worst.iter().find(|(id, _)| id == model)?.1
}

/// Where the request goes by the name it carries: home, unless the name is one of our own ids or belongs to a model
/// that is deployed elsewhere only.
fn as_named(snapshot: &Snapshot, inbound: &Inbound, read: &Read) -> Result<Hop, Refusal> {
    let home = inbound.home();
    let name = match read {
        Read::Understood(asked) => Some(asked.request.model.as_str()),
        Read::Unreadable(_) => None,
    };
    let by_name = name.and_then(|name| {
        let of_dialect = |ix: &DeploymentIx| {
            let deployment = snapshot.deployment(*ix);
            *deployment.upstream_name == *name
                && snapshot.provider(deployment.provider).dialect == inbound.dialect
        };
        let mut matching =
            (0..snapshot.deployments.len()).filter_map(|ix| u16::try_from(ix).ok()).map(DeploymentIx);
        let first = snapshot.deployment_by_upstream_name(inbound.dialect, name)?;
        let elsewhere = Some(first).filter(|_| inbound.intercepted.is_none());
        matching.find(|ix| of_dialect(ix) && Some(snapshot.deployment(*ix).provider) == home).or(elsewhere)
    });
    if let Some(ix) = by_name {
        return Ok(Hop { rename: false, ..as_it_is(snapshot, inbound, ix) });
    }
    // What was intercepted goes where it was going; its names are those of that provider.
    let name = name.filter(|_| inbound.intercepted.is_none());
    let by_id = name.and_then(|name| snapshot.model_by_id(name));
    let own = |ix: &DeploymentIx| snapshot.dialect_of(*ix) == inbound.dialect;
    if let Some(ix) = by_id.and_then(|model| snapshot.deployments_of(model, inbound.dialect).find(own)) {
        return Ok(as_it_is(snapshot, inbound, ix));
    }
    if let Some(ix) = name.and_then(|name| elsewhere(snapshot, inbound, name)) {
        let to = snapshot.dialect_of(ix);
        return match crossing::obstacle(&inbound.origin(), to) {
            None => Ok(routed(snapshot, inbound, ix)),
            Some(obstacle) => Err(Refusal::not_expressible(name.unwrap_or_default(), to, obstacle)),
        };
    }
    let provider = home.ok_or_else(|| {
        Refusal::new(
            RefusalCode::NoProvider,
            format!(
                "no provider takes this request: set server.default_provider.{}",
                inbound.dialect.as_str()
            ),
        )
    })?;
    Ok(Hop {
        provider,
        deployment: None,
        model: None,
        rename: false,
        standing: standing(inbound, provider),
        translated: snapshot.provider(provider).dialect != inbound.dialect,
        worst_cost: None,
    })
}
