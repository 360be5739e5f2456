//! What the store has at one moment, table by table. The only file that talks to `store` about anything but columns.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use object_store::ObjectStore;
use std::sync::Arc;
use store::{FileEntry, Snapshot, Store, Table};

/// The store, as this room sees it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    store: Store,
}

/// One table: its files and the batches that are not in a file yet.
#[derive(Clone, Debug)]
pub(crate) struct TableData {
    pub(crate) table: Table,
    snapshot: Snapshot,
}

impl Source {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Where the files lie.
    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        self.store.snapshot().objects().clone()
    }

    /// All tables of one snapshot.
    pub(crate) fn data(&self) -> impl Iterator<Item = TableData> {
        let snapshot = self.store.snapshot();
        Table::ALL.into_iter().map(move |table| TableData { table, snapshot: snapshot.clone() })
    }

    /// The number of the last batch that is stored.
    pub(crate) fn last_seq(&self) -> i64 {
        i64::try_from(self.store.snapshot().seq()).unwrap_or(i64::MAX)
    }

    /// How many spans are stored.
    pub(crate) fn spans(&self) -> u64 {
        let snapshot = self.store.snapshot();
        let files = snapshot.files(Table::Spans).iter().map(|file| file.rows);
        let hot = snapshot.hot(Table::Spans).iter().map(|batch| batch.num_rows() as u64);
        files.chain(hot).sum()
    }

    /// Waits until a batch after `seq` is stored; for ever if the store is gone.
    pub(crate) async fn changed(&self, seq: i64) {
        let behind = |last: &u64| i64::try_from(*last).is_ok_and(|last| last > seq);
        if self.store.subscribe().wait_for(behind).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl TableData {
    pub(crate) fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    pub(crate) fn files(&self) -> &[Arc<FileEntry>] {
        self.snapshot.files(self.table)
    }

    pub(crate) fn hot(&self) -> &[RecordBatch] {
        self.snapshot.hot(self.table)
    }
}
