//! One call to one target: its address, its connection, its headers, its clocks, and what is known of its health.
//! This room never tries another target; that is the strategy's part.

mod balance;
mod circuit;
mod client;
mod head;
mod headers;
mod health;
mod lacks;
mod pool;
mod replicas;
mod resolve;
mod sketch;
mod speed;

pub use circuit::Barred;
pub use client::{Call, CallError, Exchange, MAX_ADDRESSES, NO_ROOM, STOPPING, Upstream};
pub use headers::{
    CDN_LOOP, Caller, LOOP_NAME, Standing, attempt_headers, deployment_path, forwardable_answer_header,
    forwardable_request_header, is_credential, own_path, path_as_it_is,
};
pub use health::{Board, Health, InFlight};
pub use replicas::{CHECK_EVERY, Picked, Replicas};
pub use resolve::{REFRESH, Resolver, Target};
pub use speed::{Answered, Speed};
