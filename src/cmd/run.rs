//! `run`: one command with its traffic intercepted. The proxy runs in this process on free ports of loopback, with the
//! configured authority or one that lives as long as the command; the environment tells the command of both. At its end it
//! says what was spent and what routing would have cost.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use super::explain;
use super::report::{WOULD_BASIS, usd};
use crate::app::{InProcess, RUN_TAG};
use crate::catalog::SnapshotVersion;
use crate::config::{self, SecretSource};
use crate::intercept::Authority;
use crate::ledger::{By, Group, Reader, Span, totals};

/// Arguments of `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The command and its arguments, behind `--`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Where systems keep the certificates they trust. Clients that are told of one more file by `SSL_CERT_FILE` read no other.
const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/openssl@3/cert.pem",
];

/// Runs the command; its exit status is passed on.
pub fn run(config: &Path, arguments: &RunArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ran = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(intercepted(config, arguments)));
    match ran {
        Ok(status) => exit_code(status),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A signal ends a command as a shell reports it: 128 and the signal's number.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

async fn intercepted(config: &Path, arguments: &RunArgs) -> Result<ExitStatus, String> {
    let settings = config::load(config, SecretSource::Environment).map_err(|faults| faults.to_string())?;
    let names = settings.intercept.names();
    let authority = if settings.intercept.ca.key.exists() {
        Authority::load(&settings.intercept.ca, names)
    } else {
        Authority::new(names)
    };
    let authority = Arc::new(authority.map_err(|error| error.to_string())?);
    let folder = Folder::new()?;
    let environment = environment(&folder, authority.pem())?;
    let (run, since_ms) = (format!("{:016x}", rand::random::<u64>()), now_ms());
    let proxy = InProcess::intercepting(config, settings, (authority, &run));
    let proxy = proxy.await.map_err(|error| error.to_string())?;
    let Some(address) = proxy.intercept else { return Err("the listener did not open".to_owned()) };
    let mut command = Command::new(&arguments.command[0]);
    command.args(&arguments.command[1..]).envs(environment);
    let address = format!("http://{address}");
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, &address);
    }
    let failed = |error| format!("{}: {error}", arguments.command[0]);
    let status = waited(command).await.map_err(failed)?;
    let ledger = proxy.ledger_path.clone();
    proxy.stop().await;
    // The command's own status is worth more than ours.
    eprintln!(
        "{}",
        spent(&ledger, (&run, since_ms)).unwrap_or_else(|fault| format!("pointsman: no account: {fault}"))
    );
    Ok(status)
}

/// Runs the command to its end. The terminal sends an interrupt to the command too, which ends by itself; whoever ends us
/// means the command, and the sums are printed after it.
async fn waited(mut command: Command) -> io::Result<ExitStatus> {
    let mut terminations = signal(SignalKind::terminate())?;
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    let mut end = tokio::task::spawn_blocking(move || child.wait());
    loop {
        tokio::select! {
            ended = &mut end => return ended.map_err(io::Error::other)?,
            _ = tokio::signal::ctrl_c() => {}
            // It may just have ended.
            _ = terminations.recv() => drop(kill_process(pid, Signal::TERM)),
        }
    }
}

/// What clients of several runtimes read.
fn environment(folder: &Folder, pem: &str) -> Result<Vec<(&'static str, String)>, String> {
    let own = folder.write("ca.pem", pem)?;
    let given = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let roots = given.into_iter().chain(SYSTEM_ROOTS.map(PathBuf::from));
    let roots = roots.filter_map(|path| fs::read_to_string(path).ok()).next().unwrap_or_default();
    if roots.is_empty() {
        eprintln!(
            "pointsman: no root certificates found (SSL_CERT_FILE): hosts off the list will not be trusted"
        );
    }
    // Its address may hold a password, so it is not repeated.
    if ["HTTPS_PROXY", "https_proxy"].iter().any(|name| std::env::var_os(name).is_some()) {
        eprintln!("pointsman: stands in for HTTPS_PROXY, and goes on directly: the former proxy is not used");
    }
    let bundle = folder.write("bundle.pem", &format!("{roots}\n{pem}"))?;
    let given = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")).ok();
    let given = given.filter(|given| !given.is_empty()).map(|given| format!(",{given}")).unwrap_or_default();
    let local = format!("localhost,127.0.0.1,::1{given}");
    let mut set = vec![
        ("NODE_EXTRA_CA_CERTS", own),
        ("NODE_USE_ENV_PROXY", "1".to_owned()),
        ("NO_PROXY", local.clone()),
        ("no_proxy", local),
    ];
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"] {
        set.push((name, bundle.clone()));
    }
    Ok(set)
}

/// The account of one run, which began then: others may write to the same ledger meanwhile.
fn spent(ledger: &Path, (run, since_ms): (&str, u64)) -> Result<String, String> {
    let reader = Reader::open(ledger).map_err(|error| error.to_string())?;
    let span = Span { since_ms, until_ms: Span::ALL.until_ms };
    let catalogue = |version: &SnapshotVersion| explain::rebuild(&reader, version).ok();
    let sums = totals(&reader, &By::Tag(RUN_TAG.to_owned()), span, &catalogue);
    let groups = sums.map_err(|error| error.to_string())?.groups;
    let all = groups.into_iter().find(|group| group.key == run).unwrap_or_else(Group::default);
    let cost = all.cost.known_usd().map_or_else(|| "unpriced".to_owned(), usd);
    let mut text = format!("pointsman: {} requests, spent {cost}", all.requests);
    if all.cost.unpriced > 0 {
        text += &format!(" and {} requests without a price", all.cost.unpriced);
    }
    if let Some(observed) = &all.observed {
        text += &format!(
            "\npointsman: {} of them were observed at {}; routed they would have cost between {} and {} ({WOULD_BASIS}), \
             quality unknown (0 pairs)",
            observed.requests,
            usd(observed.cost_usd),
            usd(observed.would_low_usd),
            usd(observed.would_high_usd)
        );
    }
    Ok(text)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A folder of the command's time, readable by its owner only.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("pointsman-run-{:016x}", rand::random::<u64>()));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map(|()| Self(path.clone())).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn write(&self, name: &str, text: &str) -> Result<String, String> {
        let path = self.0.join(name);
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
