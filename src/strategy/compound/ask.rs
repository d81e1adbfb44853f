//! One leg: a whole answer from one hop, paid for and on record, kept here.

use std::sync::OnceLock;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::Spec;
use super::form::{self, Fit};
use crate::codec::{self, Composed, Spoken};
use crate::routing::{Plan, affords};
use crate::strategy::answer::{self, Good, Untaken};
use crate::strategy::attempt::{Attempt, LegEnd, Trail};
use crate::strategy::chain::{Failure, Uncalled, Wants, call, failed, provider_request_id, unknown_fate};
use crate::strategy::job::Job;
use crate::strategy::reaction::react;
use crate::strategy::wire::Outgoing;
use crate::types::{FailureClass, NanoUsd, Usage};

/// Who is not needed any more, but would be welcome, has as long again as the others took, and at least this: the dear members of an
/// ensemble are slower than the cheap ones that make the quorum, and answers of one length differ by about as much.
const LEAST_GRACE: Duration = Duration::from_millis(250);
/// The finer word for who was let go.
pub(super) const NOT_NEEDED: &str = "not_needed";

/// What a hop is asked.
#[derive(Clone, Copy)]
pub(super) enum Question<'q> {
    /// What the client asks, for a whole answer.
    Clients,
    /// The same, and how probable its model finds what it writes.
    HowProbable,
    /// Something of ours.
    Own(&'q Composed<'q>),
}

impl Question<'_> {
    /// What it is to read, in tokens, where it is not what the client asks: four bytes each, as of answers, which most of it is.
    fn reads(self, job: &Job<'_>) -> Option<u64> {
        match self {
            Self::Clients | Self::HowProbable => None,
            Self::Own(Composed { system, user, .. }) => {
                Some(((system.len() + user.len()) as u64).div_ceil(4).max(job.input_tokens))
            }
        }
    }
}

/// A hop's whole answer.
pub(super) struct Told {
    pub(super) hop: usize,
    pub(super) good: Good,
    pub(super) spoken: Spoken,
    /// What translation left out of the client's request.
    pub(super) dropped: Vec<&'static str>,
    /// When it was asked for, by which its leg is known.
    pub(super) started: Duration,
    /// How it stands to the form that was asked for, once that was looked at.
    fit: OnceLock<Fit>,
}

impl Told {
    /// How it stands to the form that was asked for.
    pub(super) fn fit(&self, job: &Job<'_>) -> Fit {
        *self.fit.get_or_init(|| form::fit(job, &self.spoken))
    }

    /// Whether it may stand, be compared, judged or built upon: whole, not declined, and in the form that was asked for. Where that
    /// form cannot be checked a cascade has somebody else who answers; who else has nobody takes it for what it looks like.
    pub(super) fn counts(&self, job: &Job<'_>) -> bool {
        let escalates = || {
            let plan = job.compound.as_ref().map(|compound| &compound.plan);
            matches!(plan, Some(Plan::Cascade(_)))
        };
        match self.fit(job) {
            Fit::Fits => true,
            Fit::Untold => !escalates(),
            Fit::Misfits => false,
        }
    }
}

/// Why there is none.
pub(super) enum Untold {
    /// It might have broken the ceiling, so nobody was called.
    Budget(String),
    /// The call failed.
    Failed(Failure),
}

/// Asks one hop. `spent`: what other legs that run beside it may cost yet.
pub(super) async fn ask(
    job: &Job<'_>,
    spec: &Spec,
    question: Question<'_>,
    trail: &mut Trail,
) -> Result<Told, Untold> {
    reserve(job, &[spec], trail)?;
    asked(job, spec, question, trail).await.map_err(Untold::Failed)
}

/// Asks several hops side by side; their answers in the order of the legs. All are reserved together, before the first call.
pub(super) async fn ask_all(
    job: &Job<'_>,
    specs: &[&Spec],
    question: Question<'_>,
    trail: &mut Trail,
) -> Result<Vec<Result<Told, Untold>>, Untold> {
    let asked: Vec<(&Spec, Question<'_>)> = specs.iter().map(|spec| (*spec, question)).collect();
    ask_each(job, &asked, trail).await
}

/// The same, each hop something of its own.
pub(super) async fn ask_each(
    job: &Job<'_>,
    legs: &[(&Spec, Question<'_>)],
    trail: &mut Trail,
) -> Result<Vec<Result<Told, Untold>>, Untold> {
    let answers = ask_while(job, legs, |_| Rest::Needed, trail).await?;
    Ok(answers.into_iter().flatten().collect())
}

/// Answers in the order of their legs; `None`: not there yet, or let go.
pub(super) type Answers = Vec<Option<Result<Told, Untold>>>;

/// What the answers that are there say of those that are not.
pub(super) enum Rest {
    /// Nothing is decided without them.
    Needed,
    /// It would go without them: they get a grace.
    Welcome,
    /// Nothing that they say changes anything.
    LetGo,
}

/// The same, as long as the rest is needed. Who is let go is on record, with what it may have cost.
pub(super) async fn ask_while(
    job: &Job<'_>,
    legs: &[(&Spec, Question<'_>)],
    rest: impl Fn(&[Option<Result<Told, Untold>>]) -> Rest,
    trail: &mut Trail,
) -> Result<Answers, Untold> {
    let specs: Vec<&Spec> = legs.iter().map(|(spec, _)| *spec).collect();
    reserve(job, &specs, trail)?;
    // Each has a trail of its own while they run; dropping all of this on the way still files every leg.
    let mut side = Side { trails: specs.iter().map(|_| Trail::default()).collect(), all: trail };
    let mut answers: Answers = specs.iter().map(|_| None).collect();
    let began = Instant::now();
    let places = legs.iter().zip(&mut side.trails).enumerate();
    let mut running: FuturesUnordered<_> = places
        .map(|(at, ((spec, question), trail))| async move { (at, asked(job, spec, *question, trail).await) })
        .collect();
    let mut until = None;
    loop {
        let next = match until {
            None => running.next().await,
            Some(by) => timeout_at(by, running.next()).await.ok().flatten(),
        };
        let Some((at, answer)) = next else { break };
        answers[at] = Some(answer.map_err(Untold::Failed));
        match rest(&answers) {
            Rest::Needed => {}
            Rest::Welcome => {
                until = until.or_else(|| Some(Instant::now() + began.elapsed().max(LEAST_GRACE)));
            }
            // Where the time is over the others end by themselves, and that is what they are to be on record with.
            Rest::LetGo if job.is_out_of_time() => {}
            Rest::LetGo => break,
        }
    }
    drop(running);
    side.let_go();
    Ok(answers)
}

/// The trails of legs that run side by side, put behind one another at the end, however it comes.
struct Side<'t> {
    trails: Vec<Trail>,
    all: &'t mut Trail,
}

impl Side<'_> {
    /// Says of those that were cut short that it was we who did without them.
    fn let_go(&mut self) {
        let legs = self.trails.iter_mut().flat_map(|trail| &mut trail.legs);
        for leg in legs.filter(|leg| leg.end == LegEnd::Cancelled) {
            leg.fault = Some(NOT_NEEDED);
        }
    }
}

impl Drop for Side<'_> {
    fn drop(&mut self) {
        for trail in &mut self.trails {
            self.all.legs.append(&mut trail.legs);
        }
    }
}

/// Whether these may be called: there is time left, and what was spent and what they may cost at most fit the ceiling together.
fn reserve(job: &Job<'_>, specs: &[&Spec], trail: &Trail) -> Result<(), Untold> {
    if job.deadline.is_some_and(|by| by <= Instant::now()) {
        let late = Failure::new(FailureClass::Timeout, "the deadline is over before the plan is");
        return Err(Untold::Failed(late));
    }
    let Some(ceiling) = job.ceiling else { return Ok(()) };
    let spent: Option<NanoUsd> = trail.legs.iter().map(|leg| leg.cost).sum();
    let worst: Option<NanoUsd> = specs.iter().map(|spec| spec.worst_cost).sum();
    let rest = || job.compound.as_ref().and_then(|compound| compound.worst_from(specs));
    if affords(ceiling, spent, worst) && job.holds(trail, worst, rest()) {
        Ok(())
    } else {
        Err(Untold::Budget(format!("the next call of the plan could break the ceiling of ${ceiling}")))
    }
}

/// One call, and what its failure means for its deployment; `trail` ends with its leg.
async fn asked(
    job: &Job<'_>,
    spec: &Spec,
    question: Question<'_>,
    trail: &mut Trail,
) -> Result<Told, Failure> {
    let mut told = called(job, spec, question, trail).await;
    if let Err(failure) = &mut told {
        react(job, spec.hop, failure, trail);
        // What was refused then is a request of ours: the provider's words about it are not for the client.
        failure.answer = failure.answer.take().filter(|_| matches!(question, Question::Clients));
    }
    told
}

async fn called(
    job: &Job<'_>,
    spec: &Spec,
    question: Question<'_>,
    trail: &mut Trail,
) -> Result<Told, Failure> {
    let hop = spec.hop;
    let mut attempt = Attempt::begin(trail, &job.hops[hop], job.arrived);
    attempt.note(|leg| leg.hop.worst_cost = spec.worst_cost);
    let outgoing = match question {
        Question::Clients => job.whole(hop),
        Question::HowProbable => job.whole_with_logprobs(hop),
        Question::Own(composed) => job.composed(hop, composed),
    };
    let Outgoing { path, body, dropped, .. } = match outgoing {
        Ok(outgoing) => outgoing,
        Err(failure) => {
            attempt.fail(&failure);
            return Err(failure);
        }
    };
    attempt.reads = question.reads(job);
    // Until it is known better: whoever is let go in the middle may have been billed.
    unknown_fate(job, hop, &mut attempt);
    let last = job.compound.as_ref().is_some_and(|compound| compound.is_last(spec, job.hops.len()));
    let called = call(job, (hop, Wants { whole: true, last }), (&path, body)).await;
    // In flight for as long as the answer is read.
    let (exchange, _in_flight) = match called {
        Ok(called) => called,
        Err(uncalled) => {
            if !matches!(&uncalled, Uncalled::There(error) if error.sent) {
                forget(&mut attempt);
            }
            return Err(uncalled.end(job, hop, attempt));
        }
    };
    let (status, id) =
        (exchange.status(), exchange.head().and_then(|head| provider_request_id(&head.headers)));
    attempt.note(|leg| (leg.status, leg.provider_request_id) = (Some(status), id));
    let good = match answer::take(job, hop, &mut attempt, exchange).await {
        Ok(good) => good,
        Err(Untaken::Call(error)) => return Err(failed(job, hop, attempt, error)),
        Err(Untaken::Failure(mut failure)) => {
            if matches!(question, Question::HowProbable) {
                take_as_ours(job, hop, &mut failure);
            }
            if !failure.sent {
                forget(&mut attempt);
            }
            attempt.fail(&failure);
            return Err(failure);
        }
    };
    attempt.note(|leg| leg.maybe_billed = false);
    kept(job, (hop, question), (good, dropped), attempt)
}

/// An answer that was read whole, as it is to be compared, judged, or served.
fn kept(
    job: &Job<'_>,
    (hop, question): (usize, Question<'_>),
    (mut good, dropped): (Good, Vec<&'static str>),
    attempt: Attempt<'_>,
) -> Result<Told, Failure> {
    let dialect = job.wire(hop).dialect;
    let spoken = match codec::spoken(dialect, &good.body) {
        Ok(spoken) => spoken,
        Err(fault) => {
            let failure = Failure { sent: true, ..Failure::new(FailureClass::Malformed, fault.message) };
            attempt.fail(&failure);
            return Err(failure);
        }
    };
    // The client has not asked for them.
    if matches!(question, Question::HowProbable) {
        good.body = codec::without_logprobs(dialect, &good.body);
    }
    let started = attempt.started();
    attempt.end(LegEnd::Answered);
    if let Some(compound) = &job.compound {
        compound.heard.set();
    }
    Ok(Told { hop, good, spoken, dropped, started, fit: OnceLock::new() })
}

/// How probable a model finds its words is a question of ours, which some accounts may not ask and some models do not take: OpenAI
/// answers 403. Who refuses it has refused nothing of the client's, whose own request may hold the parameter as false, and is left in
/// peace; who says that it was this is not asked again.
fn take_as_ours(job: &Job<'_>, hop: usize, failure: &mut Failure) {
    let Some(refused) = &failure.answer else { return };
    let named = failure.param.as_deref().is_some_and(|param| param.eq_ignore_ascii_case("logprobs"))
        || codec::is_about_logprobs(&refused.body);
    let is_ours = match failure.class {
        FailureClass::Auth => named || refused.status == 403,
        FailureClass::BadRequest | FailureClass::Unsupported | FailureClass::ModelGone => named,
        _ => false,
    };
    if !is_ours {
        return;
    }
    (failure.class, failure.fault, failure.param) = (FailureClass::Unsupported, None, None);
    if let (true, Some(ix)) = (named, job.hops[hop].deployment) {
        job.board.lacks_logprobs(ix);
    }
}

/// Nothing was sent, or it was refused: nobody bills it.
fn forget(attempt: &mut Attempt<'_>) {
    attempt.note(|leg| {
        (leg.maybe_billed, leg.usage, leg.cost) = (false, Usage::default(), Some(NanoUsd::ZERO));
    });
}
