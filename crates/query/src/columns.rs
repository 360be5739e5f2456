//! Typed access to the columns of a batch by name. All typed reads use it; a missing column or a wrong type is an
//! error of ours, never a panic.

use crate::error::QueryError;
use datafusion::arrow::array::{
    Array, AsArray, BooleanArray, Int64Array, MapArray, StringArray, StringViewArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};

/// A text in a filter, of the type that text columns have: the file reader's indexes see through no cast.
pub(crate) fn word(text: impl Into<String>) -> Expr {
    lit(ScalarValue::Utf8View(Some(text.into())))
}

pub(crate) fn project(batch: &RecordBatch, projection: &[usize]) -> Result<RecordBatch, ArrowError> {
    batch.project(projection)
}

/// The columns of one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns<'b>(pub(crate) &'b RecordBatch);

impl Columns<'_> {
    fn as_type(
        &self,
        name: &'static str,
        wanted: &DataType,
    ) -> Result<datafusion::arrow::array::ArrayRef, QueryError> {
        let wrong = |detail: String| QueryError::Failed { context: "reading a column", detail };
        let column = self.0.column_by_name(name).ok_or_else(|| wrong(format!("no column `{name}`")))?;
        if column.data_type() == wanted {
            return Ok(column.clone());
        }
        cast(column, wanted).map_err(|error| wrong(format!("`{name}`: {error}")))
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<StringViewArray, QueryError> {
        Ok(self.as_type(name, &DataType::Utf8View)?.as_string_view().clone())
    }

    pub(crate) fn int(&self, name: &'static str) -> Result<Int64Array, QueryError> {
        Ok(self.as_type(name, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
    }

    pub(crate) fn truth(&self, name: &'static str) -> Result<BooleanArray, QueryError> {
        Ok(self.as_type(name, &DataType::Boolean)?.as_boolean().clone())
    }

    /// A map's entries of one row, in the order they came.
    pub(crate) fn map(&self, name: &'static str, row: usize) -> Result<Vec<(String, String)>, QueryError> {
        let wrong = |detail: String| QueryError::Failed { context: "reading a column", detail };
        let column = self.0.column_by_name(name).ok_or_else(|| wrong(format!("no column `{name}`")))?;
        let map: &MapArray = column.as_map_opt().ok_or_else(|| wrong(format!("`{name}` is not a map")))?;
        if map.is_null(row) {
            return Ok(Vec::new());
        }
        let entries = map.value(row);
        let side = |at: usize| -> Result<StringArray, QueryError> {
            let column =
                cast(entries.column(at), &DataType::Utf8).map_err(|error| wrong(error.to_string()))?;
            Ok(column.as_string::<i32>().clone())
        };
        let (keys, values) = (side(0)?, side(1)?);
        Ok((0..keys.len()).map(|at| (keys.value(at).to_owned(), values.value(at).to_owned())).collect())
    }
}

/// The text of a row, owned; `None` for NULL.
pub(crate) fn text_at(column: &StringViewArray, row: usize) -> Option<String> {
    column.is_valid(row).then(|| column.value(row).to_owned())
}

/// The number of a row; `None` for NULL.
pub(crate) fn int_at(column: &Int64Array, row: usize) -> Option<i64> {
    column.is_valid(row).then(|| column.value(row))
}

/// The truth of a row; `None` for NULL.
pub(crate) fn truth_at(column: &BooleanArray, row: usize) -> Option<bool> {
    column.is_valid(row).then(|| column.value(row))
}
