//! The bounds of this room.

use std::time::Duration;

/// Bytes of log read at once.
pub(crate) const READ_BYTES: usize = 2 << 20;
/// Spans in one request to an Agent.
pub(crate) const SPANS_PER_REQUEST: usize = 1_000;
/// Bytes of an Agent's answer that are looked at.
pub(crate) const ANSWER_BYTES: usize = 64 << 10;
/// How long an Agent may take to answer.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(10);
/// The first pause after a failure; it doubles.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Appends that come together are sent together.
pub(crate) const LINGER: Duration = Duration::from_millis(200);
