//! A consistent view of a store for readers: files, and the rows that are not in files yet. Never blocks a writer.

use crate::manifest::{FileEntry, Manifest};
use crate::table::Table;
use arrow_array::RecordBatch;
use object_store::ObjectStore;
use std::sync::Arc;

/// A consistent view: all rows up to [`Snapshot::seq`] and no others, each exactly once. Files stay readable for the
/// grace period of the store's configuration.
#[derive(Clone, Debug)]
pub struct Snapshot {
    seq: u64,
    manifest: Arc<Manifest>,
    hot: Arc<[Vec<RecordBatch>; Table::ALL.len()]>,
    objects: Arc<dyn ObjectStore>,
}

impl Snapshot {
    pub(crate) fn new(
        seq: u64,
        manifest: Arc<Manifest>,
        hot: [Vec<RecordBatch>; Table::ALL.len()],
        objects: Arc<dyn ObjectStore>,
    ) -> Self {
        Self { seq, manifest, hot: Arc::new(hot), objects }
    }

    /// The last sequence it holds.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The number of the manifest edit it is based on; it changes with every flush, merge and removal.
    pub fn manifest_number(&self) -> u64 {
        self.manifest.number
    }

    /// The files of a table, in no special order.
    pub fn files(&self, table: Table) -> &[Arc<FileEntry>] {
        self.manifest.files(table)
    }

    /// The rows of a table that are not in files yet, in no special order; all batches have [`Table::schema`].
    pub fn hot(&self, table: Table) -> &[RecordBatch] {
        &self.hot[usize::from(table.number() - 1)]
    }

    /// Where the files lie.
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }
}
