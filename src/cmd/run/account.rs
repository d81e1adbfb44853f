//! What is said at the end of a run: what was spent, what routing would have cost, and why there is nothing to say.

use std::path::Path;
use std::time::Duration;

use super::trust;
use crate::app::RUN_TAG;
use crate::catalog::SnapshotVersion;
use crate::cmd::explain;
use crate::cmd::report::{WOULD_BASIS, usd};
use crate::ledger::{By, Group, Reader, Span, totals};
use crate::telemetry::Metrics;

/// How long connections of a command that has ended may take to be counted.
const LAST_CONNECTIONS: Duration = Duration::from_millis(500);

/// What the ledger has of one run, which began then: others may write to the same ledger meanwhile.
pub(super) fn of(ledger: &Path, (run, since_ms): (&str, u64)) -> Result<Group, String> {
    let reader = Reader::open(ledger).map_err(|error| error.to_string())?;
    let span = Span { since_ms, until_ms: Span::ALL.until_ms };
    let catalogue = |version: &SnapshotVersion| explain::rebuild(&reader, version).ok();
    let sums = totals(&reader, &By::Tag(RUN_TAG.to_owned()), span, &catalogue);
    let groups = sums.map_err(|error| error.to_string())?.groups;
    Ok(groups.into_iter().find(|group| group.key == run).unwrap_or_else(Group::default))
}

/// The account in words.
pub(super) fn spent(all: &Group) -> String {
    let cost = all.cost.known_usd().map_or_else(|| "unpriced".to_owned(), usd);
    let mut text = format!("pointsman: {} requests, spent {cost}", all.requests);
    if all.cost.unpriced > 0 {
        text += &format!(" and {} requests without a price", all.cost.unpriced);
    }
    if let Some(observed) = &all.observed {
        text += &format!(
            "\npointsman: {} of them were observed at {}; routed they would have cost between {} and {} ({WOULD_BASIS}), \
             quality unknown (0 pairs)",
            observed.requests,
            usd(observed.cost_usd),
            usd(observed.would_low_usd),
            usd(observed.would_high_usd)
        );
    }
    text
}

/// Why no request was seen, as far as the connections tell.
pub(super) async fn nothing_came(metrics: &Metrics, hosts: &[String]) -> String {
    let interception = &metrics.interception;
    let closed = async {
        while interception.connections.get() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // What the command has left running may keep its own open.
    let _ = tokio::time::timeout(LAST_CONNECTIONS, closed).await;
    let all = interception.all_ended();
    let untrusted = interception.ended.with_label_values(&["untrusted"]).get();
    let hosts = hosts.join(", ");
    if untrusted > 0 {
        format!(
            "pointsman: {untrusted} connections to {hosts} were given up by the command, which does not trust the authority: it \
             reads none of {}, or knows its provider's certificate",
            trust::VARIABLES.join(", ")
        )
    } else if all > 0 {
        format!(
            "pointsman: {all} connections came, none of them with a request to a provider's host ({hosts})"
        )
    } else {
        format!(
            "pointsman: the command opened no connection to the proxy. If it called {hosts}, it reads none of HTTPS_PROXY, \
             HTTP_PROXY and ALL_PROXY, or NO_PROXY kept it from doing so. Node reads them from version 24 on with \
             NODE_USE_ENV_PROXY=1, which is set; before, it takes `node --import` of a file that sets undici's EnvHttpProxyAgent"
        )
    }
}
