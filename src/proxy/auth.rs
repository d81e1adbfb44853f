//! Who asks, and whose the credential is that came along.

use http::HeaderMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::catalog::Snapshot;
use crate::pipeline::{Refusal, RefusalCode};
use crate::types::ClientIx;
use crate::upstream::is_credential;

/// Header of ours that identifies a client beside a provider credential of its own.
const OWN_KEY: &str = "x-pointsman-key";

/// An identified caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) client: Option<ClientIx>,
    pub(super) tenant: u64,
    pub(super) credential_is_providers: bool,
}

/// Identifies a caller. With clients configured, a key of ours is required: in our own header, or in the one the
/// SDK sends its key in, which then is not a provider's credential and never leaves.
pub(super) fn identify(snapshot: &Snapshot, headers: &HeaderMap) -> Result<Identity, Refusal> {
    let has_credential = headers.keys().any(is_credential);
    if snapshot.clients.is_empty() {
        return Ok(Identity {
            client: None,
            tenant: credential(headers).map_or(0, tenant_of),
            credential_is_providers: has_credential,
        });
    }
    let own = headers.get(OWN_KEY).map(|value| value.as_bytes());
    let Some(presented) = own.or_else(|| credential(headers)) else {
        return Err(unauthorized("no key was presented"));
    };
    let Some(client) = snapshot.clients.identify(presented) else {
        return Err(unauthorized("the key is not that of a configured client"));
    };
    Ok(Identity {
        client: Some(client),
        tenant: tenant_of(snapshot.clients.at(client).id.as_str().as_bytes()),
        credential_is_providers: own.is_some() && has_credential,
    })
}

/// The credential an SDK sends, without its scheme.
fn credential(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(value) = headers.get("authorization") {
        let bytes = value.as_bytes();
        return Some(
            bytes.strip_prefix(b"Bearer ").or_else(|| bytes.strip_prefix(b"bearer ")).unwrap_or(bytes),
        );
    }
    ["x-api-key", "api-key", "x-goog-api-key"]
        .iter()
        .find_map(|name| headers.get(*name))
        .map(|value| value.as_bytes())
}

/// A tenant's hash: of the client's name, or of a credential through a one-way function, as it is kept in the ledger.
fn tenant_of(identity: &[u8]) -> u64 {
    xxh3_64(&blake3::derive_key("pointsman 2026 tenant v1", identity))
}

fn unauthorized(what: &str) -> Refusal {
    Refusal::new(
        RefusalCode::Unauthorized,
        format!("{what}: send a client's key as `{OWN_KEY}` or as the SDK's own API key"),
    )
}
