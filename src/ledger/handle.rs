//! The handle that files records: never waits, never fails a request, counts what is lost.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::writer::BATCH;
use super::{Entry, LedgerError, LedgerMode, LedgerSettings, Writer};
use crate::catalog::{Snapshot, SnapshotVersion};

/// Files records. Cheap to clone; the writer ends when the last clone is gone.
#[derive(Clone, Debug)]
pub struct Ledger {
    shared: Arc<Shared>,
    sender: SyncSender<Message>,
    mark: Option<Arc<(String, String)>>,
}

impl Ledger {
    /// Opens or creates the database. Nothing is written until the writer runs.
    pub fn open(settings: &LedgerSettings) -> Result<(Self, Writer), LedgerError> {
        let capacity = settings.queue.max(1);
        let (sender, receiver) = sync_channel(capacity);
        let shared = Arc::new(Shared { mode: settings.mode, capacity, ..Shared::default() });
        let writer = Writer::open(settings, shared.clone(), receiver)?;
        Ok((Self { shared, sender, mark: None }, writer))
    }

    /// The same ledger, whose records all have this tag, whatever a caller wrote there.
    #[must_use]
    pub fn marked(self, tag: Option<(String, String)>) -> Self {
        Self { mark: tag.map(Arc::new), ..self }
    }

    /// Files one request. Never waits: when the queue is full the record is counted as lost.
    pub fn record(&self, mut entry: Entry) -> Result<(), LedgerFull> {
        let shared = &self.shared;
        if let Some((tag, value)) = self.mark.as_deref() {
            entry.tags.insert(tag.clone(), value.clone());
        }
        let queued = shared.queued.fetch_add(1, Relaxed) + 1;
        if self.sender.try_send(Message::Entry(Box::new(entry))).is_err() {
            shared.queued.fetch_sub(1, Relaxed);
            shared.lost.fetch_add(1, Relaxed);
            return Err(LedgerFull);
        }
        // One wake-up a batch: until then the writer sleeps out its interval.
        if queued == BATCH {
            shared.wake();
        }
        Ok(())
    }

    /// Keeps the sources of a snapshot, so that what it decided can be explained later. Call it before the snapshot
    /// serves: at start and at every reload.
    pub fn snapshot(&self, snapshot: &Snapshot) {
        let source = SnapshotSource {
            version: snapshot.version.clone(),
            source: snapshot.source.clone(),
            profile: snapshot.profile.clone(),
        };
        let mut waiting = self.shared.snapshots.lock();
        // Bounded although reloads may go on while the disk is full; the newest matter most.
        if waiting.len() >= WAITING_SNAPSHOTS {
            waiting.remove(0);
        }
        waiting.push(source);
    }

    /// Whether a new request may be taken: always when best effort; when required, only while records are being written
    /// and half the queue is left for those in flight.
    pub fn accepts(&self) -> bool {
        match self.shared.mode {
            LedgerMode::BestEffort => true,
            LedgerMode::Required => {
                self.healthy() && self.shared.queued.load(Relaxed) <= self.shared.capacity / 2
            }
        }
    }

    /// False from a failed write until the next good one. Where the ledger is required, readiness follows it.
    pub fn healthy(&self) -> bool {
        !self.shared.failing.load(Relaxed)
    }

    /// What became of the records so far.
    pub fn counts(&self) -> Counts {
        Counts {
            written: self.shared.written.load(Relaxed),
            lost: self.shared.lost.load(Relaxed),
            queued: self.shared.queued.load(Relaxed) as u64,
        }
    }

    /// Waits until everything filed before is committed, at most five seconds; says whether it is. Blocks its thread:
    /// for shutdown, for admin answers off the workers, and for tests.
    pub fn flush(&self) -> bool {
        let end = Instant::now() + FLUSH_WAIT;
        let (done, wait) = sync_channel(1);
        self.shared.flushes.fetch_add(1, Relaxed);
        self.shared.wake();
        while self.sender.try_send(Message::Flush(done.clone())).is_err() {
            if Instant::now() >= end {
                self.shared.flushes.fetch_sub(1, Relaxed);
                return false;
            }
            std::thread::sleep(FULL_PAUSE);
        }
        self.shared.wake();
        wait.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok()
    }
}

/// What became of the records so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Committed.
    pub written: u64,
    /// Not written and never will be.
    pub lost: u64,
    /// Filed and not yet committed.
    pub queued: u64,
}

/// The queue is full, or the writer is gone; the record was counted as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerFull;

impl std::fmt::Display for LedgerFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the ledger's queue is full")
    }
}

impl std::error::Error for LedgerFull {}

/// What travels to the writer. A record is boxed, so that an empty queue is small.
#[derive(Debug)]
pub(super) enum Message {
    Entry(Box<Entry>),
    Flush(SyncSender<()>),
}

/// What a snapshot was built from.
#[derive(Clone, Debug)]
pub(super) struct SnapshotSource {
    pub(super) version: SnapshotVersion,
    pub(super) source: Arc<str>,
    pub(super) profile: Arc<str>,
}

/// What handle and writer both see.
#[derive(Debug, Default)]
pub(super) struct Shared {
    mode: LedgerMode,
    capacity: usize,
    pub(super) queued: AtomicUsize,
    pub(super) written: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) failing: AtomicBool,
    pub(super) flushes: AtomicUsize,
    pub(super) snapshots: Mutex<Vec<SnapshotSource>>,
    pub(super) thread: OnceLock<Thread>,
}

impl Shared {
    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

const WAITING_SNAPSHOTS: usize = 64;
/// Between two looks at a full queue.
const FULL_PAUSE: Duration = Duration::from_millis(5);
const FLUSH_WAIT: Duration = Duration::from_secs(5);
