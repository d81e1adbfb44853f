//! What is measured: the five ways a request can reach the simulated provider, and the processes behind them.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::child::{Child, Cores, free_address};
use crate::load::Template;

/// One way to the provider.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// No proxy at all.
    Direct,
    /// Pingora's own pass-through.
    Bare,
    /// Pointsman, no policy matches the model named.
    Pinned,
    /// Pointsman, the policy only watches.
    Observe,
    /// Pointsman, `model = "auto"`: read, understood, decided, rewritten, accounted.
    Routed,
}

impl Target {
    pub(crate) const ALL: [Target; 5] =
        [Target::Direct, Target::Bare, Target::Pinned, Target::Observe, Target::Routed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Target::Direct => "direct",
            Target::Bare => "bare",
            Target::Pinned => "pinned",
            Target::Observe => "observe",
            Target::Routed => "routed",
        }
    }

    /// The targets named in a comma-separated list, in the order of `ALL`.
    pub(crate) fn list(names: &str) -> Result<Vec<Target>, Box<dyn Error>> {
        let names: Vec<&str> = names.split(',').collect();
        if let Some(unknown) =
            names.iter().find(|name| Target::ALL.iter().all(|target| target.name() != **name))
        {
            return Err(
                format!("no target {unknown:?}; there are direct, bare, pinned, observe, routed").into()
            );
        }
        Ok(Target::ALL.into_iter().filter(|target| names.contains(&target.name())).collect())
    }

    fn model(self) -> &'static str {
        match self {
            Target::Direct | Target::Bare | Target::Pinned | Target::Observe => "bench-large",
            Target::Routed => "auto",
        }
    }

    /// The request this target is sent: the same for all but for the model it names.
    pub(crate) fn request(self, size: BodySize) -> Template {
        let body = chat_body(self.model(), size.bytes());
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: bench.local\r\nuser-agent: OpenAI/Python 2.8.0\r\n\
             accept: application/json\r\ncontent-type: application/json\r\nauthorization: Bearer sk-bench-0000\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let whole = head + &body;
        let digits = whole.find(NUMBER).unwrap_or_default();
        Template { bytes: whole.into_bytes(), digits }
    }
}

/// Stands in the prompt and is overwritten by a count, so that no answer or analysis can come from a cache.
const NUMBER: &str = "00000000";

/// Prose that a chat body is filled up with.
const PROSE: &str = "Our warehouse ships parcels in three sizes and the courier bills by volume, not by weight. \
    Last month the share of large parcels rose from a fifth to a third while the total number stayed the same. \
    Explain step by step how the average price per parcel changes and which figures you would still need. ";

/// Size of a request body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodySize {
    /// 1 KiB: a short chat.
    Small,
    /// 16 KiB: a longer document or history.
    Large,
}

impl BodySize {
    fn bytes(self) -> usize {
        match self {
            BodySize::Small => 1 << 10,
            BodySize::Large => 16 << 10,
        }
    }
}

impl fmt::Display for BodySize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            BodySize::Small => "1 KB",
            BodySize::Large => "16 KB",
        })
    }
}

fn chat_body(model: &str, bytes: usize) -> String {
    let before = format!(
        r#"{{"model":"{model}","messages":[{{"role":"system","content":"You are a careful analyst."}},{{"role":"user","content":"Order {NUMBER}. "#
    );
    let after = r#""}],"temperature":0.2,"max_tokens":512}"#;
    let fill = bytes.saturating_sub(before.len() + after.len());
    let prose: String = PROSE.chars().cycle().take(fill).collect();
    before + &prose + after
}

/// The provider and the proxies, alive as long as this value.
pub(crate) struct Fleet {
    mock: SocketAddr,
    proxies: Vec<Proxy>,
    direct: bool,
    // Dropped after the processes that use it.
    _mock_process: Child,
    _directory: tempfile::TempDir,
}

struct Proxy {
    target: Target,
    address: SocketAddr,
    process: Child,
}

impl Fleet {
    /// Starts the provider and one proxy per target, and waits until each answers.
    pub(crate) async fn start(targets: &[Target], cores: &Cores) -> Result<Fleet, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let (mock_process, mock) = start_mock()?;
        let mut proxies = Vec::new();
        for &target in targets.iter().filter(|target| **target != Target::Direct) {
            let started = Proxy::start(target, mock, directory.path(), cores).await;
            proxies.push(started.map_err(|fault| format!("{} did not start: {fault}", target.name()))?);
        }
        let direct = targets.contains(&Target::Direct);
        Ok(Fleet { mock, proxies, direct, _mock_process: mock_process, _directory: directory })
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> {
        self.direct.then_some(Target::Direct).into_iter().chain(self.proxies.iter().map(|proxy| proxy.target))
    }

    pub(crate) fn address(&self, target: Target) -> Result<SocketAddr, Box<dyn Error>> {
        match target {
            Target::Direct => Ok(self.mock),
            _ => Ok(self.proxy(target)?.address),
        }
    }

    /// CPU time of the target's process; none when there is no proxy.
    pub(crate) fn cpu(&self, target: Target) -> Result<Option<Duration>, Box<dyn Error>> {
        match target {
            Target::Direct => Ok(None),
            _ => self.proxy(target)?.process.cpu().map(Some),
        }
    }

    fn proxy(&self, target: Target) -> Result<&Proxy, Box<dyn Error>> {
        let found = self.proxies.iter().find(|proxy| proxy.target == target);
        found.ok_or_else(|| format!("{} was not started", target.name()).into())
    }
}

fn start_mock() -> Result<(Child, SocketAddr), Box<dyn Error>> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    let mut process = Child::start(command.arg("mock").stdout(Stdio::piped()))?;
    let mut line = String::new();
    BufReader::new(process.output().ok_or("mock without output")?).read_line(&mut line)?;
    Ok((process, line.trim().parse()?))
}

impl Proxy {
    async fn start(
        target: Target,
        mock: SocketAddr,
        directory: &Path,
        cores: &Cores,
    ) -> Result<Proxy, Box<dyn Error>> {
        let address = free_address()?;
        let (mut command, path) = match target {
            Target::Bare => {
                let own = std::env::current_exe()?;
                let mut command = cores.proxy_command(own.to_str().ok_or("path is not text")?);
                command.args(["bare", &address.to_string(), &mock.to_string()]);
                (command, "/")
            }
            _ => {
                let file = directory.join(format!("{}.toml", target.name()));
                std::fs::write(&file, configuration(target, address, mock, directory)?)?;
                let mut command = cores.proxy_command(env!("CARGO_BIN_EXE_pointsman"));
                // At its own log level: what it writes by default is part of its price.
                command.args(["serve", "--config"]).arg(file).env_remove("RUST_LOG");
                (command, "/healthz")
            }
        };
        let log = directory.join(format!("{}.log", target.name()));
        let mut process = Child::start(command.stdout(Stdio::null()).stderr(File::create(&log)?))?;
        let ready = process.ready(address, path).await;
        ready.map_err(|fault| format!("{fault}\n{}", std::fs::read_to_string(&log).unwrap_or_default()))?;
        Ok(Proxy { target, address, process })
    }
}

fn configuration(
    target: Target,
    listen: SocketAddr,
    mock: SocketAddr,
    directory: &Path,
) -> Result<String, Box<dyn Error>> {
    let admin = free_address()?;
    let ledger = directory.join(format!("{}.db", target.name()));
    let ledger = ledger.to_str().ok_or("path is not text")?;
    let policy = match target {
        Target::Observe => policy("observe", "bench-large"),
        Target::Routed => policy("route", "auto"),
        Target::Direct | Target::Bare | Target::Pinned => String::new(),
    };
    Ok(format!(
        r#"[server]
listen = ["{listen}"]
admin = "{admin}"
threads = 1
default_provider = {{ openai = "mock" }}

[[providers]]
id = "mock"
dialect = "openai"
base_url = "http://{mock}/v1"
auth = "bearer"
credential = "passthrough"

{models}
{policy}
[ledger]
path = "{ledger}"
"#,
        models = model("small", "edge", 0.15)
            + &model("medium", "specialist", 0.8)
            + &model("large", "frontier", 2.5),
    ))
}

fn model(id: &str, tier: &str, price: f64) -> String {
    let (output, quality) = (price * 4.0, 0.8 + price / 100.0);
    format!(
        r#"[[models]]
id = "bench-{id}"
tier = "{tier}"
context_tokens = 128000
max_output_tokens = 16000
capabilities = ["tools", "json_schema", "vision"]
price = {{ input = {price:?}, output = {output:?}, cache_read = {price:?}, valid_from = "2026-01-01" }}
quality = {{ default = {quality:?} }}
deployments = [{{ provider = "mock", upstream_name = "bench-{id}" }}]

"#
    )
}

fn policy(mode: &str, name: &str) -> String {
    format!(
        r#"[[policies]]
name = "bench"
match = {{ models = ["{name}"] }}
mode = "{mode}"
baseline = "bench-large"
candidates = ["bench-small", "bench-medium", "bench-large"]
license = "prior"
max_quality_loss = 0.1
fallback = ["bench-large"]

"#
    )
}
