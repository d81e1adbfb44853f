//! The admin listener: metrics, reload, frontier, profiles. Bound apart from the data plane, and guarded by a token when it is
//! reachable from elsewhere.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use http::{Response, StatusCode, header};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use serde_json::{Value, json};

use super::frontier;
use crate::catalog::{Model, Price};
use crate::pipeline::Engine;
use crate::routing::ADMISSION;
use crate::types::{Day, Secret};

/// What the admin listener may set in motion.
pub trait Control: Send + Sync {
    /// Validates the configuration anew and swaps it in; the new snapshot's version, or every fault.
    fn reload(&self) -> Result<String, String>;
}

/// The admin application.
pub struct Admin {
    engine: Arc<Engine>,
    control: Arc<dyn Control>,
    token: Option<Secret>,
}

impl Admin {
    /// With a token, every path but `/healthz` asks for it as a bearer token.
    pub fn new(engine: Arc<Engine>, control: Arc<dyn Control>, token: Option<Secret>) -> Self {
        Self { engine, control, token }
    }

    fn allowed(&self, session: &ServerSession) -> bool {
        let Some(token) = &self.token else { return self.is_local(session) };
        let presented = session
            .get_header(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        // Compared by hash, so that the time taken says nothing about the token.
        presented.is_some_and(|presented| {
            blake3::hash(presented.as_bytes()) == blake3::hash(token.expose().as_bytes())
        })
    }

    /// Without a token the Host must be local: a page in a browser may not reach us by a name that points here.
    fn is_local(&self, session: &ServerSession) -> bool {
        let Some(host) = session.get_header(header::HOST).and_then(|value| value.to_str().ok()) else {
            return true;
        };
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
        name == "localhost" || name.parse::<std::net::IpAddr>().is_ok()
    }

    fn metrics(&self) -> String {
        let counts = self.engine.ledger.counts();
        let metrics = &self.engine.metrics;
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.ledger_written.set(gauge(counts.written));
        metrics.ledger_lost.set(gauge(counts.lost));
        metrics.ledger_healthy.set(i64::from(self.engine.ledger.healthy()));
        let loaded = self.engine.loaded();
        let now = unix_ms();
        // A price without a day has no age: 0 would call it fresh.
        let age = |model: &Model| {
            let dated = model.prices.on(Day::of_unix_ms(now)).and_then(Price::dated);
            dated.map(|day| day.age_seconds(now))
        };
        let models = loaded.snapshot.models.iter();
        let ages: Vec<_> = models.filter_map(|model| Some((model.id.as_str(), age(model)?))).collect();
        metrics.render(&ages, &self.engine.client_spend(now))
    }

    fn profiles(&self) -> Value {
        let loaded = self.engine.loaded();
        let models = loaded.snapshot.models.iter().map(|model| {
            let latency = model.deployments.iter().map(|ix| {
                let measured = loaded.board.latency(*ix);
                let stream = measured.and_then(|measured| measured.stream);
                let whole = measured.and_then(|measured| measured.whole);
                json!({
                    "deployment": loaded.snapshot.deployment(*ix).id,
                    "ready": loaded.board.ready(*ix),
                    "ttft_ms_p95": stream.map(|stream| stream.ttft_ms.quantile(ADMISSION).ceil()),
                    "per_token_us_p95": stream.map(|stream| stream.per_token_us.quantile(ADMISSION).ceil()),
                    "answers": measured.map_or(0, |measured| measured.answers),
                    "total_ratio_p95": whole.map(|whole| whole.ratio_permille.quantile(ADMISSION) / 1000.0),
                })
            });
            json!({ "model": model.id, "tier": model.tier, "deployments": latency.collect::<Vec<_>>() })
        });
        json!({ "snapshot": loaded.snapshot.version, "models": models.collect::<Vec<_>>() })
    }
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let head = session.req_header();
        let (method, path) = (head.method.as_str().to_owned(), head.uri.path().to_owned());
        let query = head.uri.query().unwrap_or_default().to_owned();
        if path == "/healthz" {
            return json_response(StatusCode::OK, &json!({ "status": "ok" }));
        }
        if !self.allowed(session) {
            let message = "send the admin token as `authorization: Bearer …`, or ask by a local address";
            return json_response(StatusCode::UNAUTHORIZED, &json!({ "error": message }));
        }
        match (method.as_str(), path.as_str()) {
            ("GET", "/metrics") => text_response(self.metrics()),
            ("GET", "/v1/frontier") => {
                let (status, body) = frontier::answer(&self.engine, &query, Day::of_unix_ms(unix_ms()));
                json_response(status, &body)
            }
            ("GET", "/v1/profiles") => json_response(StatusCode::OK, &self.profiles()),
            ("POST", "/reload") => {
                let control = self.control.clone();
                let reloaded = tokio::task::spawn_blocking(move || control.reload()).await;
                match reloaded.unwrap_or_else(|error| Err(error.to_string())) {
                    Ok(version) => json_response(StatusCode::OK, &json!({ "snapshot": version })),
                    Err(faults) => {
                        let kept = self.engine.loaded().snapshot.version.clone();
                        let body = json!({ "error": faults, "snapshot_kept": kept });
                        json_response(StatusCode::UNPROCESSABLE_ENTITY, &body)
                    }
                }
            }
            _ => {
                let known = "GET /metrics, GET /v1/frontier, GET /v1/profiles, POST /reload, GET /healthz";
                json_response(
                    StatusCode::NOT_FOUND,
                    &json!({ "error": format!("not an endpoint; there are {known}") }),
                )
            }
        }
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn json_response(status: StatusCode, value: &Value) -> Response<Vec<u8>> {
    respond(status, "application/json", value.to_string().into_bytes())
}

fn text_response(text: String) -> Response<Vec<u8>> {
    respond(StatusCode::OK, "text/plain; version=0.0.4", text.into_bytes())
}

fn respond(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let length = body.len();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, header::HeaderValue::from(length));
    response
}
