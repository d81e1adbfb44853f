//! The words of a prompt and their pairs, hashed: what learned weights are looked up by. Nothing of it is stored, because
//! the numbers of rare words would give the words away; what is predicted from it is.
//!
//! Words are runs of letters, in lower case; each digit, each sign and each character of a script without spaces is a word
//! of its own. A change of any of this needs a new `GRAM_VERSION`. Chosen by measurement (`conf/predictor.md`): against a distilled 128-dimensional embedding these
//! predict which of two models is right better on the sources at hand, need no table of words, and read any script.

use crate::catalog::GRAMS;

/// Words read of one prompt at most; its window ends long before, unless it is all signs.
const MAX_WORDS: usize = 2048;
/// Slots of the table: a power of two, and two for every gram there can be.
const SLOTS: usize = 4 * MAX_WORDS;

/// The grams of one prompt, with how often each occurs. Reusable: one of these a worker.
pub struct Grams {
    /// Open addressing; a count of 0 is an empty slot.
    slots: Box<[Slot]>,
    /// Slots in use, in the order in which they were first needed.
    used: Vec<u16>,
    words: usize,
    /// Hash of the word before.
    last: u32,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    gram: u16,
    negative: bool,
    count: u16,
}

impl Default for Grams {
    fn default() -> Self {
        Self {
            slots: vec![Slot::default(); SLOTS].into_boxed_slice(),
            used: Vec::with_capacity(1024),
            words: 0,
            last: START,
        }
    }
}

impl std::fmt::Debug for Grams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grams").field("words", &self.words).finish_non_exhaustive()
    }
}

/// Stands for the word before the first.
const START: u32 = 0x811c_9dc5;

impl Grams {
    /// Forgets everything.
    pub fn clear(&mut self) {
        for slot in self.used.drain(..) {
            self.slots[usize::from(slot)] = Slot::default();
        }
        (self.words, self.last) = (0, START);
    }

    /// Adds the words of a text; pairs do not reach over the end of a text.
    pub fn read(&mut self, text: &str) {
        self.last = START;
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut word = Word::default();
        while at < bytes.len() && self.words < MAX_WORDS {
            let byte = bytes[at];
            if byte.is_ascii_alphabetic() {
                word.push(u32::from(byte | 0x20));
                at += 1;
            } else if byte < 0x80 {
                self.end(&mut word);
                if byte > b' ' {
                    word.push(u32::from(byte));
                    self.end(&mut word);
                }
                at += 1;
            } else {
                let Some(character) = text[at..].chars().next() else { break };
                at += character.len_utf8();
                if !character.is_alphanumeric() || stands_alone(character) {
                    self.end(&mut word);
                }
                if character.is_whitespace() {
                    continue;
                }
                character.to_lowercase().for_each(|lower| word.push(u32::from(lower)));
                if !character.is_alphanumeric() || stands_alone(character) {
                    self.end(&mut word);
                }
            }
        }
        self.end(&mut word);
    }

    /// Words read.
    pub fn words(&self) -> usize {
        self.words
    }

    /// Every gram with its weight: the logarithm of its count, with a sign that lets two grams of one number cancel rather
    /// than add; the squares of all weights sum up to 1.
    pub fn weights(&self) -> impl Iterator<Item = (u16, f32)> + '_ {
        let raw = |slot: &Slot| {
            let weight = LOGARITHMS[usize::from(slot.count).min(LOGARITHMS.len() - 1)];
            if slot.negative { -weight } else { weight }
        };
        let slots = || self.used.iter().map(|slot| &self.slots[usize::from(*slot)]);
        let squares: f32 = slots().map(|slot| raw(slot) * raw(slot)).sum();
        let norm = if squares > 0.0 { squares.sqrt().recip() } else { 0.0 };
        slots().map(move |slot| (slot.gram, raw(slot) * norm))
    }

    fn end(&mut self, word: &mut Word) {
        let Some(hash) = word.take() else { return };
        self.words += 1;
        self.count(mixed(hash));
        self.count(mixed(self.last.rotate_left(11) ^ hash.wrapping_mul(0x9e37_79b1)));
        self.last = hash;
    }

    fn count(&mut self, hash: u32) {
        let (gram, negative) = ((hash % GRAMS as u32) as u16, hash >> 31 != 0);
        let mut slot = (hash >> 16) as usize % SLOTS;
        loop {
            let entry = &mut self.slots[slot];
            if entry.count == 0 {
                *entry = Slot { gram, negative, count: 1 };
                self.used.push(slot as u16);
                return;
            }
            if (entry.gram, entry.negative) == (gram, negative) {
                entry.count = entry.count.saturating_add(1);
                return;
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

/// A word on its way: FNV over its characters.
struct Word {
    hash: u32,
    length: u32,
}

impl Default for Word {
    fn default() -> Self {
        Self { hash: START, length: 0 }
    }
}

impl Word {
    fn push(&mut self, character: u32) {
        self.hash = (self.hash ^ character).wrapping_mul(0x0100_0193);
        self.length += 1;
    }

    fn take(&mut self) -> Option<u32> {
        let taken = std::mem::take(self);
        (taken.length > 0).then_some(taken.hash)
    }
}

/// Spreads a hash over all bits (the finaliser of MurmurHash3).
fn mixed(mut hash: u32) -> u32 {
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

/// Characters of scripts that put no spaces between words, each of which says about as much as a word.
fn stands_alone(character: char) -> bool {
    matches!(
        u32::from(character),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x3040..=0x30ff | 0x3400..=0x9fff | 0xac00..=0xd7af | 0xf900..=0xfaff
            | 0x20000..=0x3ffff
    )
}

/// ln(1 + n).
static LOGARITHMS: std::sync::LazyLock<[f32; 256]> =
    std::sync::LazyLock::new(|| std::array::from_fn(|count| (count as f32).ln_1p()));

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(text: &str) -> Vec<(u16, f32)> {
        let mut grams = Grams::default();
        grams.read(text);
        grams.weights().collect()
    }

    #[test]
    fn case_and_spaces_do_not_matter_and_order_does() {
        assert_eq!(grams("Hello  world!"), grams("hello\nWORLD !"));
        assert_ne!(grams("a b"), grams("b a"));
        assert_eq!(grams("Straße ÜBER"), grams("straße über"));
        assert!(grams("").is_empty() && grams(" \n\t").is_empty());
    }

    #[test]
    fn words_are_letters_and_everything_else_stands_alone() {
        let words = |text: &str| {
            let mut grams = Grams::default();
            grams.read(text);
            grams.words()
        };
        for (text, count) in
            [("12 x", 3), ("a+b", 3), ("naïve café", 2), ("请翻译", 3), ("привет мир", 2), ("don't", 3)]
        {
            assert_eq!(words(text), count, "{text}");
        }
        assert_eq!(words(&"! ".repeat(10_000)), MAX_WORDS);
    }

    #[test]
    fn weights_are_of_length_one_and_clearing_forgets() {
        let mut seen = Grams::default();
        let long: String = (0..3000).map(|number| format!("word{number} ")).collect();
        for text in [long.as_str(), "one two one", "x"] {
            seen.clear();
            seen.read(text);
            let squares: f32 = seen.weights().map(|(_, weight)| weight * weight).sum();
            assert!((squares - 1.0).abs() < 1e-4, "{text}: {squares}");
            let mut fresh = Grams::default();
            fresh.read(text);
            assert_eq!(seen.weights().collect::<Vec<_>>(), fresh.weights().collect::<Vec<_>>());
        }
    }
}
