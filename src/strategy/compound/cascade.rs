//! Cheap models first, another where their answers do not stand.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::ask::{NOT_NEEDED, Question, Rest, Told, Untold, ask, ask_all, ask_while};
use super::tested::{self, Answer, Fallen};
use super::{Compound, Outcome, Spec, agree, missing, serve, words};
use crate::routing::{Accept, Acceptance, Cascade, Role};
use crate::strategy::attempt::{LegEnd, Trail};
use crate::strategy::chain::Failure;
use crate::strategy::job::Job;

/// An audit ends so long before the time of a request is over: the answer that stood has to be sent yet.
const TO_SEND: Duration = Duration::from_millis(100);
/// An audit takes no longer than this, whatever time there is: the client waits for an answer that is there. Whole answers of
/// ordinary length take less; the longest ones count as lost.
const LONGEST_AUDIT: Duration = Duration::from_secs(60);

/// What came of a cascade's test.
#[derive(Default)]
struct Test {
    /// The answer that stood, and how.
    stands: Option<(Told, String)>,
    /// Those that did not.
    fallen: Vec<Fallen>,
}

impl Test {
    fn stood(told: Told, how: String) -> Self {
        Self { stands: Some((told, how)), fallen: Vec::new() }
    }

    /// Nothing stood; the answer that would have served had it done so, where there is one.
    fn fell(job: &Job<'_>, told: Option<Told>) -> Self {
        Self { stands: None, fallen: told.map(|told| Fallen::of(job, told)).into_iter().collect() }
    }
}

pub(super) async fn run(
    job: &Job<'_>,
    (compound, cascade): (&Compound, &Cascade),
    trail: &mut Trail,
) -> Outcome {
    let test = match &cascade.accept {
        Accept::Agreement => agreement(job, compound, trail).await,
        Accept::Majority => majority(job, compound, trail).await,
        Accept::Structure | Accept::Acceptor | Accept::Logprobs(_) | Accept::Judge(_) => {
            in_turn(job, (compound, cascade), trail).await
        }
    };
    for fallen in &test.fallen {
        tested::file(job, fallen.answer(), false, trail);
    }
    match test.stands {
        Some(stood) => audited(job, compound, (stood, &test.fallen), trail).await,
        None => last(job, compound, &test.fallen, trail).await,
    }
}

/// All asked at once; the first one's answer, where all say the same. Who failed, was cut off or declined agrees with nobody. The rest
/// is let go as soon as two differ.
async fn agreement(job: &Job<'_>, compound: &Compound, trail: &mut Trail) -> Test {
    let tries: Vec<_> = compound.of(0, Role::Try).map(|spec| (spec, Question::Clients)).collect();
    let differ = |answers: &[Option<_>]| if same(job, answers) { Rest::Needed } else { Rest::LetGo };
    let Ok(answers) = ask_while(job, &tries, differ, trail).await else { return Test::default() };
    let agreed = tries.len() > 1 && same(job, &answers);
    let told: Vec<Told> = answers.into_iter().flatten().flatten().collect();
    let how = format!("cascade; agreed={}", told.len());
    match told.into_iter().next() {
        Some(first) if agreed => Test::stood(first, how),
        first => Test::fell(job, first),
    }
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
async fn majority(job: &Job<'_>, compound: &Compound, trail: &mut Trail) -> Test {
    let two: Vec<&Spec> = compound.of(0, Role::Try).collect();
    let Ok(answers) = ask_all(job, &two, Question::Clients, trail).await else { return Test::default() };
    let (mut told, useless): (Vec<Told>, Vec<Told>) =
        answers.into_iter().flatten().partition(|told| told.counts(job));
    if let [one, other] = &told[..]
        && agree::agree(&one.spoken, &other.spoken)
    {
        return Test::stood(told.swap_remove(0), "cascade; agreed=2".to_owned());
    }
    let Some(spec) = compound.of(1, Role::Try).next().filter(|_| !told.is_empty()) else {
        return Test::fell(job, told.into_iter().chain(useless).next());
    };
    let third = ask(job, spec, Question::Clients, trail).await.ok().filter(|told| told.counts(job));
    let says = |one: &Told| third.as_ref().is_some_and(|third| agree::agree(&one.spoken, &third.spoken));
    match told.iter().position(says) {
        Some(of_two) => Test::stood(told.swap_remove(of_two), "cascade; agreed=2/3".to_owned()),
        None => Test::fell(job, told.into_iter().next()),
    }
}

/// One after the other, each answer tested; a test that fails is a test that was not passed.
async fn in_turn(job: &Job<'_>, (compound, cascade): (&Compound, &Cascade), trail: &mut Trail) -> Test {
    let mut test = Test::default();
    let by_logprobs = matches!(cascade.accept, Accept::Logprobs(_));
    // An acceptor makes of it what it can; not every model has it.
    let asked = |spec: &Spec| match cascade.accept {
        Accept::Logprobs(_) => Question::HowProbable,
        Accept::Acceptor if job.tells_how_probable(spec.hop) => Question::HowProbable,
        Accept::Acceptor | Accept::Agreement | Accept::Majority | Accept::Structure | Accept::Judge(_) => {
            Question::Clients
        }
    };
    for (number, spec) in compound.legs.iter().filter(|leg| leg.role == Role::Try).enumerate() {
        // It has said that it does not tell: whatever it answered could not stand.
        if by_logprobs && !job.tells_how_probable(spec.hop) {
            continue;
        }
        let told = match ask(job, spec, asked(spec), trail).await {
            Ok(told) => told,
            Err(Untold::Budget(_)) => return test,
            Err(Untold::Failed(_)) => continue,
        };
        let (stands, by) = match &cascade.accept {
            // What has not the form that was asked for needs no judge.
            Accept::Judge(_) if !told.counts(job) => (false, "judge"),
            Accept::Judge(_) => (judged(job, (compound, spec), &told, trail).await, "judge"),
            Accept::Acceptor => {
                let signals = Answer::of(job, &told).signals(trail);
                let stands = |acceptance: &Acceptance| acceptance.stands(&signals);
                (compound.acceptance.as_ref().is_some_and(stands), "acceptor")
            }
            Accept::Logprobs(least) => {
                let reaches = told.spoken.probability.is_some_and(|found| found >= *least);
                (reaches && told.counts(job), "logprobs")
            }
            Accept::Structure | Accept::Agreement | Accept::Majority => (told.counts(job), "structure"),
        };
        if stands {
            test.stands = Some((told, format!("cascade; accepted={} by {by}", number + 1)));
            return test;
        }
        test.fallen.push(Fallen::of(job, told));
    }
    test
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
async fn last(job: &Job<'_>, compound: &Compound, fallen: &[Fallen], trail: &mut Trail) -> Outcome {
    let Some(spec) = compound.first(Role::Last) else { return missing(Role::Last) };
    let before = trail.legs.len();
    let answer = ask(job, spec, Question::Clients, trail).await;
    if trail.legs.len() > before {
        compare(job, fallen, answer.as_ref().ok(), trail);
    }
    match answer {
        Ok(told) => Outcome::Serve(told, "cascade; escalated".to_owned()),
        Err(untold) => Outcome::Fail(Failure::from(untold)),
    }
}

/// What stood serves; of the share that is audited the last model is asked all the same, and serves: it is paid for. Nothing fails
/// for an audit, and whether a request is audited has nothing to do with what its answers say.
async fn audited(
    job: &Job<'_>,
    compound: &Compound,
    ((told, how), fallen): ((Told, String), &[Fallen]),
    trail: &mut Trail,
) -> Outcome {
    tested::file(job, Answer::of(job, &told), true, trail);
    let before = trail.legs.len();
    let last = match compound
        .first(Role::Last)
        .filter(|_| tested::is_drawn(job.id, f64::from(compound.under.audit)))
    {
        Some(spec) => in_time(job, spec, trail).await,
        None => None,
    };
    // Nobody was called: it is not drawn, or there is no money or no time for it.
    if trail.legs.len() == before {
        return Outcome::Serve(told, how);
    }
    compare(job, fallen, last.as_ref(), trail);
    tested::compare(job, Answer::of(job, &told), last.as_ref(), trail);
    match last {
        Some(last) if last.counts(job) && serve::body(job, &last, None).is_ok() => {
            Outcome::Serve(last, how + "; audited")
        }
        Some(_) | None => Outcome::Serve(told, how + "; audit failed"),
    }
}

/// The last model's answer, unless that fails or there is no time for it: an answer is at hand.
async fn in_time(job: &Job<'_>, spec: &Spec, trail: &mut Trail) -> Option<Told> {
    let began = trail.legs.iter().map(|leg| leg.started).min().unwrap_or_default();
    let took = job.arrived.elapsed().saturating_sub(began);
    let until = audited_until(Instant::now(), [job.deadline, job.first_token_by], took)?;
    let asked = timeout_at(until, ask(job, spec, Question::Clients, trail)).await;
    if asked.is_err()
        && let Some(leg) = trail.legs.last_mut().filter(|leg| leg.end == LegEnd::Cancelled)
    {
        leg.fault = Some(NOT_NEEDED);
    }
    asked.ok()?.ok()
}

/// When an audit has to be over; `None` where less time is left than the plan took so far, in which the dearer model is not done either.
fn audited_until(now: Instant, limits: [Option<Instant>; 2], took: Duration) -> Option<Instant> {
    let Some(by) = limits.into_iter().flatten().min() else { return Some(now + LONGEST_AUDIT) };
    let until = by.checked_sub(TO_SEND).filter(|until| *until > now && *until - now >= took)?;
    Some(until.min(now + LONGEST_AUDIT))
}

fn compare(job: &Job<'_>, fallen: &[Fallen], last: Option<&Told>, trail: &mut Trail) {
    for fallen in fallen {
        tested::compare(job, fallen.answer(), last, trail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_has_the_time_that_is_left_and_a_minute_at_most() {
        let now = Instant::now() + Duration::from_secs(3600);
        let seconds = Duration::from_secs;
        let by = |time: Duration| Some(now + time);
        let rows = [
            ([None, None], seconds(300), Some(seconds(60))),
            ([by(seconds(300)), None], seconds(2), Some(seconds(60))),
            ([by(seconds(10)), None], seconds(2), Some(seconds(10) - TO_SEND)),
            ([by(seconds(10)), by(seconds(5))], seconds(2), Some(seconds(5) - TO_SEND)),
            ([None, by(seconds(2) + TO_SEND)], seconds(2), Some(seconds(2))),
            ([by(seconds(2)), None], seconds(2), None),
            ([by(TO_SEND), None], seconds(0), None),
            ([Some(now - seconds(1)), None], seconds(0), None),
        ];
        for (limits, took, left) in rows {
            let until = audited_until(now, limits, took);
            assert_eq!(until.map(|until| until - now), left, "{limits:?} {took:?}");
        }
    }
}
