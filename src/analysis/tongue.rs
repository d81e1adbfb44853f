//! In which language a text is written, told by its function words or its script. Only whether two texts differ matters.

/// A language or a script, as the features store it; 0 is unknown.
pub(super) type Tongue = u8;

/// Languages told by words, from 1 on in this order; scripts follow.
const WORDS: [&[&str]; 9] = [
    // English
    &[
        "the", "of", "and", "is", "for", "that", "with", "are", "was", "this", "what", "how", "you", "it",
        "from", "have", "to", "be", "not", "we", "please", "your", "i", "my",
    ],
    // German
    &[
        "der", "die", "das", "und", "ist", "ein", "eine", "nicht", "mit", "den", "von", "wie", "wir", "ich",
        "sie", "auf", "im", "zu", "bitte", "dem", "sind", "auch", "es",
    ],
    // French
    &[
        "le", "les", "des", "est", "une", "dans", "pour", "qui", "que", "sur", "et", "vous", "nous", "je",
        "du", "au", "pas", "ce", "il", "avec", "la", "un", "votre",
    ],
    // Spanish
    &[
        "el", "los", "las", "una", "por", "para", "del", "como", "que", "es", "con", "y", "no", "se", "en",
        "lo", "su", "la", "un", "pero", "muy", "nos",
    ],
    // Portuguese
    &[
        "o", "os", "as", "uma", "um", "por", "para", "do", "da", "como", "que", "com", "e", "se", "em", "ao",
        "na", "dos", "mas", "muito", "de", "sua",
    ],
    // Italian
    &[
        "il", "che", "per", "gli", "della", "di", "una", "con", "non", "si", "sono", "del", "la", "e", "al",
        "un", "come", "nel", "ci", "alla", "i",
    ],
    // Dutch
    &[
        "het", "een", "van", "niet", "dat", "met", "voor", "zijn", "wij", "ik", "je", "op", "aan", "is",
        "en", "te", "u", "wordt", "ook", "naar", "om", "de",
    ],
    // Polish
    &[
        "nie", "jest", "na", "do", "w", "z", "to", "czy", "jak", "po", "dla", "i", "od", "za", "ale", "tak",
        "jej", "ten",
    ],
    // Turkish
    &[
        "bir", "ve", "bu", "ile", "olarak", "ne", "mi", "gibi", "daha", "var", "olan", "lütfen", "için",
        "çok", "ama", "da", "de",
    ],
];

/// Languages and scripts.
const TONGUES: usize = 17;
const CYRILLIC: usize = 10;
const ARABIC: usize = 11;
const HAN: usize = 12;
const KANA: usize = 13;
const HANGUL: usize = 14;
const INDIC: usize = 15;
const OTHER: usize = 16;

/// What a function word weighs beside a letter of another script.
const WORD: u16 = 4;
/// Least weight that tells a language: two function words that no other language has.
const LEAST: u16 = 2 * WORD;

/// Weighs the signs of languages in a text.
#[derive(Default)]
pub(super) struct Ear {
    heard: [u16; TONGUES],
    /// Words in capitals, from four letters on.
    pub(super) capitals: u16,
}

impl Ear {
    /// Hears one word: a run of letters.
    fn word(&mut self, word: &str) {
        let Some(first) = word.chars().next() else { return };
        if let Some(script) = script(first) {
            let letters = u16::try_from(word.chars().count()).unwrap_or(u16::MAX);
            self.heard[script] = self.heard[script].saturating_add(letters);
            return;
        }
        if word.len() >= 4 && word.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.capitals = self.capitals.saturating_add(1);
        }
        for (words, heard) in WORDS.iter().zip(&mut self.heard[1..]) {
            if words.iter().any(|known| known.eq_ignore_ascii_case(word)) {
                *heard = heard.saturating_add(WORD);
            }
        }
    }

    /// The language that stands out, or 0.
    pub(super) fn tongue(&self) -> Tongue {
        let mut heard = self.heard;
        // Japanese mixes both; Chinese has no kana.
        if heard[KANA] > 0 {
            heard[KANA] = heard[KANA].saturating_add(std::mem::take(&mut heard[HAN]));
        }
        let best = (1..TONGUES).max_by_key(|tongue| heard[*tongue]).unwrap_or(0);
        let second = (1..TONGUES).filter(|tongue| *tongue != best).map(|tongue| heard[tongue]).max();
        let stands_out = heard[best] >= LEAST && heard[best] >= second.unwrap_or(0) + WORD;
        if stands_out { best as Tongue } else { 0 }
    }
}

/// Hears the words of a text; `ear` chooses by its place who hears a word.
pub(super) fn listen(text: &str, mut ears: [&mut Ear; 2], first: impl Fn(usize) -> bool) {
    let mut start = None;
    for (at, character) in text.char_indices() {
        match (start, character.is_alphabetic()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                ears[usize::from(!first(from))].word(&text[from..at]);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        ears[usize::from(!first(from))].word(&text[from..]);
    }
}

fn script(character: char) -> Option<usize> {
    match u32::from(character) {
        0..=0x24f | 0x1e00..=0x1eff => None,
        0x400..=0x52f => Some(CYRILLIC),
        0x600..=0x6ff | 0x750..=0x77f => Some(ARABIC),
        0x3040..=0x30ff => Some(KANA),
        0x3400..=0x9fff => Some(HAN),
        0xac00..=0xd7af => Some(HANGUL),
        0x900..=0xdff => Some(INDIC),
        _ => Some(OTHER),
    }
}
