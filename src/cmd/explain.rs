//! `pointsman explain`: the decision for a stored request or for a body, offline; `--verify` takes every stored
//! decision again from its stored inputs and compares. Decides by the same function as the proxy, prints, no more.

mod plan;

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::analysis::{self, Analysis, FEATURE_VERSION, Limits, extract};
use crate::catalog::{Snapshot, SnapshotVersion};
use crate::codec::{self, Origin, Scratch};
use crate::config::{self, SecretSource, Settings};
use crate::ledger::{Entry, Reader, Span};
use crate::pipeline::{crossings, foreseen};
use crate::routing::{
    self, Asked, Basis, Candidate, Decision, DeploymentLive, Facts, Inputs, Live, NoRoute, SessionLive,
    Source,
};
use crate::types::{AgentStep, Compared, Day, Dialect, Operation, PolicyId, RequestId, Tried};

/// Mismatches printed at most.
const SHOWN: usize = 10;

/// Arguments of `explain`.
#[derive(Clone, Debug, clap::Args)]
pub struct ExplainArgs {
    /// A request id (`pm-…`) or a file with a request body; all stored decisions when left out with --verify
    pub subject: Option<String>,
    /// Take the stored decision again from its inputs and compare
    #[arg(long)]
    pub verify: bool,
    /// The dialect of a body in a file; a body of Gemini's is asked of `auto`
    #[arg(long, default_value = "openai", value_parser = ["openai", "responses", "anthropic", "gemini"])]
    pub dialect: String,
}

/// Runs the command; the text to print, or what went wrong.
pub fn run(config: &Path, args: &ExplainArgs, json: bool) -> Result<String, String> {
    let load = |secrets| config::load(config, secrets).map_err(|faults| faults.to_string());
    // Only a decision that is taken anew needs the files it would rest on.
    let is_body = args.subject.as_ref().is_some_and(|subject| !subject.starts_with("pm-"));
    let settings = load(if is_body { SecretSource::Keyless } else { SecretSource::Dummy })?;
    match &args.subject {
        None if args.verify => verify_all(&settings, json),
        None => Err("name a request id or a file, or ask for --verify".to_owned()),
        Some(subject) => match subject.parse::<RequestId>() {
            Ok(id) => stored(&settings, id, json),
            Err(not_an_id) if subject.starts_with("pm-") => Err(not_an_id),
            Err(_) => from_file(&settings, &PathBuf::from(subject), (&args.dialect, json)),
        },
    }
}

/// Snapshots built again from what the ledger kept of them.
struct Snapshots<'r> {
    reader: &'r Reader,
    built: HashMap<SnapshotVersion, Result<Arc<Snapshot>, String>>,
}

impl<'r> Snapshots<'r> {
    fn new(reader: &'r Reader) -> Self {
        Self { reader, built: HashMap::new() }
    }

    fn of(&mut self, version: &SnapshotVersion) -> Result<Arc<Snapshot>, String> {
        let reader = self.reader;
        self.built.entry(version.clone()).or_insert_with(|| rebuild(reader, version)).clone()
    }
}

/// A snapshot as it was, built from its stored sources.
pub(super) fn rebuild(reader: &Reader, version: &SnapshotVersion) -> Result<Arc<Snapshot>, String> {
    let sources = reader
        .sources(version)
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("snapshot {version} is not in the ledger"))?;
    config::from_text(&sources.source, &sources.profile, SecretSource::Dummy)
        .map(|settings| settings.snapshot)
        .map_err(|faults| format!("snapshot {version} cannot be built again: {faults}"))
}

/// What taking a stored decision again showed.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    /// The same decision.
    Same,
    /// It was taken on features of another meaning, so that it cannot be taken again.
    OtherFeatures,
}

/// Whether a stored decision comes out the same again; what differs otherwise.
fn verify(snapshots: &mut Snapshots<'_>, entry: &Entry) -> Result<Verdict, String> {
    let (Some(inputs), Some(stored)) = (&entry.inputs, &entry.decision) else {
        return Err("no decision is stored".to_owned());
    };
    if inputs.features.version != FEATURE_VERSION {
        return Ok(Verdict::OtherFeatures);
    }
    let snapshot = snapshots.of(&entry.snapshot)?;
    match routing::replay(&snapshot, inputs) {
        Ok(again) if again == **stored => Ok(Verdict::Same),
        Ok(again) => Err(format!(
            "was {} ({}), comes out as {} ({})",
            stored.plan,
            stored.reason.as_str(),
            again.plan,
            again.reason.as_str()
        )),
        Err(no_route) => Err(format!("was {}, comes out as no route: {}", stored.plan, no_route.message)),
    }
}

fn verify_all(settings: &Settings, json: bool) -> Result<String, String> {
    let reader = Reader::open(&settings.ledger.path).map_err(|error| error.to_string())?;
    let mut snapshots = Snapshots::new(&reader);
    let (mut checked, mut reproduced, mut older) = (0_u64, 0_u64, 0_u64);
    let mut differences = Vec::new();
    let walked = reader.each_decision(Span::ALL, |entry| {
        checked += 1;
        match verify(&mut snapshots, &entry) {
            Ok(Verdict::Same) => reproduced += 1,
            Ok(Verdict::OtherFeatures) => older += 1,
            Err(what) if differences.len() < SHOWN => differences.push(format!("{}: {what}", entry.id)),
            Err(_) => {}
        }
        true
    });
    walked.map_err(|error| error.to_string())?;
    let text = if json {
        json!({ "checked": checked, "reproduced": reproduced, "other_features": older, "differences": differences })
            .to_string()
    } else {
        let mut text = format!("{reproduced} of {checked} stored decisions come out the same again\n");
        if older > 0 {
            let _ = writeln!(text, "{older} were taken by another version, which read requests otherwise");
        }
        for difference in &differences {
            let _ = writeln!(text, "  {difference}");
        }
        text
    };
    if checked == reproduced + older { Ok(text) } else { Err(text) }
}

fn stored(settings: &Settings, id: RequestId, json: bool) -> Result<String, String> {
    let reader = Reader::open(&settings.ledger.path).map_err(|error| error.to_string())?;
    let entry = reader
        .request(id)
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("{id} is not in the ledger {}", settings.ledger.path.display()))?;
    let mut snapshots = Snapshots::new(&reader);
    let verified = entry.decision.is_some().then(|| verify(&mut snapshots, &entry));
    if let Some(Err(what)) = &verified {
        return Err(format!("{id} cannot be reproduced: {what}"));
    }
    if json {
        let value = json!({ "entry": entry, "reproduced": verified == Some(Ok(Verdict::Same)) });
        return Ok(value.to_string());
    }
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{id}  {}  {}  asked for {}  answered by {}",
        entry.served.as_str(),
        entry.reason,
        entry.model_asked.as_deref().unwrap_or("-"),
        entry.model.as_ref().map_or("-", |model| model.as_str()),
    );
    let again = match &entry.inputs {
        Some(inputs) => Some(routing::analyse_and_decide(&*snapshots.of(&entry.snapshot)?, inputs)),
        None => None,
    };
    if verified == Some(Ok(Verdict::OtherFeatures)) {
        text.push_str("read by another version, which understood it otherwise than is shown here\n");
    }
    if let (Some((analysis, _)), Some(inputs)) = (&again, &entry.inputs) {
        print_analysis(&mut text, analysis);
        print_policy(&mut text, &*snapshots.of(&entry.snapshot)?, (&inputs.policy, analysis.step));
    }
    if let (Some((analysis, _)), Some(inputs), Some(decision)) = (&again, &entry.inputs, &entry.decision) {
        plan::print(&mut text, &*snapshots.of(&entry.snapshot)?, (inputs, analysis), decision);
    }
    match (&entry.decision, again) {
        (Some(decision), _) => print_decision(&mut text, decision),
        (None, Some((_, Err(no_route)))) => {
            let _ = writeln!(text, "no plan could serve: {}", no_route.message);
        }
        (None, _) => text.push_str("no decision was taken\n"),
    }
    for attempt in &entry.attempts {
        let cost = attempt.cost.map_or_else(|| "unpriced".to_owned(), |cost| format!("${cost}"));
        let _ = writeln!(
            text,
            "attempt {}: {} at {}: {} after {} ms, {cost}{}",
            attempt.number + 1,
            attempt.model.as_ref().map_or("-", |model| model.as_str()),
            attempt.provider,
            attempt.outcome.as_str(),
            attempt.total_us / 1000,
            attempt.tried.map_or_else(String::new, tested),
        );
    }
    if verified.is_some() {
        text.push_str("the decision comes out the same again from its stored inputs\n");
    }
    Ok(text)
}

/// What came of an answer that was tested.
fn tested(tried: Tried) -> String {
    let beside = match tried.same {
        Compared::NotAsked => "",
        Compared::Unanswered => ", the last model gave none",
        Compared::Same => ", the last model says the same",
        Compared::Differs => ", the last model says something else",
        Compared::Incomparable => ", beside the last model's it cannot be compared",
    };
    format!("; its answer {}{beside}", if tried.stood { "stood" } else { "did not stand" })
}

/// What a body of a dialect is sent to.
fn api(dialect: &str) -> (Dialect, Operation, &'static str) {
    match dialect {
        "anthropic" => (Dialect::Anthropic, Operation::Messages, "/v1/messages"),
        "responses" => (Dialect::OpenAi, Operation::Responses, "/v1/responses"),
        "gemini" => (Dialect::Gemini, Operation::GenerateContent, "/v1beta/models/auto:generateContent"),
        _ => (Dialect::OpenAi, Operation::ChatCompletions, "/v1/chat/completions"),
    }
}

fn from_file(settings: &Settings, path: &Path, (dialect, json): (&str, bool)) -> Result<String, String> {
    let body = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (dialect, operation, api_path) = api(dialect);
    let origin = Origin { operation, path: api_path, body: &body };
    let snapshot = &*settings.snapshot;
    let (request, (features, beyond)) = codec::read_origin(&origin, &mut Scratch::default(), |view| {
        let features = extract(view);
        let beyond = snapshot.learned.as_ref().map(|learned| foreseen(learned, view, &features));
        (features, beyond)
    })
    .map_err(|fault| fault.message)?;
    let asked =
        Asked { model: &request.model, client: None, allowed: &[], path: api_path, header: &|_| None };
    let policy = routing::select_policy(snapshot, &asked).map_err(|unknown| unknown.to_string())?;
    let Some(policy) = policy else {
        return Ok(without_policy(&analysis::understand(&features), &request.model, json));
    };
    let named = snapshot.model_named(dialect, &request.model);
    let at_step = snapshot.policy(policy).at(analysis::step_of(&features));
    let crossings = crossings(snapshot, at_step, (dialect, &origin), named);
    let mut inputs = Inputs {
        policy: snapshot.policy(policy).id.clone(),
        features,
        facts: Facts {
            dialect,
            model_named: request.model,
            stream: request.stream,
            max_output_tokens: request.max_output_tokens,
            choices: request.choices,
            needs: request.needs,
            hard_markers: request.hard_markers,
            cache_markers: request.cache_markers,
            repeats: request.repeats,
            crossings,
            refused: Vec::new(),
        },
        limits: Limits::default(),
        live: all_ready(snapshot),
        day: today(),
        session_hash: 0,
        forecast: None,
        observe_only: false,
    };
    inputs.forecast = beyond.and_then(|beyond| routing::forecast(snapshot, &inputs, Some(&beyond)));
    let (analysis, decision) = routing::analyse_and_decide(snapshot, &inputs);
    if json {
        return Ok(json_of(&analysis, &decision).to_string());
    }
    let mut text = String::new();
    print_analysis(&mut text, &analysis);
    print_policy(&mut text, snapshot, (&inputs.policy, analysis.step));
    match &decision {
        Ok(decision) => {
            plan::print(&mut text, snapshot, (&inputs, &analysis), decision);
            print_decision(&mut text, decision);
        }
        Err(no_route) => {
            let _ = writeln!(text, "no route: {}", no_route.message);
            print_candidates(&mut text, &no_route.candidates);
        }
    }
    Ok(text)
}

fn without_policy(analysis: &Analysis, model: &str, json: bool) -> String {
    if json {
        return json!({ "analysis": analysis, "reason": "no_policy" }).to_string();
    }
    let mut text = String::new();
    print_analysis(&mut text, analysis);
    let _ = writeln!(text, "no policy matches `{model}`: it would be forwarded as it is");
    text
}

/// Every deployment ready, with its configured speed: what is known before anything was measured.
fn all_ready(snapshot: &Snapshot) -> Live {
    let deployments = snapshot
        .deployments
        .iter()
        .map(|deployment| DeploymentLive::timed(deployment.latency, None))
        .collect();
    Live { deployments, session_model: None, session: SessionLive::default(), room: None }
}

fn today() -> Day {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Day::of_unix_ms(u64::try_from(since.as_millis()).unwrap_or(0))
}

fn json_of(analysis: &Analysis, decision: &Result<Decision, NoRoute>) -> Value {
    match decision {
        Ok(decision) => json!({ "analysis": analysis, "decision": decision }),
        Err(no_route) => json!({ "analysis": analysis, "no_route": no_route }),
    }
}

fn print_analysis(text: &mut String, analysis: &Analysis) {
    let _ = writeln!(
        text,
        "class {} (confidence {:.2})  step {}  about {} tokens in, {} out",
        analysis.task.as_str(),
        analysis.task_confidence,
        analysis.step.as_str(),
        analysis.input_tokens,
        analysis.output_tokens,
    );
    if let Some(difficulty) = analysis.difficulty {
        let _ = writeln!(text, "difficulty {difficulty:.2} (predicted share of models that fail)");
    }
    let parts: Vec<String> = analysis
        .complexity
        .parts
        .iter()
        .filter(|part| part.value.abs() >= 0.005)
        .map(|part| format!("{} {:.2}", part.name, part.value))
        .collect();
    let _ = writeln!(text, "complexity {:.2} = {}", analysis.complexity.score, parts.join(" + "));
}

/// Which policy decided, and at which of its steps where that has a table of its own.
fn print_policy(text: &mut String, snapshot: &Snapshot, (policy, step): (&PolicyId, AgentStep)) {
    let own = snapshot.policies.iter().find(|known| known.id == *policy);
    let own = own.is_some_and(|policy| policy.steps.iter().any(|(of, _)| *of == step));
    let at = if own { format!(" at step {}", step.as_str()) } else { String::new() };
    let _ = writeln!(text, "policy {policy}{at}");
}

fn print_decision(text: &mut String, decision: &Decision) {
    let _ = writeln!(
        text,
        "{}: {} ({}), baseline {}, propensity {:.3}",
        decision.served.as_str(),
        decision.plan,
        decision.reason.as_str(),
        decision.baseline.as_ref().map_or("none", |model| model.as_str()),
        decision.propensity,
    );
    if let Some(would) = &decision.would {
        let reason = decision.would_reason.as_ref().map_or("", |reason| reason.as_str());
        let _ = writeln!(text, "would have been {would} ({reason})");
    }
    print_candidates(text, &decision.candidates);
    if !decision.fallback.is_empty() {
        let chain: Vec<&str> = decision.fallback.iter().map(|model| model.as_str()).collect();
        let _ = writeln!(text, "fallback: {}", chain.join(" -> "));
    }
}

fn print_candidates(text: &mut String, candidates: &[Candidate]) {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header([
        "plan",
        "quality",
        "cost",
        "worst case",
        "first token",
        "whole",
        "verdict",
    ]);
    let usd = |cost: Option<crate::types::NanoUsd>| {
        cost.map_or_else(|| "unpriced".to_owned(), |cost| format!("${cost}"))
    };
    for candidate in candidates {
        let quality = &candidate.quality;
        let source = |of: fn(&Basis) -> Source| {
            candidate.timing.as_ref().map_or_else(String::new, |basis| format!(" ({})", of(basis)))
        };
        table.add_row([
            candidate.plan.to_string(),
            format!("{:.2} ({:.2} to {:.2})", quality.mean, quality.low, quality.high),
            usd(candidate.cost),
            usd(candidate.worst_cost),
            format!("{} ms{}", candidate.ttft_ms, source(|basis| basis.first_token)),
            format!("{} ms{}", candidate.total_ms, source(|basis| basis.whole)),
            candidate.verdict.to_string(),
        ]);
    }
    let _ = writeln!(text, "{table}");
}
