//! Nearly all events of a stream differ in one text only. The template keeps what stands before and behind that text
//! in the last event that was parsed; an event that fits needs no parse, and its meaning is certain: the same JSON with
//! another string in the same place.

use memchr::memchr2;

/// The last text delta that was parsed.
#[derive(Debug, Default)]
pub(super) struct Template {
    before: String,
    behind: String,
    visible: bool,
}

impl Template {
    /// Learns from an event whose only meaning is the raw text `raw` (quotes included), a slice of `data`.
    pub(super) fn learn(&mut self, data: &str, raw: &str, visible: bool) {
        self.before.clear();
        self.behind.clear();
        let at = (raw.as_ptr() as usize).wrapping_sub(data.as_ptr() as usize);
        let end = at.saturating_add(raw.len());
        let parts = (data.get(..at + 1), end.checked_sub(1).and_then(|quote| data.get(quote..)));
        if let (true, (Some(before), Some(behind))) = (raw.len() >= 2 && raw.starts_with('"'), parts) {
            self.before.push_str(before);
            self.behind.push_str(behind);
            self.visible = visible;
        }
    }

    /// Bytes of the text and whether it is visible, when the event differs from the learned one in its text only.
    pub(super) fn matches(&self, data: &str) -> Option<(u64, bool)> {
        if self.before.is_empty() {
            return None;
        }
        let text = data.strip_prefix(self.before.as_str())?.strip_suffix(self.behind.as_str())?;
        is_plain(text.as_bytes()).then_some((text.len() as u64, self.visible))
    }
}

/// Whether these bytes can stand between two quotes as they are. Code point escapes are left to the parser.
fn is_plain(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        match rest.get(at..at + 2) {
            Some([b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't']) => rest = &rest[at + 2..],
            _ => return false,
        }
    }
    text.iter().all(|byte| *byte >= 0x20)
}
