//! The analysis of one request at several sizes: features and understanding together, the parse not included.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pointsman::analysis::{extract, understand};
use pointsman::codec::{ChatRequest, ChatView, Part, Role, StreamOptions, Tool, Turn};
use pointsman::types::{Capabilities, Dialect, HardMarkers, Operation};

/// About 90 bytes each, mixed as prompts are.
const SENTENCES: [&str; 4] = [
    "Please summarise the report on the harbour and list the three largest costs of the year. ",
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many in May. ",
    "```python\ndef total(items):\n    return sum(item.price for item in items if item.price > 0)\n``` ",
    "Compare both proposals step by step; the answer must be exact and at most 200 words long. ",
];

fn text(bytes: usize) -> String {
    SENTENCES
        .iter()
        .cycle()
        .scan(0, |sum, part| {
            *sum += part.len();
            (*sum <= bytes + part.len()).then_some(*part)
        })
        .collect()
}

fn view<'a>(system: &'a str, turns: Vec<Turn<'a>>) -> ChatView<'a> {
    let request = ChatRequest {
        dialect: Dialect::OpenAi,
        operation: Operation::ChatCompletions,
        model: "auto".to_owned(),
        model_span: 0..0,
        stream: true,
        stream_options: StreamOptions::Absent,
        first_member: 1,
        max_output_tokens: Some(1000),
        needs: Capabilities::default(),
        hard_markers: HardMarkers::default(),
        choices: 1,
        cache_markers: false,
        repeats: false,
        session: None,
    };
    ChatView {
        request,
        system: vec![system],
        turns,
        tools: Vec::new(),
        tools_bytes: 0,
        schema_bytes: 0,
        demands_call: false,
    }
}

fn turn(role: Role, part: Part<'_>) -> Turn<'_> {
    Turn { role, parts: vec![part] }
}

fn one_turn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("analysis/turn");
    for tokens in [20, 200, 1000, 4000] {
        let prompt = text(tokens * 9 / 2);
        let view = view("You are a helpful assistant.", vec![turn(Role::User, Part::Text(&prompt))]);
        group.throughput(Throughput::Bytes(prompt.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(tokens), &view, |bencher, view| {
            bencher.iter(|| understand(&extract(black_box(view))));
        });
    }
    group.finish();
}

/// An agent's request: a long system text, many tools, a history of results.
fn agent(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("analysis/agent");
    for kilobytes in [20, 200, 2000] {
        let (system, result) = (text(kilobytes * 1024 / 2), text(kilobytes * 1024 / 20));
        let mut turns = vec![turn(Role::User, Part::Text(SENTENCES[0]))];
        for _ in 0..10 {
            turns.push(turn(Role::Assistant, Part::ToolCall { name: "read_file", bytes: 80 }));
            turns.push(turn(Role::Tool, Part::ToolResult { text: &result, is_error: false }));
        }
        let mut view = view(&system, turns);
        view.tools = vec![Tool { name: "read_file", server_side: false }; 20];
        group.throughput(Throughput::Bytes(kilobytes as u64 * 1024));
        group.bench_with_input(BenchmarkId::new("kb", kilobytes), &view, |bencher, view| {
            bencher.iter(|| understand(&extract(black_box(view))));
        });
    }
    group.finish();
}

/// Understanding alone, as a replayed decision pays it.
fn replay(criterion: &mut Criterion) {
    let prompt = text(900);
    let features = extract(&view("", vec![turn(Role::User, Part::Text(&prompt))]));
    criterion
        .bench_function("analysis/understand", |bencher| bencher.iter(|| understand(black_box(&features))));
}

criterion_group!(benches, one_turn, agent, replay);
criterion_main!(benches);
