//! What one entry of a list asks for a model: a flat price by bucket, and every condition under which it is another one.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use super::amount::{self, Unit};
use super::bucket::{Bucket, Prices};
use super::list::{Entry, Format, Object, string};

/// The price of an entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Offer {
    /// The flat price. Never a bucket that the list leaves out or says nothing of.
    pub(super) prices: Prices,
    /// When it is another one.
    pub(super) conditions: Vec<Condition>,
    /// What else there is to say of it.
    pub(super) notes: Vec<String>,
}

/// A condition under which an entry has another price than its flat one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Condition {
    /// Requests with more input tokens.
    Above(u64),
    /// Something else, in words.
    Other(String),
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Above(tokens) => write!(f, "above {tokens} input tokens"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// Reads an entry; dated prices are those of `day`, as 2026-01-31.
pub(super) fn read(format: Format, entry: &Entry<'_>, day: &str) -> Result<Offer, String> {
    let mut offer = match format {
        Format::LiteLlm => litellm(&entry.facts),
        Format::ModelsDev => models_dev(&entry.facts),
        Format::GenaiPrices => genai_prices(&entry.facts, day),
    }?;
    offer.conditions.sort();
    offer.conditions.dedup();
    Ok(offer)
}

const LITELLM: [(&str, Bucket); 9] = [
    ("input_cost_per_token", Bucket::Input),
    ("output_cost_per_token", Bucket::Output),
    ("cache_read_input_token_cost", Bucket::CacheRead),
    ("cache_creation_input_token_cost", Bucket::CacheWrite),
    ("cache_creation_input_token_cost_above_1hr", Bucket::CacheWrite1h),
    ("output_cost_per_reasoning_token", Bucket::Reasoning),
    ("input_cost_per_audio_token", Bucket::AudioInput),
    ("output_cost_per_audio_token", Bucket::AudioOutput),
    ("input_cost_per_image_token", Bucket::ImageInput),
];

fn litellm(facts: &Object<'_>) -> Result<Offer, String> {
    let mut offer = Offer::default();
    for (key, bucket) in LITELLM {
        offer.take(bucket, facts.get(key).copied(), Unit::PerToken)?;
    }
    for (key, raw) in facts.iter().filter(|(_, raw)| !is_null(raw)) {
        // Other classes of service have prices of their own; only what a plain request can meet counts here.
        if let Some((_, threshold)) = key.split_once("_above_").filter(|_| key.ends_with("_tokens")) {
            let threshold = threshold.rsplit("above_").next().unwrap_or(threshold);
            let threshold = tokens(threshold.trim_end_matches("_tokens"));
            offer.conditions.push(threshold.map_or_else(|| Condition::Other(key.clone()), Condition::Above));
        }
        if key == "tiered_pricing" {
            offer.conditions.extend(ranges(raw));
        }
        if key.contains("off_peak") {
            offer.conditions.push(Condition::Other("off-peak hours".to_owned()));
        }
    }
    Ok(offer)
}

/// `200k` or `199999`.
fn tokens(text: &str) -> Option<u64> {
    let (number, factor) = text.strip_suffix('k').map_or((text, 1), |number| (number, 1000));
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// The lower ends of LiteLLM's `tiered_pricing`, but for that at zero.
fn ranges(raw: &RawValue) -> Vec<Condition> {
    let tiers: Vec<BTreeMap<String, &RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
    let begin = |tier: &BTreeMap<String, &RawValue>| {
        let range: Vec<Option<f64>> = serde_json::from_str(tier.get("range")?.get()).ok()?;
        range.first().copied().flatten().map(|tokens| tokens as u64)
    };
    let begins = tiers.iter().map(begin).filter(|begin| *begin != Some(0));
    begins
        .map(|begin| begin.map_or_else(|| Condition::Other("tiered_pricing".to_owned()), Condition::Above))
        .collect()
}

const MODELS_DEV: [(&str, Bucket); 7] = [
    ("input", Bucket::Input),
    ("output", Bucket::Output),
    ("cache_read", Bucket::CacheRead),
    ("cache_write", Bucket::CacheWrite),
    ("reasoning", Bucket::Reasoning),
    ("input_audio", Bucket::AudioInput),
    ("output_audio", Bucket::AudioOutput),
];

fn models_dev(facts: &Object<'_>) -> Result<Offer, String> {
    let mut offer = Offer::default();
    let Some(cost) = facts.get("cost").and_then(|raw| object(raw)) else { return Ok(offer) };
    for (key, bucket) in MODELS_DEV {
        offer.take(bucket, cost.get(key).copied(), Unit::PerMillion)?;
    }
    let tiers = cost.get("tiers").filter(|raw| !is_null(raw));
    if let Some(raw) = tiers {
        let tiers: Vec<Object<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
        let size = |tier: &Object<'_>| object(tier.get("tier")?)?.get("size")?.get().parse().ok();
        let sizes = tiers
            .iter()
            .map(|tier| size(tier).map_or_else(|| Condition::Other("tiers".to_owned()), Condition::Above));
        offer.conditions.extend(sizes);
    }
    // Its name is older than tiers of other sizes, which say more where they are given.
    if offer.conditions.is_empty() && cost.get("context_over_200k").is_some_and(|raw| !is_null(raw)) {
        offer.conditions.push(Condition::Above(200_000));
    }
    Ok(offer)
}

const GENAI: [(&str, Bucket); 10] = [
    ("input_mtok", Bucket::Input),
    ("output_mtok", Bucket::Output),
    ("cache_read_mtok", Bucket::CacheRead),
    ("cache_write_mtok", Bucket::CacheWrite),
    ("cache_write_5m_mtok", Bucket::CacheWrite),
    ("cache_write_1h_mtok", Bucket::CacheWrite1h),
    ("output_reasoning_mtok", Bucket::Reasoning),
    ("input_audio_mtok", Bucket::AudioInput),
    ("output_audio_mtok", Bucket::AudioOutput),
    ("input_image_mtok", Bucket::ImageInput),
];

fn genai_prices(facts: &Object<'_>, day: &str) -> Result<Offer, String> {
    let mut offer = Offer::default();
    let Some(prices) = facts.get("prices") else { return Ok(offer) };
    let flat = match object(prices) {
        Some(flat) => flat,
        None => in_force(prices, day, &mut offer)?,
    };
    for (key, bucket) in GENAI {
        let Some(raw) = flat.get(key).copied() else { continue };
        match object(raw) {
            None => offer.take(bucket, Some(raw), Unit::PerMillion)?,
            Some(tiered) => {
                offer.take(bucket, tiered.get("base").copied(), Unit::PerMillion)?;
                offer.conditions.extend(starts(&tiered));
            }
        }
    }
    Ok(offer)
}

/// Of dated prices the last that has begun, as the list has it; those of some hours only are conditions.
fn in_force<'t>(prices: &'t RawValue, day: &str, offer: &mut Offer) -> Result<Object<'t>, String> {
    let dated: Vec<Object<'t>> = serde_json::from_str(prices.get())
        .map_err(|_| "its prices are neither a table nor a list of tables".to_owned())?;
    let mut found = None;
    for one in dated {
        let constraint = one.get("constraint").filter(|raw| !is_null(raw)).and_then(|raw| object(raw));
        let word = |key: &str| constraint.as_ref()?.get(key).and_then(|raw| string(raw));
        let begun = match (&constraint, word("start_date")) {
            (None, _) => found.is_none(),
            (Some(_), Some(begin)) => begin.as_str() <= day,
            (Some(_), None) => {
                let hours = word("start_time").zip(word("end_time"));
                let what = hours.map(|(from, to)| format!("from {from} to {to} each day"));
                offer.conditions.push(Condition::Other(what.unwrap_or_else(|| "some constraint".to_owned())));
                false
            }
        };
        if begun {
            found = one.get("prices").and_then(|raw| object(raw));
        }
    }
    found.ok_or_else(|| format!("no price of it is in force on {day}"))
}

fn starts(tiered: &Object<'_>) -> Vec<Condition> {
    let tiers = tiered.get("tiers").map(|raw| serde_json::from_str::<Vec<Object<'_>>>(raw.get()));
    let Some(Ok(tiers)) = tiers else { return vec![Condition::Other("tiers".to_owned())] };
    let start = |tier: &Object<'_>| tier.get("start").and_then(|raw| raw.get().parse().ok());
    tiers
        .iter()
        .map(|tier| start(tier).map_or_else(|| Condition::Other("tiers".to_owned()), Condition::Above))
        .collect()
}

impl Offer {
    /// Takes the price of a bucket if the list has one. A bucket beside input and output that costs nothing is left
    /// out: lists write 0 there where they know nothing, and what has no price of its own is counted as its stand-in.
    fn take(&mut self, bucket: Bucket, raw: Option<&RawValue>, unit: Unit) -> Result<(), String> {
        let Some(raw) = raw.filter(|raw| !is_null(raw)) else { return Ok(()) };
        let read = amount::read(raw.get(), unit).map_err(|fault| format!("{}: {fault}", bucket.key()))?;
        if read.rounded {
            self.notes.push(format!("{}: {} rounded to the nano-dollar", bucket.key(), raw.get()));
        }
        if read.price.0 == 0 && !matches!(bucket, Bucket::Input | Bucket::Output) {
            self.notes.push(format!("{}: 0 in the list, not taken", bucket.key()));
            return Ok(());
        }
        self.prices.insert(bucket, read.price);
        Ok(())
    }
}

fn object(raw: &RawValue) -> Option<Object<'_>> {
    serde_json::from_str(raw.get()).ok()
}

fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}
