//! A certificate for one test, as files for the server and as trust for the client.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::client::Client;
use super::soon;

/// A self-signed certificate for `localhost` and 127.0.0.1.
pub struct TestCertificate {
    /// Certificate file, PEM.
    pub cert: PathBuf,
    /// Key file, PEM.
    pub key: PathBuf,
    certified: rcgen::CertifiedKey<rcgen::KeyPair>,
}

impl TestCertificate {
    /// Made new, written into a directory of the test.
    pub fn new(directory: &Path) -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let (cert, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        std::fs::write(&cert, certified.cert.pem()).unwrap();
        std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
        Self { cert, key, certified }
    }

    /// A TLS connection that trusts this certificate only and offers these protocols.
    pub async fn connect(&self, addr: SocketAddr, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certified.cert.der().clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let socket = soon("to connect", TcpStream::connect(addr)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        soon("a TLS handshake", TlsConnector::from(Arc::new(config)).connect(name, socket)).await.unwrap()
    }

    /// An HTTP/1 client over TLS.
    pub async fn client(&self, addr: SocketAddr) -> Client {
        Client::over(Box::new(self.connect(addr, &[b"http/1.1"]).await))
    }

    /// A server side for this certificate, to test the clients above without the proxy.
    pub fn acceptor(&self, alpn: &[&[u8]]) -> TlsAcceptor {
        let key = self.certified.signing_key.serialize_der().try_into().unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certified.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A TLS handshake over a connection, under this name, by a client that trusts one certificate (PEM) only.
pub async fn trusting(
    pem: &str,
    name: &str,
    socket: TcpStream,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    soon("a TLS handshake", TlsConnector::from(Arc::new(config)).connect(name, socket)).await
}
