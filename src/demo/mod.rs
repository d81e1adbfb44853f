//! The demo: simulated providers, real prompts with recorded outcomes, a plain HTTP client, and what came of it.
//!
//! [`run`] takes the address of a started proxy, asks every question through it, and looks the outcome up afterwards by
//! (row, model that served): the proxy never sees an outcome. Evidence comes from `train` rows, the report is on
//! `test` rows. Nothing here is used by any other room; the command starts the proxy and prints.

pub mod answer;
pub mod client;
pub mod evidence;
pub mod print;
pub mod providers;
pub mod question;
pub mod sample;
pub mod score;
pub mod settings;
pub mod summary;
pub mod table;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;
use tokio::sync::mpsc;

use crate::types::Dialect;
use client::{Answer, Client, Question};
use sample::{Row, SHELVES, Sample};
use summary::{Probes, Summary};

/// Questions asked at once, each on a connection of its own.
const CLIENTS: usize = 8;

/// One question asked through the proxy, what the proxy said about it, and the outcome looked up afterwards.
#[derive(Clone, Debug, Serialize)]
pub struct Observation {
    /// Position among the `test` rows.
    #[serde(skip)]
    pub row: usize,
    /// The row's name in its source.
    pub id: String,
    /// The proxy's name of the request.
    pub request: String,
    /// Task class, as the proxy says.
    pub task: String,
    /// Complexity, as the proxy says.
    pub complexity: Option<f64>,
    /// Name of the model that served.
    pub model: String,
    /// That model's position in the sample; `None`: it is none of the three.
    #[serde(skip)]
    pub served: Option<usize>,
    /// How it was served.
    pub path: String,
    /// Why.
    pub reason: String,
    /// Whether it was asked in Anthropic's dialect.
    pub dialect: Dialect,
    /// Whether it was streamed.
    pub stream: bool,
    /// Cost of the tokens the client was told of, at the model's list price.
    pub cost_usd: f64,
    /// Cost according to the proxy's headers; of a stream an estimate.
    pub header_cost_usd: Option<f64>,
    /// Until the answer's last byte.
    pub latency_ms: f64,
    /// What the proxy says it added.
    pub overhead_us: Option<f64>,
    /// Recorded score of the model that served; 0 when nothing served.
    pub score: f64,
    /// What went wrong.
    pub problem: Option<String>,
}

/// Asks the first `limit` test rows through the proxy, shows each answer to `watch`, then tries a request that no plan
/// can serve and one whose model is down.
pub async fn run(
    proxy: SocketAddr,
    sample: &Arc<Sample>,
    limit: usize,
    mut watch: impl FnMut(&Observation),
) -> Summary {
    let rows = sample.test.len().min(limit);
    let next = Arc::new(AtomicUsize::new(0));
    let (seen, mut observations) = mpsc::channel(CLIENTS);
    for _ in 0..CLIENTS.min(rows) {
        tokio::spawn(ask_rows(Client::new(proxy), sample.clone(), next.clone(), (rows, seen.clone())));
    }
    drop(seen);
    let mut all = Vec::with_capacity(rows);
    while let Some(observation) = observations.recv().await {
        watch(&observation);
        all.push(observation);
    }
    all.sort_by_key(|observation: &Observation| observation.row);
    let probes = probe(proxy, sample).await;
    Summary::of(sample, all, probes)
}

async fn ask_rows(
    mut client: Client,
    sample: Arc<Sample>,
    next: Arc<AtomicUsize>,
    (rows, seen): (usize, mpsc::Sender<Observation>),
) {
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(row) = sample.test.get(at).filter(|_| at < rows) else { return };
        let question = question(at, row);
        let answer = client.ask(&question).await.map_err(|error| error.to_string());
        if seen.send(observe(&sample, at, &question, answer)).await.is_err() {
            return;
        }
    }
}

/// Every third question is streamed, every fourth asked by an Anthropic client; each is a conversation of its own.
fn question(at: usize, row: &Row) -> Question<'_> {
    Question {
        dialect: if at % 4 == 3 { Dialect::Anthropic } else { Dialect::OpenAi },
        stream: at % 3 == 2,
        model: settings::ROUTED,
        prompt: &row.prompt,
        session: &row.id,
        limit: None,
    }
}

/// Puts the answer beside the recorded outcome of the model that served.
fn observe(
    sample: &Sample,
    at: usize,
    question: &Question<'_>,
    answer: Result<Answer, String>,
) -> Observation {
    let (answer, mut problem) = match answer {
        Ok(answer) => (answer, None),
        Err(error) => (Answer::default(), Some(error)),
    };
    let row = &sample.test[at];
    let served = SHELVES.iter().position(|shelf| shelf.id == answer.facts.model);
    if problem.is_none() {
        problem = trouble(&answer, served);
    }
    let cost =
        served.zip(answer.usage).map(|(model, (input, output))| sample.models[model].cost_usd(input, output));
    let right = served.filter(|_| problem.is_none());
    Observation {
        row: at,
        id: row.id.clone(),
        request: answer.facts.id,
        task: answer.facts.task,
        complexity: answer.facts.complexity,
        model: answer.facts.model,
        served,
        path: answer.facts.path,
        reason: answer.facts.reason,
        dialect: question.dialect,
        stream: question.stream,
        cost_usd: cost.unwrap_or(0.0),
        header_cost_usd: answer.facts.cost_usd,
        latency_ms: answer.total.as_secs_f64() * 1e3,
        overhead_us: answer.facts.overhead_us,
        score: right.map_or(0.0, |model| row.outcomes[model].score),
        problem,
    }
}

fn trouble(answer: &Answer, served: Option<usize>) -> Option<String> {
    if let Some(error) = &answer.error {
        return Some(format!("{}: {error}", answer.status));
    }
    if answer.status != 200 {
        return Some(format!("status {}", answer.status));
    }
    if served.is_none() {
        return Some(format!("served by `{}`, which is none of the three models", answer.facts.model));
    }
    answer.usage.is_none().then(|| String::from("the answer carries no usage"))
}

/// A ceiling nothing can meet, and a model that is down.
async fn probe(proxy: SocketAddr, sample: &Sample) -> Probes {
    let prompt = sample.test.first().map_or("What is 2 + 2?", |row| row.prompt.as_str());
    let routed = Question {
        dialect: Dialect::OpenAi,
        stream: false,
        model: settings::ROUTED,
        prompt,
        session: "demo-no-route",
        limit: Some(("x-pointsman-max-cost-usd", "0.0000001")),
    };
    let outage = Question { model: settings::OUTAGE, session: "demo-outage", limit: None, ..routed.clone() };
    let mut client = Client::new(proxy);
    let no_route = client.ask(&routed).await.map_err(|error| error.to_string());
    let fallback = client.ask(&outage).await.map_err(|error| error.to_string());
    Probes::of(no_route, fallback)
}

#[cfg(test)]
mod tests;
