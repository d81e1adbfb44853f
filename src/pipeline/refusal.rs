//! Requests that we refuse or could not serve ourselves: what is wrong and what would work. The proxy turns a
//! refusal into a status; the codec into the caller's dialect.

use std::time::Duration;

use crate::codec::{AttemptNote, ReadFault, ReadFaultKind};
use crate::routing::{NoRoute, NoRouteKind};
use crate::strategy::{Failure, NotReady, PlanFault};
use crate::types::FailureClass;
use crate::upstream::NO_ROOM;

/// Why a request got an answer of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// The body is not what the dialect asks for.
    InvalidRequest,
    /// The body is not JSON.
    InvalidJson,
    /// A key that routing reads appears twice.
    DuplicateKey,
    /// The body is nested too deep.
    TooDeep,
    /// The body holds too many values.
    TooManyValues,
    /// A hint header cannot be understood.
    InvalidLimit,
    /// The request's head exceeds its bounds.
    HeadersTooLarge,
    /// The body exceeds the cap.
    BodyTooLarge,
    /// The body came too slowly.
    BodyTooSlow,
    /// The body is compressed.
    UnsupportedEncoding,
    /// No client with this key.
    Unauthorized,
    /// The client may not use this policy.
    PolicyForbidden,
    /// Nobody serves this model.
    UnknownModel,
    /// No request with this id is in the ledger.
    UnknownRequest,
    /// No policy of this name.
    UnknownPolicy,
    /// No provider takes this path.
    NoProvider,
    /// No plan within the cost ceiling.
    NoPlanWithinBudget,
    /// No plan within the deadline.
    NoPlanWithinSlo,
    /// No plan with the quality or abilities asked for.
    NoPlan,
    /// The provider limits us and the chain is spent.
    RateLimited,
    /// The provider could not be reached.
    UpstreamUnreachable,
    /// The provider did not answer in time.
    UpstreamTimeout,
    /// The provider's answer was broken.
    UpstreamMalformed,
    /// The provider failed.
    UpstreamError,
    /// The judge of a plan of several models failed.
    JudgeFailed,
    /// Too few members of a plan answered.
    Quorum,
    /// The verifier of a draft failed.
    VerifierFailed,
    /// The next call of a plan could break the ceiling.
    BudgetExhausted,
    /// The provider refused our credential.
    ProviderAuth,
    /// No target of the chain is ready.
    AllTargetsFailed,
    /// The model's providers have no words for what the request asks.
    NotExpressible,
    /// We hold too many bodies already.
    Overloaded,
    /// The ledger is required and cannot be written.
    LedgerUnavailable,
    /// The request has come through here before.
    LoopDetected,
    /// WebSockets are not served here.
    WebSocketUnsupported,
}

impl RefusalCode {
    /// The stable code in error bodies, metrics and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidJson => "invalid_json",
            Self::DuplicateKey => "duplicate_key",
            Self::TooDeep => "too_deep",
            Self::TooManyValues => "too_many_values",
            Self::InvalidLimit => "invalid_limit",
            Self::HeadersTooLarge => "headers_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTooSlow => "body_too_slow",
            Self::UnsupportedEncoding => "unsupported_content_encoding",
            Self::Unauthorized => "unauthorized",
            Self::PolicyForbidden => "policy_forbidden",
            Self::UnknownModel => "unknown_model",
            Self::UnknownPolicy => "unknown_policy",
            Self::UnknownRequest => "unknown_request",
            Self::NoProvider => "no_provider",
            Self::NoPlanWithinBudget => "no_plan_within_budget",
            Self::NoPlanWithinSlo => "no_plan_within_slo",
            Self::NoPlan => "no_plan",
            Self::RateLimited => "rate_limited",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamMalformed => "upstream_malformed",
            Self::UpstreamError => "upstream_error",
            Self::JudgeFailed => "judge_failed",
            Self::Quorum => "quorum",
            Self::VerifierFailed => "verifier_failed",
            Self::BudgetExhausted => "budget_exhausted",
            Self::ProviderAuth => "provider_auth",
            Self::AllTargetsFailed => "all_targets_failed",
            Self::NotExpressible => "not_expressible",
            Self::Overloaded => "overloaded",
            Self::LedgerUnavailable => "ledger_unavailable",
            Self::LoopDetected => "loop_detected",
            Self::WebSocketUnsupported => "websocket_unsupported",
        }
    }

    /// HTTP status and error type: the wire and the ledger must agree on them, so both take them from here.
    pub fn on_the_wire(self) -> (u16, &'static str) {
        const REQUEST: &str = "pointsman_invalid_request";
        const ROUTE: &str = "pointsman_no_route";
        const UPSTREAM: &str = "pointsman_upstream_error";
        const OVERLOAD: &str = "pointsman_unavailable";
        match self {
            Self::InvalidRequest
            | Self::InvalidJson
            | Self::DuplicateKey
            | Self::TooDeep
            | Self::TooManyValues
            | Self::InvalidLimit => (400, REQUEST),
            Self::Unauthorized => (401, "pointsman_authentication"),
            Self::NoPlanWithinBudget | Self::BudgetExhausted => (402, ROUTE),
            Self::PolicyForbidden => (403, "pointsman_permission"),
            Self::UnknownModel | Self::UnknownPolicy | Self::NoProvider => (404, ROUTE),
            Self::UnknownRequest => (404, REQUEST),
            Self::BodyTooSlow => (408, REQUEST),
            Self::BodyTooLarge => (413, REQUEST),
            Self::UnsupportedEncoding => (415, REQUEST),
            Self::HeadersTooLarge => (431, REQUEST),
            Self::NoPlanWithinSlo | Self::NoPlan | Self::NotExpressible => (422, ROUTE),
            Self::WebSocketUnsupported => (426, REQUEST),
            Self::LoopDetected => (508, ROUTE),
            Self::RateLimited => (429, UPSTREAM),
            Self::UpstreamUnreachable
            | Self::UpstreamMalformed
            | Self::UpstreamError
            | Self::JudgeFailed
            | Self::Quorum
            | Self::VerifierFailed
            | Self::ProviderAuth => (502, UPSTREAM),
            Self::AllTargetsFailed => (503, UPSTREAM),
            Self::Overloaded | Self::LedgerUnavailable => (503, OVERLOAD),
            Self::UpstreamTimeout => (504, UPSTREAM),
        }
    }
}

/// One refusal.
#[derive(Debug)]
pub struct Refusal {
    /// What it is.
    pub code: RefusalCode,
    /// What is wrong and what would work.
    pub message: String,
    /// The field or header at fault.
    pub param: Option<String>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// What was tried.
    pub attempts: Vec<AttemptNote>,
}

impl Refusal {
    /// A refusal before anything was tried.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), param: None, retry_after: None, attempts: Vec::new() }
    }

    /// The same with the field or header at fault.
    #[must_use]
    pub fn about(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// From a body that could not be read.
    pub(super) fn unreadable(fault: ReadFault) -> Self {
        let code = match fault.kind {
            ReadFaultKind::NotJson => RefusalCode::InvalidJson,
            ReadFaultKind::DuplicateKey => RefusalCode::DuplicateKey,
            ReadFaultKind::TooDeep => RefusalCode::TooDeep,
            ReadFaultKind::TooManyValues => RefusalCode::TooManyValues,
            ReadFaultKind::NotAnObject | ReadFaultKind::WrongType | ReadFaultKind::MissingModel => {
                RefusalCode::InvalidRequest
            }
        };
        Self { param: fault.param.map(str::to_owned), ..Self::new(code, fault.message) }
    }

    /// From limits that no plan meets.
    pub(super) fn no_route(no_route: &NoRoute) -> Self {
        let code = match no_route.kind {
            NoRouteKind::Cost => RefusalCode::NoPlanWithinBudget,
            NoRouteKind::Deadline | NoRouteKind::Ttft => RefusalCode::NoPlanWithinSlo,
            NoRouteKind::UnknownModel => RefusalCode::UnknownModel,
            NoRouteKind::NoPolicyForAuto => RefusalCode::UnknownPolicy,
            NoRouteKind::Unavailable => RefusalCode::AllTargetsFailed,
            NoRouteKind::Quality | NoRouteKind::Capability | NoRouteKind::Context | NoRouteKind::Plan => {
                RefusalCode::NoPlan
            }
        };
        Self { param: Some(no_route.limit.to_string()), ..Self::new(code, no_route.message.clone()) }
    }

    /// From a chain of which no hop may be called.
    pub(super) fn not_ready(not_ready: &NotReady, models: Vec<String>) -> Self {
        let when = match not_ready.earliest {
            Some(wait) => format!("the first may be called again in {} s", wait.as_secs_f64().ceil()),
            None => "they are left out until the configuration is loaded again: see pointsman_alarms_total"
                .to_owned(),
        };
        let message = format!("no target of the chain may be called now, so none was; {when}");
        let note = |model| AttemptNote { model, outcome: "not_ready".to_owned(), ms: 0, cost_usd: None };
        let attempts = models.into_iter().map(note).collect();
        let retry_after =
            not_ready.earliest.map(|wait| Duration::from_secs(wait.as_secs_f64().ceil() as u64));
        Self { retry_after, attempts, ..Self::new(RefusalCode::AllTargetsFailed, message) }
    }

    /// From a chain that failed to its last hop.
    pub(super) fn exhausted(failure: &Failure, attempts: Vec<AttemptNote>) -> Self {
        let of_plan = [
            (PlanFault::Judge, RefusalCode::JudgeFailed),
            (PlanFault::Quorum, RefusalCode::Quorum),
            (PlanFault::Verifier, RefusalCode::VerifierFailed),
            (PlanFault::Budget, RefusalCode::BudgetExhausted),
        ];
        let found = of_plan.into_iter().find(|(fault, _)| failure.fault == Some(fault.as_str()));
        if let Some((_, code)) = found {
            return Self { attempts, ..Self::new(code, failure.detail.clone()) };
        }
        let (code, what) = match failure.class {
            FailureClass::Connect | FailureClass::Dns | FailureClass::Tls => {
                (RefusalCode::UpstreamUnreachable, "the provider could not be reached")
            }
            FailureClass::Timeout => (RefusalCode::UpstreamTimeout, "the provider did not answer in time"),
            FailureClass::RateLimit => (RefusalCode::RateLimited, "the provider limits the rate of requests"),
            FailureClass::Overloaded if failure.fault == Some(NO_ROOM) => {
                (RefusalCode::Overloaded, "memory or connections for its answer are all in use; try again")
            }
            FailureClass::Overloaded => (RefusalCode::AllTargetsFailed, "the provider is overloaded"),
            FailureClass::Malformed | FailureClass::Empty => {
                (RefusalCode::UpstreamMalformed, "the provider's answer was broken or empty")
            }
            FailureClass::Auth | FailureClass::Billing | FailureClass::NoCredential => (
                RefusalCode::ProviderAuth,
                "the provider refused the credential configured for it, or none is configured",
            ),
            FailureClass::ServerError
            | FailureClass::ContextLength
            | FailureClass::Unsupported
            | FailureClass::ContentFilter
            | FailureClass::ModelGone
            | FailureClass::BadRequest => (RefusalCode::UpstreamError, "the provider failed"),
        };
        let soon = (code == RefusalCode::Overloaded).then_some(Duration::from_secs(1));
        let tried = attempts.len();
        let message = format!("{what}; attempts made: {tried}, no further target is in the chain");
        Self { retry_after: failure.retry_after.or(soon), attempts, ..Self::new(code, message) }
    }
}
