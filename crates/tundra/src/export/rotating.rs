//! A file of lines that is put aside when it is full, and a bounded number of those.
//!
//! Written to by a thread that may wait for a slow disk. What else happens to the file meanwhile - it is moved, removed,
//! written by a forked child or left within a line by a crash - costs no line that can still be written.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file, and the older ones beside it: `name.1` is the youngest of them.
#[derive(Debug)]
pub(super) struct Rotating {
    path: PathBuf,
    limit: u64,
    kept: usize,
    /// The open file and what it holds. Opened with the first line, and after each failure.
    open: Option<(File, u64)>,
}

impl Rotating {
    pub(super) fn new(path: PathBuf, limit: u64, kept: usize) -> Self {
        Self { path, limit, kept, open: None }
    }

    /// The same, not open.
    pub(super) fn anew(&self) -> Self {
        self.limited(self.limit, self.kept)
    }

    /// The same file with other limits, not open.
    pub(super) fn limited(&self, limit: u64, kept: usize) -> Self {
        Self::new(self.path.clone(), limit, kept)
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

impl Write for Rotating {
    /// All of it, which is a line.
    fn write(&mut self, line: &[u8]) -> Result<usize> {
        let bytes = line.len() as u64;
        let (mut file, mut held) = self.open.take().map_or_else(|| self.open(), Ok)?;
        if held > 0 && held + bytes > self.limit {
            drop(file);
            self.turn()?;
            (file, held) = self.open()?;
        }
        file.write_all(line)?;
        self.open = Some((file, held + bytes));
        Ok(line.len())
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
