//! What a request may cost, and by whose word: its caller's, its policy's, or what is left of a ceiling that many requests
//! share. Whoever refuses names the one that binds.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::Period;
use crate::types::NanoUsd;

/// What is left of a ceiling that many requests share, as a decision saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Whose ceiling it is.
    pub of: Sharers,
    /// The ceiling.
    pub ceiling: NanoUsd,
    /// What one request may still cost at most.
    pub left: NanoUsd,
    /// What of the rest is held for requests under way: it comes back as far as they do not use it.
    #[serde(default)]
    pub held: NanoUsd,
}

/// The requests that share a ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharers {
    /// Those of a client within a period.
    Client(Period),
    /// Those of a conversation.
    Session,
}

impl Room {
    /// The key that sets the ceiling.
    pub fn limit(&self) -> &'static str {
        match self.of {
            Sharers::Client(_) => "clients.max_spend_usd",
            Sharers::Session => "sessions.max_spend_usd",
        }
    }
}

impl fmt::Display for Room {
    /// `the client's ceiling of $5.000000 a day, of which $0.010000 is left`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            Sharers::Client(per) => {
                write!(f, "the client's ceiling of ${} per {} (UTC)", self.ceiling, per.as_str())?;
            }
            Sharers::Session => write!(f, "the ceiling of ${} per session", self.ceiling)?,
        }
        write!(f, ", of which ${} is left", self.left)?;
        if self.held > NanoUsd::ZERO {
            write!(f, " beside ${} held for requests under way", self.held)?;
        }
        Ok(())
    }
}

/// What a request may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    /// The amount.
    pub(super) most: NanoUsd,
    /// The shared ceiling it is the rest of; `None`: it was set for each request.
    pub(super) room: Option<Room>,
}

impl Ceiling {
    /// The strictest of those set for each request and of what is left of those that are shared; `None`: there is none.
    pub(super) fn of(own: impl IntoIterator<Item = NanoUsd>, room: Option<Room>) -> Option<Self> {
        let own = own.into_iter().min().map(|most| Self { most, room: None });
        let shared = room.map(|room| Self { most: room.left, room: Some(room) });
        own.into_iter().chain(shared).min_by_key(|ceiling| ceiling.most)
    }

    /// The name of the limit, as whoever sets it writes it.
    pub(super) fn limit(&self) -> &'static str {
        self.room.as_ref().map_or(CALLERS, Room::limit)
    }

    /// What it is, in words, and what would work.
    pub(super) fn words(&self) -> (String, &'static str) {
        match &self.room {
            Some(room) => (room.to_string(), "lower the output cap, or raise the ceiling"),
            None => (format!("the ceiling of ${}", self.most), "raise it or lower the output cap"),
        }
    }
}

/// What a ceiling for one request is called.
pub(super) const CALLERS: &str = "x-pointsman-max-cost-usd";
