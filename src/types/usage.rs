//! Tokens of one call in disjoint buckets: every token is counted in exactly one of them, whatever convention the
//! provider reports in (OpenAI's `prompt_tokens` includes cached ones, Anthropic's `input_tokens` does not).

use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

/// Token counts of one call; the buckets do not overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Text input that was neither read from nor written to a cache.
    pub input: u64,
    /// Input read from the provider's prompt cache.
    pub cache_read: u64,
    /// Input written to a cache that lives about five minutes.
    pub cache_write_5m: u64,
    /// Input written to a cache that lives an hour.
    pub cache_write_1h: u64,
    /// Visible output, reasoning excluded.
    pub output: u64,
    /// Hidden reasoning that is billed as output.
    pub reasoning: u64,
    /// Audio input.
    pub audio_input: u64,
    /// Audio output.
    pub audio_output: u64,
    /// Image input, where the provider counts it apart.
    pub image_input: u64,
}

impl Add for Usage {
    type Output = Self;

    /// Bucket by bucket; counts saturate as money does.
    fn add(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write_5m: self.cache_write_5m.saturating_add(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            audio_input: self.audio_input.saturating_add(other.audio_input),
            audio_output: self.audio_output.saturating_add(other.audio_output),
            image_input: self.image_input.saturating_add(other.image_input),
        }
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

impl Usage {
    /// All input buckets together: what had to fit into the context window.
    pub fn total_input(&self) -> u64 {
        [
            self.input,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
            self.audio_input,
            self.image_input,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// All output buckets together.
    pub fn total_output(&self) -> u64 {
        self.output.saturating_add(self.reasoning).saturating_add(self.audio_output)
    }
}

/// Where a count comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The provider's own figure.
    Provider,
    /// Ours, because the provider gave none or the answer broke off.
    Estimated,
}
