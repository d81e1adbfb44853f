//! One command a file: its arguments, what it calls, what it prints. No rules of its own.
pub mod demo;
pub mod report;
