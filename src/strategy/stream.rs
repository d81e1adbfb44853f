//! Streamed answers. A guarded stream is committed only when its first meaningful event has been seen; from then on
//! no other model's bytes may follow, unless the policy asks for that (`resume`), and a break is said aloud in the
//! dialect's own error event.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use tokio::time::Instant;

use super::answer::{may_be_empty, no_room, passing_headers, settle};
use super::attempt::LegEnd;
use super::chain::{Answering, End, Failure, Tried, failed};
use super::job::{Job, Pace};
use super::memory::Room;
use super::reaction::broke;
use super::reply::{Gone, Head, Reply, Translated};
use super::resume;
use crate::codec::{self, EventNumber, OwnError, StreamCrossing, StreamFault, StreamTee, Transcript};
use crate::types::{FailureClass, Operation, Secret, Usage, UsageSource};
use crate::upstream::CallError;

/// Most bytes held back before the first meaningful event.
const MAX_HELD: usize = 1 << 20;

/// Checks the beginning of a stream, then forwards it.
pub(super) async fn guarded<R: Reply>(job: &Job<'_>, mut answering: Answering<'_>, reply: &mut R) -> Tried {
    let mut feed = Feed::guarded(job, &answering);
    let begun = tokio::select! {
        biased;
        begun = until_meaningful(job, &mut answering, &mut feed) => begun,
        () = reply.gone() => return gone(job, answering, &feed.tee, reply),
    };
    let held = match begun {
        Ok(held) => held,
        Err(Early::Call(error)) => {
            return Tried::Failed(failed(job, answering.position, answering.attempt, error));
        }
        Err(Early::Failure(failure)) => {
            if failure.sent {
                settle(job, answering.position, &mut answering.attempt, usage_of(job, &feed.tee));
                answering.attempt.note(|leg| leg.maybe_billed = true);
            }
            answering.attempt.fail(&failure);
            return Tried::Failed(failure);
        }
    };
    answering.attempt.first_byte();
    if let Some(ix) = job.hops[answering.position].deployment {
        job.board.begun(ix, answering.attempt.elapsed());
    }
    let mut begun = Pump::new(feed, held, true);
    begun.transcript = job.resumes.then(|| Transcript::new(job.dialect));
    pump(job, answering, begun, reply).await
}

/// Forwards a stream as it comes, watching it for usage only.
pub(super) async fn forward<R: Reply>(job: &Job<'_>, answering: Answering<'_>, reply: &mut R) -> Tried {
    let tee = StreamTee::new(job.dialect, false);
    let feed = Feed {
        tee,
        crossing: None,
        room: job.memory.room(),
        our_key: job.our_key(answering.position).cloned(),
    };
    pump(job, answering, Pump::new(feed, Bytes::new(), false), reply).await
}

/// How long a stream that has finished is waited for: its usage and its end mark come at once or not at all.
const LINGER: Duration = Duration::from_secs(1);

/// A provider's stream as the client gets it: watched in the provider's dialect, then put into the client's.
pub(super) struct Feed {
    pub(super) tee: StreamTee,
    crossing: Option<StreamCrossing>,
    room: Room,
    /// The key of ours that the provider was asked with: it must not come back.
    our_key: Option<Secret>,
}

impl Feed {
    /// For a stream that is checked.
    pub(super) fn guarded(job: &Job<'_>, answering: &Answering<'_>) -> Self {
        let wire = job.wire(answering.position);
        let tee = StreamTee::new(wire.dialect, answering.hides_usage).in_whole_events();
        let our_key = job.our_key(answering.position).cloned();
        Self { tee, crossing: wire.stream(), room: job.memory.room(), our_key }
    }

    /// Takes the next bytes of a checked stream and returns what the client gets now.
    pub(super) fn take(&mut self, piece: Bytes) -> Result<Bytes, StreamFault> {
        if self.shows_our_key(&piece) {
            return Err(StreamFault { message: "the stream shows our key".to_owned() });
        }
        self.pass(piece)
    }

    /// The same of bytes in which the key was looked for already.
    fn pass(&mut self, piece: Bytes) -> Result<Bytes, StreamFault> {
        let events = self.tee.feed(piece)?;
        match &mut self.crossing {
            // A provider's error event has no translation: the stream ends with one of ours.
            Some(_) if self.tee.error().is_some() => Ok(Bytes::new()),
            Some(crossing) => crossing.feed(&events),
            None => Ok(events),
        }
    }

    /// Whether a piece shows the key of ours whole.
    fn shows_our_key(&self, piece: &[u8]) -> bool {
        self.our_key.as_ref().is_some_and(|key| memmem::find(piece, key.expose().as_bytes()).is_some())
    }

    /// Whether there is memory for what is held back here, and for `more` bytes beside it.
    pub(super) fn fits(&mut self, more: usize) -> bool {
        // A translation holds the same half of an event once more.
        let copies = 1 + usize::from(self.crossing.is_some());
        let kept = self.crossing.as_ref().map_or(0, StreamCrossing::kept);
        self.room.holds(more + copies * self.tee.held() + kept)
    }

    /// The closing events of a translated stream that the provider has ended well.
    pub(super) fn closing(&mut self) -> Bytes {
        self.crossing.as_mut().map_or_else(Bytes::new, StreamCrossing::finish)
    }

    /// Whether an error of the provider within the stream is the client's to see as it is.
    fn shows_errors(&self) -> bool {
        self.crossing.is_none()
    }
}

/// A stream on its way to the client.
struct Pump {
    feed: Feed,
    /// Bytes read before the head was sent.
    first: Bytes,
    /// Whether a malformed event ends the stream; verbatim streams pass it on.
    checked: bool,
    /// An event could not be read, so the stream is no longer watched.
    blind: bool,
    /// How long the client took to read.
    waited: Duration,
    /// What the client has, where another hop may say the rest.
    transcript: Option<Transcript>,
    /// What the events sent so far are numbered up to, where they are.
    number: EventNumber,
}

impl Pump {
    fn new(feed: Feed, first: Bytes, checked: bool) -> Self {
        let number = EventNumber::default();
        Self { feed, first, checked, blind: false, waited: Duration::ZERO, transcript: None, number }
    }
}

enum Early {
    Call(CallError),
    Failure(Failure),
}

/// A stream that broke before it said anything: the provider has read the request and may bill it.
fn written(class: FailureClass, detail: &str) -> Failure {
    Failure { sent: true, ..Failure::new(class, detail) }
}

async fn until_meaningful(
    job: &Job<'_>,
    answering: &mut Answering<'_>,
    feed: &mut Feed,
) -> Result<Bytes, Early> {
    let mut held = BytesMut::new();
    let mut stall = Stall::new(answering);
    loop {
        stall.watch(answering);
        let piece = answering.exchange.next().await.map_err(Early::Call)?;
        let ended = piece.is_none();
        if let Some(piece) = piece {
            let out = feed
                .take(piece)
                .map_err(|fault| Early::Failure(written(FailureClass::Malformed, &fault.message)))?;
            held.extend_from_slice(&out);
            if !feed.fits(held.len()) {
                return Err(Early::Call(no_room()));
            }
            stall.note(&feed.tee);
        }
        let tee = &feed.tee;
        if let Some(error) = tee.error() {
            let detail = format!("an error event before any content, code {}", error.code);
            let failure = Failure { retry_after: error.retry_after, ..Failure::new(error.class, detail) };
            return Err(Early::Failure(failure));
        }
        if tee.void().is_some_and(|finish| !may_be_empty(job, finish)) {
            return Err(Early::Failure(written(FailureClass::Empty, "the stream finished without a word")));
        }
        if tee.meaningful() {
            return Ok(held.freeze());
        }
        if ended || held.len() > MAX_HELD {
            let class = if ended { FailureClass::Empty } else { FailureClass::Malformed };
            return Err(Early::Failure(written(class, "the stream had no content")));
        }
    }
}

/// The clock between two events. Bytes that complete none do not wind it up again, so a drip is a silence.
pub(super) struct Stall {
    idle: Duration,
    by: Instant,
    first_token_by: Option<Instant>,
}

impl Stall {
    pub(super) fn new(answering: &Answering<'_>) -> Self {
        let idle = answering.exchange.idle();
        Self { idle, by: Instant::now() + idle, first_token_by: answering.first_token_by }
    }

    /// Sets the clock for the next piece.
    pub(super) fn watch(&self, answering: &mut Answering<'_>) {
        let by = self.first_token_by.map_or(self.by, |first| first.min(self.by));
        answering.exchange.shorten(Some(by));
    }

    /// A piece has come and gone on to the client.
    pub(super) fn note(&mut self, tee: &StreamTee) {
        if tee.moved() {
            self.by = Instant::now() + self.idle;
        }
        if tee.finished() {
            self.by = self.by.min(Instant::now() + LINGER);
        }
    }
}

async fn pump<R: Reply>(job: &Job<'_>, mut answering: Answering<'_>, mut pump: Pump, reply: &mut R) -> Tried {
    let wire = job.wire(answering.position);
    let dropped = std::mem::take(&mut answering.dropped);
    let status = answering.exchange.status();
    let head = Head {
        model: job.model_of(answering.position),
        hop: answering.position,
        translated: wire.asker.map(|_| Translated { from: wire.dialect, dropped }),
        ..Head::new(status, wire.headers(job.dialect, passing_headers(&answering.exchange)))
    };
    if reply.head(head, answering.attempt.earlier()).await.is_err() {
        return gone(job, answering, &pump.feed.tee, reply);
    }
    let mut piece = std::mem::take(&mut pump.first);
    let mut stall = Stall { first_token_by: None, ..Stall::new(&answering) };
    loop {
        if !piece.is_empty() {
            if let Some(transcript) = &mut pump.transcript {
                transcript.note(&piece);
            }
            if job.operation == Operation::Responses {
                pump.number.note(&piece);
            }
            let began = Instant::now();
            if reply.body(piece, false).await.is_err() {
                return gone(job, answering, &pump.feed.tee, reply);
            }
            pump.waited += began.elapsed();
        }
        if pump.checked {
            stall.note(&pump.feed.tee);
            stall.watch(&mut answering);
        }
        let next = tokio::select! {
            biased;
            next = answering.exchange.next() => next,
            () = reply.gone() => return gone(job, answering, &pump.feed.tee, reply),
        };
        piece = match next.map(|bytes| bytes.map(|bytes| pump.watch(bytes))) {
            Ok(Some(Ok(out))) => out,
            Ok(Some(Err(how))) => return broken(job, answering, (pump, how), reply).await,
            Ok(None) => break,
            // Everything was said; only the end of the connection never came.
            Err(_) if pump.checked && pump.feed.tee.over() => break,
            Err(error) => {
                if error.class == FailureClass::Timeout {
                    let pace = Pace { stream: true, cut: true, waited: pump.waited };
                    job.learn(answering.position, &mut answering.attempt, pace);
                }
                return broken(job, answering, (pump, Break::of(error.class)), reply).await;
            }
        };
        if pump.feed.tee.meaningful() {
            answering.attempt.first_byte();
        }
    }
    close(job, answering, (pump, status), reply).await
}

impl Pump {
    /// What of a piece goes on to the client; an error where the stream is checked and the piece is not what it should be.
    fn watch(&mut self, bytes: Bytes) -> Result<Bytes, Break> {
        if self.feed.shows_our_key(&bytes) {
            return Err(Break::MALFORMED);
        }
        if self.blind {
            return Ok(bytes);
        }
        let hides_errors = self.transcript.is_some() || !self.feed.shows_errors();
        match self.feed.pass(bytes.clone()) {
            Ok(_) if self.checked && !self.feed.fits(0) => Err(Break::OVERLOADED),
            // Where another hop may say the rest, the provider's own error is a break like any other.
            Ok(_) if hides_errors && self.feed.tee.error().is_some() => Err(Break::MALFORMED),
            Ok(out) => Ok(out),
            Err(_) if self.checked => Err(Break::MALFORMED),
            // What cannot be read passes as it is, and so does all behind it: nothing of it could be told any more.
            Err(_) => {
                self.blind = true;
                Ok(bytes)
            }
        }
    }
}

/// The upstream has ended its stream: with a finish, with an error of its own, or broken off.
async fn close<R: Reply>(
    job: &Job<'_>,
    answering: Answering<'_>,
    (mut pump, status): (Pump, u16),
    reply: &mut R,
) -> Tried {
    let said = pump.feed.tee.error().map(|error| error.class);
    let whole = pump.feed.tee.end().finished;
    if said.is_none() && !whole && pump.checked {
        return broken(job, answering, (pump, Break::TRUNCATED), reply).await;
    }
    // Half an event behind a finish is no part of the answer; the line feed of the last carriage return is.
    let rest = if pump.feed.crossing.is_some() { pump.feed.closing() } else { pump.feed.tee.rest() };
    let half = pump.checked && pump.feed.shows_errors() && !rest.trim_ascii().is_empty();
    let rest = if half { Bytes::new() } else { rest };
    if reply.body(rest, true).await.is_err() {
        return gone(job, answering, &pump.feed.tee, reply);
    }
    let Answering { position, mut attempt, exchange, .. } = answering;
    job.upstream.release(exchange).await;
    settle(job, position, &mut attempt, usage_of(job, &pump.feed.tee));
    if let Some(class) = said {
        // The provider's own error event has reached the client; a second one would only confuse.
        attempt.end(LegEnd::Broken(class));
        return Tried::Done(End::Truncated { hop: Some(position), class });
    }
    job.learn(position, &mut attempt, Pace { stream: true, cut: false, waited: pump.waited });
    attempt.end(LegEnd::Ok);
    Tried::Done(End::Served { hop: position, status })
}

/// The client left: the exchange is dropped, which cancels it upstream; what was generated so far is billed. The
/// connection is broken off, so that a client that only closed its sending side takes nothing for complete.
pub(super) fn gone<R: Reply>(
    job: &Job<'_>,
    answering: Answering<'_>,
    tee: &StreamTee,
    reply: &mut R,
) -> Tried {
    reply.abort();
    let Answering { position, mut attempt, exchange, .. } = answering;
    drop(exchange);
    settle(job, position, &mut attempt, usage_of(job, tee));
    attempt.note(|leg| leg.maybe_billed = true);
    attempt.end(LegEnd::ClientGone);
    Tried::Done(End::ClientGone)
}

/// How a stream broke.
pub(super) struct Break {
    pub(super) class: FailureClass,
    code: &'static str,
}

impl Break {
    const MALFORMED: Self = Self { class: FailureClass::Malformed, code: "upstream_malformed" };
    const OVERLOADED: Self = Self { class: FailureClass::Overloaded, code: "overloaded" };
    const TRUNCATED: Self = Self { class: FailureClass::Malformed, code: "upstream_truncated" };

    fn of(class: FailureClass) -> Self {
        match class {
            FailureClass::Timeout => Self { class, code: "upstream_timeout" },
            _ => Self { class, ..Self::TRUNCATED },
        }
    }
}

/// The stream broke after it was committed: the dialect's error event, and no finish that could look like success.
async fn broken<R: Reply>(
    job: &Job<'_>,
    answering: Answering<'_>,
    (pump, how): (Pump, Break),
    reply: &mut R,
) -> Tried {
    let Answering { position, mut attempt, exchange, .. } = answering;
    drop(exchange);
    settle(job, position, &mut attempt, usage_of(job, &pump.feed.tee));
    broke(job, position, (how.class, attempt.elapsed()));
    attempt.note(|leg| leg.maybe_billed = true);
    attempt.end(LegEnd::Broken(how.class));
    if let Some(transcript) = pump.transcript.filter(Transcript::is_plain) {
        return Tried::Broken(Box::new(resume::Broken { transcript, how }));
    }
    Tried::Done(match say_broken(job, (&how, pump.number), reply).await {
        Ok(()) => End::Truncated { hop: Some(position), class: how.class },
        Err(_) => End::ClientGone,
    })
}

/// Ends the client's stream with the error event of the API it speaks.
pub(super) async fn say_broken<R: Reply>(
    job: &Job<'_>,
    (how, number): (&Break, EventNumber),
    reply: &mut R,
) -> Result<(), Gone> {
    let id = job.id.to_string();
    let error = OwnError {
        kind: "pointsman_upstream_error",
        code: how.code,
        message: "the provider's stream broke off; what was received is not the whole answer",
        param: None,
        request_id: &id,
        attempts: &[],
        status: 502,
    };
    let event = match job.operation {
        Operation::Responses => codec::response_error_event(number, &error),
        _ => codec::error_event(job.dialect, &error),
    };
    reply.body(event, true).await
}

/// The provider's closing count. An opening one (Anthropic's `message_start`) knows the input only; the output is ours.
pub(super) fn usage_of(job: &Job<'_>, tee: &StreamTee) -> (Usage, UsageSource) {
    let end = tee.end();
    match end.usage {
        Some(opening) if !end.usage_final => {
            let output = end.output_bytes.div_ceil(4);
            (Usage { output, ..opening }, UsageSource::Estimated)
        }
        usage => job.usage_of(usage, end.output_bytes),
    }
}
