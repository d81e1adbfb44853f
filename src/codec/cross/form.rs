//! The form an answer must have, read from the request as its client wrote it: the schema of its text, the tools that may be called
//! and whether one must be. Read only where answers are tested, and of each dialect only what says it: unlike a translation, it
//! does not mind whatever else the request holds.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fields::Raw;
use super::{Spoke, gemini};
use crate::types::Operation;

/// The form an answer must have. Schemas are JSON schemas, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// What the text must be valid under; `None`: no schema is given.
    pub schema: Option<String>,
    /// The tools that may be called.
    pub tools: Vec<Offered>,
    /// Whether one of them must be.
    pub calls: bool,
}

/// A tool of the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its name.
    pub name: String,
    /// What its arguments must be valid under; `None`: it does not say.
    pub schema: Option<String>,
}

/// The form that a request asks for; `None` where what it says of it cannot be read.
pub fn form(operation: Operation, body: &[u8]) -> Option<Form> {
    match Spoke::of_client(operation)? {
        Spoke::Chat => serde_json::from_slice::<Chat<'_>>(body).ok()?.form(),
        Spoke::Responses => serde_json::from_slice::<Responses<'_>>(body).ok()?.form(),
        Spoke::Anthropic => serde_json::from_slice::<Messages<'_>>(body).ok()?.form(),
        Spoke::Gemini => serde_json::from_slice::<Contents<'_>>(body).ok()?.form(),
    }
}

/// Which tools may be called, and whether one must be.
#[derive(Default)]
struct Choice {
    /// `None`: all of them.
    among: Option<Vec<String>>,
    must: bool,
}

impl Choice {
    fn free() -> Option<Self> {
        Some(Self::default())
    }

    fn nothing() -> Option<Self> {
        Some(Self { among: Some(Vec::new()), must: false })
    }

    fn must(among: Option<Vec<String>>) -> Option<Self> {
        Some(Self { among, must: true })
    }

    fn form(self, schema: Option<String>, mut tools: Vec<Offered>) -> Form {
        if let Some(among) = self.among {
            tools.retain(|tool| among.contains(&tool.name));
        }
        Form { schema, tools, calls: self.must }
    }
}

fn owned(raw: &RawValue) -> String {
    raw.get().to_owned()
}

#[derive(Deserialize)]
struct Chat<'a> {
    #[serde(borrow)]
    tools: Option<Vec<ChatTool<'a>>>,
    /// The older spelling of them.
    #[serde(borrow)]
    functions: Option<Vec<Function<'a>>>,
    tool_choice: Option<Value>,
    /// The older spelling of that.
    function_call: Option<Value>,
    #[serde(borrow)]
    response_format: Option<ChatFormat<'a>>,
}

#[derive(Deserialize)]
struct ChatTool<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

/// A tool as both languages of OpenAI have it, one of them within a field of its own.
#[derive(Deserialize)]
struct Function<'a> {
    name: String,
    #[serde(borrow)]
    parameters: Raw<'a>,
}

impl Function<'_> {
    fn offered(self) -> Offered {
        Offered { name: self.name, schema: self.parameters.map(owned) }
    }
}

#[derive(Deserialize)]
struct ChatFormat<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    json_schema: Option<Schema<'a>>,
}

#[derive(Deserialize)]
struct Schema<'a> {
    #[serde(borrow)]
    schema: Raw<'a>,
}

impl Chat<'_> {
    fn form(self) -> Option<Form> {
        let format = self.response_format.filter(|format| format.kind == JSON_SCHEMA);
        let schema = format.and_then(|format| format.json_schema?.schema).map(owned);
        let tools = self.tools.into_iter().flatten().filter_map(|tool| tool.function);
        let tools = tools.chain(self.functions.into_iter().flatten()).map(Function::offered);
        let choice = self.tool_choice.or(self.function_call);
        Some(openai_choice(choice.as_ref())?.form(schema, tools.collect()))
    }
}

#[derive(Deserialize)]
struct Responses<'a> {
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
    tool_choice: Option<Value>,
    #[serde(borrow)]
    text: Option<Within<'a>>,
}

#[derive(Deserialize)]
struct Within<'a> {
    #[serde(borrow)]
    format: Option<Format<'a>>,
}

/// A form as Responses and Messages have it.
#[derive(Deserialize)]
struct Format<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    schema: Raw<'a>,
}

impl Format<'_> {
    fn schema(self) -> Option<String> {
        Some(self).filter(|format| format.kind == JSON_SCHEMA)?.schema.map(owned)
    }
}

impl Responses<'_> {
    fn form(self) -> Option<Form> {
        let schema = self.text.and_then(|text| text.format).and_then(Format::schema);
        // Those of other kinds are the provider's, and have no name.
        let tools = self.tools.into_iter().flatten();
        let tools = tools.filter_map(|raw| serde_json::from_str::<Function<'_>>(raw.get()).ok());
        let tools = tools.map(Function::offered).collect();
        Some(openai_choice(self.tool_choice.as_ref())?.form(schema, tools))
    }
}

/// What OpenAI's languages say in the same words: one of three, a tool by its name, or several that are allowed.
fn openai_choice(choice: Option<&Value>) -> Option<Choice> {
    let Some(choice) = choice else { return Choice::free() };
    match choice.as_str() {
        Some("required") => return Choice::must(None),
        Some("none") => return Choice::nothing(),
        Some(_) => return Choice::free(),
        None => {}
    }
    if choice["type"] == "allowed_tools" {
        let allowed = choice.get("allowed_tools").unwrap_or(choice);
        let among = allowed["tools"].as_array()?.iter().map(named).collect::<Option<_>>()?;
        return Some(Choice { among: Some(among), must: allowed["mode"] == "required" });
    }
    Choice::must(Some(vec![named(choice)?]))
}

/// The tool that this names, in Chat within a field that tells its kind.
fn named(tool: &Value) -> Option<String> {
    let within = ["function", "custom"].into_iter().find_map(|kind| tool.get(kind)).unwrap_or(tool);
    within["name"].as_str().map(str::to_owned)
}

#[derive(Deserialize)]
struct Messages<'a> {
    #[serde(borrow)]
    tools: Option<Vec<Tool<'a>>>,
    tool_choice: Option<ToolChoice>,
    #[serde(borrow)]
    output_config: Option<Within<'a>>,
    /// As the beta had it.
    #[serde(borrow)]
    output_format: Option<Format<'a>>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    name: Option<String>,
    #[serde(borrow)]
    input_schema: Raw<'a>,
}

#[derive(Deserialize)]
struct ToolChoice {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
}

impl Messages<'_> {
    fn form(self) -> Option<Form> {
        let newer = self.output_config.and_then(|config| config.format);
        let schema = newer.or(self.output_format).and_then(Format::schema);
        let tools = self
            .tools
            .into_iter()
            .flatten()
            .filter_map(|tool| Some(Offered { name: tool.name?, schema: tool.input_schema.map(owned) }));
        let choice = match self.tool_choice {
            None => Choice::free(),
            Some(ToolChoice { kind, name }) => match (&*kind, name) {
                ("auto", _) => Choice::free(),
                ("none", _) => Choice::nothing(),
                ("any", _) => Choice::must(None),
                ("tool", Some(name)) => Choice::must(Some(vec![name])),
                _ => None,
            },
        };
        Some(choice?.form(schema, tools.collect()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contents<'a> {
    #[serde(borrow)]
    tools: Option<Vec<Declarations<'a>>>,
    #[serde(alias = "tool_config")]
    tool_config: Option<ToolConfig>,
    #[serde(borrow, alias = "generation_config")]
    generation_config: Option<Config<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declarations<'a> {
    #[serde(borrow, alias = "function_declarations")]
    function_declarations: Option<Vec<Declaration<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: String,
    #[serde(borrow)]
    parameters: Raw<'a>,
    #[serde(borrow, alias = "parameters_json_schema")]
    parameters_json_schema: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig {
    #[serde(alias = "function_calling_config")]
    function_calling_config: Option<Calling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Calling {
    mode: Option<String>,
    #[serde(alias = "allowed_function_names")]
    allowed_function_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    #[serde(alias = "response_mime_type")]
    response_mime_type: Option<String>,
    #[serde(borrow, alias = "response_schema")]
    response_schema: Raw<'a>,
    #[serde(borrow, alias = "response_json_schema")]
    response_json_schema: Raw<'a>,
}

impl Contents<'_> {
    fn form(self) -> Option<Form> {
        let schema = match self.generation_config {
            None => None,
            Some(config) => {
                let schema = either(config.response_json_schema, config.response_schema)?;
                let is_json = config.response_mime_type.is_none_or(|kind| kind == "application/json");
                // A word of a list stands there bare, which no schema says.
                if schema.is_some() && !is_json {
                    return None;
                }
                schema
            }
        };
        let declared = self.tools.into_iter().flatten().filter_map(|tool| tool.function_declarations);
        let tools = declared.flatten().map(|Declaration { name, parameters, parameters_json_schema }| {
            Some(Offered { name, schema: either(parameters_json_schema, parameters)? })
        });
        let tools = tools.collect::<Option<_>>()?;
        let calling = self.tool_config.and_then(|config| config.function_calling_config);
        let choice = calling.map_or_else(Choice::default, |Calling { mode, allowed_function_names }| {
            let among = allowed_function_names.filter(|names| !names.is_empty());
            match mode.as_deref() {
                Some("ANY") => Choice { among, must: true },
                Some("NONE") => Choice { among: Some(Vec::new()), must: false },
                _ => Choice { among, must: false },
            }
        });
        Some(choice.form(schema, tools))
    }
}

/// A JSON schema, or one of Gemini's own put into that; `None` for one that is none.
fn either(json: Raw<'_>, own: Raw<'_>) -> Option<Option<String>> {
    match (json, own) {
        (Some(json), _) => Some(Some(owned(json))),
        (None, Some(own)) => Some(Some(gemini::json_schema(own)?.as_str().to_owned())),
        (None, None) => Some(None),
    }
}

/// The kind of a form that has a schema.
const JSON_SCHEMA: &str = "json_schema";

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
