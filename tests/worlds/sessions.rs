//! Conversations of agents: ours against never switching and against choosing each step as if it stood alone.

use std::fmt::Write;
use std::sync::Arc;

use pointsman::analysis::{extract, read_limits};
use pointsman::catalog::{Evidence, EvidenceLevel, Snapshot};
use pointsman::codec::{Scratch, read};
use pointsman::config::{SecretSource, from_text};
use pointsman::demo::evidence::profile;
use pointsman::routing::{DeploymentLive, Inputs, Live, SessionLive, analyse_and_decide, lost_by_leaving};
use pointsman::types::{Operation, TaskClass};

use crate::figures::Figure;
use crate::generator::sessions::{Caches, Kind, PRICES, Step, goes_well, session};
use crate::runner::{DAY, asked, single};

const MODELS: [&str; 2] = ["medium", "large"];
const LARGE: usize = 1;
/// Conversations of one run.
const SESSIONS: u64 = 12;

/// How models are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The baseline takes every step.
    Never,
    /// Each step by itself: nothing is known of the conversation.
    Alone,
    /// As the product does, but for what further turns may bring.
    ThisTurn,
    /// As the product does.
    Ours,
}

impl Way {
    pub const ALL: [Self; 4] = [Self::Never, Self::Alone, Self::ThisTurn, Self::Ours];
}

/// What came out of one run.
#[derive(Clone, Copy, Default)]
pub struct Outcome {
    /// Mean share of conversations in which every step goes well.
    pub success: f64,
    /// US dollars a conversation.
    pub cost: f64,
    /// Switches a conversation.
    pub switches: f64,
    /// Cached tokens that were lost to switches, as a share of all that were cached.
    pub lost: f64,
    /// Those lost to switches that did not pay: the step would have been cheaper where it was.
    pub lost_unpaid: f64,
    /// Those lost to switches that had not paid by the next one, or by the end: all steps until then would have been cheaper there.
    pub lost_in_vain: f64,
}

impl Outcome {
    pub fn figures(self) -> Vec<Figure> {
        vec![
            ("conversations that go well", self.success),
            ("US dollars a conversation", self.cost),
            ("switches a conversation", self.switches),
            ("cached tokens lost", self.lost),
            ("cached tokens lost to no avail", self.lost_unpaid),
            ("cached tokens lost, never paid", self.lost_in_vain),
        ]
    }
}

pub fn run(seed: u64, way: Way) -> Outcome {
    let rules = match way {
        Way::Alone => "tool_loops = \"free\"",
        Way::ThisTurn => "max_switch_usd = 0.05, horizon_turns = 0",
        Way::Never | Way::Ours => "max_switch_usd = 0.05",
    };
    let snapshot = snapshot(rules);
    let mut sum = Outcome::default();
    let mut cached = 0.0;
    for number in 0..SESSIONS {
        converse(&snapshot, way, &session(seed, number), (&mut sum, &mut cached));
    }
    let sessions = SESSIONS as f64;
    (sum.success, sum.cost, sum.switches) =
        (sum.success / sessions, sum.cost / sessions, sum.switches / sessions);
    let cached = f64::max(cached, 1.0);
    (sum.lost, sum.lost_unpaid) = (sum.lost / cached, sum.lost_unpaid / cached);
    sum.lost_in_vain /= cached;
    sum
}

/// What followed a switch, beside staying.
struct Run {
    stay: Caches,
    last: usize,
    lost: f64,
    /// US dollars, as it went and as it would have gone.
    cost: (f64, f64),
}

impl Run {
    fn step(&mut self, cost: f64, tokens: (u64, u64)) {
        self.cost.0 += cost;
        self.cost.1 += self.stay.cost(self.last, tokens);
        self.stay.keep(self.last, tokens.0);
    }

    /// Tokens lost for nothing.
    fn in_vain(&self) -> f64 {
        if self.cost.0 > self.cost.1 { self.lost } else { 0.0 }
    }
}

/// One conversation to its end.
fn converse(snapshot: &Arc<Snapshot>, way: Way, steps: &[Step], (sum, cached): (&mut Outcome, &mut f64)) {
    let mut scratch = Scratch::default();
    let (mut caches, mut before, mut well) = (Caches::default(), None, 1.0);
    let mut run: Option<Run> = None;
    let mut live = Live {
        deployments: unmeasured(snapshot),
        session_model: None,
        session: SessionLive::default(),
        room: None,
    };
    for step in steps {
        let inputs = inputs(&mut scratch, step, live.clone());
        let (analysis, decided) = analyse_and_decide(snapshot, &inputs);
        let plan = decided.unwrap().plan;
        let chosen = MODELS.iter().position(|name| *name == single(&plan)).unwrap();
        let model = if way == Way::Never { LARGE } else { chosen };
        let input = u64::from(analysis.input_tokens);
        let tokens = (input, step.output_tokens);
        let cost = caches.cost(model, tokens);
        well *= goes_well(step.kind, model, before);
        if let Some(last) = before {
            *cached += caches.read(last, input) as f64;
            if last != model {
                let lost = caches.read(last, input).saturating_sub(caches.read(model, input)) as f64;
                sum.switches += 1.0;
                sum.lost += lost;
                sum.lost_unpaid += if cost > caches.cost(last, tokens) { lost } else { 0.0 };
                let next = Run { stay: caches.clone(), last, lost, cost: (0.0, 0.0) };
                sum.lost_in_vain += run.replace(next).map_or(0.0, |run| run.in_vain());
                let left = MODELS[last].into();
                live.session.lost += lost_by_leaving(snapshot, &left, live.session.warm_tokens, DAY);
            }
        }
        sum.cost += cost;
        if let Some(run) = &mut run {
            run.step(cost, tokens);
        }
        caches.keep(model, input);
        before = Some(model);
        if matches!(way, Way::Ours | Way::ThisTurn) {
            live.session.turns.count(analysis.task, analysis.step);
            live.session_model = Some(MODELS[model].into());
            live.session.warm_tokens = u32::try_from(input).unwrap();
        }
    }
    sum.success += well;
    sum.lost_in_vain += run.map_or(0.0, |run| run.in_vain());
}

fn inputs(scratch: &mut Scratch, step: &Step, live: Live) -> Inputs {
    let (chat, features) = read(Operation::ChatCompletions, step.body.as_bytes(), scratch, extract).unwrap();
    let limits = read_limits(|name| (name == "x-pointsman-task").then(|| step.kind.task()));
    Inputs { features, ..asked(chat, limits.unwrap(), live) }
}

fn unmeasured(snapshot: &Snapshot) -> Vec<DeploymentLive> {
    snapshot.deployments.iter().map(|at| DeploymentLive::timed(at.latency, None)).collect()
}

/// The medium model is known to take results and to answer as well as the large one, and to plan worse.
fn snapshot(rules: &str) -> Arc<Snapshot> {
    let evidence: Vec<Evidence> = [Kind::Plan, Kind::Result, Kind::Answer]
        .into_iter()
        .map(|kind| {
            let (medium, large) = (goes_well(kind, 0, None), goes_well(kind, LARGE, None));
            Evidence {
                baseline: "large".into(),
                model: "medium".into(),
                task: TaskClass::parse(kind.task()).unwrap(),
                level: EvidenceLevel::Paired,
                pairs: 2000,
                mean_quality: Some(medium),
                mean_loss: large - medium,
                loss_upper: large - medium + 0.005,
                accepted: None,
                cost_ratio: None,
            }
        })
        .collect();
    let mut text = String::from(
        "[[providers]]\nid = \"o\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\ncredential = \"none\"\n",
    );
    for (model, (input, cached, output)) in MODELS.iter().zip(PRICES) {
        let _ = write!(
            text,
            "[[models]]\nid = \"{model}\"\ntier = \"edge\"\ncontext_tokens = 1000000\nmax_output_tokens = 16000\n\
             capabilities = [\"tools\"]\nprice = {{ input = {input}, output = {output}, cache_read = {cached}, \
             valid_from = \"2025-01-01\" }}\ndeployments = [{{ provider = \"o\" }}]\n"
        );
    }
    let _ = write!(
        text,
        "[[policies]]\nname = \"p\"\nmatch.models = [\"auto\"]\nmode = \"route\"\nbaseline = \"large\"\n\
         candidates = [\"medium\", \"large\"]\nmax_quality_loss = 0.02\nsessions = {{ {rules} }}\n\
         [routing]\npredictor = \"none\"\nprofile = \"evidence.json\"\n"
    );
    let settings = from_text(&text, &profile(&evidence).unwrap(), SecretSource::Dummy);
    settings.unwrap_or_else(|faults| panic!("{faults}")).snapshot
}
