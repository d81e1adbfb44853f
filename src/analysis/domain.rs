//! The task class: cue phrases and structure add points to each class; the best one wins if it stands out.
//!
//! What counts most is the instruction, and in it the phrase that comes first; the material it is about counts little.
//! Points and thresholds are set by hand. Where the signs are few or contradict each other the answer is `Other`, which
//! costs a saving and never quality: evidence is kept by class.

use super::cues::Cue;
use super::features::{Features, Prompt};
use crate::types::{Capabilities, TaskClass};

/// The class and how far it stands out.
pub(super) struct Guess {
    pub(super) task: TaskClass,
    pub(super) confidence: f32,
}

/// Fewest points a class needs: one fair phrase at the edge of the turn.
const ENOUGH: u32 = 4;
/// Most points that phrases of one class add in the instruction.
const MOST_FROM_PHRASES: u32 = 24;
/// Most points that phrases of one class add in the material: alone they make no class.
const MOST_FROM_MATERIAL: u32 = 3;
/// Most points of a cue that count in system texts.
const MOST_FROM_SYSTEM: u32 = 8;
/// Points for the class that the instruction speaks of first.
const FIRST: u32 = 4;
/// Bytes that make a material.
const LEAST_MATERIAL: u32 = 40;

/// The class with the most points, or `Other`. System texts are asked where the turn says nothing: they are the same for
/// all turns of a client, whatever each of them wants.
pub(super) fn classify(features: &Features) -> Guess {
    let points = points(features);
    if points.iter().any(|points| *points >= ENOUGH) {
        return best_of(points);
    }
    let from_system = |cue: Cue| u32::from(features.system_cues.of(cue)).min(MOST_FROM_SYSTEM) / 2;
    let mut points = points;
    for (points, cue) in points.iter_mut().zip(Cue::CLASSES) {
        *points += from_system(cue);
    }
    best_of(points)
}

fn best_of(points: [u32; TaskClass::COUNT]) -> Guess {
    let (mut best, mut second) = (0, 0);
    let mut task = TaskClass::Other;
    for (class, points) in TaskClass::ALL.into_iter().zip(points) {
        if points > best {
            (task, second, best) = (class, best, points);
        } else {
            second = second.max(points);
        }
    }
    let margin = best - second;
    if task == TaskClass::Other || best < ENOUGH || margin * 8 < best {
        return Guess { task: TaskClass::Other, confidence: 0.0 };
    }
    Guess { task, confidence: margin as f32 / (best + 6) as f32 }
}

/// Points by class, in the order of `TaskClass::ALL`.
fn points(features: &Features) -> [u32; TaskClass::COUNT] {
    let signs = Signs { features };
    let prompt = &features.prompt;
    let doing = signs.acting();
    let code = signs.beside(code_structure(prompt));
    [
        signs.phrases(Cue::Code) + code,
        signs.phrases(Cue::Math) + signs.calculation(code),
        signs.phrases(Cue::Extraction) + output_shape(features) + signs.asked_of_material(),
        signs.phrases(Cue::Classification) + signs.choosing(),
        signs.phrases(Cue::Summarisation),
        signs.phrases(Cue::Translation) + signs.between_tongues(),
        signs.knowledge(),
        signs.phrases(Cue::Reasoning) + signs.relations(),
        signs.phrases(Cue::Creative),
        signs.phrases(Cue::Agent) + agent_structure(features) + doing,
        signs.chatting(),
    ]
}

/// What several rules read off the features.
struct Signs<'f> {
    features: &'f Features,
}

impl Signs<'_> {
    fn ask(&self, cue: Cue) -> u32 {
        u32::from(self.features.ask_cues.of(cue))
    }

    /// Twice what stands in the instruction, and a little of what stands in the material.
    fn phrases(&self, cue: Cue) -> u32 {
        let elsewhere = u32::from(self.features.prompt_cues.of(cue)).saturating_sub(self.ask(cue));
        let first = if self.features.prompt.first_cue == cue as u8 + 1 { FIRST } else { 0 };
        first + (2 * self.ask(cue)).min(MOST_FROM_PHRASES) + elsewhere.min(MOST_FROM_MATERIAL)
    }

    /// Questions that are not a wish in disguise.
    fn questions(&self) -> u32 {
        let wishes = u32::from(self.features.prompt_cues.of(Cue::Polite));
        u32::from(self.features.prompt.questions).saturating_sub(wishes)
    }

    /// Whether there is material that the instruction is about.
    fn material(&self) -> bool {
        self.features.prompt.given >= LEAST_MATERIAL
    }

    /// Structure of the material, which says little beside an instruction that names another work.
    fn beside(&self, structure: u32) -> u32 {
        let named = [Cue::Extraction, Cue::Classification, Cue::Summarisation, Cue::Translation]
            .into_iter()
            .any(|cue| self.ask(cue) >= 3);
        if named && self.material() { structure / 3 } else { structure }
    }

    fn calculation(&self, code: u32) -> u32 {
        let signs = math_structure(&self.features.prompt, code);
        let named = self.ask(Cue::Math) > 0 || self.ask(Cue::Quantity) >= 4;
        // Dates, amounts and numbers of parts in a material are no calculation.
        let signs = if self.material() && !named { signs / 4 } else { signs };
        // A word problem is all instruction; amounts in a material are not asked for.
        let cues = if self.material() { &self.features.ask_cues } else { &self.features.prompt_cues };
        self.beside(signs + word_problem(cues.of(Cue::Quantity).into(), &self.features.prompt))
    }

    /// A question about given material asks for what stands in it.
    fn asked_of_material(&self) -> u32 {
        let asks = self.questions() > 0 && self.ask(Cue::Knowledge) > 0;
        if self.material() && asks { 3 } else { 0 }
    }

    /// One out of a few, or one word, about given material.
    fn choosing(&self) -> u32 {
        let choice = if self.ask(Cue::Choice) > 0 && self.questions() > 0 { 4 } else { 0 };
        let brief = if self.ask(Cue::Brief) > 0 { 3 } else { 0 };
        let labels = if self.features.prompt.capitals >= 2 { 4 } else { 0 };
        if self.material() { choice + brief + labels } else { 0 }
    }

    /// A material in another language than the instruction, or a language named beside a material.
    fn between_tongues(&self) -> u32 {
        let prompt = &self.features.prompt;
        let differ =
            prompt.ask_tongue != prompt.given_tongue && prompt.ask_tongue > 0 && prompt.given_tongue > 0;
        let named = if self.material() { self.ask(Cue::Tongue).min(4) } else { 0 };
        named + if differ { 6 } else { 0 }
    }

    fn knowledge(&self) -> u32 {
        let all = self.phrases(Cue::Knowledge) + question(self.features, self.questions());
        if self.material() || code_structure(&self.features.prompt) >= 6 { all / 2 } else { all }
    }

    /// A text dense with conditions is a puzzle or a decision.
    fn relations(&self) -> u32 {
        let found = u32::from(self.features.prompt_cues.of(Cue::Relation))
            + u32::from(self.features.prompt_cues.of(Cue::Constraint)) / 2;
        let words = u32::from(self.features.prompt.words) + u32::from(self.features.prompt.foreign) / 2;
        if found >= 4 && found * 12 >= words { 6.min(found) } else { 0 }
    }

    /// Things to do count where there are tools to do them with.
    fn acting(&self) -> u32 {
        if self.features.talk.tools == 0 {
            return 0;
        }
        let steps = if self.ask(Cue::Act) > 0 { self.ask(Cue::Step).min(4) } else { 0 };
        (2 * self.ask(Cue::Act)).min(16) + steps
    }

    /// Thanks, tests, tales without a wish: the one class that is answered by saying so.
    fn chatting(&self) -> u32 {
        self.ask(Cue::Chat) * 3
    }
}

fn code_structure(prompt: &Prompt) -> u32 {
    // A LaTeX command brings braces with it.
    let marks = u32::from(prompt.code_marks).saturating_sub(4 * u32::from(prompt.formulas));
    let words = u32::from(prompt.words);
    let dense =
        if marks >= 6 || (marks >= 3 && words >= 8) { (marks * 30 / (words + 10)).min(10) } else { 0 };
    if prompt.fences > 0 { dense + 6 } else { dense }
}

/// Operators stand in programs too, so they tell less beside code.
fn math_structure(prompt: &Prompt, code: u32) -> u32 {
    let operators = (u32::from(prompt.operators) * 3).min(9);
    let formulas = (u32::from(prompt.formulas) * 3).min(9);
    if code >= 6 { formulas / 2 } else { operators + formulas }
}

/// Amounts asked for beside amounts given.
fn word_problem(asked: u32, prompt: &Prompt) -> u32 {
    let is_problem = (asked >= 4 && prompt.numbers >= 2) || (asked >= 6 && prompt.numbers >= 1);
    if is_problem { (asked * 3 / 2).min(18) } else { 0 }
}

/// A response format asks for structured output, whatever the text is about.
fn output_shape(features: &Features) -> u32 {
    if features.volume.schema > 0 || features.needs.has(Capabilities::JSON_SCHEMA) {
        6
    } else if features.needs.has(Capabilities::JSON_OBJECT) {
        4
    } else {
        0
    }
}

/// A short plain question asks for a fact, and a list of choices is an examination.
fn question(features: &Features, questions: u32) -> u32 {
    let prompt = &features.prompt;
    let short = if questions > 0 && prompt.operators == 0 && prompt.words <= 50 { 4 } else { 0 };
    let asks_amount = features.prompt_cues.of(Cue::Quantity) >= 4 && prompt.numbers == 0;
    let amount = if asks_amount { 4 } else { 0 };
    let choices = if prompt.choices >= 3 { 6 } else { 0 };
    short + amount + choices
}

/// An agent's loop is known by its tool results; an offer of tools alone only leans towards it.
fn agent_structure(features: &Features) -> u32 {
    match (features.talk.tool_results, features.talk.tools) {
        (1.., _) => 40,
        (0, 8..) => 16,
        (0, 1..) => 2,
        (0, 0) => 0,
    }
}

/// Whether the rules cannot read the request: no text, media they do not see, another script, an unknown language.
pub(super) fn unfamiliar(features: &Features) -> bool {
    let (prompt, talk) = (&features.prompt, &features.talk);
    let unseen = talk.images > 0 || talk.documents > 0 || talk.audio > 0;
    let no_text = prompt.latin == 0 && prompt.numbers == 0;
    let other_script = u32::from(prompt.foreign) * 2 > u32::from(prompt.latin);
    unseen || no_text || other_script || unknown_language(prompt)
}

/// Sentences without the function words of the languages the phrases are written in. Code and lists have few, too.
fn unknown_language(prompt: &Prompt) -> bool {
    let (words, known, numbers) =
        (u32::from(prompt.words), u32::from(prompt.known_words), u32::from(prompt.numbers));
    let sentences = words >= 12 && code_structure(prompt) == 0 && numbers * 4 < words;
    sentences && known * 16 < words
}
