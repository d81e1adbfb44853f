//! The models of a pool behind a running proxy: they say again what is on record of them, in their dialect and with their token
//! counts. Which answers are equal is all that is known of them, so each is told in words that say the same exactly then.

use std::collections::HashMap;
use std::sync::Arc;

use pointsman::ledger::Entry;
use pointsman::routing::Plan;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::pool::{Came, Pool, Prompt, Tokens, is_anthropic};
use crate::support::client::Request;
use crate::support::fake_provider::Seen;
use crate::support::proxy::Proxy;
use crate::support::script::Whole;
use crate::support::{FakeProvider, Script};

/// Requests at a time.
const AT_ONCE: usize = 8;

/// What is served how.
pub struct Policy<'p> {
    pub baseline: &'p str,
    /// Its cascades; none: the baseline alone.
    pub written: &'p [Plan],
    /// Evidence; empty: none.
    pub profile: &'p str,
    /// The kind of plan every request asks for.
    pub asks: Option<&'static str>,
}

/// What was served of one prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// The plan on record.
    pub plan: Plan,
    /// The class that was found.
    pub task: String,
    /// Who answered, what that is worth, and what the ledger says it cost.
    pub came: Came,
}

/// Asks every prompt once through a proxy of its own; what was served, in the order of the prompts.
pub async fn serve(pool: &Pool, prompts: &[&Prompt], policy: &Policy<'_>) -> Vec<Served> {
    let on_record = serve_on_record(pool, prompts, policy).await;
    on_record.into_iter().map(|(served, _)| served).collect()
}

/// The same, each with what the ledger has of it.
pub async fn serve_on_record(pool: &Pool, prompts: &[&Prompt], policy: &Policy<'_>) -> Vec<(Served, Entry)> {
    let provider = FakeProvider::start().await;
    replay(&provider, pool);
    let text = |ledger: &std::path::Path| {
        pool.configuration((&provider.url(), ledger), policy.baseline, policy.written)
    };
    let proxy = Arc::new(Proxy::with(text, policy.profile).await);
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for (at, prompt) in prompts.iter().enumerate() {
        let (proxy, permits) = (proxy.clone(), permits.clone());
        let mut request = Request::chat(question(&prompt.text));
        if let Some(kind) = policy.asks {
            request = request.with("x-pointsman-plan", kind);
        }
        running.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            let answer = proxy.exchange(&request).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let model = answer.header("x-pointsman-model").unwrap().to_owned();
            let how = answer.header("x-pointsman-plan").unwrap_or_default().to_owned();
            let text = answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
            let id = answer.header("x-pointsman-id").unwrap().to_owned();
            (at, id, (model, how, text))
        });
    }
    let mut answers = HashMap::new();
    while let Some(done) = running.join_next().await {
        let (at, id, answer) = done.unwrap();
        answers.insert(id, (at, answer));
    }
    proxy.until_metric("pointsman_requests_in_flight", 0.0).await;
    let entries = recorded(&proxy, prompts.len()).await;
    let mut served: Vec<(usize, (Served, Entry))> = entries
        .into_iter()
        .map(|entry| {
            let (at, answer) = answers.remove(&entry.id.to_string()).unwrap();
            (at, (settled(prompts[at], &entry, &answer), entry))
        })
        .collect();
    served.sort_by_key(|(at, _)| *at);
    served.into_iter().map(|(_, served)| served).collect()
}

/// The ledger once it holds every request.
async fn recorded(proxy: &Proxy, requests: usize) -> Vec<Entry> {
    let began = std::time::Instant::now();
    loop {
        let entries = proxy.entries();
        if entries.len() >= requests {
            return entries;
        }
        assert!(began.elapsed() < crate::support::PATIENCE, "{} of {requests} on record", entries.len());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// One request as its client and the ledger saw it.
fn settled(prompt: &Prompt, entry: &Entry, (model, how, text): &(String, String, String)) -> Served {
    assert_eq!(*text, said(prompt, model), "the answer is that of the model it is told of");
    let spent: u64 = entry.attempts.iter().map(|attempt| attempt.cost.unwrap().0).sum();
    assert_eq!(entry.cost.unwrap().0, spent);
    let plan = entry.decision.as_ref().unwrap().plan.clone();
    let came = Came {
        score: prompt.row.outcomes[model].score,
        cost_usd: spent as f64 / 1e9,
        model: model.clone(),
        stood: !how.contains("escalated"),
    };
    Served { plan, task: entry.task.unwrap().as_str().to_owned(), came }
}

/// As of a client with a cap: a sum that tells of a long book is else taken for the wish for one.
fn question(text: &str) -> String {
    let message = json!({ "role": "user", "content": text });
    json!({ "model": "auto", "max_tokens": 4096, "messages": [message] }).to_string()
}

fn replay(provider: &FakeProvider, pool: &Pool) {
    type Book<'m> = HashMap<&'m str, (String, Tokens)>;
    let of = |prompt: &Prompt| {
        let told = pool.names.all().map(|model| (model, (said(prompt, model), prompt.tokens[model])));
        (prompt.text.clone(), told.collect::<Book<'_>>())
    };
    let book: HashMap<String, Book<'_>> = pool.prompts.iter().map(of).collect();
    assert_eq!(book.len(), pool.prompts.len(), "two prompts are the same");
    provider.choose(move |seen: &Seen| {
        let body = seen.json();
        let model = body["model"].as_str().unwrap();
        let content = &body["messages"].as_array().unwrap().last().unwrap()["content"];
        let asked = content.as_str().or_else(|| content[0]["text"].as_str()).unwrap();
        let (text, tokens) = &book[asked][model];
        Script::Whole(Whole::json(200, answer(model, text, *tokens).to_string()))
    });
}

fn answer(model: &str, text: &str, (input, output): Tokens) -> Value {
    if is_anthropic(model) {
        return json!({
            "id": "msg_9", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
            "content": [{"type": "text", "text": text}],
            "usage": {"input_tokens": input, "output_tokens": output},
        });
    }
    let message = json!({ "role": "assistant", "content": text });
    json!({
        "id": "chatcmpl-9", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
    })
}

/// A model's words on a prompt: its own, but for what they come to.
fn said(prompt: &Prompt, model: &str) -> String {
    match prompt.row.outcomes[model].ans {
        Some(answer) => {
            format!("{model} goes through it step by step, in its own way.\n\nThe answer is {answer}.")
        }
        None => format!(
            "{model} weighs one thing against another and goes on and on, and in the end there is nothing that could be taken \
             for what it comes to, however long one looks."
        ),
    }
}
