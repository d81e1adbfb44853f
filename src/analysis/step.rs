//! Where in an agent's loop a request stands.

use super::cues::Cue;
use super::features::Features;
use crate::types::AgentStep;

/// The step, from who spoke last and what tools did before.
pub fn of(features: &Features) -> AgentStep {
    let talk = &features.talk;
    if talk.last_results > 0 {
        AgentStep::ToolResult
    } else if talk.demands_call && talk.tools > 0 {
        AgentStep::ToolCall
    } else if talk.tool_calls > 0 || talk.tool_results > 0 {
        AgentStep::Synthesis
    } else if talk.tools > 0 {
        AgentStep::Plan
    } else if is_errand(features) {
        AgentStep::SideCall
    } else {
        AgentStep::None
    }
}

/// A client's own errand beside the conversation, told by its phrases.
fn is_errand(features: &Features) -> bool {
    features.prompt_cues.of(Cue::Side) > 0 || features.system_cues.of(Cue::Side) > 0
}
