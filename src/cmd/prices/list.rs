//! A public price list, recognised by its shape, and the entries in it that a name may mean. What an entry says is read
//! only when it is asked for, so that one odd entry among thousands spoils nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::clause::Clause;

/// A JSON object whose values are not looked at yet: prices are read from their own text, never through a float.
pub(super) type Object<'t> = BTreeMap<String, &'t RawValue>;

/// The public formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// LiteLLM's `model_prices_and_context_window.json`: an object by model, USD per token.
    LiteLlm,
    /// `api.json` of models.dev: an object by provider, each with `models`, USD per million tokens.
    ModelsDev,
    /// `data.json` of genai-prices: an array of providers, each with `models`, USD per million tokens.
    GenaiPrices,
}

impl Format {
    /// The name people know it by.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm",
            Self::ModelsDev => "models.dev",
            Self::GenaiPrices => "genai-prices",
        }
    }
}

/// One model at one provider.
#[derive(Debug)]
pub(super) struct Entry<'t> {
    /// The provider, as the list calls it.
    pub(super) provider: String,
    /// The model, as the list calls it.
    pub(super) name: String,
    /// Which other names mean it.
    clause: Option<Clause>,
    /// What the list says of it.
    pub(super) facts: Object<'t>,
}

impl Entry<'_> {
    /// Provider and model in one word.
    pub(super) fn label(&self) -> String {
        let prefixed = self.name.starts_with(&format!("{}/", self.provider));
        if prefixed || self.provider.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.provider, self.name)
        }
    }
}

/// A price list.
#[derive(Debug)]
pub(super) struct List<'t> {
    /// How it is written.
    pub(super) format: Format,
    entries: Vec<Entry<'t>>,
}

impl<'t> List<'t> {
    /// Reads a list, whichever of the known formats it has.
    pub(super) fn read(text: &'t str) -> Result<Self, String> {
        if let Ok(providers) = serde_json::from_str::<Vec<GenaiProvider<'_>>>(text) {
            return Self::of(Format::GenaiPrices, genai_prices(providers));
        }
        let objects: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|error| {
            if error.is_data() { unknown() } else { format!("it is not JSON that can be read: {error}") }
        })?;
        let objects: Vec<(String, Object<'_>)> = objects
            .into_iter()
            .filter_map(|(name, raw)| Some((name, serde_json::from_str(raw.get()).ok()?)))
            .collect();
        let any = |key: &str| objects.iter().any(|(_, object)| object.contains_key(key));
        if any("models") {
            return Self::of(Format::ModelsDev, models_dev(objects));
        }
        if any("litellm_provider") || any("input_cost_per_token") {
            return Self::of(Format::LiteLlm, litellm(objects));
        }
        Err(unknown())
    }

    fn of(format: Format, entries: Vec<Entry<'t>>) -> Result<Self, String> {
        if entries.is_empty() { Err(unknown()) } else { Ok(Self { format, entries }) }
    }

    /// How many models it has, one that several providers serve counted for each.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entries a name means at a provider that may be called by one of these hints, the likeliest hint first: those of
    /// that provider, then those of any other. Several are equally likely.
    pub(super) fn find(&self, name: &str, hints: &[&str]) -> Vec<&Entry<'t>> {
        for hint in hints {
            let prefixed = format!("{hint}/{name}");
            let tests: [&dyn Fn(&Entry<'_>) -> bool; 3] = [
                &|entry| entry.provider == *hint && entry.name == name,
                &|entry| entry.name == prefixed,
                &|entry| entry.provider == *hint && entry.matches(name),
            ];
            for test in tests {
                let found: Vec<_> = self.entries.iter().filter(|entry| test(entry)).collect();
                if !found.is_empty() {
                    return found;
                }
            }
        }
        self.entries.iter().filter(|entry| entry.name == name).collect()
    }
}

impl Entry<'_> {
    fn matches(&self, name: &str) -> bool {
        self.clause.as_ref().is_some_and(|clause| clause.matches(name))
    }
}

fn unknown() -> String {
    "it has the shape of no price list known here: LiteLLM's model_prices_and_context_window.json, api.json of \
     models.dev, or data.json of genai-prices"
        .to_owned()
}

/// A string, whatever escapes it is written with.
pub(super) fn string(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn litellm(objects: Vec<(String, Object<'_>)>) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    // The list explains itself in an entry of this name.
    for (name, facts) in objects.into_iter().filter(|(name, _)| name != "sample_spec") {
        let provider = facts.get("litellm_provider").and_then(|raw| string(raw)).unwrap_or_default();
        entries.push(Entry { provider, name, clause: None, facts });
    }
    entries
}

fn models_dev(objects: Vec<(String, Object<'_>)>) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for (provider, object) in objects {
        let models = object.get("models").and_then(|raw| serde_json::from_str::<Object<'_>>(raw.get()).ok());
        for (name, raw) in models.unwrap_or_default() {
            let facts: Object<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
            entries.push(Entry { provider: provider.clone(), name, clause: None, facts });
        }
    }
    entries
}

#[derive(Deserialize)]
struct GenaiProvider<'t> {
    id: String,
    #[serde(borrow)]
    models: Vec<&'t RawValue>,
}

fn genai_prices(providers: Vec<GenaiProvider<'_>>) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for provider in providers {
        for raw in provider.models {
            let facts: Object<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
            let Some(name) = facts.get("id").and_then(|raw| string(raw)) else { continue };
            let clause = facts.get("match").and_then(|raw| serde_json::from_str(raw.get()).ok());
            entries.push(Entry { provider: provider.id.clone(), name, clause, facts });
        }
    }
    entries
}
