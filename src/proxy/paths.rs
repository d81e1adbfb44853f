//! Paths of intercepted requests: what of them is a provider's API as we know it, and how a client that is sent to us would
//! write it.

use crate::codec;

/// The path as clients that are sent to us write it (`/v1/…`); `None` where it is not below the provider's own prefix.
pub(super) fn as_clients_write(base: &str, path: &str) -> Option<String> {
    if let Some(name) = codec::deployment_of(path) {
        return of_deployment(base, path).filter(|_| name != "auto");
    }
    if base.is_empty() || base == "/v1" {
        let known = ["/v1/", "/v1beta/"].iter().any(|version| path.starts_with(version));
        return known.then(|| path.to_owned());
    }
    let rest = path.strip_prefix(base).filter(|rest| rest.starts_with('/'))?;
    (!rest.starts_with("/deployments/")).then(|| format!("/v1{rest}"))
}

/// Azure's older paths stand beside the newer ones, `/openai/deployments/…` beside `/openai/v1/…`.
fn of_deployment(base: &str, path: &str) -> Option<String> {
    let rest = path.strip_prefix(base.strip_suffix("/v1").unwrap_or(base))?.strip_prefix("/deployments/")?;
    let (_, operation) = rest.split('?').next()?.split_once('/')?;
    Some(format!("/v1/{operation}"))
}

#[cfg(test)]
mod tests {
    use super::as_clients_write;

    #[test]
    fn what_is_not_below_the_prefix_passes_as_it_is() {
        for (base, path, written) in [
            ("/v1", "/v1/chat/completions", Some("/v1/chat/completions")),
            ("", "/v1/messages?beta=true", Some("/v1/messages?beta=true")),
            ("", "/v1beta/models/m:generateContent", Some("/v1beta/models/m:generateContent")),
            ("/openai/v1", "/openai/v1/chat/completions?a", Some("/v1/chat/completions?a")),
            (
                "/openai/v1",
                "/openai/deployments/d/chat/completions?api-version=1",
                Some("/v1/chat/completions"),
            ),
            ("/openai", "/openai/deployments/d/embeddings?api-version=1", Some("/v1/embeddings")),
            ("/openai", "/openai/deployments/d/chat/completions", None),
            ("/openai/v1", "/other/deployments/d/chat/completions?api-version=1", None),
            // A name that leaves the choice to us everywhere else, and is a deployment's here.
            ("/openai/v1", "/openai/deployments/auto/chat/completions?api-version=1", None),
            ("/v1", "/proxy/v2/chat/completions", None),
            ("/openai/v1", "/openai/v12/chat/completions", None),
        ] {
            assert_eq!(as_clients_write(base, path).as_deref(), written, "{base} {path}");
        }
    }
}
