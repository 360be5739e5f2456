//! Looking for text in columns: in plain texts, and in the values of attribute maps. `filter` builds searches with it.
//!
//! A map column keeps all its values in one buffer, so one pass over that buffer finds the rows; nothing is copied.

use aho_corasick::{AhoCorasick, Input};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, MapArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::col;

/// Whether a text, or a value of a map, contains `needle` in any case (of ASCII letters).
pub(super) fn contains(column: &str, needle: &str) -> Expr {
    ScalarUDF::from(Contains { needle: needle.to_owned(), signature: any() }).call(vec![col(column)])
}

/// Whether a map has this entry.
pub(super) fn attr_is(column: &str, key: &str, value: &str) -> Expr {
    let entry = AttrIs { key: key.to_owned(), value: value.to_owned(), signature: any() };
    ScalarUDF::from(entry).call(vec![col(column)])
}

fn any() -> Signature {
    Signature::any(1, Volatility::Immutable)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Contains {
    needle: String,
    signature: Signature,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AttrIs {
    key: String,
    value: String,
    signature: Signature,
}

fn only(args: &ScalarFunctionArgs) -> Result<ArrayRef> {
    match args.args.first() {
        Some(value) => value.to_array(args.number_rows),
        None => exec_err!("one column expected"),
    }
}

impl ScalarUDFImpl for Contains {
    fn name(&self) -> &str {
        "text_contains"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let column = only(&args)?;
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build([&self.needle])
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let found = match column.data_type() {
            DataType::Utf8View => {
                let texts = column.as_string_view();
                (0..texts.len())
                    .map(|row| texts.is_valid(row) && finder.is_match(texts.value(row)))
                    .collect::<Vec<_>>()
            }
            DataType::Map(..) => rows_with(column.as_map(), &finder)?,
            other => return exec_err!("cannot look for text in {other}"),
        };
        Ok(ColumnarValue::Array(std::sync::Arc::new(BooleanArray::from(found))))
    }
}

impl ScalarUDFImpl for AttrIs {
    fn name(&self) -> &str {
        "attr_is"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let column = only(&args)?;
        let Some(map) = column.as_map_opt() else { return exec_err!("attributes are a map") };
        let (keys, values) = (side(map, 0)?, side(map, 1)?);
        let ends = map.value_offsets();
        let has = |row: usize| {
            let entries = ends[row] as usize..ends[row + 1] as usize;
            map.is_valid(row)
                && entries.into_iter().any(|at| keys.value(at) == self.key && values.value(at) == self.value)
        };
        let found: Vec<bool> = (0..map.len()).map(has).collect();
        Ok(ColumnarValue::Array(std::sync::Arc::new(BooleanArray::from(found))))
    }
}

fn side(map: &MapArray, at: usize) -> Result<&StringArray> {
    match map.entries().column(at).as_string_opt::<i32>() {
        Some(texts) => Ok(texts),
        None => exec_err!("keys and values of attributes are texts"),
    }
}

/// Which rows have a value that contains what `finder` looks for.
fn rows_with(map: &MapArray, finder: &AhoCorasick) -> Result<Vec<bool>> {
    let mut found = vec![false; map.len()];
    let values = side(map, 1)?;
    let (rows, ends, bytes) = (map.value_offsets(), values.value_offsets(), values.value_data());
    let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { return Ok(found) };
    let mut from = ends[first as usize] as usize;
    let until = ends[last as usize] as usize;
    while from < until
        && let Some(hit) = finder.find(Input::new(bytes).range(from..until))
    {
        let value = ends.partition_point(|end| *end as usize <= hit.start()) - 1;
        if hit.end() > ends[value + 1] as usize {
            // It reaches into the next value: no match, look again one byte on.
            from = hit.start() + 1;
            continue;
        }
        let row = rows.partition_point(|end| *end as usize <= value) - 1;
        found[row] = map.is_valid(row);
        from = ends[rows[row + 1] as usize] as usize;
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
