//! The first bytes of a TLS connection: the name a client says it wants, read without answering; and the resolver that shows
//! one host's certificate.

use std::sync::Arc;

use pingora::listeners::tls::{Acceptor, TlsSettings};
use pingora::tls::sign::CertifiedKey;
use pingora::tls::{ClientHello, ResolvesServerCert};

use super::ca::Authority;
use crate::telemetry::Metrics;

/// First byte of a TLS handshake record.
pub(super) const HANDSHAKE: u8 = 0x16;
/// A record holds at most 2^14 bytes behind its header.
const MAX_RECORD: usize = 1 << 14;
/// Largest ClientHello that is waited for, with the headers of the records that hold it: twice a full record, since keys of
/// later algorithms are long.
pub(super) const MAX_HELLO: usize = 2 * (5 + MAX_RECORD);

/// Shows the certificate of one host, whatever list the authority has.
struct OneHost {
    authority: Arc<Authority>,
    host: Arc<str>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for OneHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OneHost").field(&self.host).finish()
    }
}

impl ResolvesServerCert for OneHost {
    /// No name is one host's connection all the same, for CONNECT has named it; another name is a mistake or an attack.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let same = hello.server_name().is_none_or(|name| name.eq_ignore_ascii_case(&self.host));
        let leaf = if same { self.authority.mint(&self.host) } else { None }?;
        let leaves = &self.metrics.interception.leaves;
        leaves.with_label_values(&[if leaf.new { "minted" } else { "kept" }]).inc();
        Some(leaf.certificate)
    }
}

/// TLS in the name of one host.
pub(super) fn acceptor(
    authority: Arc<Authority>,
    host: Arc<str>,
    metrics: Arc<Metrics>,
) -> Result<Acceptor, String> {
    let mut tls = TlsSettings::with_callbacks(Box::new(NoCallbacks)).map_err(|error| error.to_string())?;
    tls.set_cert_resolver(Arc::new(OneHost { authority, host, metrics }));
    tls.enable_h2();
    Ok(tls.build())
}

/// Pingora makes settings without files only together with callbacks; there is nothing to call back for.
struct NoCallbacks;

impl pingora::listeners::TlsAccept for NoCallbacks {}

/// What is known of a ClientHello so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hello {
    /// More bytes are needed.
    Incomplete,
    /// It is whole; the name it asks for, lower case.
    Name(Option<String>),
}

/// Reads the name out of a ClientHello, however many records it is spread over. What is none names nothing.
pub(super) fn hello(bytes: &[u8]) -> Hello {
    let (mut message, mut rest) = (Vec::new(), bytes);
    loop {
        let mut at = Cursor(&message);
        if let (Some(kind), Some(length)) = (at.number(1), at.number(3)) {
            if kind != CLIENT_HELLO || length > MAX_HELLO {
                return Hello::Name(None);
            }
            if let Some(whole) = at.take(length) {
                return Hello::Name(name(whole));
            }
        }
        let Some((header, body)) = rest.split_at_checked(5) else { return Hello::Incomplete };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if header[0] != HANDSHAKE || !(1..=MAX_RECORD).contains(&length) {
            return Hello::Name(None);
        }
        let Some((record, behind)) = body.split_at_checked(length) else { return Hello::Incomplete };
        message.extend_from_slice(record);
        rest = behind;
    }
}

/// The kind of a handshake message, ahead of three bytes of length.
const CLIENT_HELLO: usize = 1;

fn name(message: &[u8]) -> Option<String> {
    let mut at = Cursor(message);
    at.take(2 + 32)?; // version, random
    for size in [1, 2, 1] {
        let length = at.number(size)?; // session, cipher suites, compression
        at.take(length)?;
    }
    let length = at.number(2)?;
    let mut extensions = Cursor(at.take(length)?);
    while !extensions.0.is_empty() {
        let kind = extensions.number(2)?;
        let length = extensions.number(2)?;
        let mut extension = Cursor(extensions.take(length)?);
        if kind == 0 {
            extension.number(2)?;
            let is_host = extension.number(1)? == 0;
            let length = extension.number(2)?;
            let name = std::str::from_utf8(extension.take(length)?).ok()?;
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            let fits = (1..=253).contains(&name.len()) && name.bytes().all(is_name);
            return (is_host && fits).then(|| name.to_ascii_lowercase());
        }
    }
    None
}

/// Reads forward and never past the end.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hello as clients write it, with this in its list of names.
    fn written(host: &str) -> Vec<u8> {
        let number = |value: usize| u16::try_from(value).unwrap().to_be_bytes();
        let mut sni = vec![0];
        sni.extend(number(host.len()));
        sni.extend(host.as_bytes());
        let mut extension = vec![0, 10, 0, 2, 1, 2, 0, 0]; // another one first
        extension.extend(number(sni.len() + 2));
        extension.extend(number(sni.len()));
        extension.extend(&sni);
        let mut hello = vec![3, 3];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, 0x13, 1, 1, 0]);
        hello.extend(number(extension.len()));
        hello.extend(&extension);
        let mut record = vec![HANDSHAKE, 3, 1];
        record.extend(number(hello.len() + 4));
        record.extend([1, 0]);
        record.extend(number(hello.len()));
        record.extend(&hello);
        record
    }

    #[test]
    fn the_name_is_read_and_never_past_the_end() {
        let whole = written("API.openai.com");
        assert_eq!(hello(&whole), Hello::Name(Some("api.openai.com".to_owned())));
        for end in 0..whole.len() {
            assert_eq!(hello(&whole[..end]), Hello::Incomplete, "{end} bytes");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut broken = whole.clone();
                broken[at] = value;
                let _ = hello(&broken); // does not panic
            }
        }
        assert_eq!(hello(&[HANDSHAKE, 3, 1, 0xff, 0xff]), Hello::Name(None), "longer than a record may be");
        assert_eq!(hello(&[HANDSHAKE, 3, 1, 0, 4, 2, 0, 0, 9]), Hello::Name(None), "no ClientHello");
        assert_eq!(
            hello(&[HANDSHAKE, 3, 1, 0, 4, 1, 0xff, 0, 0]),
            Hello::Name(None),
            "longer than is waited for"
        );
    }

    #[test]
    fn a_hello_over_several_records_names_its_host_at_every_split() {
        let whole = written("api.openai.com");
        let message = &whole[5..];
        let named = Hello::Name(Some("api.openai.com".to_owned()));
        for size in 1..=message.len() {
            let mut records = Vec::new();
            for piece in message.chunks(size) {
                records.extend([HANDSHAKE, 3, 1]);
                records.extend(u16::try_from(piece.len()).unwrap().to_be_bytes());
                records.extend(piece);
            }
            assert_eq!(hello(&records), named, "records of {size}");
            for end in 0..records.len() {
                assert_eq!(hello(&records[..end]), Hello::Incomplete, "records of {size}, {end} bytes");
            }
            let mut other = records.clone();
            if size < message.len() {
                other[5 + size] = 0x17; // data where the rest of the hello should be
                assert_eq!(hello(&other), Hello::Name(None));
            }
        }
        assert_eq!(hello(&[HANDSHAKE, 3, 1, 0, 0]), Hello::Name(None), "an empty record");
    }
}
