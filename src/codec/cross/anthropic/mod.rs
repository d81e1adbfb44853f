//! The spoke of Anthropic's Messages, in the versions 2023-06-01 and 2026-10-21, which are the same on the wire as far as
//! translation goes.

mod answer;
mod read;
mod stream;
mod write;

pub(super) use answer::{read_answer, write_answer};
pub(super) use read::read_request;
pub(super) use stream::{Reader, Teller};
pub(super) use write::write_request;
