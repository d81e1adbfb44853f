//! Latency: whether plans keep the time they are admitted on. One request in three is answered by three models side by
//! side, one in three by two models in turn, the rest by one.

use pointsman::routing::{ADMISSION, Candidate, Measured, Spread, Verdict};

use crate::figures::{Figure, Share};
use crate::generator::{Answer, Request, World, WorldFile};
use crate::runner::{Asked, Router, Speeds, candidates};

/// Expected tokens from which an answer counts as long.
const LONG: u32 = 150;

/// Shares of plans that keep the quantile they are admitted on: the tightest limit under which they would have run.
#[derive(Clone, Copy, Default)]
pub struct Kept {
    pub single_ttft: Share,
    pub single_total: Share,
    /// Of those, the half that is expected to be long, and the other.
    pub long_total: Share,
    pub short_total: Share,
    pub parallel_ttft: Share,
    pub parallel_total: Share,
    pub in_turn_total: Share,
    /// The same as `parallel_total`, had the slowest leg's quantile been taken for that of the slowest leg.
    pub naive_total: Share,
    /// Plans of one model admitted under the deadline their caller drew, which is seldom the tightest.
    pub under_drawn_deadline: Share,
    /// Decisions that rest on the configuration, and how many of those keep it.
    pub configured: Share,
    /// Requests that had no plan in time.
    pub refused: Share,
}

impl Kept {
    pub fn figures(&self) -> Vec<Figure> {
        vec![
            ("one model, first token", self.single_ttft.value()),
            ("one model, whole", self.single_total.value()),
            ("one model, whole, long ones", self.long_total.value()),
            ("one model, whole, short ones", self.short_total.value()),
            ("side by side, first tokens", self.parallel_ttft.value()),
            ("side by side, whole", self.parallel_total.value()),
            ("side by side, maximum of quantiles", self.naive_total.value()),
            ("in turn, whole", self.in_turn_total.value()),
            ("one model, deadline as drawn", self.under_drawn_deadline.value()),
            ("while only configured, whole", self.configured.value()),
            ("refused", self.refused.value()),
        ]
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            single_ttft: self.single_ttft.and(other.single_ttft),
            single_total: self.single_total.and(other.single_total),
            long_total: self.long_total.and(other.long_total),
            short_total: self.short_total.and(other.short_total),
            parallel_ttft: self.parallel_ttft.and(other.parallel_ttft),
            parallel_total: self.parallel_total.and(other.parallel_total),
            naive_total: self.naive_total.and(other.naive_total),
            in_turn_total: self.in_turn_total.and(other.in_turn_total),
            under_drawn_deadline: self.under_drawn_deadline.and(other.under_drawn_deadline),
            configured: self.configured.and(other.configured),
            refused: self.refused.and(other.refused),
        }
    }
}

/// One run.
struct Run<'w> {
    world: &'w World,
    speeds: Speeds,
    kept: Kept,
}

/// A request with what a decision expects of it.
#[derive(Clone, Copy)]
struct Expected<'r> {
    request: &'r Request,
    tokens: u32,
}

pub fn run(file: &WorldFile, seed: u64) -> Kept {
    let world = World::new(file, seed);
    let prices: Vec<(f64, f64)> = file.models.iter().map(|model| model.usd).collect();
    let mut router = Router::new(file, &prices, &[]);
    let speeds = Speeds::new(&router.snapshot);
    let mut run = Run { world: &world, speeds, kept: Kept::default() };
    for (request, number) in world.requests().zip(0_usize..) {
        run.speeds.until(request.at_s);
        let inputs = router.inputs(&request, run.speeds.live(&router.snapshot));
        let (analysis, decided) = router.decide(&inputs);
        let expected = Expected { request: &request, tokens: analysis.output_tokens };
        let models = file.models.len();
        match number % 3 {
            0 => run.side_by_side(expected),
            1 => run.in_turn(expected, (number / 3 % models, (number / 3 + 1) % models)),
            _ => {
                let model = number / 3 % models;
                run.single(expected, model, &candidates(&decided)[model]);
            }
        }
    }
    run.kept
}

impl Run<'_> {
    fn single(&mut self, expected: Expected<'_>, model: usize, candidate: &Candidate) {
        let request = expected.request;
        let answer = self.world.answer(request, model, request.at_s);
        let within = |seconds: f64, ms: u32| seconds * 1e3 <= f64::from(ms);
        let measured = self.speeds.measured(model);
        match measured.and_then(|measured| measured.whole) {
            Some(_) => {
                let kept = within(answer.total_s, candidate.total_ms);
                self.kept.single_total.count(kept);
                let is_long = expected.tokens >= LONG;
                let half = if is_long { &mut self.kept.long_total } else { &mut self.kept.short_total };
                half.count(kept);
            }
            None => self.kept.configured.count(within(answer.total_s, candidate.total_ms)),
        }
        if measured.and_then(|measured| measured.stream).is_some() {
            self.kept.single_ttft.count(within(answer.ttft_s, candidate.ttft_ms));
        }
        // The candidates stand in the order of the world's models, and only time can stand against one that is dearest.
        let late = request.deadline_ms.is_some_and(|deadline| candidate.total_ms > deadline);
        let out =
            matches!(&candidate.verdict, Verdict::Ineligible(why) if why.to_string().contains("deadline"));
        assert_eq!(late, out, "{candidate:?}");
        self.kept.refused.count(late);
        if late {
            return;
        }
        if let Some(deadline) = request.deadline_ms {
            self.kept.under_drawn_deadline.count(within(answer.total_s, deadline));
        }
        self.begin(expected, (model, request.at_s), &answer);
    }

    fn side_by_side(&mut self, expected: Expected<'_>) {
        let request = expected.request;
        let models = 0..self.world.file.models.len();
        let answers: Vec<Answer> =
            models.clone().map(|model| self.world.answer(request, model, request.at_s)).collect();
        let slowest = |of: fn(&Answer) -> f64| answers.iter().map(of).fold(0.0, f64::max) * 1e3;
        let all: Option<Vec<Measured>> =
            models.clone().map(|model| self.speeds.measured(model).copied()).collect();
        let legs = |of: &dyn Fn(&Measured) -> Option<Spread>| -> Option<Vec<Spread>> {
            all.as_ref()?.iter().map(of).collect()
        };
        if let Some(legs) = legs(&|leg| Some(leg.stream?.ttft_ms)) {
            let limit = Spread::all_of(&legs).quantile(ADMISSION);
            self.kept.parallel_ttft.count(slowest(|answer| answer.ttft_s) <= f64::from(limit));
        }
        if let Some(legs) = legs(&|leg| Some(leg.whole?.time_ms(expected.tokens))) {
            let limit = Spread::all_of(&legs).quantile(ADMISSION);
            let naive = legs.iter().map(|leg| leg.quantile(ADMISSION)).fold(0.0, f32::max);
            self.kept.parallel_total.count(slowest(|answer| answer.total_s) <= f64::from(limit));
            self.kept.naive_total.count(slowest(|answer| answer.total_s) <= f64::from(naive));
        }
        for (model, answer) in models.zip(&answers) {
            self.begin(expected, (model, request.at_s), answer);
        }
    }

    fn in_turn(&mut self, expected: Expected<'_>, (first, second): (usize, usize)) {
        let request = expected.request;
        let one = self.world.answer(request, first, request.at_s);
        let then = request.at_s + one.total_s;
        let other = self.world.answer(request, second, then);
        let leg = |model: usize| Some(self.speeds.measured(model)?.whole?.time_ms(expected.tokens));
        if let Some((a, b)) = leg(first).zip(leg(second)) {
            let limit = Spread::in_turn(&[a, b]).quantile(ADMISSION);
            self.kept.in_turn_total.count((one.total_s + other.total_s) * 1e3 <= f64::from(limit));
        }
        self.begin(expected, (first, request.at_s), &one);
        self.begin(expected, (second, then), &other);
    }

    /// What is served is learnt from, cut off at the deadline as the proxy would.
    fn begin(&mut self, expected: Expected<'_>, (model, at_s): (usize, f64), answer: &Answer) {
        let request = expected.request;
        let cut_s = request.deadline_ms.map(|ms| f64::from(ms) / 1e3 - (at_s - request.at_s));
        if cut_s.is_some_and(|cut| cut <= 0.0) {
            return;
        }
        let (expected_tokens, stream) = (expected.tokens, request.stream);
        self.speeds.begin(Asked { model, at_s, expected_tokens, stream, cut_s }, answer);
    }
}
