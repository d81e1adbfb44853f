//! The ids that a configuration declares, gathered before any section is read: a reference may point forwards, and an
//! entry with a fault of its own is still there to be referred to.

use toml::de::{DeTable, DeValue};

use super::tree::{Node, Table, suggestion};

/// Declared ids in order of declaration; the place in a list is the position in the snapshot.
pub(super) struct Names<'r> {
    /// `[[providers]]`
    pub(super) providers: Vec<&'r str>,
    /// `[[models]]`
    pub(super) models: Vec<&'r str>,
    /// `[[policies]]`
    pub(super) policies: Vec<&'r str>,
    /// `[[clients]]`
    pub(super) clients: Vec<&'r str>,
}

impl<'r> Names<'r> {
    /// Gathers what is declared; entries without an id count as nameless.
    pub(super) fn of(root: &'r DeTable<'r>) -> Self {
        let declared = |section: &str, key: &str| {
            let entries = root.get(section).and_then(|value| value.get_ref().as_array());
            let id =
                |entry: &'r DeValue<'r>| entry.get(key).and_then(|id| id.get_ref().as_str()).unwrap_or("");
            entries.into_iter().flat_map(|array| array.iter()).map(|entry| id(entry.get_ref())).collect()
        };
        Self {
            providers: declared("providers", "id"),
            models: declared("models", "id"),
            policies: declared("policies", "name"),
            clients: declared("clients", "id"),
        }
    }
}

/// Positions are 16 bits wide and every list is walked per request or per reload.
const MOST_ENTRIES: usize = 1000;

/// The position that a reference means.
pub(super) fn resolve(node: &Node<'_>, declared: &[&str], section: &str) -> Option<u16> {
    let name = node.text()?;
    let at = declared.iter().position(|known| *known == name);
    if at.is_none() {
        node.fault(format!("no [[{section}]] entry is called `{name}`; {}", suggestion(name, declared)));
    }
    at.and_then(|at| u16::try_from(at).ok())
}

/// The positions that a list of references means, none twice.
pub(super) fn resolve_all(node: &Node<'_>, declared: &[&str], section: &str) -> Vec<u16> {
    let mut found = Vec::new();
    for item in node.items() {
        match resolve(&item, declared, section) {
            Some(at) if found.contains(&at) => item.fault("stands here twice: once is enough"),
            Some(at) => found.push(at),
            None => {}
        }
    }
    found
}

/// The id of the entry at a position: present, unlike all earlier ones, and fit for headers and metrics.
pub(super) fn id<'r>(table: &Table<'r>, key: &'static str, declared: &[&str], position: usize) -> &'r str {
    let Some(node) = table.need(key, "give it a name of its own") else { return "" };
    let Some(id) = node.text() else { return "" };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/+".contains(&byte);
    if id.is_empty() || id.len() > 64 || !id.bytes().all(fits) {
        node.fault("a name has 1 to 64 letters, digits or `.` `_` `-` `:` `/` `+`");
    } else if declared.iter().take(position).any(|earlier| *earlier == id) {
        node.fault(format!("`{id}` is taken by an earlier entry: names must differ"));
    }
    if position == MOST_ENTRIES {
        node.fault(format!("at most {MOST_ENTRIES} entries are possible"));
    }
    id
}
