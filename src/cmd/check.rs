//! `check`: validates a configuration and shows what it means: listeners, providers, models, policies, and what each
//! failure class would do. Prints every fault instead when there are any. Never prints a secret.

mod effective;
mod failures;
mod plans;
mod steps;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use comfy_table::{ContentArrangement, Table, TableComponent, presets};

use crate::config::{self, Faults, SecretSource};
use crate::types::Day;

use effective::Effective;

/// Runs the command: exit code 0 when the configuration is right, 1 when it is not.
pub fn run(path: &Path, json: bool) -> ExitCode {
    match config::load(path, SecretSource::Environment) {
        Ok(settings) => {
            let effective = Effective::of(&settings, today());
            let file = path.display().to_string();
            println!("{}", if json { effective_json(&file, &effective) } else { text(&file, &effective) });
            ExitCode::SUCCESS
        }
        Err(faults) if json => {
            println!("{}", faults_json(&faults));
            ExitCode::FAILURE
        }
        Err(faults) => {
            eprintln!("{faults}");
            eprintln!("{} fault(s); nothing was changed", faults.list.len());
            ExitCode::FAILURE
        }
    }
}

fn today() -> Day {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Day::of_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn effective_json(file: &str, effective: &Effective) -> String {
    serde_json::json!({ "ok": true, "file": file, "effective": effective }).to_string()
}

fn faults_json(faults: &Faults) -> String {
    serde_json::json!({ "ok": false, "file": faults.file, "faults": faults.list }).to_string()
}

fn text(file: &str, effective: &Effective) -> String {
    let mut parts = vec![format!("{file} is right; snapshot {}", effective.snapshot)];
    let mut section = |title: &str, header: &[&str], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            parts.push(format!("{title}\n{}", table(header, rows)));
        }
    };
    section("Listeners", &effective::Listener::HEADER, rows(&effective.listeners));
    section("Clients", &effective::ClientRow::HEADER, rows(&effective.clients));
    section("Providers", &effective::ProviderRow::HEADER, rows(&effective.providers));
    section(
        "Models (USD per million tokens, as of today)",
        &effective::ModelRow::HEADER,
        rows(&effective.models),
    );
    section("Policies, in order of matching", &effective::PolicyRow::HEADER, rows(&effective.policies));
    for policy in &effective.policies {
        let title = format!("Policy `{}` at the steps of an agent", policy.name);
        section(&title, &steps::StepRow::HEADER, rows(&policy.steps));
    }
    let sessions = effective.policies.iter().map(|policy| policy.sessions.cells()).collect();
    section("Conversations that name themselves", &steps::SessionRow::HEADER, sessions);
    for policy in &effective.policies {
        let title = format!("When an attempt fails under policy `{}`\n{}", policy.name, policy.as_named());
        section(&title, &failures::Row::HEADER, rows(&policy.failures));
    }
    if let Some(most) = &effective.session_max_spend_usd {
        parts.push(format!("Sessions: at most {most} USD each"));
    }
    parts.push(format!("Ledger: {}", effective.ledger));
    if !effective.notes.is_empty() {
        parts.push(format!("Notes\n- {}", effective.notes.join("\n- ")));
    }
    parts.join("\n\n")
}

/// Columns of characters where there is no terminal to ask.
const WIDTH: u16 = 150;

/// A row of a table.
trait Cells {
    /// One text per column.
    fn cells(&self) -> Vec<String>;
}

fn rows<R: Cells>(list: &[R]) -> Vec<Vec<String>> {
    list.iter().map(Cells::cells).collect()
}

fn table(header: &[&str], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.remove_style(TableComponent::HorizontalLines);
    if table.width().is_none() {
        table.set_width(WIDTH); // no terminal: a pipe or a file
    }
    table.set_header(header);
    table.add_rows(rows);
    table
}
