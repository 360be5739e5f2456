//! Rows and stores for this room's tests.

use crate::batch::Batch;
use crate::config::{Config, Parts};
use crate::error::OpenError;
use crate::fs::fault::FaultFs;
use crate::objects::FolderObjects;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::table::Table;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tundra_record::env::Clock;
use tundra_record::{Resource, Source, Span, SpanId, TraceId, UnixNanos};

/// A resource of a service.
pub(crate) fn resource(service: &str) -> Resource<'_> {
    Resource { attrs: vec![("service.name".into(), service.into()), ("host.name".into(), "box-1".into())] }
}

/// Spans whose ids are unique by `seed` (which need not be a sequence) and place.
pub(crate) fn span_batch(seed: u64, rows: usize) -> Batch {
    let mut batch = Batch::new(UnixNanos(1_700_000_000_000_000_000 + seed as i64), Source::Otlp);
    batch.push_resource(&resource("checkout service"));
    for row in 0..rows as u64 {
        let span = Span {
            trace_id: TraceId(u128::from(seed) << 64 | 7),
            span_id: SpanId(seed << 20 | (row + 1)),
            name: "GET /api/orders/{id}".into(),
            start: UnixNanos(1_700_000_000_000_000_000 + (seed * 1000 + row) as i64),
            duration: 5,
            attrs: vec![("http.method".into(), "GET".into()), ("http.status".into(), 200i64.into())],
            ..Span::default()
        };
        batch.push_span(&span, None);
    }
    batch
}

fn numbered(batch: Batch, seq: u64) -> Vec<(Table, RecordBatch)> {
    let with_seq = |(table, rows)| (table, crate::wal::payload::with_seq(table, rows, seq).unwrap());
    batch.finish().into_iter().map(with_seq).collect()
}

/// The same as finished rows.
pub(crate) fn batch_of_spans(seq: u64, rows: usize) -> Vec<(Table, RecordBatch)> {
    numbered(span_batch(seq, rows), seq)
}

/// Spans that begin at these times.
pub(crate) fn spans_at(seq: u64, times: &[i64]) -> RecordBatch {
    let mut batch = Batch::new(UnixNanos(1), Source::Sdk);
    for time in times {
        batch.push_span(&Span { start: UnixNanos(*time), name: "n".into(), ..Span::default() }, None);
    }
    numbered(batch, seq).remove(0).1
}

/// The span ids of batches.
pub(crate) fn span_ids(batches: &[RecordBatch]) -> Vec<String> {
    let ids = |batch: &RecordBatch| -> Vec<String> {
        let column = batch.column_by_name("span_id").unwrap();
        column.as_string_view().iter().flatten().map(str::to_owned).collect()
    };
    batches.iter().flat_map(ids).collect()
}

/// A clock that moves when told to.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<Mutex<(i64, Instant)>>);

/// What the clock of tests begins with: what `span_batch` takes for now.
pub(crate) const NOW: i64 = 1_700_000_000_000_000_000;

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new((NOW, Instant::now()))))
    }

    /// Time passes.
    pub(crate) fn pass(&self, time: Duration) {
        let mut now = self.0.lock();
        now.0 += time.as_nanos() as i64;
        now.1 += time;
    }

    /// The wall clock is set.
    pub(crate) fn jump(&self, by_ns: i64) {
        self.0.lock().0 += by_ns;
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.0.lock().0)
    }

    fn monotonic(&self) -> Instant {
        self.0.lock().1
    }
}

/// A configuration without anything that happens by itself.
pub(crate) fn quiet_config() -> Config {
    let mut config = Config::new("/tundra");
    config.reserve_bytes = 0;
    config.flush_interval = None;
    config.background = false;
    config.append_wait = std::time::Duration::ZERO;
    config
}

/// Opens a store on a faulty disk.
pub(crate) async fn open(config: &Config, fs: &FaultFs, clock: &TestClock) -> Result<Store, OpenError> {
    let fs = Arc::new(fs.clone());
    let objects = FolderObjects::open(fs.clone(), config.dir.join("data"))
        .map_err(|source| OpenError::Folder { path: config.dir.clone(), source })?;
    Store::open(config.clone(), Parts { fs, clock: Arc::new(clock.clone()), objects: Arc::new(objects) })
        .await
}

/// All rows of a table: of files, then of memory.
pub(crate) async fn all_rows(snapshot: &Snapshot, table: Table) -> Vec<RecordBatch> {
    let mut out = Vec::new();
    for file in snapshot.files(table) {
        let path = Path::from(file.path.as_str());
        let bytes = snapshot.objects().get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes.len() as u64, file.bytes);
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(|b| b.num_rows() as u64).sum::<u64>(), file.rows);
        out.extend(batches);
    }
    out.extend(snapshot.hot(table).iter().cloned());
    out
}

/// The ids of all spans of a store, sorted.
pub(crate) async fn all_ids(store: &Store) -> Vec<String> {
    let mut ids = span_ids(&all_rows(&store.snapshot(), Table::Spans).await);
    ids.sort();
    ids
}

/// The ids that `span_batch` gives.
pub(crate) fn ids_of(seed: u64, rows: usize) -> impl Iterator<Item = String> {
    (1..=rows as u64).map(move |row| format!("{:016x}", seed << 20 | row))
}
