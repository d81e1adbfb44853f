//! Whole answers. Guarded ones are read to their end and checked before a byte of them is committed, so that a broken
//! one can still fall back; verbatim ones pass through as they come, a copy kept aside for their usage.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use std::time::Duration;
use tokio::time::Instant;

use super::attempt::{Attempt, LegEnd, Trail};
use super::chain::{Answering, End, Failure, Refused, Tried, failed, unknown_fate};
use super::job::{Job, Pace};
use super::memory::Room;
use super::reaction::{CONTENT_TYPE, INVALID_KEY, KEY_SHOWN};
use super::reply::{Head, Reply, Translated};
use super::wire::Wire;
use crate::codec::{self, Answer, Finish};
use crate::types::{FailureClass, Usage, UsageSource};
use crate::upstream::{CallError, Exchange, NO_ROOM, forwardable_answer_header};

/// A buffer that grows is held twice while it moves.
const GROWING: usize = 2;
/// Longest error body held in memory.
const MAX_ERROR: usize = 256 << 10;
/// A provider's Retry-After counts up to this; a hostile one must neither block nor overflow anything.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);
/// What of a whole answer must come between two idle clocks once it has begun: the rest is there, so less is a drip.
const MIN_PROGRESS: usize = 512;
/// Most of a verbatim answer that is read before its head is sent.
const MAX_COPY: usize = 8 << 20;

/// Reads, checks and sends a guarded answer.
pub(super) async fn guarded<R: Reply>(job: &Job<'_>, answering: Answering<'_>, reply: &mut R) -> Tried {
    let Answering { position, mut attempt, exchange, dropped, .. } = answering;
    let taken = tokio::select! {
        biased;
        taken = take(job, position, &mut attempt, exchange) => taken,
        () = reply.gone() => return left(job, position, attempt, reply),
    };
    let good = match taken {
        Ok(good) => good,
        Err(Untaken::Call(error)) => return Tried::Failed(failed(job, position, attempt, error)),
        Err(Untaken::Failure(failure)) => {
            attempt.fail(&failure);
            return Tried::Failed(failure);
        }
    };
    let wire = job.wire(position);
    let body = match job.answer(position, good.body.clone()) {
        Ok(body) => body,
        Err(failure) => {
            account_for_broken(job, position, &mut attempt, (&failure, &good.body));
            attempt.fail(&failure);
            return Tried::Failed(failure);
        }
    };
    let whole = Whole {
        position,
        status: good.status,
        headers: wire.headers(job.dialect, good.headers),
        body,
        translated: wire.asker.map(|_| Translated { from: wire.dialect, dropped }),
    };
    send(job, whole, attempt, reply).await
}

/// A whole answer that was read and found good, as the provider gave it.
pub(super) struct Good {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What it holds of the memory for answers.
    pub(super) _room: Room,
}

/// Why there is no good answer.
pub(super) enum Untaken {
    /// It broke off.
    Call(CallError),
    /// It was read and is of no use.
    Failure(Failure),
}

/// Reads a whole answer to its end, checks it, settles and learns from it.
pub(super) async fn take(
    job: &Job<'_>,
    position: usize,
    attempt: &mut Attempt<'_>,
    mut exchange: Exchange,
) -> Result<Good, Untaken> {
    let wire = job.wire(position);
    let status = exchange.status();
    let headers = passing_headers(&exchange);
    let success = (200..300).contains(&status);
    let limit = if success { job.max_answer_bytes } else { MAX_ERROR };
    let mut room = job.memory.room();
    let body = collect(&mut exchange, limit, &mut room).await.map_err(Untaken::Call)?;
    job.upstream.release(exchange).await;
    attempt.first_byte();
    let shows_key = job.shows_our_key(position, &body);
    let answer = match check(job, wire, (status, &headers), &body) {
        Ok(answer) if !shows_key => answer,
        checked => {
            let shown = Failure { sent: true, ..Failure::new(FailureClass::Malformed, "it shows our key") };
            let mut failure = checked.err().unwrap_or(shown);
            if shows_key {
                failure.fault = Some(KEY_SHOWN);
            }
            failure.retry_after = retry_after(&headers).or(failure.retry_after);
            if success {
                account_for_broken(job, position, attempt, (&failure, &body));
            } else {
                if !shows_key {
                    let (headers, body) = wire.error(job.dialect, status, (headers, body));
                    failure.answer = Some(Box::new(Refused { hop: position, status, headers, body }));
                }
                if failure.class == FailureClass::Timeout {
                    // Somebody on the way gave up waiting; whether it was written nobody knows.
                    failure.sent = true;
                    unknown_fate(job, position, attempt);
                }
            }
            return Err(Untaken::Failure(failure));
        }
    };
    settle(job, position, attempt, job.usage_of(answer.usage, answer.output_bytes));
    job.learn(position, attempt, Pace::default());
    Ok(Good { status, headers, body, _room: room })
}

/// An answer of status 200 that cannot be used was written all the same: what it says it cost counts, else an estimate.
/// Only where it is an error in so many words, without any count, nothing is owed.
fn account_for_broken(
    job: &Job<'_>,
    position: usize,
    attempt: &mut Attempt<'_>,
    (failure, body): (&Failure, &Bytes),
) {
    let counted = codec::read_usage(job.wire(position).dialect, body);
    if counted.is_some() || failure.sent {
        settle(job, position, attempt, job.usage_of(counted, body.len() as u64));
        attempt.note(|leg| leg.maybe_billed = true);
    }
}

/// A checked answer, ready to go.
struct Whole {
    position: usize,
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    translated: Option<Translated>,
}

async fn send<R: Reply>(job: &Job<'_>, whole: Whole, mut attempt: Attempt<'_>, reply: &mut R) -> Tried {
    let mut cost = None;
    attempt.note(|leg| cost = leg.cost);
    let head = Head {
        length: Some(whole.body.len()),
        model: job.model_of(whole.position),
        hop: whole.position,
        cost,
        translated: whole.translated,
        ..Head::new(whole.status, whole.headers)
    };
    let sent = match reply.head(head, attempt.earlier()).await {
        Ok(()) => reply.body(whole.body, true).await,
        gone => gone,
    };
    if sent.is_err() {
        return left(job, whole.position, attempt, reply);
    }
    attempt.end(LegEnd::Ok);
    Tried::Done(End::Served { hop: whole.position, status: whole.status })
}

/// What is wrong with a guarded answer, if anything is; one that was written counts as sent.
fn check(
    job: &Job<'_>,
    wire: Wire,
    (status, headers): (u16, &HeaderMap),
    body: &[u8],
) -> Result<Answer, Failure> {
    if !(200..300).contains(&status) {
        if (300..400).contains(&status) {
            return Err(Failure::redirect(status));
        }
        let error = codec::classify(wire.dialect, status, body);
        // A 403 may mean that this account may not do this one thing, which others do not ask for.
        let fault = (error.class == FailureClass::Auth && status != 403).then_some(INVALID_KEY);
        let failure = Failure::new(error.class, format!("status {status}, code {}", error.code));
        let retry_after = error.retry_after.map(|wait| wait.min(LONGEST_RETRY_AFTER));
        return Err(Failure { fault, param: error.param.map(Into::into), retry_after, ..failure });
    }
    let json = headers
        .get(header::CONTENT_TYPE)
        .is_none_or(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"application/json"));
    let written = |class, detail: String| Failure { sent: true, ..Failure::new(class, detail) };
    if !json {
        let failure = written(FailureClass::Malformed, "the answer's content type is not JSON".to_owned());
        return Err(Failure { fault: Some(CONTENT_TYPE), ..failure });
    }
    let answer = codec::read_answer(wire.dialect, wire.operation, body)
        .map_err(|error| written(FailureClass::Malformed, error.message))?;
    if let Some(error) = &answer.error {
        return Err(Failure::new(
            error.class,
            format!("an error inside status {status}, code {}", error.code),
        ));
    }
    if !answer.has_content && !may_be_empty(job, answer.finish) {
        return Err(written(FailureClass::Empty, "no content and no tool call".to_owned()));
    }
    Ok(answer)
}

/// Whether an answer without content is one all the same: a refusal, a call, a cap that left no room.
pub(super) fn may_be_empty(job: &Job<'_>, finish: Option<Finish>) -> bool {
    job.request.is_some_and(|request| request.max_output_tokens.is_some_and(|cap| cap <= 1))
        || matches!(finish, Some(Finish::ToolCalls | Finish::ContentFilter | Finish::Length))
}

/// Forwards an answer as it comes. An answer of ordinary size is read first, so that its head can say what it cost and a
/// broken one is an error instead of half an answer; a longer one streams through.
pub(super) async fn forward<R: Reply>(job: &Job<'_>, answering: Answering<'_>, reply: &mut R) -> Tried {
    let Answering { position, mut attempt, mut exchange, .. } = answering;
    let status = exchange.status();
    let mut copy = BytesMut::new();
    let mut room = job.memory.room();
    let read = tokio::select! {
        biased;
        read = read_ahead(&mut exchange, &mut copy, &mut room) => read,
        () = reply.gone() => return left(job, position, attempt, reply),
    };
    attempt.first_byte();
    let ended = match read {
        Ok(ended) => ended,
        Err(error) => return Tried::Failed(failed(job, position, attempt, error)),
    };
    let refused = status >= 400;
    let class = refused.then(|| codec::classify(job.dialect, status, &copy).class);
    if class == Some(FailureClass::Auth) && !job.carries_callers_credential(position) {
        // Our own key was refused: passed on, it would blame the caller's.
        let failure = Failure::new(FailureClass::Auth, format!("status {status}"));
        let failure = Failure { fault: (status != 403).then_some(INVALID_KEY), ..failure };
        attempt.fail(&failure);
        return Tried::Failed(failure);
    }
    if job.shows_our_key(position, &copy) {
        let class = class.unwrap_or(FailureClass::Malformed);
        let failure = Failure { fault: Some(KEY_SHOWN), ..Failure::new(class, format!("status {status}")) };
        attempt.fail(&failure);
        return Tried::Failed(failure);
    }
    if !refused {
        settle(job, position, &mut attempt, forwarded_usage(job, &copy));
        if ended {
            job.learn(position, &mut attempt, Pace::default());
        }
    }
    let mut cost = None;
    attempt.note(|leg| cost = leg.cost.filter(|_| ended && !refused));
    let length = if ended { Some(copy.len()) } else { content_length(&exchange) };
    let headers = passing_headers(&exchange);
    let end = class.map_or(LegEnd::Ok, LegEnd::Failed);
    let model = job.model_of(position);
    let head = Head { length, model, hop: position, cost, end, ..Head::new(status, headers) };
    if reply.head(head, attempt.earlier()).await.is_err() || reply.body(copy.freeze(), ended).await.is_err() {
        return left(job, position, attempt, reply);
    }
    if !ended {
        match pass_rest(&mut exchange, reply).await {
            Ok(()) => {}
            Err(Rest::Gone) => return left(job, position, attempt, reply),
            Err(Rest::Broken(class)) => {
                reply.abort();
                attempt.end(LegEnd::Broken(class));
                return Tried::Done(End::Truncated { hop: Some(position), class });
            }
        }
    }
    job.upstream.release(exchange).await;
    attempt.end(end);
    Tried::Done(match class {
        Some(class) => End::Passed { hop: position, status, class },
        None => End::Served { hop: position, status },
    })
}

/// Reads until the end, or until there is more than is kept or room for; whether the end was reached.
async fn read_ahead(
    exchange: &mut Exchange,
    copy: &mut BytesMut,
    room: &mut Room,
) -> Result<bool, CallError> {
    while copy.len() <= MAX_COPY && room.holds(GROWING * copy.len()) {
        match exchange.next().await? {
            Some(piece) => copy.extend_from_slice(&piece),
            None => return Ok(true),
        }
    }
    Ok(false)
}

enum Rest {
    Gone,
    Broken(FailureClass),
}

async fn pass_rest<R: Reply>(exchange: &mut Exchange, reply: &mut R) -> Result<(), Rest> {
    loop {
        let piece = tokio::select! {
            biased;
            piece = exchange.next() => piece.map_err(|error| Rest::Broken(error.class))?,
            () = reply.gone() => return Err(Rest::Gone),
        };
        let ended = piece.is_none();
        reply.body(piece.unwrap_or_default(), ended).await.map_err(|_| Rest::Gone)?;
        if ended {
            return Ok(());
        }
    }
}

/// The client left. Its connection is broken off: one that only closed its sending side must not take what it has for
/// the whole answer.
fn left<R: Reply>(job: &Job<'_>, position: usize, mut attempt: Attempt<'_>, reply: &mut R) -> Tried {
    reply.abort();
    unknown_fate(job, position, &mut attempt);
    attempt.end(LegEnd::ClientGone);
    Tried::Done(End::ClientGone)
}

fn forwarded_usage(job: &Job<'_>, body: &[u8]) -> (Usage, UsageSource) {
    if let Some(usage) = codec::read_usage(job.dialect, body) {
        return (usage, UsageSource::Provider);
    }
    match codec::read_answer(job.dialect, job.operation, body) {
        Ok(answer) => job.usage_of(answer.usage, answer.output_bytes),
        Err(_) => job.usage_of(None, body.len() as u64),
    }
}

/// Passes a provider's own error to the client.
pub(super) async fn pass_on<R: Reply>(
    job: &Job<'_>,
    (hop, class): (usize, FailureClass),
    refused: Refused,
    trail: &Trail,
    reply: &mut R,
) -> End {
    let (status, wire) = (refused.status, job.wire(hop));
    let head = Head {
        length: Some(refused.body.len()),
        model: job.model_of(hop),
        hop,
        end: LegEnd::Failed(class),
        translated: wire.asker.map(|_| Translated { from: wire.dialect, dropped: Vec::new() }),
        ..Head::new(status, refused.headers)
    };
    // The trail already holds the passing leg; those before it are the earlier ones.
    let earlier = trail.legs.len().saturating_sub(1);
    if reply.head(head, &trail.legs[..earlier]).await.is_err()
        || reply.body(refused.body, true).await.is_err()
    {
        return End::ClientGone;
    }
    End::Passed { hop, status, class }
}

async fn collect(exchange: &mut Exchange, limit: usize, room: &mut Room) -> Result<Bytes, CallError> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut progress = Progress::new(exchange.idle());
    while let Some(piece) = exchange.next().await? {
        progress.note(&piece)?;
        let held = first.as_ref().map_or(0, Bytes::len) + rest.len();
        if held + piece.len() > limit {
            return Err(CallError {
                class: FailureClass::Malformed,
                sent: true,
                fault: None,
                detail: format!("the answer is longer than {limit} bytes"),
            });
        }
        if !room.holds(GROWING * (held + piece.len())) {
            return Err(no_room());
        }
        match &first {
            None => first = Some(piece),
            Some(head) => {
                if rest.is_empty() {
                    rest.reserve(head.len() + piece.len());
                    rest.extend_from_slice(head);
                    first = Some(Bytes::new());
                }
                rest.extend_from_slice(&piece);
            }
        }
    }
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
}

/// Too many answers are held in memory already; this one was begun, so it may be billed.
pub(super) fn no_room() -> CallError {
    CallError {
        class: FailureClass::Overloaded,
        sent: true,
        fault: Some(NO_ROOM),
        detail: "too many answers are held in memory (server.answer_budget_bytes)".into(),
    }
}

/// Watches that a whole answer comes on. White space before it is how some providers say that they are still at work.
struct Progress {
    idle: Duration,
    since: Option<Instant>,
    bytes: usize,
}

impl Progress {
    fn new(idle: Duration) -> Self {
        Self { idle, since: None, bytes: 0 }
    }

    fn note(&mut self, piece: &[u8]) -> Result<(), CallError> {
        if self.since.is_none() && piece.trim_ascii().is_empty() {
            return Ok(());
        }
        self.bytes += piece.len();
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.idle {
            return Ok(());
        }
        if self.bytes < MIN_PROGRESS {
            return Err(CallError {
                class: FailureClass::Timeout,
                sent: true,
                fault: Some("drip"),
                detail: format!("{} bytes of the answer in {:?}", self.bytes, since.elapsed()),
            });
        }
        (self.since, self.bytes) = (Some(Instant::now()), 0);
        Ok(())
    }
}

/// Settles tokens and cost of a leg whose answer was read.
pub(super) fn settle(job: &Job<'_>, position: usize, attempt: &mut Attempt<'_>, used: (Usage, UsageSource)) {
    let (mut usage, source) = used;
    if let (UsageSource::Estimated, Some(reads)) = (source, attempt.reads) {
        usage.input = reads;
    }
    let cost = job.cost(position, &usage);
    attempt.note(|leg| {
        leg.usage = usage;
        leg.usage_source = source;
        leg.cost = cost;
    });
}

/// The upstream's headers without connection business, framing and redirection.
pub(super) fn passing_headers(exchange: &Exchange) -> HeaderMap {
    let Some(head) = exchange.head() else { return HeaderMap::new() };
    let mut headers = HeaderMap::with_capacity(head.headers.len() + 8);
    for (name, value) in &head.headers {
        if forwardable_answer_header(name) && name != header::CONTENT_LENGTH {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

fn content_length(exchange: &Exchange) -> Option<usize> {
    exchange.head()?.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `Retry-After` as seconds or as a date; a past date means now, anything else counts as a second.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
    }
    match httpdate::parse_http_date(text) {
        Ok(date) => Some(
            date.duration_since(std::time::SystemTime::now())
                .unwrap_or(Duration::ZERO)
                .min(LONGEST_RETRY_AFTER),
        ),
        Err(_) => Some(Duration::from_secs(1)),
    }
}
