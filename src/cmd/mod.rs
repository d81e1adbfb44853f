//! One command a file: its arguments, what it calls, what it prints. No rules of its own.
pub mod demo;
//! One file a command: arguments, calls, printing. No rules of the product stand here.

pub mod check;
pub mod explain;
pub mod report;
pub mod serve;
