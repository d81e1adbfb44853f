//! Ceilings that many requests share. The worst case of a plan is held before its first call, in all purses it is paid from or in
//! none; what a leg turns out to cost takes the place of what was held for it; what is left comes back when the request ends,
//! on whatever path.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::attempt::Leg;
use crate::types::NanoUsd;

/// What some requests have spent together, and what is held for those under way.
#[derive(Debug, Default)]
pub struct Purse(Mutex<Sums>);

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// The period they are of; never goes back, so that a clock that does gives nothing twice.
    period: u64,
    spent: NanoUsd,
    held: NanoUsd,
}

impl Purse {
    /// One from which so much was spent in a period.
    pub fn with(period: u64, spent: NanoUsd) -> Self {
        Self(Mutex::new(Sums { period, spent, held: NanoUsd::ZERO }))
    }

    /// What was spent in a period and what is held.
    pub fn at(&self, period: u64) -> (NanoUsd, NanoUsd) {
        let sums = self.open(period);
        (sums.spent, sums.held)
    }

    fn open(&self, period: u64) -> MutexGuard<'_, Sums> {
        let mut sums = self.0.lock();
        if period > sums.period {
            // What is held stays so: it is paid when it is used.
            (sums.period, sums.spent) = (period, NanoUsd::ZERO);
        }
        sums
    }
}

/// A purse with the ceiling that holds for it now.
#[derive(Clone, Debug)]
pub struct Capped {
    /// The purse.
    pub purse: Arc<Purse>,
    /// Most that may be spent from it.
    pub ceiling: NanoUsd,
    /// The present period, 0 where there are none.
    pub period: u64,
}

impl Capped {
    /// What one more request may cost, and what is held for others.
    pub fn left(&self) -> (NanoUsd, NanoUsd) {
        let (spent, held) = self.purse.at(self.period);
        (less(self.ceiling, spent + held), held)
    }
}

/// What is held of some purses for one request. Dropping it gives back what was not settled.
#[derive(Debug)]
pub struct Hold {
    /// Always in the same order (the client's first), or two requests could wait for each other.
    from: Vec<Capped>,
    share: Mutex<Share>,
}

/// What one request has taken out of every purse.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    held: NanoUsd,
    settled: NanoUsd,
}

impl Hold {
    /// Holds the worst case of a plan in all purses, or in none.
    pub fn of(from: Vec<Capped>, worst: NanoUsd) -> Option<Self> {
        let hold = Self { from, share: Mutex::default() };
        hold.becomes(Share { held: worst, settled: NanoUsd::ZERO }, false).then_some(hold)
    }

    /// Settles the legs that have ended, and holds what may be called next at most; false where that finds no room, and then all
    /// stays held as it was. `rest`: the worst case of all that may come behind those; it is held as far as it was before.
    pub(super) fn settle(&self, ended: &[Leg], next: NanoUsd, rest: NanoUsd) -> bool {
        let share = *self.share.lock();
        let settled = charged(ended, share.held + share.settled);
        let before = less(share.held + share.settled, settled);
        self.becomes(Share { held: next.max(rest.min(before)), settled }, false)
    }

    /// Settles a request that has ended: what its legs cost is spent, whether it fits or not, and nothing is held.
    pub fn close(&self, ended: &[Leg]) {
        let share = *self.share.lock();
        let settled = charged(ended, share.held + share.settled);
        self.becomes(Share { held: NanoUsd::ZERO, settled }, true);
    }

    fn becomes(&self, wanted: Share, forced: bool) -> bool {
        let mut share = self.share.lock();
        let more = less(wanted.held + wanted.settled, share.held + share.settled);
        let mut open: Vec<_> = self.from.iter().map(|capped| capped.purse.open(capped.period)).collect();
        let fits = |(sums, capped): (&MutexGuard<'_, Sums>, &Capped)| {
            sums.spent + sums.held + more <= capped.ceiling
        };
        if more > NanoUsd::ZERO && !forced && !open.iter().zip(&self.from).all(fits) {
            return false;
        }
        for sums in &mut open {
            sums.held = less(sums.held, share.held) + wanted.held;
            sums.spent += less(wanted.settled, share.settled);
        }
        *share = wanted;
        true
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let settled = self.share.lock().settled;
        self.becomes(Share { held: NanoUsd::ZERO, settled }, true);
    }
}

/// What legs count for under a ceiling that is shared. A call of which nothing was read may be billed whole, and no other request
/// may be given what it may cost; a stream that was cut counts with what had been written. `otherwise`: where not even the worst
/// case of a leg is known.
fn charged(legs: &[Leg], otherwise: NanoUsd) -> NanoUsd {
    let charge = |leg: &Leg| match leg.cost {
        Some(cost) if !leg.maybe_billed || leg.usage.total_output() > 0 => cost,
        cost => leg.hop.worst_cost.unwrap_or(otherwise).max(cost.unwrap_or_default()),
    };
    legs.iter().map(charge).sum()
}

/// Purses by a hash, the ones used last; bounded as [`crate::session::Recent`] is, and no two are ever made for one key. One that
/// something is held of is not forgotten.
#[derive(Debug)]
pub struct Purses {
    shards: [Mutex<Generations>; SHARDS],
    per_generation: usize,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<u64, Arc<Purse>>,
    old: HashMap<u64, Arc<Purse>>,
}

/// So many requests look a purse up side by side.
const SHARDS: usize = 16;

impl Purses {
    /// Remembers at least about `capacity / 2` and at most about `capacity` of them, besides those in use.
    pub fn new(capacity: usize) -> Self {
        Self { shards: Default::default(), per_generation: (capacity / 2 / SHARDS).max(1) }
    }

    /// The purse of a key; an empty one where there was none.
    pub fn of(&self, key: u64) -> Arc<Purse> {
        self.put(key, || Arc::new(Purse::default()))
    }

    /// Notes what was spent from a purse before, unless it is known.
    pub fn known(&self, key: u64, spent: NanoUsd) {
        self.put(key, || Arc::new(Purse::with(0, spent)));
    }

    fn put(&self, key: u64, make: impl FnOnce() -> Arc<Purse>) -> Arc<Purse> {
        let mut shard = self.shards[(key % SHARDS as u64) as usize].lock();
        if let Some(purse) = shard.young.get(&key) {
            return purse.clone();
        }
        let purse = shard.old.remove(&key).unwrap_or_else(make);
        shard.young.insert(key, purse.clone());
        if shard.young.len() >= self.per_generation {
            let young = std::mem::take(&mut shard.young);
            shard.old.retain(|_, purse| Arc::strong_count(purse) > 1);
            shard.old.extend(young);
        }
        purse
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let sizes = self.shards.iter().map(|shard| {
            let shard = shard.lock();
            shard.young.len() + shard.old.len()
        });
        sizes.sum()
    }
}

fn less(amount: NanoUsd, taken: NanoUsd) -> NanoUsd {
    NanoUsd(amount.0.saturating_sub(taken.0))
}

#[cfg(test)]
#[path = "spending_tests.rs"]
mod tests;
