//! One decision with 3 and with 16 models, understanding included: what each routed request pays after its parse.

mod scene;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pointsman::analysis::{Features, Limits};
use pointsman::catalog::Snapshot;
use pointsman::routing::{
    Asked, DeploymentLive, Facts, Inputs, Live, SessionLive, WholeTime, analyse_and_decide, select_policy,
};
use pointsman::types::{Capabilities, Day, Dialect, HardMarkers};
use scene::snapshot;

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
        answers: Some(100),
        whole: Some(WholeTime { ttft_ms: 200, per_token_us: 8000, ratio_permille: 1700 }),
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
            repeats: false,
            crossings: Vec::new(),
            refused: Vec::new(),
        },
        limits: Limits { task: pointsman::types::TaskClass::parse("code"), ..Limits::default() },
        live: Live {
            deployments: vec![live; snapshot.deployments.len()],
            session_model: None,
            session: SessionLive::default(),
            room: None,
        },
        day: Day(20_500),
        session_hash: 7,
        forecast: None,
        observe_only: false,
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
