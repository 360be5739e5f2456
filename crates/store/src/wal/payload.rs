//! What a frame carries: rows of one or more tables as plain Arrow IPC record batches, without schemas (a table's
//! number and version name one) and without columns that are NULL throughout.
//!
//! ```text
//! u16 sections, then each: u16 table, u16 version, u32 header length, u32 body length, u64 columns, header, body
//! ```

use crate::cells::null_texts;
use crate::table::Table;
use crate::wal::body::Body;
use crate::wal::frame;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_buffer::Buffer;
use arrow_ipc::{reader::read_record_batch, root_as_message};
use arrow_schema::{ArrowError, DataType};
use std::collections::HashMap;
use std::sync::Arc;

const SECTION: usize = 20;

/// A payload is not what this version writes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("a section is cut short")]
    Short,
    #[error("table `{table}` version `{version}` is not known")]
    Unknown { table: u16, version: u16 },
    #[error("not a record batch: {0}")]
    Arrow(#[from] ArrowError),
    #[error("not a message: {0}")]
    Message(String),
}

/// Appends the rows of a batch to a frame.
pub(crate) fn write(tables: &[(Table, RecordBatch)], out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let mut sections = Vec::with_capacity(tables.len());
    for (table, batch) in tables {
        // A column that is NULL throughout is left out.
        let used = |column: &&ArrayRef| column.null_count() < batch.num_rows();
        let mask = (0..).zip(batch.columns()).filter(|(_, column)| used(column));
        let mask = mask.fold(0_u64, |mask, (at, _)| mask | (1 << at));
        sections.push((table, mask, Body::new(batch.columns().iter().filter(used), batch.num_rows())?));
    }
    // Megabytes that grow by doubling are copied, and their pages made, twice. The frame behind it has room too.
    let bytes = |(_, _, body): &(_, _, Body)| SECTION + body.message.len() + body.bytes();
    out.reserve_exact(2 + sections.iter().map(bytes).sum::<usize>() + frame::ALIGN + frame::HEADER);
    out.extend_from_slice(&(tables.len() as u16).to_le_bytes());
    for (table, mask, body) in sections {
        out.extend_from_slice(&table.number().to_le_bytes());
        out.extend_from_slice(&table.version().to_le_bytes());
        out.extend_from_slice(&(body.message.len() as u32).to_le_bytes());
        out.extend_from_slice(&(body.bytes() as u32).to_le_bytes());
        out.extend_from_slice(&mask.to_le_bytes());
        out.extend_from_slice(&body.message);
        body.write(out);
    }
    Ok(())
}

/// Reads the rows of a payload, with `seq` filled in.
pub(crate) fn read(payload: &[u8], seq: u64) -> Result<Vec<(Table, RecordBatch)>, PayloadError> {
    let numbered = |(table, batch)| Ok((table, with_seq(table, batch, seq)?));
    read_body(payload)?.into_iter().map(numbered).collect()
}

/// Reads the rows of a payload, without `seq`.
pub(crate) fn read_body(payload: &[u8]) -> Result<Vec<(Table, RecordBatch)>, PayloadError> {
    let (count, mut rest) = payload.split_first_chunk::<2>().ok_or(PayloadError::Short)?;
    let mut out = Vec::new();
    for _ in 0..u16::from_le_bytes(*count) {
        let (head, body) = rest.split_first_chunk::<SECTION>().ok_or(PayloadError::Short)?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (number, version) = (word(0) as u16, (word(0) >> 16) as u16);
        let mask = u64::from(word(12)) | (u64::from(word(16)) << 32);
        let (message, body) = body.split_at_checked(word(4) as usize).ok_or(PayloadError::Short)?;
        let (data, after) = body.split_at_checked(word(8) as usize).ok_or(PayloadError::Short)?;
        rest = after;
        let table = Table::from_number(number)
            .filter(|table| table.version() == version)
            .ok_or(PayloadError::Unknown { table: number, version })?;
        out.push((table, read_section(table, mask, message, data)?));
    }
    Ok(out)
}

fn read_section(table: Table, mask: u64, message: &[u8], data: &[u8]) -> Result<RecordBatch, PayloadError> {
    let schema = table.body_schema();
    let used: Vec<usize> = (0..schema.fields().len()).filter(|at| mask >> at & 1 == 1).collect();
    let message = root_as_message(message).map_err(|error| PayloadError::Message(error.to_string()))?;
    let header = message.header_as_record_batch().ok_or(PayloadError::Short)?;
    let projected = Arc::new(schema.project(&used)?);
    let version = message.version();
    let batch = read_record_batch(&Buffer::from(data), header, projected, &HashMap::new(), None, &version)?;
    let mut present = batch.columns().iter();
    let columns = schema.fields().iter().enumerate().map(|(at, field)| match mask >> at & 1 {
        1 => present.next().cloned().ok_or(PayloadError::Short),
        _ if field.data_type() == &DataType::Utf8View => Ok(null_texts(batch.num_rows())),
        _ => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// Adds the column `seq`.
pub(crate) fn with_seq(table: Table, batch: RecordBatch, seq: u64) -> Result<RecordBatch, ArrowError> {
    let rows = batch.num_rows();
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(Int64Array::from_value(seq as i64, rows)));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(table.schema(), columns, &options)
}
