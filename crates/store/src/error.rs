//! What can go wrong at this room's door, one error for each operation.

use std::path::PathBuf;
use std::time::Duration;

/// A batch was not stored; nothing of it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Too much waits to be written or flushed.
    #[error("the store is overloaded; send again in `{retry_after:?}`")]
    Overloaded {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The disk is full.
    #[error("the disk is full; free space, then send again in `{retry_after:?}`")]
    DiskFull {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The batch has more rows than a store takes at once.
    #[error("the batch takes more than `{max}` bytes; send smaller requests")]
    TooLarge {
        /// The limit in bytes.
        max: usize,
    },
    /// The log could not be written.
    #[error("the log cannot be written: {detail}; look at the disk, then send again")]
    Log {
        /// What the system said.
        detail: String,
    },
    /// The store was closed.
    #[error("the store is closed; open it again")]
    Closed,
}

impl AppendError {
    /// Whether sending the same again later may succeed.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::TooLarge { .. })
    }

    /// How long to wait before sending again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after } | Self::DiskFull { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}

/// A store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder.
    #[error("`{dir}` is in use by another daemon; stop it or choose another data folder")]
    Locked {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder cannot be used.
    #[error("`{path}` cannot be used: {source}; check that it exists and may be written")]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The manifest cannot be read.
    #[error("the manifest cannot be read: {source}; check the object store, or restore it from a backup")]
    Manifest {
        /// Why.
        source: ManifestError,
    },
    /// The log holds more than memory does and it cannot be flushed.
    #[error("the log cannot be replayed: {source}; check the object store and the space on the disk")]
    Flush {
        /// Why.
        source: FlushError,
    },
}

/// The manifest could not be read or extended.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The object store failed.
    #[error("object store: {0}")]
    Objects(#[from] object_store::Error),
    /// An object is not what a store writes.
    #[error("`{path}` is damaged ({detail}); move it away to start without what it says")]
    Damaged {
        /// The object.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// Other writers were faster, again and again.
    #[error("other writers won `{tries}` times in a row; try again")]
    Contended {
        /// How often.
        tries: usize,
    },
}

/// Rows could not be written to files, or files not rewritten. They stay where they are.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The object store failed.
    #[error("object store: {0}")]
    Objects(#[from] object_store::Error),
    /// Arrow refused a batch.
    #[error("rows cannot be sorted: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// Parquet refused a batch or a file.
    #[error("file cannot be encoded or decoded: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The manifest could not be extended.
    #[error("manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// The log's files could not be removed, or a file could not be written.
    #[error("`{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The work was cut short because the process ends.
    #[error("the work was stopped; it is done again at the next start")]
    Stopped,
}

/// Rows could not be read from a cursor.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// The log could not be read, or the cursors not written.
    #[error("`{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More names than a store keeps.
    #[error("there are `{max}` cursors already; remove one first")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// The work was cut short because the process ends.
    #[error("the read was stopped; read again")]
    Stopped,
}
