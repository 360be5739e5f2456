//! A flush as one Parquet file in memory: row group by row group, column by column, straight from the batches in memory.
//! Texts and maps are encoded here (`column`), numbers by the general writer. Called by `flush` on a blocking thread;
//! `compact` writes through the general writer alone, and readers see no difference.

mod column;
mod dictionary;
mod hybrid;
mod leaf;
mod page;
mod range;

use crate::error::FlushError;
use crate::limits::{CHUNK_ROWS, ROW_GROUP_ROWS};
use crate::parquet_file::{Facts, LOOKED_UP, Place, Sorted, UNIQUE, ZSTD_FRESH, properties};
use crate::table::Table;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_select::interleave::interleave;
use column::{Chunk, Plan};
use leaf::{Entries, Texts};
use page::Zstd;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnDescPtr;
use std::ops::Range;
use std::sync::Arc;

type Group<'f> = SerializedRowGroupWriter<'f, Vec<u8>>;

/// About what a row takes in a file: only so that the file need not grow by doubling.
const ROW_BYTES: usize = 64;

/// Encodes some of the sorted rows into one file.
pub(crate) fn encode(
    table: Table,
    sorted: &Sorted,
    range: Range<usize>,
) -> Result<(Vec<u8>, Facts), FlushError> {
    let properties = properties(table, ZSTD_FRESH, range.len() as u64)?;
    let writer =
        ArrowWriter::try_new(Vec::with_capacity(range.len() * ROW_BYTES), table.schema(), Some(properties))?;
    let (mut file, factory) = writer.into_serialized_writer()?;
    let mut zstd = Zstd::new(ZSTD_FRESH)?;
    let mut facts = Facts::default();
    for (at, rows) in sorted.places(range).chunks(ROW_GROUP_ROWS).enumerate() {
        facts.add_places(sorted.batches(), rows);
        let rows = Rows { table, batches: sorted.batches(), places: rows };
        group(&rows, at, (&mut file, &factory), &mut zstd, &mut facts)?;
    }
    Ok((file.into_inner()?, facts))
}

/// The rows of a row group.
struct Rows<'b> {
    table: Table,
    batches: &'b [RecordBatch],
    places: &'b [Place],
}

fn group(
    rows: &Rows<'_>,
    at: usize,
    (file, factory): (&mut SerializedFileWriter<Vec<u8>>, &ArrowRowGroupWriterFactory),
    zstd: &mut Zstd,
    facts: &mut Facts,
) -> Result<(), FlushError> {
    let leaves: Vec<ColumnDescPtr> = file.schema_descr().columns().to_vec();
    let mut leaves = leaves.iter();
    let mut writers = factory.create_column_writers(at)?.into_iter();
    let mut group = file.next_row_group()?;
    let mut next = || {
        let missing = || ParquetError::General("a column without a writer".to_owned());
        leaves.next().zip(writers.next()).ok_or_else(missing)
    };
    for (at, column) in rows.table.columns().enumerate() {
        let plan =
            Plan { dictionary: !UNIQUE.contains(&column.name), looked_up: LOOKED_UP.contains(&column.name) };
        let (descr, writer) = next()?;
        if let Some(texts) = Texts::of(rows.batches, at) {
            let chunk = column::encode(&texts, rows.places, plan, descr, zstd)?;
            let different = || chunk.dictionary.as_ref().map(|dictionary| dictionary.texts());
            match column.name {
                "service" => facts.add_services(different(), chunk.nulls),
                "scope_name" if rows.table == Table::Spans => facts.add_scopes(different()),
                _ => {}
            }
            append(chunk, &mut group)?;
        } else if let Some(keys) = Entries::of(rows.batches, at, 0)
            && let Some(values) = Entries::of(rows.batches, at, 1)
        {
            append(column::encode(&keys, rows.places, plan, descr, zstd)?, &mut group)?;
            let (descr, _) = next()?;
            append(column::encode(&values, rows.places, plan, descr, zstd)?, &mut group)?;
        } else {
            numbers(rows, at, writer, &mut group)?;
        }
    }
    group.close()?;
    Ok(())
}

fn append(chunk: Chunk, group: &mut Group<'_>) -> Result<(), ParquetError> {
    group.append_column(&chunk.bytes, chunk.close)
}

/// A column of numbers or truth values.
fn numbers(
    rows: &Rows<'_>,
    at: usize,
    mut writer: ArrowColumnWriter,
    group: &mut Group<'_>,
) -> Result<(), FlushError> {
    let schema = rows.table.schema();
    let arrays: Vec<&dyn Array> = rows.batches.iter().map(|batch| batch.column(at).as_ref()).collect();
    let truths: Option<Vec<&BooleanArray>> = arrays.iter().map(|array| array.as_boolean_opt()).collect();
    for places in rows.places.chunks(CHUNK_ROWS) {
        let places: Vec<(usize, usize)> =
            places.iter().map(|(_, batch, row)| (*batch as usize, *row as usize)).collect();
        let array = match truths {
            Some(ref truths) => gather(truths, &places),
            None => interleave(&arrays, &places)?,
        };
        for leaf in compute_leaves(schema.field(at), &array)? {
            writer.write(&leaf)?;
        }
    }
    writer.close()?.append_to_row_group(group)?;
    Ok(())
}

/// Truth values in another order; the general way goes through a list of pieces of one bit each.
fn gather(truths: &[&BooleanArray], places: &[(usize, usize)]) -> ArrayRef {
    let value = |(batch, row): &(usize, usize)| {
        let array = truths[*batch];
        array.is_valid(*row).then(|| array.value(*row))
    };
    Arc::new(places.iter().map(value).collect::<BooleanArray>())
}

#[cfg(test)]
mod tests;
