//! A world of a few models to decide in, and the one `check` that most cases go through.

use crate::analysis::{Features, Limits};
use crate::catalog::{
    Acceptor, Acceptors, AuthScheme, Balance, Clients, Clocks, Compound, Credential, DefaultProviders,
    Deployment, Evidence, EvidenceLevel, EvidenceTable, LatencyPrior, License, Mode, Model, Objective,
    OnAuthFailure, OnStreamBreak, Origin, PlanKind, Policy, PolicyMatch, Price, PriceList, Provider,
    QualityPriors, SessionRules, Snapshot, SnapshotParts, SnapshotVersion, Tier,
};
use crate::routing::{
    Candidate, Decision, DeploymentLive, Facts, Inputs, Live, NoRoute, SessionLive, Verdict,
    analyse_and_decide, replay,
};
use crate::types::{
    Capabilities, Day, DeploymentId, DeploymentIx, Dialect, HardMarkers, ModelId, ModelIx, NanoUsd,
    PricePerMillion, ProviderId, ProviderIx, TaskClass,
};

mod audit_tests;
mod choice_tests;
mod forecast_tests;
mod limit_tests;
mod plan_property_tests;
mod plan_shape_tests;
mod plan_tests;
mod policy_tests;
mod property_tests;
mod session_tests;
mod step_tests;
mod survey_tests;

const SMALL: ModelIx = ModelIx(0);
const LARGE: ModelIx = ModelIx(1);

/// A snapshot that is still being made, and what is asked of it. One model has one deployment, at the same position.
struct World {
    parts: SnapshotParts,
    evidence: Vec<Evidence>,
    acceptors: Vec<Acceptor>,
    inputs: Inputs,
}

/// `small` ($0.0024 expected, $0.0030 worst) and `large` ($0.031, $0.040), the baseline; `auto` with 1000 tokens in,
/// 700 expected out and at most 1000. Nothing is known about `small`.
fn world() -> World {
    let facts = Facts {
        dialect: Dialect::OpenAi,
        model_named: "auto".to_owned(),
        stream: false,
        max_output_tokens: Some(1000),
        choices: 1,
        needs: Capabilities::default(),
        hard_markers: HardMarkers::default(),
        cache_markers: false,
        repeats: false,
        crossings: Vec::new(),
        refused: Vec::new(),
    };
    let mut features = Features::default();
    features.volume.plain = 4582;
    (features.prompt.words, features.prompt.known_words, features.prompt.latin) = (10, 5, 50);
    features.prompt.asked_words = 500;
    let parts = SnapshotParts {
        version: SnapshotVersion::of(&["test"]),
        source: "".into(),
        profile: "".into(),
        providers: vec![provider("o", Dialect::OpenAi), provider("a", Dialect::Anthropic)],
        models: Vec::new(),
        deployments: Vec::new(),
        policies: vec![policy("p", &["auto", "*"])],
        clients: Clients::default(),
        session_max_spend: None,
        defaults: DefaultProviders::default(),
        evidence: EvidenceTable::default(),
        learned: None,
    };
    let inputs = Inputs {
        policy: "p".into(),
        features,
        facts,
        limits: Limits { task: Some(TaskClass::Code), ..Limits::default() },
        live: Live {
            deployments: Vec::new(),
            session_model: None,
            session: SessionLive::default(),
            room: None,
        },
        day: Day(20_000),
        session_hash: 7,
        forecast: None,
        observe_only: false,
    };
    let mut world = World { parts, evidence: Vec::new(), acceptors: Vec::new(), inputs };
    world.add("small", (1.0, 2.0), 0.70);
    world.add("large", (10.0, 30.0), 0.90);
    world.policy().baseline = Some(LARGE);
    world
}

impl World {
    /// One more model, declared last and a candidate.
    fn add(&mut self, id: &str, usd: (f64, f64), quality: f64) -> ModelIx {
        let ix = ModelIx(u16::try_from(self.parts.models.len()).unwrap());
        let deployment = Deployment {
            id: DeploymentId::from(format!("{id}@o").as_str()),
            model: ix,
            provider: ProviderIx(0),
            upstream_name: format!("{id}-1").into(),
            endpoints: Vec::new(),
            max_in_flight: None,
            latency: LatencyPrior { ttft_ms: 200, per_token_us: 10_000 },
        };
        self.parts.deployments.push(deployment);
        self.parts.models.push(Model {
            id: id.into(),
            tier: Tier::Edge,
            context_tokens: 100_000,
            max_output_tokens: 10_000,
            capabilities: Capabilities::TOOLS.with(Capabilities::MULTIPLE_CHOICES),
            prices: PriceList::new(vec![price(usd)]),
            quality: QualityPriors { default: Some(quality), ..QualityPriors::default() },
            family: id.into(),
            learned_as: None,
            deployments: vec![DeploymentIx(ix.0)],
            balance: Balance::Declared,
        });
        let live = DeploymentLive {
            ready: true,
            has_credential: true,
            ttft_ms: 200,
            per_token_us: 10_000,
            measured: true,
            answers: Some(100),
            whole: None,
        };
        self.inputs.live.deployments.push(live);
        self.policy().candidates.push(ix);
        ix
    }

    /// Evidence that `model` loses at most `loss_upper` against `large` on code.
    fn evidence(&mut self, model: &str, loss_upper: f64) -> &mut Evidence {
        self.evidence.push(Evidence {
            baseline: "large".into(),
            model: model.into(),
            task: TaskClass::Code,
            level: EvidenceLevel::Paired,
            pairs: 200,
            mean_quality: Some(0.88),
            mean_loss: loss_upper - 0.01,
            loss_upper,
            accepted: None,
            cost_ratio: None,
        });
        self.evidence.last_mut().unwrap()
    }

    fn policy(&mut self) -> &mut Policy {
        &mut self.parts.policies[0]
    }

    fn model(&mut self, ix: ModelIx) -> &mut Model {
        &mut self.parts.models[ix.at()]
    }

    fn live(&mut self, ix: ModelIx) -> &mut DeploymentLive {
        &mut self.inputs.live.deployments[ix.at()]
    }

    fn named(&mut self, model: &str, mode: Mode) {
        self.inputs.facts.model_named = model.to_owned();
        self.policy().mode = mode;
    }

    fn seal(self) -> (Snapshot, Inputs) {
        let evidence = EvidenceTable::new(self.evidence).with_acceptors(Acceptors::new(self.acceptors));
        let parts = SnapshotParts { evidence, ..self.parts };
        (Snapshot::new(parts), self.inputs)
    }

    fn decide(self) -> Result<Decision, NoRoute> {
        let (snapshot, inputs) = self.seal();
        decide_twice(&snapshot, &inputs)
    }
}

/// Decides, and again from stored inputs: the same must come out.
fn decide_twice(snapshot: &Snapshot, inputs: &Inputs) -> Result<Decision, NoRoute> {
    let (_, decided) = analyse_and_decide(snapshot, inputs);
    let stored: Inputs = serde_json::from_str(&serde_json::to_string(inputs).unwrap()).unwrap();
    assert_eq!(&stored, inputs);
    let text = serde_json::to_string(&decided.as_ref().map_err(Clone::clone)).unwrap();
    let kept: Result<Decision, NoRoute> = serde_json::from_str(&text).unwrap();
    assert_eq!(kept, replay(snapshot, &stored), "{text}");
    assert_eq!(kept, decided);
    decided
}

/// One case: what is different from `world()`, and what comes out, as `told` writes it.
#[track_caller]
fn check(change: impl FnOnce(&mut World), expected: &str) {
    let mut world = world();
    change(&mut world);
    assert_eq!(told(&world.decide()), expected);
}

/// The same, and what was thought of one model.
#[track_caller]
fn check_with(change: impl FnOnce(&mut World), expected: &str, model: &str, verdict: &str) {
    let mut world = world();
    change(&mut world);
    let decided = world.decide();
    assert_eq!(told(&decided), expected);
    assert_eq!(candidate(&decided, model).verdict.to_string(), verdict);
}

/// `served reason plan (would …)`, or `kind: limit, nearest plan`.
fn told(decided: &Result<Decision, NoRoute>) -> String {
    match decided {
        Ok(decision) => {
            let would = decision.would.as_ref().zip(decision.would_reason);
            let would = would
                .map_or_else(String::new, |(plan, reason)| format!(", would {} {plan}", reason.as_str()));
            format!("{} {} {}{would}", decision.served.as_str(), decision.reason.as_str(), decision.plan)
        }
        Err(no_route) => {
            let nearest =
                no_route.nearest.as_ref().map_or_else(|| "none".to_owned(), |near| near.plan.to_string());
            format!("{:?}: {}, nearest {nearest}", no_route.kind, no_route.limit)
        }
    }
}

fn candidates(decided: &Result<Decision, NoRoute>) -> &[Candidate] {
    match decided {
        Ok(decision) => &decision.candidates,
        Err(no_route) => &no_route.candidates,
    }
}

fn candidate<'d>(decided: &'d Result<Decision, NoRoute>, model: &str) -> &'d Candidate {
    candidates(decided).iter().find(|candidate| candidate.plan.to_string() == model).unwrap()
}

fn is_eligible(candidate: &Candidate) -> bool {
    matches!(candidate.verdict, Verdict::Eligible { .. })
}

fn price((input, output): (f64, f64)) -> Price {
    Price {
        valid_from: Day(0),
        input: PricePerMillion::from_usd(input).unwrap(),
        output: PricePerMillion::from_usd(output).unwrap(),
        cache_read: None,
        cache_write_5m: None,
        cache_write_1h: None,
        reasoning: None,
        audio_input: None,
        audio_output: None,
        image_input: None,
    }
}

fn usd(usd: f64) -> Option<NanoUsd> {
    NanoUsd::from_usd(usd)
}

fn provider(id: &str, dialect: Dialect) -> Provider {
    let second = std::time::Duration::from_secs(1);
    Provider {
        id: ProviderId::from(id),
        dialect,
        origin: Origin { tls: true, host: "localhost".into(), port: 443, base_path: "".into() },
        addresses: Vec::new(),
        auth: AuthScheme::None,
        credential: Credential::None,
        clocks: Clocks { connect: second, first_byte: second, idle: second, total: second },
        retries: 0,
        websocket: false,
        quirks: Default::default(),
        api_version: None,
    }
}

fn policy(id: &str, models: &[&str]) -> Policy {
    Policy {
        id: id.into(),
        matches: PolicyMatch {
            models: models.iter().map(|&name| name.to_owned()).collect(),
            ..PolicyMatch::default()
        },
        mode: Mode::Route,
        canary_share: 0.0,
        holdout: 0.0,
        baseline: None,
        candidates: Vec::new(),
        license: License::Paired,
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

fn id(name: &str) -> ModelId {
    ModelId::from(name)
}
