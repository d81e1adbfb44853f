//! The program as an operator runs it: its own processes, ended by their ids.

use std::collections::HashSet;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pointsman::ledger::{Reader, Span};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pointsman");

/// Simulated providers, a configuration, and the proxy that comes and goes between them.
pub struct Stand {
    folder: tempfile::TempDir,
    providers: Option<Child>,
    proxy: Option<Child>,
    pub data: SocketAddr,
    admin: SocketAddr,
}

impl Stand {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [providers_at, data, admin] = free();
        let providers = Command::new(PROGRAM)
            .args(["demo", "--providers-only", "--listen", &providers_at.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        assert!(reachable(providers_at), "the providers do not listen");
        let stand = Self { folder, providers: Some(providers), proxy: None, data, admin };
        std::fs::write(stand.config(), stand.text(providers_at)).unwrap();
        stand
    }

    /// Before a provider that somebody else runs.
    pub fn before(provider: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [data, admin] = free();
        let stand = Self { folder, providers: None, proxy: None, data, admin };
        std::fs::write(stand.config(), stand.text(provider)).unwrap();
        stand
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("pointsman.toml")
    }

    fn text(&self, providers: SocketAddr) -> String {
        let folder = self.folder.path().display();
        format!(
            "[server]\nlisten = [\"{}\"]\nadmin = \"{}\"\nupgrade_sock = \"{folder}/upgrade.sock\"\ndrain_seconds = 20\n\
             default_provider = {{ openai = \"p\" }}\n\
             [[providers]]\nid = \"p\"\ndialect = \"openai\"\nbase_url = \"http://{providers}/v1\"\nauth = \"none\"\n\
             credential = \"none\"\n\
             [[models]]\nid = \"gpt-4o-mini\"\ntier = \"edge\"\ncontext_tokens = 128000\nmax_output_tokens = 8192\n\
             price = {{ input = 0.15, output = 0.6 }}\n\
             deployments = [{{ provider = \"p\", upstream_name = \"gpt-4o-mini-2024-07-18\" }}]\n\
             [[policies]]\nname = \"default\"\nmatch = {{ models = [\"auto\"] }}\nmode = \"route\"\n\
             baseline = \"gpt-4o-mini\"\ncandidates = [\"gpt-4o-mini\"]\n\
             [ledger]\npath = \"{folder}/ledger.db\"\n",
            self.data, self.admin
        )
    }

    fn launch(&self, upgrade: bool) -> Child {
        self.launch_as(Command::new(PROGRAM), upgrade)
    }

    fn launch_as(&self, mut command: Command, upgrade: bool) -> Child {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("proxy.log"))
            .unwrap();
        command.arg("--config").arg(self.config()).arg("serve").stderr(log);
        if upgrade {
            command.arg("--upgrade");
        }
        command.spawn().unwrap()
    }

    /// Starts the proxy and waits until it takes connections.
    pub fn start(&mut self, upgrade: bool) {
        assert!(self.proxy.is_none(), "one proxy at a time");
        self.proxy = Some(self.launch(upgrade));
        if !reachable(self.data) {
            panic!("{}", std::fs::read_to_string(self.folder.path().join("proxy.log")).unwrap());
        }
    }

    /// Starts it where it may have no more descriptors than this.
    pub fn start_with_descriptors(&mut self, most: u32) {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\""), PROGRAM]);
        self.proxy = Some(self.launch_as(shell, false));
        assert!(reachable(self.data), "it does not start");
    }

    /// Starts it deaf to the signal of too large a file: writes fail instead, as on a full disk.
    pub fn start_without_size_signal(&mut self) {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", PROGRAM]);
        self.proxy = Some(self.launch_as(shell, false));
        assert!(reachable(self.data), "it does not start");
    }

    /// The largest file the running process may write, bytes; `None`: as large as may be.
    pub fn bound_files(&self, most: Option<u64>) {
        let pid = Pid::from_child(self.proxy.as_ref().unwrap());
        let limit = Rlimit { current: most, maximum: None };
        prlimit(Some(pid), Resource::Fsize, limit).unwrap();
    }

    /// Adds to the end of the configuration, which is its ledger.
    pub fn add_config(&self, lines: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        std::fs::write(self.config(), text + lines).unwrap();
    }

    /// Puts one line of the configuration in the place of another.
    pub fn replace_config(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    /// One chat request: its status and the whole answer.
    pub fn chat(&self) -> (u16, String) {
        let body = r#"{"model":"auto","messages":[{"role":"user","content":"Hello."}]}"#;
        let answer = exchange(
            self.data,
            &format!(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        (status_of(&answer), answer)
    }

    /// What the metrics say of its ledger.
    pub fn ledger_healthy(&self) -> bool {
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        exchange(self.admin, request).contains("\npointsman_ledger_healthy 1")
    }

    /// What a probe answers.
    pub fn status(&self, path: &str) -> u16 {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        status_of(&exchange(self.data, &request))
    }

    /// CPU time it has used so far.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(self.proc("stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
        ticks / 100.0
    }

    /// Memory it holds now and the most it ever held, MiB.
    pub fn memory_mib(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.proxy.as_ref().unwrap().id()))
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        let mut proxy = self.proxy.take().unwrap();
        proxy.kill().unwrap();
        proxy.wait().unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(&mut self) {
        let mut proxy = self.proxy.take().unwrap();
        signal(&proxy, Signal::TERM);
        assert!(ended(&mut proxy, Duration::from_secs(30)), "it does not stop");
    }

    /// Puts a new process in its place: the new one waits for the listeners, the old one hands them over and drains.
    pub fn replace(&mut self) {
        let mut old = self.proxy.take().unwrap();
        self.proxy = Some(self.launch(true));
        std::thread::sleep(Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 400 }));
        signal(&old, Signal::QUIT);
        assert!(ended(&mut old, Duration::from_secs(30)), "the old process does not end");
    }

    /// Loads a configuration that differs in a remark.
    pub fn reload(&self, round: u32) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        std::fs::write(self.config(), format!("{text}# {round}\n")).unwrap();
        let answer = exchange(
            self.admin,
            "POST /reload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Where its ledger lies.
    pub fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    /// Requests on record.
    pub fn recorded(&self) -> u64 {
        let Ok(reader) = Reader::open(&self.ledger()) else { return 0 };
        let mut count = 0;
        reader
            .each(Span::ALL, |_| {
                count += 1;
                true
            })
            .unwrap();
        count
    }

    /// Requests on record that were answered so.
    pub fn recorded_with_status(&self, status: u16) -> u64 {
        let Ok(reader) = Reader::open(&self.ledger()) else { return 0 };
        let mut count = 0;
        let note = |entry: pointsman::ledger::Entry| {
            count += u64::from(entry.status == status);
            true
        };
        reader.each(Span::ALL, note).unwrap();
        count
    }

    /// Whether it is whole, and no request in it twice.
    pub fn check_ledger(&self) {
        let database = rusqlite::Connection::open(self.ledger()).unwrap();
        let said: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(said, "ok");
        let mut ids = HashSet::new();
        Reader::open(&self.ledger())
            .unwrap()
            .each(Span::ALL, |entry| {
                assert!(ids.insert(entry.id.to_string()), "{} stands twice", entry.id);
                true
            })
            .unwrap();
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        for process in self.proxy.iter_mut().chain(&mut self.providers) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Requests at a fixed rate, from a process of their own.
pub struct Load(Child);

impl Load {
    pub fn start(stand: &Stand, rps: u32, seconds: f64) -> Self {
        Self::with(stand, (rps, seconds), &[])
    }

    /// The same with a share of streams.
    pub fn mixed(stand: &Stand, rps: u32, seconds: f64, streams: f64) -> Self {
        Self::with(stand, (rps, seconds), &["--streams", &streams.to_string()])
    }

    fn with(stand: &Stand, (rps, seconds): (u32, f64), more: &[&str]) -> Self {
        let child = Command::new(PROGRAM)
            .args(["loadtest", "--json", "--max-failed", "1", "--url", &format!("http://{}", stand.data)])
            .args(["--rps", &rps.to_string(), "--seconds", &seconds.to_string()])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// What came of it.
    pub fn finish(mut self) -> Value {
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.0.wait().unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }
}

/// Ports nobody listens on.
fn free<const N: usize>() -> [SocketAddr; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

fn reachable(addr: SocketAddr) -> bool {
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(addr).is_err() {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

fn exchange(addr: SocketAddr, request: &str) -> String {
    use std::io::Write;
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status_of(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn signal(process: &Child, signal: Signal) {
    kill_process(Pid::from_child(process), signal).unwrap();
}

fn ended(process: &mut Child, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        if process.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}
