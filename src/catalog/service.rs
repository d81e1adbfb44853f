//! Services that speak a known dialect in a way of their own, as data: where they are, how a key is presented, and what of
//! the dialect they take differently. A new one is a row.

use crate::types::Dialect;

use super::AuthScheme;

/// A service by the name that `[[providers]] service` knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name.
    pub name: &'static str,
    /// The dialect it speaks.
    pub dialect: Dialect,
    /// Where it is; `None`: everybody has a place of their own there.
    pub base_url: Option<&'static str>,
    /// How a credential is presented.
    pub auth: AuthScheme,
    /// What it takes differently.
    pub quirks: Quirks,
}

/// What a service takes differently from the vendor that made its dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// What the cap on output tokens is called in chat completions.
    pub cap_key: CapKey,
    /// How a chat stream comes to say its usage.
    pub stream_usage: StreamUsage,
    /// Whether ids of calls must be nine letters and digits.
    pub nine_letter_ids: bool,
    /// Whether it takes `user`.
    pub takes_user: bool,
}

/// The name of the cap on output tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapKey {
    /// `max_tokens`: the old name, which all compatible servers take and some alone.
    MaxTokens,
    /// `max_completion_tokens`: the only one that OpenAI's reasoning models take.
    MaxCompletionTokens,
}

/// How a stream's usage is got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamUsage {
    /// It is asked for with `stream_options.include_usage`.
    Asked,
    /// It comes unasked, and asking is an error.
    Unasked,
}

const PLAIN: Quirks = Quirks {
    cap_key: CapKey::MaxTokens,
    stream_usage: StreamUsage::Asked,
    nine_letter_ids: false,
    takes_user: true,
};
const OPENAI: Quirks = Quirks { cap_key: CapKey::MaxCompletionTokens, ..PLAIN };

impl Default for Quirks {
    /// Those of an unknown compatible server.
    fn default() -> Self {
        PLAIN
    }
}

const fn compatible(name: &'static str, base_url: &'static str) -> Service {
    let (dialect, auth) = (Dialect::OpenAi, AuthScheme::Bearer);
    Service { name, dialect, base_url: Some(base_url), auth, quirks: PLAIN }
}

const fn local(name: &'static str, base_url: &'static str) -> Service {
    Service { auth: AuthScheme::None, ..compatible(name, base_url) }
}

/// All of them. Addresses are those of each vendor's own documentation in November 2026; what differs has its source.
pub const SERVICES: [Service; 12] = [
    Service { quirks: OPENAI, ..compatible("openai", "https://api.openai.com/v1") },
    Service {
        dialect: Dialect::Anthropic,
        auth: AuthScheme::XApiKey,
        ..compatible("anthropic", "https://api.anthropic.com")
    },
    Service {
        dialect: Dialect::Gemini,
        auth: AuthScheme::XGoogApiKey,
        ..compatible("gemini", "https://generativelanguage.googleapis.com")
    },
    // `https://NAME.openai.azure.com/openai/v1` takes OpenAI's own paths, the deployment as the model; with `api_version`
    // the older paths are written, `https://NAME.openai.azure.com/openai/deployments/…`.
    Service { base_url: None, auth: AuthScheme::ApiKey, quirks: OPENAI, ..compatible("azure-openai", "") },
    // Mistral refuses `stream_options` and `max_completion_tokens` as "extra_forbidden", and says its usage unasked
    // (openai/openai-agents-python#442, editor-code-assistant/eca#231). Its schema of a request has no `user` either, and ids
    // of calls are "a-z, A-Z, 0-9, with a length of 9" (its error 3280).
    Service {
        quirks: Quirks {
            stream_usage: StreamUsage::Unasked,
            nine_letter_ids: true,
            takes_user: false,
            ..PLAIN
        },
        ..compatible("mistral", "https://api.mistral.ai/v1")
    },
    compatible("groq", "https://api.groq.com/openai/v1"),
    compatible("together", "https://api.together.xyz/v1"),
    compatible("deepseek", "https://api.deepseek.com/v1"),
    compatible("openrouter", "https://openrouter.ai/api/v1"),
    local("ollama", "http://127.0.0.1:11434/v1"),
    local("vllm", "http://127.0.0.1:8000/v1"),
    local("llama.cpp", "http://127.0.0.1:8080/v1"),
];

/// The service at a host, where one is known to be there; ports of this machine say nothing.
pub fn service_at(host: &str) -> Option<&'static Service> {
    if host.ends_with(".openai.azure.com") {
        return SERVICES.iter().find(|service| service.name == "azure-openai");
    }
    SERVICES.iter().filter(|service| service.auth != AuthScheme::None).find(|service| {
        let url = service.base_url.unwrap_or_default();
        let rest = url.strip_prefix("https://").unwrap_or_default();
        !rest.is_empty() && rest.split('/').next() == Some(host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_their_hosts() {
        let name = |host: &str| service_at(host).map(|service| service.name);
        assert_eq!(name("api.mistral.ai"), Some("mistral"));
        assert_eq!(name("my-own.openai.azure.com"), Some("azure-openai"));
        assert_eq!(name("api.openai.com.evil.example"), None);
        assert_eq!(name("127.0.0.1"), None);
        assert_eq!(name(""), None);
    }
}
