//! One request as a row and back: its key, its record, and the inputs and the decision where there are any. A record is a
//! JSON array whose positions the views name; a column each would take twice the CPU.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;

use rusqlite::types::{Null, Type};
use rusqlite::{CachedStatement, Connection, Row};
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::compact::{Pen, expand};
use super::entry::filled_buckets;
use super::{AttemptRow, Entry};
use crate::routing::{Decision, Inputs};
use crate::types::{RequestId, Signals, Tried, Under, Usage};

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
        self.pen.write_plain(&Record(entry))?;
        self.statement.raw_bind_parameter(2, self.pen.text()?)?;
        self.compact(3, entry.inputs.as_deref())?;
        self.compact(4, entry.decision.as_deref())?;
        for key in (key_of(entry.id)..).take(PROBES as usize) {
            self.statement.raw_bind_parameter(1, key)?;
            if self.statement.raw_execute()? == 1 || id_at(self.connection, key)? == Some(entry.id) {
                return Ok(());
            }
        }
        Err(RowFault::Record(format!("no free key for {}", entry.id)))
    }

    fn compact(&mut self, column: usize, value: Option<&impl Serialize>) -> Result<(), RowFault> {
        let Some(value) = value else { return Ok(self.statement.raw_bind_parameter(column, Null)?) };
        for _ in 0..2 {
            self.pen.write(value)?;
            let unknown = self.pen.take_unknown();
            if unknown.is_empty() {
                return Ok(self.statement.raw_bind_parameter(column, self.pen.text()?)?);
            }
            for names in unknown {
                let id = shape_id(self.connection, &names)?;
                self.pen.learn(names, id)?;
            }
        }
        Err(RowFault::Record("its fields' names change from one look to the next".to_owned()))
    }
}

fn id_at(connection: &Connection, key: i64) -> Result<Option<RequestId>, RowFault> {
    let mut statement = connection.prepare_cached("SELECT record ->> 0 FROM records WHERE key = ?1")?;
    let mut rows = statement.query([key])?;
    let id = rows.next()?.map(|row| row.get::<_, String>(0)).transpose()?;
    Ok(id.and_then(|id| id.parse().ok()))
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

/// The fields of [`Entry`] up to its usage, in their order, which is how a record reads back: they are its positions
/// from 0 on, and usage and attempts follow. Positions never change; a later field stands behind the attempts.
macro_rules! record {
    ($($field:ident),* $(,)?) => {
        const FIELDS: &[&str] = &[$(stringify!($field)),*];

        impl Serialize for Record<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut record = serializer.serialize_seq(Some(FIELDS.len() + 2))?;
                $(record.serialize_element(&self.0.$field)?;)*
                record.serialize_element(&Buckets(&self.0.usage))?;
                record.serialize_element(&Attempts(&self.0.attempts))?;
                record.end()
            }
        }
    };
}

struct Record<'a>(&'a Entry);

record!(
    id,
    client,
    tenant,
    policy,
    dialect,
    operation,
    model_asked,
    served,
    reason,
    task,
    complexity,
    step,
    stream,
    status,
    outcome,
    model,
    cost,
    cost_estimated,
    baseline,
    baseline_cost,
    would_model,
    would_cost,
    ttft_us,
    total_us,
    overhead_us,
    session,
    tags,
    snapshot,
);

/// Attempts without the names of their fields either.
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
                &attempt.fault,
                attempt.tried.map(in_order),
            )
        }))
    }
}

/// A tested answer without the names of its fields either.
fn in_order(Tried { stood, same, signals, under }: Tried) -> impl Serialize {
    let Signals { output_tokens, text_bytes, calls, probability, well_formed } = signals;
    let Under { acceptor, audit, unfamiliar } = under;
    let signals = (output_tokens, text_bytes, calls, probability, well_formed);
    (stood, same, signals, (acceptor, audit, unfamiliar))
}

struct Buckets<'a>(&'a Usage);

impl Serialize for Buckets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        filled_buckets(self.0, serializer)
    }
}

/// The views: `requests` has a column a field, `attempts` a row an attempt.
pub(super) fn views() -> String {
    let mut columns = String::new();
    for (name, at) in FIELDS.iter().zip(0..) {
        let _ = match *name {
            // Hashes of 64 bits, which SQLite's integers cannot hold: their digits.
            "tenant" | "session" => write!(columns, ", record -> {at} AS {name}"),
            "cost" | "baseline_cost" => write!(columns, ", record ->> {at} AS {name}_nanousd"),
            "would_cost" => write!(
                columns,
                ", record -> {at} ->> 'low' AS would_low_nanousd, record -> {at} ->> 'high' AS would_high_nanousd"
            ),
            _ => write!(columns, ", record ->> {at} AS {name}"),
        };
    }
    let (usage, attempts) = (FIELDS.len(), FIELDS.len() + 1);
    format!(
        "CREATE VIEW IF NOT EXISTS requests AS
            SELECT key{columns}, key >> 16 AS arrived_ms, record -> {usage} AS usage,
                json_array_length(record, '$[{attempts}]') AS attempts, inputs, decision
            FROM records;
        CREATE VIEW IF NOT EXISTS attempts AS
            SELECT r.key AS request_key, r.record ->> 0 AS request_id, r.key >> 16 AS arrived_ms,
                a.value ->> 0 AS number, a.value ->> 1 AS model, a.value ->> 2 AS deployment,
                a.value ->> 3 AS provider, a.value ->> 4 AS outcome, a.value ->> 5 AS status,
                a.value ->> 6 AS started_us, a.value ->> 7 AS ttft_us, a.value ->> 8 AS total_us,
                a.value -> 9 AS usage, a.value ->> 10 AS usage_source, a.value ->> 11 AS cost_nanousd,
                a.value ->> 12 AS maybe_billed, a.value ->> 13 AS provider_request_id,
                a.value ->> 14 AS fault, a.value -> 15 ->> 0 AS stood, a.value -> 15 ->> 1 AS same,
                a.value -> 15 -> 2 AS signals
            FROM records AS r, json_each(r.record -> {attempts}) AS a;"
    )
}

/// Reads a row of `SELECT *` but for inputs and decision.
pub(super) fn entry_of(row: &Row<'_>) -> rusqlite::Result<Entry> {
    json(row, 1)?.ok_or_else(|| unreadable(1, "empty"))
}

/// Reads the inputs of a row of `SELECT *`.
pub(super) fn inputs_of(row: &Row<'_>, shapes: &ShapeNames<'_>) -> rusqlite::Result<Option<Box<Inputs>>> {
    compact(row, 2, shapes)
}

/// Reads the decision of a row of `SELECT *`.
pub(super) fn decision_of(row: &Row<'_>, shapes: &ShapeNames<'_>) -> rusqlite::Result<Option<Box<Decision>>> {
    compact(row, 3, shapes)
}

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

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|error| unreadable(column, error))
}

fn compact<T: DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
    shapes: &ShapeNames<'_>,
) -> rusqlite::Result<Option<T>> {
    let Some(value) = json(row, column)? else { return Ok(None) };
    let value = expand(value, &mut |shape| shapes.of(shape));
    let value = value.ok_or_else(|| unreadable(column, "a shape is missing"))?;
    serde_json::from_value(value).map(Some).map_err(|error| unreadable(column, error))
}

/// A column holds what this version cannot read.
fn unreadable(column: usize, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

const INSERT: &str = "INSERT INTO records VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO NOTHING";
