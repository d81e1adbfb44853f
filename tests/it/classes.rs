//! The task classifier on labelled prompts: what may not move its readings, and how often it is right.

use std::path::Path;

use pointsman::analysis::{Analysis, extract, understand};
use pointsman::codec::{Scratch, read};
use pointsman::config::{SecretSource, from_text};
use pointsman::learning::eval::{ClassRow, ClassesReport, analyse, classes, read_class_rows, request};
use pointsman::pipeline::foreseen;
use pointsman::types::Operation;
use serde_json::{Value, json};

fn rows() -> Vec<ClassRow> {
    read_class_rows(Path::new("benches/data/classes.jsonl")).expect("labelled prompts")
}

/// The analysis of every row after a change of its prompt or its request, beside that of the row as it is.
fn changed(rows: &[ClassRow], change: impl Fn(&ClassRow, usize) -> Value) -> Vec<(Analysis, Analysis)> {
    let mut scratch = Scratch::default();
    let one = |(number, row): (usize, &ClassRow)| {
        let analysis = analyse(&change(row, number), &mut scratch).expect("a request");
        (row.analysis.clone(), analysis)
    };
    rows.iter().enumerate().map(one).collect()
}

/// The changed prompt in what stood around the prompt.
fn reworded(rows: &[ClassRow], words: impl Fn(&str) -> String) -> Vec<(Analysis, Analysis)> {
    changed(rows, |row, number| request(&words(&row.prompt), row.wrap, number))
}

fn most_moved(pairs: &[(Analysis, Analysis)]) -> f32 {
    pairs.iter().map(|(was, is)| (was.complexity.score - is.complexity.score).abs()).fold(0.0, f32::max)
}

fn same_class(pairs: &[(Analysis, Analysis)]) -> f64 {
    pairs.iter().filter(|(was, is)| was.task == is.task).count() as f64 / pairs.len() as f64
}

#[test]
fn filler_moves_complexity_little() {
    let filler =
        "Um, so, basically, I was just sitting here with my coffee and thought, well, you know how it goes. ";
    let rows = rows();
    for times in [1, 12] {
        let filler = filler.repeat(times);
        for pairs in [
            reworded(&rows, |prompt| format!("{filler}{prompt}")),
            reworded(&rows, |prompt| format!("{prompt}\n\n{filler}")),
        ] {
            assert!(most_moved(&pairs) <= 0.1, "{} by {times} sentences", most_moved(&pairs));
        }
    }
}

#[test]
fn politeness_changes_neither_complexity_nor_class() {
    let rows = rows();
    let ways: [&dyn Fn(&str) -> String; 4] = [
        &|prompt| format!("{prompt}\n\nThank you so much!"),
        &|prompt| format!("{prompt} Thanks in advance, that would be a great help."),
        &|prompt| format!("Hello, I hope you are well. Please: {prompt}"),
        &|prompt| {
            format!("Hi! Could you please help me with this?\n\n{prompt}\n\nMany thanks and kind regards")
        },
    ];
    for (way, words) in ways.iter().enumerate() {
        let pairs = reworded(&rows, words);
        assert!(most_moved(&pairs) <= 0.1, "way {way}: {}", most_moved(&pairs));
        assert!(same_class(&pairs) >= 0.95, "way {way}: {} keep their class", same_class(&pairs));
    }
}

#[test]
fn a_huge_system_text_changes_neither_complexity_nor_class() {
    let rows = rows();
    let sentence = "You are a careful assistant of the harbour office. You must analyse every request first, compare the \
                    options and prove what you say; summarise long texts, translate where it helps, and write clean code. ";
    let huge = sentence.repeat(80 * 1024 / sentence.len() + 1);
    let pairs = changed(&rows, |row, _| {
        let mut request = row.request.clone();
        if let Some(messages) = request["messages"].as_array_mut() {
            messages.insert(0, json!({ "role": "system", "content": huge }));
        }
        request
    });
    assert!(most_moved(&pairs) <= 0.1, "{}", most_moved(&pairs));
    assert!(same_class(&pairs) >= 0.95, "{} keep their class", same_class(&pairs));
}

fn report<'r>(reports: &'r [ClassesReport], writer: &str) -> &'r ClassesReport {
    reports.iter().find(|report| report.writer == writer).expect("a report on the writer")
}

/// Writer a's prompts are those the rules were tuned on: this guards them, and says nothing of other prompts.
#[test]
fn the_classifier_keeps_what_it_knows() {
    let reports = classes(&rows()).expect("labelled prompts");
    let found = report(&reports, "a").macro_f1.value;
    assert!(found >= FLOOR, "macro-F1 {found} of writer a");
}

/// Measured 0.855.
const FLOOR: f64 = 0.82;

/// Writer b's prompts were never looked at.
#[test]
fn the_classifier_beats_length_and_obvious_words() {
    let reports = classes(&rows()).expect("labelled prompts");
    for baseline in &report(&reports, "b").baselines {
        assert!(baseline.gain.low > 0.0, "{}: {}", baseline.name, baseline.gain);
    }
}

/// What the predictor that comes with the program expects to fail, of a request.
struct Difficulty {
    settings: pointsman::config::Settings,
    scratch: Scratch,
}

impl Difficulty {
    fn new() -> Self {
        let text = "[[providers]]\nid = \"o\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\ncredential = \"none\"\n\
                    [[models]]\nid = \"gpt-4o-2024-08-06\"\ntier = \"frontier\"\ncontext_tokens = 9000\n\
                    max_output_tokens = 900\ndeployments = [{ provider = \"o\" }]\n";
        let settings = from_text(text, "", SecretSource::Dummy).expect("a configuration");
        Self { settings, scratch: Scratch::default() }
    }

    fn of(&mut self, request: &Value) -> f32 {
        let learned = self.settings.snapshot.learned.as_ref().expect("the default predictor");
        let target = learned.difficulty.expect("a target for difficulty");
        let body = request.to_string();
        let read = read(Operation::ChatCompletions, body.as_bytes(), &mut self.scratch, |view| {
            let features = extract(view);
            let expected = learned.predictor.card.targets[target].expected(understand(&features).task);
            (expected + foreseen(learned, view, &features)[target]).clamp(0.0, 1.0)
        });
        read.expect("a request").1
    }

    /// How far it moves, from the row that moves least to the one that moves most.
    fn moves(&mut self, rows: &[ClassRow], change: impl Fn(&ClassRow, usize) -> Value) -> Vec<f32> {
        let mut one =
            |(number, row): (usize, &ClassRow)| (self.of(&row.request) - self.of(&change(row, number))).abs();
        let mut moves: Vec<f32> = rows.iter().enumerate().map(&mut one).collect();
        moves.sort_by(f32::total_cmp);
        moves
    }
}

#[test]
fn politeness_filler_and_system_texts_move_learned_difficulty_little() {
    let rows = rows();
    let mut difficulty = Difficulty::new();
    let at = |moves: &[f32], share: f64| moves[((moves.len() - 1) as f64 * share) as usize];
    let polite = |row: &ClassRow, number: usize| {
        request(&format!("Hi! Could you please help me?\n\n{}\n\nMany thanks", row.prompt), row.wrap, number)
    };
    let filler = |row: &ClassRow, number: usize| {
        let filler = "Um, so, basically, I was just sitting here with my coffee and thought, well, you know how it goes. ";
        request(&format!("{filler}{}", row.prompt), row.wrap, number)
    };
    let huge = "You are a careful assistant of the harbour office and think before you speak. ".repeat(1100);
    let system = |row: &ClassRow, _: usize| {
        let mut request = row.request.clone();
        if let Some(messages) = request["messages"].as_array_mut() {
            messages.insert(0, json!({ "role": "system", "content": huge }));
        }
        request
    };
    let (polite, filler) = (difficulty.moves(&rows, polite), difficulty.moves(&rows, filler));
    // It is read from the words, so words about nothing move one short prompt in ten further (measured: 0.112 in one of twenty).
    assert!(at(&polite, 0.9) <= 0.1, "{} in one of ten", at(&polite, 0.9));
    assert!(at(&filler, 0.9) <= 0.1, "{} in one of ten", at(&filler, 0.9));
    let system = difficulty.moves(&rows, system);
    assert!(at(&system, 1.0) <= 0.1, "{} at most", at(&system, 1.0));
}
