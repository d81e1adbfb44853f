//! The sample: real prompts with recorded outcomes of three models, embedded in the binary. Loads and indexes it;
//! judges nothing. Where the rows come from and under which licences stands in `benches/data/README.md`.

use std::fmt;
use std::io::Read;

use serde::Deserialize;

use crate::catalog::Tier;

/// Number of models with an outcome in every row.
pub const MODELS: usize = 3;
/// Position of the model that quality is measured against.
pub const BASELINE: usize = 2;

const PACKED: &[u8] = include_bytes!("../../benches/data/demo.jsonl.gz");

/// What the demo makes up about a model: its name in the configuration, its shelf, and how fast it pretends to be.
#[derive(Clone, Copy, Debug)]
pub struct Shelf {
    /// Name in the demo's configuration.
    pub id: &'static str,
    /// Tier in the demo's configuration.
    pub tier: Tier,
    /// Simulated time to first token, milliseconds.
    pub ttft_ms: u32,
    /// Simulated time per output token, microseconds.
    pub per_token_us: u32,
}

/// The three models in the order of every row's outcomes, cheapest first.
pub const SHELVES: [Shelf; MODELS] = [
    Shelf { id: "gpt-4o-mini", tier: Tier::Edge, ttft_ms: 60, per_token_us: 300 },
    Shelf { id: "gpt-4o", tier: Tier::Specialist, ttft_ms: 100, per_token_us: 500 },
    Shelf { id: "claude-3-5-sonnet", tier: Tier::Frontier, ttft_ms: 140, per_token_us: 800 },
];

/// A model's dated name at its provider and its list price.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PricedModel {
    /// Name at the provider.
    pub name: String,
    /// US dollars per million input tokens.
    pub input: f64,
    /// US dollars per million output tokens.
    pub output: f64,
}

impl PricedModel {
    /// What an answer costs, in US dollars.
    pub fn cost_usd(&self, input_tokens: u64, output_tokens: u64) -> f64 {
        (self.input * input_tokens as f64 + self.output * output_tokens as f64) / 1e6
    }
}

/// One prompt and what each model made of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Name in the source.
    pub id: String,
    /// Whether it may become evidence or is reported on.
    pub split: Split,
    /// The source's own word for its kind.
    pub domain: String,
    /// The prompt.
    pub prompt: String,
    /// Recorded outcomes, in the order of [`SHELVES`].
    pub outcomes: [Recorded; MODELS],
}

/// Which part of the sample a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Evidence is made from these.
    Train,
    /// These are served and reported on.
    Test,
}

/// The recorded outcome of one model on one prompt.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(from = "(f64, u64, u64)")]
pub struct Recorded {
    /// 1 when the answer was right, else 0.
    pub score: f64,
    /// Tokens of the question.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

impl From<(f64, u64, u64)> for Recorded {
    fn from((score, input_tokens, output_tokens): (f64, u64, u64)) -> Self {
        Self { score, input_tokens, output_tokens }
    }
}

/// All rows, in an order that mixes the sources.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Names and prices, in the order of [`SHELVES`].
    pub models: [PricedModel; MODELS],
    /// Rows that evidence is made from.
    pub train: Vec<Row>,
    /// Rows that are served and reported on.
    pub test: Vec<Row>,
}

impl Sample {
    /// Unpacks the embedded rows.
    pub fn load() -> Result<Self, SampleError> {
        let mut text = String::new();
        flate2::read::GzDecoder::new(PACKED).read_to_string(&mut text)?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, SampleError> {
        let mut lines = text.lines();
        let head: Head = serde_json::from_str(lines.next().unwrap_or_default())?;
        let rows = lines.map(serde_json::from_str).collect::<Result<Vec<Row>, _>>()?;
        let (train, test) = rows.into_iter().partition(|row| row.split == Split::Train);
        Ok(Self { models: head.models, train, test })
    }

    /// What the recorded answer of a model to a row cost, in US dollars.
    pub fn cost_usd(&self, row: &Row, model: usize) -> f64 {
        let recorded = row.outcomes[model];
        self.models[model].cost_usd(recorded.input_tokens, recorded.output_tokens)
    }

    /// The model a provider knows by this name, or the demo's configuration by its id.
    pub fn model_named(&self, name: &str) -> Option<usize> {
        let by_id = || SHELVES.iter().position(|shelf| shelf.id == name);
        self.models.iter().position(|model| model.name == name).or_else(by_id)
    }
}

#[derive(Deserialize)]
struct Head {
    models: [PricedModel; MODELS],
}

/// The embedded rows are damaged: a fault of the build.
#[derive(Debug)]
pub struct SampleError(String);

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the embedded sample rows cannot be read: {}", self.0)
    }
}

impl std::error::Error for SampleError {}

impl From<std::io::Error> for SampleError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for SampleError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_whole_and_its_prices_are_the_published_ones() {
        let sample = Sample::load().unwrap();
        assert_eq!((sample.train.len(), sample.test.len()), (1342, 326));
        let prices: Vec<_> =
            sample.models.iter().map(|model| (model.name.as_str(), model.input, model.output)).collect();
        let published = [
            ("gpt-4o-mini-2024-07-18", 0.15, 0.60),
            ("gpt-4o-2024-08-06", 2.50, 10.00),
            ("claude-3-5-sonnet-20241022", 3.00, 15.00),
        ];
        assert_eq!(prices, published);
        for row in sample.train.iter().chain(&sample.test) {
            assert!(row.id.starts_with("gsm/") || row.id.starts_with("crux/"), "{}", row.id);
            assert!(row.outcomes.iter().all(|outcome| outcome.score == 0.0 || outcome.score == 1.0));
        }
    }

    #[test]
    fn a_damaged_sample_is_an_error() {
        assert!(Sample::parse("").is_err());
        assert!(Sample::parse("{\"models\":[]}").is_err());
    }
}
