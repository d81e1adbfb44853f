//! One decision with 3 and with 16 models, understanding included: what each routed request pays after its parse.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pointsman::analysis::{Features, Limits};
use pointsman::catalog::Snapshot;
use pointsman::config::{SecretSource, from_text};
use pointsman::routing::{Asked, DeploymentLive, Facts, Inputs, Live, analyse_and_decide, select_policy};
use pointsman::types::{Capabilities, Day, Dialect, HardMarkers};

/// Models dearer and better from one to the next; the last is the baseline, every other one has evidence.
fn snapshot(models: usize) -> std::sync::Arc<Snapshot> {
    let mut text = String::from(
        "[[providers]]\nid = \"o\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\ncredential = \"none\"\n",
    );
    let mut names = Vec::new();
    for at in 1..=models {
        names.push(format!("\"m{at}\""));
        let _ = write!(
            text,
            "[[models]]\nid = \"m{at}\"\ntier = \"edge\"\ncontext_tokens = 100000\nmax_output_tokens = 8000\n\
             price = {{ input = {at}.0, output = {at}.5, valid_from = \"2025-01-01\" }}\n\
             quality = {{ default = {} }}\ndeployments = [{{ provider = \"o\" }}]\n",
            0.5 + at as f64 / 40.0
        );
    }
    let _ = write!(
        text,
        "[[policies]]\nname = \"p\"\nmatch.models = [\"auto\"]\nmode = \"route\"\nbaseline = \"m{models}\"\n\
         candidates = [{}]\nholdout = 0.05\n[routing]\nprofile = \"evidence.json\"\n",
        names.join(", ")
    );
    let evidence: Vec<String> = (1..models)
        .step_by(2)
        .map(|at| {
            format!(
                r#"{{"baseline":"m{models}","model":"m{at}","task":"code","level":"paired","pairs":300,"mean_quality":0.8,"mean_loss":0.0,"loss_upper":0.01}}"#
            )
        })
        .collect();
    let profile = format!(r#"{{"evidence":[{}]}}"#, evidence.join(","));
    match from_text(&text, &profile, SecretSource::Dummy) {
        Ok(settings) => settings.snapshot,
        Err(faults) => unreachable!("{faults}"),
    }
}

fn inputs(snapshot: &Snapshot) -> Inputs {
    let mut features = Features::default();
    features.volume.plain = 4000;
    (features.prompt.words, features.prompt.known_words, features.prompt.latin) = (600, 250, 3000);
    let live = DeploymentLive {
        ready: true,
        has_credential: true,
        ttft_ms: 300,
        per_token_us: 9000,
        measured: true,
    };
    Inputs {
        policy: snapshot.policies[0].id.clone(),
        features,
        facts: Facts {
            dialect: Dialect::OpenAi,
            model_named: "auto".to_owned(),
            stream: true,
            max_output_tokens: Some(1000),
            choices: 1,
            needs: Capabilities::TOOLS,
            hard_markers: HardMarkers::default(),
            cache_markers: false,
        },
        limits: Limits { task: pointsman::types::TaskClass::parse("code"), ..Limits::default() },
        live: Live { deployments: vec![live; snapshot.deployments.len()], session_model: None },
        day: Day(20_500),
        session_hash: 7,
    }
}

fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routing/decide");
    for models in [3, 16] {
        let snapshot = snapshot(models);
        let inputs = inputs(&snapshot);
        let (_, decided) = analyse_and_decide(&snapshot, &inputs);
        assert!(decided.is_ok_and(|decision| decision.plan.to_string() == "m1"), "evidence is found");
        group.bench_with_input(BenchmarkId::new("models", models), &inputs, |bencher, inputs| {
            bencher.iter(|| analyse_and_decide(&snapshot, black_box(inputs)));
        });
    }
    group.finish();
}

fn select(criterion: &mut Criterion) {
    let snapshot = snapshot(3);
    let asked =
        Asked { model: "auto", client: None, allowed: &[], path: "/v1/chat/completions", header: &|_| None };
    criterion.bench_function("routing/select_policy", |bencher| {
        bencher.iter(|| select_policy(&snapshot, black_box(&asked)).is_ok());
    });
}

criterion_group!(benches, decide, select);
criterion_main!(benches);
