//! `pointsman demo`: simulated providers, the proxy in this process, real prompts through it, and what came of them.
//! Starts and prints; what is asked and how it is judged stands in the demo room.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::ProgressBar;

use super::progress::bar;

use crate::app::InProcess;
use crate::config::SecretSource;
use crate::demo::providers::{Knowledge, Provider, Refusing};
use crate::demo::sample::{MODELS, Sample};
use crate::demo::settings::{Places, config_text};
use crate::demo::summary::Summary;
use crate::demo::{Observation, evidence, print, table};

/// Arguments of `demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Only the simulated providers, until interrupted; both dialects and all three models at one address
    #[arg(long)]
    pub providers_only: bool,
    /// Where the simulated providers listen with --providers-only
    #[arg(long, default_value = "127.0.0.1:9090", requires = "providers_only")]
    pub listen: SocketAddr,
    /// Ask only the first so many prompts
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
}

/// About as many lines of the live table as fit a screen or two.
const LINES: u64 = 40;

/// Runs the demo; the code says whether every request went as it was meant to.
pub fn run(args: &DemoArgs, json: bool) -> ExitCode {
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))
        .and_then(|runtime| runtime.block_on(run_inside(args, json)));
    match done {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            problems.iter().for_each(|problem| eprintln!("demo: {problem}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What did not go as it should, or why there was no demo at all.
async fn run_inside(args: &DemoArgs, json: bool) -> Result<Vec<String>, String> {
    let sample = Arc::new(Sample::load().map_err(|error| error.to_string())?);
    if args.providers_only {
        serve_providers(args.listen, sample).await?;
        return Ok(Vec::new());
    }
    let limit = args.limit.map_or(usize::MAX, |limit| limit as usize);
    let summary = run_demo(&sample, limit, json).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&summary).map_err(|error| error.to_string())?);
    }
    Ok(summary.problems())
}

async fn serve_providers(listen: SocketAddr, sample: Arc<Sample>) -> Result<(), String> {
    let provider = start_provider(listen, &[0, 1, 2], &Arc::new(Knowledge::of(sample))).await?;
    println!("simulated providers at http://{} (OpenAI: /v1, Anthropic: /); Ctrl-C ends", provider.addr);
    tokio::select! {
        () = provider.wait() => Err(String::from("the simulated providers ended")),
        stopped = stop_signal() => stopped.map_err(|error| error.to_string()),
    }
}

/// Ctrl-C, or what a container's supervisor sends.
async fn stop_signal() -> io::Result<()> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped,
        _ = terminated.recv() => Ok(()),
    }
}

async fn run_demo(sample: &Arc<Sample>, limit: usize, json: bool) -> Result<Summary, String> {
    let folder = own_folder().map_err(|error| format!("no folder for the demo's ledger: {error}"))?;
    let knowledge = Arc::new(Knowledge::of(sample.clone()));
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut providers = Vec::with_capacity(MODELS);
    for model in 0..MODELS {
        providers.push(start_provider(loopback, &[model], &knowledge).await?);
    }
    let refusing = Refusing::start().map_err(|error| format!("no address that refuses: {error}"))?;
    let places = Places {
        providers: std::array::from_fn(|model| providers[model].addr),
        refusing: refusing.addr,
        ledger: &folder.join("ledger.db"),
        profile: &folder.join("evidence.json"),
    };
    let evidence = evidence::evidence(sample);
    let profile = evidence::profile(&evidence).map_err(|error| error.to_string())?;
    let config = config_text(sample, &places);
    keep(&folder, &config, &profile).map_err(|error| format!("{}: {error}", folder.display()))?;
    let proxy = start_proxy(&config, &profile).await?;
    if !json {
        println!("{}", print::introduction(sample, &evidence));
    }
    let summary = ask(&proxy, sample, limit, json).await;
    let addr = proxy.data;
    proxy.stop().await;
    if !json {
        println!("{}", print::summary(&summary));
        println!("{}", print::how_to_go_on(&folder.display().to_string(), addr));
    }
    Ok(summary)
}

/// Starts the proxy in this process, on a loopback port of its own choice.
async fn start_proxy(config: &str, profile: &str) -> Result<InProcess, String> {
    // Nothing in the demo's configuration refers to a secret.
    InProcess::start(config, profile, SecretSource::Map(HashMap::new()))
        .await
        .map_err(|error| format!("the proxy did not start: {error}"))
}

async fn ask(proxy: &InProcess, sample: &Arc<Sample>, limit: usize, json: bool) -> Summary {
    let rows = sample.test.len().min(limit) as u64;
    let progress = if json { ProgressBar::hidden() } else { bar("prompts", rows) };
    if !json {
        println!("{}", table::heading());
    }
    let every = rows.div_ceil(LINES).max(1);
    let mut answered = 0;
    let watch = |observation: &Observation| {
        if !json && (answered % every == 0 || observation.problem.is_some()) {
            progress.suspend(|| println!("{}", table::line(observation)));
        }
        answered += 1;
        progress.inc(1);
    };
    let summary = crate::demo::run(proxy.data, sample, limit, watch).await;
    progress.finish_and_clear();
    if !json && every > 1 {
        println!("(one line in {every} is shown; --json has them all)");
    }
    summary
}

async fn start_provider(
    listen: SocketAddr,
    models: &[usize],
    knowledge: &Arc<Knowledge>,
) -> Result<Provider, String> {
    let started = Provider::start(listen, models, knowledge.clone()).await;
    started.map_err(|error| format!("simulated provider at {listen}: {error}"))
}

/// A new folder that nobody else had before: the ledger stays there to be looked at.
fn own_folder() -> io::Result<PathBuf> {
    let base = std::env::temp_dir();
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    for attempt in 0..100 {
        let folder = base.join(format!("pointsman-demo-{}-{attempt}", std::process::id()));
        match builder.create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|()| folder),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

fn keep(folder: &Path, config: &str, profile: &str) -> io::Result<()> {
    std::fs::write(folder.join("demo.toml"), config)?;
    std::fs::write(folder.join("evidence.json"), profile)
}
