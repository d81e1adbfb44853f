//! The calls a plan of several models is made of, each with what it may read, write and cost. Estimates are sums over
//! them, and whoever runs a plan walks them: what a leg is bounded by here it must be bounded by there.

use serde::{Deserialize, Serialize};

use super::compound::{Accept, Cascade, Debate, Draft, Ensemble};
use super::estimate::{expected_output, output_cap, worst_cost};
use super::plan::{Inputs, Plan};
use super::session::input_at;
use crate::analysis::Analysis;
use crate::catalog::Snapshot;
use crate::types::{ModelId, NanoUsd, Usage};

/// Most output tokens of a verdict: a choice, a yes or no with its reason.
pub const VERDICT_TOKENS: u32 = 256;
/// Most tokens of our own words around a question and answers that a model is shown.
pub const FRAME_TOKENS: u32 = 1024;
/// Of drafts that do not stand, as if one in four could not be mended: nobody has counted them.
const BEYOND_MENDING: f64 = 0.25;
/// Tokens a verdict usually has.
const USUAL_VERDICT: u32 = 32;

/// One call of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    /// Who is asked.
    pub model: ModelId,
    /// What for.
    pub role: Role,
    /// Legs of one wave run side by side; a wave begins when the one before it has ended.
    pub wave: u8,
    /// The share of requests it is expected to run for, 0..1.
    pub chance: f64,
    /// Most output tokens: the cap the call must be sent with.
    pub output_cap: u32,
    /// Cost where it runs, as expected; `None`: unpriced.
    pub cost: Option<NanoUsd>,
    /// Cost where it runs and every answer is as long as may be; `None`: unpriced. To be reserved before the call.
    pub worst_cost: Option<NanoUsd>,
    /// Input tokens: at most, and as expected.
    pub(super) reads: Tokens,
    /// Output tokens its time is foretold with.
    pub(super) timed: u32,
}

/// The spending guard: whether a call may begin under a ceiling, with what was spent before it and what it costs at most. What
/// has no price is not afforded.
pub fn affords(ceiling: NanoUsd, spent: Option<NanoUsd>, worst: Option<NanoUsd>) -> bool {
    spent.zip(worst).is_some_and(|(spent, worst)| spent + worst <= ceiling)
}

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers; its answer may stand.
    Try,
    /// Answers when no try stands, when one that does is audited, or when a draft was rejected.
    Last,
    /// Answers, to be chosen from.
    Member,
    /// Answers, and answers again.
    Debater,
    /// Says which answer serves, or whether one stands.
    Judge,
    /// Writes the answer from those of others.
    Author,
    /// Writes what is verified.
    Drafter,
    /// Accepts a draft or writes it better.
    Verifier,
}

impl Role {
    /// Whether it is asked something of ours rather than what the client asks.
    pub fn asks_of_ours(self) -> bool {
        match self {
            Self::Judge | Self::Author | Self::Verifier => true,
            Self::Try | Self::Last | Self::Member | Self::Debater | Self::Drafter => false,
        }
    }
}

/// A number of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tokens {
    pub(super) most: u64,
    pub(super) usual: u64,
}

impl std::ops::Add for Tokens {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { most: self.most + other.most, usual: self.usual + other.usual }
    }
}

/// What legs are a function of, beside the plan.
pub(super) struct Terms<'t> {
    pub(super) snapshot: &'t Snapshot,
    pub(super) inputs: &'t Inputs,
    pub(super) analysis: &'t Analysis,
    /// Share of requests whose first answers stand, 0..1.
    pub(super) accepted: f64,
    /// Share of those that are audited, 0..1.
    pub(super) audit: f64,
}

/// The legs of a plan of several models, in the order of their waves; none for another plan, and where it names a model
/// that there is not.
pub(super) fn legs(terms: &Terms<'_>, plan: &Plan) -> Vec<Leg> {
    let mut sheet = Sheet { terms, legs: Vec::new() };
    let complete = match plan {
        Plan::Named | Plan::Single(_) => None,
        Plan::Cascade(cascade) => sheet.cascade(cascade),
        Plan::Ensemble(ensemble) => sheet.ensemble(ensemble),
        Plan::Debate(debate) => sheet.debate(debate),
        Plan::Draft(draft) => sheet.draft(draft),
    };
    complete.map(|()| sheet.legs).unwrap_or_default()
}

struct Sheet<'t> {
    terms: &'t Terms<'t>,
    legs: Vec<Leg>,
}

/// One call, before it is priced.
struct Asked<'p> {
    model: &'p ModelId,
    role: Role,
    wave: u8,
    chance: f64,
    reads: Tokens,
}

impl Sheet<'_> {
    fn cascade(&mut self, Cascade { tries, accept, last }: &Cascade) -> Option<()> {
        let accepted = self.terms.accepted;
        let question = self.question();
        let mut wave = 0;
        // As if the first two agreed on two of three answers that stand.
        let third = 1.0 - accepted * 2.0 / 3.0;
        for (model, before) in tries.iter().zip(0_u8..) {
            let reads = question;
            match accept {
                Accept::Agreement => {
                    self.ask(Asked { model, role: Role::Try, wave: 0, chance: 1.0, reads })?;
                    wave = 1;
                }
                Accept::Majority => {
                    let chance = if before < 2 { 1.0 } else { third };
                    self.ask(Asked {
                        model,
                        role: Role::Try,
                        wave: before.saturating_sub(1),
                        chance,
                        reads,
                    })?;
                    wave = 2;
                }
                Accept::Structure | Accept::Acceptor | Accept::Logprobs(_) | Accept::Judge(_) => {
                    // As if each stood equally often.
                    let chance = 1.0 - accepted * f64::from(before) / tries.len() as f64;
                    let answer = self.ask(Asked { model, role: Role::Try, wave, chance, reads })?;
                    wave += 1;
                    if let Accept::Judge(judge) = accept {
                        let reads = self.shown(answer);
                        self.ask(Asked { model: judge, role: Role::Judge, wave, chance, reads })?;
                        wave += 1;
                    }
                }
            }
        }
        let chance = 1.0 - accepted * (1.0 - self.terms.audit);
        self.ask(Asked { model: last, role: Role::Last, wave, chance, reads: question }).map(|_| ())
    }

    fn ensemble(&mut self, Ensemble { members, judge, .. }: &Ensemble) -> Option<()> {
        let answers = self.side_by_side(members, Role::Member, (0, self.question()))?;
        let reads = self.shown(answers);
        // Asked twice: with the answers in their order, and the other way round.
        for _ in 0..2 {
            self.ask(Asked { model: judge, role: Role::Judge, wave: 1, chance: 1.0, reads })?;
        }
        Some(())
    }

    fn debate(&mut self, Debate { debaters, rounds, judge, .. }: &Debate) -> Option<()> {
        let mut reads = self.question();
        for round in 0..*rounds {
            let answers = self.side_by_side(debaters, Role::Debater, (round, reads))?;
            reads = self.shown(answers);
        }
        self.ask(Asked { model: judge, role: Role::Author, wave: *rounds, chance: 1.0, reads }).map(|_| ())
    }

    fn draft(&mut self, Draft { drafter, verifier }: &Draft) -> Option<()> {
        let reads = self.question();
        let draft = self.ask(Asked { model: drafter, role: Role::Drafter, wave: 0, chance: 1.0, reads })?;
        let shown = self.shown(draft);
        self.ask(Asked { model: verifier, role: Role::Verifier, wave: 1, chance: 1.0, reads: shown })?;
        let chance = (1.0 - self.terms.accepted) * BEYOND_MENDING;
        self.ask(Asked { model: verifier, role: Role::Last, wave: 2, chance, reads }).map(|_| ())
    }

    /// All of them asked the same; what they write together.
    fn side_by_side(
        &mut self,
        models: &[ModelId],
        role: Role,
        (wave, reads): (u8, Tokens),
    ) -> Option<Tokens> {
        models.iter().try_fold(Tokens::default(), |all, model| {
            Some(all + self.ask(Asked { model, role, wave, chance: 1.0, reads })?)
        })
    }

    /// Adds a call; what it writes.
    fn ask(&mut self, asked: Asked<'_>) -> Option<Tokens> {
        let Terms { snapshot, inputs, analysis, accepted, .. } = self.terms;
        let ix = snapshot.model_by_id(asked.model.as_str())?;
        let model = snapshot.model(ix);
        let answer_cap = output_cap(inputs, model);
        let answer = u64::from(expected_output(inputs, analysis, ix, answer_cap));
        let timed = analysis.output_tokens.min(answer_cap);
        let choices = u64::from(inputs.facts.choices);
        let verdict = u64::from(USUAL_VERDICT);
        let with_verdict = answer_cap.max(VERDICT_TOKENS).min(model.max_output_tokens);
        let (output_cap, usual, timed) = match asked.role {
            Role::Try | Role::Last | Role::Member | Role::Debater | Role::Drafter => {
                (answer_cap, answer * choices, timed)
            }
            Role::Judge => (VERDICT_TOKENS.min(model.max_output_tokens), verdict, USUAL_VERDICT),
            Role::Author => (answer_cap, answer, timed),
            // Time is foretold for the longer of the two.
            Role::Verifier => {
                let corrected = (answer as f64 * (1.0 - accepted)).round() as u64;
                (with_verdict, corrected + verdict, timed.max(USUAL_VERDICT))
            }
        };
        let most = u64::from(output_cap) * choices;
        let price = model.prices.on(inputs.day);
        // What the client asks lies where the conversation was answered last; what is asked of ours begins otherwise.
        let read = if asked.reads == self.question() {
            input_at(snapshot, inputs, ix, asked.reads.usual)
        } else {
            Usage { input: asked.reads.usual, ..Usage::default() }
        };
        let usage = Usage { output: usual, ..read };
        self.legs.push(Leg {
            model: asked.model.clone(),
            role: asked.role,
            wave: asked.wave,
            chance: asked.chance,
            output_cap,
            cost: price.and_then(|price| price.cost(&usage)),
            worst_cost: price.and_then(|price| worst_cost(&inputs.facts, price, (asked.reads.most, most))),
            reads: asked.reads,
            timed,
        });
        Some(Tokens { most, usual })
    }

    fn question(&self) -> Tokens {
        let input = u64::from(self.terms.analysis.input_tokens);
        Tokens { most: input, usual: input }
    }

    /// The question with answers under it.
    fn shown(&self, answers: Tokens) -> Tokens {
        let frame = u64::from(FRAME_TOKENS);
        self.question() + answers + Tokens { most: frame, usual: frame / 4 }
    }
}
