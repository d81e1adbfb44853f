//! Several models answer: another chooses one of the answers (ensemble), or they see each other's and another sums up (debate).

use super::ask::{Answers, Question, Rest, Told, Untold, ask, ask_each, ask_while};
use super::{Compound, Outcome, PlanFault, Spec, agree, missing, words};
use crate::catalog::JudgeFailure;
use crate::routing::{Debate, Ensemble, Role};
use crate::strategy::attempt::Trail;
use crate::strategy::chain::Failure;
use crate::strategy::job::Job;
use crate::strategy::rules::{LastWord, last_word};
use crate::types::FailureClass;

pub(super) async fn ensemble(
    job: &Job<'_>,
    (compound, ensemble): (&Compound, &Ensemble),
    trail: &mut Trail,
) -> Outcome {
    let members: Vec<&Spec> = compound.of(0, Role::Member).collect();
    let told = match asked(job, (&members, Question::Clients), ensemble.quorum, trail).await {
        Ok(told) => told,
        Err(failure) => return Outcome::Fail(failure),
    };
    let of = format!("ensemble; quorum={}/{}", told.len(), members.len());
    // Where all say the same there is nothing to choose.
    if let Some(word) = undisputed(&told) {
        return pick(told, 0, format!("{of}; {word}"));
    }
    let unsure = |told, policy: JudgeFailure, failure: Failure, what: &str| match policy {
        JudgeFailure::Fail => Outcome::Fail(failure),
        JudgeFailure::FirstByOrder => pick(told, 0, format!("{of}; {what}, first by order")),
    };
    match chosen(job, compound, &told, trail).await {
        Ok(Some(best)) => pick(told, best, format!("{of}; chosen={}", best + 1)),
        Ok(None) => {
            let torn = PlanFault::Judge.failure("the judge's choice follows the order of the answers");
            unsure(told, compound.judge_tie, torn, "tied")
        }
        Err(failure) => unsure(told, compound.judge_failure, failure, "judge failed"),
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
        let text = words::shown(&question, &texts(&told));
        let composed = words::again(&text, debaters.first().map_or(0, |debater| debater.output_cap));
        let asks = if round == 0 { Question::Clients } else { Question::Own(&composed) };
        told = match asked(job, (&debaters, asks), debate.quorum, trail).await {
            Ok(told) => told,
            Err(failure) => return Outcome::Fail(failure),
        };
        // Nobody has anything to add to what all say.
        if let Some(word) = undisputed(&told) {
            let how = format!("debate; rounds={}; {word}", round + 1);
            return pick(told, 0, how);
        }
    }
    let Some(author) = compound.first(Role::Author) else { return missing(Role::Author) };
    let text = words::shown(&question, &texts(&told));
    let composed = words::sums_up(&text, author.output_cap);
    let how = format!("debate; rounds={}; quorum={}/{}", debate.rounds, told.len(), debate.debaters.len());
    let unwritten = |detail: String| match compound.judge_failure {
        JudgeFailure::Fail => Outcome::Fail(PlanFault::Judge.failure(detail)),
        JudgeFailure::FirstByOrder => pick(told, 0, format!("{how}; judge failed, first by order")),
    };
    match ask(job, author, Question::Own(&composed), trail).await {
        Ok(summary) if summary.counts(job) => Outcome::Serve(summary, how),
        Ok(_) => unwritten("what sums up the answers was cut off or declined".to_owned()),
        Err(Untold::Budget(detail)) => Outcome::Fail(PlanFault::Budget.failure(detail)),
        Err(Untold::Failed(failure)) => unwritten(failure.detail),
    }
}

/// Why there is nothing to choose from, where that is so: one answer alone agrees with nobody.
fn undisputed(told: &[Told]) -> Option<&'static str> {
    match told {
        [_] => Some("only answer"),
        [first, others @ ..] => {
            others.iter().all(|other| agree::agree(&first.spoken, &other.spoken)).then_some("agreed")
        }
        [] => None,
    }
}

/// What members answer side by side, where enough of it counts. Nobody is waited for once there cannot be enough, nor for long once
/// there is.
async fn asked(
    job: &Job<'_>,
    (members, question): (&[&Spec], Question<'_>),
    quorum: u8,
    trail: &mut Trail,
) -> Result<Vec<Told>, Failure> {
    let quorum = usize::from(quorum.max(1));
    let legs: Vec<_> = members.iter().map(|spec| (*spec, question)).collect();
    let rest = |answers: &[Option<Result<Told, Untold>>]| {
        let counting = answers.iter().flatten().flatten().filter(|told| told.counts(job)).count();
        let open = answers.iter().filter(|answer| answer.is_none()).count();
        match counting {
            _ if counting + open < quorum => Rest::LetGo,
            _ if counting >= quorum => Rest::Welcome,
            _ => Rest::Needed,
        }
    };
    let answers = ask_while(job, &legs, rest, trail).await.map_err(Failure::from)?;
    enough(job, answers, quorum)
}

/// The answers that count, where they are enough. Where they were cut off by the deadline, that is what failed.
fn enough(job: &Job<'_>, answers: Answers, quorum: usize) -> Result<Vec<Told>, Failure> {
    let of = answers.len();
    let (mut told, mut late, mut refusals) = (Vec::with_capacity(of), None, Vec::new());
    for answer in answers.into_iter().flatten() {
        match answer {
            Ok(answer) if answer.counts(job) => told.push(answer),
            Err(Untold::Failed(failure)) if failure.class == FailureClass::Timeout => late = Some(failure),
            Err(Untold::Failed(failure)) if blames_the_request(&failure) => refusals.push(failure),
            Ok(_) | Err(_) => {}
        }
    }
    if told.len() < quorum {
        let detail = format!("{} of {of} members gave a whole answer, {quorum} are needed", told.len());
        // Where so many find fault with the request, asking again helps nobody, whatever the others might have said.
        let refusal = Some(of - refusals.len()).filter(|others| *others < quorum).and(refusals.pop());
        let late = late.filter(|_| job.is_out_of_time());
        return Err(refusal.or(late).unwrap_or_else(|| PlanFault::Quorum.failure(detail)));
    }
    Ok(told)
}

/// Whether a provider says that the request is at fault.
fn blames_the_request(failure: &Failure) -> bool {
    failure.answer.is_some() && last_word(failure.class) == LastWord::Providers
}

/// The judge's choice, asked side by side with the answers in their order and the other way round; `None` where it follows the
/// place and not the answer.
async fn chosen(
    job: &Job<'_>,
    compound: &Compound,
    told: &[Told],
    trail: &mut Trail,
) -> Result<Option<usize>, Failure> {
    let judges: Vec<&Spec> = compound.of(1, Role::Judge).collect();
    let [forth, back] = judges[..] else {
        return Err(PlanFault::Judge.failure("the plan has no two legs for its judge"));
    };
    let question =
        job.question().ok_or_else(|| PlanFault::Judge.failure("the request cannot be shown to a judge"))?;
    let mut answers = texts(told);
    let in_order = words::shown(&question, &answers);
    answers.reverse();
    let reversed = words::shown(&question, &answers);
    let composed = [words::chooses(&in_order, forth.output_cap), words::chooses(&reversed, back.output_cap)];
    let legs = [(forth, Question::Own(&composed[0])), (back, Question::Own(&composed[1]))];
    let verdicts = ask_each(job, &legs, trail).await.map_err(Failure::from)?;
    let mut best = Vec::with_capacity(legs.len());
    for verdict in verdicts {
        let verdict = verdict.map_err(|untold| match untold {
            Untold::Budget(detail) => PlanFault::Budget.failure(detail),
            Untold::Failed(failure) => PlanFault::Judge.failure(failure.detail),
        })?;
        let found = words::best(&verdict.spoken.text, told.len());
        best.push(found.ok_or_else(|| PlanFault::Judge.failure("the judge's verdict cannot be understood"))?);
    }
    Ok((best[0] + best[1] + 1 == told.len()).then_some(best[0]))
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
