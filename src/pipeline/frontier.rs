//! What the router would choose among, by task class, for a typical request: a decision's own figures, laid open.

use serde::Serialize;

use super::understand::live;
use super::{Engine, Loaded};
use crate::analysis::{Analysis, FEATURE_VERSION, Features, Limits};
use crate::catalog::{
    Credential, EvidenceLevel, License, Mode, Objective, Policy, Snapshot, SnapshotVersion,
};
use crate::routing::{
    Estimate, Facts, Inputs, Live, Plan, Reason, SessionLive, Survey, Surveyed, UnknownPolicy, Verdict, Why,
    forecast, survey,
};
use crate::types::{
    Capabilities, Day, DeploymentIx, Dialect, HardMarkers, ModelId, ModelIx, NanoUsd, PolicyId, TaskClass,
};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontierAsk {
    /// The policy; `None`: the first.
    pub policy: Option<String>,
    /// The task class; `None`: all.
    pub task: Option<TaskClass>,
    /// The model a request names; `None`: `auto`.
    pub model: Option<String>,
    /// Its input.
    pub input_tokens: u32,
    /// Its expected output.
    pub output_tokens: u32,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrontierFault {
    /// There is no such policy or model: what there is.
    Unknown(String),
    /// The question lacks something: what would work.
    Incomplete(String),
}

/// The candidates of a policy.
#[derive(Clone, Debug, Serialize)]
pub struct Frontier {
    snapshot: SnapshotVersion,
    policy: PolicyId,
    mode: Mode,
    objective: Objective,
    license: License,
    dialect: Dialect,
    input_tokens: u32,
    output_tokens: u32,
    tasks: Vec<OfTask>,
}

/// The candidates for requests of one class.
#[derive(Clone, Debug, Serialize)]
struct OfTask {
    task: TaskClass,
    baseline: ModelId,
    /// What would serve; `None`: nothing could.
    chosen: Option<String>,
    /// Why it would.
    reason: Option<Reason>,
    /// Why nothing could.
    no_route: Option<String>,
    candidates: Vec<Point>,
}

/// One candidate.
#[derive(Clone, Debug, Serialize)]
struct Point {
    plan: String,
    quality: Quality,
    /// Of the typical request; `None`: unpriced.
    cost_usd: Option<f64>,
    /// At the model's longest answer, which ceilings are held against; `None`: unpriced.
    worst_cost_usd: Option<f64>,
    /// `None`: it has no deployment that could be timed.
    latency: Option<Latency>,
    eligible: bool,
    on_frontier: bool,
    chosen: bool,
    /// Why it may not serve, in a word and in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<Why>,
    verdict: String,
}

#[derive(Clone, Debug, Serialize)]
struct Quality {
    #[serde(flatten)]
    estimate: Estimate,
    /// `evidence` of own traffic, `prediction` from labelled prompts, what is predicted of its `tier`, or the configured
    /// `prior`.
    rests_on: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<EvidenceLevel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<u32>,
    /// Of a plan of several models: those of the other classes too, which say something of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs_in_all: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss_upper: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
struct Latency {
    ttft_ms: u32,
    total_ms: u32,
    /// `false`: as configured, or usual for the tier.
    measured: bool,
}

impl Engine {
    /// The candidates of a policy under the snapshot and the health in force, at the prices of a day.
    pub fn frontier(&self, ask: &FrontierAsk, day: Day) -> Result<Frontier, FrontierFault> {
        let loaded = self.loaded();
        let snapshot = &*loaded.snapshot;
        let policy = policy(snapshot, ask.policy.as_deref())?;
        let baseline = baseline(snapshot, policy, ask.model.as_deref())?;
        let dialect = dialect(snapshot, baseline);
        let mut inputs = inputs(&loaded, (policy, dialect), ask, day);
        let classes: &[TaskClass] = ask.task.as_ref().map_or(&TaskClass::ALL, std::slice::from_ref);
        let mut of = |task: &TaskClass| {
            // What a class lets expect, with nothing known of the words.
            inputs.limits.task = Some(*task);
            inputs.forecast = forecast(snapshot, &inputs, None);
            let analysis = Analysis::typical(*task, ask.input_tokens, ask.output_tokens);
            let found = survey(snapshot, &inputs, &analysis);
            found
                .map(|found| of_task(*task, found))
                .map_err(|no_route| FrontierFault::Incomplete(no_route.message))
        };
        Ok(Frontier {
            snapshot: snapshot.version.clone(),
            policy: policy.id.clone(),
            mode: policy.mode,
            objective: policy.objective,
            license: policy.license,
            dialect,
            input_tokens: ask.input_tokens,
            output_tokens: ask.output_tokens,
            tasks: classes.iter().map(&mut of).collect::<Result<_, _>>()?,
        })
    }
}

fn policy<'s>(snapshot: &'s Snapshot, name: Option<&str>) -> Result<&'s Policy, FrontierFault> {
    let Some(name) = name else {
        let none = || FrontierFault::Incomplete("there are no [[policies]]: nothing is routed".to_owned());
        return snapshot.policies.first().ok_or_else(none);
    };
    snapshot.policies.iter().find(|policy| policy.id.as_str() == name).ok_or_else(|| {
        let known = snapshot.policies.iter().map(|policy| format!("`{}`", policy.id)).collect();
        FrontierFault::Unknown(UnknownPolicy::Missing { name: name.to_owned(), known }.to_string())
    })
}

/// The model quality is measured against, in whichever dialect the request that names it may be.
fn baseline(snapshot: &Snapshot, policy: &Policy, named: Option<&str>) -> Result<ModelIx, FrontierFault> {
    let Some(name) = named else {
        return policy.baseline.ok_or_else(|| {
            FrontierFault::Incomplete(format!(
                "policy `{}` has no baseline, so quality is measured against the model that a request names: add \
                 `model=NAME`",
                policy.id
            ))
        });
    };
    let dialects = [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini];
    let found = dialects.into_iter().find_map(|dialect| snapshot.model_named(dialect, name));
    found.ok_or_else(|| {
        let known: Vec<_> = snapshot.models.iter().map(|model| format!("`{}`", model.id)).collect();
        FrontierFault::Unknown(format!("there is no model `{name}`: there are {}", known.join(", ")))
    })
}

/// The dialect that requests for a model are written in: that of its first deployment.
fn dialect(snapshot: &Snapshot, model: ModelIx) -> Dialect {
    let first = snapshot.model(model).deployments.first();
    first.map_or(Dialect::OpenAi, |ix| snapshot.provider(snapshot.deployment(*ix).provider).dialect)
}

/// A request that says nothing of itself but its size.
fn inputs(loaded: &Loaded, (policy, dialect): (&Policy, Dialect), ask: &FrontierAsk, day: Day) -> Inputs {
    let snapshot = &*loaded.snapshot;
    let deployments = (0..).map(DeploymentIx).zip(&snapshot.deployments);
    let live = |(ix, deployment): (DeploymentIx, &crate::catalog::Deployment)| {
        // Whoever asks has no provider's key; a caller whose own key is passed through brings it along, to the provider
        // it is meant for.
        let has_credential = match snapshot.provider(deployment.provider).credential {
            Credential::Held(_) | Credential::None => true,
            Credential::Passthrough => snapshot.defaults.of(dialect) == Some(deployment.provider),
        };
        live(loaded, ix, has_credential)
    };
    Inputs {
        policy: policy.id.clone(),
        features: Features { version: FEATURE_VERSION, ..Features::default() },
        facts: Facts {
            dialect,
            model_named: ask.model.clone().unwrap_or_else(|| "auto".to_owned()),
            stream: false,
            max_output_tokens: None,
            choices: 1,
            needs: Capabilities::default(),
            hard_markers: HardMarkers::default(),
            cache_markers: false,
            repeats: false,
            crossings: Vec::new(),
            refused: Vec::new(),
        },
        limits: Limits::default(),
        live: Live {
            deployments: deployments.map(live).collect(),
            session_model: None,
            session: SessionLive::default(),
            room: None,
        },
        day,
        session_hash: 0,
        forecast: None,
        observe_only: false,
    }
}

fn of_task(task: TaskClass, survey: Survey) -> OfTask {
    let (chosen, reason, no_route) = match survey.chosen {
        Ok((plan, reason)) => (Some(plan), Some(reason), None),
        Err(no_route) => (None, None, Some(no_route.message)),
    };
    let candidates = survey.candidates.into_iter().map(|one| point(one, chosen.as_ref())).collect();
    let chosen = chosen.as_ref().map(ToString::to_string);
    OfTask { task, baseline: survey.baseline, chosen, reason, no_route, candidates }
}

fn point(surveyed: Surveyed, chosen: Option<&Plan>) -> Point {
    let Surveyed { candidate, evidence, pairs_in_all, foreseen, measured } = surveyed;
    let rests_on = match (&evidence, &foreseen) {
        (Some(_), _) => "evidence",
        (None, Some(foreseen)) if foreseen.own => "prediction",
        (None, Some(_)) => "tier",
        (None, None) => "prior",
    };
    let loss_upper = evidence.as_ref().map(|found| found.loss_upper);
    let loss_upper = loss_upper.or_else(|| foreseen.and_then(|foreseen| foreseen.loss_upper()));
    let (eligible, on_frontier, out) = match &candidate.verdict {
        Verdict::Eligible { on_frontier } => (true, *on_frontier, None),
        Verdict::Ineligible(why) => (false, false, Some(why.clone())),
    };
    Point {
        plan: candidate.plan.to_string(),
        quality: Quality {
            estimate: candidate.quality,
            rests_on,
            level: evidence.as_ref().map(|found| found.level),
            pairs: evidence.as_ref().map(|found| found.pairs),
            pairs_in_all,
            loss_upper,
        },
        cost_usd: candidate.cost.map(NanoUsd::usd),
        worst_cost_usd: candidate.worst_cost.map(NanoUsd::usd),
        latency: measured.map(|measured| Latency {
            ttft_ms: candidate.ttft_ms,
            total_ms: candidate.total_ms,
            measured,
        }),
        eligible,
        on_frontier,
        chosen: chosen == Some(&candidate.plan),
        out,
        verdict: candidate.verdict.to_string(),
    }
}
