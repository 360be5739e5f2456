//! A file of lines that is put aside when it is full, and a bounded number of those.
//!
//! Written to by a thread that may wait for a slow disk. What else happens to the file meanwhile - it is moved, removed,
//! written by a forked child or left within a line by a crash - costs no line that can still be written.

use crate::collector::at_work;
use crate::health::{ails, recovers};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// A file, and the older ones beside it: `name.1` is the youngest of them.
#[derive(Debug)]
pub(super) struct Rotating {
    path: PathBuf,
    limit: u64,
    kept: usize,
    /// The open file and what it holds. Opened with the first line, and after each failure.
    open: Option<(File, u64)>,
    /// Whether it was told that it fails.
    failing: bool,
    /// Whose it is; shared with whoever knows that.
    pipeline: Arc<AtomicU16>,
}

impl Rotating {
    pub(super) fn new(path: PathBuf, limit: u64, kept: usize) -> Self {
        Self { path, limit, kept, open: None, failing: false, pipeline: Arc::default() }
    }

    /// Says whose it is, on the collector's thread.
    pub(super) fn belongs_to_pipeline_at_work(&self) {
        self.pipeline.store(at_work(), Relaxed);
    }

    /// The same, not open.
    pub(super) fn anew(&self) -> Self {
        self.limited(self.limit, self.kept)
    }

    /// The same file with other limits, not open.
    pub(super) fn limited(&self, limit: u64, kept: usize) -> Self {
        Self { pipeline: Arc::clone(&self.pipeline), ..Self::new(self.path.clone(), limit, kept) }
    }

    /// As messages name it.
    pub(super) fn shown(&self) -> String {
        format!("`{}`", self.path.display())
    }

    fn open(&self) -> Result<(File, u64)> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        let mut held = file.metadata()?.len();
        if held > 0 && self.is_torn() {
            file.write_all(b"\n")?;
            held += 1;
        }
        Ok((file, held))
    }

    /// Whether the last line has no end: whoever wrote it was killed, or the disk was full.
    fn is_torn(&self) -> bool {
        let mut last = [b'\n'];
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::End(-1))?;
            file.read(&mut last)
        });
        read.is_ok() && last != [b'\n']
    }

    /// Gives each older file the next number; the last one goes.
    fn turn(&self) -> Result<()> {
        if self.kept == 0 {
            return unless_gone(std::fs::remove_file(&self.path));
        }
        for number in (1..self.kept).rev() {
            unless_gone(std::fs::rename(numbered(&self.path, number), numbered(&self.path, number + 1)))?;
        }
        unless_gone(std::fs::rename(&self.path, numbered(&self.path, 1)))
    }
}

impl Rotating {
    fn write_line(&mut self, line: &[u8]) -> Result<()> {
        let bytes = line.len() as u64;
        let (mut file, mut held) = self.open.take().map_or_else(|| self.open(), Ok)?;
        if held > 0 && held + bytes > self.limit {
            drop(file);
            self.turn()?;
            (file, held) = self.open()?;
        }
        file.write_all(line)?;
        self.open = Some((file, held + bytes));
        Ok(())
    }

    /// Tells that lines are not written and why, once, and when that is over.
    fn note(&mut self, written: &Result<()>) {
        let (pipeline, target) = (self.pipeline.load(Relaxed), || self.path.display().to_string());
        match written {
            Ok(()) if std::mem::take(&mut self.failing) => recovers(pipeline, &target()),
            // It is tried again at once.
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) if !std::mem::replace(&mut self.failing, true) => {
                ails(pipeline, &target(), error.to_string());
            }
            _ => {}
        }
    }
}

impl Write for Rotating {
    /// All of it, which is a line.
    fn write(&mut self, line: &[u8]) -> Result<usize> {
        let written = self.write_line(line);
        self.note(&written);
        written.map(|()| line.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Somebody else may have been there first: a forked child, or a tool that puts files aside.
fn unless_gone(done: Result<()>) -> Result<()> {
    done.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}
