//! The demo against simulated providers without a proxy, and its words.

use std::time::Duration;

use super::providers::{Knowledge, Provider, Refusing};
use super::*;
use crate::demo::client::Facts;
use crate::demo::sample::{BASELINE, MODELS};

fn sample() -> Arc<Sample> {
    Arc::new(Sample::load().unwrap())
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An answer as the proxy would give it: what the evidence licenses serves.
fn answered(sample: &Sample, at: usize) -> Answer {
    let row = &sample.test[at];
    let (task, model) = if row.id.starts_with("gsm/") { ("math", 0) } else { ("code", 1) };
    let model = if at % 20 == 7 { BASELINE } else { model };
    let recorded = row.outcomes[model];
    let usage = (recorded.input_tokens, recorded.output_tokens);
    let facts = Facts {
        id: format!("pm-{at:026}"),
        model: SHELVES[model].id.into(),
        path: if model == BASELINE { "holdout" } else { "routed" }.into(),
        reason: if model == BASELINE { "holdout" } else { "cheapest" }.into(),
        task: task.into(),
        complexity: Some(0.31),
        cost_usd: Some((sample.models[model].cost_usd(usage.0, usage.1) * 1e9).round() / 1e9),
        attempts: "1".into(),
        overhead_us: Some(40.0 + at as f64 / 10.0),
    };
    let total = Duration::from_millis(120);
    Answer { status: 200, facts, usage: Some(usage), error: None, first_byte: total, total }
}

fn observations(sample: &Sample) -> Vec<Observation> {
    let observe_row = |at| observe(sample, at, &question(at, &sample.test[at]), Ok(answered(sample, at)));
    (0..sample.test.len()).map(observe_row).collect()
}

fn probes() -> Probes {
    let refused = Answer {
        status: 422,
        error: Some("no plan costs at most $0.0000001 in the worst case; the nearest is gpt-4o-mini".into()),
        ..Answer::default()
    };
    let facts = Facts {
        path: "fallback".into(),
        model: "claude-3-5-sonnet".into(),
        attempts: "down-for-repair=connect;claude-3-5-sonnet=ok".into(),
        ..Facts::default()
    };
    Probes::of(Ok(refused), Ok(Answer { status: 200, facts, ..Answer::default() }))
}

#[test]
fn the_summary_adds_up_and_fits_the_screen() {
    let sample = sample();
    let summary = Summary::of(&sample, observations(&sample), probes());
    assert_eq!(summary.problems(), Vec::<String>::new());
    assert_eq!(summary.ways.len(), MODELS + 2);
    assert_eq!(summary.served.iter().map(|(_, count)| count).sum::<usize>(), 326);
    let sum = summary.downgrading + summary.routing_lift.value;
    assert!((sum - summary.quality_difference.value).abs() < 1e-12);
    let net = summary.won as f64 - summary.lost as f64;
    assert!((net / 326.0 - summary.quality_difference.value).abs() < 1e-12);
    let text = [
        print::introduction(&sample, &evidence::evidence(&sample)),
        table::heading(),
        summary.observations.iter().take(12).map(|one| table::line(one) + "\n").collect(),
        print::summary(&summary),
        print::how_to_go_on("/tmp/pointsman-demo-1", loopback()),
    ];
    let text = text.join("\n");
    println!("{text}");
    let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > table::WIDTH).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(serde_json::to_string(&summary).unwrap().contains("\"routing_lift\""));
}

#[test]
fn what_goes_wrong_is_said() {
    let sample = sample();
    let asked = question(0, &sample.test[0]);
    let lost = observe(&sample, 0, &asked, Err("connect: refused".into()));
    let strange = observe(&sample, 0, &asked, Ok(Answer { status: 200, ..Answer::default() }));
    let error = Answer { status: 502, error: Some("no provider answered".into()), ..Answer::default() };
    let failed = observe(&sample, 0, &asked, Ok(error));
    let summary =
        Summary::of(&sample, vec![lost, strange, failed], Probes::of(Err("x".into()), Err("y".into())));
    assert_eq!(summary.problems().len(), 5, "{:#?}", summary.problems());
    assert!(summary.observations.iter().all(|one| one.score == 0.0 && one.cost_usd == 0.0));
}

#[tokio::test]
async fn providers_answer_both_dialects_whole_and_streamed_with_recorded_tokens() {
    let sample = sample();
    let knowledge = Arc::new(Knowledge::of(sample.clone()));
    let provider = Provider::start(loopback(), &[0, 1, 2], knowledge).await.unwrap();
    let mut client = Client::new(provider.addr);
    for (dialect, stream) in [Dialect::OpenAi, Dialect::Anthropic]
        .into_iter()
        .flat_map(|dialect| [(dialect, false), (dialect, true)])
    {
        let row = &sample.test[1];
        let name = &sample.models[0].name;
        let asked = Question { dialect, stream, model: name, prompt: &row.prompt, session: "s", limit: None };
        let answer = client.ask(&asked).await.unwrap();
        let recorded = row.outcomes[0];
        assert_eq!(answer.status, 200, "{dialect:?} {stream}: {answer:?}");
        assert_eq!(
            answer.usage,
            Some((recorded.input_tokens, recorded.output_tokens)),
            "{dialect:?} {stream}"
        );
        assert!(!stream || answer.first_byte < answer.total, "{answer:?}");
        let unknown = client.ask(&Question { model: "gpt-9", ..asked }).await.unwrap();
        assert_eq!(unknown.status, 404);
        assert!(unknown.error.is_some());
    }
}

#[tokio::test]
async fn the_refusing_address_refuses() {
    let refusing = Refusing::start().unwrap();
    let error = tokio::net::TcpStream::connect(refusing.addr).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_run_without_a_proxy_reports_every_row() {
    let sample = sample();
    let refusing = Refusing::start().unwrap();
    let mut seen = 0;
    let summary = run(refusing.addr, &sample, 5, |_| seen += 1).await;
    assert_eq!((seen, summary.test_rows, summary.problems().len()), (5, 5, 7));
}
