//! `[ledger]`: where records go and how long they stay.

use std::path::PathBuf;

use super::tree::{Node, Table};
use crate::ledger::{LedgerMode, LedgerSettings};

const MODES: [(&str, LedgerMode); 2] =
    [("best_effort", LedgerMode::BestEffort), ("required", LedgerMode::Required)];

pub(super) fn read(root: &Table<'_>) -> LedgerSettings {
    let default = LedgerSettings::default();
    let Some(ledger) = root.get("ledger").as_ref().and_then(Node::table) else { return default };
    let path = ledger.get("path").and_then(|node| file_name(&node));
    let retention = ledger.integer_or("retention_days", u64::from(default.retention_days), 0..=36_500);
    let queue = ledger.integer_or("queue", default.queue as u64, 16..=1 << 20);
    let settings = LedgerSettings {
        path: path.unwrap_or(default.path),
        mode: ledger.choice_or("mode", default.mode, &MODES),
        retention_days: u32::try_from(retention).unwrap_or(u32::MAX),
        max_bytes: ledger.integer_or("max_bytes", default.max_bytes, 1 << 20..=1 << 50),
        queue: usize::try_from(queue).unwrap_or(default.queue),
    };
    ledger.refuse_others();
    settings
}

fn file_name(node: &Node<'_>) -> Option<PathBuf> {
    let path = node.text()?;
    if path.is_empty() {
        node.fault("is empty: name a file, as \"pointsman.db\"");
    }
    Some(PathBuf::from(path))
}
