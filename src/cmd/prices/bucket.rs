//! The kinds of token that a configuration prices, by the word it prices them under.

use std::collections::BTreeMap;

use crate::catalog::Price;
use crate::types::PricePerMillion;

/// A kind of token with a price of its own, in the order in which a configuration writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bucket {
    Input,
    Output,
    CacheRead,
    CacheWrite,
    CacheWrite1h,
    Reasoning,
    AudioInput,
    AudioOutput,
    ImageInput,
}

/// What one model costs, by bucket; a bucket that is not in it has no price of its own.
pub(super) type Prices = BTreeMap<Bucket, PricePerMillion>;

impl Bucket {
    pub(super) const ALL: [Self; 9] = [
        Self::Input,
        Self::Output,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::Reasoning,
        Self::AudioInput,
        Self::AudioOutput,
        Self::ImageInput,
    ];

    /// The key in the configuration.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Reasoning => "reasoning",
            Self::AudioInput => "audio_input",
            Self::AudioOutput => "audio_output",
            Self::ImageInput => "image_input",
        }
    }

    /// The bucket whose price is taken where this one has none; the catalogue counts by the same rule.
    fn stand_in(self) -> Option<Self> {
        match self {
            Self::Input | Self::Output | Self::AudioInput | Self::AudioOutput => None,
            Self::CacheRead | Self::CacheWrite | Self::ImageInput => Some(Self::Input),
            Self::CacheWrite1h => Some(Self::CacheWrite),
            Self::Reasoning => Some(Self::Output),
        }
    }

    /// What a token of this kind costs, be it under another bucket's price; `None`: unpriced.
    pub(super) fn effective(self, prices: &Prices) -> Option<PricePerMillion> {
        prices.get(&self).copied().or_else(|| self.stand_in()?.effective(prices))
    }
}

/// A configured price by bucket.
pub(super) fn of(price: &Price) -> Prices {
    let of = |bucket| match bucket {
        Bucket::Input => Some(price.input),
        Bucket::Output => Some(price.output),
        Bucket::CacheRead => price.cache_read,
        Bucket::CacheWrite => price.cache_write_5m,
        Bucket::CacheWrite1h => price.cache_write_1h,
        Bucket::Reasoning => price.reasoning,
        Bucket::AudioInput => price.audio_input,
        Bucket::AudioOutput => price.audio_output,
        Bucket::ImageInput => price.image_input,
    };
    Bucket::ALL.into_iter().filter_map(|bucket| Some((bucket, of(bucket)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Day, Usage};

    /// A bucket without a price costs what the catalogue says it costs.
    #[test]
    fn stand_ins_are_those_of_the_catalogue() {
        let bare = Price {
            valid_from: Day(0),
            input: PricePerMillion(3_000_000),
            output: PricePerMillion(7_000_000),
            cache_read: None,
            cache_write_5m: None,
            cache_write_1h: None,
            reasoning: None,
            audio_input: None,
            audio_output: None,
            image_input: None,
        };
        let writes = Price { cache_write_5m: Some(PricePerMillion(5_000_000)), ..bare };
        for price in [bare, writes] {
            let some = 1_000_000;
            let usages = [
                (Bucket::CacheRead, Usage { cache_read: some, ..Usage::default() }),
                (Bucket::CacheWrite, Usage { cache_write_5m: some, ..Usage::default() }),
                (Bucket::CacheWrite1h, Usage { cache_write_1h: some, ..Usage::default() }),
                (Bucket::Reasoning, Usage { reasoning: some, ..Usage::default() }),
                (Bucket::ImageInput, Usage { image_input: some, ..Usage::default() }),
                (Bucket::AudioInput, Usage { audio_input: some, ..Usage::default() }),
                (Bucket::AudioOutput, Usage { audio_output: some, ..Usage::default() }),
            ];
            for (bucket, usage) in usages {
                let counted = price.cost(&usage).map(|cost| cost.0);
                assert_eq!(bucket.effective(&of(&price)).map(|price| price.0), counted, "{bucket:?}");
            }
        }
    }
}
