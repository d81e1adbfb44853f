//! What interception costs: minting a certificate, a kept one, full TLS handshakes in front of it beside plain TLS termination
//! on the data listener, one after another and several at once, and a request on an open connection through both. Server and
//! client share the machine's cores, so the figures compare; they are no capacity.
//!
//! `cargo bench --bench intercept` prints one line a case; `benches/results/intercept.txt` keeps them.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pointsman::app::InProcess;
use pointsman::config::SecretSource;
use pointsman::intercept::{Authority, CaFiles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

type Done<T> = Result<T, Box<dyn Error>>;

/// Rounds in which the cases take turns.
const ROUNDS: usize = 5;
/// Rounds of handshakes at once, which say how far a rate is to be believed.
const RATE_ROUNDS: usize = 9;
/// Connections that are being opened at once.
const AT_ONCE: [usize; 3] = [1, 8, 32];

fn main() -> Done<()> {
    // Under `cargo test --benches` a few are enough.
    let each = if std::env::args().any(|argument| argument == "--bench") { 400 } else { 4 };
    mint(each)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("{} cores, {} a round", std::thread::available_parallelism()?, each / 2);
    runtime.block_on(async {
        let stand = Arc::new(stand().await?);
        handshakes(&stand, each / 2).await?;
        rates(&stand, each).await
    })
}

/// The middle one, in microseconds.
fn median_us(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

/// The 99th of a hundred, in microseconds, of sorted times.
fn p99_us(times: &[Duration]) -> f64 {
    times.get(times.len() * 99 / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn mint(hosts: usize) -> Done<()> {
    let names: Vec<String> = (0..hosts).map(|number| format!("h{number}.example.com")).collect();
    let authority = Authority::new(names.clone())?;
    let timed = |names: &[String]| -> Done<Vec<Duration>> {
        let each = names.iter().map(|name| {
            let begin = Instant::now();
            let leaf = authority.mint(name).ok_or("not minted")?;
            let took = begin.elapsed();
            drop(leaf);
            Ok(took)
        });
        each.collect()
    };
    for what in ["minted", "kept"] {
        let mut times = timed(&names)?;
        let median = median_us(&mut times);
        println!(
            "certificate {what:<24} {median:>9.1} us median, {:>9.1} us p99, {hosts} hosts",
            p99_us(&times)
        );
    }
    Ok(())
}

/// A way to the same provider over TLS.
#[derive(Clone, Copy)]
enum Way {
    /// Plain TLS termination on the data listener.
    Terminated,
    /// TLS at once to the interception listener, as REDIRECT and a hosts file lead there.
    Direct,
    /// Through CONNECT, as HTTPS_PROXY does.
    Connect,
}

impl Way {
    const ALL: [Self; 3] = [Self::Terminated, Self::Direct, Self::Connect];

    fn as_str(self) -> &'static str {
        match self {
            Self::Terminated => "plain termination",
            Self::Direct => "intercepted, at once",
            Self::Connect => "intercepted, CONNECT",
        }
    }
}

/// The proxy, and who is trusted by each way.
struct Stand {
    proxy: InProcess,
    provider: SocketAddr,
    own: Arc<ClientConfig>,
    minted: Arc<ClientConfig>,
    _folder: tempfile::TempDir,
}

/// Handshakes a second with several at once: the middle of all rounds, and the lowest and the highest of them.
async fn rates(stand: &Arc<Stand>, each: usize) -> Done<()> {
    for at_once in AT_ONCE {
        let mut rates: [Vec<f64>; 3] = Default::default();
        for _ in 0..RATE_ROUNDS {
            for (at, way) in Way::ALL.into_iter().enumerate() {
                rates[at].push(rate(stand, way, (at_once, each.max(at_once))).await?);
            }
        }
        let mut beside = Vec::new();
        for (way, mut rates) in Way::ALL.into_iter().zip(rates) {
            let shares: Vec<f64> = rates.iter().zip(&beside).map(|(rate, plain)| rate / plain).collect();
            if beside.is_empty() {
                beside.clone_from(&rates);
            }
            rates.sort_unstable_by(f64::total_cmp);
            let (low, middle, high) = (rates[0], rates[RATE_ROUNDS / 2], rates[RATE_ROUNDS - 1]);
            let share = match middle_of(shares) {
                Some(share) => format!("{:>6.1} % of plain", 100.0 * share),
                None => String::new(),
            };
            println!(
                "{at_once:>3} at once              {:<22} {middle:>8.0} handshakes/s ({low:.0} to {high:.0}) {share}",
                way.as_str()
            );
        }
    }
    Ok(())
}

/// Of rounds that were run one beside the other.
fn middle_of(mut shares: Vec<f64>) -> Option<f64> {
    shares.sort_unstable_by(f64::total_cmp);
    shares.get(shares.len() / 2).copied()
}

/// Full handshakes a second by one way, so many at once, so many in all.
async fn rate(stand: &Arc<Stand>, way: Way, (at_once, count): (usize, usize)) -> Done<f64> {
    let begin = Instant::now();
    let mut openers = JoinSet::new();
    for opener in 0..at_once {
        let stand = stand.clone();
        let share = count / at_once + usize::from(opener < count % at_once);
        openers.spawn(async move {
            for _ in 0..share {
                drop(stand.open(way).await.map_err(|error| error.to_string())?);
            }
            Ok::<(), String>(())
        });
    }
    while let Some(done) = openers.join_next().await {
        done??;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

async fn handshakes(stand: &Stand, each: usize) -> Done<()> {
    let mut opened: [Vec<Duration>; 3] = Default::default();
    let mut asked: [Vec<Duration>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (at, way) in Way::ALL.into_iter().enumerate() {
            for _ in 0..each {
                let begin = Instant::now();
                drop(stand.open(way).await?);
                opened[at].push(begin.elapsed());
            }
            let mut tls = stand.open(way).await?;
            for _ in 0..each {
                let begin = Instant::now();
                stand.ask(&mut tls).await?;
                asked[at].push(begin.elapsed());
            }
        }
    }
    for (what, times) in [("full handshake", &mut opened), ("request, open connection", &mut asked)] {
        let [plain, ..] = times;
        let beside = median_us(plain);
        for (way, times) in Way::ALL.into_iter().zip(times.iter_mut()) {
            let median = median_us(times);
            println!(
                "{what:<24} {:<22} {median:>8.0} us median, {:>8.0} us p99, {:>6.0}/s one after another, {:>+6.0} us",
                way.as_str(),
                p99_us(times),
                1e6 / median,
                median - beside
            );
        }
    }
    Ok(())
}

async fn stand() -> Done<Stand> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    std::fs::write(path("cert.pem"), own.cert.pem())?;
    std::fs::write(path("key.pem"), own.signing_key.serialize_pem())?;
    let authority = Authority::new(vec!["localhost".to_owned()])?;
    authority.save(&CaFiles { cert: path("ca.pem"), key: path("ca.key") }, false)?;
    let provider = provider().await?;
    let shown = folder.path().display();
    let config = format!(
        "[server]\nlisten = [{{ addr = \"127.0.0.1:0\", tls = {{ cert = \"{shown}/cert.pem\", key = \"{shown}/key.pem\" }} }}]\n\
         admin = \"127.0.0.1:0\"\ndefault_provider = {{ openai = \"p\" }}\n\
         [intercept]\nenabled = true\nhosts = [\"localhost\"]\nca = {{ cert = \"{shown}/ca.pem\", key = \"{shown}/ca.key\" }}\n\
         [[providers]]\nid = \"p\"\ndialect = \"openai\"\nbase_url = \"http://localhost:{}/v1\"\ncredential = \"none\"\n\
         auth = \"none\"\n[ledger]\npath = \"{shown}/ledger.db\"\n",
        provider.port()
    );
    let proxy = InProcess::start(&config, "", SecretSource::Dummy).await?;
    let minted = trusting(authority.pem())?;
    Ok(Stand { proxy, provider, own: trusting(&own.cert.pem())?, minted, _folder: folder })
}

/// Answers every request with the same short completion.
async fn provider() -> Done<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let body = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}"#;
    let answer: Arc<str> = Arc::from(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while socket.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
                    if bytes.ends_with(BODY.as_bytes()) {
                        bytes.clear();
                        let _ = socket.write_all(answer.as_bytes()).await;
                    }
                }
            });
        }
    });
    Ok(address)
}

/// A client of one root that starts from nothing at each connection.
fn trusting(pem: &str) -> Done<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes())?)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

const BODY: &str = r#"{"model":"m-1","messages":[{"role":"user","content":"hello"}]}"#;

impl Stand {
    /// A new connection by this way, TLS included.
    async fn open(&self, way: Way) -> Done<TlsStream<TcpStream>> {
        let intercept = || self.proxy.intercept.ok_or("interception is off");
        let (address, client) = match way {
            Way::Terminated => (self.proxy.data, &self.own),
            Way::Direct | Way::Connect => (intercept()?, &self.minted),
        };
        let mut socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        if matches!(way, Way::Connect) {
            let head = format!("CONNECT localhost:{} HTTP/1.1\r\n\r\n", self.provider.port());
            socket.write_all(head.as_bytes()).await?;
            socket.read_exact(&mut [0; b"HTTP/1.1 200 Connection Established\r\n\r\n".len()]).await?;
        }
        Ok(TlsConnector::from(client.clone()).connect(ServerName::try_from("localhost")?, socket).await?)
    }

    /// One request and its whole answer on an open connection.
    async fn ask(&self, tls: &mut TlsStream<TcpStream>) -> Done<()> {
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost:{}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{BODY}",
            self.provider.port(),
            BODY.len()
        );
        tls.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\"total_tokens\":10}}") {
            if tls.read_buf(&mut answer).await? == 0 {
                return Err(format!("closed: {}", String::from_utf8_lossy(&answer)).into());
            }
        }
        if answer.starts_with(b"HTTP/1.1 200 ") { Ok(()) } else { Err("refused".into()) }
    }
}
