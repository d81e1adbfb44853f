//! Streams out of the hub into the events of Responses. The last event holds the whole answer once more, so what was said is
//! kept until then.

use super::answer::{BEGUN, CUT, DONE, Item, State, Words, part, response};
use crate::codec::cross::Asker;
use crate::codec::cross::hub::{Ending, Step};
use crate::codec::cross::text::{Text, Writer};
use crate::types::Usage;

/// What an item takes beside its texts, bytes.
const ITEM_BYTES: usize = 128;

/// Steps in, events out.
#[derive(Debug)]
pub(in crate::codec::cross) struct Teller {
    asker: Asker,
    id: Text<'static>,
    model: Text<'static>,
    events: Events,
    /// What was said; the last of it stands open where `open` says so.
    items: Vec<Item<'static>>,
    open: Open,
    /// Bytes of what is kept.
    kept: usize,
    ending: Ending<'static>,
    usage: Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    None,
    Words(Words),
    Call(u32),
}

/// Numbers the events.
#[derive(Debug, Default)]
struct Events {
    next: u64,
}

/// Where an item stands: its index and its id.
struct Place {
    index: u64,
    id: String,
}

impl Teller {
    pub(in crate::codec::cross) fn new(asker: Asker) -> Self {
        Self {
            asker,
            id: Text::default(),
            model: Text::default(),
            events: Events::default(),
            items: Vec::new(),
            open: Open::None,
            kept: 0,
            ending: Ending::Stop,
            usage: Usage::default(),
        }
    }

    /// Items come one behind the other here: whether a fragment still finds its call open.
    pub(in crate::codec::cross) fn takes(&self, step: &Step<'_>) -> bool {
        match step {
            Step::CallArguments { call, .. } => self.open == Open::Call(*call),
            _ => true,
        }
    }

    /// Bytes that are kept of what was said.
    pub(in crate::codec::cross) fn kept(&self) -> usize {
        self.kept
    }

    pub(in crate::codec::cross) fn step(&mut self, step: Step<'_>, out: &mut Writer) {
        match step {
            Step::Begin { id, model, usage } => {
                (self.id, self.model) = (id.into_owned(), model.into_owned());
                self.usage = usage.unwrap_or_default();
                for kind in ["response.created", "response.in_progress"] {
                    self.response(kind, &State::Begun, out);
                }
            }
            Step::Text(text) => self.words(Words::Text, &text, out),
            Step::Refusal(text) => self.words(Words::Refusal, &text, out),
            // Unsigned, it could not come back.
            Step::Thinking(_) => {}
            Step::CallBegins { call, id, name } => {
                let (id, name) = (id.into_owned(), name.into_owned());
                self.opens(Open::Call(call), Item::Call { id, name, arguments: Text::default() }, out);
            }
            Step::CallArguments { fragment, .. } => self.says(&fragment, out),
            Step::Ending(ending) => self.ending = ending.into_owned(),
            Step::Usage(usage) => self.usage = usage,
            Step::End => self.end(out),
        }
    }

    fn words(&mut self, words: Words, text: &Text<'_>, out: &mut Writer) {
        if self.open != Open::Words(words) {
            self.opens(Open::Words(words), Item::Words(words, Text::default()), out);
            let place = self.place();
            self.events.tell("response.content_part.added", out, |out| {
                place.part(out);
                out.key("part");
                part(words, &Text::default(), out);
            });
        }
        self.says(text, out);
    }

    /// Begins an item; whatever stands open is closed.
    fn opens(&mut self, open: Open, item: Item<'static>, out: &mut Writer) {
        self.close(out);
        self.open = open;
        self.kept += ITEM_BYTES
            + match &item {
                Item::Call { id, name, .. } => id.escaped().len() + name.escaped().len(),
                Item::Words(..) => 0,
            };
        self.items.push(item);
        self.item("response.output_item.added", BEGUN, out);
    }

    /// A piece of the open item.
    fn says(&mut self, piece: &Text<'_>, out: &mut Writer) {
        let place = self.place();
        let Some(item) = self.items.last_mut() else { return };
        self.kept += piece.escaped().len();
        let (kind, words) = match item {
            Item::Words(words, text) => {
                text.push(piece);
                let kind = match words {
                    Words::Text => "response.output_text.delta",
                    Words::Refusal => "response.refusal.delta",
                };
                (kind, Some(*words))
            }
            Item::Call { arguments, .. } => {
                arguments.push(piece);
                ("response.function_call_arguments.delta", None)
            }
        };
        self.events.tell(kind, out, |out| {
            match words {
                Some(_) => place.part(out),
                None => place.item(out),
            }
            out.text_member("delta", piece);
            if words == Some(Words::Text) {
                out.raw_member("logprobs", "[]");
            }
        });
    }

    fn close(&mut self, out: &mut Writer) {
        if self.open == Open::None {
            return;
        }
        // A call that ends without arguments has none.
        if matches!(self.items.last(), Some(Item::Call { arguments, .. }) if arguments.is_empty()) {
            self.says(&Text::word("{}"), out);
        }
        self.open = Open::None;
        let place = self.place();
        match self.items.last() {
            None => {}
            Some(Item::Words(words, text)) => {
                let (words, kind) = match words {
                    Words::Text => (Words::Text, "response.output_text.done"),
                    Words::Refusal => (Words::Refusal, "response.refusal.done"),
                };
                self.events.tell(kind, out, |out| {
                    place.part(out);
                    out.text_member(words.member(), text);
                    if words == Words::Text {
                        out.raw_member("logprobs", "[]");
                    }
                });
                self.events.tell("response.content_part.done", out, |out| {
                    place.part(out);
                    out.key("part");
                    part(words, text, out);
                });
            }
            Some(Item::Call { name, arguments, .. }) => {
                self.events.tell("response.function_call_arguments.done", out, |out| {
                    place.item(out);
                    out.text_member("name", name);
                    out.text_member("arguments", arguments);
                });
            }
        }
        let last = if self.ending == Ending::Length { CUT } else { DONE };
        self.item("response.output_item.done", last, out);
    }

    fn end(&mut self, out: &mut Writer) {
        self.close(out);
        let kind = match self.ending {
            Ending::Length | Ending::Filtered => "response.incomplete",
            Ending::Stop | Ending::StopText(_) | Ending::Calls => "response.completed",
        };
        let Self { id, model, asker, events, items, ending, usage, .. } = self;
        let state = State::Ended(ending, *usage, items);
        events.tell(kind, out, |out| {
            out.key("response");
            response((id, model), *asker, &state, out);
        });
    }

    fn response(&mut self, kind: &'static str, state: &State<'_>, out: &mut Writer) {
        let Self { id, model, asker, events, .. } = self;
        events.tell(kind, out, |out| {
            out.key("response");
            response((id, model), *asker, state, out);
        });
    }

    /// The item begun last, as a whole.
    fn item(&mut self, kind: &'static str, status: &'static str, out: &mut Writer) {
        let place = self.place();
        let Some(item) = self.items.last() else { return };
        self.events.tell(kind, out, |out| {
            out.key("output_index");
            out.number(place.index);
            out.key("item");
            item.write(&place.id, status, out);
        });
    }

    /// Where the item begun last stands.
    fn place(&self) -> Place {
        let at = self.items.len().saturating_sub(1);
        let id = self.items.last().map_or_else(String::new, |item| item.own_id(&self.id, at));
        Place { index: at as u64, id }
    }
}

impl Place {
    fn item(&self, out: &mut Writer) {
        out.text_member("item_id", &Text::word(&self.id));
        out.key("output_index");
        out.number(self.index);
    }

    /// A message has one part here.
    fn part(&self, out: &mut Writer) {
        self.item(out);
        out.raw_member("content_index", "0");
    }
}

impl Events {
    fn tell(&mut self, kind: &'static str, out: &mut Writer, rest: impl FnOnce(&mut Writer)) {
        out.frame(b"event: ");
        out.frame(kind.as_bytes());
        out.frame(b"\ndata: ");
        out.open(b'{');
        out.word_member("type", kind);
        out.key("sequence_number");
        out.number(self.next);
        rest(out);
        out.close(b'}');
        out.frame(b"\n\n");
        self.next += 1;
    }
}
