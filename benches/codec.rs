//! What reading, splicing and watching cost, at the sizes clients send.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pointsman::codec::{
    Asker, Destination, Origin, Scratch, StreamCrossing, StreamTee, ask_for_usage, cross_request, read,
    read_answer, set_model, splice,
};
use pointsman::types::{Dialect, Operation};

/// A chat stream request of about `bytes`, with four tools per 20 KB and many turns.
fn body(bytes: usize) -> String {
    let schema = r#"{"type":"object","properties":{"path":{"type":"string","description":"Where to look"},"limit":{"type":"integer"}},"required":["path"]}"#;
    let tools: Vec<String> = (0..bytes / 5_000)
        .map(|i| format!(r#"{{"type":"function","function":{{"name":"tool_{i}","description":"{}","parameters":{schema}}}}}"#, "Looks at a file. ".repeat(30)))
        .collect();
    let tools = if tools.is_empty() { String::new() } else { format!(r#","tools":[{}]"#, tools.join(",")) };
    let turn = r#"{"role":"user","content":"Explain what this function does and\nwhere it could fail: fn main() { println!(\"hi\"); }"},{"role":"assistant","content":"It prints a greeting; printing can fail when standard output is closed."}"#;
    let room = bytes.saturating_sub(tools.len() + 200);
    let turns = vec![turn; (room / turn.len()).max(1)].join(",");
    format!(
        r#"{{"messages":[{{"role":"system","content":"Be brief."}},{turns}],"model":"auto","temperature":0.2{tools},"stream":true}}"#
    )
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec/read+splice");
    let mut scratch = Scratch::default();
    let agent: serde_json::Value =
        serde_json::from_str(include_str!("../tests/fixtures/clients/claude-code.print.2.json"))
            .unwrap_or_default();
    let agent = agent["body"].to_string();
    let cases = [("1k", 1_000), ("20k", 20_000), ("200k", 200_000)].map(|(name, bytes)| (name, body(bytes)));
    for (name, body) in &cases {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), body.as_bytes(), |bencher, body| {
            bencher.iter(|| {
                let looked = |view: &pointsman::codec::ChatView<'_>| view.turns.len();
                let (request, turns) = read(Operation::ChatCompletions, body, &mut scratch, looked).ok()?;
                let mut edits = vec![set_model(&request, "gpt-4o-mini")];
                edits.extend(ask_for_usage(&request, body));
                Some((splice(body, &mut edits), turns))
            });
        });
        group.bench_with_input(BenchmarkId::new("read only", name), body.as_bytes(), |bencher, body| {
            bencher.iter(|| {
                read(Operation::ChatCompletions, body, &mut scratch, |view| view.turns.len()).is_ok()
            });
        });
    }
    group.throughput(Throughput::Bytes(agent.len() as u64));
    group.bench_function("coding agent, read only", |bencher| {
        bencher.iter(|| {
            read(Operation::Messages, agent.as_bytes(), &mut scratch, |view| view.turns.len()).is_ok()
        });
    });
    group.finish();
}

const CHAT: &str = r#"data: {"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz","object":"chat.completion.chunk","created":1790000000,"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_1234567890","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}],"usage":null"#;
const MESSAGES: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" token\"}}\n\n";

const PIECE: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\" token\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":20,\"candidatesTokenCount\":7,\"totalTokenCount\":27},\"modelVersion\":\"gemini-2.5-flash\",\"responseId\":\"r7\"}\n\n";

fn watching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec/tee per event");
    let cases = [
        ("chat", Dialect::OpenAi, false, vec![format!("{CHAT}}}\n\n")]),
        ("chat, usage hidden", Dialect::OpenAi, true, vec![format!("{CHAT}}}\n\n")]),
        (
            "chat, obfuscated (every event parsed)",
            Dialect::OpenAi,
            true,
            (1..5).map(|n| format!("{CHAT},\"obfuscation\":\"{}\"}}\n\n", "x".repeat(n))).collect(),
        ),
        ("messages", Dialect::Anthropic, false, vec![MESSAGES.to_owned()]),
    ];
    for (name, dialect, hide, events) in cases {
        let events: Vec<Bytes> = events.into_iter().map(Bytes::from).collect();
        let mut tee = StreamTee::new(dialect, hide);
        let mut next = events.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| next.next().map(|event| tee.feed(black_box(event.clone())).is_ok()));
        });
    }
    group.finish();
}

fn answering(criterion: &mut Criterion) {
    let text = "The function prints a greeting. ".repeat(60);
    let answer = format!(
        r#"{{"id":"c","object":"chat.completion","model":"gpt-4o","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":30,"completion_tokens":400,"total_tokens":430}}}}"#
    );
    criterion.bench_function("codec/read_answer 2k", |bencher| {
        bencher.iter(|| {
            read_answer(Dialect::OpenAi, Operation::ChatCompletions, black_box(answer.as_bytes())).is_ok()
        });
    });
}

/// What a client of Responses sends with the conversation of a chat request.
fn as_responses(chat: &str) -> String {
    let chat: serde_json::Value = serde_json::from_str(chat).unwrap_or_default();
    let tools = chat["tools"].as_array().into_iter().flatten().map(|tool| {
        let mut flat = tool["function"].clone();
        flat["type"] = "function".into();
        flat
    });
    serde_json::json!({
        "model": "auto", "input": chat["messages"], "tools": tools.collect::<Vec<_>>(), "stream": true, "store": false,
    })
    .to_string()
}

/// A request and a stream's event into other dialects, there and back.
fn translating(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec/translate");
    let chat = body(16_000);
    let to = |dialect| Destination {
        dialect,
        model: "m",
        max_output_tokens: 8_000,
        max_tokens_key: false,
        asks_for_usage: true,
        nine_letter_ids: false,
        takes_user: true,
    };
    let origin = |operation, body| Origin { operation, path: "/", body };
    // A question of the user's behind the last answer, without which nothing crosses.
    let chat = chat.replacen(r#"}],"model""#, r#"},{"role":"user","content":"And now?"}],"model""#, 1);
    let asked = origin(Operation::ChatCompletions, chat.as_bytes());
    let (Ok(messages), Ok(contents)) =
        (cross_request(&asked, &to(Dialect::Anthropic)), cross_request(&asked, &to(Dialect::Gemini)))
    else {
        return;
    };
    let responses = as_responses(&chat);
    let messages = origin(Operation::Messages, &messages.body);
    let contents = Origin {
        operation: Operation::GenerateContent,
        path: "/v1beta/models/auto:generateContent",
        body: &contents.body,
    };
    let responses = origin(Operation::Responses, responses.as_bytes());
    for (name, asked, to) in [
        ("16k, chat to messages", asked, to(Dialect::Anthropic)),
        ("16k, chat to gemini", asked, to(Dialect::Gemini)),
        ("16k, messages to chat", messages, to(Dialect::OpenAi)),
        ("16k, responses to messages", responses, to(Dialect::Anthropic)),
        ("16k, gemini to chat", contents, to(Dialect::OpenAi)),
    ] {
        assert!(cross_request(&asked, &to).is_ok(), "{name}");
        group.throughput(Throughput::Bytes(asked.body.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| cross_request(black_box(&asked), &to).is_ok()));
    }
    group.throughput(Throughput::Elements(1));
    let chunk = format!("{CHAT}}}\n\n");
    for (name, from, operation, event) in [
        ("event, chat to messages", Dialect::OpenAi, Operation::Messages, chunk.as_str()),
        ("event, chat to responses", Dialect::OpenAi, Operation::Responses, chunk.as_str()),
        ("event, chat to gemini", Dialect::OpenAi, Operation::GenerateContent, chunk.as_str()),
        ("event, messages to chat", Dialect::Anthropic, Operation::ChatCompletions, MESSAGES),
        ("event, gemini to chat", Dialect::Gemini, Operation::ChatCompletions, PIECE),
    ] {
        let asker = Asker { operation, usage_in_stream: true, created: 1_790_000_000 };
        let mut crossing = StreamCrossing::new(from, asker);
        group.bench_function(name, |bencher| {
            bencher.iter(|| crossing.feed(black_box(event.as_bytes())).is_ok())
        });
    }
    group.finish();
}

criterion_group!(benches, reading, watching, answering, translating);
criterion_main!(benches);
