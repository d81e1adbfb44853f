//! The first bytes of a connection: whether it is CONNECT, TLS or plain HTTP, and which host it is for. Nothing is answered
//! here.

use std::io;

use pingora::protocols::l4::stream::Stream as L4;
use tokio::io::AsyncReadExt;

use super::tls::{self, HANDSHAKE, Hello, MAX_HELLO};

/// Largest head that is looked at before a connection is somebody's.
const MAX_HEAD: usize = 16 << 10;

/// What a connection begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// TLS at once, for this name.
    Tls(Option<String>),
    /// A head of HTTP that names a host and a port.
    Http(Way, String, u16),
    /// Nothing that is served here, and why.
    Strange(&'static str),
}

/// How a head of HTTP names the host it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By CONNECT, in a head of this length.
    Connect(usize),
    /// By an absolute target, in a head of this length.
    Absolute(usize),
    /// As if we were its host and port.
    Direct,
}

/// Reads as much as says what the connection is, and puts all of it back; when this is given up half way, `bytes` holds what
/// came.
pub(super) async fn open(client: &mut L4, bytes: &mut Vec<u8>) -> io::Result<Opening> {
    loop {
        if client.read_buf(bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let opening = match bytes.first() {
            Some(&HANDSHAKE) => match tls::hello(bytes) {
                Hello::Incomplete if bytes.len() < MAX_HELLO => continue,
                Hello::Incomplete => Opening::Tls(None),
                Hello::Name(name) => Opening::Tls(name),
            },
            _ => match memchr::memmem::find(bytes, b"\r\n\r\n") {
                Some(end) => read_head(&bytes[..end + 4]),
                None if bytes.len() < MAX_HEAD => continue,
                None => Opening::Strange("the head is too large"),
            },
        };
        client.rewind(bytes);
        return Ok(opening);
    }
}

fn read_head(head: &[u8]) -> Opening {
    let Ok(head_text) = std::str::from_utf8(head) else { return Opening::Strange("the head is no text") };
    if !head_text.split("\r\n").all(is_one_line) {
        return Opening::Strange("the head can be read in two ways");
    }
    let mut lines = head_text.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or("").split(' ').collect();
    let [method, target, version] = words[..] else { return Opening::Strange("this is no request") };
    if !version.starts_with("HTTP/1.") {
        return Opening::Strange("HTTP/1.1 or TLS is spoken here");
    }
    if method == "CONNECT" {
        return match authority(target, None) {
            Some((host, port)) => Opening::Http(Way::Connect(head.len()), host, port),
            None => Opening::Strange("CONNECT needs a host and a port"),
        };
    }
    let absolute = absolute_form(target);
    let named = match absolute {
        // Whatever `Host` says then counts for nothing (RFC 9112, 3.2.2).
        Some((named, _)) => Some(named),
        None => {
            let mut hosts = lines.filter_map(|line| line.split_once(':'));
            hosts.find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| value.trim())
        }
    };
    match named.and_then(|named| authority(named, Some(80))) {
        Some((host, port)) if absolute.is_none() => Opening::Http(Way::Direct, host, port),
        Some((host, port)) => Opening::Http(Way::Absolute(head.len()), host, port),
        None => Opening::Strange("the request names no host"),
    }
}

/// A line that others take for one line too: nothing is folded into it and no half line end is in it.
fn is_one_line(line: &str) -> bool {
    !line.starts_with([' ', '\t']) && !line.contains(['\r', '\n', '\0'])
}

/// Authority and path of an `http` target that names its host itself.
fn absolute_form(target: &str) -> Option<(&str, &str)> {
    let rest = target.get(7..).filter(|_| target[..7].eq_ignore_ascii_case("http://"))?;
    Some(rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
}

/// Host, lower case and without brackets or last dot, and port.
fn authority(text: &str, default: Option<u16>) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok().filter(|port| *port > 0)?),
        _ => (text, default?),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_name)).then(|| (host.to_ascii_lowercase(), port))
}

/// The head as its server expects it: the path alone, `Host` as the target had it whatever the client wrote there, and the
/// connection closed after the answer.
pub(super) fn origin_form(head: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let request = lines.next().unwrap_or("");
    let words: Vec<&str> = request.split(' ').collect();
    let named = words.get(1).and_then(|target| absolute_form(target));
    let mut out = match (&words[..], named) {
        ([method, _, version], Some((host, path))) => {
            let slash = if path.starts_with('/') { "" } else { "/" };
            format!("{method} {slash}{path} {version}\r\nHost: {host}")
        }
        _ => request.to_owned(),
    };
    let field = |line: &str| {
        line.split_once(':').map_or_else(String::new, |(name, _)| name.trim().to_ascii_lowercase())
    };
    let headers: Vec<&str> = lines.collect();
    let options = headers.iter().filter(|line| field(line) == "connection");
    let options = options.filter_map(|line| line.split_once(':')).flat_map(|(_, names)| names.split(','));
    let mut left_out: Vec<String> = options.map(|name| name.trim().to_ascii_lowercase()).collect();
    left_out.extend(HOP.map(str::to_owned));
    let kept = headers.into_iter().filter(|line| !left_out.contains(&field(line)));
    for line in kept.chain(["connection: close"]) {
        out.push_str("\r\n");
        out.push_str(line);
    }
    out.push_str("\r\n\r\n");
    out.into_bytes()
}

/// The head as it was written, for the proxy it was going to, but that the connection is closed after the answer.
pub(super) fn closing(head: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(head);
    let (mut out, mut options) = (String::with_capacity(head.len() + 24), "close".to_owned());
    for line in text.trim_end_matches("\r\n").split("\r\n") {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "connection" => {
                let kept = value.split(',').map(str::trim);
                for option in kept
                    .filter(|option| !["", "close", "keep-alive"].contains(&&*option.to_ascii_lowercase()))
                {
                    options = options + ", " + option;
                }
            }
            "proxy-connection" | "keep-alive" => {}
            _ => out = out + line + "\r\n",
        }
    }
    (out + "connection: " + &options + "\r\n\r\n").into_bytes()
}

/// Headers that are between a client and its proxy; `Host` is written anew.
const HOP: [&str; 5] = ["host", "connection", "proxy-connection", "proxy-authorization", "keep-alive"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expected: Opening) {
        assert_eq!(read_head(head.as_bytes()), expected, "{head}");
    }

    #[test]
    fn a_head_says_which_host_it_is_for() {
        let http = |way, host: &str, port| Opening::Http(way, host.to_owned(), port);
        for (head, host) in [
            ("CONNECT API.openai.com:443 HTTP/1.1\r\n\r\n", "api.openai.com"),
            ("CONNECT api.openai.com.:443 HTTP/1.1\r\n\r\n", "api.openai.com"),
            ("CONNECT [::1]:443 HTTP/1.1\r\nHost: api.openai.com\r\n\r\n", "::1"),
        ] {
            check(head, http(Way::Connect(head.len()), host, 443));
        }
        let absolute = "GET http://a.b/x HTTP/1.1\r\nHost: c\r\n\r\n";
        check(absolute, http(Way::Absolute(absolute.len()), "a.b", 80));
        check("GET /x HTTP/1.1\r\nhost:a.b\r\n\r\n", http(Way::Direct, "a.b", 80));
        let port = "POST HTTP://a.b:81?x HTTP/1.1\r\n\r\n";
        check(port, http(Way::Absolute(port.len()), "a.b", 81));
        for head in [
            "CONNECT api.openai.com HTTP/1.1\r\n\r\n",
            "CONNECT api.openai.com:0 HTTP/1.1\r\n\r\n",
            "CONNECT user@api.openai.com:443 HTTP/1.1\r\n\r\n",
            "CONNECT :443 HTTP/1.1\r\n\r\n",
            "GET /x HTTP/1.1\r\n\r\n",
            "GET /x HTTP/2.0\r\nhost: a\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\n",
            "GET http://user@a.b/x HTTP/1.1\r\nHost: a.b\r\n\r\n",
            "GET http:///x HTTP/1.1\r\nHost: a.b\r\n\r\n",
            "GET http://a.b/ HTTP/1.1\r\nX: 1\nHost: c\r\n\r\n",
            "GET http://a.b/ HTTP/1.1\r\nX: 1\r\n folded\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            assert!(matches!(read_head(head.as_bytes()), Opening::Strange(_)), "{head}");
        }
    }

    #[test]
    fn a_plain_request_off_the_list_closes_its_connection() {
        let head = b"GET http://a.b/x?y HTTP/1.1\r\nHost: a.b\r\nProxy-Connection: keep-alive\r\n\r\n";
        let expected = "GET /x?y HTTP/1.1\r\nHost: a.b\r\nconnection: close\r\n\r\n";
        assert_eq!(String::from_utf8(origin_form(head)).unwrap(), expected);
    }

    #[test]
    fn a_plain_request_for_another_proxy_keeps_all_but_its_connection() {
        let head = b"GET http://a.b/x HTTP/1.1\r\nHost: c\r\nConnection: Keep-Alive, TE\r\nTE: trailers\r\n\
                     Proxy-Authorization: Basic eDp5\r\nProxy-Connection: keep-alive\r\nKeep-Alive: 5\r\n\r\n";
        let expected = "GET http://a.b/x HTTP/1.1\r\nHost: c\r\nTE: trailers\r\nProxy-Authorization: Basic eDp5\r\n\
                        connection: close, TE\r\n\r\n";
        assert_eq!(String::from_utf8(closing(head)).unwrap(), expected);
    }

    #[test]
    fn host_is_what_the_target_says_and_what_connection_names_stays_here() {
        let head = b"POST http://a.b:81?y HTTP/1.1\r\nhost: inside.example\r\nA: 1\r\nHOST : other\r\n\
                     Connection: X-Hop, close\r\nx-hop: secret\r\nContent-Length: 2\r\n\r\n";
        let expected =
            "POST /?y HTTP/1.1\r\nHost: a.b:81\r\nA: 1\r\nContent-Length: 2\r\nconnection: close\r\n\r\n";
        assert_eq!(String::from_utf8(origin_form(head)).unwrap(), expected);
    }
}
