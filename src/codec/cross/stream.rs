//! A stream on its way from one dialect into another: the provider's events read into steps, the steps told in the client's
//! events. What comes out are whole events only.

use bytes::Bytes;

use super::hub::Step;
use super::text::{Text, Writer};
use super::{Asker, Spoke, anthropic, chat, gemini, responses};
use crate::codec::sse::{SseEvent, SseSplitter};
use crate::codec::tee::StreamFault;
use crate::types::Dialect;

/// Translates one stream.
#[derive(Debug)]
pub struct StreamCrossing {
    splitter: SseSplitter,
    reader: Reader,
    teller: Teller,
    /// The beginning was told: once, and before all else.
    begun: bool,
    /// The end mark was passed on; nothing behind it counts.
    ended: bool,
}

#[derive(Debug)]
enum Reader {
    Chat(chat::Reader),
    Anthropic(anthropic::Reader),
    Gemini(gemini::Reader),
}

/// The client's side: steps in, events out.
#[derive(Debug)]
pub(super) enum Teller {
    Chat(chat::Teller),
    Responses(responses::Teller),
    Anthropic(anthropic::Teller),
    Gemini(gemini::Teller),
}

impl StreamCrossing {
    /// From the provider's dialect to the client's. Made only where the request was translated, so both are spoken here.
    pub fn new(from: Dialect, asker: Asker) -> Self {
        let reader = match Spoke::of_provider(from) {
            Spoke::Anthropic => Reader::Anthropic(anthropic::Reader::default()),
            Spoke::Gemini => Reader::Gemini(gemini::Reader::new(asker.created)),
            Spoke::Chat | Spoke::Responses => Reader::Chat(chat::Reader::new(asker.created)),
        };
        let teller = Teller::new(asker);
        Self { splitter: SseSplitter::default(), reader, teller, begun: false, ended: false }
    }

    /// Takes the next bytes of the provider's stream and returns what the client gets now. After a fault the stream must
    /// not be fed further: what follows for the client is an error event (`error_event`).
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Bytes, StreamFault> {
        let Self { splitter, reader, teller, begun, ended } = self;
        let mut out = Writer::default();
        splitter.feed(chunk, |event| {
            // What follows the end mark is nobody's.
            if *ended {
                return Ok(());
            }
            let mut fits = true;
            reader.event(event, &mut |step| {
                fits &= teller.takes(&step);
                tell(teller, (begun, ended), step, &mut out);
            })?;
            let fault = || StreamFault { message: "calls run into each other, which cannot be told".into() };
            if fits { Ok(()) } else { Err(fault()) }
        })?;
        Ok(out.into_bytes())
    }

    /// Bytes that are kept of what was said: some dialects say it once more at the end.
    pub fn kept(&self) -> usize {
        self.teller.kept()
    }

    /// The provider's stream is over and was finished well: the closing events, where its end mark did not bring them yet.
    pub fn finish(&mut self) -> Bytes {
        let Self { teller, begun, ended, .. } = self;
        let mut out = Writer::default();
        tell(teller, (begun, ended), Step::End, &mut out);
        out.into_bytes()
    }
}

/// Passes a step on, so that there is one beginning ahead of all, and one end behind all.
fn tell(teller: &mut Teller, (begun, ended): (&mut bool, &mut bool), step: Step<'_>, out: &mut Writer) {
    let begins = matches!(step, Step::Begin { .. });
    if *ended || (begins && *begun) {
        return;
    }
    if !std::mem::replace(begun, true) && !begins {
        let (id, model) = (Text::default(), Text::default());
        teller.step(Step::Begin { id, model, usage: None }, out);
    }
    *ended = matches!(step, Step::End);
    teller.step(step, out);
}

impl Reader {
    fn event(&mut self, event: SseEvent<'_>, each: &mut impl FnMut(Step<'_>)) -> Result<(), StreamFault> {
        if event.data.trim_ascii().is_empty() {
            return Ok(());
        }
        match self {
            Self::Chat(reader) => reader.event(event, each),
            Self::Anthropic(reader) => reader.event(event, each),
            Self::Gemini(reader) => reader.event(event, each),
        }
    }
}

impl Teller {
    pub(super) fn new(asker: Asker) -> Self {
        match Spoke::of_client(asker.operation) {
            Some(Spoke::Anthropic) => Self::Anthropic(anthropic::Teller::new(asker)),
            Some(Spoke::Responses) => Self::Responses(responses::Teller::new(asker)),
            Some(Spoke::Gemini) => Self::Gemini(gemini::Teller::new(asker)),
            Some(Spoke::Chat) | None => Self::Chat(chat::Teller::new(asker)),
        }
    }

    fn takes(&self, step: &Step<'_>) -> bool {
        match self {
            Self::Chat(_) => true,
            Self::Responses(teller) => teller.takes(step),
            Self::Anthropic(teller) => teller.takes(step),
            Self::Gemini(teller) => teller.takes(step),
        }
    }

    fn kept(&self) -> usize {
        match self {
            Self::Responses(teller) => teller.kept(),
            Self::Gemini(teller) => teller.kept(),
            Self::Chat(_) | Self::Anthropic(_) => 0,
        }
    }

    pub(super) fn step(&mut self, step: Step<'_>, out: &mut Writer) {
        match self {
            Self::Chat(teller) => teller.step(step, out),
            Self::Responses(teller) => teller.step(step, out),
            Self::Anthropic(teller) => teller.step(step, out),
            Self::Gemini(teller) => teller.step(step, out),
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
