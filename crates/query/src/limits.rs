//! The bounds of everything that is asked. `engine` hands them to the query engine, the typed reads hold themselves to them.

use std::time::Duration;

/// Bytes of caches (file footers) unless configured otherwise.
pub const CACHE_BYTES: usize = 32 << 20;
/// One part in so many of the caches is for bloom filters, the rest for file footers.
pub const BLOOM_PART: usize = 4;
/// Files whose bloom filters are read at once.
pub const BLOOM_READS: usize = 8;
/// Bytes that all running queries together may hold unless configured otherwise.
pub const MEMORY_BYTES: usize = 256 << 20;
/// Rows of an SQL answer when the request names no limit.
pub const SQL_ROWS_DEFAULT: usize = 1_000;
/// Rows of an SQL answer at most.
pub const SQL_ROWS_MAX: usize = 100_000;
/// How long an SQL statement may run.
pub const SQL_TIME: Duration = Duration::from_secs(30);
/// How long a statement waits for a free place before it is refused.
pub const SQL_WAIT: Duration = Duration::from_secs(2);
/// SQL statements that run at once.
pub const SQL_CONCURRENT: usize = 4;
/// Bytes of one SQL statement.
pub const SQL_BYTES: usize = 64 << 10;
/// Words, numbers and signs of one SQL statement.
pub const SQL_TOKENS: usize = 8_192;
/// Nested parentheses of one SQL statement.
pub const SQL_DEPTH: usize = 48;
/// Joins and set operations of one SQL statement: planning time grows with them.
pub const SQL_JOINS: usize = 32;
/// How many names an error suggests.
pub const SUGGESTIONS: usize = 3;

/// How long a typed read may run.
pub const READ_TIME: Duration = Duration::from_secs(15);
/// Typed reads that run at once.
pub const READ_CONCURRENT: usize = 16;
/// Rows that one typed read holds at most.
pub const READ_ROWS: usize = 2_000_000;
/// Spans of one trace that are assembled; the rest is left out and the trace marked partial.
pub const TRACE_SPANS: usize = 200_000;
/// Rows of each kind (messages, logs, evaluations) that go with one span.
pub const SPAN_ROWS: usize = 2_000;
/// Bytes of messages that go with one span.
pub const SPAN_CONTENT_BYTES: usize = 16 << 20;

/// Traces of one page when the request names no limit.
pub const PAGE_DEFAULT: usize = 50;
/// Traces of one page at most.
pub const PAGE_MAX: usize = 200;
/// Rows that the first step of a walk back in time looks at; each further step looks at four times as many.
pub const WALK_FIRST_ROWS: u64 = 20_000;
/// The widest step.
pub const WALK_MAX_ROWS: u64 = 2_000_000;
/// How long a walk goes on before it answers with what it has and a cursor.
pub const WALK_TIME: Duration = Duration::from_secs(5);
/// How far before its newest span a trace's root is looked for first, and then a second time.
pub const LOOK_BACK_NS: [i64; 2] = [600_000_000_000, 86_400_000_000_000];
/// Conditions on attributes in one search.
pub const SEARCH_ATTRS: usize = 16;
/// Bytes of any text to search for.
pub const SEARCH_TEXT_BYTES: usize = 4_096;

/// Rows of a list of services, operations, models or sources.
pub const LIST_ROWS: usize = 500;
/// Programs that are asked for their language and SDK, which costs a look into one of their spans.
pub const SENDERS_ASKED: usize = 32;
/// Points of a time series.
pub const SERIES_POINTS: i64 = 120;
/// The time range of a summary when the request names none: the last 24 hours.
pub const DEFAULT_RANGE_NS: i64 = 86_400_000_000_000;

/// New spans that one step of the live tail reads; more are counted and skipped.
pub const TAIL_ROWS: usize = 200_000;
/// Traces that one step of the live tail summarizes; more are counted and skipped.
pub const TAIL_TRACES: usize = 200;

/// What an installation may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes of caches, all together.
    pub cache_bytes: usize,
    /// Bytes that all running queries together may hold.
    pub memory_bytes: usize,
    /// How long an SQL statement may run.
    pub sql_time: Duration,
    /// SQL statements that run at once.
    pub sql_concurrent: usize,
    /// How long a statement waits for a free place before it is refused.
    pub sql_wait: Duration,
    /// Threads that one query may use.
    pub partitions: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cache_bytes: CACHE_BYTES,
            memory_bytes: MEMORY_BYTES,
            sql_time: SQL_TIME,
            sql_concurrent: SQL_CONCURRENT,
            sql_wait: SQL_WAIT,
            partitions: std::thread::available_parallelism().map_or(2, |n| n.get().min(8)),
        }
    }
}
