//! The tables: their stable numbers, their columns and their Arrow schemas. `query` shows these names to people.
//!
//! A table's number and version are on disk (log frames, manifest entries): never reuse a number, and raise the
//! version with any change of columns.

use crate::entry;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use std::sync::{Arc, OnceLock};

/// A table. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Table {
    /// One row for each span.
    Spans = 1,
    /// One row for each revision of a leaf model call.
    LlmCalls = 2,
    /// One row for each part of a message to or from a model.
    LlmMessages = 3,
    /// One row for each run of an agent, workflow, task or tool.
    AgentRuns = 4,
    /// One row for each judgement.
    Evaluations = 5,
    /// One row for each log record.
    Logs = 6,
    /// One row for each metric point.
    Metrics = 7,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text (`Utf8View`).
    Text,
    /// A whole number (`Int64`).
    Int,
    /// A floating-point number (`Float64`).
    Double,
    /// True or false.
    Bool,
    /// Text to text (`Map<Utf8, Utf8>`).
    Map,
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its SQL name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// What it means, for people.
    pub doc: &'static str,
}

/// The last column of every table; the store fills it when it appends.
pub(crate) const SEQ: Column =
    Column { name: "seq", kind: Kind::Int, nullable: false, doc: "number of the batch the row came in with" };

impl Column {
    /// The Arrow type.
    pub fn data_type(&self) -> DataType {
        match self.kind {
            Kind::Text => DataType::Utf8View,
            Kind::Int => DataType::Int64,
            Kind::Double => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Map => map_type(),
        }
    }

    fn field(&self) -> Field {
        Field::new(self.name, self.data_type(), self.nullable)
    }
}

/// The fields of a map's entries.
pub(crate) fn map_fields() -> Fields {
    static FIELDS: OnceLock<Fields> = OnceLock::new();
    let make =
        || vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, false)].into();
    FIELDS.get_or_init(make).clone()
}

fn map_type() -> DataType {
    DataType::Map(map_entries(), false)
}

/// The field that holds a map's entries.
pub(crate) fn map_entries() -> Arc<Field> {
    static FIELD: OnceLock<Arc<Field>> = OnceLock::new();
    FIELD.get_or_init(|| Arc::new(Field::new("entries", DataType::Struct(map_fields()), false))).clone()
}

struct Schemas {
    full: SchemaRef,
    body: SchemaRef,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 7] = [
        Table::Spans,
        Table::LlmCalls,
        Table::LlmMessages,
        Table::AgentRuns,
        Table::Evaluations,
        Table::Logs,
        Table::Metrics,
    ];

    /// The SQL name, which is also the folder of its files.
    pub fn name(self) -> &'static str {
        match self {
            Table::Spans => "spans",
            Table::LlmCalls => "llm_calls",
            Table::LlmMessages => "llm_messages",
            Table::AgentRuns => "agent_runs",
            Table::Evaluations => "evaluations",
            Table::Logs => "logs",
            Table::Metrics => "metrics",
        }
    }

    /// The table of that name.
    pub fn from_name(name: &str) -> Option<Table> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The number on disk.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// The table of that number.
    pub fn from_number(number: u16) -> Option<Table> {
        Self::ALL.into_iter().find(|table| table.number() == number)
    }

    /// The version of the columns.
    pub fn version(self) -> u16 {
        1
    }

    /// The column that rows are sorted, pruned and retained by.
    pub fn time_column(self) -> &'static str {
        match self {
            Table::Spans | Table::LlmCalls | Table::LlmMessages | Table::AgentRuns => "start_ns",
            Table::Evaluations | Table::Logs | Table::Metrics => "time_ns",
        }
    }

    /// The columns, the last of which is `seq`.
    pub fn columns(self) -> impl Iterator<Item = &'static Column> {
        self.body_columns().iter().chain(std::iter::once(&SEQ))
    }

    fn body_columns(self) -> &'static [Column] {
        match self {
            Table::Spans => entry::span::SPANS,
            Table::LlmCalls => entry::call::LLM_CALLS,
            Table::LlmMessages => entry::message::LLM_MESSAGES,
            Table::AgentRuns => entry::run::AGENT_RUNS,
            Table::Evaluations => entry::evaluation::EVALUATIONS,
            Table::Logs => entry::log::LOGS,
            Table::Metrics => entry::metric::METRICS,
        }
    }

    fn schemas(self) -> &'static Schemas {
        static SCHEMAS: [OnceLock<Schemas>; 7] = [const { OnceLock::new() }; 7];
        SCHEMAS[usize::from(self.number() - 1)].get_or_init(|| {
            let fields = |columns: &mut dyn Iterator<Item = &'static Column>| {
                Arc::new(Schema::new(columns.map(Column::field).collect::<Vec<_>>()))
            };
            Schemas { full: fields(&mut self.columns()), body: fields(&mut self.body_columns().iter()) }
        })
    }

    /// The Arrow schema of batches and files.
    pub fn schema(self) -> SchemaRef {
        self.schemas().full.clone()
    }

    /// The schema without `seq`, as the log has it.
    pub(crate) fn body_schema(self) -> SchemaRef {
        self.schemas().body.clone()
    }
}

#[cfg(test)]
mod tests;
