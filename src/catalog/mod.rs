//! Models, prices, providers, policies and evidence as one versioned snapshot that never changes in place.
//!
//! The principal type is [`Snapshot`]. The configuration builds it, every request loads it once, a decision names its
//! version. This room holds data and looks things up in it; it decides nothing.

mod acceptor;
mod client;
mod compound;
mod evidence;
mod forest;
mod learned;
mod model;
mod policy;
mod pooling;
mod predictor;
mod provider;
mod service;
mod snapshot;
mod spend;

pub use acceptor::{Acceptor, Acceptors, COLUMNS as ACCEPTOR_COLUMNS};
pub use client::{Client, ClientKey, Clients};
pub use compound::{
    AcceptSpec, CascadeSpec, Compound, CompoundLicense, DraftSpec, JudgeFailure, VerifyFailure, family_of,
};
pub use evidence::{Evidence, EvidenceLevel, EvidenceTable, PLAN_PAIRS, PooledEvidence, Profile};
pub use forest::{ASKED, Forest, LEAVES, QUESTIONS, Question, Tree};
pub use learned::{Learned, LossCurve, LossKnot};
pub use model::{Balance, Deployment, LatencyPrior, Model, Price, PriceList, QualityPriors, Tier};
pub use policy::{
    License, Mode, Objective, OnAuthFailure, OnStreamBreak, PlanKind, Policy, PolicyMatch, SessionRules,
    ToolLoops,
};
pub use predictor::{
    Card, Cell, GRAM_VERSION, GRAMS, LEAF_WEIGHT, LEAST_ROWS, MAX_TARGETS, Predictor, PredictorFault, SHAPE,
    SourceRows, Target, TargetKind, quality_interval,
};
pub use provider::{AuthScheme, Clocks, Credential, Origin, Provider};
pub use service::{CapKey, Quirks, SERVICES, Service, StreamUsage, service_at};
pub use snapshot::{DefaultProviders, Snapshot, SnapshotParts, SnapshotVersion};
pub use spend::{Period, Spend};
