//! What an observed request would have cost where the router would have sent it: from the tokens that were used, since the
//! answer that was not asked for has no length.

use crate::catalog::Snapshot;
use crate::ledger::{CostRange, Entry};
use crate::types::{Day, Usage};

/// How long another model's answer to the same prompt is, as a share of the one that was written: nine of ten are between
/// these. The 5 % and 95 % quantiles over 53,180 pairs of answers of two models to 2,659 questions of mathematics and code
/// (the `train` rows of `benches/data/README.md` with an answer's tokens). Conversations may be spread wider.
const LENGTHS: [(u64, u64); 2] = [(42, 100), (236, 100)];

/// The interval; `None` where nothing would have been chosen, nobody answered, or a price is missing.
pub(super) fn would_cost(snapshot: &Snapshot, entry: &Entry) -> Option<CostRange> {
    let would = entry.would_model.as_ref()?;
    if entry.usage == Usage::default() {
        return None;
    }
    let model = snapshot.model(snapshot.model_by_id(would.as_str())?);
    let price = model.prices.on(Day::of_unix_ms(entry.id.unix_ms()))?;
    if entry.model.as_ref() == Some(would) {
        let cost = price.cost(&entry.usage)?;
        return Some(CostRange { low: cost, high: cost });
    }
    let asked = entry.inputs.as_ref().and_then(|inputs| inputs.facts.max_output_tokens);
    let most = u64::from(asked.unwrap_or(model.max_output_tokens).min(model.max_output_tokens));
    let [low, high] = LENGTHS.map(|length| price.cost(&as_long(&entry.usage, length, most)));
    Some(CostRange { low: low?, high: high? })
}

/// The same request with an answer of another length, all kinds of output alike.
fn as_long(usage: &Usage, (times, by): (u64, u64), most: u64) -> Usage {
    // What came cannot have been too long, whatever the cap is called there.
    let (came, most) = (usage.total_output().max(1), most.max(usage.total_output()));
    let scaled = |tokens: u64| tokens.saturating_mul(times).div_ceil(by);
    let capped = |tokens: u64| scaled(tokens).min(tokens.saturating_mul(most) / came);
    Usage {
        output: capped(usage.output),
        reasoning: capped(usage.reasoning),
        audio_output: capped(usage.audio_output),
        ..*usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_stays_and_output_is_shorter_or_longer_up_to_the_cap() {
        let usage = Usage { input: 70, cache_read: 30, output: 100, reasoning: 300, ..Usage::default() };
        let outputs = |usage: Usage| (usage.output, usage.reasoning);
        let [short, long] = LENGTHS.map(|length| as_long(&usage, length, 10_000));
        assert_eq!((outputs(short), outputs(long)), ((42, 126), (236, 708)));
        assert_eq!((long.input, long.cache_read), (70, 30));
        assert_eq!(outputs(as_long(&usage, LENGTHS[1], 600)), (150, 450), "six hundred in all");
        assert_eq!(outputs(as_long(&usage, LENGTHS[1], 10)), (100, 300), "it came, so it may");
        assert_eq!(as_long(&Usage { input: 5, ..Usage::default() }, LENGTHS[1], 9).total_output(), 0);
    }
}
