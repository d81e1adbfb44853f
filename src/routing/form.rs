//! Which plans of several models stand for a choice: those a policy writes down, or else one of each kind from its
//! candidates.

use super::choose::Field;
use super::compound::{Accept, Cascade, Debate, Draft, Ensemble};
use super::frontier::cost_of;
use super::plan::{Candidate, Plan, Verdict};
use crate::catalog::{AcceptSpec, CascadeSpec, PlanKind};
use crate::types::{ModelId, ModelIx, NanoUsd};

/// Most models of a plan that is formed.
const MEMBERS: usize = 3;

impl Field<'_> {
    /// The plans of a kind, in declared order, or why there is none. `singles`: the candidates alone, weighed.
    pub(super) fn plans_of(&self, kind: PlanKind, singles: &[Candidate]) -> Result<Vec<Plan>, &'static str> {
        let cheap = || self.cheap(singles);
        match kind {
            PlanKind::Single => Ok(Vec::new()),
            PlanKind::Cascade => self.cascades(&cheap),
            PlanKind::Ensemble => self
                .panel(&cheap)
                .map(|(members, judge, quorum)| vec![Plan::Ensemble(Ensemble { members, judge, quorum })]),
            PlanKind::Debate => self.panel(&cheap).map(|(debaters, judge, quorum)| {
                let rounds = self.policy.compound.rounds;
                vec![Plan::Debate(Debate { debaters, rounds, judge, quorum })]
            }),
            PlanKind::Draft => self.drafts(&cheap),
        }
    }

    /// The candidates that cost less than the baseline and can be called, the cheapest first.
    fn cheap(&self, singles: &[Candidate]) -> Vec<ModelIx> {
        let standard = self.standard(singles).map_or(NanoUsd::ZERO, cost_of);
        let callable = |candidate: &&Candidate| match &candidate.verdict {
            Verdict::Eligible { .. } => true,
            Verdict::Ineligible(why) => why.is_about_limits(),
        };
        let mut cheap: Vec<&Candidate> =
            singles.iter().filter(callable).filter(|single| cost_of(single) < standard).collect();
        // Stable: of two that cost the same the one declared first.
        cheap.sort_by_key(|candidate| cost_of(candidate));
        let position = |candidate: &Candidate| match &candidate.plan {
            Plan::Single(model) => self.snapshot.model_by_id(model.as_str()),
            Plan::Named | Plan::Cascade(_) | Plan::Ensemble(_) | Plan::Debate(_) | Plan::Draft(_) => None,
        };
        cheap.into_iter().filter_map(position).collect()
    }

    fn cascades(&self, cheap: &dyn Fn() -> Vec<ModelIx>) -> Result<Vec<Plan>, &'static str> {
        let written = &self.policy.compound.cascades;
        if !written.is_empty() {
            let plans: Vec<Plan> = written.iter().filter_map(|spec| self.cascade(spec)).collect();
            let none = "each of its cascades tries the model that would answer last";
            return if plans.is_empty() { Err(none) } else { Ok(plans) };
        }
        let mut tries = cheap();
        tries.truncate(2);
        if tries.len() < 2 {
            return Err("a cascade takes two candidates that cost less than the baseline and can be called");
        }
        let spec = CascadeSpec { tries, accept: AcceptSpec::Agreement, last: None };
        Ok(self.cascade(&spec).into_iter().collect())
    }

    /// `None`: the baseline of this request is among those tried first.
    fn cascade(&self, spec: &CascadeSpec) -> Option<Plan> {
        let last = spec.last.unwrap_or(self.baseline);
        if spec.tries.contains(&last) {
            return None;
        }
        let accept = match spec.accept {
            AcceptSpec::Agreement => Accept::Agreement,
            AcceptSpec::Majority => Accept::Majority,
            AcceptSpec::Structure => Accept::Structure,
            AcceptSpec::Acceptor => Accept::Acceptor,
            AcceptSpec::Logprobs(least) => Accept::Logprobs(least),
            AcceptSpec::Judge(judge) => Accept::Judge(self.id(judge)),
        };
        Some(Plan::Cascade(Cascade { tries: self.ids(&spec.tries), accept, last: self.id(last) }))
    }

    fn drafts(&self, cheap: &dyn Fn() -> Vec<ModelIx>) -> Result<Vec<Plan>, &'static str> {
        let written = &self.policy.compound.drafts;
        let pairs: Vec<(ModelIx, ModelIx)> = if written.is_empty() {
            cheap().first().map(|drafter| (*drafter, self.baseline)).into_iter().collect()
        } else {
            written.iter().map(|spec| (spec.drafter, spec.verifier.unwrap_or(self.baseline))).collect()
        };
        let plans: Vec<Plan> = pairs
            .into_iter()
            .filter(|(drafter, verifier)| drafter != verifier)
            .map(|(drafter, verifier)| {
                Plan::Draft(Draft { drafter: self.id(drafter), verifier: self.id(verifier) })
            })
            .collect();
        let none = "a draft takes a candidate that costs less than the baseline and can be called";
        if plans.is_empty() { Err(none) } else { Ok(plans) }
    }

    /// Who answers, who judges, and how many answers are enough.
    fn panel(&self, cheap: &dyn Fn() -> Vec<ModelIx>) -> Result<(Vec<ModelId>, ModelId, u8), &'static str> {
        let settings = &self.policy.compound;
        let mut members = settings.members.clone();
        if members.is_empty() {
            members = cheap();
            let foreign = |member: &ModelIx| settings.judge.is_none_or(|judge| !self.related(*member, judge));
            members.retain(foreign);
            members.truncate(MEMBERS.min(usize::from(settings.max_fan_out)));
        }
        if members.len() < 2 {
            return Err(
                "it takes two candidates that cost less than the baseline, can be called, and are not of the judge's family",
            );
        }
        let impartial = |judge: &ModelIx| members.iter().all(|member| !self.related(*member, *judge));
        let willing = std::iter::once(self.baseline).chain(self.policy.candidates.iter().copied());
        let judge = settings.judge.or_else(|| willing.into_iter().find(impartial));
        let judge = judge.filter(impartial).ok_or(
            "it takes a judge of another family than its members: write `judge`, or `family` where it is taken wrongly",
        )?;
        let quorum = usize::from(settings.quorum).min(members.len());
        Ok((self.ids(&members), self.id(judge), u8::try_from(quorum).unwrap_or(u8::MAX)))
    }

    fn related(&self, one: ModelIx, other: ModelIx) -> bool {
        self.snapshot.model(one).family == self.snapshot.model(other).family
    }

    fn id(&self, model: ModelIx) -> ModelId {
        self.snapshot.model(model).id.clone()
    }

    fn ids(&self, models: &[ModelIx]) -> Vec<ModelId> {
        models.iter().map(|model| self.id(*model)).collect()
    }
}
