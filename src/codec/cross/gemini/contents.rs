//! The conversation of a Gemini request into the hub. Calls may have no ids there: each gets one here, and a result belongs to
//! the first call of its name that has none yet.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::UNSIGNED;
use crate::codec::cross::fields::{Raw, drop_named, object, refuse};
use crate::codec::cross::hub::{Block, Call, CallResult, Media, Message, OTHER, Obstacle, Prompt, Speaker};
use crate::codec::cross::text::{Json, Text};

/// What a part is called where it does not fit.
pub(super) const PART: &str = "contents[].parts[]";
/// Most calls of one turn whose results are looked for.
const MAX_OPEN: usize = 256;

/// One turn, whose parts are read at once or looked at one by one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "P: Deserialize<'de>"))]
pub(super) struct Content<'a, P = Part<'a>> {
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(default = "Vec::new")]
    pub(super) parts: Vec<P>,
}

/// A part, most of which are texts: what they seldom hold is apart, so that a list of them stays small.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thought: Raw<'a>,
    #[serde(borrow, alias = "thought_signature")]
    thought_signature: Raw<'a>,
    #[serde(borrow, alias = "inline_data")]
    inline_data: Option<Box<Inline<'a>>>,
    #[serde(borrow, alias = "file_data")]
    file_data: Raw<'a>,
    #[serde(borrow, alias = "function_call")]
    function_call: Option<Box<Function<'a>>>,
    #[serde(borrow, alias = "function_response")]
    function_response: Option<Box<Response<'a>>>,
    #[serde(borrow, alias = "executable_code")]
    executable_code: Raw<'a>,
    #[serde(borrow, alias = "code_execution_result")]
    code_execution_result: Raw<'a>,
    #[serde(borrow, alias = "video_metadata")]
    video_metadata: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Inline<'a> {
    #[serde(borrow, alias = "mime_type")]
    mime_type: Text<'a>,
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow, alias = "display_name")]
    display_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Function<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    args: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Response<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    response: Raw<'a>,
}

/// The calls that wait for their results.
#[derive(Default)]
struct Open<'a> {
    calls: usize,
    waiting: Vec<(Text<'a>, Text<'a>)>,
}

/// Reads the instructions, which are texts.
pub(super) fn system<'a>(content: Content<'a>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let mut open = Open::default();
    let place = "systemInstruction.parts[]";
    let parts = content.parts.into_iter().map(|one| part(one, prompt, &mut open));
    let blocks = parts.collect::<Result<Vec<_>, _>>()?;
    prompt.add_system(place, blocks.into_iter().flatten().collect())
}

/// Reads the conversation.
pub(super) fn read<'a>(contents: Vec<Content<'a>>, prompt: &mut Prompt<'a>) -> Result<(), Obstacle> {
    let mut open = Open::default();
    for Content { role, parts } in contents {
        let role = role.unwrap_or(Text::word("user"));
        let speaker = match role.escaped() {
            "user" | "function" => Speaker::User,
            "model" => Speaker::Assistant,
            _ => return Err(Obstacle::role("contents[].role", &role)),
        };
        let mut blocks = Vec::with_capacity(parts.len());
        for one in parts {
            blocks.extend(part(one, prompt, &mut open)?);
        }
        let calls = blocks.iter().any(|block| matches!(block, Block::Call(_)));
        let answers = blocks.iter().any(|block| matches!(block, Block::Result(_)));
        if (calls && speaker == Speaker::User) || (answers && speaker == Speaker::Assistant) {
            return Err(Obstacle::new("contents[].role", "the model calls, and the user gives the results"));
        }
        prompt.messages.push(Message { speaker, blocks });
    }
    Ok(())
}

fn part<'a>(
    part: Part<'a>,
    prompt: &mut Prompt<'a>,
    open: &mut Open<'a>,
) -> Result<Option<Block<'a>>, Obstacle> {
    let signature = part.thought_signature.filter(|raw| raw.get().trim_matches('"') != UNSIGNED);
    refuse(
        OTHER,
        &[
            ("contents[].parts[].thoughtSignature", signature),
            ("contents[].parts[].fileData", part.file_data),
            ("contents[].parts[].executableCode", part.executable_code),
            ("contents[].parts[].codeExecutionResult", part.code_execution_result),
            ("contents[].parts[].videoMetadata", part.video_metadata),
        ],
    )?;
    let thought = part.thought.filter(|raw| raw.get() != "false");
    match part {
        Part { text: Some(_), inline_data: None, function_call: None, function_response: None, .. }
            if thought.is_some() =>
        {
            drop_named(&mut prompt.dropped, &[("contents[].parts[].thought", thought)]);
            Ok(None)
        }
        Part {
            text: Some(text), inline_data: None, function_call: None, function_response: None, ..
        } => Ok(Some(Block::Text(text))),
        Part {
            text: None, inline_data: Some(inline), function_call: None, function_response: None, ..
        } => media(*inline).map(Some),
        Part {
            text: None, inline_data: None, function_call: Some(call), function_response: None, ..
        } => open.call(*call).map(Some),
        Part {
            text: None, inline_data: None, function_call: None, function_response: Some(given), ..
        } => open.result(*given).map(Some),
        _ => Err(Obstacle::new(PART, "a part must hold one thing that other dialects know")),
    }
}

fn media(inline: Inline<'_>) -> Result<Block<'_>, Obstacle> {
    let Inline { mime_type, data, display_name } = inline;
    let kind = mime_type.clone().simplified();
    let media = Media::Inline { media_type: mime_type.simplified(), base64: standard(data) };
    match kind.escaped().split('/').next() {
        Some("image") => Ok(Block::Image(media)),
        Some("application" | "text") => Ok(Block::Document(media, display_name)),
        _ => Err(Obstacle::new(
            "contents[].parts[].inlineData",
            format!("`{}` has no counterpart in other dialects", kind.escaped()),
        )),
    }
}

/// Base64 as the hub has it. Gemini takes the alphabet of URLs, too, and no padding.
fn standard(data: Text<'_>) -> Text<'_> {
    let data = data.simplified();
    let missing = (4 - data.escaped().len() % 4) % 4;
    if missing == 0 && !data.escaped().contains(['-', '_']) {
        return data;
    }
    let letters = data.escaped().chars().map(|letter| match letter {
        '-' => '+',
        '_' => '/',
        other => other,
    });
    Text::plain(&letters.chain(std::iter::repeat_n('=', missing)).collect::<String>())
}

impl<'a> Open<'a> {
    fn call(&mut self, call: Function<'a>) -> Result<Block<'a>, Obstacle> {
        let Function { id, name, args } = call;
        let arguments = match args {
            Some(raw) => Some(object("contents[].parts[].functionCall.args", raw)?),
            None => Json::parse("{}".into()),
        };
        let id = id.unwrap_or_else(|| Text::plain(&format!("call_{}", self.calls)));
        self.calls += 1;
        if self.waiting.len() < MAX_OPEN {
            self.waiting.push((name.clone(), id.clone()));
        }
        let unread = || Obstacle::new("contents[].parts[].functionCall.args", "the arguments are no object");
        Ok(Block::Call(Call { id, name, arguments: arguments.ok_or_else(unread)? }))
    }

    fn result(&mut self, given: Response<'a>) -> Result<Block<'a>, Obstacle> {
        let Response { id, name, response } = given;
        let meant = |(called, known): &(Text<'a>, Text<'a>)| match &id {
            Some(id) => known == id,
            None => *called == name,
        };
        let at = self.waiting.iter().position(meant).ok_or_else(|| {
            Obstacle::new("contents[].parts[].functionResponse", "a result belongs to no call before it")
        })?;
        let (name, id) = self.waiting.remove(at);
        let (content, is_error) = match response {
            None => (Vec::new(), false),
            Some(raw) => said(raw)?,
        };
        Ok(Block::Result(CallResult { id, name: Some(name), content, is_error }))
    }
}

/// What a tool gave back: an object, of which a single `output`, `result` or `error` is a text of its own.
fn said<'a>(raw: &'a RawValue) -> Result<(Vec<Block<'a>>, bool), Obstacle> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Given<'a> {
        #[serde(borrow)]
        output: Option<Text<'a>>,
        #[serde(borrow)]
        result: Option<Text<'a>>,
        #[serde(borrow)]
        error: Option<Text<'a>>,
    }
    let whole = object("contents[].parts[].functionResponse.response", raw)?;
    let text = |text| vec![Block::Text(text)];
    Ok(match serde_json::from_str::<Given<'a>>(raw.get()) {
        Ok(Given { output: Some(said), result: None, error: None })
        | Ok(Given { output: None, result: Some(said), error: None }) => (text(said), false),
        Ok(Given { output: None, result: None, error: Some(said) }) => (text(said), true),
        _ => (text(whole.in_text()), false),
    })
}
