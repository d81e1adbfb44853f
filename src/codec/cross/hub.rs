//! The hub of translation: a request, an answer and a step of a stream in no dialect. Each spoke reads its dialect into
//! these and writes its dialect from them, so that a new dialect is one file and never a pair.
//!
//! Texts and values stay as they stand on the wire (see [`Text`] and [`Json`]): nothing is unescaped, rounded or reordered
//! on the way, and nothing is copied that need not be. Whatever a dialect can say and these cannot is an [`Obstacle`],
//! never left out in silence; what says nothing about the answer (caches, bookkeeping) goes to `dropped` by name.

use super::text::{Json, Text};
use crate::types::Usage;

/// The dialects on the other side, for messages of spokes that read.
pub(super) const OTHER: &str = "provider's";

/// Something that one dialect says and another has no word for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The field at fault, as the caller wrote it: `response_format`, `messages[].content[].input_audio`.
    pub param: String,
    /// What is in the way and what would work.
    pub message: String,
}

impl Obstacle {
    pub(super) fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: param.into(), message: message.into() }
    }

    /// A field that the other dialect has no counterpart for.
    pub(super) fn field(param: &str, dialect: &str) -> Self {
        let message = format!(
            "`{param}` has no counterpart in the {dialect} dialect; leave it out, or name a model of your own dialect"
        );
        Self::new(param, message)
    }

    /// A speaker that no other dialect knows.
    pub(super) fn role(param: &str, role: &Text<'_>) -> Self {
        Self::new(param, format!("the role `{}` exists in no other dialect", role.escaped()))
    }

    /// About the same field in a client's own words: the first that begins as one of these.
    pub(super) fn named(mut self, words: &[(&str, &str)]) -> Self {
        let own = words.iter().find_map(|(theirs, ours)| {
            let rest = self.param.strip_prefix(theirs)?;
            Some(format!("{ours}{rest}"))
        });
        self.param = own.unwrap_or(self.param);
        self
    }
}

/// Most blocks between a tool's result and its call.
const MAX_LOOK_BACK: usize = 1024;

/// A whole request.
#[derive(Debug, Default)]
pub(super) struct Prompt<'a> {
    /// How many bytes it came in: about as many it goes out in.
    pub(super) bytes: usize,
    /// System texts ahead of the conversation, in order; a later one is a message of its own.
    pub(super) system: Vec<Text<'a>>,
    pub(super) messages: Vec<Message<'a>>,
    pub(super) tools: Vec<ToolSpec<'a>>,
    pub(super) tool_choice: Option<ToolChoice<'a>>,
    /// Whether several tools may be called at once; `None`: as the provider likes.
    pub(super) parallel_tools: Option<bool>,
    pub(super) format: Format<'a>,
    pub(super) max_output_tokens: Option<u32>,
    pub(super) stop: Vec<Text<'a>>,
    pub(super) temperature: Option<Number<'a>>,
    pub(super) top_p: Option<Number<'a>>,
    pub(super) top_k: Option<Number<'a>>,
    pub(super) presence_penalty: Option<Number<'a>>,
    pub(super) frequency_penalty: Option<Number<'a>>,
    pub(super) seed: Option<Number<'a>>,
    pub(super) effort: Option<Effort>,
    /// How much is said, where it is not the usual: a word of OpenAI's.
    pub(super) verbosity: Option<Text<'a>>,
    /// Whether the answer is streamed.
    pub(super) stream: bool,
    /// Whether an OpenAI stream shall end with its usage; the other dialects always say it.
    pub(super) usage_in_stream: bool,
    /// Who the end user is, for the provider's abuse monitoring.
    pub(super) user: Option<Text<'a>>,
    /// Fields that say nothing about the answer and have no counterpart: told to whoever asks, not to the provider.
    pub(super) dropped: Vec<&'static str>,
}

impl<'a> Prompt<'a> {
    /// What no dialect takes, whatever it is written in.
    pub(super) fn check(&self) -> Result<(), Obstacle> {
        match self.messages.last() {
            None => Err(Obstacle::new("messages", "there is no message to answer")),
            // One dialect continues it, another answers it, newer models refuse it.
            Some(Message { speaker: Speaker::Assistant, .. }) => Err(Obstacle::new(
                "messages",
                "the last message is the assistant's: a begun answer means something else in every dialect",
            )),
            Some(_) => Ok(()),
        }
    }

    /// System texts stand ahead of the conversation; one behind its beginning stays where it is.
    pub(super) fn add_system(&mut self, param: &str, blocks: Vec<Block<'a>>) -> Result<(), Obstacle> {
        let text = |block| match block {
            Block::Text(text) => Ok(text),
            _ => Err(Obstacle::new(param, "a system message of anything but text cannot be translated")),
        };
        let texts = blocks.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        if self.messages.is_empty() {
            self.system.extend(texts);
        } else {
            let blocks = texts.into_iter().map(Block::Text).collect();
            self.messages.push(Message { speaker: Speaker::System, blocks });
        }
        Ok(())
    }

    /// The results of one turn of calls are gathered in one message.
    pub(super) fn add_result(&mut self, result: CallResult<'a>) {
        let result = Block::Result(result);
        match self.messages.last_mut() {
            Some(Message { speaker: Speaker::User, blocks })
                if matches!(blocks.last(), Some(Block::Result(_))) =>
            {
                blocks.push(result);
            }
            _ => self.messages.push(Message { speaker: Speaker::User, blocks: vec![result] }),
        }
    }

    /// The name of the tool that was called with this id. A result follows its call closely, so the search goes backwards,
    /// and not far: the effort for a hostile body stays linear.
    pub(super) fn tool_called(&self, id: &Text<'_>) -> Option<Text<'a>> {
        let blocks = self.messages.iter().rev().flat_map(|message| message.blocks.iter().rev());
        blocks.take(MAX_LOOK_BACK).find_map(|block| match block {
            Block::Call(call) if call.id == *id => Some(call.name.clone()),
            _ => None,
        })
    }
}

/// A number as written, and its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number<'a> {
    pub(super) raw: &'a str,
    pub(super) value: f64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) speaker: Speaker,
    pub(super) blocks: Vec<Block<'a>>,
}

/// Who speaks. Tool results are blocks of the user's messages; OpenAI's `tool` messages in a row become one of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    /// A system text in mid-conversation.
    System,
    User,
    Assistant,
}

/// One piece of a message or of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block<'a> {
    Text(Text<'a>),
    /// The model declines; OpenAI has a field for it.
    Refusal(Text<'a>),
    /// Reasoning that is shown and not signed. In answers only: a request with signed reasoning never crosses.
    Thinking(Text<'a>),
    Image(Media<'a>),
    /// A document with its file name.
    Document(Media<'a>, Option<Text<'a>>),
    Call(Call<'a>),
    Result(CallResult<'a>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call<'a> {
    pub(super) id: Text<'a>,
    pub(super) name: Text<'a>,
    /// A JSON object.
    pub(super) arguments: Json<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallResult<'a> {
    pub(super) id: Text<'a>,
    /// The tool's name: Gemini matches by it, and the call with this id told it.
    pub(super) name: Option<Text<'a>>,
    /// Texts and images only.
    pub(super) content: Vec<Block<'a>>,
    pub(super) is_error: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Media<'a> {
    /// Standard base64, padded.
    Inline {
        media_type: Text<'a>,
        base64: Text<'a>,
    },
    Url(Text<'a>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ToolSpec<'a> {
    pub(super) name: Text<'a>,
    pub(super) description: Option<Text<'a>>,
    /// JSON schema of its arguments; `None`: it takes none.
    pub(super) schema: Option<Json<'a>>,
    pub(super) strict: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToolChoice<'a> {
    Auto,
    None,
    /// Some tool must be called.
    Any,
    /// This one.
    Named(Text<'a>),
}

/// The form the answer must have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Format<'a> {
    #[default]
    Text,
    /// Any JSON object.
    Object,
    /// JSON by a schema.
    Schema { name: Option<Text<'a>>, schema: Json<'a>, strict: Option<bool> },
}

/// How hard the model shall think, weakest first. The words of OpenAI and Anthropic, which agree but for the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    const WORDS: [(Self, &'static str); 7] = [
        (Self::None, "none"),
        (Self::Minimal, "minimal"),
        (Self::Low, "low"),
        (Self::Medium, "medium"),
        (Self::High, "high"),
        (Self::XHigh, "xhigh"),
        (Self::Max, "max"),
    ];

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(_, known)| *known == word).map(|(effort, _)| effort)
    }

    pub(super) fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].1
    }
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    /// The provider's id of it.
    pub(super) id: Text<'a>,
    /// The model that answered, in the provider's words.
    pub(super) model: Text<'a>,
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) ending: Ending<'a>,
    pub(super) usage: Option<Usage>,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending<'a> {
    Stop,
    /// One of the caller's stop texts; which, where the dialect tells.
    StopText(Option<Text<'a>>),
    Length,
    /// It calls tools.
    Calls,
    /// A filter or a refusal.
    Filtered,
}

impl Ending<'_> {
    pub(super) fn into_owned(self) -> Ending<'static> {
        match self {
            Self::Stop => Ending::Stop,
            Self::StopText(text) => Ending::StopText(text.map(Text::into_owned)),
            Self::Length => Ending::Length,
            Self::Calls => Ending::Calls,
            Self::Filtered => Ending::Filtered,
        }
    }

    /// OpenAI ends a refusal as any other answer; the others have a word for it.
    pub(super) fn declined(self, declined: bool) -> Self {
        if declined && matches!(self, Self::Stop) { Self::Filtered } else { self }
    }

    /// Some providers end an answer with calls as any other.
    pub(super) fn with_calls(self, calls: bool) -> Self {
        if calls && matches!(self, Self::Stop) { Self::Calls } else { self }
    }
}

/// One step of a streamed answer. Calls are numbered from 0 in the order they begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// First, once. Opening usage where the dialect tells it (Anthropic does).
    Begin {
        id: Text<'a>,
        model: Text<'a>,
        usage: Option<Usage>,
    },
    Text(Text<'a>),
    Refusal(Text<'a>),
    Thinking(Text<'a>),
    CallBegins {
        call: u32,
        id: Text<'a>,
        name: Text<'a>,
    },
    /// A fragment of the JSON text of the arguments, as it stands inside a JSON string.
    CallArguments {
        call: u32,
        fragment: Text<'a>,
    },
    Ending(Ending<'a>),
    /// The closing count; before or behind `Ending`.
    Usage(Usage),
    /// The provider's end mark. Last, once; nothing behind it counts.
    End,
}
