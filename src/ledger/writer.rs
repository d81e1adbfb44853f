//! The thread that writes: gathers records, commits them in groups, deletes what is too old or too much.
//! When the disk fails it keeps what it holds and tries again; the queue behind it is the bound.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};

use super::compact::Pen;
use super::handle::{Message, Shared, SnapshotSource};
use super::retention::Retention;
use super::row::{Inserter, RowFault};
use super::schema::open_to_write;
use super::{Entry, LedgerError, LedgerSettings};

/// Owns the database connection; runs on a thread of its own.
#[derive(Debug)]
pub struct Writer {
    pub(super) connection: Connection,
    path: PathBuf,
    shared: Arc<Shared>,
    receiver: Receiver<Message>,
    retention: Retention,
    #[expect(
        clippy::vec_box,
        reason = "the queue hands boxes over; unboxing would copy every entry once more"
    )]
    batch: Vec<Box<Entry>>,
    snapshots: Vec<SnapshotSource>,
    flushes: Vec<SyncSender<()>>,
    pen: Pen,
}

impl Writer {
    pub(super) fn open(
        settings: &LedgerSettings,
        shared: Arc<Shared>,
        receiver: Receiver<Message>,
    ) -> Result<Self, LedgerError> {
        Ok(Self {
            connection: open_to_write(&settings.path)?,
            path: settings.path.clone(),
            shared,
            receiver,
            retention: Retention::new(settings),
            batch: Vec::with_capacity(BATCH),
            snapshots: Vec::new(),
            flushes: Vec::new(),
            pen: Pen::default(),
        })
    }

    /// Starts the thread.
    pub fn spawn(self) -> std::io::Result<thread::JoinHandle<()>> {
        thread::Builder::new().name("ledger".into()).spawn(move || self.run())
    }

    /// Writes until the last handle is gone and the queue is empty.
    pub fn run(mut self) {
        // A second writer of the same handle cannot exist: `open` makes one of each.
        let _ = self.shared.thread.set(thread::current());
        let mut failures = 0;
        loop {
            let open = self.gather();
            match self.commit() {
                Ok(()) => {
                    self.settle(failures);
                    failures = 0;
                }
                Err(error) => {
                    self.pen.forget();
                    self.report_failure(&error, failures);
                    failures += 1;
                    if !open && failures >= LAST_TRIES {
                        return self.give_up();
                    }
                    thread::park_timeout(RETRY);
                }
            }
            if !open && self.batch.is_empty() {
                return;
            }
        }
    }

    /// Fills the batch; waits for the first record as long as it takes, for the others until the interval is over, the
    /// batch is full, or someone waits for a flush. False when no more can come.
    fn gather(&mut self) -> bool {
        if self.batch.is_empty() && self.flushes.is_empty() && self.snapshots.is_empty() {
            match self.receiver.recv_timeout(self.retention.next_look()) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            self.linger();
        }
        while self.batch.len() < BATCH && self.flushes.is_empty() {
            match self.receiver.try_recv() {
                Ok(message) => self.take(message),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Entry(entry) => self.batch.push(entry),
            Message::Flush(done) => {
                self.shared.flushes.fetch_sub(1, Relaxed);
                self.flushes.push(done);
            }
        }
    }

    /// Sleeping costs senders nothing, whereas waiting in the channel would make every one of them wake us.
    fn linger(&self) {
        let end = Instant::now() + COMMIT_EVERY;
        let wanted = || self.shared.queued.load(Relaxed) >= BATCH || self.shared.flushes.load(Relaxed) > 0;
        while self.flushes.is_empty() && !wanted() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    /// One transaction for all that was gathered. On failure nothing is written and everything is kept.
    fn commit(&mut self) -> Result<(), rusqlite::Error> {
        self.snapshots.append(&mut self.shared.snapshots.lock());
        if self.batch.is_empty() && self.snapshots.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for source in &self.snapshots {
            keep_snapshot(&transaction, source)?;
        }
        let mut refused = 0;
        let mut inserter = Inserter::new(&transaction, &mut self.pen)?;
        for entry in &self.batch {
            match inserter.insert(entry) {
                Ok(()) => {}
                Err(RowFault::Database(error)) => return Err(error),
                Err(RowFault::Record(why)) => {
                    tracing::error!(request = %entry.id, %why, "a record cannot be written and is lost");
                    refused += 1;
                }
            }
        }
        drop(inserter);
        transaction.commit()?;
        let held = self.batch.len();
        self.shared.written.fetch_add((held - refused) as u64, Relaxed);
        self.shared.lost.fetch_add(refused as u64, Relaxed);
        self.shared.queued.fetch_sub(held, Relaxed);
        self.retention.wrote(held);
        self.batch.clear();
        self.snapshots.clear();
        Ok(())
    }

    /// After a good commit: healthy again, flushes answered, old records deleted.
    fn settle(&mut self, failures: u32) {
        if failures > 0 {
            tracing::info!(path = %self.path.display(), "the ledger can be written again");
        }
        self.shared.failing.store(false, Relaxed);
        for done in self.flushes.drain(..) {
            // The waiter may have given up.
            let _ = done.try_send(());
        }
        if let Err(error) = self.retention.tidy(&self.connection) {
            tracing::warn!(path = %self.path.display(), %error, "old records could not be deleted");
        }
    }

    fn report_failure(&self, error: &rusqlite::Error, failures: u32) {
        self.shared.failing.store(true, Relaxed);
        if failures == 0 {
            tracing::error!(path = %self.path.display(), %error, "the ledger cannot be written; trying again");
        }
    }

    /// The program ends and the disk still fails: what is held and what is queued is lost, and counted.
    fn give_up(mut self) {
        while let Ok(message) = self.receiver.try_recv() {
            self.take(message);
        }
        let lost = self.batch.len();
        self.shared.queued.fetch_sub(lost, Relaxed);
        self.shared.lost.fetch_add(lost as u64, Relaxed);
        tracing::error!(path = %self.path.display(), lost, "the ledger could not be written before the end");
    }
}

/// Stores a snapshot's sources once and notes since when the others no longer serve.
fn keep_snapshot(connection: &Connection, source: &SnapshotSource) -> Result<(), rusqlite::Error> {
    let version = source.version.as_str();
    connection.execute(
        "UPDATE snapshots SET replaced_ms = unixepoch() * 1000 WHERE version <> ?1 AND replaced_ms IS NULL",
        [version],
    )?;
    connection.execute(
        "INSERT INTO snapshots (version, source, profile, since_ms) VALUES (?1, ?2, ?3, unixepoch() * 1000)
         ON CONFLICT (version) DO UPDATE SET replaced_ms = NULL",
        (version, &*source.source, &*source.profile),
    )?;
    Ok(())
}

/// Records in one commit, and the most that may wait for one.
pub(super) const BATCH: usize = 256;
/// Together with the commit itself under 100 ms.
const COMMIT_EVERY: Duration = Duration::from_millis(80);
const RETRY: Duration = Duration::from_millis(250);
/// Tries after the last handle is gone.
const LAST_TRIES: u32 = 8;
