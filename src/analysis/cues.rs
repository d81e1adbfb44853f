//! Cue phrases: what people write when they want a kind of work, or when the work is hard.
//!
//! ASCII case is ignored, and a phrase counts as whole words only, unless it is written as a stem. So a phrase in Latin
//! script can begin only where a word does, and there its first three bytes tell almost always that there is none: a
//! fifth of what an automaton over all phrases takes, which has to step through every byte. Knows nothing of structure
//! (digits, fences, lists): that is `scan`'s.

use std::sync::LazyLock;

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
        let text = text.as_bytes();
        let mut at = 0;
        while let Some(start) = LEXICON.next_start(text, at) {
            let Some(phrase) = LEXICON.longest(text, start) else {
                at = start + 1;
                continue;
            };
            for &(cue, points) in phrase.effects {
                let twice = (cue as usize) < Cue::Quantity as usize && leads(start);
                self.add(cue, if twice { points * 2 } else { points });
            }
            at = start + phrase.text.len();
        }
    }
}

/// Builds the lexicon now, so that the first request does not pay for it.
pub fn prepare() {
    LazyLock::force(&LEXICON);
}

struct Phrase {
    text: &'static [u8],
    effects: &'static [(Cue, u8)],
    /// Whether a word ends with it; a stem goes on.
    word_end: bool,
}

/// All phrases, found by the bytes they begin with.
struct Lexicon {
    /// By bucket, in a bucket the longest first.
    phrases: Vec<Phrase>,
    /// Where each bucket begins in `phrases`; one more than there are buckets.
    buckets: Vec<u16>,
    /// Bytes outside letters and digits that some phrase begins with.
    signs: [bool; 256],
}

/// Buckets of the lexicon: a power of two, four times as many as there are phrases, so that most are empty.
const BUCKETS: usize = 4096;

/// The bucket of phrases that begin with these bytes, in any case; 0 behind the end of a phrase of two.
fn bucket(first: [u8; 3]) -> usize {
    let key = first.iter().fold(0, |key: u32, byte| key << 8 | u32::from(byte.to_ascii_lowercase()));
    (key.wrapping_mul(0x9e37_79b1) >> 20) as usize % BUCKETS
}

impl Lexicon {
    fn new(mut phrases: Vec<Phrase>) -> Self {
        let of = |phrase: &Phrase| {
            let byte = |at: usize| phrase.text.get(at).copied().unwrap_or(0);
            bucket([byte(0), byte(1), byte(2)])
        };
        phrases.sort_by_key(|phrase| (of(phrase), usize::MAX - phrase.text.len()));
        let starts = |bucket: usize| phrases.partition_point(|phrase| of(phrase) < bucket);
        let buckets = (0..=BUCKETS).map(|bucket| u16::try_from(starts(bucket)).unwrap_or(u16::MAX)).collect();
        let mut signs = [false; 256];
        for phrase in &phrases {
            signs[usize::from(phrase.text[0])] |= !phrase.text[0].is_ascii_alphanumeric();
        }
        Self { phrases, buckets, signs }
    }

    /// The next place from `at` on where a phrase can begin: a word, or a sign that some phrase begins with.
    fn next_start(&self, text: &[u8], mut at: usize) -> Option<usize> {
        let mut inside = at.checked_sub(1).is_some_and(|before| text[before].is_ascii_alphanumeric());
        loop {
            let byte = *text.get(at)?;
            let is_word = byte.is_ascii_alphanumeric();
            if (is_word && !inside) || self.signs[usize::from(byte)] {
                return Some(at);
            }
            inside = is_word;
            at += 1;
        }
    }

    /// The longest phrase at a place.
    fn longest(&self, text: &[u8], at: usize) -> Option<&Phrase> {
        let rest = &text[at..];
        let &[first, second] = rest.first_chunk()?;
        let third = rest.get(2).copied().unwrap_or(0);
        let short = || (!third.is_ascii_alphanumeric()).then(|| self.within([first, second, 0], rest))?;
        self.within([first, second, third], rest).or_else(short)
    }

    fn within(&self, first: [u8; 3], rest: &[u8]) -> Option<&Phrase> {
        let bucket = bucket(first);
        let here = usize::from(self.buckets[bucket])..usize::from(self.buckets[bucket + 1]);
        self.phrases[here].iter().find(|phrase| {
            let (head, behind) = rest.split_at_checked(phrase.text.len()).unwrap_or_default();
            let goes_on = behind.first().is_some_and(u8::is_ascii_alphanumeric);
            head.eq_ignore_ascii_case(phrase.text) && !(phrase.word_end && goes_on)
        })
    }
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let rows = TABLE.iter().flat_map(|(effects, group)| of_row(group).map(move |text| (*effects, text)));
    let phrases = rows.map(|(effects, written)| {
        let text = written.trim_end_matches('*').as_bytes();
        let is_whole = text.len() == written.len();
        let word_end = is_whole && text.last().is_some_and(u8::is_ascii_alphanumeric);
        Phrase { text, effects, word_end }
    });
    Lexicon::new(phrases.collect())
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
        let mut all: Vec<_> = TABLE.iter().flat_map(|(_, group)| of_row(group)).collect();
        let written = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), written);
    }

    #[test]
    fn every_phrase_is_found() {
        for phrase in &LEXICON.phrases {
            let text = std::str::from_utf8(phrase.text).unwrap();
            let mut wanted = Cues::default();
            phrase.effects.iter().for_each(|&(cue, points)| wanted.add(cue, points));
            for around in [text.to_owned(), format!("x, {text}."), text.to_ascii_uppercase()] {
                let mut found = Cues::default();
                found.read(&around, |_| false);
                assert_eq!(found, wanted, "{around}");
            }
        }
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
