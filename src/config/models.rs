//! `[[models]]`: what a model can do, costs, is believed to be worth, and where it is served.

use std::collections::HashMap;
use std::sync::Arc;

use super::Context;
use super::names::{id, resolve};
use super::tree::{Node, Table, suggestion};
use super::{origin, prices};
use crate::catalog::{
    Balance, Credential, Deployment, LatencyPrior, Model, PriceList, Provider, QualityPriors, Tier, family_of,
};
use crate::types::{Capabilities, DeploymentId, DeploymentIx, ModelIx, ProviderIx, TaskClass};

const TIERS: [(&str, Tier); 3] =
    [("edge", Tier::Edge), ("specialist", Tier::Specialist), ("frontier", Tier::Frontier)];

/// What every model is taken to do unless its `capabilities` take it away with a leading `-`: what nearly every chat
/// model does, so that a list that names only the special does not lock a model out of ordinary requests. Schemas,
/// images, thinking and continuing a turn of the assistant must be declared: a wrong yes is an error at the provider.
const ASSUMED: [Capabilities; 4] =
    [Capabilities::TOOLS, Capabilities::JSON_OBJECT, Capabilities::SAMPLING, Capabilities::MULTIPLE_CHOICES];

pub(super) fn read(
    root: &Table<'_>,
    context: &Context<'_>,
    providers: &[Provider],
) -> (Vec<Model>, Vec<Deployment>) {
    let mut models = Vec::new();
    let mut deployments = Vec::new();
    for (table, position) in root.tables("models").iter().zip(0_u16..) {
        let mut model = model(table, context, position);
        let around = Around { context, providers, model: &model, ix: ModelIx(position) };
        let own = around.deployments(table);
        if let Some(first) = own.first().filter(|_| model.family.is_empty()) {
            model.family = family_of(&first.upstream_name);
        }
        let first = deployments.len();
        deployments.extend(own);
        let positions = (first..deployments.len()).filter_map(|at| u16::try_from(at).ok());
        model.deployments = positions.map(DeploymentIx).collect();
        table.refuse_others();
        models.push(model);
    }
    if deployments.len() > usize::from(u16::MAX) {
        root.missing("models", "fewer deployments: at most 65535 are possible");
    }
    (models, deployments)
}

fn model(table: &Table<'_>, context: &Context<'_>, position: u16) -> Model {
    let id = model_id(table, context, position);
    let tier = table.need("tier", "write edge, specialist or frontier");
    let tokens = |key, hint| {
        let node = table.need(key, hint)?;
        u32::try_from(node.integer(1..=100_000_000)?).ok()
    };
    let context_tokens = tokens("context_tokens", "write the context window, as 128000");
    let max_output_tokens = tokens("max_output_tokens", "write the most output tokens per answer, as 16000");
    if let (Some(window), Some(output)) = (context_tokens, max_output_tokens)
        && output > window
        && let Some(node) = table.get("max_output_tokens")
    {
        node.fault(format!("{output} is more than the context window of {window} holds"));
    }
    let assumed = ASSUMED.into_iter().fold(Capabilities::default(), Capabilities::with);
    let capabilities = table.get("capabilities").map_or(assumed, |node| capabilities(&node, assumed));
    Model {
        id: id.into(),
        family: table.get("family").and_then(|node| family(&node)).unwrap_or_default(),
        tier: tier.and_then(|node| node.choice(&TIERS)).unwrap_or(Tier::Edge),
        context_tokens: context_tokens.unwrap_or(0),
        max_output_tokens: max_output_tokens.unwrap_or(0),
        capabilities,
        prices: table.get("price").map_or_else(PriceList::default, |node| prices::read(&node)),
        quality: table
            .get("quality")
            .and_then(|node| node.table())
            .map(|table| quality(&table))
            .unwrap_or_default(),
        learned_as: table.get("learned_as").and_then(|node| node.text()).map(Arc::from),
        deployments: Vec::new(),
        balance: table.choice_or("balance", Balance::Latency, &BALANCES),
    }
}

fn family(node: &Node<'_>) -> Option<Arc<str>> {
    let family = node.text()?;
    if family.is_empty() {
        node.fault("write who made the model, in a word, as \"gpt\"");
    }
    Some(Arc::from(family.to_ascii_lowercase()))
}

fn model_id<'r>(table: &Table<'r>, context: &Context<'_>, position: u16) -> &'r str {
    let id = id(table, "id", &context.names.models, usize::from(position));
    if (id == "auto" || id.starts_with("pointsman/"))
        && let Some(node) = table.get("id")
    {
        node.fault(format!("`{id}` asks for routing and cannot name a model: choose another name"));
    }
    id
}

fn capabilities(node: &Node<'_>, assumed: Capabilities) -> Capabilities {
    let known: Vec<_> = Capabilities(u32::MAX).words().collect();
    let mut set = assumed;
    for (item, word) in node.texts() {
        let (taken_away, bare) = word.strip_prefix('-').map_or((false, word), |bare| (true, bare));
        match Capabilities::parse(bare) {
            Some(capability) if taken_away => set = set.without(capability),
            Some(capability) => set = set.with(capability),
            None => item.fault(format!("`{word}` is not known; {}", suggestion(word, &known))),
        }
    }
    set
}

fn quality(table: &Table<'_>) -> QualityPriors {
    let belief = |key| table.get(key).and_then(|node| node.number(0.0..=1.0));
    let mut priors = QualityPriors { default: belief("default"), ..QualityPriors::default() };
    for task in TaskClass::ALL {
        priors.by_task[task as usize] = belief(task.as_str());
    }
    table.refuse_others();
    priors
}

const BALANCES: [(&str, Balance); 2] =
    [(Balance::Latency.as_str(), Balance::Latency), (Balance::Declared.as_str(), Balance::Declared)];

/// What the deployments of one model are read with.
struct Around<'r> {
    context: &'r Context<'r>,
    providers: &'r [Provider],
    model: &'r Model,
    ix: ModelIx,
}

impl Around<'_> {
    fn deployments(&self, table: &Table<'_>) -> Vec<Deployment> {
        let hint = "say where it is served, as [{ provider = \"openai\" }]";
        let Some(node) = table.need("deployments", hint) else { return Vec::new() };
        let items = node.items();
        if items.is_empty() && node.is_array() {
            node.fault("is empty: name at least one provider, as [{ provider = \"openai\" }]");
        }
        let tables = items.iter().filter_map(Node::table);
        let mut deployments: Vec<_> = tables.filter_map(|table| self.deployment(&table)).collect();
        number_replicas(&mut deployments);
        deployments
    }

    fn deployment(&self, table: &Table<'_>) -> Option<Deployment> {
        let names = &self.context.names.providers;
        let provider = table.need("provider", "name a [[providers]] entry");
        let provider = provider.and_then(|node| resolve(&node, names, "providers")).map(ProviderIx);
        let upstream_name = table.get("upstream_name").and_then(|node| upstream_name(&node));
        let number = |key, most| {
            let value = table.get(key).and_then(|node| node.integer(1..=most));
            value.and_then(|value| u32::try_from(value).ok())
        };
        let usual = usual_latency(self.model.tier);
        let latency = LatencyPrior {
            ttft_ms: number("ttft_ms", 600_000).unwrap_or(usual.ttft_ms),
            per_token_us: number("per_token_us", 60_000_000).unwrap_or(usual.per_token_us),
        };
        let max_in_flight = number("max_in_flight", 1_000_000);
        let written = table.get("endpoints");
        table.refuse_others();
        let provider = provider?;
        let endpoints = written.map(|node| endpoints(&node, self.providers.get(provider.at())));
        Some(Deployment {
            id: DeploymentId::from(format!("{}@{}", self.model.id, names.get(provider.at())?).as_str()),
            model: self.ix,
            provider,
            upstream_name: Arc::from(upstream_name.unwrap_or(self.model.id.as_str())),
            endpoints: endpoints.unwrap_or_default(),
            max_in_flight,
            latency,
        })
    }
}

fn upstream_name<'r>(node: &Node<'r>) -> Option<&'r str> {
    let name = node.text()?;
    if name.is_empty() || name.chars().any(char::is_control) {
        node.fault("write what the provider calls the model");
    }
    Some(name)
}

/// Endpoints take the scheme of their provider, so a key of ours may travel to them only as it may to the provider.
fn endpoints(node: &Node<'_>, provider: Option<&Provider>) -> Vec<Arc<str>> {
    let bares_key =
        |provider: &Provider| !provider.origin.tls && matches!(provider.credential, Credential::Held(_));
    let bares_key = provider.is_some_and(bares_key);
    let mut found = Vec::new();
    for (item, text) in node.texts() {
        match origin::host_and_port(text) {
            Ok((host, Some(_))) if bares_key && !origin::is_loopback(host) => {
                item.fault("a credential of ours would travel unencrypted: use https:// in the base_url");
            }
            Ok((_, Some(_))) => found.push(Arc::from(text)),
            Ok((_, None)) => item.fault(format!("`{text}` has no port: write host:port, as 10.0.0.7:8000")),
            Err(message) => item.fault(message),
        }
    }
    found
}

/// Expected speed until calls were measured: round figures of 2025 for hosted models.
fn usual_latency(tier: Tier) -> LatencyPrior {
    match tier {
        Tier::Edge => LatencyPrior { ttft_ms: 400, per_token_us: 8_000 },
        Tier::Specialist => LatencyPrior { ttft_ms: 600, per_token_us: 14_000 },
        Tier::Frontier => LatencyPrior { ttft_ms: 1000, per_token_us: 20_000 },
    }
}

/// Deployments of one model at one provider are told apart by a number: `small@local#1`, `small@local#2`.
fn number_replicas(deployments: &mut [Deployment]) {
    let mut count: HashMap<DeploymentId, usize> = HashMap::new();
    for deployment in deployments.iter() {
        *count.entry(deployment.id.clone()).or_default() += 1;
    }
    let mut next: HashMap<DeploymentId, usize> = HashMap::new();
    for deployment in deployments {
        if count.get(&deployment.id).is_some_and(|count| *count > 1) {
            let number = next.entry(deployment.id.clone()).or_default();
            *number += 1;
            deployment.id = DeploymentId::from(format!("{}#{number}", deployment.id).as_str());
        }
    }
}
