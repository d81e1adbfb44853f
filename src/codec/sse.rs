//! Server-sent events out of bytes that arrive cut anywhere. Owns line ends, fields and the bounds on a line and on an
//! event; never looks into the data.

use memchr::memchr2;

/// Longest line that is taken.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// Largest event (its data lines together) that is taken.
pub const MAX_EVENT_BYTES: usize = 4 << 20;

/// One event, valid until the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// Its name; empty without an `event:` line.
    pub name: &'a str,
    /// Its data lines, joined with line feeds.
    pub data: &'a str,
    /// Offset of its first byte in the bytes of this call of `feed`; 0 also when it began in an earlier call.
    pub begin: usize,
    /// Offset behind its closing empty line in the bytes of this call.
    pub end: usize,
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SseFault {
    /// A line longer than `MAX_LINE_BYTES`.
    LineTooLong,
    /// An event larger than `MAX_EVENT_BYTES`.
    EventTooLarge,
    /// Bytes that are not UTF-8.
    NotUtf8,
}

impl std::fmt::Display for SseFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LineTooLong => "a line of the event stream exceeds 1 MiB",
            Self::EventTooLarge => "an event of the stream exceeds 4 MiB",
            Self::NotUtf8 => "the event stream is not UTF-8",
        })
    }
}

/// The state between two pieces of a stream. An event that is not closed by an empty line is never delivered, as the
/// standard has it: a broken stream must not look finished.
#[derive(Debug, Default)]
pub struct SseSplitter {
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a carriage return: a line feed now belongs to it.
    after_cr: bool,
    /// Offset behind the last empty line in the bytes of the current call.
    boundary: usize,
    /// The first line is over; a byte order mark is only taken before.
    started: bool,
}

impl SseSplitter {
    /// Takes the next bytes and hands over every event they complete. `each` may stop the reading with its own fault.
    pub fn feed<F: From<SseFault>>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(SseEvent<'_>) -> Result<(), F>,
    ) -> Result<(), F> {
        let mut at = 0;
        self.boundary = 0;
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            at = usize::from(bytes[0] == b'\n');
        }
        while let Some(length) = memchr2(b'\n', b'\r', &bytes[at..]) {
            let line = at..at + length;
            at = line.end + 1;
            if bytes[line.end] == b'\r' {
                match bytes.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            self.line(&bytes[line], at, &mut each)?;
        }
        self.keep(&bytes[at..]).map_err(F::from)
    }

    /// Offset behind the last empty line in the bytes of the last call of `feed`: up to here every event is whole.
    pub fn boundary(&self) -> usize {
        self.boundary
    }

    /// Bytes held of an event that is not whole yet.
    pub fn held(&self) -> usize {
        self.line.len() + self.data.len()
    }

    /// One line's end has come; `tail` is what this piece holds of it.
    fn line<F: From<SseFault>>(
        &mut self,
        tail: &[u8],
        end: usize,
        each: &mut impl FnMut(SseEvent<'_>) -> Result<(), F>,
    ) -> Result<(), F> {
        if self.line.is_empty() {
            if tail.len() > MAX_LINE_BYTES {
                return Err(SseFault::LineTooLong.into());
            }
            return self.whole_line(tail, end, each);
        }
        self.keep(tail)?;
        let mut line = std::mem::take(&mut self.line);
        let outcome = self.whole_line(&line, end, each);
        line.clear();
        self.line = line;
        outcome
    }

    fn whole_line<F: From<SseFault>>(
        &mut self,
        line: &[u8],
        end: usize,
        each: &mut impl FnMut(SseEvent<'_>) -> Result<(), F>,
    ) -> Result<(), F> {
        let mark = if self.started { None } else { line.strip_prefix(b"\xef\xbb\xbf") };
        self.started = true;
        let line = mark.unwrap_or(line);
        if line.is_empty() { self.dispatch(end, each) } else { self.field(line).map_err(F::from) }
    }

    fn field(&mut self, line: &[u8]) -> Result<(), SseFault> {
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.data.len() + value.len() >= MAX_EVENT_BYTES {
                    return Err(SseFault::EventTooLarge);
                }
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            _ => {} // comments, `id`, `retry`, and what the standard says to ignore
        }
        Ok(())
    }

    fn dispatch<F: From<SseFault>>(
        &mut self,
        end: usize,
        each: &mut impl FnMut(SseEvent<'_>) -> Result<(), F>,
    ) -> Result<(), F> {
        let begin = std::mem::replace(&mut self.boundary, end);
        let outcome = if self.has_data {
            match (std::str::from_utf8(&self.name), std::str::from_utf8(&self.data)) {
                (Ok(name), Ok(data)) => each(SseEvent { name, data, begin, end }),
                _ => Err(SseFault::NotUtf8.into()),
            }
        } else {
            Ok(())
        };
        self.name.clear();
        self.data.clear();
        self.has_data = false;
        outcome
    }

    fn keep(&mut self, rest: &[u8]) -> Result<(), SseFault> {
        if self.line.len() + rest.len() > MAX_LINE_BYTES {
            return Err(SseFault::LineTooLong);
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }
}

#[cfg(test)]
#[path = "sse_tests.rs"]
mod tests;
