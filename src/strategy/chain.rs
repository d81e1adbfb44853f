//! The written chain: one hop after the other until one answers, with the full body each time.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use tokio::time::Instant;

use super::attempt::{Attempt, LegEnd, Trail};
use super::job::{Job, ONCE_MORE};
use super::reaction::{BUSY, LIMITED, react};
use super::reply::Reply;
use super::rules::{LastWord, Rules, last_word, may_repeat};
use super::wire::Outgoing;
use super::{answer, resume, stream};
use crate::codec::Transcript;
use crate::types::FailureClass;
use crate::upstream::{Call, CallError, Exchange, InFlight, NO_ROOM, Picked, STOPPING, attempt_headers};

/// First wait before the last hop is tried again; doubles each time.
const BACKOFF: Duration = Duration::from_millis(500);
/// Longest wait before the last hop is tried again, whatever it asks for: the caller's own retries do the rest.
const MAX_WAIT: Duration = Duration::from_secs(10);
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// An attempt may take this long when neither the caller nor the policy sets a deadline.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How a job ended.
#[derive(Debug)]
pub enum End {
    /// A hop's answer reached the client whole.
    Served {
        /// Position of the hop.
        hop: usize,
        /// Its status.
        status: u16,
    },
    /// A hop's own error was passed to the client.
    Passed {
        /// Position of the hop.
        hop: usize,
        /// Its status.
        status: u16,
        /// What it means.
        class: FailureClass,
    },
    /// An answer broke after it was committed; the client has been told inside the stream.
    Truncated {
        /// Position of the hop that wrote it; `None`: nothing but signs of life had been sent.
        hop: Option<usize>,
        /// What happened.
        class: FailureClass,
    },
    /// A stream broke after it was committed, and a hop behind said the same and the rest.
    Resumed {
        /// Position of the hop that finished it.
        hop: usize,
    },
    /// The client left.
    ClientGone,
    /// No hop may be called now, so none was.
    NotReady(NotReady),
    /// Nothing was sent to the client: the caller must be told.
    Failed(Failure),
}

/// Why no hop was called.
#[derive(Debug)]
pub struct NotReady {
    /// Until the first of them may be; `None`: a reload has to come first.
    pub earliest: Option<Duration>,
}

/// Why the last hop failed.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub class: FailureClass,
    /// Detail for the log.
    pub detail: String,
    /// Whether the request had been sent whole and no answer came: its fate is unknown.
    pub sent: bool,
    /// A finer word for what happened, where there is one.
    pub fault: Option<&'static str>,
    /// The parameter that its model does not take.
    pub param: Option<Box<str>>,
    /// How long the provider asked us to wait.
    pub retry_after: Option<Duration>,
    /// The provider's answer, where there was one and it may be passed on.
    pub answer: Option<Box<Refused>>,
}

/// A provider's error answer.
#[derive(Debug)]
pub struct Refused {
    /// Position of the hop that gave it.
    pub hop: usize,
    /// Its status.
    pub status: u16,
    /// Its headers that may pass.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What became of one leg.
pub(super) enum Tried {
    Done(End),
    Failed(Failure),
    /// A committed stream broke, and another hop may say the rest.
    Broken(Box<resume::Broken>),
}

/// One hop's turn.
pub(super) struct Turn<'b> {
    pub(super) position: usize,
    /// Nobody is asked behind it.
    pub(super) last: bool,
    /// What the client has already of an answer that broke off.
    pub(super) broken: Option<&'b mut Transcript>,
}

/// Runs the chain from a position on. The client gets exactly one answer, or none and `End::Failed` says why.
pub(super) async fn run<R: Reply>(job: &Job<'_>, from: usize, trail: &mut Trail, reply: &mut R) -> End {
    let Some(last) = (from..job.hops.len()).rev().find(|position| job.barred(*position).is_none()) else {
        return End::NotReady(NotReady { earliest: job.earliest() });
    };
    let mut failure = Failure::new(FailureClass::Connect, "no hop was ready");
    let mut at = last;
    let mut repeated = false;
    let mut position = from;
    while position <= last {
        let hop = &job.hops[position];
        let asked = (job.may_be_called(position) || position == last || repeated)
            && job.may_help(position, &failure, at);
        if asked && !job.affords(hop, trail) {
            failure.detail.push_str("; the next model could break the cost ceiling");
        }
        if !asked || !job.affords(hop, trail) {
            (position, repeated) = (position + 1, false);
            continue;
        }
        let turn = Turn { position, last: position == last, broken: None };
        match leg(job, turn, trail, reply).await {
            Tried::Done(end) => return end,
            Tried::Failed(failed) => failure = failed,
            Tried::Broken(broken) => {
                return Box::pin(resume::run(job, position, *broken, trail, reply)).await;
            }
        }
        at = position;
        react(job, position, &failure, trail);
        if !job.rules.goes_on(failure.class) || matches!(failure.fault, Some(NO_ROOM | STOPPING)) {
            return Box::pin(finish(job, position, failure, trail, reply)).await;
        }
        repeated = !repeated && position < last && job.asks_once_more(position, &failure);
        if repeated {
            tokio::select! {
                () = tokio::time::sleep(ONCE_MORE.mul_f64(1.0 + rand::random::<f64>())) => {}
                () = reply.gone() => return End::ClientGone,
            }
        } else {
            position += 1;
        }
    }
    // Boxed like the end above: failing is rare, and its state would be copied with every request's.
    Box::pin(retry_last(job, (at, at == last), failure, trail, reply)).await
}

/// The last hop once more, a few times, when that is safe and fits the deadline.
async fn retry_last<R: Reply>(
    job: &Job<'_>,
    (position, is_last): (usize, bool),
    mut failure: Failure,
    trail: &mut Trail,
    reply: &mut R,
) -> End {
    let retries = match job.rules {
        Rules::Guarded { .. } if is_last => job.retries(position),
        Rules::Guarded { .. } | Rules::Verbatim => 0,
    };
    for round in 0..retries {
        let wait = failure.retry_after.unwrap_or(BACKOFF * 2_u32.pow(round));
        let fits = wait <= MAX_WAIT && job.deadline.is_none_or(|by| Instant::now() + wait < by);
        let affordable = job.affords(&job.hops[position], trail);
        if !may_repeat(failure.class)
            || failure.sent
            || !fits
            || !affordable
            || (round > 0 && failure.retry_after.is_some())
        {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = reply.gone() => return End::ClientGone,
        }
        match leg(job, Turn { position, last: true, broken: None }, trail, reply).await {
            Tried::Done(end) => return end,
            Tried::Failed(failed) => failure = failed,
            Tried::Broken(broken) => return resume::run(job, position, *broken, trail, reply).await,
        }
        react(job, position, &failure, trail);
    }
    finish(job, position, failure, trail, reply).await
}

/// The end of the chain: the provider's own error when the request was at fault, ours otherwise.
pub(super) async fn finish<R: Reply>(
    job: &Job<'_>,
    position: usize,
    mut failure: Failure,
    trail: &mut Trail,
    reply: &mut R,
) -> End {
    let passes = match last_word(failure.class) {
        LastWord::Providers => true,
        LastWord::ProvidersOnCallersKey => job.carries_callers_credential(position),
        LastWord::Ours => false,
    };
    match failure.answer.take() {
        Some(refused) if passes => {
            answer::pass_on(job, (position, failure.class), *refused, trail, reply).await
        }
        _ => End::Failed(failure),
    }
}

pub(super) async fn leg<R: Reply>(job: &Job<'_>, turn: Turn<'_>, trail: &mut Trail, reply: &mut R) -> Tried {
    let Turn { position, last, broken } = turn;
    let mut attempt = Attempt::begin(trail, &job.hops[position], job.arrived);
    let Outgoing { path, body, hides_usage, dropped } = match job.outgoing(position) {
        Ok(outgoing) => outgoing,
        Err(failure) => {
            attempt.fail(&failure);
            return Tried::Failed(failure);
        }
    };
    let called = tokio::select! {
        biased;
        called = call(job, (position, Wants { whole: false, last }), (&path, body)) => called,
        () = reply.gone() => {
            unknown_fate(job, position, &mut attempt);
            job.learn_cut(position, &mut attempt);
            attempt.end(LegEnd::ClientGone);
            return Tried::Done(End::ClientGone);
        }
    };
    match called {
        Ok((exchange, _in_flight)) => {
            let first_token_by = if last { None } else { job.patience() };
            let answering = Answering { position, attempt, exchange, hides_usage, dropped, first_token_by };
            receive(job, answering, broken, reply).await
        }
        Err(uncalled) => Tried::Failed(uncalled.end(job, position, attempt)),
    }
}

/// Why there is no answer to read.
pub(super) enum Uncalled {
    /// Nobody was called.
    Here(Failure),
    /// The call came to nothing.
    There(CallError),
}

impl Uncalled {
    /// Ends the attempt that got no answer.
    pub(super) fn end(self, job: &Job<'_>, position: usize, attempt: Attempt<'_>) -> Failure {
        match self {
            Self::Here(failure) => {
                attempt.fail(&failure);
                failure
            }
            Self::There(error) => failed(job, position, attempt, error),
        }
    }
}

/// Counts a call in flight where it runs, for as long as it is held.
pub(super) struct InFlightAt {
    _deployment: Option<InFlight>,
    _replica: Option<Picked>,
}

/// What a call is made for.
#[derive(Clone, Copy)]
pub(super) struct Wants {
    /// A whole answer, whatever the client is given.
    pub(super) whole: bool,
    /// Nobody is asked behind it.
    pub(super) last: bool,
}

/// One call to a hop, up to the head of its answer. The guard counts it in flight for as long as the answer is read.
pub(super) async fn call(
    job: &Job<'_>,
    (position, wants): (usize, Wants),
    (path, body): (&str, Bytes),
) -> Result<(Exchange, InFlightAt), Uncalled> {
    let hop = &job.hops[position];
    let provider = job.snapshot.provider(hop.provider);
    let in_flight = match hop.deployment.map(|ix| job.board.enter(ix)) {
        Some(None) => {
            let failure = Failure::new(FailureClass::Overloaded, "its max_in_flight calls are running");
            return Err(Uncalled::Here(Failure { retry_after: Some(LIMITED), fault: Some(BUSY), ..failure }));
        }
        entered => entered.flatten(),
    };
    let headers = attempt_headers(job.caller, provider, hop.standing).map_err(|class| {
        Uncalled::Here(Failure::new(class, format!("no credential for provider `{}`", provider.id)))
    })?;
    let replica = match hop.deployment.and_then(|ix| job.board.replicas(ix)).map(|replicas| replicas.pick()) {
        Some(None) => {
            return Err(Uncalled::Here(Failure::new(FailureClass::Connect, "no replica is alive")));
        }
        picked => picked.flatten(),
    };
    let deadline = job.deadline.unwrap_or(job.arrived + LONGEST).min(Instant::now() + provider.clocks.total);
    let first_byte_by = job.first_byte_by(provider, deadline, wants);
    let endpoint = replica.as_ref().map(|replica| replica.addr);
    let call = Call { provider, endpoint, path, headers, body, deadline, first_byte_by };
    let called = job.upstream.call(&call).await;
    if let Some(replica) = &replica {
        match &called {
            Ok(exchange) if exchange.status() < 500 => replica.answered(),
            // Our own lack is no fault of the replica's.
            Err(error) if matches!(error.fault, Some(NO_ROOM | STOPPING)) => {}
            Ok(_) | Err(_) => replica.failed(),
        }
    }
    let exchange = called.map_err(Uncalled::There)?;
    Ok((exchange, InFlightAt { _deployment: in_flight, _replica: replica }))
}

/// A leg whose answer has begun.
pub(super) struct Answering<'t> {
    pub(super) position: usize,
    pub(super) attempt: Attempt<'t>,
    pub(super) exchange: Exchange,
    pub(super) hides_usage: bool,
    /// What translation left out of the request.
    pub(super) dropped: Vec<&'static str>,
    /// When its first token must be there; the last hop has the rest of the deadline.
    pub(super) first_token_by: Option<Instant>,
}

async fn receive<R: Reply>(
    job: &Job<'_>,
    mut answering: Answering<'_>,
    broken: Option<&mut Transcript>,
    reply: &mut R,
) -> Tried {
    let status = answering.exchange.status();
    let (is_stream, request_id) = match answering.exchange.head() {
        // Vectors do not come as a stream; what says so is read as the answer it is.
        Some(head) => {
            (is_event_stream(&head.headers) && !job.operation.embeds(), provider_request_id(&head.headers))
        }
        None => (false, None),
    };
    answering.attempt.note(|leg| {
        leg.status = Some(status);
        leg.provider_request_id = request_id;
    });
    if (300..400).contains(&status) {
        let failure = Failure::redirect(status);
        answering.attempt.fail(&failure);
        return Tried::Failed(failure);
    }
    if let (Some(transcript), 200..300) = (broken, status) {
        // What is no stream has no events, and so nothing of it is passed on.
        return Box::pin(resume::receive(job, answering, transcript, reply)).await;
    }
    // Streams are boxed: they live long, and their state would be copied with that of every whole answer.
    match (job.rules, is_stream) {
        (Rules::Verbatim, true) => Box::pin(stream::forward(job, answering, reply)).await,
        (Rules::Verbatim, false) => answer::forward(job, answering, reply).await,
        (Rules::Guarded { .. }, true) if (200..300).contains(&status) => {
            Box::pin(stream::guarded(job, answering, reply)).await
        }
        (Rules::Guarded { .. }, _) => answer::guarded(job, answering, reply).await,
    }
}

impl Failure {
    /// An answer that sends elsewhere.
    pub(super) fn redirect(status: u16) -> Self {
        Self::new(FailureClass::Malformed, format!("a redirect ({status}) is never followed"))
    }

    pub(super) fn new(class: FailureClass, detail: impl Into<String>) -> Self {
        Self {
            class,
            detail: detail.into(),
            sent: false,
            fault: None,
            param: None,
            retry_after: None,
            answer: None,
        }
    }
}

/// Ends an attempt that got no answer.
pub(super) fn failed(job: &Job<'_>, position: usize, mut attempt: Attempt<'_>, error: CallError) -> Failure {
    if error.sent {
        unknown_fate(job, position, &mut attempt);
        if error.class == FailureClass::Timeout {
            job.learn_cut(position, &mut attempt);
        }
    }
    let failure = Failure { sent: error.sent, fault: error.fault, ..Failure::new(error.class, error.detail) };
    attempt.fail(&failure);
    failure
}

/// The request was sent and nothing tells whether the provider bills it: at least its input counts, marked as ours.
pub(super) fn unknown_fate(job: &Job<'_>, position: usize, attempt: &mut Attempt<'_>) {
    attempt.note(|leg| leg.maybe_billed = true);
    if !attempt.is_settled() {
        answer::settle(job, position, attempt, job.usage_of(None, 0));
    }
}

pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    const WORD: &[u8] = b"text/event-stream";
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.as_bytes().get(..WORD.len()));
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(WORD))
}

/// OpenAI's `x-request-id`, Anthropic's `request-id`; bounded, as it goes into the ledger.
pub(super) fn provider_request_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(&X_REQUEST_ID).or_else(|| headers.get(&REQUEST_ID))?;
    value.to_str().ok().filter(|text| text.len() <= 128).map(str::to_owned)
}
