//! The plans of a policy in words: those written down, and those that are formed request by request.

use crate::catalog::{
    AcceptSpec, CascadeSpec, Compound, CompoundLicense, JudgeFailure, PlanKind, Policy, Snapshot,
    VerifyFailure,
};
use crate::types::ModelIx;

/// One line a plan, then the bounds of those of several models.
pub(super) fn lines(snapshot: &Snapshot, policy: &Policy) -> Vec<String> {
    let words = Words { snapshot, policy };
    let mut lines: Vec<String> = policy.plans.iter().flat_map(|kind| words.of(*kind)).collect();
    if policy.plans.iter().any(|kind| *kind != PlanKind::Single) {
        lines.push(words.bounds());
        lines.extend(words.audits());
    }
    lines
}

struct Words<'p> {
    snapshot: &'p Snapshot,
    policy: &'p Policy,
}

impl Words<'_> {
    fn of(&self, kind: PlanKind) -> Vec<String> {
        let settings = &self.policy.compound;
        let panel = |rounds: &str| {
            let members = match &settings.members[..] {
                [] => "the cheapest candidates".to_owned(),
                members => self.names(members, ", "),
            };
            let judge = settings.judge.map_or_else(|| "one of another family".to_owned(), |ix| self.name(ix));
            vec![format!("{}: {members}{rounds} | judge {judge}", kind.as_str())]
        };
        match kind {
            PlanKind::Single => vec!["single".to_owned()],
            PlanKind::Cascade if settings.cascades.is_empty() => {
                vec!["cascade: the two cheapest candidates, where they agree | baseline".to_owned()]
            }
            PlanKind::Cascade => settings.cascades.iter().map(|cascade| self.cascade(cascade)).collect(),
            PlanKind::Ensemble => panel(""),
            PlanKind::Debate => panel(&format!(" x{}", settings.rounds)),
            PlanKind::Draft if settings.drafts.is_empty() => {
                vec!["draft: the cheapest candidate | baseline".to_owned()]
            }
            PlanKind::Draft => {
                let line = |(drafter, verifier)| {
                    format!("draft: {} | {}", self.name(drafter), self.or_baseline(verifier))
                };
                settings.drafts.iter().map(|draft| line((draft.drafter, draft.verifier))).collect()
            }
        }
    }

    fn cascade(&self, CascadeSpec { tries, accept, last }: &CascadeSpec) -> String {
        let (by, accept) = match accept {
            AcceptSpec::Agreement => (" & ", "agreement".to_owned()),
            AcceptSpec::Majority => (", ", "majority".to_owned()),
            AcceptSpec::Structure => (", ", "structure".to_owned()),
            AcceptSpec::Acceptor => (", ", "acceptor".to_owned()),
            AcceptSpec::Logprobs(least) => (", ", format!("logprobs {least}")),
            AcceptSpec::Judge(judge) => (", ", format!("judge {}", self.name(*judge))),
        };
        format!("cascade: {}, by {accept} | {}", self.names(tries, by), self.or_baseline(*last))
    }

    fn bounds(&self) -> String {
        let Compound { quorum, max_fan_out, judge_failure, judge_tie, verify_failure, license, .. } =
            &self.policy.compound;
        let license = match license {
            CompoundLicense::Measured => "only once measured, or on request",
            CompoundLicense::Granted => "unmeasured too",
        };
        let word = |policy: &JudgeFailure| match policy {
            JudgeFailure::Fail => "fails",
            JudgeFailure::FirstByOrder => "leaves the first answer",
        };
        let (judge, torn) = (word(judge_failure), word(judge_tie));
        let verifier = match verify_failure {
            VerifyFailure::Fail => "fails",
            VerifyFailure::ServeUnverified => "leaves the draft",
        };
        format!(
            "several models serve {license}; at most {max_fan_out} at once, {quorum} answers are enough, a judge that \
             cannot say {judge}, one that is torn {torn}, a verifier that cannot {verifier}"
        )
    }

    fn audits(&self) -> Option<String> {
        let share = self.policy.compound.audit;
        let audits = share > 0.0 && self.policy.plans.contains(&PlanKind::Cascade);
        audits.then(|| {
            let percent = share * 100.0;
            format!("of a cascade's answers that stand {percent} % are audited: the last model is asked too, and serves")
        })
    }

    fn name(&self, model: ModelIx) -> String {
        self.snapshot.model(model).id.to_string()
    }

    fn names(&self, models: &[ModelIx], by: &str) -> String {
        models.iter().map(|model| self.name(*model)).collect::<Vec<_>>().join(by)
    }

    fn or_baseline(&self, model: Option<ModelIx>) -> String {
        model.map_or_else(|| "baseline".to_owned(), |model| self.name(model))
    }
}
