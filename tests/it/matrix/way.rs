//! The ways in which a client asks: the API it speaks, whole or streamed.

use crate::support::Request;
use crate::support::client::{
    chat_body, chat_stream_body, gemini_body, messages_body, messages_stream_body, responses_body,
    responses_stream_body,
};

/// What a client speaks. The provider of a row speaks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// OpenAI chat.
    Chat,
    /// Anthropic messages.
    Messages,
    /// OpenAI responses.
    Responses,
    /// Gemini.
    Gemini,
}

impl Api {
    pub const ALL: [Self; 4] = [Self::Chat, Self::Messages, Self::Responses, Self::Gemini];

    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Messages => "messages",
            Self::Responses => "responses",
            Self::Gemini => "gemini",
        }
    }
}

/// One of the eight ways in which a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// What it speaks.
    pub api: Api,
    /// Streamed; else whole.
    pub stream: bool,
}

impl Way {
    pub const ALL: [Self; 8] = {
        let [chat, messages, responses, gemini] = Api::ALL;
        [
            Self { api: chat, stream: false },
            Self { api: chat, stream: true },
            Self { api: messages, stream: false },
            Self { api: messages, stream: true },
            Self { api: responses, stream: false },
            Self { api: responses, stream: true },
            Self { api: gemini, stream: false },
            Self { api: gemini, stream: true },
        ]
    };

    pub fn name(self) -> String {
        [self.api.name(), if self.stream { " stream" } else { "" }].concat()
    }

    /// The model's name in this dialect: `s` is the small one, `l` the large one.
    pub fn model(self, letter: char) -> &'static str {
        match (letter, self.api) {
            ('s', Api::Chat | Api::Responses) => "small",
            ('s', Api::Messages) => "claude-small",
            ('s', Api::Gemini) => "gemini-small",
            (_, Api::Chat | Api::Responses) => "large",
            (_, Api::Messages) => "claude-large",
            (_, Api::Gemini) => "gemini-large",
        }
    }

    /// Where a client asks for `auto`.
    pub fn target(self) -> &'static str {
        match (self.api, self.stream) {
            (Api::Chat, _) => "/v1/chat/completions",
            (Api::Messages, _) => "/v1/messages",
            (Api::Responses, _) => "/v1/responses",
            (Api::Gemini, false) => "/v1beta/models/auto:generateContent",
            (Api::Gemini, true) => "/v1beta/models/auto:streamGenerateContent?alt=sse",
        }
    }

    /// What a client asks of `auto`: instructions, one turn, at most 64 tokens.
    pub fn body(self) -> String {
        match (self.api, self.stream) {
            (Api::Chat, false) => chat_body("auto"),
            (Api::Chat, true) => chat_stream_body("auto"),
            (Api::Messages, false) => messages_body("auto"),
            (Api::Messages, true) => messages_stream_body("auto"),
            (Api::Responses, false) => responses_body("auto"),
            (Api::Responses, true) => responses_stream_body("auto"),
            (Api::Gemini, _) => gemini_body(),
        }
    }

    /// The request with this body.
    pub fn asking(self, body: String) -> Request {
        match self.api {
            Api::Chat => Request::chat(body),
            Api::Messages => Request::messages(body),
            Api::Responses => Request::responses(body),
            Api::Gemini => Request::gemini(self.target(), body),
        }
    }

    /// The request for `auto`.
    pub fn ask(self) -> Request {
        self.asking(self.body())
    }

    /// What a finished stream ends with, in one word of it each.
    pub fn finish_words(self) -> &'static [&'static str] {
        match self.api {
            Api::Chat => &["\"finish_reason\":\"stop\"", "[DONE]"],
            Api::Messages => &["message_stop"],
            Api::Responses => &["response.completed"],
            Api::Gemini => &["\"finishReason\":\"STOP\""],
        }
    }
}
