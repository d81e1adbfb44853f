//! Which part of a turn says what is wanted, and which is the material it is about.
//!
//! People mostly write what they want first or last, and paste, quote or fence the material. The phrases of a material say
//! nothing of the work: a complaint about a *translation* is to be sorted, not translated.

use super::cues::{Cue, find};

/// Most bytes of the beginning that can be the instruction.
const LEAD: usize = 320;
/// A first paragraph shorter than this is a greeting; the instruction goes on behind it.
const SALUTATION: usize = 40;
/// A beginning up to this length that names no work is a greeting, too.
const GREETING: usize = 64;
/// A colon this far from the beginning may end the instruction; one nearer stands behind a topic (`git: …`).
const TOPIC: usize = 16;
/// So much must stand behind a colon for it to be material.
const MATERIAL: usize = 60;
/// A last paragraph or line up to this length is an instruction; of a longer one the end may be.
const TAIL: usize = 240;
/// Bytes of the end that are taken for an instruction when the last paragraph is long.
const LAST: usize = 120;
/// A last paragraph shorter than this that names no work is thanks.
const THANKS: usize = 80;
/// Quotations shorter than this are words spoken of, not material.
const QUOTED: usize = 24;
/// Quotations noted; more are taken for instructions.
const QUOTATIONS: usize = 16;

/// Where the instruction stands in a piece of text.
#[derive(Default)]
pub(super) struct Zones {
    /// Where a greeting ends.
    lead_start: usize,
    lead_end: usize,
    tail_start: usize,
    /// Whether the beginning ends where its writer ended it.
    ended: bool,
    quotations: [(usize, usize); QUOTATIONS],
    quoted: usize,
}

impl Zones {
    /// Of a piece that is the turn's `first`, its `last`, or both.
    pub(super) fn of(text: &str, first: bool, last: bool) -> Self {
        let mut zones = Self { tail_start: text.len(), ended: !first, ..Self::default() };
        zones.note_quotations(text.as_bytes());
        let text = if last { without_thanks(text) } else { text };
        if first {
            (zones.lead_end, zones.ended) = lead_end(text);
            let greeting = zones.ended && zones.lead_end <= GREETING;
            if greeting && !says_what_is_wanted(&text[..zones.lead_end]) {
                let (more, ended) = lead_end(&text[zones.lead_end..]);
                zones.lead_start = zones.lead_end;
                (zones.lead_end, zones.ended) = (zones.lead_start + more, ended);
            }
        }
        if last {
            zones.tail_start = zones.tail_behind_lead(text);
        }
        zones
    }

    /// Whether the instruction stands at this place.
    pub(super) fn asks(&self, at: usize) -> bool {
        let quotations = &self.quotations[..self.quoted];
        ((self.lead_start..self.lead_end).contains(&at) || at >= self.tail_start)
            && !quotations.iter().any(|(start, end)| (*start..*end).contains(&at))
    }

    /// The piece without its greeting.
    pub(super) fn behind_greeting<'t>(&self, text: &'t str) -> &'t str {
        &text[self.lead_start..]
    }

    /// Bytes of the piece that are material: quoted, or behind the end of the instruction. A tale that goes on is none.
    pub(super) fn given(&self, bytes: usize) -> usize {
        let tail = self.tail_start.min(bytes);
        let outside = |at: usize| at < self.lead_end || at >= tail;
        let quoted = self.quotations[..self.quoted].iter().filter(|(start, _)| outside(*start));
        let behind = if self.ended { tail.saturating_sub(self.lead_end) } else { 0 };
        behind + quoted.map(|(start, end)| end - start).sum::<usize>()
    }

    /// Where the instruction at the end begins. All that a colon announces is material, if it is one piece.
    fn tail_behind_lead(&self, text: &str) -> usize {
        let tail = tail_start(text);
        let (lead, rest) = text.split_at(self.lead_end);
        let announced = self.lead_end + rest.len() - rest.trim_start().len();
        let is_announced = self.ended && lead.trim_end().ends_with([':', '：']);
        let is_said = self.ended && says_what_is_wanted(lead);
        match tail {
            Tail::Own(start) if is_announced && start <= announced => text.len(),
            Tail::Last(_) if is_said => text.len(),
            Tail::Own(start) | Tail::Last(start) => start.max(self.lead_end),
        }
    }

    fn note_quotations(&mut self, text: &[u8]) {
        let (ascii, mut at) = (text.is_ascii(), 0);
        while let Some((start, open)) = next_opening(text, ascii, at) {
            if self.quoted == QUOTATIONS {
                return;
            }
            at = start + open.mark.len();
            let Some(length) = memchr::memmem::find(&text[at..], open.end) else { continue };
            if length >= QUOTED {
                self.quotations[self.quoted] = (start, at + length);
                self.quoted += 1;
            }
            at += length + open.end.len();
        }
    }
}

/// A pair of quotation marks.
struct Marks {
    mark: &'static [u8],
    end: &'static [u8],
}

const fn marks(mark: &'static str, end: &'static str) -> Marks {
    Marks { mark: mark.as_bytes(), end: end.as_bytes() }
}

/// Longer marks before those they begin with.
const MARKS: [Marks; 9] = [
    marks("```", "```"),
    marks("\"\"\"", "\"\"\""),
    marks("\"", "\""),
    marks("«", "»"),
    marks("»", "«"),
    marks("„", "“"),
    marks("“", "”"),
    marks("「", "」"),
    marks("『", "』"),
];

fn next_opening(text: &[u8], ascii: bool, from: usize) -> Option<(usize, &'static Marks)> {
    let first = |byte: &u8| matches!(byte, b'`' | b'"' | 0xc2 | 0xe2 | 0xe3);
    let mut at = from;
    loop {
        let rest = text.get(at..)?;
        at += if ascii { memchr::memchr2(b'`', b'"', rest) } else { rest.iter().position(first) }?;
        if let Some(marks) = MARKS.iter().find(|marks| text[at..].starts_with(marks.mark)) {
            return Some((at, marks));
        }
        at += 1;
    }
}

/// Where the instruction at the beginning ends, and whether its writer ended it there.
fn lead_end(text: &str) -> (usize, bool) {
    let bytes = text.as_bytes();
    let end = boundary(text, bytes.len().min(LEAD));
    let mut at = 0;
    while let Some(found) = memchr::memmem::find(&bytes[at..end], b"\n\n") {
        at += found + 2;
        if at > SALUTATION {
            return (colon(bytes, at).unwrap_or(at), true);
        }
    }
    colon(bytes, end).map_or((end, false), |end| (end, true))
}

/// Behind the colon that ends the instruction.
fn colon(text: &[u8], end: usize) -> Option<usize> {
    let mut at = TOPIC;
    while at < end {
        let wide = text[at..].starts_with("：".as_bytes());
        let ends = wide || (text[at] == b':' && matches!(text.get(at + 1), Some(b' ' | b'\n')));
        if ends {
            let end = if wide { at + '：'.len_utf8() } else { at + 1 };
            return (end + MATERIAL <= text.len()).then_some(end);
        }
        at += 1;
    }
    None
}

/// The character boundary at or before `at`.
pub(super) fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Where an instruction at the end begins.
enum Tail {
    /// With a paragraph or a line of its own.
    Own(usize),
    /// Somewhere in the last sentences of a long paragraph.
    Last(usize),
}

/// The text without thanks in a last paragraph of their own.
fn without_thanks(text: &str) -> &str {
    let text = text.trim_end();
    let last = text.rfind("\n\n").map_or(0, |at| at + 2);
    let is_thanks = last > 2 && text.len() - last < THANKS && !says_what_is_wanted(&text[last..]);
    if is_thanks { text[..last].trim_end() } else { text }
}

/// Where the instruction at the end of a text begins.
fn tail_start(text: &str) -> Tail {
    let begins = |mark: &str| text.rfind(mark).map_or(0, |at| at + mark.len());
    let near = [begins("\n\n"), begins("\n")].into_iter().find(|start| text.len() - start <= TAIL);
    near.map_or_else(|| Tail::Last(boundary(text, text.len() - LAST)), Tail::Own)
}

/// Whether a text has a phrase of a class, or of something to do.
fn says_what_is_wanted(text: &str) -> bool {
    let mut says = false;
    find(text, |_, effects| says |= effects.iter().any(|(cue, _)| cue.is_class() || *cue == Cue::Act));
    says
}
