//! What the state file may hold and how long it may wait.

use std::time::Duration;

/// Tasks that are kept; older ones are forgotten as new ones come.
pub const TASKS_KEPT_MAX: u32 = 10_000;
/// How long a call waits for somebody else's lock on the file.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(5);
