//! What each failure class does under a policy, derived from its `on`, `fallback` and `on_auth_failure`. It describes
//! the chain that `strategy` runs and must change with it.

use serde::Serialize;

use super::Cells;
use crate::catalog::{Credential, Policy, Snapshot};
use crate::strategy::{LastWord, Rules, last_word, may_repeat};
use crate::types::{FailureClass, ModelIx};

/// What one failure class does.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    /// The class.
    pub(super) class: FailureClass,
    /// While another hop is left; `None` when the policy has only one.
    pub(super) before: Option<Outcome>,
    /// On the last hop.
    pub(super) last: Outcome,
}

/// What happens next.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The next hop is tried with the full body.
    NextHop,
    /// The same, but behind a status of 500 the hop itself is asked once more before.
    OnceMoreThenNextHop,
    /// The next hop with a larger context window; without one the caller gets the provider's own answer.
    NextHopWithLargerWindow,
    /// The same hop is tried again, at most so often; then the caller gets an error of ours.
    RetryThenError(u32),
    /// The caller gets the provider's own answer.
    AnswerPassedThrough,
    /// The caller gets an error of ours that lists the attempts.
    ExplicitError,
    /// As the line before with a key of ours; with the caller's own the provider's answer.
    ExplicitErrorUnlessCallersKey,
}

impl Row {
    pub(super) const HEADER: [&'static str; 3] = ["failure", "another hop is left", "last hop"];
}

impl Cells for Row {
    fn cells(&self) -> Vec<String> {
        let before = self.before.as_ref().map_or_else(|| "no other hop".to_owned(), Outcome::words);
        vec![self.class.as_str().to_owned(), before, self.last.words()]
    }
}

impl Outcome {
    fn words(&self) -> String {
        match self {
            Self::NextHop => "next hop".to_owned(),
            Self::OnceMoreThenNextHop => "next hop (status 500: once more at the same hop first)".to_owned(),
            Self::NextHopWithLargerWindow => "next hop with a larger context window".to_owned(),
            Self::RetryThenError(most) => {
                format!("retry on the last hop (at most {most}), then explicit error")
            }
            Self::AnswerPassedThrough => "answer passed through".to_owned(),
            Self::ExplicitError => "explicit error".to_owned(),
            Self::ExplicitErrorUnlessCallersKey => {
                "explicit error; with the caller's own key: answer passed through".to_owned()
            }
        }
    }
}

/// A row for every class.
pub(super) fn rows(snapshot: &Snapshot, policy: &Policy) -> Vec<Row> {
    let chain = Chain::of(snapshot, policy);
    FailureClass::ALL.into_iter().map(|class| row(class, policy, &chain)).collect()
}

/// What matters of the hops a policy may walk.
struct Chain {
    /// Whether any choice leaves a second hop.
    has_next: bool,
    /// Extra attempts on the last hop.
    retries: u32,
    /// Whether some hop may be asked once more although there is another.
    repeats: bool,
    /// Whether some hop carries a credential of ours.
    held: bool,
    /// Whether some hop carries the caller's own.
    passthrough: bool,
}

impl Chain {
    fn of(snapshot: &Snapshot, policy: &Policy) -> Self {
        let first: Vec<ModelIx> = policy.candidates.iter().copied().chain(policy.baseline).collect();
        let providers = |models: &[ModelIx]| -> Vec<_> {
            let deployments = models.iter().flat_map(|ix| snapshot.model(*ix).deployments.clone());
            deployments.map(|ix| snapshot.provider(snapshot.deployment(ix).provider)).collect()
        };
        let several = |ix: &ModelIx| snapshot.model(*ix).deployments.len() > 1;
        let all: Vec<_> = first.iter().chain(&policy.fallback).copied().collect();
        let last = policy.fallback.last().map_or_else(|| first.clone(), |ix| vec![*ix]);
        let carries = |wanted: fn(&Credential) -> bool| {
            providers(&all).into_iter().any(|provider| wanted(&provider.credential))
        };
        Self {
            has_next: !policy.fallback.is_empty() || first.iter().any(several),
            repeats: providers(&all).into_iter().any(|provider| provider.retries > 0),
            retries: providers(&last).into_iter().map(|provider| provider.retries).max().unwrap_or(0),
            held: carries(|credential| matches!(credential, Credential::Held(_))),
            passthrough: carries(|credential| matches!(credential, Credential::Passthrough)),
        }
    }
}

fn row(class: FailureClass, policy: &Policy, chain: &Chain) -> Row {
    let rules = Rules::Guarded { on: &policy.on, on_auth_failure: policy.on_auth_failure };
    if !rules.goes_on(class) {
        return Row { class, before: chain.has_next.then(|| end(class, chain)), last: end(class, chain) };
    }
    let repeats = may_repeat(class) && chain.retries > 0;
    let last = if repeats { Outcome::RetryThenError(chain.retries) } else { end(class, chain) };
    let before = match class {
        FailureClass::ServerError if chain.repeats => Outcome::OnceMoreThenNextHop,
        FailureClass::ContextLength => Outcome::NextHopWithLargerWindow,
        _ => Outcome::NextHop,
    };
    Row { class, before: chain.has_next.then_some(before), last }
}

/// What the caller gets when no hop is left or the class ends the chain.
fn end(class: FailureClass, chain: &Chain) -> Outcome {
    match last_word(class) {
        LastWord::Providers => Outcome::AnswerPassedThrough,
        LastWord::ProvidersOnCallersKey => match (chain.held, chain.passthrough) {
            (true, true) => Outcome::ExplicitErrorUnlessCallersKey,
            (false, true) => Outcome::AnswerPassedThrough,
            (_, false) => Outcome::ExplicitError,
        },
        LastWord::Ours => Outcome::ExplicitError,
    }
}
