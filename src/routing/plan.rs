//! What goes into a decision and what comes out of it. Small serde types: both are kept with every request.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::compound::{Cascade, Debate, Draft, Ensemble};
use super::forecast::Forecast;
use super::latency::{Basis, WholeTime};
use super::room::Room;
use crate::analysis::{Features, Limits};
use crate::types::{
    Capabilities, Day, DeploymentIx, Dialect, HardMarkers, ModelId, NanoUsd, PolicyId, Served, Turns,
};

/// Everything a decision is a function of, apart from the snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// The policy that applies.
    pub policy: PolicyId,
    /// The request's features.
    pub features: Features,
    /// The request's facts.
    pub facts: Facts,
    /// The caller's limits.
    pub limits: Limits,
    /// The state of the deployments and of the session.
    pub live: Live,
    /// The day prices are taken from.
    pub day: Day,
    /// Hash of tenant and session: shares are drawn from it, so that a session stays on one side.
    pub session_hash: u64,
    /// What a predictor expects; `None`: there is none, or it is of no use to any model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// Named models are not routed, whatever the mode of the policy: intercepted traffic, unless the operator says otherwise.
    #[serde(default, skip_serializing_if = "is_false")]
    pub observe_only: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What the body says that is no feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The dialect it is written in.
    pub dialect: Dialect,
    /// The model it names.
    pub model_named: String,
    /// Whether it asks for a stream.
    pub stream: bool,
    /// The output cap it sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// How many answers it asks for, each of them up to the output cap.
    #[serde(default = "one")]
    pub choices: u32,
    /// What a target must be able to do.
    pub needs: Capabilities,
    /// What binds it to the model or account that served it before.
    pub hard_markers: HardMarkers,
    /// Whether a prompt cache is in play.
    pub cache_markers: bool,
    /// Whether its sampling is such that one model's answers to it are much alike, so that nothing follows from their being the same.
    #[serde(default, skip_serializing_if = "is_false")]
    pub repeats: bool,
    /// The other dialects of the policy's deployments, and whether the request can be put into them. Its own is among them
    /// where models are deployed that lack the API it was written for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crossings: Vec<Crossing>,
    /// Deployments whose model has refused a parameter that this request carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedParameter>,
}

/// A parameter of the request that a deployment does not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedParameter {
    /// The deployment, by position in the snapshot.
    pub at: DeploymentIx,
    /// The parameter.
    pub param: String,
}

/// Whether a request can be put into another dialect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// The other dialect.
    pub to: Dialect,
    /// The field that has no counterpart there; `None`: everything has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

impl Facts {
    /// The parameter that a deployment does not take.
    pub(super) fn refused_at(&self, deployment: DeploymentIx) -> Option<&str> {
        self.refused.iter().find(|refused| refused.at == deployment).map(|refused| refused.param.as_str())
    }

    /// Whether the request can be put to a model in a dialect; what is in the way, where that is known.
    pub(super) fn reaches(&self, dialect: Dialect, abilities: Capabilities) -> Result<(), Option<&str>> {
        if dialect == self.dialect && self.needs.apis().without(abilities).is_empty() {
            return Ok(());
        }
        match self.crossings.iter().find(|crossing| crossing.to == dialect) {
            Some(Crossing { obstacle: None, .. }) => Ok(()),
            Some(Crossing { obstacle: Some(param), .. }) => Err(Some(param)),
            None => Err(None),
        }
    }
}

fn one() -> u32 {
    1
}

/// The live state a decision saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// By position in the snapshot.
    pub deployments: Vec<DeploymentLive>,
    /// The model that answered this session last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_model: Option<ModelId>,
    /// What else is known of the session.
    #[serde(default, skip_serializing_if = "SessionLive::is_nothing")]
    pub session: SessionLive,
    /// What is left of the strictest ceiling that the request shares with others; `None`: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
}

/// What a session has at the model that answered it last, and what leaving models has cost it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLive {
    /// Input tokens that the model has in its prompt cache.
    #[serde(rename = "w", default)]
    pub warm_tokens: u32,
    /// What earlier switches lost in cached input.
    #[serde(rename = "l", default)]
    pub lost: NanoUsd,
    /// What its turns were so far.
    #[serde(rename = "t", default, skip_serializing_if = "Turns::is_empty")]
    pub turns: Turns,
}

impl SessionLive {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// One deployment as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentLive {
    /// May be called now.
    #[serde(rename = "r")]
    pub ready: bool,
    /// There is a credential for it.
    #[serde(rename = "c")]
    pub has_credential: bool,
    /// Time to first token at the admission quantile, ms.
    #[serde(rename = "t")]
    pub ttft_ms: u32,
    /// Time per output token at the admission quantile, us.
    #[serde(rename = "p")]
    pub per_token_us: u32,
    /// Whether these were measured, rather than configured.
    #[serde(rename = "m")]
    pub measured: bool,
    /// Answers that were compared with their predicted time.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<u32>,
    /// How whole answers compare with their predictions; `None`: too few were measured.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<WholeTime>,
}

/// What to run. Data only: strategies execute it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Forward as the client named it.
    Named,
    /// One model.
    Single(ModelId),
    /// Cheap models first, another where their answers do not stand.
    Cascade(Cascade),
    /// Several models, one of whose answers is chosen.
    Ensemble(Ensemble),
    /// Several models that see each other's answers.
    Debate(Debate),
    /// One model writes, another corrects.
    Draft(Draft),
}

/// A decision with everything that was weighed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// On which path.
    pub served: Served,
    /// Why.
    pub reason: Reason,
    /// What to run.
    pub plan: Plan,
    /// Models tried when it fails, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<ModelId>,
    /// The model quality loss was measured against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<ModelId>,
    /// Where the request was only observed: what would have run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would: Option<Plan>,
    /// And why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_reason: Option<Reason>,
    /// All plans weighed, in declared order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// Probability with which this policy takes the action that was taken, over sessions.
    pub propensity: f64,
}

/// One plan as it was weighed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The plan.
    pub plan: Plan,
    /// Expected quality.
    pub quality: Estimate,
    /// Expected cost; `None`: unpriced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<NanoUsd>,
    /// What going on with it is expected to cost beyond staying with the model that has the session in its cache, over further
    /// turns, nano US dollars; negative: what it saves. `None`: nothing was looked ahead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<i64>,
    /// Cost when the output cap is used up; `None`: unpriced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_cost: Option<NanoUsd>,
    /// Time to first token at the admission quantile, ms.
    pub ttft_ms: u32,
    /// Time to the whole answer at the admission quantile, ms.
    pub total_ms: u32,
    /// What these times rest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Basis>,
    /// What was thought of it.
    pub verdict: Verdict,
}

/// An expected quality in [0,1] with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Lower end.
    pub low: f64,
    /// Mean.
    pub mean: f64,
    /// Upper end.
    pub high: f64,
}

/// What was thought of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may serve.
    Eligible {
        /// No other eligible plan is better in one respect and as good in all others.
        on_frontier: bool,
    },
    /// It may not.
    Ineligible(Why),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eligible { on_frontier: true } => f.write_str("eligible, on the frontier"),
            Self::Eligible { on_frontier: false } => f.write_str("eligible, dominated"),
            Self::Ineligible(why) => write!(f, "out: {why}"),
        }
    }
}

/// Why a plan may not serve. The first group is about what it can do, the second about limits, the third about evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No deployment speaks the request's dialect, and it was not looked at whether the request could be put into another.
    OtherDialect,
    /// Its deployments speak another dialect, which has no counterpart for this field of the request.
    NotExpressible(String),
    /// Its model has refused this parameter of the request before.
    ParameterRefused(String),
    /// It lacks these.
    MissingCapability(Capabilities),
    /// The request does not fit its context window.
    ContextWindow,
    /// It writes at most this many tokens, and the answer may have more.
    OutputCap(u32),
    /// There is no credential for it.
    NoCredential,
    /// All its deployments cool down or are full.
    NotReady,
    /// It has no price and there is a ceiling.
    Unpriced,
    /// Its worst case exceeds the ceiling.
    OverCost,
    /// It takes longer than the deadline.
    OverDeadline,
    /// Its first token comes too late.
    OverTtft,
    /// Its expected quality is below the floor.
    BelowQuality,
    /// It is cheaper than the baseline and nothing shows that it is good enough.
    NoEvidence,
    /// It is cheaper than the baseline and may lose more quality than allowed.
    QualityLoss,
    /// A plan of several models that was not measured against the baseline, and nobody asks for its kind.
    Unmeasured,
    /// A plan of several models that costs more than the baseline and is not shown to be better.
    NoGain,
    /// A plan of several models cannot give an answer of this shape.
    AnswerShape(Capabilities),
    /// It asks a model more than once and goes by its answers' being the same, which this request's sampling makes them.
    Repeats,
    /// One of its models may not be called.
    Member(ModelId, Box<Why>),
}

impl Why {
    /// What is in the way, wherever in the plan.
    pub(super) fn root(&self) -> &Self {
        match self {
            Self::Member(_, why) => why.root(),
            _ => self,
        }
    }

    /// Whether the plan could be called, and only limits or evidence stand against it.
    pub(super) fn is_about_limits(&self) -> bool {
        match self {
            Self::Unpriced | Self::OverCost | Self::OverDeadline | Self::OverTtft | Self::BelowQuality => {
                true
            }
            Self::NoEvidence | Self::QualityLoss | Self::Unmeasured | Self::NoGain => true,
            Self::OtherDialect | Self::NotExpressible(_) | Self::ParameterRefused(_) => false,
            Self::MissingCapability(_) => false,
            Self::ContextWindow | Self::OutputCap(_) | Self::AnswerShape(_) | Self::Repeats => false,
            Self::NoCredential | Self::NotReady => false,
            Self::Member(_, why) => why.is_about_limits(),
        }
    }

    /// Whether only a limit on time stands against the plan: later links of a chain are cut by the deadline itself.
    pub(super) fn is_about_time(&self) -> bool {
        matches!(self, Self::OverDeadline | Self::OverTtft)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherDialect => f.write_str("speaks another dialect"),
            Self::NotExpressible(param) => {
                write!(f, "speaks another dialect, which has no counterpart for `{param}`")
            }
            Self::ParameterRefused(param) => write!(f, "does not take `{param}`"),
            Self::MissingCapability(missing) => {
                write!(f, "cannot do {}", missing.words().collect::<Vec<_>>().join(", "))
            }
            Self::ContextWindow => f.write_str("context window too small"),
            Self::OutputCap(most) => {
                write!(f, "writes at most {most} tokens, fewer than the answer may have")
            }
            Self::NoCredential => f.write_str("no credential"),
            Self::NotReady => f.write_str("not ready"),
            Self::Unpriced => f.write_str("unpriced under a cost ceiling"),
            Self::OverCost => f.write_str("worst case above the cost ceiling"),
            Self::OverDeadline => f.write_str("slower than the deadline"),
            Self::OverTtft => f.write_str("first token too late"),
            Self::BelowQuality => f.write_str("below the quality floor"),
            Self::NoEvidence => f.write_str("no evidence that it is good enough"),
            Self::QualityLoss => f.write_str("may lose too much quality"),
            Self::Unmeasured => f.write_str("not measured: it serves on request"),
            Self::NoGain => f.write_str("dearer than the baseline and not shown to be better"),
            Self::AnswerShape(shape) => {
                write!(f, "cannot answer with {}", shape.words().collect::<Vec<_>>().join(", "))
            }
            Self::Repeats => f.write_str(
                "asks one model again, whose answers this request's temperature, top_p, top_k or seed makes the same",
            ),
            Self::Member(model, why) => write!(f, "{model}: {why}"),
        }
    }
}

/// Why a decision is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The policy only observes.
    Observe,
    /// The session is not in the canary share.
    NotCanary,
    /// The conversation is bound to the model it names.
    HardMarker,
    /// The conversation is bound to the model that answered this session last.
    HardMarkerSession,
    /// The conversation is bound, and it is not known to which model: the baseline serves.
    HardMarkerUnknown,
    /// The cheapest plan that may serve.
    Cheapest,
    /// The best plan that may serve.
    Best,
    /// The baseline wins on its merits.
    Baseline,
    /// A cheaper plan lacks the evidence to replace the baseline.
    InsufficientEvidence,
    /// The session is in the holdout share.
    Holdout,
    /// A tool call's result goes to the model that made the call.
    ToolLoop,
    /// The session's switches have lost as much cached input as they may.
    SwitchCap,
}

impl Reason {
    /// Whether the conversation is bound to the model and account that served it.
    pub fn is_bound(self) -> bool {
        matches!(self, Self::HardMarker | Self::HardMarkerSession | Self::HardMarkerUnknown)
    }

    /// The word used in headers, metrics and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::NotCanary => "not_canary",
            Self::HardMarker => "hard_marker",
            Self::HardMarkerSession => "hard_marker_session",
            Self::HardMarkerUnknown => "hard_marker_unknown",
            Self::Cheapest => "cheapest",
            Self::Best => "best",
            Self::Baseline => "baseline",
            Self::InsufficientEvidence => "insufficient_evidence",
            Self::Holdout => "holdout",
            Self::ToolLoop => "tool_loop",
            Self::SwitchCap => "switch_cap",
        }
    }
}
