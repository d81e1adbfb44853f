//! The decision: eligible targets, estimates, frontier, constrained choice, the plan. Pure: time, randomness and live
//! state are arguments, so that a stored decision comes out the same again. Never async, no I/O, no clock.
//!
//! [`analyse_and_decide`] is the one way in, for the live path and for replay alike.

mod choose;
mod compound;
mod decide;
mod eligible;
mod estimate;
mod forecast;
mod form;
mod frontier;
mod latency;
mod legs;
mod no_route;
mod plan;
mod policy;
mod room;
mod session;
mod spread;
mod survey;
mod weigh;

pub use compound::{Accept, Acceptance, Cascade, Debate, Draft, Ensemble};
pub use decide::{
    ChainCeiling, analyse_and_decide, ceiling_of_chain, decide, legs_of, replay, within_ceiling_as_named,
    worst_of,
};
pub use forecast::{Forecast, Foreseen, forecast};
pub use latency::{
    ADMISSION, Basis, MIN_ANSWERS, Measured, Source, StreamSpeed, Whole, WholeTime, predicted_us,
};
pub use legs::{FRAME_TOKENS, Leg, Role, VERDICT_TOKENS, affords};
pub use no_route::{NoRoute, NoRouteKind};
pub use plan::{
    Candidate, Crossing, Decision, DeploymentLive, Estimate, Facts, Inputs, Live, Plan, Reason,
    RefusedParameter, SessionLive, Verdict, Why,
};
pub use policy::{Asked, UnknownPolicy, select_policy};
pub use room::{Room, Sharers};
pub use session::lost_by_leaving;
pub use spread::{LEVELS, Spread};
pub use survey::{Survey, Surveyed, survey};

#[cfg(test)]
mod tests;
