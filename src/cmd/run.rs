//! `run`: one command with its traffic intercepted. The proxy runs in this process on free ports of loopback, with the
//! configured authority or one that lives as long as the command; the environment tells the command of both. At its end it
//! says what was spent and what routing would have cost.

mod account;
mod trust;

use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{self, SignalKind, signal};

use self::trust::Folder;
use crate::app::InProcess;
use crate::config::{self, SecretSource};
use crate::intercept::Authority;

/// Arguments of `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The command and its arguments, behind `--`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

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
        Authority::load(&settings.intercept.ca, names.clone())
    } else {
        Authority::new(names.clone())
    };
    let authority = Arc::new(authority.map_err(|error| error.to_string())?);
    let folder = Folder::new()?;
    let mut environment = trust::variables(&folder, authority.pem())?;
    environment.extend(exceptions(&names));
    let (run, since_ms) = (format!("{:016x}", rand::random::<u64>()), now_ms());
    let proxy = InProcess::intercepting(config, settings, (authority, &run));
    let proxy = proxy.await.map_err(|error| error.to_string())?;
    let Some(address) = proxy.intercept else { return Err("the listener did not open".to_owned()) };
    let mut command = Command::new(&arguments.command[0]);
    command.args(&arguments.command[1..]).envs(environment).env("NODE_USE_ENV_PROXY", "1");
    // Its address may hold a password, so it is not repeated.
    if ["HTTPS_PROXY", "https_proxy"].iter().any(|name| std::env::var_os(name).is_some()) {
        eprintln!("pointsman: stands in for HTTPS_PROXY, and goes on directly: the former proxy is not used");
    }
    let address = format!("http://{address}");
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, &address);
    }
    let failed = |error| format!("{}: {error}", arguments.command[0]);
    let status = waited(command).await.map_err(failed)?;
    let (ledger, metrics) = (proxy.ledger_path.clone(), proxy.metrics());
    proxy.stop().await;
    let mut said = match account::of(&ledger, (&run, since_ms)) {
        Ok(all) if all.requests == 0 => {
            format!("{}\n{}", account::spent(&all), account::nothing_came(&metrics, &names).await)
        }
        Ok(all) => account::spent(&all),
        Err(fault) => format!("pointsman: no account: {fault}"),
    };
    said.push('\n');
    // The command's own status is worth more than ours, and a terminal that hung up takes nothing.
    let _ = io::stderr().write_all(said.as_bytes());
    Ok(status)
}

/// Runs the command to its end. The terminal sends an interrupt to the command too, which ends by itself; whoever ends us, or
/// hangs up, means the command, and the sums are printed after it.
async fn waited(mut command: Command) -> io::Result<ExitStatus> {
    let mut terminations = signal(SignalKind::terminate())?;
    // Whoever was told to ignore it (`nohup`) goes on, and so does the command, which a handler of ours would deprive of that.
    let mut hangups = if ignores_hangups() { None } else { Some(signal(SignalKind::hangup())?) };
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    let mut end = tokio::task::spawn_blocking(move || child.wait());
    loop {
        tokio::select! {
            ended = &mut end => return ended.map_err(io::Error::other)?,
            _ = tokio::signal::ctrl_c() => {}
            // It may just have ended.
            _ = terminations.recv() => drop(kill_process(pid, Signal::TERM)),
            () = next(&mut hangups) => drop(kill_process(pid, Signal::HUP)),
        }
    }
}

/// The next signal of a kind that is listened for, or never.
async fn next(signals: &mut Option<unix::Signal>) {
    match signals {
        Some(signals) => drop(signals.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether this process was started with hang-ups ignored, as far as the system shows it.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Where the command goes without a proxy: to this machine, and wherever its caller says. A provider's host among that is said, for
/// what goes there is not seen.
fn exceptions(hosts: &[String]) -> [(&'static str, String); 2] {
    let given = ["NO_PROXY", "no_proxy"].map(|name| std::env::var(name).unwrap_or_default());
    let [upper, lower] = &given;
    let given = if upper == lower { vec![upper] } else { vec![upper, lower] };
    let mut all = "localhost,127.0.0.1,::1".to_owned();
    for given in given.into_iter().filter(|given| !given.is_empty()) {
        all = format!("{all},{given}");
    }
    let past: Vec<&str> = hosts.iter().filter(|host| is_excepted(&all, host)).map(String::as_str).collect();
    if !past.is_empty() {
        eprintln!("pointsman: NO_PROXY names {}: what goes there goes past, unseen", past.join(", "));
    }
    [("NO_PROXY", all.clone()), ("no_proxy", all)]
}

/// Whether a list of exceptions names a host: itself, a domain it is below, or everything.
fn is_excepted(list: &str, host: &str) -> bool {
    list.split([',', ' ']).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map_or(entry, |(entry, _)| entry);
        let domain = entry.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
        entry == "*" || host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
    })
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::is_excepted;

    #[test]
    fn an_exception_is_a_host_a_domain_or_everything() {
        for (list, named) in [
            ("localhost,127.0.0.1,::1", false),
            ("localhost, API.openai.com", true),
            (".openai.com", true),
            ("*.openai.com", true),
            ("openai.com:443", true),
            ("*", true),
            ("penai.com", false),
            ("x.api.openai.com", false),
            ("api.openai.com.example", false),
            (",,", false),
        ] {
            assert_eq!(is_excepted(list, "api.openai.com"), named, "{list}");
        }
    }
}
