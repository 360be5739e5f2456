//! What the log holds beyond the files, back into memory at the start. Damage costs what is damaged, is counted, and
//! never stops a start.

use crate::error::{FlushError, OpenError};
use crate::flush::flush;
use crate::limits::FRAME_BYTES_MAX;
use crate::shared::{Shared, insert};
use crate::stats::add;
use crate::wal::frame::FLAG_SAMPLE;
use crate::wal::payload;
use crate::wal::segment::{Damage, Segment, begin, numbers, path, walk};
use std::sync::Arc;

/// Where the log goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    pub(crate) number: u64,
    pub(crate) seq: u64,
}

/// A set of sequences that come nearly in order.
#[derive(Debug, Default)]
struct Seen {
    /// Disjoint ranges, rising, both ends in.
    ranges: Vec<(u64, u64)>,
}

impl Seen {
    /// Adds a sequence; false if it was there.
    fn add(&mut self, seq: u64) -> bool {
        let at = self.ranges.partition_point(|(first, _)| *first <= seq);
        if let Some((_, last)) = at.checked_sub(1).and_then(|before| self.ranges.get_mut(before)) {
            if seq <= *last {
                return false;
            }
            if seq == *last + 1 {
                *last = seq;
                return true;
            }
        }
        self.ranges.insert(at, (seq, seq));
        true
    }
}

/// Replays the log. The manifest is loaded already; nothing else runs yet.
pub(crate) async fn replay(shared: &Arc<Shared>) -> Result<Next, OpenError> {
    let folder = |source| OpenError::Folder { path: shared.wal_dir.clone(), source };
    let present = numbers(shared.fs.as_ref(), &shared.wal_dir).map_err(folder)?;
    if let (Some(first), Some(last)) = (present.first(), present.last()) {
        add(&shared.counters.replay_missing_segments, last - first + 1 - present.len() as u64);
    }
    let (flushed, samples_removed) = {
        let state = shared.state.lock();
        let node = &shared.config.node;
        (state.manifest.flushed(node), state.manifest.samples_removed(node))
    };
    let mut replay = Replay { shared, flushed, samples_removed, seen: Seen::default(), last: flushed };
    for number in &present {
        let shared = shared.clone();
        let number = *number;
        let at = path(&shared.wal_dir, number);
        let read = tokio::task::spawn_blocking(move || shared.fs.read(&at, 0, usize::MAX));
        let bytes = match read.await {
            Ok(Ok(bytes)) => bytes,
            // A segment that cannot be read is as good as missing: counted, not fatal.
            _ => {
                add(&replay.shared.counters.replay_missing_segments, 1);
                continue;
            }
        };
        let damage = replay.segment(number, &bytes);
        drop(bytes);
        // What is damaged here may stand in the next segment again: the rows go into files only together, because
        // the mark in the manifest covers all numbers below it.
        let whole = damage == Damage::default();
        let bytes = replay.shared.state.lock().active.bytes();
        if whole && bytes >= replay.shared.config.flush_bytes {
            flush(replay.shared).await.map_err(|source: FlushError| OpenError::Flush { source })?;
        }
    }
    let next = Next { number: present.last().map_or(1, |last| last + 1), seq: replay.last + 1 };
    let mut state = shared.state.lock();
    state.visible = replay.last;
    state.since = state.active.range().map(|_| shared.clock.monotonic());
    shared.visible.send_replace(replay.last);
    Ok(next)
}

struct Replay<'s> {
    shared: &'s Arc<Shared>,
    flushed: u64,
    samples_removed: u64,
    seen: Seen,
    last: u64,
}

impl Replay<'_> {
    fn segment(&mut self, number: u64, bytes: &[u8]) -> Damage {
        let counters = &self.shared.counters;
        let (mut first, mut last) = (u64::MAX, 0);
        let mut unreadable = 0;
        let (start, life) = begin(bytes);
        let mut end = start;
        let seen_seq = &mut |seq: u64| {
            first = seq.min(first);
            last = seq.max(last);
        };
        let mut damage = walk(bytes, (start, life), seen_seq, |header, payload, behind| {
            end = behind;
            if header.seq <= self.flushed {
                return true;
            }
            if !self.seen.add(header.seq) {
                add(&counters.replay_repeated, 1);
                return true;
            }
            let sample = header.flags & FLAG_SAMPLE != 0;
            if sample && header.seq <= self.samples_removed {
                return true;
            }
            match payload::read_body(payload) {
                Ok(tables) => {
                    let mut state = self.shared.state.lock();
                    let rows = insert(&mut state.active, header.seq, sample, tables, payload.len());
                    add(&counters.replayed_batches, 1);
                    add(&counters.replayed_rows, rows);
                }
                Err(error) => {
                    tracing::warn!(%error, number, seq = header.seq, "a batch of the log cannot be read");
                    unreadable += 1;
                }
            }
            true
        });
        damage.damaged += unreadable;
        add(&counters.replay_damaged, damage.damaged);
        add(&counters.replay_torn, u64::from(damage.torn));
        if damage != Damage::default() {
            tracing::warn!(number, ?damage, "a log segment is damaged; what was good is kept");
        }
        debug_assert!(FRAME_BYTES_MAX < u32::MAX as usize, "a frame's length fits its field");
        self.last = self.last.max(last);
        let first = if first == u64::MAX { last + 1 } else { first };
        self.shared.add_segment(Segment {
            number,
            first,
            last,
            bytes: end as u64,
            life,
            closed: true,
            failed: false,
        });
        damage
    }
}

#[cfg(test)]
mod tests;
