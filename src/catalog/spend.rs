//! What a client may spend within a calendar period. Periods are those of UTC, so that two machines begin them together.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::types::NanoUsd;

/// A ceiling over all requests of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spend {
    /// Most that all of them may cost together.
    pub most: NanoUsd,
    /// The period.
    pub per: Period,
}

/// A calendar period of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From hour to hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the next.
    Month,
}

impl Period {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// When the period that a moment lies in began, milliseconds since 1970: no two periods of a kind began together, so this
    /// is also what it is known by.
    pub fn began_ms(self, unix_ms: u64) -> u64 {
        match self {
            Self::Hour => unix_ms - unix_ms % HOUR_MS,
            Self::Day => unix_ms - unix_ms % DAY_MS,
            Self::Month => month_began_ms(unix_ms).unwrap_or(0),
        }
    }
}

/// `None` beyond the calendar.
fn month_began_ms(unix_ms: u64) -> Option<u64> {
    let at = Timestamp::from_millisecond(i64::try_from(unix_ms).ok()?).ok()?;
    let first = at.to_zoned(TimeZone::UTC).date().first_of_month().to_zoned(TimeZone::UTC).ok()?;
    u64::try_from(first.timestamp().as_millisecond()).ok()
}

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_where_the_calendar_of_utc_says() {
        // 2024-02-29T13:45:10.250Z.
        let at = 1_709_214_310_250;
        assert_eq!(Period::Hour.began_ms(at), 1_709_211_600_000);
        assert_eq!(Period::Day.began_ms(at), 1_709_164_800_000);
        assert_eq!(Period::Month.began_ms(at), 1_706_745_600_000);
        assert_eq!(
            Period::Month.began_ms(1_706_745_600_000 - 1),
            1_704_067_200_000,
            "January ends before it"
        );
        assert_eq!(Period::Month.began_ms(u64::MAX), 0, "no calendar reaches there");
    }
}
