//! Small control data on SQLite, today: tasks. `daemon` opens it and hands it, behind traits, to the rooms that need
//! something kept. Calls block and belong on a blocking thread. It knows no HTTP and never asks who asks; whatever it
//! is given has been redacted before.

mod limits;
mod migrations;
mod tasks;

pub use limits::TASKS_KEPT_MAX;

use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The open state file. One writer; every method is one transaction.
#[derive(Debug)]
pub struct State {
    connection: Mutex<Connection>,
}

/// The state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made or read.
    #[error("cannot open the state file `{path}`: check that the folder is writable and the disk not full")]
    File {
        /// Where it lies or should lie.
        path: PathBuf,
        /// What the file system or SQLite said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A later version of the daemon wrote it.
    #[error(
        "the state file has version `{found}`, this daemon knows up to `{known}`: start a newer daemon or another data folder"
    )]
    Newer {
        /// The file's version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It could not be brought up to date; it is as it was before.
    #[error(
        "cannot bring the state file to version `{version}`: it is unchanged, keep a copy and report this"
    )]
    Migrate {
        /// The step that failed.
        version: u32,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
}

/// A read or write of the state file failed.
#[derive(Debug, thiserror::Error)]
#[error("the state file failed while it tried to {doing}: check the disk, then restart the daemon")]
pub struct StateError {
    /// What was being done.
    pub doing: &'static str,
    /// What SQLite said.
    #[source]
    pub source: rusqlite::Error,
}

impl State {
    /// Opens or makes the file at `path`, readable by its owner only, and brings it up to date.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| OpenError::File {
            path: path.to_owned(),
            source,
        };
        make_private(path).map_err(|source| failed(source.into()))?;
        let connection = Connection::open(path).map_err(|source| failed(source.into()))?;
        Self::with(connection).map_err(|error| match error {
            WithError::Set(source) => failed(source.into()),
            WithError::Open(error) => error,
        })
    }

    /// A state that is gone with the process, for tests and trials.
    pub fn in_memory() -> Result<Self, OpenError> {
        let path = || PathBuf::from(":memory:");
        let failed = |source: rusqlite::Error| OpenError::File { path: path(), source: source.into() };
        let connection = Connection::open_in_memory().map_err(failed)?;
        Self::with(connection).map_err(|error| match error {
            WithError::Set(source) => failed(source),
            WithError::Open(error) => error,
        })
    }

    fn with(mut connection: Connection) -> Result<Self, WithError> {
        connection.busy_timeout(limits::BUSY_WAIT).map_err(WithError::Set)?;
        // WAL: readers of the file (a person with `sqlite3`) do not stop the daemon. FULL: what was told is kept.
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
            .map_err(WithError::Set)?;
        migrations::run(&mut connection).map_err(WithError::Open)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// A panic in another caller leaves no half transaction behind, so its poison means nothing here.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum WithError {
    Set(rusqlite::Error),
    Open(OpenError),
}

fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn failing(doing: &'static str) -> impl Fn(rusqlite::Error) -> StateError {
    move |source| StateError { doing, source }
}

#[cfg(test)]
mod tests;
