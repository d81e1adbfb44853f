//! Pointsman: a routing proxy for LLM traffic.

pub mod analysis;
pub mod catalog;
pub mod cmd;
pub mod codec;
pub mod demo;
pub mod telemetry;
pub mod ledger;
pub mod types;
pub mod upstream;
