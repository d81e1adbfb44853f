//! Whether an answer has the form that was asked for. Schemas are the client's own, so they are weighed before they are compiled,
//! and what would take too long to compile or to check is not. Nothing here fails: what cannot be told is [`Fit::Untold`].

mod burden;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::codec::{self, ChatRequest, Finish, Form, Offered, Spoken};
use crate::strategy::job::Job;
use crate::types::{Capabilities, Operation};

use burden::burden;

/// Largest schema that is looked at, bytes.
const MAX_SCHEMA: usize = 256 << 10;
/// Longest text that is held against a schema, bytes.
const MAX_TEXT: usize = 256 << 10;
/// Most that a schema's burden comes to with a text's length. About half a second of work where both were made for it, and far
/// from what is usual: forty fields and 16 KiB are a hundredth of it.
const MAX_WORK: u64 = 1 << 26;
/// Largest a pattern may grow when it is compiled, bytes; and as much for what it finds out while it runs.
const MAX_PATTERN: usize = 64 << 10;
const PATTERN_CACHE: usize = 1 << 20;

/// How an answer stands to the form that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It has it.
    Fits,
    /// As far as can be seen; the form cannot be checked.
    Untold,
    /// It has not.
    Misfits,
}

/// The form asked for by a request, read and compiled once, when an answer is first held against it.
#[derive(Clone, Debug, Default)]
pub struct AskedForm(Arc<OnceLock<Option<Compiled>>>);

impl AskedForm {
    fn compiled(&self, operation: Operation, body: &[u8]) -> Option<&Compiled> {
        self.0.get_or_init(|| codec::form(operation, body).map(Compiled::from)).as_ref()
    }
}

/// A form with its schemas, each compiled when it is first needed: of many tools few are called.
#[derive(Debug)]
struct Compiled {
    form: Form,
    text: Schema,
    tools: Vec<Schema>,
}

#[derive(Debug, Default)]
struct Schema(OnceLock<Option<Checker>>);

impl From<Form> for Compiled {
    fn from(form: Form) -> Self {
        let tools = form.tools.iter().map(|_| Schema::default()).collect();
        Self { form, text: Schema::default(), tools }
    }
}

impl Schema {
    /// How a JSON text stands to it; `schema`: as it was read, always the same.
    fn fit(&self, schema: &str, text: &str) -> Fit {
        let checker = self.0.get_or_init(|| Checker::of(schema)).as_ref();
        checker.map_or(Fit::Untold, |checker| checker.fit(text))
    }
}

/// A schema, compiled.
#[derive(Debug)]
struct Checker {
    validator: Validator,
    burden: u64,
}

impl Checker {
    /// `None` for what is no schema, refers to something elsewhere, or is too large or too intricate.
    fn of(schema: &str) -> Option<Self> {
        let schema = Some(schema).filter(|schema| schema.len() <= MAX_SCHEMA)?;
        let schema: Value = serde_json::from_str(schema).ok()?;
        let burden = burden(&schema)?;
        // Of the two engines the one whose effort is bounded: patterns are the client's, too.
        let patterns = PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(PATTERN_CACHE);
        let options = jsonschema::options().offline().with_pattern_options(patterns);
        // The newer drafts only note a format, and whether an older one is meant is a matter of chance.
        let options = options.should_validate_formats(false);
        let validator = unharmed(|| options.build(&schema).ok())??;
        Some(Self { validator, burden })
    }

    fn fit(&self, text: &str) -> Fit {
        let bytes = text.len();
        if bytes > MAX_TEXT || self.burden.saturating_mul(bytes as u64) > MAX_WORK {
            return Fit::Untold;
        }
        let Ok(value) = serde_json::from_str::<Value>(text) else { return Fit::Misfits };
        match unharmed(|| self.validator.is_valid(&value)) {
            Some(true) => Fit::Fits,
            Some(false) => Fit::Misfits,
            None => Fit::Untold,
        }
    }
}

/// What this comes to; `None` where it panics. The library rests on invariants that a schema made for it might break, and that is
/// no reason to leave a client without an answer.
fn unharmed<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// How an answer stands to what its client asks for: not cut off, not a refusal, a call or a text; JSON where JSON was asked for, and
/// valid under the schema where there is one; no call but of a tool that may be called, and one where one must be.
pub(super) fn fit(job: &Job<'_>, spoken: &Spoken) -> Fit {
    let form = || job.compound.as_ref()?.form.compiled(job.operation, job.body);
    held_against((job.request, &form), spoken)
}

fn held_against<'f>(
    (request, form): (Option<&ChatRequest>, &dyn Fn() -> Option<&'f Compiled>),
    spoken: &Spoken,
) -> Fit {
    if !is_whole(spoken) {
        return Fit::Misfits;
    }
    let asked = |capability| request.is_some_and(|request| request.needs.has(capability));
    if !asked(Capabilities::JSON_SCHEMA) && !asked(Capabilities::TOOLS) {
        // There is no form to read, and nothing to call.
        return if spoken.calls.is_empty() { plain(request, spoken) } else { Fit::Misfits };
    }
    let Some(form) = form() else { return plain(request, spoken).max(Fit::Untold) };
    if !spoken.calls.is_empty() {
        return spoken.calls.iter().map(|call| form.call(call)).max().unwrap_or(Fit::Misfits);
    }
    match &form.form.schema {
        _ if form.form.calls => Fit::Misfits,
        Some(schema) => match form.text.fit(schema, spoken.text.trim()) {
            Fit::Untold => plain(request, spoken).max(Fit::Untold),
            told => told,
        },
        None => plain(request, spoken),
    }
}

/// Whether an answer was neither cut off nor declined.
fn is_whole(spoken: &Spoken) -> bool {
    let whole = matches!(spoken.finish, Some(Finish::Stop | Finish::ToolCalls));
    whole && !spoken.refused
}

/// What can be told without a form: a call has a name and an object of arguments, JSON is JSON, any other text is not empty.
fn plain(request: Option<&ChatRequest>, spoken: &Spoken) -> Fit {
    let called = |(name, arguments): &(String, String)| !name.is_empty() && object(arguments) == Fit::Fits;
    let wants_json = request.is_some_and(|request| {
        request.needs.has(Capabilities::JSON_SCHEMA) || request.needs.has(Capabilities::JSON_OBJECT)
    });
    let text = spoken.text.trim();
    let fits = match (spoken.calls.is_empty(), wants_json) {
        (false, _) => spoken.calls.iter().all(called),
        (true, true) => {
            serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object() || value.is_array())
        }
        (true, false) => !text.is_empty(),
    };
    if fits { Fit::Fits } else { Fit::Misfits }
}

fn object(text: &str) -> Fit {
    let is_object = serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object());
    if is_object { Fit::Fits } else { Fit::Misfits }
}

impl Compiled {
    fn call(&self, (name, arguments): &(String, String)) -> Fit {
        let mut tools = self.form.tools.iter().zip(&self.tools);
        match tools.find(|(tool, _)| tool.name == *name) {
            None => Fit::Misfits,
            Some((Offered { schema: None, .. }, _)) => object(arguments),
            Some((Offered { schema: Some(schema), .. }, compiled)) => {
                object(arguments).max(compiled.fit(schema, arguments))
            }
        }
    }
}

#[cfg(test)]
mod tests;
