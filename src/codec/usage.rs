//! Token counts of every dialect into the disjoint buckets of `Usage`. Owns the conventions (what includes what) and
//! the clamping of absurd figures; never estimates.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::types::Usage;

/// More tokens than any call can have; a larger figure is a broken or hostile one and must not become a bill.
const MAX_TOKENS: u64 = 1_000_000_000;

/// A token count as providers may write it: clamped to `0..=MAX_TOKENS`, and 0 for anything that is not a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

fn clamp(count: u64) -> Count {
    Count(count.min(MAX_TOKENS))
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a token count")
    }

    fn visit_u64<E>(self, count: u64) -> Result<Count, E> {
        Ok(clamp(count))
    }

    fn visit_i64<E>(self, count: i64) -> Result<Count, E> {
        Ok(clamp(u64::try_from(count).unwrap_or(0)))
    }

    fn visit_f64<E>(self, count: f64) -> Result<Count, E> {
        // `as` saturates: negative and NaN become 0
        Ok(clamp(count as u64))
    }

    fn visit_str<E>(self, _: &str) -> Result<Count, E> {
        Ok(Count(0))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
        Ok(Count(0))
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Count, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Count(0))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Count, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Count(0))
    }
}

/// OpenAI's `usage`: of chat and embeddings (`prompt_tokens`) and of responses (`input_tokens`). Input includes cached
/// and audio tokens, output includes reasoning and audio tokens.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct OpenAiUsage {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Option<OpenAiInput>,
    completion_tokens_details: Option<OpenAiOutput>,
    input_tokens: Count,
    output_tokens: Count,
    input_tokens_details: Option<OpenAiInput>,
    output_tokens_details: Option<OpenAiOutput>,
    prompt_cache_hit_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct OpenAiInput {
    cached_tokens: Count,
    cache_write_tokens: Count,
    audio_tokens: Count,
    image_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct OpenAiOutput {
    reasoning_tokens: Count,
    audio_tokens: Count,
}

impl OpenAiUsage {
    pub(super) fn usage(&self) -> Usage {
        // Some compatible servers send both spellings, so they are fields of their own and not aliases.
        let details = self.prompt_tokens_details.or(self.input_tokens_details).unwrap_or_default();
        let answer = self.completion_tokens_details.or(self.output_tokens_details).unwrap_or_default();
        let mut prompt = Pool(self.prompt_tokens.0.max(self.input_tokens.0));
        let mut completion = Pool(self.completion_tokens.0.max(self.output_tokens.0));
        let reasoning = answer.reasoning_tokens.0;
        let apart = reasoning > 0 && self.total_tokens.0 >= prompt.0 + completion.0 + reasoning;
        Usage {
            cache_read: prompt.take(details.cached_tokens.0.max(self.prompt_cache_hit_tokens.0)),
            cache_write_5m: prompt.take(details.cache_write_tokens.0),
            audio_input: prompt.take(details.audio_tokens.0),
            image_input: prompt.take(details.image_tokens.0),
            input: prompt.0,
            // Some compatible providers add reasoning on top of the completion; their total gives it away.
            reasoning: if apart { reasoning } else { completion.take(reasoning) },
            audio_output: completion.take(answer.audio_tokens.0),
            output: completion.0,
            cache_write_1h: 0,
        }
    }
}

/// Tokens not yet given to a bucket, so that parts never exceed their total.
struct Pool(u64);

impl Pool {
    fn take(&mut self, wanted: u64) -> u64 {
        let taken = wanted.min(self.0);
        self.0 -= taken;
        taken
    }
}

/// Anthropic's `usage`: disjoint already. In streams the figures of `message_delta` are cumulative and replace those
/// of `message_start`.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct AnthropicUsage {
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    cache_creation_input_tokens: Option<Count>,
    cache_creation: Option<AnthropicCacheCreation>,
    output_tokens_details: Option<AnthropicOutput>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct AnthropicCacheCreation {
    ephemeral_5m_input_tokens: Count,
    ephemeral_1h_input_tokens: Count,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct AnthropicOutput {
    thinking_tokens: Count,
}

impl AnthropicUsage {
    /// Figures of a later event stand over earlier ones.
    pub(super) fn overlay(&mut self, later: &Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens =
            later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
    }

    pub(super) fn usage(&self) -> Usage {
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let written = count(self.cache_creation_input_tokens);
        let split = self.cache_creation.unwrap_or_default();
        let hour = split.ephemeral_1h_input_tokens.0;
        let five = split.ephemeral_5m_input_tokens.0.max(written.saturating_sub(hour));
        let mut output = Pool(count(self.output_tokens));
        Usage {
            input: count(self.input_tokens),
            cache_read: count(self.cache_read_input_tokens),
            cache_write_5m: five,
            cache_write_1h: hour,
            reasoning: output.take(self.output_tokens_details.unwrap_or_default().thinking_tokens.0),
            output: output.0,
            ..Usage::default()
        }
    }
}

/// Gemini's `usageMetadata`: the prompt includes cached tokens, candidates exclude thoughts.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct GeminiUsage {
    prompt_token_count: Count,
    cached_content_token_count: Count,
    candidates_token_count: Count,
    thoughts_token_count: Count,
    tool_use_prompt_token_count: Count,
    prompt_tokens_details: Vec<GeminiModality>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GeminiModality {
    modality: String,
    token_count: Count,
}

impl GeminiUsage {
    pub(super) fn usage(&self) -> Usage {
        let of = |word: &str| {
            let found = self.prompt_tokens_details.iter().find(|detail| detail.modality == word);
            found.map_or(0, |detail| detail.token_count.0)
        };
        let mut prompt = Pool(self.prompt_token_count.0);
        Usage {
            cache_read: prompt.take(self.cached_content_token_count.0),
            audio_input: prompt.take(of("AUDIO")),
            image_input: prompt.take(of("IMAGE")),
            input: prompt.0.saturating_add(self.tool_use_prompt_token_count.0),
            output: self.candidates_token_count.0,
            reasoning: self.thoughts_token_count.0,
            ..Usage::default()
        }
    }
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
