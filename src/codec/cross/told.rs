//! Answers that do not go straight to the client: what they say, and what is made of them. Plans of several models ask whole
//! answers, compare them, and give one to the client as it would have come.

use bytes::Bytes;

use super::hub::{Block, Format, Message, Prompt, Said, Speaker, Step};
use super::text::{Json, Text, Writer};
use super::{Asker, Crossed, Destination, Obstacle, Origin, Spoke, read_answer};
use crate::codec::answer::{Finish, Malformed};
use crate::codec::logprobs;
use crate::types::{Dialect, Probability};

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    /// Its text; a refusal's where there is no other.
    pub text: String,
    /// The tools it calls: name and arguments, as JSON.
    pub calls: Vec<(String, String)>,
    /// Whether it declines in so many words (a field of its own), or a filter ended it.
    pub refused: bool,
    /// Why it ended.
    pub finish: Option<Finish>,
    /// How probable its text is by its own model: the geometric mean over the tokens, where the provider tells it.
    pub probability: Option<Probability>,
}

/// A request of ours: one question to one model.
#[derive(Clone, Copy, Debug)]
pub struct Composed<'a> {
    /// What the model is to be.
    pub system: &'a str,
    /// What it is asked.
    pub user: &'a str,
    /// JSON schema of its answer; `None`: free text.
    pub schema: Option<&'a str>,
    /// Most output tokens.
    pub max_output_tokens: u32,
}

/// A request's conversation as one text: who says what, in order. `None` where something in it is no text, or is not understood.
pub fn conversation(origin: &Origin<'_>) -> Option<String> {
    let prompt = super::read_request(Spoke::of_client(origin.operation)?, origin).ok()?;
    let mut text = String::new();
    let mut say = |who: &str, said: &Text<'_>| {
        text += &format!("{who}: {}\n", said.unescaped()?);
        Some(())
    };
    for system in &prompt.system {
        say("system", system)?;
    }
    for message in &prompt.messages {
        let who = match message.speaker {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        for block in &message.blocks {
            match block {
                Block::Text(said) | Block::Refusal(said) => say(who, said)?,
                _ => return None,
            }
        }
    }
    Some(text)
}

/// Writes a request of ours.
pub fn compose(composed: &Composed<'_>, to: &Destination<'_>) -> Result<Crossed, Obstacle> {
    let format = match composed.schema.and_then(|schema| Json::parse(schema.into())) {
        None => Format::Text,
        Some(schema) => Format::Schema { name: Some(Text::word("verdict")), schema, strict: Some(true) },
    };
    let prompt = Prompt {
        system: vec![Text::plain(composed.system)],
        messages: vec![Message {
            speaker: Speaker::User,
            blocks: vec![Block::Text(Text::plain(composed.user))],
        }],
        max_output_tokens: Some(composed.max_output_tokens),
        format,
        ..Prompt::default()
    };
    super::write_request(Spoke::of_provider(to.dialect), &prompt, to)
}

/// What a whole answer of a provider says.
pub fn spoken(from: Dialect, body: &[u8]) -> Result<Spoken, Malformed> {
    let said = read_answer(from, body, 0)?;
    let mut spoken = Spoken { finish: Some(finish(&said)), ..Spoken::default() };
    let (mut refusal, mut reasons) = (None, false);
    for block in &said.blocks {
        match block {
            Block::Text(text) => spoken.text.push_str(&plain(text)?),
            Block::Refusal(text) => refusal = Some(plain(text)?),
            Block::Call(call) => spoken.calls.push((plain(&call.name)?, call.arguments.as_str().to_owned())),
            Block::Thinking(_) => reasons = true,
            Block::Image(_) | Block::Document(..) | Block::Result(_) => {}
        }
    }
    spoken.probability = logprobs::probability(from, body, (&spoken.text, reasons));
    spoken.refused = refusal.is_some() || spoken.finish == Some(Finish::ContentFilter);
    if let (true, Some(refusal)) = (spoken.text.is_empty(), refusal) {
        spoken.text = refusal;
    }
    Ok(spoken)
}

/// A whole answer as the client would have got it streamed: the events it needs, the text in one piece.
pub fn as_stream(from: Dialect, asker: Asker, body: &[u8]) -> Result<Bytes, Malformed> {
    Ok(streamed(read_answer(from, body, asker.created)?, asker))
}

/// A whole answer with another text in it, whole or streamed: what a correction makes of a draft.
pub fn with_text(
    from: Dialect,
    asker: Asker,
    (body, text): (&[u8], &str),
    stream: bool,
) -> Result<Bytes, Malformed> {
    let mut said = read_answer(from, body, asker.created)?;
    said.blocks.retain(|block| !matches!(block, Block::Text(_)));
    said.blocks.push(Block::Text(Text::plain(text)));
    if stream {
        return Ok(streamed(said, asker));
    }
    super::write_answer(&said, asker).ok_or_else(|| Malformed::new("answers of this operation are not told"))
}

fn streamed(said: Said<'_>, asker: Asker) -> Bytes {
    let mut teller = super::stream::Teller::new(asker);
    let mut out = Writer::default();
    let mut tell = |step| teller.step(step, &mut out);
    tell(Step::Begin { id: said.id, model: said.model, usage: said.usage });
    let mut calls = 0;
    for block in said.blocks {
        match block {
            Block::Text(text) => tell(Step::Text(text)),
            Block::Refusal(text) => tell(Step::Refusal(text)),
            Block::Thinking(text) => tell(Step::Thinking(text)),
            Block::Call(call) => {
                tell(Step::CallBegins { call: calls, id: call.id, name: call.name });
                tell(Step::CallArguments { call: calls, fragment: call.arguments.in_text() });
                calls += 1;
            }
            Block::Image(_) | Block::Document(..) | Block::Result(_) => {}
        }
    }
    tell(Step::Ending(said.ending));
    if let Some(usage) = said.usage {
        tell(Step::Usage(usage));
    }
    tell(Step::End);
    out.into_bytes()
}

fn plain(text: &Text<'_>) -> Result<String, Malformed> {
    let plain = text.unescaped().ok_or_else(|| Malformed::new("a text with half a surrogate pair"))?;
    Ok(plain.into_owned())
}

fn finish(said: &Said<'_>) -> Finish {
    use super::hub::Ending;
    match said.ending {
        Ending::Stop | Ending::StopText(_) => Finish::Stop,
        Ending::Length => Finish::Length,
        Ending::Calls => Finish::ToolCalls,
        Ending::Filtered => Finish::ContentFilter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tee::StreamTee;
    use crate::types::Operation;

    const CHAT: &str = r#"{"id":"c1","model":"m","choices":[{"message":{"content":"4\u00e9","tool_calls":[
        {"id":"t","function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    const MESSAGES: &str = r#"{"id":"m1","model":"m","content":[{"type":"text","text":"4"}],"stop_reason":"end_turn",
        "usage":{"input_tokens":3,"output_tokens":2}}"#;

    fn asker(operation: Operation) -> Asker {
        Asker { operation, usage_in_stream: true, created: 7 }
    }

    #[test]
    fn an_answer_says_what_it_says() {
        let chat = spoken(Dialect::OpenAi, CHAT.as_bytes()).unwrap();
        assert_eq!((chat.text.as_str(), chat.calls), ("4é", vec![("f".to_owned(), r#"{"a":1}"#.to_owned())]));
        let messages = spoken(Dialect::Anthropic, MESSAGES.as_bytes()).unwrap();
        assert_eq!(
            (messages.text.as_str(), messages.finish, messages.refused),
            ("4", Some(Finish::Stop), false)
        );
    }

    #[test]
    fn a_function_is_called_as_a_tool_is() {
        let body = |arguments: &str, end: &str| {
            format!(
                r#"{{"id":"c","choices":[{{"message":{{"content":null,"function_call":{{"name":"f","arguments":{arguments:?}}}}},
                    "finish_reason":"{end}"}}]}}"#
            )
        };
        for end in ["function_call", "stop"] {
            let said = spoken(Dialect::OpenAi, body(r#"{"a":1}"#, end).as_bytes()).unwrap();
            assert_eq!(said.calls, [("f".to_owned(), r#"{"a":1}"#.to_owned())]);
            assert_eq!(said.finish, Some(Finish::ToolCalls), "{end}");
        }
        assert!(spoken(Dialect::OpenAi, body("[", "stop").as_bytes()).is_err());
    }

    #[test]
    fn a_whole_answer_is_streamed_so_that_it_reads_as_finished() {
        for (from, body) in [(Dialect::OpenAi, CHAT), (Dialect::Anthropic, MESSAGES)] {
            for (operation, to) in [
                (Operation::ChatCompletions, Dialect::OpenAi),
                (Operation::Responses, Dialect::OpenAi),
                (Operation::Messages, Dialect::Anthropic),
            ] {
                let stream = as_stream(from, asker(operation), body.as_bytes()).unwrap();
                let mut tee = StreamTee::new(to, false);
                tee.feed(stream).unwrap();
                let end = tee.end();
                assert!(end.finished && end.has_content, "{from:?} to {to:?}");
                assert_eq!(end.usage.map(|usage| usage.total_output()), Some(2), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn a_corrected_text_takes_the_place_of_the_old_one() {
        let asker = asker(Operation::ChatCompletions);
        let whole = with_text(Dialect::OpenAi, asker, (CHAT.as_bytes(), "5\"\n"), false).unwrap();
        let read = spoken(Dialect::OpenAi, &whole).unwrap();
        assert_eq!((read.text.as_str(), read.calls.len()), ("5\"\n", 1));
    }
}
