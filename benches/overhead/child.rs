//! Processes the bench starts: where they run, how much CPU they have used, and that they end.
//!
//! A `Child` is killed by its own handle when dropped, on every path out of the bench. It never looks for processes
//! it has not started.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Kernel clock ticks per second in `/proc/PID/stat`: 100 on every Linux that user space sees.
const TICKS_PER_SECOND: u64 = 100;

/// Which core the proxy under test has to itself; load and provider share the others.
pub(crate) struct Cores {
    proxy: Option<usize>,
}

impl Cores {
    /// Moves this process (and all it will start) off the last core it may use, and gives that core to the proxies.
    /// Without `taskset` or a second core everything shares.
    pub(crate) fn split() -> Cores {
        let mut allowed = allowed_cores().unwrap_or_default();
        let proxy = if allowed.len() > 1 { allowed.pop() } else { None };
        let own: Vec<String> = allowed.iter().map(usize::to_string).collect();
        let moved = proxy.is_some()
            && Command::new("taskset")
                .args(["-p", "-c", &own.join(","), &std::process::id().to_string()])
                .stdout(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
        Cores { proxy: proxy.filter(|_| moved) }
    }

    /// One line for the reader of the figures.
    pub(crate) fn describe(&self) -> String {
        match self.proxy {
            Some(core) => {
                format!("each proxy: one thread, pinned to core {core}; load and provider on the others")
            }
            None => "no taskset or one core only: proxy, load and provider share; read ratios, not times"
                .to_owned(),
        }
    }

    /// A command that runs `program` on the proxy's core. `taskset` replaces itself, so the pid is the program's.
    pub(crate) fn proxy_command(&self, program: &str) -> Command {
        match self.proxy {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string(), program]);
                command
            }
            None => Command::new(program),
        }
    }
}

fn allowed_cores() -> Option<Vec<usize>> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cores = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cores.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(cores)
}

/// A started process that ends with its handle.
pub(crate) struct Child(std::process::Child);

impl Child {
    /// Starts `command` with a standard input that stays open as long as this bench lives: the bench's own roles end
    /// when it closes, even if the bench is killed.
    pub(crate) fn start(command: &mut Command) -> io::Result<Child> {
        command.stdin(Stdio::piped()).spawn().map(Child)
    }

    /// The process's standard output, once.
    pub(crate) fn output(&mut self) -> Option<std::process::ChildStdout> {
        self.0.stdout.take()
    }

    /// User and system time of all threads so far.
    pub(crate) fn cpu(&self) -> Result<Duration, Box<dyn Error>> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The second field, the name, may hold blanks: count from the parenthesis that ends it.
        let (_, fields) = stat.rsplit_once(')').ok_or("unreadable /proc/PID/stat")?;
        let mut fields = fields.split_ascii_whitespace().skip(11);
        let mut next =
            || -> Result<u64, Box<dyn Error>> { Ok(fields.next().ok_or("short /proc/PID/stat")?.parse()?) };
        let ticks = next()? + next()?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }

    /// Waits until `address` answers `GET path` with 200, at most ten seconds.
    pub(crate) async fn ready(&mut self, address: SocketAddr, path: &str) -> Result<(), Box<dyn Error>> {
        let probe = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        for _ in 0..100 {
            if let Some(status) = self.0.try_wait()? {
                return Err(format!("ended at once with {status}").into());
            }
            if crate::load::probe(address, probe.as_bytes()).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("{address}{path} did not answer 200 within ten seconds").into())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Nothing is left to do if it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
