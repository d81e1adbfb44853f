//! A stream on its way from one dialect into another: the provider's events read into steps, the steps told in the client's
//! events. What comes out are whole events only.

use bytes::Bytes;

use super::hub::Step;
use super::text::Writer;
use super::{Asker, Spoke, anthropic, chat};
use crate::codec::sse::{SseEvent, SseSplitter};
use crate::codec::tee::StreamFault;
use crate::types::Dialect;

/// Translates one stream.
#[derive(Debug)]
pub struct StreamCrossing {
    splitter: SseSplitter,
    reader: Reader,
    teller: Teller,
    /// The end mark was passed on; nothing behind it counts.
    ended: bool,
}

#[derive(Debug)]
enum Reader {
    Chat(chat::Reader),
    Anthropic(anthropic::Reader),
}

#[derive(Debug)]
enum Teller {
    Chat(chat::Teller),
    Anthropic(anthropic::Teller),
}

impl StreamCrossing {
    /// From the provider's dialect to the client's. Made only where the request was translated, so both are spoken here.
    pub fn new(from: Dialect, asker: Asker) -> Self {
        let reader = match Spoke::of_provider(from) {
            Some(Spoke::Anthropic) => Reader::Anthropic(anthropic::Reader::default()),
            Some(Spoke::Chat) | None => Reader::Chat(chat::Reader::default()),
        };
        let teller = match Spoke::of_client(asker.operation) {
            Some(Spoke::Anthropic) => Teller::Anthropic(anthropic::Teller::new(asker)),
            Some(Spoke::Chat) | None => Teller::Chat(chat::Teller::new(asker)),
        };
        Self { splitter: SseSplitter::default(), reader, teller, ended: false }
    }

    /// Takes the next bytes of the provider's stream and returns what the client gets now. After a fault the stream must
    /// not be fed further: what follows for the client is an error event (`error_event`).
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Bytes, StreamFault> {
        let Self { splitter, reader, teller, ended } = self;
        let mut out = Writer::default();
        splitter.feed(chunk, |event| {
            reader.event(event, &mut |step| {
                if !std::mem::replace(ended, *ended || matches!(step, Step::End)) {
                    teller.step(step, &mut out);
                }
            })
        })?;
        Ok(out.into_bytes())
    }

    /// The provider's stream is over and was finished well: the closing events, where its end mark did not bring them yet.
    pub fn finish(&mut self) -> Bytes {
        let mut out = Writer::default();
        if !std::mem::replace(&mut self.ended, true) {
            self.teller.step(Step::End, &mut out);
        }
        out.into_bytes()
    }
}

impl Reader {
    fn event(&mut self, event: SseEvent<'_>, each: &mut impl FnMut(Step<'_>)) -> Result<(), StreamFault> {
        if event.data.trim_ascii().is_empty() {
            return Ok(());
        }
        match self {
            Self::Chat(reader) => reader.event(event, each),
            Self::Anthropic(reader) => reader.event(event, each),
        }
    }
}

impl Teller {
    fn step(&mut self, step: Step<'_>, out: &mut Writer) {
        match self {
            Self::Chat(teller) => teller.step(step, out),
            Self::Anthropic(teller) => teller.step(step, out),
        }
    }
}
