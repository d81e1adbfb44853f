//! `[[clients]]`: who may use the data plane, and what they may spend; `[sessions]`: what a conversation may. Keys are kept as hashes
//! from here on.

use std::collections::{BTreeMap, HashMap};

use super::Context;
use super::names::{id, resolve_all};
use super::policies::usd;
use super::server::secret;
use super::tree::{Node, Table};
use crate::catalog::{Client, ClientKey, Clients, Period, Spend};
use crate::types::{NanoUsd, PolicyId};

pub(super) fn read(root: &Table<'_>, context: &Context<'_>) -> Clients {
    let mut owners: HashMap<ClientKey, String> = HashMap::new();
    let mut entries = Vec::new();
    for (position, table) in root.tables("clients").iter().enumerate() {
        let client = client(table, context, position);
        let key = table.need("key", "write `env:NAME` or `file:PATH`").and_then(|node| {
            let key = ClientKey::of(secret(&node, context)?.expose().as_bytes());
            if let Some(owner) = owners.insert(key, client.id.to_string()) {
                node.fault(format!("client `{owner}` has the same key: give each client a key of its own"));
            }
            Some(key)
        });
        table.refuse_others();
        entries.extend(key.map(|key| (client, key)));
    }
    Clients::new(entries)
}

/// `[sessions] max_spend_usd`: most that one conversation may spend, whoever has it.
pub(super) fn session_max_spend(root: &Table<'_>) -> Option<NanoUsd> {
    let sessions = root.get("sessions").as_ref().and_then(Node::table)?;
    let most = usd(&sessions, "max_spend_usd");
    sessions.refuse_others();
    most
}

fn client(table: &Table<'_>, context: &Context<'_>, position: usize) -> Client {
    let policies = table.get("policies");
    let policies = policies.map(|node| resolve_all(&node, &context.names.policies, "policies"));
    let names = &context.names.policies;
    let name = |at: u16| names.get(usize::from(at)).map(|name| PolicyId::from(*name));
    Client {
        id: id(table, "id", &context.names.clients, position).into(),
        policies: policies.unwrap_or_default().into_iter().filter_map(name).collect(),
        tags: table
            .get("tags")
            .as_ref()
            .and_then(Node::table)
            .map(|tags| read_tags(&tags))
            .unwrap_or_default(),
        max_spend: max_spend(table),
    }
}

const PERIODS: [(&str, Period); 3] = [
    (Period::Hour.as_str(), Period::Hour),
    (Period::Day.as_str(), Period::Day),
    (Period::Month.as_str(), Period::Month),
];

fn max_spend(table: &Table<'_>) -> Option<Spend> {
    let most = usd(table, "max_spend_usd");
    if most.is_none()
        && let Some(node) = table.get("spend_period")
    {
        node.fault("says over which time `max_spend_usd` holds: write that as well, or leave this out");
    }
    let per = table.choice_or("spend_period", Period::Day, &PERIODS);
    Some(Spend { most: most?, per })
}

/// Most tags of one client, and most bytes of a tag's name and of its value: they stand on every row of the ledger.
const MOST_TAGS: usize = 16;
const TAG_BYTES: usize = 64;

fn read_tags(table: &Table<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for (position, (name, node)) in table.entries().into_iter().enumerate() {
        let Some(value) = node.text() else { continue };
        if position == MOST_TAGS {
            node.fault(format!("at most {MOST_TAGS} tags are possible"));
        }
        if !is_tag(name) || !is_tag(value) {
            node.fault(format!(
                "a tag's name and value have 1 to {TAG_BYTES} letters, digits or `_` `-` `.` `:` `/` `@`"
            ));
        }
        tags.insert(name.to_owned(), value.to_owned());
    }
    tags
}

fn is_tag(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/@".contains(&byte);
    (1..=TAG_BYTES).contains(&text.len()) && text.bytes().all(fits)
}
