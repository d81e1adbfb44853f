//! From the borrowed view to the features: counts over the conversation, windows over two texts.
//!
//! Windows bound what is read closely; of everything else only lengths and kinds of bytes are taken. Judges nothing.

use super::cues::{Cue, Cues, find};
use super::features::{FEATURE_VERSION, Features, Talk, Volume};
use super::grams::Grams;
use super::scan::{Mixture, bump, scan};
use super::tongue::{Ear, listen};
use super::zones::{Zones, boundary};
use crate::codec::{ChatView, Part, Role, Turn};

/// A turn within these bytes is read whole; of a longer one the first and the last half.
const PROMPT_WINDOW: usize = 4096;
/// How much of the system texts is read for cues.
const SYSTEM_WINDOW: usize = 2048;
/// So many bytes of each piece are read for its language.
const LISTENED: usize = 768;
/// Most bytes that one part of an unknown kind adds: it may be anything, base64 included.
const UNKNOWN_PART: usize = 16 * 1024;
/// What known clients put before the user's own text as parts of the same turn.
const WRAPPERS: [&str; 3] = ["<system-reminder", "<environment_context", "<user_instructions"];

/// Takes the features of a request.
pub fn extract(view: &ChatView<'_>) -> Features {
    let mut features = Features {
        version: FEATURE_VERSION,
        needs: view.request.needs,
        max_output_tokens: view.request.max_output_tokens,
        talk: talk(view),
        volume: volume(view),
        ..Features::default()
    };
    if let Some(turn) = view.turns.iter().rev().find(|turn| asks(turn)) {
        read_prompt(turn, &mut features);
    }
    read_system(&view.system, &mut features.system_cues);
    features
}

fn talk(view: &ChatView<'_>) -> Talk {
    let mut talk = Talk {
        turns: count(view.turns.len()),
        user_turns: count(view.turns.iter().filter(|turn| asks(turn)).count()),
        tools: count(view.tools.len()),
        server_tools: count(view.tools.iter().filter(|tool| tool.server_side).count()),
        demands_call: view.demands_call,
        ..Talk::default()
    };
    for turn in &view.turns {
        let before = talk.tool_results;
        for part in &turn.parts {
            match part {
                Part::Image(_) => bump(&mut talk.images),
                Part::Document(_) => bump(&mut talk.documents),
                Part::Audio(_) => bump(&mut talk.audio),
                Part::ToolCall { .. } => bump(&mut talk.tool_calls),
                Part::ToolResult { is_error, .. } => {
                    bump(&mut talk.tool_results);
                    talk.tool_errors = talk.tool_errors.saturating_add(u16::from(*is_error));
                }
                Part::Text(_) | Part::Thinking(_) | Part::Unknown(_) => {}
            }
        }
        // A tool's turn may carry its result as plain text.
        if turn.role == Role::Tool && talk.tool_results == before {
            bump(&mut talk.tool_results);
        }
        talk.last_results = talk.tool_results - before;
    }
    talk
}

fn volume(view: &ChatView<'_>) -> Volume {
    let mut mixture = Mixture::default();
    let mut volume =
        Volume { tools: size(view.tools_bytes), schema: size(view.schema_bytes), ..Volume::default() };
    for text in &view.system {
        mixture.read(text);
        grow(&mut volume.system, text.len());
    }
    for part in view.turns.iter().flat_map(|turn| &turn.parts) {
        match *part {
            Part::Text(text) | Part::ToolResult { text, .. } => mixture.read(text),
            Part::ToolCall { bytes, .. } => grow(&mut volume.calls, bytes),
            Part::Thinking(bytes) => grow(&mut volume.thinking, bytes),
            Part::Document(bytes) => grow(&mut volume.documents, bytes),
            Part::Audio(bytes) => grow(&mut volume.audio, bytes),
            Part::Unknown(bytes) => grow(&mut volume.unknown, bytes.min(UNKNOWN_PART)),
            Part::Image(_) => {}
        }
    }
    [volume.plain, volume.symbols, volume.wide] = mixture.totals();
    volume
}

/// Reads the window of one turn: all of its text, or its first and last halves of the window.
fn read_prompt(turn: &Turn<'_>, features: &mut Features) {
    let Features { prompt, prompt_cues, ask_cues, .. } = features;
    let total = own_texts(turn).map(str::len).sum::<usize>();
    prompt.bytes = size(total);
    let (mut asking, mut given) = (Ear::default(), Ear::default());
    window(turn, |start, text| {
        scan(text, prompt);
        let zones = Zones::of(text, start == 0, start + text.len() == total);
        find(text, |at, effects| {
            prompt_cues.add(effects);
            if zones.asks(at) {
                ask_cues.add(effects);
                if prompt.first_cue == 0 {
                    prompt.first_cue = first_class(effects);
                }
            }
        });
        grow(&mut prompt.given, zones.given(text.len()));
        let heard = zones.behind_greeting(text);
        let skipped = text.len() - heard.len();
        let heard = &heard[..boundary(heard, heard.len().min(LISTENED))];
        listen(heard, [&mut asking, &mut given], |at| zones.asks(skipped + at));
    });
    prompt.given = prompt.given.saturating_add(size(total.saturating_sub(PROMPT_WINDOW)));
    prompt.capitals = asking.capitals;
    (prompt.ask_tongue, prompt.given_tongue) = (asking.tongue(), given.tongue());
}

/// The strong cue for a class among the effects of a phrase, counted from 1; 0: there is none.
fn first_class(effects: &[(Cue, u8)]) -> u8 {
    let strong = effects.iter().find(|(cue, points)| cue.is_class() && *points >= 3);
    strong.map_or(0, |(cue, _)| *cue as u8 + 1)
}

/// Shows the pieces of the window of one turn with the places they begin at.
fn window(turn: &Turn<'_>, mut show: impl FnMut(usize, &str)) {
    let total = own_texts(turn).map(str::len).sum::<usize>();
    let (head, tail) =
        if total <= PROMPT_WINDOW { (total, total) } else { (PROMPT_WINDOW / 2, total - PROMPT_WINDOW / 2) };
    let mut start = 0;
    for text in own_texts(turn) {
        let mut piece = |from: usize, to: usize| {
            let (from, to) = (boundary(text, from), boundary(text, to));
            show(start + from, &text[from..to]);
        };
        piece(0, head.saturating_sub(start).min(text.len()));
        piece(tail.saturating_sub(start).min(text.len()), text.len());
        start += text.len();
    }
}

/// Reads the grams of the same window of the same turn that the features are taken from.
pub fn read_grams(view: &ChatView<'_>, grams: &mut Grams) {
    grams.clear();
    read_window(view, |text| grams.read(text));
}

/// Shows the texts of that window.
pub fn read_window(view: &ChatView<'_>, mut show: impl FnMut(&str)) {
    if let Some(turn) = view.turns.iter().rev().find(|turn| asks(turn)) {
        window(turn, |_, text| show(text));
    }
}

fn read_system(system: &[&str], cues: &mut Cues) {
    let mut left = SYSTEM_WINDOW;
    for text in system {
        if left == 0 {
            break;
        }
        let end = boundary(text, left.min(text.len()));
        find(&text[..end], |_, effects| cues.add(effects));
        left -= end;
    }
}

/// Whether the user speaks in this turn; Anthropic's tool results are user turns without text of their own.
fn asks(turn: &Turn<'_>) -> bool {
    turn.role == Role::User && own_texts(turn).next().is_some()
}

/// The turn's texts without what clients wrap around them.
fn own_texts<'a>(turn: &'a Turn<'a>) -> impl Iterator<Item = &'a str> {
    turn.parts.iter().filter_map(|part| match *part {
        Part::Text(text) if !text.is_empty() && !WRAPPERS.iter().any(|wrapper| text.starts_with(wrapper)) => {
            Some(text)
        }
        _ => None,
    })
}

fn count(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn grow(sum: &mut u32, bytes: usize) {
    *sum = sum.saturating_add(size(bytes));
}
