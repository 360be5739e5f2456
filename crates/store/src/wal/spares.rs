//! Files of segments whose rows are all in Parquet files, kept to be written over. `flush` adds them, the log thread takes
//! them, and those that nobody takes are removed by the house-keeping.

use super::frame;
use super::segment::{self, Segment};
use crate::fs::Fs;
use crate::limits::SPARES_MAX;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
struct Spare {
    file: PathBuf,
    /// Whether it was here at the last look already.
    waited: bool,
}

/// Files that wait to be written over, the oldest in front.
#[derive(Debug, Default)]
pub(crate) struct Spares(Mutex<VecDeque<Spare>>);

impl Spares {
    /// A file to write over.
    pub(crate) fn take(&self) -> Option<PathBuf> {
        Some(self.0.lock().pop_front()?.file)
    }

    /// Whether another one would be kept.
    pub(crate) fn wanted(&self) -> bool {
        self.0.lock().len() < SPARES_MAX
    }

    /// Keeps the file of a segment. What it holds of earlier lives is cut off: removed rows do not lie about for longer than
    /// one life, and no file is longer than what was written last. The caller makes its new name durable.
    pub(crate) fn keep(&self, fs: &dyn Fs, dir: &Path, of: &Segment) -> io::Result<()> {
        let (file, end) = (segment::path(dir, of.number), of.bytes + frame::HEADER as u64);
        if fs.stat(&file)?.len > end {
            fs.open(&file)?.truncate(end)?;
        }
        let spare = segment::spare_path(dir, of.number);
        fs.rename(&file, &spare)?;
        self.0.lock().push_back(Spare { file: spare, waited: false });
        Ok(())
    }

    /// Removes what was here at the last look already; all of it at the end, when the disk is full or when rows are to be gone.
    pub(crate) fn tidy(&self, fs: &dyn Fs, all: bool) {
        let mut gone = Vec::new();
        self.0.lock().retain_mut(|spare| {
            let stays = !all && !spare.waited;
            if !stays {
                gone.push(std::mem::take(&mut spare.file));
            }
            spare.waited = true;
            stays
        });
        remove(fs, gone);
    }

    /// Removes what an earlier process left.
    pub(crate) fn clear(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
        remove(fs, segment::spares(fs, dir)?);
        Ok(())
    }
}

pub(super) fn remove(fs: &dyn Fs, files: Vec<PathBuf>) {
    for file in files {
        if let Err(error) = fs.remove(&file) {
            tracing::debug!(%error, "a spare segment stays until the next start");
        }
    }
}

#[cfg(test)]
mod tests;
