//! The listener of interception in front of the fake providers, and clients that come to it.

use std::net::SocketAddr;

use pointsman::intercept::{Authority, CaFiles};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::proxy::{Proxy, World};
use super::{Request, TestConfig, soon};

/// An authority on disk for `localhost`, and the section that uses it.
pub struct Setup {
    /// Holds the files; a test may put others there.
    pub folder: TempDir,
    /// The authority's files.
    pub files: CaFiles,
    /// The authority, to trust it.
    pub authority: Authority,
}

impl Setup {
    /// Makes one.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = CaFiles { cert: folder.path().join("ca.pem"), key: folder.path().join("ca.key") };
        let authority = Authority::new(vec!["localhost".to_owned()]).unwrap();
        authority.save(&files, false).unwrap();
        Self { folder, files, authority }
    }

    /// The providers under the name `localhost`, and the listener switched on.
    pub fn switch_on(&self, config: &mut TestConfig, lines: &str) {
        config.small = config.small.replace("127.0.0.1", "localhost");
        config.large = config.large.replace("127.0.0.1", "localhost");
        let section = format!(
            "[intercept]\nenabled = true\nhosts = [\"localhost\"]\nca = {{ cert = {:?}, key = {:?} }}\n{lines}\n\n[ledger]\n",
            self.files.cert, self.files.key
        );
        config.swap("[ledger]\n", &section);
    }

    /// A world behind it, with these lines in the section.
    pub async fn world(&self, lines: &str, change: impl FnOnce(&mut TestConfig)) -> World {
        World::start(|config| {
            change(config);
            self.switch_on(config, lines);
        })
        .await
    }
}

/// A connection to this port of `localhost` as a client makes it that was told of a proxy; the head of a refusal.
pub async fn connect(proxy: &Proxy, target: &str) -> Result<TcpStream, String> {
    let mut socket = soon("to connect", TcpStream::connect(proxy.intercept.unwrap())).await.unwrap();
    let head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        match soon("an answer to CONNECT", socket.read_u8()).await {
            Ok(byte) => answer.push(byte),
            Err(_) => break,
        }
    }
    let answer = String::from_utf8(answer).unwrap();
    if answer.starts_with("HTTP/1.1 200 ") { Ok(socket) } else { Err(answer) }
}

/// A request as it is written for a proxy.
pub fn absolute(authority: &str, request: &Request) -> Vec<u8> {
    let target = format!("http://{authority}{}", request.target);
    let head = Request { target, ..request.clone() }.head_bytes();
    let head = String::from_utf8(head).unwrap().replace("host: localhost", &format!("host: {authority}"));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&request.body_bytes());
    bytes
}

/// A provider's place as the configuration names it.
pub fn at(addr: SocketAddr) -> String {
    format!("localhost:{}", addr.port())
}
