//! Changing a body in place: only the bytes of a changed value move, everything else stays as the client wrote it (big
//! integers, key order, unknown fields). Never re-serialises a body and never decides what to change.

use std::ops::Range;

use bytes::Bytes;

use super::hub::{ChatRequest, StreamOptions};
use super::read::scan::{Members, decode};
use crate::types::Operation;

/// One change to a body: `at` is replaced by `with`; an empty range inserts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Byte range of the original body.
    pub at: Range<usize>,
    /// What stands there afterwards.
    pub with: Vec<u8>,
}

/// Applies the edits, which must not overlap; their order does not matter.
pub fn splice(body: &[u8], edits: &mut [Edit]) -> Bytes {
    edits.sort_by_key(|edit| edit.at.start);
    debug_assert!(edits.windows(2).all(|pair| pair[0].at.end <= pair[1].at.start), "edits overlap");
    let grown: usize = edits.iter().map(|edit| edit.with.len()).sum();
    let mut out = Vec::with_capacity(body.len() + grown);
    let mut from = 0;
    for edit in edits.iter() {
        out.extend_from_slice(&body[from..edit.at.start]);
        out.extend_from_slice(&edit.with);
        from = edit.at.end;
    }
    out.extend_from_slice(&body[from..]);
    Bytes::from(out)
}

/// Names another model: replaces the value of the top-level `model`.
pub fn set_model(request: &ChatRequest, name: &str) -> Edit {
    Edit { at: request.model_span.clone(), with: serde_json::Value::from(name).to_string().into_bytes() }
}

/// Asks an OpenAI chat stream for its usage chunk; `None` when there is nothing to ask or it is asked for already.
/// Whoever applies this must keep the chunk from a client that did not ask (`StreamTee` with `hide_usage`).
pub fn ask_for_usage(request: &ChatRequest, body: &[u8]) -> Option<Edit> {
    if request.operation != Operation::ChatCompletions || !request.stream {
        return None;
    }
    match &request.stream_options {
        StreamOptions::IncludeUsage => None,
        StreamOptions::Absent => {
            Some(insert(request.first_member, br#""stream_options":{"include_usage":true},"#))
        }
        StreamOptions::Silent(span) => Some(ask_within(body, span)),
    }
}

/// The same request for a whole answer: `stream` is false and its options are null. `None`: it asks for no stream.
pub fn unstreamed(request: &ChatRequest, body: &[u8]) -> Option<Vec<Edit>> {
    if !request.stream {
        return None;
    }
    let members = Members::of(body, request.first_member - 1).flatten();
    let edits = members.filter_map(|member| match decode(&body[member.key]).as_deref() {
        Some("stream") => Some(Edit { at: member.value, with: b"false".to_vec() }),
        Some("stream_options") => Some(Edit { at: member.value, with: b"null".to_vec() }),
        _ => None,
    });
    Some(edits.collect())
}

/// The edit of an existing `stream_options`, which is an object or null.
fn ask_within(body: &[u8], span: &Range<usize>) -> Edit {
    if body.get(span.start) != Some(&b'{') {
        return Edit { at: span.clone(), with: br#"{"include_usage":true}"#.to_vec() };
    }
    let mut empty = true;
    for member in Members::of(body, span.start).flatten() {
        empty = false;
        if decode(&body[member.key]).as_deref() == Some("include_usage") {
            return Edit { at: member.value, with: b"true".to_vec() };
        }
    }
    let with: &[u8] = if empty { br#""include_usage":true"# } else { br#""include_usage":true,"# };
    insert(span.start + 1, with)
}

fn insert(at: usize, with: &[u8]) -> Edit {
    Edit { at: at..at, with: with.to_vec() }
}

#[cfg(test)]
#[path = "splice_tests.rs"]
mod tests;
