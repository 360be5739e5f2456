//! Files of segments whose rows are all in Parquet files, kept to be written over. `flush` adds them, the log thread takes
//! them, and those that nobody takes are removed by the house-keeping.

use super::segment;
use crate::fs::Fs;
use crate::limits::SPARES_MAX;
use parking_lot::Mutex;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Default)]
struct Inner {
    files: Vec<PathBuf>,
    /// Whether one was taken or added since the last look.
    moved: bool,
}

/// Files that wait to be written over.
#[derive(Debug, Default)]
pub(crate) struct Spares(Mutex<Inner>);

impl Spares {
    /// A file to write over.
    pub(crate) fn take(&self) -> Option<PathBuf> {
        let mut inner = self.0.lock();
        inner.moved = true;
        inner.files.pop()
    }

    /// Whether another one would be kept.
    pub(crate) fn wanted(&self) -> bool {
        self.0.lock().files.len() < SPARES_MAX
    }

    /// Keeps the file of a segment. The caller makes its new name durable.
    pub(crate) fn keep(&self, fs: &dyn Fs, dir: &Path, number: u64) -> io::Result<()> {
        let spare = segment::spare_path(dir, number);
        fs.rename(&segment::path(dir, number), &spare)?;
        let mut inner = self.0.lock();
        inner.moved = true;
        inner.files.push(spare);
        Ok(())
    }

    /// Removes what nobody took since the last look; all of it at the end or when the disk is full.
    pub(crate) fn tidy(&self, fs: &dyn Fs, all: bool) {
        let idle = {
            let mut inner = self.0.lock();
            let moved = std::mem::take(&mut inner.moved);
            if moved && !all { Vec::new() } else { std::mem::take(&mut inner.files) }
        };
        remove(fs, idle);
    }

    /// Removes what an earlier process left.
    pub(crate) fn clear(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
        remove(fs, segment::spares(fs, dir)?);
        Ok(())
    }
}

fn remove(fs: &dyn Fs, files: Vec<PathBuf>) {
    for file in files {
        if let Err(error) = fs.remove(&file) {
            tracing::debug!(%error, "a spare segment stays until the next start");
        }
    }
}

#[cfg(test)]
mod tests;
