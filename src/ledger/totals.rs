//! Adds up what was recorded: by task class, model, decision, client or tag; against the baseline, against the best single
//! model and against a random mix that costs the same. *Unpriced* is counted and never added as 0.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::compare::{Choice, Compare, Comparison, expected_quality};
use super::{Entry, LedgerError, Outcome, Reader, Span};
use crate::catalog::{Snapshot, SnapshotVersion, Tier};
use crate::types::{Day, ModelId, NanoUsd, Served};

/// Finds the snapshot of a version, built again from its stored sources; `None` when it cannot be.
pub type Catalogue<'a> = dyn Fn(&SnapshotVersion) -> Option<Arc<Snapshot>> + 'a;

/// What to add up by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The task class.
    Task,
    /// The model that answered.
    Model,
    /// How the request was served, and why.
    Decision,
    /// The client.
    Client,
    /// The value of one tag.
    Tag(String),
}

impl By {
    /// From `task`, `model`, `decision`, `client` or `tag=KEY`.
    pub fn parse(word: &str) -> Result<Self, String> {
        match word {
            "task" => Ok(Self::Task),
            "model" => Ok(Self::Model),
            "decision" => Ok(Self::Decision),
            "client" => Ok(Self::Client),
            _ => match word.strip_prefix("tag=").filter(|key| !key.is_empty()) {
                Some(key) => Ok(Self::Tag(key.to_owned())),
                None => Err(format!("`{word}`: task, model, decision, client or tag=KEY is expected")),
            },
        }
    }

    /// The word it is parsed from.
    pub fn word(&self) -> String {
        match self {
            Self::Task => "task".to_owned(),
            Self::Model => "model".to_owned(),
            Self::Decision => "decision".to_owned(),
            Self::Client => "client".to_owned(),
            Self::Tag(key) => format!("tag={key}"),
        }
    }

    fn key(&self, entry: &Entry) -> String {
        let (found, otherwise) = match self {
            Self::Task => (entry.task.map(|task| task.as_str()), "not read"),
            Self::Model => (entry.model.as_ref().map(ModelId::as_str), "none"),
            Self::Decision => return format!("{} {}", entry.served.as_str(), entry.reason),
            Self::Client => (entry.client.as_ref().map(|client| client.as_str()), "not identified"),
            Self::Tag(key) => (entry.tags.get(key).map(String::as_str), "without"),
        };
        found.unwrap_or(otherwise).to_owned()
    }
}

/// The sums of one span of time.
#[derive(Clone, Debug, Serialize)]
pub struct Totals {
    /// What was added up by.
    pub by: String,
    /// One sum a key, dearest first.
    pub groups: Vec<Group>,
    /// Everything together.
    pub all: Group,
}

/// The sum of some requests.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Group {
    /// What they have in common.
    pub key: String,
    /// How many.
    pub requests: u64,
    /// How many did not end well: an error, a broken stream, a client that left.
    pub not_ok: u64,
    /// Upstream attempts of all of them.
    pub attempts: u64,
    /// What they cost.
    pub cost: Cost,
    /// Tokens read by all attempts, all buckets.
    pub input_tokens: u64,
    /// Tokens written by all attempts, all buckets.
    pub output_tokens: u64,
    /// Which shelf answered.
    pub tiers: Tiers,
    /// Requests that were only observed: what they cost, and what the router's choice would have cost.
    pub observed: Option<Observed>,
    /// Requests the router decided, against other ways to serve them; `None` when there is none to compare.
    pub comparison: Option<Comparison>,
    #[serde(skip)]
    compare: Compare,
}

/// A sum of money that knows what it does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Sum over the priced requests.
    pub known: NanoUsd,
    /// Requests with a known cost.
    pub priced: u64,
    /// Requests without a price: their cost is unknown, not 0.
    pub unpriced: u64,
    /// Requests among the priced whose token counts or bill are partly guessed.
    pub estimated: u64,
}

impl Cost {
    /// The known sum, unless nothing is known.
    pub fn known_usd(&self) -> Option<f64> {
        (self.priced > 0 || self.unpriced == 0).then(|| self.known.usd())
    }

    fn add(&mut self, entry: &Entry) {
        match entry.cost {
            Some(cost) => {
                self.known += cost;
                self.priced += 1;
                self.estimated += u64::from(entry.cost_estimated);
            }
            None => self.unpriced += 1,
        }
    }
}

impl Serialize for Cost {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Cost", 4)?;
        fields.serialize_field("known_usd", &self.known_usd())?;
        fields.serialize_field("priced_requests", &self.priced)?;
        fields.serialize_field("unpriced_requests", &self.unpriced)?;
        fields.serialize_field("estimated_requests", &self.estimated)?;
        fields.end()
    }
}

/// Requests by the shelf of the model that answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tiers {
    /// Small and cheap.
    pub edge: u64,
    /// Strong at some tasks.
    pub specialist: u64,
    /// The strongest.
    pub frontier: u64,
    /// No model answered, or its snapshot is not known any more.
    pub unknown: u64,
}

impl Tiers {
    fn add(&mut self, tier: Option<Tier>) {
        *match tier {
            Some(Tier::Edge) => &mut self.edge,
            Some(Tier::Specialist) => &mut self.specialist,
            Some(Tier::Frontier) => &mut self.frontier,
            None => &mut self.unknown,
        } += 1;
    }
}

/// What observed requests would have cost, had the router decided. Their quality is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Observed {
    /// Requests with both figures.
    pub requests: u64,
    /// What they cost.
    pub cost_usd: f64,
    /// The choice would have cost at least this.
    pub would_low_usd: f64,
    /// And at most this.
    pub would_high_usd: f64,
}

impl Group {
    fn add(&mut self, entry: &Entry, tier: Option<Tier>, choices: &[Choice]) {
        self.requests += 1;
        self.not_ok += u64::from(entry.outcome != Outcome::Ok);
        self.attempts += entry.attempts.len() as u64;
        self.cost.add(entry);
        // As with the cost, what every attempt took.
        let usage = entry.usage_in_all();
        self.input_tokens = self.input_tokens.saturating_add(usage.total_input());
        self.output_tokens = self.output_tokens.saturating_add(usage.total_output());
        self.tiers.add(tier);
        if let (Served::Observed, Some(cost), Some(would)) = (entry.served, entry.cost, entry.would_cost) {
            let observed = self.observed.get_or_insert_default();
            observed.requests += 1;
            observed.cost_usd += cost.usd();
            observed.would_low_usd += would.low.usd();
            observed.would_high_usd += would.high.usd();
        }
        if is_decided(entry) {
            self.compare.add(entry, choices);
        }
    }

    fn finish(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self.comparison = std::mem::take(&mut self.compare).finish();
        self
    }
}

/// Adds up a span of time.
pub fn totals(
    reader: &Reader,
    by: &By,
    span: Span,
    catalogue: &Catalogue<'_>,
) -> Result<Totals, LedgerError> {
    let mut snapshots: BTreeMap<String, Option<Arc<Snapshot>>> = BTreeMap::new();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut all = Group::default();
    reader.each_sum(span, |entry| {
        if !snapshots.contains_key(entry.snapshot.as_str()) {
            snapshots.insert(entry.snapshot.as_str().to_owned(), catalogue(&entry.snapshot));
        }
        let snapshot = snapshots.get(entry.snapshot.as_str()).and_then(Option::as_deref);
        let tier = snapshot.and_then(|snapshot| tier_of(snapshot, &entry));
        let choices = match snapshot {
            Some(snapshot) if is_decided(&entry) => choices_of(snapshot, &entry),
            _ => Vec::new(),
        };
        groups.entry(by.key(&entry)).or_default().add(&entry, tier, &choices);
        all.add(&entry, tier, &choices);
        true
    })?;
    let mut groups: Vec<Group> = groups.into_iter().map(|(key, group)| group.finish(&key)).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.cost.known));
    Ok(Totals { by: by.word(), groups, all: all.finish("all") })
}

/// Whether the router had a say in who answered, and someone did.
fn is_decided(entry: &Entry) -> bool {
    match entry.served {
        Served::Routed | Served::Canary | Served::Holdout | Served::Fallback => entry.model.is_some(),
        Served::Cascade | Served::Ensemble | Served::Debate | Served::Draft => entry.model.is_some(),
        Served::Pinned | Served::Observed | Served::Unrouted => false,
    }
}

fn tier_of(snapshot: &Snapshot, entry: &Entry) -> Option<Tier> {
    let ix = snapshot.model_by_id(entry.model.as_ref()?.as_str())?;
    Some(snapshot.model(ix).tier)
}

/// The policy's candidates, priced on the usage that was: what each would have cost in place of the one that answered.
fn choices_of(snapshot: &Snapshot, entry: &Entry) -> Vec<Choice> {
    let Some(policy) = snapshot.policies.iter().find(|policy| Some(&policy.id) == entry.policy.as_ref())
    else {
        return Vec::new();
    };
    let day = Day::of_unix_ms(entry.id.unix_ms());
    let policy = entry.step.map_or(policy, |step| policy.at(step));
    policy
        .candidates
        .iter()
        .map(|ix| {
            let model = snapshot.model(*ix);
            let cost = model.prices.on(day).and_then(|price| price.cost(&entry.usage));
            Choice { model: model.id.clone(), cost, quality: expected_quality(entry, &model.id) }
        })
        .collect()
}
