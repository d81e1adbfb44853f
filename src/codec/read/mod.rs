//! Reading a request body: a copy is parsed to a tape, one walk takes a borrowed view, and the facts survive it. Owns
//! what counts as a fault of the body; never changes a byte, and never keeps text longer than the caller looks at it.
//!
//! Values that routing relies on are read strictly and duplicates of their keys are refused at every level read: with
//! two values under one key the router and the provider could see different ones. Everything else is tolerated.

mod anthropic;
mod chat;
mod embeddings;
mod facts;
mod gemini;
mod responses;
pub(in crate::codec) mod scan;
mod turns;
mod walk;

use std::mem;

use simd_json::{Buffers, ErrorType, Node, Tape};

use self::walk::{Json, Source, Top};
use super::cross::Origin;
use super::gemini_path::GeminiPath;
use super::hub::{ChatRequest, ChatView};
use crate::types::Operation;

pub use self::scan::{KeyScan, has_member, scan_keys};

/// Deepest nesting of a body that is read: far above what clients send, below what any provider's parser refuses.
pub const MAX_DEPTH: usize = 64;

/// Most values and keys of a body together: the parser keeps a place for each, twelve times as large as the smallest.
const MAX_VALUES: usize = 2_000_000;

/// Why a body was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFault {
    /// What kind of fault it is.
    pub kind: ReadFaultKind,
    /// What is wrong and what would work.
    pub message: String,
    /// The top-level key at fault, where there is one.
    pub param: Option<&'static str>,
    /// What an independent look at the raw bytes says: whether the body may pass unread.
    pub scan: KeyScan,
}

/// Kinds of faults of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFaultKind {
    /// The parser refuses it. A provider's parser may take it: integers beyond 64 bits, lone surrogates.
    NotJson,
    /// JSON, but no object.
    NotAnObject,
    /// A value that routing relies on has the wrong type.
    WrongType,
    /// No model is named.
    MissingModel,
    /// A key that routing relies on stands twice.
    DuplicateKey,
    /// Nested deeper than `MAX_DEPTH`.
    TooDeep,
    /// More values than `MAX_VALUES`.
    TooManyValues,
}

/// A fault before the raw bytes were looked at again.
#[derive(Debug)]
struct Refusal {
    kind: ReadFaultKind,
    message: String,
    param: Option<&'static str>,
}

impl Refusal {
    fn duplicate(place: &'static str, key: &'static str) -> Self {
        let (at, param) = if place.is_empty() { ("at the top level", key) } else { (place, top_of(place)) };
        let message =
            format!("`{key}` stands twice {at}; send it once, so that router and provider read the same");
        Self { kind: ReadFaultKind::DuplicateKey, message, param: Some(param) }
    }

    /// `place` is what the message names; `wanted` is what would work.
    fn wrong_type(param: &'static str, place: &str, found: Json<'_, '_>, wanted: &str) -> Self {
        let message = format!("`{place}` is {}; it must be {wanted}", found.describe());
        Self { kind: ReadFaultKind::WrongType, message, param: Some(param) }
    }

    fn parser(error: &simd_json::Error) -> Self {
        if matches!(error.error(), ErrorType::DepthLimitExceeded) {
            let message = format!("the body is nested deeper than {MAX_DEPTH} levels; flatten it");
            return Self { kind: ReadFaultKind::TooDeep, message, param: None };
        }
        let message = format!(
            "the body is not JSON that can be read ({:?} at byte {}); send one UTF-8 JSON object",
            error.error(),
            error.index()
        );
        Self { kind: ReadFaultKind::NotJson, message, param: None }
    }
}

/// `in messages[].content[]` -> `messages`: all places are below one of these.
fn top_of(place: &'static str) -> &'static str {
    let name = place.trim_start_matches("in ");
    &name[..name.find(['[', '.']).unwrap_or(name.len())]
}

/// Reusable buffers of one worker. It never holds a request: the tape is emptied before `read` returns.
pub struct Scratch {
    copy: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { copy: Vec::new(), buffers: Buffers::with_max_depth(0, MAX_DEPTH), tape: Tape(Vec::new()) }
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("capacity", &self.copy.capacity()).finish_non_exhaustive()
    }
}

/// Reads a body and lets `look` see it; what `look` returns comes back with the facts. Chat completions, responses, messages
/// (and the messages of `count_tokens`), Gemini's contents and texts to embed are read whole, of other operations only the top
/// level.
pub fn read<R>(
    operation: Operation,
    body: &[u8],
    scratch: &mut Scratch,
    look: impl FnOnce(&ChatView<'_>) -> R,
) -> Result<(ChatRequest, R), ReadFault> {
    read_origin(&Origin { operation, path: "", body }, scratch, look)
}

/// The same of a body with its path, where Gemini's clients name the model and the streaming.
pub fn read_origin<R>(
    origin: &Origin<'_>,
    scratch: &mut Scratch,
    look: impl FnOnce(&ChatView<'_>) -> R,
) -> Result<(ChatRequest, R), ReadFault> {
    read_named(None, origin, scratch, look)
}

/// The same of a body whose path names this model, so that its own word for it counts for nothing and may be missing. What is read
/// so has no place of the model in its body, and is not for another model.
pub fn read_named<R>(
    model: Option<&str>,
    origin: &Origin<'_>,
    scratch: &mut Scratch,
    look: impl FnOnce(&ChatView<'_>) -> R,
) -> Result<(ChatRequest, R), ReadFault> {
    let Origin { operation, path, body } = *origin;
    let named = match model {
        Some(model) => Some(InPath { model: model.to_owned(), stream: None }),
        None => operation.names_in_path().then(|| GeminiPath::of(path)).flatten().map(InPath::of_gemini),
    };
    if scan::has_more_values(body, MAX_VALUES) {
        let message = format!("the body holds more than {MAX_VALUES} values; send less at once");
        let (kind, scan) = (ReadFaultKind::TooManyValues, scanned(body, named));
        return Err(ReadFault { kind, message, param: None, scan });
    }
    let Scratch { copy, buffers, tape } = scratch;
    copy.clear();
    copy.extend_from_slice(body);
    let source = Source { body, base: copy.as_ptr() as usize };
    let mut nodes = mem::replace(tape, Tape(Vec::new())).reset();
    let read = match simd_json::fill_tape(copy, buffers, &mut nodes) {
        Ok(()) => view((operation, named.is_some()), source, &nodes.0).map(|mut view| {
            if let Some(InPath { model, stream }) = &named {
                view.request.model.clone_from(model);
                view.request.stream = stream.unwrap_or(view.request.stream);
            }
            let looked = look(&view);
            (view.request, looked)
        }),
        Err(error) => Err(Refusal::parser(&error)),
    };
    *tape = nodes.reset();
    read.map_err(|Refusal { kind, message, param }| {
        let scan = scanned(body, named);
        ReadFault { kind, message, param, scan }
    })
}

/// What a path says of model and streaming; of the latter Gemini's alone.
struct InPath {
    model: String,
    stream: Option<bool>,
}

impl InPath {
    fn of_gemini(path: GeminiPath) -> Self {
        Self { model: path.model, stream: Some(path.stream) }
    }
}

/// What the raw bytes say of a body that was not read, and its path of model and streaming.
fn scanned(body: &[u8], named: Option<InPath>) -> KeyScan {
    match (scan_keys(body), named) {
        (KeyScan::Clean { stream: in_body, .. }, Some(InPath { model, stream })) => {
            KeyScan::Clean { model: Some(model), stream: stream.unwrap_or(in_body) }
        }
        (scan, _) => scan,
    }
}

fn view<'i>(
    (operation, named_in_path): (Operation, bool),
    source: Source<'_>,
    nodes: &[Node<'i>],
) -> Result<ChatView<'i>, Refusal> {
    let root = Json::root(nodes);
    if !root.is_object() {
        let message = format!("the body is {}; it must be a JSON object", root.describe());
        return Err(Refusal { kind: ReadFaultKind::NotAnObject, message, param: None });
    }
    let top = Top::of(root)?;
    let mut view = facts::view((operation, named_in_path || operation.names_in_path()), source, &top)?;
    match operation {
        Operation::ChatCompletions => chat::read(source, &top, &mut view)?,
        Operation::Messages | Operation::CountTokens => anthropic::read(source, &top, &mut view)?,
        Operation::Responses => responses::read(source, &top, &mut view)?,
        Operation::GenerateContent => gemini::read(source, &top, &mut view)?,
        Operation::Embeddings => embeddings::openai(source, &top, &mut view),
        Operation::EmbedContent => embeddings::gemini(root, &mut view)?,
        Operation::Other => {}
    }
    Ok(view)
}

#[cfg(test)]
mod gemini_tests;
#[cfg(test)]
mod responses_tests;
#[cfg(test)]
mod tests;
