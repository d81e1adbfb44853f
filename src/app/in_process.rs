//! The proxy inside another program: on loopback, on free ports, without signals. Tests and the demo use it.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pingora::apps::ServerApp;
use pingora::listeners::tls::{Acceptor, TlsSettings};
use pingora::protocols::l4::stream::Stream as L4;
use pingora::protocols::{GetSocketDigest, SocketDigest};
use pingora::server::configuration::ServerConf;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::reload::{Reloader, Source};
use super::{AppError, Parts, none_in_flight, warn_of_end, write_out};
use crate::catalog::SnapshotVersion;
use crate::config::{self, Faults, SecretSource, Settings};
use crate::intercept::{Authority, InterceptSettings};
use crate::ledger::Ledger;
use crate::pipeline::{Engine, check_replicas};
use crate::proxy::{Admin, Edge};
use crate::telemetry::Metrics;
use crate::upstream::CHECK_EVERY;

/// How long answers that are still being sent are waited for at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The tag by which records of one `pointsman run` are told from others in the same ledger.
pub const RUN_TAG: &str = "run";

/// A running proxy. Dropping it stops the listeners; requests in flight finish.
pub struct InProcess {
    /// Where the data plane listens.
    pub data: SocketAddr,
    /// Where traffic to intercept is taken, when that is switched on.
    pub intercept: Option<SocketAddr>,
    /// Where the admin plane listens.
    pub admin: SocketAddr,
    /// Its ledger.
    pub ledger: Ledger,
    /// Its ledger's file.
    pub ledger_path: PathBuf,
    metrics: Arc<Metrics>,
    reloader: Arc<Reloader>,
    tasks: Vec<JoinHandle<()>>,
    shutdown: watch::Sender<bool>,
}

impl InProcess {
    /// Starts a proxy inside a tokio runtime. Listeners are on free ports of loopback whatever the configuration
    /// says; a TLS entry in `listen` makes the data plane speak TLS.
    pub async fn start(config_text: &str, profile: &str, secrets: SecretSource) -> Result<Self, AppError> {
        let settings = config::from_text(config_text, profile, secrets.clone()).map_err(AppError::Config)?;
        let source =
            Source::Text { text: config_text.to_owned().into(), profile: profile.to_owned(), secrets };
        Self::launch(&settings, source, None).await
    }

    /// Starts a proxy that intercepts, whatever the configuration file's `enabled` says; `authority` stands in for the
    /// one on disk. Records are marked with the tag `run` and this value, so that they can be told from those of others.
    pub async fn intercepting(
        path: &Path,
        mut settings: Settings,
        (authority, run): (Arc<Authority>, &str),
    ) -> Result<Self, AppError> {
        settings.intercept.enabled = true;
        Self::launch(&settings, Source::file(path), Some((authority, run))).await
    }

    async fn launch(
        settings: &Settings,
        source: Source,
        run: Option<(Arc<Authority>, &str)>,
    ) -> Result<Self, AppError> {
        let mark = run.as_ref().map(|(_, run)| (RUN_TAG.to_owned(), (*run).to_owned()));
        let mut parts = Parts::new(settings, (2, mark))?;
        let (data, admin, door) = (bind().await?, bind().await?, bind().await?);
        parts.own_ports = vec![data.1.port(), admin.1.port(), door.1.port()];
        let conf = Arc::new(ServerConf { threads: 2, max_retries: 2, ..ServerConf::default() });
        let tls = settings.server.listen.iter().find_map(|listen| listen.tls.as_ref());
        let acceptor = tls
            .map(|files| acceptor(&files.cert.to_string_lossy(), &files.key.to_string_lossy()))
            .transpose()?;
        let gateway = parts.gateway();
        let reloader = Arc::new(Reloader::new(parts.engine.clone(), source, settings));
        let plane = Admin::new(parts.engine.clone(), reloader.clone(), settings.server.admin_token.clone());
        let (shutdown, watch) = watch::channel(false);
        let authority = intercepting(&settings.intercept, run.map(|(authority, _)| authority))?;
        let doorway = authority
            .map(|authority| {
                warn_of_end(&authority);
                parts.doorway((&settings.intercept, &authority), &gateway, &conf)
            })
            .transpose()?;
        let edge = Arc::new(Edge::new(gateway, conf));
        let mut tasks = vec![accept(data.0, edge, acceptor, watch.clone())];
        let intercept = doorway.is_some().then_some(door.1);
        tasks.extend(doorway.map(|doorway| accept(door.0, Arc::new(doorway), None, watch.clone())));
        tasks.push(accept(admin.0, Arc::new(plane), None, watch.clone()));
        tasks.push(tokio::spawn(keep_checking(parts.engine.clone(), watch)));
        Ok(Self {
            data: data.1,
            intercept,
            admin: admin.1,
            ledger: parts.engine.ledger.clone(),
            metrics: parts.engine.metrics.clone(),
            ledger_path: settings.ledger.path.clone(),
            reloader,
            tasks,
            shutdown,
        })
    }

    /// Swaps another configuration in, or keeps the old one.
    pub fn reload(&self, config_text: &str) -> Result<SnapshotVersion, Faults> {
        self.write(config_text);
        self.reloader.swap()
    }

    /// Replaces the text that the next reload reads, as one edits a file.
    pub fn write(&self, config_text: &str) {
        if let Source::Text { text, .. } = &self.reloader.source {
            *text.lock() = config_text.to_owned();
        }
    }

    /// Its counters, which go on after it.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Stops listening and writes the ledger out.
    pub async fn stop(self) {
        let (ledger, metrics) = (self.ledger.clone(), self.metrics.clone());
        drop(self);
        // What is still being answered is filed when it ends.
        none_in_flight(&metrics, LAST_ANSWERS).await;
        write_out(&ledger).await;
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        let _ = self.shutdown.send(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The authority of a proxy that intercepts.
fn intercepting(
    settings: &InterceptSettings,
    authority: Option<Arc<Authority>>,
) -> Result<Option<Arc<Authority>>, AppError> {
    if !settings.enabled {
        return Ok(None);
    }
    let load = || Authority::load(&settings.ca, settings.names()).map(Arc::new);
    authority.map_or_else(load, Ok).map(Some).map_err(AppError::Authority)
}

fn acceptor(cert: &str, key: &str) -> Result<Arc<Acceptor>, AppError> {
    let mut tls = TlsSettings::intermediate(cert, key).map_err(|error| AppError::Setup(error.to_string()))?;
    tls.enable_h2();
    Ok(Arc::new(tls.build()))
}

/// A listener on a free port of loopback.
async fn bind() -> Result<(TcpListener, SocketAddr), AppError> {
    let failed = |error: std::io::Error| AppError::Setup(error.to_string());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn accept<A: ServerApp + Send + Sync + 'static>(
    listener: TcpListener,
    app: Arc<A>,
    tls: Option<Arc<Acceptor>>,
    shutdown: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else {
                // Out of descriptors, or a client that left: neither is the end of the listener.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let _ = socket.set_nodelay(true);
            let (app, tls, shutdown) = (app.clone(), tls.clone(), shutdown.clone());
            tokio::spawn(async move {
                // As Pingora's own listener does: who is at the other end, and where it wanted to go.
                let digest = SocketDigest::from_raw_fd(socket.as_raw_fd());
                let mut stream = L4::from(socket);
                stream.set_socket_digest(digest);
                match tls {
                    None => {
                        app.process_new(Box::new(stream), &shutdown).await;
                    }
                    Some(tls) => {
                        if let Ok(stream) = tls.tls_handshake(stream).await {
                            app.process_new(Box::new(stream), &shutdown).await;
                        }
                    }
                }
            });
        }
    })
}

async fn keep_checking(engine: Arc<Engine>, shutdown: watch::Receiver<bool>) {
    while !*shutdown.borrow() {
        check_replicas(&engine.loaded()).await;
        tokio::time::sleep(CHECK_EVERY).await;
    }
}
