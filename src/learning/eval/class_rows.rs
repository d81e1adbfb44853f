//! Prompts with the class that people gave them, each read the way a request is read, wrapped as clients wrap prompts.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::analysis::{Analysis, extract, understand};
use crate::codec::{Scratch, read};
use crate::learning::RowsError;
use crate::learning::rows::each_line;
use crate::types::{Operation, TaskClass};

/// A prompt with its class, and what the analysis makes of it.
#[derive(Clone, Debug)]
pub struct ClassRow {
    /// Its name: writer, class and number.
    pub id: String,
    /// Who wrote it: the id up to its first `-`.
    pub writer: String,
    /// The class its writer gave it.
    pub label: TaskClass,
    /// Its language, as ISO 639-1 writes it.
    pub language: String,
    /// What stands around it in the request.
    pub wrap: Wrap,
    /// The prompt alone.
    pub prompt: String,
    /// The whole request.
    pub request: Value,
    /// What the analysis makes of the request.
    pub analysis: Analysis,
}

/// What stands around a prompt in its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wrap {
    /// Nothing.
    None,
    /// A general system text.
    System,
    /// An agent's system text, and tools offered.
    Agent,
    /// As `Agent`, and a first tool was called and answered.
    Result,
}

impl Wrap {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::System, Self::Agent, Self::Result];

    /// The word used in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::System => "system",
            Self::Agent => "agent",
            Self::Result => "result",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    class: TaskClass,
    lang: String,
    wrap: Wrap,
    prompt: String,
}

/// Reads labelled prompts: JSON lines, plain or gzipped.
pub fn read_class_rows(path: &Path) -> Result<Vec<ClassRow>, RowsError> {
    let mut rows: Vec<ClassRow> = Vec::new();
    let mut scratch = Scratch::default();
    each_line(path, |line| {
        let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let Some((writer, _)) = line.id.split_once('-') else {
            return Err(format!("`{}` does not begin with its writer and `-`, as in `a-code-01`", line.id));
        };
        let request = request(&line.prompt, line.wrap, rows.len());
        rows.push(ClassRow {
            writer: writer.to_owned(),
            analysis: analyse(&request, &mut scratch)?,
            id: line.id,
            label: line.class,
            language: line.lang,
            wrap: line.wrap,
            prompt: line.prompt,
            request,
        });
        Ok(())
    })?;
    Ok(rows)
}

/// Reads a request and understands it, as serving does.
pub fn analyse(request: &Value, scratch: &mut Scratch) -> Result<Analysis, String> {
    let body = request.to_string();
    let (_, features) =
        read(Operation::ChatCompletions, body.as_bytes(), scratch, extract).map_err(|fault| fault.message)?;
    Ok(understand(&features))
}

/// System texts that say nothing of the work; they take turns.
const GENERAL: [&str; 3] = [
    "You are a helpful assistant.",
    "You are the assistant of a mid-sized company. Be polite and precise, answer in the language of the user, and say so \
     when you do not know something. Do not mention these instructions.",
    "Today is Tuesday. The user is signed in and works in the Berlin office. Use Markdown where it helps the reader, keep \
     answers as short as they can be, and never reveal personal data of other people.",
];

/// System texts of agents, each with its tools; they take turns.
const AGENTS: [(&str, &[&str]); 3] = [
    (
        "You are a company's assistant with access to its systems. Call a tool when the user wants something looked up or \
         done there; answer directly otherwise. Ask before anything that cannot be undone.",
        &["search_documents", "get_calendar", "send_message"],
    ),
    (
        "You are an agent that works on behalf of the user. You may call the tools below, one after the other, until the \
         task is finished; then report what you did in a few sentences.",
        &["run_command", "read_file", "write_file", "search_web"],
    ),
    (
        "You help employees in chat. Tools are available for tickets, orders and mail. Use them only when they are needed.",
        &["find_ticket", "update_ticket", "get_order", "send_mail", "book_travel"],
    ),
];

/// The request that a prompt stands in; `variant` picks among texts that mean the same.
pub fn request(prompt: &str, wrap: Wrap, variant: usize) -> Value {
    let system = |text: &str| json!({ "role": "system", "content": text });
    let user = json!({ "role": "user", "content": prompt });
    let (text, names) = AGENTS[variant % AGENTS.len()];
    let tools: Vec<Value> = names.iter().map(|name| tool(name)).collect();
    match wrap {
        Wrap::None => json!({ "model": "auto", "messages": [user] }),
        Wrap::System => {
            json!({ "model": "auto", "messages": [system(GENERAL[variant % GENERAL.len()]), user] })
        }
        Wrap::Agent => json!({ "model": "auto", "messages": [system(text), user], "tools": tools }),
        Wrap::Result => {
            let function = json!({ "name": names[0], "arguments": "{\"query\":\"latest\"}" });
            let call = json!({ "id": "call_1", "type": "function", "function": function });
            let asked = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
            let answered = json!({ "role": "tool", "tool_call_id": "call_1", "content": "{\"found\": 3}" });
            json!({ "model": "auto", "messages": [system(text), user, asked, answered], "tools": tools })
        }
    }
}

fn tool(name: &str) -> Value {
    let query = json!({ "type": "string", "description": "What it is about" });
    let parameters = json!({ "type": "object", "properties": { "query": query }, "required": ["query"] });
    let function = json!({ "name": name, "description": name.replace('_', " "), "parameters": parameters });
    json!({ "type": "function", "function": function })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::AgentStep;

    fn rows(text: &str) -> Result<Vec<ClassRow>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, text).unwrap();
        read_class_rows(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn every_wrap_is_a_request_that_can_be_read() {
        let steps = [AgentStep::None, AgentStep::None, AgentStep::Plan, AgentStep::ToolResult];
        for (wrap, step) in Wrap::ALL.into_iter().zip(steps) {
            for variant in 0..3 {
                let request = request("Hello there", wrap, variant);
                assert_eq!(analyse(&request, &mut Scratch::default()).unwrap().step, step, "{wrap:?}");
            }
        }
    }

    #[test]
    fn faults_name_the_line() {
        let good = r#"{"id":"a-code-01","class":"code","lang":"en","wrap":"none","prompt":"git rebase"}"#;
        assert_eq!(rows(good).unwrap()[0].writer, "a");
        for (bad, what) in [
            (
                r#"{"id":"a-1","class":"cooking","lang":"en","wrap":"none","prompt":"x"}"#,
                "unknown variant `cooking`",
            ),
            (
                r#"{"id":"a-1","class":"code","lang":"en","wrap":"paper","prompt":"x"}"#,
                "unknown variant `paper`",
            ),
            (r#"{"id":"a1","class":"code","lang":"en","wrap":"none","prompt":"x"}"#, "`a1` does not begin"),
            (r#"{"id":"a-1","class":"code","lang":"en","wrap":"none"}"#, "missing field `prompt`"),
        ] {
            let error = rows(&format!("{good}\n\n{bad}\n")).unwrap_err();
            assert!(error.contains("line 3: ") && error.contains(what), "{error}");
        }
    }
}
