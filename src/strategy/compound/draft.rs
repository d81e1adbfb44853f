//! One model writes, another accepts it or says what is wrong; only that is changed. What cannot be mended it answers itself.

use super::ask::{Question, Untold, ask};
use super::tested::{self, Answer};
use super::{Compound, Outcome, PlanFault, missing, words};
use crate::catalog::VerifyFailure;
use crate::routing::Role;
use crate::strategy::attempt::Trail;
use crate::strategy::chain::Failure;
use crate::strategy::job::Job;

pub(super) async fn run(job: &Job<'_>, compound: &Compound, trail: &mut Trail) -> Outcome {
    let Some(drafter) = compound.first(Role::Drafter) else { return missing(Role::Drafter) };
    let Some(verifier) = compound.first(Role::Verifier) else { return missing(Role::Verifier) };
    let draft = match ask(job, drafter, Question::Clients, trail).await {
        Ok(draft) => draft,
        Err(untold) => return Outcome::Fail(Failure::from(untold)),
    };
    // What was cut off, declined or has not the form that was asked for is not worth verifying.
    if !draft.counts(job) {
        tested::file(job, Answer::of(job, &draft), false, trail);
        return anew(job, compound, trail).await;
    }
    let unverified = |draft, detail: String| match compound.verify_failure {
        VerifyFailure::Fail => Outcome::Fail(PlanFault::Verifier.failure(detail)),
        VerifyFailure::ServeUnverified => Outcome::Serve(draft, "draft; unverified".to_owned()),
    };
    let Some(question) = job.question() else {
        return unverified(draft, "the request cannot be shown to a verifier".to_owned());
    };
    let text = words::shown(&question, &[&draft.spoken.text]);
    let composed = words::verifies(&text, verifier.output_cap);
    let verdict = match ask(job, verifier, Question::Own(&composed), trail).await {
        Ok(verdict) if verdict.spoken.refused => {
            return unverified(draft, "the verifier declined to say anything of the draft".to_owned());
        }
        Ok(verdict) => verdict,
        Err(Untold::Budget(detail)) => return Outcome::Fail(PlanFault::Budget.failure(detail)),
        Err(Untold::Failed(failure)) => return unverified(draft, failure.detail),
    };
    let corrected = words::corrected(&draft.spoken.text, &verdict.spoken.text);
    if let Ok(corrected) = &corrected {
        let stood = matches!(corrected, words::Corrected::Accepted);
        tested::file(job, Answer::of(job, &draft), stood, trail);
    }
    match corrected {
        Ok(words::Corrected::Accepted) => Outcome::Serve(draft, "draft; accepted".to_owned()),
        Ok(words::Corrected::Spliced(text, count)) => {
            Outcome::Rewrite(draft, text, format!("draft; corrected={count}"))
        }
        Ok(words::Corrected::Anew(text)) => Outcome::Rewrite(verdict, text, "draft; rewritten".to_owned()),
        Ok(words::Corrected::Rejected) => anew(job, compound, trail).await,
        Err(what) => unverified(draft, what),
    }
}

/// A draft that was rejected never serves: its verifier is asked what the client asks.
async fn anew(job: &Job<'_>, compound: &Compound, trail: &mut Trail) -> Outcome {
    let Some(spec) = compound.first(Role::Last) else { return missing(Role::Last) };
    match ask(job, spec, Question::Clients, trail).await {
        Ok(told) => Outcome::Serve(told, "draft; rejected".to_owned()),
        Err(untold) => Outcome::Fail(Failure::from(untold)),
    }
}
