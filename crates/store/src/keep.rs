//! House-keeping on files: merge small ones, remove old ones and sample data, delete what no longer counts, and keep
//! space in reserve. Every change is one manifest edit; objects go only after it, and after a grace period.

use crate::compact::compact;
use crate::error::{FlushError, ManifestError};
use crate::flush::{blocking, commit, edit, refresh};
use crate::limits::{CLOCK_JUMP_NS, MERGE_FILES_MAX, ORPHAN_AGE_NS};
use crate::manifest::FileEntry;
use crate::manifest::edit::Edit;
use crate::shared::{Shared, State};
use crate::stats::add;
use crate::table::Table;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt as _};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How often objects that belong to nothing are looked for.
const SWEEP: Duration = Duration::from_secs(24 * 3_600);

/// What house-keeping remembers between rounds.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Wall clock and steady clock at the last look.
    last_look: Option<(i64, Instant)>,
    /// When objects that belong to nothing were last looked for.
    swept: Option<Instant>,
}

impl Memory {
    /// Whether the wall clock can be trusted for removing things: it went as far as the steady clock did, give or
    /// take a day. After a jump the next look compares with the new time, so a lasting change counts then.
    fn clock_is_steady(&mut self, now_ns: i64, steady: Instant) -> bool {
        let before = self.last_look.replace((now_ns, steady));
        let Some((wall, instant)) = before else { return false };
        let passed = i64::try_from(steady.saturating_duration_since(instant).as_nanos()).unwrap_or(i64::MAX);
        now_ns.saturating_sub(wall).saturating_sub(passed).abs() <= CLOCK_JUMP_NS
    }
}

/// One round. The caller holds the maintenance lock.
pub(crate) async fn round(shared: &Arc<Shared>, memory: &mut Memory) -> Result<(), FlushError> {
    // What counts must be known before anything is taken for superfluous.
    refresh(shared).await?;
    let steady = memory.clock_is_steady(shared.clock.now().0, shared.clock.monotonic());
    if steady {
        expire(shared).await?;
    }
    while let Some((table, day, files)) = next_merge(shared) {
        let done = compact(shared, table, day, &files).await?;
        add(&shared.counters.merges, u64::from(done));
    }
    if steady {
        delete_gone(shared).await?;
        let now = shared.clock.monotonic();
        if memory.swept.is_none_or(|before| now.saturating_duration_since(before) >= SWEEP) {
            memory.swept = Some(now);
            sweep(shared).await?;
        }
    }
    Ok(())
}

/// Removes files whose youngest row came in too long ago. What a row says of its own time does not count: an import of
/// old traces is kept as long as any other, and a row from the future no longer.
async fn expire(shared: &Shared) -> Result<(), FlushError> {
    let now = shared.clock.now().0;
    let manifest = shared.state.lock().manifest.clone();
    let mut removed = Vec::new();
    let mut rows = 0;
    for (table, age) in &shared.config.retention {
        let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        let old = |file: &&Arc<FileEntry>| now.saturating_sub(file.written_ns) > age;
        for file in manifest.files(*table).iter().filter(old) {
            rows += file.rows;
            removed.push(file.path.clone());
        }
    }
    if removed.is_empty() {
        return Ok(());
    }
    let files = removed.len() as u64;
    if !commit(shared, &Edit { removed, ..edit(shared) }, |_| ()).await? {
        // Another edit changed the files; the next round looks again.
        return Ok(());
    }
    add(&shared.counters.files_expired, files);
    add(&shared.counters.rows_expired, rows);
    Ok(())
}

/// Small files of one table, day and kind, if there are enough of them: similar sizes first, so that a row is
/// rewritten only a few times in its life.
fn next_merge(shared: &Shared) -> Option<(Table, i64, Vec<Arc<FileEntry>>)> {
    const DAY_NS: i64 = 86_400 * 1_000_000_000;
    let manifest = shared.state.lock().manifest.clone();
    for table in Table::ALL {
        let mut groups: BTreeMap<(i64, bool, u8), Vec<Arc<FileEntry>>> = BTreeMap::new();
        for file in manifest.files(table) {
            let small = file.bytes < shared.config.merged_bytes / 2;
            if small && file.schema_version == table.version() && file.node == shared.config.node {
                let key = (file.min_ns.div_euclid(DAY_NS), file.has_sample, file.level);
                groups.entry(key).or_default().push(file.clone());
            }
        }
        for ((day, ..), mut files) in groups {
            if files.len() < shared.config.merge_files.max(2) {
                continue;
            }
            files.sort_by_key(|file| file.first_seq);
            files.truncate(MERGE_FILES_MAX);
            while files.iter().map(|file| file.bytes).sum::<u64>() > shared.config.merged_bytes {
                files.pop();
            }
            if files.len() > 1 {
                return Some((table, day, files));
            }
        }
    }
    None
}

/// Deletes objects that stopped to count a grace period ago.
async fn delete_gone(shared: &Shared) -> Result<(), FlushError> {
    let grace = i64::try_from(shared.config.grace.as_nanos()).unwrap_or(i64::MAX);
    let now = shared.clock.now().0;
    let manifest = shared.state.lock().manifest.clone();
    let due = manifest.gone.iter().filter(|gone| now.saturating_sub(gone.at_ns) >= grace);
    let mut forgotten = Vec::new();
    for gone in due {
        match shared.objects.delete(&Path::from(gone.path.as_str())).await {
            Ok(()) | Err(Error::NotFound { .. }) => forgotten.push(gone.path.clone()),
            Err(error) => return Err(error.into()),
        }
    }
    if forgotten.is_empty() {
        return Ok(());
    }
    commit(shared, &Edit { forgotten, ..edit(shared) }, |_| ()).await.map(|_| ())
}

/// Deletes old files that no edit ever named: a flush or merge was cut short before its commit.
async fn sweep(shared: &Shared) -> Result<(), FlushError> {
    let manifest = shared.state.lock().manifest.clone();
    let known: HashSet<&str> = (manifest.all_files().map(|file| file.path.as_str()))
        .chain(manifest.gone.iter().map(|gone| gone.path.as_str()))
        .collect();
    let now = shared.clock.now().0;
    for table in Table::ALL {
        let mut listed = shared.objects.list(Some(&Path::from(table.name())));
        while let Some(object) = listed.try_next().await? {
            let modified = SystemTime::from(object.last_modified).duration_since(SystemTime::UNIX_EPOCH);
            let modified = i64::try_from(modified.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX);
            let old = now.saturating_sub(modified) > ORPHAN_AGE_NS;
            if old && !known.contains(object.location.as_ref()) {
                shared.objects.delete(&object.location).await?;
            }
        }
    }
    Ok(())
}

/// Removes all sample rows: files by an edit that also says up to which sequence, so that the log does not bring
/// them back, then those in memory. The caller holds both locks.
pub(crate) async fn remove_samples(shared: &Shared) -> Result<BTreeMap<Table, u64>, FlushError> {
    let (manifest, upto) = {
        let state = shared.state.lock();
        (state.manifest.clone(), state.visible)
    };
    let mut removed: BTreeMap<Table, u64> = BTreeMap::new();
    let mut paths = Vec::new();
    for table in Table::ALL {
        for file in manifest.files(table).iter().filter(|file| file.has_sample) {
            *removed.entry(table).or_default() += file.rows;
            paths.push(file.path.clone());
        }
    }
    let edit = Edit { removed: paths, samples_removed: Some(upto), ..edit(shared) };
    let mut hot: BTreeMap<Table, u64> = BTreeMap::new();
    let drop_hot = |state: &mut State| {
        let mut frozen = state.frozen.as_deref().cloned();
        for memtable in frozen.iter_mut().chain([&mut state.active]) {
            for (table, rows) in memtable.remove_samples(upto) {
                *hot.entry(table).or_default() += rows;
            }
        }
        state.frozen = frozen.map(Arc::new);
    };
    if !commit(shared, &edit, drop_hot).await? {
        // Another edit changed the files meanwhile: nothing was removed, and the caller may ask again.
        return Err(ManifestError::Contended { tries: 1 }.into());
    }
    for (table, rows) in hot {
        *removed.entry(table).or_default() += rows;
    }
    add(&shared.counters.sample_rows_removed, removed.values().sum());
    Ok(removed)
}

const RESERVE: &str = "reserve";
const RESERVE_CHUNK: usize = 1 << 20;

/// Keeps a file that can be let go of when the disk is full, so that rows still get from the log into files.
pub(crate) async fn keep_reserve(shared: &Arc<Shared>) -> Result<(), FlushError> {
    let shared = shared.clone();
    blocking(move || {
        let path = shared.config.dir.join(RESERVE);
        let file = |source| FlushError::File { path: path.clone(), source };
        let wanted = shared.config.reserve_bytes;
        if wanted == 0 || shared.fs.stat(&path).is_ok_and(|stat| stat.len >= wanted) {
            return Ok(());
        }
        let _absent = shared.fs.remove(&path);
        let written = shared.fs.create_new(&path).and_then(|mut file| {
            let chunk = vec![0; RESERVE_CHUNK];
            for _ in 0..wanted.div_ceil(RESERVE_CHUNK as u64) {
                file.write_all(&chunk)?;
            }
            file.sync()
        });
        if written.is_err() {
            // No room for it now: what was taken is given back.
            let _absent = shared.fs.remove(&path);
        }
        written.map_err(file)
    })
    .await
}

/// Lets go of the reserve.
pub(crate) async fn release_reserve(shared: &Arc<Shared>) {
    let shared = shared.clone();
    let path = shared.config.dir.join(RESERVE);
    let removed = tokio::task::spawn_blocking(move || shared.fs.remove(&path)).await;
    tracing::warn!(?removed, "the disk is full; the reserve is let go");
}

#[cfg(test)]
mod tests;
