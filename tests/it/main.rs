//! One binary of tests, one module a subject. They stand outside the house: they talk to it over loopback as a client
//! and as a provider, and read its source only to check the layout.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's way to say that it failed
#![allow(unreachable_pub, missing_docs)] // nothing of a test binary is reachable from outside

#[path = "../support/mod.rs"]
mod support;

mod h2_attacks;
mod harness;
mod layout;
mod leaks;
mod matrix;

mod admin;
mod auditing;
mod bad_input;
mod bodies;
mod bounds;
mod canaries;
mod cancel;
mod classes;
mod clients;
mod compound;
mod compound_acceptor;
mod compound_again;
mod compound_form;
mod compound_held;
mod compound_logprobs;
mod corpora;
mod credentials;
mod crossing;
mod crossing_clients;
mod crossing_embeddings;
mod decisions;
mod demo;
mod deploy;
mod deployments;
mod differential;
mod explain;
mod fallback;
mod frontier;
mod in_flight;
mod intercept;
mod intercept_authority;
mod intercept_edges;
mod intercept_run;
mod intercept_upstream;
mod judging;
mod learning;
mod nested;
mod observe;
mod passing;
mod plans;
mod predictor;
mod prices;
mod refusals;
mod reload;
mod report;
mod responses;
mod scenarios;
mod services;
mod sessions;
mod smuggling;
mod spending;
mod streams;
mod strict;
mod tls;
