//! Rows back into records, so that a forwarder can rebuild exactly what came. Records borrow from the batch.

use crate::entry;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, BooleanArray, Float64Array, Int64Array, MapArray, RecordBatch, StringViewArray};
use tundra_record::{LogRecord, MetricPoint, Resource, Scope, Source, Span, UnixNanos};

/// A row could not be read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A value is missing or does not fit its neighbours; the file or batch was not written by a store.
    #[error("row `{row}`: column `{column}` does not hold what a store writes; skip the row and report it")]
    Damaged {
        /// The column.
        column: &'static str,
        /// The row in its batch.
        row: usize,
    },
}

/// A record with its surroundings.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'b, T> {
    /// Who sent it.
    pub resource: Resource<'b>,
    /// The library that made it.
    pub scope: Scope<'b>,
    /// The door it came in by; `None` for a word that this version does not know.
    pub source: Option<Source>,
    /// When it arrived.
    pub received: UnixNanos,
    /// Whether it is sample data, which is never forwarded.
    pub sample: bool,
    /// The number of its batch.
    pub seq: u64,
    /// The record.
    pub record: T,
}

/// The spans of a batch of [`Table::Spans`](crate::Table).
pub fn spans(batch: &RecordBatch) -> impl Iterator<Item = Result<Row<'_, Span<'_>>, ReadError>> {
    rows(batch, entry::span::read)
}

/// The log records of a batch of [`Table::Logs`](crate::Table).
pub fn logs(batch: &RecordBatch) -> impl Iterator<Item = Result<Row<'_, LogRecord<'_>>, ReadError>> {
    rows(batch, entry::log::read)
}

/// The metric points of a batch of [`Table::Metrics`](crate::Table).
pub fn metrics(batch: &RecordBatch) -> impl Iterator<Item = Result<Row<'_, MetricPoint<'_>>, ReadError>> {
    rows(batch, entry::metric::read)
}

fn rows<'b, T: 'b>(
    batch: &'b RecordBatch,
    read: impl Fn(&Columns<'b>, usize) -> Result<T, ReadError> + 'b,
) -> impl Iterator<Item = Result<Row<'b, T>, ReadError>> {
    let columns = Columns::of(batch);
    (0..batch.num_rows()).map(move |row| {
        let (resource, scope) = entry::origin::read(&columns, row)?;
        Ok(Row {
            resource,
            scope,
            source: columns.text("source", row).and_then(entry::origin::source),
            received: UnixNanos(columns.int("received_ns", row).unwrap_or_default()),
            sample: columns.truth("sample", row).unwrap_or_default(),
            seq: columns.int("seq", row).and_then(|seq| u64::try_from(seq).ok()).unwrap_or_default(),
            record: read(&columns, row)?,
        })
    })
}

enum Typed<'b> {
    Text(&'b StringViewArray),
    Int(&'b Int64Array),
    Double(&'b Float64Array),
    Bool(&'b BooleanArray),
    Map(&'b MapArray),
}

/// The columns of a batch by name. A column that is missing or of another type reads as NULL, so that files of
/// other versions stay readable.
pub(crate) struct Columns<'b> {
    columns: Vec<(&'b str, Typed<'b>)>,
}

impl<'b> Columns<'b> {
    pub(crate) fn of(batch: &'b RecordBatch) -> Self {
        let typed = |array: &'b dyn Array| {
            (array.as_string_view_opt().map(Typed::Text))
                .or_else(|| array.as_primitive_opt::<Int64Type>().map(Typed::Int))
                .or_else(|| array.as_primitive_opt::<Float64Type>().map(Typed::Double))
                .or_else(|| array.as_boolean_opt().map(Typed::Bool))
                .or_else(|| array.as_map_opt().map(Typed::Map))
        };
        let fields = batch.schema_ref().fields().iter().zip(batch.columns());
        let columns = fields
            .filter_map(|(field, array)| Some((field.name().as_str(), typed(array.as_ref())?)))
            .collect();
        Self { columns }
    }

    fn get(&self, name: &str) -> Option<&Typed<'b>> {
        self.columns.iter().find(|(known, _)| *known == name).map(|(_, column)| column)
    }

    pub(crate) fn text(&self, name: &str, row: usize) -> Option<&'b str> {
        match self.get(name)? {
            Typed::Text(array) if array.is_valid(row) => Some(array.value(row)),
            _ => None,
        }
    }

    pub(crate) fn int(&self, name: &str, row: usize) -> Option<i64> {
        match self.get(name)? {
            Typed::Int(array) if array.is_valid(row) => Some(array.value(row)),
            _ => None,
        }
    }

    pub(crate) fn double(&self, name: &str, row: usize) -> Option<f64> {
        match self.get(name)? {
            Typed::Double(array) if array.is_valid(row) => Some(array.value(row)),
            _ => None,
        }
    }

    pub(crate) fn truth(&self, name: &str, row: usize) -> Option<bool> {
        match self.get(name)? {
            Typed::Bool(array) if array.is_valid(row) => Some(array.value(row)),
            _ => None,
        }
    }

    /// The entries of a map, none for NULL.
    pub(crate) fn map(&self, name: &str, row: usize) -> impl Iterator<Item = (&'b str, &'b str)> {
        let found = match self.get(name) {
            Some(Typed::Map(array)) if array.is_valid(row) => {
                let strings = |column: &'b dyn Array| column.as_string_opt::<i32>();
                strings(array.keys().as_ref()).zip(strings(array.values().as_ref())).map(|(keys, values)| {
                    let ends = array.value_offsets();
                    (ends[row] as usize..ends[row + 1] as usize).map(|at| (keys.value(at), values.value(at)))
                })
            }
            _ => None,
        };
        found.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests;
