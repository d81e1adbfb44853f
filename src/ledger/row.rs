//! One record as a row and back. Writing and reading stand side by side, because they must agree column by column.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::types::Type;
use rusqlite::{CachedStatement, Connection, Row, ToSql};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::ser::{Serialize, Serializer};

use super::compact::{Pen, expand};
use super::entry::filled_buckets;
use super::{AttemptRow, CostRange, Entry};
use crate::routing::{Decision, Inputs};
use crate::types::{ModelId, NanoUsd, Operation, RequestId, Usage};

/// Keys probed for an id: two requests of one millisecond share the upper half of their ids once in 65,536 pairs.
pub(super) const PROBES: i64 = 64;

/// The key under which a request is stored, unless it is taken.
pub(super) fn key_of(id: RequestId) -> i64 {
    ((id.0 >> 64) as u64 & i64::MAX as u64) as i64
}

/// The first key of a millisecond.
pub(super) fn first_key_of_ms(unix_ms: u64) -> i64 {
    key_of(RequestId::new(unix_ms, 0))
}

/// Why a record was not written.
#[derive(Debug)]
pub(super) enum RowFault {
    /// This record can never be written; the others can.
    Record(String),
    /// The database failed; nothing can be written now.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for RowFault {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{ConstraintViolation, ParameterOutOfRange, TooBig, TypeMismatch};
        match error.sqlite_error_code() {
            Some(ConstraintViolation | TooBig | TypeMismatch | ParameterOutOfRange) => {
                Self::Record(error.to_string())
            }
            _ => Self::Database(error),
        }
    }
}

impl From<serde_json::Error> for RowFault {
    fn from(error: serde_json::Error) -> Self {
        Self::Record(error.to_string())
    }
}

/// Writes records within one transaction.
pub(super) struct Inserter<'c, 'p> {
    connection: &'c Connection,
    statement: CachedStatement<'c>,
    pen: &'p mut Pen,
}

impl<'c, 'p> Inserter<'c, 'p> {
    /// Prepares once what each record then only fills.
    pub(super) fn new(connection: &'c Connection, pen: &'p mut Pen) -> Result<Self, rusqlite::Error> {
        Ok(Self { connection, statement: connection.prepare_cached(INSERT)?, pen })
    }

    /// Writes one record at the first free key from its own on. A record that is already there is left alone.
    pub(super) fn insert(&mut self, entry: &Entry) -> Result<(), RowFault> {
        self.statement.clear_bindings();
        let mut columns =
            Columns { connection: self.connection, statement: &mut self.statement, pen: self.pen, next: 2 };
        bind(&mut columns, entry)?;
        for key in (key_of(entry.id)..).take(PROBES as usize) {
            self.statement.raw_bind_parameter(1, key)?;
            if self.statement.raw_execute()? == 1 || id_at(self.connection, key)? == Some(entry.id) {
                return Ok(());
            }
        }
        Err(RowFault::Record(format!("no free key for {}", entry.id)))
    }
}

fn id_at(connection: &Connection, key: i64) -> Result<Option<RequestId>, RowFault> {
    let mut statement = connection.prepare_cached("SELECT id FROM requests WHERE key = ?1")?;
    let mut rows = statement.query([key])?;
    Ok(rows.next()?.map(|row| row.get::<_, [u8; 16]>(0)).transpose()?.map(id_of_bytes))
}

fn id_of_bytes(bytes: [u8; 16]) -> RequestId {
    RequestId(u128::from_be_bytes(bytes))
}

struct Columns<'a, 'c> {
    connection: &'c Connection,
    statement: &'a mut CachedStatement<'c>,
    pen: &'a mut Pen,
    next: usize,
}

impl Columns<'_, '_> {
    /// Leaves a column empty: bindings were cleared, so there is nothing to bind.
    fn skip(&mut self) -> &mut Self {
        self.next += 1;
        self
    }

    fn optional(&mut self, value: Option<impl ToSql>) -> Result<&mut Self, RowFault> {
        match value {
            Some(value) => self.put(value),
            None => Ok(self.skip()),
        }
    }

    fn put(&mut self, value: impl ToSql) -> Result<&mut Self, RowFault> {
        self.statement.raw_bind_parameter(self.next, value)?;
        self.next += 1;
        Ok(self)
    }

    /// Counts beyond what SQLite can hold stay at its largest number.
    fn count(&mut self, value: u64) -> Result<&mut Self, RowFault> {
        self.put(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn money(&mut self, value: Option<NanoUsd>) -> Result<&mut Self, RowFault> {
        match value {
            Some(amount) => self.count(amount.0),
            None => Ok(self.skip()),
        }
    }

    fn model(&mut self, value: Option<&ModelId>) -> Result<&mut Self, RowFault> {
        self.optional(value.map(ModelId::as_str))
    }

    fn json(&mut self, value: Option<&impl Serialize>) -> Result<&mut Self, RowFault> {
        let Some(value) = value else { return Ok(self.skip()) };
        self.pen.write_plain(value)?;
        self.put_written()
    }

    fn compact(&mut self, value: Option<&impl Serialize>) -> Result<&mut Self, RowFault> {
        let Some(value) = value else { return Ok(self.skip()) };
        for _ in 0..2 {
            self.pen.write(value)?;
            let unknown = self.pen.take_unknown();
            if unknown.is_empty() {
                return self.put_written();
            }
            for names in unknown {
                let id = shape_id(self.connection, &names)?;
                self.pen.learn(names, id)?;
            }
        }
        Err(RowFault::Record("its fields' names change from one look to the next".to_owned()))
    }

    fn put_written(&mut self) -> Result<&mut Self, RowFault> {
        self.statement.raw_bind_parameter(self.next, self.pen.text()?)?;
        self.next += 1;
        Ok(self)
    }
}

/// The id of a shape, given on its first appearance.
fn shape_id(connection: &Connection, names: &[&str]) -> Result<u32, RowFault> {
    let names = serde_json::to_string(names)?;
    Ok(connection.query_row(
        "INSERT INTO shapes (names) VALUES (?1) ON CONFLICT (names) DO UPDATE SET names = names RETURNING id",
        [names],
        |row| row.get(0),
    )?)
}

fn bind(columns: &mut Columns<'_, '_>, entry: &Entry) -> Result<(), RowFault> {
    columns
        .put(entry.id.0.to_be_bytes().as_slice())?
        .optional(entry.client.as_ref().map(|client| client.as_str()))?
        .put(entry.tenant as i64)?
        .optional(entry.policy.as_ref().map(|policy| policy.as_str()))?
        .optional(entry.dialect.map(|dialect| dialect.as_str()))?
        .put(operation_word(entry.operation))?
        .optional(entry.model_asked.as_deref())?
        .put(entry.served.as_str())?
        .put(entry.reason.as_ref())?
        .optional(entry.task.map(|task| task.as_str()))?
        .optional(entry.complexity)?
        .optional(entry.step.map(|step| step.as_str()))?
        .put(entry.stream)?
        .put(entry.status)?
        .put(entry.outcome.as_str())?
        .model(entry.model.as_ref())?
        .money(entry.cost)?
        .put(entry.cost_estimated)?;
    bind_usage(columns, &entry.usage)?;
    columns
        .model(entry.baseline.as_ref())?
        .money(entry.baseline_cost)?
        .model(entry.would_model.as_ref())?
        .money(entry.would_cost.map(|cost| cost.low))?
        .money(entry.would_cost.map(|cost| cost.high))?
        .optional(entry.ttft_us.map(|us| i64::try_from(us).unwrap_or(i64::MAX)))?
        .count(entry.total_us)?
        .put(entry.overhead_us)?
        .put(entry.session as i64)?
        .json((!entry.tags.is_empty()).then_some(&entry.tags))?
        .put(entry.snapshot.as_str())?
        .json((!entry.attempts.is_empty()).then_some(&Attempts(&entry.attempts)))?
        .compact(entry.inputs.as_ref())?
        .compact(entry.decision.as_ref())?;
    Ok(())
}

/// Attempts without the names of their fields: a list each, in the order of the struct's fields, which is how they read
/// back. The view `attempts` knows the positions.
struct Attempts<'a>(&'a [AttemptRow]);

impl Serialize for Attempts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|attempt| {
            (
                attempt.number,
                &attempt.model,
                &attempt.deployment,
                &attempt.provider,
                attempt.outcome,
                attempt.status,
                attempt.started_us,
                attempt.ttft_us,
                attempt.total_us,
                Buckets(&attempt.usage),
                attempt.usage_source,
                attempt.cost,
                attempt.maybe_billed,
                &attempt.provider_request_id,
            )
        }))
    }
}

struct Buckets<'a>(&'a Usage);

impl Serialize for Buckets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        filled_buckets(self.0, serializer)
    }
}

fn bind_usage(columns: &mut Columns<'_, '_>, usage: &Usage) -> Result<(), RowFault> {
    columns
        .count(usage.input)?
        .count(usage.cache_read)?
        .count(usage.cache_write_5m)?
        .count(usage.cache_write_1h)?
        .count(usage.output)?
        .count(usage.reasoning)?
        .count(usage.audio_input)?
        .count(usage.audio_output)?
        .count(usage.image_input)?;
    Ok(())
}

/// Reads a row of `SELECT *` but for inputs and decision.
pub(super) fn entry_of(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let mut fields = Fields { row, next: 1 };
    Ok(Entry {
        id: id_of_bytes(fields.plain()?),
        client: fields.word()?,
        tenant: fields.plain::<i64>()? as u64,
        policy: fields.word()?,
        dialect: fields.word()?,
        operation: fields.needed_word()?,
        model_asked: fields.plain()?,
        served: fields.needed_word()?,
        reason: Cow::Owned(fields.plain()?),
        task: fields.word()?,
        complexity: fields.plain()?,
        step: fields.word()?,
        stream: fields.plain()?,
        status: fields.plain()?,
        outcome: fields.needed_word()?,
        model: fields.word()?,
        cost: fields.money()?,
        cost_estimated: fields.plain()?,
        usage: usage_of(&mut fields)?,
        baseline: fields.word()?,
        baseline_cost: fields.money()?,
        would_model: fields.word()?,
        would_cost: fields.money()?.zip(fields.money()?).map(|(low, high)| CostRange { low, high }),
        ttft_us: fields.plain::<Option<i64>>()?.map(|us| us as u64),
        total_us: fields.count()?,
        overhead_us: fields.plain()?,
        session: fields.plain::<i64>()? as u64,
        tags: fields.json()?.unwrap_or_default(),
        snapshot: fields.needed_word()?,
        attempts: fields.json()?.unwrap_or_default(),
        inputs: None,
        decision: None,
    })
}

/// Reads the inputs of a row of `SELECT *`.
pub(super) fn inputs_of(row: &Row<'_>, shapes: &ShapeNames<'_>) -> rusqlite::Result<Option<Box<Inputs>>> {
    Fields { row, next: INPUTS }.compact(shapes)
}

/// Reads the decision of a row of `SELECT *`.
pub(super) fn decision_of(row: &Row<'_>, shapes: &ShapeNames<'_>) -> rusqlite::Result<Option<Box<Decision>>> {
    Fields { row, next: INPUTS + 1 }.compact(shapes)
}

/// The position of the column `inputs`; `decision` follows.
const INPUTS: usize = 40;

/// Looks up the names of shapes, each once.
pub(super) struct ShapeNames<'c> {
    connection: &'c Connection,
    known: RefCell<HashMap<u64, Vec<String>>>,
}

impl<'c> ShapeNames<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, known: RefCell::default() }
    }

    fn of(&self, shape: u64) -> Option<Vec<String>> {
        if let Some(names) = self.known.borrow().get(&shape) {
            return Some(names.clone());
        }
        let names: String = self
            .connection
            .query_row("SELECT names FROM shapes WHERE id = ?1", [shape as i64], |row| row.get(0))
            .ok()?;
        let names: Vec<String> = serde_json::from_str(&names).ok()?;
        self.known.borrow_mut().insert(shape, names.clone());
        Some(names)
    }
}

fn usage_of(fields: &mut Fields<'_, '_>) -> rusqlite::Result<Usage> {
    Ok(Usage {
        input: fields.count()?,
        cache_read: fields.count()?,
        cache_write_5m: fields.count()?,
        cache_write_1h: fields.count()?,
        output: fields.count()?,
        reasoning: fields.count()?,
        audio_input: fields.count()?,
        audio_output: fields.count()?,
        image_input: fields.count()?,
    })
}

/// The columns of a row from left to right.
struct Fields<'a, 'r> {
    row: &'a Row<'r>,
    next: usize,
}

impl Fields<'_, '_> {
    fn plain<T: rusqlite::types::FromSql>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    fn count(&mut self) -> rusqlite::Result<u64> {
        Ok(self.plain::<i64>()? as u64)
    }

    fn money(&mut self) -> rusqlite::Result<Option<NanoUsd>> {
        Ok(self.plain::<Option<i64>>()?.map(|amount| NanoUsd(amount as u64)))
    }

    /// A name, or a word of a closed vocabulary.
    fn word<T: DeserializeOwned>(&mut self) -> rusqlite::Result<Option<T>> {
        let Some(word) = self.plain::<Option<String>>()? else { return Ok(None) };
        let from_word: StrDeserializer<'_, serde::de::value::Error> = word.as_str().into_deserializer();
        T::deserialize(from_word).map(Some).map_err(|error| self.unreadable(error))
    }

    fn needed_word<T: DeserializeOwned>(&mut self) -> rusqlite::Result<T> {
        self.word()?.ok_or_else(|| self.unreadable("empty"))
    }

    fn json<T: DeserializeOwned>(&mut self) -> rusqlite::Result<Option<T>> {
        let Some(text) = self.plain::<Option<String>>()? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| self.unreadable(error))
    }

    fn compact<T: DeserializeOwned>(&mut self, shapes: &ShapeNames<'_>) -> rusqlite::Result<Option<T>> {
        let Some(value) = self.json()? else { return Ok(None) };
        let value = expand(value, &mut |shape| shapes.of(shape));
        let value = value.ok_or_else(|| self.unreadable("a shape is missing"))?;
        serde_json::from_value(value).map(Some).map_err(|error| self.unreadable(error))
    }

    /// The column before `next` holds what this version cannot read.
    fn unreadable(&self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
        rusqlite::Error::FromSqlConversionFailure(self.next - 1, Type::Text, why.into())
    }
}

/// Unlike `Operation::as_str` it tells `chat_completions` from `messages`.
fn operation_word(operation: Operation) -> &'static str {
    match operation {
        Operation::ChatCompletions => "chat_completions",
        Operation::Messages => "messages",
        Operation::Responses => "responses",
        Operation::Embeddings => "embeddings",
        Operation::GenerateContent => "generate_content",
        Operation::CountTokens => "count_tokens",
        Operation::Other => "other",
    }
}

const INSERT: &str = "INSERT INTO requests VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
    ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, \
    ?38, ?39, ?40, ?41, ?42) ON CONFLICT (key) DO NOTHING";
