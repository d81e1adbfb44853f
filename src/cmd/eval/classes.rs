//! `pointsman eval --classes`: how often the task class is the one that people gave a prompt.

use std::fmt::{self, Write};
use std::path::Path;

use super::print::{figure, table};
use crate::learning::eval::{ClassesReport, classes, read_class_rows};
use crate::types::TaskClass;

/// The text to print, or what went wrong.
pub(super) fn run(file: &Path, writer: Option<&str>, json: bool) -> Result<String, String> {
    let rows = read_class_rows(file).map_err(|error| error.to_string())?;
    let mut reports = classes(&rows).map_err(|error| format!("{}: {error}", file.display()))?;
    if let Some(name) = writer {
        let known: Vec<String> = reports.iter().map(|report| report.writer.clone()).collect();
        reports.retain(|report| report.writer == name);
        if reports.is_empty() {
            return Err(format!("no prompts by `{name}`; there are those by {}", known.join(", ")));
        }
    }
    if json {
        return serde_json::to_string_pretty(&reports).map_err(|error| error.to_string());
    }
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = reports.iter().try_for_each(|report| print(&mut text, report));
    Ok(text)
}

fn print(text: &mut String, report: &ClassesReport) -> fmt::Result {
    writeln!(text, "{} prompts by writer {}; 95 % intervals\n", report.rows, report.writer)?;
    let mut ways = table(["by", "macro-F1", "accuracy", "classifier's macro-F1 gain"]);
    ways.add_row(["classifier".to_owned(), figure(report.macro_f1), figure(report.accuracy), "–".to_owned()]);
    for way in &report.baselines {
        ways.add_row([way.name.to_owned(), figure(way.macro_f1), figure(way.accuracy), figure(way.gain)]);
    }
    writeln!(text, "{ways}")?;
    writeln!(text, "answered `other` though it is something: {}", figure(report.abstention))?;
    writeln!(text, "right where something was answered: {}\n", figure(report.answered_precision))?;
    let mut by_class = table(["class", "rows", "precision", "recall", "F1"]);
    for class in &report.classes {
        let [precision, recall, f1] =
            [class.precision, class.recall, class.f1].map(|share| format!("{share:.3}"));
        by_class.add_row([class.class.as_str().to_owned(), class.rows.to_string(), precision, recall, f1]);
    }
    let mut groups = table(["of", "rows", "macro-F1", "accuracy"]);
    for group in &report.groups {
        groups.add_row([
            group.name.clone(),
            group.rows.to_string(),
            figure(group.macro_f1),
            figure(group.accuracy),
        ]);
    }
    writeln!(text, "{by_class}\n{groups}\n{}\n", confusion(report))
}

/// Labels down, answers across.
fn confusion(report: &ClassesReport) -> comfy_table::Table {
    let short = |class: TaskClass| class.as_str().chars().take(5).collect::<String>();
    let mut header = [const { String::new() }; TaskClass::COUNT + 1];
    header[0] = "is \\ answered".to_owned();
    for (cell, class) in header.iter_mut().skip(1).zip(TaskClass::ALL) {
        *cell = short(class);
    }
    let mut confusion = table(header.each_ref().map(String::as_str));
    for (class, counts) in TaskClass::ALL.into_iter().zip(report.confusion) {
        let cells = counts.iter().map(|count| if *count == 0 { String::new() } else { count.to_string() });
        confusion.add_row(std::iter::once(class.as_str().to_owned()).chain(cells));
    }
    confusion
}
