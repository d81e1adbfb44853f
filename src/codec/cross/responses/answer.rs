//! Answers out of the hub into Responses: whole ones, and the pieces that streams share with them.

use crate::codec::cross::Asker;
use crate::codec::cross::hub::{Block, Ending, Said};
use crate::codec::cross::text::{Text, Writer};
use crate::types::Usage;

/// Most of a provider's id that goes into the ids of items: the dialect takes 64 bytes.
const MAX_STEM: usize = 40;

/// One item of an answer.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Words(Words, Text<'a>),
    /// A call's id and name, and the JSON text of its arguments as it stands inside a JSON string.
    Call {
        id: Text<'a>,
        name: Text<'a>,
        arguments: Text<'a>,
    },
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Text,
    Refusal,
}

impl Words {
    /// The type of the part, which its events carry in their names.
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Text => "output_text",
            Self::Refusal => "refusal",
        }
    }

    /// The member its text stands under.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Refusal => "refusal",
        }
    }
}

impl<'a> Item<'a> {
    /// The items of a whole answer: texts in a row are one message. Reasoning is no item: unsigned, it could not come back.
    fn of(blocks: &[Block<'a>]) -> Vec<Self> {
        let mut items: Vec<Self> = Vec::with_capacity(blocks.len());
        for block in blocks {
            let (words, text) = match block {
                Block::Text(text) => (Words::Text, text),
                Block::Refusal(text) => (Words::Refusal, text),
                Block::Call(call) => {
                    let arguments = call.arguments.in_text();
                    items.push(Self::Call { id: call.id.clone(), name: call.name.clone(), arguments });
                    continue;
                }
                Block::Thinking(_) | Block::Image(_) | Block::Document(..) | Block::Result(_) => continue,
            };
            match items.last_mut() {
                Some(Self::Words(same, before)) if *same == words => before.push(text),
                _ => items.push(Self::Words(words, text.clone())),
            }
        }
        items
    }

    /// Its id, the same in all that tells of it and like no other's of the conversation.
    pub(super) fn own_id(&self, answer: &Text<'_>, at: usize) -> String {
        let prefix = match self {
            Self::Words(..) => "msg",
            Self::Call { .. } => "fc",
        };
        let plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        let stem: String = answer.escaped().chars().filter(plain).take(MAX_STEM).collect();
        format!("{prefix}_{stem}_{at}")
    }

    /// As a stream opens it, or as it is when it has been said, whole or cut by the cap.
    pub(super) fn write(&self, id: &str, status: &'static str, out: &mut Writer) {
        out.open(b'{');
        out.text_member("id", &Text::word(id));
        out.word_member("type", if matches!(self, Self::Words(..)) { "message" } else { "function_call" });
        out.word_member("status", status);
        match self {
            Self::Words(words, text) => {
                out.word_member("role", "assistant");
                out.key("content");
                out.open(b'[');
                if status != BEGUN {
                    part(*words, text, out);
                }
                out.close(b']');
            }
            Self::Call { id, name, arguments } => {
                out.text_member("call_id", id);
                out.text_member("name", name);
                out.text_member("arguments", arguments);
            }
        }
        out.close(b'}');
    }
}

/// One part of a message.
pub(super) fn part(words: Words, text: &Text<'_>, out: &mut Writer) {
    out.open(b'{');
    out.word_member("type", words.part());
    out.text_member(words.member(), text);
    if words == Words::Text {
        out.raw_member("annotations", "[]");
        out.raw_member("logprobs", "[]");
    }
    out.close(b'}');
}

/// How far an item is.
pub(super) const BEGUN: &str = "in_progress";
pub(super) const DONE: &str = "completed";
pub(super) const CUT: &str = "incomplete";

/// How far an answer is.
pub(super) enum State<'a> {
    Begun,
    Ended(&'a Ending<'a>, Usage, &'a [Item<'a>]),
}

/// The response, as answers and streams have it: its id and its model, how far it is.
pub(super) fn response(
    (id, model): (&Text<'_>, &Text<'_>),
    asker: Asker,
    state: &State<'_>,
    out: &mut Writer,
) {
    let reason = match state {
        State::Ended(Ending::Length, ..) => Some("max_output_tokens"),
        State::Ended(Ending::Filtered, ..) => Some("content_filter"),
        _ => None,
    };
    let status = match (state, reason) {
        (State::Begun, _) => "in_progress",
        (_, None) => "completed",
        (_, Some(_)) => "incomplete",
    };
    out.open(b'{');
    out.text_member("id", id);
    out.word_member("object", "response");
    out.key("created_at");
    out.number(asker.created);
    out.word_member("status", status);
    out.raw_member("error", "null");
    out.key("incomplete_details");
    match reason {
        None => out.raw("null"),
        Some(reason) => {
            out.open(b'{');
            out.word_member("reason", reason);
            out.close(b'}');
        }
    }
    out.text_member("model", model);
    // Only what is not to be kept comes here.
    out.raw_member("store", "false");
    out.key("output");
    out.open(b'[');
    if let State::Ended(ending, counted, items) = state {
        for (at, item) in items.iter().enumerate() {
            let cut = **ending == Ending::Length && at + 1 == items.len();
            item.write(&item.own_id(id, at), if cut { CUT } else { DONE }, out);
        }
        out.close(b']');
        out.key("usage");
        usage(counted, out);
    } else {
        out.close(b']');
        out.raw_member("usage", "null");
    }
    out.close(b'}');
}

/// Writes an answer.
pub(in crate::codec::cross) fn write_answer(said: &Said<'_>, asker: Asker, out: &mut Writer) {
    let items = Item::of(&said.blocks);
    let ended = State::Ended(&said.ending, said.usage.unwrap_or_default(), &items);
    response((&said.id, &said.model), asker, &ended, out);
}

/// Usage in OpenAI's way of counting, in the words of this API.
fn usage(usage: &Usage, out: &mut Writer) {
    let (input, output) = (usage.total_input(), usage.total_output());
    let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    let member = |out: &mut Writer, key: &str, tokens: u64| {
        out.key(key);
        out.number(tokens);
    };
    out.open(b'{');
    member(out, "input_tokens", input);
    out.key("input_tokens_details");
    out.open(b'{');
    member(out, "cached_tokens", usage.cache_read);
    if written > 0 {
        member(out, "cache_write_tokens", written);
    }
    out.close(b'}');
    member(out, "output_tokens", output);
    out.key("output_tokens_details");
    out.open(b'{');
    member(out, "reasoning_tokens", usage.reasoning);
    out.close(b'}');
    member(out, "total_tokens", input.saturating_add(output));
    out.close(b'}');
}
