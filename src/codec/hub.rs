//! The hub: what every dialect is read into. A dialect is added by reading into these types and writing from them,
//! never by a translation between two dialects.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::types::{Capabilities, Dialect, HardMarkers, Operation};

/// Facts of one request: small, owned, without any of its text. Spans are byte ranges into the original body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRequest {
    /// The dialect it was written in.
    pub dialect: Dialect,
    /// The operation of its path.
    pub operation: Operation,
    /// The model it names, unescaped.
    pub model: String,
    /// Where the value of the top-level `model` stands, quotes included.
    pub model_span: Range<usize>,
    /// Whether it asks for a stream.
    pub stream: bool,
    /// What it says about usage in streams (OpenAI's `stream_options`).
    pub stream_options: StreamOptions,
    /// Just behind the opening brace of the body: where a new top-level member can be inserted.
    pub first_member: usize,
    /// The output cap it sets.
    pub max_output_tokens: Option<u32>,
    /// How many answers it asks for (`n`): each may use the whole output cap.
    pub choices: u32,
    /// What the target must be able to do.
    pub needs: Capabilities,
    /// What binds the conversation to the model or account that served it.
    pub hard_markers: HardMarkers,
    /// Whether it marks or names a prompt cache (a change of model loses it).
    pub cache_markers: bool,
    /// Whether its sampling is such that one model's answers to it are much alike.
    pub repeats: bool,
    /// A session identity found in the body (`prompt_cache_key`, `metadata.user_id`).
    pub session: Option<String>,
}

/// What a request says about usage in its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamOptions {
    /// Nothing: a usage chunk would surprise the client.
    Absent,
    /// `stream_options` is there but does not ask; the span is that of its value.
    Silent(Range<usize>),
    /// The client asks for usage itself.
    IncludeUsage,
}

/// The request as analysis sees it: borrowed, valid while the parse is, gone before anything is awaited.
#[derive(Debug)]
pub struct ChatView<'a> {
    /// The facts.
    pub request: ChatRequest,
    /// System and developer texts in order.
    pub system: Vec<&'a str>,
    /// Turns in order, system turns excluded.
    pub turns: Vec<Turn<'a>>,
    /// Tools offered.
    pub tools: Vec<Tool<'a>>,
    /// Bytes of all tool declarations, schemas included.
    pub tools_bytes: usize,
    /// Bytes of a response schema; 0 without one.
    pub schema_bytes: usize,
    /// Whether the answer must be a call of a tool.
    pub demands_call: bool,
}

/// One turn of the conversation.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part<'a>>,
}

/// Who speaks. Anthropic's tool results arrive in user turns; their parts tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The caller.
    User,
    /// The model.
    Assistant,
    /// A tool's answer (OpenAI's `tool` and `function`).
    Tool,
}

/// One piece of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text, unescaped.
    Text(&'a str),
    /// An image; the number is its size in bytes as written (base64 or URL).
    Image(usize),
    /// A document or file; size as written.
    Document(usize),
    /// Audio; size as written.
    Audio(usize),
    /// The model calls a tool; the number is the size of the arguments as written.
    ToolCall {
        /// The tool's name.
        name: &'a str,
        /// Size of the arguments as written.
        bytes: usize,
    },
    /// A tool answered; the text is its first text, empty when it is not text.
    ToolResult {
        /// First text of the result.
        text: &'a str,
        /// Whether it reports a failure.
        is_error: bool,
    },
    /// Reasoning the model showed; size as written.
    Thinking(usize),
    /// A part this version does not know; size as written.
    Unknown(usize),
}

/// One tool offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool<'a> {
    /// Its name; the type's name for a provider's own tools.
    pub name: &'a str,
    /// Whether the provider runs it.
    pub server_side: bool,
}
