//! One record as a row and back. Writing and reading stand side by side, because they must agree column by column.

use std::borrow::Cow;

use rusqlite::types::{Null, Type};
use rusqlite::{CachedStatement, Connection, Row, ToSql};
use serde::Serialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::{CostRange, Entry};
use crate::types::{ModelId, NanoUsd, Operation, RequestId, Usage};

/// Keys probed for an id: two requests of one millisecond share the upper half of their ids once in 65,536 pairs.
const PROBES: i64 = 64;

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

/// Writes one record at the first free key from its own on. A record that is already there is left alone.
pub(super) fn insert(connection: &Connection, entry: &Entry, scratch: &mut Vec<u8>) -> Result<(), RowFault> {
    let mut statement = connection.prepare_cached(INSERT)?;
    let mut columns = Columns { statement: &mut statement, next: 2 };
    bind(&mut columns, entry, scratch)?;
    for key in (key_of(entry.id)..).take(PROBES as usize) {
        statement.raw_bind_parameter(1, key)?;
        if statement.raw_execute()? == 1 || id_at(connection, key)? == Some(entry.id) {
            return Ok(());
        }
    }
    Err(RowFault::Record(format!("no free key for {}", entry.id)))
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
    statement: &'a mut CachedStatement<'c>,
    next: usize,
}

impl Columns<'_, '_> {
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
            None => self.put(Null),
        }
    }

    fn model(&mut self, value: Option<&ModelId>) -> Result<&mut Self, RowFault> {
        self.put(value.map(ModelId::as_str))
    }

    fn json(&mut self, value: Option<&impl Serialize>, scratch: &mut Vec<u8>) -> Result<&mut Self, RowFault> {
        let Some(value) = value else { return self.put(Null) };
        scratch.clear();
        serde_json::to_writer(&mut *scratch, value).map_err(|error| RowFault::Record(error.to_string()))?;
        let text = std::str::from_utf8(scratch).map_err(|error| RowFault::Record(error.to_string()))?;
        self.put(text)
    }
}

fn bind(columns: &mut Columns<'_, '_>, entry: &Entry, scratch: &mut Vec<u8>) -> Result<(), RowFault> {
    columns
        .put(entry.id.0.to_be_bytes().as_slice())?
        .put(entry.client.as_ref().map(|client| client.as_str()))?
        .put(entry.tenant as i64)?
        .put(entry.policy.as_ref().map(|policy| policy.as_str()))?
        .put(entry.dialect.map(|dialect| dialect.as_str()))?
        .put(operation_word(entry.operation))?
        .put(entry.model_asked.as_deref())?
        .put(entry.served.as_str())?
        .put(entry.reason.as_ref())?
        .put(entry.task.map(|task| task.as_str()))?
        .put(entry.complexity)?
        .put(entry.step.map(|step| step.as_str()))?
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
        .put(entry.ttft_us.map(|us| i64::try_from(us).unwrap_or(i64::MAX)))?
        .count(entry.total_us)?
        .put(entry.overhead_us)?
        .put(entry.session as i64)?
        .json((!entry.tags.is_empty()).then_some(&entry.tags), scratch)?
        .put(entry.snapshot.as_str())?
        .json((!entry.attempts.is_empty()).then_some(&entry.attempts), scratch)?
        .json(entry.inputs.as_ref(), scratch)?
        .json(entry.decision.as_ref(), scratch)?;
    Ok(())
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

/// Reads a row of `SELECT *`.
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
        inputs: fields.json()?,
        decision: fields.json()?,
    })
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

/// The record with this id.
pub(super) fn find(connection: &Connection, id: RequestId) -> rusqlite::Result<Option<Entry>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM requests WHERE key >= ?1 AND key < ?2 AND id = ?3")?;
    let key = key_of(id);
    let mut rows = statement.query((key, key.saturating_add(PROBES), id.0.to_be_bytes().as_slice()))?;
    rows.next()?.map(entry_of).transpose()
}

const INSERT: &str = "INSERT INTO requests VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
    ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, \
    ?38, ?39, ?40, ?41, ?42) ON CONFLICT (key) DO NOTHING";
