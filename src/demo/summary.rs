//! What the run amounts to: quality and cost beside other ways to serve, the interval of each difference, the worst
//! misroutes, and the two requests that were meant to go wrong. Figures only; printing stands in `print.rs`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Observation;
use super::client::Answer;
use super::sample::{BASELINE, MODELS, Row, SHELVES, Sample};
use super::score::{Interval, Mix, Point, best_mix, bootstrap, mean};

/// Everything the demo reports.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Served and reported on.
    pub test_rows: usize,
    /// Made into evidence.
    pub train_rows: usize,
    /// Ways to serve the same rows: each model alone, the blind mix, and what was served.
    pub ways: Vec<Way>,
    /// Quality of what was served minus quality of the baseline alone.
    pub quality_difference: Interval,
    /// Cost of what was served over cost of the baseline alone.
    pub cost_share: Interval,
    /// Quality of what was served minus that of the blind mix at equal cost: what choosing adds.
    pub routing_lift: Interval,
    /// Quality of that mix minus the baseline's: what spending this little does by itself.
    pub downgrading: f64,
    /// Answers by model, in the order of the configuration.
    pub served: Vec<(String, usize)>,
    /// Answers by path and reason.
    pub reasons: BTreeMap<String, usize>,
    /// Where the choice lost an answer that the baseline had right.
    pub misroutes: Vec<Misroute>,
    /// Number of such rows.
    pub lost: usize,
    /// Rows where the choice was right and the baseline wrong.
    pub won: usize,
    /// Median of what the proxy says it added, microseconds.
    pub overhead_p50_us: Option<f64>,
    /// 99th percentile of it.
    pub overhead_p99_us: Option<f64>,
    /// Whole answers whose cost header equals tokens times list price.
    pub costs_agree: usize,
    /// Whole answers with a cost header.
    pub costs_compared: usize,
    /// The two requests that were meant to go wrong.
    pub probes: Probes,
    /// Every answer.
    pub observations: Vec<Observation>,
}

/// One way to serve the rows.
#[derive(Clone, Debug, Serialize)]
pub struct Way {
    /// Its name.
    pub name: String,
    /// Mean score.
    pub quality: f64,
    /// Cost of all rows.
    pub cost_usd: f64,
}

/// An answer lost by not taking the baseline.
#[derive(Clone, Debug, Serialize)]
pub struct Misroute {
    /// The row.
    pub id: String,
    /// The request, for `explain`.
    pub request: String,
    /// Its class.
    pub task: String,
    /// Its complexity.
    pub complexity: Option<f64>,
    /// The model that served.
    pub model: String,
    /// Why it was chosen.
    pub reason: String,
    /// What the choice saved.
    pub saved_usd: f64,
    /// A telling part of the prompt.
    pub excerpt: String,
}

/// Requests that were meant to go wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Probes {
    /// A ceiling nothing can meet.
    pub no_route: Probe,
    /// A model that is down, with a chain behind it.
    pub fallback: Probe,
}

/// What came of one of them.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
    /// Whether it went as it should.
    pub as_meant: bool,
    /// HTTP status; 0 without an answer.
    pub status: u16,
    /// The model that served.
    pub model: String,
    /// How it was served.
    pub path: String,
    /// The trail of attempts.
    pub attempts: String,
    /// The error's message.
    pub message: String,
}

impl Probes {
    /// Judges both answers.
    pub fn of(no_route: Result<Answer, String>, fallback: Result<Answer, String>) -> Self {
        let refused = |answer: &Answer| (400..500).contains(&answer.status) && answer.error.is_some();
        let fell_back = |answer: &Answer| answer.status == 200 && answer.facts.path == "fallback";
        Self { no_route: Probe::of(no_route, refused), fallback: Probe::of(fallback, fell_back) }
    }
}

impl Probe {
    fn of(answer: Result<Answer, String>, as_meant: impl Fn(&Answer) -> bool) -> Self {
        let (answer, message) = match answer {
            Ok(answer) => (answer, None),
            Err(error) => (Answer::default(), Some(error)),
        };
        Self {
            as_meant: as_meant(&answer),
            status: answer.status,
            model: answer.facts.model,
            path: answer.facts.path,
            attempts: answer.facts.attempts,
            message: message.or(answer.error).unwrap_or_default(),
        }
    }
}

impl Summary {
    /// Adds everything up. Rows that were not answered count as wrong and free.
    pub fn of(sample: &Sample, observations: Vec<Observation>, probes: Probes) -> Self {
        let table = Table::of(sample, &observations);
        let mix = table.mix(sample);
        let lift = bootstrap(table.rows(), |drawn| table.lift(mix, drawn));
        let difference = bootstrap(table.rows(), |drawn| {
            table.served(drawn).quality - table.model(BASELINE, drawn).quality
        });
        let misroutes = misroutes(sample, &observations);
        let won = table.count(|served, baseline| served > baseline);
        let (costs_agree, costs_compared) = compare_costs(&observations);
        Self {
            test_rows: table.rows(),
            train_rows: sample.train.len(),
            ways: table.ways(sample, mix),
            downgrading: difference.value - lift.value,
            quality_difference: difference,
            cost_share: bootstrap(table.rows(), |drawn| table.cost_share(drawn)),
            routing_lift: lift,
            served: count_models(&observations),
            reasons: count_reasons(&observations),
            lost: misroutes.len(),
            misroutes: misroutes.into_iter().take(3).collect(),
            won,
            overhead_p50_us: overhead(&observations, 0.50),
            overhead_p99_us: overhead(&observations, 0.99),
            costs_agree,
            costs_compared,
            probes,
            observations,
        }
    }

    /// What did not go as it should, one line each.
    pub fn problems(&self) -> Vec<String> {
        let failed = self.observations.iter().filter_map(|observation| {
            observation.problem.as_ref().map(|problem| format!("{}: {problem}", observation.id))
        });
        let probes = [("no_route", &self.probes.no_route), ("fallback", &self.probes.fallback)];
        let probes = probes.into_iter().filter(|(_, probe)| !probe.as_meant);
        let probes = probes.map(|(name, probe)| {
            format!("{name} did not go as meant: status {} {}", probe.status, probe.message)
        });
        let costs = (self.costs_agree < self.costs_compared).then(|| {
            format!(
                "{} of {} cost headers differ from tokens x price",
                self.costs_compared - self.costs_agree,
                self.costs_compared
            )
        });
        failed.chain(probes).chain(costs).collect()
    }
}

/// Scores and costs by row, of each model alone and of what was served.
struct Table {
    models: Vec<[Point; MODELS]>,
    served: Vec<Point>,
}

impl Table {
    fn of(sample: &Sample, observations: &[Observation]) -> Self {
        let row = |observation: &Observation| points(sample, &sample.test[observation.row]);
        let served = |one: &Observation| Point { cost: one.cost_usd, quality: one.score };
        Self {
            models: observations.iter().map(row).collect(),
            served: observations.iter().map(served).collect(),
        }
    }

    fn rows(&self) -> usize {
        self.served.len()
    }

    fn model(&self, model: usize, drawn: &[usize]) -> Point {
        average(drawn.iter().map(|at| self.models[*at][model]))
    }

    fn served(&self, drawn: &[usize]) -> Point {
        average(drawn.iter().map(|at| self.served[*at]))
    }

    /// The pair to beat: best on the `train` rows at the cost that was spent, so that the mix is not chosen on the rows
    /// it is judged by.
    fn mix(&self, sample: &Sample) -> Mix {
        let train: Vec<Point> = (0..MODELS)
            .map(|model| average(sample.train.iter().map(|row| points(sample, row)[model])))
            .collect();
        let all: Vec<usize> = (0..self.rows()).collect();
        best_mix(&train, self.served(&all).cost).unwrap_or(Mix { cheap: 0, dear: BASELINE })
    }

    fn lift(&self, mix: Mix, drawn: &[usize]) -> f64 {
        let models: Vec<Point> = (0..MODELS).map(|model| self.model(model, drawn)).collect();
        let served = self.served(drawn);
        served.quality - mix.quality(&models, served.cost)
    }

    fn cost_share(&self, drawn: &[usize]) -> f64 {
        let baseline = self.model(BASELINE, drawn).cost;
        if baseline > 0.0 { self.served(drawn).cost / baseline } else { 0.0 }
    }

    fn count(&self, holds: impl Fn(f64, f64) -> bool) -> usize {
        let pairs = self.served.iter().zip(&self.models);
        pairs.filter(|(served, models)| holds(served.quality, models[BASELINE].quality)).count()
    }

    fn ways(&self, sample: &Sample, mix: Mix) -> Vec<Way> {
        let all: Vec<usize> = (0..self.rows()).collect();
        let rows = self.rows() as f64;
        let models: Vec<Point> = (0..MODELS).map(|model| self.model(model, &all)).collect();
        let served = self.served(&all);
        let way =
            |name: String, point: Point| Way { name, quality: point.quality, cost_usd: point.cost * rows };
        let best = best_static(sample);
        let mut ways: Vec<Way> = models
            .iter()
            .enumerate()
            .map(|(model, point)| {
                let note = if model == best { " (best single model on train rows)" } else { "" };
                way(format!("always {}{note}", SHELVES[model].id), *point)
            })
            .collect();
        let share = mix.share(&models, served.cost);
        let name = format!(
            "random mix at equal cost: {:.0} % {}, {:.0} % {}",
            (1.0 - share) * 100.0,
            SHELVES[mix.cheap].id,
            share * 100.0,
            SHELVES[mix.dear].id
        );
        ways.push(way(name, Point { cost: served.cost, quality: mix.quality(&models, served.cost) }));
        ways.push(way(String::from("routed by Pointsman"), served));
        ways
    }
}

fn points(sample: &Sample, row: &Row) -> [Point; MODELS] {
    std::array::from_fn(|model| Point {
        cost: sample.cost_usd(row, model),
        quality: row.outcomes[model].score,
    })
}

fn average(points: impl Iterator<Item = Point>) -> Point {
    let (mut sum, mut count) = (Point { cost: 0.0, quality: 0.0 }, 0_u32);
    for point in points {
        sum = Point { cost: sum.cost + point.cost, quality: sum.quality + point.quality };
        count += 1;
    }
    let count = f64::from(count.max(1));
    Point { cost: sum.cost / count, quality: sum.quality / count }
}

fn best_static(sample: &Sample) -> usize {
    let quality =
        |model: usize| mean(&sample.train.iter().map(|row| row.outcomes[model].score).collect::<Vec<_>>());
    (0..MODELS).max_by(|one, other| quality(*one).total_cmp(&quality(*other))).unwrap_or(BASELINE)
}

/// Answers lost against the baseline; those that saved least first.
fn misroutes(sample: &Sample, observations: &[Observation]) -> Vec<Misroute> {
    let mut lost: Vec<Misroute> = observations
        .iter()
        .filter(|one| one.problem.is_none() && one.score < sample.test[one.row].outcomes[BASELINE].score)
        .map(|one| Misroute {
            id: one.id.clone(),
            request: one.request.clone(),
            task: one.task.clone(),
            complexity: one.complexity,
            model: one.model.clone(),
            reason: one.reason.clone(),
            saved_usd: sample.cost_usd(&sample.test[one.row], BASELINE) - one.cost_usd,
            excerpt: excerpt(&sample.test[one.row].prompt),
        })
        .collect();
    lost.sort_by(|one, other| one.saved_usd.total_cmp(&other.saved_usd).then_with(|| one.id.cmp(&other.id)));
    lost
}

/// The line that tells one prompt from another: the assertion of a code question, else the end of the text, where the
/// question stands.
fn excerpt(prompt: &str) -> String {
    if let Some(assertion) = prompt.lines().find(|line| line.starts_with("assert")) {
        return assertion.to_owned();
    }
    let sentences = prompt.trim().rsplit(". ").next().unwrap_or_default();
    sentences.trim().to_owned()
}

fn count_models(observations: &[Observation]) -> Vec<(String, usize)> {
    let count = |model| observations.iter().filter(|one| one.served == Some(model)).count();
    SHELVES.iter().enumerate().map(|(model, shelf)| (shelf.id.to_owned(), count(model))).collect()
}

fn count_reasons(observations: &[Observation]) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for one in observations.iter().filter(|one| one.problem.is_none()) {
        *reasons.entry(format!("{}: {}", one.path, one.reason)).or_default() += 1;
    }
    reasons
}

fn compare_costs(observations: &[Observation]) -> (usize, usize) {
    let whole = observations.iter().filter(|one| !one.stream && one.problem.is_none());
    let pairs: Vec<_> = whole.filter_map(|one| Some((one.header_cost_usd?, one.cost_usd))).collect();
    // A bucket is rounded to a nano-dollar, and there are two of them.
    let agree = pairs.iter().filter(|(header, own)| (header - own).abs() < 2e-9).count();
    (agree, pairs.len())
}

fn overhead(observations: &[Observation], share: f64) -> Option<f64> {
    let mut values: Vec<f64> = observations.iter().filter_map(|one| one.overhead_us).collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    values.get((last as f64 * share).round() as usize).copied()
}
