//! The features of a request: integers only, no text, the same for the same body on every machine.
//!
//! The last user turn is read whole up to 4 KB (beyond: its first and last 2 KB), the system texts' first 2 KB for cues
//! only; from everything else lengths and counts are taken. A stored decision replays from these numbers alone, so a
//! change of meaning needs a new `FEATURE_VERSION`.

use serde::{Deserialize, Serialize};

use super::cues::Cues;
use crate::catalog::SHAPE;
use crate::types::Capabilities;

/// Version of the features' meaning; stored with every record.
pub const FEATURE_VERSION: u16 = 2;

/// Everything the analysis knows of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// `FEATURE_VERSION` when they were extracted.
    pub version: u16,
    /// What the request needs of a target.
    pub needs: Capabilities,
    /// The output cap it sets.
    pub max_output_tokens: Option<u32>,
    /// Counts over the whole conversation.
    pub talk: Talk,
    /// Sizes over the whole request.
    pub volume: Volume,
    /// What stands in the window of the last user turn.
    pub prompt: Prompt,
    /// Cue points found in the last user turn, by cue.
    pub prompt_cues: Cues,
    /// Of these, those that stand in its instruction and not in the material it is about.
    #[serde(default)]
    pub ask_cues: Cues,
    /// Cue points found in the first 2 KB of the system texts, by cue.
    pub system_cues: Cues,
}

impl Features {
    /// The prompt's shape as numbers of about one size, for learned weights beside those of its words.
    /// Whether the last turn is all there is, but for a short system text: no history, no tools, no schema, no media. What
    /// was learned from single questions says nothing of the twentieth turn of a conversation.
    pub fn is_plain_question(&self) -> bool {
        const SHORT: u32 = 1000;
        let Talk { turns, tools, tool_calls, tool_results, images, documents, audio, .. } = self.talk;
        let all_else = u32::from(tools) + u32::from(tool_calls) + u32::from(tool_results);
        let media = u32::from(images) + u32::from(documents) + u32::from(audio);
        turns <= 1 && all_else + media == 0 && self.volume.schema == 0 && self.volume.system <= SHORT
    }

    /// What a prompt looks like apart from its words.
    pub fn shape(&self) -> [f32; SHAPE] {
        let prompt = &self.prompt;
        let much = |count: u32| (count as f32).ln_1p();
        let share = |count: u16| f32::from(count) / (f32::from(prompt.words) + 10.0);
        [
            much(prompt.bytes),
            much(u32::from(prompt.words)),
            share(prompt.numbers),
            share(prompt.operators),
            share(prompt.formulas),
            share(prompt.code_marks),
            share(prompt.known_words),
            much(u32::from(prompt.lines)),
            much(u32::from(prompt.choices)),
            much(u32::from(prompt.questions)),
            much(u32::from(prompt.numbers)),
            f32::from(prompt.foreign) / (f32::from(prompt.latin) + f32::from(prompt.foreign) + 10.0),
        ]
    }
}

/// Counts over the whole conversation. All saturate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    /// Turns, system turns excluded.
    pub turns: u16,
    /// Turns of the user that carry text.
    pub user_turns: u16,
    /// Tools offered.
    pub tools: u16,
    /// Of these, run by the provider.
    pub server_tools: u16,
    /// Tool calls in the history.
    pub tool_calls: u16,
    /// Tool results in the history.
    pub tool_results: u16,
    /// Of these, reported as failed.
    pub tool_errors: u16,
    /// Tool results in the last turn.
    pub last_results: u16,
    /// Whether a tool must be called. Records from before it was read say that none must.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub demands_call: bool,
    /// Images anywhere.
    pub images: u16,
    /// Documents or files anywhere.
    pub documents: u16,
    /// Audio parts anywhere.
    pub audio: u16,
}

/// Sizes in bytes over the whole request. All saturate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// ASCII letters and white space of all texts.
    pub plain: u32,
    /// ASCII digits and punctuation of all texts.
    pub symbols: u32,
    /// Bytes of all texts that are not ASCII.
    pub wide: u32,
    /// System texts.
    pub system: u32,
    /// Tool declarations.
    pub tools: u32,
    /// The response schema.
    pub schema: u32,
    /// Arguments of tool calls in the history.
    pub calls: u32,
    /// Reasoning shown in the history.
    pub thinking: u32,
    /// Documents as written.
    pub documents: u32,
    /// Audio as written.
    pub audio: u32,
    /// Parts of an unknown kind, each counted up to a bound.
    pub unknown: u32,
}

/// What stands in the window of the last user turn. All saturate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Bytes of the whole turn's text, also beyond the window.
    pub bytes: u32,
    /// Words, a run of letters each.
    pub words: u16,
    /// Of these, function words of the languages the cues are written in.
    pub known_words: u16,
    /// Letters of Latin script.
    pub latin: u16,
    /// Letters of other scripts.
    pub foreign: u16,
    /// Runs of digits.
    pub numbers: u16,
    /// Arithmetic and comparison signs standing between operands.
    pub operators: u16,
    /// Mathematical signs outside ASCII, and LaTeX commands.
    pub formulas: u16,
    /// Braces, semicolons at the end of a line, arrows and the like.
    pub code_marks: u16,
    /// Code fences.
    pub fences: u16,
    /// Question marks.
    pub questions: u16,
    /// Lines.
    pub lines: u16,
    /// Lines that begin as a list item.
    pub items: u16,
    /// Lines that begin as a choice (`A.`, `(B)`, …).
    pub choices: u16,
    /// The length asked for in words (`500 words`), 0 when none is.
    pub asked_words: u16,
    /// Bytes of the material that the instruction is about, also beyond the window.
    #[serde(default)]
    pub given: u32,
    /// Language or script of the instruction; 0: it cannot be told.
    #[serde(default)]
    pub ask_tongue: u8,
    /// The same of the material.
    #[serde(default)]
    pub given_tongue: u8,
    /// Words of the instruction in capitals, from four letters on: labels and commands are written so.
    #[serde(default)]
    pub capitals: u16,
    /// The cue of the first phrase of the instruction that speaks for a class, counted from 1; 0: there is none.
    #[serde(default)]
    pub first_cue: u8,
}
