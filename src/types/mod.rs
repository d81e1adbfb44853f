//! Ids, units and closed vocabularies that two rooms exchange. Nothing here decides or does anything.

mod failure;
mod ids;
mod secret;
mod signals;
mod task;
mod turns;
mod units;
mod usage;

pub use failure::FailureClass;
pub use ids::{
    ClientId, ClientIx, DeploymentId, DeploymentIx, ModelId, ModelIx, PolicyId, PolicyIx, ProviderId,
    ProviderIx, RequestId,
};
pub use secret::Secret;
pub use signals::{Compared, Signals, Tried, Under};
pub use task::{AgentStep, Capabilities, Dialect, HardMarkers, Operation, Served, TaskClass};
pub use turns::{TurnKind, Turns};
pub use units::{Day, NanoUsd, PricePerMillion, Probability};
pub use usage::{Usage, UsageSource};
