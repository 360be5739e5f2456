//! Which row groups of which files can hold a trace: the files' bloom filters of `trace_id`, kept in memory within a
//! bound. Without them every question for one trace would open every file.

use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use datafusion::parquet::bloom_filter::Sbbf;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

const COLUMN: &str = "trace_id";
/// A block of a bloom filter.
const BLOCK_BYTES: usize = 32;

/// The filters of one file, one for each row group; `None` where the file has none.
type FileBlooms = Vec<Option<Sbbf>>;

/// Bloom filters of files, the longest known let go first.
pub(crate) struct Blooms {
    kept: Mutex<Kept>,
    limit: usize,
}

#[derive(Default)]
struct Kept {
    files: HashMap<String, Arc<FileBlooms>>,
    order: VecDeque<String>,
    bytes: usize,
}

impl fmt::Debug for Blooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept.lock();
        f.debug_struct("Blooms").field("files", &kept.files.len()).field("bytes", &kept.bytes).finish()
    }
}

fn bytes(blooms: &FileBlooms) -> usize {
    let filters = blooms.iter().flatten().map(|filter| filter.num_blocks() * BLOCK_BYTES);
    filters.sum::<usize>() + size_of_val(blooms.as_slice())
}

impl Blooms {
    pub(crate) fn new(limit: usize) -> Self {
        Self { kept: Mutex::default(), limit }
    }

    /// For each row group of a file whether it can hold one of `traces`.
    pub(crate) async fn check(
        &self,
        file: &PartitionedFile,
        traces: &BTreeSet<String>,
        readers: &dyn ParquetFileReaderFactory,
    ) -> Result<Vec<bool>> {
        let path = file.path().as_ref();
        let known = self.kept.lock().files.get(path).cloned();
        let blooms = match known {
            Some(blooms) => blooms,
            None => self.keep(path, load(file, readers).await?),
        };
        let may = |filter: &Option<Sbbf>| {
            filter.as_ref().is_none_or(|filter| traces.iter().any(|trace| filter.check(trace.as_str())))
        };
        Ok(blooms.iter().map(may).collect())
    }

    fn keep(&self, path: &str, blooms: FileBlooms) -> Arc<FileBlooms> {
        let blooms = Arc::new(blooms);
        let mut kept = self.kept.lock();
        if kept.files.insert(path.to_owned(), blooms.clone()).is_none() {
            kept.bytes += bytes(&blooms);
            kept.order.push_back(path.to_owned());
        }
        while kept.bytes > self.limit
            && let Some(oldest) = kept.order.pop_front()
        {
            let gone = kept.files.remove(&oldest).map_or(0, |blooms| bytes(&blooms));
            kept.bytes = kept.bytes.saturating_sub(gone);
        }
        blooms
    }
}

async fn load(file: &PartitionedFile, readers: &dyn ParquetFileReaderFactory) -> Result<FileBlooms> {
    let metrics = ExecutionPlanMetricsSet::new();
    let reader: Box<dyn AsyncFileReader> = readers.create_reader(0, file.clone(), None, &metrics)?;
    let mut file = ParquetRecordBatchStreamBuilder::new(reader).await?;
    let mut blooms = Vec::new();
    for group in 0..file.metadata().num_row_groups() {
        let columns = file.metadata().row_group(group).columns();
        let at = columns.iter().position(|column| column.column_path().string() == COLUMN);
        blooms.push(match at {
            Some(at) => file.get_row_group_column_bloom_filter(group, at).await?,
            None => None,
        });
    }
    Ok(blooms)
}
