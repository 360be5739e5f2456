//! Durable places of readers that must see every batch once and in order: forwarders. They read the log itself; what
//! they have not read yet stays, up to a bound, past which it is counted as skipped.

use crate::error::CursorError;
use crate::fs::replace;
use crate::limits::{CURSORS_MAX, FRAME_BYTES_MAX};
use crate::shared::Shared;
use crate::stats::add;
use crate::table::Table;
use crate::wal::frame::FLAG_SAMPLE;
use crate::wal::payload;
use crate::wal::segment::{Segment, begin, path, walk};
use arrow_array::RecordBatch;
use parking_lot::Mutex;
use std::collections::BTreeMap;

const FILE: &str = "cursors.json";

/// A batch of the log.
#[derive(Clone, Debug)]
pub struct LogBatch {
    /// Its sequence.
    pub seq: u64,
    /// Whether it is sample data, which is never forwarded.
    pub sample: bool,
    /// Its rows by table, with [`Table::schema`].
    pub tables: Vec<(Table, RecordBatch)>,
}

/// What a reader gets at once.
#[derive(Clone, Debug, Default)]
pub struct LogRead {
    /// The batches after the cursor, in order.
    pub batches: Vec<LogBatch>,
    /// The cursor after them.
    pub next: u64,
    /// Numbers between the cursor and `next` that are gone: the reader was too far behind, or the log is damaged
    /// there. Numbers of refused batches count too, so that it is an upper bound.
    pub skipped: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Cursors {
    known: Mutex<BTreeMap<String, u64>>,
}

impl Cursors {
    /// Reads the cursors. A damaged file is as good as none: readers begin anew and may send twice.
    pub(crate) fn load(&self, shared: &Shared) {
        let bytes = shared.fs.read(&shared.config.dir.join(FILE), 0, FRAME_BYTES_MAX).unwrap_or_default();
        *self.known.lock() = serde_json::from_slice(&bytes).unwrap_or_default();
    }

    pub(crate) fn get(&self, name: &str) -> Option<u64> {
        self.known.lock().get(name).copied()
    }

    /// Sets or (`None`) removes a cursor, durably.
    pub(crate) fn set(&self, shared: &Shared, name: &str, seq: Option<u64>) -> Result<(), CursorError> {
        let mut known = self.known.lock();
        let mut next = known.clone();
        match seq {
            Some(seq) => next.insert(name.to_owned(), seq),
            None => next.remove(name),
        };
        if next.len() > CURSORS_MAX {
            return Err(CursorError::TooMany { max: CURSORS_MAX });
        }
        let file = |source| CursorError::File { path: shared.config.dir.join(FILE), source };
        let bytes = serde_json::to_vec(&next).map_err(|error| file(error.into()))?;
        // Under the lock, so that an older set cannot overtake a newer one. Cursors are set a few times a second.
        replace(shared.fs.as_ref(), &shared.config.dir, FILE, &bytes).map_err(file)?;
        *known = next;
        Ok(())
    }

    /// Segments that end at or before this are not needed by any cursor, or exceed what may be kept for them.
    pub(crate) fn pinned_from(&self, shared: &Shared) -> u64 {
        let Some(slowest) = self.known.lock().values().min().copied() else { return u64::MAX };
        let segments = shared.segments.lock();
        let mut kept = 0;
        for segment in segments.iter().rev() {
            kept += segment.bytes;
            if kept > shared.config.pin_bytes {
                return slowest.max(segment.last);
            }
        }
        slowest
    }
}

/// Reads batches after `cursor`, about `limit` bytes of them but at least one if there is one.
pub(crate) fn read_from(shared: &Shared, cursor: u64, limit: usize) -> Result<LogRead, CursorError> {
    let visible = *shared.visible.borrow();
    let mut out = LogRead { next: cursor, ..LogRead::default() };
    let segments: Vec<Segment> =
        shared.segments.lock().iter().filter(|segment| segment.last > cursor).cloned().collect();
    let mut bytes = 0;
    for segment in segments {
        let at = path(&shared.wal_dir, segment.number);
        let len = usize::try_from(segment.bytes).unwrap_or(usize::MAX);
        let data = match shared.fs.read(&at, 0, len) {
            Ok(data) => data,
            // Removed meanwhile, because it was past what is kept.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(CursorError::File { path: at, source }),
        };
        let mut full = false;
        walk(
            &data,
            begin(&data),
            |_| {},
            |header, payload, _| {
                if header.seq <= out.next || header.seq > visible {
                    return true;
                }
                if bytes > 0 && bytes + payload.len() > limit {
                    full = true;
                    return false;
                }
                match payload::read(payload, header.seq) {
                    Ok(tables) => {
                        out.skipped += header.seq - out.next - 1;
                        out.next = header.seq;
                        bytes += payload.len();
                        let sample = header.flags & FLAG_SAMPLE != 0;
                        out.batches.push(LogBatch { seq: header.seq, sample, tables });
                    }
                    Err(_) => add(&shared.counters.cursor_damaged, 1),
                }
                true
            },
        );
        if full {
            return Ok(counted(shared, out));
        }
    }
    // All that is there was read: what lies between is gone.
    out.skipped += visible.saturating_sub(out.next);
    out.next = out.next.max(visible);
    Ok(counted(shared, out))
}

fn counted(shared: &Shared, read: LogRead) -> LogRead {
    add(&shared.counters.cursor_skipped, read.skipped);
    read
}

#[cfg(test)]
mod tests;
