//! What a failed leg means for those behind it: whether its deployment cools down or is left alone, and whether somebody
//! has to look at it. One caller's short patience, spent quota or refused key takes a deployment away from nobody else.

use std::time::Duration;

use super::attempt::Trail;
use super::chain::Failure;
use super::job::Job;
use crate::types::{DeploymentIx, FailureClass};
use crate::upstream::{NO_ROOM, STOPPING};

/// First cool-down of a hop that limits us without saying for how long.
pub(super) const LIMITED: Duration = Duration::from_secs(1);
/// First cool-down of a hop that could not be reached or failed.
const FAILED: Duration = Duration::from_millis(500);
/// A certificate does not mend itself sooner.
const DISTRUSTED: Duration = Duration::from_secs(60);
/// An answer that is no JSON: a captive portal, a maintenance page.
pub(super) const CONTENT_TYPE: &str = "content_type";
/// As many calls run as may: our own bound, which says nothing of the provider.
pub(super) const BUSY: &str = "max_in_flight";
/// The key is not known there, as opposed to one that may not do this.
pub(super) const INVALID_KEY: &str = "invalid_key";

/// The answer repeats the key of ours that it was asked with.
pub(super) const KEY_SHOWN: &str = "key_shown";

/// Notes what a failure means for its hop's deployment, and raises the alarm where it has to.
pub(super) fn react(job: &Job<'_>, position: usize, failure: &Failure, trail: &mut Trail) {
    let Some(ix) = job.hops[position].deployment else {
        // A model that is not in the catalogue has no health to keep, but its provider's certificate is looked at all the same.
        if failure.class == FailureClass::Tls {
            raise(job, position, failure, trail);
        }
        return;
    };
    let took = trail.legs.last().map_or(Duration::ZERO, |leg| leg.total);
    let failed = |pause, at_once| {
        job.board.failed(ix, took, (pause, at_once));
        false
    };
    let callers = job.carries_callers_credential(position);
    let alarm = match failure.class {
        FailureClass::Overloaded if matches!(failure.fault, Some(BUSY | NO_ROOM | STOPPING)) => false,
        FailureClass::RateLimit | FailureClass::Auth | FailureClass::Billing if callers => false,
        FailureClass::RateLimit | FailureClass::Overloaded => match failure.retry_after {
            Some(pause) => {
                job.board.bar(ix, pause);
                false
            }
            None => failed(LIMITED, true),
        },
        FailureClass::Timeout if job.is_out_of_time() => false,
        FailureClass::Connect | FailureClass::Dns | FailureClass::Timeout => failed(FAILED, true),
        FailureClass::ServerError => failed(FAILED, false),
        FailureClass::Tls => {
            failed(FAILED, true);
            distrust(job, ix, failure);
            true
        }
        FailureClass::Auth if failure.fault != Some(INVALID_KEY) => {
            job.board.strike(ix);
            true
        }
        FailureClass::Auth | FailureClass::Billing | FailureClass::ModelGone => {
            job.board.bar_for_good(ix);
            true
        }
        FailureClass::Malformed if failure.fault == Some(CONTENT_TYPE) => job.board.strike(ix),
        FailureClass::Unsupported => {
            job.board.answered(ix);
            learn_lack(job, position, failure);
            false
        }
        // Whoever finds fault with a request is at work.
        FailureClass::ContextLength | FailureClass::ContentFilter | FailureClass::BadRequest => {
            job.board.answered(ix);
            false
        }
        FailureClass::Malformed | FailureClass::Empty | FailureClass::NoCredential => false,
    };
    if alarm || failure.fault == Some(KEY_SHOWN) {
        raise(job, position, failure, trail);
    }
}

/// A committed stream broke. Whoever breaks off again and again is left alone for a while like one that fails at once.
pub(super) fn broke(job: &Job<'_>, position: usize, (class, took): (FailureClass, Duration)) {
    let ours = class == FailureClass::Overloaded || job.is_out_of_time();
    if let (Some(ix), false) = (job.hops[position].deployment, ours) {
        job.board.failed(ix, took, (FAILED, false));
    }
}

/// A certificate that is wrong stays wrong; a handshake that broke off may have been an accident.
fn distrust(job: &Job<'_>, ix: DeploymentIx, failure: &Failure) {
    if failure.fault != Some("tls_handshake") {
        job.board.bar(ix, DISTRUSTED);
    }
}

/// The next request that carries the parameter goes elsewhere at once. What a translation wrote is not the caller's.
fn learn_lack(job: &Job<'_>, position: usize, failure: &Failure) {
    let hop = &job.hops[position];
    let speaks = job.snapshot.provider(hop.provider).dialect;
    if let (Some(ix), Some(param), true) = (hop.deployment, &failure.param, speaks == job.dialect) {
        job.board.lacks(ix, param);
    }
}

fn raise(job: &Job<'_>, position: usize, failure: &Failure, trail: &mut Trail) {
    if let Some(leg) = trail.legs.last_mut() {
        leg.alarm = true;
    }
    tracing::error!(
        target: "alarm",
        id = %job.id,
        provider = %job.snapshot.provider(job.hops[position].provider).id,
        class = failure.class.as_str(),
        fault = failure.fault,
        detail = failure.detail,
        "a provider needs looking at"
    );
}
