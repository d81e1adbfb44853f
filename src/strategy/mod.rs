//! Runs a plan: its legs in order, the written chain behind them, and what of it reaches the client.
//!
//! The one retry loop of the program is [`run`]. A strategy calls only targets that are in its job; it never decides
//! and never prices beyond settling what a leg cost. Every leg is owned by an [`Attempt`], whose drop files it.

mod answer;
mod attempt;
mod chain;
mod compound;
mod job;
mod memory;
mod reaction;
mod reply;
mod resume;
mod rules;
mod spending;
mod stream;
mod wire;

/// Carries a job out: its plan, and the written chain behind it. The client gets exactly one answer, or none and `End::Failed` says
/// why.
pub async fn run<R: Reply>(job: &Job<'_>, trail: &mut Trail, reply: &mut R) -> End {
    match &job.compound {
        None => chain::run(job, 0, trail, reply).await,
        // Boxed: rare, and its state is large.
        Some(compound) => Box::pin(compound::run(job, compound, trail, reply)).await,
    }
}

pub use attempt::{Attempt, Leg, LegEnd, Trail};
pub use chain::{End, Failure, NotReady};
pub use compound::{AskedForm, Compound, Heard, PlanFault, Spec};
pub use job::{Hop, Job};
pub use memory::Memory;
pub use reply::{Gone, Head, Reply, Translated};
pub use rules::{LastWord, Rules, last_word, may_repeat};
pub use spending::{Capped, Hold, Purse, Purses};
