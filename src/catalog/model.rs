//! A model: what it can do, what it costs, what is believed of it, and where it is deployed.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::types::{
    Capabilities, Day, DeploymentId, DeploymentIx, ModelId, ModelIx, NanoUsd, PricePerMillion, ProviderIx,
    TaskClass, Usage,
};

/// The shelf a model stands on. Orders cold-start beliefs, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Small and cheap.
    Edge,
    /// Strong at some tasks.
    Specialist,
    /// The strongest.
    Frontier,
}

impl Tier {
    /// The word used in configuration and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Specialist => "specialist",
            Self::Frontier => "frontier",
        }
    }
}

/// One model of the catalogue.
#[derive(Clone, Debug)]
pub struct Model {
    /// Name in the configuration.
    pub id: ModelId,
    /// Who made it, in a word: a judge is of another family than those it judges.
    pub family: Arc<str>,
    /// Shelf.
    pub tier: Tier,
    /// Context window in tokens, input and output together.
    pub context_tokens: u32,
    /// Most output tokens per answer.
    pub max_output_tokens: u32,
    /// What it can do.
    pub capabilities: Capabilities,
    /// What it costs, by day; empty when unpriced.
    pub prices: PriceList,
    /// Prior beliefs about quality.
    pub quality: QualityPriors,
    /// The name it has in the data of a predictor, where that is neither its id nor an upstream name.
    pub learned_as: Option<Arc<str>>,
    /// Where it is served, in declared order; at least one.
    pub deployments: Vec<DeploymentIx>,
    /// Which of several places is tried first.
    pub balance: Balance,
}

/// Which of a model's places is tried first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// Of two that are ready, drawn at random, the one that answers sooner.
    #[default]
    Latency,
    /// As they are written.
    Declared,
}

impl Balance {
    /// The word used in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Declared => "declared",
        }
    }
}

/// One place where a model is served.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Name in records and metrics.
    pub id: DeploymentId,
    /// The model served here.
    pub model: ModelIx,
    /// The provider that serves it.
    pub provider: ProviderIx,
    /// What that provider calls the model.
    pub upstream_name: Arc<str>,
    /// `host:port` of self-hosted replicas; empty: the provider's own origin.
    pub endpoints: Vec<Arc<str>>,
    /// Most calls in flight at once; `None`: no limit of ours.
    pub max_in_flight: Option<u32>,
    /// Expected speed before any call was measured.
    pub latency: LatencyPrior,
}

/// Expected speed of a deployment before it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyPrior {
    /// Time to first token, milliseconds.
    pub ttft_ms: u32,
    /// Time per output token, microseconds.
    pub per_token_us: u32,
}

/// Prior beliefs about a model's quality in [0,1]; they rank candidates and never license one.
#[derive(Clone, Debug, Default)]
pub struct QualityPriors {
    /// Belief for classes without one of their own.
    pub default: Option<f64>,
    /// Beliefs by task class, at the class's position.
    pub by_task: [Option<f64>; TaskClass::COUNT],
}

impl QualityPriors {
    /// The belief for a class, or the tier's cold-start value.
    pub fn for_task(&self, task: TaskClass, tier: Tier) -> f64 {
        let cold_start = match tier {
            Tier::Edge => 0.60,
            Tier::Specialist => 0.70,
            Tier::Frontier => 0.80,
        };
        self.by_task[task as usize].or(self.default).unwrap_or(cold_start)
    }
}

/// Prices of one model from one day on, USD per million tokens in nano-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// First day on which this price holds.
    pub valid_from: Day,
    /// Uncached input.
    pub input: PricePerMillion,
    /// Visible output.
    pub output: PricePerMillion,
    /// Input read from cache; `None`: as `input`.
    pub cache_read: Option<PricePerMillion>,
    /// Input written to the five-minute cache; `None`: as `input`.
    pub cache_write_5m: Option<PricePerMillion>,
    /// Input written to the one-hour cache; `None`: as `cache_write_5m`.
    pub cache_write_1h: Option<PricePerMillion>,
    /// Reasoning output; `None`: as `output`.
    pub reasoning: Option<PricePerMillion>,
    /// Audio input; `None`: unpriced, so usage with audio has no cost.
    pub audio_input: Option<PricePerMillion>,
    /// Audio output; `None`: unpriced, so usage with audio has no cost.
    pub audio_output: Option<PricePerMillion>,
    /// Image input; `None`: as `input`.
    pub image_input: Option<PricePerMillion>,
}

impl Price {
    /// The day it holds from, where one was given: without one nobody can say how old it is.
    pub fn dated(&self) -> Option<Day> {
        (self.valid_from != Day::default()).then_some(self.valid_from)
    }

    /// What a call cost; `None` when it used a bucket that has no price.
    pub fn cost(&self, usage: &Usage) -> Option<NanoUsd> {
        let write_5m = self.cache_write_5m.unwrap_or(self.input);
        let audio = |price: Option<PricePerMillion>, tokens: u64| match (price, tokens) {
            (_, 0) => Some(NanoUsd::ZERO),
            (price, tokens) => price.map(|price| price.cost(tokens)),
        };
        Some(
            self.input.cost(usage.input)
                + self.cache_read.unwrap_or(self.input).cost(usage.cache_read)
                + write_5m.cost(usage.cache_write_5m)
                + self.cache_write_1h.unwrap_or(write_5m).cost(usage.cache_write_1h)
                + self.output.cost(usage.output)
                + self.reasoning.unwrap_or(self.output).cost(usage.reasoning)
                + self.image_input.unwrap_or(self.input).cost(usage.image_input)
                + audio(self.audio_input, usage.audio_input)?
                + audio(self.audio_output, usage.audio_output)?,
        )
    }
}

/// Effective-dated prices of one model, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList(Vec<Price>);

impl PriceList {
    /// Sorts the prices by the day they take effect.
    pub fn new(mut prices: Vec<Price>) -> Self {
        prices.sort_by_key(|price| price.valid_from);
        Self(prices)
    }

    /// The price in force on a day; `None`: the model is unpriced that day.
    pub fn on(&self, day: Day) -> Option<&Price> {
        self.0.iter().rev().find(|price| price.valid_from <= day)
    }

    /// The most recent price, whenever it takes effect.
    pub fn latest(&self) -> Option<&Price> {
        self.0.last()
    }
}
