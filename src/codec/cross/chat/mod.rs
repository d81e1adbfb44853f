//! The spoke of OpenAI's Chat Completions and of everything compatible with it.

mod answer;
mod read;
mod stream;
mod turns;
mod write;

pub(super) use answer::{read_answer, write_answer};
pub(super) use read::read_request;
pub(super) use stream::{Reader, Teller};
pub(super) use write::write_request;
