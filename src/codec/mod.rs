//! The wire dialects, whole and streamed: bytes in, the hub's types out, and back. No I/O, no URLs, no prices, no policy.
//!
//! A request goes `route` -> `read` -> (decide) -> `splice`; its answer goes through `StreamTee` or `read_answer`;
//! failures of either side through `classify`, `error_body` and `error_event`.

mod answer;
mod cross;
mod error;
mod gemini_path;
mod hub;
mod logprobs;
mod numbered;
mod read;
mod resume;
mod route;
mod splice;
mod sse;
mod tee;
mod usage;
mod vectors;

pub use answer::{Answer, Finish, Malformed, read_answer, read_usage, visible_usage};
pub use cross::{
    Asker, Composed, Crossed, Destination, Form, Obstacle, Offered, Origin, Spoken, StreamCrossing,
    as_stream, compose, conversation, cross_answer, cross_error, cross_request, cross_vectors, form, spoken,
    with_text,
};
pub use error::{
    AttemptNote, OwnError, ProviderError, classify, error_body, error_event, is_about_logprobs,
    response_error_event,
};
pub use gemini_path::GeminiPath;
pub use hub::{ChatRequest, ChatView, Part, Role, StreamOptions, Tool, Turn};
pub use logprobs::{ask_for_logprobs, without_logprobs};
pub use numbered::EventNumber;
pub use read::{
    KeyScan, MAX_DEPTH, ReadFault, ReadFaultKind, Scratch, has_member, read, read_named, read_origin,
    scan_keys,
};
pub use resume::{Mismatch, Splice, Transcript};
pub use route::{DialectHints, Route, deployment_of, route};
pub use splice::{Edit, ask_for_usage, set_model, splice, unstreamed};
pub use sse::{MAX_EVENT_BYTES, MAX_LINE_BYTES, SseEvent, SseFault, SseSplitter};
pub use tee::{StreamEnd, StreamFault, StreamTee};
pub use vectors::set_embedding_model;
