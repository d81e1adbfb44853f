//! Cheap models first, another where their answers do not stand.

use super::ask::{Question, Rest, Told, Untold, ask, ask_all, ask_while};
use super::{Compound, Outcome, Spec, agree, missing, words};
use crate::routing::{Accept, Cascade, Role};
use crate::strategy::attempt::Trail;
use crate::strategy::chain::Failure;
use crate::strategy::job::Job;

pub(super) async fn run(
    job: &Job<'_>,
    (compound, cascade): (&Compound, &Cascade),
    trail: &mut Trail,
) -> Outcome {
    let stands = match &cascade.accept {
        Accept::Agreement => agreement(job, compound, trail).await,
        Accept::Majority => majority(job, compound, trail).await,
        Accept::Structure | Accept::Judge(_) => in_turn(job, (compound, cascade), trail).await,
    };
    match stands {
        Some((told, how)) => Outcome::Serve(told, how),
        None => last(job, compound, trail).await,
    }
}

/// All asked at once; the first one's answer, where all say the same. Who failed, was cut off or declined agrees with nobody. The rest
/// is let go as soon as two differ.
async fn agreement(job: &Job<'_>, compound: &Compound, trail: &mut Trail) -> Option<(Told, String)> {
    let tries: Vec<_> = compound.of(0, Role::Try).map(|spec| (spec, Question::Clients)).collect();
    let differ = |answers: &[Option<_>]| if same(job, answers) { Rest::Needed } else { Rest::LetGo };
    let answers = ask_while(job, &tries, differ, trail).await.ok()?;
    if !same(job, &answers) {
        return None;
    }
    let told: Vec<Told> = answers.into_iter().flatten().flatten().collect();
    let how = format!("cascade; agreed={}", told.len());
    told.into_iter().next().filter(|_| tries.len() > 1).map(|first| (first, how))
}

/// Whether all answers that are there count and say the same.
fn same(job: &Job<'_>, answers: &[Option<Result<Told, Untold>>]) -> bool {
    let mut so_far: Vec<&Told> = Vec::with_capacity(answers.len());
    for answer in answers.iter().flatten() {
        let Ok(told) = answer else { return false };
        if !told.counts(job) || !so_far.iter().all(|other| agree::agree(&other.spoken, &told.spoken)) {
            return false;
        }
        so_far.push(told);
    }
    true
}

/// Two asked at once, and a third where they do not say the same; what two of them say. Where neither gave an answer that counts
/// nobody is left to agree.
async fn majority(job: &Job<'_>, compound: &Compound, trail: &mut Trail) -> Option<(Told, String)> {
    let two: Vec<&Spec> = compound.of(0, Role::Try).collect();
    let answers = ask_all(job, &two, Question::Clients, trail).await.ok()?;
    let mut told: Vec<Told> = answers.into_iter().flatten().filter(|told| told.counts(job)).collect();
    if let [one, other] = &told[..]
        && agree::agree(&one.spoken, &other.spoken)
    {
        return Some((told.swap_remove(0), "cascade; agreed=2".to_owned()));
    }
    let spec = compound.of(1, Role::Try).next().filter(|_| !told.is_empty())?;
    let third = ask(job, spec, Question::Clients, trail).await.ok().filter(|told| told.counts(job))?;
    let of_two = told.iter().position(|one| agree::agree(&one.spoken, &third.spoken))?;
    Some((told.swap_remove(of_two), "cascade; agreed=2/3".to_owned()))
}

/// One after the other, each answer tested; a test that fails is a test that was not passed.
async fn in_turn(
    job: &Job<'_>,
    (compound, cascade): (&Compound, &Cascade),
    trail: &mut Trail,
) -> Option<(Told, String)> {
    for (number, spec) in compound.legs.iter().filter(|leg| leg.role == Role::Try).enumerate() {
        let told = match ask(job, spec, Question::Clients, trail).await {
            Ok(told) => told,
            Err(Untold::Budget(_)) => return None,
            Err(Untold::Failed(_)) => continue,
        };
        let (stands, test) = match &cascade.accept {
            // What has not the form that was asked for needs no judge.
            Accept::Judge(_) if !told.counts(job) => continue,
            Accept::Judge(_) => (judged(job, (compound, spec), &told, trail).await, "judge"),
            Accept::Structure | Accept::Agreement | Accept::Majority => (told.counts(job), "structure"),
        };
        if stands {
            return Some((told, format!("cascade; accepted={} by {test}", number + 1)));
        }
    }
    None
}

async fn judged(
    job: &Job<'_>,
    (compound, tried): (&Compound, &Spec),
    told: &Told,
    trail: &mut Trail,
) -> bool {
    let judge = compound.legs.iter().find(|leg| leg.role == Role::Judge && leg.wave == tried.wave + 1);
    let (Some(judge), Some(question)) = (judge, job.question()) else { return false };
    let text = words::shown(&question, &[&told.spoken.text]);
    let composed = words::accepts(&text, judge.output_cap);
    match ask(job, judge, Question::Own(&composed), trail).await {
        Ok(verdict) => words::accepted(&verdict.spoken.text).unwrap_or(false),
        Err(_) => false,
    }
}

/// Served untested.
async fn last(job: &Job<'_>, compound: &Compound, trail: &mut Trail) -> Outcome {
    let Some(spec) = compound.first(Role::Last) else { return missing(Role::Last) };
    match ask(job, spec, Question::Clients, trail).await {
        Ok(told) => Outcome::Serve(told, "cascade; escalated".to_owned()),
        Err(untold) => Outcome::Fail(Failure::from(untold)),
    }
}
