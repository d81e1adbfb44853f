//! A world as it is described in a file.

use serde::Deserialize;

/// What is proved in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Null,
    Stationary,
    PriceShock,
    Latency,
    /// Plans of several models whose errors come together.
    Correlated,
    /// Plans of several models of which little is known in some classes.
    Thin,
    /// Drafts that are verified.
    Drafts,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldFile {
    pub kind: Kind,
    pub requests: u32,
    pub per_second: f64,
    pub labels: Labels,
    pub classes: Vec<Class>,
    /// The last one is the baseline.
    pub models: Vec<Model>,
    #[serde(default)]
    pub shock: Option<Shock>,
    #[serde(default)]
    pub plans: Option<Plans>,
    #[serde(default)]
    pub verifier: Option<Verifier>,
    #[serde(default)]
    pub deadlines: Deadlines,
    #[serde(default)]
    pub load: Load,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Labelled prompts a class, answered by every model.
    pub pairs: u32,
    /// Share of prompts on which models succeed or fail together.
    pub together: f64,
    pub max_quality_loss: f64,
}

/// What competes, as an operator writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plans {
    pub kinds: Vec<String>,
    /// `cheapest` or `best`.
    pub objective: String,
    /// Lines of `[policies.compound]`.
    pub compound: String,
}

/// How the baseline judges a draft of the first model.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verifier {
    /// Share of wrong drafts that it corrects.
    pub sensitivity: f64,
    /// Share of right drafts that it lets stand.
    pub specificity: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    pub task: String,
    pub share: f64,
    /// Length the prompts ask for.
    pub words: u32,
    /// Labelled prompts of its own number, and as many of them on which models err together: those of all classes else.
    #[serde(default)]
    pub pairs: Option<u32>,
    #[serde(default)]
    pub together: Option<f64>,
    /// True quality by model.
    pub quality: Vec<f64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub id: String,
    /// USD per million tokens in, and out.
    pub usd: (f64, f64),
    /// What the operator believes.
    pub believed_quality: f64,
    /// Its errors have nothing to do with those of others.
    #[serde(default)]
    pub apart: bool,
    /// What the operator wrote down of its speed.
    #[serde(default)]
    pub configured: Configured,
    #[serde(default)]
    pub speed: Speed,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    pub ttft_ms: u32,
    pub per_token_us: u32,
}

impl Default for Configured {
    fn default() -> Self {
        Self { ttft_ms: 600, per_token_us: 14_000 }
    }
}

/// True medians at usual load.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speed {
    pub ttft_ms: f64,
    pub per_token_us: f64,
    /// Tokens it writes for each that is asked for.
    pub verbosity: f64,
    /// Share of first tokens that hang.
    pub tail: f64,
}

impl Default for Speed {
    fn default() -> Self {
        Self { ttft_ms: 500.0, per_token_us: 12_000.0, verbosity: 1.0, tail: 0.0 }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shock {
    /// After this share of the requests.
    pub at: f64,
    pub model: String,
    pub factor: f64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadlines {
    /// Share of requests that have one.
    pub share: f64,
    pub typical_ms: f64,
    /// Deviation of the logarithm.
    pub spread: f64,
    /// Share of requests that want a stream.
    pub stream_share: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    pub correlation_s: f64,
    pub deviation: f64,
    /// Share of the load's variance that all deployments have together.
    pub common: f64,
    pub daily: f64,
    pub daily_s: f64,
}

impl Default for Load {
    fn default() -> Self {
        Self { correlation_s: 60.0, deviation: 0.0, common: 0.0, daily: 0.0, daily_s: 3600.0 }
    }
}

impl WorldFile {
    /// The same with so many labelled prompts of every class.
    pub fn with_pairs(&self, pairs: u32) -> Self {
        let mut file = self.clone();
        file.labels.pairs = pairs;
        file.classes.iter_mut().for_each(|class| class.pairs = None);
        file
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let fits = file.classes.iter().all(|class| class.quality.len() == file.models.len());
        if !fits || file.models.len() < 2 || file.classes.is_empty() {
            return Err(
                "a world needs two models, a class, and in each class a quality for each model".to_owned()
            );
        }
        Ok(file)
    }
}
