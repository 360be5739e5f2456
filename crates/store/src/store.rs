//! The store's door: open, append, look, close.

use crate::batch::Batch;
use crate::config::{Config, Parts};
use crate::cursor::{LogRead, read_from};
use crate::error::{AppendError, CursorError, FlushError, OpenError};
use crate::limits::BATCH_BYTES_MAX;
use crate::memtable::BATCH_OVERHEAD;
use crate::replay::replay;
use crate::shared::{Shared, Waiting};
use crate::snapshot::Snapshot;
use crate::stats::{Stats, add};
use crate::table::Table;
use crate::wal::spares::Spares;
use crate::wal::writer::Writer;
use crate::wal::{frame, payload};
use crate::{background, flush, keep, manifest};
use parking_lot::Mutex;
use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tundra_record::{Source, UnixNanos};

/// An open store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

/// A batch is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its number; readers see it already.
    pub seq: u64,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    log: Mutex<Option<std::thread::JoinHandle<()>>>,
    tasks: Vec<JoinHandle<()>>,
    memory: Arc<tokio::sync::Mutex<keep::Memory>>,
    /// Let go last.
    _lock: Box<dyn AnySync>,
}

trait AnySync: Send + Sync + std::fmt::Debug {}

/// Holds the lock of the folder.
struct Held(#[expect(dead_code, reason = "held, never read")] Box<dyn Any + Send + Sync>);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl AnySync for Held {}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.shared.queue.close();
        if let Some(log) = self.log.lock().take() {
            // What waits is still written, then the thread ends; a panic there was reported by the thread.
            let _ended = log.join();
        }
    }
}

impl Store {
    /// Opens the store of a folder: takes its lock, reads the manifest and replays the log.
    pub async fn open(config: Config, parts: Parts) -> Result<Store, OpenError> {
        let shared = Arc::new(Shared::new(config, parts));
        let lock = {
            let shared = shared.clone();
            let prepared = tokio::task::spawn_blocking(move || prepare(&shared)).await;
            prepared.map_err(|error| OpenError::Folder {
                path: PathBuf::new(),
                source: std::io::Error::other(error),
            })??
        };
        let loaded = manifest::log::load(shared.objects.as_ref()).await;
        let (manifest, damaged) = loaded.map_err(|source| OpenError::Manifest { source })?;
        add(&shared.counters.manifest_damaged, damaged);
        shared.state.lock().manifest = Arc::new(manifest);
        let next = replay(&shared).await?;
        let (durability, segment_bytes) = (shared.config.durability, shared.config.segment_bytes);
        let writer = Writer::new(shared.clone(), (durability, segment_bytes), (next.number, next.seq));
        let log = std::thread::Builder::new()
            .name("store-log".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Folder { path: shared.wal_dir.clone(), source })?;
        let tasks = if shared.config.background {
            vec![
                tokio::spawn(background::flush_when_due(shared.clone())),
                tokio::spawn(background::keep_house(shared.clone())),
            ]
        } else {
            Vec::new()
        };
        let log = Mutex::new(Some(log));
        let (memory, lock) = (Arc::default(), Box::new(Held(lock)));
        Ok(Store { inner: Arc::new(Inner { shared, log, tasks, memory, _lock: lock }) })
    }

    /// An empty batch of a request that arrived at `received` by the door `source`, made for as many rows as those before.
    pub fn batch(&self, received: UnixNanos, source: Source) -> Batch {
        Batch::sized(received, source, self.inner.shared.sizes.clone())
    }

    /// Stores a batch. When this answers, the rows survive what the configured durability promises and every
    /// later snapshot has them. If the caller goes away before, they may or may not be stored.
    pub async fn append(&self, batch: Batch) -> Result<Appended, AppendError> {
        let shared = &self.inner.shared;
        let result = self.append_inner(batch).await;
        match &result {
            Err(AppendError::Overloaded { .. }) => add(&shared.counters.refused_overloaded, 1),
            Err(AppendError::DiskFull { .. }) => add(&shared.counters.refused_disk_full, 1),
            Err(AppendError::Log { .. }) => add(&shared.counters.refused_log, 1),
            _ => {}
        }
        result
    }

    async fn append_inner(&self, batch: Batch) -> Result<Appended, AppendError> {
        let shared = &self.inner.shared;
        if batch.is_too_large() {
            return Err(AppendError::TooLarge { max: BATCH_BYTES_MAX });
        }
        if batch.rows() == 0 {
            return Ok(Appended { seq: *shared.visible.borrow() });
        }
        let sample = batch.is_sample();
        let tables = batch.finish();
        let mut bytes = frame::begin();
        payload::write(&tables, &mut bytes)
            .map_err(|error| AppendError::Log { detail: error.to_string() })?;
        frame::seal(&mut bytes, if sample { frame::FLAG_SAMPLE } else { 0 });
        shared.make_room(bytes.len() + tables.len() * BATCH_OVERHEAD).await?;
        let (answer, answered) = oneshot::channel();
        shared.push(Waiting { frame: bytes, tables, sample, answer })?;
        let seq = answered.await.unwrap_or(Err(AppendError::Closed))?;
        Ok(Appended { seq })
    }

    /// A consistent view of all that is acknowledged.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.shared.snapshot()
    }

    /// Tells the last visible sequence, now and whenever it changes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.shared.visible.subscribe()
    }

    /// Reads batches after `cursor` in order, about `limit` bytes of them but at least one if there is one. The log
    /// keeps them only for named cursors, see [`Store::set_cursor`].
    pub async fn read_from(&self, cursor: u64, limit: usize) -> Result<LogRead, CursorError> {
        let shared = self.inner.shared.clone();
        let read = tokio::task::spawn_blocking(move || read_from(&shared, cursor, limit)).await;
        read.unwrap_or(Err(CursorError::Stopped))
    }

    /// Where a named reader is, if it was ever set.
    pub fn cursor(&self, name: &str) -> Option<u64> {
        self.inner.shared.cursors.get(name)
    }

    /// Sets where a named reader is, durably; what follows is kept for it. `None` forgets the reader.
    pub async fn set_cursor(&self, name: &str, seq: Option<u64>) -> Result<(), CursorError> {
        let (shared, name) = (self.inner.shared.clone(), name.to_owned());
        let set = tokio::task::spawn_blocking(move || shared.cursors.set(&shared, &name, seq)).await;
        set.unwrap_or(Err(CursorError::Stopped))
    }

    /// Writes all visible rows to files.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let shared = self.inner.shared.clone();
        // On a task of its own: a caller that goes away must not stop it half-way.
        let work = tokio::spawn(async move {
            let _held = shared.flushing.lock().await;
            flush::flush(&shared).await
        });
        work.await.unwrap_or(Err(FlushError::Stopped))
    }

    /// Merges small files, removes old ones and deletes what no longer counts, as the background task does. Nothing
    /// is removed before a second look finds the clock steady.
    pub async fn maintain(&self) -> Result<(), FlushError> {
        let (shared, memory) = (self.inner.shared.clone(), self.inner.memory.clone());
        let work = tokio::spawn(async move {
            let _held = shared.maintenance.lock().await;
            let mut memory = memory.lock().await;
            keep::round(&shared, &mut memory).await
        });
        work.await.unwrap_or(Err(FlushError::Stopped))
    }

    /// Removes all sample data that is visible now; tells how many rows of each table. They do not come back.
    pub async fn remove_samples(&self) -> Result<BTreeMap<Table, u64>, FlushError> {
        let shared = self.inner.shared.clone();
        let work = tokio::spawn(async move {
            let _held = (shared.maintenance.lock().await, shared.flushing.lock().await);
            let removed = keep::remove_samples(&shared).await?;
            flush::tidy_spares(&shared, true).await?;
            Ok(removed)
        });
        work.await.unwrap_or(Err(FlushError::Stopped))
    }

    /// Refuses appends from now on, writes all rows to files and lets go of the log.
    pub async fn close(&self) -> Result<(), FlushError> {
        let shared = &self.inner.shared;
        shared.queue.close();
        let log = self.inner.log.lock().take();
        if let Some(log) = log {
            // A panic there was reported by the thread; what it left unwritten was not acknowledged.
            let _ended = tokio::task::spawn_blocking(move || log.join()).await;
        }
        self.flush().await?;
        self.inner.tasks.iter().for_each(JoinHandle::abort);
        let _held = shared.flushing.lock().await;
        flush::remove_segments(shared).await?;
        flush::tidy_spares(shared, true).await
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// Numbers about the store.
    pub fn stats(&self) -> Stats {
        self.inner.shared.stats()
    }
}

/// Makes the folders and takes the lock.
fn prepare(shared: &Shared) -> Result<Box<dyn Any + Send + Sync>, OpenError> {
    let dir = &shared.config.dir;
    let folder = |source| OpenError::Folder { path: dir.clone(), source };
    shared.fs.create_dir_all(dir).map_err(folder)?;
    let lock = shared.fs.lock(&dir.join("lock")).map_err(folder)?;
    let lock = lock.ok_or_else(|| OpenError::Locked { dir: dir.clone() })?;
    shared.fs.create_dir_all(&shared.wal_dir).map_err(folder)?;
    Spares::clear(shared.fs.as_ref(), &shared.wal_dir).map_err(folder)?;
    shared.cursors.load(shared);
    Ok(lock)
}

#[cfg(test)]
mod tests;
