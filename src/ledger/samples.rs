//! Records and a snapshot for this room's tests.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AttemptOutcome, AttemptRow, CostRange, Entry, Outcome};
use crate::analysis::{Features, Limits};
use crate::catalog::{
    Balance, Clients, Compound, DefaultProviders, EvidenceTable, License, Mode, Model, Objective,
    OnAuthFailure, OnStreamBreak, PlanKind, Policy, PolicyMatch, Price, PriceList, QualityPriors,
    SessionRules, Snapshot, SnapshotParts, SnapshotVersion, Tier,
};
use crate::routing::{
    Candidate, Crossing, Decision, Estimate, Facts, Inputs, Live, Plan, Reason, RefusedParameter,
    SessionLive, Verdict, Why,
};
use crate::types::{
    AgentStep, Capabilities, Compared, Day, DeploymentIx, Dialect, FailureClass, HardMarkers, ModelId,
    ModelIx, NanoUsd, Operation, PolicyId, PricePerMillion, ProviderId, RequestId, Served, Signals,
    TaskClass, Tried, Under, Usage, UsageSource,
};

pub(super) fn day_ms() -> u64 {
    86_400_000
}

/// A request that was forwarded unread.
pub(super) fn entry(number: u64) -> Entry {
    Entry {
        id: RequestId::new(1_790_000_000_000 + number, u128::from(number)),
        client: None,
        tenant: u64::MAX,
        policy: None,
        dialect: None,
        operation: Operation::Other,
        model_asked: None,
        served: Served::Pinned,
        reason: Cow::Borrowed("no_policy"),
        task: None,
        complexity: None,
        step: None,
        stream: false,
        status: 200,
        outcome: Outcome::Ok,
        model: None,
        cost: Some(NanoUsd::ZERO),
        cost_estimated: false,
        usage: Usage::default(),
        baseline: None,
        baseline_cost: None,
        would_model: None,
        would_cost: None,
        ttft_us: None,
        total_us: 0,
        overhead_us: 0,
        session: 0,
        tags: BTreeMap::new(),
        snapshot: SnapshotVersion::of(&["configuration", "evidence"]),
        attempts: Vec::new(),
        inputs: None,
        decision: None,
    }
}

/// A request with every field filled.
pub(super) fn full_entry(number: u64) -> Entry {
    Entry {
        client: Some("app".into()),
        policy: Some("default".into()),
        dialect: Some(Dialect::Anthropic),
        operation: Operation::Messages,
        model_asked: Some("auto".into()),
        served: Served::Fallback,
        reason: Cow::Borrowed("cheapest"),
        task: Some(TaskClass::Summarisation),
        complexity: Some(0.25),
        step: Some(AgentStep::ToolResult),
        stream: true,
        outcome: Outcome::Truncated,
        model: Some("large".into()),
        cost_estimated: true,
        usage: usage(),
        baseline: Some("large".into()),
        baseline_cost: Some(NanoUsd(123_456)),
        would_model: Some("small".into()),
        would_cost: Some(CostRange { low: NanoUsd(1), high: NanoUsd(2) }),
        ttft_us: Some(250_000),
        total_us: 1_250_000,
        overhead_us: 140,
        session: 1 << 63,
        tags: BTreeMap::from([("team".into(), "se\"arch".into())]),
        attempts: vec![
            attempt(0, "one", AttemptOutcome::Failed(FailureClass::RateLimit)),
            AttemptRow {
                usage: usage(),
                cost: Some(NanoUsd(123_456)),
                maybe_billed: true,
                provider_request_id: Some("req_1".into()),
                tried: Some(tried()),
                ..attempt(1, "two", AttemptOutcome::Ok)
            },
            AttemptRow { cost: None, ..attempt(2, "three", AttemptOutcome::Broken(FailureClass::Timeout)) },
        ],
        inputs: Some(Box::new(inputs())),
        decision: Some(Box::new(decision())),
        ..entry(number)
    }
}

fn usage() -> Usage {
    Usage {
        input: 1,
        cache_read: 2,
        cache_write_5m: 3,
        cache_write_1h: 4,
        output: 5,
        reasoning: 6,
        audio_input: 7,
        audio_output: 8,
        image_input: 9,
    }
}

fn tried() -> Tried {
    let signals =
        Signals { output_tokens: 5, text_bytes: 21, calls: 1, probability: Some(0.5), well_formed: true };
    let under = Under { acceptor: Some(7), audit: 0.25, unfamiliar: true };
    Tried { stood: true, same: Compared::Differs, signals, under }
}

fn attempt(number: u8, provider: &str, outcome: AttemptOutcome) -> AttemptRow {
    AttemptRow {
        number,
        model: Some("large".into()),
        deployment: Some(format!("large@{provider}").as_str().into()),
        provider: ProviderId::from(provider),
        outcome,
        status: Some(429),
        started_us: 100,
        ttft_us: None,
        total_us: 200,
        usage: Usage::default(),
        usage_source: UsageSource::Provider,
        cost: Some(NanoUsd::ZERO),
        maybe_billed: false,
        provider_request_id: None,
        fault: None,
        tried: None,
    }
}

fn inputs() -> Inputs {
    Inputs {
        policy: "default".into(),
        features: Features { version: 1, max_output_tokens: Some(64), ..Features::default() },
        facts: Facts {
            dialect: Dialect::Anthropic,
            model_named: "auto".into(),
            stream: true,
            max_output_tokens: Some(64),
            choices: 2,
            needs: Capabilities::TOOLS,
            hard_markers: HardMarkers::SIGNED_THINKING,
            cache_markers: true,
            repeats: false,
            crossings: vec![Crossing { to: Dialect::OpenAi, obstacle: Some("thinking".into()) }],
            refused: vec![RefusedParameter { at: DeploymentIx(0), param: "temperature".into() }],
        },
        limits: Limits { min_quality: Some(0.1), ..Limits::default() },
        live: Live {
            deployments: Vec::new(),
            session_model: Some("small".into()),
            session: SessionLive::default(),
            room: None,
        },
        day: Day(20_000),
        session_hash: u64::MAX,
        forecast: None,
        observe_only: false,
    }
}

/// The router expects 0.6 of "small", 0.7 of "middle" and 0.8 of "large".
fn decision() -> Decision {
    let candidate = |model: &str, mean: f64, verdict: Verdict| Candidate {
        plan: Plan::Single(model.into()),
        quality: Estimate { low: mean - 0.1, mean, high: mean + 0.1 },
        cost: Some(NanoUsd(1)),
        ahead: None,
        worst_cost: None,
        ttft_ms: 1,
        total_ms: 2,
        timing: None,
        verdict,
    };
    Decision {
        served: Served::Routed,
        reason: Reason::Cheapest,
        plan: Plan::Single("small".into()),
        fallback: vec!["large".into()],
        baseline: Some("large".into()),
        would: None,
        would_reason: None,
        candidates: vec![
            candidate("small", 0.6, Verdict::Eligible { on_frontier: true }),
            candidate("middle", 0.7, Verdict::Ineligible(Why::MissingCapability(Capabilities::VISION))),
            candidate("large", 0.8, Verdict::Eligible { on_frontier: false }),
        ],
        propensity: 0.95,
    }
}

/// A thousand input tokens, routed to this model by the policy of `snapshot`.
pub(super) fn routed(number: u64, model: &str, snapshot: &Snapshot) -> Entry {
    let usage = Usage { input: 1000, ..Usage::default() };
    let cost = |id: &str| {
        let model = snapshot.model(snapshot.model_by_id(id).unwrap());
        model.prices.latest().and_then(|price| price.cost(&usage))
    };
    Entry {
        policy: Some("default".into()),
        served: Served::Routed,
        model: Some(ModelId::from(model)),
        usage,
        cost: cost(model),
        baseline: Some("large".into()),
        baseline_cost: cost("large"),
        snapshot: snapshot.version.clone(),
        decision: Some(Box::new(decision())),
        ..entry(number)
    }
}

/// Three priced models under one policy.
pub(super) fn snapshot() -> Snapshot {
    Snapshot::new(SnapshotParts {
        version: SnapshotVersion::of(&["configuration", "evidence"]),
        source: Arc::from("configuration"),
        profile: Arc::from("evidence"),
        providers: Vec::new(),
        models: vec![
            model("small", Tier::Edge, 1.0),
            model("middle", Tier::Specialist, 4.0),
            model("large", Tier::Frontier, 10.0),
        ],
        deployments: Vec::new(),
        policies: vec![policy()],
        clients: Clients::default(),
        session_max_spend: None,
        defaults: DefaultProviders::default(),
        evidence: EvidenceTable::default(),
        learned: None,
    })
}

fn model(id: &str, tier: Tier, usd_per_million: f64) -> Model {
    let price = PricePerMillion::from_usd(usd_per_million).unwrap();
    Model {
        id: id.into(),
        tier,
        context_tokens: 128_000,
        max_output_tokens: 4_096,
        capabilities: Capabilities::default(),
        prices: PriceList::new(vec![Price {
            valid_from: Day(0),
            input: price,
            output: price,
            cache_read: None,
            cache_write_5m: None,
            cache_write_1h: None,
            reasoning: None,
            audio_input: None,
            audio_output: None,
            image_input: None,
        }]),
        quality: QualityPriors::default(),
        family: "test".into(),
        learned_as: None,
        deployments: Vec::new(),
        balance: Balance::Declared,
    }
}

fn policy() -> Policy {
    Policy {
        id: PolicyId::from("default"),
        matches: PolicyMatch::default(),
        mode: Mode::Route,
        canary_share: 0.0,
        holdout: 0.0,
        baseline: Some(ModelIx(2)),
        candidates: vec![ModelIx(0), ModelIx(1), ModelIx(2)],
        license: License::Prior,
        max_quality_loss: 0.02,
        min_quality: 0.0,
        max_cost: None,
        deadline_ms: None,
        ttft_ms: None,
        objective: Objective::Cheapest,
        plans: vec![PlanKind::Single],
        compound: Compound::default(),
        fallback: Vec::new(),
        on: Vec::new(),
        on_auth_failure: OnAuthFailure::Fail,
        on_stream_break: OnStreamBreak::Error,
        sessions: SessionRules::default(),
        steps: Vec::new(),
    }
}
