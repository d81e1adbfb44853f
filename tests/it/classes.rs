//! The task classifier on labelled prompts: what may not move its readings, and how often it is right.

use std::path::Path;

use pointsman::analysis::Analysis;
use pointsman::codec::Scratch;
use pointsman::learning::eval::{ClassRow, ClassesReport, analyse, classes, read_class_rows, request};
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
