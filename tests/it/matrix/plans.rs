//! Rows about plans of several models: which of the models fails, and what becomes of the whole. Each case is asked in all dialects,
//! whole and streamed; the models that answer have Chat, the one that judges Messages, so most of it is translated. Where streams
//! of Responses are asked for they have Responses, too, and are asked in Chat all the same.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pointsman::types::TaskClass;
use serde_json::{Value, json};

use super::way::{Api, Way};
use crate::compound::{CUT, DECLINED, ended, picked, told};
use crate::support::fake_provider::Seen;
use crate::support::proxy::World;
use crate::support::script::Whole;
use crate::support::{Answer, Client, Script, errors};

/// One case.
pub struct PlanCase {
    /// What is special about it.
    pub name: &'static str,
    /// The kind of plan that is asked for.
    pub kind: Kind,
    /// More lines of `[policies.compound]`.
    pub with: &'static str,
    /// The caller's header.
    pub hint: Option<(&'static str, &'static str)>,
    /// What the small, the middle and the large model do, and the judge.
    pub does: [Does; 4],
    /// What the client gets.
    pub gets: Got,
    /// Every attempt on record.
    pub trail: &'static [&'static str],
}

/// The kind of a plan. Who is asked, by letter: `s` small, `m` middle, `l` large, `j` the judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `s` and `m` must agree, else `l`.
    Cascade,
    /// `s` and `m` must agree or one of them with `j`, else `l`.
    Majority,
    /// `j` says whether the answer of `s` stands, else `l`.
    Judged,
    /// `s` must be sure of its answer, else `l`.
    Sure,
    /// The answer of `s` must have the form that was asked for, or that of `m`, else `l`.
    Formed,
    /// The answer of `s` must be short, which is what was learnt, else `l`.
    Learnt,
    /// `s` must say the same twice, else `l`.
    Twice,
    /// The answer of `s` stands if it has the form that was asked for, and is audited: `l` is asked all the same.
    Audited,
    /// `s`, `m` and `l`, of whom two are enough; `j` chooses.
    Ensemble,
    /// The same, two rounds; `j` sums up.
    Debate,
    /// `s` writes, `j` accepts.
    Draft,
}

/// What a model does.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// Says this.
    Says(&'static str),
    /// Says this with a probability of so many percent a token.
    Finds(&'static str, u8),
    /// This when it is asked first, that when it is asked again.
    Then(&'static Does, &'static Does),
    /// Answers rightly, whole or as a stream, as it is asked.
    Right,
    /// Finds this answer the best, wherever it stands.
    Picks(&'static str),
    /// Says this and is cut off.
    Cuts(&'static str),
    /// Says this and declines.
    Declines(&'static str),
    /// Finds no draft good; says this where it is asked itself.
    Rejects(&'static str),
    /// Says this for far more tokens than it could have been asked for.
    Wastes(&'static str),
    /// Answers 500.
    Fails,
    /// Answers with something that is no answer.
    Garbles,
    /// Never answers.
    Hangs,
}

/// What the client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// This text, come about in this way.
    Served(&'static str, &'static str),
    /// This text, from behind the plan.
    Behind(&'static str),
    /// Our own error.
    Own(u16, &'static str),
    /// Nothing: it left while these were asked.
    Left(&'static str),
}

/// What a case came to: everything that must be the same in every run.
#[derive(Clone, Debug, PartialEq)]
pub struct Came {
    status: u16,
    code: Option<String>,
    plan: Option<String>,
    calls: String,
    trail: Vec<String>,
    costs: Vec<Option<u64>>,
    outcome: String,
}

/// A model's letter by its name in the configuration, and its name at the provider.
const MODELS: [(char, &str, &str); 4] = [
    ('s', "small", "small-1"),
    ('m', "named-0", "mid-1"),
    ('l', "large", "large-1"),
    ('j', "claude-large", "claude-large-1"),
];

/// Behind a deadline of this header everything is over soon.
const SOON: Duration = Duration::from_secs(4);
/// Requests of which one is drawn that is to be: every second is.
const DRAWS: u32 = 40;

/// Runs a case once; one about an audit as often as it takes until a request is drawn, each time in a new world.
pub async fn run(case: &'static PlanCase, way: Way) -> Result<Came, String> {
    for _ in 0..DRAWS {
        if let Some(came) = drawn(case, way).await? {
            return Ok(came);
        }
    }
    Err(format!("of {DRAWS} requests none was drawn"))
}

/// The proxy and the providers of a case.
async fn world_of(case: &'static PlanCase, way: Way, profile: &Path) -> World {
    let world = World::start(|config| {
        config.named = vec![("a", "mid-1".to_owned())];
        config.clocks_ms = [3000, 5000, 5000, 8000];
        config.fallback = matches!(case.gets, Got::Behind(_));
        let learnt = (case.kind == Kind::Learnt).then(|| learnt(profile));
        let routing = format!("[routing]\npredictor = \"none\"\n{}\n[server]", learnt.unwrap_or_default());
        config.swap("[server]", &routing);
        config.swap(
            "paths = [\"/v1/chat/completions\"]",
            "paths = [\"/v1/chat/completions\", \"/v1/responses\", \"/v1beta/models/\"]",
        );
        if way.api == Api::Responses && way.stream {
            config.swap("\"sampling\"]", "\"sampling\", \"responses\"]");
        }
        if config.fallback {
            config.swap("fallback = [\"large\"]", "fallback = [\"claude-large\"]");
        }
        config.policy_lines = lines(case);
    })
    .await;
    for provider in [&world.small, &world.large] {
        let asked = AtomicUsize::new(0);
        provider.choose(move |seen| script(case, seen, asked.fetch_add(1, Ordering::Relaxed)));
    }
    world
}

/// `None`: the case is about an audit, and the request was not drawn.
async fn drawn(case: &'static PlanCase, way: Way) -> Result<Option<Came>, String> {
    let folder = tempfile::tempdir().unwrap();
    let world = world_of(case, way, &folder.path().join("profile.json")).await;
    let began = Instant::now();
    let answer = ask(&world, case, way).await;
    let took = began.elapsed();
    if case.is_about_an_audit() && answer.as_ref().is_some_and(|answer| !is_audited(answer)) {
        return stood(case, way, answer.as_ref().unwrap()).map(|()| None);
    }
    let entry = match &answer {
        Some(answer) => world.proxy.entry_of(answer).await,
        None => world.proxy.only_entry().await,
    };
    let letter = |model: &str| MODELS.iter().find(|of| of.1 == model).map_or('?', |of| of.0);
    let attempts = entry.attempts.iter().map(|attempt| {
        let model = attempt.model.as_ref().map_or("", |model| model.as_str());
        let unsure = if attempt.maybe_billed { "?" } else { "" };
        let outcome = match attempt.outcome.as_str() {
            // An audit is let go of a moment before the deadline, at which it would end by itself: a machine that stalls sees the latter.
            "timeout" if case.kind == Kind::Audited => "cancelled",
            outcome => outcome,
        };
        format!("{}:{outcome}{unsure}", letter(model))
    });
    let cost = entry.attempts.iter().map(|attempt| attempt.cost.map(|cost| cost.0));
    let mut attempts: Vec<(String, Option<u64>)> = attempts.zip(cost).collect();
    if case.kind == Kind::Twice {
        // Which of two calls of one model comes first is chance.
        let both = attempts.len().min(2);
        attempts[..both].sort();
    }
    let (trail, costs): (Vec<String>, Vec<Option<u64>>) = attempts.into_iter().unzip();
    let spent: Option<u64> = entry.attempts.iter().map(|attempt| attempt.cost.map(|cost| cost.0)).sum();
    if entry.cost.map(|cost| cost.0) != spent {
        return Err(format!("the whole cost {:?}, its attempts {spent:?}", entry.cost));
    }
    if took > SOON {
        return Err(format!("it took {took:?}"));
    }
    let calls = match calls(&world) {
        // Who was let go may have been on the way.
        calls if calls == letters(&trail, |attempt| !attempt.contains(":cancelled")) => {
            letters(&trail, |_| true)
        }
        calls => calls,
    };
    let came = Came {
        status: answer.as_ref().map_or(0, |answer| answer.status),
        code: answer.as_ref().filter(|answer| answer.status != 200).map(|answer| code(answer, way)),
        plan: answer.as_ref().and_then(|answer| answer.header("x-pointsman-plan")).map(str::to_owned),
        calls,
        trail,
        costs,
        outcome: entry.outcome.as_str().to_owned(),
    };
    verify(case, way, answer.as_ref(), &came)?;
    Ok(Some(came))
}

impl PlanCase {
    /// Whether it says something only of a request that is drawn.
    fn is_about_an_audit(&self) -> bool {
        let audits = match self.gets {
            Got::Served(_, how) => how.contains("audit"),
            Got::Left(_) => true,
            Got::Behind(_) | Got::Own(..) => false,
        };
        self.kind == Kind::Audited && audits
    }
}

fn is_audited(answer: &Answer) -> bool {
    answer.header("x-pointsman-plan").is_some_and(|plan| plan.contains("audit"))
}

/// A request that is not drawn gets what stood.
fn stood(case: &PlanCase, way: Way, answer: &Answer) -> Result<(), String> {
    let Does::Says(text) = case.does[0] else { return Err("nothing can stand".to_owned()) };
    let plan = answer.header("x-pointsman-plan");
    if plan == Some("cascade; accepted=1 by structure") && says(answer, way, text) {
        return Ok(());
    }
    Err(format!("no audit: {plan:?}, {}", answer.text()))
}

/// The line of a profile in which it is written that short answers stand, in whatever class.
fn learnt(profile: &Path) -> String {
    let of = |task: TaskClass| {
        json!({
            "plan": "cascade(small | large by acceptor)", "task": task, "stands_from": 0.7,
            "weights": [1.0, 0.0, 0.0, -0.5, 0.0, 0.0, 0.0, 0.0], "answers": 400, "stood": 0.5, "differs_upper": 0.02,
        })
    };
    let text = json!({"evidence": [], "acceptors": TaskClass::ALL.map(of)});
    std::fs::write(profile, text.to_string()).unwrap();
    format!("profile = {profile:?}\n")
}

fn lines(case: &PlanCase) -> String {
    let cascade = match case.kind {
        Kind::Judged => {
            "{ tries = [\"small\"], accept = \"judge\", judge = \"claude-large\", last = \"large\" }"
        }
        Kind::Sure => {
            "{ tries = [\"small\"], accept = \"logprobs\", min_probability = 0.8, last = \"large\" }"
        }
        Kind::Majority => {
            "{ tries = [\"small\", \"named-0\", \"claude-large\"], accept = \"majority\", last = \"large\" }"
        }
        Kind::Formed => "{ tries = [\"small\", \"named-0\"], accept = \"structure\", last = \"large\" }",
        Kind::Learnt => "{ tries = [\"small\"], accept = \"acceptor\", last = \"large\" }",
        Kind::Twice => "{ tries = [\"small\", \"small\"], last = \"large\" }",
        Kind::Audited => "{ tries = [\"small\"], accept = \"structure\", last = \"large\" }",
        Kind::Cascade | Kind::Ensemble | Kind::Debate | Kind::Draft => {
            "{ tries = [\"small\", \"named-0\"], last = \"large\" }"
        }
    };
    let audit = if case.kind == Kind::Audited { "audit = 0.5\n" } else { "" };
    format!(
        "plans = [\"single\", \"cascade\", \"ensemble\", \"debate\", \"draft\"]\n[policies.compound]\ncascade = [{cascade}]\n\
         members = [\"small\", \"named-0\", \"large\"]\njudge = \"claude-large\"\nmax_fan_out = 3\n\
         draft = [{{ drafter = \"small\", verifier = \"claude-large\" }}]\n{audit}{}",
        case.with
    )
}

/// What a model does that is asked; `before`: requests that its provider got before.
fn script(case: &PlanCase, seen: &Seen, before: usize) -> Script {
    let model = seen.json()["model"].as_str().unwrap_or_default().to_owned();
    let at = MODELS.iter().position(|of| of.2 == model).expect("a model of the configuration");
    let says = |text: &str, tokens: u64| told(seen.target(), text, tokens);
    let does = match case.does[at] {
        Does::Then(first, again) => *if before == 0 { first } else { again },
        does => does,
    };
    match does {
        Does::Then(..) => unreachable!("one within another"),
        Does::Says(text) => says(text, 10),
        Does::Finds(text, percent) => found(text, percent),
        Does::Right => Script::Right,
        Does::Picks(answer) => says(&picked(seen, answer), 10),
        Does::Cuts(text) => ended(seen.target(), text, 10, CUT),
        Does::Declines(text) => ended(seen.target(), text, 10, DECLINED),
        Does::Rejects(_) if seen.holds("answer 1>") => says("{\"accept\": false}", 10),
        Does::Rejects(text) => says(text, 10),
        Does::Wastes(text) => says(text, 40_000_000),
        Does::Fails => Script::Status(500, None),
        Does::Garbles => Script::BrokenJson,
        Does::Hangs => Script::HangBeforeHeaders,
    }
}

/// An answer of Chat with how probable it is.
fn found(text: &str, percent: u8) -> Script {
    let token =
        json!({"token": text, "bytes": text.as_bytes(), "logprob": (f64::from(percent) / 100.0).ln()});
    let body = json!({
        "id": "chatcmpl-9", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop",
                     "logprobs": {"content": [token]}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    Script::Whole(Whole::json(200, body.to_string()))
}

/// The answer; `None` where the client left as soon as everybody had been asked.
async fn ask(world: &World, case: &PlanCase, way: Way) -> Option<Answer> {
    let kind = match case.kind {
        Kind::Cascade
        | Kind::Majority
        | Kind::Judged
        | Kind::Sure
        | Kind::Formed
        | Kind::Learnt
        | Kind::Twice
        | Kind::Audited => "cascade",
        Kind::Ensemble => "ensemble",
        Kind::Debate => "debate",
        Kind::Draft => "draft",
    };
    let mut request = way.ask().with("x-pointsman-plan", kind);
    if let Some((name, value)) = case.hint {
        request = request.with(name, value);
    }
    let Got::Left(asked) = case.gets else { return Some(world.proxy.exchange(&request).await) };
    let mut client = Client::connect(world.proxy.data).await;
    client.request(&request).await;
    if case.kind == Kind::Audited {
        tokio::select! {
            _ = world.large.nth(0) => {}
            answer = client.answer() => return Some(answer),
        }
    }
    let mut hanging = Vec::new();
    for (provider, models) in [(&world.small, "sm"), (&world.large, "lj")] {
        let all = asked.chars().filter(|letter| models.contains(*letter)).count();
        for at in 0..all {
            let seen = provider.nth(at).await;
            while !seen.has_body() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            hanging.push(seen);
        }
    }
    drop(client);
    for seen in hanging.iter().filter(|seen| hangs(case, seen)) {
        seen.closed().await;
    }
    None
}

/// Whether the model that was asked never answers.
fn hangs(case: &PlanCase, seen: &Seen) -> bool {
    matches!(script(case, seen, 0), Script::HangBeforeHeaders)
}

fn code(answer: &Answer, way: Way) -> String {
    errors::of_path(way.target(), answer, &way.name())
}

/// The letters of those who were asked; who is asked at the same time has no order.
fn calls(world: &World) -> String {
    let all = world.small.seen().into_iter().chain(world.large.seen());
    let name = |seen: &Seen| seen.json()["model"].as_str().unwrap_or_default().to_owned();
    let letter = |name: &str| MODELS.iter().find(|of| of.2 == name).map_or('?', |of| of.0);
    let mut letters: Vec<char> = all.map(|seen| letter(&name(&seen))).collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// The letters of such attempts.
fn letters(trail: &[String], such: fn(&str) -> bool) -> String {
    let of = trail.iter().filter(|attempt| such(attempt)).filter_map(|attempt| attempt.chars().next());
    let mut letters: Vec<char> = of.collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// What came must be what the table says.
fn verify(case: &PlanCase, way: Way, answer: Option<&Answer>, came: &Came) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{what}; {came:?}"));
    if came.trail != case.trail {
        return wrong(format!("trail {:?} instead of {:?}", came.trail, case.trail));
    }
    if came.calls != letters(&came.trail, |_| true) {
        return wrong("who was asked is not who is on record".to_owned());
    }
    let found = match (case.gets, answer) {
        (Got::Left(_), None) => came.outcome == "client_gone",
        (Got::Own(status, code), Some(_)) => came.status == status && came.code.as_deref() == Some(code),
        (Got::Served(text, how), Some(answer)) => {
            came.plan.as_deref() == Some(how) && came.outcome == "ok" && says(answer, way, text)
        }
        (Got::Behind(text), Some(answer)) => {
            let path = answer.header("x-pointsman-path");
            came.outcome == "ok" && path == Some("fallback") && says(answer, way, text)
        }
        _ => false,
    };
    let text = answer.map(|answer| answer.text().to_owned());
    if found { Ok(()) } else { wrong(format!("{:?} was to come, not {text:?}", case.gets)) }
}

/// Whether an answer is whole, in the client's dialect, and says this.
fn says(answer: &Answer, way: Way, text: &str) -> bool {
    if answer.status != 200 || !answer.complete {
        return false;
    }
    let whole = || answer.json();
    match (way.api, way.stream) {
        (Api::Chat, false) => return whole()["choices"][0]["message"]["content"] == text,
        (Api::Messages, false) => return whole()["content"][0]["text"] == text,
        (Api::Responses, false) => return whole()["output"][0]["content"][0]["text"] == text,
        (Api::Gemini, false) => {
            return whole()["candidates"][0]["content"]["parts"] == serde_json::json!([{"text": text}]);
        }
        (_, true) => {}
    }
    let last = answer.events().last().copied().unwrap_or_default();
    let (ended, said) = match way.api {
        Api::Chat => {
            let said = streamed(answer, |event| event["choices"][0]["delta"]["content"].clone());
            (last == "data: [DONE]", said)
        }
        Api::Messages => (
            last.starts_with("event: message_stop"),
            streamed(answer, |event| event["delta"]["text"].clone()),
        ),
        Api::Responses => {
            let delta = |event: &Value| match event["type"].as_str() {
                Some("response.output_text.delta") => event["delta"].clone(),
                _ => Value::Null,
            };
            (last.starts_with("event: response.completed"), streamed(answer, delta))
        }
        Api::Gemini => {
            let part = |event: &Value| event["candidates"][0]["content"]["parts"][0]["text"].clone();
            (last.contains("\"finishReason\":\"STOP\""), streamed(answer, part))
        }
    };
    ended && said == text
}

fn streamed(answer: &Answer, piece: impl Fn(&Value) -> Value) -> String {
    let data = answer.events().into_iter().filter_map(|event| event.split("data: ").nth(1));
    let events = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    events.filter_map(|event| piece(&event).as_str().map(str::to_owned)).collect()
}
