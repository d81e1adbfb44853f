//! What a plan of several models was expected to be, and from what: its calls, and the outcomes that are known of it.

use std::fmt::Write;

use comfy_table::{Table, presets};

use crate::analysis::Analysis;
use crate::catalog::Snapshot;
use crate::routing::{Decision, Inputs, legs_of};
use crate::types::NanoUsd;

/// Prints the calls of the chosen plan and what is known of it in the request's class; nothing of one model alone.
pub(super) fn print(
    text: &mut String,
    snapshot: &Snapshot,
    (inputs, analysis): (&Inputs, &Analysis),
    decision: &Decision,
) {
    if !decision.plan.is_compound() {
        return;
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["call", "model", "for", "of requests", "expected", "at most"]);
    let dollars =
        |cost: Option<NanoUsd>| cost.map_or_else(|| "unpriced".to_owned(), |cost| format!("${cost}"));
    for leg in legs_of(snapshot, inputs, decision) {
        table.add_row([
            (leg.wave + 1).to_string(),
            leg.model.to_string(),
            format!("{:?}", leg.role).to_lowercase(),
            format!("{:.0} %", leg.chance * 100.0),
            dollars(leg.cost),
            dollars(leg.worst_cost),
        ]);
    }
    let _ = writeln!(text, "{table}");
    text.push_str(&known(snapshot, analysis, decision));
}

/// What outcomes say of a plan.
fn known(snapshot: &Snapshot, analysis: &Analysis, decision: &Decision) -> String {
    let key = decision.plan.key();
    let found = decision
        .baseline
        .as_ref()
        .and_then(|baseline| snapshot.evidence.pooled(baseline, &key, analysis.task));
    let Some(found) = found else {
        return format!("of this plan no outcomes of class {} are known\n", analysis.task.as_str());
    };
    let evidence = &found.evidence;
    let mut text = format!(
        "known of it in class {}: loss {:.4}, at most {:.4}, from {} pairs of its own, {} of all classes",
        analysis.task.as_str(),
        evidence.mean_loss,
        evidence.loss_upper,
        evidence.pairs,
        found.pairs_in_all,
    );
    if let Some(accepted) = evidence.accepted {
        let _ = write!(text, "; first answers stood {:.0} %", accepted * 100.0);
    }
    if let Some(ratio) = evidence.cost_ratio {
        let _ = write!(text, "; cost {ratio:.3} of the baseline's");
    }
    text.push('\n');
    text
}
