//! What a request line asks for. Owns the table from path to dialect and operation; never looks at a credential's
//! header to tell the dialect of a path that tells it itself, and never decides where a request goes.

use crate::types::{Dialect, Operation};

/// What a request line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The dialect, where path or version header tell it.
    pub dialect: Option<Dialect>,
    /// The operation.
    pub operation: Operation,
}

/// Headers that tell vendors apart on the one path they share (`GET /v1/models`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DialectHints {
    /// The request carries `anthropic-version`.
    pub anthropic_version: bool,
    /// The request carries `x-goog-api-key`; counts for `/v1/models` only.
    pub goog_api_key: bool,
}

/// Reads method and path (without query). Paths are compared byte for byte: what is not written exactly as the vendors'
/// SDKs write it is `Other` and passes through unread.
pub fn route(method: &str, path: &str, hints: DialectHints) -> Route {
    let operation = if method == "POST" { operation(path) } else { Operation::Other };
    Route { dialect: dialect_of(operation).or_else(|| dialect_by_path(path, hints)), operation }
}

fn operation(path: &str) -> Operation {
    if path.ends_with("/chat/completions") {
        Operation::ChatCompletions
    } else if path.ends_with("/v1/messages") {
        Operation::Messages
    } else if path.ends_with("/v1/messages/count_tokens") {
        Operation::CountTokens
    } else if path.ends_with("/responses") {
        Operation::Responses
    } else if path.ends_with("/embeddings") {
        Operation::Embeddings
    } else if matches!(gemini_method(path), Some("generateContent" | "streamGenerateContent")) {
        Operation::GenerateContent
    } else if matches!(gemini_method(path), Some("embedContent" | "batchEmbedContents")) {
        Operation::EmbedContent
    } else {
        Operation::Other
    }
}

fn dialect_of(operation: Operation) -> Option<Dialect> {
    match operation {
        Operation::ChatCompletions | Operation::Responses | Operation::Embeddings => Some(Dialect::OpenAi),
        Operation::Messages | Operation::CountTokens => Some(Dialect::Anthropic),
        Operation::GenerateContent | Operation::EmbedContent => Some(Dialect::Gemini),
        Operation::Other => None,
    }
}

fn dialect_by_path(path: &str, hints: DialectHints) -> Option<Dialect> {
    let under =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if under("/v1beta") || under("/v1alpha") || gemini_method(path).is_some() {
        Some(Dialect::Gemini)
    } else if under("/v1/messages") || hints.anthropic_version {
        Some(Dialect::Anthropic)
    } else if under("/v1/models") && hints.goog_api_key {
        Some(Dialect::Gemini)
    } else if under("/v1") {
        Some(Dialect::OpenAi)
    } else {
        None
    }
}

/// The method of `…/models/NAME:METHOD`.
fn gemini_method(path: &str) -> Option<&str> {
    let (_, last) = path.rsplit_once("/models/")?;
    let (name, method) = last.split_once(':')?;
    (!name.is_empty() && !method.contains('/')).then_some(method)
}

/// The deployment that a path of Azure's older API names, `…/deployments/NAME/OPERATION?api-version=…`, for the operations that are
/// read; the model of the body counts for nothing there and is often left out.
pub fn deployment_of(path_and_query: &str) -> Option<&str> {
    let (path, query) = path_and_query.split_once('?')?;
    let (_, rest) = path.rsplit_once("/deployments/")?;
    let (name, operation) = rest.split_once('/')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_read = matches!(operation, "chat/completions" | "embeddings");
    let has_version = query.split('&').any(|pair| pair.starts_with("api-version="));
    (is_read && has_version && !name.is_empty() && name.bytes().all(is_name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_named_by_azures_older_paths_only() {
        for (path, name) in [
            ("/openai/deployments/gpt-4.1_x/chat/completions?api-version=2024-10-21", Some("gpt-4.1_x")),
            ("/openai/deployments/e/embeddings?a=b&api-version=1", Some("e")),
            ("/openai/deployments/d/chat/completions", None),
            ("/openai/deployments/d/chat/completions?version=1", None),
            ("/openai/deployments/d/audio/speech?api-version=1", None),
            ("/openai/deployments//chat/completions?api-version=1", None),
            ("/openai/deployments/a%2Fb/chat/completions?api-version=1", None),
            ("/openai/v1/chat/completions?api-version=preview", None),
        ] {
            assert_eq!(deployment_of(path), name, "{path}");
        }
    }

    #[track_caller]
    fn check(line: &str, dialect: Option<Dialect>, operation: Operation) {
        let (method, path) = line.split_once(' ').unwrap();
        assert_eq!(route(method, path, DialectHints::default()), Route { dialect, operation }, "{line}");
    }

    #[test]
    fn paths_tell_dialect_and_operation() {
        let (openai, anthropic, gemini) =
            (Some(Dialect::OpenAi), Some(Dialect::Anthropic), Some(Dialect::Gemini));
        check("POST /v1/chat/completions", openai, Operation::ChatCompletions);
        check("POST /chat/completions", openai, Operation::ChatCompletions);
        check("POST /openai/deployments/x/chat/completions", openai, Operation::ChatCompletions);
        check("GET /v1/chat/completions", openai, Operation::Other);
        check("POST /v1/chat/completions/", openai, Operation::Other);
        check("POST /v1/messages", anthropic, Operation::Messages);
        check("POST /v1/messages/count_tokens", anthropic, Operation::CountTokens);
        check("POST /v1/messages/batches", anthropic, Operation::Other);
        check("POST /v1/threads/x/messages", openai, Operation::Other);
        check("POST /v1/responses", openai, Operation::Responses);
        check("GET /v1/responses", openai, Operation::Other);
        check("POST /v1/responses/resp_1/cancel", openai, Operation::Other);
        check("POST /v1/embeddings", openai, Operation::Embeddings);
        check("POST /v1beta/models/e:embedContent", gemini, Operation::EmbedContent);
        check("POST /v1/models/e:batchEmbedContents", gemini, Operation::EmbedContent);
        check("POST /v1/models/gemini-2.5-flash:generateContent", gemini, Operation::GenerateContent);
        check("POST /v1beta/models/g:streamGenerateContent", gemini, Operation::GenerateContent);
        check("POST /v1beta/models/g/models/g:generateContent", gemini, Operation::GenerateContent);
        check("POST /v1beta/models/g:countTokens", gemini, Operation::Other);
        check("GET /v1beta/models", gemini, Operation::Other);
        check("GET /v1/models", openai, Operation::Other);
        check("GET /v1betamax", None, Operation::Other);
        check("HEAD /", None, Operation::Other);
        check("POST /pointsman/v1/feedback", None, Operation::Other);
    }

    #[test]
    fn headers_tell_vendors_apart_only_where_the_path_does_not() {
        let version = DialectHints { anthropic_version: true, goog_api_key: false };
        let key = DialectHints { anthropic_version: false, goog_api_key: true };
        assert_eq!(route("GET", "/v1/models", version).dialect, Some(Dialect::Anthropic));
        assert_eq!(route("GET", "/v1/models", key).dialect, Some(Dialect::Gemini));
        assert_eq!(route("POST", "/v1/chat/completions", version).dialect, Some(Dialect::OpenAi));
        assert_eq!(route("POST", "/v1/messages", key).dialect, Some(Dialect::Anthropic));
        assert_eq!(route("GET", "/v1/files", key).dialect, Some(Dialect::OpenAi));
    }

    #[test]
    fn every_recorded_request_has_its_dialect() {
        for entry in std::fs::read_dir("tests/fixtures/clients").unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let recorded: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let target = recorded["path"].as_str().unwrap().split('?').next().unwrap();
            let hints = DialectHints {
                anthropic_version: recorded["headers"].get("anthropic-version").is_some(),
                goog_api_key: false,
            };
            let found = route(recorded["method"].as_str().unwrap(), target, hints);
            assert_eq!(found.dialect.is_none(), target == "/", "{path:?}: {found:?}");
        }
    }
}
