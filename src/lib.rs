//! Pointsman: a routing proxy for LLM traffic.

pub mod analysis;
pub mod app;
pub mod catalog;
pub mod cmd;
pub mod codec;
pub mod config;
pub mod ledger;
pub mod pipeline;
pub mod proxy;
pub mod routing;
pub mod session;
pub mod strategy;
pub mod telemetry;
pub mod types;
pub mod upstream;
