//! What one decision takes of its thread, from the bytes of the body to the plan: parse, features, understanding,
//! estimates, choice. Not a criterion group: what counts is the slowest call in a hundred, in CPU time of the thread, so
//! that a busy machine does not show. Every prompt differs from all others, so nothing can come from a cache; the last
//! column is the same prompts once more.
//!
//! `cargo bench --bench decision` prints one line a length and catalogue, and how long the predictor takes to load.

mod scene;

use std::hint::black_box;
use std::io::Read;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use pointsman::analysis::{Features, Limits, extract};
use pointsman::catalog::Snapshot;
use pointsman::codec::{ChatRequest, Scratch, read};
use pointsman::pipeline::Foresight;
use pointsman::routing::{
    DeploymentLive, Facts, Inputs, Live, SessionLive, WholeTime, analyse_and_decide, forecast,
};
use pointsman::types::{Day, Operation};

/// The product's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Prompt lengths in tokens of about four bytes.
const TOKENS: [usize; 4] = [20, 200, 1_000, 4_000];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Under `cargo test --benches` a few calls are enough.
    let calls = if std::env::args().any(|argument| argument == "--bench") { 4_000 } else { 8 };
    let prose = prose()?;
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["tokens", "models", "p50 us", "p99 us", "max us", "again: p99 us"]);
    for tokens in TOKENS {
        for models in [3, 16] {
            let snapshot = scene::snapshot(models);
            let bodies = bodies(&prose, 4 * tokens, calls);
            let foresight = Foresight::default();
            let times = sorted(times(&snapshot, &foresight, &bodies));
            let again = sorted(times_again(&snapshot, &foresight, &bodies));
            let at = |times: &[Duration], share: f64| {
                let time = times[((times.len() - 1) as f64 * share).round() as usize];
                format!("{:.1}", time.as_nanos() as f64 / 1e3)
            };
            let figures = [at(&times, 0.5), at(&times, 0.99), at(&times, 1.0), at(&again, 0.99)];
            table.add_row([tokens.to_string(), models.to_string()].into_iter().chain(figures));
        }
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    let began = thread_cpu();
    let snapshot = scene::snapshot(16);
    let took = thread_cpu().saturating_sub(began);
    let learned = snapshot.learned.as_ref().ok_or("the scene has no predictor")?;
    println!(
        "a configuration with the predictor loads in {:.1} ms; {} targets, {} bytes of weights, {} curves",
        took.as_secs_f64() * 1e3,
        learned.predictor.card.targets.len(),
        learned.predictor.card.rows() * learned.predictor.card.targets.len(),
        learned.curves.len()
    );
    Ok(())
}

fn sorted(mut times: Vec<Duration>) -> Vec<Duration> {
    times.sort_unstable();
    times
}

/// The prompts that are still remembered, once more.
fn times_again(snapshot: &Snapshot, foresight: &Foresight, bodies: &[String]) -> Vec<Duration> {
    times(snapshot, foresight, &bodies[bodies.len() / 2..])
}

/// The real prompts of the demo.
fn prose() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&include_bytes!("data/demo.jsonl.gz")[..]).read_to_string(&mut text)?;
    let rows = text.lines().map(serde_json::from_str::<serde_json::Value>).collect::<Result<Vec<_>, _>>()?;
    Ok(rows.iter().filter_map(|row| row["prompt"].as_str().map(str::to_owned)).collect())
}

/// CPU time of each call.
fn times(snapshot: &Snapshot, foresight: &Foresight, bodies: &[String]) -> Vec<Duration> {
    let mut scratch = Scratch::default();
    let mut call = |body: &String| {
        let began = thread_cpu();
        let read = read(Operation::ChatCompletions, body.as_bytes(), &mut scratch, |view| {
            let features = extract(view);
            let beyond = snapshot.learned.as_ref().map(|learned| foresight.of(learned, 7, view, &features));
            (features, beyond)
        });
        let decided = read.map(|(request, (features, beyond))| {
            let mut inputs = inputs(snapshot, &request, features);
            inputs.forecast = beyond.and_then(|beyond| forecast(snapshot, &inputs, Some(&beyond)));
            black_box(analyse_and_decide(snapshot, &inputs)).1.is_ok()
        });
        let took = thread_cpu().saturating_sub(began);
        assert_eq!(decided, Ok(true), "every prompt gets a plan");
        took
    };
    // Warm, but not with the prompts that are measured.
    let warm: Vec<String> =
        bodies.iter().take(bodies.len() / 10 + 1).map(|body| body.replace(". ", ", ")).collect();
    warm.iter().for_each(|body| _ = call(body));
    bodies.iter().map(call).collect()
}

fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Requests of real prompts, cut or strung together to a length, each beginning at another place of them.
fn bodies(prose: &[String], bytes: usize, calls: usize) -> Vec<String> {
    let body = |call: usize| {
        let mut prompt = format!("{call}. ");
        for text in prose.iter().cycle().skip(call * 7) {
            prompt.push_str(text);
            prompt.push('\n');
            if prompt.len() >= bytes {
                break;
            }
        }
        let end = (0..=bytes.min(prompt.len())).rev().find(|end| prompt.is_char_boundary(*end)).unwrap_or(0);
        let message = serde_json::json!({ "role": "user", "content": &prompt[..end] });
        serde_json::json!({ "model": "auto", "messages": [message], "max_tokens": 512 }).to_string()
    };
    (0..calls).map(body).collect()
}

fn inputs(snapshot: &Snapshot, request: &ChatRequest, features: Features) -> Inputs {
    let live = DeploymentLive {
        ready: true,
        has_credential: true,
        ttft_ms: 300,
        per_token_us: 9000,
        measured: true,
        answers: Some(100),
        whole: Some(WholeTime { ttft_ms: 200, per_token_us: 8000, ratio_permille: 1700 }),
    };
    Inputs {
        policy: snapshot.policies[0].id.clone(),
        features,
        facts: Facts {
            dialect: request.dialect,
            model_named: request.model.clone(),
            stream: request.stream,
            max_output_tokens: request.max_output_tokens,
            choices: request.choices,
            needs: request.needs,
            hard_markers: request.hard_markers,
            cache_markers: request.cache_markers,
            repeats: request.repeats,
            crossings: Vec::new(),
            refused: Vec::new(),
        },
        limits: Limits::default(),
        live: Live {
            deployments: vec![live; snapshot.deployments.len()],
            session_model: None,
            session: SessionLive::default(),
            room: None,
        },
        day: Day(20_500),
        session_hash: 7,
        forecast: None,
        observe_only: false,
    }
}
