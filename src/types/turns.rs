//! What a conversation's turns were: how many of which class and at which step.

use serde::{Deserialize, Serialize};

use super::{AgentStep, TaskClass};

/// Turns of one sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnKind {
    /// Their class.
    #[serde(rename = "c")]
    pub task: TaskClass,
    /// Their step.
    #[serde(rename = "s")]
    pub step: AgentStep,
    /// How many there were. Saturates.
    #[serde(rename = "n")]
    pub turns: u16,
}

/// Turns by sort, in the order in which sorts appeared; of a few sorts only, so that a session takes a bounded space.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Turns(Vec<TurnKind>);

impl Turns {
    /// Sorts remembered at most.
    const MOST: usize = 8;

    /// Counts one turn. Where there are too many sorts, the rarest is forgotten.
    pub fn count(&mut self, task: TaskClass, step: AgentStep) {
        if let Some(kind) = self.0.iter_mut().find(|kind| (kind.task, kind.step) == (task, step)) {
            kind.turns = kind.turns.saturating_add(1);
            return;
        }
        if self.0.len() == Self::MOST
            && let Some(rarest) = (0..self.0.len()).min_by_key(|at| self.0[*at].turns)
        {
            self.0.remove(rarest);
        }
        self.0.push(TurnKind { task, step, turns: 1 });
    }

    /// Turns of all sorts that are remembered.
    pub fn total(&self) -> u32 {
        self.0.iter().map(|kind| u32::from(kind.turns)).sum()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sorts.
    pub fn kinds(&self) -> impl Iterator<Item = TurnKind> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_counted_by_sort_and_the_rarest_sort_is_forgotten() {
        let mut turns = Turns::default();
        assert!(turns.is_empty());
        for (at, task) in TaskClass::ALL.into_iter().enumerate() {
            for _ in 0..=at {
                turns.count(task, AgentStep::Plan);
            }
        }
        assert_eq!(turns.kinds().count(), Turns::MOST);
        // Of 11 sorts with 1 to 11 turns, the first three are gone.
        assert_eq!(turns.total(), (4..=11).sum::<u32>());
        turns.count(TaskClass::Other, AgentStep::SideCall);
        assert_eq!(turns.total(), (5..=11).sum::<u32>() + 1);
        turns.count(TaskClass::Other, AgentStep::SideCall);
        assert_eq!(turns.kinds().last().map(|kind| kind.turns), Some(2));
    }
}
