//! What is counted of intercepted connections. Labels are our own words only, never a host's name.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// Metrics of the interception listener.
pub struct Interception {
    /// Connections that are open, before and behind TLS.
    pub connections: IntGauge,
    /// Those of them that are tunnels to hosts off the list.
    pub tunnels: IntGauge,
    /// Connections by what became of them.
    pub ended: IntCounterVec,
    /// Certificates shown to clients, by whether they were minted for it or kept from before.
    pub leaves: IntCounterVec,
    end_of_authority: IntGauge,
    registry: Registry,
}

impl Interception {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let connections =
            IntGauge::new("pointsman_intercept_connections", "Intercepted connections that are open")?;
        let tunnels =
            IntGauge::new("pointsman_intercept_tunnels", "Open tunnels to hosts that are not intercepted")?;
        let ended = IntCounterVec::new(
            Opts::new("pointsman_intercept_ended_total", "Intercepted connections by what became of them"),
            &["end"],
        )?;
        let leaves = IntCounterVec::new(
            Opts::new(
                "pointsman_intercept_leaves_total",
                "Certificates shown, minted for it or kept from before",
            ),
            &["leaf"],
        )?;
        let end_of_authority = IntGauge::new(
            "pointsman_intercept_authority_not_after_seconds",
            "When the authority of interception ends, in seconds since 1970",
        )?;
        registry.register(Box::new(connections.clone()))?;
        registry.register(Box::new(tunnels.clone()))?;
        registry.register(Box::new(ended.clone()))?;
        registry.register(Box::new(leaves.clone()))?;
        Ok(Self { connections, tunnels, ended, leaves, end_of_authority, registry: registry.clone() })
    }

    /// Connections that have ended, whatever became of them.
    pub fn all_ended(&self) -> u64 {
        let families = self.ended.collect();
        let counted = families.iter().flat_map(|family| family.get_metric());
        counted.map(|metric| metric.get_counter().get_value() as u64).sum()
    }

    /// Shows when the authority in use ends, counted from 1970. Without one there is no such metric: 0 would be an alarm.
    pub fn authority_ends(&self, since_1970: Duration) {
        self.end_of_authority.set(i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX));
        // A second registration of the same metric is refused, and changes nothing.
        let _ = self.registry.register(Box::new(self.end_of_authority.clone()));
    }
}
