//! What is written in a dialect is read back as what it was: requests, answers and streams made up at random; and bytes
//! changed at random never end in a panic or in broken JSON.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::hub::{
    Block, Call, CallResult, Effort, Ending, Format, Media, Message, Number, Prompt, Said, Speaker, Step,
    ToolChoice, ToolSpec,
};
use super::text::{Json, Text};
use super::*;
use crate::codec::sse::SseSplitter;
use crate::codec::tee::StreamFault;
use crate::types::Usage;

/// Which of the dialects things are made up for; what only one of them can say is said only there.
const SPOKES: [Spoke; 4] = [Spoke::Chat, Spoke::Responses, Spoke::Anthropic, Spoke::Gemini];

fn is_openai(spoke: Spoke) -> bool {
    matches!(spoke, Spoke::Chat | Spoke::Responses)
}

fn words() -> impl Strategy<Value = Text<'static>> {
    "[a-zé \"\\\\\n/\u{1}🦀]{1,12}".prop_map(|text| Text::plain(&text))
}

fn name() -> impl Strategy<Value = Text<'static>> {
    "[a-z_]{1,8}".prop_map(|text| Text::plain(&text))
}

fn object() -> impl Strategy<Value = Json<'static>> {
    select(vec!["{}", r#"{"a":1.50,"b":[12345678901234567890]}"#, r#"{"type":"object","x":"\u00e9\n\""}"#])
        .prop_map(|text| Json::parse(text.into()).unwrap())
}

fn number(values: &'static [&'static str]) -> impl Strategy<Value = Option<Number<'static>>> {
    option::of(select(values).prop_map(|raw| Number { raw, value: raw.parse().unwrap() }))
}

fn inline(kind: &'static str) -> impl Strategy<Value = Media<'static>> {
    "([A-Za-z0-9+/]{4}){1,10}"
        .prop_map(move |data| Media::Inline { media_type: Text::word(kind), base64: Text::plain(&data) })
}

fn image(spoke: Spoke) -> impl Strategy<Value = Block<'static>> {
    let url = "https://x\\.test/[a-z]{1,8}".prop_map(|url| Media::Url(Text::plain(&url)));
    let inline = inline("image/png");
    let media = if spoke == Spoke::Gemini { inline.boxed() } else { prop_oneof![inline, url].boxed() };
    media.prop_map(Block::Image)
}

fn document(spoke: Spoke) -> impl Strategy<Value = Block<'static>> {
    (inline("application/pdf"), name()).prop_map(move |(media, title)| {
        Block::Document(media, Some(title).filter(|_| spoke != Spoke::Gemini))
    })
}

fn asked(spoke: Spoke) -> impl Strategy<Value = Vec<Block<'static>>> {
    vec(prop_oneof![3 => words().prop_map(Block::Text), 1 => image(spoke), 1 => document(spoke)], 1..4)
}

/// One exchange: what the user says, what the assistant says and calls, and what the tools gave.
fn exchange(spoke: Spoke) -> impl Strategy<Value = Vec<Message<'static>>> {
    let given = match spoke {
        Spoke::Anthropic => {
            (vec(prop_oneof![words().prop_map(Block::Text), image(spoke)], 0..3), any::<bool>()).boxed()
        }
        _ => (vec(words().prop_map(Block::Text), 1..2), Just(false)).boxed(),
    };
    let calls = vec((name(), object(), given), 0..3);
    (asked(spoke), words(), calls).prop_map(|(asked, text, calls)| {
        let mut said = vec![Block::Text(text)];
        let mut results = Vec::new();
        for (at, (name, arguments, (content, is_error))) in calls.into_iter().enumerate() {
            let id = Text::plain(&format!("call_{at}_{}", name.escaped()));
            said.push(Block::Call(Call { id: id.clone(), name: name.clone(), arguments }));
            results.push(Block::Result(CallResult { id, name: Some(name), content, is_error }));
        }
        let mut messages = vec![
            Message { speaker: Speaker::User, blocks: asked },
            Message { speaker: Speaker::Assistant, blocks: said },
        ];
        messages.extend(
            Some(results)
                .filter(|results| !results.is_empty())
                .map(|blocks| Message { speaker: Speaker::User, blocks }),
        );
        messages
    })
}

fn format(spoke: Spoke) -> BoxedStrategy<Format<'static>> {
    let schema = match spoke {
        Spoke::Chat | Spoke::Responses => (name(), object(), option::of(any::<bool>()))
            .prop_map(|(name, schema, strict)| Format::Schema { name: Some(name), schema, strict })
            .boxed(),
        Spoke::Anthropic | Spoke::Gemini => {
            let strict = (spoke == Spoke::Anthropic).then_some(true);
            object().prop_map(move |schema| Format::Schema { name: None, schema, strict }).boxed()
        }
    };
    let object = if spoke != Spoke::Anthropic { Format::Object } else { Format::Text };
    prop_oneof![Just(Format::Text), Just(object), schema].boxed()
}

fn effort(spoke: Spoke) -> impl Strategy<Value = Option<Effort>> {
    let odd = match spoke {
        Spoke::Chat | Spoke::Responses => [Effort::None, Effort::Minimal, Effort::XHigh],
        Spoke::Anthropic => [Effort::Max, Effort::Low, Effort::XHigh],
        Spoke::Gemini => [Effort::Minimal; 3],
    };
    let both = [Effort::Low, Effort::Medium, Effort::High];
    option::of(select([&both[..], &odd[..]].concat()))
}

/// Gemini's calls have no names of their own in requests: they are numbered where they are read.
fn renumber(messages: &mut [Message<'static>]) {
    let (mut calls, mut results) = (0.., 0..);
    let next =
        |numbers: &mut std::ops::RangeFrom<i32>| Text::plain(&format!("call_{}", numbers.next().unwrap()));
    for block in messages.iter_mut().flat_map(|message| &mut message.blocks) {
        match block {
            Block::Call(call) => call.id = next(&mut calls),
            Block::Result(result) => result.id = next(&mut results),
            _ => {}
        }
    }
}

type Tools = (Vec<ToolSpec<'static>>, Option<ToolChoice<'static>>, Option<bool>);

fn tools(spoke: Spoke) -> impl Strategy<Value = Tools> {
    let tool = (name(), option::of(words()), option::of(object()), option::of(any::<bool>())).prop_map(
        move |(name, description, schema, strict)| {
            let none = Json::parse(r#"{"type":"object"}"#.into());
            let schema = if spoke == Spoke::Anthropic { schema.or(none) } else { schema };
            let strict = strict.filter(|_| spoke != Spoke::Gemini);
            ToolSpec { name, description, schema, strict }
        },
    );
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Any),
        name().prop_map(ToolChoice::Named)
    ];
    (vec(tool, 0..3), choice, option::of(any::<bool>())).prop_map(move |(tools, choice, parallel)| {
        let any = !tools.is_empty();
        let told = any && choice != ToolChoice::None && spoke != Spoke::Gemini;
        let parallel = parallel.filter(|_| told);
        (tools, any.then_some(choice), parallel)
    })
}

type Sampling = [Option<Number<'static>>; 6];

fn sampling(spoke: Spoke) -> impl Strategy<Value = Sampling> {
    let only = |yes: bool, values| number(values).prop_map(move |number| number.filter(|_| yes));
    let many = matches!(spoke, Spoke::Chat | Spoke::Gemini);
    (
        number(&["0", "0.50", "1"]),
        number(&["0.9", "1e-1"]),
        only(!is_openai(spoke), &["5"]),
        only(many, &["0.5"]),
        only(many, &["-1.5"]),
        only(many, &["42", "12345678901234567890"]),
    )
        .prop_map(|(one, two, three, four, five, six)| [one, two, three, four, five, six])
}

fn prompt(spoke: Spoke) -> impl Strategy<Value = Prompt<'static>> {
    let talk = (vec(words(), 0..3), vec(exchange(spoke), 0..4), asked(spoke));
    let form = (format(spoke), effort(spoke), option::of(words()), vec(words(), 0..4), option::of(name()));
    (talk, tools(spoke), form, sampling(spoke), (any::<bool>(), option::of(1..9000_u32))).prop_map(
        move |((system, turns, last), tools, form, sampling, (stream, cap))| {
            let mut messages: Vec<Message<'_>> = turns.into_iter().flatten().collect();
            messages.push(Message { speaker: Speaker::User, blocks: last });
            if spoke == Spoke::Gemini {
                renumber(&mut messages);
            }
            let (format, effort, user, stop, name) = form;
            let [temperature, top_p, top_k, presence_penalty, frequency_penalty, seed] = sampling;
            Prompt {
                bytes: 0,
                system,
                messages,
                tools: tools.0,
                tool_choice: tools.1,
                parallel_tools: tools.2,
                format,
                max_output_tokens: cap.or((spoke == Spoke::Anthropic).then_some(TO.max_output_tokens)),
                stop: if spoke == Spoke::Responses { Vec::new() } else { stop },
                temperature,
                top_p,
                top_k,
                presence_penalty,
                frequency_penalty,
                seed,
                effort,
                verbosity: name.filter(|_| is_openai(spoke)),
                stream,
                usage_in_stream: stream || spoke != Spoke::Chat,
                user: user.filter(|_| spoke != Spoke::Gemini),
                dropped: Vec::new(),
            }
        },
    )
}

const TO: Destination<'_> = Destination {
    dialect: Dialect::OpenAi,
    model: "m",
    max_output_tokens: 77,
    max_tokens_key: true,
    asks_for_usage: true,
    nine_letter_ids: false,
    takes_user: true,
};

fn said(spoke: Spoke) -> impl Strategy<Value = Said<'static>> {
    let texts = if is_openai(spoke) { 0..2 } else { 0..4 };
    let ending = select(vec![Ending::Stop, Ending::Length, Ending::Filtered]);
    (name(), name(), vec(words(), texts), vec((name(), object()), 0..3), ending, vec(0..1000_u64, 5))
        .prop_map(move |(id, model, texts, calls, ending, counts)| {
            let mut blocks: Vec<Block<'_>> = texts.into_iter().map(Block::Text).collect();
            let ending = ending.with_calls(!calls.is_empty());
            blocks.extend(calls.into_iter().enumerate().map(|(at, (name, arguments))| {
                Block::Call(Call { id: Text::plain(&format!("c{at}")), name, arguments })
            }));
            let usage = Usage {
                input: counts[0],
                cache_read: counts[1],
                cache_write_5m: if spoke == Spoke::Gemini { 0 } else { counts[2] },
                output: counts[3],
                reasoning: if spoke == Spoke::Anthropic { 0 } else { counts[4] },
                ..Usage::default()
            };
            Said { id, model, blocks, ending, usage: Some(usage) }
        })
}

const ASKER: Asker =
    Asker { operation: Operation::ChatCompletions, usage_in_stream: true, created: 1_790_000_000 };

/// An answer as its stream tells it: the texts run together, the arguments as text.
type Told = (String, String, Vec<String>, Option<Ending<'static>>, Option<Usage>);

fn fold(told: &mut Told, step: Step<'_>) {
    let (id, model, pieces, ending, usage) = told;
    match step {
        Step::Begin { id: given, model: named, .. } => {
            (*id, *model) = (given.escaped().to_owned(), named.escaped().to_owned());
        }
        Step::Text(text) => match pieces.last_mut().filter(|last| last.starts_with("text:")) {
            Some(last) => last.push_str(text.escaped()),
            None => pieces.push(format!("text:{}", text.escaped())),
        },
        Step::Refusal(text) | Step::Thinking(text) => pieces.push(text.escaped().to_owned()),
        Step::CallBegins { call, id, name } => {
            pieces.push(format!("call:{call}:{}:{}:", id.escaped(), name.escaped()));
        }
        Step::CallArguments { fragment, .. } => pieces.last_mut().unwrap().push_str(fragment.escaped()),
        Step::Ending(word) => *ending = Some(word.into_owned()),
        Step::Usage(counted) => *usage = Some(counted),
        Step::End => {}
    }
}

/// The steps a provider would tell the answer in.
fn steps(said: &Said<'static>) -> Vec<Step<'static>> {
    let mut steps = vec![Step::Begin { id: said.id.clone(), model: said.model.clone(), usage: None }];
    let mut calls = 0;
    for block in &said.blocks {
        match block {
            Block::Text(text) => steps.extend([Step::Text(text.clone()), Step::Text(text.clone())]),
            Block::Call(Call { id, name, arguments }) => {
                steps.push(Step::CallBegins { call: calls, id: id.clone(), name: name.clone() });
                steps.push(Step::CallArguments { call: calls, fragment: arguments.in_text() });
                calls += 1;
            }
            _ => unreachable!("not made up"),
        }
    }
    steps.push(Step::Ending(said.ending.clone()));
    steps.extend(said.usage.map(Step::Usage));
    steps.push(Step::End);
    steps
}

fn retell(spoke: Spoke, steps: &[Step<'static>]) -> Result<Told, StreamFault> {
    let (mut out, mut told) = (Writer::default(), Told::default());
    let operation = operation(spoke);
    let mut teller = super::stream::Teller::new(Asker { operation, ..ASKER });
    steps.iter().cloned().for_each(|step| teller.step(step, &mut out));
    if spoke == Spoke::Responses {
        responses::mirror::read_stream(&out.into_bytes()).into_iter().for_each(|step| fold(&mut told, step));
        return Ok(told);
    }
    let (mut chat, mut anthropic) = (chat::Reader::default(), anthropic::Reader::default());
    let mut gemini = gemini::Reader::default();
    SseSplitter::default().feed(&out.into_bytes(), |event| match spoke {
        Spoke::Chat => chat.event(event, &mut |step| fold(&mut told, step)),
        Spoke::Gemini => gemini.event(event, &mut |step| fold(&mut told, step)),
        _ => anthropic.event(event, &mut |step| fold(&mut told, step)),
    })?;
    Ok(told)
}

fn both<T: std::fmt::Debug, S: Strategy<Value = T>>(
    made: impl Fn(Spoke) -> S,
) -> impl Strategy<Value = (Spoke, T)> {
    let [one, two, three, four] = SPOKES.map(|spoke| (Just(spoke), made(spoke)));
    prop_oneof![one, two, three, four]
}

fn operation(spoke: Spoke) -> Operation {
    match spoke {
        Spoke::Chat => Operation::ChatCompletions,
        Spoke::Responses => Operation::Responses,
        Spoke::Anthropic => Operation::Messages,
        Spoke::Gemini => Operation::GenerateContent,
    }
}

proptest! {
    #[test]
    fn requests_are_read_as_they_were_written((spoke, prompt) in both(prompt)) {
        let (path, body) = match spoke {
            Spoke::Responses => (String::new(), responses::mirror::write_request(&prompt)),
            _ => {
                let crossed = write_request(spoke, &prompt, &TO).unwrap();
                (crossed.path, crossed.body.to_vec())
            }
        };
        let origin = Origin { operation: operation(spoke), path: &path, body: &body };
        let back = Prompt { bytes: 0, ..read_request(spoke, &origin).unwrap() };
        prop_assert_eq!(format!("{back:?}"), format!("{prompt:?}"));
    }

    #[test]
    fn answers_are_read_as_they_were_written((spoke, said) in both(said)) {
        let body = write_answer(&said, Asker { operation: operation(spoke), ..ASKER }).unwrap();
        let back = match spoke {
            Spoke::Chat => chat::read_answer(&body, 0).unwrap(),
            Spoke::Responses => responses::mirror::read_answer(&serde_json::from_slice(&body).unwrap()),
            Spoke::Anthropic => anthropic::read_answer(&body).unwrap(),
            Spoke::Gemini => gemini::read_answer(&body, 0).unwrap(),
        };
        prop_assert_eq!(back, said);
    }

    #[test]
    fn streams_are_read_as_they_were_told((spoke, said) in both(said)) {
        let steps = steps(&said);
        let mut want = Told::default();
        steps.iter().cloned().for_each(|step| fold(&mut want, step));
        prop_assert_eq!(retell(spoke, &steps).unwrap(), want);
    }

    /// Recorded requests with a piece taken out, doubled or replaced: an obstacle, or JSON that is whole.
    #[test]
    fn no_body_is_too_odd(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
        length in 0..40_usize, put in select(vec!["", "null", "{}", "[]", "\"\"", "-1", "\\ud800", ",", "}", "é"])) {
        let fixtures = FIXTURES.get_or_init(tests::fixtures);
        let (_, operation, body) = pick.get(fixtures);
        let from = at.index(body.len());
        let to = (from + length).min(body.len());
        let odd = [&body[..from], put.as_bytes(), &body[to..]].concat();
        if let Ok(crossed) = tests::cross(*operation, &odd) {
            prop_assert!(is_json(&crossed.body), "{:?}", crossed.body);
        }
        let _ = cross_answer(Dialect::OpenAi, Asker { operation: Operation::Messages, ..ASKER }, &odd);
        let _ = cross_answer(Dialect::Anthropic, ASKER, &odd);
    }

    /// A whole value in place of another, anywhere in the request.
    #[test]
    fn no_value_is_too_odd(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
        put in select(vec!["null", "{}", "[]", "\"\"", "-1", "1e400", "true", "[[{}]]", "{\"type\":\"text\"}"])) {
        let fixtures = FIXTURES.get_or_init(tests::fixtures);
        let (_, operation, body) = pick.get(fixtures);
        let mut value: Value = serde_json::from_slice(body).unwrap();
        let mut left = at.index(count(&value));
        *nth(&mut value, &mut left).unwrap() = Value::from("@@");
        let odd = value.to_string().replacen("\"@@\"", put, 1);
        if let Ok(crossed) = tests::cross(*operation, odd.as_bytes()) {
            prop_assert!(is_json(&crossed.body), "{:?}", crossed.body);
        }
    }
}

/// Not into a `Value`: half a surrogate pair is carried over as it came, and no Rust string holds it.
fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<&serde_json::value::RawValue>(body).is_ok()
}

static FIXTURES: std::sync::OnceLock<Vec<(String, Operation, Vec<u8>)>> = std::sync::OnceLock::new();

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(members) => members.values_mut().find_map(|item| nth(item, left)),
        _ => None,
    }
}
