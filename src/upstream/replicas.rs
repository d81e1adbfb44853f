//! Replicas of a self-hosted deployment: pingora-load-balancing discovers and health-checks them. Paid providers are
//! never probed; only deployments with `endpoints` come here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pingora_load_balancing::LoadBalancer;
use pingora_load_balancing::health_check::TcpHealthCheck;
use pingora_load_balancing::selection::RoundRobin;

use crate::catalog::Deployment;

/// Between two rounds of health checks.
pub const CHECK_EVERY: Duration = Duration::from_secs(2);
/// Unhealthy replicas passed over in one pick.
const MAX_PICKS: usize = 16;

/// The replicas of one deployment.
pub struct Replicas {
    balancer: LoadBalancer<RoundRobin>,
    count: usize,
}

impl Replicas {
    /// From `host:port` texts; names are looked up once, here, and again at each reload.
    pub fn new(deployment: &Deployment) -> Result<Option<Arc<Self>>, String> {
        if deployment.endpoints.is_empty() {
            return Ok(None);
        }
        let mut balancer =
            LoadBalancer::try_from_iter(deployment.endpoints.iter().map(|endpoint| &**endpoint))
                .map_err(|error| format!("an endpoint of `{}` has no address: {error}", deployment.id))?;
        balancer.set_health_check(TcpHealthCheck::new());
        Ok(Some(Arc::new(Self { balancer, count: deployment.endpoints.len() })))
    }

    /// Probes every replica once.
    pub async fn check(&self) {
        self.balancer.backends().run_health_check(true).await;
    }

    /// Whether any replica is believed alive.
    pub fn any_ready(&self) -> bool {
        let backends = self.balancer.backends();
        backends.get_backend().iter().any(|backend| backends.ready(backend))
    }

    /// The next replica believed alive.
    pub fn pick(&self) -> Option<SocketAddr> {
        let backend = self.balancer.select(b"", MAX_PICKS.max(self.count))?;
        backend.addr.as_inet().copied()
    }
}
