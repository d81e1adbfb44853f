//! Heads that two readers could take for different requests. Pingora forgives some of them, and we forward only what we
//! framed anew; they are refused all the same, because nobody sends them by accident and the next reader may differ.

/// What is wrong with the raw head of an HTTP/1 request, if anything is.
pub(super) fn fault(head: &[u8]) -> Option<&'static str> {
    let mut lines = head.split(|byte| *byte == b'\n');
    let request_line = lines.next()?;
    if !is_request_line(request_line) {
        return Some("the request line must be METHOD, target and HTTP/1.x, with one space between them");
    }
    let (mut lengths, mut encodings) = (0, 0);
    while let Some(line) = lines.next() {
        // What follows the last line end of the head.
        if line.is_empty() && lines.clone().next().is_none() {
            break;
        }
        let Some(line) = line.strip_suffix(b"\r") else {
            return Some("every line of the head must end in CRLF");
        };
        if line.is_empty() {
            break;
        }
        if line[0] == b' ' || line[0] == b'\t' {
            return Some("a header line must not be folded");
        }
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(line.len()));
        if name.eq_ignore_ascii_case(b"content-length") {
            lengths += 1;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            encodings += 1;
            if !value[1..].trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Some("the only transfer-encoding here is `chunked`, once");
            }
        }
    }
    if lengths > 0 && encodings > 0 {
        return Some("a request has a content-length or a transfer-encoding, not both");
    }
    (lengths > 1 || encodings > 1).then_some("a request has one content-length or one transfer-encoding")
}

/// `METHOD SP target SP HTTP/1.x`, of visible characters. Pingora escapes what may not stand in a target before it comes
/// here, so a second space shows as a target that begins with none of the forms there are.
fn is_request_line(line: &[u8]) -> bool {
    let Some(line) = line.strip_suffix(b"\r") else { return false };
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let visible = |word: &[u8]| !word.is_empty() && word.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    method.is_some_and(|method| !method.is_empty() && method.iter().all(u8::is_ascii_alphabetic))
        && target.is_some_and(|target| visible(target) && has_a_form(target))
        && version.is_some_and(|version| version == b"HTTP/1.1" || version == b"HTTP/1.0")
        && words.next().is_none()
}

/// A path, an absolute URL, or the server itself.
fn has_a_form(target: &[u8]) -> bool {
    target.starts_with(b"/")
        || target.starts_with(b"http://")
        || target.starts_with(b"https://")
        || target == b"*"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_real_clients_pass_and_those_with_two_readings_do_not() {
        let line = "POST /v1/messages?beta=true HTTP/1.1\r\n";
        for right in [
            "\r\n",
            "Host: x\r\nContent-Length: 5\r\n\r\n",
            "host: x\r\ntransfer-encoding: chunked\r\n\r\n",
            "Transfer-Encoding:Chunked\r\nX-Empty:\r\n\r\n",
            "X: \u{e9}\u{4e2d}\r\n\r\n",
        ] {
            assert_eq!(fault(format!("{line}{right}").as_bytes()), None, "{right:?}");
        }
        for wrong in [
            "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "Content-Length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            "Transfer-Encoding: gzip, chunked\r\n\r\n",
            "Transfer-Encoding:\r\n\r\n",
            "X: y\nZ: z\r\n\r\n",
            "X: y\r\n z\r\n\r\n",
            "X: y\r\n\n",
        ] {
            assert!(fault(format!("{line}{wrong}").as_bytes()).is_some(), "{wrong:?}");
        }
        for line in [
            "POST  / HTTP/1.1",
            "POST / HTTP/1.1 ",
            "POST / HTTP/2",
            "PO ST / HTTP/1.1",
            "POST /\u{b} HTTP/1.1",
        ] {
            assert!(fault(format!("{line}\r\n\r\n").as_bytes()).is_some(), "{line:?}");
        }
    }
}
