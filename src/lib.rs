//! Pointsman: a routing proxy for LLM traffic.

pub mod analysis;
pub mod catalog;
pub mod cmd;
pub mod codec;
pub mod config;
pub mod ledger;
pub mod session;
pub mod strategy;
pub mod telemetry;
pub mod types;
pub mod upstream;
