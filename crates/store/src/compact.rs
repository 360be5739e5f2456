//! Merges files of one day into one. Files with large row groups are put one behind the other as they are (`splice`); of
//! others, streams of sorted rows go through a heap into a new file, a chunk at a time, so that memory stays small
//! whatever the size of the files.

use crate::error::FlushError;
use crate::flush::{blocking, commit, edit, entry, file_path};
use crate::limits::{CHUNK_ROWS, SERVICES_LISTED_MAX};
use crate::manifest::FileEntry;
use crate::manifest::edit::Edit;
use crate::merge::merge;
use crate::parquet_file::{Facts, ZSTD_MERGED, properties, times};
use crate::remote::Remote;
use crate::shared::Shared;
use crate::splice;
use crate::table::Table;
use arrow_array::RecordBatch;
use arrow_select::interleave::interleave_record_batch;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::async_writer::AsyncArrowWriter;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Rows read at once of each file.
const READ_ROWS: usize = 2 * 1024;

type Rows = BoxStream<'static, Result<RecordBatch, FlushError>>;

/// Merges files and commits the exchange; false if another edit was faster.
pub(crate) async fn compact(
    shared: &Arc<Shared>,
    table: Table,
    day: i64,
    files: &[Arc<FileEntry>],
) -> Result<bool, FlushError> {
    let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let path = file_path(shared, table, day, &format!("merge {}", names.join(" ")));
    let added = if splice::fits(files) {
        let (bytes, groups) = splice::splice(shared, table, &path, files).await?;
        let entry = spliced(&path, bytes, groups, files);
        entry.into_iter().collect()
    } else {
        let (bytes, facts) = write(shared, table, &path, files).await?;
        let level = files.iter().map(|file| file.level).max().unwrap_or_default().saturating_add(1);
        let sample = files.iter().all(|file| file.has_sample);
        let merged = entry(shared, table, &path, bytes, &facts, sample, level);
        let written_ns = files.iter().map(|file| file.written_ns).max().unwrap_or(merged.written_ns);
        vec![FileEntry { written_ns, ..merged }]
    };
    let removed = files.iter().map(|file| file.path.clone()).collect();
    // If another edit took an input away meanwhile, the merged file counts for nothing and is swept later.
    commit(shared, &Edit { added, removed, ..edit(shared) }, |_| ()).await
}

async fn write(
    shared: &Shared,
    table: Table,
    path: &str,
    files: &[Arc<FileEntry>],
) -> Result<(u64, Facts), FlushError> {
    let mut sources = Vec::new();
    for file in files {
        if file.sorted {
            sources.push(open(shared, table, file, None).await?);
        } else {
            // Each of its row groups is sorted, together they may not be.
            for group in 0..file.row_groups as usize {
                sources.push(open(shared, table, file, Some(group)).await?);
            }
        }
    }
    let mut merged = Merged::new(table, sources).await?;
    let output = BufWriter::new(shared.objects.clone(), Path::from(path));
    let rows = files.iter().map(|file| file.rows).sum();
    let properties = properties(table, ZSTD_MERGED, rows)?;
    let mut writer = AsyncArrowWriter::try_new(output, table.schema(), Some(properties))?;
    let mut facts = Facts::default();
    while let Some(chunk) = merged.next().await? {
        facts.add(table, &chunk);
        writer.write(&chunk).await?;
    }
    writer.finish().await?;
    Ok((writer.bytes_written() as u64, facts))
}

/// What is known of files put one behind the other; `None` of no files.
fn spliced(path: &str, bytes: u64, groups: u32, files: &[Arc<FileEntry>]) -> Option<FileEntry> {
    let all = files.iter().map(|file| file.as_ref().clone());
    let mut whole = all.reduce(|one, next| {
        let services = one.services.zip(next.services).map(|(mut names, more)| {
            names.extend(more);
            names.sort_unstable();
            names.dedup();
            names
        });
        FileEntry {
            rows: one.rows + next.rows,
            min_ns: one.min_ns.min(next.min_ns),
            max_ns: one.max_ns.max(next.max_ns),
            first_seq: one.first_seq.min(next.first_seq),
            last_seq: one.last_seq.max(next.last_seq),
            services: services.filter(|names| names.len() <= SERVICES_LISTED_MAX),
            has_sample: one.has_sample && next.has_sample,
            has_events: one.has_events || next.has_events,
            level: one.level.max(next.level),
            written_ns: one.written_ns.max(next.written_ns),
            ..one
        }
    })?;
    path.clone_into(&mut whole.path);
    whole.bytes = bytes;
    whole.level = whole.level.saturating_add(1);
    whole.row_groups = groups;
    whole.sorted = false;
    Some(whole)
}

/// The rows of a file, or of one of its row groups.
async fn open(
    shared: &Shared,
    table: Table,
    file: &FileEntry,
    group: Option<usize>,
) -> Result<Rows, FlushError> {
    let path = Path::from(file.path.as_str());
    let reader = Remote { objects: shared.objects.clone(), path, bytes: file.bytes };
    let mut builder = ParquetRecordBatchStreamBuilder::new(reader).await?.with_batch_size(READ_ROWS);
    if let Some(group) = group {
        builder = builder.with_row_groups(vec![group]);
    }
    let stream = builder.build()?;
    let schema = table.schema();
    let same = move |batch: RecordBatch| Ok(RecordBatch::try_new(schema.clone(), batch.columns().to_vec())?);
    Ok(stream.map_err(FlushError::from).and_then(move |batch| std::future::ready(same(batch))).boxed())
}

/// A file that is being read: its rows from `row` on are still to come.
struct Source {
    rows: Rows,
    batch: RecordBatch,
    row: usize,
}

/// The rows of several sorted streams in the order of time.
struct Merged {
    table: Table,
    sources: Vec<Source>,
    /// The next time of each stream that has one.
    heap: BinaryHeap<Reverse<(i64, usize)>>,
}

impl Merged {
    async fn new(table: Table, streams: Vec<Rows>) -> Result<Self, FlushError> {
        let mut merged = Self { table, sources: Vec::new(), heap: BinaryHeap::new() };
        for (at, rows) in streams.into_iter().enumerate() {
            merged.sources.push(Source { rows, batch: RecordBatch::new_empty(table.schema()), row: 0 });
            merged.refill(at).await?;
        }
        Ok(merged)
    }

    /// Reads a stream's next rows, if its last ones are used up, and enters it in the heap.
    async fn refill(&mut self, at: usize) -> Result<(), FlushError> {
        let source = &mut self.sources[at];
        while source.row >= source.batch.num_rows() {
            match source.rows.next().await {
                Some(batch) => (source.batch, source.row) = (batch?, 0),
                None => return Ok(()),
            }
        }
        if let Some(time) = times(self.table, &source.batch).get(source.row) {
            self.heap.push(Reverse((*time, at)));
        }
        Ok(())
    }

    /// The next rows; `None` at the end.
    async fn next(&mut self) -> Result<Option<RecordBatch>, FlushError> {
        let mut parts = Vec::new();
        let mut rows = 0;
        while rows < CHUNK_ROWS {
            let (places, empty) = self.take(CHUNK_ROWS - rows);
            if places.is_empty() {
                break;
            }
            rows += places.len();
            let batches: Vec<RecordBatch> = self.sources.iter().map(|source| source.batch.clone()).collect();
            parts.push(
                blocking(move || {
                    let batches: Vec<&RecordBatch> = batches.iter().collect();
                    Ok(interleave_record_batch(&batches, &places)?)
                })
                .await?,
            );
            if let Some(at) = empty {
                self.refill(at).await?;
            }
        }
        if parts.is_empty() { Ok(None) } else { Ok(Some(merge(&parts)?)) }
    }

    /// Places of the next rows, until there are enough or a stream's batch is used up, which is returned too.
    fn take(&mut self, limit: usize) -> (Vec<(usize, usize)>, Option<usize>) {
        let mut places = Vec::new();
        while places.len() < limit {
            let Some(Reverse((_, at))) = self.heap.pop() else { break };
            let source = &mut self.sources[at];
            places.push((at, source.row));
            source.row += 1;
            match times(self.table, &source.batch).get(source.row) {
                Some(time) => self.heap.push(Reverse((*time, at))),
                None => return (places, Some(at)),
            }
        }
        (places, None)
    }
}
