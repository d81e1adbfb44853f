//! How often the task class is the one that people gave a prompt, beside two ways to guess it without reading closely.

use serde::Serialize;

use super::class_rows::{ClassRow, Wrap};
use crate::learning::metrics::{Figure, bootstrap};
use crate::types::TaskClass;

/// The labelled prompts of one writer.
#[derive(Clone, Debug, Serialize)]
pub struct ClassesReport {
    /// Who wrote them.
    pub writer: String,
    /// How many.
    pub rows: usize,
    /// F1, averaged over the classes.
    pub macro_f1: Figure,
    /// Share with the right class.
    pub accuracy: Figure,
    /// Of the rows with a class other than `other`, the share that is answered `other`.
    pub abstention: Figure,
    /// Of the rows not answered `other`, the share with the right class.
    pub answered_precision: Figure,
    /// The simple ways.
    pub baselines: Vec<Baseline>,
    /// By class.
    pub classes: Vec<ClassFigures>,
    /// By language and by what stands around the prompt.
    pub groups: Vec<Group>,
    /// Rows by class (outer) and by what was answered (inner), both in the order of the classes.
    pub confusion: [[usize; TaskClass::COUNT]; TaskClass::COUNT],
}

/// A way to guess the class without reading closely.
#[derive(Clone, Debug, Serialize)]
pub struct Baseline {
    /// `length` or `keyword`.
    pub name: &'static str,
    /// F1, averaged over the classes.
    pub macro_f1: Figure,
    /// Share with the right class.
    pub accuracy: Figure,
    /// The classifier's macro-F1 minus this one's, paired.
    pub gain: Figure,
}

/// Figures of one class.
#[derive(Clone, Debug, Serialize)]
pub struct ClassFigures {
    /// The class.
    pub class: TaskClass,
    /// Rows that have it.
    pub rows: usize,
    /// Of the rows answered so, the share that has it.
    pub precision: f64,
    /// Of the rows that have it, the share answered so.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

/// Figures of some of the rows.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// How many.
    pub rows: usize,
    /// F1, averaged over the classes that occur.
    pub macro_f1: Figure,
    /// Share with the right class.
    pub accuracy: Figure,
}

/// Reports on every writer, in the order of the rows. The baseline by length is fitted on the first one's rows.
pub fn classes(rows: &[ClassRow]) -> Result<Vec<ClassesReport>, String> {
    let Some(first) = rows.first() else { return Err("no labelled prompt in the file".to_owned()) };
    let length = Lengths::fit(rows.iter().filter(|row| row.writer == first.writer));
    let mut writers: Vec<&str> = rows.iter().map(|row| row.writer.as_str()).collect();
    writers.dedup();
    writers.sort_unstable();
    writers.dedup();
    let of = |writer: &str| {
        let own: Vec<&ClassRow> = rows.iter().filter(|row| row.writer == writer).collect();
        report(writer, &own, &length)
    };
    Ok(writers.into_iter().map(of).collect())
}

fn report(writer: &str, rows: &[&ClassRow], length: &Lengths) -> ClassesReport {
    let labels: Vec<TaskClass> = rows.iter().map(|row| row.label).collect();
    let answers = |answer: &dyn Fn(&ClassRow) -> TaskClass| Answers {
        pairs: rows.iter().map(|row| (row.label, answer(row))).collect(),
    };
    let ours = answers(&|row| row.analysis.task);
    let simple = [
        ("length", answers(&|row| length.class(row.prompt.len()))),
        ("keyword", answers(&|row| keyword(&row.prompt))),
    ];
    let all: Vec<usize> = (0..rows.len()).collect();
    let figures = bootstrap(rows.len(), 7, |drawn| {
        let (f1, accuracy) = (ours.macro_f1(drawn), ours.accuracy(drawn));
        let mut figures = vec![f1, accuracy, ours.abstention(drawn), ours.answered_precision(drawn)];
        for (_, answers) in &simple {
            figures.extend([answers.macro_f1(drawn), answers.accuracy(drawn), f1 - answers.macro_f1(drawn)]);
        }
        figures
    });
    let baseline = |(at, (name, _)): (usize, &(&'static str, Answers))| {
        let [macro_f1, accuracy, gain] = [0, 1, 2].map(|figure| figures[4 + 3 * at + figure]);
        Baseline { name, macro_f1, accuracy, gain }
    };
    ClassesReport {
        writer: writer.to_owned(),
        rows: rows.len(),
        macro_f1: figures[0],
        accuracy: figures[1],
        abstention: figures[2],
        answered_precision: figures[3],
        baselines: simple.iter().enumerate().map(baseline).collect(),
        classes: TaskClass::ALL
            .into_iter()
            .filter(|class| labels.contains(class))
            .map(|class| ours.of_class(class, &all))
            .collect(),
        groups: groups(rows, &ours),
        confusion: ours.confusion(),
    }
}

fn groups(rows: &[&ClassRow], answers: &Answers) -> Vec<Group> {
    let english = |english: bool| move |row: &ClassRow| (row.language == "en") == english;
    let mut groups = Vec::new();
    let mut add = |name: &str, belongs: &dyn Fn(&ClassRow) -> bool| {
        let of = answers.only(|row| belongs(rows[row]));
        if of.pairs.is_empty() {
            return;
        }
        let figures = bootstrap(of.pairs.len(), 7, |drawn| vec![of.macro_f1(drawn), of.accuracy(drawn)]);
        let name = name.to_owned();
        groups.push(Group { name, rows: of.pairs.len(), macro_f1: figures[0], accuracy: figures[1] });
    };
    add("English", &english(true));
    add("not English", &english(false));
    for wrap in Wrap::ALL {
        add(&format!("wrap {}", wrap.as_str()), &|row| row.wrap == wrap);
    }
    groups
}

/// Labels with what was answered.
struct Answers {
    pairs: Vec<(TaskClass, TaskClass)>,
}

impl Answers {
    fn only(&self, wanted: impl Fn(usize) -> bool) -> Self {
        let pairs = self.pairs.iter().enumerate().filter(|(row, _)| wanted(*row));
        Self { pairs: pairs.map(|(_, pair)| *pair).collect() }
    }

    fn of<'a>(&'a self, rows: &'a [usize]) -> impl Iterator<Item = (TaskClass, TaskClass)> + 'a {
        rows.iter().map(|row| self.pairs[*row])
    }

    fn accuracy(&self, rows: &[usize]) -> f64 {
        share(self.of(rows).map(|(label, answer)| label == answer))
    }

    fn abstention(&self, rows: &[usize]) -> f64 {
        let meant = self.of(rows).filter(|(label, _)| *label != TaskClass::Other);
        share(meant.map(|(_, answer)| answer == TaskClass::Other))
    }

    fn answered_precision(&self, rows: &[usize]) -> f64 {
        let answered = self.of(rows).filter(|(_, answer)| *answer != TaskClass::Other);
        share(answered.map(|(label, answer)| label == answer))
    }

    /// Averaged over the classes that some row has; a class nobody answered has 0.
    fn macro_f1(&self, rows: &[usize]) -> f64 {
        let mut counts = [[0usize; 3]; TaskClass::COUNT];
        for (label, answer) in self.of(rows) {
            counts[label as usize][0] += 1;
            counts[answer as usize][1] += 1;
            counts[label as usize][2] += usize::from(label == answer);
        }
        let present = counts.iter().filter(|[labelled, ..]| *labelled > 0);
        let (sum, number) = present.fold((0.0, 0), |(sum, number), [labelled, answered, right]| {
            (sum + 2.0 * *right as f64 / (labelled + answered) as f64, number + 1)
        });
        sum / f64::from(number)
    }

    fn of_class(&self, class: TaskClass, rows: &[usize]) -> ClassFigures {
        let right = |(label, answer): (TaskClass, TaskClass)| label == answer;
        let precision = share(self.of(rows).filter(|(_, answer)| *answer == class).map(right));
        let recall = share(self.of(rows).filter(|(label, _)| *label == class).map(right));
        let precision = if precision.is_nan() { 0.0 } else { precision };
        let both = precision + recall;
        let f1 = if both > 0.0 { 2.0 * precision * recall / both } else { 0.0 };
        let labelled = self.of(rows).filter(|(label, _)| *label == class).count();
        ClassFigures { class, rows: labelled, precision, recall, f1 }
    }

    fn confusion(&self) -> [[usize; TaskClass::COUNT]; TaskClass::COUNT] {
        let mut table = [[0; TaskClass::COUNT]; TaskClass::COUNT];
        for (label, answer) in &self.pairs {
            table[*label as usize][*answer as usize] += 1;
        }
        table
    }
}

/// The share of `true`; not a number for nothing.
fn share(values: impl Iterator<Item = bool>) -> f64 {
    let (count, sum) = values.fold((0u32, 0u32), |(count, sum), value| (count + 1, sum + u32::from(value)));
    f64::from(sum) / f64::from(count)
}

/// The most frequent class by the prompt's length, in bins of equal numbers of rows.
struct Lengths {
    /// Longest prompt of the bin, and its class.
    bins: Vec<(usize, TaskClass)>,
}

/// As many as there are classes: every class could have one of its own.
const BINS: usize = TaskClass::COUNT;

impl Lengths {
    fn fit<'r>(rows: impl Iterator<Item = &'r ClassRow>) -> Self {
        let mut sizes: Vec<(usize, TaskClass)> = rows.map(|row| (row.prompt.len(), row.label)).collect();
        sizes.sort_unstable();
        let most_frequent = |bin: &[(usize, TaskClass)]| {
            let count = |class: &TaskClass| bin.iter().filter(|(_, label)| label == class).count();
            TaskClass::ALL.into_iter().rev().max_by_key(count).unwrap_or(TaskClass::Other)
        };
        let bin =
            |bin: &[(usize, TaskClass)]| (bin.last().map_or(0, |(bytes, _)| *bytes), most_frequent(bin));
        Self { bins: sizes.chunks(sizes.len().div_ceil(BINS).max(1)).map(bin).collect() }
    }

    fn class(&self, bytes: usize) -> TaskClass {
        let bin = self.bins.iter().find(|(longest, _)| bytes <= *longest).or(self.bins.last());
        bin.map_or(TaskClass::Other, |(_, class)| *class)
    }
}

/// What anybody would look for first, in the order looked for.
const KEYWORDS: [(TaskClass, &[&str]); 10] = [
    (TaskClass::Translation, &["translate", "translation"]),
    (TaskClass::Summarisation, &["summarize", "summarise", "summary", "tl;dr"]),
    (TaskClass::Classification, &["classify", "categorize", "label", "sentiment"]),
    (TaskClass::Extraction, &["extract", "list all", "json"]),
    (TaskClass::Creative, &["write a poem", "story", "slogan", "write an email"]),
    (TaskClass::Code, &["function", "code", "python", "sql", "error"]),
    (TaskClass::Math, &["calculate", "solve", "how many", "prove"]),
    (TaskClass::Agent, &["tool", "search for", "book ", "send "]),
    (TaskClass::Reasoning, &["puzzle", "step by step", "should i", "compare"]),
    (TaskClass::Knowledge, &["what is", "who ", "when ", "explain", "why "]),
];

/// The class of the first obvious English word that the prompt has.
fn keyword(prompt: &str) -> TaskClass {
    let prompt = prompt.to_lowercase();
    let found = KEYWORDS.into_iter().find(|(_, words)| words.iter().any(|word| prompt.contains(word)));
    found.map_or(TaskClass::Other, |(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use TaskClass::{Code, Math, Other};

    #[test]
    fn figures_by_hand() {
        let answers =
            Answers { pairs: vec![(Code, Code), (Code, Math), (Math, Math), (Math, Other), (Other, Other)] };
        let all = [0, 1, 2, 3, 4];
        assert!((answers.accuracy(&all) - 0.6).abs() < 1e-12);
        assert!((answers.abstention(&all) - 0.25).abs() < 1e-12);
        assert!((answers.answered_precision(&all) - 2.0 / 3.0).abs() < 1e-12);
        // Code: precision 1, recall 1/2; mathematics: 1/2, 1/2; other: 1/2, 1.
        let wanted = [2.0 / 3.0, 0.5, 2.0 / 3.0];
        for (class, f1) in [Code, Math, Other].into_iter().zip(wanted) {
            assert!((answers.of_class(class, &all).f1 - f1).abs() < 1e-12, "{class:?}");
        }
        assert!((answers.macro_f1(&all) - wanted.iter().sum::<f64>() / 3.0).abs() < 1e-12);
        assert_eq!(answers.confusion()[Code as usize][Math as usize], 1);
    }

    #[test]
    fn baselines_know_lengths_and_obvious_words() {
        let lengths = Lengths { bins: vec![(10, Code), (20, Math)] };
        assert_eq!([5, 10, 11, 99].map(|bytes| lengths.class(bytes)), [Code, Code, Math, Math]);
        assert_eq!(keyword("TRANSLATE this function"), TaskClass::Translation);
        assert_eq!(keyword("hm"), Other);
    }
}
