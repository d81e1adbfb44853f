//! `service`: what is known of a service stands in for what is not written.

use super::*;

#[test]
fn a_service_fills_in_what_is_known_of_it() {
    let provider = |lines: &str| {
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:1\"]\n[[providers]]\nid = \"p\"\n{lines}\n[ledger]\npath = \"l.db\"\n"
        );
        read(&text).map(|settings| settings.snapshot.providers[0].clone())
    };
    let mistral = provider("service = \"mistral\"\ncredential = \"env:OPENAI_KEY\"").unwrap();
    assert_eq!((&*mistral.origin.host, &*mistral.origin.base_path), ("api.mistral.ai", "/v1"));
    assert_eq!((mistral.dialect, mistral.auth), (Dialect::OpenAi, AuthScheme::Bearer));
    let known_by_host = provider(
        "dialect = \"openai\"\nbase_url = \"https://api.mistral.ai/v1\"\ncredential = \"env:OPENAI_KEY\"",
    );
    assert_eq!(known_by_host.unwrap().quirks, mistral.quirks);
    let ollama = provider("service = \"ollama\"").unwrap();
    assert_eq!((ollama.origin.port, ollama.auth), (11434, AuthScheme::None));
    for (lines, named) in [
        ("service = \"mistrall\"", "mistral, groq"),
        ("service = \"azure-openai\"\ncredential = \"env:OPENAI_KEY\"", "base_url"),
        ("service = \"groq\"", "credential"),
        ("service = \"ollama\"\napi_version = \"a&b\"", "API version"),
    ] {
        let faults = provider(lines).unwrap_err().to_string();
        assert!(faults.contains(named), "{lines}: {faults}");
    }
}
