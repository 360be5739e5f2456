//! Durable places of readers that must see every batch once and in order: forwarders. They read the log itself; what
//! they have not read yet stays, up to a bound, past which it is counted as skipped.

use crate::error::CursorError;
use crate::fs::replace;
use crate::limits::{CURSOR_HINTS_MAX, CURSOR_READ_BYTES, CURSORS_MAX, FRAME_BYTES_MAX};
use crate::shared::Shared;
use crate::stats::add;
use crate::table::Table;
use crate::wal::frame::{FLAG_SAMPLE, Header};
use crate::wal::payload;
use crate::wal::segment::{Segment, begin, path, walk};
use arrow_array::RecordBatch;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;

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

/// Where the frame after a sequence begins.
#[derive(Clone, Copy, Debug)]
struct Hint {
    after: u64,
    segment: u64,
    offset: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Cursors {
    known: Mutex<BTreeMap<String, u64>>,
    hints: Mutex<VecDeque<Hint>>,
}

impl Cursors {
    /// Reads the cursors. A damaged file is as good as none: readers begin anew and may send twice.
    pub(crate) fn load(&self, shared: &Shared) {
        let bytes = shared.fs.read(&shared.config.dir.join(FILE), 0, FRAME_BYTES_MAX).unwrap_or_default();
        *self.known.lock() = serde_json::from_slice(&bytes).unwrap_or_default();
    }

    fn hint(&self, after: u64) -> Option<Hint> {
        self.hints.lock().iter().rev().find(|hint| hint.after == after).copied()
    }

    fn remember(&self, after: u64, segment: u64, offset: u64) {
        let mut hints = self.hints.lock();
        hints.retain(|hint| hint.after != after);
        if hints.len() >= CURSOR_HINTS_MAX {
            hints.pop_front();
        }
        hints.push_back(Hint { after, segment, offset });
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
    let mut read = Reading {
        shared,
        visible,
        limit,
        bytes: 0,
        out: LogRead { next: cursor, ..LogRead::default() },
        full: cursor >= visible,
    };
    let hint = shared.cursors.hint(cursor);
    let segments: Vec<Segment> =
        shared.segments.lock().iter().filter(|segment| segment.last > cursor).cloned().collect();
    for segment in segments {
        if read.full {
            break;
        }
        let from = hint.filter(|hint| hint.segment == segment.number).map_or(0, |hint| hint.offset);
        read.segment(&segment, from)?;
    }
    let Reading { mut out, full, .. } = read;
    if !full {
        // All that is there was read: what lies between is gone.
        out.skipped += visible.saturating_sub(out.next);
        out.next = out.next.max(visible);
    }
    add(&shared.counters.cursor_skipped, out.skipped);
    Ok(out)
}

/// A read that is under way.
struct Reading<'s> {
    shared: &'s Shared,
    visible: u64,
    limit: usize,
    bytes: usize,
    out: LogRead,
    /// Whether there is nothing more to read, or no room for it.
    full: bool,
}

impl Reading<'_> {
    /// Reads a segment from an offset on, in pieces of about the limit.
    fn segment(&mut self, segment: &Segment, from: u64) -> Result<(), CursorError> {
        let at = path(&self.shared.wal_dir, segment.number);
        let mut from = from;
        let mut piece = self.limit.max(CURSOR_READ_BYTES);
        while from < segment.bytes && !self.full {
            let left = usize::try_from(segment.bytes - from).unwrap_or(usize::MAX);
            let data = match self.shared.fs.read(&at, from, piece.min(left)) {
                Ok(data) => data,
                // Removed meanwhile, because it was past what is kept.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(source) => return Err(CursorError::File { path: at, source }),
            };
            let begin = if from == 0 { begin(&data).0 } else { 0 };
            let read = self.frames(&data, begin, segment.life);
            self.shared.cursors.remember(self.out.next, segment.number, from + read as u64);
            if read == begin && piece >= left {
                return Ok(());
            }
            // A frame that is longer than the piece is read with a longer piece.
            piece = if read == begin { piece.saturating_mul(2) } else { piece };
            from += read as u64;
        }
        Ok(())
    }

    /// Takes the frames of a piece; tells how far it came.
    fn frames(&mut self, data: &[u8], begin: usize, life: Option<u32>) -> usize {
        let mut reached = begin;
        walk(
            data,
            (begin, life),
            |_| {},
            |header, payload, end| {
                if header.seq > self.visible {
                    self.full = true;
                    return false;
                }
                if header.seq > self.out.next {
                    if self.bytes > 0 && self.bytes + payload.len() > self.limit {
                        self.full = true;
                        return false;
                    }
                    self.take(header, payload);
                }
                reached = end;
                true
            },
        );
        reached
    }

    fn take(&mut self, header: &Header, payload: &[u8]) {
        match payload::read(payload, header.seq) {
            Ok(tables) => {
                self.out.skipped += header.seq - self.out.next - 1;
                self.out.next = header.seq;
                self.bytes += payload.len();
                let sample = header.flags & FLAG_SAMPLE != 0;
                self.out.batches.push(LogBatch { seq: header.seq, sample, tables });
            }
            Err(error) => {
                tracing::warn!(%error, seq = header.seq, "a batch of the log cannot be read");
                add(&self.shared.counters.cursor_damaged, 1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
