//! The guard of an installed pipeline: flush, change at run time, and the end.

use crate::collector;
use crate::engine::{Filter, FilterError, is_forked};
use crate::exit;
use crate::handle::Handle;
use crate::limits::LONGEST_TIME;
use std::time::{Duration, Instant};
use tracing_core::LevelFilter;

/// Keeps the SDK alive. Dropping it exports what was recorded and ends the exporters, within the deadline that the
/// builder was given, in whatever runtime or thread: the waiting is an ordinary blocking wait for our own thread.
///
/// Keep it in `main`: `let _tundra = tundra::init()?`. With `let _ = tundra::init()?` it is dropped in the same line. One that
/// still lives when the process exits, by `std::process::exit` say, hands over then.
#[must_use = "keep it (`let _tundra = ...`, not `let _ = ...`): dropping the guard ends the SDK"]
#[derive(Debug)]
pub struct Guard {
    /// `None` if the SDK is switched off: then every call here does nothing.
    pipeline: Option<u16>,
    deadline: Duration,
    handle: Handle,
    /// How many records there were when it was installed for the whole process.
    before: Option<u64>,
}

/// A flush did not come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// An exporter failed, or the deadline passed; `health()` has the counts.
    #[error("not everything was exported within `{deadline:?}`: see `tundra::health()`")]
    Incomplete {
        /// The deadline that was given.
        deadline: Duration,
    },
    /// This process was forked while an exporter was at work, so its pipeline stayed in the parent.
    #[error("this process was forked while an exporter was at work: nothing is recorded in it")]
    Forked,
}

impl Guard {
    pub(crate) fn new(pipeline: u16, deadline: Duration, handle: Handle) -> Self {
        exit::opened(pipeline, deadline);
        Self { pipeline: Some(pipeline), deadline, handle, before: None }
    }

    /// The guard of an SDK that is switched off.
    pub(crate) fn inert() -> Self {
        Self { pipeline: None, deadline: Duration::ZERO, handle: Handle::inert(), before: None }
    }

    /// It is installed for the whole process.
    pub(crate) fn installed(&mut self) {
        self.before = Some(created());
    }

    pub(crate) fn is_inert(&self) -> bool {
        self.pipeline.is_none()
    }

    /// Exports everything that was recorded before this call, metrics included.
    pub fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        if !cfg!(feature = "enabled") {
            return Ok(());
        }
        if is_forked() {
            return Err(FlushError::Forked);
        }
        let Some(pipeline) = self.pipeline else { return Ok(()) };
        let until = Instant::now() + deadline.min(LONGEST_TIME);
        if collector::flush(pipeline, until) { Ok(()) } else { Err(FlushError::Incomplete { deadline }) }
    }

    /// What changes the SDK at run time; may be cloned and kept anywhere.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// [`Handle::set_filter`].
    pub fn set_filter(&self, directives: &str) -> Result<(), FilterError> {
        self.handle.set_filter(directives)
    }

    /// [`Handle::set_sample_rate`].
    pub fn set_sample_rate(&self, rate: f64) {
        self.handle.set_sample_rate(rate);
    }

    /// [`Handle::set_capture_content`].
    pub fn set_capture_content(&self, yes: bool) {
        self.handle.set_capture_content(yes);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !cfg!(feature = "enabled") {
            return;
        }
        let Some(pipeline) = self.pipeline.filter(|_| !is_forked()) else { return };
        let until = Instant::now() + self.deadline;
        collector::shut_down(pipeline, until, self.deadline);
        exit::closed(pipeline);
        // From here on nothing is recorded, and call sites cost what they cost without a subscriber.
        if self.before == Some(created()) {
            self.handle.end_unused();
        } else {
            self.handle.replace_filter(Filter::up_to(LevelFilter::OFF));
        }
    }
}

/// Records of the process so far.
fn created() -> u64 {
    let health = crate::health();
    health.spans.created + health.logs.created
}
