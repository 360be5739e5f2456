//! What a tokio runtime tells of itself, by its stable metrics. Read by the collector each round.
//!
//! The runtime is the one that `init` was called in, or the one named by `metrics::watch_tokio`. Nothing is added to it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, RuntimeMetrics};
use tundra_record::{MetricPoint, MetricValue, UnixNanos};

static WATCHED: Mutex<Option<RuntimeMetrics>> = Mutex::new(None);

/// Watches this runtime from now on: for programs that call `init` before they start it.
pub fn watch_tokio(runtime: &Handle) {
    *WATCHED.lock().unwrap_or_else(PoisonError::into_inner) = Some(runtime.metrics());
}

/// Watches the runtime that the thread is inside of, if it is.
pub(crate) fn watch_current() {
    if let Ok(runtime) = Handle::try_current() {
        watch_tokio(&runtime);
    }
}

/// Remembers how busy the workers were until the last round.
#[derive(Debug, Default)]
pub(super) struct Tokio {
    last: Option<(Instant, Duration)>,
}

impl Tokio {
    /// Adds this round's points.
    pub(super) fn points(&mut self, time: UnixNanos, points: &mut Vec<MetricPoint<'static>>) {
        // Where somebody forked while this was held, there is no runtime to tell of.
        let Ok(watched) = WATCHED.try_lock() else { return };
        let Some(runtime) = watched.as_ref() else { return };
        let workers = runtime.num_workers();
        let busy: Duration = (0..workers).map(|worker| runtime.worker_total_busy_duration(worker)).sum();
        let now = Instant::now();
        let ratio = self.last.replace((now, busy)).map(|(then, before)| {
            let passed = now.duration_since(then).as_secs_f64() * workers as f64;
            if passed > 0.0 { busy.saturating_sub(before).as_secs_f64() / passed } else { 0.0 }
        });
        let known = [
            ("tokio.workers", "{worker}", Some(workers as f64)),
            ("tokio.tasks.alive", "{task}", Some(runtime.num_alive_tasks() as f64)),
            ("tokio.global_queue.depth", "{task}", Some(runtime.global_queue_depth() as f64)),
            ("tokio.workers.busy", "1", ratio),
        ];
        points.extend(known.into_iter().filter_map(|(name, unit, value)| {
            Some(MetricPoint {
                name: name.into(),
                unit: unit.into(),
                time,
                start: UnixNanos::default(),
                attrs: Vec::new(),
                value: MetricValue::Gauge(value?),
            })
        }));
    }
}
