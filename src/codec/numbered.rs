//! The numbers of a stream's events: those of OpenAI's responses are counted from 0, and an event of ours behind them goes on
//! counting. Owns how the last number is found in what was sent; never changes a byte of it.

use memchr::memmem;

const KEY: &[u8] = b"\"sequence_number\":";

/// How far the events that were sent are numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventNumber {
    next: u64,
}

impl EventNumber {
    /// These whole events have been sent. A quote within a text is escaped, so what reads like the key is one.
    pub fn note(&mut self, events: &[u8]) {
        let Some(at) = memmem::rfind(events, KEY) else { return };
        let digits = events[at + KEY.len()..].trim_ascii_start();
        let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        let number = std::str::from_utf8(&digits[..end]).ok().and_then(|digits| digits.parse::<u64>().ok());
        self.next = number.map_or(self.next, |number| number.saturating_add(1));
    }

    /// The number of an event behind them.
    pub fn next(self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_counts() {
        let mut number = EventNumber::default();
        assert_eq!(number.next(), 0);
        number.note(b"data: {\"sequence_number\":3,\"delta\":\"\\\"sequence_number\\\":9\"}\n\n");
        assert_eq!(number.next(), 4);
        number.note(b"data: {\"sequence_number\": 4}\n\ndata: {\"sequence_number\": 5 }\n\n: ping\n\n");
        assert_eq!(number.next(), 6);
        for nothing in [&b"data: {}\n\n"[..], b"{\"sequence_number\":null}", b"{\"sequence_number\":"] {
            number.note(nothing);
            assert_eq!(number.next(), 6);
        }
        number.note(b"{\"sequence_number\":18446744073709551615}");
        assert_eq!(number.next(), u64::MAX);
    }
}
