//! Several models answer: another chooses one of the answers (ensemble), or they see each other's and another sums up (debate).

use super::ask::{Question, Told, Untold, ask, ask_all};
use super::{Compound, Outcome, PlanFault, Spec, agree, missing, words};
use crate::catalog::JudgeFailure;
use crate::routing::{Debate, Ensemble, Role};
use crate::strategy::attempt::Trail;
use crate::strategy::chain::Failure;
use crate::strategy::job::Job;

pub(super) async fn ensemble(
    job: &Job<'_>,
    (compound, ensemble): (&Compound, &Ensemble),
    trail: &mut Trail,
) -> Outcome {
    let members: Vec<&Spec> = compound.of(0, Role::Member).collect();
    let asked = ask_all(job, &members, Question::Clients, trail).await;
    let told = match enough(asked, ensemble.quorum) {
        Ok(told) => told,
        Err(failure) => return Outcome::Fail(failure),
    };
    let of = format!("ensemble; quorum={}/{}", told.len(), members.len());
    // Where all say the same there is nothing to choose.
    if told.iter().skip(1).all(|other| agree::agree(&told[0].spoken, &other.spoken)) {
        return pick(told, 0, format!("{of}; agreed"));
    }
    let Some(judge) = compound.first(Role::Judge) else { return missing(Role::Judge) };
    match chosen(job, judge, &told, trail).await {
        Ok(best) => pick(told, best, format!("{of}; chosen={}", best + 1)),
        Err(failure) => match compound.judge_failure {
            JudgeFailure::Fail => Outcome::Fail(failure),
            JudgeFailure::FirstByOrder => pick(told, 0, format!("{of}; judge failed, first by order")),
        },
    }
}

pub(super) async fn debate(
    job: &Job<'_>,
    (compound, debate): (&Compound, &Debate),
    trail: &mut Trail,
) -> Outcome {
    let Some(question) = job.question() else {
        return Outcome::Fail(PlanFault::Judge.failure("the request cannot be shown to another model"));
    };
    let mut told = Vec::new();
    for round in 0..debate.rounds {
        let debaters: Vec<&Spec> = compound.of(round, Role::Debater).collect();
        let asked = if round == 0 {
            ask_all(job, &debaters, Question::Clients, trail).await
        } else {
            let text = words::shown(&question, &texts(&told));
            let composed = words::again(&text, debaters.first().map_or(0, |debater| debater.output_cap));
            ask_all(job, &debaters, Question::Own(&composed), trail).await
        };
        told = match enough(asked, debate.quorum) {
            Ok(told) => told,
            Err(failure) => return Outcome::Fail(failure),
        };
        // Nobody has anything to add to what all say.
        if told.iter().skip(1).all(|other| agree::agree(&told[0].spoken, &other.spoken)) {
            let how = format!("debate; rounds={}; agreed", round + 1);
            return pick(told, 0, how);
        }
    }
    let Some(author) = compound.first(Role::Author) else { return missing(Role::Author) };
    let text = words::shown(&question, &texts(&told));
    let composed = words::sums_up(&text, author.output_cap);
    let how = format!("debate; rounds={}; quorum={}/{}", debate.rounds, told.len(), debate.debaters.len());
    match ask(job, author, Question::Own(&composed), trail).await {
        Ok(summary) => Outcome::Serve(summary, how),
        Err(Untold::Budget(detail)) => Outcome::Fail(PlanFault::Budget.failure(detail)),
        Err(Untold::Failed(failure)) => match compound.judge_failure {
            JudgeFailure::Fail => Outcome::Fail(PlanFault::Judge.failure(failure.detail)),
            JudgeFailure::FirstByOrder => pick(told, 0, format!("{how}; judge failed, first by order")),
        },
    }
}

/// Those that answered, where they are enough.
fn enough(asked: Result<Vec<Result<Told, Untold>>, Untold>, quorum: u8) -> Result<Vec<Told>, Failure> {
    let answers = asked.map_err(Failure::from)?;
    let of = answers.len();
    let told: Vec<Told> = answers.into_iter().flatten().filter(|told| !told.spoken.refused).collect();
    if told.is_empty() || told.len() < usize::from(quorum) {
        let detail = format!("{} of {of} members answered, {quorum} are needed", told.len());
        return Err(PlanFault::Quorum.failure(detail));
    }
    Ok(told)
}

/// The judge's choice, asked twice with the answers the other way round: where it follows the place and not the answer, the
/// first by order serves.
async fn chosen(job: &Job<'_>, judge: &Spec, told: &[Told], trail: &mut Trail) -> Result<usize, Failure> {
    let question =
        job.question().ok_or_else(|| PlanFault::Judge.failure("the request cannot be shown to a judge"))?;
    let text = words::shown(&question, &texts(told));
    let composed = words::chooses(&text, judge.output_cap);
    let verdict = match ask(job, judge, Question::Own(&composed), trail).await {
        Ok(verdict) => verdict,
        Err(Untold::Budget(detail)) => return Err(PlanFault::Budget.failure(detail)),
        Err(Untold::Failed(failure)) => return Err(PlanFault::Judge.failure(failure.detail)),
    };
    let best = words::best(&verdict.spoken.text, told.len());
    best.ok_or_else(|| PlanFault::Judge.failure("the judge's verdict cannot be understood"))
}

fn texts(told: &[Told]) -> Vec<&str> {
    told.iter().map(|told| told.spoken.text.as_str()).collect()
}

fn pick(told: Vec<Told>, at: usize, how: String) -> Outcome {
    match told.into_iter().nth(at) {
        Some(told) => Outcome::Serve(told, how),
        None => Outcome::Fail(PlanFault::Judge.failure("the judge chose an answer that there is not")),
    }
}
