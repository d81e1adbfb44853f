//! What each failure class leads to: the next hop, the same hop again, the caller. One place, for running a chain and for
//! telling beforehand what it would do.

use crate::catalog::OnAuthFailure;
use crate::types::FailureClass;

/// What may happen to answers on their way.
#[derive(Clone, Copy)]
pub enum Rules<'a> {
    /// Forwarded as they come, errors too: observed and pinned traffic.
    Verbatim,
    /// Checked before they are committed; the listed failures lead to the next hop.
    Guarded {
        /// Classes that lead to the next hop.
        on: &'a [FailureClass],
        /// What a refused credential of ours does.
        on_auth_failure: OnAuthFailure,
    },
}

impl Rules<'_> {
    /// Whether a class leads to the next hop.
    pub fn goes_on(self, class: FailureClass) -> bool {
        match self {
            Self::Verbatim => false,
            Self::Guarded { on, on_auth_failure } => match class {
                FailureClass::NoCredential => true,
                FailureClass::Auth => on_auth_failure == OnAuthFailure::Fallback || on.contains(&class),
                other => on.contains(&other),
            },
        }
    }
}

/// Whether the same hop may be asked again after a class: nothing can have been generated and billed, unless the request
/// had been sent and no answer came.
pub fn may_repeat(class: FailureClass) -> bool {
    match class {
        FailureClass::Connect
        | FailureClass::Dns
        | FailureClass::RateLimit
        | FailureClass::Overloaded
        | FailureClass::ServerError => true,
        FailureClass::Tls
        | FailureClass::Timeout
        | FailureClass::Malformed
        | FailureClass::Empty
        | FailureClass::ContextLength
        | FailureClass::Unsupported
        | FailureClass::ContentFilter
        | FailureClass::Auth
        | FailureClass::Billing
        | FailureClass::ModelGone
        | FailureClass::BadRequest
        | FailureClass::NoCredential => false,
    }
}

/// Whose words end a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWord {
    /// The provider's: the request was at fault.
    Providers,
    /// The provider's where the credential was the caller's own; with ours they would mislead.
    ProvidersOnCallersKey,
    /// Ours.
    Ours,
}

/// Whose words the caller gets when a class ends the chain.
pub fn last_word(class: FailureClass) -> LastWord {
    match class {
        FailureClass::BadRequest
        | FailureClass::ContextLength
        | FailureClass::Unsupported
        | FailureClass::ContentFilter
        | FailureClass::ModelGone => LastWord::Providers,
        FailureClass::Auth | FailureClass::Billing => LastWord::ProvidersOnCallersKey,
        FailureClass::Connect
        | FailureClass::Dns
        | FailureClass::Tls
        | FailureClass::Timeout
        | FailureClass::RateLimit
        | FailureClass::Overloaded
        | FailureClass::ServerError
        | FailureClass::Malformed
        | FailureClass::Empty
        | FailureClass::NoCredential => LastWord::Ours,
    }
}
