//! What the command line reads, shows and waits for at most.

use std::time::Duration;

/// Bytes of one JSON answer.
pub(crate) const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Bytes of one line of a stream.
pub(crate) const LINE_BYTES_MAX: u64 = 16 << 20;
/// Bytes of a statement from standard input.
pub(crate) const STATEMENT_BYTES_MAX: u64 = 1 << 20;
/// Bytes of `listening.json`.
pub(crate) const LISTENING_BYTES_MAX: u64 = 64 << 10;
/// Until the daemon takes the connection.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_secs(3);
/// Between two bytes of an answer.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// Between two looks for a first span.
pub(crate) const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Columns where nobody says how wide it is.
pub(crate) const WIDTH_DEFAULT: usize = 80;
/// Columns below which a waterfall makes no sense.
pub(crate) const WIDTH_MIN: usize = 40;
/// Columns that a table takes at most, however wide the terminal is.
pub(crate) const WIDTH_MAX: usize = 240;
/// Columns of one cell of a table.
pub(crate) const CELL_WIDTH_MAX: usize = 60;
/// Spans of a waterfall without `--all`.
pub(crate) const SPANS_SHOWN: usize = 200;
/// Levels that a waterfall indents.
pub(crate) const DEPTH_SHOWN: usize = 12;
