//! Behind interception the provider's certificate is verified all the same: expired, self-signed or of another name it is
//! refused, in words and as a metric, and nothing of the request is sent. The program runs as a process of its own, which is
//! told of a test's authority by `SSL_CERT_FILE`, as an operator would.

use std::net::{SocketAddr, TcpListener as Reserved};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pointsman::intercept::{Authority, CaFiles};
use pointsman::ledger::{Entry, Reader, Span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::{chat_body, exchange};
use crate::support::tls::trusting;
use crate::support::tls_provider::{Roots, provider};
use crate::support::{Client, PATIENCE, Request, soon};

/// The program, ended with its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free<const N: usize>() -> [SocketAddr; N] {
    let held = [(); N].map(|()| Reserved::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap())
}

/// Starts the program in front of these providers; its interception and admin listeners.
async fn start(folder: &Path, roots: &str, providers: &[(&str, u16)]) -> (Program, SocketAddr, SocketAddr) {
    let [data, admin, intercept] = free();
    let shown = folder.display();
    let mut text = format!(
        "[server]\nlisten = [\"{data}\"]\nadmin = \"{admin}\"\ndefault_provider = {{ openai = \"good\" }}\n\
         [intercept]\nenabled = true\nlisten = \"{intercept}\"\nhosts = [\"localhost\"]\n\
         ca = {{ cert = \"{shown}/ca.pem\", key = \"{shown}/ca.key\" }}\n[ledger]\npath = \"{shown}/ledger.db\"\n"
    );
    for (id, port) in providers {
        text += &format!(
            "[[providers]]\nid = \"{id}\"\ndialect = \"openai\"\nbase_url = \"https://localhost:{port}/v1\"\n\
             credential = \"passthrough\"\n"
        );
    }
    std::fs::write(folder.join("pointsman.toml"), text).unwrap();
    std::fs::write(folder.join("roots.pem"), roots).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .arg("--config")
        .arg(folder.join("pointsman.toml"))
        .arg("serve")
        .env("SSL_CERT_FILE", folder.join("roots.pem"))
        .env_remove("SSL_CERT_DIR")
        .stderr(Stdio::from(std::fs::File::create(folder.join("log")).unwrap()))
        .spawn()
        .unwrap();
    let program = Program(child);
    let began = Instant::now();
    while TcpStream::connect(intercept).await.is_err() {
        let log = || std::fs::read_to_string(folder.join("log")).unwrap();
        assert!(began.elapsed() < PATIENCE, "it does not listen: {}", log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (program, intercept, admin)
}

/// One request of a client that trusts the local authority, through CONNECT.
async fn through(
    intercept: SocketAddr,
    authority: &Authority,
    port: u16,
    request: &Request,
) -> crate::support::Answer {
    let mut socket = soon("to connect", TcpStream::connect(intercept)).await.unwrap();
    socket.write_all(format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
    let mut established = [0; 39];
    soon("the answer to CONNECT", socket.read_exact(&mut established)).await.unwrap();
    let tls = trusting(authority.pem(), "localhost", socket, &[b"http/1.1"]).await.unwrap();
    Client::over(Box::new(tls)).exchange(request).await
}

/// Waits until an attempt with this fault is on record.
async fn on_record(ledger: &Path, fault: &str) {
    let began = Instant::now();
    loop {
        let mut faults = Vec::new();
        let each = |entry: Entry| {
            faults.extend(
                entry.attempts.iter().filter_map(|attempt| attempt.fault.as_deref().map(str::to_owned)),
            );
            true
        };
        Reader::open(ledger).unwrap().each(Span::ALL, each).unwrap();
        if faults.iter().any(|found| found == fault) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "`{fault}` is not among {faults:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_certificate_of_the_provider_is_refused_in_words_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let roots = Roots::new();
    let files = CaFiles { cert: folder.path().join("ca.pem"), key: folder.path().join("ca.key") };
    let authority = Authority::new(vec!["localhost".to_owned()]).unwrap();
    authority.save(&files, false).unwrap();
    let good = provider(roots.certificate("localhost", 2049, true)).await;
    let bad = [
        ("expired", provider(roots.certificate("localhost", 2021, true)).await, "tls_expired"),
        ("self-signed", provider(roots.certificate("localhost", 2049, false)).await, "tls_untrusted"),
        ("other-name", provider(roots.certificate("api.example.com", 2049, true)).await, "tls_name"),
    ];
    let mut providers = vec![("good", good.0)];
    providers.extend(bad.iter().map(|(id, (port, _), _)| (*id, *port)));
    let (_program, intercept, admin) = start(folder.path(), &roots.pem, &providers).await;
    let chat = Request::chat(chat_body("any"));
    let answer = through(intercept, &authority, good.0, &chat).await;
    assert_eq!(answer.status, 200, "the right certificate: {}", answer.text());
    for (id, (port, heard), fault) in &bad {
        let answer = through(intercept, &authority, *port, &chat).await;
        assert_eq!(answer.status, 502, "{id}: {}", answer.text());
        assert!(answer.text().to_lowercase().contains("tls"), "{id}: {}", answer.text());
        let other = through(intercept, &authority, *port, &Request::bare("GET", "/v1/models")).await;
        assert_eq!(other.status, 502, "{id}, a path that is passed on: {}", other.text());
        assert_eq!(heard.load(Ordering::SeqCst), 0, "{id}: no byte of a request");
        let metrics = exchange(admin, &Request::bare("GET", "/metrics")).await;
        let alarms = format!("pointsman_alarms_total{{failure=\"tls\",gen_ai_provider_name=\"{id}\"}} 2");
        assert!(metrics.text().lines().any(|line| line == alarms), "{id}: {}", metrics.text());
        on_record(&folder.path().join("ledger.db"), fault).await;
    }
}
