//! `[routing] profile`: a JSON file of measured evidence and of acceptors that were learnt, `{"evidence": [..], "acceptors": [..]}`.
//! Without one nothing is licensed.

use super::Context;
use super::tree::{Node, Table};
use crate::catalog::{self, Acceptors, EvidenceTable};

/// A profile and the text it was read from.
#[derive(Default)]
pub(super) struct Profile {
    /// The text, kept for replay; empty when there is none.
    pub(super) text: String,
    /// What it says.
    pub(super) evidence: EvidenceTable,
}

/// Reads the given text, or else the file that the configuration names.
pub(super) fn read(named: Option<Node<'_>>, root: &Table<'_>, context: &Context<'_>, given: &str) -> Profile {
    let text = if given.is_empty() { named.as_ref().and_then(|node| file(node, context)) } else { None };
    let text = text.unwrap_or_else(|| given.to_owned());
    if text.is_empty() {
        return Profile::default();
    }
    match parse(&text) {
        Ok(evidence) => Profile { text, evidence },
        Err(message) => {
            let mark = named.map_or_else(|| root.mark("routing.profile"), |node| node.mark());
            root.fault_at(&mark, message);
            Profile::default()
        }
    }
}

fn file(node: &Node<'_>, context: &Context<'_>) -> Option<String> {
    let path = node.text()?;
    if !context.secrets.reads_files() {
        return None;
    }
    let read = std::fs::read_to_string(path);
    if let Err(error) = &read {
        node.fault(format!("{path} cannot be read: {error}"));
    }
    read.ok()
}

/// Evidence about models that are not configured is kept: it licenses nothing and costs nothing.
fn parse(text: &str) -> Result<EvidenceTable, String> {
    let file: catalog::Profile = serde_json::from_str(text)
        .map_err(|error| format!("the profile is not {{\"evidence\": [..]}}: {error}"))?;
    for (position, evidence) in file.evidence.iter().enumerate() {
        if evidence.mean_quality.is_none() && !evidence.is_of_plan() {
            return Err(format!(
                "evidence[{position}] of the profile is of one model and lacks its mean_quality: only a plan's may be unknown"
            ));
        }
        let quality = evidence.mean_quality.unwrap_or(0.0);
        let figures = [quality, evidence.mean_loss, evidence.loss_upper];
        let shares = evidence.accepted.is_none_or(|share| (0.0..=1.0).contains(&share))
            && evidence.cost_ratio.is_none_or(|ratio| ratio.is_finite() && ratio >= 0.0);
        let possible = shares
            && figures.iter().all(|figure| (-1.0..=1.0).contains(figure))
            && quality >= 0.0
            && evidence.loss_upper >= evidence.mean_loss;
        if !possible {
            return Err(format!(
                "evidence[{position}] of the profile is impossible: quality and accepted are 0 to 1, losses are -1 to 1, \
                 cost_ratio is not negative, and loss_upper is not below mean_loss"
            ));
        }
    }
    for (position, acceptor) in file.acceptors.iter().enumerate() {
        if let Some(why) = acceptor.fault() {
            return Err(format!("acceptors[{position}] of the profile is impossible: {why}"));
        }
    }
    Ok(EvidenceTable::new(file.evidence).with_acceptors(Acceptors::new(file.acceptors)))
}
