//! Numbers about a store: what the ledger and the health page show.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers about a store at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Files that count.
    pub files: u64,
    /// Their rows.
    pub file_rows: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Rows in memory.
    pub hot_rows: u64,
    /// Bytes in memory, about.
    pub hot_bytes: u64,
    /// Bytes of appends that wait for the log.
    pub queued_bytes: u64,
    /// Log segments on disk.
    pub wal_segments: u64,
    /// Their bytes.
    pub wal_bytes: u64,
    /// The last sequence that readers see.
    pub visible_seq: u64,
    /// Whether the disk was full at the last try.
    pub disk_full: bool,
    /// What was counted since the store was opened.
    pub counts: Counts,
}

macro_rules! counters {
    ($($name:ident $doc:literal,)*) => {
        /// What was counted since the store was opened.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts { $(#[doc = $doc] pub $name: u64,)* }

        impl Counts {
            /// Name and value of each, for the ledger.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64,)* }

        impl Counters {
            pub(crate) fn read(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    appended_batches "Batches that were acknowledged.",
    appended_rows "Rows that were acknowledged.",
    refused_overloaded "Appends refused because too much waited.",
    refused_disk_full "Appends refused because the disk was full.",
    refused_log "Appends refused because the log could not be written.",
    replayed_batches "Batches found in the log at the start.",
    replayed_rows "Their rows.",
    replay_torn "Segments that ended in the middle of a write.",
    replay_damaged "Stretches of the log that were damaged and skipped.",
    replay_repeated "Batches that stood in the log twice; one was taken.",
    replay_missing_segments "Segments that should have been there.",
    manifest_damaged "Objects of the manifest that were damaged and passed over.",
    flushes "Flushes to files.",
    flush_failures "Flushes that failed; their rows stay in memory and in the log.",
    merges "Merges of files.",
    files_expired "Files removed because of their age.",
    rows_expired "Their rows.",
    sample_rows_removed "Rows of sample data that were removed.",
    cursor_skipped "Batches that a cursor lost because it was too far behind.",
    cursor_damaged "Batches that a cursor skipped because the log is damaged there.",
}

pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
