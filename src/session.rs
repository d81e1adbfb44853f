//! What one conversation did before: which model answered it last. Facts only; the router decides what they mean.
//!
//! Two generations of a map bound its size: when the young one is full it becomes the old one, and
//! what the old one held is forgotten. A session that is still in use moves back to the young generation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use dashmap::DashMap;

use crate::types::{DeploymentId, ModelId, NanoUsd, Turns};

/// Who answered a session last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answerer {
    /// The model.
    pub model: ModelId,
    /// Where: hard markers bind a conversation to an account, not only to a model.
    pub deployment: DeploymentId,
    /// Input tokens it has in its prompt cache, by its own count.
    pub warm_tokens: u32,
    /// When it answered: caches are kept for minutes.
    pub at: Instant,
    /// What leaving models has cost the session so far, in cached input.
    pub lost: NanoUsd,
    /// What its turns were, this one among them.
    pub turns: Turns,
}

impl Answerer {
    /// Input tokens that its cache still holds at this moment.
    pub fn warm_at(&self, now: Instant) -> u32 {
        if now.saturating_duration_since(self.at) < CACHE_LIVES { self.warm_tokens } else { 0 }
    }
}

/// How long providers keep a prompt that nobody asks for again.
const CACHE_LIVES: Duration = Duration::from_secs(300);

/// Sessions remembered, by the hash of tenant and session identity.
pub type Sessions = Recent<Answerer>;

/// What was noted lately, by a hash that holds the tenant.
pub struct Recent<V> {
    young: ArcSwap<DashMap<u64, V>>,
    old: ArcSwap<DashMap<u64, V>>,
    in_young: AtomicUsize,
    per_generation: usize,
}

impl<V: Clone> Recent<V> {
    /// Remembers at least `capacity / 2` and at most about `capacity` of them.
    pub fn new(capacity: usize) -> Self {
        Self {
            young: ArcSwap::from_pointee(DashMap::new()),
            old: ArcSwap::from_pointee(DashMap::new()),
            in_young: AtomicUsize::new(0),
            per_generation: (capacity / 2).max(1),
        }
    }

    /// What was noted last.
    pub fn last(&self, key: u64) -> Option<V> {
        let find = |map: &DashMap<u64, V>| map.get(&key).map(|noted| noted.value().clone());
        find(&self.young.load()).or_else(|| find(&self.old.load()))
    }

    /// Notes a value in the place of the one before.
    pub fn note(&self, key: u64, value: V) {
        if self.young.load().insert(key, value).is_none()
            && self.in_young.fetch_add(1, Ordering::Relaxed) + 1 == self.per_generation
        {
            let full = self.young.swap(Arc::new(DashMap::new()));
            self.old.store(full);
            self.in_young.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_sessions_are_remembered_and_the_map_stays_bounded() {
        let sessions = Sessions::new(100);
        let answerer = Answerer {
            model: ModelId::from("m"),
            deployment: DeploymentId::from("m@p"),
            warm_tokens: 7,
            at: Instant::now(),
            lost: NanoUsd::ZERO,
            turns: Turns::default(),
        };
        assert_eq!((answerer.warm_at(answerer.at), answerer.warm_at(answerer.at + CACHE_LIVES)), (7, 0));
        for session in 0..1_000 {
            sessions.note(session, answerer.clone());
        }
        assert_eq!(sessions.last(999), Some(answerer));
        assert_eq!(sessions.last(0), None);
        assert!(sessions.young.load().len() + sessions.old.load().len() <= 100);
    }
}
