//! Time that stands still until a test moves it.
//!
//! Spans and logs are timed as always; when they are translated, each moment becomes what the clock showed then. So
//! nothing changes where things are recorded, and threads need not know the clock.

use crate::clock::{Steps, ticks};
use std::sync::PoisonError;
use std::time::Duration;

/// Later steps than this are not remembered.
const STEPS: usize = 65_536;

/// A clock for [`Collector::with_clock`](super::Collector::with_clock); clones show the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock(pub(super) &'static Steps);

impl Clock {
    /// Shows this time, in nanoseconds since 1970.
    pub fn at(unix_nanos: i64) -> Self {
        crate::clock::choose();
        // Leaked: a clock lives as long as the collector's records, and tests have few.
        Self(Box::leak(Box::new(Steps::new(vec![(0, unix_nanos)]))))
    }

    /// Moves it on; what happened before keeps its time.
    pub fn advance(&self, by: Duration) {
        settle();
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = steps.last().map_or(0, |(_, nanos)| *nanos);
        let by = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        if steps.len() < STEPS {
            steps.push((ticks(), now.saturating_add(by)));
        }
        drop(steps);
        settle();
    }
}

/// Until the processor's counter has surely moved on, so that no record shares its reading with a step.
fn settle() {
    let begun = ticks();
    while ticks().saturating_sub(begun) < 2000 {
        std::hint::spin_loop();
    }
}
