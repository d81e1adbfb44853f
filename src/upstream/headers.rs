//! The headers of one attempt, built from an empty set for its origin. A credential leaves only to the origin it
//! belongs to; when the right one is missing there is none, never another.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::catalog::{Credential, Provider};
use crate::types::{Dialect, FailureClass};

/// How the target stands to the caller's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The provider the request was addressed to: everything but connection business is the provider's.
    Home,
    /// Another provider: only what belongs to the dialect and identifies the client software.
    Foreign,
    /// A provider of another dialect: what it is told was written by us, so only what traces a call follows it.
    Across,
}

/// The caller's headers and what its credential header means.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The request's headers as they came.
    pub headers: &'a HeaderMap,
    /// Whether the credential in them is the provider's (and not our own client key).
    pub credential_is_providers: bool,
}

const CREDENTIALS: [&str; 8] = [
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "proxy-authorization",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// They name an account of the caller's: beside a key of ours they would be refused, or bill somebody else.
const ACCOUNT: [&str; 3] = ["openai-organization", "openai-project", "x-goog-user-project"];

const CONNECTION: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "host",
    "content-length",
    "http2-settings",
];

/// What may follow a request to a provider it was not addressed to.
const DIALECT: [&str; 12] = [
    "cdn-loop",
    "content-type",
    "accept",
    "user-agent",
    "anthropic-version",
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "openai-beta",
    "idempotency-key",
    "x-client-request-id",
    "traceparent",
    "tracestate",
];

/// What may follow a request into another dialect.
const TRACING: [&str; 5] = ["user-agent", "x-client-request-id", "traceparent", "tracestate", "cdn-loop"];

/// Who a request came through (RFC 8586): each of us adds its name, and none is passed over.
pub const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// Our name there.
pub const LOOP_NAME: &str = "pointsman";

const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// Whether a header carries a credential.
pub fn is_credential(name: &HeaderName) -> bool {
    CREDENTIALS.contains(&name.as_str())
}

/// Whether a request header may leave at all: not connection business, not nominated by `Connection`, not ours.
pub fn forwardable_request_header(name: &HeaderName, nominated: &str) -> bool {
    let word = name.as_str();
    !CONNECTION.contains(&word)
        && !word.starts_with("x-pointsman-")
        && (nominated.is_empty()
            || !nominated.split(',').any(|token| token.trim().eq_ignore_ascii_case(word)))
}

/// Whether an answer's header may reach the client: not connection business, and no redirection of later traffic.
pub fn forwardable_answer_header(name: &HeaderName) -> bool {
    let word = name.as_str();
    !matches!(
        word,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "upgrade"
            | "trailer"
            | "te"
            | "alt-svc"
    ) && !word.starts_with("x-pointsman-")
}

/// The headers of one attempt at one provider, without host and framing.
pub fn attempt_headers(
    caller: Caller<'_>,
    provider: &Provider,
    standing: Standing,
) -> Result<Vec<(HeaderName, HeaderValue)>, FailureClass> {
    let nominated =
        caller.headers.get(header::CONNECTION).and_then(|value| value.to_str().ok()).unwrap_or("");
    let held = matches!(provider.credential, Credential::Held(_));
    let mut headers = Vec::with_capacity(caller.headers.len() + 2);
    // Answers are read for usage on the way through; a compressed one could not be.
    headers.push((header::ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    for (name, value) in caller.headers {
        let allowed = match standing {
            Standing::Home => true,
            Standing::Foreign => {
                DIALECT.contains(&name.as_str()) || name.as_str().starts_with("x-stainless-")
            }
            Standing::Across => TRACING.contains(&name.as_str()),
        };
        let account = held && ACCOUNT.contains(&name.as_str());
        let ours = is_credential(name) || account || name == header::ACCEPT_ENCODING;
        if allowed && !ours && forwardable_request_header(name, nominated) {
            headers.push((name.clone(), value.clone()));
        }
    }
    if standing == Standing::Across {
        headers.push((header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        if provider.dialect == Dialect::Anthropic {
            headers.push((ANTHROPIC_VERSION, HeaderValue::from_static("2023-06-01")));
        }
    }
    headers.push((CDN_LOOP, HeaderValue::from_static(LOOP_NAME)));
    add_credential(&mut headers, caller, provider, standing)?;
    Ok(headers)
}

fn add_credential(
    headers: &mut Vec<(HeaderName, HeaderValue)>,
    caller: Caller<'_>,
    provider: &Provider,
    standing: Standing,
) -> Result<(), FailureClass> {
    match &provider.credential {
        Credential::None => Ok(()),
        Credential::Held(secret) => {
            let Some(name) = provider.auth.header() else { return Ok(()) };
            let text = match name {
                "authorization" => format!("Bearer {}", secret.expose()),
                _ => secret.expose().to_owned(),
            };
            let mut value = HeaderValue::from_str(&text).map_err(|_| FailureClass::NoCredential)?;
            value.set_sensitive(true);
            headers.push((HeaderName::from_static(name), value));
            Ok(())
        }
        Credential::Passthrough if standing == Standing::Home && caller.credential_is_providers => {
            let theirs = caller.headers.iter().filter(|(name, _)| is_credential(name));
            headers.extend(theirs.map(|(name, value)| (name.clone(), value.clone())));
            Ok(())
        }
        Credential::Passthrough => Err(FailureClass::NoCredential),
    }
}

/// The path at a provider for the path a client used: the part behind the vendor's own prefix, behind `base_path`.
/// A `key` query parameter (Gemini's credential) goes only where the caller's credential goes.
pub fn own_path(provider: &Provider, path_and_query: &str, keep_key: bool) -> String {
    let base = &*provider.origin.base_path;
    let rest = match path_and_query.strip_prefix("/v1") {
        Some(rest) if !base.is_empty() && (rest.is_empty() || rest.starts_with(['/', '?'])) => rest,
        _ => path_and_query,
    };
    path_as_it_is(&[base, rest].concat(), keep_key)
}

/// The path of an operation on one deployment where the provider has a path for each (Azure's older ones): the deployment
/// and the version stand in it. `None`: it has not.
pub fn deployment_path(provider: &Provider, path_and_query: &str, deployment: &str) -> Option<String> {
    let version = provider.api_version.as_deref()?;
    let path = path_and_query.split('?').next().unwrap_or_default();
    let operation = path.strip_prefix("/v1").unwrap_or(path);
    let base = provider.origin.base_path.trim_end_matches("/v1");
    Some(format!("{base}/deployments/{deployment}{operation}?api-version={version}"))
}

/// A path that stays, without a `key` in its query where the caller's credential does not go along.
pub fn path_as_it_is(path: &str, keep_key: bool) -> String {
    match path.split_once('?') {
        Some((path, query)) if !keep_key => {
            let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("key=")).collect();
            if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
        }
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::catalog::{AuthScheme, Clocks, Origin};
    use crate::types::{ProviderId, Secret};

    fn provider(base_path: &str, auth: AuthScheme, credential: Credential) -> Provider {
        let second = Duration::from_secs(1);
        Provider {
            id: ProviderId::from("p"),
            dialect: Dialect::OpenAi,
            origin: Origin {
                tls: true,
                host: Arc::from("api.test"),
                port: 443,
                base_path: Arc::from(base_path),
            },
            addresses: Vec::new(),
            auth,
            credential,
            clocks: Clocks { connect: second, first_byte: second, idle: second, total: second },
            retries: 0,
            websocket: false,
            quirks: Default::default(),
            api_version: None,
        }
    }

    fn caller() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer CALLER"),
            ("x-api-key", "CALLER"),
            ("cookie", "a=CALLER"),
            ("openai-organization", "org"),
            ("content-type", "application/json"),
            ("connection", "keep-alive, x-secret-hop"),
            ("x-secret-hop", "1"),
            ("x-pointsman-deadline-ms", "5"),
            ("x-stainless-lang", "python"),
            ("accept-encoding", "gzip"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    fn build(caller: Caller<'_>, provider: &Provider, standing: Standing) -> HeaderMap {
        attempt_headers(caller, provider, standing).unwrap().into_iter().collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_foreign_origin_gets_the_dialect_and_its_own_key_only() {
        let headers = caller();
        let caller = Caller { headers: &headers, credential_is_providers: true };
        let held = provider("", AuthScheme::XApiKey, Credential::Held(Secret::new("OURS")));
        let built = build(caller, &held, Standing::Foreign);
        assert_eq!(
            names(&built),
            ["accept-encoding", "cdn-loop", "content-type", "x-api-key", "x-stainless-lang"]
        );
        assert_eq!(built["x-api-key"], "OURS");
        let none = provider("", AuthScheme::Bearer, Credential::Passthrough);
        assert_eq!(attempt_headers(caller, &none, Standing::Foreign), Err(FailureClass::NoCredential));
    }

    #[test]
    fn home_gets_everything_but_connection_business_and_never_our_client_key() {
        let headers = caller();
        let home = provider("", AuthScheme::Bearer, Credential::Passthrough);
        let theirs = Caller { headers: &headers, credential_is_providers: true };
        let built = build(theirs, &home, Standing::Home);
        assert_eq!(built["authorization"], "Bearer CALLER");
        assert_eq!(built["openai-organization"], "org");
        assert!(!built.contains_key("x-secret-hop") && !built.contains_key("x-pointsman-deadline-ms"));
        let ours = Caller { headers: &headers, credential_is_providers: false };
        assert_eq!(attempt_headers(ours, &home, Standing::Home), Err(FailureClass::NoCredential));
        let held = provider("", AuthScheme::Bearer, Credential::Held(Secret::new("OURS")));
        let built = build(theirs, &held, Standing::Home);
        assert_eq!(built["authorization"], "Bearer OURS");
        assert!(!built.contains_key("x-api-key") && !built.contains_key("cookie"));
        assert!(!built.contains_key("openai-organization"), "their account beside our key");
    }

    #[test]
    fn an_api_version_names_the_deployment_in_the_path() {
        let mut azure = provider("/openai", AuthScheme::ApiKey, Credential::None);
        assert_eq!(deployment_path(&azure, "/v1/chat/completions", "gpt"), None);
        azure.api_version = Some("2024-10-21".into());
        assert_eq!(
            deployment_path(&azure, "/v1/chat/completions?a=b", "gpt").as_deref(),
            Some("/openai/deployments/gpt/chat/completions?api-version=2024-10-21")
        );
    }

    #[test]
    fn paths_map_onto_the_providers_prefix() {
        let check = |base: &str, path: &str, keep_key: bool, expected: &str| {
            let provider = provider(base, AuthScheme::None, Credential::None);
            assert_eq!(own_path(&provider, path, keep_key), expected);
        };
        check("/v1", "/v1/chat/completions", true, "/v1/chat/completions");
        check("/v1", "/chat/completions", true, "/v1/chat/completions");
        check("/openai/v1", "/v1/chat/completions?a=b", true, "/openai/v1/chat/completions?a=b");
        check("", "/v1/messages?beta=true", true, "/v1/messages?beta=true");
        check(
            "",
            "/v1beta/models/m:generateContent?key=K&alt=sse",
            false,
            "/v1beta/models/m:generateContent?alt=sse",
        );
        check("/v1", "/v1beta/x?key=K", false, "/v1/v1beta/x");
    }
}
