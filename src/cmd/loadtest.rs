//! `pointsman loadtest`: requests at a fixed rate against a running proxy, or anything else that speaks the same dialect,
//! and how long they took. Arguments and printing; the traffic is made in [`traffic`].

mod traffic;

use std::path::PathBuf;

use bytes::Bytes;
use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use http::Uri;
use serde_json::json;

use super::progress::bar;
use traffic::{Load, Tally};

/// Arguments of `loadtest`.
#[derive(Clone, Debug, clap::Args)]
pub struct LoadtestArgs {
    /// Where to send them
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: Uri,
    /// Path of the requests; it also says their dialect
    #[arg(long, default_value = "/v1/chat/completions")]
    pub path: String,
    /// Requests per second; they are sent at their time, however long others take
    #[arg(long, default_value_t = 100.0)]
    pub rps: f64,
    /// For how long
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Connections, and so requests in flight at most; what waits for a free one counts as waiting
    #[arg(long, default_value_t = 256)]
    pub connections: usize,
    /// Share of streamed requests, 0 to 1
    #[arg(long, default_value_t = 0.2)]
    pub streams: f64,
    /// Model asked for
    #[arg(long, default_value = "auto")]
    pub model: String,
    /// Bytes of a prompt that is made up
    #[arg(long, default_value_t = 1000)]
    pub bytes: usize,
    /// Bodies to send in turn instead, one JSON object a line; their `stream` is set anew
    #[arg(long)]
    pub bodies: Option<PathBuf>,
    /// A header of every request, as NAME:VALUE; may be repeated
    #[arg(long)]
    pub header: Vec<String>,
    /// Fail when more than this share of the requests did not get a whole, right answer
    #[arg(long, default_value_t = 0.0)]
    pub max_failed: f64,
}

/// Runs the command; the text to print, or what went wrong.
pub fn run(args: &LoadtestArgs, json: bool) -> Result<String, String> {
    let load = load(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?;
    let bar = bar("requests", load.requests());
    let tally = runtime.block_on(traffic::run(load, &|| bar.inc(1)))?;
    bar.finish_and_clear();
    let text = if json { json_of(&tally) } else { print(&tally) };
    let failed = 1.0 - tally.right as f64 / tally.sent.max(1) as f64;
    if failed > args.max_failed {
        return Err(format!("{text}\n{:.4} of the requests failed; at most {} may", failed, args.max_failed));
    }
    Ok(text)
}

fn load(args: &LoadtestArgs) -> Result<Load, String> {
    let (scheme, authority) = (args.url.scheme_str(), args.url.authority());
    let Some(authority) = authority.filter(|_| scheme == Some("http")) else {
        return Err(format!("--url {}: http://HOST:PORT is expected", args.url));
    };
    if !(args.rps > 0.0 && args.rps <= 1e6 && args.seconds > 0.0 && args.seconds <= 86_400.0) {
        return Err("--rps is above 0 and at most 1000000, --seconds above 0 and at most 86400".to_owned());
    }
    if !(0.0..=1.0).contains(&args.streams) || args.connections == 0 || args.connections > 10_000 {
        return Err("--streams is 0 to 1, --connections 1 to 10000".to_owned());
    }
    let headers = args
        .header
        .iter()
        .map(|header| {
            let (name, value) =
                header.split_once(':').ok_or(format!("--header {header}: NAME:VALUE is expected"))?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let bodies = match &args.bodies {
        Some(path) => read_bodies(path)?,
        None => made_up(args),
    };
    Ok(Load {
        authority: authority.to_string(),
        path: args.path.clone(),
        rps: args.rps,
        seconds: args.seconds,
        connections: args.connections,
        streams: args.streams,
        bodies,
        headers,
    })
}

fn read_bodies(path: &std::path::Path) -> Result<Vec<[Bytes; 2]>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let bodies = lines
        .map(|(line, number)| {
            let body = serde_json::from_str(line)
                .map_err(|error| format!("{}, line {number}: {error}", path.display()))?;
            Ok(both(body))
        })
        .collect::<Result<Vec<_>, String>>()?;
    if bodies.is_empty() { Err(format!("{}: no body in it", path.display())) } else { Ok(bodies) }
}

/// Prompts of common words, each another one.
fn made_up(args: &LoadtestArgs) -> Vec<[Bytes; 2]> {
    const WORDS: [&str; 16] = [
        "explain", "the", "river", "of", "seven", "small", "numbers", "and", "why", "a", "function",
        "returns", "them", "in", "order", "today",
    ];
    let prompt = |number: usize| {
        let mut text = format!("{number}.");
        for at in 0.. {
            if text.len() >= args.bytes {
                break;
            }
            text.push(' ');
            text.push_str(WORDS[(number * 7 + at * (1 + number % 5)) % WORDS.len()]);
        }
        text
    };
    let body = |number: usize| json!({ "model": args.model, "max_tokens": 256, "messages": [{ "role": "user", "content": prompt(number) }] });
    (0..256).map(|number| both(body(number))).collect()
}

/// A body whole and streamed.
fn both(mut body: serde_json::Value) -> [Bytes; 2] {
    [false, true].map(|stream| {
        body["stream"] = json!(stream);
        body.to_string().into()
    })
}

const QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

fn milliseconds(times: &Histogram<u64>) -> [f64; 5] {
    QUANTILES.map(|quantile| times.value_at_quantile(quantile) as f64 / 1000.0)
}

fn json_of(tally: &Tally) -> String {
    let times = |times: &Histogram<u64>| {
        let [p50, p90, p99, p999, max] = milliseconds(times);
        json!({ "count": times.len(), "p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "p999_ms": p999, "max_ms": max })
    };
    json!({
        "sent": tally.sent, "right": tally.right, "seconds": tally.seconds,
        "rps": tally.sent as f64 / tally.seconds, "statuses": tally.statuses, "broken": tally.broken,
        "whole": times(&tally.whole), "first_byte": times(&tally.first_byte), "streamed": times(&tally.streamed),
        "connections_opened": tally.opened,
    })
    .to_string()
}

fn print(tally: &Tally) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["", "answers", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"]);
    for (name, times) in [
        ("whole", &tally.whole),
        ("streamed: first byte", &tally.first_byte),
        ("streamed: whole", &tally.streamed),
    ] {
        let figures = milliseconds(times).map(|time| format!("{time:.1}"));
        table.add_row([name.to_owned(), times.len().to_string()].into_iter().chain(figures));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let counted = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(what, count)| format!("{what}: {count}")).collect::<Vec<_>>().join(", ")
    };
    let broken = if tally.broken.is_empty() { "none".to_owned() } else { counted(&tally.broken) };
    format!(
        "{} requests in {:.1} s ({:.0} a second), {} with a whole, right answer\n{table}\nTimes count from when a \
         request was due, not from when a connection was free for it.\nstatuses: {}\nbroken: {broken}",
        tally.sent,
        tally.seconds,
        tally.sent as f64 / tally.seconds,
        tally.right,
        counted(&tally.statuses),
    )
}
