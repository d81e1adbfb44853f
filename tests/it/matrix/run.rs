//! Runs one case in one way of asking and says what was seen; what was seen must be what the table says.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::case::{Case, Gets, Step, Tweak};
use super::fault::Fault;
use super::form::says_it_all;
use super::way::{Api, Way};
use crate::support::config::{CLASSES, LARGE_COST, SMALL_COST, TestConfig};
use crate::support::ports::BadPort;
use crate::support::proxy::World;
use crate::support::{Answer, FakeProvider, Request, errors};

/// What one step came to: everything that must be the same in every run.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    status: u16,
    complete: bool,
    code: Option<String>,
    headers: Vec<(String, String)>,
    calls: String,
    trail: Vec<String>,
    reasons: Vec<Option<String>>,
    costs: Vec<Option<u64>>,
    outcome: String,
    why: String,
}

/// Everything a case needs while it runs.
struct Stage {
    world: World,
    way: Way,
    ports: Vec<BadPort>,
    taken: usize,
}

/// Runs a case once.
pub async fn run(case: &'static Case, way: Way) -> Result<Vec<Seen>, String> {
    let mut ports = Vec::new();
    let mut places = [None, None];
    for step in case.steps {
        for (place, fault) in places.iter_mut().zip([step.small, step.large]) {
            if let (Fault::Port(port), None) = (fault, &place) {
                let open = BadPort::open(port).await;
                *place = Some(open.url.clone());
                ports.push(open);
            }
        }
    }
    let world = World::start(|config| configure(config, case, &places)).await;
    let mut stage = Stage { world, way, ports, taken: 0 };
    let mut asked = Vec::new();
    for step in case.steps {
        asked.push(stage.ask(case, step).await);
    }
    // Read afterwards: a ledger takes its time to commit, and steps follow each other within a cool-down.
    let mut seen = Vec::new();
    for (number, (step, asked)) in case.steps.iter().zip(asked).enumerate() {
        let outcome = stage.look(step, asked).await;
        seen.push(outcome.map_err(|fault| format!("step {}: {fault}", number + 1))?);
    }
    let (alarms, expected) = (stage.alarms().await, case.steps.last().map_or(0, |step| step.alarms));
    if alarms != f64::from(expected) {
        return Err(format!("{alarms} alarms in the end instead of {expected}"));
    }
    Ok(seen)
}

/// A step that was asked: the answer, what it took, the calls it made, the alarms so far.
struct Asked {
    answer: Answer,
    took: Duration,
    calls: String,
    alarms: f64,
}

/// Clocks: connect, first byte, idle. Cases that wait for one have short ones; for all others they are long enough for any
/// machine.
fn clocks(case: &Case) -> [u32; 4] {
    let waits = |step: &Step| step.small.waits() || step.large.waits();
    if case.steps.iter().any(waits) { [500, 900, 700, 8000] } else { [3000, 5000, 5000, 8000] }
}

fn configure(config: &mut TestConfig, case: &Case, [small, large]: &[Option<String>; 2]) {
    config.every_client = true;
    config.clocks_ms = clocks(case);
    config.deadline_ms = 5000;
    if let Some(url) = small {
        config.small.clone_from(url);
    }
    if let Some(url) = large {
        config.large.clone_from(url);
    }
    // Predictions are not what this is about, and reading them takes half the time of a start.
    config.swap("[server]", "[routing]\npredictor = \"none\"\n\n[server]");
    // Without a word in the configuration the classes are the product's own.
    config.swap(&format!("on = {CLASSES}\n"), "");
    for tweak in case.with {
        match tweak {
            Tweak::Alone => config.fallback = false,
            Tweak::OnlyLarge => {
                for vendor in ["", "claude-", "gemini-"] {
                    config.swap(
                        &format!("candidates = [\"{vendor}small\", \"{vendor}large\"]"),
                        &format!("candidates = [\"{vendor}large\"]"),
                    );
                }
            }
            Tweak::Retries(retries) => config.retries = *retries,
            Tweak::CallersKey => config.held = false,
            Tweak::Policy(line) => {
                let _ = writeln!(config.policy_lines, "{line}");
            }
            Tweak::LargerWindow => {
                for model in ["small", "claude-small", "gemini-small"] {
                    let head = format!("[[models]]\nid = \"{model}\"\ntier = \"edge\"\ncontext_tokens = ");
                    config.swap(&format!("{head}8000000"), &format!("{head}7000000"));
                }
            }
            Tweak::Unpriced(letters) => unprice(config, letters),
            Tweak::Hint(..) | Tweak::MaxTokens(_) => {}
        }
    }
}

fn unprice(config: &mut TestConfig, letters: &str) {
    let prices = [
        ('s', "price = { input = 0.25, output = 1, cache_read = 0.025 }\n"),
        ('l', "price = { input = 2.5, output = 10, cache_read = 0.25 }\n"),
    ];
    for (_, price) in prices.iter().filter(|(letter, _)| letters.contains(*letter)) {
        config.swap(price, "");
    }
}

fn request(way: Way, with: &[Tweak]) -> Request {
    let body = with.iter().fold(way.body(), |body, tweak| match tweak {
        Tweak::MaxTokens(cap) => body.replace(":64", &format!(":{cap}")),
        _ => body,
    });
    with.iter().fold(way.asking(body), |request, tweak| match tweak {
        Tweak::Hint(name, value) => request.with(name, value),
        _ => request,
    })
}

impl Stage {
    async fn ask(&mut self, case: &Case, step: &Step) -> Asked {
        tokio::time::sleep(Duration::from_millis(step.after_ms)).await;
        for (provider, fault) in [(&self.world.small, step.small), (&self.world.large, step.large)] {
            provider.always(fault.script(self.way));
        }
        if step.once {
            self.world.small.always(Fault::None.script(self.way));
            self.world.small.next(step.small.script(self.way));
        }
        let began = Instant::now();
        let answer = self.world.proxy.exchange(&request(self.way, case.with)).await;
        let took = began.elapsed();
        let mut alarms = self.alarms().await;
        // They are counted when the account is closed, a moment behind the answer.
        while alarms < f64::from(step.alarms) && began.elapsed() < took + Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            alarms = self.alarms().await;
        }
        Asked { answer, took, calls: self.calls(), alarms }
    }

    async fn look(&self, step: &Step, asked: Asked) -> Result<Seen, String> {
        let seen = self.seen(&asked).await;
        let mut faults = self.check(step, (&asked.answer, &seen));
        if asked.took > Duration::from_millis(step.within_ms) {
            faults.push(format!("took {:?} of {} ms", asked.took, step.within_ms));
        }
        if asked.alarms != f64::from(step.alarms) {
            faults.push(format!("{} alarms instead of {}", asked.alarms, step.alarms));
        }
        if faults.is_empty() { Ok(seen) } else { Err(faults.join("; ")) }
    }

    async fn seen(&self, asked: &Asked) -> Seen {
        let answer = &asked.answer;
        let entry = self.world.proxy.entry_of(answer).await;
        let letter = |model: &str| if model.ends_with("large") { 'l' } else { 's' };
        let trail = entry.attempts.iter().map(|attempt| {
            let model = attempt.model.as_ref().map_or("", |model| model.as_str());
            let billed = if attempt.maybe_billed { "?" } else { "" };
            format!("{}:{}{billed}", letter(model), attempt.outcome.as_str())
        });
        let names = ["x-pointsman-path", "x-pointsman-model", "x-pointsman-reason", "x-pointsman-attempts"];
        let headers =
            names.iter().filter_map(|name| Some(((*name).to_owned(), answer.header(name)?.to_owned())));
        Seen {
            status: answer.status,
            complete: answer.complete,
            code: code(self.way, answer),
            headers: headers.collect(),
            calls: asked.calls.clone(),
            trail: trail.collect(),
            reasons: entry
                .attempts
                .iter()
                .map(|attempt| attempt.fault.as_deref().map(str::to_owned))
                .collect(),
            costs: entry.attempts.iter().map(|attempt| attempt.cost.map(|cost| cost.0)).collect(),
            outcome: entry.outcome.as_str().to_owned(),
            why: entry.reason.into_owned(),
        }
    }

    /// The calls that arrived since the last look, in the order of their arrival.
    fn calls(&mut self) -> String {
        let of = |provider: &FakeProvider, letter: char| {
            provider.seen().into_iter().map(move |seen| (seen.at, letter)).collect::<Vec<_>>()
        };
        let mut calls = of(&self.world.small, 's');
        calls.extend(of(&self.world.large, 'l'));
        calls.sort_unstable();
        let new = calls[self.taken..].iter().map(|(_, letter)| letter).collect();
        self.taken = calls.len();
        new
    }

    async fn alarms(&self) -> f64 {
        self.world.proxy.sum_of("pointsman_alarms_total{").await
    }

    fn check(&self, step: &Step, (answer, seen): (&Answer, &Seen)) -> Vec<String> {
        let mut faults = Vec::new();
        let mut want = |holds: bool, what: String| {
            if !holds {
                faults.push(what);
            }
        };
        want(seen.trail == step.trail, format!("trail {:?} instead of {:?}", seen.trail, step.trail));
        want(seen.calls == step.calls, format!("calls {:?} instead of {:?}", seen.calls, step.calls));
        let after = answer.header("retry-after");
        let expected = match step.retry_after {
            Some("*") => after.is_some(),
            wanted => {
                after == wanted
                    || matches!(step.gets, Gets::Theirs(_) | Gets::Own(503 | 429, _)) && wanted.is_none()
            }
        };
        want(expected, format!("retry-after {after:?} instead of {:?}", step.retry_after));
        if let Some(reason) = step.reason {
            let found = seen.reasons.first().and_then(Option::as_deref);
            want(found == Some(reason), format!("reason {found:?} instead of {reason}"));
        }
        want(
            self.ports.iter().all(|port| port.connections() <= 2),
            "a bad port was tried again and again".into(),
        );
        faults.extend(self.check_answer(step, (answer, seen)));
        faults.extend(check_costs(seen));
        faults
    }

    fn check_answer(&self, step: &Step, (answer, seen): (&Answer, &Seen)) -> Vec<String> {
        let way = self.way;
        let mut faults = Vec::new();
        let mut want = |holds: bool, what: &str| {
            if !holds {
                let start: String = String::from_utf8_lossy(&answer.body).chars().take(400).collect();
                faults.push(format!("{what}: {} {:?} {start}", answer.status, seen.headers));
            }
        };
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        let trail = named(way, step.trail);
        match step.gets {
            Gets::Served(model) | Gets::Passed(model) => {
                want(answer.status == 200 && answer.complete, "not served");
                let whole = says_it_all(way, &String::from_utf8_lossy(&answer.body));
                want(whole == matches!(step.gets, Gets::Served(_)), "not the answer that was written");
                want(header("x-pointsman-model") == way.model(model), "another model");
                let first = step.trail.first().is_none_or(|first| first.starts_with(model));
                let path = if first { "routed" } else { "fallback" };
                want(header("x-pointsman-path") == path, "another path");
                want(header("x-pointsman-attempts") == trail, "the attempts header");
                want(seen.outcome == "ok", "the outcome on record");
            }
            Gets::Own(status, code) => {
                want(answer.status == status, "another status");
                let found = errors::of_path(way.target(), answer, "own error");
                want(found == code, "another code");
                want(header("x-pointsman-attempts") == trail || trail.is_empty(), "the attempts header");
                want(noted(answer, &trail), "the trail in the body");
                want(seen.outcome == "own_error", "the outcome on record");
            }
            Gets::Theirs(status) => {
                let body = match step.small.script(way) {
                    crate::support::Script::Whole(whole) => whole.body,
                    _ => crate::support::answers::error(way.target(), status),
                };
                want(answer.status == status && answer.body == body, "not the provider's own words");
                want(seen.outcome == "upstream_error", "the outcome on record");
            }
            Gets::Resumed => {
                let text = String::from_utf8_lossy(&answer.body);
                want(answer.status == 200 && answer.complete, "not served");
                want(says_it_all(way, &text), "not the whole answer");
                want(text.matches("Bonjour").count() == 1, "said twice");
                want(seen.outcome == "ok" && seen.why == "resumed", "the outcome on record");
            }
            Gets::Broken(code) => {
                let text = String::from_utf8_lossy(&answer.body);
                want(answer.status == 200 && text.contains("Bonjour"), "what was received is not passed on");
                let finished = way.finish_words().iter().any(|word| text.contains(word));
                want(!finished, "it looks finished");
                want(!text.contains("monde."), "somebody else continues it");
                want(seen.code.as_deref() == Some(code), "another code, or none");
                want(seen.outcome == "truncated", "the outcome on record");
            }
        }
        faults
    }
}

/// What is free, what is priced: an attempt that answered costs what its tokens cost, one that may be billed is not free,
/// any other is.
fn check_costs(seen: &Seen) -> Vec<String> {
    let mut faults = Vec::new();
    for (attempt, cost) in seen.trail.iter().zip(&seen.costs) {
        let answered = [SMALL_COST, LARGE_COST];
        let right = match cost {
            None => false,
            Some(cost) if attempt.ends_with('?') => *cost > 0,
            Some(cost) if attempt.ends_with(":ok") => answered.contains(cost),
            Some(cost) => *cost == 0,
        };
        if !right {
            faults.push(format!("{attempt} cost {cost:?}"));
        }
    }
    faults
}

/// `small:timeout,large:ok` of `s:timeout?`, `l:ok`.
fn named(way: Way, trail: &[&str]) -> String {
    let attempt = |attempt: &&str| {
        let (letter, outcome) = attempt.split_once(':').unwrap();
        format!("{}:{}", way.model(letter.chars().next().unwrap()), outcome.trim_end_matches('?'))
    };
    trail.iter().map(attempt).collect::<Vec<_>>().join(",")
}

/// Whether the body of an error of ours lists these attempts.
fn noted(answer: &Answer, trail: &str) -> bool {
    let body = answer.json();
    let ours = [&body["pointsman"]["attempts"], &body["error"]["pointsman"]["attempts"]];
    let attempts = ours.into_iter().find_map(Value::as_array);
    let words = attempts.into_iter().flatten().filter_map(|attempt| {
        let (model, outcome) = (attempt["model"].as_str()?, attempt["outcome"].as_str()?);
        (outcome != "not_ready").then(|| format!("{model}:{outcome}"))
    });
    words.collect::<Vec<_>>().join(",") == trail
}

/// The code of an error of ours, as a body or as the last event of a stream.
fn code(way: Way, answer: &Answer) -> Option<String> {
    let text = std::str::from_utf8(&answer.body).ok()?;
    let last = text.split("\n\n").filter(|event| !event.trim().is_empty()).last()?;
    let named = matches!(way.api, Api::Messages | Api::Responses);
    if way.stream && named && text.contains("event: ") && !last.starts_with("event: error\n") {
        return None;
    }
    let event = way.stream && last.contains("data: ");
    let json = last.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(last);
    let json: Value = serde_json::from_str(json).ok()?;
    let code = match way.api {
        Api::Chat => &json["error"]["code"],
        // Among the events of a response it is one of them, told by its type.
        Api::Responses if event => (json["type"] == "error").then(|| &json["code"])?,
        Api::Responses => &json["error"]["code"],
        Api::Messages => &json["error"]["details"]["error_code"],
        Api::Gemini => &json["error"]["details"][0]["reason"],
    };
    code.as_str().map(str::to_owned)
}
