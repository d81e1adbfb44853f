//! Endpoints of our own on the data listener: probes without a key, decisions and stored requests with one.

use pingora::protocols::http::ServerSession;
use serde_json::{Value, json};

use super::reply;
use super::service::{Arrival, Gateway};
use crate::ledger::Reader;
use crate::pipeline::{Engine, Inbound, Refusal, RefusalCode};
use crate::strategy::Gone;
use crate::types::RequestId;

/// Where our own endpoints begin.
pub(super) const PREFIX: &str = "/pointsman/";

/// Whether a path is one of the probes that need no key.
pub(super) fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// Answers a probe.
pub(super) async fn probe(gateway: &Gateway, session: &mut ServerSession, path: &str) -> Result<(), Gone> {
    let ok = path == "/healthz" || gateway.is_ready();
    let status = if ok { 200 } else { 503 };
    reply::json(session, status, &json!({ "status": if ok { "ok" } else { "not ready" } })).await
}

/// Answers one of our own endpoints.
pub(super) async fn answer(engine: &Engine, arrival: &Arrival, inbound: Inbound) -> Result<Value, Refusal> {
    let path = arrival.path.split('?').next().unwrap_or("");
    match path.strip_prefix("/pointsman/v1/") {
        Some("decisions") => decision(engine, inbound).await,
        Some(rest) => match rest.strip_prefix("requests/") {
            Some(id) => stored(engine, id, &inbound).await,
            None => Err(unknown(path)),
        },
        None => Err(unknown(path)),
    }
}

fn unknown(path: &str) -> Refusal {
    let message = format!(
        "`{path}` is not an endpoint: there are /pointsman/v1/decisions (POST a request body) and \
         /pointsman/v1/requests/ID"
    );
    Refusal::new(RefusalCode::UnknownRequest, message)
}

/// Decides and does not dispatch. The body is a chat or messages request; the dialect follows `anthropic-version`.
async fn decision(engine: &Engine, inbound: Inbound) -> Result<Value, Refusal> {
    let inbound = inbound.as_chat();
    let decided = engine.decide_only(&inbound).await?;
    let outcome = match &decided.decision {
        None => json!({ "path": "pinned", "reason": "no_policy" }),
        Some(Ok(decision)) => json!({ "decision": decision }),
        Some(Err(no_route)) => json!({ "no_route": no_route }),
    };
    Ok(json!({
        "id": inbound.id,
        "snapshot": inbound.loaded.snapshot.version,
        "analysis": decided.analysis,
        "outcome": outcome,
    }))
}

/// A stored request, to whoever made it.
async fn stored(engine: &Engine, id: &str, inbound: &Inbound) -> Result<Value, Refusal> {
    let id: RequestId =
        id.parse().map_err(|error: String| Refusal::new(RefusalCode::UnknownRequest, error).about("id"))?;
    let path = engine.ledger_path.clone();
    let look_up = move || Reader::open(&path).and_then(|reader| reader.request(id));
    let found = tokio::task::spawn_blocking(look_up).await.ok().and_then(Result::ok).flatten();
    match found.filter(|entry| entry.tenant == inbound.tenant) {
        Some(entry) => {
            let mut shown = json!(entry);
            shown["usage_in_all"] = json!(entry.usage_in_all());
            Ok(shown)
        }
        None => Err(Refusal::new(
            RefusalCode::UnknownRequest,
            format!("`{id}` is not in the ledger; entries appear up to 100 ms after their answer"),
        )),
    }
}
