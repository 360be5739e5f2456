//! A stored table as the query engine sees it: files skipped by what the catalog knows of them, then hot batches.
//! `engine` registers these for SQL and typed reads alike; they read one snapshot and never change it.

use crate::blooms::Blooms;
use crate::limits::BLOOM_READS;
use crate::prune::Bounds;
use crate::source::TableData;
use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::{
    CachedParquetFileReaderFactory, ParquetAccessPlan, RowGroupAccess,
};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::{TableType, object_store::ObjectStoreUrl};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{ExecutionPlan, union::UnionExec};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::FileEntry;

/// One table of one snapshot.
#[derive(Debug)]
pub(crate) struct SnapshotTable {
    pub(crate) data: TableData,
    pub(crate) url: ObjectStoreUrl,
    pub(crate) runtime: Arc<RuntimeEnv>,
    pub(crate) blooms: Arc<Blooms>,
    pub(crate) partitions: usize,
}

impl SnapshotTable {
    /// The files that can hold rows within `bounds`, by what the catalog knows.
    fn files(&self, bounds: &Bounds) -> impl Iterator<Item = &FileEntry> {
        self.data.files().iter().map(AsRef::as_ref).filter(move |file| {
            bounds.overlaps(file.min_ns, file.max_ns)
                && i64::try_from(file.last_seq).is_ok_and(|last| last >= bounds.seq)
                && bounds.sample.is_none_or(|sample| sample == file.has_sample)
                && match (&bounds.services, &file.services) {
                    (Some(wanted), Some(there)) => there.iter().any(|service| wanted.contains(service)),
                    _ => true,
                }
        })
    }

    /// Reads the files within `bounds`. With `predicate`, exactly the rows that pass it come out.
    pub(crate) async fn scan_files(
        &self,
        bounds: &Bounds,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
        predicate: Option<Arc<dyn PhysicalExpr>>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let objects = self.runtime.object_store(&self.url)?;
        let cache = self.runtime.cache_manager.get_file_metadata_cache();
        let readers = Arc::new(CachedParquetFileReaderFactory::new(objects, cache));
        let files = self.files(bounds).map(|file| PartitionedFile::new(file.path.clone(), file.bytes));
        let files = match &bounds.traces {
            None => files.collect(),
            Some(traces) => self.with_traces(files.collect(), traces, &readers).await?,
        };
        let groups = groups(files, self.partitions);
        if groups.is_empty() {
            return Ok(None);
        }
        let mut source = ParquetSource::new(self.data.schema())
            .with_parquet_file_reader_factory(readers)
            .with_pushdown_filters(bounds.needle || predicate.is_some())
            .with_bloom_filter_on_read(bounds.traces.is_none())
            .with_enable_page_index(true);
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        let config = FileScanConfigBuilder::new(self.url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_limit(limit)
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(Some(DataSourceExec::from_data_source(config)))
    }

    /// Of `files` those that can hold one of `traces`, with the row groups that can.
    async fn with_traces(
        &self,
        files: Vec<PartitionedFile>,
        traces: &BTreeSet<String>,
        readers: &CachedParquetFileReaderFactory,
    ) -> Result<Vec<PartitionedFile>> {
        let check = |file: PartitionedFile| async move {
            let may = self.blooms.check(&file, traces, readers).await?;
            if !may.contains(&true) {
                return Ok(None);
            }
            let access = |may| if may { RowGroupAccess::Scan } else { RowGroupAccess::Skip };
            let plan = ParquetAccessPlan::new(may.into_iter().map(access).collect());
            Ok(Some(file.with_extension(plan)))
        };
        stream::iter(files)
            .map(check)
            .buffered(BLOOM_READS)
            .try_filter_map(|file| async { Ok(file) })
            .try_collect()
            .await
    }

    fn scan_hot(&self, projection: Option<&Vec<usize>>) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = MemorySourceConfig::try_new_exec(
            &[self.data.hot().to_vec()],
            self.data.schema(),
            projection.cloned(),
        )?;
        Ok(plan)
    }
}

/// At most `partitions` groups of about the same size.
fn groups(files: Vec<PartitionedFile>, partitions: usize) -> Vec<FileGroup> {
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); partitions.max(1)];
    for file in files {
        if let Some((bytes, group)) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            *bytes += file.object_meta.size;
            group.push(file);
        }
    }
    groups
        .into_iter()
        .filter(|(_, files)| !files.is_empty())
        .map(|(_, files)| FileGroup::new(files))
        .collect()
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        self.data.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let bounds = Bounds::of(filters, self.data.table.time_column());
        let hot = self.scan_hot(projection)?;
        // A filter above may drop rows, so a limit is only the reader's business without one.
        let limit = limit.filter(|_| filters.is_empty());
        match self.scan_files(&bounds, projection, limit, None).await? {
            None => Ok(hot),
            Some(files) if self.data.hot().is_empty() => Ok(files),
            Some(files) => UnionExec::try_new(vec![files, hot]),
        }
    }
}
