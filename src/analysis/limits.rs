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
    /// Which agent of the session it is, where a client says so: a sub-agent's turns are a conversation of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
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
        agent: reader.agent(),
        explain: reader.switch("x-pointsman-explain"),
    };
    if reader.faults.is_empty() { Ok(limits) } else { Err(reader.faults) }
}

/// Whether a header can say anything to [`read_limits`].
pub fn is_hint(name: &str) -> bool {
    name.starts_with("x-pointsman-") || CLIENT_SESSIONS.contains(&name) || CLIENT_AGENTS.contains(&name)
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
/// Headers in which known clients say that a turn is a sub-agent's, and whose: Claude Code from 2.1.139 names the agent (the main
/// one sends nothing); Codex names the thread, a sub-agent's being another than the session, and the kind of sub-agent. OpenCode
/// gives a sub-agent a session of its own.
const CLIENT_AGENTS: [&str; 3] = ["x-claude-code-agent-id", "thread-id", "x-openai-subagent"];

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
        let expected = || format!("one of {}", PlanKind::ALL.map(PlanKind::as_str).join(", "));
        self.take(name, expected, |value| PlanKind::parse(value).map(|kind| kind.as_str().to_owned()))
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

    /// All that is said of the agent, in one word. The thread that is the session itself is the main one's.
    fn agent(&self) -> Option<String> {
        let said = |name: &str| session_id((self.header)(name)?.trim());
        let session = CLIENT_SESSIONS.into_iter().find_map(said);
        let words: Vec<String> = CLIENT_AGENTS
            .into_iter()
            .filter_map(said)
            .filter(|word| Some(word) != session.as_ref())
            .collect();
        (!words.is_empty()).then(|| words.join(" "))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &str)]) -> Result<Limits, Vec<LimitFault>> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        read_limits(|name| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()))
    }

    #[test]
    fn no_headers_are_no_limits() {
        assert_eq!(read(&[]), Ok(Limits::default()));
    }

    #[test]
    fn every_limit_is_read_and_survives_storage() {
        let limits = read(&[
            ("x-pointsman-deadline-ms", "3600000"),
            ("x-pointsman-ttft-ms", " 800 "),
            ("x-pointsman-max-cost-usd", "0.05"),
            ("x-pointsman-min-quality", "0"),
            ("x-pointsman-max-quality-loss", "1.0"),
            ("x-pointsman-task", "summarisation"),
            ("x-pointsman-plan", "single"),
            ("x-pointsman-tags", "team=search, run=2026-01-01T00:00"),
            ("x-pointsman-session", "a/b-7"),
            ("x-pointsman-explain", "true"),
        ])
        .unwrap();
        let tags =
            [("team", "search"), ("run", "2026-01-01T00:00")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let expected = Limits {
            deadline_ms: Some(3_600_000),
            ttft_ms: Some(800),
            max_cost: Some(NanoUsd(50_000_000)),
            min_quality: Some(0.0),
            max_quality_loss: Some(1.0),
            task: Some(TaskClass::Summarisation),
            plan: Some("single".to_owned()),
            tags: tags.into(),
            session: Some("a/b-7".to_owned()),
            agent: None,
            explain: true,
        };
        assert_eq!(limits, expected);
        let stored = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<Limits>(&stored).unwrap(), limits);
    }

    const BAD: &[(&str, &[&str])] = &[
        ("x-pointsman-deadline-ms", &["", "0", "3600001", "-5", "+5", "1.5", "2s", "99999999999999999999"]),
        ("x-pointsman-ttft-ms", &["0", "soon"]),
        ("x-pointsman-max-cost-usd", &["", "-1", "$1", "1e-3", "inf", "nan", ".", "1,5", "1000001", "0.0.1"]),
        ("x-pointsman-min-quality", &["1.01", "-0", "80%", "high"]),
        ("x-pointsman-max-quality-loss", &["2", ""]),
        ("x-pointsman-task", &["", "Code", "coding", "summarization"]),
        ("x-pointsman-plan", &["", "cheap", "Single", "cascades"]),
        ("x-pointsman-tags", &["", "team", "=x", "a=", "a=b,", "a=b,a=c", "a=b c", "a=\u{e9}", "a=b=c"]),
        ("x-pointsman-session", &["", "two words", "\u{e9}"]),
        ("x-pointsman-explain", &["", "yes", "TRUE"]),
    ];

    #[test]
    fn bad_values_are_named_with_what_would_work() {
        for (header, values) in BAD {
            for value in *values {
                let faults = read(&[(header, value)]).expect_err(&format!("{header}: {value}"));
                assert_eq!((faults[0].header, faults[0].value.as_str(), faults.len()), (*header, *value, 1));
                let message = faults[0].to_string();
                assert!(message.starts_with(&format!("{header}: `{value}` is not ")), "{message}");
            }
        }
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let faults =
            read(&[("x-pointsman-ttft-ms", "x"), ("x-pointsman-task", "y"), ("x-pointsman-plan", "single")]);
        let headers: Vec<_> = faults.unwrap_err().into_iter().map(|fault| fault.header).collect();
        assert_eq!(headers, ["x-pointsman-ttft-ms", "x-pointsman-task"]);
    }

    #[test]
    fn bounds_hold() {
        let tags = |number: usize| (0..number).map(|at| format!("k{at}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(read(&[("x-pointsman-tags", &tags(16))]).unwrap().tags.len(), 16);
        assert!(read(&[("x-pointsman-tags", &tags(17))]).is_err());
        assert!(read(&[("x-pointsman-tags", &format!("k={}", "v".repeat(64)))]).is_ok());
        assert!(read(&[("x-pointsman-tags", &format!("k={}", "v".repeat(65)))]).is_err());
        assert!(read(&[("x-pointsman-session", &"s".repeat(256))]).is_ok());
        let faults = read(&[("x-pointsman-session", &"s".repeat(100_000))]).unwrap_err();
        assert_eq!(faults[0].value.len(), 80);
    }

    #[test]
    fn a_session_is_taken_from_known_clients_and_ours_wins() {
        let known = ["x-session-id", "x-claude-code-session-id", "session-id"];
        for header in known {
            assert_eq!(read(&[(header, "s-1")]).unwrap().session.as_deref(), Some("s-1"));
            assert_eq!(read(&[(header, "not ours to refuse")]).unwrap().session, None);
        }
        let both = read(&[("x-session-id", "theirs"), ("x-pointsman-session", "ours")]).unwrap();
        assert_eq!(both.session.as_deref(), Some("ours"));
        let second = read(&[("x-session-id", ""), ("session-id", "s-2")]).unwrap();
        assert_eq!(second.session.as_deref(), Some("s-2"));
    }

    #[test]
    fn a_sub_agent_is_told_from_its_parent() {
        let agent = |headers: &[(&str, &str)]| read(headers).unwrap().agent;
        let claude = ("x-claude-code-session-id", "s-1");
        assert_eq!(agent(&[claude]), None);
        assert_eq!(agent(&[claude, ("x-claude-code-agent-id", "a-1")]).as_deref(), Some("a-1"));
        assert_eq!(agent(&[claude, ("x-claude-code-agent-id", " ")]), None);
        // The main agent of Codex has the thread that is its session.
        let codex = ("session-id", "t-1");
        assert_eq!(agent(&[codex, ("thread-id", "t-1")]), None);
        let spawned = agent(&[codex, ("thread-id", "t-2"), ("x-openai-subagent", "collab_spawn")]);
        assert_eq!(spawned.as_deref(), Some("t-2 collab_spawn"));
        assert_eq!(agent(&[("x-session-id", "child"), ("x-parent-session-id", "parent")]), None);
    }
}
