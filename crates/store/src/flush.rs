//! From memory to files: freeze, sort, encode, put, commit, and only then let go of the rows and of the log. Cut
//! short anywhere, it is done again: the rows are in the log until the manifest says that they are in files.

use crate::encode::encode;
use crate::error::FlushError;
use crate::limits::ROW_GROUP_ROWS;
use crate::manifest::edit::{Edit, FileEntry};
use crate::manifest::{Manifest, log};
use crate::memtable::Memtable;
use crate::parquet_file::{Facts, Sorted, date};
use crate::shared::{Shared, State};
use crate::stats::add;
use crate::table::Table;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Flushes all rows that are visible now. The caller holds the flushing lock.
pub(crate) async fn flush(shared: &Arc<Shared>) -> Result<(), FlushError> {
    loop {
        let Some(frozen) = freeze(shared) else { return Ok(()) };
        let range = frozen.range();
        let result = write_frozen(shared, &frozen).await;
        if let Err(error) = result {
            add(&shared.counters.flush_failures, 1);
            return Err(error);
        }
        add(&shared.counters.flushes, 1);
        drop(frozen);
        remove_segments(shared).await?;
        let more = shared.state.lock().active.range();
        // Rows that a failed flush left behind went first; those that came meanwhile follow.
        if more.is_none() || range.map(|(_, last)| last) >= more.map(|(first, _)| first) {
            return Ok(());
        }
        if shared.state.lock().active.bytes() < shared.config.flush_bytes {
            return Ok(());
        }
    }
}

/// The rows that go into files next: those of a flush that failed before, or all that are visible.
fn freeze(shared: &Shared) -> Option<Arc<Memtable>> {
    let mut state = shared.state.lock();
    if let Some(frozen) = &state.frozen {
        return Some(frozen.clone());
    }
    state.active.range()?;
    state.since = None;
    let frozen = Arc::new(std::mem::take(&mut state.active));
    state.frozen = Some(frozen.clone());
    Some(frozen)
}

async fn write_frozen(shared: &Arc<Shared>, frozen: &Arc<Memtable>) -> Result<(), FlushError> {
    let Some((first, last)) = frozen.range() else { return Ok(()) };
    let mut added = Vec::new();
    for table in Table::ALL {
        for sample in [false, true] {
            let batches: Vec<_> = frozen.lane(table, sample).cloned().collect();
            if !batches.is_empty() {
                added.extend(write_table(shared, table, sample, (first, last), batches).await?);
            }
        }
    }
    let edit = Edit { added, flushed: Some(last), ..edit(shared) };
    commit(shared, &edit, |_| ()).await?;
    Ok(())
}

/// Commits an edit and shows its effect to readers, together with what `then` changes. False if it was given up.
pub(crate) async fn commit(
    shared: &Shared,
    edit: &Edit,
    then: impl FnOnce(&mut State) + Send,
) -> Result<bool, FlushError> {
    let _held = shared.committing.lock().await;
    let manifest = shared.state.lock().manifest.clone();
    let outcome = log::commit(&shared.objects, &manifest, edit).await?;
    let manifest = Arc::new(outcome.manifest);
    {
        let mut state = shared.state.lock();
        adopt(shared, &mut state, manifest.clone());
        if outcome.done {
            then(&mut state);
        }
    }
    if log::snapshot_is_due(&manifest)
        && let Err(error) = log::snapshot(shared.objects.as_ref(), &manifest).await
    {
        tracing::warn!(%error, "a manifest snapshot failed; the next one covers it");
    }
    Ok(outcome.done)
}

/// An edit by this writer that says nothing yet.
pub(crate) fn edit(shared: &Shared) -> Edit {
    Edit { node: shared.config.node.clone(), at_ns: shared.clock.now().0, ..Edit::default() }
}

/// Learns of edits that were made since, by other writers or by us without an answer.
pub(crate) async fn refresh(shared: &Shared) -> Result<(), FlushError> {
    let _held = shared.committing.lock().await;
    let manifest = shared.state.lock().manifest.clone();
    if let Some(newer) = log::refresh(shared.objects.as_ref(), &manifest).await? {
        adopt(shared, &mut shared.state.lock(), Arc::new(newer));
    }
    Ok(())
}

/// Shows a manifest to readers. Rows that are in files now leave memory in the same moment, be it by the edit that
/// is being made or by one of ours whose answer was lost and which was found only now.
fn adopt(shared: &Shared, state: &mut State, manifest: Arc<Manifest>) {
    let flushed = manifest.flushed(&shared.config.node);
    if state.frozen.as_ref().is_some_and(|frozen| frozen.range().is_none_or(|(_, last)| last <= flushed)) {
        state.frozen = None;
        shared.room.notify_waiters();
    }
    state.manifest = manifest;
}

async fn write_table(
    shared: &Arc<Shared>,
    table: Table,
    sample: bool,
    range: (u64, u64),
    batches: Vec<arrow_array::RecordBatch>,
) -> Result<Vec<FileEntry>, FlushError> {
    let sorted = blocking(move || Ok(Arc::new(Sorted::new(table, batches)))).await?;
    let mut entries = Vec::new();
    for (day, rows) in sorted.days() {
        let sorted = sorted.clone();
        let (bytes, facts) = blocking(move || encode(table, &sorted, rows)).await?;
        let path = file_path(shared, table, day, &format!("flush {} {} {sample}", range.0, range.1));
        entries.push(entry(shared, table, &path, bytes.len() as u64, &facts, sample, 0));
        shared.objects.put(&Path::from(path), PutPayload::from(Bytes::from(bytes))).await?;
    }
    Ok(entries)
}

/// Where a file goes. The same rows get the same name, so that doing it again leaves no double.
pub(crate) fn file_path(shared: &Shared, table: Table, day: i64, rows: &str) -> String {
    let digest = Sha256::digest(format!("{} {} {day} {rows}", shared.config.node, table.name()));
    let mut name = String::new();
    for byte in &digest[..12] {
        let _infallible = write!(name, "{byte:02x}");
    }
    format!("{}/date={}/{name}.parquet", table.name(), date(day))
}

pub(crate) fn entry(
    shared: &Shared,
    table: Table,
    path: &str,
    bytes: u64,
    facts: &Facts,
    sample: bool,
    level: u8,
) -> FileEntry {
    let (min_ns, max_ns) = facts.times.unwrap_or_default();
    let (first_seq, last_seq) = facts.seqs.unwrap_or_default();
    FileEntry {
        table: table.name().to_owned(),
        path: path.to_owned(),
        rows: facts.rows,
        bytes,
        min_ns,
        max_ns,
        schema_version: table.version(),
        first_seq,
        last_seq,
        services: facts.services(),
        has_sample: sample,
        has_events: facts.events,
        level,
        written_ns: shared.clock.now().0,
        node: shared.config.node.clone(),
        row_groups: u32::try_from(facts.rows.div_ceil(ROW_GROUP_ROWS as u64)).unwrap_or(u32::MAX),
        sorted: true,
    }
}

/// Runs heavy work where it blocks nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FlushError> + Send + 'static,
) -> Result<T, FlushError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(FlushError::Stopped))
}

/// Removes log segments whose rows are all in files and past every cursor, oldest first, or keeps their files to be written
/// over. The mark in the manifest is durable by then, so whatever they still hold is never read again. The caller holds the
/// flushing lock.
pub(crate) async fn remove_segments(shared: &Arc<Shared>) -> Result<(), FlushError> {
    shared.queue.rotate();
    let shared = shared.clone();
    blocking(move || {
        let flushed = shared.state.lock().manifest.flushed(&shared.config.node);
        let kept = flushed.min(shared.cursors.pinned_from(&shared));
        loop {
            let oldest = match shared.segments.lock().front() {
                Some(oldest) if oldest.closed && oldest.last <= kept => oldest.clone(),
                _ => return Ok(()),
            };
            let path = crate::wal::segment::path(&shared.wal_dir, oldest.number);
            let long = oldest.bytes >= shared.config.segment_bytes / 2;
            let again = long && !oldest.failed && shared.spares.wanted();
            let gone = match again && !shared.full.load(Ordering::Relaxed) {
                true => shared.spares.keep(shared.fs.as_ref(), &shared.wal_dir, &oldest),
                false => shared.fs.remove(&path),
            };
            let removed = match gone {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                other => other,
            };
            removed
                .and_then(|()| shared.fs.sync_dir(&shared.wal_dir))
                .map_err(|source| FlushError::File { path, source })?;
            shared.segments.lock().pop_front();
        }
    })
    .await
}

/// Removes spare segments that are not used, or all of them.
pub(crate) async fn tidy_spares(shared: &Arc<Shared>, all: bool) -> Result<(), FlushError> {
    let shared = shared.clone();
    blocking(move || {
        shared.spares.tidy(shared.fs.as_ref(), all || shared.full.load(Ordering::Relaxed));
        Ok(())
    })
    .await
}
