//! The project in a world: its configuration, routing, evidence and speeds, fed with what crosses the wire and with
//! nothing else.

mod evidence;
mod speeds;

use std::fmt::Write;
use std::sync::Arc;

use pointsman::analysis::{Analysis, Features, Limits, extract, read_limits};
use pointsman::catalog::{Evidence, Snapshot};
use pointsman::codec::{ChatRequest, Scratch, read};
use pointsman::config::{SecretSource, from_text};
use pointsman::demo::evidence::profile;
use pointsman::routing::{
    Candidate, Decision, DeploymentLive, Facts, Inputs, Live, NoRoute, Plan, SessionLive, analyse_and_decide,
};
use pointsman::types::{Day, Operation};

use crate::generator::{Request, WorldFile};

pub use evidence::{Came, learn_evidence, learn_plan};
pub use speeds::{Asked, Speeds};

/// A decision with what was understood of the request.
pub type Decided = (Analysis, Result<Decision, NoRoute>);

/// The router under one snapshot.
pub struct Router {
    pub snapshot: Arc<Snapshot>,
    scratch: Scratch,
}

impl Router {
    /// By what an operator would write: prices as they are listed, what is believed of quality and speed, and the profile.
    pub fn new(file: &WorldFile, prices: &[(f64, f64)], found: &[Evidence]) -> Self {
        let profile = profile(found).unwrap();
        let settings = from_text(&configuration(file, prices), &profile, SecretSource::Dummy);
        let snapshot = settings.unwrap_or_else(|faults| panic!("{faults}")).snapshot;
        Self { snapshot, scratch: Scratch::default() }
    }

    /// What a decision on a request is a function of.
    pub fn inputs(&mut self, request: &Request, deployments: Vec<DeploymentLive>) -> Inputs {
        let body = request.body.as_bytes();
        let (chat, features) =
            read(Operation::ChatCompletions, body, &mut self.scratch, extract).unwrap_or_else(|_| panic!());
        let deadline = request.deadline_ms.map(|ms| ms.to_string());
        let limits = read_limits(|name| match name {
            "x-pointsman-task" => Some(request.task.as_str()),
            "x-pointsman-deadline-ms" => deadline.as_deref(),
            _ => None,
        });
        Inputs {
            features,
            ..asked(
                chat,
                limits.unwrap(),
                Live { deployments, session_model: None, session: SessionLive::default(), room: None },
            )
        }
    }

    pub fn decide(&self, inputs: &Inputs) -> Decided {
        analyse_and_decide(&self.snapshot, inputs)
    }

    /// Every deployment as it is before anything was measured.
    pub fn unmeasured(&self) -> Vec<DeploymentLive> {
        self.snapshot.deployments.iter().map(|at| DeploymentLive::timed(at.latency, None)).collect()
    }
}

/// What a decision on a request is a function of, but for its features.
pub fn asked(chat: ChatRequest, limits: Limits, live: Live) -> Inputs {
    Inputs {
        policy: "p".into(),
        features: Features::default(),
        facts: Facts {
            dialect: chat.dialect,
            model_named: chat.model,
            stream: chat.stream,
            max_output_tokens: chat.max_output_tokens,
            choices: chat.choices,
            needs: chat.needs,
            hard_markers: chat.hard_markers,
            cache_markers: chat.cache_markers,
            repeats: chat.repeats,
            crossings: Vec::new(),
            refused: Vec::new(),
        },
        limits,
        live,
        day: DAY,
        session_hash: 7,
        forecast: None,
        observe_only: false,
    }
}

/// The day prices are taken from.
pub const DAY: Day = Day(20_700);

/// The candidates of a decision, whether or not it came to a plan.
pub fn candidates(decided: &Result<Decision, NoRoute>) -> &[Candidate] {
    match decided {
        Ok(decision) => &decision.candidates,
        Err(no_route) => &no_route.candidates,
    }
}

/// The model of a plan of one.
pub fn single(plan: &Plan) -> &str {
    match plan {
        Plan::Single(model) => model.as_str(),
        other => panic!("{other} is not a plan of one model"),
    }
}

fn configuration(file: &WorldFile, prices: &[(f64, f64)]) -> String {
    let mut text = String::from(
        "[[providers]]\nid = \"o\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\ncredential = \"none\"\n",
    );
    for (model, (input, output)) in file.models.iter().zip(prices) {
        let speed = model.configured;
        let _ = write!(
            text,
            "[[models]]\nid = \"{}\"\ntier = \"edge\"\ncontext_tokens = 128000\nmax_output_tokens = 16000\n\
             price = {{ input = {input}, output = {output}, valid_from = \"2025-01-01\" }}\nfamily = \"{}\"\n\
             quality = {{ default = {} }}\n\
             deployments = [{{ provider = \"o\", ttft_ms = {}, per_token_us = {} }}]\n",
            model.id, model.id, model.believed_quality, speed.ttft_ms, speed.per_token_us,
        );
    }
    let names: Vec<String> = file.models.iter().map(|model| format!("\"{}\"", model.id)).collect();
    let _ = write!(
        text,
        "[[policies]]\nname = \"p\"\nmatch.models = [\"auto\"]\nmode = \"route\"\nbaseline = {}\ncandidates = [{}]\n\
         holdout = 0.0\nlicense = \"paired\"\nmax_quality_loss = {}\n",
        names[names.len() - 1],
        names.join(", "),
        file.labels.max_quality_loss,
    );
    if let Some(plans) = &file.plans {
        let _ = write!(
            text,
            "plans = {:?}\nobjective = {:?}\n[policies.compound]\n{}\n",
            plans.kinds, plans.objective, plans.compound
        );
    }
    text += "[routing]\nprofile = \"evidence.json\"\n";
    text
}
