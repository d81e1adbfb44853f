//! Pointsman is a routing proxy for LLM traffic. It stands in front of providers; for each request it reads the body,
//! understands what is asked, decides which model serves it under the caller's and the operator's limits, sends it
//! there, streams the answer back, and keeps the account of what it cost and why.
//!
//! # The story of a request
//!
//! ```text
//! request in -> read -> understand -> decide -> dispatch -> answer -> account
//! proxy         codec   analysis      routing   strategy    proxy     ledger
//!                                               upstream
//! ```
//!
//! [`pipeline::Engine::handle`] tells it on one screen. Read the rooms in the order of the picture and you have read
//! the flow.
//!
//! # Rooms
//!
//! | room | owns | never |
//! |---|---|---|
//! | [`types`] | ids, units, closed vocabularies | does anything |
//! | [`telemetry`] | metric names, stage timers | business state |
//! | [`codec`] | the wire dialects, whole and streamed, and translation between them through a hub | I/O, URLs, prices, policy |
//! | [`catalog`] | models, prices, providers, policies, evidence as one versioned snapshot | changes in place |
//! | [`session`] | which model answered a conversation last | decides |
//! | [`analysis`] | features, task class, complexity, agent step, the caller's limits | looks at models |
//! | [`routing`] | eligibility, estimates, frontier, constrained choice, the plan | async, I/O, reading a clock |
//! | [`upstream`] | one call to one target; names, pool, health | tries another target |
//! | [`strategy`] | running a plan of one model or several: legs, the written chain, the commit gate of streams, the spending guard | calls a target outside the plan |
//! | [`ledger`] | a row a request, every attempt, totals | blocks a request |
//! | [`learning`] | labelled rows, training, what a predictor is worth; what plans are worth, from the ledger | runs on a request's path |
//! | [`pipeline`] | one request, stage after stage, its account | knows Pingora |
//! | [`proxy`] | Pingora's hooks, bounded bodies, refusals on the wire, admin | decides, prices, parses JSON |
//! | [`intercept`] | certificates minted per host, CONNECT, tunnels | decides, reads JSON |
//! | [`config`] | what the user wrote, checked into what the program uses | is read by a room |
//! | [`app`] | wiring, listeners, signals: knows every room | rules |
//! | [`demo`] | simulated providers and a sample of real prompts | is used by any other room |
//! | [`cmd`] | one file a command | rules |
//!
//! # Arrows
//!
//! A room uses only what stands to its left; `tests/it/layout.rs` keeps it so:
//!
//! `types · telemetry · codec · catalog · session · analysis · routing · upstream · strategy · ledger · learning · pipeline ·
//! proxy · intercept · config · app · demo · cmd · main`
//!
//! # What always holds
//!
//! - A cheaper model serves only on evidence; without it the baseline does, and the decision says so.
//! - A credential leaves only to the origin it belongs to: the headers of each attempt are built from an empty set.
//! - What the router read is what the provider reads: the original bytes go on, with only the intended values spliced.
//! - After the first byte to the client no other model's bytes follow, unless a policy asks for that and they continue exactly
//!   what was sent; a broken answer never looks complete.
//! - Every attempt is on record exactly once, on whatever path it ends; an unknown price is *unpriced*, never zero.
//! - `types`, `codec`, `catalog`, `analysis` and `routing` name neither Pingora nor tokio: the same snapshot and the same
//!   inputs give the same decision, which is how a stored one is verified.

pub mod analysis;
pub mod app;
pub mod catalog;
pub mod cmd;
pub mod codec;
pub mod config;
pub mod demo;
pub mod intercept;
pub mod learning;
pub mod ledger;
pub mod pipeline;
pub mod proxy;
pub mod routing;
pub mod session;
pub mod strategy;
pub mod telemetry;
pub mod types;
pub mod upstream;
