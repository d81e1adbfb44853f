//! The proxy under Pingora's server: listeners, threads, signals, graceful shutdown and upgrade.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pingora::listeners::tls::TlsSettings;
use pingora::server::configuration::{Opt, ServerConf};
use pingora::server::{Server, ShutdownWatch};
use pingora::services::background::{BackgroundService, background_service};
use pingora::services::listening::Service;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use super::reload::{Reloader, Source};
use super::{AppError, DRAIN_POLL, Parts, none_in_flight, warn_of_end, write_out};
use crate::config::{self, SecretSource, Settings};
use crate::intercept::Authority;
use crate::pipeline::{Engine, check_replicas};
use crate::proxy::{Admin, Control, Edge, Gateway};
use crate::upstream::{CHECK_EVERY, REFRESH};

/// What clients have to be told that their answers do not come to an end: a wait is looked at every second.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Between two looks for idle connections that are of no use any more.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Between two warnings of an authority that comes to its end; the first is at the start.
const WARN_EVERY: Duration = Duration::from_secs(12 * 3600);

/// Runs the proxy until it is told to stop. `upgrade`: take the listeners over from a running process.
pub fn serve(path: &Path, upgrade: bool) -> Result<(), AppError> {
    let settings = config::load(path, SecretSource::Environment).map_err(AppError::Config)?;
    let threads = settings.server.threads.unwrap_or_else(available_threads);
    let parts = Parts::new(&settings, (threads, None))?;
    allow_descriptors(settings.server.max_connections);
    let mut server =
        Server::new_with_opt_and_conf(Opt { upgrade, ..Opt::default() }, server_conf(&settings, threads));
    server.bootstrap();
    let reloader: Arc<dyn Control> =
        Arc::new(Reloader::new(parts.engine.clone(), Source::file(path), &settings));
    let conf = Arc::new(server_conf(&settings, threads));
    let gateway = parts.gateway();
    let authority = match settings.intercept.enabled {
        true => {
            let authority = Authority::load(&settings.intercept.ca, settings.intercept.names());
            Some(Arc::new(authority.map_err(AppError::Authority)?))
        }
        false => None,
    };
    if let Some(authority) = &authority {
        let doorway = parts.doorway((&settings.intercept, authority), &gateway, &conf)?;
        let mut service = Service::new("intercept".into(), doorway);
        service.add_tcp(&settings.intercept.listen.to_string());
        server.add_service(service);
    }
    server.add_service(data_service(&settings, gateway, conf)?);
    if let Some(address) = settings.server.admin {
        let admin = Admin::new(parts.engine.clone(), reloader.clone(), settings.server.admin_token.clone());
        let mut service = Service::new("admin".into(), admin);
        service.add_tcp(&address.to_string());
        service.threads = Some(1);
        server.add_service(service);
    }
    let upkeep = Upkeep {
        engine: parts.engine.clone(),
        ready: parts.ready,
        reloader,
        drain: Duration::from_secs(settings.server.drain_seconds),
        authority,
    };
    server.add_service(background_service("upkeep", upkeep));
    let data: Vec<String> = settings.server.listen.iter().map(|listen| listen.addr.to_string()).collect();
    tracing::info!(data = ?data, admin = ?settings.server.admin, snapshot = %settings.snapshot.version, "listening");
    server.run_forever()
}

/// Raises the limit of open files as far as it may be: the common soft limit of 1024 is less than the connections one
/// proxy serves. Says so where even that is not enough.
fn allow_descriptors(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let may = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let wanted = 2 * connections as u64 + OWN_DESCRIPTORS;
    if let Some(may) = may.filter(|may| *may < wanted) {
        tracing::warn!(
            may,
            wanted,
            "fewer files may be open than [server] max_connections needs: raise `ulimit -n`, or lower the key"
        );
    }
}

/// The ledger, listeners, logs, and what the runtime keeps.
const OWN_DESCRIPTORS: u64 = 64;

fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get)
}

fn server_conf(settings: &Settings, threads: usize) -> ServerConf {
    ServerConf {
        threads,
        // Our own drain ends the process as soon as nothing is in flight; this is only the upper bound.
        grace_period_seconds: Some(settings.server.drain_seconds + 2 * LAST_WORDS.as_secs()),
        graceful_shutdown_timeout_seconds: Some(5),
        upgrade_sock: settings.server.upgrade_sock.to_string_lossy().into_owned(),
        max_retries: 2,
        upstream_keepalive_pool_size: 128,
        ..ServerConf::default()
    }
}

fn data_service(
    settings: &Settings,
    gateway: Gateway,
    conf: Arc<ServerConf>,
) -> Result<Service<Edge>, AppError> {
    let mut service = Service::new("data".into(), Edge::new(gateway, conf));
    for listen in &settings.server.listen {
        let address = listen.addr.to_string();
        match &listen.tls {
            None => service.add_tcp(&address),
            Some(files) => {
                let (cert, key) = (files.cert.to_string_lossy(), files.key.to_string_lossy());
                let mut tls = TlsSettings::intermediate(&cert, &key)
                    .map_err(|error| AppError::Setup(format!("listener {address}: {error}")))?;
                tls.enable_h2();
                service.add_tls_with_settings(&address, None, tls);
            }
        }
    }
    Ok(service)
}

/// Everything that runs beside requests: names, health checks, the end of the authority, reload on SIGHUP, draining.
struct Upkeep {
    engine: Arc<Engine>,
    ready: Arc<AtomicBool>,
    reloader: Arc<dyn Control>,
    drain: Duration,
    authority: Option<Arc<Authority>>,
}

#[async_trait]
impl BackgroundService for Upkeep {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut names = tokio::time::interval(REFRESH);
        let mut replicas = tokio::time::interval(CHECK_EVERY);
        let mut idle = tokio::time::interval(SWEEP_EVERY);
        let mut term = tokio::time::interval(WARN_EVERY);
        let (mut refreshing, mut checking) = (Round::default(), Round::default());
        let (Ok(mut hangup), Ok(mut quit)) = (signal(SignalKind::hangup()), signal(SignalKind::quit()))
        else {
            tracing::error!("SIGHUP and SIGQUIT cannot be listened for");
            return;
        };
        loop {
            tokio::select! {
                _ = shutdown.changed() => break,
                _ = names.tick() => {
                    let engine = self.engine.clone();
                    refreshing.start(async move { engine.upstream().resolver().refresh().await });
                }
                _ = replicas.tick() => {
                    let loaded = self.engine.loaded();
                    checking.start(async move { check_replicas(&loaded).await });
                }
                _ = idle.tick() => self.engine.upstream().sweep(),
                _ = term.tick() => self.authority.iter().for_each(|authority| warn_of_end(authority)),
                // Pingora hands the listeners over and closes what is idle a few seconds later. Until then every answer ends
                // its connection, so that clients go to the new process by themselves and none writes into a closing one.
                _ = quit.recv() => self.ready.store(false, Ordering::Relaxed),
                _ = hangup.recv() => {
                    let reloader = self.reloader.clone();
                    let _ = tokio::task::spawn_blocking(move || reloader.reload()).await;
                }
            }
        }
        self.drain().await;
    }
}

impl Upkeep {
    /// Pingora sleeps its whole grace period even when idle; this ends the process once nothing is in flight and the
    /// ledger is on disk.
    async fn drain(&self) {
        self.ready.store(false, Ordering::Relaxed);
        none_in_flight(&self.engine.metrics, self.drain).await;
        // Those that are left are told, each in its dialect, that theirs is not the whole answer.
        self.engine.upstream().stop();
        none_in_flight(&self.engine.metrics, LAST_WORDS).await;
        // Answers just finished are still being written to their sockets.
        tokio::time::sleep(DRAIN_POLL).await;
        write_out(&self.engine.ledger).await;
        tracing::info!(left = self.engine.metrics.in_flight.get(), "drained");
        std::process::exit(0);
    }
}

/// Work that is done every so often, beside the loop that starts it: a slow name server or replica must not hold up a
/// signal. A round that is due while the last one still runs is left out.
#[derive(Default)]
struct Round(Option<JoinHandle<()>>);

impl Round {
    fn start(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        if self.0.as_ref().is_none_or(JoinHandle::is_finished) {
            self.0 = Some(tokio::spawn(work));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_round_is_left_out_while_the_last_one_runs() {
        let (rounds, end) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let mut round = Round::default();
        let mut start = || {
            let (rounds, end) = (rounds.clone(), end.clone());
            round.start(async move {
                rounds.fetch_add(1, Ordering::Relaxed);
                end.notified().await;
            });
        };
        for (expected, ended) in [(1, false), (1, true), (2, false)] {
            start();
            tokio::task::yield_now().await;
            assert_eq!(rounds.load(Ordering::Relaxed), expected);
            if ended {
                end.notify_one();
                tokio::task::yield_now().await;
            }
        }
    }
}
