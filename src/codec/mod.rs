//! The wire dialects, whole and streamed: bytes in, the hub's types out, and back. No I/O, no URLs, no prices, no policy.

mod hub;

pub use hub::{ChatRequest, ChatView, Part, Role, StreamOptions, Tool, Turn};
