//! What can go wrong with an attempt, in the words of the configuration's `on = [...]`.

use serde::{Deserialize, Serialize};

/// Why an attempt failed. The first group may be listed in a policy's `on`; the rest is decided by other settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The connection was refused or broke before anything was sent.
    Connect,
    /// The host name has no address.
    Dns,
    /// The TLS handshake failed; never retried without verification.
    Tls,
    /// One of the four clocks ran out.
    Timeout,
    /// The provider limits us (429).
    RateLimit,
    /// The provider is overloaded for everyone (529, 503 with that meaning).
    Overloaded,
    /// The provider failed (5xx).
    ServerError,
    /// The answer is not what the dialect promises: broken JSON, wrong content type, a cut body.
    Malformed,
    /// An answer without content and without a tool call.
    Empty,
    /// The request does not fit the model's context window.
    ContextLength,
    /// The model does not take a parameter of the request; another may.
    Unsupported,
    /// Refused by a content filter.
    ContentFilter,
    /// The credential was refused.
    Auth,
    /// The account cannot pay.
    Billing,
    /// The model no longer exists at this provider.
    ModelGone,
    /// Any other 4xx: the request itself is wrong.
    BadRequest,
    /// No credential is configured for this origin, so it was not called.
    NoCredential,
}

impl FailureClass {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 17] = [
        Self::Connect,
        Self::Dns,
        Self::Tls,
        Self::Timeout,
        Self::RateLimit,
        Self::Overloaded,
        Self::ServerError,
        Self::Malformed,
        Self::Empty,
        Self::ContextLength,
        Self::Unsupported,
        Self::ContentFilter,
        Self::Auth,
        Self::Billing,
        Self::ModelGone,
        Self::BadRequest,
        Self::NoCredential,
    ];

    /// The classes a policy may list in `on`.
    pub const LISTABLE: [Self; 15] = [
        Self::Connect,
        Self::Dns,
        Self::Tls,
        Self::Timeout,
        Self::RateLimit,
        Self::Overloaded,
        Self::ServerError,
        Self::Malformed,
        Self::Empty,
        Self::ContextLength,
        Self::Unsupported,
        Self::ContentFilter,
        Self::Auth,
        Self::Billing,
        Self::ModelGone,
    ];

    /// The word used in configuration, headers, metrics and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::RateLimit => "rate_limit",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::Malformed => "malformed",
            Self::Empty => "empty",
            Self::ContextLength => "context_length",
            Self::Unsupported => "unsupported",
            Self::ContentFilter => "content_filter",
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::ModelGone => "model_gone",
            Self::BadRequest => "bad_request",
            Self::NoCredential => "no_credential",
        }
    }

    /// The class a word of the configuration means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}
