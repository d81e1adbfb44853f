//! What a policy says of plans of several models: which of them there are, who judges, and within which bounds. Which of
//! them may serve a request is routing's business.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::{ModelIx, Probability};

/// The `[policies.compound]` table of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Compound {
    /// Cascades as written, in declared order; empty: one is formed from the candidates.
    pub cascades: Vec<CascadeSpec>,
    /// Drafts as written, in declared order; empty: one is formed from the candidates.
    pub drafts: Vec<DraftSpec>,
    /// Who answers in an ensemble or a debate; empty: the cheapest candidates.
    pub members: Vec<ModelIx>,
    /// Who judges; `None`: the first of baseline and candidates that is of no member's family.
    pub judge: Option<ModelIx>,
    /// Rounds of a debate, 1 to [`Compound::MOST_ROUNDS`].
    pub rounds: u8,
    /// Answers of members that are enough to judge.
    pub quorum: u8,
    /// Most models asked side by side, 2 to [`Compound::MOST_FAN_OUT`].
    pub max_fan_out: u8,
    /// What a judge that failed does.
    pub judge_failure: JudgeFailure,
    /// What a judge does that chooses another answer when it sees them the other way round.
    pub judge_tie: JudgeFailure,
    /// What a verifier that failed does.
    pub verify_failure: VerifyFailure,
    /// Share of requests for which a cascade's last model is asked although an answer stood, 0 to [`Compound::MOST_AUDITED`].
    pub audit: f64,
    /// Time between two signs of life for a client that waits for a stream.
    pub keep_alive: Duration,
    /// What a plan needs to serve where nobody asks for its kind.
    pub license: CompoundLicense,
}

impl Compound {
    /// Most rounds of a debate that can be configured.
    pub const MOST_ROUNDS: u8 = 4;
    /// Most models side by side that can be configured.
    pub const MOST_FAN_OUT: u8 = 8;
    /// Largest share of audits that can be configured: who audits more does not save.
    pub const MOST_AUDITED: f64 = 0.5;
}

impl Compound {
    /// Every model that is named here to answer what a client asks.
    pub fn models(&self) -> impl Iterator<Item = ModelIx> + '_ {
        let cascades =
            self.cascades.iter().flat_map(|cascade| cascade.tries.iter().copied().chain(cascade.last));
        // A verifier answers itself where it rejects a draft.
        let drafts =
            self.drafts.iter().flat_map(|draft| std::iter::once(draft.drafter).chain(draft.verifier));
        cascades.chain(drafts).chain(self.members.iter().copied())
    }
}

impl Default for Compound {
    fn default() -> Self {
        Self {
            cascades: Vec::new(),
            drafts: Vec::new(),
            members: Vec::new(),
            judge: None,
            rounds: 2,
            quorum: 2,
            max_fan_out: 4,
            judge_failure: JudgeFailure::Fail,
            judge_tie: JudgeFailure::FirstByOrder,
            verify_failure: VerifyFailure::Fail,
            audit: 0.0,
            keep_alive: Duration::from_secs(15),
            license: CompoundLicense::Measured,
        }
    }
}

/// A cascade as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CascadeSpec {
    /// Who is asked first: side by side where they must agree, of three the last where the others differ, else in this order.
    /// One that stands there more than once is asked as often.
    pub tries: Vec<ModelIx>,
    /// What lets an answer of theirs stand.
    pub accept: AcceptSpec,
    /// Who answers when none stands; `None`: the baseline.
    pub last: Option<ModelIx>,
}

/// The test a cascade puts answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptSpec {
    /// All say the same.
    Agreement,
    /// Two of three say the same.
    Majority,
    /// The answer has the form that was asked for.
    Structure,
    /// What was learnt of such answers says that it stands.
    Acceptor,
    /// The model finds what it wrote at least so probable, token by token.
    Logprobs(Probability),
    /// This model finds it good.
    Judge(ModelIx),
}

/// A draft and its verifier as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftSpec {
    /// Who writes.
    pub drafter: ModelIx,
    /// Who accepts it or corrects it; `None`: the baseline.
    pub verifier: Option<ModelIx>,
}

/// What a judge that failed or is torn does to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgeFailure {
    /// Answer with an explicit error.
    Fail,
    /// Serve the answer of the first member there is, marked.
    FirstByOrder,
}

/// What a verifier that failed does to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyFailure {
    /// Answer with an explicit error.
    Fail,
    /// Serve the draft, marked.
    ServeUnverified,
}

/// What a plan of several models needs to serve where nobody asks for its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompoundLicense {
    /// Outcomes of the same requests on the plan and on the baseline.
    Measured,
    /// The operator's own word, until there are such outcomes.
    Granted,
}

/// The family a model is taken to be of by its upstream name: what stands before the first hyphen, digit or colon, without
/// the path and the vendor before it. A guess; `family` in the configuration says it better.
pub fn family_of(upstream_name: &str) -> Arc<str> {
    let name = upstream_name.rsplit('/').next().unwrap_or(upstream_name).to_ascii_lowercase();
    let word = |text: &str| text.chars().take_while(char::is_ascii_alphabetic).collect::<String>();
    // `anthropic.claude-3`: a vendor before the name.
    let named =
        name.split_once('.').filter(|(vendor, _)| word(vendor) == *vendor).map_or(&*name, |(_, name)| name);
    match &*word(named) {
        "o" | "chatgpt" => Arc::from("gpt"),
        "" => Arc::from(name),
        family => Arc::from(family),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_read_from_what_the_provider_calls_a_model() {
        let cases = [
            ("gpt-4.1-mini", "gpt"),
            ("openai/gpt-4o", "gpt"),
            ("o3-mini", "gpt"),
            ("chatgpt-4o-latest", "gpt"),
            ("claude-sonnet-4-5", "claude"),
            ("anthropic.claude-3-haiku-20240307-v1:0", "claude"),
            ("meta-llama/Llama-3.1-70B-Instruct", "llama"),
            ("qwen2.5:7b", "qwen"),
            ("mistral", "mistral"),
            ("4x7b", "4x7b"),
        ];
        for (name, family) in cases {
            assert_eq!(&*family_of(name), family, "{name}");
        }
    }
}
