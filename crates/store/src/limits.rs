//! Every bound of this room, in one place: what may be held, written or kept at most, and why that much.

/// Texts longer than this leave `attrs` for `content`, so that scans over spans stay small.
pub const ATTR_TEXT_MAX: usize = 512;

/// One request's rows may take this much; `append` refuses more, so that 32-bit offsets can never overflow.
pub const BATCH_BYTES_MAX: usize = 256 << 20;

/// Slots of the per-column cache of repeated texts (a power of two).
pub(crate) const REPEAT_SLOTS: usize = 64;

/// A column begins to cache repeated texts at this row; before, the cache would cost more than it saves.
pub(crate) const REPEAT_FROM_ROW: usize = 4;

/// A column of a new batch is made for this many rows at most, however many the last one had.
pub(crate) const EXPECTED_ROWS_MAX: usize = 4 * 1024;

/// And for this many bytes of texts.
pub(crate) const EXPECTED_BYTES_MAX: usize = 1 << 20;

/// Appends wait for the log in a queue of this many bytes; past it they are told to come back.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;

/// The log writes at most this much before it syncs and acknowledges.
pub(crate) const GROUP_BYTES_MAX: usize = 8 << 20;

/// Files of former log segments that are kept to be written over.
pub(crate) const SPARES_MAX: usize = 2;

/// A frame of the log is never longer; a longer length in a file is damage.
pub(crate) const FRAME_BYTES_MAX: usize = BATCH_BYTES_MAX + (16 << 20);

/// How long a writer that met a full disk waits before it tries again, in milliseconds.
pub(crate) const FULL_RETRY_MS: u64 = 1_000;

/// What an overloaded store asks clients to wait, in milliseconds.
pub(crate) const OVERLOAD_RETRY_MS: u64 = 500;

/// Hot batches of one size class that are merged into one of the next class.
pub(crate) const MERGE_FANOUT: usize = 8;

/// Size classes of hot batches.
pub(crate) const MERGE_CLASSES: usize = 3;

/// Each class has batches of fewer rows than this; larger ones are left alone, as those of busy clients are.
pub(crate) const MERGE_ROWS: [usize; MERGE_CLASSES] = [8, 64, 128];

/// Rows of a Parquet row group. Whoever looks for one trace reads a whole column of the groups that may hold it.
pub(crate) const ROW_GROUP_ROWS: usize = 16 * 1024;

/// Rows of a page: of the other columns only the pages with the trace's rows are read.
pub(crate) const PAGE_ROWS: usize = 4 * 1024;

/// A page of texts that hardly repeat ends at this many bytes, so that few of them are read for one row.
pub(crate) const PAGE_BYTES: usize = 256 << 10;

/// The different texts of a column in a row group are numbered up to this many bytes; past it texts are written as they
/// are. Whoever reads a row of the column reads all of them.
pub(crate) const DICTIONARY_BYTES_MAX: usize = 512 << 10;

/// Rows handled at once while sorting, writing and merging.
pub(crate) const CHUNK_ROWS: usize = 8 * 1024;

/// A flush makes at most this many date partitions a table; rows of further dates share the last file.
pub(crate) const DATES_PER_FLUSH_MAX: usize = 32;

/// A file's entry lists at most this many services; past it none are listed and none may be ruled out.
pub(crate) const SERVICES_LISTED_MAX: usize = 64;

/// A manifest edit or snapshot is never longer; a longer object is damage.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// Edits between two snapshots of the manifest.
pub(crate) const EDITS_PER_SNAPSHOT: u64 = 64;

/// Snapshots of the manifest that are kept.
pub(crate) const SNAPSHOTS_KEPT: usize = 2;

/// How often a commit yields to another writer's before it gives up.
pub(crate) const COMMIT_TRIES_MAX: usize = 64;

/// Files that one compaction merges at most: bounds its memory.
pub(crate) const MERGE_FILES_MAX: usize = 16;

/// Named cursors at most.
pub(crate) const CURSORS_MAX: usize = 64;

/// A clock that moved further than this since the last look is looked at twice before anything is deleted.
pub(crate) const CLOCK_JUMP_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// A cursor's reader takes at least this much of a segment at once.
pub(crate) const CURSOR_READ_BYTES: usize = 1 << 20;

/// Places in the log that are remembered for readers that come back.
pub(crate) const CURSOR_HINTS_MAX: usize = 64;

/// Objects that belong to nothing are removed when they are this old: a flush that another writer is still at is
/// younger.
pub(crate) const ORPHAN_AGE_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// Text columns of at most so many rows that are NULL throughout share one run of zeros.
pub(crate) const SHARED_NULL_ROWS: usize = 16 * 1024;
