//! The ledger's settings, filled by the configuration.

use std::path::PathBuf;

/// Where records go, how long they stay, and what happens when they cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The SQLite file; `-wal` and `-shm` files appear beside it.
    pub path: PathBuf,
    /// What a ledger that cannot be written means for requests.
    pub mode: LedgerMode,
    /// Records of requests that began longer ago are deleted; 0 keeps them until `max_bytes`.
    pub retention_days: u32,
    /// The oldest records are deleted when the file's used pages exceed this.
    pub max_bytes: u64,
    /// Records that may wait for the writer; each takes a few kilobytes of memory.
    pub queue: usize,
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self {
            path: PathBuf::from("pointsman.db"),
            mode: LedgerMode::BestEffort,
            retention_days: 30,
            max_bytes: 10 << 30,
            queue: 16_384,
        }
    }
}

/// What a ledger that cannot be written means for requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerMode {
    /// Requests are served; lost records are counted.
    #[default]
    BestEffort,
    /// New requests are refused until records can be written again.
    Required,
}

impl LedgerMode {
    /// The word used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BestEffort => "best_effort",
            Self::Required => "required",
        }
    }

    /// The mode a word of the configuration means.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::BestEffort, Self::Required].into_iter().find(|mode| mode.as_str() == word)
    }
}
