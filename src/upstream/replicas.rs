//! Replicas of a self-hosted deployment. pingora-load-balancing keeps the set and probes it; which of those that are ready is called
//! is ours: of two the one that answers sooner, and none that has just failed several times in a row. Paid providers are never
//! probed; only deployments with `endpoints` come here.

use std::collections::{BTreeSet, HashMap};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dashmap::DashMap;
use parking_lot::Mutex;
use pingora_load_balancing::discovery::ServiceDiscovery;
use pingora_load_balancing::health_check::TcpHealthCheck;
use pingora_load_balancing::{Backend, Backends};

use super::balance::{Load, of_two};
use crate::catalog::Deployment;

/// Between two rounds of health checks.
pub const CHECK_EVERY: Duration = Duration::from_secs(2);
/// Rounds between two look-ups of the names.
const LOOK_UP_EVERY: u64 = 5;
/// How long a look-up may take.
const LOOK_UP: Duration = Duration::from_secs(2);
/// Addresses of one name that are used.
const MAX_ADDRESSES: usize = 64;
/// Failures in a row that leave a replica out.
const STRIKES: u32 = 3;
/// First pause of a replica that is left out; doubles each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The replicas of one deployment.
pub struct Replicas {
    backends: Backends,
    states: DashMap<SocketAddr, Arc<State>>,
    rounds: AtomicU64,
    started: Instant,
}

/// What is known of one replica.
#[derive(Default)]
struct State {
    load: Load,
    failures: AtomicU32,
    /// Milliseconds since the start until which it is left out.
    out_until: AtomicU64,
}

/// A replica that is called; in flight until dropped.
pub struct Picked {
    /// Where it is.
    pub addr: SocketAddr,
    state: Arc<State>,
    began: Instant,
    /// Since the start of the set, when it was picked.
    picked_ms: u64,
}

impl Replicas {
    /// From `host:port` texts. Names are looked up here, so that a wrong one is told at once, and again while it serves: what
    /// a name means by then is used, and where the look-up fails what it meant last.
    pub fn new(deployment: &Deployment) -> Result<Option<Arc<Self>>, String> {
        if deployment.endpoints.is_empty() {
            return Ok(None);
        }
        let mut known = HashMap::new();
        for endpoint in &deployment.endpoints {
            let found = endpoint.to_socket_addrs();
            let found = found
                .map_err(|error| format!("an endpoint of `{}` has no address: {error}", deployment.id))?;
            known.insert(endpoint.clone(), found.take(MAX_ADDRESSES).collect());
        }
        let mut backends =
            Backends::new(Box::new(Names { known: Mutex::new(known), fresh: AtomicBool::new(true) }));
        backends.set_health_check(TcpHealthCheck::new());
        let replicas =
            Self { backends, states: DashMap::new(), rounds: AtomicU64::new(0), started: Instant::now() };
        // The first discovery takes what was just looked up and waits for nothing.
        let first = futures_util::FutureExt::now_or_never(replicas.backends.update(|_| {}));
        match first {
            Some(Ok(())) => Ok(Some(Arc::new(replicas))),
            _ => Err(format!("the endpoints of `{}` cannot be taken", deployment.id)),
        }
    }

    /// Probes every replica once, and looks the names up every few rounds.
    pub async fn check(&self) {
        let round = self.rounds.fetch_add(1, Relaxed);
        if round % LOOK_UP_EVERY == LOOK_UP_EVERY - 1 && self.backends.update(|_| {}).await.is_err() {
            tracing::warn!("the names of replicas cannot be looked up; those that are known stay");
        }
        self.backends.run_health_check(true).await;
        let known = self.backends.get_backend();
        let is_known = |addr: &SocketAddr| known.iter().any(|backend| backend.addr.as_inet() == Some(addr));
        self.states.retain(|addr, _| is_known(addr));
    }

    /// Whether any replica is believed alive.
    pub fn any_ready(&self) -> bool {
        let backends = self.backends.get_backend();
        backends.iter().any(|backend| self.backends.ready(backend))
    }

    /// The replica to call. Those left out are called when no other is alive: a wrong guess must not take the deployment away.
    pub fn pick(&self) -> Option<Picked> {
        let now_ms = self.now_ms();
        let backends = self.backends.get_backend();
        let alive: Vec<SocketAddr> = backends
            .iter()
            .filter(|backend| self.backends.ready(backend))
            .filter_map(|backend| backend.addr.as_inet().copied())
            .collect();
        let states: Vec<Arc<State>> = alive.iter().map(|addr| self.state(*addr)).collect();
        let within: Vec<usize> =
            (0..alive.len()).filter(|at| states[*at].out_until.load(Relaxed) <= now_ms).collect();
        let among = if within.is_empty() { (0..alive.len()).collect() } else { within };
        let picked = of_two(rand::random(), among.len(), |at| states[among[at]].load.wait())?;
        let at = among[picked];
        states[at].load.enter();
        Some(Picked { addr: alive[at], state: states[at].clone(), began: Instant::now(), picked_ms: now_ms })
    }

    fn state(&self, addr: SocketAddr) -> Arc<State> {
        if let Some(state) = self.states.get(&addr) {
            return state.value().clone();
        }
        self.states.entry(addr).or_default().value().clone()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Picked {
    /// The head of its answer has come.
    pub fn answered(&self) {
        self.state.load.learn(self.began.elapsed());
        self.state.failures.store(0, Relaxed);
    }

    /// It could not be reached, or failed inside.
    pub fn failed(&self) {
        let took = self.began.elapsed();
        self.state.load.learn_wait(took);
        let failures = self.state.failures.fetch_add(1, Relaxed) + 1;
        if failures >= STRIKES {
            let doubled = FIRST_PAUSE * 2_u32.pow((failures - STRIKES).min(6));
            let pause = u64::try_from(doubled.min(LONGEST_PAUSE).as_millis()).unwrap_or(u64::MAX);
            let now_ms = self.picked_ms.saturating_add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            self.state.out_until.store(now_ms.saturating_add(pause), Relaxed);
        }
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.state.load.leave();
    }
}

/// Endpoints as written, and the addresses they had last.
struct Names {
    known: Mutex<HashMap<Arc<str>, Vec<SocketAddr>>>,
    /// They were looked up just now: the first discovery waits for nothing.
    fresh: AtomicBool,
}

#[async_trait]
impl ServiceDiscovery for Names {
    async fn discover(&self) -> pingora::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let fresh = self.fresh.swap(false, Relaxed);
        let names: Vec<Arc<str>> =
            if fresh { Vec::new() } else { self.known.lock().keys().cloned().collect() };
        for name in names {
            // An address needs no look-up.
            if name.parse::<SocketAddr>().is_ok() {
                continue;
            }
            let found = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host(name.to_string())).await;
            let Ok(Ok(found)) = found else { continue };
            let found: Vec<SocketAddr> = found.take(MAX_ADDRESSES).collect();
            if !found.is_empty() {
                self.known.lock().insert(name, found);
            }
        }
        let known = self.known.lock();
        let backends = known.values().flatten().map(|addr| Backend::new(&addr.to_string()));
        Ok((backends.collect::<pingora::Result<_>>()?, HashMap::new()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::catalog::LatencyPrior;
    use crate::types::{DeploymentId, ModelIx, ProviderIx};

    fn replicas(endpoints: &[String]) -> Arc<Replicas> {
        let deployment = Deployment {
            id: DeploymentId::from("m@p"),
            model: ModelIx(0),
            provider: ProviderIx(0),
            upstream_name: "m".into(),
            endpoints: endpoints.iter().map(|endpoint| endpoint.as_str().into()).collect(),
            max_in_flight: None,
            latency: LatencyPrior { ttft_ms: 1, per_token_us: 1 },
        };
        Replicas::new(&deployment).unwrap().unwrap()
    }

    fn addresses(count: usize) -> (Vec<TcpListener>, Vec<String>) {
        let listeners: Vec<TcpListener> =
            (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
        (listeners, addresses)
    }

    fn share(replicas: &Replicas, of: &str, picks: usize) -> f64 {
        let picked = (0..picks).filter(|_| replicas.pick().unwrap().addr.to_string() == of).count();
        picked as f64 / picks as f64
    }

    #[tokio::test]
    async fn one_that_fails_is_left_out_and_comes_back() {
        let (_listeners, addresses) = addresses(3);
        let replicas = replicas(&addresses);
        for _ in 0..300 {
            let picked = replicas.pick().unwrap();
            if picked.addr.to_string() == addresses[0] { picked.failed() } else { picked.answered() }
        }
        assert!(share(&replicas, &addresses[0], 200) < 0.01);
        let state = replicas.state(addresses[0].parse().unwrap());
        let pause = state.out_until.load(Relaxed) - replicas.now_ms().min(state.out_until.load(Relaxed));
        assert!(pause <= 60_000, "{pause} ms");
        state.out_until.store(0, Relaxed);
        let mut seen = false;
        for _ in 0..100 {
            let picked = replicas.pick().unwrap();
            seen |= picked.addr.to_string() == addresses[0];
            picked.answered();
        }
        assert!(seen, "its time is over and nobody calls it");
        assert_eq!(state.failures.load(Relaxed), 0, "an answer forgives");
    }

    #[tokio::test]
    async fn one_that_hangs_is_left_out_from_then_on_and_known_as_slow() {
        let (_listeners, addresses) = addresses(1);
        let replicas = replicas(&addresses);
        for _ in 0..STRIKES {
            let mut picked = replicas.pick().unwrap();
            picked.began -= Duration::from_secs(5);
            picked.failed();
        }
        let state = replicas.state(addresses[0].parse().unwrap());
        assert!(
            state.out_until.load(Relaxed) > replicas.now_ms() + 5000,
            "the pause begins with the failure"
        );
        assert!(state.load.wait() >= 4_000_000, "{}", state.load.wait());
    }

    #[tokio::test]
    async fn where_all_fail_all_are_still_called() {
        let (_listeners, addresses) = addresses(2);
        let replicas = replicas(&addresses);
        for _ in 0..40 {
            replicas.pick().unwrap().failed();
        }
        assert!(replicas.pick().is_some());
    }

    #[tokio::test]
    async fn the_dead_are_found_by_probes_and_the_slow_by_their_answers() {
        let (mut listeners, addresses) = addresses(3);
        let replicas = replicas(&addresses);
        drop(listeners.remove(0));
        replicas.check().await;
        assert_eq!(share(&replicas, &addresses[0], 100), 0.0);
        replicas.state(addresses[1].parse().unwrap()).load.learn(Duration::from_millis(900));
        replicas.state(addresses[2].parse().unwrap()).load.learn(Duration::from_millis(9));
        assert!(share(&replicas, &addresses[1], 1000) < 0.04);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_again() {
        let (_listeners, addresses) = addresses(1);
        let port = addresses[0].rsplit_once(':').unwrap().1;
        let replicas = replicas(&[format!("localhost:{port}")]);
        for _ in 0..LOOK_UP_EVERY {
            replicas.check().await;
        }
        assert!(replicas.any_ready());
        assert!(replicas.pick().unwrap().addr.ip().is_loopback());
    }
}
