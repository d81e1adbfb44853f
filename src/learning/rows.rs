//! Labelled prompts: what several models made of the same ones. JSON lines, plain or gzipped, a row a line.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use super::train::FOLDS;
use crate::analysis::{Features, Grams, extract, read_grams, understand};
use crate::catalog::SHAPE;
use crate::codec::{Scratch, read};
use crate::types::{Operation, TaskClass};

/// One prompt, read as a request would be, and what each model made of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name in the source.
    pub id: String,
    /// The source.
    pub source: String,
    /// What it is for.
    pub split: Split,
    /// The source's own word for its kind.
    pub domain: String,
    /// Bytes of the prompt.
    pub bytes: usize,
    /// The class our own analysis gives it.
    pub task: TaskClass,
    /// Whether the analysis cannot read it.
    pub unfamiliar: bool,
    /// Its features.
    pub features: Features,
    /// Its words.
    pub grams: Vec<(u16, f32)>,
    /// Its shape.
    pub shape: [f32; SHAPE],
    /// By model.
    pub outcomes: BTreeMap<String, Outcome>,
}

impl Row {
    /// Its words as one number: rows with the same words have the same, whatever source they come from.
    pub(super) fn words(&self) -> u64 {
        let words: Vec<u8> = self.grams.iter().flat_map(|(gram, _)| gram.to_le_bytes()).collect();
        xxh3_64(&words)
    }

    /// In which part it is left out. Rows with the same words are in the same part.
    pub(super) fn fold(&self) -> u8 {
        (self.words() % u64::from(FOLDS)) as u8
    }
}

/// What a row is for. Rows of `test` are reported on and never learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Learned from.
    Train,
    /// Reported on.
    Test,
}

/// What one model made of a prompt.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Outcome {
    /// 0..1.
    pub score: f64,
    /// US dollars; `None` where it is not known.
    #[serde(default)]
    pub cost_usd: Option<f64>,
    /// Output tokens, where they were counted.
    #[serde(default)]
    pub out_tokens: Option<f64>,
    /// Two answers to one prompt are equal when these are; `None`: no answer was found. Says nothing of right or wrong.
    #[serde(default)]
    pub ans: Option<i64>,
}

impl Outcome {
    /// What is wrong with it.
    fn fault(&self) -> Option<&'static str> {
        let negative = |value: Option<f64>| value.is_some_and(|value| value < 0.0);
        if !(0.0..=1.0).contains(&self.score) {
            Some("the score is not between 0 and 1")
        } else if negative(self.cost_usd) {
            Some("the cost is negative; leave it out where it is not known")
        } else if negative(self.out_tokens) {
            Some("the number of output tokens is negative")
        } else {
            None
        }
    }
}

#[derive(Deserialize)]
struct Line {
    id: String,
    source: String,
    split: Split,
    domain: String,
    prompt: String,
    outcomes: BTreeMap<String, Outcome>,
}

/// Why rows could not be read.
#[derive(Debug)]
pub struct RowsError {
    path: PathBuf,
    line: usize,
    what: String,
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for RowsError {}

/// Reads a file, or every `.jsonl` and `.jsonl.gz` of a folder in the order of their names. A line that was read before is
/// read once, so that a file beside its own packed copy does not count twice.
pub fn read_rows(path: &Path) -> Result<Vec<Row>, RowsError> {
    let fault = |what: String| RowsError { path: path.to_path_buf(), line: 0, what };
    let mut files = Vec::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(|error| fault(error.to_string()))? {
            let file = entry.map_err(|error| fault(error.to_string()))?.path();
            let name = file.to_string_lossy();
            if name.ends_with(".jsonl") || name.ends_with(".jsonl.gz") {
                files.push(file);
            }
        }
        files.sort();
    } else {
        files.push(path.to_path_buf());
    }
    if files.is_empty() {
        return Err(fault("no .jsonl or .jsonl.gz file there".to_owned()));
    }
    let mut reader = RowReader::default();
    for file in files {
        reader.read(&file)?;
    }
    Ok(reader.rows)
}

/// Rows on their way in.
#[derive(Default)]
struct RowReader {
    prompts: PromptReader,
    /// By source and name, the hash of the line.
    known: HashMap<(String, String), u64>,
    rows: Vec<Row>,
}

impl RowReader {
    fn read(&mut self, path: &Path) -> Result<(), RowsError> {
        each_line(path, |line| self.line(line))
    }

    fn line(&mut self, text: &str) -> Result<(), String> {
        let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let faults = line
            .outcomes
            .iter()
            .filter_map(|(model, outcome)| Some(format!("`{model}`: {}", outcome.fault()?)));
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
        let hash = xxh3_64(text.trim().as_bytes());
        match self.known.entry((line.source.clone(), line.id.clone())) {
            Entry::Vacant(entry) => entry.insert(hash),
            Entry::Occupied(entry) if *entry.get() == hash => return Ok(()),
            Entry::Occupied(_) => {
                let (id, source) = (&line.id, &line.source);
                return Err(format!(
                    "there was another row `{id}` of `{source}`: a row's name must be its own"
                ));
            }
        };
        self.rows.push(self.prompts.row(line)?);
        Ok(())
    }
}

/// Shows every line of a file, plain or gzipped, that is not empty. What goes wrong is told with its line.
pub(super) fn each_line(
    path: &Path,
    mut show: impl FnMut(&str) -> Result<(), String>,
) -> Result<(), RowsError> {
    let fault = |line: usize, what: String| RowsError { path: path.to_path_buf(), line, what };
    let file = std::fs::File::open(path).map_err(|error| fault(0, error.to_string()))?;
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let content: Box<dyn Read> =
        if packed { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
    for (line, number) in BufReader::new(content).lines().zip(1..) {
        let line = line.map_err(|error| fault(number, error.to_string()))?;
        if !line.trim().is_empty() {
            show(&line).map_err(|what| fault(number, what))?;
        }
    }
    Ok(())
}

/// Reads prompts the way requests are read.
#[derive(Default)]
struct PromptReader {
    scratch: Scratch,
    grams: Grams,
}

impl PromptReader {
    fn row(&mut self, line: Line) -> Result<Row, String> {
        let Self { scratch, grams } = self;
        let message = serde_json::json!({ "role": "user", "content": line.prompt });
        let body = serde_json::json!({ "model": "auto", "messages": [message] }).to_string();
        let (_, features) = read(Operation::ChatCompletions, body.as_bytes(), scratch, |view| {
            read_grams(view, grams);
            extract(view)
        })
        .map_err(|fault| fault.message)?;
        let analysis = understand(&features);
        Ok(Row {
            id: line.id,
            source: line.source,
            split: line.split,
            domain: line.domain,
            bytes: line.prompt.len(),
            task: analysis.task,
            unfamiliar: analysis.unfamiliar,
            shape: features.shape(),
            features,
            grams: grams.weights().collect(),
            outcomes: line.outcomes,
        })
    }
}
