//! Metric names and stage timers. No business state: what is counted here is never read back to decide.

mod metrics;
mod stages;

pub use metrics::{InFlight, Metrics};
pub use stages::{Stage, StageTimes, Stages};
