//! CPU a record costs, handle and writer together, over everything it causes: boxing, queue, JSON, SQLite, write-ahead log,
//! checkpoints. Not a criterion group: the work happens on the writer's thread, so the CPU of both threads is counted.
//!
//! `cargo bench --bench ledger` prints one line a case.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pointsman::analysis::{Features, Limits};
use pointsman::catalog::SnapshotVersion;
use pointsman::ledger::{AttemptOutcome, AttemptRow, Entry, Ledger, LedgerSettings, Outcome, Reader, Span};
use pointsman::routing::{
    Basis, Candidate, Decision, DeploymentLive, Estimate, Facts, Inputs, Live, Plan, Reason, SessionLive,
    Source, Verdict, WholeTime, Why,
};
use pointsman::types::{
    AgentStep, Capabilities, Day, Dialect, HardMarkers, ModelId, NanoUsd, Operation, RequestId, Served,
    TaskClass, Usage, UsageSource,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Under `cargo test --benches` a few records are enough.
    let records = if std::env::args().any(|argument| argument == "--bench") { 40_000 } else { 400 };
    println!(
        "{:<34} {:>9} {:>11} {:>11} {:>11}",
        "case", "records/s", "handle us", "writer us", "bytes each"
    );
    for (name, candidates) in
        [("forwarded, no decision", 0), ("decided among 3", 3), ("decided among 16", 16)]
    {
        for per_second in [500, 10_000] {
            measure(name, candidates, per_second, if per_second == 500 { records / 20 } else { records })?;
        }
    }
    Ok(())
}

/// Files `records` at an even rate and prints the CPU of each side.
fn measure(
    name: &str,
    candidates: usize,
    per_second: u64,
    records: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ledger.db");
    let (ledger, writer) =
        Ledger::open(&LedgerSettings { path: path.clone(), retention_days: 0, ..LedgerSettings::default() })?;
    let thread = writer.spawn()?;
    let id = thread_named("ledger").ok_or("the writer's thread is not there")?;
    let sample = entry(candidates);
    let (begin, writer_before) = (Instant::now(), cpu_ns(id));
    let mut handle_ns = 0;
    for burst in 0..records.div_ceil(BURST) {
        let entries: Vec<Entry> = (0..BURST)
            .map(|number| Entry {
                id: RequestId::new(1_790_000_000_000 + burst, u128::from(number) << 64),
                ..sample.clone()
            })
            .collect();
        let filing = Instant::now();
        for entry in entries {
            ledger.record(entry)?;
        }
        handle_ns += filing.elapsed().as_nanos() as u64;
        let due = Duration::from_nanos((burst + 1) * BURST * 1_000_000_000 / per_second);
        std::thread::sleep(due.saturating_sub(begin.elapsed()));
    }
    assert!(ledger.flush());
    let written = ledger.counts().written;
    let rate = written as f64 / begin.elapsed().as_secs_f64();
    let writer_ns = cpu_ns(id) - writer_before;
    drop(ledger);
    thread.join().map_err(|_| "the writer did not end in order")?;
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    let mut read = 0;
    Reader::open(&path)?.each(Span::ALL, |_| {
        read += 1;
        true
    })?;
    assert_eq!(read, written);
    let each = |sum: u64| sum as f64 / written as f64;
    println!(
        "{name:<34} {rate:>9.0} {:>11.2} {:>11.2} {:>11.0}",
        each(handle_ns) / 1000.0,
        each(writer_ns) / 1000.0,
        each(bytes)
    );
    Ok(())
}

/// Records filed at once.
const BURST: u64 = 10;

/// CPU time of one thread of this process, by the scheduler's own account.
fn cpu_ns(thread: u32) -> u64 {
    std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or(0)
}

fn thread_named(name: &str) -> Option<u32> {
    // A thread names itself after it has begun.
    std::thread::sleep(Duration::from_millis(20));
    let mut threads = std::fs::read_dir("/proc/self/task").ok()?.filter_map(Result::ok);
    threads.find_map(|thread| {
        let comm = std::fs::read_to_string(thread.path().join("comm")).ok()?;
        (comm.trim() == name).then(|| thread.file_name().to_str()?.parse().ok())?
    })
}

fn entry(candidates: usize) -> Entry {
    let decided = candidates > 0;
    let usage = Usage { input: 812, cache_read: 1024, output: 240, ..Usage::default() };
    Entry {
        id: RequestId(0),
        client: Some("app".into()),
        tenant: 0x9e37_79b9_7f4a_7c15,
        policy: decided.then(|| "default".into()),
        dialect: Some(Dialect::OpenAi),
        operation: Operation::ChatCompletions,
        model_asked: Some("auto".into()),
        served: if decided { Served::Routed } else { Served::Pinned },
        reason: Cow::Borrowed(if decided { "cheapest" } else { "no_policy" }),
        task: Some(TaskClass::Code),
        complexity: Some(0.43),
        step: Some(AgentStep::None),
        stream: true,
        status: 200,
        outcome: Outcome::Ok,
        model: Some("small-model".into()),
        cost: Some(NanoUsd(342_600)),
        cost_estimated: false,
        usage,
        baseline: decided.then(|| "large-model".into()),
        baseline_cost: decided.then_some(NanoUsd(9_342_600)),
        would_model: None,
        would_cost: None,
        ttft_us: Some(412_345),
        total_us: 3_412_345,
        overhead_us: 132,
        session: 0x1234_5678_9abc_def0,
        tags: BTreeMap::from([("team".into(), "search".into())]),
        snapshot: SnapshotVersion::of(&["bench"]),
        attempts: vec![attempt(usage)],
        inputs: decided.then(|| Box::new(inputs(candidates))),
        decision: decided.then(|| Box::new(decision(candidates))),
    }
}

fn attempt(usage: Usage) -> AttemptRow {
    AttemptRow {
        number: 0,
        model: Some("small-model".into()),
        deployment: Some("small-model@openai".into()),
        provider: "openai".into(),
        outcome: AttemptOutcome::Ok,
        status: Some(200),
        started_us: 150,
        ttft_us: Some(412_195),
        total_us: 3_412_195,
        usage,
        usage_source: UsageSource::Provider,
        cost: Some(NanoUsd(342_600)),
        maybe_billed: false,
        provider_request_id: Some("req_0123456789abcdef0123456789abcdef".into()),
        fault: None,
        tried: None,
    }
}

fn inputs(deployments: usize) -> Inputs {
    let live = DeploymentLive {
        ready: true,
        has_credential: true,
        ttft_ms: 412,
        per_token_us: 12_500,
        measured: true,
        answers: Some(100),
        whole: Some(WholeTime { ttft_ms: 290, per_token_us: 9_000, ratio_permille: 1_740 }),
    };
    Inputs {
        policy: "default".into(),
        features: Features { version: 1, ..Features::default() },
        facts: Facts {
            dialect: Dialect::OpenAi,
            model_named: "auto".into(),
            stream: true,
            max_output_tokens: Some(1024),
            choices: 1,
            needs: Capabilities::TOOLS,
            hard_markers: HardMarkers::default(),
            cache_markers: false,
            repeats: false,
            crossings: Vec::new(),
            refused: Vec::new(),
        },
        limits: Limits::default(),
        live: Live {
            deployments: vec![live; deployments],
            session_model: None,
            session: SessionLive::default(),
            room: None,
        },
        day: Day(20_000),
        session_hash: 0x1234_5678_9abc_def0,
        forecast: None,
        observe_only: false,
    }
}

fn decision(candidates: usize) -> Decision {
    Decision {
        served: Served::Routed,
        reason: Reason::Cheapest,
        plan: Plan::Single("small-model".into()),
        fallback: vec!["large-model".into()],
        baseline: Some("large-model".into()),
        would: None,
        would_reason: None,
        candidates: (0..candidates).map(candidate).collect(),
        propensity: 0.95,
    }
}

fn candidate(number: usize) -> Candidate {
    let mean = 0.612_345_678 + number as f64 / 64.0;
    Candidate {
        plan: Plan::Single(ModelId::from(format!("model-number-{number}").as_str())),
        quality: Estimate { low: mean - 0.031_234_567, mean, high: mean + 0.031_234_567 },
        cost: Some(NanoUsd(342_600)),
        ahead: None,
        worst_cost: Some(NanoUsd(1_342_600)),
        ttft_ms: 412,
        total_ms: 3_400,
        timing: Some(Basis { first_token: Source::Measured, whole: Source::Measured, answers: 240 }),
        verdict: match number % 3 {
            0 => Verdict::Eligible { on_frontier: true },
            1 => Verdict::Eligible { on_frontier: false },
            _ => Verdict::Ineligible(Why::NoEvidence),
        },
    }
}
