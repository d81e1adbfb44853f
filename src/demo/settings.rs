//! The demo's configuration text: three tiers behind the proxy, a policy that routes by evidence, and a policy whose
//! only candidate is down. Written as a user would write it; the configuration room reads it.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use super::sample::{BASELINE, MODELS, SHELVES, Sample, Shelf};

/// Largest loss of quality against the baseline that the demo's policy tolerates.
pub const MAX_QUALITY_LOSS: f64 = 0.03;
/// Share of sessions that the baseline always serves.
pub const HOLDOUT: f64 = 0.05;
/// The model that is down.
pub const DOWN: &str = "down-for-repair";
/// What the client asks for to be routed.
pub const ROUTED: &str = "auto";
/// What the client asks for to see a fallback.
pub const OUTAGE: &str = "pointsman/outage";

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Places<'p> {
    /// Simulated providers, one a model.
    pub providers: [SocketAddr; MODELS],
    /// An address that refuses.
    pub refusing: SocketAddr,
    /// The ledger's file.
    pub ledger: &'p Path,
    /// The evidence's file.
    pub profile: &'p Path,
}

/// The configuration text.
pub fn config_text(sample: &Sample, places: &Places<'_>) -> String {
    let mut text = String::from(HEAD);
    // Writing into a string cannot fail.
    let _ = writeln!(text, "[routing]\nprofile = {}\n", quoted(&places.profile.display().to_string()));
    let _ = writeln!(text, "[ledger]\npath = {}\n", quoted(&places.ledger.display().to_string()));
    for (shelf, addr) in SHELVES.iter().zip(places.providers) {
        provider(&mut text, shelf.id, addr);
    }
    provider(&mut text, DOWN, places.refusing);
    for (model, shelf) in SHELVES.iter().enumerate() {
        let priced = &sample.models[model];
        let _ = writeln!(
            text,
            "[[models]]\nid = {}\ntier = \"{}\"\ncontext_tokens = 128000\nmax_output_tokens = 8192\n\
             price = {{ input = {}, output = {} }}",
            quoted(shelf.id),
            shelf.tier.as_str(),
            priced.input,
            priced.output
        );
        deployments(&mut text, shelf, &priced.name);
    }
    let _ = writeln!(
        text,
        "[[models]]\nid = \"{DOWN}\"\ntier = \"edge\"\ncontext_tokens = 128000\nmax_output_tokens = 8192\n\
         price = {{ input = 0.05, output = 0.05 }}"
    );
    deployments(&mut text, &Shelf { id: DOWN, ..SHELVES[0] }, DOWN);
    policies(&mut text);
    text
}

const HEAD: &str = "# Written by `pointsman demo`. Prices are list prices of 2024; providers are simulated.\n\
                    [server]\nlisten = [\"127.0.0.1:0\"]\nadmin = \"none\"\n\n";

/// One origin, both dialects: each simulated provider answers an OpenAI and an Anthropic client.
fn provider(text: &mut String, id: &str, addr: SocketAddr) {
    for (dialect, base) in [("openai", "/v1"), ("anthropic", "")] {
        let _ = writeln!(
            text,
            "[[providers]]\nid = \"{id}-{dialect}\"\ndialect = \"{dialect}\"\nbase_url = \"http://{addr}{base}\"\n\
             auth = \"none\"\ncredential = \"none\"\n"
        );
    }
}

/// At both of its origins, as fast as the simulation pretends.
fn deployments(text: &mut String, shelf: &Shelf, upstream_name: &str) {
    let Shelf { id, ttft_ms, per_token_us, .. } = shelf;
    let name = quoted(upstream_name);
    text.push_str("deployments = [\n");
    for dialect in ["openai", "anthropic"] {
        let _ = writeln!(
            text,
            "  {{ provider = \"{id}-{dialect}\", upstream_name = {name}, ttft_ms = {ttft_ms}, \
             per_token_us = {per_token_us} }},"
        );
    }
    text.push_str("]\n\n");
}

fn policies(text: &mut String) {
    let baseline = quoted(SHELVES[BASELINE].id);
    let candidates = SHELVES.map(|shelf| quoted(shelf.id)).join(", ");
    let _ = writeln!(
        text,
        "[[policies]]\nname = \"default\"\nmatch = {{ models = [\"{ROUTED}\"] }}\nmode = \"route\"\n\
         baseline = {baseline}\ncandidates = [{candidates}]\nlicense = \"paired\"\n\
         max_quality_loss = {MAX_QUALITY_LOSS}\nholdout = {HOLDOUT}\nobjective = \"cheapest\"\n\
         fallback = [{baseline}]\n"
    );
    let _ = writeln!(
        text,
        "[[policies]]\nname = \"outage\"\nmatch = {{ models = [\"{DOWN}\"] }}\nmode = \"route\"\n\
         baseline = \"{DOWN}\"\ncandidates = [\"{DOWN}\"]\nfallback = [{baseline}]\non = [\"connect\", \"timeout\"]"
    );
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_toml_whatever_the_paths_hold() {
        let sample = Sample::load().unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], 9));
        let places = Places {
            providers: [addr; MODELS],
            refusing: addr,
            ledger: Path::new("C:\\a \"b\"\n.db"),
            profile: Path::new("p"),
        };
        let text = config_text(&sample, &places);
        let read: toml::Table = text.parse().unwrap();
        assert_eq!(read["ledger"]["path"].as_str(), Some("C:\\a \"b\"\n.db"));
        assert_eq!(read["models"].as_array().map(Vec::len), Some(4));
        assert_eq!(read["policies"][0]["candidates"].as_array().map(Vec::len), Some(3));
    }
}
