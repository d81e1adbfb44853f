//! The head of a request as it goes out: bytes for HTTP/1.1, a header map for HTTP/2. Names and values come as types
//! that cannot hold a line break, so nothing in them can end a line early.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri, Version};
use pingora::http::RequestHeader;

use super::{Call, CallError};
use crate::types::FailureClass;

/// The head in HTTP/1.1's own words.
pub(super) fn h1(call: &Call<'_>, authority: &str) -> Result<Bytes, CallError> {
    PathAndQuery::try_from(call.path).map_err(|error| unwritable(&error))?;
    let fields: usize = call.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let mut head = BytesMut::with_capacity(call.path.len() + authority.len() + fields + 96);
    head.put_slice(b"POST ");
    head.put_slice(call.path.as_bytes());
    head.put_slice(b" HTTP/1.1\r\n");
    let mut field = |name: &str, value: &[u8]| {
        head.put_slice(name.as_bytes());
        head.put_slice(b": ");
        head.put_slice(value);
        head.put_slice(b"\r\n");
    };
    field(HOST.as_str(), authority.as_bytes());
    for (name, value) in &call.headers {
        field(name.as_str(), value.as_bytes());
    }
    field(CONTENT_LENGTH.as_str(), HeaderValue::from(call.body.len()).as_bytes());
    head.put_slice(b"\r\n");
    Ok(head.freeze())
}

/// The head as HTTP/2 sends it.
pub(super) fn h2(call: &Call<'_>, authority: &str) -> Result<Box<RequestHeader>, CallError> {
    let scheme = if call.provider.origin.tls { "https" } else { "http" };
    let target = format!("{scheme}://{authority}{}", call.path);
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = Method::POST;
    head.version = Version::HTTP_2;
    head.uri = Uri::try_from(target).map_err(|error| unwritable(&error))?;
    head.headers.reserve(call.headers.len() + 1);
    for (name, value) in &call.headers {
        head.headers.append(name.clone(), value.clone());
    }
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(call.body.len()));
    Ok(Box::new(RequestHeader::from(head)))
}

fn unwritable(error: &dyn std::fmt::Display) -> CallError {
    CallError {
        class: FailureClass::BadRequest,
        sent: false,
        fault: None,
        detail: format!("the request head cannot be written: {error}"),
    }
}
