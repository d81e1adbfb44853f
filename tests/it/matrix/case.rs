//! The words in which the fault matrix is written: rows, cases, steps, and the usual ones by name.

use super::fault::Fault;
use super::own::Check;
use super::plans::PlanCase;
use super::way::{Api, Way};

/// One row.
pub struct Row {
    /// Its number.
    pub number: &'static str,
    /// The fault.
    pub what: &'static str,
    /// What is checked.
    pub checks: Checks,
}

/// What a row is made of.
pub enum Checks {
    /// Providers fail, one client asks.
    Cases(&'static [Case]),
    /// More than that: a check of its own.
    Own(&'static [(&'static str, Check)]),
    /// The same, behind all others.
    Alone(&'static [(&'static str, Check)]),
    /// Plans of several models, one of which fails.
    Plans(&'static [PlanCase]),
    /// Nothing to check yet, and who adds it.
    Later(&'static str),
}

/// One case: requests, one after the other, through one proxy.
pub struct Case {
    /// What is special about it.
    pub name: &'static str,
    /// Whether whole answers or streams are asked for.
    pub scope: Scope,
    /// What the clients speak.
    pub apis: Apis,
    /// How it differs from the usual configuration and request.
    pub with: &'static [Tweak],
    /// The requests.
    pub steps: &'static [Step],
}

/// Whether a case is about whole answers or streams.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    Whole,
    Stream,
}

/// The dialects a case is about.
#[derive(Clone, Copy)]
pub enum Apis {
    All,
    /// What other cases of the row are about elsewhere.
    Only(&'static [Api]),
    /// All but these, and why: the table says it.
    But(&'static [(Api, &'static str)]),
}

impl Case {
    /// Whether it applies to a way of asking.
    pub fn applies(&self, way: Way) -> bool {
        let scope = match self.scope {
            Scope::All => true,
            Scope::Whole => !way.stream,
            Scope::Stream => way.stream,
        };
        scope
            && match self.apis {
                Apis::All => true,
                Apis::Only(apis) => apis.contains(&way.api),
                Apis::But(but) => but.iter().all(|(api, _)| *api != way.api),
            }
    }

    /// Where it does not apply, and why.
    pub fn exceptions(&self) -> impl Iterator<Item = (Api, &'static str)> {
        let but = match self.apis {
            Apis::But(but) => but,
            Apis::All | Apis::Only(_) => &[],
        };
        but.iter().copied()
    }
}

/// A difference from the usual configuration or request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tweak {
    /// The chain ends with the small model.
    Alone,
    /// The large model is the only candidate.
    OnlyLarge,
    /// Extra attempts at a hop.
    Retries(u32),
    /// The caller's own key goes to the provider.
    CallersKey,
    /// A line of the policies.
    Policy(&'static str),
    /// The caller's header.
    Hint(&'static str, &'static str),
    /// The caller's output cap.
    MaxTokens(u32),
    /// The large model's window is larger than the small one's.
    LargerWindow,
    /// These models have no price: `s`, `l`.
    Unpriced(&'static str),
}

/// One request.
#[derive(Clone, Copy)]
pub struct Step {
    /// Waited before it, milliseconds.
    pub after_ms: u64,
    /// What the small model's provider does.
    pub small: Fault,
    /// What the large model's does.
    pub large: Fault,
    /// Whether the small one's fault happens once only.
    pub once: bool,
    /// What the client gets.
    pub gets: Gets,
    /// Every attempt on record.
    pub trail: &'static [&'static str],
    /// The calls that arrived, in order.
    pub calls: &'static str,
    /// `retry-after`, where the answer carries one; `*` for any.
    pub retry_after: Option<&'static str>,
    /// Alarms raised so far.
    pub alarms: u32,
    /// Finer reason of the first attempt on record.
    pub reason: Option<&'static str>,
    /// By when it is over.
    pub within_ms: u64,
}

/// What the client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gets {
    /// The whole right answer of a model.
    Served(char),
    /// A model's answer as it is: nothing in it is wrong.
    Passed(char),
    /// Our own error.
    Own(u16, &'static str),
    /// The provider's status and body, verbatim.
    Theirs(u16),
    /// A stream that says in its last event that it broke, under this code.
    Broken(&'static str),
    /// A stream of the small model that the large one finished.
    Resumed,
}

pub const STEP: Step = Step {
    after_ms: 0,
    small: Fault::None,
    large: Fault::None,
    once: false,
    gets: Gets::Served('l'),
    trail: &["l:ok"],
    calls: "l",
    retry_after: None,
    alarms: 0,
    reason: None,
    within_ms: 4000,
};

pub const fn falls(small: Fault, trail: &'static [&'static str], calls: &'static str) -> Step {
    Step { small, trail, calls, ..STEP }
}

pub const fn all(name: &'static str, steps: &'static [Step]) -> Case {
    Case { name, scope: Scope::All, apis: Apis::All, with: &[], steps }
}

pub const fn whole(name: &'static str, steps: &'static [Step]) -> Case {
    Case { scope: Scope::Whole, ..all(name, steps) }
}

pub const fn stream(name: &'static str, steps: &'static [Step]) -> Case {
    Case { scope: Scope::Stream, ..all(name, steps) }
}

pub const fn with(with: &'static [Tweak], case: Case) -> Case {
    Case { with, ..case }
}

pub const fn row(number: &'static str, what: &'static str, cases: &'static [Case]) -> Row {
    Row { number, what, checks: Checks::Cases(cases) }
}

pub const fn own(number: &'static str, what: &'static str, checks: &'static [(&'static str, Check)]) -> Row {
    Row { number, what, checks: Checks::Own(checks) }
}

/// Checks that start processes under load: they run behind all others, one after the other, or their load would be in the way.
pub const fn alone(
    number: &'static str,
    what: &'static str,
    checks: &'static [(&'static str, Check)],
) -> Row {
    Row { number, what, checks: Checks::Alone(checks) }
}

pub const fn later(number: &'static str, what: &'static str, who: &'static str) -> Row {
    Row { number, what, checks: Checks::Later(who) }
}

/// Both fail, and the client gets an error of ours.
pub const fn spent(fault: Fault, gets: Gets, trail: &'static [&'static str], calls: &'static str) -> Step {
    Step { small: fault, large: fault, gets, trail, calls, ..STEP }
}

pub const UNREACHABLE: Gets = Gets::Own(502, "upstream_unreachable");
pub const AUTH: Gets = Gets::Own(502, "provider_auth");
pub const DOWN: Gets = Gets::Own(503, "all_targets_failed");
pub const MALFORMED: Gets = Gets::Own(502, "upstream_malformed");

pub const fn broken(fault: Fault, code: &'static str, trail: &'static [&'static str]) -> Step {
    Step { small: fault, gets: Gets::Broken(code), trail, calls: "s", ..STEP }
}

pub const RESUME: &[Tweak] = &[Tweak::Policy("on_stream_break = \"resume\"")];

/// A stream that breaks and is finished by the large model.
pub const fn resumed(fault: Fault, trail: &'static [&'static str]) -> Step {
    Step { small: fault, gets: Gets::Resumed, trail, calls: "sl", ..STEP }
}

/// The small model alone is asked, and it answers.
pub const SMALL: Step = Step { gets: Gets::Served('s'), trail: &["s:ok"], calls: "s", ..STEP };

pub const fn passed(fault: Fault) -> Step {
    Step { small: fault, gets: Gets::Passed('s'), trail: &["s:ok"], calls: "s", ..STEP }
}

pub const fn theirs(status: u16, code: &'static str, trail: &'static [&'static str]) -> Step {
    Step { small: Fault::Coded(status, code), gets: Gets::Theirs(status), trail, calls: "s", ..STEP }
}

/// Of these dialects only: what others say or do there is another case.
pub const fn only(apis: &'static [Api], case: Case) -> Case {
    Case { apis: Apis::Only(apis), ..case }
}

/// Of no use in these dialects, for a reason.
pub const fn but(but: &'static [(Api, &'static str)], case: Case) -> Case {
    Case { apis: Apis::But(but), ..case }
}
