//! The other side of the dialect, for tests: requests as clients write them, answers and streams as they read them.

use serde_json::Value;

use crate::codec::cross::hub::{
    Block, Call, Ending, Format, Media, Message, Prompt, Said, Speaker, Step, ToolChoice,
};
use crate::codec::cross::text::{Json, Text, Writer};
use crate::codec::sse::SseSplitter;
use crate::codec::usage::OpenAiUsage;
use crate::types::Usage;

/// A request as a client writes it.
pub(in crate::codec::cross) fn write_request(prompt: &Prompt<'_>) -> Vec<u8> {
    let mut out = Writer::default();
    out.open(b'{');
    out.word_member("model", "m");
    out.raw_member("store", "false");
    if let Some(first) = prompt.system.first() {
        out.text_member("instructions", first);
    }
    out.key("input");
    out.open(b'[');
    for text in prompt.system.iter().skip(1) {
        item(&mut out, "message", |out| {
            out.word_member("role", "developer");
            out.text_member("content", text);
        });
    }
    prompt.messages.iter().for_each(|message| items(message, &mut out));
    out.close(b']');
    tools(prompt, &mut out);
    settings(prompt, &mut out);
    out.close(b'}');
    out.into_bytes().to_vec()
}

fn item(out: &mut Writer, kind: &'static str, rest: impl FnOnce(&mut Writer)) {
    out.open(b'{');
    out.word_member("type", kind);
    rest(out);
    out.close(b'}');
}

fn items(message: &Message<'_>, out: &mut Writer) {
    let role = match message.speaker {
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
        Speaker::System => "system",
    };
    let said = |block: &&Block<'_>| !matches!(block, Block::Call(_) | Block::Result(_));
    let words: Vec<&Block<'_>> = message.blocks.iter().filter(said).collect();
    if !words.is_empty() {
        item(out, "message", |out| {
            out.word_member("role", role);
            out.key("content");
            out.open(b'[');
            words.into_iter().for_each(|block| part(block, message.speaker, out));
            out.close(b']');
        });
    }
    for block in &message.blocks {
        match block {
            Block::Call(call) => item(out, "function_call", |out| {
                out.text_member("call_id", &call.id);
                out.text_member("name", &call.name);
                out.text_member("arguments", &call.arguments.in_text());
            }),
            Block::Result(result) => item(out, "function_call_output", |out| {
                out.text_member("call_id", &result.id);
                out.key("output");
                out.open(b'[');
                result.content.iter().for_each(|block| part(block, Speaker::User, out));
                out.close(b']');
            }),
            _ => {}
        }
    }
}

fn part(block: &Block<'_>, speaker: Speaker, out: &mut Writer) {
    let url = |media: &Media<'_>| match media {
        Media::Url(url) => url.clone().into_owned(),
        Media::Inline { media_type, base64 } => {
            let parts = [Text::word("data:"), media_type.clone(), Text::word(";base64,"), base64.clone()];
            Text::join(&parts, "").into_owned()
        }
    };
    match block {
        Block::Text(text) => {
            item(out, if speaker == Speaker::Assistant { "output_text" } else { "input_text" }, |out| {
                out.text_member("text", text);
            });
        }
        Block::Image(media) => item(out, "input_image", |out| out.text_member("image_url", &url(media))),
        Block::Document(media, name) => item(out, "input_file", |out| {
            out.text_member("file_data", &url(media));
            if let Some(name) = name {
                out.text_member("filename", name);
            }
        }),
        other => panic!("not made up: {other:?}"),
    }
}

fn tools(prompt: &Prompt<'_>, out: &mut Writer) {
    let flag = |flag: bool| if flag { "true" } else { "false" };
    out.key("tools");
    out.open(b'[');
    for tool in &prompt.tools {
        item(out, "function", |out| {
            out.text_member("name", &tool.name);
            if let Some(description) = &tool.description {
                out.text_member("description", description);
            }
            if let Some(schema) = &tool.schema {
                out.raw_member("parameters", schema.as_str());
            }
            if let Some(strict) = tool.strict {
                out.raw_member("strict", flag(strict));
            }
        });
    }
    out.close(b']');
    match &prompt.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => out.word_member("tool_choice", "auto"),
        Some(ToolChoice::None) => out.word_member("tool_choice", "none"),
        Some(ToolChoice::Any) => out.word_member("tool_choice", "required"),
        Some(ToolChoice::Named(name)) => {
            out.key("tool_choice");
            item(out, "function", |out| out.text_member("name", name));
        }
    }
    if let Some(parallel) = prompt.parallel_tools {
        out.raw_member("parallel_tool_calls", flag(parallel));
    }
}

fn settings(prompt: &Prompt<'_>, out: &mut Writer) {
    if prompt.stream {
        out.raw_member("stream", "true");
    }
    if let Some(cap) = prompt.max_output_tokens {
        out.key("max_output_tokens");
        out.number(u64::from(cap));
    }
    for (key, number) in [("temperature", prompt.temperature), ("top_p", prompt.top_p)] {
        if let Some(number) = number {
            out.raw_member(key, number.raw);
        }
    }
    if let Some(effort) = prompt.effort {
        out.key("reasoning");
        out.open(b'{');
        out.word_member("effort", effort.as_str());
        out.close(b'}');
    }
    if let Some(user) = &prompt.user {
        out.text_member("safety_identifier", user);
    }
    out.key("text");
    out.open(b'{');
    if let Some(word) = &prompt.verbosity {
        out.text_member("verbosity", word);
    }
    out.key("format");
    match &prompt.format {
        Format::Text => item(out, "text", |_| {}),
        Format::Object => item(out, "json_object", |_| {}),
        Format::Schema { name, schema, strict } => item(out, "json_schema", |out| {
            name.iter().for_each(|name| out.text_member("name", name));
            out.raw_member("schema", schema.as_str());
            strict.iter().for_each(|strict| out.raw_member("strict", &strict.to_string()));
        }),
    }
    out.close(b'}');
}

/// An answer as a client reads it.
pub(in crate::codec::cross) fn read_answer(answer: &Value) -> Said<'static> {
    let text = |value: &Value| Text::plain(value.as_str().unwrap());
    let items = answer["output"].as_array().unwrap().iter().map(|item| match item["type"].as_str() {
        Some("message") => match &item["content"][0] {
            part if part["type"] == "output_text" => Block::Text(text(&part["text"])),
            part => Block::Refusal(text(&part["refusal"])),
        },
        Some("function_call") => Block::Call(Call {
            id: text(&item["call_id"]),
            name: text(&item["name"]),
            arguments: Json::parse(item["arguments"].as_str().unwrap().to_owned().into()).unwrap(),
        }),
        other => panic!("no item that clients know: {other:?}"),
    });
    let blocks: Vec<Block<'_>> = items.collect();
    let calls = blocks.iter().any(|block| matches!(block, Block::Call(_)));
    let ending = match (answer["status"].as_str(), answer["incomplete_details"]["reason"].as_str()) {
        (Some("completed"), None) => Ending::Stop.with_calls(calls),
        (Some("incomplete"), Some("max_output_tokens")) => Ending::Length,
        (Some("incomplete"), Some("content_filter")) => Ending::Filtered,
        odd => panic!("no end that clients know: {odd:?}"),
    };
    let usage = Some(usage(&answer["usage"]));
    Said { id: text(&answer["id"]), model: text(&answer["model"]), blocks, ending, usage }
}

fn usage(counted: &Value) -> Usage {
    serde_json::from_value::<OpenAiUsage>(counted.clone()).unwrap().usage()
}

/// A stream as a client reads it. Panics where it is not what the SDKs rely on: the numbers, the order, and that the pieces make
/// up what is said to be done.
pub(in crate::codec::cross) fn read_stream(stream: &[u8]) -> Vec<Step<'static>> {
    let text = |value: &Value| Text::plain(value.as_str().unwrap());
    let (mut steps, mut number, mut pieces) = (Vec::new(), 0, String::new());
    let (mut calls, mut done) = (0, Vec::new());
    let read = SseSplitter::default().feed(stream, |event| {
        let event: Value = serde_json::from_str(event.data).unwrap();
        assert_eq!(event["sequence_number"], number, "{event}");
        number += 1;
        let kind = event["type"].as_str().unwrap();
        assert_eq!(number == 1, kind == "response.created", "{event}");
        if event.get("output_index").is_some() {
            assert_eq!(event["output_index"], done.len(), "{event}");
        }
        let item = &event["item"];
        match kind {
            "response.created" => {
                let (id, model) = (text(&event["response"]["id"]), text(&event["response"]["model"]));
                steps.push(Step::Begin { id, model, usage: None });
            }
            "response.output_item.added" => {
                pieces.clear();
                if item["type"] == "function_call" {
                    let (id, name) = (text(&item["call_id"]), text(&item["name"]));
                    steps.push(Step::CallBegins { call: calls, id, name });
                    calls += 1;
                }
            }
            "response.output_text.delta" | "response.refusal.delta" => {
                pieces.push_str(event["delta"].as_str().unwrap());
                let refusal = kind.contains("refusal");
                let text = text(&event["delta"]);
                steps.push(if refusal { Step::Refusal(text) } else { Step::Text(text) });
            }
            "response.function_call_arguments.delta" => {
                pieces.push_str(event["delta"].as_str().unwrap());
                steps.push(Step::CallArguments { call: calls - 1, fragment: text(&event["delta"]) });
            }
            "response.output_text.done" => assert_eq!(event["text"], *pieces),
            "response.refusal.done" => assert_eq!(event["refusal"], *pieces),
            "response.function_call_arguments.done" => assert_eq!(event["arguments"], *pieces),
            "response.content_part.done" => assert!(event["part"].to_string().contains("\"type\"")),
            "response.output_item.done" => done.push(item.clone()),
            "response.completed" | "response.incomplete" => {
                assert_eq!(event["response"]["output"], Value::from(done.clone()));
                let said = read_answer(&event["response"]);
                assert_eq!(kind == "response.completed", event["response"]["status"] == "completed");
                steps.extend([Step::Ending(said.ending), Step::Usage(said.usage.unwrap()), Step::End]);
            }
            "response.in_progress" | "response.content_part.added" => {}
            odd => panic!("no event that clients know: {odd}"),
        }
        Ok::<_, crate::codec::sse::SseFault>(())
    });
    read.unwrap();
    steps
}
