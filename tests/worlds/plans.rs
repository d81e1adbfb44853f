//! Plans of several models: what serves on the evidence of their outcomes, against what would truly pay.

use pointsman::catalog::Evidence;
use pointsman::routing::Plan;

use crate::figures::{Figure, Share};
use crate::generator::{Answer, Kind, Labelled, Request, World, WorldFile};
use crate::runner::{Came, Router, learn_evidence, learn_plan};

/// Labelled prompts a class that the truth is counted on; nobody learns from them.
const TRUTH: u32 = 20_000;
/// What of loss is no more than the truth's own noise (two standard errors of a share, over that many).
const NOISE: f64 = 0.007;
/// By so much several models must be cheaper to be clearly so.
const CLEARLY: f64 = 0.9;

/// What the words of the figures mean.
pub fn words() -> String {
    format!(
        "  (no more than allowed: by the truth, less {NOISE} of its own noise; would pay: by the truth several models gain more than\n   {NOISE} on the baseline and cost less than {CLEARLY} of the cheapest model that loses no more than allowed)"
    )
}

/// A kind of plan, how it comes out, and what a model of the world adds to the cost of one.
struct Way {
    plan: &'static str,
    came: fn(&Labelled) -> Came,
}

const CASCADE: Way = Way { plan: "cascade(cheap & other | dear)", came: cascade };
const ENSEMBLE: Way = Way { plan: "ensemble(cheap, other, middle | dear)", came: ensemble };
const DEBATE: Way = Way { plan: "debate(cheap, other, middle x2 | dear)", came: debate };
const DRAFT: Way = Way { plan: "draft(fast | dear)", came: draft };

/// Both cheap models say the same, or the last one answers.
fn cascade(label: &Labelled) -> Came {
    let agree = label.said[0] == label.said[1];
    (if agree { label.scores[0] } else { label.scores[3] }, agree)
}

/// The judge takes what most say; where all differ, what it would say itself, if somebody says so, else the first.
fn ensemble(label: &Labelled) -> Came {
    let [one, two, three, judge] = [0, 1, 2, 3].map(|at| label.said[at]);
    let said = match (one == two || one == three, two == three) {
        (true, _) => one,
        (false, true) => two,
        (false, false) if [one, two, three].contains(&judge) => judge,
        (false, false) => one,
    };
    (f64::from(u8::from(said == 0)), false)
}

/// Who sees that two say the same says so too, and that is summed up; where all differ, the judge says what it would itself.
fn debate(label: &Labelled) -> Came {
    let [one, two, three, judge] = [0, 1, 2, 3].map(|at| label.said[at]);
    let said = match (one == two || one == three, two == three) {
        (true, _) => one,
        (false, true) => two,
        (false, false) => judge,
    };
    (f64::from(u8::from(said == 0)), false)
}

/// What stands is the draft; what does not is the verifier's own answer.
fn draft(label: &Labelled) -> Came {
    (if label.stands { label.scores[0] } else { label.scores[1] }, label.stands)
}

/// What came out of one run.
#[derive(Default)]
pub struct Outcome {
    /// Served by a plan of several models.
    pub compound: Share,
    /// Of these, such as truly lose no more than is allowed.
    pub good: Share,
    /// Of these, such as truly cost less than the baseline.
    pub cheaper: Share,
    /// Requests that a plan of several models would serve better: no worse than the baseline, and cheaper than every model that
    /// is allowed.
    pub pays: Share,
    /// Served by a plan of several models, among these.
    pub taken: Share,
    /// The same in classes of which less is known than of others.
    pub thin: Share,
    /// Wrong answers of drafts that stood, among all drafts.
    pub wrong_accepts: f64,
    /// Tokens a second of verified drafts over those of the baseline alone, where drafts serve.
    pub speed_over: Option<f64>,
    /// Mean true cost of what serves over that of the baseline.
    pub cost_over: f64,
}

impl Outcome {
    pub fn figures(&self) -> Vec<Figure> {
        vec![
            ("served by several models", self.compound.value()),
            ("of these, losing no more than allowed", self.good.of_any()),
            ("of these, cheaper than the baseline", self.cheaper.of_any()),
            ("requests for which several would pay", self.pays.value()),
            ("of these, taken", self.taken.of_any()),
            ("the same where little is known", self.thin.of_any()),
            ("wrong drafts that stood", self.wrong_accepts),
            ("tokens a second over the baseline's", self.speed_over.unwrap_or(f64::NAN)),
            ("cost over the baseline's", self.cost_over),
        ]
    }
}

/// The truth of one way in one class, from labels that nobody learns from.
struct Truth {
    loss: f64,
    stood: f64,
}

/// Runs a world of plans.
pub fn run(file: &WorldFile, seed: u64) -> Outcome {
    let ways: &[Way] = match file.kind {
        Kind::Drafts => &[DRAFT],
        Kind::Thin => &[CASCADE],
        _ => &[CASCADE, ENSEMBLE, DEBATE],
    };
    let world = World::new(file, seed);
    let mut evidence: Vec<Evidence> = learn_evidence(file, world.labels());
    let prices: Vec<(f64, f64)> = file.models.iter().map(|model| model.usd).collect();
    let earlier = World::new(file, seed + (1 << 33));
    for way in ways {
        let cells = learn_plan(file, (way.plan, world.labels()), way.came);
        evidence.extend(cells.into_iter().map(|cell| costed(cell, &earlier, &prices)));
    }
    let wide = file.with_pairs(TRUTH);
    let labels: Vec<Labelled> = World::new(&wide, seed + (1 << 32)).labels().collect();
    let of_class = |class| ways.iter().map(|way| truth(file, way, (&labels, class))).collect();
    let truths: Vec<Vec<Truth>> = (0..file.classes.len()).map(of_class).collect();
    let mut router = Router::new(file, &prices, &evidence);
    let mut outcome = Outcome { wrong_accepts: wrong_accepts(&labels), ..Outcome::default() };
    let (mut spent, mut baseline_spent) = (0.0, 0.0);
    let mut took = (0.0, 0.0);
    for request in world.requests() {
        let inputs = router.inputs(&request, router.unmeasured());
        let plan = router.decide(&inputs).1.unwrap().plan;
        let stage = Stage { world: &world, ways, truths: &truths[request.class], prices: &prices };
        let baseline = world.cost(&request, file.models.len() - 1, &prices);
        spent += stage.count(&request, &plan, &mut outcome);
        baseline_spent += baseline;
        if matches!(plan, Plan::Draft(_)) {
            let (drafted, direct) = seconds_a_token(&world, &request, truths[request.class][0].stood);
            took = (took.0 + drafted, took.1 + direct);
        }
    }
    outcome.speed_over = (took.0 > 0.0).then(|| took.1 / took.0);
    outcome.cost_over = spent / baseline_spent;
    outcome
}

/// What a plan cost over the baseline on requests of before, with the share of first answers that stood.
fn costed(cell: Evidence, earlier: &World, prices: &[(f64, f64)]) -> Evidence {
    let (mut spent, mut alone) = (0.0, 0.0);
    for request in earlier.requests().filter(|request| request.task == cell.task.as_str()) {
        spent += cost(earlier, (&request, cell.model.as_str()), cell.accepted.unwrap(), prices);
        alone += earlier.cost(&request, prices.len() - 1, prices);
    }
    Evidence { cost_ratio: (alone > 0.0).then(|| spent / alone), ..cell }
}

/// What is true of one class.
struct Stage<'w> {
    world: &'w World,
    ways: &'w [Way],
    truths: &'w [Truth],
    prices: &'w [(f64, f64)],
}

impl Stage<'_> {
    /// Counts what serves a request; its true cost.
    fn count(&self, request: &Request, plan: &Plan, outcome: &mut Outcome) -> f64 {
        let several = !matches!(plan, Plan::Single(_));
        let pays = self.pays(request);
        outcome.compound.count(several);
        outcome.pays.count(pays);
        if pays {
            outcome.taken.count(several);
            if self.world.file.classes[request.class].pairs.is_some() {
                outcome.thin.count(several);
            }
        }
        let printed = plan.to_string();
        match self.ways.iter().zip(self.truths).find(|(way, _)| way.plan == printed) {
            None => self.world.cost(request, self.world.model(&printed).unwrap(), self.prices),
            Some((way, truth)) => {
                let served = cost(self.world, (request, way.plan), truth.stood, self.prices);
                let baseline = self.world.cost(request, self.prices.len() - 1, self.prices);
                outcome.good.count(self.allowed(truth.loss - NOISE));
                outcome.cheaper.count(served < baseline);
                served
            }
        }
    }

    /// Whether several models would be right, and clearly so: allowed beyond doubt, and cheaper than every allowed model.
    fn pays(&self, request: &Request) -> bool {
        let baseline = self.prices.len() - 1;
        let quality = |model| self.world.quality(request.class, model);
        let singles = (0..=baseline).filter(|model| self.allowed(quality(baseline) - quality(*model)));
        let costs = singles.map(|model| self.world.cost(request, model, self.prices));
        let least = costs.fold(f64::MAX, f64::min);
        self.ways.iter().zip(self.truths).any(|(way, truth)| {
            let cost = cost(self.world, (request, way.plan), truth.stood, self.prices);
            truth.loss < -NOISE && cost < CLEARLY * least
        })
    }

    fn allowed(&self, loss: f64) -> bool {
        loss <= self.world.file.labels.max_quality_loss
    }
}

fn truth(file: &WorldFile, way: &Way, (labels, class): (&[Labelled], usize)) -> Truth {
    let task = &file.classes[class].task;
    let baseline = file.models.len() - 1;
    let (mut loss, mut stood, mut count) = (0.0, 0.0, 0.0);
    for label in labels.iter().filter(|label| label.task == *task) {
        let (score, stands) = (way.came)(label);
        loss += label.scores[baseline] - score;
        stood += f64::from(u8::from(stands));
        count += 1.0;
    }
    Truth { loss: loss / count, stood: stood / count }
}

fn wrong_accepts(labels: &[Labelled]) -> f64 {
    let wrong = labels.iter().filter(|label| label.stands && label.said[0] != 0).count();
    wrong as f64 / labels.len() as f64
}

/// Seconds a token of a draft that is verified, and of the dear model alone: what does not stand is written by the verifier.
fn seconds_a_token(world: &World, request: &Request, stood: f64) -> (f64, f64) {
    let [draft, dear] = [0, 1].map(|model| world.answer(request, model, request.at_s));
    let tokens = |answer: &Answer| answer.output_tokens as f64;
    let pace = (dear.total_s - dear.ttft_s) / tokens(&dear);
    let verified = dear.ttft_s + pace * (VERDICT + (1.0 - stood) * tokens(&draft));
    ((draft.total_s + verified) / tokens(&draft), dear.total_s / tokens(&dear))
}

/// Tokens of a judge's or verifier's verdict.
const VERDICT: f64 = 60.0;

/// What a plan truly costs, millionths of a dollar: its calls as they are made, an answer shown read at its length.
fn cost(world: &World, (request, plan): (&Request, &str), stood: f64, prices: &[(f64, f64)]) -> f64 {
    let single = |model| world.cost(request, model, prices);
    // Question and shown answers in, a verdict out.
    let judged = |judge: usize, shown: f64| {
        let question = request.body.len() as f64 / 4.5;
        prices[judge].0 * (question + shown) + prices[judge].1 * VERDICT
    };
    let length = (single(0) - prices[0].0 * request.body.len() as f64 / 4.5) / prices[0].1;
    match plan.split('(').next() {
        Some("cascade") => single(0) + single(1) + (1.0 - stood) * single(3),
        Some("ensemble") => single(0) + single(1) + single(2) + 2.0 * judged(3, 3.0 * length),
        // Twice round, the second time with all answers of the first; who sums up writes an answer.
        Some("debate") => {
            let again = |model: usize| 2.0 * single(model) + prices[model].0 * 3.0 * length;
            again(0) + again(1) + again(2) + single(3) + prices[3].0 * 3.0 * length
        }
        Some("draft") => single(0) + judged(1, length) + (1.0 - stood) * prices[1].1 * length,
        other => panic!("{other:?} has no cost here"),
    }
}
