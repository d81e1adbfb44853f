//! Metric names and stage timers. No business state: what is counted here is never read back to decide.

mod intercept;
mod metrics;
mod stages;

pub use intercept::Interception;
pub use metrics::{InFlight, Metrics};
pub use stages::{Stage, StageTimes, Stages};
