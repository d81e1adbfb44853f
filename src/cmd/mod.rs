//! One command a file: its arguments, what it calls, what it prints. No rules of its own.
pub mod report;
//! One file a command: arguments, calls, printing. No rules of the product stand here.

pub mod check;
