//! `[[policies]]`: whom a policy is for, what it may do to a request, and within which limits.

use super::Context;
use super::compound::Around;
use super::names::{id, resolve, resolve_all};
use super::tree::{Node, Table, suggestion};
use crate::catalog::{
    License, Mode, Model, Objective, OnAuthFailure, OnStreamBreak, PlanKind, Policy, PolicyMatch,
    SessionRules, ToolLoops,
};
use crate::types::{AgentStep, ClientId, FailureClass, ModelIx, NanoUsd};

const MODES: [(&str, Mode); 3] =
    [("observe", Mode::Observe), ("canary", Mode::Canary), ("route", Mode::Route)];
const LICENSES: [(&str, License); 3] =
    [("paired", License::Paired), ("calibrated", License::Calibrated), ("prior", License::Prior)];
const OBJECTIVES: [(&str, Objective); 2] = [("cheapest", Objective::Cheapest), ("best", Objective::Best)];
const ON_AUTH_FAILURE: [(&str, OnAuthFailure); 2] =
    [("fail", OnAuthFailure::Fail), ("fallback", OnAuthFailure::Fallback)];
const ON_STREAM_BREAK: [(&str, OnStreamBreak); 2] =
    [("error", OnStreamBreak::Error), ("resume", OnStreamBreak::Resume)];

const TOOL_LOOPS: [(&str, ToolLoops); 2] = [("atomic", ToolLoops::Atomic), ("free", ToolLoops::Free)];

/// Classes that lead to the next hop unless `on` says otherwise: another model may well help, and no filter is evaded,
/// no refused credential hidden, no unpaid bill moved elsewhere.
const USUAL_ON: [FailureClass; 12] = [
    FailureClass::Connect,
    FailureClass::Dns,
    FailureClass::Tls,
    FailureClass::Timeout,
    FailureClass::RateLimit,
    FailureClass::Overloaded,
    FailureClass::ServerError,
    FailureClass::Malformed,
    FailureClass::Empty,
    FailureClass::ContextLength,
    FailureClass::Unsupported,
    FailureClass::ModelGone,
];

const HOUR_MS: u64 = 3_600_000;
const MOST_USD: f64 = 1_000_000.0;

pub(super) fn read(root: &Table<'_>, context: &Context<'_>, known: &[Model]) -> Vec<Policy> {
    let tables = root.tables("policies");
    tables.iter().enumerate().map(|(position, table)| policy(table, (context, known), position)).collect()
}

fn policy(table: &Table<'_>, (context, known): (&Context<'_>, &[Model]), position: usize) -> Policy {
    let models = |key| table.get(key).map(|node| models(&node, context)).unwrap_or_default();
    let baseline = table.get("baseline").and_then(|node| resolve(&node, &context.names.models, "models"));
    let baseline = baseline.map(ModelIx);
    // Without candidates there is nothing to choose, but the baseline can still be asked for.
    let candidates = Some(models("candidates")).filter(|list| !list.is_empty());
    let plans = table.get("plans").map_or_else(|| vec![PlanKind::Single], |node| plans(&node));
    let steps = table.get("steps").filter(Node::is_table).and_then(|node| node.table());
    let compound = table.get("compound").and_then(|node| node.table()).map(|table| {
        let plans: Vec<PlanKind> = plans.iter().copied().chain(kinds_at_steps(steps.as_ref())).collect();
        Around { context, models: known, baseline, plans: &plans }.read(&table)
    });
    let policy = Policy {
        id: id(table, "name", &context.names.policies, position).into(),
        matches: matches(table, context),
        mode: table.choice_or("mode", Mode::Observe, &MODES),
        canary_share: table.number_or("canary_share", 0.05, 0.0..=1.0),
        holdout: table.number_or("holdout", 0.0, 0.0..=1.0),
        baseline,
        candidates: candidates.unwrap_or_else(|| baseline.into_iter().collect()),
        license: table.choice_or("license", License::Paired, &LICENSES),
        max_quality_loss: table.number_or("max_quality_loss", 0.02, 0.0..=1.0),
        min_quality: table.number_or("min_quality", 0.0, 0.0..=1.0),
        max_cost: usd(table, "max_cost_usd"),
        deadline_ms: milliseconds(table, "deadline_ms"),
        ttft_ms: milliseconds(table, "ttft_ms"),
        objective: table.choice_or("objective", Objective::Cheapest, &OBJECTIVES),
        plans,
        compound: compound.unwrap_or_default(),
        sessions: sessions(table),
        steps: Vec::new(),
        fallback: models("fallback"),
        on: table.get("on").map_or_else(|| USUAL_ON.to_vec(), |node| failure_classes(&node)),
        on_auth_failure: table.choice_or("on_auth_failure", OnAuthFailure::Fail, &ON_AUTH_FAILURE),
        on_stream_break: table.choice_or("on_stream_break", OnStreamBreak::Error, &ON_STREAM_BREAK),
    };
    check(table, &policy);
    let steps = at_steps(table, (&policy, context));
    table.refuse_others();
    Policy { steps, ..policy }
}

/// `[policies.steps.STEP]`: the policy as it is at a step of an agent's work. Whom it is for, its shares, its baseline, its plans'
/// members and what failures do are the same at every step.
fn at_steps(table: &Table<'_>, (policy, context): (&Policy, &Context<'_>)) -> Vec<(AgentStep, Policy)> {
    let Some(table) = table.get("steps").and_then(|node| node.table()) else { return Vec::new() };
    let at = |step: AgentStep| {
        let table = table.get(step.as_str())?.table()?;
        Some((step, at_step(&table, (policy, context))))
    };
    let steps = AgentStep::ALL.into_iter().filter_map(at).collect();
    table.refuse_others();
    steps
}

/// The kinds of plan that steps name, without a word on what is wrong with them: that is said where they are read.
fn kinds_at_steps(steps: Option<&Table<'_>>) -> Vec<PlanKind> {
    let tables = steps.into_iter().flat_map(Table::entries).filter(|(_, node)| node.is_table());
    let plans = tables.filter_map(|(_, node)| node.table()?.get("plans")).filter(Node::is_array);
    let words = plans.flat_map(|node| node.items()).filter(Node::is_text);
    words.filter_map(|word| PlanKind::parse(word.text()?)).collect()
}

fn at_step(table: &Table<'_>, (policy, context): (&Policy, &Context<'_>)) -> Policy {
    let candidates = table.get("candidates").map(|node| {
        if node.is_array() && node.items().is_empty() {
            node.fault("is empty: leave it out where the step has the candidates of the policy");
        }
        models(&node, context)
    });
    let step = Policy {
        candidates: candidates.unwrap_or_else(|| policy.candidates.clone()),
        license: table.choice_or("license", policy.license, &LICENSES),
        max_quality_loss: table.number_or("max_quality_loss", policy.max_quality_loss, 0.0..=1.0),
        min_quality: table.number_or("min_quality", policy.min_quality, 0.0..=1.0),
        max_cost: usd(table, "max_cost_usd").or(policy.max_cost),
        deadline_ms: milliseconds(table, "deadline_ms").or(policy.deadline_ms),
        ttft_ms: milliseconds(table, "ttft_ms").or(policy.ttft_ms),
        objective: table.choice_or("objective", policy.objective, &OBJECTIVES),
        plans: table.get("plans").map_or_else(|| policy.plans.clone(), |node| plans(&node)),
        ..policy.clone()
    };
    in_time(table, &step);
    if let (Some(own), Some(all)) = (step.max_cost, policy.max_cost)
        && own > all
        && let Some(node) = table.get("max_cost_usd")
    {
        node.fault(format!("${own} is above the policy's ${all}: callers have a say in which step it is"));
    }
    table.refuse_others();
    step
}

fn milliseconds(table: &Table<'_>, key: &'static str) -> Option<u32> {
    let value = table.get(key).and_then(|node| node.integer(1..=HOUR_MS));
    value.and_then(|value| u32::try_from(value).ok())
}

/// An amount of money.
pub(super) fn usd(table: &Table<'_>, key: &'static str) -> Option<NanoUsd> {
    table.get(key).and_then(|node| NanoUsd::from_usd(node.number(0.0..=MOST_USD)?))
}

fn sessions(table: &Table<'_>) -> SessionRules {
    let Some(table) = table.get("sessions").and_then(|node| node.table()) else {
        return SessionRules::default();
    };
    let horizon = table.integer_or(
        "horizon_turns",
        u64::from(SessionRules::HORIZON_TURNS),
        0..=u64::from(SessionRules::MOST_HORIZON_TURNS),
    );
    let rules = SessionRules {
        tool_loops: table.choice_or("tool_loops", ToolLoops::Atomic, &TOOL_LOOPS),
        max_switch: usd(&table, "max_switch_usd"),
        horizon_turns: u8::try_from(horizon).unwrap_or(SessionRules::HORIZON_TURNS),
    };
    table.refuse_others();
    rules
}

/// What concerns several keys of one policy.
fn check(table: &Table<'_>, policy: &Policy) {
    if policy.matches.models.iter().any(|model| model == "auto") && table.get("baseline").is_none() {
        table.missing(
            "baseline",
            "a policy for \"auto\" needs the model that serves when nothing cheaper is proven",
        );
    }
    let auth_listed = policy.on.contains(&FailureClass::Auth);
    if auth_listed
        && policy.on_auth_failure == OnAuthFailure::Fail
        && let Some(node) = table.get("on")
    {
        node.fault(
            "`auth` leads on only with on_auth_failure = \"fallback\": write that, or leave `auth` out",
        );
    }
    in_time(table, policy);
}

/// The first token comes before the deadline, wherever each of the two is written.
fn in_time(table: &Table<'_>, policy: &Policy) {
    if let (Some(ttft), Some(deadline)) = (policy.ttft_ms, policy.deadline_ms)
        && ttft > deadline
        && let Some(node) = table.get("ttft_ms").or_else(|| table.get("deadline_ms"))
    {
        node.fault(format!("the first token after {ttft} ms comes later than the deadline of {deadline} ms"));
    }
}

fn models(node: &Node<'_>, context: &Context<'_>) -> Vec<ModelIx> {
    resolve_all(node, &context.names.models, "models").into_iter().map(ModelIx).collect()
}

fn plans(node: &Node<'_>) -> Vec<PlanKind> {
    let plans = node.choices(&PlanKind::ALL.map(|kind| (kind.as_str(), kind)));
    if node.is_array() && node.items().is_empty() {
        node.fault("is empty: \"single\" is the plan of one model");
    }
    plans
}

fn failure_classes(node: &Node<'_>) -> Vec<FailureClass> {
    node.choices(&FailureClass::LISTABLE.map(|class| (class.as_str(), class)))
}

fn matches(table: &Table<'_>, context: &Context<'_>) -> PolicyMatch {
    let hint = "say whom it is for, as { models = [\"auto\"] }";
    let Some(table) = table.need("match", hint).and_then(|node| node.table()) else {
        return PolicyMatch::default();
    };
    let models = table.need("models", "name at least one model, as [\"auto\"] or [\"gpt-*\"]");
    let matches = PolicyMatch {
        models: models.map(|node| model_patterns(&node)).unwrap_or_default(),
        clients: table.get("clients").map(|node| clients(&node, context)).unwrap_or_default(),
        paths: table.get("paths").map(|node| paths(&node)).unwrap_or_default(),
        headers: table
            .get("headers")
            .and_then(|node| node.table())
            .map(|table| headers(&table))
            .unwrap_or_default(),
    };
    table.refuse_others();
    matches
}

fn model_patterns(node: &Node<'_>) -> Vec<String> {
    let patterns = node.texts();
    if patterns.is_empty() && node.is_array() {
        node.fault("is empty: name at least one model, as \"auto\" or \"gpt-*\"");
    }
    for (item, pattern) in &patterns {
        if pattern.is_empty() || pattern.trim_end_matches('*').contains('*') || pattern.ends_with("**") {
            item.fault("write a name, or the beginning of one and a single `*` at the end");
        } else if pattern.starts_with("pointsman/") {
            item.fault("every policy is found by pointsman/NAME already: leave this out");
        }
    }
    patterns.into_iter().map(|(_, pattern)| pattern.to_owned()).collect()
}

fn clients(node: &Node<'_>, context: &Context<'_>) -> Vec<ClientId> {
    let known = &context.names.clients;
    for (item, name) in node.texts() {
        if name != "*" && !known.contains(&name) {
            item.fault(format!("no [[clients]] entry is called `{name}`; {}", suggestion(name, known)));
        }
    }
    node.items().iter().filter_map(Node::text).map(ClientId::from).collect()
}

fn paths(node: &Node<'_>) -> Vec<String> {
    for (item, path) in node.texts() {
        if !path.starts_with('/') {
            item.fault(format!("`{path}` is not the beginning of a path: write /{path}"));
        }
    }
    node.items().iter().filter_map(Node::text).map(str::to_owned).collect()
}

fn headers(table: &Table<'_>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, node) in table.entries() {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            node.fault(format!("`{name}` is not the name of a header"));
        }
        headers.extend(node.text().map(|value| (name.to_ascii_lowercase(), value.to_owned())));
    }
    headers
}
