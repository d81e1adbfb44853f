//! Who asks, and whose the credential is that came along.

use http::{HeaderMap, HeaderName, header};

use crate::catalog::Snapshot;
use crate::pipeline::{Refusal, RefusalCode};
use crate::types::{ClientIx, Dialect};
use crate::upstream::is_credential;

/// Where SDKs send their key.
static SDK_HEADERS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];
const BEARER: &[u8] = b"Bearer ";
/// Header of ours that identifies a client beside a provider credential of its own.
const OWN_KEY: &str = "x-pointsman-key";
/// Keeps tenants' hashes apart from any other hash of the same credential.
const TENANT_KEY: &[u8; 32] = b"pointsman 2026: tenant hash, v2.";

/// An identified caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) client: Option<ClientIx>,
    pub(super) tenant: u64,
    pub(super) credential_is_providers: bool,
}

impl Identity {
    /// Whoever was refused before it was known who asks.
    pub(super) const UNKNOWN: Self = Self { client: None, tenant: 0, credential_is_providers: false };
}

/// What came along to say who asks.
pub(super) struct Presented<'a> {
    headers: &'a HeaderMap,
    /// Gemini's API key, which its clients may send in the query instead of a header.
    query_key: Option<&'a str>,
}

impl<'a> Presented<'a> {
    /// Headers and, on Gemini's paths, the query.
    pub(super) fn new(headers: &'a HeaderMap, path: &'a str, dialect: Option<Dialect>) -> Self {
        let query = path.split_once('?').map(|(_, query)| query);
        let key = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("key=")));
        Self { headers, query_key: key.filter(|key| dialect == Some(Dialect::Gemini) && !key.is_empty()) }
    }

    fn has_credential(&self) -> bool {
        self.query_key.is_some() || self.headers.keys().any(is_credential)
    }

    /// Every credential an SDK could have sent, without its scheme, the likeliest first.
    fn credentials(&self) -> impl Iterator<Item = &'a [u8]> {
        let named = SDK_HEADERS.iter().flat_map(|name| self.headers.get_all(name)).map(|value| {
            let bytes = value.as_bytes();
            match bytes.split_at_checked(BEARER.len()) {
                Some((scheme, key)) if scheme.eq_ignore_ascii_case(BEARER) => key,
                _ => bytes,
            }
        });
        named.chain(self.query_key.map(str::as_bytes))
    }
}

/// Identifies a caller. With clients configured, a key of ours is required: in our own header, or in the one the
/// SDK sends its key in, which then is not a provider's credential and never leaves.
pub(super) fn identify(snapshot: &Snapshot, presented: &Presented<'_>) -> Result<Identity, Refusal> {
    let credential = presented.credentials().next();
    if snapshot.clients.is_empty() {
        return Ok(Identity {
            client: None,
            tenant: credential.map_or(0, tenant_of),
            credential_is_providers: presented.has_credential(),
        });
    }
    let own = presented.headers.get(OWN_KEY).map(|value| value.as_bytes());
    let Some(key) = own.or(credential) else {
        return Err(unauthorized("no key was presented"));
    };
    let Some(client) = snapshot.clients.identify(key) else {
        return Err(unauthorized("the key is not that of a configured client"));
    };
    // A key of ours must not leave even where the caller sends it twice.
    let sends_ours = presented.credentials().any(|key| snapshot.clients.identify(key).is_some());
    Ok(Identity {
        client: Some(client),
        tenant: tenant_of(snapshot.clients.at(client).id.as_str().as_bytes()),
        credential_is_providers: own.is_some() && presented.has_credential() && !sends_ours,
    })
}

/// A tenant's hash: of the client's name, or of a credential, through a one-way function, as it is kept in the ledger.
fn tenant_of(identity: &[u8]) -> u64 {
    let hash = blake3::keyed_hash(TENANT_KEY, identity);
    hash.as_bytes().first_chunk().map_or(0, |head| u64::from_le_bytes(*head))
}

fn unauthorized(what: &str) -> Refusal {
    Refusal::new(
        RefusalCode::Unauthorized,
        format!("{what}: send a client's key as `{OWN_KEY}` or as the SDK's own API key"),
    )
}
