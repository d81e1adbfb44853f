//! Null, stationary and price shock: what is chosen on evidence learnt from labels, against what would be right.

use pointsman::catalog::Evidence;
use pointsman::routing::{Decision, Plan};

use crate::figures::{Figure, Share};
use crate::generator::{Request, World, WorldFile};
use crate::runner::{Router, learn_evidence, single};

/// What came out of one run.
#[derive(Default)]
pub struct Outcome {
    /// Served by the cheapest of all models.
    pub cheapest: Share,
    /// Served by what would be right: the cheapest model that truly loses no more than is allowed.
    pub right: Share,
    /// Served by a model that truly loses more than is allowed.
    pub too_bad: Share,
    /// Licences among the cells that truly lose more than is allowed.
    pub false_licences: Share,
    /// Cells whose true loss is within the one-sided 95 % interval.
    pub loss_covered: Share,
    /// Decisions whose interval holds the true quality of the model that serves, where it was measured.
    pub quality_covered: Share,
    /// Mean gain over the baseline that the evidence claims for what serves, and the true one.
    pub claimed_gain: f64,
    pub true_gain: f64,
    /// Expected and true quality of what serves, where it was measured.
    pub expected_quality: f64,
    pub true_quality: f64,
    /// Cost over that of what would be right, as a share of it.
    pub cost_regret: f64,
    /// Models served, in the order of the requests.
    pub served: Vec<usize>,
}

impl Outcome {
    pub fn figures(&self) -> Vec<Figure> {
        vec![
            ("served by the cheapest", self.cheapest.value()),
            ("served by what is right", self.right.value()),
            ("served by what loses too much", self.too_bad.value()),
            ("licensed though it loses too much", self.false_licences.value()),
            ("true loss within its interval", self.loss_covered.value()),
            ("true quality within its interval", self.quality_covered.value()),
            ("claimed gain over the baseline", self.claimed_gain),
            ("true gain over the baseline", self.true_gain),
            ("expected quality", self.expected_quality),
            ("true quality", self.true_quality),
            ("cost regret", self.cost_regret),
        ]
    }
}

/// Runs a world of qualities.
pub fn run(file: &WorldFile, seed: u64) -> Outcome {
    let world = World::new(file, seed);
    let evidence = learn_evidence(file, world.labels());
    let mut outcome = Outcome::default();
    count_cells(&world, &evidence, &mut outcome);
    let mut prices: Vec<(f64, f64)> = file.models.iter().map(|model| model.usd).collect();
    let mut router = Router::new(file, &prices, &evidence);
    let shock = file.shock.as_ref().map(|shock| (f64::from(file.requests) * shock.at, shock));
    let (mut cost, mut least, mut measured) = (0.0, 0.0, 0.0);
    for (request, number) in world.requests().zip(0_u32..) {
        if let Some((at, shock)) = shock
            && f64::from(number) >= at
            && let Some(model) = world.model(&shock.model)
            && prices[model] == file.models[model].usd
        {
            prices[model] = (prices[model].0 * shock.factor, prices[model].1 * shock.factor);
            // A new snapshot with the same profile: nothing is learnt anew.
            router = Router::new(file, &prices, &evidence);
        }
        let inputs = router.inputs(&request, router.unmeasured());
        let decision = router.decide(&inputs).1.unwrap();
        let model = world.model(single(&decision.plan)).unwrap();
        let right = cheapest_allowed(&world, &request, &prices);
        cost += world.cost(&request, model, &prices);
        least += world.cost(&request, right, &prices);
        let baseline = file.models.len() - 1;
        let loss = world.quality(request.class, baseline) - world.quality(request.class, model);
        outcome.cheapest.count(model == cheapest(&world, &request, &prices));
        outcome.right.count(model == right);
        outcome.too_bad.count(loss > file.labels.max_quality_loss);
        outcome.true_gain -= loss;
        outcome.claimed_gain += claimed(&evidence, &decision, &request.task);
        outcome.served.push(model);
        if model != baseline {
            measured += 1.0;
            count_quality(&world, (&request, model), &decision, &mut outcome);
        }
    }
    let requests = f64::from(file.requests);
    (outcome.claimed_gain, outcome.true_gain) =
        (outcome.claimed_gain / requests, outcome.true_gain / requests);
    let measured = f64::max(measured, 1.0);
    outcome.expected_quality /= measured;
    outcome.true_quality /= measured;
    outcome.cost_regret = cost / least - 1.0;
    outcome
}

fn count_quality(
    world: &World,
    (request, model): (&Request, usize),
    decision: &Decision,
    outcome: &mut Outcome,
) {
    let Some(candidate) = decision.candidates.iter().find(|candidate| candidate.plan == decision.plan) else {
        return;
    };
    let (found, truth) = (candidate.quality, world.quality(request.class, model));
    outcome.quality_covered.count((found.low..=found.high).contains(&truth));
    outcome.expected_quality += found.mean;
    outcome.true_quality += truth;
}

/// What the evidence says of each model and class, against the truth.
fn count_cells(world: &World, evidence: &[Evidence], outcome: &mut Outcome) {
    for cell in evidence {
        let class = world.file.classes.iter().position(|class| class.task == cell.task.as_str()).unwrap();
        let model = world.model(cell.model.as_str()).unwrap();
        let loss = world.quality(class, world.file.models.len() - 1) - world.quality(class, model);
        outcome.loss_covered.count(loss <= cell.loss_upper);
        if loss > world.file.labels.max_quality_loss {
            outcome.false_licences.count(cell.loss_upper <= world.file.labels.max_quality_loss);
        }
    }
}

/// The gain over the baseline that the evidence claims for what serves.
fn claimed(evidence: &[Evidence], decision: &Decision, task: &str) -> f64 {
    let Plan::Single(model) = &decision.plan else { return 0.0 };
    let cell = evidence.iter().find(|cell| cell.model == *model && cell.task.as_str() == task);
    cell.map_or(0.0, |cell| -cell.mean_loss)
}

fn cheapest(world: &World, request: &Request, prices: &[(f64, f64)]) -> usize {
    cheapest_of(world, request, prices, 0..prices.len())
}

fn cheapest_allowed(world: &World, request: &Request, prices: &[(f64, f64)]) -> usize {
    let standard = world.quality(request.class, prices.len() - 1);
    let allowed = (0..prices.len()).filter(|model| {
        standard - world.quality(request.class, *model) <= world.file.labels.max_quality_loss + 1e-9
    });
    cheapest_of(world, request, prices, allowed)
}

fn cheapest_of(
    world: &World,
    request: &Request,
    prices: &[(f64, f64)],
    among: impl Iterator<Item = usize>,
) -> usize {
    let cost = |model: &usize| world.cost(request, *model, prices);
    among.min_by(|one, other| cost(one).total_cmp(&cost(other))).unwrap()
}
