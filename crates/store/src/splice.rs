//! Puts Parquet files one behind the other without decoding a row: the bytes of each column go over as they are, with
//! their statistics, page indexes and bloom filters. `compact` does so with files whose row groups are large enough to
//! be read well; sorting them into each other would cost more than all the work of taking the rows in.

use crate::error::FlushError;
use crate::manifest::FileEntry;
use crate::remote::Remote;
use crate::shared::Shared;
use crate::table::Table;
use bytes::{Buf as _, Bytes};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parking_lot::Mutex;
use parquet::arrow::async_reader::AsyncFileReader as _;
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::SerializedFileWriter;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;

/// Row groups smaller than this on average are merged into larger ones.
const GROUP_BYTES_MIN: u64 = 64 << 10;

/// Whether the files are worth keeping as they are.
pub(crate) fn fits(files: &[Arc<FileEntry>]) -> bool {
    files.iter().all(|file| file.bytes >= GROUP_BYTES_MIN * u64::from(file.row_groups.max(1)))
}

/// Writes all row groups of `files` into one; tells its length and how many they are.
pub(crate) async fn splice(
    shared: &Shared,
    table: Table,
    path: &str,
    files: &[Arc<FileEntry>],
) -> Result<(u64, u32), FlushError> {
    let mut output = BufWriter::new(shared.objects.clone(), Path::from(path));
    let written = Written::default();
    let mut bytes = 0;
    let mut groups = 0;
    let mut writer: Option<SerializedFileWriter<Written>> = None;
    for file in files {
        let path = Path::from(file.path.as_str());
        let mut remote = Remote { objects: shared.objects.clone(), path, bytes: file.bytes };
        let metadata = remote.get_metadata(None).await?;
        let writer = match &mut writer {
            Some(writer) => writer,
            none => none.insert(begin(&metadata, written.clone())?),
        };
        for group in 0..metadata.num_row_groups() {
            let columns = group_of(&mut remote, &metadata, group).await?;
            written.0.lock().reserve(columns.iter().map(|(window, _)| window.bytes.len()).sum());
            let mut to = writer.next_row_group()?;
            for (window, column) in columns {
                to.append_column(&window, column)?;
            }
            to.close()?;
            groups += 1;
            bytes += drain(&written, &mut output).await?;
        }
    }
    match writer {
        Some(writer) => writer.close()?,
        None => return Err(ParquetError::General(format!("no file of `{}` to splice", table.name())).into()),
    };
    bytes += drain(&written, &mut output).await?;
    output.shutdown().await.map_err(|error| ParquetError::External(Box::new(error)))?;
    Ok((bytes, groups))
}

/// A file with the columns, and the notes about their types, of the first one.
fn begin(first: &ParquetMetaData, to: Written) -> Result<SerializedFileWriter<Written>, ParquetError> {
    let file = first.file_metadata();
    let properties = WriterProperties::builder()
        .set_created_by(file.created_by().unwrap_or_default().to_owned())
        .set_key_value_metadata(file.key_value_metadata().cloned())
        .build();
    SerializedFileWriter::new(to, file.schema_descr().root_schema_ptr(), Arc::new(properties))
}

/// The columns of a row group: their bytes, and what their writer knew of them. All is asked for at once, because it lies
/// together: a request for each of some forty columns costs more than the bytes.
async fn group_of(
    remote: &mut Remote,
    metadata: &ParquetMetaData,
    group: usize,
) -> Result<Vec<(Window, ColumnCloseResult)>, FlushError> {
    let row_group = metadata.row_group(group);
    let mut ranges = Vec::new();
    for column in row_group.columns() {
        let (start, length) = column.byte_range();
        ranges.push(start..start + length);
    }
    for column in row_group.columns() {
        ranges.extend(filter_of(column)?);
    }
    let mut read = remote.get_byte_ranges(ranges).await?.into_iter();
    let short = || ParquetError::General("fewer ranges were read than asked for".to_owned());
    let bytes: Vec<Bytes> = read.by_ref().take(row_group.num_columns()).collect();
    let mut columns = Vec::new();
    for (at, (column, bytes)) in row_group.columns().iter().zip(bytes).enumerate() {
        let (start, length) = column.byte_range();
        let bloom_filter = match filter_of(column)? {
            Some(_) => Some(Sbbf::from_bytes(&read.next().ok_or_else(short)?)?),
            None => None,
        };
        let close = ColumnCloseResult {
            bytes_written: length,
            rows_written: u64::try_from(row_group.num_rows()).unwrap_or_default(),
            metadata: column.clone(),
            bloom_filter,
            column_index: metadata.column_index().and_then(|all| all.get(group)?.get(at)).cloned(),
            offset_index: metadata.offset_index().and_then(|all| all.get(group)?.get(at)).cloned(),
        };
        columns.push((Window { start, bytes }, close));
    }
    if columns.len() < row_group.num_columns() {
        return Err(short().into());
    }
    Ok(columns)
}

/// Where a column's bloom filter lies, if it has one.
fn filter_of(column: &ColumnChunkMetaData) -> Result<Option<Range<u64>>, ParquetError> {
    let Some((offset, length)) = column.bloom_filter_offset().zip(column.bloom_filter_length()) else {
        return Ok(None);
    };
    match (u64::try_from(offset), u64::try_from(length)) {
        (Ok(offset), Ok(length)) => Ok(Some(offset..offset.saturating_add(length))),
        _ => Err(ParquetError::General("a bloom filter lies nowhere".to_owned())),
    }
}

/// Sends on what was written so far.
async fn drain(written: &Written, output: &mut BufWriter) -> Result<u64, FlushError> {
    let bytes = std::mem::take(&mut *written.0.lock());
    let length = bytes.len() as u64;
    output.put(Bytes::from(bytes)).await.map_err(|error| ParquetError::External(Box::new(error)))?;
    Ok(length)
}

/// What the writer wrote and `drain` has not taken yet.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Some bytes of a file, under their places in the file.
struct Window {
    start: u64,
    bytes: Bytes,
}

impl Window {
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let at = start.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let at = at.filter(|at| *at <= self.bytes.len());
        at.map(|at| self.bytes.slice(at..))
            .ok_or_else(|| ParquetError::EOF(format!("no byte `{start}` here")))
    }
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Window {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!("`{length}` bytes from `{start}` are not all here")));
        }
        Ok(bytes.slice(..length))
    }
}

#[cfg(test)]
mod tests;
