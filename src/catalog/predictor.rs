//! What was learnt of models from labelled prompts: per target a mean for each task class, and weights that say how far
//! the words and the shape of one prompt lie from it. One versioned, checksummed file; a damaged one is refused.
//!
//! File: `PMPRED1\n`, the lengths of the card and of the held-out sheet (u32 each, little endian), the card as JSON, the
//! sheet as its maker packed it, a row of one byte a target for each gram and then for each leaf, and the BLAKE3 hash of all before. A byte `q` stands for the weight `sign(q) (q/127)^2` times the target's scale: weights
//! are many small and few large ones, and squares keep both apart with seven bits.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Forest, LEAVES, Tier};
use crate::types::TaskClass;

/// Numbers that words and pairs of a prompt are hashed to.
pub const GRAMS: usize = 1 << 16;
/// Version of that hashing; weights learned under another mean nothing.
pub const GRAM_VERSION: u16 = 1;
/// Number of values a prompt's shape has.
pub const SHAPE: usize = 12;

/// What a leaf weighs; all words of a prompt together weigh 1.
pub const LEAF_WEIGHT: f32 = 0.1;

const MAGIC: &[u8; 8] = b"PMPRED1\n";
const HASH_BYTES: usize = 32;
/// Most targets of one file, so that a hostile card cannot ask for memory without end.
pub const MAX_TARGETS: usize = 512;

/// Learnt predictions.
pub struct Predictor {
    /// Hash of the file, shortened.
    pub version: Arc<str>,
    /// What it says of itself.
    pub card: Card,
    /// What was predicted of rows that were left out of learning, beside what came; empty if nothing was. Thresholds are
    /// chosen on it. The room that learns packs and reads it.
    pub held_out: Box<[u8]>,
    rows: Box<[i8]>,
}

/// What a predictor says of itself: its targets, and where they come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Card {
    /// `GRAM_VERSION` it was learned under.
    pub gram_version: u16,
    /// Features' version it was learned under.
    pub feature_version: u16,
    /// Mean of each value of the shape over the rows it was learned from.
    pub shape_mean: [f32; SHAPE],
    /// Standard deviation of the same.
    pub shape_deviation: [f32; SHAPE],
    /// Trees over shape and class.
    pub forest: Forest,
    /// What is predicted, in the order of a row's bytes.
    pub targets: Vec<Target>,
    /// Sources and their rows.
    pub sources: Vec<SourceRows>,
    /// Regularisation of the ridge regressions.
    pub ridge: f32,
}

/// Rows of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRows {
    /// Its name.
    pub name: String,
    /// Rows learned from.
    pub rows: u32,
}

/// One thing that is predicted, in [0,1].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// Rows it was learned from.
    pub rows: u32,
    /// Mean over them.
    pub mean: f32,
    /// By task class; only those with rows.
    pub cells: Vec<Cell>,
    /// What a weight byte is multiplied with.
    pub scale: f32,
    /// Weights of the shape's values, after they are centred and scaled.
    pub shape: [f32; SHAPE],
}

/// What a target predicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// The share of models that fail.
    Difficulty,
    /// The mean quality of the models of a tier: cold start of models nobody has outcomes of.
    Tier(Tier),
    /// The quality of one model, by the name it has in the data.
    Model(String),
}

/// A target in one task class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The class.
    pub task: TaskClass,
    /// Rows of it.
    pub rows: u32,
    /// Mean over them.
    pub mean: f32,
    /// Mean output tokens of a model's answers; 0 where not nearly all of them were counted.
    pub output_tokens: f32,
    /// Mean of each value of the shape over its rows.
    pub shape_mean: [f32; SHAPE],
    /// Standard deviation of the same.
    pub shape_deviation: [f32; SHAPE],
}

impl Card {
    /// Rows of weights: one for each gram, and for each leaf.
    pub fn rows(&self) -> usize {
        GRAMS + self.forest.0.len() * LEAVES
    }
}

impl Target {
    /// The target in a class, if there are rows of it.
    pub fn cell(&self, task: TaskClass) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.task == task)
    }

    /// The expected value for a class: the mean of its rows, drawn towards the mean of all where they are few.
    pub fn expected(&self, task: TaskClass) -> f32 {
        let (rows, mean) = self.cell(task).map_or((0, 0.0), |cell| (cell.rows, cell.mean));
        (rows as f32 * mean + PULL * self.mean) / (rows as f32 + PULL)
    }
}

impl Cell {
    /// Whether a prompt is of the kind this was learned from, as far as its shape tells: no value lies further from the
    /// mean than any but the oddest of the rows did. What was learned of multiple-choice questions says nothing of word
    /// problems, though both may be mathematics.
    pub fn knows(&self, shape: &[f32; SHAPE]) -> bool {
        (0..SHAPE).all(|at| {
            let deviation = self.shape_deviation[at].max(LEAST_DEVIATION);
            (shape[at] - self.shape_mean[at]).abs() <= ODDEST * deviation
        })
    }
}

/// So many standard deviations from the mean a prompt may lie. Chosen on `train` rows: without such a limit a model that was
/// licensed on multiple-choice mathematics lost 7.6 points on word problems; with 3, 4 or 6 it does not serve them.
const ODDEST: f32 = 3.0;
/// What a deviation counts at least, where all rows had the same value.
const LEAST_DEVIATION: f32 = 0.02;

/// The 90 % interval of a mean quality that was seen over so many rows: Agresti and Coull's, which holds near 0 and 1 as
/// well ("Approximate is better than exact for interval estimation of binomial proportions", The American Statistician 52,
/// 1998). Scores between 0 and 1 vary less than right and wrong do, so for them it is on the safe side.
pub fn quality_interval(mean: f64, rows: f64) -> (f64, f64) {
    const Z: f64 = 1.645;
    let counted = rows + Z * Z;
    let centre = (mean * rows + Z * Z / 2.0) / counted;
    let half = Z * (centre * (1.0 - centre) / counted).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Rows of a class that what is said of a model in it needs.
pub const LEAST_ROWS: u32 = 100;

/// So many rows' weight the mean of all classes has in the mean of one.
const PULL: f32 = 20.0;

/// A file that is no predictor of this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictorFault(pub String);

impl fmt::Display for PredictorFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PredictorFault {}

impl Predictor {
    /// Reads a file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, PredictorFault> {
        let fault = |what: &str| PredictorFault(format!("the predictor {what}"));
        let body = bytes.strip_prefix(MAGIC).ok_or_else(|| fault("is not a predictor of this version"))?;
        let (content, hash) =
            bytes.split_at_checked(bytes.len().saturating_sub(HASH_BYTES)).ok_or_else(|| fault("is cut"))?;
        if blake3::hash(content).as_bytes() != hash {
            return Err(fault("is damaged: its checksum does not fit; make or fetch it again"));
        }
        let body = &body[..body.len().saturating_sub(HASH_BYTES)];
        let (card, body) = body.split_first_chunk().ok_or_else(|| fault("is cut"))?;
        let (held_out, body) = body.split_first_chunk().ok_or_else(|| fault("is cut"))?;
        let section = |body, length: &[u8; 4]| {
            <[u8]>::split_at_checked(body, u32::from_le_bytes(*length) as usize)
                .ok_or_else(|| fault("is cut"))
        };
        let (card, body) = section(body, card)?;
        let (held_out, rows) = section(body, held_out)?;
        let card: Card = serde_json::from_slice(card)
            .map_err(|error| fault(&format!("has a card that cannot be read: {error}")))?;
        let targets = card.targets.len();
        if card.gram_version != GRAM_VERSION {
            return Err(fault("was learned from words hashed in another way; train it again"));
        }
        if targets > MAX_TARGETS || rows.len() != targets * card.rows() {
            return Err(fault("has not the weights its card speaks of"));
        }
        let rows = rows.iter().map(|byte| i8::from_le_bytes([*byte])).collect();
        let version = blake3::hash(bytes).to_hex()[..12].into();
        Ok(Self { version, card, held_out: held_out.into(), rows })
    }

    /// The bytes of a file with these weights, row-major: all targets of one gram side by side.
    pub fn to_bytes(
        card: &Card,
        held_out: &[u8],
        weights: &[Vec<f32>],
    ) -> Result<Vec<u8>, serde_json::Error> {
        let text = serde_json::to_vec(card)?;
        let mut bytes = MAGIC.to_vec();
        for section in [&text, held_out] {
            bytes.extend_from_slice(&(section.len() as u32).to_le_bytes());
        }
        bytes.extend_from_slice(&text);
        bytes.extend_from_slice(held_out);
        for row in 0..card.rows() {
            for (target, weights) in card.targets.iter().zip(weights) {
                bytes.extend_from_slice(&quantised(weights[row], target.scale).to_le_bytes());
            }
        }
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        Ok(bytes)
    }

    /// How far each target lies from what its class lets expect, in the order of the card.
    pub fn residuals(
        &self,
        task: TaskClass,
        grams: impl Iterator<Item = (u16, f32)>,
        shape: &[f32; SHAPE],
    ) -> Vec<f32> {
        let targets = self.card.targets.len();
        let mut sums = vec![0.0_f32; targets];
        for (row, weight) in self.numbers(task, grams, shape) {
            let row = &self.rows[row * targets..][..targets];
            for (sum, byte) in sums.iter_mut().zip(row) {
                let root = f32::from(*byte);
                *sum += weight * root * root.abs();
            }
        }
        let card = &self.card;
        let centred: [f32; SHAPE] =
            std::array::from_fn(|at| (shape[at] - card.shape_mean[at]) / card.shape_deviation[at].max(1e-3));
        for (sum, target) in sums.iter_mut().zip(&card.targets) {
            let shape =
                |weights: &[f32; SHAPE]| weights.iter().zip(&centred).map(|(a, b)| a * b).sum::<f32>();
            *sum = *sum * target.scale / (127.0 * 127.0) + shape(&target.shape);
        }
        sums
    }

    /// What a prompt's words and its leaves weigh, by the number of their row.
    fn numbers(
        &self,
        task: TaskClass,
        grams: impl Iterator<Item = (u16, f32)>,
        shape: &[f32; SHAPE],
    ) -> impl Iterator<Item = (usize, f32)> {
        let leaves = self.card.forest.leaves(Forest::asked(task, shape)).enumerate();
        let leaves = leaves.map(|(tree, leaf)| (GRAMS + tree * LEAVES + leaf, LEAF_WEIGHT));
        grams.map(|(gram, weight)| (usize::from(gram), weight)).chain(leaves)
    }

    /// The position of a target.
    pub fn position(&self, kind: &TargetKind) -> Option<usize> {
        self.card.targets.iter().position(|target| target.kind == *kind)
    }
}

impl fmt::Debug for Predictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Predictor")
            .field("version", &self.version)
            .field("targets", &self.card.targets.len())
            .finish_non_exhaustive()
    }
}

fn quantised(weight: f32, scale: f32) -> i8 {
    let share = if scale > 0.0 { (weight / scale).clamp(-1.0, 1.0) } else { 0.0 };
    let root = share.abs().sqrt() * 127.0;
    (root.round() * share.signum()) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        let target = |kind| Target {
            kind,
            rows: 100,
            mean: 0.5,
            cells: vec![Cell {
                task: TaskClass::Math,
                rows: 80,
                mean: 0.75,
                output_tokens: 90.0,
                shape_mean: [1.0; SHAPE],
                shape_deviation: [0.5; SHAPE],
            }],
            scale: 0.5,
            shape: std::array::from_fn(|at| if at == 0 { 0.1 } else { 0.0 }),
        };
        Card {
            gram_version: GRAM_VERSION,
            feature_version: 1,
            shape_mean: [1.0; SHAPE],
            shape_deviation: [2.0; SHAPE],
            forest: Forest::default(),
            targets: vec![target(TargetKind::Difficulty), target(TargetKind::Model("m".into()))],
            sources: vec![SourceRows { name: "s".into(), rows: 100 }],
            ridge: 10.0,
        }
    }

    fn bytes() -> Vec<u8> {
        let mut weights = vec![vec![0.0; GRAMS]; 2];
        (weights[0][7], weights[1][7], weights[1][8]) = (0.5, -0.25, 0.01);
        Predictor::to_bytes(&card(), b"sheet", &weights).unwrap()
    }

    #[test]
    fn weights_come_back_and_shapes_are_centred() {
        let predictor = Predictor::parse(&bytes()).unwrap();
        assert_eq!(&*predictor.held_out, b"sheet");
        let level = [1.0; SHAPE];
        let found = predictor.residuals(TaskClass::Code, [(7, 1.0)].into_iter(), &level);
        assert!((found[0] - 0.5).abs() < 1e-6 && (found[1] + 0.25).abs() < 0.003, "{found:?}");
        let small = predictor.residuals(TaskClass::Code, [(8, 1.0)].into_iter(), &level);
        assert!((small[1] - 0.01).abs() < 0.0006, "small weights keep their size: {small:?}");
        let shaped = predictor.residuals(
            TaskClass::Math,
            std::iter::empty(),
            &std::array::from_fn(|at| if at == 0 { 3.0 } else { 1.0 }),
        );
        assert!((shaped[0] - 0.1).abs() < 1e-6, "one deviation above the mean: {shaped:?}");
        assert_eq!(predictor.position(&TargetKind::Model("m".into())), Some(1));
    }

    #[test]
    fn few_rows_are_drawn_towards_the_mean_of_all() {
        let target = &card().targets[0];
        assert!((target.expected(TaskClass::Math) - 0.7).abs() < 1e-6);
        assert!((target.expected(TaskClass::Code) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let good = bytes();
        assert!(Predictor::parse(&good).is_ok());
        for at in [0, 9, 40, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Predictor::parse(&bad).is_err(), "byte {at}");
        }
        for length in [0, 7, 8, 11, 100, good.len() - 1] {
            assert!(Predictor::parse(&good[..length]).is_err(), "{length} bytes");
        }
    }
}
