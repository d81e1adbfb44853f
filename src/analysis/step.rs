//! Where in an agent's loop a request stands.

use super::features::Features;
use crate::types::AgentStep;

pub(super) fn of(_features: &Features) -> AgentStep {
    AgentStep::None
}
