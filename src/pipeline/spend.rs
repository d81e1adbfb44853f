//! Ceilings that many requests share, around one decision: what is left of them goes into it, and the worst case of what was
//! decided is held before anything is called. Where another request took the room meanwhile, it is decided again with what is left.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::refusal::{Refusal, RefusalCode};
use super::understand::{Asking, Decided};
use super::{Engine, Inbound, Loaded};
use crate::catalog::{Client, Snapshot};
use crate::ledger::{LedgerError, Reader};
use crate::routing::{Room, Sharers};
use crate::strategy::{Capped, Hold, Purse, Purses};
use crate::types::{ClientIx, NanoUsd};

/// So often is a request decided anew before it is told that there is no room: each time another one got it.
const TRIES: u32 = 16;
/// What sessions spent before the start is looked up in the records of so long.
const SESSIONS_LOOKED_BACK_MS: u64 = 24 * 3_600_000;
/// Purses of sessions kept at most, besides those in use.
pub(super) const SESSION_PURSES: usize = 200_000;

/// The ceilings a request is held to.
pub(super) struct Shared {
    caps: Vec<(Sharers, Capped)>,
}

impl Shared {
    /// What the strictest of them leaves for one request.
    pub(super) fn room(&self) -> Option<Room> {
        let rooms = self.caps.iter().map(|(of, capped)| {
            let (left, held) = capped.left();
            Room { of: *of, ceiling: capped.ceiling, left, held }
        });
        rooms.min_by_key(|room| room.left)
    }

    fn hold(&self, worst: NanoUsd) -> Option<Hold> {
        Hold::of(self.caps.iter().map(|(_, capped)| capped.clone()).collect(), worst)
    }
}

impl Engine {
    /// Decides, and holds what was decided on costs at most; without a ceiling that is shared it only decides.
    pub(super) fn decide_and_hold(
        &self,
        inbound: &Inbound,
        asked: &Asking,
    ) -> Result<(Decided, Option<Arc<Hold>>), Refusal> {
        let Some(shared) = self.shared(inbound, asked) else {
            return self.decide(inbound, asked, None).map(|decided| (decided, None));
        };
        let mut full = shared.room();
        for _ in 0..TRIES {
            let decided = self.decide(inbound, asked, full)?;
            if matches!(&decided.decision, Some(Err(_))) {
                return Ok((decided, None));
            }
            // What has no price does not come so far; it would find no room.
            if let Some(hold) = decided.worst.and_then(|worst| shared.hold(worst)) {
                return Ok((decided, Some(Arc::new(hold))));
            }
            full = shared.room();
        }
        let (limit, what) = full.map_or(("", String::new()), |room| (room.limit(), room.to_string()));
        let message =
            format!("other requests took all that was left of {what}: try again when they are done");
        Err(Refusal::new(RefusalCode::NoPlanWithinBudget, message).about(limit))
    }

    /// The ceilings that a request shares with others; `None`: there is none.
    pub(super) fn shared(&self, inbound: &Inbound, asked: &Asking) -> Option<Shared> {
        let snapshot = &inbound.loaded.snapshot;
        let of_client = inbound.client.and_then(|ix| client_cap(&inbound.loaded, ix, inbound.id.unix_ms()));
        let of_session = snapshot.session_max_spend.filter(|_| asked.has_session).map(|ceiling| {
            // What a sub-agent spends its conversation spends.
            let purse = self.purses.of(asked.share);
            (Sharers::Session, Capped { purse, ceiling, period: 0 })
        });
        let caps: Vec<_> = of_client.into_iter().chain(of_session).collect();
        (!caps.is_empty()).then_some(Shared { caps })
    }

    /// The ceiling of a client that has nothing left under it: it is sent nowhere else either.
    pub fn spent_out(&self, loaded: &Loaded, client: Option<ClientIx>, unix_ms: u64) -> Option<Refusal> {
        let (of, capped) = client_cap(loaded, client?, unix_ms)?;
        let (left, held) = capped.left();
        let room = Room { of, ceiling: capped.ceiling, left, held };
        let message = || format!("nothing may be sent that has no price: {room}");
        (left == NanoUsd::ZERO)
            .then(|| Refusal::new(RefusalCode::NoPlanWithinBudget, message()).about(room.limit()))
    }

    /// What clients with a ceiling have spent in their present period, and what that ceiling is.
    pub fn client_spend(&self, unix_ms: u64) -> Vec<(String, NanoUsd, NanoUsd)> {
        let loaded = self.loaded();
        let of = |(client, ix): (&Client, u16)| {
            let (_, capped) = client_cap(&loaded, ClientIx(ix), unix_ms)?;
            Some((client.id.to_string(), capped.purse.at(capped.period).0, capped.ceiling))
        };
        loaded.snapshot.clients.iter().zip(0..).filter_map(of).collect()
    }
}

/// Whether requests of a client, or of anybody's sessions, are held to a ceiling that they share.
pub(super) fn is_capped(snapshot: &Snapshot, client: Option<&Client>) -> bool {
    snapshot.session_max_spend.is_some() || client.is_some_and(|client| client.max_spend.is_some())
}

fn client_cap(loaded: &Loaded, ix: ClientIx, unix_ms: u64) -> Option<(Sharers, Capped)> {
    let spend = loaded.snapshot.clients.at(ix).max_spend?;
    let purse = loaded.client_purses.get(ix.at())?.clone()?;
    let period = spend.per.began_ms(unix_ms);
    Some((Sharers::Client(spend.per), Capped { purse, ceiling: spend.most, period }))
}

/// The purses of a snapshot's clients: those they had, and for a ceiling or a period that is new what is on record.
pub(super) fn client_purses(
    snapshot: &Snapshot,
    before: Option<&Loaded>,
    (ledger, now_ms): (&Path, u64),
) -> Vec<Option<Arc<Purse>>> {
    let of = |client: &Client| {
        let spend = client.max_spend?;
        let kept = before.and_then(|before| {
            let ix = before.snapshot.clients.iter().position(|known| known.id == client.id)?;
            let same = before.snapshot.clients.iter().nth(ix)?.max_spend?.per == spend.per;
            before.client_purses[ix].clone().filter(|_| same)
        });
        Some(kept.unwrap_or_else(|| {
            let began = spend.per.began_ms(now_ms);
            let spent = on_record(ledger, |reader| reader.spent_by_client(&client.id, began));
            Arc::new(Purse::with(began, spent.unwrap_or_default()))
        }))
    };
    snapshot.clients.iter().map(of).collect()
}

/// Notes what sessions have spent lately, where they have a ceiling and had none before.
pub(super) fn know_sessions(
    purses: &Purses,
    (snapshot, before): (&Snapshot, Option<&Loaded>),
    (ledger, now_ms): (&Path, u64),
) {
    let had = before.is_some_and(|before| before.snapshot.session_max_spend.is_some());
    if snapshot.session_max_spend.is_none() || had {
        return;
    }
    let since = now_ms.saturating_sub(SESSIONS_LOOKED_BACK_MS);
    let spent = on_record(ledger, |reader| reader.spent_by_sessions(since, SESSION_PURSES / 2));
    for (session, spent) in spent.unwrap_or_default() {
        purses.known(session, spent);
    }
}

/// What a ledger knows; one that is not there yet knows nothing, and one that cannot be read is no reason to serve nobody.
fn on_record<T>(path: &Path, ask: impl Fn(&Reader) -> Result<T, LedgerError>) -> Option<T> {
    match Reader::open(path).and_then(|reader| ask(&reader)) {
        Ok(found) => Some(found),
        Err(LedgerError::Missing(_)) => None,
        Err(fault) => {
            tracing::warn!(%fault, "what was spent before is not known, so ceilings of clients and sessions begin at 0");
            None
        }
    }
}

/// Periods are of the calendar, and so is what lies in the ledger. A clock that jumps ahead begins the next period early, and one that
/// goes back begins none again: what is given too soon is not given twice.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
