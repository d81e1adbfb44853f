//! The effective configuration as rows that can be printed or serialised. A credential appears as its kind only.

use std::time::SystemTime;

use serde::Serialize;

use super::Cells;
use super::steps::{SessionRow, StepRow};
use super::{failures, plans};
use crate::catalog::{
    AuthScheme, Credential, License, Mode, Model, Objective, OnAuthFailure, Policy, Provider, Snapshot,
};
use crate::config::Settings;
use crate::intercept::{Authority, OffList};
use crate::types::{Day, Dialect, ModelIx};

/// Everything `check` shows.
#[derive(Debug, Serialize)]
pub(super) struct Effective {
    pub(super) snapshot: String,
    pub(super) listeners: Vec<Listener>,
    pub(super) clients: Vec<ClientRow>,
    pub(super) providers: Vec<ProviderRow>,
    pub(super) models: Vec<ModelRow>,
    pub(super) policies: Vec<PolicyRow>,
    pub(super) session_max_spend_usd: Option<String>,
    pub(super) ledger: String,
    pub(super) notes: Vec<String>,
}

impl Effective {
    /// Of checked settings, with the prices of a day.
    pub(super) fn of(settings: &Settings, today: Day) -> Self {
        let snapshot = &*settings.snapshot;
        let ledger = &settings.ledger;
        Self {
            snapshot: snapshot.version.to_string(),
            listeners: listeners(settings),
            clients: clients(snapshot),
            providers: providers(snapshot),
            models: snapshot.models.iter().map(|model| ModelRow::of(snapshot, model, today)).collect(),
            policies: snapshot.policies.iter().map(|policy| PolicyRow::of(snapshot, policy)).collect(),
            session_max_spend_usd: snapshot.session_max_spend.map(|most| most.to_string()),
            ledger: format!(
                "{}, {}, {} days, at most {} bytes",
                ledger.path.display(),
                ledger.mode.as_str(),
                ledger.retention_days,
                ledger.max_bytes
            ),
            notes: notes(snapshot, today).into_iter().chain(authority(settings)).collect(),
        }
    }
}

/// A listener.
#[derive(Debug, Serialize)]
pub(super) struct Listener {
    plane: &'static str,
    address: String,
    tls: bool,
    access: &'static str,
}

impl Listener {
    pub(super) const HEADER: [&'static str; 4] = ["plane", "address", "TLS", "access"];
}

impl Cells for Listener {
    fn cells(&self) -> Vec<String> {
        let tls = if self.tls { "yes" } else { "no" };
        vec![self.plane.to_owned(), self.address.clone(), tls.to_owned(), self.access.to_owned()]
    }
}

fn listeners(settings: &Settings) -> Vec<Listener> {
    let server = &settings.server;
    let access = if settings.snapshot.clients.is_empty() { "anyone who reaches it" } else { "client keys" };
    let data = server.listen.iter().map(|listen| Listener {
        plane: "data",
        address: listen.addr.to_string(),
        tls: listen.tls.is_some(),
        access,
    });
    let token = if server.admin_token.is_some() { "admin token" } else { "anyone on this machine" };
    let admin = server.admin.map(|address| Listener {
        plane: "admin",
        address: address.to_string(),
        tls: false,
        access: token,
    });
    let settings = &settings.intercept;
    let intercept = settings.enabled.then(|| Listener {
        plane: match (settings.observe_only, settings.off_list) {
            (true, OffList::Tunnel) => "intercept: observe, others tunnelled",
            (true, OffList::Refuse) => "intercept: observe, others refused",
            (false, OffList::Tunnel) => "intercept: as the policy says, others tunnelled",
            (false, OffList::Refuse) => "intercept: as the policy says, others refused",
        },
        address: format!("{} for {}", settings.listen, settings.names().join(", ")),
        tls: true,
        access,
    });
    data.chain(admin).chain(intercept).collect()
}

/// A client, without its key.
#[derive(Debug, Serialize)]
pub(super) struct ClientRow {
    id: String,
    policies: Vec<String>,
    tags: Vec<String>,
    max_spend: Option<String>,
}

impl ClientRow {
    pub(super) const HEADER: [&'static str; 4] = ["client", "policies", "tags", "at most"];
}

impl Cells for ClientRow {
    fn cells(&self) -> Vec<String> {
        let policies = if self.policies.is_empty() { "all".to_owned() } else { self.policies.join(", ") };
        let most = self.max_spend.clone().unwrap_or_else(|| "any amount".to_owned());
        vec![self.id.clone(), policies, self.tags.join(", "), most]
    }
}

fn clients(snapshot: &Snapshot) -> Vec<ClientRow> {
    let row = |client: &crate::catalog::Client| ClientRow {
        id: client.id.to_string(),
        policies: client.policies.iter().map(ToString::to_string).collect(),
        tags: client.tags.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        max_spend: client.max_spend.map(|spend| format!("{} USD a {}", spend.most, spend.per.as_str())),
    };
    snapshot.clients.iter().map(row).collect()
}

/// A provider.
#[derive(Debug, Serialize)]
pub(super) struct ProviderRow {
    id: String,
    dialect: Dialect,
    base_url: String,
    addresses: Vec<String>,
    auth: &'static str,
    credential: &'static str,
    timeouts_ms: [u128; 4],
    retries: u32,
    websocket: bool,
    receives_unread: bool,
}

impl ProviderRow {
    pub(super) const HEADER: [&'static str; 8] = [
        "provider",
        "dialect",
        "base URL",
        "auth header",
        "credential",
        "connect / first byte / idle / total ms",
        "retries",
        "unread traffic",
    ];
}

impl ProviderRow {
    /// The base URL, and the addresses that stand in for its name.
    fn reached(&self) -> String {
        if self.addresses.is_empty() {
            return self.base_url.clone();
        }
        format!("{} at {}", self.base_url, self.addresses.join(", "))
    }
}

impl Cells for ProviderRow {
    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.dialect.as_str().to_owned(),
            self.reached(),
            self.auth.to_owned(),
            self.credential.to_owned(),
            self.timeouts_ms.map(|clock| clock.to_string()).join(" / "),
            self.retries.to_string(),
            if self.receives_unread { "yes" } else { "" }.to_owned(),
        ]
    }
}

fn providers(snapshot: &Snapshot) -> Vec<ProviderRow> {
    let defaults =
        [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini].map(|one| snapshot.defaults.of(one));
    let row = |(provider, position): (&Provider, usize)| ProviderRow {
        id: provider.id.to_string(),
        dialect: provider.dialect,
        base_url: base_url(provider),
        addresses: provider.addresses.iter().map(ToString::to_string).collect(),
        auth: auth_header(provider.auth),
        credential: match provider.credential {
            Credential::Passthrough => "the caller's own",
            Credential::Held(_) => "held",
            Credential::None => "none",
        },
        timeouts_ms: [
            provider.clocks.connect.as_millis(),
            provider.clocks.first_byte.as_millis(),
            provider.clocks.idle.as_millis(),
            provider.clocks.total.as_millis(),
        ],
        retries: provider.retries,
        websocket: provider.websocket,
        receives_unread: defaults.into_iter().flatten().any(|ix| ix.at() == position),
    };
    snapshot.providers.iter().zip(0..).map(row).collect()
}

fn base_url(provider: &Provider) -> String {
    let scheme = if provider.origin.tls { "https" } else { "http" };
    format!("{scheme}://{}{}", provider.origin.authority(), provider.origin.base_path)
}

fn auth_header(scheme: AuthScheme) -> &'static str {
    scheme.header().unwrap_or("none")
}

/// A model.
#[derive(Debug, Serialize)]
pub(super) struct ModelRow {
    id: String,
    family: String,
    tier: &'static str,
    context_tokens: u32,
    max_output_tokens: u32,
    capabilities: Vec<&'static str>,
    /// Input, output, cache read; `None` when unpriced.
    usd_per_million: Option<[f64; 3]>,
    deployments: Vec<String>,
}

impl ModelRow {
    pub(super) const HEADER: [&'static str; 6] = [
        "model",
        "tier (family)",
        "context / output tokens",
        "input / output / cache read",
        "capabilities",
        "served by",
    ];

    fn of(snapshot: &Snapshot, model: &Model, today: Day) -> Self {
        let price = model.prices.on(today);
        let deployments = model.deployments.iter().map(|ix| snapshot.deployment(*ix));
        Self {
            id: model.id.to_string(),
            family: model.family.to_string(),
            tier: model.tier.as_str(),
            context_tokens: model.context_tokens,
            max_output_tokens: model.max_output_tokens,
            capabilities: model.capabilities.words().collect(),
            usd_per_million: price.map(|price| {
                [price.input, price.output, price.cache_read.unwrap_or(price.input)]
                    .map(|price| price.0 as f64 / 1e9)
            }),
            deployments: deployments
                .map(|deployment| format!("{} as {}", deployment.id, deployment.upstream_name))
                .collect(),
        }
    }
}

impl Cells for ModelRow {
    fn cells(&self) -> Vec<String> {
        let price = self.usd_per_million;
        vec![
            self.id.clone(),
            format!("{} ({})", self.tier, self.family),
            format!("{} / {}", self.context_tokens, self.max_output_tokens),
            price.map_or_else(|| "unpriced".to_owned(), |price| price.map(|one| one.to_string()).join(" / ")),
            self.capabilities.join(" "),
            self.deployments.join(", "),
        ]
    }
}

/// A policy.
#[derive(Debug, Serialize)]
pub(super) struct PolicyRow {
    pub(super) name: String,
    matches: String,
    mode: Mode,
    canary_share: f64,
    holdout: f64,
    baseline: Option<String>,
    candidates: Vec<String>,
    objective: Objective,
    license: License,
    pub(super) plans: Vec<String>,
    limits: Vec<String>,
    fallback: Vec<String>,
    on_auth_failure: OnAuthFailure,
    pub(super) steps: Vec<StepRow>,
    pub(super) sessions: SessionRow,
    pub(super) failures: Vec<failures::Row>,
}

impl PolicyRow {
    pub(super) const HEADER: [&'static str; 9] =
        ["policy", "for", "mode", "baseline", "candidates", "choice", "plans", "limits", "fallback"];

    fn of(snapshot: &Snapshot, policy: &Policy) -> Self {
        let name = |ix: &ModelIx| snapshot.model(*ix).id.to_string();
        Self {
            name: policy.id.to_string(),
            matches: matches(policy),
            mode: policy.mode,
            canary_share: policy.canary_share,
            holdout: policy.holdout,
            baseline: policy.baseline.as_ref().map(name),
            candidates: policy.candidates.iter().map(name).collect(),
            objective: policy.objective,
            license: policy.license,
            plans: plans::lines(snapshot, policy),
            limits: limits(policy),
            fallback: policy.fallback.iter().map(name).collect(),
            on_auth_failure: policy.on_auth_failure,
            steps: StepRow::all(snapshot, policy),
            sessions: SessionRow::of(policy),
            failures: failures::rows(snapshot, policy),
        }
    }

    /// What happens to models that the client named, where they are not routed.
    pub(super) fn as_named(&self) -> &'static str {
        match self.mode {
            Mode::Observe => {
                "(requests it routes: `auto` and `pointsman/NAME`. Named models are observed: whatever the provider \
                 answers passes through, and only an answer that never came is an explicit error.)"
            }
            Mode::Canary => {
                "(requests it routes: `auto`, `pointsman/NAME` and the canary share. The others pass through as in \
                 observe.)"
            }
            Mode::Route => "(all requests that match)",
        }
    }
}

impl Cells for PolicyRow {
    fn cells(&self) -> Vec<String> {
        let mode = match self.mode {
            Mode::Observe => "observe".to_owned(),
            Mode::Canary => format!("canary {}", self.canary_share),
            Mode::Route => "route".to_owned(),
        };
        vec![
            self.name.clone(),
            self.matches.clone(),
            format!("{mode}, holdout {}", self.holdout),
            self.baseline.clone().unwrap_or_else(|| "as named".to_owned()),
            dash(&self.candidates),
            format!("{}, license {}", objective(self.objective), self.license.as_str()),
            self.plans.join("; "),
            self.limits.join(", "),
            dash(&self.fallback),
        ]
    }
}

pub(super) fn objective(objective: Objective) -> &'static str {
    match objective {
        Objective::Cheapest => "cheapest",
        Objective::Best => "best",
    }
}

/// A list, or a dash for none.
pub(super) fn dash(list: &[String]) -> String {
    if list.is_empty() { "-".to_owned() } else { list.join(", ") }
}

fn matches(policy: &Policy) -> String {
    let matches = &policy.matches;
    let mut parts = vec![matches.models.join(" ")];
    if !matches.clients.is_empty() {
        let clients: Vec<_> = matches.clients.iter().map(|client| client.as_str()).collect();
        parts.push(format!("clients {}", clients.join(" ")));
    }
    if !matches.paths.is_empty() {
        parts.push(format!("paths {}", matches.paths.join(" ")));
    }
    parts.extend(matches.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    parts.join("; ")
}

pub(super) fn limits(policy: &Policy) -> Vec<String> {
    let mut limits =
        vec![format!("loss {}", policy.max_quality_loss), format!("quality {}", policy.min_quality)];
    limits.extend(policy.max_cost.map(|cost| format!("{cost} USD")));
    limits.extend(policy.deadline_ms.map(|deadline| format!("{deadline} ms")));
    limits.extend(policy.ttft_ms.map(|ttft| format!("first token {ttft} ms")));
    limits
}

/// What is allowed and perhaps not meant.
fn notes(snapshot: &Snapshot, today: Day) -> Vec<String> {
    let mut notes = Vec::new();
    let shared = snapshot.session_max_spend.is_some()
        || snapshot.clients.iter().any(|client| client.max_spend.is_some());
    for policy in &snapshot.policies {
        let named = |ix: &ModelIx| snapshot.model(*ix).id.to_string();
        let capped = policy.everywhere().filter(|policy| shared || policy.max_cost.is_some());
        let unpriced = capped.flat_map(|policy| &policy.candidates);
        let mut unpriced: Vec<_> =
            unpriced.filter(|ix| snapshot.model(**ix).prices.on(today).is_none()).map(named).collect();
        unpriced.sort_unstable();
        unpriced.dedup();
        if !unpriced.is_empty() {
            let list = unpriced.join(", ");
            notes.push(format!(
                "policy `{}`: unpriced under a cost ceiling, so never chosen: {list}",
                policy.id
            ));
        }
        if policy.license != License::Prior && snapshot.profile.is_empty() && policy.candidates.len() > 1 {
            notes.push(format!(
                "policy `{}`: no profile is loaded, so no cheaper model has the `{}` evidence it needs and the \
                 baseline serves",
                policy.id,
                policy.license.as_str()
            ));
        }
    }
    notes.extend(old_prices(snapshot, today));
    notes
}

/// What is to be said of the authority of interception, which has an end: a note, since this machine may not be the one that
/// serves.
fn authority(settings: &Settings) -> Option<String> {
    let intercept = &settings.intercept;
    if !intercept.enabled {
        return None;
    }
    let read = Authority::read(&intercept.ca, intercept.names());
    match read {
        Ok(authority) => {
            let [_, until] = authority.validity().days();
            let warning = authority.validity().warning(SystemTime::now());
            Some(warning.unwrap_or_else(|| format!("the authority of interception holds until {until}")))
        }
        Err(error) => Some(format!("interception would not start here: {error}")),
    }
}

/// A price that nobody looked at for so long may be another one by now.
const STALE_DAYS: i32 = 180;

/// Prices that are old, and those nobody can tell the age of.
fn old_prices(snapshot: &Snapshot, today: Day) -> Vec<String> {
    let (mut stale, mut undated) = (Vec::new(), Vec::new());
    for model in &snapshot.models {
        let Some(price) = model.prices.on(today) else { continue };
        match price.dated().map(|day| today.0.saturating_sub(day.0)) {
            None => undated.push(model.id.to_string()),
            Some(days) if days > STALE_DAYS => stale.push(format!("{} ({days} days)", model.id)),
            Some(_) => {}
        }
    }
    let note = |list: Vec<String>, what: &str| {
        let text = || {
            format!(
                "{what}: {}. Compare them with `pointsman prices import FILE`; `--write --confirm` dates what it confirms",
                list.join(", ")
            )
        };
        (!list.is_empty()).then(text)
    };
    let stale = note(stale, &format!("prices older than {STALE_DAYS} days"));
    let undated = note(undated, "prices without a `valid_from`, so of unknown age");
    stale.into_iter().chain(undated).collect()
}
