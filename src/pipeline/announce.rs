//! Decision headers: what a client may know of its answer, added when the head is sent.

use std::fmt::{Display, Write};
use std::future::Future;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Loaded;
use crate::strategy::{Gone, Head, Leg, LegEnd, Reply, Translated};
use crate::types::{ModelId, NanoUsd, RequestId, Served, Usage};

const ID: HeaderName = HeaderName::from_static("x-pointsman-id");
const PATH: HeaderName = HeaderName::from_static("x-pointsman-path");
const MODEL: HeaderName = HeaderName::from_static("x-pointsman-model");
const REASON: HeaderName = HeaderName::from_static("x-pointsman-reason");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-pointsman-attempts");
const COST: HeaderName = HeaderName::from_static("x-pointsman-cost-usd");
const COST_ESTIMATE: HeaderName = HeaderName::from_static("x-pointsman-cost-estimate-usd");
const OVERHEAD: HeaderName = HeaderName::from_static("x-pointsman-overhead-us");
const PLAN: HeaderName = HeaderName::from_static("x-pointsman-plan");
const USAGE: HeaderName = HeaderName::from_static("x-pointsman-usage");
const TRANSLATED: HeaderName = HeaderName::from_static("x-pointsman-translated");
const SNAPSHOT: HeaderName = HeaderName::from_static("x-pointsman-snapshot");

/// What is known before an answer begins.
pub(super) struct Announcement {
    pub(super) id: RequestId,
    pub(super) served: Served,
    /// The first hop that is none of the plan's own.
    pub(super) first_fallback: usize,
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
        let served = if head.hop >= self.first_fallback { Served::Fallback } else { self.served };
        let mut own = Own { headers: &mut head.headers, text: BytesMut::with_capacity(OWN_BYTES) };
        own.put(ID, |text| text.put_slice(&self.id.text()));
        own.word(PATH, served.as_str());
        let model = head.model.as_ref().map(|id| id.as_str()).or(self.model_named.as_deref());
        if let Some(model) = model.filter(|_| !head.pending) {
            own.put(MODEL, |text| text.put_slice(model.as_bytes()));
        }
        own.word(REASON, self.reason);
        if !head.pending {
            own.put(ATTEMPTS, |text| self.trail((head.model.as_ref(), head.end), earlier, text));
        }
        if let Some(cost) = head.cost {
            own.put(COST, |text| written(text, cost));
        } else if let Some(estimate) = self.cost_estimate.filter(|_| head.length.is_none()) {
            own.put(COST_ESTIMATE, |text| written(text, estimate));
        }
        if let Some(plan) = &head.plan {
            own.put(PLAN, |text| text.put_slice(plan.as_bytes()));
            // All are told before the head goes out; the body holds the usage of the one that answers.
            let usage: Usage = earlier.iter().map(|leg| leg.usage).sum();
            let (read, wrote) = (usage.total_input(), usage.total_output());
            own.put(USAGE, |text| written(text, format_args!("input={read} output={wrote}")));
        }
        if let Some(Translated { from, dropped }) = &head.translated {
            own.put(TRANSLATED, |text| {
                text.put_slice(from.as_str().as_bytes());
                for (name, comma) in
                    dropped.iter().zip(std::iter::once("; dropped=").chain(std::iter::repeat(",")))
                {
                    text.put_slice(comma.as_bytes());
                    text.put_slice(name.as_bytes());
                }
            });
        }
        own.headers.insert(OVERHEAD, HeaderValue::from(self.overhead_us));
        own.put(SNAPSHOT, |text| text.put_slice(self.loaded.snapshot.version.as_str().as_bytes()));
        for (name, value) in &self.explained {
            own.put(HeaderName::from_static(name), |text| text.put_slice(value.as_bytes()));
        }
    }

    /// `small:server_error,large:ok`: every attempt with its outcome, the answering one last.
    fn trail(&self, (answering, end): (Option<&ModelId>, LegEnd), earlier: &[Leg], text: &mut BytesMut) {
        let named = self.model_named.as_deref().unwrap_or("unlisted");
        let mut attempt = |model: &str, end: LegEnd, comma: &str| {
            for part in [model, ":", end.as_str(), comma] {
                text.put_slice(part.as_bytes());
            }
        };
        for leg in earlier {
            let model = leg.hop.model.map_or(named, |ix| self.loaded.snapshot.model(ix).id.as_str());
            attempt(model, leg.end, ",");
        }
        attempt(answering.map_or(named, ModelId::as_str), end, "");
    }
}

/// What our own values take together in an ordinary answer.
const OWN_BYTES: usize = 192;

/// Headers of ours on their way into an answer's; their values are written one behind the other into one buffer.
struct Own<'h> {
    headers: &'h mut HeaderMap,
    text: BytesMut,
}

impl Own<'_> {
    fn word(&mut self, name: HeaderName, word: &'static str) {
        self.headers.insert(name, HeaderValue::from_static(word));
    }

    /// A value outside the header alphabet (a model name can be anything) is left out.
    fn put(&mut self, name: HeaderName, write: impl FnOnce(&mut BytesMut)) {
        write(&mut self.text);
        let text = self.text.split().freeze();
        let shown = text.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if let (true, Ok(value)) = (shown, HeaderValue::from_maybe_shared(text)) {
            self.headers.insert(name, value);
        }
    }
}

fn written(text: &mut BytesMut, value: impl Display) {
    // Writing into a buffer that grows cannot fail.
    let _ = write!(text, "{value}");
}
