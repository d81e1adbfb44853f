//! Closed vocabularies about a request: its dialect, its task, what it needs, and what binds it.

use serde::{Deserialize, Serialize};

/// The wire dialect family a client or a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// OpenAI's API and everything compatible with it.
    OpenAi,
    /// Anthropic's Messages API.
    Anthropic,
    /// Google's Gemini API.
    Gemini,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Anthropic, Self::Gemini];

    /// The word used in configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }
}

/// What a path asks for. What asks for an answer in words is read and routed, embeddings are read and go to the model they name,
/// the rest passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST …/chat/completions`
    ChatCompletions,
    /// `POST …/v1/messages`
    Messages,
    /// `POST …/responses`
    Responses,
    /// `POST …/embeddings`
    Embeddings,
    /// `POST …/models/M:generateContent` and `:streamGenerateContent`
    GenerateContent,
    /// `POST …/models/M:embedContent` and `:batchEmbedContents`
    EmbedContent,
    /// `POST …/v1/messages/count_tokens`
    CountTokens,
    /// Everything else.
    Other,
}

impl Operation {
    /// Whether vectors are asked for. Those of different models do not mix, so such a request is never routed.
    pub fn embeds(self) -> bool {
        matches!(self, Self::Embeddings | Self::EmbedContent)
    }

    /// Whether the model is named in the path and not in the body.
    pub fn names_in_path(self) -> bool {
        matches!(self, Self::GenerateContent | Self::EmbedContent)
    }
}

/// What kind of work a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskClass {
    /// Writing, explaining or running programs.
    Code,
    /// Calculation and proof.
    Math,
    /// Structured output from given text.
    Extraction,
    /// One label out of a few.
    Classification,
    /// Shortening given text.
    Summarisation,
    /// From one language into another.
    Translation,
    /// Facts.
    Knowledge,
    /// Several dependent steps without a field of their own.
    Reasoning,
    /// Stories, slogans, role play.
    Creative,
    /// Steps of an agent and tool use.
    Agent,
    /// None of these, or not enough to tell.
    Other,
}

impl TaskClass {
    /// Number of classes.
    pub const COUNT: usize = 11;

    /// Every class, in the order of its position.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Code,
        Self::Math,
        Self::Extraction,
        Self::Classification,
        Self::Summarisation,
        Self::Translation,
        Self::Knowledge,
        Self::Reasoning,
        Self::Creative,
        Self::Agent,
        Self::Other,
    ];

    /// The word used in configuration, headers, metrics and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Math => "math",
            Self::Extraction => "extraction",
            Self::Classification => "classification",
            Self::Summarisation => "summarisation",
            Self::Translation => "translation",
            Self::Knowledge => "knowledge",
            Self::Reasoning => "reasoning",
            Self::Creative => "creative",
            Self::Agent => "agent",
            Self::Other => "other",
        }
    }

    /// The class a word means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

/// Where in an agent's loop a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentStep {
    /// Not an agent's request.
    None,
    /// First turn with tools offered: the plan is made here.
    Plan,
    /// The request demands a call of a tool.
    ToolCall,
    /// The last turn carries tool results and the work goes on.
    ToolResult,
    /// Tools were used earlier and the last turn is plain text again.
    Synthesis,
    /// A short tool-less request beside a session: titles, summaries, safety checks.
    SideCall,
}

impl AgentStep {
    /// Every step of an agent.
    pub const ALL: [Self; 5] =
        [Self::Plan, Self::ToolCall, Self::ToolResult, Self::Synthesis, Self::SideCall];

    /// The word used in records and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Plan => "plan",
            Self::ToolCall => "tool_call",
            Self::ToolResult => "tool_result",
            Self::Synthesis => "synthesis",
            Self::SideCall => "side_call",
        }
    }
}

/// How a request was served, as `x-pointsman-path` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Served {
    /// Forwarded as named; no decision was made.
    Pinned,
    /// Forwarded as named; the decision that would have been made is on record.
    Observed,
    /// The router chose.
    Routed,
    /// The router chose, because this session belongs to the canary share.
    Canary,
    /// The baseline served, because this session belongs to the holdout share.
    Holdout,
    /// The router chose a cascade.
    Cascade,
    /// The router chose an ensemble.
    Ensemble,
    /// The router chose a debate.
    Debate,
    /// The router chose a draft and its verifier.
    Draft,
    /// A later link of the written chain served.
    Fallback,
    /// Forwarded unread.
    Unrouted,
}

impl Served {
    /// The word used in headers, metrics and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Observed => "observed",
            Self::Routed => "routed",
            Self::Canary => "canary",
            Self::Holdout => "holdout",
            Self::Cascade => "cascade",
            Self::Ensemble => "ensemble",
            Self::Debate => "debate",
            Self::Draft => "draft",
            Self::Fallback => "fallback",
            Self::Unrouted => "unrouted",
        }
    }
}

macro_rules! bit_set {
    ($(#[$doc:meta])* $set:ident: $width:ty { $($(#[$bit_doc:meta])* $bit:ident = $word:literal, $value:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $set(pub $width);

        impl $set {
            $($(#[$bit_doc])* pub const $bit: Self = Self($value);)*

            const WORDS: &[(&'static str, Self)] = &[$(($word, Self::$bit)),*];

            /// True when every member of `other` is in this set.
            pub fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// True when the set is empty.
            pub fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Both sets together.
            #[must_use]
            pub fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// What this set has and `other` has not.
            #[must_use]
            pub fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// The words of the members.
            pub fn words(self) -> impl Iterator<Item = &'static str> {
                Self::WORDS.iter().filter(move |(_, bit)| self.has(*bit)).map(|(word, _)| *word)
            }

            /// The member a word means.
            pub fn parse(word: &str) -> Option<Self> {
                Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, bit)| *bit)
            }
        }
    };
}

bit_set!(
    /// What a request needs and a model offers, in the words of `capabilities = [...]`.
    Capabilities: u32 {
        /// Function tools.
        TOOLS = "tools", 1;
        /// Output constrained by a JSON schema.
        JSON_SCHEMA = "json_schema", 1 << 1;
        /// Output that is any JSON object.
        JSON_OBJECT = "json_object", 1 << 2;
        /// Image input.
        VISION = "vision", 1 << 3;
        /// Audio input or output.
        AUDIO = "audio", 1 << 4;
        /// File or document input.
        DOCUMENTS = "documents", 1 << 5;
        /// Extended thinking or reasoning settings.
        THINKING = "thinking", 1 << 6;
        /// Token log probabilities.
        LOGPROBS = "logprobs", 1 << 7;
        /// More than one choice per request.
        MULTIPLE_CHOICES = "n", 1 << 8;
        /// Tools the provider runs itself.
        SERVER_TOOLS = "server_tools", 1 << 9;
        /// A trailing assistant turn that the answer continues.
        PREFILL = "prefill", 1 << 10;
        /// Sampling parameters (temperature, top_p, top_k), which reasoning models refuse.
        SAMPLING = "sampling", 1 << 11;
        /// OpenAI's Responses API: most compatible servers have chat completions only.
        RESPONSES = "responses", 1 << 12;
    }
);

impl Capabilities {
    /// Those that are an API of their own: a model without it may be asked through another.
    pub fn apis(self) -> Self {
        self.without(self.without(Self::RESPONSES))
    }
}

bit_set!(
    /// What binds a conversation to the model or account that served it (clients of the providers break when it moves).
    HardMarkers: u16 {
        /// Thinking blocks with a signature: bound to the generating model.
        SIGNED_THINKING = "signed_thinking", 1;
        /// A reference to an earlier response or item kept by the provider.
        STORED_REFERENCE = "stored_reference", 1 << 2;
        /// Files, containers or remote tool servers of one account, and reasoning that is sealed for it.
        ACCOUNT_OBJECT = "account_object", 1 << 3;
    }
);
