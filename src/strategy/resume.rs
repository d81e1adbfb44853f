//! A stream that broke after its first words, and the hop behind that writes the answer anew. What the client has must be
//! exactly what the new answer says first; what comes behind is passed on. Otherwise the break is said aloud.
//!
//! Only where a policy asks for it (`on_stream_break = "resume"`): the client gets the bytes of two models.

use bytes::Bytes;

use super::answer::{no_room, settle};
use super::attempt::{LegEnd, Trail};
use super::chain::{Answering, End, Failure, Tried, Turn, leg};
use super::job::{Job, Pace};
use super::reaction::react;
use super::reply::Reply;
use super::stream::{Break, Feed, Stall, gone, say_broken, usage_of};
use crate::codec::{EventNumber, Splice, StreamTee, Transcript};
use crate::types::FailureClass;
use crate::upstream::CallError;

/// The new answer says something else.
const MISMATCH: &str = "resume_mismatch";

/// A stream that broke.
pub(super) struct Broken {
    pub(super) transcript: Transcript,
    pub(super) how: Break,
}

/// Looks for a hop behind `from` that says the same and more.
pub(super) async fn run<R: Reply>(
    job: &Job<'_>,
    from: usize,
    mut broken: Broken,
    trail: &mut Trail,
    reply: &mut R,
) -> End {
    for position in from + 1..job.hops.len() {
        if !job.may_be_called(position) || !job.affords(&job.hops[position], trail) {
            continue;
        }
        let last = position + 1 == job.hops.len();
        let turn = Turn { position, last, broken: Some(&mut broken.transcript) };
        match leg(job, turn, trail, reply).await {
            Tried::Done(end) => return end,
            Tried::Failed(failure) => {
                react(job, position, &failure, trail);
                if failure.fault == Some(MISMATCH) || !job.rules.goes_on(failure.class) {
                    break;
                }
            }
            // A leg that resumes is told what broke, so it never breaks off by itself.
            Tried::Broken(_) => break,
        }
    }
    let class = broken.how.class;
    // Numbered events are never resumed.
    match say_broken(job, (&broken.how, EventNumber::default()), reply).await {
        Ok(()) => End::Truncated { hop: Some(from), class },
        Err(_) => End::ClientGone,
    }
}

/// Reads the new answer past what the client has, and passes on the rest.
pub(super) async fn receive<R: Reply>(
    job: &Job<'_>,
    mut answering: Answering<'_>,
    transcript: &mut Transcript,
    reply: &mut R,
) -> Tried {
    let mut feed = Feed::guarded(job, &answering);
    let mut splice = transcript.splice();
    let mut stall = Stall::new(&answering);
    loop {
        stall.watch(&mut answering);
        let next = tokio::select! {
            biased;
            next = answering.exchange.next() => next,
            () = reply.gone() => return gone(job, answering, &feed.tee, reply),
        };
        let piece = match next {
            Ok(piece) => piece,
            // Everything was said; only the end of the connection never came.
            Err(_) if feed.tee.over() => None,
            Err(error) => {
                let failure = Failure { fault: error.fault, ..Failure::new(error.class, error.detail) };
                return wasted(job, answering, (&feed.tee, &splice), failure);
            }
        };
        let ended = piece.is_none();
        let out = match piece.map_or(Ok(Bytes::new()), |piece| spliced(piece, &mut feed, &mut splice)) {
            Ok(out) => out,
            Err(failure) => return wasted(job, answering, (&feed.tee, &splice), failure),
        };
        if !feed.fits(0) {
            let CallError { class, fault, detail, .. } = no_room();
            let failure = Failure { fault, ..Failure::new(class, detail) };
            return wasted(job, answering, (&feed.tee, &splice), failure);
        }
        stall.note(&feed.tee);
        if !out.is_empty() {
            answering.attempt.first_byte();
            transcript.note(&out);
            if reply.body(out, false).await.is_err() {
                return gone(job, answering, &feed.tee, reply);
            }
        }
        if ended {
            return close(job, answering, (feed, splice), reply).await;
        }
    }
}

/// What of a piece goes on to the client.
fn spliced(piece: Bytes, feed: &mut Feed, splice: &mut Splice) -> Result<Bytes, Failure> {
    let events = feed.take(piece).map_err(|fault| Failure::new(FailureClass::Malformed, fault.message))?;
    if let Some(error) = feed.tee.error() {
        return Err(Failure::new(error.class, format!("an error event, code {}", error.code)));
    }
    splice.feed(&events).map_err(|_| {
        let failure =
            Failure::new(FailureClass::Malformed, "the new answer does not begin with what was sent");
        Failure { fault: Some(MISMATCH), ..failure }
    })
}

/// What was written is owed, whether it was of use or not.
fn wasted(
    job: &Job<'_>,
    answering: Answering<'_>,
    (tee, splice): (&StreamTee, &Splice),
    failure: Failure,
) -> Tried {
    let Answering { position, mut attempt, exchange, .. } = answering;
    drop(exchange);
    settle(job, position, &mut attempt, usage_of(job, tee));
    attempt.note(|leg| leg.maybe_billed = true);
    if splice.is_open() {
        attempt.end(LegEnd::Broken(failure.class));
    } else {
        attempt.fail(&failure);
    }
    Tried::Failed(failure)
}

async fn close<R: Reply>(
    job: &Job<'_>,
    answering: Answering<'_>,
    (mut feed, mut splice): (Feed, Splice),
    reply: &mut R,
) -> Tried {
    let last = splice.feed(&feed.closing()).ok().filter(|_| feed.tee.finished() && splice.is_open());
    let Some(last) = last else {
        let failure = Failure::new(FailureClass::Malformed, "the new answer broke off as well");
        return wasted(job, answering, (&feed.tee, &splice), failure);
    };
    if reply.body(last, true).await.is_err() {
        return gone(job, answering, &feed.tee, reply);
    }
    let Answering { position, mut attempt, exchange, .. } = answering;
    job.upstream.release(exchange).await;
    settle(job, position, &mut attempt, usage_of(job, &feed.tee));
    job.learn(position, &mut attempt, Pace { stream: true, ..Pace::default() });
    attempt.end(LegEnd::Ok);
    Tried::Done(End::Resumed { hop: position })
}
