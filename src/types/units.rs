//! Money and days. Money is an integer number of nano-dollars; a price is nano-dollars per million tokens, so that
//! the cheapest published price (a few cents per million) still has seven digits.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// An amount of money in 1e-9 US dollars. Additions saturate: a sum can be too large, never wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub u64);

impl NanoUsd {
    /// Nothing spent: a known amount, unlike *unpriced*, which is `Option::None`.
    pub const ZERO: Self = Self(0);

    /// From dollars, rounded; `None` when negative, not finite or beyond what fits.
    pub fn from_usd(usd: f64) -> Option<Self> {
        let nano = usd * 1e9;
        (0.0..9.0e18).contains(&nano).then_some(Self(nano.round() as u64))
    }

    /// In dollars, for display and for optimisation.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

/// A probability in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Probability(u32);

impl Probability {
    /// From 0 to 1, rounded; `None` for anything else.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self((share * 1e6).round() as u32))
    }

    /// As a number from 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

/// As it is written, with two places at least: plans are known by it.
impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:.6}", self.share());
        let (kept, rest) = digits.split_at(4);
        write!(f, "{kept}{}", rest.trim_end_matches('0'))
    }
}

impl Add for NanoUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for NanoUsd {
    /// Dollars with nine decimals and no trailing zeros beyond the sixth: `0.000123`, `0.000000045`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, nano) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if nano % 1000 == 0 {
            write!(f, "{dollars}.{:06}", nano / 1000)
        } else {
            write!(f, "{dollars}.{nano:09}")
        }
    }
}

/// A price in nano-dollars per million tokens: 0.15 USD per million is 150,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PricePerMillion(pub u64);

impl PricePerMillion {
    /// From USD per million tokens, as price lists are written; `None` when negative or not finite.
    pub fn from_usd(usd_per_million: f64) -> Option<Self> {
        NanoUsd::from_usd(usd_per_million).map(|amount| Self(amount.0))
    }

    /// What `tokens` cost, rounded half up to a nano-dollar.
    pub fn cost(self, tokens: u64) -> NanoUsd {
        if tokens == 0 {
            return NanoUsd::ZERO;
        }
        match self.0.checked_mul(tokens).and_then(|product| product.checked_add(HALF)) {
            Some(product) => NanoUsd(product / MILLION),
            // Dividing 128 bits takes a hundred times as long, and no ordinary amount needs them.
            None => {
                let product = u128::from(self.0) * u128::from(tokens) + u128::from(HALF);
                NanoUsd(u64::try_from(product / u128::from(MILLION)).unwrap_or(u64::MAX))
            }
        }
    }
}

const MILLION: u64 = 1_000_000;
const HALF: u64 = MILLION / 2;

/// A calendar day, counted from 1970-01-01 (UTC). Prices take effect on days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Day {
    /// The day a wall-clock instant falls on.
    pub fn of_unix_ms(unix_ms: u64) -> Self {
        Self(i32::try_from(unix_ms / DAY_MS).unwrap_or(i32::MAX))
    }

    /// How long ago the day began, in seconds; 0 for a day that is still to come.
    pub fn age_seconds(self, now_unix_ms: u64) -> u64 {
        let began_ms = u64::try_from(self.0).unwrap_or(0).saturating_mul(DAY_MS);
        now_unix_ms.saturating_sub(began_ms) / 1000
    }
}

const DAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_printed_as_it_is_written() {
        let cases = [
            (0.9, "0.90"),
            (0.875, "0.875"),
            (1.0, "1.00"),
            (0.0, "0.00"),
            (0.000_001, "0.000001"),
            (0.1 + 0.2, "0.30"),
        ];
        for (share, printed) in cases {
            assert_eq!(Probability::new(share).unwrap().to_string(), printed);
        }
        for none in [-0.1, 1.000_001, f64::NAN, f64::INFINITY] {
            assert_eq!(Probability::new(none), None);
        }
    }

    #[test]
    fn a_day_is_as_old_as_the_time_since_its_midnight() {
        assert_eq!(Day(1).age_seconds(DAY_MS + 7_999), 7);
        assert_eq!(Day(2).age_seconds(DAY_MS), 0);
        assert_eq!(Day::of_unix_ms(3 * DAY_MS - 1).age_seconds(3 * DAY_MS - 1), 86_399);
    }

    #[test]
    fn prices_are_exact_to_the_nano_dollar() {
        let price = PricePerMillion::from_usd(0.0375).unwrap();
        assert_eq!(price.cost(1_000_000), NanoUsd(37_500_000));
        assert_eq!(price.cost(1), NanoUsd(38));
        assert_eq!(PricePerMillion(u64::MAX).cost(u64::MAX), NanoUsd(u64::MAX));
        assert_eq!(NanoUsd::from_usd(-1.0), None);
        assert_eq!(NanoUsd::from_usd(f64::NAN), None);
        assert_eq!(NanoUsd(123_000).to_string(), "0.000123");
        assert_eq!(NanoUsd(1_000_000_045).to_string(), "1.000000045");
    }
}
