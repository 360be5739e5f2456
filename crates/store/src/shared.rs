//! What the log thread, the background task and readers share. Locks are held for moments, never across I/O.

use crate::config::{Config, Parts};
use crate::cursor::Cursors;
use crate::error::AppendError;
use crate::fs::Fs;
use crate::limits::OVERLOAD_RETRY_MS;
use crate::manifest::Manifest;
use crate::memtable::Memtable;
use crate::queue::Queue;
pub(crate) use crate::queue::Waiting;
use crate::sizes::Sizes;
use crate::snapshot::Snapshot;
use crate::stats::{Counters, Stats, add};
use crate::table::Table;
use crate::wal::payload::with_seq;
use crate::wal::segment::Segment;
use crate::wal::spares::Spares;
use object_store::ObjectStore;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tundra_record::env::Clock;

/// What readers see.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) active: Memtable,
    /// Rows on their way into files.
    pub(crate) frozen: Option<Arc<Memtable>>,
    pub(crate) visible: u64,
    /// When the oldest row of `active` came, by the monotonic clock.
    pub(crate) since: Option<std::time::Instant>,
}

impl State {
    fn hot_bytes(&self) -> usize {
        self.active.bytes() + self.frozen.as_ref().map_or(0, |frozen| frozen.bytes())
    }
}

const RETRY_AFTER: Duration = Duration::from_millis(OVERLOAD_RETRY_MS);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) wal_dir: PathBuf,
    pub(crate) queue: Queue,
    pub(crate) state: Mutex<State>,
    /// Segments on disk, the open one last.
    pub(crate) segments: Mutex<VecDeque<Segment>>,
    /// Files of former segments that wait to be written over.
    pub(crate) spares: Spares,
    pub(crate) visible: watch::Sender<u64>,
    /// Wakes the background task.
    pub(crate) work: Notify,
    pub(crate) flush_wanted: AtomicBool,
    pub(crate) full: AtomicBool,
    pub(crate) counters: Counters,
    pub(crate) cursors: Cursors,
    pub(crate) sizes: Arc<Sizes>,
    /// Held by whoever merges or removes files. Taken before `flushing` where both are needed.
    pub(crate) maintenance: tokio::sync::Mutex<()>,
    /// Held by whoever moves rows from memory to files, which must not wait for a long merge.
    pub(crate) flushing: tokio::sync::Mutex<()>,
    /// Held while the manifest is changed.
    pub(crate) committing: tokio::sync::Mutex<()>,
    /// Told when rows have left memory.
    pub(crate) room: Notify,
}

impl Shared {
    pub(crate) fn new(config: Config, parts: Parts) -> Self {
        Self {
            wal_dir: config.dir.join("wal"),
            config,
            fs: parts.fs,
            clock: parts.clock,
            objects: parts.objects,
            queue: Queue::default(),
            state: Mutex::default(),
            segments: Mutex::default(),
            spares: Spares::default(),
            visible: watch::Sender::new(0),
            work: Notify::new(),
            flush_wanted: AtomicBool::new(false),
            full: AtomicBool::new(false),
            counters: Counters::default(),
            cursors: Cursors::default(),
            sizes: Arc::default(),
            maintenance: tokio::sync::Mutex::new(()),
            flushing: tokio::sync::Mutex::new(()),
            committing: tokio::sync::Mutex::new(()),
            room: Notify::new(),
        }
    }

    /// Waits for room in memory, as long as the configuration allows: a client that sends faster than files are written
    /// is slowed down before it is refused.
    pub(crate) async fn make_room(&self, bytes: usize) -> Result<(), AppendError> {
        let deadline = tokio::time::Instant::now() + self.config.append_wait;
        loop {
            // Listening begins before the look, so that no news falls between the two.
            let news = self.room.notified();
            let hot = self.state.lock().hot_bytes() + self.queue.bytes();
            if hot == 0 || hot + bytes <= self.config.hot_bytes_max {
                return Ok(());
            }
            self.flush_now();
            if tokio::time::timeout_at(deadline, news).await.is_err() {
                return Err(AppendError::Overloaded { retry_after: RETRY_AFTER });
            }
        }
    }

    /// Lets an append wait for the log, unless its queue is full.
    pub(crate) fn push(&self, waiting: Waiting) -> Result<(), AppendError> {
        self.queue.push(waiting, self.clock.monotonic(), RETRY_AFTER)
    }

    /// Notes that the log took more of the disk.
    pub(crate) fn disk_has_space(&self) {
        if self.full.swap(false, Ordering::Relaxed) {
            tracing::info!("the disk has space again");
        }
    }

    /// Shows batches that are in the log to readers, then acknowledges them.
    pub(crate) fn publish(&self, group: Vec<Waiting>, first: u64) {
        let mut answers = Vec::with_capacity(group.len());
        let mut rows = 0;
        let due = {
            let mut state = self.state.lock();
            let mut seq = first;
            for waiting in group {
                rows += insert(&mut state.active, seq, waiting.sample, waiting.tables, waiting.frame.len());
                answers.push((waiting.answer, seq));
                seq += 1;
            }
            state.visible = seq - 1;
            state.since.get_or_insert_with(|| self.clock.monotonic());
            state.active.bytes() >= self.config.flush_bytes
        };
        add(&self.counters.appended_batches, answers.len() as u64);
        add(&self.counters.appended_rows, rows);
        self.visible.send_replace(first + answers.len() as u64 - 1);
        for (answer, seq) in answers {
            // Nobody listens if the client went away.
            let _nobody = answer.send(Ok(seq));
        }
        if due {
            self.flush_now();
        }
    }

    /// Makes a flush due whatever there is.
    pub(crate) fn flush_now(&self) {
        self.flush_wanted.store(true, Ordering::Relaxed);
        self.work.notify_one();
    }

    /// Notes that the disk is full: files are smaller than the log, so a flush makes room.
    pub(crate) fn disk_full(&self) {
        self.full.store(true, Ordering::Relaxed);
        self.flush_now();
    }

    pub(crate) fn add_segment(&self, segment: Segment) {
        self.segments.lock().push_back(segment);
    }

    pub(crate) fn grow_segment(&self, number: u64, last: u64, bytes: u64) {
        if let Some(open) = self.segments.lock().iter_mut().rev().find(|known| known.number == number) {
            open.last = last;
            open.bytes = bytes;
        }
    }

    /// Notes that writing to a segment failed.
    pub(crate) fn fail_segment(&self, number: u64) {
        if let Some(open) = self.segments.lock().iter_mut().rev().find(|known| known.number == number) {
            open.failed = true;
        }
    }

    /// Forgets a segment that could not be begun.
    pub(crate) fn drop_segment(&self, number: u64) {
        self.segments.lock().retain(|known| known.number != number);
    }

    /// Notes that nothing will be added to any segment that there is.
    pub(crate) fn close_segments(&self) {
        self.segments.lock().iter_mut().for_each(|segment| segment.closed = true);
    }

    /// A consistent view.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state.lock();
        let hot = Table::ALL.map(|table| {
            let frozen = state.frozen.iter().flat_map(|frozen| frozen.batches(table));
            frozen.chain(state.active.batches(table)).cloned().collect()
        });
        Snapshot::new(state.visible, state.manifest.clone(), hot, self.objects.clone())
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats {
            queued_bytes: self.queue.bytes() as u64,
            disk_full: self.full.load(Ordering::Relaxed),
            counts: self.counters.read(),
            ..Stats::default()
        };
        {
            let state = self.state.lock();
            stats.visible_seq = state.visible;
            stats.hot_bytes = state.hot_bytes() as u64;
            stats.hot_rows = state.active.rows() + state.frozen.as_ref().map_or(0, |frozen| frozen.rows());
            for file in state.manifest.all_files() {
                stats.files += 1;
                stats.file_rows += file.rows;
                stats.file_bytes += file.bytes;
            }
        }
        let segments = self.segments.lock();
        stats.wal_segments = segments.len() as u64;
        stats.wal_bytes = segments.iter().map(|segment| segment.bytes).sum();
        stats
    }
}

/// Adds rows with their sequence to a memtable; returns how many.
pub(crate) fn insert(
    memtable: &mut Memtable,
    seq: u64,
    sample: bool,
    tables: Vec<(Table, arrow_array::RecordBatch)>,
    bytes: usize,
) -> u64 {
    let rows = tables.iter().map(|(_, batch)| batch.num_rows() as u64).sum();
    let numbered = tables.into_iter().map(|(table, batch)| {
        let numbered = with_seq(table, batch, seq).expect("a finished batch has the columns of its table");
        (table, numbered)
    });
    memtable.insert(seq, sample, numbered.collect(), bytes);
    rows
}
