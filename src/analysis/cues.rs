//! Cue phrases: what people write when they want a kind of work, or when the work is hard.
//!
//! ASCII case is ignored, and a phrase counts as whole words only, unless it is written as a stem. So a phrase in Latin
//! script can begin only where a word does, and there its first three bytes tell almost always that there is none: a
//! fifth of what an automaton over all phrases takes, which has to step through every byte. Knows nothing of structure
//! (digits, fences, lists): that is `scan`'s.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::phrases::{of_row, rows};

/// Number of cues.
pub const CUES: usize = 23;

/// Points by cue, in the order of the cue table. They saturate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "[u8; CUES]", try_from = "Vec<u8>")]
pub struct Cues(pub [u8; CUES]);

impl From<Cues> for [u8; CUES] {
    fn from(cues: Cues) -> Self {
        cues.0
    }
}

/// Records of earlier versions know fewer cues; the others are 0.
impl TryFrom<Vec<u8>> for Cues {
    type Error = String;

    fn try_from(stored: Vec<u8>) -> Result<Self, String> {
        let mut cues = Self::default();
        let here = cues.0.get_mut(..stored.len());
        here.ok_or_else(|| format!("{} cues, and {CUES} are known", stored.len()))?.copy_from_slice(&stored);
        Ok(cues)
    }
}

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
    /// Something done in the world, which takes tools: booking, sending, restarting.
    Act,
    /// The name of a language.
    Tongue,
    /// One out of several: `or`, `which of`.
    Choice,
    /// A material is spoken of: `below`, `the following`.
    Given,
    /// Small talk, thanks, tests: nothing is wanted.
    Chat,
    /// A wish put as a question.
    Polite,
    /// Conditions among things: `unless`, `next to`, `before`.
    Relation,
}

impl Cue {
    /// Those of classes, in the classes' order.
    pub(super) const CLASSES: [Self; 10] = [
        Self::Code,
        Self::Math,
        Self::Extraction,
        Self::Classification,
        Self::Summarisation,
        Self::Translation,
        Self::Knowledge,
        Self::Reasoning,
        Self::Creative,
        Self::Agent,
    ];

    /// Whether it speaks for one class of its own.
    pub(super) fn is_class(self) -> bool {
        (self as u8) < Self::Quantity as u8
    }
}

impl Cues {
    pub(super) fn of(&self, cue: Cue) -> u8 {
        self.0[cue as usize]
    }

    pub(super) fn add(&mut self, effects: &[(Cue, u8)]) {
        for &(cue, points) in effects {
            let sum = &mut self.0[cue as usize];
            *sum = sum.saturating_add(points);
        }
    }
}

/// Shows where phrases begin in `text` and what they speak for.
pub(super) fn find(text: &str, mut show: impl FnMut(usize, &[(Cue, u8)])) {
    let text = text.as_bytes();
    let mut at = 0;
    while let Some(start) = LEXICON.next_start(text, at) {
        match LEXICON.longest(text, start) {
            Some(phrase) => {
                show(start, phrase.effects);
                at = start + phrase.text.len();
            }
            None => at = start + 1,
        }
    }
}

/// Builds the lexicon now, so that the first request does not pay for it.
pub fn prepare() {
    LazyLock::force(&LEXICON);
}

struct Phrase {
    text: &'static [u8],
    /// What it begins with, to pass over most others without comparing texts.
    head: Head,
    effects: &'static [(Cue, u8)],
    /// Whether a word ends with it; a stem goes on.
    word_end: bool,
}

/// Up to eight bytes as one number, ASCII letters in lower case (and some signs taken for others, which only costs a
/// comparison), and which of its bits there are.
#[derive(Clone, Copy)]
struct Head {
    bits: u64,
    mask: u64,
}

impl Head {
    fn of(text: &[u8]) -> Self {
        if let Some(bytes) = text.first_chunk() {
            return Self { bits: u64::from_le_bytes(*bytes) | LOWER_CASE, mask: u64::MAX };
        }
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text);
        let mask = (1 << (8 * text.len())) - 1;
        Self { bits: (u64::from_le_bytes(bytes) | LOWER_CASE) & mask, mask }
    }

    /// The bucket of phrases whose key is the first `length` bytes.
    fn bucket(self, length: usize) -> usize {
        let key = self.bits & ((1 << (8 * length)) - 1);
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50) as usize
    }
}

const LOWER_CASE: u64 = 0x2020_2020_2020_2020;

/// All phrases, found by their keys: the first six bytes, or all of a shorter phrase.
struct Lexicon {
    /// By bucket, in a bucket the longest first.
    phrases: Vec<Phrase>,
    /// Their heads, apart, because most comparisons end there.
    heads: Vec<Head>,
    /// Where each bucket begins in `phrases`; one more than there are buckets.
    buckets: Vec<u16>,
    /// By the bucket of the first three bytes, or of two where there is no third: a bit for each length of key that phrases
    /// beginning so have. Of most words there are none, and that is all that has to be looked up.
    lengths: Vec<u8>,
    /// What each byte can begin: nothing, `WORD`, or `SIGN`.
    kinds: [u8; 256],
}

/// A letter or digit: a phrase may begin where the first of several stands.
const WORD: u8 = 1;
/// Any other byte that some phrase begins with.
const SIGN: u8 = 2;
/// Buckets of the lexicon: as many as 14 bits of a hash tell, four times as many as there are phrases.
const BUCKETS: usize = 1 << 14;
/// Bytes of the longest key.
const KEY: usize = 6;
/// Bytes that tell which lengths of keys to look for.
const OPENING: usize = 3;

impl Lexicon {
    fn new(mut phrases: Vec<Phrase>) -> Self {
        let bucket = |phrase: &Phrase| phrase.head.bucket(phrase.text.len().min(KEY));
        phrases.sort_by_key(|phrase| (bucket(phrase), usize::MAX - phrase.text.len()));
        let starts = |number: usize| phrases.partition_point(|phrase| bucket(phrase) < number);
        let buckets = (0..=BUCKETS).map(|number| u16::try_from(starts(number)).unwrap_or(u16::MAX)).collect();
        let mut kinds = [0; 256];
        let mut lengths = vec![0; BUCKETS];
        for phrase in &phrases {
            kinds[usize::from(phrase.text[0])] = SIGN;
            let length = phrase.text.len().min(KEY);
            lengths[phrase.head.bucket(length.min(OPENING))] |= 1 << length;
        }
        for (byte, kind) in (0..=255_u8).zip(&mut kinds) {
            *kind = if byte.is_ascii_alphanumeric() { WORD } else { *kind };
        }
        let heads = phrases.iter().map(|phrase| phrase.head).collect();
        Self { phrases, heads, buckets, lengths, kinds }
    }

    fn kind(&self, byte: u8) -> u8 {
        self.kinds[usize::from(byte)]
    }

    /// The next place from `at` on where a phrase can begin.
    fn next_start(&self, text: &[u8], at: usize) -> Option<usize> {
        let mut before = at.checked_sub(1).map_or(0, |before| self.kind(text[before]));
        let begins = |byte: &u8| {
            let kind = self.kind(*byte);
            kind & !(std::mem::replace(&mut before, kind) & WORD) != 0
        };
        text.get(at..)?.iter().position(begins).map(|offset| at + offset)
    }

    /// The longest phrase at a place.
    fn longest(&self, text: &[u8], at: usize) -> Option<&Phrase> {
        let rest = &text[at..];
        let head = Head::of(rest);
        let mut lengths = self.lengths[head.bucket(OPENING)];
        // A phrase of two bytes is a word, so that nothing may go on behind it.
        if !rest.get(2).is_some_and(u8::is_ascii_alphanumeric) {
            lengths |= self.lengths[head.bucket(2)] & (1 << 2);
        }
        while lengths != 0 {
            let length = lengths.ilog2() as usize;
            if let Some(phrase) = self.within(head.bucket(length), head, rest) {
                return Some(phrase);
            }
            lengths &= !(1 << length);
        }
        None
    }

    fn within(&self, bucket: usize, head: Head, rest: &[u8]) -> Option<&Phrase> {
        let here = usize::from(self.buckets[bucket])..usize::from(self.buckets[bucket + 1]);
        let phrases = self.heads[here.clone()].iter().zip(&self.phrases[here]);
        let mut alike = phrases.filter(|(other, _)| head.bits & other.mask == other.bits);
        let found = alike.find(|(_, phrase)| {
            let (text, behind) = rest.split_at_checked(phrase.text.len()).unwrap_or_default();
            let goes_on = behind.first().is_some_and(u8::is_ascii_alphanumeric);
            text.eq_ignore_ascii_case(phrase.text) && !(phrase.word_end && goes_on)
        });
        found.map(|(_, phrase)| phrase)
    }
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let phrases = rows().flat_map(|(effects, group)| of_row(group).map(move |text| (*effects, text)));
    let phrases = phrases.map(|(effects, written)| {
        let text = written.trim_end_matches('*').as_bytes();
        let is_whole = text.len() == written.len();
        let word_end = is_whole && text.last().is_some_and(u8::is_ascii_alphanumeric);
        Phrase { text, head: Head::of(text), effects, word_end }
    });
    Lexicon::new(phrases.collect())
});

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str, cue: Cue) -> u8 {
        let mut cues = Cues::default();
        find(text, |_, effects| cues.add(effects));
        cues.of(cue)
    }

    #[test]
    fn the_table_builds_and_names_each_phrase_once() {
        let bare = |phrase: &'static str| phrase.trim_end_matches('*');
        let mut all: Vec<_> = rows().flat_map(|(_, group)| of_row(group)).map(bare).collect();
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
            wanted.add(phrase.effects);
            for around in [text.to_owned(), format!("x, {text}."), text.to_ascii_uppercase()] {
                let mut found = Cues::default();
                find(&around, |_, effects| found.add(effects));
                assert_eq!(found, wanted, "{around}");
            }
        }
    }

    #[test]
    fn phrases_count_as_whole_words_in_any_case() {
        assert_eq!(points("TRANSLATE this", Cue::Translation), 4);
        assert_eq!(points("a sqlish mysqld", Cue::Code), 0);
        assert_eq!(points("Summarised, summary", Cue::Summarisation), 8);
        assert_eq!(points("Переведи и переводчик", Cue::Translation), 8);
        assert_eq!(points("请翻译一下", Cue::Translation), 4);
    }

    #[test]
    fn points_saturate() {
        assert_eq!(points(&"translate ".repeat(1000), Cue::Translation), 255);
    }
}
