//! The answer of a plan on its way to the client: whole, or as the stream it would have been.

use bytes::Bytes;
use http::{HeaderValue, header};

use super::ask::Told;
use crate::codec;
use crate::strategy::answer::Good;
use crate::strategy::attempt::Trail;
use crate::strategy::chain::{End, Failure};
use crate::strategy::job::Job;
use crate::strategy::reply::{Head, Reply, Translated};
use crate::types::{FailureClass, NanoUsd};

/// Sends what a hop told, or another text in its place.
pub(super) async fn told<R: Reply>(
    job: &Job<'_>,
    (told, text, how): (Told, Option<String>, String),
    trail: &mut Trail,
    reply: &mut R,
) -> End {
    let stream = job.request.is_some_and(|request| request.stream);
    let body = match body(job, &told, text.as_deref()) {
        Ok(body) => body,
        Err(failure) => return End::Failed(failure),
    };
    let Told { hop, good: Good { status, mut headers, .. }, dropped, .. } = told;
    let wire = job.wire(hop);
    if stream {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    }
    let cost: Option<NanoUsd> = trail.legs.iter().map(|leg| leg.cost).sum();
    let head = Head {
        length: (!stream).then_some(body.len()),
        model: job.model_of(hop),
        hop,
        cost: cost.filter(|_| !stream),
        plan: Some(how),
        translated: wire.asker.map(|_| Translated { from: wire.dialect, dropped }),
        ..Head::new(status, wire.headers(job.dialect, headers))
    };
    let sent = match reply.head(head, &trail.legs).await {
        Ok(()) => reply.body(body, true).await,
        gone => gone,
    };
    match sent {
        Ok(()) => End::Served { hop, status },
        Err(_) => {
            reply.abort();
            End::ClientGone
        }
    }
}

/// The body the client gets: what a hop told, or another text in its place, whole or as a stream, in the client's dialect.
pub(super) fn body(job: &Job<'_>, told: &Told, text: Option<&str>) -> Result<Bytes, Failure> {
    let (wire, asker, body) = (job.wire(told.hop), job.asker(), &told.good.body);
    let stream = job.request.is_some_and(|request| request.stream);
    let made = match (text, stream) {
        (Some(text), _) => codec::with_text(wire.dialect, asker, (body, text), stream),
        (None, true) => codec::as_stream(wire.dialect, asker, body),
        (None, false) if wire.asker.is_some() => codec::cross_answer(wire.dialect, asker, body),
        (None, false) => Ok(body.clone()),
    };
    made.map_err(|fault| Failure::new(FailureClass::Malformed, fault.message))
}
