//! What Pointsman costs: CPU and latency per request beside a bare Pingora proxy and beside no proxy at all.
//!
//! One program in several processes: it starts itself again as the simulated provider (`mock`) and as the bare
//! Pingora pass-through (`bare`), and the `pointsman` binary once per mode. All run from the same lock file, in the
//! same minute, in interleaved rounds; each proxy has one worker thread and, where possible, one core of its own.
//! Figures are medians over the rounds, ratios are taken within a round. It never compares with an earlier run:
//! that is what the files in `benches/results` are for.
//!
//! Run it by `scripts/bench.sh`; `--help` names the options.

mod child;
mod load;
mod report;
mod roles;
mod target;

use std::error::Error;
use std::time::Duration;

use child::Cores;
use load::Load;
use report::{Cell, Sample};
use target::{BodySize, Fleet, Target};

/// The bench shares the product's allocator, so that `bare` differs from it by the proxy alone.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
overhead: CPU and latency per request of direct, bare Pingora, pinned, observe and routed

  --quick            one short round; for a smoke test, not for figures
  --rounds N         interleaved rounds (3)
  --seconds S        measured seconds per cell and round (1.0)
  --targets A,B      of direct,bare,pinned,observe,routed (all)
  --save [NAME]      also write benches/results/NAME.json (overhead)
  --check            exit 1 when a limit is broken: CPU pinned <= 1.1 and routed <= 1.8 of bare, p50 added <= 0.15 ms";

/// What the command line asked for.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) measured: Duration,
    pub(crate) targets: Vec<Target>,
    pub(crate) save: Option<String>,
    pub(crate) check: bool,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.first().map(String::as_str) {
        Some("mock") => roles::mock(),
        Some("bare") => roles::bare(&words[1..]),
        // `cargo test --benches` runs this program without `--bench`: nothing to test here.
        _ if !words.iter().any(|word| word == "--bench") => Ok(()),
        _ => bench(&words),
    };
    if let Err(fault) = outcome {
        eprintln!("overhead: {fault}");
        std::process::exit(1);
    }
}

fn bench(words: &[String]) -> Result<(), Box<dyn Error>> {
    let Some(options) = options(words)? else {
        println!("{HELP}");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cells = runtime.block_on(async {
        tokio::select! {
            cells = measure(&options) => cells,
            // The children end with the fleet that `measure` owns, which is dropped here.
            _ = stopped() => Err("stopped by a signal".into()),
        }
    })?;
    report::print(&cells);
    if let Some(name) = &options.save {
        report::save(name, &options, &cells)?;
    }
    if options.check { report::check(&cells) } else { Ok(()) }
}

fn options(words: &[String]) -> Result<Option<Options>, Box<dyn Error>> {
    let mut options = Options {
        rounds: 3,
        measured: Duration::from_secs(1),
        targets: Target::ALL.to_vec(),
        save: None,
        check: false,
    };
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        match word {
            "--bench" => {}
            "--help" | "-h" => return Ok(None),
            "--quick" => (options.rounds, options.measured) = (1, Duration::from_millis(300)),
            "--rounds" => options.rounds = words.next().ok_or("--rounds needs a number")?.parse()?,
            "--seconds" => {
                let seconds: f64 = words.next().ok_or("--seconds needs a number")?.parse()?;
                options.measured = Duration::try_from_secs_f64(seconds)?;
            }
            "--targets" => options.targets = Target::list(words.next().ok_or("--targets needs names")?)?,
            "--check" => options.check = true,
            "--save" => {
                options.save =
                    Some(words.next_if(|next| !next.starts_with("--")).unwrap_or("overhead").to_owned());
            }
            other => return Err(format!("unknown option {other}; --help names them").into()),
        }
    }
    if options.rounds == 0 || options.measured.is_zero() {
        return Err("--rounds and --seconds must be above zero".into());
    }
    Ok(Some(options))
}

/// Each round visits every cell, and each cell every target one after the other, so that a slow minute of the machine
/// falls on all of them; the first target changes from round to round.
async fn measure(options: &Options) -> Result<Vec<Cell>, Box<dyn Error>> {
    let cores = Cores::split();
    eprintln!("{}", cores.describe());
    let fleet = Fleet::start(&options.targets, &cores).await?;
    let mut cells = Vec::new();
    for (size, load) in plan() {
        cells.extend(fleet.targets().map(|target| Cell::new(size, load, target)));
    }
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        for group in cells.chunk_by_mut(|a, b| (a.size, a.load) == (b.size, b.load)) {
            let first = round % group.len();
            group.rotate_left(first);
            for cell in group.iter_mut() {
                let sample = visit(&fleet, cell, options.measured).await?;
                cell.samples.push(sample);
            }
            group.rotate_right(first);
        }
    }
    Ok(cells)
}

/// The cells: closed loops show CPU per request, a fixed rate shows latency without queueing.
fn plan() -> Vec<(BodySize, Load)> {
    vec![
        (BodySize::Small, Load::Closed { connections: 1 }),
        (BodySize::Small, Load::Open { per_second: 1000 }),
        (BodySize::Small, Load::Closed { connections: 32 }),
        (BodySize::Large, Load::Closed { connections: 1 }),
        (BodySize::Large, Load::Closed { connections: 32 }),
    ]
}

async fn visit(fleet: &Fleet, cell: &Cell, measured: Duration) -> Result<Sample, Box<dyn Error>> {
    let request = cell.target.request(cell.size);
    let address = fleet.address(cell.target)?;
    load::run(address, &request, cell.load, measured / 5).await?;
    let before = fleet.cpu(cell.target)?;
    let run = load::run(address, &request, cell.load, measured).await.map_err(|fault| cell.blame(&fault))?;
    // What a request leaves behind (ledger, statistics) is part of its price: wait for one group commit.
    tokio::time::sleep(Duration::from_millis(120)).await;
    let after = fleet.cpu(cell.target)?;
    Ok(Sample::new(run, after.zip(before).map(|(after, before)| after.saturating_sub(before))))
}

async fn stopped() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
