//! Memory for answers that are read before they are sent: one budget over all requests. Who finds no room is told so
//! before anything grows; nothing waits for room while it holds some.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budget is counted in these, so that it fits a semaphore.
const UNIT: usize = 1 << 10;
/// What every answer may hold beside the budget: ordinary ones never come near it.
const FREE: usize = 48 << 10;

/// The budget. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Semaphore>);

/// What one answer holds of it, given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    memory: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// `bytes`: what all answers may hold together beyond what each has for free.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS))))
    }

    pub(super) fn room(&self) -> Room {
        Room { memory: self.0.clone(), held: None }
    }
}

impl Room {
    /// Makes room for this many bytes in all; false when there is none.
    pub(super) fn holds(&mut self, bytes: usize) -> bool {
        let wanted = bytes.saturating_sub(FREE).div_ceil(UNIT);
        let has = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = u32::try_from(wanted.saturating_sub(has)).ok().filter(|more| *more > 0) else {
            return wanted <= has;
        };
        let Ok(permit) = self.memory.clone().try_acquire_many_owned(more) else { return false };
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_answer_holds_another_does_not_get() {
        let memory = Memory::new(100 << 10);
        let (mut one, mut other) = (memory.room(), memory.room());
        assert!(one.holds(FREE) && other.holds(FREE), "every answer has its own beginning");
        assert!(one.holds(FREE + (60 << 10)) && one.holds(FREE + (60 << 10)));
        assert!(!other.holds(FREE + (41 << 10)) && other.holds(FREE + (40 << 10)));
        drop(one);
        assert!(other.holds(FREE + (100 << 10)) && !other.holds(FREE + (101 << 10)));
    }
}
