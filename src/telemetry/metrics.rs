//! Counters for Prometheus. Labels come from closed sets only: configured names and our own words, never a caller's.

use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{
    CounterVec, Encoder, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use super::{Interception, Stages};
use crate::types::{NanoUsd, Usage};

/// All metrics of one running proxy.
pub struct Metrics {
    registry: Registry,
    /// Requests by how they were served and how they ended.
    pub requests: IntCounterVec,
    /// Attempts by provider, model and outcome.
    pub attempts: IntCounterVec,
    /// Requests refused by us, by code.
    pub refusals: IntCounterVec,
    /// Failures that waiting does not mend, by provider and class: a refused key, an unpaid bill, a wrong certificate.
    pub alarms: IntCounterVec,
    /// Answers whose cost is unknown because the model has no price, by model.
    pub unpriced: IntCounterVec,
    /// Requests in flight on the data plane.
    pub in_flight: IntGauge,
    /// Requests that ended in a panic of ours: a bug each.
    pub panics: IntCounter,
    /// Client connections that are open.
    pub connections: IntGauge,
    /// Client connections closed at once because too many were open.
    pub connections_refused: IntCounter,
    /// Bytes of request bodies held in memory.
    pub body_bytes: IntGauge,
    /// Ledger entries lost because the queue was full or the disk refused.
    pub ledger_lost: IntGauge,
    /// Ledger entries written.
    pub ledger_written: IntGauge,
    /// 1 while the ledger can be written.
    pub ledger_healthy: IntGauge,
    /// Snapshots swapped in.
    pub reloads: IntCounter,
    /// Reloads refused.
    pub reload_failures: IntCounter,
    /// The interception listener.
    pub interception: Interception,
    tokens: IntCounterVec,
    cost: CounterVec,
    /// Stage timers.
    pub stages: Stages,
}

impl Metrics {
    /// Registers every metric in a registry of its own. Fails only when a name is malformed or registered twice.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let plain = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let cost = CounterVec::new(
            Opts::new("pointsman_cost_usd_total", "Settled cost of answers in US dollars"),
            &["gen_ai_response_model", "task"],
        )?;
        registry.register(Box::new(cost.clone()))?;
        Ok(Self {
            requests: counter(
                "pointsman_requests_total",
                "Requests by how they were served and how they ended",
                &["path", "reason", "outcome"],
            )?,
            attempts: counter(
                "pointsman_attempts_total",
                "Upstream attempts by provider, model and outcome",
                &["gen_ai_provider_name", "gen_ai_request_model", "outcome"],
            )?,
            refusals: counter("pointsman_refusals_total", "Requests refused by Pointsman itself", &["code"])?,
            alarms: counter(
                "pointsman_alarms_total",
                "Failures that waiting does not mend, by provider and class",
                &["gen_ai_provider_name", "failure"],
            )?,
            unpriced: counter(
                "pointsman_unpriced_total",
                "Answers whose cost is unknown because the model has no price",
                &["gen_ai_response_model"],
            )?,
            tokens: counter(
                "gen_ai_client_token_usage_total",
                "Tokens by model and type",
                &["gen_ai_response_model", "gen_ai_token_type"],
            )?,
            in_flight: gauge("pointsman_requests_in_flight", "Requests in flight on the data plane")?,
            panics: plain("pointsman_panics_total", "Requests that ended in a panic of ours")?,
            connections: gauge("pointsman_connections", "Client connections that are open")?,
            connections_refused: plain(
                "pointsman_connections_refused_total",
                "Client connections closed at once because too many were open",
            )?,
            body_bytes: gauge("pointsman_body_bytes", "Bytes of request bodies held in memory")?,
            ledger_lost: gauge("pointsman_ledger_lost", "Ledger entries lost")?,
            ledger_written: gauge("pointsman_ledger_written", "Ledger entries written")?,
            ledger_healthy: gauge("pointsman_ledger_healthy", "1 while the ledger can be written")?,
            reloads: plain("pointsman_reloads_total", "Snapshots swapped in")?,
            reload_failures: plain("pointsman_reload_failures_total", "Reloads refused")?,
            interception: Interception::register(&registry)?,
            cost,
            registry,
            stages: Stages::default(),
        })
    }

    /// Counts one request as in flight until the guard is dropped.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.inc();
        InFlight(self.clone())
    }

    /// Counts the tokens of one answer.
    pub fn count_tokens(&self, model: &str, usage: &Usage) {
        let buckets = [
            ("input", usage.input),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write_5m.saturating_add(usage.cache_write_1h)),
            ("output", usage.output),
            ("reasoning", usage.reasoning),
            ("audio", usage.audio_input.saturating_add(usage.audio_output)),
            ("image", usage.image_input),
        ];
        for (kind, tokens) in buckets.into_iter().filter(|(_, tokens)| *tokens > 0) {
            self.tokens.with_label_values(&[model, kind]).inc_by(tokens);
        }
    }

    /// Counts the cost of one answer, or that it has none.
    pub fn count_cost(&self, model: &str, task: &str, cost: Option<NanoUsd>) {
        match cost {
            Some(cost) => self.cost.with_label_values(&[model, task]).inc_by(cost.usd()),
            None => self.unpriced.with_label_values(&[model]).inc(),
        }
    }

    /// Everything in Prometheus' text format, with the age of each model's price in seconds, and of each client with a ceiling what
    /// it has spent and may spend. These are made anew for each scrape, so that what a reload took away leaves none behind.
    pub fn render(&self, price_ages: &[(&str, u64)], spend: &[(String, NanoUsd, NanoUsd)]) -> String {
        let mut families = self.registry.gather();
        for made in [ages(price_ages), spends(spend)] {
            match made {
                Ok(made) => families.extend(made),
                Err(error) => tracing::error!(%error, "prices and ceilings could not be put into metrics"),
            }
        }
        let mut buffer = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&families, &mut buffer) {
            tracing::error!(%error, "metrics could not be encoded");
        }
        let mut text = String::from_utf8_lossy(&buffer).into_owned();
        self.stages.render(&mut text);
        text
    }
}

/// The age of prices as a family of its own; none without a price that has an age.
fn ages(price_ages: &[(&str, u64)]) -> Result<Vec<MetricFamily>, prometheus::Error> {
    if price_ages.is_empty() {
        return Ok(Vec::new());
    }
    // The label of cost and of unpriced answers, so that the three can be joined.
    let gauge = IntGaugeVec::new(
        Opts::new("pointsman_price_age_seconds", "Time since the day from which the price in force holds"),
        &["gen_ai_response_model"],
    )?;
    for (model, seconds) in price_ages {
        gauge.with_label_values(&[model]).set(i64::try_from(*seconds).unwrap_or(i64::MAX));
    }
    Ok(gauge.collect())
}

/// What clients with a ceiling have spent in their present period, and their ceilings.
fn spends(spend: &[(String, NanoUsd, NanoUsd)]) -> Result<Vec<MetricFamily>, prometheus::Error> {
    if spend.is_empty() {
        return Ok(Vec::new());
    }
    let gauge = |name: &str, help: &str| GaugeVec::new(Opts::new(name, help), &["client"]);
    let spent = gauge("pointsman_client_spend_usd", "What a client has spent in the present period")?;
    let ceiling = gauge("pointsman_client_max_spend_usd", "What a client may spend in a period")?;
    for (client, so_far, most) in spend {
        spent.with_label_values(&[client]).set(so_far.usd());
        ceiling.with_label_values(&[client]).set(most.usd());
    }
    Ok(spent.collect().into_iter().chain(ceiling.collect()).collect())
}

/// A request in flight, from its head to the end of its answer on whatever path it takes. Shedding and draining both
/// look at these, so a request that is only read or only passed through must hold one too.
pub struct InFlight(Arc<Metrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_price_is_that_of_the_scrape() {
        let metrics = Metrics::new().unwrap();
        let text = metrics.render(&[("small", 86_400), ("large", 0)], &[]);
        for line in [
            "# TYPE pointsman_price_age_seconds gauge",
            "pointsman_price_age_seconds{gen_ai_response_model=\"small\"} 86400",
            "pointsman_price_age_seconds{gen_ai_response_model=\"large\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "`{line}` is missing:\n{text}");
        }
        assert!(!metrics.render(&[], &[]).contains("price_age"), "nothing is left of an earlier scrape");
    }
}
