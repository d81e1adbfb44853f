//! `[policies.compound]`: the plans of several models of one policy, and their bounds. What concerns whole plans is checked
//! here: who judges whom, and how many are asked side by side.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Context;
use super::names::{resolve, resolve_all};
use super::tree::{Node, Table};
use crate::catalog::{
    AcceptSpec, CascadeSpec, Compound, CompoundLicense, DraftSpec, JudgeFailure, Model, PlanKind,
    VerifyFailure,
};
use crate::types::{ModelIx, Probability};

const JUDGE_FAILURE: [(&str, JudgeFailure); 2] =
    [("fail", JudgeFailure::Fail), ("first_by_order", JudgeFailure::FirstByOrder)];
const VERIFY_FAILURE: [(&str, VerifyFailure); 2] =
    [("fail", VerifyFailure::Fail), ("serve_unverified", VerifyFailure::ServeUnverified)];
const LICENSES: [(&str, CompoundLicense); 2] =
    [("measured", CompoundLicense::Measured), ("granted", CompoundLicense::Granted)];

/// Tests of an answer; with `judge` the judge of the entry, with `logprobs` its `min_probability`.
const ACCEPT: [(&str, Accept); 6] = [
    ("agreement", Accept::Plain(AcceptSpec::Agreement)),
    ("majority", Accept::Plain(AcceptSpec::Majority)),
    ("structure", Accept::Plain(AcceptSpec::Structure)),
    ("acceptor", Accept::Plain(AcceptSpec::Acceptor)),
    ("logprobs", Accept::Logprobs),
    ("judge", Accept::Judge),
];

#[derive(Clone, Copy)]
enum Accept {
    Plain(AcceptSpec),
    Logprobs,
    Judge,
}

/// Shorter is chatter, longer is no sign of life.
const KEEP_ALIVE_MS: RangeInclusive<u64> = 500..=60_000;

/// Below, every answer would stand.
const PROBABILITIES: RangeInclusive<f64> = 0.000_001..=1.0;

/// Most models that must agree.
const MOST_AGREEING: usize = 3;
/// Models of which two must agree. No more than two are asked at once.
const OF_A_MAJORITY: usize = 3;

/// What the plans of a policy are read with.
pub(super) struct Around<'r> {
    pub(super) context: &'r Context<'r>,
    pub(super) models: &'r [Model],
    /// Who answers last and verifies where nothing else is written.
    pub(super) baseline: Option<ModelIx>,
    pub(super) plans: &'r [PlanKind],
}

impl Around<'_> {
    pub(super) fn read(&self, table: &Table<'_>) -> Compound {
        let usual = Compound::default();
        let most = u64::from(Compound::MOST_FAN_OUT);
        let number = |key, default: u8, least: u64, most: u64| {
            u8::try_from(table.integer_or(key, u64::from(default), least..=most)).unwrap_or(default)
        };
        let max_fan_out = number("max_fan_out", usual.max_fan_out, 2, most);
        let members = table.get("members");
        let judge = table.get("judge");
        let compound = Compound {
            cascades: self.entries(table, "cascade", |entry| self.cascade(entry, max_fan_out)),
            drafts: self.entries(table, "draft", |entry| self.draft(entry)),
            members: members.as_ref().map(|node| self.members(node, max_fan_out)).unwrap_or_default(),
            judge: judge.as_ref().and_then(|node| self.model(node)),
            rounds: number("rounds", usual.rounds, 1, u64::from(Compound::MOST_ROUNDS)),
            quorum: number("quorum", usual.quorum, 1, most),
            max_fan_out,
            judge_failure: table.choice_or("judge_failure", usual.judge_failure, &JUDGE_FAILURE),
            judge_tie: table.choice_or("judge_tie", usual.judge_tie, &JUDGE_FAILURE),
            audit: table.number_or("audit", usual.audit, 0.0..=Compound::MOST_AUDITED),
            keep_alive: Duration::from_millis(table.integer_or(
                "keep_alive_ms",
                u64::try_from(usual.keep_alive.as_millis()).unwrap_or(u64::MAX),
                KEEP_ALIVE_MS,
            )),
            verify_failure: table.choice_or("verify_failure", usual.verify_failure, &VERIFY_FAILURE),
            license: table.choice_or("license", usual.license, &LICENSES),
        };
        if let (Some(node), Some(judge)) = (&judge, compound.judge) {
            self.impartial(node, judge, &compound.members);
        }
        self.quorum(table, &compound);
        self.audits(table, &compound);
        table.refuse_others();
        compound
    }

    fn entries<T>(
        &self,
        table: &Table<'_>,
        key: &'static str,
        read: impl Fn(&Table<'_>) -> Option<T>,
    ) -> Vec<T> {
        let tables = table.tables(key);
        let kind = PlanKind::parse(key).unwrap_or(PlanKind::Single);
        if !tables.is_empty()
            && !self.plans.contains(&kind)
            && let Some(node) = table.get(key)
        {
            node.fault(format!("stands for nothing while \"{key}\" is not among the `plans` of this policy"));
        }
        tables.iter().filter_map(read).collect()
    }

    fn cascade(&self, table: &Table<'_>, max_fan_out: u8) -> Option<CascadeSpec> {
        let tries = table.need("tries", "name who is asked first, as [\"small\", \"medium\"]");
        let accept = table.choice_or("accept", Accept::Plain(AcceptSpec::Agreement), &ACCEPT);
        let named = tries.as_ref().map(|node| self.tries(node, accept)).unwrap_or_default();
        let (judge, least) = (table.get("judge"), table.get("min_probability"));
        let last = table.get("last").and_then(|node| Some((self.model(&node)?, node)));
        table.refuse_others();
        let accept = match (accept, &judge, &least) {
            (Accept::Plain(_) | Accept::Logprobs, Some(node), _) => {
                node.fault("judges nothing here: that takes accept = \"judge\"");
                return None;
            }
            (Accept::Plain(_) | Accept::Judge, _, Some(node)) => {
                node.fault("tests nothing here: that takes accept = \"logprobs\"");
                return None;
            }
            (Accept::Plain(accept), None, None) => accept,
            (Accept::Judge, None, _) => {
                table.missing("judge", "name the model that says whether an answer stands");
                return None;
            }
            (Accept::Judge, Some(node), None) => {
                let judge = self.model(node)?;
                self.impartial(node, judge, &named);
                AcceptSpec::Judge(judge)
            }
            (Accept::Logprobs, None, None) => {
                table.missing(
                    "min_probability",
                    "no figure fits all models: write one that yours was measured with",
                );
                return None;
            }
            (Accept::Logprobs, None, Some(node)) => {
                AcceptSpec::Logprobs(node.number(PROBABILITIES).and_then(Probability::new)?)
            }
        };
        let tries = tries?;
        let (least, most) = match accept {
            AcceptSpec::Agreement => (2, MOST_AGREEING.min(usize::from(max_fan_out))),
            AcceptSpec::Majority => (OF_A_MAJORITY, OF_A_MAJORITY),
            AcceptSpec::Structure | AcceptSpec::Logprobs(_) | AcceptSpec::Judge(_) => {
                (1, usize::from(max_fan_out))
            }
            // Learnt of one model's answers.
            AcceptSpec::Acceptor => (1, 1),
        };
        self.count(&tries, (least, most));
        match last.as_ref().map(|(last, _)| *last).or(self.baseline) {
            Some(model) if named.contains(&model) => {
                let node = last.as_ref().map_or(&tries, |(_, node)| node);
                node.fault("the model that answers last is among those tried first: name another");
            }
            Some(_) | None => {}
        }
        Some(CascadeSpec { tries: named, accept, last: last.map(|(last, _)| last) })
    }

    /// Who is asked first. Where answers must be the same, one model may be asked more than once: self-consistency.
    fn tries(&self, node: &Node<'_>, accept: Accept) -> Vec<ModelIx> {
        match accept {
            Accept::Plain(AcceptSpec::Agreement | AcceptSpec::Majority) => {
                node.items().iter().filter_map(|item| self.model(item)).collect()
            }
            Accept::Plain(
                AcceptSpec::Structure | AcceptSpec::Acceptor | AcceptSpec::Logprobs(_) | AcceptSpec::Judge(_),
            )
            | Accept::Logprobs
            | Accept::Judge => self.list(node),
        }
    }

    fn draft(&self, table: &Table<'_>) -> Option<DraftSpec> {
        let drafter = table.need("drafter", "name the model that writes").and_then(|node| self.model(&node));
        let node = table.get("verifier");
        let verifier = node.as_ref().and_then(|node| self.model(node));
        table.refuse_others();
        let drafter = drafter?;
        if verifier.or(self.baseline) == Some(drafter) {
            table.missing("verifier", "a model does not verify itself: name another");
        }
        Some(DraftSpec { drafter, verifier })
    }

    fn members(&self, node: &Node<'_>, max_fan_out: u8) -> Vec<ModelIx> {
        self.count(node, (2, usize::from(max_fan_out)));
        self.list(node)
    }

    /// How many models may stand in a list.
    fn count(&self, node: &Node<'_>, (least, most): (usize, usize)) {
        let found = node.items().len();
        if node.is_array() && !(least..=most).contains(&found) {
            node.fault(match least == most {
                true => format!("holds {found}: it takes {least} here"),
                false => {
                    format!("holds {found}: {least} to {most} are possible here, and no more than max_fan_out at once")
                }
            });
        }
    }

    /// A judge favours its own kind.
    fn impartial(&self, node: &Node<'_>, judge: ModelIx, judged: &[ModelIx]) {
        let family = |ix: &ModelIx| self.models.get(ix.at()).map(|model| &model.family);
        if let Some(relative) = judged.iter().find(|one| family(one) == family(&judge))
            && let Some(family) = family(relative)
        {
            let name = self.context.names.models.get(relative.at()).unwrap_or(&"");
            node.fault(format!(
                "is of the family `{family}`, as is `{name}`, which it would judge: name a judge of another, or write the \
                 `family` of the models where it is taken wrongly"
            ));
        }
    }

    fn quorum(&self, table: &Table<'_>, compound: &Compound) {
        let (quorum, members) = (usize::from(compound.quorum), compound.members.len());
        if members > 0
            && quorum > members
            && let Some(node) = table.get("quorum")
        {
            node.fault(format!(
                "{quorum} answers of {members} members can never be: write at most {members}"
            ));
        }
    }

    fn audits(&self, table: &Table<'_>, compound: &Compound) {
        if compound.audit > 0.0
            && !self.plans.contains(&PlanKind::Cascade)
            && let Some(node) = table.get("audit")
        {
            node.fault("audits nothing while \"cascade\" is not among the `plans` of this policy");
        }
    }

    fn model(&self, node: &Node<'_>) -> Option<ModelIx> {
        resolve(node, &self.context.names.models, "models").map(ModelIx)
    }

    fn list(&self, node: &Node<'_>) -> Vec<ModelIx> {
        resolve_all(node, &self.context.names.models, "models").into_iter().map(ModelIx).collect()
    }
}
