//! The caller's limits: `x-pointsman-*` request headers, parsed once into values that cannot be wrong.
//!
//! Every bad header is reported, with what would work. What a limit means for the choice is routing's business.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::PlanKind;
use crate::types::{NanoUsd, TaskClass};

/// What the caller asks of this one request. Absent fields leave the policy's limits as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Time for the whole answer, milliseconds.
    pub deadline_ms: Option<u32>,
    /// Time to the first token, milliseconds.
    pub ttft_ms: Option<u32>,
    /// Most the request may cost, worst case.
    pub max_cost: Option<NanoUsd>,
    /// Smallest expected quality, 0..1.
    pub min_quality: Option<f64>,
    /// Largest tolerated loss of expected quality against the baseline, 0..1.
    pub max_quality_loss: Option<f64>,
    /// The task class, where the caller knows it.
    pub task: Option<TaskClass>,
    /// The kind of plan that must be used, by its word in the configuration.
    pub plan: Option<String>,
    /// Tags for the ledger.
    pub tags: BTreeMap<String, String>,
    /// The session's identity as the client names it.
    pub session: Option<String>,
    /// Whether the answer's headers should explain the decision.
    pub explain: bool,
}

/// One header that cannot be taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitFault {
    /// The header's name.
    pub header: &'static str,
    /// Its value, shortened when long.
    pub value: String,
    /// What would work.
    pub expected: String,
}

impl fmt::Display for LimitFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` is not {}", self.header, self.value, self.expected)
    }
}

/// Reads the caller's limits; `header` looks a value up by its lower-case name. All faults are reported at once.
pub fn read_limits<'h>(header: impl Fn(&str) -> Option<&'h str>) -> Result<Limits, Vec<LimitFault>> {
    let mut reader = Reader { header, faults: Vec::new() };
    let limits = Limits {
        deadline_ms: reader.milliseconds("x-pointsman-deadline-ms"),
        ttft_ms: reader.milliseconds("x-pointsman-ttft-ms"),
        max_cost: reader.cost("x-pointsman-max-cost-usd"),
        min_quality: reader.share("x-pointsman-min-quality"),
        max_quality_loss: reader.share("x-pointsman-max-quality-loss"),
        task: reader.task("x-pointsman-task"),
        plan: reader.plan("x-pointsman-plan"),
        tags: reader.tags("x-pointsman-tags"),
        session: reader.session("x-pointsman-session"),
        explain: reader.switch("x-pointsman-explain"),
    };
    if reader.faults.is_empty() { Ok(limits) } else { Err(reader.faults) }
}

/// Longest time a caller may ask for.
const MAX_MS: u32 = 3_600_000;
/// Largest cost ceiling that is still taken for a limit and not for a slip.
const MAX_USD: f64 = 1_000_000.0;
/// Most tags of one request.
const MAX_TAGS: usize = 16;
/// Longest key and longest value of a tag.
const MAX_TAG_BYTES: usize = 64;
/// Longest session identity.
const MAX_SESSION_BYTES: usize = 256;
/// Session headers of known clients. They are not ours, so one that does not fit is passed over, not refused.
const CLIENT_SESSIONS: [&str; 3] = ["x-session-id", "x-claude-code-session-id", "session-id"];

struct Reader<F> {
    header: F,
    faults: Vec<LimitFault>,
}

impl<'h, F: Fn(&str) -> Option<&'h str>> Reader<F> {
    fn take<T>(
        &mut self,
        name: &'static str,
        expected: impl Fn() -> String,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = (self.header)(name)?.trim();
        let parsed = parse(value);
        if parsed.is_none() {
            let value = value.chars().take(80).collect();
            self.faults.push(LimitFault { header: name, value, expected: expected() });
        }
        parsed
    }

    fn milliseconds(&mut self, name: &'static str) -> Option<u32> {
        let expected = || format!("a whole number of milliseconds from 1 to {MAX_MS}");
        self.take(name, expected, |value| digits(value)?.parse().ok().filter(|ms| (1..=MAX_MS).contains(ms)))
    }

    fn cost(&mut self, name: &'static str) -> Option<NanoUsd> {
        let expected = || format!("an amount of US dollars from 0 to {MAX_USD}, as `0.05`");
        self.take(name, expected, |value| {
            decimal(value).filter(|usd| *usd <= MAX_USD).and_then(NanoUsd::from_usd)
        })
    }

    fn share(&mut self, name: &'static str) -> Option<f64> {
        let expected = || "a number from 0 to 1, as `0.85`".to_owned();
        self.take(name, expected, |value| decimal(value).filter(|share| *share <= 1.0))
    }

    fn task(&mut self, name: &'static str) -> Option<TaskClass> {
        let expected = || format!("one of {}", TaskClass::ALL.map(TaskClass::as_str).join(", "));
        self.take(name, expected, TaskClass::parse)
    }

    fn plan(&mut self, name: &'static str) -> Option<String> {
        let expected = || format!("one of {}", PLANS.map(PlanKind::as_str).join(", "));
        self.take(name, expected, |value| {
            PLANS.into_iter().find(|kind| kind.as_str() == value).map(|kind| kind.as_str().to_owned())
        })
    }

    fn tags(&mut self, name: &'static str) -> BTreeMap<String, String> {
        let expected = || {
            format!(
                "a list `key=value,key=value` of at most {MAX_TAGS} different keys, keys and values of 1 to \
                 {MAX_TAG_BYTES} letters, digits, `_`, `-`, `.`, `:`, `/` or `@`"
            )
        };
        self.take(name, expected, parse_tags).unwrap_or_default()
    }

    fn session(&mut self, name: &'static str) -> Option<String> {
        let expected = || format!("1 to {MAX_SESSION_BYTES} visible ASCII characters");
        if (self.header)(name).is_some() {
            return self.take(name, expected, session_id);
        }
        CLIENT_SESSIONS.into_iter().find_map(|other| session_id((self.header)(other)?.trim()))
    }

    fn switch(&mut self, name: &'static str) -> bool {
        let expected = || "`true` or `false`".to_owned();
        let parse = |value: &str| match value {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        self.take(name, expected, parse).unwrap_or(false)
    }
}

/// Kinds of plan a caller may ask for.
const PLANS: [PlanKind; 1] = [PlanKind::Single];

/// The value again when it is digits only: `parse` alone would take a sign.
fn digits(value: &str) -> Option<&str> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then_some(value)
}

/// A plain decimal: no sign, no exponent, no `inf` or `nan`.
fn decimal(value: &str) -> Option<f64> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| value.parse().ok())?
}

fn parse_tags(value: &str) -> Option<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for pair in value.split(',') {
        let (key, tag) = pair.split_once('=')?;
        let (key, tag) = (tag_word(key)?, tag_word(tag)?);
        if tags.len() == MAX_TAGS || tags.insert(key.to_owned(), tag.to_owned()).is_some() {
            return None;
        }
    }
    Some(tags)
}

fn tag_word(word: &str) -> Option<&str> {
    let word = word.trim();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/@".contains(&byte);
    ((1..=MAX_TAG_BYTES).contains(&word.len()) && word.bytes().all(allowed)).then_some(word)
}

fn session_id(value: &str) -> Option<String> {
    let fits =
        (1..=MAX_SESSION_BYTES).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| value.to_owned())
}
