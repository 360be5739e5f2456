//! What `daemon` decides for a store.

use crate::fs::Fs;
use crate::table::Table;
use crate::wal::writer::Durability;
use object_store::ObjectStore;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tundra_record::env::Clock;

/// What `daemon` decides for a store.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of the log, the cursors and the lock. One process at a time.
    pub dir: PathBuf,
    /// This writer's name among all that share the object store. Never change it while the log holds rows.
    pub node: String,
    /// When an append is acknowledged.
    pub durability: Durability,
    /// Rows in memory that make a flush due.
    pub flush_bytes: usize,
    /// How long rows wait in memory at most; `None` leaves it to `flush_bytes` and `close`.
    pub flush_interval: Option<Duration>,
    /// Rows in memory past which appends wait.
    pub hot_bytes_max: usize,
    /// How long an append waits for room in memory before it is refused.
    pub append_wait: Duration,
    /// A log segment is closed when it is this long.
    pub segment_bytes: u64,
    /// The log keeps what named cursors have not read yet up to this much; past it they skip.
    pub pin_bytes: u64,
    /// Space kept in reserve so that a full disk can still be flushed; 0 for none.
    pub reserve_bytes: u64,
    /// Files are merged up to about this size.
    pub merged_bytes: u64,
    /// Small files of one day that make a merge due.
    pub merge_files: usize,
    /// How long a file stays after it stopped to count, for readers that still hold a snapshot.
    pub grace: Duration,
    /// Rows older than this are removed, by table; a table that is not named keeps everything.
    pub retention: BTreeMap<Table, Duration>,
    /// Whether a background task flushes, merges and removes; without it only `flush` and `maintain` do.
    pub background: bool,
}

impl Config {
    /// The usual choices for a data folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            node: "local".to_owned(),
            durability: Durability::Group,
            flush_bytes: 16 << 20,
            flush_interval: Some(Duration::from_secs(30)),
            hot_bytes_max: 64 << 20,
            // Less than the two seconds after which Datadog's tracers give up.
            append_wait: Duration::from_millis(1_500),
            segment_bytes: 16 << 20,
            pin_bytes: 2 << 30,
            reserve_bytes: 64 << 20,
            merged_bytes: 128 << 20,
            merge_files: 8,
            // Four times what the longest query may take.
            grace: Duration::from_secs(120),
            retention: BTreeMap::new(),
            background: true,
        }
    }
}

/// What a store needs of the world, handed in.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The file system of the data folder.
    pub fs: Arc<dyn Fs>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where files lie: [`FolderObjects`](crate::FolderObjects) or a bucket.
    pub objects: Arc<dyn ObjectStore>,
}
