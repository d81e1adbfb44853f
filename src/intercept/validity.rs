//! When a certificate holds: its two dates, read out of its bytes, and what is to be said of them. Nothing else of a
//! certificate is read here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// From so long before its end on an authority is warned of: clients have to come to trust the next one.
const WARN_BEFORE: Duration = Duration::from_secs(30 * DAY);
const DAY: u64 = 24 * 3600;

/// The span of time in which a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From then on.
    pub from: SystemTime,
    /// Until then.
    pub until: SystemTime,
}

impl Validity {
    /// Of a certificate (DER); `None` when these bytes are none.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let mut whole = Der(certificate);
        let mut fields = Der(Der(whole.value(SEQUENCE)?).value(SEQUENCE)?);
        if fields.0.first() == Some(&VERSION) {
            fields.value(VERSION)?;
        }
        fields.value(INTEGER)?; // serial number
        fields.value(SEQUENCE)?; // algorithm
        fields.value(SEQUENCE)?; // issuer
        let mut dates = Der(fields.value(SEQUENCE)?);
        Some(Self { from: dates.time()?, until: dates.time()? })
    }

    /// Whether it holds at this time.
    pub fn holds(&self, now: SystemTime) -> bool {
        self.from <= now && now < self.until
    }

    /// Whole days until its end; 0 on its last day and behind it.
    pub fn days_left(&self, now: SystemTime) -> u64 {
        self.until.duration_since(now).map_or(0, |left| left.as_secs() / DAY)
    }

    /// The day it begins and the day it ends, UTC.
    pub fn days(&self) -> [Date; 2] {
        [self.from, self.until].map(date)
    }

    /// What must be said once its end has come.
    pub fn over(&self, now: SystemTime) -> Option<String> {
        if now < self.until { None } else { self.warning(now) }
    }

    /// What must be said of an authority with these dates; `None` while its end is far away.
    pub fn warning(&self, now: SystemTime) -> Option<String> {
        let [from, until] = self.days();
        if now < self.from {
            return Some(format!("the authority of interception holds from {from} on: is the clock right?"));
        }
        let left = self.until.duration_since(now).unwrap_or_default();
        if left.is_zero() {
            return Some(format!(
                "the authority of interception ended on {until}: no client trusts it any more; run `pointsman ca rotate`, \
                 have clients trust the new one, and restart the proxy"
            ));
        }
        (left <= WARN_BEFORE).then(|| {
            format!(
                "the authority of interception ends on {until}, in {} days: run `pointsman ca rotate` before, have clients \
                 trust the new one, and restart the proxy",
                left.as_secs() / DAY
            )
        })
    }
}

fn date(at: SystemTime) -> Date {
    Timestamp::try_from(at).unwrap_or(Timestamp::MAX).to_zoned(TimeZone::UTC).date()
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// `[0]`, with the version in it; left out in certificates of version 1.
const VERSION: u8 = 0xa0;
/// Two digits of the year, which are of 1950 to 2049 (RFC 5280, 4.1.2.5.1).
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Reads forward through values that each have a tag and a length.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next value, which must have this tag.
    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&[found, short], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match short {
            ..=0x7f => (usize::from(short), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(value)
    }

    fn time(&mut self) -> Option<SystemTime> {
        let is_short = self.0.first() == Some(&UTC_TIME);
        let text =
            std::str::from_utf8(self.value(if is_short { UTC_TIME } else { GENERALIZED_TIME })?).ok()?;
        let text = match is_short {
            true if *text.as_bytes().first()? < b'5' => format!("20{text}"),
            true => format!("19{text}"),
            false => text.to_owned(),
        };
        let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
        let seconds = time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
        let apart = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { UNIX_EPOCH.checked_sub(apart) } else { UNIX_EPOCH.checked_add(apart) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    #[test]
    fn the_dates_are_those_of_the_certificate_in_both_of_their_spellings() {
        for (from, until) in [((1999, 12, 31), (2026, 2, 28)), ((2049, 1, 2), (2051, 3, 4))] {
            let found = Validity::of(&certificate(from, until)).unwrap();
            let written = |(year, month, day): (i32, u8, u8)| format!("{year:04}-{month:02}-{day:02}");
            assert_eq!(found.days().map(|day| day.to_string()), [written(from), written(until)]);
            assert_eq!(found.until, at(&format!("{}T00:00:00Z", written(until))));
        }
        let whole = certificate((2020, 1, 1), (2030, 1, 1));
        for end in 0..40 {
            assert_eq!(Validity::of(&whole[..end]), None, "{end} bytes");
        }
        for place in 0..whole.len() {
            for value in [0, 0x30, 0x7f, 0x84, 0xff] {
                let mut broken = whole.clone();
                broken[place] = value;
                let _ = Validity::of(&broken); // does not panic
            }
        }
    }

    #[test]
    fn an_end_is_warned_of_from_thirty_days_before() {
        let term = Validity { from: at("2026-01-01T00:00:00Z"), until: at("2027-01-01T00:00:00Z") };
        assert_eq!(term.warning(at("2026-06-01T00:00:00Z")), None);
        assert_eq!(term.warning(at("2026-12-01T23:59:59Z")), None);
        let said = |now| term.warning(at(now)).unwrap();
        assert!(said("2026-12-02T00:00:01Z").contains("ends on 2027-01-01, in 29 days"));
        assert!(said("2026-12-31T12:00:00Z").contains("in 0 days"));
        assert!(!term.holds(term.until));
        assert!(said("2027-01-01T00:00:00Z").contains("ended on 2027-01-01"));
        assert!(said("2025-12-31T00:00:00Z").contains("from 2026-01-01 on"));
        assert_eq!(term.days_left(at("2026-12-30T12:00:00Z")), 1);
    }
}
