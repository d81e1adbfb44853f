//! Ports of loopback that fail before HTTP begins: nobody listens, nobody accepts, nobody answers, or what answers is no
//! TLS that anybody should trust.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::tls::TestCertificate;

/// How a port fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Nobody listens.
    Refused,
    /// The name has no address.
    NoName,
    /// Connections are never accepted and the queue is full: the handshake of TCP gets no answer.
    Full,
    /// Accepts and never says a word of TLS.
    SilentTls,
    /// Speaks TLS under a certificate that nobody vouches for.
    SelfSigned,
    /// Answers the hello with the alert that the version is not spoken.
    OtherVersion,
    /// Answers the hello with plain text.
    NoTls,
}

/// A bad port, as long as this handle lives.
pub struct BadPort {
    /// Root of a provider there.
    pub url: String,
    reached: Arc<AtomicUsize>,
    _held: Vec<TcpStream>,
    _listener: Option<TcpListener>,
    _bound: Option<TcpSocket>,
    accepting: Option<JoinHandle<()>>,
}

impl BadPort {
    /// Opens one.
    pub async fn open(port: Port) -> Self {
        match port {
            // A label this long is no name, so the resolver says so at once and asks nobody outside.
            Port::NoName => Self::at(format!("https://{}.invalid", "x".repeat(64))),
            Port::Refused => {
                // Bound and never listening: nobody else can take the port meanwhile.
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let mut this = Self::at(format!("http://{}", socket.local_addr().unwrap()));
                this._bound = Some(socket);
                this
            }
            Port::Full => Self::full().await,
            Port::SilentTls | Port::SelfSigned | Port::OtherVersion | Port::NoTls => {
                Self::accepting(port).await
            }
        }
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }

    fn at(url: String) -> Self {
        Self {
            url,
            reached: Arc::default(),
            _held: Vec::new(),
            _listener: None,
            _bound: None,
            accepting: None,
        }
    }

    async fn full() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut held = Vec::new();
        // The kernel takes a few more than it was told; the first that hangs says that the queue is full.
        while held.len() < 16 {
            let connecting = tokio::time::timeout(std::time::Duration::from_millis(100), connect(addr));
            let Ok(stream) = connecting.await else { break };
            held.push(stream);
        }
        let mut this = Self::at(format!("http://{addr}"));
        (this._held, this._listener) = (held, Some(listener));
        this
    }

    async fn accepting(port: Port) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut this = Self::at(format!("https://{}", listener.local_addr().unwrap()));
        let directory = tempfile::tempdir().unwrap();
        let acceptor = TestCertificate::new(directory.path()).acceptor(&[b"http/1.1"]);
        let reached = this.reached.clone();
        this.accepting = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                reached.fetch_add(1, Ordering::SeqCst);
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    match port {
                        Port::SelfSigned => drop(acceptor.accept(socket).await),
                        Port::OtherVersion => say(socket, &PROTOCOL_VERSION_ALERT).await,
                        Port::NoTls => say(socket, b"220 mail.example ESMTP\r\n").await,
                        _ => {
                            let _silent = socket;
                            std::future::pending::<()>().await;
                        }
                    }
                });
            }
        }));
        this
    }
}

impl Drop for BadPort {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

/// A fatal alert of TLS: `protocol_version`.
const PROTOCOL_VERSION_ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 70];

async fn connect(addr: SocketAddr) -> TcpStream {
    TcpStream::connect(addr).await.unwrap()
}

/// Reads the hello, says this, closes.
async fn say(mut socket: TcpStream, bytes: &[u8]) {
    if socket.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
        socket.write_all(bytes).await.ok();
    }
}
