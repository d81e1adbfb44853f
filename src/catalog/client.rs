//! Who may use the data plane. Keys are kept as keyed hashes, so that a lookup neither holds nor compares them in clear.

use std::collections::{BTreeMap, HashMap};

use super::Spend;
use crate::types::{ClientId, ClientIx, PolicyId};

/// One `[[clients]]` entry without its key.
#[derive(Clone, Debug)]
pub struct Client {
    /// Name in the configuration, and tenant of everything it does.
    pub id: ClientId,
    /// Policies it may use; empty: all.
    pub policies: Vec<PolicyId>,
    /// Tags on every ledger row of this client.
    pub tags: BTreeMap<String, String>,
    /// Most that it may spend within a period.
    pub max_spend: Option<Spend>,
}

/// The hash under which a client's key is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey([u8; 32]);

impl ClientKey {
    /// Full-length keyed hash of a presented key: two keys never share an identity because they share a prefix.
    pub fn of(presented: &[u8]) -> Self {
        Self(blake3::derive_key("pointsman 2026 client key lookup v1", presented))
    }
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientKey(..)")
    }
}

/// All clients, looked up by the hash of the key they present.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    list: Vec<Client>,
    by_key: HashMap<ClientKey, ClientIx>,
}

impl Clients {
    /// From clients and the hash of each one's key; keys must differ (the configuration checks it).
    pub fn new(entries: Vec<(Client, ClientKey)>) -> Self {
        let mut clients = Self::default();
        for (client, key) in entries {
            let ix = ClientIx(u16::try_from(clients.list.len()).unwrap_or(u16::MAX));
            clients.list.push(client);
            clients.by_key.insert(key, ix);
        }
        clients
    }

    /// True when no client is configured, so that callers are told apart by credential only.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All clients in declared order.
    pub fn iter(&self) -> std::slice::Iter<'_, Client> {
        self.list.iter()
    }

    /// The client a presented key belongs to.
    pub fn identify(&self, presented: &[u8]) -> Option<ClientIx> {
        self.by_key.get(&ClientKey::of(presented)).copied()
    }

    /// The client at a position of this snapshot.
    pub fn at(&self, ix: ClientIx) -> &Client {
        &self.list[ix.at()]
    }
}
