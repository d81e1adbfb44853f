//! In which language a text is written, told by its function words or its script. Only whether two texts differ matters.

/// A language or a script, as the features store it; 0 is unknown.
pub(super) type Tongue = u8;

/// Function words of the languages told by words, from 1 on in this order; scripts follow. Up to five letters, all ASCII;
/// words that several languages have speak for each of them.
const WORDS: [&str; 9] = [
    // English, German, French, Spanish, Portuguese, Italian, Dutch, Polish, Turkish
    "the of and is for that with are was this what how you it from have to be not we your i my",
    "der die das und ist ein eine nicht mit den von wie wir ich sie auf im zu bitte dem sind auch es",
    "le les des est une dans pour qui que sur et vous nous je du au pas ce il avec la un votre",
    "el los las una por para del como que es con y no se en lo su la un pero muy nos",
    "o os as uma um por para do da como que com e se em ao na dos mas muito de sua",
    "il che per gli della di una con non si sono del la e al un come nel ci alla i",
    "het een van niet dat met voor zijn wij ik je op aan is en te u wordt ook naar om de",
    "nie jest na do w z to czy jak po dla i od za ale tak jej ten",
    "bir ve bu ile ne mi gibi daha var olan ama da de",
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
/// Least weight that tells a language: two function words.
const LEAST: u16 = 2 * WORD;
/// Letters of the longest function word.
const LONGEST: u32 = 5;
/// Letters from which on a word in capitals counts as a label.
const LABEL: u32 = 4;

/// Weighs the signs of languages in a text.
#[derive(Default)]
pub(super) struct Ear {
    heard: [u16; TONGUES],
    /// Words in capitals, from four letters on.
    pub(super) capitals: u16,
}

impl Ear {
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

    fn hear(&mut self, tongue: usize, weight: u16) {
        self.heard[tongue] = self.heard[tongue].saturating_add(weight);
    }

    fn word(&mut self, word: &Word) {
        if word.capitals == word.letters && word.letters >= LABEL {
            self.capitals = self.capitals.saturating_add(1);
        }
        if word.letters > LONGEST {
            return;
        }
        let mut languages = languages(word.spelling);
        while languages != 0 {
            self.hear(languages.trailing_zeros() as usize + 1, WORD);
            languages &= languages - 1;
        }
    }
}

/// Hears the words of a text; the first ear those at places that `first` takes, the second the others.
pub(super) fn listen(text: &str, ears: [&mut Ear; 2], first: impl Fn(usize) -> bool) {
    let bytes = text.as_bytes();
    let mut word = Word::default();
    for (at, byte) in bytes.iter().copied().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => word.push(byte),
            // Letters with accents, and their second bytes.
            0x80..=0xbf => {}
            0xc3..=0xcb => word.push(byte),
            _ => {
                if word.letters > 0 {
                    ears[usize::from(!first(at - 1))].word(&word);
                    word = Word::default();
                }
                if byte >= 0xcc
                    && let Some(script) = script(byte, bytes.get(at + 1).copied().unwrap_or(0))
                {
                    ears[usize::from(!first(at))].hear(script, 1);
                }
            }
        }
    }
    if word.letters > 0 {
        ears[usize::from(!first(bytes.len() - 1))].word(&word);
    }
}

/// A word on its way.
#[derive(Default)]
struct Word {
    letters: u32,
    capitals: u32,
    /// Its letters in lower case; told apart up to the length of the longest function word.
    spelling: u64,
}

impl Word {
    fn push(&mut self, byte: u8) {
        self.letters += 1;
        self.capitals += u32::from(byte.is_ascii_uppercase());
        self.spelling = self.spelling << 8 | u64::from(byte | 0x20);
    }
}

/// The script of a character outside Latin, by its first two bytes.
fn script(first: u8, second: u8) -> Option<usize> {
    match (first, second) {
        (0xd0..=0xd3, _) => Some(CYRILLIC),
        (0xd8..=0xdb, _) => Some(ARABIC),
        (0xe0, 0xa4..=0xb7) => Some(INDIC),
        // Punctuation of China and Japan, signs, full-width forms and emoji belong to no language.
        (0xe3, 0x80) | (0xe2 | 0xee | 0xef | 0xf0, _) => None,
        (0xe3, 0x81..=0x83) => Some(KANA),
        (0xe3..=0xe9, _) => Some(HAN),
        (0xea..=0xed, _) => Some(HANGUL),
        (0xcc | 0xcd, _) => None,
        _ => Some(OTHER),
    }
}

/// Slots for function words: a power of two, more than twice as many as there are words.
const SLOTS: usize = 512;
/// Bits of a slot that spell the word; above them the languages that have it.
const SPELLING: u64 = (1 << 40) - 1;

static SLOTS_OF_WORDS: [u64; SLOTS] = slots();

/// The languages that have a word, a bit each.
fn languages(spelling: u64) -> u64 {
    let mut slot = slot_of(spelling);
    while SLOTS_OF_WORDS[slot] != 0 {
        if SLOTS_OF_WORDS[slot] & SPELLING == spelling {
            return SLOTS_OF_WORDS[slot] >> 40;
        }
        slot = (slot + 1) % SLOTS;
    }
    0
}

/// Each word in the first free slot from its own on.
const fn slots() -> [u64; SLOTS] {
    let mut slots = [0; SLOTS];
    let mut language = 0;
    while language < WORDS.len() {
        let bytes = WORDS[language].as_bytes();
        let (mut spelling, mut at) = (0, 0);
        while at <= bytes.len() {
            if at == bytes.len() || bytes[at] == b' ' {
                let mut slot = slot_of(spelling);
                while slots[slot] != 0 && slots[slot] & SPELLING != spelling {
                    slot = (slot + 1) % SLOTS;
                }
                slots[slot] |= spelling | 1 << (40 + language);
                spelling = 0;
            } else {
                spelling = spelling << 8 | bytes[at] as u64;
            }
            at += 1;
        }
        language += 1;
    }
    slots
}

const fn slot_of(spelling: u64) -> usize {
    (spelling.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tongues(asked: &str, given: &str) -> [Tongue; 2] {
        let [mut first, mut second] = [Ear::default(), Ear::default()];
        let text = format!("{asked}\n{given}");
        listen(&text, [&mut first, &mut second], |at| at < asked.len());
        [first.tongue(), second.tongue()]
    }

    #[test]
    fn languages_differ_by_words_and_scripts() {
        let sentences = [
            "What is the weather like for you and your dog?",
            "Das ist nicht der Hund von den Nachbarn, und wir sind froh.",
            "Nous sommes dans le jardin avec vous et les enfants.",
            "El perro de los vecinos no es muy grande, pero ladra por la noche.",
            "O cachorro da vizinha e os gatos com uma bola, mas muito bem.",
            "Gli amici sono nel giardino della casa e non si vedono alla sera.",
            "Het is niet de hond van de buren, maar een kat met een bel.",
            "To nie jest pies, ale kot, i tak jest od rana.",
            "Bu ne gibi bir kedi ve daha ne var?",
            "Собака соседей лает по ночам.",
            "هذه رسالة من العميل",
            "今天天气很好我们去公园",
            "今日は天気がいいですね",
            "오늘은 날씨가 좋습니다",
            "आज मौसम अच्छा है",
        ];
        let heard: Vec<Tongue> = sentences.map(|sentence| tongues(sentence, "")[0]).to_vec();
        assert_eq!(heard, (1..=15).collect::<Vec<Tongue>>());
        assert_eq!(tongues(sentences[0], sentences[1]), [1, 2]);
        assert_eq!(tongues("Ok?", "12 / 14 😀 …"), [0, 0]);
    }

    #[test]
    fn labels_are_words_in_capitals() {
        let mut ears = [Ear::default(), Ear::default()];
        let [asked, given] = &mut ears;
        listen("SAFE or VULNERABLE, not USB nor Ärger", [asked, given], |_| true);
        assert_eq!(ears[0].capitals, 2);
    }
}
