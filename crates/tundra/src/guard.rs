//! The guard of an installed pipeline: flush, change at run time, and the end.

use crate::collector::{self, Command};
use crate::engine::{Filter, FilterError, is_forked};
use crate::sampling::{Sampler, Settings};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tracing_core::{Dispatch, LevelFilter, dispatcher};

/// Keeps the SDK alive. Dropping it exports what was recorded and ends the exporters, within the deadline that the
/// builder was given, in whatever runtime or thread: the waiting is an ordinary blocking wait for our own thread.
#[must_use = "dropping the guard ends the SDK"]
#[derive(Debug)]
pub struct Guard {
    /// `None` if the SDK is switched off: then every call here does nothing.
    pipeline: Option<u16>,
    deadline: Duration,
    dispatch: Dispatch,
    filter: Arc<RwLock<Filter>>,
    sampler: Arc<Sampler>,
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
    /// This process is a fork; the collector stayed in the parent.
    #[error("this process is a fork: call `tundra::init` in the child's own program")]
    Forked,
}

impl Guard {
    pub(crate) fn new(
        pipeline: u16,
        deadline: Duration,
        dispatch: Dispatch,
        filter: Arc<RwLock<Filter>>,
        sampler: Arc<Sampler>,
    ) -> Self {
        Self { pipeline: Some(pipeline), deadline, dispatch, filter, sampler }
    }

    /// The guard of an SDK that is switched off.
    pub(crate) fn inert() -> Self {
        let filter = Arc::new(RwLock::new(Filter::up_to(LevelFilter::OFF)));
        let (dispatch, sampler) = (Dispatch::none(), Arc::new(Sampler::new(Settings::default())));
        Self { pipeline: None, deadline: Duration::ZERO, dispatch, filter, sampler }
    }

    pub(crate) fn is_inert(&self) -> bool {
        self.pipeline.is_none()
    }

    /// Exports everything that was recorded before this call, metrics included.
    pub fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        if is_forked() {
            return Err(FlushError::Forked);
        }
        let Some(pipeline) = self.pipeline else { return Ok(()) };
        let until = Instant::now() + deadline;
        let done = collector::ask(|answer| Command::Flush(pipeline, answer), until);
        if done { Ok(()) } else { Err(FlushError::Incomplete { deadline }) }
    }

    /// Replaces the filter, as in [`Builder::filter`](crate::Builder::filter); holds for every call site at once.
    pub fn set_filter(&self, directives: &str) -> Result<(), FilterError> {
        self.replace_filter(Filter::parse(directives)?);
        Ok(())
    }

    /// Replaces the sampling rate and all sampling rules; holds for traces that begin from now on.
    pub fn set_sample_rate(&self, rate: f64) {
        self.sampler.set_rate(rate);
    }

    fn replace_filter(&self, filter: Filter) {
        *self.filter.write().unwrap_or_else(PoisonError::into_inner) = filter;
        // With a single subscriber in the process, `tracing` asks the calling thread's, which may be none.
        dispatcher::with_default(&self.dispatch, tracing_core::callsite::rebuild_interest_cache);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(pipeline) = self.pipeline.filter(|_| !is_forked()) else { return };
        let until = Instant::now() + self.deadline;
        collector::ask(|answer| Command::Shutdown(pipeline, until, answer), until);
        // From here on nothing is recorded, and call sites cost what they cost without a subscriber.
        self.replace_filter(Filter::up_to(LevelFilter::OFF));
    }
}
