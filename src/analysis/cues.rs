//! Cue phrases: what people write when they want a kind of work, or when the work is hard.
//!
//! One automaton for all phrases of the table, built once; ASCII case is ignored. A phrase counts as whole words only,
//! unless it is written as a stem. Knows nothing of structure (digits, fences, lists): that is `scan`'s.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::{Deserialize, Serialize};

use super::phrases::{TABLE, of_row};

/// Number of cues.
pub const CUES: usize = 16;

/// Points by cue, in the order of the cue table. They saturate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cues(pub [u8; CUES]);

/// What phrases speak for: ten task classes, then signs that several rules use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cue {
    Code,
    Math,
    Extraction,
    Classification,
    Summarisation,
    Translation,
    Knowledge,
    Reasoning,
    Creative,
    Agent,
    /// Amounts asked for: mathematics when numbers stand beside it, a plain fact otherwise.
    Quantity,
    /// A condition that the answer must meet.
    Constraint,
    /// Work in several steps.
    Step,
    /// Proof, design, comparison, and topics that are hard in themselves.
    Depth,
    /// A short answer is asked for.
    Brief,
    /// A client's own errand beside the conversation: titles, summaries, checks.
    Side,
}

impl Cues {
    pub(super) fn of(&self, cue: Cue) -> u8 {
        self.0[cue as usize]
    }

    fn add(&mut self, cue: Cue, points: u8) {
        let sum = &mut self.0[cue as usize];
        *sum = sum.saturating_add(points);
    }

    /// Adds the cues of `text`. `leads` tells for an offset whether it stands at the edge of the turn, where the
    /// instruction usually is: points for classes count twice there.
    pub(super) fn read(&mut self, text: &str, leads: impl Fn(usize) -> bool) {
        let Some(lexicon) = LEXICON.as_ref().filter(|_| !text.is_empty()) else { return };
        for hit in lexicon.automaton.find_iter(text) {
            let phrase = &lexicon.phrases[hit.pattern().as_usize()];
            if !phrase.stands_alone(text.as_bytes(), hit.start(), hit.end()) {
                continue;
            }
            for &(cue, points) in phrase.effects {
                let twice = (cue as usize) < Cue::Quantity as usize && leads(hit.start());
                self.add(cue, if twice { points * 2 } else { points });
            }
        }
    }
}

/// Builds the automaton now, so that the first request does not pay for it.
pub fn prepare() {
    LazyLock::force(&LEXICON);
}

struct Lexicon {
    automaton: AhoCorasick,
    phrases: Vec<Phrase>,
}

struct Phrase {
    effects: &'static [(Cue, u8)],
    word_start: bool,
    word_end: bool,
}

impl Phrase {
    fn stands_alone(&self, text: &[u8], start: usize, end: usize) -> bool {
        let inside = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
        let before = start.checked_sub(1).and_then(|at| text.get(at));
        !(self.word_start && inside(before) || self.word_end && inside(text.get(end)))
    }
}

/// `None` only if the table could not be built, which a test rules out.
static LEXICON: LazyLock<Option<Lexicon>> = LazyLock::new(|| {
    let mut texts = Vec::new();
    let mut phrases = Vec::new();
    for (effects, group) in TABLE {
        for written in of_row(group) {
            let text = written.trim_end_matches('*');
            let is_word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
            let word_end = text.len() == written.len() && is_word(text.bytes().last());
            phrases.push(Phrase { effects, word_start: is_word(text.bytes().next()), word_end });
            texts.push(text);
        }
    }
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
    let automaton = builder.build(texts).ok()?;
    Some(Lexicon { automaton, phrases })
});

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str, cue: Cue) -> u8 {
        let mut cues = Cues::default();
        cues.read(text, |_| false);
        cues.of(cue)
    }

    #[test]
    fn the_table_builds_and_names_each_phrase_once() {
        assert!(LEXICON.is_some());
        let mut all: Vec<_> = TABLE.iter().flat_map(|(_, group)| of_row(group)).collect();
        let written = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), written);
    }

    #[test]
    fn phrases_count_as_whole_words_in_any_case() {
        assert_eq!(points("TRANSLATE this", Cue::Translation), 4);
        assert_eq!(points("a sqlite mysqld", Cue::Code), 0);
        assert_eq!(points("Summarised, summary", Cue::Summarisation), 8);
        assert_eq!(points("Переведи и переводчик", Cue::Translation), 8);
        assert_eq!(points("请翻译一下", Cue::Translation), 4);
    }

    #[test]
    fn points_saturate() {
        assert_eq!(points(&"translate ".repeat(1000), Cue::Translation), 255);
    }
}
