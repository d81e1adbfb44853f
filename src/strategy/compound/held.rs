//! A streaming client while a plan is at work: its answer exists only at the end, and a connection on which nothing comes for a
//! minute is given up by clients and by what stands between. So once a first model has answered, the head goes out and comments
//! keep the stream alive. What the head would have said of the answer is then said in a comment, and a failure is an event.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use tokio::time::{Instant, sleep_until};

use super::Compound;
use crate::codec::{self, EventNumber, OwnError};
use crate::strategy::chain::{End, Failure};
use crate::strategy::job::Job;
use crate::strategy::reply::{Gone, Head, Reply};
use crate::types::{Dialect, FailureClass, Operation};

const ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// The client's reply, perhaps begun before its answer is known.
pub(super) struct Held<'r, R> {
    reply: &'r mut R,
    stage: Stage,
    /// Between two signs of life; `None`: this client gets none.
    every: Option<Duration>,
    next: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was sent.
    Waiting,
    /// The head was, and comments.
    Begun,
    /// Behind them there came an answer that is no stream: its body is not the client's to see.
    Refused,
}

/// What comes first while a plan is at work.
pub(super) enum Waited {
    Gone,
    Beat,
}

impl<'r, R: Reply> Held<'r, R> {
    /// Clients of Gemini get no comments: Google's own read every line as JSON.
    pub(super) fn new(job: &Job<'_>, compound: &Compound, reply: &'r mut R) -> Self {
        let streams = job.request.is_some_and(|request| request.stream) && job.dialect != Dialect::Gemini;
        let every = streams.then_some(compound.keep_alive);
        Self { reply, stage: Stage::Waiting, every, next: Instant::now() + compound.keep_alive }
    }

    /// Until the client has gone or is to hear that we are still there. May be dropped and asked again.
    pub(super) async fn wait(&mut self) -> Waited {
        tokio::select! {
            biased;
            () = self.reply.gone() => Waited::Gone,
            () = sleep_until(self.next), if self.every.is_some() => Waited::Beat,
        }
    }

    /// A sign of life. Until somebody has answered nothing is said: a failure can still be a status.
    pub(super) async fn beat(&mut self, heard: bool) -> Result<(), Gone> {
        let Some(every) = self.every else { return Ok(()) };
        self.next = Instant::now() + every;
        if self.stage == Stage::Waiting {
            if !heard {
                return Ok(());
            }
            self.reply.head(opening(), &[]).await?;
            self.stage = Stage::Begun;
        }
        self.reply.body(ALIVE, false).await
    }

    /// How it ended for the client: what cannot be a status any more is the error event of its API.
    pub(super) async fn end(&mut self, job: &Job<'_>, end: End) -> End {
        if self.stage == Stage::Waiting {
            return end;
        }
        let whole = self.stage == Stage::Refused;
        let (class, code) = match &end {
            End::Failed(failure) => (failure.class, code_of(failure)),
            End::Passed { class, .. } => (*class, "upstream_error"),
            End::NotReady(_) => (FailureClass::Overloaded, "overloaded"),
            End::Served { .. } if whole => (FailureClass::Malformed, "upstream_malformed"),
            End::Served { .. } | End::Resumed { .. } | End::Truncated { .. } | End::ClientGone => return end,
        };
        match self.reply.body(event(job, code), true).await {
            Ok(()) => End::Truncated { hop: None, class },
            Err(_) => End::ClientGone,
        }
    }
}

/// The head of a stream of which nothing else is known.
fn opening() -> Head {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Head { pending: true, ..Head::new(200, HeaderMap::from_iter([kind])) }
}

fn code_of(failure: &Failure) -> &'static str {
    match (failure.fault, failure.class) {
        (Some(fault), _) => fault,
        (None, FailureClass::Timeout) => "upstream_timeout",
        (None, _) => "upstream_error",
    }
}

fn event(job: &Job<'_>, code: &'static str) -> Bytes {
    let id = job.id.to_string();
    let error = OwnError {
        kind: "pointsman_upstream_error",
        code,
        message: "the plan of several models came to no answer; the ledger has its calls",
        param: None,
        request_id: &id,
        attempts: &[],
        status: 502,
    };
    match job.operation {
        Operation::Responses => codec::response_error_event(EventNumber::default(), &error),
        _ => codec::error_event(job.dialect, &error),
    }
}

impl<R: Reply> Reply for Held<'_, R> {
    async fn head(&mut self, head: Head, earlier: &[crate::strategy::Leg]) -> Result<(), Gone> {
        if self.stage == Stage::Waiting {
            return self.reply.head(head, earlier).await;
        }
        if head.length.is_some() || !(200..300).contains(&head.status) {
            self.stage = Stage::Refused;
            return Ok(());
        }
        let mut said = BytesMut::new();
        let known = [
            ("x-pointsman-model", head.model.as_ref().map(|id| id.as_str())),
            ("x-pointsman-plan", head.plan.as_deref()),
        ];
        for (name, value) in known {
            // A line break would end the comment.
            if let Some(value) = value.filter(|value| !value.contains(['\r', '\n'])) {
                for part in [": ", name, ": ", value, "\n"] {
                    said.put_slice(part.as_bytes());
                }
            }
        }
        said.put_slice(b"\n");
        self.reply.body(said.freeze(), false).await
    }

    async fn body(&mut self, piece: Bytes, end: bool) -> Result<(), Gone> {
        match self.stage {
            Stage::Refused => Ok(()),
            Stage::Waiting | Stage::Begun => self.reply.body(piece, end).await,
        }
    }

    async fn gone(&mut self) {
        self.reply.gone().await;
    }

    fn abort(&mut self) {
        self.reply.abort();
    }
}
