//! The configured prices beside those of a list: what would change, and what the list cannot say.

use super::amount;
use super::bucket::{self, Bucket, Prices};
use super::list::{Entry, List};
use super::offer::{self, Condition, Offer};
use crate::catalog::{Deployment, Model, Snapshot};
use crate::types::{Day, Dialect, PricePerMillion};

/// One model of the configuration beside the list.
#[derive(Debug)]
pub(super) struct Row {
    /// The model.
    pub(super) model: String,
    /// What its providers call it, each name once.
    pub(super) upstream_names: Vec<String>,
    /// The entry that was found.
    pub(super) entry: Option<String>,
    /// What is configured; empty: unpriced.
    pub(super) old: Prices,
    /// What the list asks; empty when nothing can be taken from it.
    pub(super) new: Prices,
    /// What of it differs.
    pub(super) changes: Vec<Change>,
    /// What came of it.
    pub(super) outcome: Outcome,
    /// What else there is to know.
    pub(super) notes: Vec<String>,
}

/// What came of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The list has other prices.
    Changed,
    /// The list confirms what is configured.
    Same,
    /// The list has no price of it.
    NotFound(String),
    /// The list has a price that cannot be taken as it stands.
    NotTaken(String),
}

impl Outcome {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Same => "same",
            Self::NotFound(_) => "not_found",
            Self::NotTaken(_) => "not_taken",
        }
    }

    /// Why nothing is taken.
    pub(super) fn why(&self) -> Option<&str> {
        match self {
            Self::Changed | Self::Same => None,
            Self::NotFound(why) | Self::NotTaken(why) => Some(why),
        }
    }
}

/// A bucket whose price differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) bucket: Bucket,
    /// What a token of this kind costs now, be it under another bucket's price; `None`: unpriced.
    pub(super) old: Option<PricePerMillion>,
    pub(super) new: PricePerMillion,
}

/// Compares every model, in the order of the configuration.
pub(super) fn all(snapshot: &Snapshot, list: &List<'_>, day: Day, day_text: &str) -> Vec<Row> {
    snapshot.models.iter().map(|model| row(snapshot, list, model, (day, day_text))).collect()
}

fn row(snapshot: &Snapshot, list: &List<'_>, model: &Model, (day, day_text): (Day, &str)) -> Row {
    let deployments = || model.deployments.iter().map(|ix| snapshot.deployment(*ix));
    let mut upstream_names: Vec<String> = deployments().map(|one| one.upstream_name.to_string()).collect();
    upstream_names.dedup();
    let price = model.prices.on(day).or_else(|| model.prices.latest());
    let mut row = Row {
        model: model.id.to_string(),
        upstream_names,
        entry: None,
        old: price.map(bucket::of).unwrap_or_default(),
        new: Prices::new(),
        changes: Vec::new(),
        outcome: Outcome::Same,
        notes: Vec::new(),
    };
    let found = deployments().map(|one| look_up(snapshot, list, one, day_text)).collect();
    match agreed(found) {
        Ok((entry, offer)) => {
            row.entry = Some(entry);
            row.take(model, offer);
        }
        Err(outcome) => row.outcome = outcome,
    }
    row
}

type Found = Result<(String, Offer), Outcome>;

/// What the list says of one deployment.
fn look_up(snapshot: &Snapshot, list: &List<'_>, deployment: &Deployment, day: &str) -> Found {
    if !deployment.endpoints.is_empty() {
        return Err(Outcome::NotFound("self-hosted: no list knows what your own machines cost".to_owned()));
    }
    let provider = snapshot.provider(deployment.provider);
    let vendors: &[&str] = match provider.dialect {
        Dialect::OpenAi => &["openai"],
        Dialect::Anthropic => &["anthropic"],
        Dialect::Gemini => &["gemini", "google"],
    };
    let hints: Vec<&str> = std::iter::once(provider.id.as_str()).chain(vendors.iter().copied()).collect();
    let entries = list.find(&deployment.upstream_name, &hints);
    if entries.is_empty() {
        return Err(Outcome::NotFound(format!("the list has no `{}`", deployment.upstream_name)));
    }
    let read = |entry: &Entry<'_>| match offer::read(list.format, entry, day) {
        Ok(offer) => Ok((entry.label(), offer)),
        Err(fault) => Err(Outcome::NotTaken(format!("{}: {fault}", entry.label()))),
    };
    agreed(entries.into_iter().map(read).collect())
}

/// One answer out of several, if those that have a price have the same one.
fn agreed(found: Vec<Found>) -> Found {
    let mut answers: Vec<(String, Offer)> = Vec::new();
    let mut fault = None;
    for one in found {
        match one {
            Err(why) => fault = fault.or(Some(why)),
            Ok((entry, offer)) => match answers.iter_mut().find(|(_, known)| known.prices == offer.prices) {
                None => answers.push((entry, offer)),
                // The same flat price with and without a condition is one under a condition.
                Some((_, known)) => {
                    known.conditions.extend(offer.conditions);
                    known.conditions.sort();
                    known.conditions.dedup();
                }
            },
        }
    }
    match answers.len() {
        0 => Err(fault.unwrap_or_else(|| Outcome::NotFound("it has no deployment".to_owned()))),
        1 => Ok(answers.swap_remove(0)),
        _ => {
            let named: Vec<_> = answers.iter().take(SHOWN).map(|(entry, _)| format!("`{entry}`")).collect();
            let more = answers.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Err(Outcome::NotTaken(format!(
                "several prices: {}{more}; give the provider the id it has in the list, or write the price by hand",
                named.join(", ")
            )))
        }
    }
}

/// Entries named at most.
const SHOWN: usize = 4;

impl Row {
    /// Puts what the list asks beside what is configured.
    fn take(&mut self, model: &Model, offer: Offer) {
        self.notes = offer.notes;
        if let Some(why) = unusable(&offer.prices, &self.old) {
            self.outcome = why;
            return;
        }
        // A price that only longer requests meet is of no concern to a model that is given none.
        let (never, met): (Vec<_>, Vec<_>) = offer.conditions.into_iter().partition(|condition| {
            matches!(condition, Condition::Above(tokens) if *tokens >= u64::from(model.context_tokens))
        });
        if !met.is_empty() {
            let price = input_output(&offer.prices);
            self.outcome = Outcome::NotTaken(format!(
                "{price} is not its only price, there is another {}; one price is all a model can have here: \
                 write it by hand",
                words(&met)
            ));
            return;
        }
        if !never.is_empty() {
            let window = model.context_tokens;
            self.notes.push(format!("dearer {}, which `context_tokens = {window}` keeps out", words(&never)));
        }
        self.changes = changes(&self.old, &offer.prices);
        self.new = self.old.clone();
        self.new.extend(self.changes.iter().map(|change| (change.bucket, change.new)));
        if self.changes.is_empty() {
            return;
        }
        self.outcome = Outcome::Changed;
        let kept = self.old.iter().filter(|(bucket, _)| !offer.prices.contains_key(bucket));
        self.notes.extend(kept.map(|(bucket, price)| {
            format!("{} {} kept: the list has none", bucket.key(), amount::text(*price))
        }));
    }
}

/// Why a flat price cannot be taken: it lacks what every price needs, or says 0 where that may mean that nobody knows.
fn unusable(prices: &Prices, old: &Prices) -> Option<Outcome> {
    for bucket in [Bucket::Input, Bucket::Output] {
        match prices.get(&bucket) {
            None => return Some(Outcome::NotFound(format!("the list has no {} price of it", bucket.key()))),
            Some(PricePerMillion(0)) if old.get(&bucket) != Some(&PricePerMillion(0)) => {
                return Some(Outcome::NotTaken(format!(
                    "{} costs 0 in the list, which may mean free or unknown: write 0 by hand if it is free",
                    bucket.key()
                )));
            }
            Some(_) => {}
        }
    }
    None
}

/// The buckets that would cost something else; one that costs what its stand-in does needs no price of its own.
fn changes(old: &Prices, asked: &Prices) -> Vec<Change> {
    let mut written = old.clone();
    let mut changes = Vec::new();
    for (bucket, new) in asked {
        if bucket.effective(&written) != Some(*new) {
            changes.push(Change { bucket: *bucket, old: bucket.effective(old), new: *new });
            written.insert(*bucket, *new);
        }
    }
    changes
}

fn words(conditions: &[Condition]) -> String {
    conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The two prices that every model has; `unpriced` without them.
pub(super) fn input_output(prices: &Prices) -> String {
    match (prices.get(&Bucket::Input), prices.get(&Bucket::Output)) {
        (Some(input), Some(output)) => format!("{} / {}", amount::text(*input), amount::text(*output)),
        _ => "unpriced".to_owned(),
    }
}
