//! Every chain of up to four of five providers in three dialects: whatever fails on the way, no byte that one of them is sent
//! holds the key of another, or the caller's.

use std::collections::HashMap;
use std::fmt::Write;

use pointsman::app::InProcess;
use pointsman::config::SecretSource;

use crate::support::client::{self, chat_body, chat_stream_body};
use crate::support::{FakeProvider, Request, Script};

/// Dialect and header of the key of each provider.
const PROVIDERS: [(&str, &str); 5] = [
    ("openai", "bearer"),
    ("anthropic", "x-api-key"),
    ("openai", "bearer"),
    ("gemini", "x-goog-api-key"),
    ("anthropic", "x-api-key"),
];

const CALLER: &str = "CALLER-KEY";

fn key(at: usize) -> String {
    format!("sk-canary-of-provider-{at}")
}

/// All orders of up to four of them.
fn chains() -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = (0..PROVIDERS.len()).map(|at| vec![at]).collect();
    let mut from = 0;
    while from < all.len() {
        let chain = all[from].clone();
        if chain.len() < 4 {
            let longer = (0..PROVIDERS.len()).filter(|at| !chain.contains(at));
            all.extend(longer.map(|at| [chain.clone(), vec![at]].concat()));
        }
        from += 1;
    }
    all
}

fn name(chain: &[usize]) -> String {
    let hops: Vec<String> = chain.iter().map(usize::to_string).collect();
    format!("chain-{}.", hops.join("-"))
}

fn text(providers: &[FakeProvider], chains: &[Vec<usize>], folder: &std::path::Path) -> String {
    let mut text = "[server]\nlisten = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n\n".to_owned();
    for (at, ((dialect, auth), provider)) in PROVIDERS.iter().zip(providers).enumerate() {
        let base = if *dialect == "openai" { "/v1" } else { "" };
        let _ = writeln!(
            text,
            "[[providers]]\nid = \"p{at}\"\ndialect = \"{dialect}\"\nbase_url = \"{}{base}\"\nauth = \"{auth}\"\n\
             credential = \"env:KEY_{at}\"\n\n\
             [[models]]\nid = \"m{at}\"\ntier = \"edge\"\ncontext_tokens = 100000\nmax_output_tokens = 4096\n\
             price = {{ input = 1.0, output = 2.0 }}\n\
             deployments = [{{ provider = \"p{at}\", upstream_name = \"m{at}\" }}]\n",
            provider.url()
        );
    }
    for chain in chains {
        let models: Vec<String> = chain.iter().map(|at| format!("m{at}")).collect();
        let _ = writeln!(
            text,
            "[[policies]]\nname = \"{0}\"\nmatch = {{ models = [\"{0}\"] }}\nmode = \"route\"\nbaseline = \"{1}\"\n\
             candidates = [\"{1}\"]\nfallback = {2:?}\non = [\"malformed\"]\n",
            name(chain),
            models[0],
            &models[1..],
        );
    }
    text + &format!("[ledger]\npath = {:?}\n", folder.join("ledger.db"))
}

/// Each provider fails where it is not the last of the chain that the prompt names.
async fn providers() -> Vec<FakeProvider> {
    let mut providers = Vec::new();
    for at in 0..PROVIDERS.len() {
        let provider = FakeProvider::start().await;
        let last = format!("{at}.");
        provider.choose(move |seen| {
            let body = String::from_utf8_lossy(seen.body()).into_owned();
            let chain = body.split("chain-").nth(1).and_then(|rest| rest.split_inclusive('.').next());
            if chain.is_some_and(|chain| chain.ends_with(&last)) { Script::Right } else { Script::BrokenJson }
        });
        providers.push(provider);
    }
    providers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_chain_shows_one_providers_key_to_another() {
    let (providers, chains) = (providers().await, chains());
    assert_eq!(chains.len(), 5 + 20 + 60 + 120);
    let folder = tempfile::tempdir().unwrap();
    let text = text(&providers, &chains, folder.path());
    let keys: HashMap<String, String> =
        (0..PROVIDERS.len()).map(|at| (format!("KEY_{at}"), key(at))).collect();
    let app = InProcess::start(&text, "", SecretSource::Map(keys)).await;
    let app = app.unwrap_or_else(|fault| panic!("{fault}"));
    let mut calls = 0;
    for chain in &chains {
        let name = name(chain);
        let asked = format!("pointsman/{name}");
        for body in [chat_body(&asked), chat_stream_body(&asked)] {
            // A broken body is no event stream, so streams fail over as whole answers do.
            let body = body.replace("Be brief.", &format!("Be brief, {name}"));
            let request = Request::chat(body)
                .with("x-api-key", CALLER)
                .with("x-goog-api-key", CALLER)
                .with("openai-organization", CALLER);
            let answer = client::exchange(app.data, &request).await;
            assert_eq!(answer.status, 200, "{name} {}", answer.text());
            assert!(!answer.text().contains("sk-canary"), "{name}");
            calls += chain.len();
        }
    }
    let seen: usize = providers.iter().map(|provider| provider.seen().len()).sum();
    assert_eq!(seen, calls, "each hop of each chain was asked once");
    for (at, provider) in providers.iter().enumerate() {
        for seen in provider.seen() {
            assert!(seen.holds(&key(at)), "it has its own key");
            for other in (0..PROVIDERS.len()).filter(|other| *other != at) {
                assert!(!seen.holds(&key(other)), "provider {at} was sent the key of {other}");
            }
            assert!(!seen.holds(CALLER), "provider {at} was sent the caller's key");
        }
    }
    app.stop().await;
}
