//! The one thread that appends to the log. It takes all that waits, writes it, syncs once, shows it to readers and
//! then acknowledges. It must never sync a file again after an error: it seals it and writes anew elsewhere.
//!
//! Behind the last frame of a group stands the frame that says so, which the next group writes over.

use super::spares::remove;
use super::{frame, segment};
use crate::error::AppendError;
use crate::fs::{Fs, FsFile, is_full};
use crate::limits::{FULL_RETRY_MS, GROUP_BYTES_MAX};
use crate::shared::{Shared, Waiting};
use crate::wal::segment::Segment;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When an append is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After a sync that it shares with all that wait: survives a loss of power.
    #[default]
    Group,
    /// After the write; synced every half second: survives the end of the process, and loses at most that long
    /// when power is lost.
    Relaxed,
}

/// How long an acknowledged but unsynced write may wait in relaxed mode.
const RELAXED_SYNC: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct Open {
    number: u64,
    file: Box<dyn FsFile>,
    life: u32,
    /// Bytes that are known to be good.
    len: u64,
    /// Bytes of the file, which may have served before.
    file_bytes: u64,
    /// The last sequence in them.
    last: u64,
}

/// The state of the log thread.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    pub(crate) shared: Arc<Shared>,
    pub(crate) durability: Durability,
    pub(crate) segment_bytes: u64,
    pub(crate) next_number: u64,
    pub(crate) next_seq: u64,
    open: Option<Open>,
    unsynced: Option<Instant>,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        (durability, segment_bytes): (Durability, u64),
        (next_number, next_seq): (u64, u64),
    ) -> Self {
        let (fs, dir) = (shared.fs.clone(), shared.wal_dir.clone());
        Self { fs, dir, shared, durability, segment_bytes, next_number, next_seq, open: None, unsynced: None }
    }

    /// Runs until the store closes and nothing waits.
    pub(crate) fn run(mut self) {
        loop {
            let idle = self.unsynced.map(|since| RELAXED_SYNC.saturating_sub(since.elapsed()));
            let group = match self.shared.queue.take(GROUP_BYTES_MAX, idle) {
                Some(group) => group,
                None => break,
            };
            if !group.is_empty() {
                self.append(group);
            }
            if self.unsynced.is_some_and(|since| since.elapsed() >= RELAXED_SYNC) {
                self.sync_relaxed();
            }
            if self.shared.queue.take_rotate() {
                self.close_segment();
            }
        }
        self.close_segment();
    }

    fn append(&mut self, mut group: Vec<Waiting>) {
        let first = self.next_seq;
        self.next_seq += group.len() as u64;
        // Numbers are never used twice, even if their rows were refused: a refused frame may still be on disk.
        match self.write_twice(&mut group, first) {
            Ok(()) => self.shared.publish(group, first),
            Err(error) => {
                tracing::warn!(%error, "the log cannot be written");
                let full = is_full(&error);
                if full {
                    let until = self.shared.clock.monotonic() + Duration::from_millis(FULL_RETRY_MS);
                    self.shared.queue.pause(until);
                    self.shared.disk_full();
                }
                for waiting in group {
                    waiting.refuse(if full {
                        AppendError::DiskFull { retry_after: Duration::from_millis(FULL_RETRY_MS) }
                    } else {
                        AppendError::Log { detail: error.to_string() }
                    });
                }
            }
        }
    }

    /// After an error the same frames, with the same numbers, go into a new segment once; replay takes a number
    /// only once. A full disk is not tried again.
    fn write_twice(&mut self, group: &mut [Waiting], first: u64) -> io::Result<()> {
        match self.write(group, first) {
            Err(error) if !is_full(&error) => {
                tracing::warn!(%error, "a log segment failed and is sealed; writing to a new one");
                self.write(group, first)
            }
            other => other,
        }
    }

    fn write(&mut self, group: &mut [Waiting], first: u64) -> io::Result<()> {
        let result = self.write_inner(group, first);
        if result.is_err() {
            self.seal();
        }
        result
    }

    fn write_inner(&mut self, group: &mut [Waiting], first: u64) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|open| open.len >= self.segment_bytes) {
            self.close_segment();
        }
        if self.open.is_none() {
            self.open = Some(self.create(first)?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let last = first + group.len() as u64 - 1;
        let mut len = open.len;
        for (seq, waiting) in (first..).zip(group.iter_mut()) {
            frame::number(&mut waiting.frame, seq, open.life);
            let bytes = waiting.frame.len();
            if seq == last {
                waiting.frame.extend_from_slice(&frame::end(last, open.life));
            }
            let written = open.file.write_at(len, &waiting.frame);
            waiting.frame.truncate(bytes);
            written?;
            len += bytes as u64;
        }
        match self.durability {
            Durability::Group => open.file.sync()?,
            Durability::Relaxed => {
                self.unsynced.get_or_insert_with(Instant::now);
            }
        }
        (open.len, open.last) = (len, last);
        self.shared.grow_segment(open.number, last, len);
        if len > open.file_bytes {
            open.file_bytes = len;
            self.shared.disk_has_space();
        }
        Ok(())
    }

    fn create(&mut self, first: u64) -> io::Result<Open> {
        let (number, mut file, file_bytes) = self.file()?;
        let life = life();
        let len = segment::HEAD as u64;
        self.shared.add_segment(Segment {
            number,
            first,
            last: first - 1,
            bytes: len,
            life: Some(life),
            closed: false,
            failed: false,
        });
        let begun =
            file.write_at(0, &segment::empty(life, first - 1)).and_then(|()| self.fs.sync_dir(&self.dir));
        if let Err(error) = begun {
            self.forget(number);
            return Err(error);
        }
        Ok(Open { number, file, life, len, file_bytes, last: first - 1 })
    }

    /// Removes a segment in which nothing was acknowledged: a full disk is met again and again, and each time made one.
    fn forget(&self, number: u64) {
        remove(self.fs.as_ref(), vec![segment::path(&self.dir, number)]);
        self.shared.drop_segment(number);
    }

    /// A file under the next number, one that served before if there is one, and how long it is.
    fn file(&mut self) -> io::Result<(u64, Box<dyn FsFile>, u64)> {
        if let Some(spare) = self.shared.spares.take() {
            match self.serve_again(&spare) {
                Ok(found) => return Ok(found),
                Err(error) => {
                    tracing::debug!(%error, "a spare segment cannot be used");
                    remove(self.fs.as_ref(), vec![spare]);
                }
            }
        }
        let number = self.next_number;
        let file = self.fs.create_new(&segment::path(&self.dir, number))?;
        // From here the file exists: its number is used, whatever happens next.
        self.next_number += 1;
        Ok((number, file, 0))
    }

    fn serve_again(&mut self, spare: &Path) -> io::Result<(u64, Box<dyn FsFile>, u64)> {
        let (file, bytes) = (self.fs.open(spare)?, self.fs.stat(spare)?.len);
        let number = self.next_number;
        // It may have the number now even if the answer is an error.
        self.next_number += 1;
        self.fs.rename(spare, &segment::path(&self.dir, number))?;
        Ok((number, file, bytes))
    }

    /// Gives up the open segment after an error. Cutting it is a courtesy: replay copes with whatever is there.
    fn seal(&mut self) {
        if let Some(mut open) = self.open.take() {
            if open.len == segment::HEAD as u64 {
                self.forget(open.number);
            } else {
                self.shared.fail_segment(open.number);
                let cut = open.file.truncate(open.len);
                let cut = cut.and_then(|()| open.file.write_at(open.len, &frame::end(open.last, open.life)));
                if let Err(error) = cut {
                    tracing::debug!(%error, number = open.number, "a sealed log segment keeps its torn end");
                }
            }
        }
        self.shared.close_segments();
        self.forget_unsynced();
    }

    /// What was acknowledged in relaxed mode and may not be on disk is flushed to files from memory.
    fn forget_unsynced(&mut self) {
        if self.unsynced.take().is_some() {
            self.shared.flush_now();
        }
    }

    fn sync_relaxed(&mut self) {
        let result = self.open.as_mut().map_or(Ok(()), |open| open.file.sync());
        match result {
            Ok(()) => self.unsynced = None,
            Err(error) => {
                tracing::warn!(%error, "the log cannot be synced; flushing from memory");
                self.seal();
            }
        }
    }

    fn close_segment(&mut self) {
        if self.unsynced.is_some() {
            self.sync_relaxed();
        }
        if let Some(open) = self.open.take() {
            drop(open);
            self.shared.close_segments();
        }
    }
}

/// A number that a client cannot guess, who might hide frames in texts, and that no earlier life of the file had, but for one
/// chance in four billion.
fn life() -> u32 {
    (RandomState::new().build_hasher().finish() as u32).max(1)
}
