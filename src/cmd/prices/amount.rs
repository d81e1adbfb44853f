//! Prices as price lists write them, and back: decimal text to nano-dollars per million tokens without a float between.

use crate::types::PricePerMillion;

/// Digits of a number that are looked at; what lies behind them is far below a nano-dollar.
const MOST_DIGITS: usize = 30;
/// Far above every published price; a larger number is a slip of the unit. The configuration takes no more.
const DEAREST: u64 = 100_000 * NANO;
const NANO: u64 = 1_000_000_000;

/// The unit that a list counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// USD per token.
    PerToken,
    /// USD per million tokens.
    PerMillion,
}

impl Unit {
    /// The power of ten that turns it into nano-dollars per million tokens.
    fn exponent(self) -> i64 {
        match self {
            Self::PerToken => 15,
            Self::PerMillion => 9,
        }
    }
}

/// A price as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    /// What it is.
    pub(super) price: PricePerMillion,
    /// Whether the text had digits below a nano-dollar, as float noise has.
    pub(super) rounded: bool,
}

/// Reads a JSON number, also one that stands in a string.
pub(super) fn read(text: &str, unit: Unit) -> Result<Amount, String> {
    let text = text.trim().trim_matches('"');
    let wrong = |what: &str| format!("`{}` {what}", text.chars().take(40).collect::<String>());
    let (digits, exponent) = split(text).ok_or_else(|| wrong("is not a price"))?;
    let (nano, rounded) =
        scaled(&digits, exponent + unit.exponent()).ok_or_else(|| wrong("is impossibly dear"))?;
    if nano > DEAREST {
        return Err(wrong("is impossibly dear: is it in another unit?"));
    }
    if nano == 0 && rounded {
        return Err(wrong("is less than a nano-dollar per million tokens"));
    }
    Ok(Amount { price: PricePerMillion(nano), rounded })
}

/// The digits of a number without its point, and the power of ten they are multiplied with.
fn split(text: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let all_digits = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let places = i64::try_from(fraction.len()).ok()?;
    all_digits.then(|| (digits.trim_start_matches('0').to_owned(), i64::from(exponent) - places))
}

/// The whole number nearest to the digits times a power of ten, half up, and whether it is not the same; `None`: too large.
fn scaled(digits: &str, exponent: i64) -> Option<(u64, bool)> {
    let kept = &digits[..digits.len().min(MOST_DIGITS)];
    let cut = &digits[kept.len()..];
    let exponent = exponent.checked_add(i64::try_from(cut.len()).ok()?)?;
    let inexact = cut.bytes().any(|digit| digit != b'0');
    let number: u128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    if number == 0 {
        return Some((0, false));
    }
    if exponent >= 0 {
        let factor = 10_u128.checked_pow(u32::try_from(exponent).ok()?)?;
        return Some((u64::try_from(number.checked_mul(factor)?).ok()?, inexact));
    }
    let Some(divisor) = u32::try_from(-exponent).ok().and_then(|power| 10_u128.checked_pow(power)) else {
        return Some((0, true));
    };
    let (whole, rest) = (number / divisor, number % divisor);
    let up = u128::from(rest >= divisor - rest);
    Some((u64::try_from(whole + up).ok()?, inexact || rest != 0))
}

/// USD per million tokens as configurations write it: at least two decimals, none that says nothing.
pub(super) fn text(price: PricePerMillion) -> String {
    let (dollars, nano) = (price.0 / NANO, price.0 % NANO);
    let decimals = format!("{nano:09}");
    let kept = decimals.trim_end_matches('0').len().max(2);
    format!("{dollars}.{}", &decimals[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &str, unit: Unit, expected: &str) {
        let amount = read(written, unit).unwrap_or_else(|fault| panic!("{written}: {fault}"));
        assert_eq!((text(amount.price).as_str(), amount.rounded), (expected, false), "{written}");
    }

    #[test]
    fn prices_are_read_to_the_last_digit() {
        check("1.5e-07", Unit::PerToken, "0.15");
        check("0.00000015", Unit::PerToken, "0.15");
        check("1.25E-05", Unit::PerToken, "12.50");
        check("5.46875e-07", Unit::PerToken, "0.546875");
        check("1e-06", Unit::PerToken, "1.00");
        check("\"0.000001\"", Unit::PerToken, "1.00");
        check("0.1", Unit::PerMillion, "0.10");
        check("0.00875", Unit::PerMillion, "0.00875");
        check("75", Unit::PerMillion, "75.00");
        check("0.0", Unit::PerMillion, "0.00");
        check("0.000000001", Unit::PerMillion, "0.000000001");
        check("100000", Unit::PerMillion, "100000.00");
    }

    #[test]
    fn float_noise_is_rounded_and_said() {
        for (written, expected) in [("1.5000000000000002e-07", "0.15"), ("1.9999999999999998e-06", "2.00")] {
            let amount = read(written, Unit::PerToken).unwrap();
            assert_eq!((text(amount.price).as_str(), amount.rounded), (expected, true), "{written}");
        }
        let long = format!("0.15{}1", "0".repeat(60));
        assert_eq!(read(&long, Unit::PerMillion).unwrap().price.0, 150_000_000);
        assert!(read(&long, Unit::PerMillion).unwrap().rounded);
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for wrong in ["", "-1", "+1", "1,5", "NaN", "null", "true", ".5", "1e", "1e99999", "0x1", "{}"] {
            assert!(read(wrong, Unit::PerMillion).is_err(), "{wrong}");
        }
        for wrong in ["1", "2e300", "100000.000000001e-6"] {
            assert!(read(wrong, Unit::PerToken).unwrap_err().contains("dear"), "{wrong}");
        }
        for tiny in ["1e-30", "1e-300", "4e-16"] {
            assert!(read(tiny, Unit::PerToken).unwrap_err().contains("less than"), "{tiny}");
        }
    }
}
