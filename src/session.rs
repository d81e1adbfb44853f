//! What one conversation did before: which model answered it last. Facts only; the router decides what they mean.
//!
//! Two generations of a map bound its size without a clock: when the young one is full it becomes the old one, and
//! what the old one held is forgotten. A session that is still in use moves back to the young generation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;

use crate::types::ModelId;

/// Sessions remembered, by the hash of tenant and session identity.
pub struct Sessions {
    young: ArcSwap<DashMap<u64, ModelId>>,
    old: ArcSwap<DashMap<u64, ModelId>>,
    in_young: AtomicUsize,
    per_generation: usize,
}

impl Sessions {
    /// Remembers at least `capacity / 2` and at most about `capacity` sessions.
    pub fn new(capacity: usize) -> Self {
        Self {
            young: ArcSwap::from_pointee(DashMap::new()),
            old: ArcSwap::from_pointee(DashMap::new()),
            in_young: AtomicUsize::new(0),
            per_generation: (capacity / 2).max(1),
        }
    }

    /// The model that answered this session last.
    pub fn last_model(&self, session: u64) -> Option<ModelId> {
        let find = |map: &DashMap<u64, ModelId>| map.get(&session).map(|model| model.value().clone());
        find(&self.young.load()).or_else(|| find(&self.old.load()))
    }

    /// Notes that a model answered this session.
    pub fn answered(&self, session: u64, model: ModelId) {
        if self.young.load().insert(session, model).is_none()
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
        for session in 0..1_000 {
            sessions.answered(session, ModelId::from("m"));
        }
        assert_eq!(sessions.last_model(999), Some(ModelId::from("m")));
        assert_eq!(sessions.last_model(0), None);
        assert!(sessions.young.load().len() + sessions.old.load().len() <= 100);
    }
}
