//! Decision headers: what a client may know of its answer, added when the head is sent.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Loaded;
use crate::strategy::{Gone, Head, Leg, LegEnd, Reply};
use crate::types::{ModelId, NanoUsd, RequestId, Served};

const ID: HeaderName = HeaderName::from_static("x-pointsman-id");
const PATH: HeaderName = HeaderName::from_static("x-pointsman-path");
const MODEL: HeaderName = HeaderName::from_static("x-pointsman-model");
const REASON: HeaderName = HeaderName::from_static("x-pointsman-reason");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-pointsman-attempts");
const COST: HeaderName = HeaderName::from_static("x-pointsman-cost-usd");
const COST_ESTIMATE: HeaderName = HeaderName::from_static("x-pointsman-cost-estimate-usd");
const OVERHEAD: HeaderName = HeaderName::from_static("x-pointsman-overhead-us");
const SNAPSHOT: HeaderName = HeaderName::from_static("x-pointsman-snapshot");

/// What is known before an answer begins.
pub(super) struct Announcement {
    pub(super) id: RequestId,
    pub(super) served: Served,
    pub(super) reason: &'static str,
    pub(super) loaded: Arc<Loaded>,
    pub(super) overhead_us: u32,
    /// The model as the client named it, for answers of models outside the catalogue.
    pub(super) model_named: Option<String>,
    /// Expected cost, for streams.
    pub(super) cost_estimate: Option<NanoUsd>,
    /// Asked for with `x-pointsman-explain`.
    pub(super) explained: Vec<(&'static str, String)>,
}

/// A reply that says how its answer came about.
pub(super) struct Announced<'a, R> {
    pub(super) announcement: &'a Announcement,
    pub(super) reply: &'a mut R,
}

impl<R: Reply> Reply for Announced<'_, R> {
    fn head(&mut self, mut head: Head, earlier: &[Leg]) -> impl Future<Output = Result<(), Gone>> + Send {
        self.announcement.add_to(&mut head, earlier);
        self.reply.head(head, earlier)
    }

    fn body(&mut self, piece: Bytes, end: bool) -> impl Future<Output = Result<(), Gone>> + Send {
        self.reply.body(piece, end)
    }

    fn gone(&mut self) -> impl Future<Output = ()> + Send {
        self.reply.gone()
    }

    fn abort(&mut self) {
        self.reply.abort();
    }
}

impl Announcement {
    fn add_to(&self, head: &mut Head, earlier: &[Leg]) {
        let served = if head.hop > 0 { Served::Fallback } else { self.served };
        let trail = self.trail((head.model.as_ref(), head.end), earlier);
        let headers = &mut head.headers;
        put(headers, ID, &self.id.to_string());
        put(headers, PATH, served.as_str());
        if let Some(model) = head.model.as_ref().map(|id| id.as_str()).or(self.model_named.as_deref()) {
            put(headers, MODEL, model);
        }
        put(headers, REASON, self.reason);
        put(headers, ATTEMPTS, &trail);
        if let Some(cost) = head.cost {
            put(headers, COST, &cost.to_string());
        } else if let Some(estimate) = self.cost_estimate.filter(|_| head.length.is_none()) {
            put(headers, COST_ESTIMATE, &estimate.to_string());
        }
        put(headers, OVERHEAD, &self.overhead_us.to_string());
        put(headers, SNAPSHOT, self.loaded.snapshot.version.as_str());
        for (name, value) in &self.explained {
            put(headers, HeaderName::from_static(name), value);
        }
    }
}

impl Announcement {
    /// `small:server_error,large:ok`: every attempt with its outcome, the answering one last.
    fn trail(&self, (answering, end): (Option<&ModelId>, LegEnd), earlier: &[Leg]) -> String {
        let named = self.model_named.as_deref().unwrap_or("unlisted");
        let mut trail = String::new();
        for leg in earlier {
            let model = leg.hop.model.map_or(named, |ix| self.loaded.snapshot.model(ix).id.as_str());
            trail.push_str(model);
            trail.push(':');
            trail.push_str(leg.end.as_str());
            trail.push(',');
        }
        trail.push_str(answering.map_or(named, ModelId::as_str));
        trail.push(':');
        trail.push_str(end.as_str());
        trail
    }
}

/// Adds a header of ours; a value outside the header alphabet (a model name can be anything) is left out.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
