//! The bounds of the API. `router` and `live` hold themselves to them.

use std::time::Duration;

/// Bytes of a request's body.
pub const BODY_BYTES: usize = 1 << 20;
/// Bytes of a request's query string.
pub const QUERY_BYTES: usize = 16 << 10;
/// Clients of the live stream at once.
pub const LIVE_CLIENTS: usize = 64;
/// Steps of the live stream that wait for a slow client; older ones are skipped and counted.
pub const LIVE_STEPS: usize = 16;
/// Traces sent to one client in one step; more are skipped and counted.
pub const LIVE_TRACES: usize = 40;
/// Bytes of a message from a client of the live stream.
pub const LIVE_MESSAGE_BYTES: usize = 4 << 10;
/// The live stream looks at the store at most this often.
pub const LIVE_STEP: Duration = Duration::from_millis(200);
/// The live stream tells its rate this often.
pub const LIVE_RATE: Duration = Duration::from_secs(1);
/// A client that does not take a message within this time is let go.
pub const LIVE_SEND: Duration = Duration::from_secs(10);
/// Bytes of a task's input.
pub const TASK_INPUT_BYTES: usize = 256 << 10;
/// Bytes of a task's names.
pub const TASK_NAME_BYTES: usize = 200;
/// The time range of a summary when the request names none: the last hour.
pub const DEFAULT_RANGE_NS: i64 = 3_600_000_000_000;
/// How far back the Connect page looks when the request names nothing: the last day.
pub const CONNECT_RANGE_NS: i64 = 86_400_000_000_000;
/// Traces on the page without JavaScript.
pub const PAGE_TRACES: usize = 20;
/// Traces on the overview.
pub const OVERVIEW_TRACES: usize = 10;
