//! Where an answer goes. The proxy implements it over its session; tests over a vector.

use std::future::Future;

use bytes::Bytes;
use http::HeaderMap;

use super::LegEnd;
use crate::types::{Dialect, ModelId, NanoUsd};

/// The client is no longer there: nothing more can be said to it.
#[derive(Debug)]
pub struct Gone;

/// The head of an answer, with what is known when it is sent.
pub struct Head {
    /// The upstream's status.
    pub status: u16,
    /// The upstream's headers that may pass; without framing.
    pub headers: HeaderMap,
    /// Length of the body; `None`: streamed.
    pub length: Option<usize>,
    /// The model that answers, where it is one of ours.
    pub model: Option<ModelId>,
    /// Position of the answering hop in the chain; above 0 a fallback answers.
    pub hop: usize,
    /// How the leg stands: `Ok` for an answer, a failure for a provider's error that is passed on.
    pub end: LegEnd,
    /// Settled cost of this leg; `None` for streams and unpriced models.
    pub cost: Option<NanoUsd>,
    /// How a plan of several models came to it: `agreed`, `escalated`, `chosen 2 of 3`.
    pub plan: Option<String>,
    /// The dialect it was translated from, where it was.
    pub translated: Option<Translated>,
    /// It goes out before anybody knows whose answer it will be.
    pub pending: bool,
}

impl Head {
    /// Of an answer of which no more is known than these.
    pub fn new(status: u16, headers: HeaderMap) -> Self {
        Self {
            status,
            headers,
            length: None,
            model: None,
            hop: 0,
            end: LegEnd::Ok,
            cost: None,
            plan: None,
            translated: None,
            pending: false,
        }
    }
}

/// An answer that was given in another dialect than the client's.
pub struct Translated {
    /// The provider's dialect.
    pub from: Dialect,
    /// Fields of the request that the provider was not told because they say nothing about the answer.
    pub dropped: Vec<&'static str>,
}

/// A client waiting for one answer.
pub trait Reply: Send {
    /// Sends the head; `trail` holds the legs that ended before.
    fn head(&mut self, head: Head, earlier: &[super::Leg]) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Sends a piece of the body; the last one ends it.
    fn body(&mut self, piece: Bytes, end: bool) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Resolves when the client has gone; must be safe to drop and to ask again.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;

    /// Breaks the answer off so that no client takes it for complete.
    fn abort(&mut self);
}
