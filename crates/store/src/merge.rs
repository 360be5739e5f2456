//! Makes one compact batch of many: texts that repeat across the inputs are kept once, and nothing of the inputs'
//! buffers is held. Used for hot batches and while files are merged.

use crate::cells::Text;
use crate::sizes::Size;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat;

/// The rows of all batches, in order. All have the schema of the first.
pub(crate) fn merge(batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let Some(first) = batches.first() else {
        return Err(ArrowError::InvalidArgumentError("nothing to merge".to_owned()));
    };
    let schema = first.schema();
    let columns = (0..schema.fields().len()).map(|at| {
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(at).as_ref()).collect();
        match schema.field(at).data_type() {
            DataType::Utf8View => Ok(texts(&parts)),
            _ => concat(&parts),
        }
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema, columns)
}

fn texts(parts: &[&dyn Array]) -> ArrayRef {
    let mut out = Text::sized(Size::default());
    for part in parts {
        part.as_string_view().iter().for_each(|text| out.maybe(text));
    }
    out.finish()
}
