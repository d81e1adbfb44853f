//! Plans of several models: their legs are asked for whole answers, which are compared, judged or built upon, and one answer
//! goes to the client as if one model had given it. Each leg passes the spending guard before it is called; whoever is no
//! longer needed is let go, and what it cost so far is on record.

mod agree;
mod ask;
mod cascade;
mod draft;
mod form;
mod held;
mod jury;
mod serve;
mod tested;
mod words;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::attempt::{Leg, LegEnd, Trail};
use super::chain::{self, End, Failure};
use super::job::Job;
use super::reply::Reply;
use crate::catalog::{JudgeFailure, VerifyFailure};
use crate::routing::{Acceptance, Plan, Role};
use crate::types::{FailureClass, NanoUsd, Under};

pub use form::AskedForm;

use ask::{NOT_NEEDED, Told, Untold};
use held::{Held, Waited};

/// A plan of several models, tied to the hops of a job.
#[derive(Clone, Debug)]
pub struct Compound {
    /// The plan.
    pub plan: Plan,
    /// Its calls, in the order of their waves.
    pub legs: Vec<Spec>,
    /// The first hop of the written chain behind it; that of nobody where there is none.
    pub chain: usize,
    /// What a judge that failed does.
    pub judge_failure: JudgeFailure,
    /// What a judge that is torn does.
    pub judge_tie: JudgeFailure,
    /// What a verifier that failed does.
    pub verify_failure: VerifyFailure,
    /// What a cascade's answers are tested under.
    pub under: Under,
    /// When an answer stands, where that was learnt; `None`: none does that takes an acceptor.
    pub acceptance: Option<Acceptance>,
    /// Time between two signs of life for a client that waits for a stream.
    pub keep_alive: Duration,
    /// Whether a model has answered.
    pub heard: Heard,
    /// The form that answers are held against.
    pub form: AskedForm,
}

/// Set once, seen by all copies.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<AtomicBool>);

impl Heard {
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One call of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The hop that is called.
    pub hop: usize,
    /// What for.
    pub role: Role,
    /// Legs of one wave run side by side.
    pub wave: u8,
    /// Most output tokens of a request of ours; the client's own request keeps its cap.
    pub output_cap: u32,
    /// What it costs at most; `None`: unpriced.
    pub worst_cost: Option<NanoUsd>,
}

/// Why a plan of several models came to no answer although its models were there. The words are the codes callers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFault {
    /// The judge failed or said nothing that can be understood.
    Judge,
    /// Too few members answered.
    Quorum,
    /// The verifier failed or said nothing that can be understood.
    Verifier,
    /// The next call could break the cost ceiling.
    Budget,
}

impl PlanFault {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Judge => "judge_failed",
            Self::Quorum => "quorum",
            Self::Verifier => "verifier_failed",
            Self::Budget => "budget_exhausted",
        }
    }

    fn failure(self, detail: impl Into<String>) -> Failure {
        Failure { fault: Some(self.as_str()), ..Failure::new(FailureClass::ServerError, detail) }
    }
}

/// How a plan went, before anything reaches the client.
enum Outcome {
    /// This answer serves; how it came about, for the header.
    Serve(Told, String),
    /// This answer with another text serves.
    Rewrite(Told, String, String),
    /// No answer.
    Fail(Failure),
}

/// Runs a plan. Only a cascade has the written chain behind it: it ends with one model's answer as the chain does. Of the others
/// the caller asked for several models, and one alone would not be what was asked for.
pub(super) async fn run<R: Reply>(
    job: &Job<'_>,
    compound: &Compound,
    trail: &mut Trail,
    reply: &mut R,
) -> End {
    let mut held = Held::new(job, compound, reply);
    let ran = while_held(outcome(job, compound, trail), compound, &mut held).await;
    let end = ended(job, (compound, ran), trail, &mut held).await;
    held.end(job, end).await
}

/// What a plan comes to; `None`: the client has left.
async fn while_held<R: Reply>(
    outcome: impl Future<Output = Outcome>,
    compound: &Compound,
    held: &mut Held<'_, R>,
) -> Option<Outcome> {
    let mut outcome = std::pin::pin!(outcome);
    loop {
        let waited = tokio::select! {
            biased;
            outcome = &mut outcome => return Some(outcome),
            waited = held.wait() => waited,
        };
        match waited {
            Waited::Gone => return None,
            Waited::Beat => held.beat(compound.heard.is_set()).await.ok()?,
        }
    }
}

async fn ended<R: Reply>(
    job: &Job<'_>,
    (compound, ran): (&Compound, Option<Outcome>),
    trail: &mut Trail,
    reply: &mut R,
) -> End {
    match ran {
        None => {
            // Whoever was still at work was let go because the client had left, unless it was not needed before.
            let at_work = |leg: &&mut Leg| leg.end == LegEnd::Cancelled && leg.fault != Some(NOT_NEEDED);
            for leg in trail.legs.iter_mut().filter(at_work) {
                leg.end = LegEnd::ClientGone;
            }
            End::ClientGone
        }
        Some(Outcome::Serve(told, how)) => serve::told(job, (told, None, how), trail, reply).await,
        Some(Outcome::Rewrite(told, text, how)) => {
            serve::told(job, (told, Some(text), how), trail, reply).await
        }
        Some(Outcome::Fail(failure)) => {
            let falls_back = matches!(compound.plan, Plan::Cascade(_)) && job.rules.goes_on(failure.class);
            if falls_back && compound.chain < job.hops.len() {
                return chain::run(job, compound.chain, trail, reply).await;
            }
            match failure.answer.as_ref().map(|refused| refused.hop) {
                // What is wrong with the request the client hears as from one model alone.
                Some(hop) => chain::finish(job, hop, failure, trail, reply).await,
                None => End::Failed(failure),
            }
        }
    }
}

async fn outcome(job: &Job<'_>, compound: &Compound, trail: &mut Trail) -> Outcome {
    match &compound.plan {
        Plan::Cascade(cascade) => cascade::run(job, (compound, cascade), trail).await,
        Plan::Ensemble(ensemble) => jury::ensemble(job, (compound, ensemble), trail).await,
        Plan::Debate(debate) => jury::debate(job, (compound, debate), trail).await,
        Plan::Draft(_) => draft::run(job, compound, trail).await,
        // The pipeline makes no compound of these.
        Plan::Named | Plan::Single(_) => {
            Outcome::Fail(Failure::new(FailureClass::BadRequest, "one model only"))
        }
    }
}

impl Compound {
    /// The legs of a role within a wave.
    fn of(&self, wave: u8, role: Role) -> impl Iterator<Item = &Spec> {
        self.legs.iter().filter(move |leg| leg.wave == wave && leg.role == role)
    }

    /// What is to come costs at most, from the wave of these legs on.
    fn worst_from(&self, specs: &[&Spec]) -> Option<NanoUsd> {
        let wave = specs.iter().map(|spec| spec.wave).min()?;
        self.legs.iter().filter(|leg| leg.wave >= wave).map(|leg| leg.worst_cost).sum()
    }

    /// The first leg of a role from a wave on.
    fn first(&self, role: Role) -> Option<&Spec> {
        self.legs.iter().find(|leg| leg.role == role)
    }

    /// Whether nobody is asked behind a leg, so that it has what is left of the deadline.
    fn is_last(&self, spec: &Spec, hops: usize) -> bool {
        let behind = matches!(self.plan, Plan::Cascade(_)) && self.chain < hops;
        !behind && self.legs.iter().all(|leg| leg.wave <= spec.wave)
    }
}

/// A leg that the plan's own making guarantees.
fn missing(role: Role) -> Outcome {
    Outcome::Fail(Failure::new(FailureClass::ServerError, format!("the plan has no leg for {role:?}")))
}

impl From<Untold> for Failure {
    fn from(untold: Untold) -> Self {
        match untold {
            Untold::Budget(detail) => PlanFault::Budget.failure(detail),
            Untold::Failed(failure) => failure,
        }
    }
}
