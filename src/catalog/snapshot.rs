//! The snapshot: everything a request is decided by, immutable and versioned.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Clients, Deployment, EvidenceTable, Learned, Model, Policy, Provider};
use crate::types::{DeploymentIx, Dialect, ModelIx, NanoUsd, PolicyIx, ProviderIx};

/// Identity of a snapshot: the first 12 hex digits of the hash of everything it was built from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotVersion(Arc<str>);

impl SnapshotVersion {
    /// The version of what was built from these sources (configuration text, profile text).
    pub fn of(sources: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for source in sources {
            hasher.update(&(source.len() as u64).to_le_bytes());
            hasher.update(source.as_bytes());
        }
        Self(Arc::from(&hasher.finalize().to_hex()[..12]))
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SnapshotVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The provider that receives what is not routed, by dialect.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultProviders {
    /// For OpenAI's paths.
    pub openai: Option<ProviderIx>,
    /// For Anthropic's paths.
    pub anthropic: Option<ProviderIx>,
    /// For Gemini's paths.
    pub gemini: Option<ProviderIx>,
}

impl DefaultProviders {
    /// The provider for a dialect.
    pub fn of(&self, dialect: Dialect) -> Option<ProviderIx> {
        match dialect {
            Dialect::OpenAi => self.openai,
            Dialect::Anthropic => self.anthropic,
            Dialect::Gemini => self.gemini,
        }
    }
}

/// What a snapshot is made of; positions must point inside (the configuration guarantees it).
#[derive(Debug)]
pub struct SnapshotParts {
    /// Identity.
    pub version: SnapshotVersion,
    /// The configuration text, kept so that a stored decision can be replayed.
    pub source: Arc<str>,
    /// The evidence file's text, kept for the same reason; empty when there is none.
    pub profile: Arc<str>,
    /// Providers.
    pub providers: Vec<Provider>,
    /// Models.
    pub models: Vec<Model>,
    /// Deployments of all models.
    pub deployments: Vec<Deployment>,
    /// Policies, in order of matching.
    pub policies: Vec<Policy>,
    /// Clients.
    pub clients: Clients,
    /// Most that one session may spend.
    pub session_max_spend: Option<NanoUsd>,
    /// Where unrouted traffic goes.
    pub defaults: DefaultProviders,
    /// What is known about quality.
    pub evidence: EvidenceTable,
    /// What was learned of models from labelled prompts.
    pub learned: Option<Learned>,
}

/// Everything a request is decided by. Loaded once per request; its version is in the decision and in the ledger.
#[derive(Debug)]
pub struct Snapshot {
    parts: SnapshotParts,
    by_id: HashMap<Arc<str>, ModelIx>,
    by_upstream_name: HashMap<Dialect, HashMap<Arc<str>, DeploymentIx>>,
}

impl Snapshot {
    /// Indexes the parts. When two deployments share an upstream name, the first declared one is found by it.
    pub fn new(parts: SnapshotParts) -> Self {
        let by_id =
            parts.models.iter().zip(0..).map(|(model, ix)| (model.id.0.clone(), ModelIx(ix))).collect();
        let mut by_upstream_name: HashMap<_, HashMap<_, _>> = HashMap::new();
        for (deployment, ix) in parts.deployments.iter().zip(0..) {
            let dialect = parts.providers[deployment.provider.at()].dialect;
            let of_dialect = by_upstream_name.entry(dialect).or_default();
            of_dialect.entry(deployment.upstream_name.clone()).or_insert(DeploymentIx(ix));
        }
        Self { parts, by_id, by_upstream_name }
    }

    /// The model at a position.
    pub fn model(&self, ix: ModelIx) -> &Model {
        &self.parts.models[ix.at()]
    }

    /// The provider at a position.
    pub fn provider(&self, ix: ProviderIx) -> &Provider {
        &self.parts.providers[ix.at()]
    }

    /// The deployment at a position.
    pub fn deployment(&self, ix: DeploymentIx) -> &Deployment {
        &self.parts.deployments[ix.at()]
    }

    /// The policy at a position.
    pub fn policy(&self, ix: PolicyIx) -> &Policy {
        &self.parts.policies[ix.at()]
    }

    /// The model with this id.
    pub fn model_by_id(&self, id: &str) -> Option<ModelIx> {
        self.by_id.get(id).copied()
    }

    /// The first deployment that a provider of this dialect calls by this name.
    pub fn deployment_by_upstream_name(&self, dialect: Dialect, name: &str) -> Option<DeploymentIx> {
        self.by_upstream_name.get(&dialect)?.get(name).copied()
    }

    /// The model a client means by a name: an upstream name of its dialect first, then one of our ids, then the name it has
    /// at a provider of another dialect.
    pub fn model_named(&self, dialect: Dialect, name: &str) -> Option<ModelIx> {
        let at =
            |dialect| self.deployment_by_upstream_name(dialect, name).map(|ix| self.deployment(ix).model);
        let elsewhere = || Dialect::ALL.into_iter().find_map(at);
        at(dialect).or_else(|| self.model_by_id(name)).or_else(elsewhere)
    }

    /// A model's deployments: those that speak this dialect first, each kind in declared order.
    pub fn deployments_of(
        &self,
        model: ModelIx,
        dialect: Dialect,
    ) -> impl Iterator<Item = DeploymentIx> + '_ {
        let of = move |own: bool| {
            let wanted = move |ix: &DeploymentIx| (self.dialect_of(*ix) == dialect) == own;
            self.model(model).deployments.iter().copied().filter(wanted)
        };
        of(true).chain(of(false))
    }

    /// The dialect spoken at a deployment.
    pub fn dialect_of(&self, ix: DeploymentIx) -> Dialect {
        self.provider(self.deployment(ix).provider).dialect
    }
}

impl std::ops::Deref for Snapshot {
    type Target = SnapshotParts;

    fn deref(&self) -> &SnapshotParts {
        &self.parts
    }
}
