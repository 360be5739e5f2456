//! What can go wrong when something is asked. `serve` turns it into a status and a body; nothing here knows HTTP.

use crate::suggest;
use datafusion::common::{DataFusionError, SchemaError};
use std::time::Duration;

/// A place in an SQL statement, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The statement is not SQL, or names something that is not there.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: String,
        /// Where.
        position: Option<Position>,
    },
    /// The statement is SQL, but not of the kind that is answered here.
    #[error("`{what}` is refused: this door only reads")]
    Refused {
        /// The refused keyword or function.
        what: String,
        /// Where.
        position: Option<Position>,
    },
    /// The statement is larger than is planned here.
    #[error("the statement has {found} {what}, more than {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much was found.
        found: usize,
        /// How much is allowed.
        limit: usize,
    },
    /// It ran too long.
    #[error("stopped after {} s", limit.as_secs_f64())]
    TimeOut {
        /// How long it may run.
        limit: Duration,
    },
    /// It needed too much memory.
    #[error("stopped: the query needs more than {limit_mib} MiB of memory")]
    Memory {
        /// What all queries together may hold.
        limit_mib: usize,
    },
    /// Too many queries run already.
    #[error("{running} queries run already")]
    Busy {
        /// How many may run.
        running: usize,
    },
    /// A parameter of a typed read is out of its range.
    #[error("`{name}` {problem}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Reading or the engine failed: not the asker's fault.
    #[error("{context}: {detail}")]
    Failed {
        /// What was being done.
        context: &'static str,
        /// What the layer below said.
        detail: String,
    },
}

impl QueryError {
    pub(crate) fn failed(context: &'static str) -> impl Fn(DataFusionError) -> Self {
        move |error| Self::from_engine(&error, context)
    }

    /// What the asker can do; empty if nothing.
    pub fn hint(&self) -> String {
        match self {
            Self::Invalid { hint, .. } => hint.clone(),
            Self::Refused { .. } => {
                "use SELECT, EXPLAIN, SHOW TABLES or DESCRIBE over the tables at /api/sql/tables".to_owned()
            }
            Self::TooLarge { .. } => "split the statement or join fewer tables".to_owned(),
            Self::TimeOut { .. } => {
                "bound the time, for example `start_ns > ...`, or aggregate less".to_owned()
            }
            Self::Memory { .. } => "bound the time, select fewer columns or group by fewer values".to_owned(),
            Self::Busy { .. } => "try again in a moment".to_owned(),
            Self::Parameter { .. } | Self::Failed { .. } => String::new(),
        }
    }

    /// Where in the statement; `None` if unknown.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Invalid { position, .. } | Self::Refused { position, .. } => *position,
            _ => None,
        }
    }

    /// An error while planning a statement: mostly the asker's.
    pub(crate) fn from_planning(error: &DataFusionError, tables: &[String]) -> Self {
        let place = error
            .diagnostic()
            .and_then(|d| d.span)
            .map(|span| Position { line: span.start.line, column: span.start.column });
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_)
            | DataFusionError::ArrowError(..)
            | DataFusionError::Execution(_)
            | DataFusionError::External(_)
            | DataFusionError::ObjectStore(_) => Self::from_engine(error, "planning the statement"),
            DataFusionError::SchemaError(schema, _) => schema_error(schema, place),
            DataFusionError::SQL(parser, _) => {
                let message = parser.to_string();
                let position = position_in(&message).or(place);
                let message = message.strip_prefix("sql parser error: ").unwrap_or(&message);
                // The place is told apart, to people and to programs.
                let message = message.rsplit_once(" at Line: ").map_or(message, |(said, _)| said);
                Self::Invalid { message: format!("not SQL: {message}"), hint: String::new(), position }
            }
            root => plan_error(&first_line(&root.strip_backtrace()), tables, place),
        }
    }

    /// An error while running: the engine's, the disk's, or a bad value met on the way.
    pub(crate) fn from_engine(error: &DataFusionError, context: &'static str) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(detail) => Self::Memory { limit_mib: limit_in(detail) },
            DataFusionError::ArrowError(arrow, _) => Self::Invalid {
                message: first_line(&arrow.to_string()),
                hint: "check casts and arithmetic".to_owned(),
                position: None,
            },
            DataFusionError::Execution(detail) => {
                Self::Invalid { message: first_line(detail), hint: String::new(), position: None }
            }
            root => Self::Failed { context, detail: first_line(&root.strip_backtrace()) },
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn schema_error(schema: &SchemaError, position: Option<Position>) -> QueryError {
    match schema {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let names = valid_fields.iter().map(|column| column.name.as_str());
            QueryError::Invalid {
                message: format!("there is no column `{}`", field.flat_name()),
                hint: suggest::hint(&field.name, names, "columns"),
                position,
            }
        }
        SchemaError::AmbiguousReference { field } => QueryError::Invalid {
            message: format!("column `{}` is in several tables", field.name),
            hint: "write the table before it, as in `spans.trace_id`".to_owned(),
            position,
        },
        other => {
            QueryError::Invalid { message: first_line(&other.to_string()), hint: String::new(), position }
        }
    }
}

fn plan_error(message: &str, tables: &[String], position: Option<Position>) -> QueryError {
    let message = message.strip_prefix("Error during planning: ").unwrap_or(message);
    let hint = match message.strip_prefix("table '").and_then(|rest| rest.split_once('\'')) {
        Some((name, _)) => {
            let name = name.rsplit('.').next().unwrap_or(name);
            let message = format!("there is no table `{name}`");
            let hint = suggest::hint(name, tables.iter().map(String::as_str), "tables");
            return QueryError::Invalid { message, hint, position };
        }
        None if message.contains("Invalid function") => {
            "see /api/sql/tables for columns; functions are DataFusion's"
        }
        None => "",
    };
    QueryError::Invalid { message: message.to_owned(), hint: hint.to_owned(), position }
}

/// The parser writes places as `at Line: 1, Column: 8`.
fn position_in(message: &str) -> Option<Position> {
    let (_, rest) = message.rsplit_once("at Line: ")?;
    let (line, column) = rest.split_once(", Column: ")?;
    let digits = column.find(|c: char| !c.is_ascii_digit()).unwrap_or(column.len());
    Some(Position { line: line.parse().ok()?, column: column[..digits].parse().ok()? })
}

/// The pool writes its size as `... pool size: 256.0 MB` or similar; 0 if it does not.
fn limit_in(detail: &str) -> usize {
    let after = detail.rsplit_once("memory pool").map_or("", |(_, rest)| rest);
    after.split_whitespace().find_map(|word| word.parse::<f64>().ok()).map_or(0, |mib| mib as usize)
}
