//! Changes at run time: which call sites are recorded, which share of traces is kept, whether content is recorded, whether
//! log lines name their trace.
//!
//! A [`Handle`] comes from the guard and may be cloned into whatever should turn the knobs: an admin endpoint, a signal,
//! a remote configuration. Nothing here waits for the collector.

use crate::collector::Injection;
use crate::engine::{ActiveFilter, Filter, FilterError};
use crate::llm;
use crate::sampling::{Sampler, Settings};
use std::sync::{Arc, OnceLock};
use tracing_core::LevelFilter;
use tracing_core::dispatcher::{self, WeakDispatch};

/// Changes a running pipeline. Cheap to clone; outliving the guard is harmless.
#[derive(Clone, Debug)]
pub struct Handle {
    filter: Arc<ActiveFilter>,
    sampler: Arc<Sampler>,
    injection: Arc<Injection>,
    /// The subscriber that call sites ask; known once it is made.
    stack: Arc<OnceLock<WeakDispatch>>,
}

impl Handle {
    pub(crate) fn new(
        filter: Arc<ActiveFilter>,
        sampler: Arc<Sampler>,
        injection: Arc<Injection>,
        stack: Arc<OnceLock<WeakDispatch>>,
    ) -> Self {
        Self { filter, sampler, injection, stack }
    }

    /// The handle of an SDK that is switched off.
    pub(crate) fn inert() -> Self {
        let filter = Arc::new(ActiveFilter::new(Filter::up_to(LevelFilter::OFF), false));
        let sampler = Arc::new(Sampler::new(Settings::default(), u16::MAX));
        Self::new(filter, sampler, Arc::new(Injection::new(true)), Arc::default())
    }

    /// Replaces the filter, as in [`Builder::filter`](crate::Builder::filter); holds for every call site at once.
    pub fn set_filter(&self, directives: &str) -> Result<(), FilterError> {
        self.replace_filter(Filter::parse(directives)?);
        Ok(())
    }

    /// Replaces the sampling rate, 0 to 1, and all sampling rules; holds for traces that begin from now on.
    pub fn set_sample_rate(&self, rate: f64) {
        self.sampler.set_rate(rate);
    }

    /// Whether log lines carry the ids of their trace and span. Default: yes, unless `DD_LOGS_INJECTION=false`. An Agent's
    /// remote configuration wins.
    pub fn set_log_injection(&self, yes: bool) {
        self.injection.set(yes);
    }

    /// Whether prompts, answers, tool arguments and results are recorded; holds at once, for the whole process.
    pub fn set_capture_content(&self, yes: bool) {
        llm::capture_content(yes);
    }

    /// Switches everything off for good, where nothing was recorded before.
    pub(crate) fn end_unused(&self) {
        self.filter.end_unused(|| self.ask_again());
    }

    pub(crate) fn replace_filter(&self, filter: Filter) {
        if !cfg!(feature = "enabled") {
            return;
        }
        self.filter.replace(filter);
        self.ask_again();
    }

    /// Asks all call sites anew whether they are recorded.
    fn ask_again(&self) {
        // With a single subscriber in the process, `tracing` asks the calling thread's, which may be none.
        match self.stack.get().and_then(WeakDispatch::upgrade) {
            Some(dispatch) => {
                dispatcher::with_default(&dispatch, tracing_core::callsite::rebuild_interest_cache);
            }
            None => tracing_core::callsite::rebuild_interest_cache(),
        }
        #[cfg(feature = "log")]
        crate::bridge::log::follow_filter();
    }
}
