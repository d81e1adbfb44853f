//! Pointsman: a routing proxy for LLM traffic.

pub mod catalog;
pub mod cmd;
pub mod codec;
pub mod config;
pub mod ledger;
pub mod types;
