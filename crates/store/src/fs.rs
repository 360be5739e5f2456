//! The file system as this room sees it: handed in by `daemon`, so that tests can lose power, tear writes and fill
//! disks. Everything durable goes through here, the object store of a local folder too.

#[cfg(test)]
pub(crate) mod fault;
mod real;

pub use real::RealFs;

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// A file system.
pub trait Fs: Debug + Send + Sync + 'static {
    /// Makes a folder and its parents, durably.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Makes a file that must not exist yet; its name is durable after [`Fs::sync_dir`].
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>>;
    /// Opens a file that exists, to write over it.
    fn open(&self, path: &Path) -> io::Result<Box<dyn FsFile>>;
    /// Up to `len` bytes from `offset`; fewer at the end of the file.
    fn read(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>>;
    /// What is known of a file or folder.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// The names in a folder, sorted; none if there is no such folder.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name, which must not exist yet.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes names that were made, changed or removed in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Locks a file against other processes until the guard is dropped; `None` if somebody has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;
}

/// A file that is being written.
pub trait FsFile: Debug + Send {
    /// Appends all bytes, or fails after an unknown part of them.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Writes all bytes at an offset, over what is there, or fails after an unknown part of them. Not for files that are
    /// appended to.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable. After an error nothing may be assumed, and it must not be tried again.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `len` bytes; the next write appends there.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// What is known of a file or folder.
#[derive(Clone, Copy, Debug)]
pub struct Stat {
    /// Its bytes.
    pub len: u64,
    /// When it was last written.
    pub modified: SystemTime,
    /// Whether it is a folder.
    pub is_dir: bool,
}

/// Whether an error says that the disk (or the quota) is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Writes a whole file under a temporary name, durably, and then gives it its own.
pub(crate) fn replace(fs: &dyn Fs, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.new"));
    match fs.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs.create_new(&temporary)?;
    file.write_all(bytes)?;
    file.sync()?;
    fs.rename(&temporary, &dir.join(name))?;
    fs.sync_dir(dir)
}
