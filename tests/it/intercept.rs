//! Interception: a client that keeps its base URL comes through CONNECT, TLS at once or an absolute target; hosts of the list
//! are served as everything else is, others keep their own certificate or are refused.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::client::{chat_body, chat_stream_body};
use crate::support::h2_client::H2Client;
use crate::support::intercept::{Setup, absolute, at, connect};
use crate::support::ports::{BadPort, Port};
use crate::support::proxy::Proxy;
use crate::support::tls::{TestCertificate, trusting};
use crate::support::{Client, FakeProvider, Request, TestConfig, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observed_through_connect_equal_both_ways_and_on_record() {
    let setup = Setup::new();
    // The policy would route; intercepted traffic is only observed.
    let world = setup.world("", |config| config.mode = "route").await;
    for body in [chat_body("large-1"), chat_stream_body("large-1")] {
        let request = Request::chat(body);
        let socket = connect(&world.proxy, &at(world.large.addr)).await.unwrap();
        let tls = trusting(setup.authority.pem(), "localhost", socket, &[b"http/1.1"]).await.unwrap();
        let answer = Client::over(Box::new(tls)).exchange(&request).await;
        assert_eq!((answer.status, answer.complete), (200, true));
        let seen = world.large.seen().last().unwrap().clone();
        assert_eq!(blake3::hash(seen.body()), blake3::hash(&request.body), "the request");
        let direct = crate::support::client::exchange(world.large.addr, &request).await;
        assert_eq!(blake3::hash(&answer.body), blake3::hash(&direct.body), "the answer");
        let entry = world.proxy.entry_of(&answer).await;
        assert_eq!(entry.served.as_str(), "observed");
        assert!(entry.would_model.is_some() && entry.would_cost.is_some(), "what would have been done");
    }
    assert_eq!(world.small.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routed_where_the_operator_says_so_over_http2_too() {
    let setup = Setup::new();
    let world = setup.world("mode = \"policy\"", |config| config.mode = "route").await;
    let socket = connect(&world.proxy, &at(world.large.addr)).await.unwrap();
    let tls = trusting(setup.authority.pem(), "localhost", socket, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let answer = H2Client::over(tls).await.exchange(&Request::chat(chat_body("large-1"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(world.small.only().json()["model"], "small-1");
    assert_eq!(world.proxy.entry_of(&answer).await.served.as_str(), "routed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_paths_pass_untouched_to_the_host_they_were_for() {
    let setup = Setup::new();
    let world = setup.world("", |_| {}).await;
    // Paths of the vendor's site and those of our own endpoints are all that host's.
    for path in ["/dashboard/x?y=1", "/healthz", "/pointsman/v1/decisions", "/v1/models"] {
        let socket = connect(&world.proxy, &at(world.large.addr)).await.unwrap();
        let tls = trusting(setup.authority.pem(), "localhost", socket, &[]).await.unwrap();
        let answer = Client::over(Box::new(tls)).exchange(&Request::post(path, "{}")).await;
        assert_eq!(answer.header("x-pointsman-path"), Some("pinned"), "{path}");
        assert_eq!(world.large.seen().last().unwrap().target(), path);
    }
    assert_eq!(world.small.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azures_older_paths_are_observed_under_their_deployment_and_never_routed() {
    let setup = Setup::new();
    let world = setup
        .world("mode = \"policy\"", |config| {
            config.mode = "route";
            let large = config.large.replace("127.0.0.1", "localhost");
            config.swap(&format!("{large}/v1"), &format!("{large}/openai/v1"));
        })
        .await;
    let without_model = chat_body("large-1").replace("\"model\":\"large-1\",", "");
    assert!(!without_model.contains("large-1"), "{without_model}");
    // What the body calls the model counts for nothing there.
    for body in [without_model, chat_body("small-1"), chat_stream_body("auto")] {
        let path = "/openai/deployments/large-1/chat/completions?api-version=2024-10-21&x=y";
        let request = Request { target: path.to_owned(), ..Request::chat(body) };
        let socket = connect(&world.proxy, &at(world.large.addr)).await.unwrap();
        let tls = trusting(setup.authority.pem(), "localhost", socket, &[b"http/1.1"]).await.unwrap();
        let answer = Client::over(Box::new(tls)).exchange(&request).await;
        assert_eq!((answer.status, answer.complete), (200, true), "{}", answer.text());
        let seen = world.large.seen().last().unwrap().clone();
        assert_eq!((seen.target(), blake3::hash(seen.body())), (path, blake3::hash(&request.body)));
        let entry = world.proxy.entry_of(&answer).await;
        assert_eq!(entry.served.as_str(), "observed");
        assert_eq!(entry.would_model.as_ref().map(|model| model.as_str()), Some("small"));
        assert!(entry.would_cost.is_some() && entry.cost.is_some(), "what it cost, and would have");
    }
    assert_eq!(world.small.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_off_the_list_keeps_its_own_certificate_or_is_refused() {
    let setup = Setup::new();
    let own = TestCertificate::new(setup.folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let acceptor = own.acceptor(&[]);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(mut tls) = acceptor.accept(socket).await {
                tls.write_all(b"mine").await.ok();
                tls.shutdown().await.ok();
            }
        }
    });
    let pem = std::fs::read_to_string(&own.cert).unwrap();
    let world = setup.world("", |_| {}).await;
    for host in ["localhost", "127.0.0.1"] {
        let there = format!("{host}:{}", target.port());
        let socket = connect(&world.proxy, &there).await.unwrap();
        assert!(trusting(setup.authority.pem(), "localhost", socket, &[]).await.is_err(), "never ours");
        let socket = connect(&world.proxy, &there).await.unwrap();
        let mut tls = trusting(&pem, "localhost", socket, &[]).await.unwrap();
        let mut said = String::new();
        tls.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "mine");
    }
    let world = setup.world("off_list = \"refuse\"", |_| {}).await;
    for there in [at(target), target.to_string(), "169.254.169.254:80".to_owned(), "[::1]:443".to_owned()] {
        let refused = connect(&world.proxy, &there).await.unwrap_err();
        assert!(refused.starts_with("HTTP/1.1 403 "), "{there}: {refused}");
    }
    let absolute = Request::bare("GET", &format!("http://{target}/"));
    let answer = crate::support::client::exchange(world.proxy.intercept.unwrap(), &absolute).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_at_once_is_known_by_its_name_and_closed_without_one() {
    let setup = Setup::new();
    let world = setup.world("", |_| {}).await;
    let address = world.proxy.intercept.unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    let tls = trusting(setup.authority.pem(), "localhost", socket, &[]).await.unwrap();
    let answer = Client::over(Box::new(tls)).exchange(&Request::chat(chat_body("small-1"))).await;
    assert_eq!(answer.status, 200);
    for name in ["api.openai.com", "127.0.0.1"] {
        let socket = TcpStream::connect(address).await.unwrap();
        assert!(trusting(setup.authority.pem(), name, socket, &[]).await.is_err(), "{name}");
        // Behind CONNECT another name than that of the connection.
        let socket = connect(&world.proxy, &at(world.small.addr)).await.unwrap();
        assert!(trusting(setup.authority.pem(), name, socket, &[]).await.is_err(), "{name} behind CONNECT");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_right_behind_connect_are_kept_and_each_request_must_be_for_its_host() {
    let setup = Setup::new();
    let world = setup.world("", |_| {}).await;
    let (address, there) = (world.proxy.intercept.unwrap(), at(world.small.addr));
    let request = Request::chat(chat_body("small-1"));
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut bytes = format!("CONNECT {there} HTTP/1.1\r\n\r\n").into_bytes();
    bytes.extend(request.head_bytes());
    bytes.extend(request.body_bytes());
    socket.write_all(&bytes).await.unwrap();
    let mut established = [0; 39];
    soon("the answer to CONNECT", socket.read_exact(&mut established)).await.unwrap();
    let mut client = Client::over(Box::new(socket));
    assert_eq!(client.answer().await.status, 200);
    // The same connection, another host: its credential is not this provider's.
    client.send(&absolute("api.openai.com", &request)).await.unwrap();
    let refused = client.answer().await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("api.openai.com"), "{}", refused.text());
    let mut client = Client::connect(address).await;
    client.send(&absolute(&there, &request)).await.unwrap();
    assert_eq!(client.answer().await.status, 200);
    // Nor is what the host serves at another port.
    let elsewhere = there.replace(&world.small.addr.port().to_string(), "1");
    client.send(&absolute(&elsewhere, &request)).await.unwrap();
    let refused = client.answer().await;
    assert!(refused.status == 400 && refused.text().contains(&elsewhere), "{}", refused.text());
    assert_eq!(world.small.seen().len(), 2);
    assert_eq!(world.small.nth(1).await.target(), "/v1/chat/completions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_for_anybody_is_refused() {
    let setup = Setup::new();
    let world = setup.world("", |_| {}).await;
    for (bytes, status) in [
        ("CONNECT localhost HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "400"),
        ("GET /x HTTP/1.1\r\nhost: elsewhere.example\r\n\r\n".to_owned(), "421"),
        (format!("GET /{}", "x".repeat((16 << 10) - 5)), "400"),
        ("CONNECT localhost:1 HTTP/1.1\r\n\r\n".to_owned(), "502"),
    ] {
        let mut socket = TcpStream::connect(world.proxy.intercept.unwrap()).await.unwrap();
        socket.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        soon("a refusal", socket.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer[9..], status.as_bytes(), "{}", &bytes[..bytes.len().min(40)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_upstream_certificate_is_refused_and_never_signed_again() {
    let setup = Setup::new();
    let bad = BadPort::open(Port::SelfSigned).await;
    let large = FakeProvider::start().await;
    let mut config = TestConfig::new(&large, &large);
    config.small = bad.url.clone();
    config.fallback = false;
    setup.switch_on(&mut config, "");
    let proxy = Proxy::start(&config).await;
    let port = bad.url.rsplit(':').next().unwrap();
    let socket = connect(&proxy, &format!("localhost:{port}")).await.unwrap();
    let tls = trusting(setup.authority.pem(), "localhost", socket, &[]).await.unwrap();
    let answer = Client::over(Box::new(tls)).exchange(&Request::chat(chat_body("small-1"))).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    let entry = proxy.entry_of(&answer).await;
    assert_eq!(crate::support::proxy::trail(&entry)[0].1, "tls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_others_may_read_stops_the_start() {
    let setup = Setup::new();
    std::fs::set_permissions(&setup.files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let provider = FakeProvider::start().await;
    let mut config = TestConfig::new(&provider, &provider);
    setup.switch_on(&mut config, "");
    let text = config.text(&setup.folder.path().join("ledger.db"));
    let secrets = pointsman::config::SecretSource::Map(TestConfig::secrets());
    let started = pointsman::app::InProcess::start(&text, "", secrets).await;
    assert!(started.is_err_and(|error| error.to_string().contains("0644")));
}

const FILE: &str = "[server]\nlisten = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n[intercept]\nca = { cert = \"FOLDER/ca.pem\", \
     key = \"FOLDER/ca.key\" }\n[[providers]]\nid = \"a\"\ndialect = \"openai\"\nbase_url = \"https://api.openai.com/v1\"\n\
     credential = \"passthrough\"\n[ledger]\npath = \"FOLDER/ledger.db\"\n";

/// The program with this configuration: its exit code, standard output and standard error.
pub(super) fn pointsman(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let config = folder.join("pointsman.toml");
    if !config.exists() {
        std::fs::write(&config, FILE.replace("FOLDER", &folder.display().to_string())).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    let output = command.arg("--config").arg(&config).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_authority_is_made_shown_replaced_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let cert = || std::fs::read_to_string(folder.path().join("ca.pem")).unwrap();
    assert_eq!(pointsman(folder.path(), &["ca", "show"]).0, 1, "there is none yet");
    let (code, made, _) = pointsman(folder.path(), &["ca", "init"]);
    assert!(code == 0 && made.contains("api.openai.com") && !made.contains("BEGIN"), "{made}");
    let first = cert();
    assert_eq!(pointsman(folder.path(), &["ca", "init"]).0, 1, "there is one already");
    assert_eq!(cert(), first);
    assert_eq!(pointsman(folder.path(), &["ca", "rotate"]).0, 0);
    assert_ne!(cert(), first);
    let (_, advice, _) = pointsman(folder.path(), &["ca", "install", "--print"]);
    for word in
        ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "keytool", "certutil", "HTTPS_PROXY"]
    {
        assert!(advice.contains(word), "{word}: {advice}");
    }
}

#[test]
fn a_command_runs_with_its_environment_and_its_exit_status_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let script = "case $HTTPS_PROXY in http://127.0.0.1:*) ;; *) exit 1;; esac; grep -q BEGIN $NODE_EXTRA_CA_CERTS || exit 2; \
                  grep -q BEGIN $SSL_CERT_FILE || exit 3; echo $SSL_CERT_FILE; exit 42";
    let (code, out, err) = pointsman(folder.path(), &["run", "--", "sh", "-c", script]);
    assert_eq!(code, 42, "{err}");
    assert!(err.contains("0 requests, spent $0.000000"), "{err}");
    assert!(!Path::new(out.trim()).exists(), "nothing is left behind");
    assert_eq!(pointsman(folder.path(), &["run", "--", "no-such-command"]).0, 1);
}
