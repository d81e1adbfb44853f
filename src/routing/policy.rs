//! Which policy a request falls under: the first that matches, or the one it names.

use std::fmt;

use crate::catalog::{Policy, PolicyMatch, Snapshot};
use crate::types::{ClientId, PolicyId, PolicyIx};

/// What a policy is matched against.
pub struct Asked<'a> {
    /// The model the request names.
    pub model: &'a str,
    /// The client that was identified.
    pub client: Option<&'a ClientId>,
    /// Policies that client may use; empty: all.
    pub allowed: &'a [PolicyId],
    /// The path without its query.
    pub path: &'a str,
    /// A header as text, by lower-case name.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
}

/// The request names a policy that it cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnknownPolicy {
    /// There is none of this name.
    Missing {
        /// The name asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// The client may not use it.
    Forbidden {
        /// The name asked for.
        name: String,
    },
    /// The client is confined to policies none of which takes this request.
    Outside {
        /// The model the request names.
        model: String,
        /// The policies it may use.
        allowed: Vec<String>,
    },
}

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, known } => {
                write!(f, "there is no policy `{name}`: there are {}", known.join(", "))
            }
            Self::Forbidden { name } => {
                write!(
                    f,
                    "this client may not use policy `{name}`: see the `policies` of its [[clients]] entry"
                )
            }
            Self::Outside { model, allowed } => write!(
                f,
                "this client may use {} only, and none of these takes model `{model}` on this path",
                allowed.join(", ")
            ),
        }
    }
}

/// The policy of a request; `None`: nothing matches and it is forwarded as it is.
pub fn select_policy(snapshot: &Snapshot, asked: &Asked<'_>) -> Result<Option<PolicyIx>, UnknownPolicy> {
    let mut policies = (0..).map(PolicyIx).zip(&snapshot.policies);
    if let Some(name) = asked.model.strip_prefix("pointsman/") {
        let Some((ix, policy)) = policies.find(|(_, policy)| policy.id.as_str() == name) else {
            let known = snapshot.policies.iter().map(|policy| format!("`{}`", policy.id)).collect();
            return Err(UnknownPolicy::Missing { name: name.to_owned(), known });
        };
        let fits = may_use(policy, asked) && clients_match(&policy.matches, asked.client);
        return if fits { Ok(Some(ix)) } else { Err(UnknownPolicy::Forbidden { name: name.to_owned() }) };
    }
    match policies.find(|(_, policy)| may_use(policy, asked) && matches(&policy.matches, asked)) {
        Some((ix, _)) => Ok(Some(ix)),
        None if asked.allowed.is_empty() => Ok(None),
        // Forwarding what no policy takes would be more than those who are confined to some may do.
        None => Err(UnknownPolicy::Outside {
            model: asked.model.to_owned(),
            allowed: asked.allowed.iter().map(|policy| format!("`{policy}`")).collect(),
        }),
    }
}

fn may_use(policy: &Policy, asked: &Asked<'_>) -> bool {
    asked.allowed.is_empty() || asked.allowed.contains(&policy.id)
}

fn matches(wanted: &PolicyMatch, asked: &Asked<'_>) -> bool {
    let model = wanted.models.iter().any(|pattern| match pattern.strip_suffix('*') {
        // `*` alone means every model a client can name; `auto` has to be said.
        Some("") => asked.model != "auto",
        Some(start) => asked.model.starts_with(start),
        None => asked.model == pattern,
    });
    model
        && clients_match(wanted, asked.client)
        && (wanted.paths.is_empty()
            || wanted.paths.iter().any(|prefix| asked.path.starts_with(prefix.as_str())))
        && wanted.headers.iter().all(|(name, value)| (asked.header)(name) == Some(value.as_str()))
}

fn clients_match(wanted: &PolicyMatch, client: Option<&ClientId>) -> bool {
    wanted.clients.is_empty()
        || wanted.clients.iter().any(|pattern| pattern.as_str() == "*" || Some(pattern) == client)
}
