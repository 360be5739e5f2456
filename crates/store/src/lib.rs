//! Where everything that came in is kept: a write-ahead log, hot batches in memory, Parquet files in an object
//! store, and the manifest that says which files count. `intake` appends, `query` and `outlet` read, `daemon` opens.
//!
//! It knows nothing of models, HTTP, SQL or configuration files, and takes redacted records only.
#![warn(missing_docs)]

mod background;
mod batch;
mod cells;
mod compact;
mod config;
mod cursor;
mod encode;
mod entry;
mod error;
mod flush;
mod fs;
mod keep;
pub mod limits;
mod manifest;
mod memtable;
mod merge;
mod objects;
mod parquet_file;
mod queue;
pub mod read;
mod remote;
mod replay;
mod shared;
mod sizes;
mod snapshot;
mod splice;
mod stats;
mod store;
pub mod table;
#[cfg(test)]
mod testing;
mod wal;

pub use batch::Batch;
pub use config::{Config, Parts};
pub use cursor::{LogBatch, LogRead};
pub use error::{AppendError, CursorError, FlushError, ManifestError, OpenError};
pub use fs::{Fs, FsFile, RealFs, Stat};
pub use manifest::FileEntry;
pub use objects::FolderObjects;
pub use parquet_file::told_by_events;
pub use snapshot::Snapshot;
pub use stats::{Counts, Stats};
pub use store::{Appended, Store};
pub use table::Table;
pub use wal::writer::Durability;
