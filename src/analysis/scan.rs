//! One pass over the bytes of a window: letters and scripts, numbers and operators, code marks, lists and choices.
//!
//! Counts what needs no vocabulary; phrases are `cues`' part. Works on bytes because every sign it looks for is either
//! ASCII or told by its first bytes, and never allocates.

use super::features::Prompt;

/// How many bytes of all texts are counted exactly; beyond, the same mixture is assumed.
const COUNTED_BYTES: usize = 256 * 1024;

/// Bytes of text by how densely they turn into tokens.
#[derive(Default)]
pub(super) struct Mixture {
    seen: usize,
    counted: usize,
    wide: usize,
    symbols: usize,
}

impl Mixture {
    pub(super) fn read(&mut self, text: &str) {
        self.seen += text.len();
        let text = text.as_bytes();
        let part = &text[..text.len().min(COUNTED_BYTES - self.counted)];
        self.counted += part.len();
        for chunk in part.chunks(255) {
            // Sums of one byte let the compiler count sixteen or more bytes at a time.
            let (mut wide, mut symbols) = (0u8, 0u8);
            for &byte in chunk {
                wide += u8::from(byte >= 0x80);
                symbols += u8::from(byte > b' ' && byte < 0x80 && (byte | 0x20).wrapping_sub(b'a') >= 26);
            }
            self.wide += usize::from(wide);
            self.symbols += usize::from(symbols);
        }
    }

    /// Plain ASCII, ASCII symbols, everything else; together what was seen.
    pub(super) fn totals(&self) -> [u32; 3] {
        let scale = |count: usize| match self.counted {
            0 => 0,
            counted => (count as u128 * self.seen as u128 / counted as u128) as usize,
        };
        let (wide, symbols) = (scale(self.wide), scale(self.symbols));
        [self.seen - wide - symbols, symbols, wide].map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX))
    }
}

/// Adds what stands in `text` to `prompt`. The text is taken to begin and end on its own lines.
pub(super) fn scan(text: &str, prompt: &mut Prompt) {
    if text.is_empty() {
        return;
    }
    let text = text.as_bytes();
    line_start(text, prompt);
    let mut word = Word::default();
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {
                let run = &text[at..];
                let length = run.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(run.len());
                word.extend(&run[..length], prompt);
                at += length;
                continue;
            }
            b'0'..=b'9' => {
                word.end(prompt);
                let end = number_end(text, at);
                bump(&mut prompt.numbers);
                asked_words(text, at, end, prompt);
                at = end;
                continue;
            }
            b' ' | b'\t' | b'\r' => word.end(prompt),
            b'\n' => {
                word.end(prompt);
                line_end(text, at, prompt);
                line_start(&text[at + 1..], prompt);
            }
            0x21..=0x7f => {
                let called = byte == b'(' && word.len > 1;
                word.end(prompt);
                if called {
                    bump(&mut prompt.code_marks);
                }
                sign(text, at, prompt);
            }
            0x80..=0xbf => {}
            _ => wide(text, at, &mut word, prompt),
        }
        at += 1;
    }
    word.end(prompt);
    line_end(text, text.len(), prompt);
}

/// The word being read: its length and, up to eight bytes, its letters in lower case.
#[derive(Default)]
struct Word {
    len: u32,
    letters: u64,
}

impl Word {
    fn push(&mut self, byte: u8) {
        self.len += 1;
        self.letters = self.letters << 8 | u64::from(byte | 0x20);
    }

    /// Takes a run of ASCII letters at once; prose is mostly that.
    fn extend(&mut self, letters: &[u8], prompt: &mut Prompt) {
        prompt.latin = prompt.latin.saturating_add(u16::try_from(letters.len()).unwrap_or(u16::MAX));
        if letters.len() <= LONGEST_FUNCTION_WORD {
            letters.iter().for_each(|letter| self.push(*letter));
        } else {
            self.len += letters.len() as u32;
        }
    }

    fn end(&mut self, prompt: &mut Prompt) {
        if self.len == 0 {
            return;
        }
        bump(&mut prompt.words);
        if self.len as usize <= LONGEST_FUNCTION_WORD && is_function_word(self.letters) {
            bump(&mut prompt.known_words);
        }
        *self = Self::default();
    }
}

/// Letters of the longest function word.
const LONGEST_FUNCTION_WORD: usize = 5;

/// Function words of English, German, French, Spanish, Portuguese and Italian that other languages in Latin script do
/// not share. A text without any of them is in a language the cues cannot read.
const FUNCTION_WORDS: [&str; 53] = [
    "the", "of", "and", "is", "in", "for", "that", "with", "are", "was", "this", "what", "how", "you", "it",
    "from", "have", "der", "die", "das", "und", "ist", "ein", "eine", "nicht", "mit", "den", "von", "wie",
    "le", "les", "des", "est", "une", "dans", "pour", "qui", "que", "sur", "el", "los", "las", "una", "por",
    "para", "del", "como", "um", "uma", "che", "per", "gli", "della",
];

/// Slots for function words: four times as many as there are, so that most words find theirs empty at once.
const SLOTS: usize = 256;

/// The function words as numbers, each in the first free slot from its own on.
static FUNCTION_SLOTS: [u64; SLOTS] = slots(FUNCTION_WORDS);

const fn slots<const N: usize>(words: [&str; N]) -> [u64; SLOTS] {
    let mut slots = [0; SLOTS];
    let mut word = 0;
    while word < N {
        let bytes = words[word].as_bytes();
        let (mut letters, mut at) = (0, 0);
        while at < bytes.len() {
            letters = letters << 8 | bytes[at] as u64;
            at += 1;
        }
        let mut slot = slot_of(letters);
        while slots[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = letters;
        word += 1;
    }
    slots
}

const fn slot_of(letters: u64) -> usize {
    (letters.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}

fn is_function_word(letters: u64) -> bool {
    let mut slot = slot_of(letters);
    while FUNCTION_SLOTS[slot] != 0 {
        if FUNCTION_SLOTS[slot] == letters {
            return true;
        }
        slot = (slot + 1) % SLOTS;
    }
    false
}

/// Where the number that starts at `at` ends; `1,200.5` is one number.
fn number_end(text: &[u8], at: usize) -> usize {
    let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = at + 1;
    while digit(end) || (matches!(text.get(end), Some(b'.' | b',')) && digit(end + 1)) {
        end += 1;
    }
    end
}

/// Notes `500 words`, `500-word`, `500 Wörter` and the like.
fn asked_words(text: &[u8], start: usize, end: usize, prompt: &mut Prompt) {
    let Some(b' ' | b'-') = text.get(end) else { return };
    let next = &text[end + 1..];
    let asks = ["word", "wört", "wort", "mots", "palabras", "palavras", "parole", "слов"]
        .into_iter()
        .any(|word| next.len() >= word.len() && next[..word.len()].eq_ignore_ascii_case(word.as_bytes()));
    if asks {
        let digits = text[start..end].iter().filter(|byte| byte.is_ascii_digit());
        let value =
            digits.fold(0u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
        prompt.asked_words = prompt.asked_words.max(u16::try_from(value).unwrap_or(u16::MAX));
    }
}

/// ASCII punctuation at `at`.
fn sign(text: &[u8], at: usize, prompt: &mut Prompt) {
    let next = text.get(at + 1).copied().unwrap_or(b'\n');
    let before = if at == 0 { b'\n' } else { text[at - 1] };
    match text[at] {
        b'?' if !next.is_ascii_alphanumeric() => bump(&mut prompt.questions),
        b'{' | b'}' => bump(&mut prompt.code_marks),
        b'_' if before.is_ascii_alphanumeric() && next.is_ascii_alphanumeric() => {
            bump(&mut prompt.code_marks)
        }
        b'`' if next == b'`' && text.get(at + 2) == Some(&b'`') && before != b'`' => bump(&mut prompt.fences),
        b'\\' if next.is_ascii_alphabetic() && text.get(at + 2).is_some_and(u8::is_ascii_alphabetic) => {
            bump(&mut prompt.formulas);
        }
        b'=' | b'-' | b':' | b'!' | b'&' | b'|' | b'+' | b'<' if code_pair(text[at], next) => {
            bump(&mut prompt.code_marks);
        }
        b'+' | b'*' | b'/' | b'=' | b'^' | b'<' | b'>' | b'-' | b'%' if operates(text, at) => {
            bump(&mut prompt.operators);
        }
        _ => {}
    }
}

fn code_pair(first: u8, second: u8) -> bool {
    matches!(
        (first, second),
        (b'=', b'=' | b'>')
            | (b'-', b'>')
            | (b':', b':' | b'=')
            | (b'!', b'=')
            | (b'&', b'&')
            | (b'|', b'|')
            | (b'+', b'=' | b'+')
            | (b'<', b'/')
    )
}

/// Whether the sign stands between operands, at least one of them a number or a single letter.
fn operates(text: &[u8], at: usize) -> bool {
    let skip = |byte: Option<&u8>| byte == Some(&b' ');
    let left = if at > 0 && skip(text.get(at - 1)) { at.checked_sub(2) } else { at.checked_sub(1) };
    let right = if skip(text.get(at + 1)) { at + 2 } else { at + 1 };
    let Some(left) = left else { return false };
    let (Some(&a), Some(&b)) = (text.get(left), text.get(right)) else { return false };
    let operand = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'(' || byte == b')';
    let lone = |at: usize| {
        let inside = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphabetic);
        text[at].is_ascii_digit()
            || (text[at].is_ascii_alphabetic() && !inside(at.checked_sub(1)) && !inside(Some(at + 1)))
    };
    operand(a) && operand(b) && (lone(left) || lone(right))
}

/// The first byte of a sequence outside ASCII.
fn wide(text: &[u8], at: usize, word: &mut Word, prompt: &mut Prompt) {
    let second = text.get(at + 1).copied().unwrap_or(0);
    match (text[at], second) {
        // × ÷ ² ³ ± ½: mathematics; the rest of that block is punctuation.
        (0xc2, 0xb1..=0xb3 | 0xb9 | 0xbc..=0xbe) | (0xc3, 0x97 | 0xb7) => bump(&mut prompt.formulas),
        (0xe2, 0x88..=0x8b) => bump(&mut prompt.formulas),
        (0xef, 0xbc) if text.get(at + 2) == Some(&0x9f) => bump(&mut prompt.questions),
        (0xc3..=0xcb, _) | (0xe1, 0xb8..=0xbb) => {
            bump(&mut prompt.latin);
            // Not a letter of any function word, but the word is longer for it.
            word.push(0);
        }
        (0xc2 | 0xcc | 0xcd | 0xe2 | 0xee | 0xef, _) | (0xf0, 0x9f) | (0xe3, 0x80) => word.end(prompt),
        _ => {
            word.end(prompt);
            bump(&mut prompt.foreign);
        }
    }
}

/// What the first bytes of a line tell: a list item, a choice.
fn line_start(line: &[u8], prompt: &mut Prompt) {
    bump(&mut prompt.lines);
    let indent = line.iter().take(8).take_while(|byte| **byte == b' ').count();
    let space = |at: usize| line.get(indent + at) == Some(&b' ');
    match line[indent..] {
        [b'-' | b'*' | b'+', ..] if space(1) => bump(&mut prompt.items),
        [0xe2, 0x80, 0xa2, ..] => bump(&mut prompt.items),
        [b'0'..=b'9', b'.' | b')', ..] if space(2) => bump(&mut prompt.items),
        [b'0'..=b'9', b'0'..=b'9', b'.' | b')', ..] if space(3) => bump(&mut prompt.items),
        [b'A'..=b'H' | b'a'..=b'h', b'.' | b')' | b':', ..] if space(2) => bump(&mut prompt.choices),
        [b'(', b'A'..=b'H' | b'a'..=b'h', b')', ..] => bump(&mut prompt.choices),
        _ => {}
    }
}

/// What the last byte of a line tells.
fn line_end(text: &[u8], end: usize, prompt: &mut Prompt) {
    let last = text[..end].last().copied();
    if last == Some(b';') {
        bump(&mut prompt.code_marks);
    }
}

pub(super) fn bump(count: &mut u16) {
    *count = count.saturating_add(1);
}
