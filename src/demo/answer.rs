//! What a simulated provider says: bodies and stream events of both dialects, the same for the same request. No I/O.
//!
//! Answers are as long as the recorded ones; their text is filler, because the recorded texts are not in the sample.

use bytes::Bytes;
use serde_json::{Value, json};

/// One simulated answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The model's name at the provider.
    pub model: String,
    /// Distinguishes answers; derived from the request.
    pub id: u64,
    /// Tokens of the question.
    pub input_tokens: u64,
    /// Tokens of the answer, the caller's cap applied.
    pub output_tokens: u64,
    /// Whether the caller's cap cut it.
    pub cut: bool,
}

/// Pieces a streamed answer comes in.
pub const PIECES: u64 = 12;
/// A fixed instant (2024-11-01), because answers are deterministic.
const CREATED: u64 = 1_730_419_200;

impl Answer {
    /// Filler of about four bytes a token.
    pub fn text(&self) -> String {
        (0..PIECES).map(|at| self.piece(at)).collect()
    }

    /// One piece of the text; the pieces together are the whole.
    pub fn piece(&self, at: u64) -> String {
        const WORDS: [&str; 8] = ["sim ", "ula ", "ted ", "ans ", "wer ", "of ", "this ", "len "];
        let (from, to) = (self.tokens_before(at), self.tokens_before(at + 1));
        (from..to).map(|token| WORDS[((token ^ self.id) % 8) as usize]).collect()
    }

    /// Tokens that stand before a piece.
    pub fn tokens_before(&self, at: u64) -> u64 {
        self.output_tokens * at / PIECES
    }

    /// OpenAI's whole answer.
    pub fn openai(&self) -> Value {
        json!({
            "id": self.openai_id(), "object": "chat.completion", "created": CREATED, "model": self.model,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": self.text(), "refusal": null },
                "logprobs": null,
                "finish_reason": self.finish(),
            }],
            "usage": self.openai_usage(),
        })
    }

    /// OpenAI's stream before the first piece.
    pub fn openai_opening(&self, with_usage: bool) -> Bytes {
        let delta = json!({ "role": "assistant", "content": "", "refusal": null });
        self.openai_chunk(delta, Value::Null, with_usage)
    }

    /// One piece of OpenAI's stream.
    pub fn openai_piece(&self, at: u64, with_usage: bool) -> Bytes {
        self.openai_chunk(json!({ "content": self.piece(at) }), Value::Null, with_usage)
    }

    /// The end of OpenAI's stream: the finish chunk, the usage when it was asked for, the end mark.
    pub fn openai_closing(&self, with_usage: bool) -> Bytes {
        let mut text = self.openai_chunk(json!({}), json!(self.finish()), with_usage).to_vec();
        if with_usage {
            let mut chunk = self.openai_envelope();
            chunk["choices"] = json!([]);
            chunk["usage"] = self.openai_usage();
            text.extend_from_slice(&data(&chunk));
        }
        text.extend_from_slice(b"data: [DONE]\n\n");
        text.into()
    }

    /// Anthropic's whole answer.
    pub fn anthropic(&self) -> Value {
        json!({
            "id": self.anthropic_id(), "type": "message", "role": "assistant", "model": self.model,
            "content": [{ "type": "text", "text": self.text() }],
            "stop_reason": self.stop_reason(), "stop_sequence": null,
            "usage": self.anthropic_usage(self.output_tokens),
        })
    }

    /// Anthropic's stream before the first piece.
    pub fn anthropic_opening(&self) -> Bytes {
        let message = json!({
            "id": self.anthropic_id(), "type": "message", "role": "assistant", "model": self.model,
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": self.anthropic_usage(1),
        });
        let block = json!({ "type": "text", "text": "" });
        let mut text = event("message_start", json!({ "message": message })).to_vec();
        text.extend(event("content_block_start", json!({ "index": 0, "content_block": block })));
        text.extend(event("ping", json!({})));
        text.into()
    }

    /// One piece of Anthropic's stream.
    pub fn anthropic_piece(&self, at: u64) -> Bytes {
        let delta = json!({ "type": "text_delta", "text": self.piece(at) });
        event("content_block_delta", json!({ "index": 0, "delta": delta }))
    }

    /// The end of Anthropic's stream; its usage is cumulative.
    pub fn anthropic_closing(&self) -> Bytes {
        let delta = json!({ "stop_reason": self.stop_reason(), "stop_sequence": null });
        let usage = json!({ "output_tokens": self.output_tokens });
        let mut text = event("content_block_stop", json!({ "index": 0 })).to_vec();
        text.extend(event("message_delta", json!({ "delta": delta, "usage": usage })));
        text.extend(event("message_stop", json!({})));
        text.into()
    }

    fn openai_id(&self) -> String {
        format!("chatcmpl-sim{:016x}", self.id)
    }

    fn anthropic_id(&self) -> String {
        format!("msg_sim{:016x}", self.id)
    }

    fn finish(&self) -> &'static str {
        if self.cut { "length" } else { "stop" }
    }

    fn stop_reason(&self) -> &'static str {
        if self.cut { "max_tokens" } else { "end_turn" }
    }

    fn openai_usage(&self) -> Value {
        json!({
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
            "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 0, "audio_tokens": 0 },
        })
    }

    fn anthropic_usage(&self, output_tokens: u64) -> Value {
        json!({
            "input_tokens": self.input_tokens, "output_tokens": output_tokens,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        })
    }

    fn openai_envelope(&self) -> Value {
        json!({
            "id": self.openai_id(), "object": "chat.completion.chunk", "created": CREATED, "model": self.model,
        })
    }

    fn openai_chunk(&self, delta: Value, finish: Value, with_usage: bool) -> Bytes {
        let mut chunk = self.openai_envelope();
        chunk["choices"] = json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
        if with_usage {
            chunk["usage"] = Value::Null;
        }
        data(&chunk)
    }
}

/// OpenAI's error body.
pub fn openai_error(kind: &str, code: &str, message: &str) -> Value {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}

/// Anthropic's error body.
pub fn anthropic_error(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message } })
}

fn data(chunk: &Value) -> Bytes {
    format!("data: {chunk}\n\n").into()
}

fn event(name: &str, mut body: Value) -> Bytes {
    body["type"] = json!(name);
    format!("event: {name}\ndata: {body}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_the_whole_and_as_long_as_said() {
        for output_tokens in [0, 1, 11, 12, 13, 4000] {
            let answer = Answer { model: "m".into(), id: 9, input_tokens: 3, output_tokens, cut: false };
            let text = answer.text();
            assert_eq!(text.split_whitespace().count() as u64, output_tokens);
            assert_eq!(answer.openai()["choices"][0]["message"]["content"], json!(text));
            assert_eq!(answer.anthropic()["content"][0]["text"], json!(text));
        }
    }

    #[test]
    fn streams_keep_the_order_of_the_dialects() {
        let answer = Answer { model: "m".into(), id: 9, input_tokens: 3, output_tokens: 24, cut: false };
        let pieces = |piece: &dyn Fn(u64) -> Bytes| (0..PIECES).flat_map(piece).collect::<Vec<u8>>();
        let text = |parts: [Vec<u8>; 3]| String::from_utf8(parts.concat()).unwrap();
        let anthropic = text([
            answer.anthropic_opening().to_vec(),
            pieces(&|at| answer.anthropic_piece(at)),
            answer.anthropic_closing().to_vec(),
        ]);
        let mut events: Vec<_> = anthropic.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        events.dedup();
        let order =
            ["message_start", "content_block_start", "ping", "content_block_delta", "content_block_stop"];
        assert_eq!(events, [&order[..], &["message_delta", "message_stop"]].concat());
        for with_usage in [false, true] {
            let openai = text([
                answer.openai_opening(with_usage).to_vec(),
                pieces(&|at| answer.openai_piece(at, with_usage)),
                answer.openai_closing(with_usage).to_vec(),
            ]);
            let chunks: Vec<_> = openai.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            assert_eq!(chunks.len() as u64, PIECES + 3 + u64::from(with_usage));
            assert!(chunks[0].contains("\"role\":\"assistant\""));
            assert!(chunks[PIECES as usize + 1].contains("\"finish_reason\":\"stop\""));
            assert_eq!(openai.contains("\"choices\":[],"), with_usage);
            assert_eq!(chunks.last(), Some(&"[DONE]"));
        }
    }
}
