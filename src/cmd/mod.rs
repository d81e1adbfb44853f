//! One file a command: arguments, calls, printing. No rules of the product stand here.

pub mod ca;
pub mod calibrate;
pub mod check;
pub mod demo;
pub mod eval;
pub mod explain;
pub mod loadtest;
pub mod plot;
pub mod prices;
mod progress;
mod replace;
pub mod report;
pub mod run;
pub mod serve;
pub mod train;
